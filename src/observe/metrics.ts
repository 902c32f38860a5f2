// The daemon's metrics: a table of families, made from facts when somebody asks; how they are written is exposition.ts. Names begin
// with `mesosbgp_`, units are base units. How many series there can be is bounded: labels have few values, and peers have
// series of their own only up to PEER_SERIES, those that somebody configured by name first.

import { FAMILIES, ORIGIN_STATES, type PeerId, type PeerState, type PeerView } from 'bgp-utils';
import type { StatusFacts } from '../control/source.ts';
import type { EventCounts } from './event-counts.ts';
import { exposition, type Metric, one, optional, type Sample } from './exposition.ts';

export interface MetricsFacts {
  readonly status: StatusFacts;
  readonly peers: readonly PeerState[];
  /** In full, of some of them: a view of each of thousands would hold BGP up. */
  readonly views: (of: ReadonlySet<PeerId>) => readonly PeerView[];
  /** As in /v1/resolve: `mesh`, `node` and so on; undefined for a peer that came from a range. */
  readonly typeOf: (peer: PeerState) => string | undefined;
  readonly events: EventCounts;
  /** Of connections that came in. */
  readonly accepts: {
    readonly strangers: number;
    readonly delayed: number;
    readonly overflows: number;
  };
  /** How often the picture of the datastore was written to the state folder. */
  readonly pictureWrites: number;
  readonly process: ProcessFacts;
}

export interface ProcessFacts {
  /** Seconds since 1970. */
  readonly startedAtSeconds: number;
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly residentOctets: number;
  readonly heapUsedOctets: number;
  /** Of buffers, outside of the heap. */
  readonly externalOctets: number;
  /** Undefined where the system does not tell. */
  readonly openFiles: number | undefined;
  /** What keeps the event loop alive, a name each: `Timeout`, `TCPSocketWrap` and so on, as Node.js calls them. */
  readonly activeResources: readonly string[];
  /** Turns of the one loop that everything runs in; undefined where Node.js does not count them (before 20.18). */
  readonly loopTurns: number | undefined;
  /** How long that loop was busy, and waited. */
  readonly loopActiveSeconds: number;
  readonly loopIdleSeconds: number;
  /** Of the last minute or two. */
  readonly longestTurnSeconds: number;
}

/** Peers with series of their own: with some twenty series each, what one node should ask of a Prometheus for thousands. */
export const PEER_SERIES = 100;

/** What the rows below are made from. */
interface Facts extends MetricsFacts {
  /** The peers that have series of their own. */
  readonly shown: readonly PeerView[];
}

const gauge = (name: string, help: string, samples: Metric<Facts>['samples']): Metric<Facts> => ({
  name: `mesosbgp_${name}`,
  type: 'gauge',
  help,
  samples,
});
const counter = (name: string, help: string, samples: Metric<Facts>['samples']): Metric<Facts> => ({
  ...gauge(`${name}_total`, help, samples),
  type: 'counter',
});

const STATES: readonly PeerState['state'][] = [
  'Idle',
  'Connect',
  'Active',
  'OpenSent',
  'OpenConfirm',
  'Established',
];
/** As Node.js names them; there are some twenty more, seldom seen, which are `other`. */
const RESOURCES = ['Timeout', 'TCPSocketWrap', 'TCPServerWrap', 'PipeWrap', 'FSEventWrap'] as const;
const TYPES = ['mesh', 'global', 'node', 'workload', 'reverse', 'range'] as const;
const DATASTORE_STATES = ['connecting', 'in-sync', 'disconnected'] as const;

const typeLabel = ({ typeOf }: MetricsFacts, peer: PeerState): string => typeOf(peer) ?? 'range';

/** Of each peer that has series of its own. */
const ofPeers =
  (of: (peer: PeerView, facts: MetricsFacts) => readonly Sample[]): Metric<Facts>['samples'] =>
  (facts) =>
    facts.shown.flatMap((peer) =>
      of(peer, facts).map(([labels, value]) => [{ peer: peer.config.peer, ...labels }, value] as const),
    );

/** Mesh peers are many and alike: they come last. */
function shownPeers(facts: MetricsFacts): ReadonlySet<PeerId> {
  const name = ({ config }: PeerState): PeerId => config.peer;
  if (facts.peers.length <= PEER_SERIES) return new Set(facts.peers.map(name));
  const ranked = facts.peers.map((peer) => ({ peer: name(peer), mesh: typeLabel(facts, peer) === 'mesh' }));
  ranked.sort((a, b) => Number(a.mesh) - Number(b.mesh) || (a.peer < b.peer ? -1 : 1));
  return new Set(ranked.slice(0, PEER_SERIES).map(({ peer }) => peer));
}

