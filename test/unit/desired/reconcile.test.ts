import type { Input } from 'bgp-utils';
import { type AppliedState, NOTHING_APPLIED, reconcile } from '../../../src/desired/reconcile.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const base: TestCluster = {
  nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' }, c: { v4: '10.0.0.3' } },
  pools: { p: { cidr: '10.65.0.0/16' } },
  blocks: { a: { '10.65.0.0/26': '' } },
};
const desired = (
  cluster: TestCluster,
  secrets: (name: string, key: string) => string | undefined = () => undefined,
) => stateOf(cluster, 'a', { secrets });
const applied = (cluster: TestCluster): AppliedState => reconcile(desired(cluster), NOTHING_APPLIED).next;

const shown = (inputs: readonly Input[]): string[] =>
  inputs.map((input) => {
    switch (input.type) {
      case 'AddPeer':
      case 'ChangePeer':
        return `${input.type} ${input.config.peer}`;
      case 'RemovePeer':
      case 'Clear':
        return `${input.type} ${input.peer}`;
      case 'Originate':
        return `Originate ${input.route.prefix}`;
      case 'WithdrawOriginated':
        return `WithdrawOriginated ${input.prefix}`;
      default:
        return input.type;
    }
  });

describe('reconciliation', () => {
  it('at the start: identity, own routes, then the peers who shall hear of them', () => {
    expect(shown(reconcile(desired(base), NOTHING_APPLIED).inputs)).toEqual([
      'Configure',
      'Originate 10.65.0.0/26',
      'AddPeer 10.0.0.2',
      'AddPeer 10.0.0.3',
    ]);
  });

  it('of what is as it should be says nothing', () => {
    expect(reconcile(desired(base), applied(base)).inputs).toEqual([]);
  });

  it.each<[string, TestCluster, readonly string[]]>([
    [
      'a new block',
      { ...base, blocks: { a: { '10.65.0.0/26': '', '10.65.1.0/26': '' } } },
      ['Configure', 'Originate 10.65.1.0/26', 'ChangePeer 10.0.0.2', 'ChangePeer 10.0.0.3'],
    ],
    [
      'a lost block: withdrawn last',
      { ...base, blocks: {} },
      ['Configure', 'ChangePeer 10.0.0.2', 'ChangePeer 10.0.0.3', 'WithdrawOriginated 10.65.0.0/26'],
    ],
    [
      'a lost node',
      { ...base, nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' } } },
      ['Configure', 'RemovePeer 10.0.0.3'],
    ],
    [
      'a peer at another port: removed before it is added',
      { ...base, configs: { 'node.b': { listenPort: 1790 } } },
      ['RemovePeer 10.0.0.2', 'AddPeer 10.0.0.2:1790'],
    ],
    [
      'another AS number of this node',
      { ...base, nodes: { ...base.nodes, a: { v4: '10.0.0.1', as: 5 } } },
      ['Configure', 'ChangePeer 10.0.0.2', 'ChangePeer 10.0.0.3'],
    ],
    [
      'another AS number of a peer',
      { ...base, nodes: { ...base.nodes, b: { v4: '10.0.0.2', as: 5 } } },
      ['Configure', 'ChangePeer 10.0.0.2'],
    ],
    ['a label', { ...base, nodes: { ...base.nodes, b: { v4: '10.0.0.2', labels: { x: 'y' } } } }, []],
    [
      'the own node gone: peers first, the identity stays',
      { ...base, nodes: { b: { v4: '10.0.0.2' } } },
      ['RemovePeer 10.0.0.2', 'RemovePeer 10.0.0.3', 'WithdrawOriginated 10.65.0.0/26'],
    ],
  ])('%s', (_, cluster, expected) => {
    expect(shown(reconcile(desired(cluster), applied(base)).inputs)).toEqual(expected);
  });

  it('after the own node was gone and came back all is there again', () => {
    const gone = reconcile(desired({ ...base, nodes: {} }), applied(base)).next;
    expect(shown(reconcile(desired(base), gone).inputs)).toEqual([
      'Originate 10.65.0.0/26',
      'AddPeer 10.0.0.2',
      'AddPeer 10.0.0.3',
    ]);
  });

  it('another password resets just the sessions that use it', () => {
    const peers = {
      t: { peerIP: '10.0.0.254', asNumber: 1, password: { secretKeyRef: { name: 's', key: 'k' } } },
    };
    const first = reconcile(
      desired({ ...base, peers }, () => 'one'),
      NOTHING_APPLIED,
    ).next;
    expect(
      reconcile(
        desired({ ...base, peers }, () => 'one'),
        first,
      ).inputs,
    ).toEqual([]);
    const { inputs } = reconcile(
      desired({ ...base, peers }, () => 'two'),
      first,
    );
    expect(shown(inputs)).toEqual(['Clear 10.0.0.254']);
    expect(JSON.stringify(inputs)).not.toContain('two');
  });

  it('a password that is lost and found is told by the peer alone: one reset each', () => {
    const peers = {
      t: { peerIP: '10.0.0.254', asNumber: 1, password: { secretKeyRef: { name: 's', key: 'k' } } },
    };
    const found = reconcile(
      desired({ ...base, peers }, () => 'one'),
      NOTHING_APPLIED,
    ).next;
    const lost = reconcile(desired({ ...base, peers }), found);
    expect(shown(lost.inputs)).toEqual(['ChangePeer 10.0.0.254']);
    expect(lost.inputs).toMatchObject([{ config: { heldBack: 'password s/k is missing' } }]);
    const again = reconcile(
      desired({ ...base, peers }, () => 'two'),
      lost.next,
    );
    expect(shown(again.inputs)).toEqual(['ChangePeer 10.0.0.254']);
  });

  it.each([
    [{ password: { secretKeyRef: { name: 's', key: 'k' } } }, 'the password changed'],
    [{ ttlSecurity: 1 }, 'TTL security changed'],
  ])('says what of the transport changed: %j', (more, text) => {
    const tor = { peerIP: '10.0.0.254', asNumber: 1 };
    const with_ = (peer: object) => desired({ ...base, peers: { t: peer } }, () => 'one');
    const { next } = reconcile(with_(tor), NOTHING_APPLIED);
    expect(reconcile(with_({ ...tor, ...more }), next).inputs).toMatchObject([{ type: 'Clear', text }]);
  });
});
