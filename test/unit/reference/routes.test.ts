// The Calico data model's sections 1, 3 and 4, rule by rule, in what `resolve -o json` prints. What the policies do with a route
// is in test/unit/calico/routes.test.ts and filters.test.ts, what the kernel gets in test/unit/desired/kernel.test.ts.

import type { Resolution } from '../../../src/desired/resolution.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const NODES = { a: { v4: '10.0.0.1/24', v6: 'fd00::1/64' } };
const resolve = (cluster: TestCluster): Resolution => stateOf({ nodes: NODES, ...cluster }, 'a').resolution;
const V3 = '/calico/resources/v3/projectcalico.org';
const IPAM = '/calico/ipam/v2';

describe('§1.1 values', () => {
  it('unknown fields, null, any order of keys and a null creationTimestamp are fine', () => {
    const raw = {
      [`${V3}/nodes/b`]:
        '{"spec":{"x":{},"bgp":{"y":1,"ipv4Address":"10.0.0.2/24","ipv6Address":null,"asNumber":null}},"metadata":{"creationTimestamp":null,"labels":null,"name":"b"},"kind":"Node","status":{}}',
      [`${V3}/bgppeers/p`]:
        '{"spec":{"failureDetectionMode":"x","filters":null,"password":null,"asNumber":65001,"peerIP":"192.0.2.1"}}',
      [`${V3}/bgpfilters/f`]: '{"spec":{"importV4":null}}',
      [`${V3}/ippools/q`]: '{"spec":{"cidr":"10.65.0.0/16","ipipMode":null,"status":{}}}',
    };
    expect(resolve({ raw })).toMatchObject({
      problems: [],
      peers: [{ address: '10.0.0.2' }, { address: '192.0.2.1' }],
      export: { acceptPools: ['10.65.0.0/16'] },
    });
  });

  it.each(['', '{', 'null', '[]', '"x"'])(
    'an entry with the text %j counts as absent, is told, and stops nothing',
    (text) => {
      const kinds = {
        nodes: 'Node',
        bgpconfigurations: 'BGPConfiguration',
        bgppeers: 'BGPPeer',
        bgpfilters: 'BGPFilter',
        ippools: 'IPPool',
      };
      const raw = Object.fromEntries(Object.keys(kinds).map((plural) => [`${V3}/${plural}/node.bad`, text]));
      const found = resolve({ nodes: { ...NODES, b: { v4: '10.0.0.2' } }, raw });
      expect(found.peers).toMatchObject([{ address: '10.0.0.2' }]);
      expect(found.problems.map(({ resource }) => resource)).toEqual(
        Object.values(kinds)
          .map((kind) => `${kind}/node.bad`)
          .sort(),
      );
    },
  );

  it('kinds and keys that BGP does not read are not looked at', () => {
    const raw = {
      [`${V3}/workloadendpoints/default/x`]: '{',
      [`${V3}/felixconfigurations/default`]: '{',
      [`${V3}/clusterinformations/default`]: '{"spec":{"datastoreReady":false}}',
      [`${V3}/blockaffinities/a-10-65-0-0-26`]:
        '{"spec":{"cidr":"10.65.0.0/26","node":"a","state":"confirmed"}}',
      [`${IPAM}/assignment/ipv4/block/10.65.0.0-26`]: '{',
      [`${IPAM}/handle/x`]: '{',
      [`${IPAM}/host/a`]: '{}',
    };
    expect(resolve({ raw })).toMatchObject({ problems: [], blocks: [], peers: [] });
  });
});

