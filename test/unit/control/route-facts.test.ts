import { address, type PeerId, type Prefix } from 'bgp-utils';
import { routeFacts } from '../../../src/control/route-facts.ts';
import { routesView } from '../../../src/control/route-views.ts';
import type { RouteQuery } from '../../../src/control/source.ts';
import { announcement, Bench, OWN, passivePeer } from '../../support/bench.ts';
import { localRoute } from '../../support/peers.ts';

const FIRST = '10.0.0.11' as PeerId;
const SECOND = '10.0.0.12' as PeerId;

/** Two reflectors tell the same of some prefixes; routes of both families are made here. */
function tables(): Bench {
  const client = { routeReflectorClient: true };
  const bench = new Bench({ clusterId: OWN }, passivePeer(FIRST, client), passivePeer(SECOND, client));
  const blocks = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `10.65.${(7 * (from + i)) % 64}.0/24`);
  for (const [peer, from, to] of [
    [FIRST, 0, 40],
    [SECOND, 20, 60],
  ] as const) {
    const attributes = {
      origin: 0 as const,
      asPath: [],
      localPref: 100,
      nextHop: { address: address(peer) },
    };
    bench.received(bench.establish(peer), announcement(blocks(from, to), attributes));
  }
  for (const own of ['10.65.200.0/26', 'fd00:65::/122', 'fd00:65::40/122', 'fd00:64::/64'])
    bench.tell({ type: 'Originate', route: localRoute(own, { nextHop: { address: address('10.0.0.1') } }) });
  return bench;
}

const asShown = ({ prefix, source, best }: { prefix: string; source: string; best: boolean }) =>
  `${prefix} ${source} ${best}`;

describe('routes of a page', () => {
  it.each<[string, RouteQuery, number]>([
    ['all', {}, 84],
    ['of one family', { family: 'ipv6' }, 3],
    ['received of one peer', { received: SECOND }, 40],
    ['told to one peer', { advertised: FIRST }, 21],
    ['of one prefix', { prefix: '10.65.21.0/24' as Prefix }, 1],
    ['around an address', { longest: address('10.65.200.5') }, 1],
  ])('are all of them, page by page (%s)', (_name, query, count) => {
    const { speaker } = tables();
    const whole = routesView(routeFacts(speaker, query, { limit: 1000, after: undefined }), {
      limit: 1000,
      after: undefined,
    });
    expect([whole.routes.length, whole.next]).toEqual([count, null]);
    for (const limit of [1, 2, 7, count - 1, count, count + 1].filter((each) => each > 0)) {
      const shown: string[] = [];
      for (let after: Prefix | undefined, more = true; more; ) {
        const page = { limit, after };
        const found = [...routeFacts(speaker, query, page)];
        expect(found.length).toBeLessThanOrEqual(limit + 4); // the rest of its last prefix, and the one behind it
        const { routes, next } = routesView(found, page);
        shown.push(...routes.map(asShown));
        after = next === null ? undefined : (next as Prefix);
        more = next !== null;
      }
      expect(shown).toEqual(whole.routes.map(asShown));
    }
  });
});
