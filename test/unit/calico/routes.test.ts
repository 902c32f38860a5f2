import { type Family, familyOfPrefix, type Policy, prefix } from 'bgp-utils';
import type { RouteFacts } from '../../../bgp/src/policy/match.ts';
import {
  advertisements,
  exportTerms,
  kernelPools,
  normalPriorities,
  originatedRoutes,
  ownBlocks,
  pools,
  wireguardNextHops,
} from '../../../src/calico/routes.ts';
import { clusterOf } from '../../../src/calico/snapshot.ts';
import { snapshotOf, type TestCluster } from '../../support/calico.ts';
import { evaluatePolicy } from '../../support/policy.ts';

const A = { v4: '10.0.1.9/24', v6: 'fd00::1/64' };
const see = (cluster: TestCluster) => clusterOf(snapshotOf({ nodes: { a: A }, ...cluster }), 'a');

describe('own blocks (§3.2)', () => {
  it.each([
    ['10.65.0.0/26', 'confirmed', true, true],
    ['10.65.0.0/26', '', true, true],
    ['10.65.0.0/26', 'pending', false, false],
    ['10.65.0.0/26', 'pendingDeletion', false, true],
    ['10.65.0.1/32', 'confirmed', true, false],
    ['fd00:65::/122', 'confirmed', true, true],
    ['fd00:65::1/128', 'confirmed', true, false],
  ])('%s %j: aggregated %s, blackhole %s', (cidr, state, aggregated, blackhole) => {
    expect(ownBlocks(see({ blocks: { a: { [cidr]: state } } }))).toEqual([
      { cidr, state: state || 'confirmed', aggregated, blackhole },
    ]);
  });

  it('come by prefix, and only those of this node', () => {
    const blocks = {
      a: { 'fd00:65::/122': '', '10.65.0.64/26': '', '10.65.0.0/26': '' },
      b: { '10.65.1.0/26': '' },
    };
    expect(ownBlocks(see({ blocks })).map(({ cidr }) => cidr)).toEqual([
      '10.65.0.0/26',
      '10.65.0.64/26',
      'fd00:65::/122',
    ]);
  });

  it('become routes whose LOCAL_PREF carries the normal priority (§3.5); pending ones do not', () => {
    const cluster = see({
      blocks: {
        a: {
          '10.65.0.0/26': 'confirmed',
          '10.65.1.0/26': 'pending',
          'fd00:65::/122': 'pendingDeletion',
          '10.65.2.1/32': '',
        },
      },
      config: { ipv6NormalRoutePriority: 100 },
    });
    expect(originatedRoutes(ownBlocks(cluster), normalPriorities(cluster))).toEqual([
      {
        prefix: '10.65.0.0/26',
        attributes: { origin: 0, asPath: [], localPref: 2147482623 },
        kernel: 'blackhole',
      },
      {
        prefix: '10.65.2.1/32',
        attributes: { origin: 0, asPath: [], localPref: 2147482623 },
        kernel: 'none',
      },
      {
        prefix: 'fd00:65::/122',
        attributes: { origin: 0, asPath: [], localPref: 2147483547 },
        kernel: 'blackhole',
      },
    ]);
  });
});

describe('pools (§1.6)', () => {
  it('of one CIDR the lexically lowest name counts', () => {
    const two = { b: { cidr: '10.65.0.0/16' }, a: { cidr: '10.65.0.0/16', disableBGPExport: true } };
    expect(pools(see({ pools: two }))).toMatchObject([{ name: 'a', disableBgpExport: true }]);
  });
});

describe('communities (§3.6)', () => {
  const entry = (cidr: string) => ({ cidr, communities: ['64512:1'] });
  it.each([
    ['default when the node has no such field', { listenPort: 179 }, ['10.65.0.0/16']],
    ["the node's own list", { prefixAdvertisements: [entry('10.66.0.0/16')] }, ['10.66.0.0/16']],
    ["the node's own empty list", { prefixAdvertisements: [] }, []],
  ])('come from %s', (_, own, cidrs) => {
    const cluster = see({
      config: { prefixAdvertisements: [entry('10.65.0.0/16')] },
      configs: { 'node.a': own },
    });
    expect(advertisements(cluster).map(({ cidr }) => cidr)).toEqual(cidrs);
  });
});

