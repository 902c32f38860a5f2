// From affinities and the annotation to what speakers use, on a small data centre.

import { stateOf } from '../../support/calico.ts';
import { CLUSTER, LiveNetwork, parsed } from '../../support/live-network.ts';

const BLOCK = '10.65.9.0/26';

/** b announces the block by a rule of its own; who holds it is said by the affinities. */
const cluster = (holder: string | undefined, mode?: string) => ({
  ...CLUSTER,
  config: { listenPort: 179 },
  blocks: {
    ...CLUSTER.blocks,
    ...(holder && { [holder]: { ...CLUSTER.blocks?.[holder], [BLOCK]: 'confirmed' } }),
  },
  ...(mode && { annotations: { 'BGPConfiguration/default': { 'mesos-bgp/origin-check': mode } } }),
});

/** As b sees the cluster: it believes that the block is its own. */
const believed = (mode?: string) => parsed(cluster('b', mode));
/** As the others do. */
const others = (holder: string | undefined, mode?: string) => parsed(cluster(holder, mode));

const live = (holder: string | undefined, mode?: string): LiveNetwork =>
  new LiveNetwork(others(holder, mode), undefined, { b: believed(mode) });
const seen = (network: LiveNetwork) =>
  network
    .routes('c', BLOCK)
    .map(({ source, valid, origin, reason }) => ({ source, valid, state: origin?.state, reason }));

describe('the origin check on learned routes', () => {
  it('follows the affinities, and reports by default without any effect', () => {
    const network = live('b');
    expect(seen(network)).toEqual([{ source: '10.0.0.2', valid: true, state: 'valid', reason: undefined }]);
    network.change(others('a'), undefined, { b: believed() });
    const fromB = seen(network).find(({ source }) => source === '10.0.0.2');
    expect(fromB).toMatchObject({ valid: true, state: 'invalid' });
    network.change(others(undefined), undefined, { b: believed() });
    expect(seen(network)).toEqual([{ source: '10.0.0.2', valid: true, state: 'unknown', reason: undefined }]);
  });

  it('enforced it uses no invalid route, says why, and uses it again when the affinity says so', () => {
    const network = live('a', 'enforce');
    expect(network.nextHops('c', BLOCK)).toEqual(['a']);
    expect(seen(network)).toContainEqual({
      source: '10.0.0.2',
      valid: false,
      state: 'invalid',
      reason: `origin check: block ${BLOCK} belongs to a, and the route comes from b`,
    });
    const moved = network.change(others('b', 'enforce'), undefined, { b: believed('enforce') });
    expect([network.nextHops('c', BLOCK), moved.resets]).toEqual([['b'], []]);
  });

  it('goes on and off in place, and is counted', () => {
    const network = live('a', 'enforce');
    const counts = () => network.origins('c');
    expect(counts()).toMatchObject({ invalid: 1 });
    const off = network.change(others('a', 'off'), undefined, { b: believed('off') });
    expect(counts()).toEqual({ valid: 0, unknown: 0, invalid: 0 });
    expect(seen(network)).toContainEqual(expect.objectContaining({ source: '10.0.0.2', valid: true }));
    network.change(others('a', 'enforce'), undefined, { b: believed('enforce') });
    expect(counts()).toMatchObject({ invalid: 1 });
    expect(off.resets).toEqual([]);
  });
});

describe('the annotation mesos-bgp/origin-check', () => {
  const modeOf = (mode?: string, failStatic = 'on') => {
    const { annotations, ...rest } = cluster('a', mode);
    const all = { ...annotations, 'Node/c': { 'mesos-bgp/fail-static': failStatic } };
    return stateOf({ ...rest, annotations: all }, 'c').speaker?.originCheck;
  };

  it('is report unless told, and the others are as they say', () => {
    expect(modeOf()).toMatchObject({ enforce: false });
    expect(modeOf('enforce')).toMatchObject({ enforce: true });
    expect(modeOf('off')).toMatchObject({ silent: true, enforce: false }); // fail static reads it
    expect(modeOf('off', 'off')).toBeUndefined();
    expect(modeOf('maybe')).toMatchObject({ enforce: false });
  });

  it('knows pools, blocks with their holders, and nodes', () => {
    const told = modeOf();
    expect(told?.pools).toEqual(expect.arrayContaining(['10.65.0.0/16', 'fd00:65::/48']));
    expect(told?.blocks).toContainEqual({ prefix: BLOCK, holders: ['a'] });
    expect(told?.nodes).toContainEqual({
      name: 'b',
      addresses: ['10.0.0.2', 'fd00::2'],
      identifier: '10.0.0.2',
      asNumber: 64512,
    });
  });
});
