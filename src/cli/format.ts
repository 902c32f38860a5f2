// Answers → text for people. Pure. Columns are aligned, ages short, nothing is cut unless a terminal is too narrow, and
// colour says only what a word beside it says too.

import type {
  DrainAnswer,
  KernelAnswer,
  KernelRouteAnswer,
  KernelSummary,
  PeerAnswer,
  ResolveAnswer,
  RouteAnswer,
  StatusAnswer,
} from '../control/schema.ts';

/** What the text is shown on. */
export interface Terminal {
  /** Columns of a terminal; undefined: a file or a pipe, where nothing is cut. */
  readonly width: number | undefined;
  readonly colour: boolean;
}

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';
const SGR: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

const paint = (text: string, colour: Colour | undefined, terminal: Terminal): string =>
  colour === undefined || !terminal.colour || text === '' ? text : `\u001b[${SGR[colour]}m${text}\u001b[0m`;

/** A cell: its text, coloured or not. */
export type Cell = string | { readonly text: string; readonly colour: Colour | undefined };

export interface Column<T> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** In `-o wide` alone. */
  readonly wide?: true;
  readonly cell: (row: T) => Cell;
}

const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text);

/** What a peer or the datastore said may hold control characters, and a terminal would obey them. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');

/** Rows under titles, columns two spaces apart; each line ends without blanks. No rows: no text. */
export function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  terminal: Terminal,
  wide = false,
): string {
  if (rows.length === 0) return '';
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => column.cell(row)));
  const widths = shown.map((column, i) =>
    cells.reduce((width, row) => Math.max(width, textOf(row[i]!).length), column.title.length),
  );
  const line = (row: readonly Cell[]): string => {
    let used = 0;
    let out = '';
    for (const [i, cell] of row.entries()) {
      const last = i === row.length - 1;
      let text = textOf(cell);
      // Only the last column gives way: it is the one with sentences.
      const room = (terminal.width ?? Number.POSITIVE_INFINITY) - used;
      if (last && text.length > room && room > 10) text = `${text.slice(0, room - 1)}…`;
      const blanks = ' '.repeat(Math.max(0, widths[i]! - text.length));
      const painted = paint(text, typeof cell === 'string' ? undefined : cell.colour, terminal);
      const right = shown[i]!.align === 'right';
      out += `${right ? blanks : ''}${painted}${right || last ? '' : blanks}${last ? '' : '  '}`;
      used += widths[i]! + 2;
    }
    return out.trimEnd();
  };
  const head = line(shown.map((column) => ({ text: column.title, colour: 'bold' })));
  return `${[head, ...cells.map(line)].join('\n')}\n`;
}

/** Names and values, one a line; a value may have several lines. */
function properties(
  pairs: readonly (readonly [string, Cell | readonly Cell[]])[],
  terminal: Terminal,
  indent = '',
): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => {
      const cells = Array.isArray(value) ? (value as readonly Cell[]) : [value as Cell];
      return cells
        .map((cell, i) => {
          const label = paint((i === 0 ? name : '').padEnd(width), 'bold', terminal);
          const text = paint(textOf(cell), typeof cell === 'string' ? undefined : cell.colour, terminal);
          return `${indent}${label}  ${text}`.trimEnd();
        })
        .join('\n');
    })
    .join('\n')
    .concat('\n');
}

