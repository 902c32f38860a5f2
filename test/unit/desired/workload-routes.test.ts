import { address, type Prefix } from 'bgp-utils';
import { type LocalRoute, withWorkloads } from '../../../src/desired/workload-routes.ts';
import { announcement, Bench, passivePeer, withdrawal } from '../../support/bench.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';
import { evaluatePolicy } from '../../support/policy.ts';

/** The worked cluster of the data model's Appendix B, as agent1 sees it. */
const cluster: TestCluster = {
  nodes: {
    agent1: { v4: '10.0.1.9/24', v6: 'fd00::9/64' },
    agent2: { v4: '10.0.1.10/24' },
  },
  peers: { tor: { peerIP: '10.0.1.1', asNumber: 65001 } },
  pools: {
    p1: { cidr: '10.65.0.0/16' },
    p2: { cidr: '10.66.0.0/16', ipipMode: 'CrossSubnet' },
    p3: { cidr: '10.67.0.0/16', disableBGPExport: true },
    p6: { cidr: 'fd00:65::/112' },
  },
  blocks: {
    agent1: {
      '10.65.0.64/26': 'confirmed',
      '10.66.0.0/26': 'pending',
      '10.65.9.9/32': 'confirmed',
      '10.98.0.1/32': 'confirmed',
    },
  },
};
const state = stateOf(cluster, 'agent1');

const BOOT = 3;
const route = (prefix: string, more: Partial<LocalRoute> = {}): LocalRoute => ({
  ...{ prefix: prefix as Prefix, type: 'unicast', metric: 0, protocol: BOOT },
  nextHops: [{ gateway: undefined, interface: 'cali4f6e2d1a-0b' }],
  ...more,
});
const over = (name: string | undefined, gateway?: string) => ({
  nextHops: [{ gateway, interface: name }],
});
const BLOCK = '10.65.0.64/26';
const originated = (...routes: LocalRoute[]) =>
  withWorkloads(state.originated, state.kernel, routes).filter(({ kernel }) => kernel === 'none');

describe('routes to workloads of this host (§3.1)', () => {
  it.each<[string, LocalRoute, boolean]>([
    ['a workload in a pool', route('10.65.3.7/32'), true],
    ['a workload of IPv6', route('fd00:65::7/128'), true],
    ['a workload that Felix put there', route('10.65.3.7/32', { protocol: 80, metric: 1024 }), true],
    ['a workload on an interface of another name', route('10.65.3.7/32', over('veth1')), true],
    ['a workload in no pool', route('10.99.0.1/32'), false],
    ['the default route', route('0.0.0.0/0', over('eth0', '10.0.1.1')), false],
    ['a route through a gateway', route('10.65.7.0/26', over('eth0', '10.0.1.10')), false],
    ['a network of an interface', route('10.65.0.64/26', { protocol: 2 }), false],
    ["Felix's route over a tunnel", route('10.65.7.0/26', over('vxlan.calico')), false],
    ['a route of BPF', route('10.65.7.7/32', over('bpfin.cali')), false],
    ['a route over tunl0', route('10.66.7.0/26', over('tunl0')), false],
    ['a blackhole', route('10.65.7.0/26', { type: 'blackhole', nextHops: [] }), false],
    ['an unreachable', route('10.65.7.0/26', { type: 'other', nextHops: [] }), false],
    ['a block that is told anyway', route('10.65.0.64/26'), false],
    ['the one address of a block', route('10.65.9.9/32'), true],
    ['the one address of a block in no pool', route('10.98.0.1/32'), true],
  ])('%s: %s', (_, found, expected) => {
    expect(originated(found).length === 1).toBe(expected);
  });

  it('come beside the blocks; a block of one address is there with its container alone', () => {
    const prefixes = (routes: LocalRoute[] | undefined) =>
      withWorkloads(state.originated, state.kernel, routes).map(({ prefix }) => prefix);
    expect(prefixes([])).toEqual([BLOCK]);
    expect(prefixes([route('10.65.9.9/32')])).toEqual([BLOCK, '10.65.9.9/32']);
    expect(prefixes(undefined)).toEqual([BLOCK, '10.65.9.9/32', '10.98.0.1/32']); // --kernel none
  });

  it.each<[string, number, number]>([
    ['10.65.3.7/32', 0, 2147482623],
    ['10.65.3.7/32', 1024, 2147482623],
    ['10.65.3.7/32', 512, 2147483135],
    ['10.65.3.7/32', 4294967295, 0],
    ['fd00:65::7/128', 1024, 2147482623],
  ])('%s with metric %d has LOCAL_PREF %d (§3.5)', (prefix, metric, localPref) => {
    expect(originated(route(prefix, { metric }))).toEqual([
      {
        ...{ prefix, attributes: { origin: 0, asPath: [], localPref }, kernel: 'none' },
        ...{ interface: 'cali4f6e2d1a-0b', yieldsAbove: Math.max(localPref, 2147482623) },
      },
    ]);
  });

  it('of two routes to one address the one that the kernel uses counts', () => {
    const both = [
      route('10.65.3.7/32', { metric: 1024, ...over('cali1') }),
      route('10.65.3.7/32', { metric: 512, ...over('cali2') }),
    ];
    for (const found of [originated(...both), originated(...both.reverse())])
      expect(found).toMatchObject([{ attributes: { localPref: 2147483135 }, interface: 'cali2' }]);
  });

  it('a BGPFilter may let out by interface what the aggregate holds back (§4, §3.3 step 2)', () => {
    const filters = { f: { exportV4: [{ interface: 'cali*', action: 'Accept' }] } };
    const peers = { tor: { peerIP: '10.0.1.1', asNumber: 65001, filters: ['f'] } };
    const { peers: sessions } = stateOf({ ...cluster, filters, peers }, 'agent1');
    const { exportPolicy } = sessions.find(({ address }) => address === '10.0.1.1')!;
    const told = (by: string) => {
      const [found] = originated(route('10.65.0.65/32', over(by)));
      return evaluatePolicy(exportPolicy, '10.65.0.65/32', { ...found, source: 'local' }).accepted;
    };
    expect([told('cali4f6e2d1a-0b'), told('veth1')]).toEqual([true, false]);
  });

  it.each<[string, number, boolean, boolean]>([
    ['10.65.0.65/32', 0, false, false], // inside an own block
    ['10.65.0.65/32', 512, true, true], // elevated
    ['10.65.3.7/32', 0, true, true], // borrowed
    ['10.66.0.1/32', 0, true, true], // its block is only pending
    ['10.67.0.1/32', 0, false, false], // export disabled
  ])(
    '%s with metric %d goes to the mesh: %s, to the router: %s (Appendix B, §3.3)',
    (prefix, metric, mesh, tor) => {
      const [found] = originated(route(prefix, { metric }));
      const told = (peer: string, peerType: 'internal' | 'external') =>
        evaluatePolicy(state.peers.find((one) => one.address === peer)!.exportPolicy, prefix, {
          ...{ attributes: found!.attributes, source: 'local', peerType },
        }).accepted;
      expect([told('10.0.1.10', 'internal'), told('10.0.1.1', 'external')]).toEqual([mesh, tor]);
    },
  );
});

