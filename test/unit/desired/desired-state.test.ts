import { hashedIdentifier } from '../../../src/desired/desired-state.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const A = { v4: '10.0.0.1/24', v6: 'fd00::1/64' };
const B = { v4: '10.0.0.2/24', v6: 'fd00::2/64' };

describe('the desired state of a node', () => {
  const cluster: TestCluster = {
    nodes: { 'host-1': A, 'host-2': B },
    pools: { p: { cidr: '10.65.0.0/16' }, p6: { cidr: 'fd00:65::/112' } },
    blocks: { 'host-1': { '10.65.0.0/26': 'confirmed', 'fd00:65::/122': 'confirmed' } },
  };

  it('is what `resolve -o json` prints, field by field in its order', () => {
    const { resolution } = stateOf(
      {
        nodes: { 'host-1': { v4: '10.0.0.1/24' }, 'host-2': { v4: '10.0.0.2/24' } },
        config: { prefixAdvertisements: [{ cidr: '10.65.0.0/16', communities: ['64512:100'] }] },
        pools: { p: { cidr: '10.65.0.0/16' } },
        blocks: { 'host-1': { '10.65.0.0/26': 'confirmed' } },
        peers: {
          'tor-a': { peerIP: '10.0.0.254', filters: ['tor-import'] },
          ok: { peerIP: '10.0.0.253', asNumber: 65001, filters: ['tor-import'] },
        },
        filters: {
          'tor-import': { importV4: [{ action: 'Accept', cidr: '10.65.0.0/16', matchOperator: 'In' }] },
          unused: {},
        },
      },
      'host-1',
    );
    expect(JSON.stringify(resolution, null, 1)).toBe(
      JSON.stringify(
        {
          node: 'host-1',
          revision: '7',
          asNumber: 64512,
          routerId: '10.0.0.1',
          clusterId: null,
          listen: { v4: { address: null, port: 179 }, v6: null },
          problems: [
            {
              resource: 'BGPPeer/tor-a',
              field: 'spec.asNumber',
              message: 'is missing, and no Node has the address 10.0.0.254 to take it from: set it',
            },
          ],
          peers: [
            {
              address: '10.0.0.2',
              port: 179,
              family: 'v4',
              type: 'mesh',
              resource: 'Node/host-2',
              asNumber: 64512,
              localAsNumber: 64512,
              passive: true,
              sourceAddress: '10.0.0.1',
              routeReflectorClient: false,
              clusterId: null,
              nextHop: 'auto',
              multihop: 64,
              ttlSecurityHops: null,
              gracefulRestartSeconds: 120,
              keepaliveSeconds: null,
              password: 'none',
              allowLocalAs: 0,
              reachableBy: null,
              importFilters: [],
              exportFilters: [],
            },
            {
              address: '10.0.0.253',
              port: 179,
              family: 'v4',
              type: 'global',
              resource: 'BGPPeer/ok',
              asNumber: 65001,
              localAsNumber: 64512,
              passive: false,
              sourceAddress: '10.0.0.1',
              routeReflectorClient: false,
              clusterId: null,
              nextHop: 'auto',
              multihop: 64,
              ttlSecurityHops: null,
              gracefulRestartSeconds: 120,
              keepaliveSeconds: null,
              password: 'none',
              allowLocalAs: 0,
              reachableBy: null,
              importFilters: ['tor-import'],
              exportFilters: [],
            },
          ],
          blocks: [{ cidr: '10.65.0.0/26', state: 'confirmed', aggregated: true, blackhole: true }],
          export: {
            acceptPools: ['10.65.0.0/16'],
            rejectPools: [],
            communities: [{ cidr: '10.65.0.0/16', add: ['64512:100'] }],
          },
          kernel: {
            normalPriority: { v4: 1024, v6: 1024 },
            pools: [{ cidr: '10.65.0.0/16', program: true, tunnel: null, tunnelUnlessNextHopIn: null }],
          },
          ignoredInterfaces: [],
          filters: {
            'tor-import': {
              import: [{ family: 'v4', action: 'Accept', cidr: '10.65.0.0/16', matchOperator: 'In' }],
              export: [],
            },
            unused: { import: [], export: [] },
          },
        },
        null,
        1,
      ),
    );
  });

  it('has a peer configuration for each session, one family each, and no shared secrets in it', () => {
    const { peers, speaker, originated, kernel } = stateOf(cluster, 'host-1');
    expect(speaker).toEqual({
      asNumber: 64512,
      bgpIdentifier: '10.0.0.1',
      clusterId: undefined,
      restarting: false,
      maxPaths: 16,
      originCheck: expect.objectContaining({ enforce: false }),
      deferralSeconds: 10,
      failStatic: true,
    });
    expect(peers.map((peer) => [peer.peer, peer.families, peer.localAddress])).toEqual([
      ['10.0.0.2', ['ipv4'], '10.0.0.1'],
      ['fd00::2', ['ipv6'], 'fd00::1'],
    ]);
    expect(peers[0]).toMatchObject({
      localAs: 64512,
      remoteAs: 64512,
      passive: true,
      holdTimeSeconds: 90,
      keepaliveSeconds: undefined,
      connectRetrySeconds: 5,
      connectRetryMaxSeconds: 60,
      gracefulRestartSeconds: 120,
      heldBack: undefined,
      importPolicy: { terms: [], otherwise: 'accept' },
    });
    expect(originated.map(({ prefix }) => prefix)).toEqual(['10.65.0.0/26', 'fd00:65::/122']);
    expect(kernel).toMatchObject({ normalPriority: { ipv4: 1024, ipv6: 1024 } });
  });
});