describe('what leaves (§3.3)', () => {
  const cluster: TestCluster = {
    pools: {
      p1: { cidr: '10.65.0.0/16' },
      p2: { cidr: '10.66.0.0/16', ipipMode: 'CrossSubnet' },
      p3: { cidr: '10.67.0.0/16', disableBGPExport: true },
      p4: { cidr: '10.68.0.0/16', disabled: true },
      p6: { cidr: 'fd00:65::/112' },
    },
    blocks: {
      a: {
        '10.65.0.64/26': '',
        '10.66.0.0/26': 'pending',
        '10.65.9.0/26': 'pendingDeletion',
        '10.99.0.0/26': '',
      },
    },
    config: {
      prefixAdvertisements: [
        { cidr: '10.65.0.0/20', communities: ['64512:2', '64512:1', '1:2:3'] },
        { cidr: '10.65.0.64/26', communities: ['64512:9'] },
      ],
    },
  };
  const terms = (family: Family, programsIpip = false) => {
    const view = see(cluster);
    return exportTerms(family, {
      blocks: ownBlocks(view),
      pools: pools(view),
      advertised: advertisements(view),
      priorities: { ipv4: 1024, ipv6: 1000 },
      programsIpip,
    });
  };
  const decide = (text: string, facts: Partial<RouteFacts> = {}) => {
    const policy: Policy = { terms: terms(familyOfPrefix(prefix(text))), otherwise: 'reject' };
    const { accepted, term, actions } = evaluatePolicy(policy, text, { source: 'local', ...facts });
    return { accepted, term, actions };
  };

  it.each([
    ['10.65.0.64/26', true, 'own block 10.65.0.64/26'],
    ['10.65.0.65/32', false, 'inside own block 10.65.0.64/26'],
    ['10.65.3.7/32', true, 'pool 10.65.0.0/16'],
    ['10.66.0.1/32', true, 'pool 10.66.0.0/16'],
    ['10.65.9.0/26', true, 'pool 10.65.0.0/16'],
    ['10.65.9.1/32', true, 'pool 10.65.0.0/16'],
    ['10.67.0.1/32', false, 'pool 10.67.0.0/16 with disableBGPExport'],
    ['10.68.0.0/26', true, 'pool 10.68.0.0/16'],
    ['10.0.1.0/24', false, 'outside every pool'],
    ['0.0.0.0/0', false, 'outside every pool'],
    ['10.64.0.0/15', false, 'outside every pool'],
    ['10.99.0.0/26', true, 'own block 10.99.0.0/26'],
    ['fd00:65::40/122', true, 'pool fd00:65::/112'],
    ['fd00:66::/122', false, 'outside every pool'],
  ])('%s: %s by "%s"', (route, accepted, term) => {
    expect(decide(route)).toMatchObject({ accepted, term });
  });

  const elevated = (priority: number): Partial<RouteFacts> => ({
    attributes: { origin: 0, asPath: [], localPref: 2147483647 - priority },
  });
  it.each([
    ['10.65.0.65/32', 1023, true, 'elevated inside own block 10.65.0.64/26'],
    ['10.65.0.65/32', 512, true, 'elevated inside own block 10.65.0.64/26'],
    ['10.65.0.65/32', 1024, false, 'inside own block 10.65.0.64/26'],
    ['10.65.0.65/32', 2147483547, false, 'inside own block 10.65.0.64/26'],
  ])('%s with priority %i: %s by "%s" (§3.2)', (route, priority, accepted, term) => {
    expect(decide(route, elevated(priority))).toMatchObject({ accepted, term });
    expect(decide(route, { ...elevated(priority), source: 'internal', peerType: 'external' })).toMatchObject({
      accepted,
      term,
    });
  });

  it('an elevated route has the communities of its prefix as well', () => {
    expect(decide('10.65.0.65/32', elevated(512)).actions).toEqual(decide('10.65.0.64/26').actions);
  });

  it.each([
    ['vxlan.calico', 'internal', false],
    ['wg.cali', 'internal', false],
    ['tunl0', 'internal', false],
    ['eth0', 'internal', true],
    ['cali1234', 'internal', true],
    ['vxlan.calico', 'external', true],
    ['tunl0', 'external', true],
    ['bpfout.cali', 'internal', false],
    ['bpfout.cali', 'external', false],
    [undefined, 'internal', true],
  ] as const)('a route over %s to an %s peer: %s (§3.3 steps 4 and 5)', (name, peerType, accepted) => {
    expect(decide('10.65.3.7/32', { interface: name, peerType }).accepted).toBe(accepted);
  });

  it('a route over tunl0 goes to internal peers where BGP itself programs IPIP', () => {
    const policy: Policy = { terms: terms('ipv4', true), otherwise: 'reject' };
    const to = (name: string) => evaluatePolicy(policy, '10.65.3.7/32', { interface: name }).accepted;
    expect([to('tunl0'), to('vxlan.calico')]).toEqual([true, false]);
  });

  it('with the communities of every entry that contains it', () => {
    expect(decide('10.65.0.64/26').actions).toEqual([
      { type: 'AddCommunities', values: [64512 * 65536 + 1, 64512 * 65536 + 2] },
      { type: 'AddLargeCommunities', values: [[1, 2, 3]] },
      { type: 'AddCommunities', values: [64512 * 65536 + 9] },
    ]);
    expect(decide('10.65.99.0/26').actions).toEqual([]);
  });

  it('terms of one family do not mention the other', () => {
    const names = terms('ipv6').map(({ name }) => name);
    expect(names).toContain('pool fd00:65::/112');
    expect(names.filter((name) => name.includes('10.'))).toEqual([]);
  });
});

