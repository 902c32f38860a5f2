// What the daemon needs from the kernel: its own routes, next-hop objects, next-hop resolution, and news of what others
// change. Two implementations pass one suite (test/contract/kernel.test.ts): netlink/rtnetlink.ts and memory.ts. What should
// be in the kernel, and when, is decided in fib/.

import { type Address, familyOfPrefix, type Prefix } from 'bgp-utils';
import type { RouteBatch } from './batch.ts';

/** `bgp` in /etc/iproute2/rt_protos: marks our routes and next-hop objects. */
export const PROTOCOL_BGP = 186;

/** A default the kernel gives IPv6 routes without a metric (IP6_RT_PRIO_USER). */
export const IPV6_DEFAULT_METRIC = 1024;

export interface KernelNextHop {
  /** Undefined: the destination is on the link. */
  readonly gateway: Address | undefined;
  /** Name. */
  readonly interface: string | undefined;
  /** 1 to 256; a share of the traffic. */
  readonly weight: number;
  /** The gateway counts as on the link, whatever the interface's addresses. */
  readonly onLink: boolean;
}

/** What a route does with a packet. */
export interface Via {
  readonly type: 'unicast' | 'blackhole' | 'other';
  /** With an object: where that leads to, as far as it is known. */
  readonly nextHops: readonly KernelNextHop[];
  /** Number of the next-hop object that the route names in place of next hops of its own. */
  readonly object?: number;
}

/**
 * A route of the main table. The kernel tells routes apart by prefix and metric, so that two of one prefix with unlike
 * metrics stand side by side and the lower one forwards.
 */
export interface KernelRoute extends Via {
  readonly prefix: Prefix;
  /** 0: the kernel's default, which IPv6 shows as 1024. */
  readonly metric: number;
  readonly protocol: number;
}

export interface KernelError {
  readonly errno: number;
  /** `ENETUNREACH`, … */
  readonly name: string;
  /** The kernel's own text where it gives one, and what to do next where we know. */
  readonly message: string;
}

export interface RouteError extends KernelError {
  /** Of the change in its batch. */
  readonly index: number;
}

/**
 * A next hop that routes share (ip-nexthop(8)): changing it changes all of them at once. A group leads to several others.
 * Removing one removes the routes that name it, and takes it out of the groups that do; a group that is left empty goes too. So
 * does an interface that goes down or loses its carrier. The kernel tells nobody which routes went.
 */
export type NextHopObject = { readonly id: number; readonly protocol: number } & (
  | { readonly hop: KernelNextHop; readonly members?: undefined }
  | { readonly members: readonly GroupMember[]; readonly hop?: undefined }
);

export interface GroupMember {
  readonly id: number;
  /** 1 to 256. */
  readonly weight: number;
}

export type ObjectChange =
  /** `create`: only where nobody has the number (EEXIST), else in place of ours. A single one never replaces a group. */
  | { readonly type: 'put'; readonly object: NextHopObject; readonly create: boolean }
  /** Removing an absent one is no error. */
  | { readonly type: 'remove'; readonly id: number };

export interface ObjectKernel {
  /** All programs' objects; undefined: the list was not whole, as where they change meanwhile. */
  list(): readonly NextHopObject[] | undefined;
  /** In order; as `Kernel.apply`. @param done  with an error or undefined for each. */
  apply(changes: readonly ObjectChange[], done: (errors: readonly (KernelError | undefined)[]) => void): void;
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
  readonly own: { readonly prefix: Prefix } | undefined;
}

