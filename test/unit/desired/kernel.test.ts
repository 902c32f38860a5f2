import { address, type ForwardingRoute, prefix } from 'bgp-utils';
import { fixedRoutes } from '../../../src/desired/kernel.ts';
import { kernelRoute, stateOf, type TestCluster } from '../../support/calico.ts';

const cluster: TestCluster = {
  nodes: {
    a: { v4: '10.0.1.9/24', v6: 'fd00::1/64', wg: '10.65.0.1' },
    b: { v4: '10.0.1.20', wg: '10.65.0.2' },
  },
  pools: {
    plain: { cidr: '10.65.0.0/16' },
    cross: { cidr: '10.66.0.0/16', ipipMode: 'CrossSubnet' },
    vxlan: { cidr: '10.67.0.0/16', vxlanMode: 'Always' },
    always: { cidr: '10.68.0.0/16', ipipMode: 'Always' },
  },
  config: { programClusterRoutes: 'Enabled' },
};
const policy = stateOf(cluster, 'a').kernel;

const via = (...hops: string[]): ForwardingRoute => ({
  type: 'unicast',
  nextHops: hops.map(address),
  localPref: 2147482623,
  stale: false,
});
const unicast = (metric: number, ...nextHops: string[]) => ({ type: 'unicast', nextHops, metric });

describe('what the kernel gets (§3.7)', () => {
  it.each([
    ['a plain pool', '10.65.1.0/26', via('10.0.1.10'), unicast(1024, '10.0.1.10')],
    ['equal paths', '10.65.1.0/26', via('10.0.1.10', '10.0.1.11'), unicast(1024, '10.0.1.10', '10.0.1.11')],
    ['no pool', '0.0.0.0/0', via('10.0.1.1'), unicast(1024, '10.0.1.1')],
    ['a VXLAN pool: Felix', '10.67.1.0/26', via('10.0.1.10'), undefined],
    ['CrossSubnet in our network', '10.66.1.0/26', via('10.0.1.10'), unicast(1024, '10.0.1.10')],
    [
      'CrossSubnet beyond: needs the tunnel',
      '10.66.1.0/26',
      via('10.0.2.10'),
      { ...unicast(1024, '10.0.2.10'), tunnels: ['tunl0'] },
    ],
    [
      'CrossSubnet, one of two beyond',
      '10.66.1.0/26',
      via('10.0.1.10', '10.0.2.10'),
      { ...unicast(1024, '10.0.1.10', '10.0.2.10'), tunnels: [undefined, 'tunl0'] },
    ],
    ['IPIP Always', '10.68.1.0/26', via('10.0.1.10'), { ...unicast(1024, '10.0.1.10'), tunnels: ['tunl0'] }],
    ['an own block in an IPIP pool', '10.68.0.0/26', { type: 'blackhole' }, { type: 'blackhole', metric: 0 }],
    ['a WireGuard node', '10.65.1.0/26', via('10.0.1.20'), undefined],
    ['an own block', '10.65.0.0/26', { type: 'blackhole' }, { type: 'blackhole', metric: 0 }],
    ['an own block in a VXLAN pool: Felix', '10.67.0.0/26', { type: 'blackhole' }, undefined],
    ['IPv6', 'fd00:65::/122', via('fd00::2'), unicast(1024, 'fd00::2')],
  ] as const)('%s', (_, destination, route, expected) => {
    expect(kernelRoute(policy, prefix(destination), route as ForwardingRoute)).toEqual(expected);
  });

  it.each([
    [100, '10.65.1.0/26', 2147483547],
    [2147483135, '10.65.1.0/26', 512],
    [2147483647, '10.65.1.0/26', 0],
    [2147483647, 'fd00:65::/122', 1],
    [4294967295, '10.65.1.0/26', 0],
    [4294967295, 'fd00:65::/122', 1],
    [0, '10.65.1.0/26', 2147483647],
  ])('LOCAL_PREF %d of %s is the metric %d (§3.5)', (localPref, destination, metric) => {
    const route: ForwardingRoute = {
      type: 'unicast',
      nextHops: [address('10.0.1.10')],
      localPref,
      stale: false,
    };
    expect(kernelRoute(policy, prefix(destination), route)).toMatchObject({ metric });
  });

  it.each([
    ['EnabledNoEncapOnly', true, false],
    ['EnabledIPIPOnly', false, true],
    [undefined, true, false],
  ])('with programClusterRoutes %s plain pools: %s, IPIP pools: %s', (programClusterRoutes, plain, ipip) => {
    const { kernel } = stateOf({ ...cluster, config: { programClusterRoutes } }, 'a');
    const programs = (destination: string) =>
      kernelRoute(kernel, prefix(destination), via('10.0.1.10')) !== undefined;
    expect([programs('10.65.1.0/26'), programs('10.68.1.0/26'), programs('10.67.1.0/26')]).toEqual([
      plain,
      ipip,
      false,
    ]);
  });

  it('without an IPv4 network of this node no IPv4 pool says anything', () => {
    const { kernel } = stateOf({ ...cluster, nodes: { a: { v6: 'fd00::1/64' } } }, 'a', { routerId: 'hash' });
    expect(kernel.pools).toEqual([]);
  });

  it('with Disabled nothing inside a pool is programmed', () => {
    const disabled = stateOf({ ...cluster, config: { programClusterRoutes: 'Disabled' } }, 'a').kernel;
    expect(kernelRoute(disabled, prefix('10.65.1.0/26'), via('10.0.1.10'))).toBeUndefined();
    expect(kernelRoute(disabled, prefix('192.0.2.0/24'), via('10.0.1.10'))).toBeDefined();
  });
});

describe('reachableBy (§3.1)', () => {
  const peers = {
    a: { peerIP: '192.0.2.1', asNumber: 65001, reachableBy: '10.0.1.254' },
    b: { peerIP: '192.0.2.1:1790', asNumber: 65001, reachableBy: '10.0.1.253' },
    c: { peerIP: '2001:db8::1', asNumber: 65001, reachableBy: 'fd00::fe', node: 'a' },
    d: { peerIP: '192.0.2.9', asNumber: 65001, reachableBy: '10.0.1.254', node: 'b' },
  };
  const { kernel } = stateOf({ ...cluster, peers }, 'a');

  it('is a host route to the peer, for entries of this node; of two gateways the first', () => {
    expect(kernel.hostRoutes).toEqual([
      { prefix: '192.0.2.1/32', gateway: '10.0.1.254' },
      { prefix: '2001:db8::1/128', gateway: 'fd00::fe' },
    ]);
  });

  it('goes into the kernel without a metric', () => {
    expect(fixedRoutes(kernel).get(prefix('192.0.2.1/32'))).toEqual(unicast(0, '10.0.1.254'));
  });
});