/** A row a family of metrics, in the order in which they are shown. */
export const METRICS: readonly Metric<Facts>[] = [
  gauge('build_info', 'Version of the running daemon; the value is 1.', ({ status }) => [
    [{ version: status.version }, 1],
  ]),
  gauge('ready', 'Datastore read, own routes advertised, kernel in step: what /readyz says.', ({ status }) =>
    one(status.ready.ok),
  ),
  gauge('problems', 'What is wrong in the datastore: how many problems /v1/resolve lists.', ({ status }) =>
    one(status.problems),
  ),
  gauge('isolation_held_back', 'A change that would leave the node without peers is held back.', (facts) =>
    one(facts.status.heldBack !== undefined),
  ),
  gauge('drained', 'The node is drained, or about to be: an operator asked for it.', ({ status }) =>
    one(status.drain.state === 'drained' || status.drain.state === 'draining'),
  ),
  gauge('listener_up', 'Listening for BGP on that address.', ({ status }) =>
    status.listening.map(({ address, port, error }) => [
      { address, port: String(port) },
      Number(error === undefined),
    ]),
  ),

  gauge('sessions', 'Sessions by type and state.', (facts) => {
    const counts = new Map<string, number>();
    for (const peer of facts.peers) {
      const key = `${typeLabel(facts, peer)} ${peer.state}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return TYPES.flatMap((type) =>
      STATES.map((state) => [{ type, state }, counts.get(`${type} ${state}`) ?? 0] as const),
    );
  }),
  gauge('sessions_held_back', 'Sessions that are not started: a password is missing.', ({ peers }) =>
    one(peers.filter(({ config }) => config.heldBack !== undefined).length),
  ),
  counter('sessions_established', 'How often a session reached Established.', ({ events }) =>
    one(events.established),
  ),
  counter('sessions_lost', 'How often a session left Established.', ({ events }) => one(events.lost)),
  counter('notifications', 'NOTIFICATION messages.', ({ events }) => [
    [{ direction: 'received' }, events.notificationsReceived],
    [{ direction: 'sent' }, events.notificationsSent],
  ]),
  counter('update_errors', 'UPDATE messages with a mistake (RFC 7606).', ({ events }) =>
    one(events.updateErrors),
  ),
  counter('connections_refused', 'Connections from addresses that are no peer.', ({ events, accepts }) =>
    one(events.connectionsRefused + accepts.strangers),
  ),
  counter(
    'connections_limited',
    'Connections of peers that came faster than they are taken: delayed, or dropped to come again.',
    ({ accepts }) => [
      [{ outcome: 'delayed' }, accepts.delayed],
      [{ outcome: 'dropped' }, accepts.overflows],
    ],
  ),

  gauge(
    'peers_without_series',
    `Peers beyond the ${PEER_SERIES} that have series of their own.`,
    ({ peers, shown }) => one(peers.length - shown.length),
  ),
  gauge(
    'peer_up',
    'The session is Established.',
    ofPeers((peer, facts) => [
      [
        { type: typeLabel(facts, peer), asn: String(peer.config.remoteAs) },
        Number(peer.state === 'Established'),
      ],
    ]),
  ),
  counter(
    'peer_lost',
    'How often the session left Established.',
    ofPeers(({ counters }) => [[{}, counters.lost]]),
  ),
  counter(
    'peer_messages',
    'BGP messages of all types.',
    ofPeers(({ counters }) => [
      [{ direction: 'received' }, counters.messagesReceived],
      [{ direction: 'sent' }, counters.messagesSent],
    ]),
  ),
  counter(
    'peer_updates',
    'UPDATE messages.',
    ofPeers(({ counters }) => [
      [{ direction: 'received' }, counters.updatesReceived],
      [{ direction: 'sent' }, counters.updatesSent],
    ]),
  ),
  gauge(
    'peer_prefixes',
    'Prefixes received from the peer, accepted by policy, advertised to it, and kept stale.',
    ofPeers(({ routes, config }) =>
      config.families.flatMap((family) =>
        (['received', 'accepted', 'advertised', 'stale'] as const).map(
          (kind) => [{ family, kind }, routes[family][kind]] as const,
        ),
      ),
    ),
  ),

  gauge('rib_prefixes', 'Prefixes with a route.', ({ status }) =>
    FAMILIES.map((family) => [{ family }, status.speaker.routes[family].prefixes]),
  ),
  gauge('rib_paths', 'Candidates for those prefixes.', ({ status }) =>
    FAMILIES.map((family) => [{ family }, status.speaker.routes[family].paths]),
  ),
  gauge('rib_local_prefixes', 'Prefixes that were made here.', ({ status }) =>
    FAMILIES.map((family) => [{ family }, status.speaker.routes[family].local]),
  ),

  gauge(
    'rib_origins',
    'Learned paths inside pools, by whether they come from the node that holds their block.',
    ({ status }) => ORIGIN_STATES.map((state) => [{ state }, status.speaker.origins[state]]),
  ),

  gauge(
    'rib_fail_static_routes',
    'Paths that stay although nobody is left who could tell them, as the datastore confirms them.',
    ({ status }) => FAMILIES.map((family) => [{ family }, status.speaker.held[family]]),
  ),

  gauge('fib_in_step', 'The kernel has what is wanted. 1 with --kernel none.', ({ status }) =>
    one(status.kernel.inStep),
  ),
  gauge('fib_routes', 'Routes in the kernel, on the way there, and refused by it.', ({ status }) => [
    [{ state: 'installed' }, status.kernel.installed],
    [{ state: 'pending' }, status.kernel.pending],
    [{ state: 'failed' }, status.kernel.failed],
  ]),

  gauge('fib_fights', 'Routes that another program takes away again and again.', ({ status }) =>
    one(status.kernel.fights),
  ),
  counter('fib_repairs', 'Routes and next hops put right after others took or changed them.', ({ status }) =>
    one(status.kernel.repairs),
  ),

  gauge('datastore_state', 'The datastore is in that state.', ({ status }) =>
    DATASTORE_STATES.map((state) => [{ state }, Number(status.datastore.state === state)]),
  ),
  gauge('datastore_state_timestamp_seconds', 'When that state was entered.', ({ status }) =>
    one(status.datastore.since / 1000),
  ),
  gauge('datastore_revision', 'Of the newest change that was seen.', ({ status }) =>
    one(Number(status.datastore.revision ?? 0)),
  ),
  counter('datastore_lists', 'How often all was read.', ({ status }) => one(status.datastore.lists)),
  counter('datastore_losses', 'How often changes ceased to arrive.', ({ status }) =>
    one(status.datastore.losses),
  ),
  gauge('datastore_kept_picture', 'The picture that an earlier run kept is in force.', ({ status }) =>
    one(status.datastore.kept !== undefined),
  ),
  counter('datastore_picture_writes', 'How often the picture was kept in the state folder.', (facts) =>
    one(facts.pictureWrites),
  ),

  gauge('process_start_time_seconds', 'When the daemon started.', (facts) =>
    one(facts.process.startedAtSeconds),
  ),
  counter('process_cpu_seconds', 'User and system time.', (facts) => one(facts.process.cpuSeconds)),
  gauge('process_resident_memory_bytes', 'Resident memory.', (facts) => one(facts.process.residentOctets)),
  gauge('process_heap_used_bytes', 'Memory of JavaScript objects.', (facts) =>
    one(facts.process.heapUsedOctets),
  ),
  gauge('process_external_memory_bytes', 'Memory of buffers, outside of the heap.', (facts) =>
    one(facts.process.externalOctets),
  ),
  gauge('process_open_fds', 'Open file descriptors.', ({ process }) => optional(process.openFiles)),
  gauge('process_active_resources', 'Timers, sockets and the like that keep the process alive.', (facts) => {
    const counts = new Map<string, number>([...RESOURCES, 'other'].map((type) => [type, 0]));
    for (const name of facts.process.activeResources) {
      const type = counts.has(name) ? name : 'other';
      counts.set(type, counts.get(type)! + 1);
    }
    return [...counts].map(([type, count]) => [{ type }, count]);
  }),
  counter('loop_turns', 'Turns of the one event loop.', ({ process }) => optional(process.loopTurns)),
  counter('loop_seconds', 'How long the one event loop was busy, and waited.', (facts) => [
    [{ state: 'active' }, facts.process.loopActiveSeconds],
    [{ state: 'idle' }, facts.process.loopIdleSeconds],
  ]),
  gauge(
    'loop_longest_turn_seconds',
    'How long BGP held up the event loop at most, in the last minute or two.',
    (facts) => one(facts.process.longestTurnSeconds),
  ),
];

/** The text that GET /metrics answers with. */
export function metricsText(facts: MetricsFacts): string {
  return exposition(METRICS, { ...facts, shown: facts.views(shownPeers(facts)) });
}