describe('a node that cannot take part', () => {
  it.each([
    ['does not exist', {}, '', /there are host-1, host-2/],
    ['has no spec.bgp', { nodes: { x: {} } }, 'spec.bgp', /ipv4Address or ipv6Address/],
    ['has no address', { nodes: { x: { as: 5 } } }, 'spec.bgp', /neither ipv4Address nor ipv6Address/],
    ['has an address that is none', { nodes: { x: { v4: 'oops' } } }, 'spec.bgp', /neither/],
    ['cannot be read', { raw: { '/calico/resources/v3/projectcalico.org/nodes/x': '{' } }, '', /correct it/],
  ])(
    'because it %s: no speaker, no peers, no routes, and the reason',
    (_, more: TestCluster, field, message) => {
      const state = stateOf(
        {
          blocks: { x: { '10.65.0.0/26': '' } },
          ...more,
          nodes: { 'host-1': A, 'host-2': B, ...more.nodes },
        },
        'x',
      );
      expect(state).toMatchObject({
        speaker: undefined,
        peers: [],
        originated: [],
        listen: { v4: null, v6: null },
        resolution: { asNumber: null, routerId: null, peers: [], listen: { v4: null, v6: null } },
      });
      const problems = state.resolution.problems.filter((p) => p.resource === 'Node/x' && p.field === field);
      expect(problems.some((problem) => message.test(problem.message))).toBe(true);
    },
  );

  it('of many nodes that exist it names some', () => {
    const nodes = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`host-${i + 10}`, { v4: `10.0.0.${i + 1}` }]),
    );
    expect(stateOf({ nodes }, 'x').resolution.problems[0]!.message).toContain('host-19 and 20 more');
  });

  it('where there are no nodes at all it says so', () => {
    expect(stateOf({}, 'x').resolution.problems).toMatchObject([
      { message: expect.stringContaining('no nodes at all') },
    ]);
  });
});

