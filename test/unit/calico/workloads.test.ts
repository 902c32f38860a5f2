import { localWorkloads } from '../../../src/calico/workloads.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const file = (fields: object): string =>
  JSON.stringify({ ifaceName: 'cali1', mac: 'ee:ee:ee:ee:ee:ee', ipv4Nets: [], ipv6Nets: [], ...fields });
const read = (files: Readonly<Record<string, string>>) => localWorkloads(new Map(Object.entries(files)));

describe('endpoint status files (§1.17)', () => {
  it('name the BGPPeer; the first network of each family is the address', () => {
    const { workloads, problems } = read({
      'cni default%2Fw2 eth0': file({ bgpPeerName: 'p', ipv6Nets: ['FD00:65::2/128', 'fd00:65::3/128'] }),
      'cni default%2Fw1 eth0': file({ bgpPeerName: 'p', ipv4Nets: ['10.65.0.65/32', '10.65.0.66/32'] }),
    });
    expect(problems).toEqual([]);
    expect(workloads).toEqual([
      { bgpPeerName: 'p', addresses: { ipv4: '10.65.0.65', ipv6: undefined } },
      { bgpPeerName: 'p', addresses: { ipv4: undefined, ipv6: 'fd00:65::2' } },
    ]);
  });

  it.each([
    ['no name', {}],
    ['an empty name', { bgpPeerName: '', ipv4Nets: ['10.65.0.65/32'] }],
    ['null', { bgpPeerName: null, ipv4Nets: ['10.65.0.65/32'] }],
    ['no address', { bgpPeerName: 'p' }],
  ])('with %s mean no peering', (_, fields) => {
    expect(read({ f: file(fields) })).toEqual({ workloads: [], problems: [] });
  });

  it.each([
    ['', ''],
    ['{', ''],
    ['[]', ''],
    [file({ bgpPeerName: 5, ipv4Nets: ['10.65.0.65/32'] }), 'bgpPeerName'],
    [file({ bgpPeerName: 'p', ipv4Nets: ['x'] }), 'ipv4Nets[0]'],
    [file({ bgpPeerName: 'p', ipv4Nets: ['fd00::1/128'] }), 'ipv4Nets[0]'],
    [file({ bgpPeerName: 'p', ipv4Nets: '10.65.0.65/32' }), 'ipv4Nets'],
  ])('%j is told, and hides no other', (text, field) => {
    const { workloads, problems } = read({
      a: text,
      b: file({ bgpPeerName: 'p', ipv4Nets: ['10.65.0.65/32'] }),
    });
    expect(problems).toEqual([{ resource: 'EndpointStatus/a', field, message: expect.any(String) }]);
    expect(workloads).toHaveLength(1);
  });
});

describe('peering with local workloads (§2.7)', () => {
  const cluster: TestCluster = {
    nodes: {
      a: { v4: '10.0.0.1/24', v6: 'fd00::1/64', rr: '1.1.1.1', labels: { rack: 'r1' } },
      b: { v4: '10.0.0.2/24' },
    },
    config: { nodeToNodeMeshEnabled: false },
    peers: {
      w: {
        nodeSelector: "rack == 'r1'",
        localWorkloadSelector: "app == 'router'",
        asNumber: 64512,
        filters: ['f'],
        password: { secretKeyRef: { name: 'x', key: 'y' } },
        maxRestartTime: '5s',
        keepaliveTime: '7s',
        nextHopMode: 'Self',
        ttlSecurity: 2,
        numAllowedLocalASNumbers: 3,
      },
    },
    filters: { f: { importV4: [{ action: 'Accept' }] } },
  };
  const files = new Map([
    ['cni w eth0', file({ bgpPeerName: 'w', ipv4Nets: ['10.65.0.65/32'], ipv6Nets: ['fd00:65::1/128'] })],
    ['cni v eth0', file({ bgpPeerName: 'v', ipv4Nets: ['10.65.0.66/32'] })],
  ]);

  it('makes a passive session for each family, with the filters and nothing else of the BGPPeer', () => {
    const { peers } = stateOf(cluster, 'a', { endpointFiles: () => files }).resolution;
    const settings = {
      ...{ type: 'workload', resource: 'BGPPeer/w', port: 179, asNumber: 64512, localAsNumber: 64512 },
      ...{ passive: true, sourceAddress: null, nextHop: 'auto', multihop: 64, ttlSecurityHops: null },
      ...{ gracefulRestartSeconds: 120, keepaliveSeconds: null, password: 'none', allowLocalAs: 0 },
      // Internal, and this node is a reflector (§2.8).
      ...{ routeReflectorClient: true, clusterId: '1.1.1.1', reachableBy: null, exportFilters: [] },
    };
    expect(peers).toEqual([
      { address: '10.65.0.65', family: 'v4', ...settings, importFilters: ['f'] },
      { address: 'fd00:65::1', family: 'v6', ...settings, importFilters: [] },
    ]);
  });

  it('has localASNumber, and no annotation makes it connect', () => {
    const peers = { w: { localWorkloadSelector: 'all()', asNumber: 65100, localASNumber: 64999 } };
    const annotations = { 'Node/a': { 'mesos-bgp/passive': 'false' } };
    const state = stateOf({ ...cluster, peers, annotations }, 'a', { endpointFiles: () => files });
    expect(state.resolution.peers[0]).toMatchObject({ localAsNumber: 64999, asNumber: 65100, passive: true });
  });

  it('is of the nodes that the BGPPeer names, and has no reverse', () => {
    const state = stateOf(cluster, 'b', { endpointFiles: () => files });
    expect(state.resolution.peers).toEqual([]);
  });

  it('does not look at the files where no BGPPeer asks', () => {
    const endpointFiles = jest.fn(() => files);
    stateOf({ ...cluster, peers: {} }, 'a', { endpointFiles });
    expect(endpointFiles).not.toHaveBeenCalled();
  });
});