describe('what the kernel gets (§3.7)', () => {
  const modes = {
    plain: { cidr: '10.65.0.0/16' },
    always: { cidr: '10.66.0.0/16', ipipMode: 'Always' },
    cross: { cidr: '10.67.0.0/16', ipipMode: 'CrossSubnet' },
    vxlan: { cidr: '10.68.0.0/16', vxlanMode: 'Always' },
  };
  it.each([
    [undefined, [true, false, false, false]],
    ['EnabledNoEncapOnly', [true, false, false, false]],
    ['EnabledIPIPOnly', [false, true, true, false]],
    ['Enabled', [true, true, true, false]],
    ['Disabled', [false, false, false, false]],
  ])('programClusterRoutes %s: plain, IPIP, IPIP CrossSubnet, VXLAN %j', (programClusterRoutes, expected) => {
    const cluster = see({ pools: modes, config: { programClusterRoutes } });
    expect(kernelPools(cluster, pools(cluster)).map(({ program }) => program)).toEqual(expected);
  });

  it('IPIP pools go through tunl0, CrossSubnet unless the next hop is in our network', () => {
    const cluster = see({ pools: modes, config: { programClusterRoutes: 'Enabled' } });
    expect(kernelPools(cluster, pools(cluster)).map((p) => [p.tunnel, p.tunnelUnlessNextHopIn])).toEqual([
      [undefined, undefined],
      ['tunl0', undefined],
      ['tunl0', '10.0.1.0/24'],
      [undefined, undefined],
    ]);
  });

  it('next hops of WireGuard nodes are left out, where this node has WireGuard itself', () => {
    const b = { v4: '10.0.1.10', wg: '10.65.0.2' };
    const c = { v4: '10.0.1.11' };
    expect(wireguardNextHops(see({ nodes: { a: { ...A, wg: '10.65.0.1' }, b, c } }))).toEqual(['10.0.1.10']);
    expect(wireguardNextHops(see({ nodes: { a: A, b, c } }))).toEqual([]);
  });
});
