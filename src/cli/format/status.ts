// The node at a glance, and how far a drain is.

import type { DrainAnswer, StatusAnswer } from '../../control/schema.ts';
import { type Cell, properties, type Terminal } from './table.ts';
import { count, formatAge, hostPort, kernelLine, orDash } from './words.ts';

export function formatStatus(status: StatusAnswer, terminal: Terminal): string {
  const { control, datastore, drain, kernel, originCheck, peers, routes } = status;
  const held = status.failStatic.routes.ipv4 + status.failStatic.routes.ipv6;
  const identity =
    status.asNumber === null
      ? status.node
      : `${status.node}, AS ${status.asNumber}, identifier ${orDash(status.routerId)}`;
  const states: Readonly<Record<typeof datastore.state, string>> = {
    connecting: 'connecting',
    'in-sync': 'in sync',
    disconnected: 'not reachable',
  };
  const at = datastore.revision === null ? '' : ` at revision ${datastore.revision}`;
  const family = (name: 'ipv4' | 'ipv6', title: string) =>
    `${title} ${count(routes[name].prefixes, 'prefix').replace('prefixs', 'prefixes')}, ${routes[name].local} own, ${count(routes[name].paths, 'path')}`;
  const healthColour = { ok: 'green', degraded: 'yellow', down: 'red' } as const;
  return properties(
    [
      ['Node', identity],
      ['Health', { text: status.health, colour: healthColour[status.health] }],
      ...(status.reasons.length > 0 ? [['', status.reasons] as const] : []),
      ['Daemon', `${status.version}, pid ${status.pid}, up ${formatAge(status.uptimeSeconds)}`],
      [
        'Listening',
        status.listening.length === 0
          ? 'no BGP listener'
          : status.listening
              .map(
                ({ address, port, error }) => hostPort(address, port) + (error === null ? '' : ' (failed)'),
              )
              .join(', '),
      ],
      ['Control', `${control.path}, HTTP ${control.http ?? (control.httpError === null ? 'off' : 'failed')}`],
      [
        'Datastore',
        `${datastore.type} ${datastore.endpoints.join(', ')}: ${states[datastore.state]}${datastore.kept === null ? '' : `, picture of ${datastore.kept.savedAt}`}${at} for ${formatAge(datastore.stateSeconds)}`,
      ],
      ['Peers', `${peers.established} of ${peers.configured} established`],
      ['Routes', [family('ipv4', 'IPv4'), family('ipv6', 'IPv6')]],
      ['Kernel', kernelLine(kernel)],
      ...(originCheck.mode === 'off'
        ? []
        : [
            [
              'Origins',
              `${originCheck.valid} valid, ${originCheck.unknown} unknown, ${originCheck.invalid} invalid (${originCheck.mode})`,
            ] as const,
          ]),
      ...(held === 0
        ? []
        : [
            [
              'Fail static',
              { text: `${count(held, 'route')} in use that nobody is left to tell`, colour: 'yellow' },
            ] as const,
          ]),
      ...(drain.since === null ? [] : [['Drain', drainCell(drain)] as const]),
      ['Problems', status.problems === 0 ? 'none' : `${status.problems}; "mesos-bgp resolve" lists them`],
    ],
    terminal,
  );
}

const drainCell = ({ state, since }: DrainAnswer): Cell => ({
  text: since === null ? state : `${state}, asked for at ${since}`,
  colour: state === 'off' ? undefined : 'yellow',
});

/** How far it is; a line for each of some peers that have not been sent all. */
export const formatDrain = (drain: DrainAnswer, terminal: Terminal): string => {
  const { waitingFor } = drain;
  const shown = waitingFor.slice(0, 10);
  const more = waitingFor.length - shown.length;
  return properties(
    [
      ['Drain', drainCell(drain)],
      ...(shown.length === 0
        ? []
        : [['Waits for', more === 0 ? shown : [...shown, `and ${more} more`]] as const]),
    ],
    terminal,
  );
};
