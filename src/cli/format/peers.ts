// Sessions in a table, and one in full.

import type { PeerAnswer } from '../../control/schema.ts';
import { type Cell, type Column, properties, type Terminal, table } from './table.ts';
import { count, formatAge, hostPort, orDash } from './words.ts';

const stateCell = (peer: PeerAnswer): Cell => ({
  text: peer.state,
  colour: peer.state === 'Established' ? 'green' : peer.heldBack === null ? 'yellow' : 'red',
});

const routeSum = (peer: PeerAnswer, field: keyof PeerAnswer['routes']['ipv4']): string =>
  String(peer.routes.ipv4[field] + peer.routes.ipv6[field]);

const PEER_COLUMNS: readonly Column<PeerAnswer>[] = [
  { title: 'PEER', cell: (peer) => peer.peer },
  { title: 'AS', align: 'right', cell: (peer) => String(peer.asNumber) },
  { title: 'LOCAL AS', align: 'right', wide: true, cell: (peer) => String(peer.localAs) },
  { title: 'TYPE', cell: (peer) => orDash(peer.type) },
  { title: 'RESOURCE', wide: true, cell: (peer) => orDash(peer.resource) },
  { title: 'STATE', cell: stateCell },
  { title: 'FOR', align: 'right', cell: (peer) => formatAge(peer.stateSeconds) },
  { title: 'IDENTIFIER', wide: true, cell: (peer) => orDash(peer.remoteIdentifier) },
  { title: 'HOLD', align: 'right', wide: true, cell: (peer) => orDash(peer.holdTimeSeconds) },
  { title: 'FAMILIES', wide: true, cell: (peer) => orDash(peer.families.join(',')) },
  { title: 'MSG IN', align: 'right', wide: true, cell: (peer) => String(peer.counters.messagesReceived) },
  { title: 'MSG OUT', align: 'right', wide: true, cell: (peer) => String(peer.counters.messagesSent) },
  { title: 'RECEIVED', align: 'right', cell: (peer) => routeSum(peer, 'received') },
  { title: 'ACCEPTED', align: 'right', cell: (peer) => routeSum(peer, 'accepted') },
  { title: 'ADVERTISED', align: 'right', cell: (peer) => routeSum(peer, 'advertised') },
  { title: 'STALE', align: 'right', wide: true, cell: (peer) => routeSum(peer, 'stale') },
  {
    title: 'LAST ERROR',
    cell: (peer) => (peer.state === 'Established' ? '' : (peer.heldBack ?? peer.lastError ?? '')),
  },
];

export const formatPeers = (peers: readonly PeerAnswer[], terminal: Terminal, wide: boolean): string =>
  table(PEER_COLUMNS, peers, terminal, wide);

/** One peer in full. */
export function formatPeer(peer: PeerAnswer, terminal: Terminal): string {
  const seconds = (value: number | null) => (value === null ? '-' : `${value} s`);
  const ends =
    peer.localPort === null
      ? `${orDash(peer.localAddress)} to ${hostPort(peer.address, peer.port)}`
      : `${hostPort(orDash(peer.localAddress), peer.localPort)} to ${hostPort(peer.address, peer.remotePort ?? peer.port)}`;
  const kind = peer.asNumber === peer.localAs ? 'internal' : `external, our AS ${peer.localAs}`;
  const traits = [
    peer.passive ? 'passive' : 'active',
    ...(peer.routeReflectorClient ? ['route reflector client'] : []),
    ...(peer.configured.nextHop === 'auto' ? [] : [`next hop ${peer.configured.nextHop}`]),
    ...(peer.configured.allowLocalAs > 0 ? [`our AS allowed ${peer.configured.allowLocalAs} times`] : []),
  ];
  const restart = peer.configured.gracefulRestartSeconds;
  const { counters } = peer;
  const lastError =
    peer.lastError === null
      ? 'none'
      : `${peer.lastError}${peer.lastErrorAt === null ? '' : ` (at ${peer.lastErrorAt})`}`;
  const head = properties(
    [
      ['Peer', `${peer.peer}, AS ${peer.asNumber} (${kind})`],
      ['From', `${orDash(peer.resource)}, type ${orDash(peer.type)}`],
      [
        'State',
        {
          text: `${peer.state} for ${formatAge(peer.stateSeconds)}, since ${peer.since}`,
          colour: peer.state === 'Established' ? 'green' : 'yellow',
        },
      ],
      ...(peer.heldBack === null ? [] : [['Held back', { text: peer.heldBack, colour: 'red' }] as const]),
      ['Last error', lastError],
      ['Identifier', orDash(peer.remoteIdentifier)],
      ['Connection', ends],
      ['Traits', traits.join(', ')],
      [
        'Timers',
        [
          `in force: hold ${seconds(peer.holdTimeSeconds)}, keepalive ${seconds(peer.keepaliveSeconds)}${peer.holdExpiresInSeconds === null ? '' : `; hold time runs out in ${formatAge(peer.holdExpiresInSeconds)}`}`,
          `configured: hold ${seconds(peer.configured.holdTimeSeconds)}, keepalive ${peer.configured.keepaliveSeconds === null ? 'a third of it' : seconds(peer.configured.keepaliveSeconds)}, connect retry ${seconds(peer.configured.connectRetrySeconds)}, graceful restart ${restart === 0 ? 'off' : seconds(restart)}`,
        ],
      ],
      [
        'Families',
        peer.families.length === 0
          ? `none agreed (offered ${peer.configured.families.join(', ')})`
          : peer.families.join(', '),
      ],
      ['Session', `established ${count(counters.established, 'time')}, lost ${count(counters.lost, 'time')}`],
    ],
    terminal,
  );
  const messages = table(
    [
      { title: 'MESSAGES', cell: (row) => row[0]! },
      { title: 'RECEIVED', align: 'right', cell: (row) => row[1]! },
      { title: 'SENT', align: 'right', cell: (row) => row[2]! },
    ] satisfies Column<readonly string[]>[],
    [
      ['all', String(counters.messagesReceived), String(counters.messagesSent)],
      ['UPDATE', String(counters.updatesReceived), String(counters.updatesSent)],
      ['NOTIFICATION', String(counters.notificationsReceived), String(counters.notificationsSent)],
    ],
    terminal,
  );
  const routes = table(
    [
      { title: 'ROUTES', cell: ([name]) => name },
      { title: 'RECEIVED', align: 'right', cell: ([, r]) => String(r.received) },
      { title: 'ACCEPTED', align: 'right', cell: ([, r]) => String(r.accepted) },
      { title: 'ADVERTISED', align: 'right', cell: ([, r]) => String(r.advertised) },
      { title: 'STALE', align: 'right', cell: ([, r]) => String(r.stale) },
    ] satisfies Column<readonly [string, PeerAnswer['routes']['ipv4']]>[],
    Object.entries(peer.routes),
    terminal,
  );
  const { sent, received } = peer.capabilities;
  const capabilities = table(
    [
      { title: 'CAPABILITY', cell: (name) => name },
      { title: 'SENT', cell: (name) => (sent.includes(name) ? 'yes' : '-') },
      { title: 'RECEIVED', cell: (name) => (received.includes(name) ? 'yes' : '-') },
    ] satisfies Column<string>[],
    [...new Set([...sent, ...received])],
    terminal,
  );
  return [head, routes, messages, capabilities].filter((part) => part !== '').join('\n');
}
