import { type Family, type Prefix, type PrefixId, PrefixTable, parseNetwork, prefix } from 'bgp-utils';
import fc from 'fast-check';
import { AdjRibIn } from '../../bgp/src/rib/adj-rib-in.ts';
import { AttributePool } from '../../bgp/src/rib/attribute-pool.ts';
import { type Candidate, decide, STEPS, TIE_BREAKERS } from '../../bgp/src/rib/decision.ts';
import type { AttributesId, PathId, PeerIndex } from '../../bgp/src/route/route.ts';
import { ATTRIBUTES, candidate } from '../support/rib.ts';

const NONE = -1;

/** A few hundred prefixes close together, many of them inside others: growth, long probe runs, covering matches. */
const universe = (family: Family): Prefix[] => {
  const all = new Set<Prefix>();
  for (let i = 0; i < 300; i++) {
    const [text, length] =
      family === 'ipv4'
        ? [`10.65.${i % 5}.${(i * 37) % 256}`, [0, 8, 16, 22, 24, 26, 29, 32][i % 8]]
        : [
            `fd00:65::${(i % 7).toString(16)}:${(i * 37).toString(16)}`,
            [0, 10, 32, 64, 97, 112, 120, 128][i % 8],
          ];
    all.add(parseNetwork(`${text}/${length}`)!.prefix);
  }
  return [...all];
};