describe('§1.10, §3.2 own blocks', () => {
  it.each<[string, string, object]>([
    [
      'confirmed',
      '{"state":"confirmed","deleted":false}',
      { state: 'confirmed', aggregated: true, blackhole: true },
    ],
    ['pending', '{"state":"pending"}', { state: 'pending', aggregated: false, blackhole: false }],
    [
      'pendingDeletion',
      '{"state":"pendingDeletion"}',
      { state: 'pendingDeletion', aggregated: false, blackhole: true },
    ],
    ['an empty state', '{"state":""}', { state: 'confirmed', aggregated: true, blackhole: true }],
    ['no state', '{}', { state: 'confirmed', aggregated: true, blackhole: true }],
    ['an empty value', '', { state: 'confirmed', aggregated: true, blackhole: true }],
  ])('%s', (_, text, expected) => {
    const raw = {
      [`${IPAM}/host/a/ipv4/block/10.65.0.64-26`]: text,
      [`${IPAM}/host/a/ipv6/block/fd00:65::40-122`]: text,
    };
    expect(resolve({ raw }).blocks).toEqual([
      { cidr: '10.65.0.64/26', ...expected },
      { cidr: 'fd00:65::40/122', ...expected },
    ]);
  });

  it('a block of one address is an aggregate of itself, and has no blackhole', () => {
    const blocks = { a: { '10.65.0.1/32': 'confirmed', 'fd00:65::1/128': 'pendingDeletion' } };
    expect(resolve({ blocks }).blocks).toEqual([
      { cidr: '10.65.0.1/32', state: 'confirmed', aggregated: true, blackhole: false },
      { cidr: 'fd00:65::1/128', state: 'pendingDeletion', aggregated: false, blackhole: false },
    ]);
  });

  it('blocks of other hosts and virtual ones are nothing to this one', () => {
    const raw = { [`${IPAM}/virtual/load-balancer/ipv4/block/10.70.0.0-26`]: '{"state":"confirmed"}' };
    expect(resolve({ raw, blocks: { ab: { '10.65.0.0/26': 'confirmed' } } }).blocks).toEqual([]);
  });

  it('come in the order of their addresses', () => {
    const blocks = {
      a: { '10.65.0.128/26': 'confirmed', '10.65.0.64/26': 'confirmed', '9.0.0.0/26': 'confirmed' },
    };
    expect(resolve({ blocks }).blocks.map(({ cidr }) => cidr)).toEqual([
      '9.0.0.0/26',
      '10.65.0.64/26',
      '10.65.0.128/26',
    ]);
  });

  it('one that is wrong is told, and hides no other', () => {
    const raw = {
      [`${IPAM}/host/a/ipv4/block/10.65.0.0-26`]: '{"state":"odd"}',
      [`${IPAM}/host/a/ipv4/block/10.65.0.65-26`]: '{"state":"confirmed"}',
      [`${IPAM}/host/a/ipv4/block/10.65.0.128-26`]: '{"state":"confirmed"}',
    };
    const found = resolve({ raw });
    expect(found.blocks.map(({ cidr }) => cidr)).toEqual(['10.65.0.128/26']);
    expect(found.problems.map(({ resource, field }) => `${resource} ${field}`)).toEqual([
      'BlockAffinity/10.65.0.0/26 state',
      'BlockAffinity/10.65.0.65/26 cidr',
    ]);
  });
});

describe('§1.6, §3.4 pools and export', () => {
  it('disabled, manual and tunnelled pools and those for other nodes may be told; disableBGPExport alone may not', () => {
    const pools = {
      disabled: { cidr: '10.1.0.0/16', disabled: true },
      manual: { cidr: '10.2.0.0/16', assignmentMode: 'Manual' },
      ipip: { cidr: '10.3.0.0/16', ipipMode: 'Always' },
      vxlan: { cidr: '10.4.0.0/16', vxlanMode: 'CrossSubnet' },
      others: { cidr: '10.5.0.0/16', nodeSelector: "rack == 'none'" },
      secret: { cidr: '10.6.0.0/16', disableBGPExport: true },
      six: { cidr: 'fd00:65::/112', natOutgoing: true, blockSize: 122, allowedUses: ['Workload', 'Tunnel'] },
      hidden: { cidr: 'fd00:66::/112', disableBGPExport: true },
    };
    expect(resolve({ pools })).toMatchObject({
      problems: [],
      export: {
        acceptPools: [
          '10.1.0.0/16',
          '10.2.0.0/16',
          '10.3.0.0/16',
          '10.4.0.0/16',
          '10.5.0.0/16',
          'fd00:65::/112',
        ],
        rejectPools: ['10.6.0.0/16', 'fd00:66::/112'],
      },
    });
  });

  it('of two pools with one CIDR the first by name counts', () => {
    const pools = {
      b: { cidr: '10.65.0.0/16', disableBGPExport: true },
      a: { cidr: '10.65.0.0/16' },
    };
    expect(resolve({ pools }).export).toMatchObject({ acceptPools: ['10.65.0.0/16'], rejectPools: [] });
  });
});

