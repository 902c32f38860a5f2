import { PrefixTable, prefix } from 'bgp-utils';
import { SentPaths } from '../../../../bgp/src/rib/sent-paths.ts';
import type { PeerIndex, SentPathId } from '../../../../bgp/src/route/route.ts';

const setup = () => {
  const prefixes = new PrefixTable('ipv4');
  const paths = new SentPaths(prefixes);
  const held = (at: string, peer: number, pathId: number): SentPathId => {
    const id = paths.add(prefixes.addPrefix(prefix(at)), peer as PeerIndex, pathId);
    paths.retain(id);
    return id;
  };
  return { prefixes, paths, held };
};

describe('paths that are announced (RFC 7911)', () => {
  it('have an identifier for each prefix, peer and identifier of that peer, the same as long as somebody holds it', () => {
    const { paths, held } = setup();
    const first = held('10.65.0.0/24', 1, 7);
    const others = [held('10.65.0.0/24', 1, 8), held('10.65.0.0/24', 2, 7), held('10.65.1.0/24', 1, 7)];
    expect(new Set([first, ...others]).size).toBe(4);
    expect(held('10.65.0.0/24', 1, 7)).toBe(first);
    expect([paths.peerOf(first), paths.receivedIdOf(first), paths.pathIdOf(first)]).toEqual([
      1,
      7,
      first + 1,
    ]);
  });

  it('are found by prefix, whichever of them goes', () => {
    const { prefixes, paths, held } = setup();
    const ids = [1, 2, 3].map((peer) => held('10.65.0.0/24', peer, 0));
    const of = () => {
      const found: number[] = [];
      paths.forEachOf(prefixes.findPrefix(prefix('10.65.0.0/24')), (id) => found.push(id));
      return found.sort();
    };
    expect(of()).toEqual(ids);
    paths.release(ids[1]!);
    expect(of()).toEqual([ids[0], ids[2]]);
    paths.release(ids[2]!);
    expect(of()).toEqual([ids[0]]);
  });

  it('leave nothing behind, and their identifier is given out again', () => {
    const { prefixes, paths, held } = setup();
    const id = held('10.65.0.0/24', 1, 7);
    paths.release(id);
    expect([paths.size, prefixes.size]).toEqual([0, 0]);
    expect(held('10.65.9.0/24', 4, 1)).toBe(id);
    expect(() => {
      paths.release(id);
      paths.release(id);
    }).toThrow('released more often');
  });

  it('are more than the tables start with', () => {
    const { paths, held } = setup();
    const ids = Array.from({ length: 300 }, (_, i) => held(`10.65.${i % 200}.0/24`, 1 + i, i));
    expect(ids.map((id) => paths.receivedIdOf(id))).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });
});