describe.each(['ipv4', 'ipv6'] as const)('PrefixTable of %s', (family) => {
  const prefixes = universe(family);
  const index = fc.nat(prefixes.length - 1);

  it('is a map from prefix to an id that nobody else has as long as somebody holds it', () => {
    const operation = fc.record({ type: fc.constantFrom('hold', 'hold', 'drop'), index });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 800, size: 'max' }), (operations) => {
        const table = new PrefixTable(family);
        const twin = new Map<Prefix, { id: PrefixId; uses: number }>();
        for (const { type, index } of operations) {
          const at = prefixes[index]!;
          const known = twin.get(at);
          if (type === 'hold') {
            const id = table.addPrefix(at);
            table.retain(id);
            if (known === undefined) {
              expect([...twin.values()].some((entry) => entry.id === id)).toBe(false);
              twin.set(at, { id, uses: 1 });
            } else {
              expect(id).toBe(known.id);
              known.uses++;
            }
          } else if (known !== undefined) {
            table.release(known.id);
            if (--known.uses === 0) twin.delete(at);
          }
        }
        expect(table.size).toBe(twin.size);
        for (const at of prefixes) {
          const known = twin.get(at);
          expect(table.findPrefix(at)).toBe(known?.id ?? NONE);
          if (known !== undefined) expect(table.prefix(known.id)).toBe(at);
          if (known !== undefined) expect(known.id).toBeLessThan(table.capacity);
        }
        for (const { id, uses } of twin.values()) for (let i = 0; i < uses; i++) table.release(id);
        expect(table.size).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it('finds the longest prefix around an address that is accepted', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(index, { minLength: 1, maxLength: 60, size: 'max' }),
        index,
        fc.nat(3),
        (held, asked, skip) => {
          const table = new PrefixTable(family);
          for (const at of held) table.retain(table.addPrefix(prefixes[at]!));
          const address = parseNetwork(prefixes[asked]!)!.address;
          const accepted = (at: Prefix) => at.length % 4 !== skip;
          const expected = held
            .map((at) => prefixes[at]!)
            .filter((at) => accepted(at) && parseNetwork(`${address}/${at.split('/')[1]}`)!.prefix === at)
            .sort((a, b) => Number(b.split('/')[1]) - Number(a.split('/')[1]))[0];
          const found = table.longestMatch(address, (id) => accepted(table.prefix(id)));
          expect(found === NONE ? undefined : table.prefix(found)).toBe(expected);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('AdjRibIn', () => {
  interface Twin {
    readonly prefix: Prefix;
    readonly peer: number;
    readonly pathId: number;
    received: number;
    accepted: number | undefined;
    stale: boolean;
  }
  const key = fc.record({ prefix: fc.nat(9), peer: fc.integer({ min: 0, max: 3 }), pathId: fc.nat(4) });
  const attributes = fc.nat(ATTRIBUTES.length - 1);
  const verdict = fc.option(attributes, { nil: undefined });
  const operation = fc.oneof(
    fc.record({ type: fc.constant('set' as const), key, received: attributes, accepted: verdict }),
    fc.record({ type: fc.constant('remove' as const), key }),
    fc.record({ type: fc.constant('judge' as const), key, accepted: verdict }),
    fc.record({ type: fc.constant('mark' as const), peer: fc.nat(3) }),
    fc.record({ type: fc.constant('sweep' as const), peer: fc.nat(3) }),
  );
  const values = new AttributePool();
  /** With their properties in the order of the pool's. */
  const asStored = ATTRIBUTES.map((each) => values.attributes(values.intern(each)));
  const prefixes = Array.from({ length: 10 }, (_, i) => prefix(`10.65.${i}.0/24`));

  it('keeps the paths of every prefix and of every peer, as two maps would, and leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const table = new PrefixTable('ipv4');
        const pool = new AttributePool();
        const rib = new AdjRibIn(table, pool);
        const twin = new Map<string, Twin>();
        const intern = (i: number) => pool.intern(ATTRIBUTES[i]!);
        const text = ({ prefix, peer, pathId }: { prefix: number; peer: number; pathId: number }) =>
          `${prefix} ${peer} ${pathId}`;
        const pathAt = (at: { prefix: number; peer: number; pathId: number }): PathId =>
          rib.find(table.findPrefix(prefixes[at.prefix]!), at.peer as PeerIndex, at.pathId);
        for (const op of operations) {
          switch (op.type) {
            case 'set': {
              const before = twin.get(text(op.key));
              const changed = rib.set(
                table.addPrefix(prefixes[op.key.prefix]!),
                op.key.peer as PeerIndex,
                op.key.pathId,
                intern(op.received),
                op.accepted === undefined ? NONE : intern(op.accepted),
              );
              const { received, accepted } = op;
              expect(changed).toBe(
                before?.accepted !== accepted || (before?.stale === true && accepted !== undefined),
              );
              const { peer, pathId } = op.key;
              const at = prefixes[op.key.prefix]!;
              twin.set(text(op.key), { prefix: at, peer, pathId, received, accepted, stale: false });
              break;
            }
            case 'remove':
            case 'judge': {
              const known = twin.get(text(op.key));
              const path = table.findPrefix(prefixes[op.key.prefix]!) === NONE ? NONE : pathAt(op.key);
              expect(path !== NONE).toBe(known !== undefined);
              if (known === undefined) break;
              if (op.type === 'remove') {
                expect(rib.remove(path as PathId)).toBe(known.accepted !== undefined);
                twin.delete(text(op.key));
              } else {
                const accepted = op.accepted === undefined ? NONE : intern(op.accepted);
                expect(rib.setAccepted(path as PathId, accepted)).toBe(known.accepted !== op.accepted);
                known.accepted = op.accepted;
              }
              break;
            }
            case 'mark':
              rib.nextGeneration(op.peer as PeerIndex);
              for (const entry of twin.values()) if (entry.peer === op.peer) entry.stale = true;
              break;
            case 'sweep':
              rib.forEachOfPeer(op.peer as PeerIndex, (path) => {
                if (rib.isStale(path)) rib.remove(path);
              });
              for (const [at, { peer, stale }] of twin) if (peer === op.peer && stale) twin.delete(at);
              break;
          }
        }
        const describePath = (path: PathId): string =>
          JSON.stringify([
            table.prefix(rib.prefixOf(path)),
            rib.peerOf(path),
            rib.pathIdOf(path),
            pool.attributes(rib.receivedOf(path)),
            rib.acceptedOf(path) === NONE ? null : pool.attributes(rib.acceptedOf(path) as AttributesId),
            rib.isStale(path),
          ]);
        const describeTwin = (entry: Twin): string =>
          JSON.stringify([
            entry.prefix,
            entry.peer,
            entry.pathId,
            asStored[entry.received],
            entry.accepted === undefined ? null : asStored[entry.accepted],
            entry.stale,
          ]);
        expect(rib.size).toBe(twin.size);
        for (const at of prefixes) {
          const expected = [...twin.values()].filter((entry) => entry.prefix === at).map(describeTwin);
          const found: string[] = [];
          const id = table.findPrefix(at);
          for (
            let path = id === NONE ? NONE : rib.first(id);
            path !== NONE;
            path = rib.nextFor(path as PathId)
          )
            found.push(describePath(path as PathId));
          expect(found.sort()).toEqual(expected.sort());
        }
        for (let peer = 0; peer < 4; peer++) {
          const found: string[] = [];
          rib.forEachOfPeer(peer as PeerIndex, (path) => found.push(describePath(path)));
          const expected = [...twin.values()].filter((entry) => entry.peer === peer).map(describeTwin);
          expect(found.sort()).toEqual(expected.sort());
          rib.forEachOfPeer(peer as PeerIndex, (path) => rib.remove(path));
        }
        expect([rib.size, table.size, pool.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  it('a path stays stale however many generations of its peer follow', () => {
    const table = new PrefixTable('ipv4');
    const pool = new AttributePool();
    const rib = new AdjRibIn(table, pool);
    const peer = 1 as PeerIndex;
    const announce = (at: string): PathId => {
      const id = table.addPrefix(prefix(at));
      rib.set(id, peer, 0, pool.intern(ATTRIBUTES[0]!), NONE);
      return rib.find(id, peer, 0);
    };
    const old = announce('10.65.0.0/24');
    for (let i = 0; i < 20_000; i++) {
      const next = rib.nextGeneration(peer);
      if (i % 7 > 0) continue;
      expect(rib.isStale(announce('10.65.1.0/24'))).toBe(false);
      expect([rib.isStale(old), rib.generationOf(old) < next]).toEqual([true, true]);
    }
  });

  it('is gone through in slices, also where each path goes that is visited', () => {
    const table = new PrefixTable('ipv4');
    const pool = new AttributePool();
    const rib = new AdjRibIn(table, pool);
    for (let i = 0; i < 100; i++) {
      const at = table.addPrefix(prefix(`10.65.${i}.0/24`));
      rib.set(at, 1 as PeerIndex, 0, pool.intern(ATTRIBUTES[0]!), NONE);
    }
    const left: number[] = [];
    for (let from = 0; from !== NONE; left.push(rib.size))
      from = rib.forEachFrom(from, 30, (path) => rib.remove(path));
    expect(left).toEqual([70, 40, 10, 0]);
  });
});

describe('the decision process', () => {
  const few = <T>(...values: T[]) => fc.constantFrom(...values);
  const arbitrary = fc.record({
    kind: few('internal' as const, 'external' as const),
    localPref: few(100, 200),
    asPath: few<readonly number[]>([65001], [65002], [65001, 65002], [65002, 65003]),
    origin: few(0 as const, 1 as const, 2 as const),
    multiExitDisc: few(undefined, 0, 10, 20),
    interiorCost: few(0, 5),
    bgpIdentifier: few('10.0.0.1', '10.0.0.2', '10.0.0.3'),
    clusterList: few(0, 1, 2),
  });
  /** Peers differ, so that no two candidates are the same route. */
  const candidates = fc
    .array(arbitrary, { minLength: 1, maxLength: 7 })
    .map((all) => all.map((each, i) => candidate({ ...each, peerAddress: `10.0.1.${i + 1}` })));

  it('picks the same routes whatever the order of arrival', () => {
    const shuffled = candidates.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        fc.integer({ min: 1, max: 4 }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([all, other, maxPaths]) => {
        const a = decide(all, maxPaths);
        const b = decide(other, maxPaths);
        expect(b.best).toBe(a.best);
        expect(b.multipath).toEqual(a.multipath);
        expect(new Map(b.removedBy)).toEqual(a.removedBy);
      }),
      { numRuns: 300 },
    );
  });

  it('gives every loser the step that removed it, and a loser removed does not change the others', () => {
    const names = new Set([...STEPS, ...TIE_BREAKERS].map(({ name }) => name));
    fc.assert(
      fc.property(candidates, (all) => {
        const { best, multipath, removedBy } = decide(all, 16);
        expect(removedBy.has(best)).toBe(false);
        expect(removedBy.size).toBe(all.length - 1);
        for (const name of removedBy.values()) expect(names).toContain(name);
        // Steps but MULTI_EXIT_DISC compare each route alone: what they removed had no influence. A route that removed
        // another by its MED has (that is what makes comparing pairs intransitive), even if it loses later.
        if ([...removedBy.values()].includes('MULTI_EXIT_DISC')) return;
        const tieBreakers = new Set(TIE_BREAKERS.map(({ name }) => name));
        const removable = all.find((loser) => tieBreakers.has(removedBy.get(loser) ?? ''));
        if (removable === undefined) return;
        const rest: readonly Candidate[] = all.filter((each) => each !== removable);
        const again = decide(rest, 16);
        expect(again.best).toBe(best);
        expect(again.multipath).toEqual(multipath.filter((each) => each !== removable));
      }),
      { numRuns: 300 },
    );
  });
});
