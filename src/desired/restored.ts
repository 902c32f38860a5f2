// What an earlier run left in the kernel and no peer has told again → routes for the speaker, which keeps those that the datastore confirms
// while nobody is left to ask (fail static). The way back of kernelRoute in kernel.ts. Pure.

import type { Address, Prefix, RestoredRoute } from 'bgp-utils';
import { PRIORITY_SUM } from '../calico/filters.ts';

/** A route of the kernel, as far as this needs it. */
export interface LeftRoute {
  readonly prefix: Prefix;
  readonly type: 'unicast' | 'blackhole' | 'other';
  readonly metric: number;
  readonly nextHops: readonly { readonly gateway: Address | undefined }[];
}

/** Blackholes were for own blocks, and a route without a gateway is none that a peer has told. */
export function restoredRoutes(left: readonly LeftRoute[]): RestoredRoute[] {
  return left.flatMap(({ prefix, type, metric, nextHops }) => {
    const gateways = nextHops.flatMap(({ gateway }) => gateway ?? []);
    if (type !== 'unicast' || gateways.length === 0 || gateways.length < nextHops.length) return [];
    return { prefix, nextHops: gateways, localPref: Math.max(0, PRIORITY_SUM - metric) };
  });
}
