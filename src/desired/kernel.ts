// Which routes go into the kernel, and with what metric (data model 3.5, 3.7): data, and the function that applies it.

import {
  type Address,
  containsAddress,
  containsPrefix,
  FAMILY,
  type ForwardingRoute,
  familyOfPrefix,
  type Prefix,
  prefixOf,
} from 'bgp-utils';
import { PRIORITY_SUM } from '../calico/filters.ts';
import type { ResolvedPeer } from '../calico/peers.ts';
import type { KernelPool, Priorities } from '../calico/routes.ts';

/** Plain data, so that two can be compared. */
export interface KernelPolicy {
  readonly normalPriority: Priorities;
  /** By CIDR; they do not overlap. Empty of IPv4 ones while this node has no IPv4 network. */
  readonly pools: readonly KernelPool[];
  /** All pools and own blocks, those included that are told to nobody: a filter may tell them. */
  readonly workloadRanges: readonly Prefix[];
  /** BGP routes through these are left to WireGuard. */
  readonly wireguardNextHops: readonly Address[];
  /** `reachableBy`: how peers are reached, whatever BGP says. */
  readonly hostRoutes: readonly HostRoute[];
  /** Their networks resolve no next hop; patterns. */
  readonly ignoredInterfaces: readonly string[];
}

export interface HostRoute {
  readonly prefix: Prefix;
  readonly gateway: Address;
}

/** One for each peer that has a gateway (3.1); of two sessions with one address the first says which. */
export function hostRoutes(peers: readonly ResolvedPeer[]): HostRoute[] {
  const routes = new Map<Prefix, HostRoute>();
  for (const { address, family, reachableBy } of peers) {
    const prefix = prefixOf(address, FAMILY[family].addressBits);
    if (reachableBy !== undefined && !routes.has(prefix))
      routes.set(prefix, { prefix, gateway: reachableBy });
  }
  return [...routes.values()];
}

/** Routes that are there whatever the speaker forwards: static, so without a metric. */
export const fixedRoutes = ({ hostRoutes }: KernelPolicy): ReadonlyMap<Prefix, FibRoute> =>
  new Map(
    hostRoutes.map(({ prefix, gateway }) => [prefix, { type: 'unicast', nextHops: [gateway], metric: 0 }]),
  );

/** What the kernel shall have for a prefix. A metric of 0 is the kernel's default, which IPv6 shows as 1024. */
export type FibRoute =
  | {
      readonly type: 'unicast';
      readonly nextHops: readonly Address[];
      /** One a next hop, 1 to 256; missing where all get the same. */
      readonly weights?: readonly number[];
      /** One a next hop: the device through which it is reached, whatever its own route says; missing where none has one. */
      readonly tunnels?: readonly (string | undefined)[];
      readonly metric: number;
    }
  | { readonly type: 'blackhole'; readonly metric: number };

const HIGHEST_METRIC = 0xffff_ffff;

/** @returns undefined for a route that stays out of the kernel: its pool is Felix's to program. */
export function kernelRoute(
  policy: KernelPolicy,
  prefix: Prefix,
  route: ForwardingRoute,
): FibRoute | undefined {
  const pool = policy.pools.find(({ cidr }) => containsPrefix(cidr, prefix));
  if (pool?.program === false) return undefined;
  if (route.type === 'blackhole') return { type: 'blackhole', metric: 0 };
  if (route.nextHops.some((hop) => policy.wireguardNextHops.includes(hop))) return undefined;
  const tunnels = route.nextHops.map((hop) => (pool && !isNative(pool, hop) ? pool.tunnel : undefined));
  return {
    type: 'unicast',
    nextHops: route.nextHops,
    ...(route.weights === undefined ? {} : { weights: route.weights }),
    ...(tunnels.some((tunnel) => tunnel !== undefined) && { tunnels }),
    metric: metricOf(route.localPref, prefix),
  };
}

/**
 * CrossSubnet: a next hop in our own network needs no tunnel. Each of several next hops is looked at by itself; BIRD leaves the
 * tunnel away from all of them, and sends packets of containers where nobody routes them.
 */
const isNative = ({ tunnelUnlessNextHopIn }: KernelPool, hop: Address): boolean =>
  tunnelUnlessNextHopIn !== undefined && containsAddress(tunnelUnlessNextHopIn, hop);

/** M − LOCAL_PREF, 3.5. LOCAL_PREF is any 32-bit number, so it is kept inside what the kernel takes, and off its default 0. */
function metricOf(localPref: number, prefix: Prefix): number {
  const metric = PRIORITY_SUM - localPref;
  const lowest = familyOfPrefix(prefix) === 'ipv4' ? 0 : 1;
  return Math.min(Math.max(metric, lowest), HIGHEST_METRIC);
}
