import type { DesiredState } from '../../../src/desired/desired-state.ts';
import { guardIsolation } from '../../../src/desired/isolation.ts';
import { type AppliedState, NOTHING_APPLIED, reconcile } from '../../../src/desired/reconcile.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const base: TestCluster = {
  nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' } },
  pools: { p: { cidr: '10.65.0.0/16' } },
  blocks: { a: { '10.65.0.0/26': '' } },
};
const tor = { peerIP: '10.0.0.254', asNumber: 64600 };
const inUse = { routesInUse: true, allowed: false };
const applied = (state: DesiredState): AppliedState => reconcile(state, NOTHING_APPLIED).next;
/** From one cluster to another. */
const guard = (from: TestCluster, to: TestCluster, facts = inUse) => {
  const last = stateOf(from, 'a');
  const guarded = guardIsolation(stateOf(to, 'a'), last, applied(last), facts);
  const inputs = reconcile(guarded.state, applied(last)).inputs.map(({ type }) => type);
  return { ...guarded, inputs };
};

describe('a change that leaves no peer while routes are in use', () => {
  const noMesh: TestCluster = { ...base, config: { nodeToNodeMeshEnabled: false } };

  it.each<[string, TestCluster, TestCluster]>([
    ['the mesh switched off', base, noMesh],
    ['the last BGPPeer deleted', { ...noMesh, peers: { tor } }, noMesh],
    [
      'a selector that matches this node no more',
      { ...noMesh, peers: { tor: { ...tor, nodeSelector: 'all()' } } },
      { ...noMesh, peers: { tor: { ...tor, nodeSelector: "rack == 'x'" } } },
    ],
    ['all other nodes gone', base, { ...base, nodes: { a: { v4: '10.0.0.1' } } }],
    ['the own Node gone', base, { ...base, nodes: { b: { v4: '10.0.0.2' } } }],
    ['the own Node without an address', base, { ...base, nodes: { ...base.nodes, a: {} } }],
  ])('is held back, and says how to let it pass: %s', (_, from, to) => {
    const { inputs, heldBack } = guard(from, to);
    expect(inputs).toEqual([]);
    expect(heldBack).toMatch(/is held back|that is held back/);
    expect(heldBack).toContain('--allow-isolated');
  });

  it('lets all else of the state pass', () => {
    const { inputs, state } = guard(base, {
      ...noMesh,
      blocks: { a: { '10.65.0.0/26': '', '10.65.1.0/26': '' } },
    });
    expect(inputs).toEqual(['Originate']);
    expect(state.resolution.peers).toEqual([]); // what is wanted is shown as it is
  });

  it.each([
    ['it is allowed', { routesInUse: true, allowed: true }],
    ['no routes are in use', { routesInUse: false, allowed: false }],
  ])('passes where %s', (_, facts) => {
    expect(guard(base, noMesh, facts)).toMatchObject({ heldBack: undefined, inputs: ['RemovePeer'] });
  });

  it('is no such change where a peer is left, or others come in their place', () => {
    expect(guard(base, { ...noMesh, peers: { tor } })).toMatchObject({
      heldBack: undefined,
      inputs: ['RemovePeer', 'AddPeer'],
    });
  });

  it('is none at the start, nor where there was no peer before', () => {
    const state = stateOf(noMesh, 'a');
    expect(guardIsolation(state, undefined, NOTHING_APPLIED, inUse)).toEqual({ state, heldBack: undefined });
    expect(guard(noMesh, noMesh).heldBack).toBeUndefined();
  });
});
