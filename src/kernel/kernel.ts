// What the daemon needs from the kernel: its own routes, next-hop resolution, and news of what others change. Two
// implementations pass one suite (test/contract/kernel.test.ts): netlink/rtnetlink.ts and memory.ts. What should be in the
// kernel, and when, is decided in fib/.

import { type Address, familyOfPrefix, type Prefix } from 'bgp-utils';

/** `bgp` in /etc/iproute2/rt_protos: marks our routes. */
export const PROTOCOL_BGP = 186;

/** A default the kernel gives IPv6 routes without a metric (IP6_RT_PRIO_USER). */
const IPV6_DEFAULT_METRIC = 1024;

export interface KernelNextHop {
  /** Undefined: the destination is on the link. */
  readonly gateway: Address | undefined;
  /** Name. */
  readonly interface: string | undefined;
  /** 1 or more; a share of the traffic. */
  readonly weight: number;
  /** The gateway counts as on the link, whatever the interface's addresses. */
  readonly onLink: boolean;
}

/**
 * A route of the main table. The kernel tells routes apart by prefix and metric (`routeKey`), so that two of one prefix
 * with unlike metrics stand side by side and the lower one forwards.
 */
export interface KernelRoute {
  readonly prefix: Prefix;
  readonly type: 'unicast' | 'blackhole' | 'other';
  /** 0: the kernel's default, which IPv6 shows as 1024. */
  readonly metric: number;
  readonly nextHops: readonly KernelNextHop[];
  readonly protocol: number;
}

/**
 * `replace` puts our route there, atomically in place of our route with the same prefix and metric. A route of ours with
 * another metric stays: remove it afterwards. `known` only saves time: set it when ours is believed to be there.
 */
export type RouteChange =
  | { readonly type: 'replace'; readonly route: KernelRoute; readonly known?: boolean }
  | { readonly type: 'remove'; readonly route: KernelRoute };

export interface RouteError {
  readonly change: RouteChange;
  readonly errno: number;
  /** `ENETUNREACH`, … */
  readonly name: string;
  /** The kernel's own text where it gives one, and what to do next where we know. */
  readonly message: string;
}

export type NextHopResolution =
  | {
      readonly reachable: true;
      /** Undefined: the address is on the link, and is the gateway itself. */
      readonly gateway: Address | undefined;
      readonly interface: string;
      readonly metric: number;
      /** The route that answered. */
      readonly prefix: Prefix;
    }
  | { readonly reachable: false; readonly reason: string };

/**
 * How an address is reached. `foreign` counts only routes that are not ours, so that a BGP route never makes its own next
 * hop reachable. `own` is the longer match among our routes, if there is one: whether it may serve is fib/'s business,
 * which knows where that route came from.
 */
export interface Resolution {
  readonly foreign: NextHopResolution;
  readonly own: KernelRoute | undefined;
}

export type KernelEvent =
  /** An interface came, went or changed; `up`: it can carry routes. The kernel drops IPv4 routes of a lost one in silence. */
  | { readonly type: 'links'; readonly interface: string; readonly up: boolean }
  | { readonly type: 'addresses'; readonly interface: string }
  /** Someone else changed a route of the main table; with our protocol it is one of ours. */
  | {
      readonly type: 'routes';
      readonly prefix: Prefix;
      readonly metric: number;
      readonly protocol: number;
      readonly change: 'added' | 'removed';
    }
  /** News was lost: look at everything again. */
  | { readonly type: 'overrun' };

export interface Kernel {
  /** Our routes: protocol bgp, main table, both families. Blocks for some 10 ms per 10 000 routes: see `scan`. */
  routes(): readonly KernelRoute[];
  /** Routes of other programs, the kernel's own included: main table, both families, without those by type of service. */
  othersRoutes(): readonly KernelRoute[];
  /**
   * Ours, some hundred a step, so that a caller can do other things in between. Changes made meanwhile may or may not
   * show. The value returned at the end is false when the kernel says that the list may have holes.
   */
  scan(): Generator<readonly KernelRoute[], boolean, void>;
  /**
   * Carries out changes in order, in batches. A failing one does not hold up the others. A route of another protocol is
   * never touched: where one has the prefix and metric, the change fails with EEXIST. Removing an absent route is no error.
   */
  apply(changes: readonly RouteChange[]): readonly RouteError[];
  resolve(address: Address): Resolution;
  /** One listener. Called in a later turn of the event loop than the call that caused it, never from inside a method. */
  watch(listener: (event: KernelEvent) => void): void;
  /** Routes stay. */
  close(): void;
}

/** The kernel's routes cannot be had; the message says why and what to do. */
export class KernelUnavailable {
  constructor(readonly message: string) {}
}

/** The metric that the kernel will show for a route. */
export const shownMetric = (prefix: Prefix, metric: number): number =>
  metric === 0 && familyOfPrefix(prefix) === 'ipv6' ? IPV6_DEFAULT_METRIC : metric;

/** Would the kernel hold them as the same thing? Next hops of an equal-cost set have no order. */
export function sameRoute(a: KernelRoute, b: KernelRoute): boolean {
  if (a.prefix !== b.prefix || a.type !== b.type || a.nextHops.length !== b.nextHops.length) return false;
  if (shownMetric(a.prefix, a.metric) !== shownMetric(b.prefix, b.metric)) return false;
  if (a.nextHops === b.nextHops) return true;
  if (a.nextHops.length === 1) return sameNextHop(a.nextHops[0]!, b.nextHops[0]!, false);
  return a.nextHops.every((x) => b.nextHops.some((y) => sameNextHop(x, y, true)));
}

/** A lone next hop has no weight. */
const sameNextHop = (a: KernelNextHop, b: KernelNextHop, weighted: boolean): boolean =>
  a.gateway === b.gateway &&
  a.interface === b.interface &&
  a.onLink === b.onLink &&
  (!weighted || a.weight === b.weight);