describe('§3.5 route priorities', () => {
  it.each<[object | undefined, object]>([
    [undefined, { v4: 1024, v6: 1024 }],
    [{ ipv4NormalRoutePriority: 2000 }, { v4: 2000, v6: 1024 }],
    [{ ipv6NormalRoutePriority: 2147483646 }, { v4: 1024, v6: 2147483646 }],
    [{ ipv4NormalRoutePriority: 0 }, { v4: 1024, v6: 1024 }],
  ])('%j', (config, expected) => {
    expect(resolve(config ? { config } : {}).kernel.normalPriority).toEqual(expected);
  });

  it('own routes have the LOCAL_PREF that the metric gives', () => {
    const blocks = { a: { '10.65.0.0/26': 'confirmed', 'fd00:65::/122': 'confirmed' } };
    const { originated } = stateOf({ nodes: NODES, blocks, config: { ipv6NormalRoutePriority: 512 } }, 'a');
    expect(originated.map(({ attributes }) => attributes.localPref)).toEqual([2147482623, 2147483135]);
  });
});

describe('§3.6 communities', () => {
  const communities = [
    { name: 'blue', value: '64512:300' },
    { name: 'big', value: '64512:300:7' },
  ];
  const DEFAULT = {
    communities,
    prefixAdvertisements: [{ cidr: '10.65.0.0/20', communities: ['blue', '64512:120', 'big', '64512:300'] }],
  };

  it.each<[string, object, object | undefined, object[]]>([
    [
      'names and values, sorted, without doubles',
      DEFAULT,
      undefined,
      [{ cidr: '10.65.0.0/20', add: ['64512:120', '64512:300', '64512:300:7'] }],
    ],
    [
      'node.<me> replaces the list',
      DEFAULT,
      { prefixAdvertisements: [{ cidr: '10.66.0.0/16', communities: ['1:2'] }] },
      [{ cidr: '10.66.0.0/16', add: ['1:2'] }],
    ],
    ['also when it is empty', DEFAULT, { prefixAdvertisements: [] }, []],
    [
      'also when it is for the other family alone',
      DEFAULT,
      { prefixAdvertisements: [{ cidr: 'fd00::/64', communities: ['1:2'] }] },
      [{ cidr: 'fd00::/64', add: ['1:2'] }],
    ],
    [
      'not when it has none',
      DEFAULT,
      { listenPort: 1790 },
      [{ cidr: '10.65.0.0/20', add: ['64512:120', '64512:300', '64512:300:7'] }],
    ],
    [
      'an unknown name is dropped',
      { prefixAdvertisements: [{ cidr: '10.65.0.0/20', communities: ['red', '1:2'] }] },
      undefined,
      [{ cidr: '10.65.0.0/20', add: ['1:2'] }],
    ],
    [
      'names are those of the same object',
      DEFAULT,
      { prefixAdvertisements: [{ cidr: '10.66.0.0/16', communities: ['blue', '1:2'] }] },
      [{ cidr: '10.66.0.0/16', add: ['1:2'] }],
    ],
    [
      'all entries, by CIDR',
      {
        prefixAdvertisements: [
          { cidr: '10.65.8.0/24', communities: ['1:3'] },
          { cidr: '10.65.0.0/20', communities: ['1:2'] },
        ],
      },
      undefined,
      [
        { cidr: '10.65.0.0/20', add: ['1:2'] },
        { cidr: '10.65.8.0/24', add: ['1:3'] },
      ],
    ],
  ])('%s', (_, config, own, expected) => {
    const configs: Record<string, object> = own ? { 'node.a': own } : {};
    expect(resolve({ config, configs }).export.communities).toEqual(expected);
  });
});

