// Routes of the Loc-RIB and of the kernel.

import type { KernelAnswer, KernelRouteAnswer, RouteAnswer } from '../../control/schema.ts';
import { type Cell, type Colour, type Column, type Terminal, table } from './table.ts';
import { kernelLine, orDash } from './words.ts';

const routeState = (route: RouteAnswer): Cell => {
  const words = [
    route.best ? 'best' : route.multipath ? 'multipath' : 'not best',
    ...(route.valid ? [] : ['invalid']),
    ...(route.stale ? [route.staleReason?.startsWith('fail static') ? 'stale (fail static)' : 'stale'] : []),
    ...(route.originCheck === 'invalid' ? ['wrong origin'] : []),
  ].join(', ');
  return {
    text: route.reason === null || route.best ? words : `${words}: ${route.reason}`,
    colour: route.stale || !route.valid ? 'yellow' : route.best ? 'green' : 'dim',
  };
};

const ROUTE_COLUMNS: readonly Column<RouteAnswer>[] = [
  { title: 'PREFIX', cell: (route) => route.prefix },
  { title: 'SOURCE', cell: (route) => route.source },
  { title: 'NEXT HOP', cell: (route) => route.nextHop ?? (route.source === 'local' ? 'self' : '-') },
  { title: 'LINK LOCAL', wide: true, cell: (route) => orDash(route.nextHopLinkLocal) },
  { title: 'PREF', align: 'right', cell: (route) => orDash(route.localPref) },
  { title: 'MED', align: 'right', cell: (route) => orDash(route.multiExitDisc) },
  { title: 'AS PATH', cell: (route) => orDash(route.asPath) },
  { title: 'ORIGIN', wide: true, cell: (route) => route.origin },
  {
    title: 'COMMUNITIES',
    wide: true,
    cell: (route) => orDash([...route.communities, ...route.largeCommunities].join(' ')),
  },
  { title: 'ORIGINATOR', wide: true, cell: (route) => orDash(route.originatorId) },
  { title: 'CLUSTERS', wide: true, cell: (route) => orDash(route.clusterList.join(' ')) },
  {
    title: 'ORIGIN CHECK',
    wide: true,
    cell: ({ originCheck, originCheckReason }) =>
      originCheck === 'invalid'
        ? { text: `invalid: ${orDash(originCheckReason)}`, colour: 'red' }
        : orDash(originCheck),
  },
  { title: 'STATE', cell: routeState },
];

export const formatRoutes = (routes: readonly RouteAnswer[], terminal: Terminal, wide: boolean): string =>
  table(ROUTE_COLUMNS, routes, terminal, wide);

const KERNEL_COLOUR: Readonly<Record<KernelRouteAnswer['state'], Colour>> = {
  installed: 'green',
  pending: 'yellow',
  adopted: 'yellow',
  unresolved: 'yellow',
  failed: 'red',
};

const KERNEL_COLUMNS: readonly Column<KernelRouteAnswer>[] = [
  { title: 'PREFIX', cell: (route) => route.prefix },
  { title: 'TYPE', cell: (route) => route.type },
  {
    title: 'NEXT HOP',
    cell: (route) =>
      orDash(
        route.nextHops
          .map((hop) => [hop.gateway, hop.interface && `dev ${hop.interface}`].filter(Boolean).join(' '))
          .join(', '),
      ),
  },
  { title: 'METRIC', align: 'right', cell: (route) => orDash(route.metric) },
  { title: 'STATE', cell: (route) => ({ text: route.state, colour: KERNEL_COLOUR[route.state] }) },
  { title: 'ERROR', cell: (route) => route.error ?? '' },
];

/** The routes; when some do not stand, a line before them says so. */
export function formatKernel(kernel: KernelAnswer, terminal: Terminal, wide: boolean): string {
  const routes = table(KERNEL_COLUMNS, kernel.routes, terminal, wide);
  return kernel.inStep ? routes : `${kernelLine(kernel)}\n${routes === '' ? '' : `\n${routes}`}`;
}
