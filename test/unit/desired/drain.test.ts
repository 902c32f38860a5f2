import { ACCEPT_ALL, type Policy, prefix, REJECT_ALL, type Term } from 'bgp-utils';
import { drainedPeers, drainedPolicy } from '../../../src/desired/drain.ts';
import { peerConfig } from '../../support/control-source.ts';
import { CLUSTER, LiveNetwork, parsed } from '../../support/live-network.ts';

const GRACEFUL_SHUTDOWN = 0xffff0000;
const MARKS = [
  { type: 'SetLocalPref', value: 0 },
  { type: 'AddCommunities', values: [GRACEFUL_SHUTDOWN] },
];
const term = (changes: Partial<Term>): Term => ({
  name: 'own block',
  match: {},
  actions: [],
  verdict: 'accept',
  ...changes,
});

describe('the policy of a drain', () => {
  it('sets its marks after all that an accepting term sets, and leaves the others as they are', () => {
    const next = term({ actions: [{ type: 'SetLocalPref', value: 7 }], verdict: 'next' });
    const reject = term({ match: { prefixes: [{ prefix: prefix('10.0.0.0/8') }] }, verdict: 'reject' });
    const accept = term({ actions: [{ type: 'SetLocalPref', value: 200 }] });
    const policy: Policy = { terms: [next, reject, accept], otherwise: 'reject' };
    expect(drainedPolicy(policy, 'all').terms).toEqual([
      next,
      reject,
      { ...accept, actions: [...accept.actions, ...MARKS] },
    ]);
  });

  it('marks what is accepted without a term, and lets out nothing that was kept back', () => {
    expect(drainedPolicy(ACCEPT_ALL, 'all')).toMatchObject({
      terms: [{ verdict: 'accept', actions: MARKS }],
      otherwise: 'accept',
    });
    expect(drainedPolicy(REJECT_ALL, 'all')).toEqual(REJECT_ALL);
  });

  it('that is for own routes leaves those alone that others made', () => {
    const both = term({});
    const passedOn = term({ match: { source: 'bgp' } });
    const own = term({ match: { source: 'local' } });
    expect(drainedPolicy({ terms: [both, passedOn, own], otherwise: 'reject' }, 'own').terms).toEqual([
      { ...both, match: { source: 'local' }, actions: MARKS },
      both,
      passedOn,
      { ...own, actions: MARKS },
    ]);
  });

  it('is for all routes where the peer is told this node as the next hop of all, and is shared as before', () => {
    const policy: Policy = { terms: [term({})], otherwise: 'reject' };
    const peer = (changes: object) => peerConfig('10.0.0.2', { exportPolicy: policy, ...changes });
    const [reflected, self, external, kept, again] = drainedPeers([
      peer({}),
      peer({ nextHop: 'self' }),
      peer({ remoteAs: 65001 }),
      peer({ remoteAs: 65001, nextHop: 'keep' }),
      peer({}),
    ]).map(({ exportPolicy }) => exportPolicy);
    expect(reflected!.terms).toHaveLength(2);
    expect(self!.terms).toHaveLength(1);
    expect(external).toBe(self);
    expect(kept).toBe(reflected);
    expect(again).toBe(reflected);
  });
});

describe('a drained node of two that have the same block', () => {
  const block = '10.65.9.0/26';
  const entries = parsed({
    ...CLUSTER,
    blocks: { a: { [block]: 'confirmed' }, b: { [block]: 'confirmed' } },
  });
  const live = new LiveNetwork(entries);
  const before = { c: live.nextHops('c', block), t: live.nextHops('t', block) };

  it('is left by peers in the AS and by external ones, and they come back after it, without a reset or a gap', () => {
    expect(before.c).toContain('a');
    expect(before.t).toContain('a');
    live.drained.add('a');
    const drain = live.change(entries);
    expect(live.nextHops('c', block)).toEqual(['b']);
    expect(live.nextHops('t', block)).not.toContain('a'); // but by b, and by c on its way to b
    const ofA = live.routes('c', block).find(({ source }) => source === '10.0.0.1');
    expect(ofA?.attributes).toMatchObject({ localPref: 0, communities: [GRACEFUL_SHUTDOWN] });
    live.drained.delete('a');
    const undrain = live.change(entries);
    expect({ c: live.nextHops('c', block), t: live.nextHops('t', block) }).toEqual(before);
    for (const { resets, flaps } of [drain, undrain])
      expect({ resets, flaps }).toEqual({ resets: [], flaps: [] });
  });

  it('says nothing more when it is asked for again', () => {
    live.drained.add('a');
    live.change(entries);
    expect(live.change(entries)).toEqual({ resets: [], flaps: [], inputs: 0, updates: 0 });
  });

  it('tells a route that comes during the drain as the last to use', () => {
    const more = parsed({
      ...CLUSTER,
      blocks: { a: { [block]: 'confirmed', '10.65.8.0/26': 'confirmed' }, b: { [block]: 'confirmed' } },
    });
    live.change(more);
    expect(live.routes('c', '10.65.8.0/26')).toMatchObject([{ best: true, attributes: { localPref: 0 } }]);
  });
});