describe('an elevated route of a peer (§3.8)', () => {
  const PEER = '10.0.1.10';
  const ELEVATED = 512;
  const NORMAL = 1024;
  const told = (text: string, metric: number) =>
    announcement([text], {
      ...{ origin: 0, asPath: [], localPref: 2147483647 - metric },
      nextHop: { address: address(PEER) },
    });
  /** A node with a route of its own, in use, and a peer that tells its own of the same address. */
  function met(found: LocalRoute[], text: string, theirs: number) {
    const bench = new Bench({}, passivePeer(PEER));
    const routes = withWorkloads(state.originated, state.kernel, found);
    bench.tell(...routes.map((one) => ({ type: 'Originate' as const, route: one })));
    const connection = bench.establish(PEER);
    bench.received(connection, told(text, theirs));
    return { bench, connection };
  }

  it.each<[string, number, number, string | undefined]>([
    ['replaces the route to a workload that moves away', 0, ELEVATED, PEER],
    ['replaces one with a metric as well', NORMAL, ELEVATED, PEER],
    ['replaces one that is elevated less', ELEVATED, ELEVATED - 1, PEER],
    ['does not replace one that is elevated as much', ELEVATED, ELEVATED, undefined],
    ['that is none leaves it alone', 0, NORMAL, undefined],
    ['that is none leaves also one below the normal priority alone', NORMAL + 1, NORMAL, undefined],
  ])('%s', (_, metric, theirs, used) => {
    const { bench } = met([route('10.65.0.65/32', { metric })], '10.65.0.65/32', theirs);
    expect(bench.routes()['10.65.0.65/32']).toBe(used);
  });

  it("takes the own one's place also for those that were told of it, and gives it back when it goes", () => {
    const { bench, connection } = met([route('10.65.3.7/32')], '10.65.3.7/32', ELEVATED);
    expect([...bench.told(connection).keys()]).toEqual([BLOCK]);
    bench.received(connection, withdrawal(['10.65.3.7/32']));
    expect(bench.routes()).toEqual({ [BLOCK]: 'blackhole' });
    expect([...bench.told(connection).keys()].sort()).toEqual([BLOCK, '10.65.3.7/32']);
  });

  it('does not replace an own block: it ties with a static route', () => {
    const { bench } = met([], BLOCK, ELEVATED);
    expect(bench.routes()).toEqual({ [BLOCK]: 'blackhole' });
  });

  it('takes its place when it becomes elevated', () => {
    const { bench, connection } = met([route('10.65.3.7/32')], '10.65.3.7/32', NORMAL);
    expect(bench.routes()['10.65.3.7/32']).toBeUndefined();
    bench.received(connection, told('10.65.3.7/32', ELEVATED));
    expect(bench.routes()['10.65.3.7/32']).toBe(PEER);
  });
});