describe('§3.7 what this node programs', () => {
  const pools = {
    plain: { cidr: '10.1.0.0/16' },
    always: { cidr: '10.2.0.0/16', ipipMode: 'Always' },
    cross: { cidr: '10.3.0.0/16', ipipMode: 'CrossSubnet' },
    vxlan: { cidr: '10.4.0.0/16', vxlanMode: 'Always' },
    crossvxlan: { cidr: '10.5.0.0/16', vxlanMode: 'CrossSubnet' },
    six: { cidr: 'fd00:65::/112' },
    sixvxlan: { cidr: 'fd00:66::/112', vxlanMode: 'Always' },
  };
  const programmed = (config?: object, nodes: TestCluster['nodes'] = NODES) =>
    resolve({ pools, nodes, ...(config && { config }) }).kernel.pools.map(
      ({ cidr, program, tunnel, tunnelUnlessNextHopIn }) =>
        [cidr, program ? (tunnel ?? 'plain') : 'no', tunnelUnlessNextHopIn].filter(Boolean).join(' '),
    );
  const NO_V4 = ['fd00:65::/112 plain', 'fd00:66::/112 no'];

  it.each<[string | undefined, string[]]>([
    [
      undefined,
      ['10.1.0.0/16 plain', '10.2.0.0/16 no', '10.3.0.0/16 no', '10.4.0.0/16 no', '10.5.0.0/16 no', ...NO_V4],
    ],
    [
      'EnabledNoEncapOnly',
      ['10.1.0.0/16 plain', '10.2.0.0/16 no', '10.3.0.0/16 no', '10.4.0.0/16 no', '10.5.0.0/16 no', ...NO_V4],
    ],
    [
      'EnabledIPIPOnly',
      [
        '10.1.0.0/16 no',
        '10.2.0.0/16 tunl0',
        '10.3.0.0/16 tunl0 10.0.0.0/24',
        '10.4.0.0/16 no',
        '10.5.0.0/16 no',
        'fd00:65::/112 no',
        'fd00:66::/112 no',
      ],
    ],
    [
      'Enabled',
      [
        '10.1.0.0/16 plain',
        '10.2.0.0/16 tunl0',
        '10.3.0.0/16 tunl0 10.0.0.0/24',
        '10.4.0.0/16 no',
        '10.5.0.0/16 no',
        ...NO_V4,
      ],
    ],
    [
      'Disabled',
      [
        '10.1.0.0/16 no',
        '10.2.0.0/16 no',
        '10.3.0.0/16 no',
        '10.4.0.0/16 no',
        '10.5.0.0/16 no',
        'fd00:65::/112 no',
        'fd00:66::/112 no',
      ],
    ],
    [
      'Other',
      ['10.1.0.0/16 plain', '10.2.0.0/16 no', '10.3.0.0/16 no', '10.4.0.0/16 no', '10.5.0.0/16 no', ...NO_V4],
    ],
  ])('programClusterRoutes %s', (programClusterRoutes, expected) => {
    expect(programmed(programClusterRoutes === undefined ? undefined : { programClusterRoutes })).toEqual(
      expected,
    );
  });

  it('without an IPv4 network of this node there are no IPv4 pool statements', () => {
    expect(programmed({ programClusterRoutes: 'Enabled' }, { a: { v6: 'fd00::1/64' } })).toEqual(NO_V4);
  });

  it('a bare address is a network of one', () => {
    expect(programmed({ programClusterRoutes: 'Enabled' }, { a: { v4: '10.0.0.1' } })).toContain(
      '10.3.0.0/16 tunl0 10.0.0.1/32',
    );
  });
});

describe('§3.1, §3.9 the rest of BGPConfiguration', () => {
  it('ignoredInterfaces, sorted; one that is no pattern is told', () => {
    const found = resolve({ config: { ignoredInterfaces: ['eth9', 'docker*', '*', 'a b'] } });
    expect(found.ignoredInterfaces).toEqual(['docker*', 'eth9']);
    expect(found.problems.map(({ field }) => field)).toEqual([
      'spec.ignoredInterfaces[2]',
      'spec.ignoredInterfaces[3]',
    ]);
  });

  it('Kubernetes services are accepted and ignored', () => {
    const config = {
      serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
      serviceExternalIPs: [{ cidr: '192.0.2.0/24' }],
      serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }],
      serviceLoadBalancerAggregation: 'Disabled',
    };
    expect(resolve({ config })).toMatchObject({ problems: [], export: { acceptPools: [], rejectPools: [] } });
  });

  it('an object with another name is ignored, with a warning (§1.3)', () => {
    expect(resolve({ configs: { other: { asNumber: 64999 } } })).toMatchObject({
      asNumber: 64512,
      problems: [{ resource: 'BGPConfiguration/other', field: 'metadata.name' }],
    });
  });
});

