// The next hops of wanted routes: how each is reached, who uses it, and what a route through them looks like in the kernel.
// Routes through the same lone next hop share one list.                                                          [hot]

import { type Address, withoutZone } from 'bgp-utils';
import type { KernelNextHop, NextHopResolution } from '../kernel/kernel.ts';
import { type FibRoute, nextHopsOf } from './route.ts';

/** What goes into a route for a next hop that is not in `nextHops`. */
const UNKNOWN: NextHopResolution = { reachable: false, reason: 'not looked up yet' };

const NO_ADDRESSES: readonly Address[] = [];
const NO_NEXT_HOPS: readonly KernelNextHop[] = [];

interface NextHop<User> {
  resolution: NextHopResolution;
  /** What a route has that goes through it alone; undefined until asked for, and after a change. */
  lone: readonly KernelNextHop[] | undefined;
  readonly users: Set<User>;
}

/** @typeParam User  whoever has a route through it. */
export class NextHopTable<User> {
  readonly #known = new Map<Address, NextHop<User>>();

  /** A user's route changes. */
  use(user: User, before: FibRoute | undefined, after: FibRoute | undefined): void {
    for (const address of nextHopsOf(before)) this.#known.get(address)?.users.delete(user);
    for (const address of nextHopsOf(after)) {
      const nextHop = this.#known.get(address);
      if (nextHop !== undefined) nextHop.users.add(user);
      else this.#known.set(address, { resolution: UNKNOWN, lone: undefined, users: new Set([user]) });
    }
    for (const address of nextHopsOf(before))
      if (this.#known.get(address)?.users.size === 0) this.#known.delete(address);
  }

  /** @returns those whose routes may look different now. */
  set(address: Address, resolution: NextHopResolution): Iterable<User> {
    const nextHop = this.#known.get(address);
    if (nextHop === undefined || sameForwarding(nextHop.resolution, resolution)) return [];
    nextHop.resolution = resolution;
    nextHop.lone = undefined;
    return nextHop.users;
  }

  has(address: Address): boolean {
    return this.#known.has(address);
  }

  /** It is a neighbour on a link of ours. */
  isOnLink(address: Address): boolean {
    const resolution = this.#known.get(address)?.resolution;
    return resolution?.reachable === true && resolution.gateway === undefined;
  }

  /** Next hops of the route for which nothing was said yet. */
  unknownOf(route: FibRoute | undefined): readonly Address[] {
    let unknown = NO_ADDRESSES;
    for (const address of nextHopsOf(route))
      if (this.#known.get(address)?.resolution === UNKNOWN) unknown = [...unknown, address];
    return unknown;
  }

  /** @returns undefined when none of a unicast route's next hops can be reached. */
  of(wanted: FibRoute): readonly KernelNextHop[] | undefined {
    if (wanted.type === 'blackhole') return NO_NEXT_HOPS;
    const { nextHops, weights, tunnels } = wanted;
    if (nextHops.length !== 1 || weights !== undefined || tunnels !== undefined) return this.#several(wanted);
    const only = this.#known.get(nextHops[0]!);
    if (only === undefined) return undefined;
    only.lone ??= this.#several(wanted);
    return only.lone;
  }

  #several(wanted: FibRoute & { readonly type: 'unicast' }): readonly KernelNextHop[] | undefined {
    const nextHops: KernelNextHop[] = [];
    for (const [i, address] of wanted.nextHops.entries()) {
      const resolution = this.#known.get(address)?.resolution ?? UNKNOWN;
      if (!resolution.reachable) continue;
      const weight = wanted.weights?.[i] ?? 1;
      const tunnel = wanted.tunnels?.[i];
      if (tunnel !== undefined) {
        nextHops.push({ gateway: address, interface: tunnel, weight, onLink: true });
        continue;
      }
      const gateway = resolution.gateway ?? withoutZone(address);
      // Two next hops may lie behind one router.
      if (nextHops.some((hop) => hop.gateway === gateway && hop.interface === resolution.interface)) continue;
      nextHops.push({ gateway, interface: resolution.interface, weight, onLink: false });
    }
    return nextHops.length === 0 ? undefined : nextHops;
  }

  /** @returns undefined for a route that can forward. */
  whyUnresolved(wanted: FibRoute): string | undefined {
    if (this.of(wanted) !== undefined) return undefined;
    const reasons: string[] = [];
    for (const address of nextHopsOf(wanted)) {
      const resolution = this.#known.get(address)?.resolution ?? UNKNOWN;
      if (!resolution.reachable) reasons.push(`next hop ${address}: ${resolution.reason}`);
    }
    return reasons.join('; ') || 'no next hop';
  }
}

/** Does a route through it look the same? The reason counts: it is shown. */
const sameForwarding = (a: NextHopResolution, b: NextHopResolution): boolean =>
  a.reachable
    ? b.reachable && a.gateway === b.gateway && a.interface === b.interface
    : !b.reachable && a.reason === b.reason;
