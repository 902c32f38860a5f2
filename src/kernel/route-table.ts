// Routes by prefix, with longest match: what both kernels know of other programs' routes, to keep away from them and to
// see how an address is reached without ours. Small (connected networks, static routes, containers), so plain maps do.

import { type Address, FAMILY, familyOfAddress, type Prefix, prefixOf, zoneOf } from 'bgp-utils';
import { type KernelRoute, type NextHopResolution, sameRoute, shownMetric } from './kernel.ts';

export class RouteTable {
  readonly #routes = new Map<Prefix, KernelRoute[]>();

  clear(): void {
    this.#routes.clear();
  }

  add(route: KernelRoute): void {
    const routes = this.#routes.get(route.prefix);
    if (routes === undefined) this.#routes.set(route.prefix, [route]);
    else if (!routes.some((other) => same(other, route))) routes.push(route);
  }

  /** @returns false when exactly this route is not there. */
  remove(route: KernelRoute): boolean {
    const routes = this.#routes.get(route.prefix) ?? [];
    const index = routes.findIndex((other) => same(other, route));
    if (index < 0) return false;
    routes.splice(index, 1);
    if (routes.length === 0) this.#routes.delete(route.prefix);
    return true;
  }

  at(prefix: Prefix): readonly KernelRoute[] {
    return this.#routes.get(prefix) ?? [];
  }

  /** The one that the kernel tells apart from others by prefix and metric. */
  find(prefix: Prefix, metric: number): KernelRoute | undefined {
    const wanted = shownMetric(prefix, metric);
    return this.#routes.get(prefix)?.find((route) => shownMetric(prefix, route.metric) === wanted);
  }

  /** Removes routes all of whose next hops go through an interface that is gone. */
  dropInterface(name: string): void {
    for (const route of [...this.values()]) {
      if (route.nextHops.length > 0 && route.nextHops.every((hop) => hop.interface === name)) {
        this.remove(route);
      }
    }
  }

  /** The most specific route for an address, on its link where it has one; of several the one with the lowest metric. */
  longestMatch(address: Address): KernelRoute | undefined {
    const zone = zoneOf(address);
    for (let length: number = FAMILY[familyOfAddress(address)].addressBits; length >= 0; length--) {
      const all = this.#routes.get(prefixOf(address, length));
      const routes = zone === undefined ? all : all?.filter((route) => isOnLink(route, zone));
      if (routes !== undefined && routes.length > 0)
        return routes.reduce((a, b) => (b.metric < a.metric ? b : a));
    }
    return undefined;
  }

  *values(): Generator<KernelRoute, void, void> {
    for (const routes of this.#routes.values()) yield* routes;
  }
}

/** A link-local address is nowhere but on its link: no default route leads there. */
const isOnLink = ({ nextHops }: KernelRoute, zone: string): boolean =>
  nextHops.some((hop) => hop.gateway === undefined && hop.interface === zone);

const same = (a: KernelRoute, b: KernelRoute): boolean => a.protocol === b.protocol && sameRoute(a, b);

/** What a route says about an address that it matched. Of an equal-cost set the first next hop counts. */
export function resolutionBy(route: KernelRoute | undefined): NextHopResolution {
  if (route === undefined) return { reachable: false, reason: 'no route' };
  if (route.type !== 'unicast') {
    return { reachable: false, reason: `the route ${route.prefix} discards or refuses packets` };
  }
  const hop = route.nextHops.find((candidate) => candidate.interface !== undefined);
  if (hop?.interface === undefined) {
    return { reachable: false, reason: `the route ${route.prefix} has no interface` };
  }
  return {
    reachable: true,
    gateway: hop.gateway,
    interface: hop.interface,
    metric: route.metric,
    prefix: route.prefix,
  };
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  9: 'ra',
  11: 'zebra',
  12: 'bird',
  16: 'dhcp',
  17: 'calico-bgp-daemon',
  80: 'felix',
  186: 'bgp',
};

/** Why a change is refused when someone else's route holds the prefix and metric. */
export function conflictMessage(route: KernelRoute): string {
  const name = PROTOCOLS[route.protocol];
  const owner = name === undefined ? `protocol ${route.protocol}` : `protocol ${name} (${route.protocol})`;
  const advice =
    route.protocol === 12
      ? "stop BIRD (calico/node's?) and remove its routes: ip route flush proto bird"
      : `remove it, or give it another metric (ip route show ${route.prefix})`;
  return `a route of ${owner} has ${route.prefix} with metric ${route.metric}, and we never change another program's route: ${advice}`;
}