describe('§2.9 the log level', () => {
  it.each<[string, object | undefined, object | undefined]>([
    ['info', undefined, undefined],
    ['debug', { logSeverityScreen: 'Debug' }, undefined],
    ['warn', { logSeverityScreen: 'WARNING' }, { listenPort: 179 }],
    ['error', { logSeverityScreen: 'Debug' }, { logSeverityScreen: 'error' }],
    ['info', { logSeverityScreen: 'Loud' }, undefined],
  ])('is %s with default %j, node.<me> %j', (level, config, own) => {
    const cluster: TestCluster = {
      nodes: NODES,
      ...(config && { config }),
      ...(own && { configs: { 'node.a': own } }),
    };
    expect(stateOf(cluster, 'a').logLevel).toBe(level);
  });
});

describe('§4 BGPFilter', () => {
  it('every field as it was written, import and export of both families in one list', () => {
    const spec = {
      exportV4: [
        {
          cidr: '10.65.0.0/20',
          matchOperator: 'In',
          prefixLength: { min: 26, max: 32 },
          peerType: 'eBGP',
          action: 'Accept',
          operations: [
            { addCommunity: { value: '64512:500' } },
            { prependASPath: { prefix: [64512, 64512] } },
            { setPriority: { value: 512 } },
          ],
        },
        { cidr: '10.66.0.0/16', matchOperator: 'NotIn', action: 'Reject' },
      ],
      importV4: [
        { cidr: '0.0.0.0/0', matchOperator: 'Equal', action: 'Reject' },
        {
          source: 'RemotePeers',
          interface: 'eth*',
          communities: { values: ['65001:666:1'] },
          asPathPrefix: [65001, '1.10'],
          priority: 1024,
          action: 'Reject',
        },
      ],
      importV6: [
        { cidr: 'FD00:0::/64', matchOperator: 'NotEqual', prefixLength: { max: 64 }, action: 'Accept' },
      ],
      exportV6: [{ action: 'Reject' }],
    };
    const found = resolve({ filters: { f: spec } });
    expect(found.problems).toEqual([]);
    expect(found.filters.f).toEqual({
      import: [
        { family: 'v4', action: 'Reject', cidr: '0.0.0.0/0', matchOperator: 'Equal' },
        {
          family: 'v4',
          action: 'Reject',
          source: 'RemotePeers',
          interface: 'eth*',
          communities: { values: ['65001:666:1'] },
          asPathPrefix: [65001, 65546],
          priority: 1024,
        },
        {
          family: 'v6',
          action: 'Accept',
          cidr: 'fd00::/64',
          matchOperator: 'NotEqual',
          prefixLength: { max: 64 },
        },
      ],
      export: [
        {
          family: 'v4',
          action: 'Accept',
          cidr: '10.65.0.0/20',
          matchOperator: 'In',
          prefixLength: { min: 26, max: 32 },
          peerType: 'eBGP',
          operations: [
            { addCommunity: { value: '64512:500' } },
            { prependASPath: { prefix: [64512, 64512] } },
            { setPriority: { value: 512 } },
          ],
        },
        { family: 'v4', action: 'Reject', cidr: '10.66.0.0/16', matchOperator: 'NotIn' },
        { family: 'v6', action: 'Reject' },
      ],
    });
  });

  it('a peer has those of its list that have rules for the direction and the family, in its order', () => {
    const filters = {
      in4: { importV4: [{ action: 'Accept' }] },
      out6: { exportV6: [{ action: 'Reject' }] },
      both: { importV4: [{ action: 'Reject' }], exportV4: [{ action: 'Reject' }] },
      empty: {},
    };
    const names = ['both', 'none', 'in4', 'empty', 'out6'];
    const found = resolve({
      filters,
      peers: {
        x: { peerIP: '192.0.2.1', asNumber: 65001, filters: names },
        y: { peerIP: 'fd00::99', asNumber: 65001, filters: names },
      },
    });
    expect(found.peers).toMatchObject([
      { importFilters: ['both', 'in4'], exportFilters: ['both'] },
      { importFilters: [], exportFilters: ['out6'] },
    ]);
    expect(found.problems.map(({ resource, field }) => `${resource} ${field}`)).toEqual([
      'BGPPeer/x spec.filters[1]',
      'BGPPeer/y spec.filters[1]',
    ]);
  });

  it('the mesh has none', () => {
    const nodes = { ...NODES, b: { v4: '10.0.0.2' } };
    expect(resolve({ nodes, filters: { f: { importV4: [{ action: 'Reject' }] } } }).peers).toMatchObject([
      { importFilters: [], exportFilters: [] },
    ]);
  });
});
