// Which routes go into the kernel, and with what metric (data model 3.5, 3.7): data, and the function that applies it.

import {
  type Address,
  addressWords,
  containsAddress,
  FAMILY,
  type Family,
  type ForwardingRoute,
  familyOfPrefix,
  maskWord,
  type Prefix,
  type PrefixWords,
  prefixAddress,
  prefixLength,
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

/** The policy, ready to be asked of any number of routes. */
export interface KernelRule {
  /** Index of the pool around a prefix, or -1. Prefixes of one pool are treated alike.                          [hot] */
  poolOf(prefix: PrefixWords): number;
  /** @returns undefined for a route that stays out of the kernel: its pool is Felix's to program. */
  route(pool: number, family: Family, route: ForwardingRoute): FibRoute | undefined;
}

export function kernelRule(policy: KernelPolicy): KernelRule {
  const ranges = policy.pools.map(({ cidr }) => rangeOf(cidr));
  return {
    poolOf: (prefix) => {
      for (let i = 0; i < ranges.length; i++) if (contains(ranges[i]!, prefix)) return i;
      return -1;
    },
    route: (pool, family, route) => {
      const { program, ...how } = policy.pools[pool] ?? OUTSIDE;
      if (!program) return undefined;
      if (route.type === 'blackhole') return { type: 'blackhole', metric: 0 };
      if (route.nextHops.some((hop) => policy.wireguardNextHops.includes(hop))) return undefined;
      const tunnels = route.nextHops.map((hop) => (isNative(how, hop) ? undefined : how.tunnel));
      return {
        type: 'unicast',
        nextHops: route.nextHops,
        ...(route.weights === undefined ? {} : { weights: route.weights }),
        ...(tunnels.some((tunnel) => tunnel !== undefined) && { tunnels }),
        metric: metricOf(route.localPref, family),
      };
    },
  };
}

/** What goes for prefixes that are in no pool. */
const OUTSIDE = { program: true, tunnel: undefined, tunnelUnlessNextHopIn: undefined };

function rangeOf(cidr: Prefix): PrefixWords {
  const [w0, w1, w2, w3] = addressWords(prefixAddress(cidr));
  return { family: familyOfPrefix(cidr), length: prefixLength(cidr), w0, w1, w2, w3 };
}

const contains = (range: PrefixWords, prefix: PrefixWords): boolean =>
  range.family === prefix.family &&
  range.length <= prefix.length &&
  maskWord(prefix.w0, range.length) === range.w0 &&
  (range.length <= 32 ||
    (maskWord(prefix.w1, range.length - 32) === range.w1 &&
      maskWord(prefix.w2, range.length - 64) === range.w2 &&
      maskWord(prefix.w3, range.length - 96) === range.w3));

/**
 * CrossSubnet: a next hop in our own network needs no tunnel. Each of several next hops is looked at by itself; BIRD leaves the
 * tunnel away from all of them, and sends packets of containers where nobody routes them.
 */
const isNative = (
  { tunnelUnlessNextHopIn }: Pick<KernelPool, 'tunnelUnlessNextHopIn'>,
  hop: Address,
): boolean => tunnelUnlessNextHopIn !== undefined && containsAddress(tunnelUnlessNextHopIn, hop);

/** M − LOCAL_PREF, 3.5. LOCAL_PREF is any 32-bit number, so it is kept inside what the kernel takes, and off its default 0. */
function metricOf(localPref: number, family: Family): number {
  const metric = PRIORITY_SUM - localPref;
  const lowest = family === 'ipv4' ? 0 : 1;
  return Math.min(Math.max(metric, lowest), HIGHEST_METRIC);
}
