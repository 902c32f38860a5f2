// What an earlier run left in the kernel, as routes for the speaker, and back.

import { address, prefix } from 'bgp-utils';
import { type LeftRoute, restoredRoutes } from '../../../src/desired/restored.ts';
import { kernelRoute, stateOf } from '../../support/calico.ts';
import { CLUSTER } from '../../support/live-network.ts';

const left = (text: string, changes: Partial<LeftRoute> = {}): LeftRoute => ({
  prefix: prefix(text),
  type: 'unicast',
  metric: 1024,
  nextHops: [{ gateway: address(text.includes(':') ? 'fd00::2' : '10.0.0.2') }],
  ...changes,
});

describe('routes that an earlier run left', () => {
  it.each([
    left('10.66.3.0/26'),
    left('fd00:66::/122'),
    left('10.66.3.0/26', {
      metric: 512,
      nextHops: [{ gateway: address('10.0.0.2') }, { gateway: address('10.0.0.3') }],
    }),
  ])('come out as the kernel has them: %#', (route) => {
    const policy = { ...stateOf(CLUSTER, 'a').kernel, pools: [] };
    const [restored] = restoredRoutes([route]);
    const { nextHops, localPref } = restored!;
    expect(kernelRoute(policy, route.prefix, { type: 'unicast', nextHops, localPref, stale: true })).toEqual({
      type: 'unicast',
      nextHops: route.nextHops.map(({ gateway }) => gateway),
      metric: route.metric,
    });
  });

  it.each([
    ['a blackhole, which was for an own block', left('10.65.1.0/26', { type: 'blackhole', nextHops: [] })],
    ['one without a gateway', left('10.65.1.0/26', { nextHops: [{ gateway: undefined }] })],
    [
      'one that has none for some next hops',
      left('10.65.1.0/26', { nextHops: [{ gateway: undefined }, { gateway: address('10.0.0.2') }] }),
    ],
  ])('leaves out %s', (_name, route) => {
    expect(restoredRoutes([route])).toEqual([]);
  });
});