export type KernelEvent =
  /**
   * An interface came, went or changed; `up`: it can carry packets (administratively up, with a carrier). The kernel drops
   * next-hop objects, and IPv4 routes, of a lost one in silence.
   */
  | { readonly type: 'links'; readonly interface: string; readonly up: boolean }
  | { readonly type: 'addresses'; readonly interface: string }
  /** Someone else changed a route of the main table; with our protocol it is one of ours. */
  | {
      readonly type: 'routes';
      readonly route: KernelRoute;
      readonly change: 'added' | 'removed';
      /** What was there with that prefix and metric is no more. */
      readonly replaces: boolean;
      /** Netlink port of who did it, as a rule the id of its process; 0: the kernel itself. */
      readonly by: number;
    }
  /** Someone else changed a next-hop object. */
  | { readonly type: 'objects'; readonly id: number; readonly by: number }
  /** News was lost: look at everything again. */
  | { readonly type: 'overrun' };

export interface Kernel {
  /** Next-hop objects; where there are none, why. */
  readonly objects: ObjectKernel | string;
  /** Our routes: protocol bgp, main table, both families. For people and tests: `scan` is for programs. */
  routes(): readonly KernelRoute[];
  /** Routes of other programs, the kernel's own included: main table, both families, without those by type of service. */
  othersRoutes(): readonly KernelRoute[];
  /**
   * Ours, some hundred a step, so that a caller can do other things in between; a batch is valid until the next. Changes made
   * meanwhile may or may not show. The value returned at the end is false when the kernel says that the list may have holes.
   */
  scan(): Generator<RouteBatch, boolean, void>;
  /**
   * Carries out changes beside the event loop: the kernel may take its time. A failing one does not hold up the others. A route of
   * another protocol is never touched: where one has the prefix and metric, the change fails with EEXIST. Removing an absent
   * route is no error.
   * @param changes  stay as they are until it is done; until then nothing else is applied, neither routes nor objects.
   * @param done  called in a later turn, with the errors in the order of the batch; not any more after `close`.
   */
  apply(changes: RouteBatch, done: (errors: readonly RouteError[]) => void): void;
  resolve(address: Address): Resolution;
  /** One listener. Called in a later turn of the event loop than the call that caused it, never from inside a method. */
  watch(listener: (event: KernelEvent) => void): void;
  /** Routes stay. What is being applied may still come to be. */
  close(): void;
}

/** The kernel's routes cannot be had; the message says why and what to do. */
export class KernelUnavailable {
  constructor(readonly message: string) {}
}

/** The metric that the kernel will show for a route. */
export const shownMetric = (prefix: Prefix, metric: number): number =>
  metric === 0 && familyOfPrefix(prefix) === 'ipv6' ? IPV6_DEFAULT_METRIC : metric;

/** Would the kernel hold them as the same thing? */
export const sameRoute = (a: KernelRoute, b: KernelRoute): boolean =>
  a.prefix === b.prefix &&
  shownMetric(a.prefix, a.metric) === shownMetric(b.prefix, b.metric) &&
  viaKey(a) === viaKey(b);

/** The same text for what the kernel holds as the same thing. Next hops of an equal-cost set have no order; a lone one no weight. */
export function viaKey({ type, nextHops, object }: Via): string {
  if (type !== 'unicast') return type;
  if (object !== undefined) return `#${object}`;
  const weighted = nextHops.length > 1;
  return nextHops
    .map((hop) => `${hop.gateway} ${hop.interface} ${weighted ? hop.weight : 1} ${hop.onLink}`)
    .sort()
    .join(', ');
}

export const sameNextHop = (a: KernelNextHop, b: KernelNextHop): boolean =>
  a.gateway === b.gateway && a.interface === b.interface && a.onLink === b.onLink;

export function sameObject(a: NextHopObject, b: NextHopObject): boolean {
  if (a.id !== b.id || a.protocol !== b.protocol) return false;
  if (a.hop !== undefined) return b.hop !== undefined && sameNextHop(a.hop, b.hop);
  return b.members !== undefined && sameMembers(a.members, b.members);
}

/** Members of a group have no order. */
export const sameMembers = (a: readonly GroupMember[], b: readonly GroupMember[]): boolean =>
  a.length === b.length && a.every((x) => b.some((y) => x.id === y.id && x.weight === y.weight));