/** `0s`, `45s`, `2m13s`, `3h05m`, `4d02h`: two units at most. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  return `${Math.floor(whole / 86400)}d${two(Math.floor(whole / 3600) % 24)}h`;
}

const count = (value: number, noun: string): string => `${value} ${noun}${value === 1 ? '' : 's'}`;
const orDash = (value: string | number | null): string =>
  value === null || value === '' ? '-' : String(value);
const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

export function formatStatus(status: StatusAnswer, terminal: Terminal): string {
  const { control, datastore, drain, kernel, originCheck, peers, routes } = status;
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

const kernelLine = (kernel: KernelSummary): string =>
  kernel.mode === 'none'
    ? 'none: routes are not installed'
    : `${kernel.mode}, ${kernel.inStep ? 'in step' : 'not in step'}: ${kernel.installed} installed, ${kernel.pending} pending, ${kernel.failed} failed`;

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

const routeState = (route: RouteAnswer): Cell => {
  const words = [
    route.best ? 'best' : route.multipath ? 'multipath' : 'not best',
    ...(route.valid ? [] : ['invalid']),
    ...(route.stale ? ['stale'] : []),
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

type ResolvedPeer = ResolveAnswer['peers'][number];

const RESOLVED_PEER_COLUMNS: readonly Column<ResolvedPeer>[] = [
  { title: 'PEER', cell: (peer) => (peer.port === 179 ? peer.address : hostPort(peer.address, peer.port)) },
  { title: 'AS', align: 'right', cell: (peer) => String(peer.asNumber) },
  { title: 'LOCAL AS', align: 'right', wide: true, cell: (peer) => String(peer.localAsNumber) },
  { title: 'TYPE', cell: (peer) => peer.type },
  { title: 'RESOURCE', cell: (peer) => peer.resource },
  { title: 'SOURCE', cell: (peer) => orDash(peer.sourceAddress) },
  { title: 'RESTART', align: 'right', wide: true, cell: (peer) => String(peer.gracefulRestartSeconds) },
  { title: 'NEXT HOP', wide: true, cell: (peer) => peer.nextHop },
  { title: 'IMPORT', wide: true, cell: (peer) => orDash(peer.importFilters.join(',')) },
  { title: 'EXPORT', wide: true, cell: (peer) => orDash(peer.exportFilters.join(',')) },
  {
    title: 'NOTES',
    cell: (peer) => {
      const notes = [
        ...(peer.passive ? ['passive'] : []),
        ...(peer.routeReflectorClient ? [`client in cluster ${orDash(peer.clusterId)}`] : []),
        ...(peer.password === 'none' ? [] : [`password ${peer.password}`]),
      ];
      return { text: notes.join(', '), colour: peer.password === 'missing' ? 'red' : undefined };
    },
  },
];

/** Sections for what `resolve` found, problems first; an empty section says so. */
export function formatResolution(resolution: ResolveAnswer, terminal: Terminal, wide: boolean): string {
  const listen = (['v4', 'v6'] as const).flatMap((family) => {
    const at = resolution.listen[family];
    return at === null ? [] : [hostPort(at.address ?? (family === 'v4' ? '0.0.0.0' : '::'), at.port)];
  });
  const head = properties(
    [
      ['Node', resolution.node],
      ['AS', orDash(resolution.asNumber)],
      ['Identifier', orDash(resolution.routerId)],
      ...(resolution.clusterId === null ? [] : [['Cluster', resolution.clusterId] as const]),
      ['Listen', orDash(listen.join(', '))],
      ['Revision', resolution.revision],
    ],
    terminal,
  );
  const section = (title: string, body: string, none: string) =>
    `${paint(title, 'bold', terminal)}\n${body === '' ? `${none}\n` : body}`;
  const problems = table(
    [
      { title: 'RESOURCE', cell: (one) => one.resource },
      { title: 'FIELD', cell: (one) => orDash(one.field) },
      { title: 'PROBLEM', cell: (one) => ({ text: one.message, colour: 'red' }) },
    ] satisfies Column<ResolveAnswer['problems'][number]>[],
    resolution.problems,
    terminal,
  );
  const blocks = table(
    [
      { title: 'BLOCK', cell: (one) => one.cidr },
      { title: 'STATE', cell: (one) => one.state },
      { title: 'AGGREGATED', cell: (one) => (one.aggregated ? 'yes' : 'no') },
      { title: 'BLACKHOLE', cell: (one) => (one.blackhole ? 'yes' : 'no') },
    ] satisfies Column<ResolveAnswer['blocks'][number]>[],
    resolution.blocks,
    terminal,
  );
  const { acceptPools, rejectPools } = resolution.export;
  const exported = (cidr: string) =>
    acceptPools.includes(cidr) ? 'yes' : rejectPools.includes(cidr) ? 'no' : '-';
  const pools = table(
    [
      { title: 'POOL', cell: (cidr) => cidr },
      { title: 'EXPORTED', cell: exported },
      {
        title: 'IN KERNEL',
        cell: (cidr) => {
          const pool = resolution.kernel.pools.find((one) => one.cidr === cidr);
          return pool === undefined ? '-' : pool.program ? 'yes' : 'no';
        },
      },
      {
        title: 'TUNNEL',
        cell: (cidr) => orDash(resolution.kernel.pools.find((one) => one.cidr === cidr)?.tunnel ?? null),
      },
    ] satisfies Column<string>[],
    [...new Set([...acceptPools, ...rejectPools, ...resolution.kernel.pools.map((pool) => pool.cidr)])],
    terminal,
  );
  return [
    head,
    ...(problems === '' ? [] : [section('Problems', problems, 'none')]),
    section('Peers', table(RESOLVED_PEER_COLUMNS, resolution.peers, terminal, wide), 'none'),
    section('Own blocks', blocks, 'none'),
    section('Pools', pools, 'none'),
  ].join('\n');
}
