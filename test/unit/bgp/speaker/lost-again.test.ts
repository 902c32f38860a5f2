// A peer that is lost again before it has told all, as a daemon that is killed twice within a minute. RFC 4724 §4.2 has stale routes
// removed then; here they stay within the restart time of the first loss, so that not a packet is lost.

import { address, type PathAttributes } from 'bgp-utils';
import { announcement, Bench, endOfRib, passivePeer, restartCapability } from '../../../support/bench.ts';

const PEER = '10.0.0.2';
const BLOCK = '10.65.2.0/26';
const OTHER = '10.65.3.0/26';
const SECONDS = 60;

const attributes: PathAttributes = {
  origin: 0,
  asPath: [],
  localPref: 100,
  nextHop: { address: address(PEER) },
};
const capabilities = [restartCapability({ seconds: SECONDS })];

/** Has told both blocks and all, and is lost. */
function lostOnce(): Bench {
  const bench = new Bench({}, passivePeer(PEER));
  const connection = bench.establish(PEER, { capabilities });
  bench.received(connection, announcement([BLOCK, OTHER], attributes), endOfRib());
  bench.disconnect(connection);
  bench.clear();
  return bench;
}

/** Comes back, tells those routes, and is lost before its End-of-RIB. */
function backAndLost(bench: Bench, ...routes: readonly string[]): void {
  const connection = bench.establish(PEER, {
    capabilities: [restartCapability({ seconds: SECONDS, restarting: true })],
  });
  if (routes.length > 0) bench.received(connection, announcement(routes, attributes));
  bench.disconnect(connection);
}

const STALE = { [BLOCK]: `${PEER} stale`, [OTHER]: `${PEER} stale` };

describe('a peer that is lost again before it has told all', () => {
  it.each<[string, readonly string[]]>([
    ['nothing', []],
    ['a part', [BLOCK]],
    ['all but the End-of-RIB', [BLOCK, OTHER]],
  ])('keeps its routes when it had told %s', (_, routes) => {
    const bench = lostOnce();
    bench.pass(10_000);
    backAndLost(bench, ...routes);
    expect(bench.routes()).toEqual(STALE);
    expect(bench.unforwarded).toEqual([]);
  });

  it('keeps them for one more restart time, and they are fresh or gone at the End-of-RIB', () => {
    const bench = lostOnce();
    bench.pass(50_000);
    backAndLost(bench);
    bench.pass(59_000);
    expect(bench.routes()).toEqual(STALE);
    const connection = bench.establish(PEER, { capabilities });
    bench.received(connection, announcement([BLOCK], attributes), endOfRib());
    expect(bench.routes()).toEqual({ [BLOCK]: PEER });
  });

  it('keeps them no longer when it does not come back', () => {
    const bench = lostOnce();
    bench.pass(50_000);
    backAndLost(bench);
    bench.pass(61_000);
    expect(bench.routes()).toEqual({});
  });

  it('keeps what it has told since, and no more, when that happens after the first restart time (RFC 4724 §4.2)', () => {
    const bench = lostOnce();
    bench.pass(50_000);
    const connection = bench.establish(PEER, { capabilities });
    bench.received(connection, announcement([BLOCK], attributes));
    bench.pass(11_000);
    bench.disconnect(connection);
    expect(bench.routes()).toEqual({ [BLOCK]: `${PEER} stale` });
  });

  it('begins a new restart time once it had told all', () => {
    const bench = lostOnce();
    bench.pass(50_000);
    const connection = bench.establish(PEER, { capabilities });
    bench.received(connection, announcement([BLOCK, OTHER], attributes), endOfRib());
    bench.pass(11_000);
    bench.disconnect(connection);
    bench.pass(1_000);
    backAndLost(bench);
    expect(bench.routes()).toEqual(STALE);
  });
});