describe('the router id (§2.1)', () => {
  it.each([
    ['agent1', '205.80.120.190'],
    ['mesos-agent-1.example.com', '101.38.210.35'],
  ])('hash of %s is %s', (name, expected) => {
    expect(hashedIdentifier(name)).toBe(expected);
  });

  it.each([
    [undefined, '10.0.0.1', 0],
    ['', '10.0.0.1', 0],
    ['hash', hashedIdentifier('a'), 0],
    ['192.0.2.1', '192.0.2.1', 0],
    ['0.0.0.0', '10.0.0.1', 1],
    ['fd00::1', '10.0.0.1', 1],
    ['x', '10.0.0.1', 1],
  ])('setting %j gives %s', (routerId, expected, problems) => {
    const state = stateOf({ nodes: { a: A } }, 'a', { routerId });
    expect(state.speaker?.bgpIdentifier).toBe(expected);
    expect(state.resolution.routerId).toBe(expected);
    expect(state.resolution.problems).toHaveLength(problems);
  });

  it('of a node without IPv4 is a hash, and that is told', () => {
    const state = stateOf({ nodes: { a: { v6: 'fd00::1' } } }, 'a');
    expect(state.speaker?.bgpIdentifier).toBe(hashedIdentifier('a'));
    expect(state.resolution.problems).toMatchObject([{ field: 'spec.bgp.ipv4Address' }]);
    expect(
      stateOf({ nodes: { a: { v6: 'fd00::1' } } }, 'a', { routerId: 'hash' }).resolution.problems,
    ).toEqual([]);
  });
});

describe('listening where an annotation says', () => {
  const none = { address: null, port: 179 };
  it.each([
    ['ipv4', '10.0.0.9', { address: '10.0.0.9', port: 179 }],
    ['ipv4', '*:1790', { address: null, port: 1790 }],
    ['ipv4', '*%eth0', { address: null, port: 179, interface: 'eth0' }],
    ['ipv4', '10.0.0.9%eth0:1790', { address: '10.0.0.9', port: 1790, interface: 'eth0' }],
    ['ipv6', 'fd00::9', { address: 'fd00::9', port: 179 }],
    ['ipv6', '[fd00::9%eth0]:1790', { address: 'fd00::9', port: 1790, interface: 'eth0' }],
    ['ipv6', '[*]:1790', { address: null, port: 1790 }],
  ])('%s: %s', (family, text, place) => {
    const annotations = { 'Node/a': { [`mesos-bgp/listen-${family}`]: text } };
    const { listen, resolution } = stateOf({ nodes: { a: A }, annotations }, 'a');
    expect(resolution.problems).toEqual([]);
    expect(listen).toEqual(family === 'ipv4' ? { v4: place, v6: none } : { v4: none, v6: place });
  });

  it.each([
    ['ipv4', 'fd00::9'],
    ['ipv6', '10.0.0.9'],
    ['ipv4', '10.0.0.9:0'],
    ['ipv4', '10.0.0.9:70000'],
    ['ipv4', '*%'],
    ['ipv4', 'eth0'],
  ])('%s: %s is told, and it listens as without', (family, text) => {
    const name = `mesos-bgp/listen-${family}`;
    const { listen, resolution } = stateOf(
      { nodes: { a: A }, annotations: { 'Node/a': { [name]: text } } },
      'a',
    );
    expect(resolution.problems).toMatchObject([{ field: `metadata.annotations[${name}]` }]);
    expect(listen).toEqual({ v4: none, v6: none });
  });
});

describe('listening (§2.1)', () => {
  it.each([
    [{}, {}, { v4: { address: null, port: 179 }, v6: { address: null, port: 179 } }],
    [{ listenPort: 1790 }, {}, { v4: { address: null, port: 1790 }, v6: { address: null, port: 1790 } }],
    [
      { listenPort: 1790 },
      { listenPort: 1791 },
      { v4: { address: null, port: 1791 }, v6: { address: null, port: 1791 } },
    ],
    [
      { bindMode: 'NodeIP' },
      {},
      { v4: { address: '10.0.0.1', port: 179 }, v6: { address: 'fd00::1', port: 179 } },
    ],
  ])('default %j, own %j', (config, own, listen) => {
    expect(stateOf({ nodes: { a: A }, config, configs: { 'node.a': own } }, 'a').listen).toEqual(listen);
  });
});
