import { stateOf, type TestCluster } from '../../support/calico.ts';

const cluster = (spec: object, range: string): TestCluster => ({
  nodes: { a: { v4: '10.0.0.1' } },
  config: { nodeToNodeMeshEnabled: false },
  peers: { p: spec },
  annotations: { 'BGPPeer/p': { 'mesos-bgp/peer-range': range } },
});

describe('a BGPPeer with the annotation mesos-bgp/peer-range', () => {
  it('is a passive template for any peer of the AS number from there', () => {
    const state = stateOf(cluster({ asNumber: 65001 }, '10.1.0.0/16'), 'a');
    expect(state.resolution.problems).toEqual([]);
    expect(state.peers).toMatchObject([
      { peer: '10.1.0.0/16', range: '10.1.0.0/16', remoteAs: 65001, passive: true, heldBack: undefined },
    ]);
    expect(state.resolution.peers).toMatchObject([{ address: '10.1.0.0/16', resource: 'BGPPeer/p' }]);
  });

  it.each([
    [
      'a value that is no CIDR',
      { asNumber: 65001 },
      '10.1.0.0',
      'metadata.annotations[mesos-bgp/peer-range]',
    ],
    ['no AS number', {}, '10.1.0.0/16', 'spec.asNumber'],
    ['a peerIP beside it', { asNumber: 65001, peerIP: '10.0.0.9' }, '10.1.0.0/16', 'spec.peerIP'],
  ])('%s is refused, and told', (_name, spec, range, field) => {
    const state = stateOf(cluster(spec, range), 'a');
    expect(state.peers).toEqual([]);
    expect(state.resolution.problems).toMatchObject([{ resource: 'BGPPeer/p', field }]);
  });
});
