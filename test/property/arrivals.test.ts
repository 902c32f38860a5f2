// A route that comes is compared with the best one alone where that is enough. Whatever the order of what happens, the best route is
// in the end the one that the steps of the RFC pick among all.

import { type Address, address, PrefixTable, prefix } from 'bgp-utils';
import fc from 'fast-check';
import { AdjRibIn } from '../../bgp/src/rib/adj-rib-in.ts';
import { HeardSets } from '../../bgp/src/rib/heard-sets.ts';
import { LocRib } from '../../bgp/src/rib/loc-rib.ts';
import { NextHops } from '../../bgp/src/rib/next-hop.ts';
import { NONE, type PathId, type PeerIndex } from '../../bgp/src/route/route.ts';

const few = <T>(...values: T[]) => fc.constantFrom(...values);

const route = fc.record({
  origin: few(0 as const, 1 as const),
  asPath: few([65001], [65002], [65001, 65003]),
  multiExitDisc: few(0, 0, 10),
  localPref: few(100, 100, 200),
  stale: few(false, false, true),
  nextHop: few('10.9.0.1', '10.9.0.2').map((text) => address(text)),
});
const key = { peer: fc.nat(6), pathId: fc.nat(1) };
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: few('announce' as const), ...key, route }) },
  { weight: 2, arbitrary: fc.record({ type: few('withdraw' as const), ...key }) },
  { weight: 2, arbitrary: fc.record({ type: few('decide' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: few('resolve' as const), cost: few(undefined, 0, 5) }) },
);

const facts = (peer: number) => {
  const kind =
    peer === 0 ? ('local' as const) : peer % 2 === 0 ? ('internal' as const) : ('external' as const);
  return {
    source: { peer: peer as PeerIndex, kind, client: false },
    bgpIdentifier: address(`10.0.0.${1 + peer}`),
    identifier: peer === 0 ? 0 : 0x0a000001 + peer,
    address: address(`10.0.1.${9 - peer}`),
  };
};

const CHANGING: Address = address('10.9.0.2');

it('ends with the route that all steps pick, and leaves a decision out where it can', () => {
  let spared = 0;
  fc.assert(
    fc.property(
      fc.array(operation, { minLength: 1, maxLength: 60, size: 'max' }),
      few(undefined, 99, 150),
      fc.boolean(),
      (operations, yieldsAbove, preferOldest) => {
        const nextHops = new NextHops();
        const pool = new HeardSets(nextHops);
        const prefixes = new PrefixTable('ipv4');
        const adjRibIn = new AdjRibIn(prefixes, pool);
        const locRib = new LocRib({
          prefixes,
          adjRibIn,
          pool,
          nextHops,
          peerFacts: facts,
          localForwarding: () => undefined,
          localYieldsAbove: () => yieldsAbove,
          maxPaths: () => 4,
          preferOldest: () => preferOldest,
        });
        const at = prefixes.addPrefix(prefix('10.65.0.0/24'));
        prefixes.retain(at);
        const decideAll = () => locRib.decideTouched({ best: () => {}, forwarding: () => {} }, 10);
        nextHops.retain(address('10.9.0.1'));
        nextHops.retain(CHANGING);
        nextHops.tell(address('10.9.0.1'), 0);
        let cost: number | undefined;
        for (const op of operations) {
          if (op.type === 'decide') decideAll();
          else if (op.type === 'resolve') {
            cost = op.cost;
            if (nextHops.tell(CHANGING, cost)) locRib.touch(at);
          } else {
            const peer = op.peer as PeerIndex;
            const found = adjRibIn.find(at, peer, op.pathId);
            if (op.type === 'withdraw') {
              if (found === NONE) continue;
              locRib.touch(at);
              adjRibIn.remove(found);
              continue;
            }
            const { asPath, nextHop, stale, ...others } = op.route;
            const set = pool.intern({
              ...others,
              asPath: [{ type: 'AS_SEQUENCE', asNumbers: asPath }],
              nextHop: { address: nextHop },
              ...(stale && { communities: [0xffff0006] }),
            });
            pool.retain(set);
            if (found !== NONE) {
              if (adjRibIn.replace(found, set, set)) locRib.touch(at);
              continue;
            }
            adjRibIn.insert(at, peer, op.pathId, set, set);
            const before = locRib.touchedSize;
            locRib.arrived(at, peer, set);
            if (before === 0 && locRib.touchedSize === 0) spared++;
          }
        }
        if (nextHops.tell(CHANGING, cost)) locRib.touch(at); // answered at last
        decideAll();
        const winner = locRib.explain(at)?.best;
        const best = winner === undefined ? NONE : adjRibIn.acceptedOf(winner.path as PathId);
        expect(locRib.bestAttributes(at)).toBe(best);
        if (winner !== undefined) expect(locRib.bestSource(at)).toBe(adjRibIn.peerOf(winner.path));
      },
    ),
    { numRuns: 1000 },
  );
  expect(spared).toBeGreaterThan(200);
});
