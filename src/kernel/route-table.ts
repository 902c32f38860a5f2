// Routes by prefix, with longest match: what both kernels know of other programs' routes, to keep away from them and to
// see how an address is reached without ours. Small (connected networks, static routes, containers), so plain maps do.

import {
  type Address,
  type Family,
  familyOfAddress,
  familyOfPrefix,
  type Prefix,
  type PrefixId,
  PrefixTable,
  withoutZone,
  zoneOf,
} from 'bgp-utils';
import type { RouteBatch } from './batch.ts';
import { type KernelRoute, type NextHopResolution, sameRoute, shownMetric } from './kernel.ts';

const NO_ROUTES: readonly KernelRoute[] = [];

/** Of one family: routes by the ids of their prefixes, which are held as long as there is one. */
class FamilyTable {
  readonly prefixes: PrefixTable;
  readonly routes: KernelRoute[][] = [];

  constructor(family: Family) {
    this.prefixes = new PrefixTable(family);
  }

  at(id: number): readonly KernelRoute[] {
    return (id < 0 ? undefined : this.routes[id]) ?? NO_ROUTES;
  }
}

export class RouteTable {
  readonly #families = { ipv4: new FamilyTable('ipv4'), ipv6: new FamilyTable('ipv6') };

  add(route: KernelRoute): void {
    const { prefixes, routes } = this.#families[familyOfPrefix(route.prefix)];
    const id = prefixes.addPrefix(route.prefix);
    const there = routes[id];
    if (there === undefined || there.length === 0) {
      routes[id] = [route];
      prefixes.retain(id);
    } else if (!there.some((other) => same(other, route))) there.push(route);
  }

  /** @returns false when exactly this route is not there. */
  remove(route: KernelRoute): boolean {
    const { prefixes, routes } = this.#families[familyOfPrefix(route.prefix)];
    const id = prefixes.findPrefix(route.prefix);
    const there = id < 0 ? undefined : routes[id];
    const index = there?.findIndex((other) => same(other, route)) ?? -1;
    if (there === undefined || index < 0) return false;
    there.splice(index, 1);
    if (there.length === 0) prefixes.release(id);
    return true;
  }

  at(prefix: Prefix): readonly KernelRoute[] {
    const table = this.#families[familyOfPrefix(prefix)];
    return table.at(table.prefixes.findPrefix(prefix));
  }

  /** The one that the kernel tells apart from others by prefix and metric. */
  find(prefix: Prefix, metric: number): KernelRoute | undefined {
    return withMetric(this.at(prefix), shownMetric(prefix, metric));
  }

  /** The same for a route of a batch.                                                                        [hot] */
  findAt(batch: RouteBatch, index: number): KernelRoute | undefined {
    const table = this.#families[batch.family[index] === 0 ? 'ipv4' : 'ipv6'];
    const id = batch.findIn(table.prefixes, index);
    return id < 0 ? undefined : withMetric(table.at(id), batch.metric[index]!);
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
    const table = this.#families[familyOfAddress(address)];
    const zone = zoneOf(address);
    const routesAt = (id: number) =>
      zone === undefined ? table.at(id) : table.at(id).filter((route) => isOnLink(route, zone));
    const id = table.prefixes.longestMatch(
      withoutZone(address),
      (candidate: PrefixId) => routesAt(candidate).length > 0,
    );
    const routes = routesAt(id);
    return routes.length === 0 ? undefined : routes.reduce((a, b) => (b.metric < a.metric ? b : a));
  }

  *values(): Generator<KernelRoute, void, void> {
    for (const { routes } of Object.values(this.#families)) for (const each of routes) yield* each ?? [];
  }
}

/** A link-local address is nowhere but on its link: no default route leads there. */
const isOnLink = ({ nextHops }: KernelRoute, zone: string): boolean =>
  nextHops.some((hop) => hop.gateway === undefined && hop.interface === zone);

const withMetric = (routes: readonly KernelRoute[], shown: number): KernelRoute | undefined =>
  routes.find((route) => shownMetric(route.prefix, route.metric) === shown);

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
