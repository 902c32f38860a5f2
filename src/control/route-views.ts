// Routes as the control API shows them: of the Loc-RIB, and of the kernel. Pure.

import type { AsPath, NextHop, RouteView } from 'bgp-utils';
import { compareText, type PageRequest, page } from './page.ts';
import type { KernelAnswer, KernelRouteAnswer, KernelSummary, RouteAnswer, RoutesAnswer } from './schema.ts';
import type { KernelFacts, KernelRouteFacts } from './source.ts';

/** @param routes  in any order. @returns by prefix; of one prefix the best first, then by source. */
export function routesView(routes: Iterable<RouteView>, request: PageRequest): RoutesAnswer {
  const rank = (route: RouteView) =>
    (route.best ? 0 : 8) + (route.multipath ? 0 : 4) + (route.valid ? 0 : 2) + (route.stale ? 1 : 0);
  const { entries, next } = page(
    routes,
    request,
    (a, b) => rank(a) - rank(b) || compareText(a.source, b.source),
  );
  return { routes: entries.map(routeView), next };
}

function routeView(route: RouteView): RouteAnswer {
  const { attributes } = route;
  return {
    family: route.family,
    prefix: route.prefix,
    source: route.source,
    best: route.best,
    multipath: route.multipath,
    valid: route.valid,
    stale: route.stale,
    staleReason: route.staleReason ?? null,
    reason: route.reason ?? null,
    originCheck: route.origin?.state ?? null,
    originCheckReason: route.origin?.reason ?? null,
    ...nextHopView(attributes.nextHop),
    origin: (['igp', 'egp', 'incomplete'] as const)[attributes.origin],
    asPath: formatAsPath(attributes.asPath),
    asPathSegments: attributes.asPath,
    localPref: attributes.localPref ?? null,
    multiExitDisc: attributes.multiExitDisc ?? null,
    communities: (attributes.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`),
    largeCommunities: (attributes.largeCommunities ?? []).map((parts) => parts.join(':')),
    extendedCommunities: attributes.extendedCommunities ?? [],
    originatorId: attributes.originatorId ?? null,
    clusterList: attributes.clusterList ?? [],
    atomicAggregate: attributes.atomicAggregate ?? false,
    aggregator: attributes.aggregator ?? null,
    unrecognized: (attributes.unrecognized ?? []).map(({ code, flags, value }) => ({
      code,
      flags,
      value: Array.from(value, (octet) => octet.toString(16).padStart(2, '0')).join(''),
    })),
  };
}

/** A link-local one with its interface, where that is known. */
function nextHopView(nextHop: NextHop | undefined): Pick<RouteAnswer, 'nextHop' | 'nextHopLinkLocal'> {
  const { address, linkLocal, zone } = nextHop ?? {};
  const scope = zone === undefined ? '' : `%${zone}`;
  if (linkLocal !== undefined) return { nextHop: address ?? null, nextHopLinkLocal: `${linkLocal}${scope}` };
  return { nextHop: address === undefined ? null : `${address}${scope}`, nextHopLinkLocal: null };
}

/** Sets in braces, confederation sequences in parentheses, confederation sets in brackets, as other speakers print them. */
export function formatAsPath(path: AsPath): string {
  return path
    .map(({ type, asNumbers }) => {
      switch (type) {
        case 'AS_SEQUENCE':
          return asNumbers.join(' ');
        case 'AS_SET':
          return `{${asNumbers.join(',')}}`;
        case 'AS_CONFED_SEQUENCE':
          return `(${asNumbers.join(' ')})`;
        default:
          return `[${asNumbers.join(',')}]`;
      }
    })
    .join(' ');
}

export const kernelSummary = ({ lastError, ...facts }: KernelFacts): KernelSummary => ({
  ...facts,
  lastError: lastError ?? null,
});

/** @param routes  in any order. */
export function kernelView(
  facts: KernelFacts,
  routes: Iterable<KernelRouteFacts>,
  request: PageRequest,
): KernelAnswer {
  const { entries, next } = page(routes, request, (a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  return { ...kernelSummary(facts), routes: entries.map(kernelRouteView), next };
}

const kernelRouteView = (route: KernelRouteFacts): KernelRouteAnswer => ({
  family: route.family,
  prefix: route.prefix,
  state: route.state,
  type: route.type,
  nextHops: route.nextHops.map((hop) => ({ gateway: hop.gateway ?? null, interface: hop.interface ?? null })),
  metric: route.metric ?? null,
  error: route.error ?? null,
});
