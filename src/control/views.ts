// The daemon's facts → the answers of schema.ts. Pure: both clocks are arguments.

import {
  type AsPath,
  addressWords,
  FAMILIES,
  type Family,
  type Millis,
  type PeerView,
  type Prefix,
  prefixAddress,
  prefixLength,
  type RouteView,
} from 'bgp-utils';
import type {
  DrainAnswer,
  Health,
  KernelAnswer,
  KernelRouteAnswer,
  KernelSummary,
  PeerAnswer,
  PeersAnswer,
  ReadyAnswer,
  ResolveAnswer,
  RouteAnswer,
  RoutesAnswer,
  StatusAnswer,
} from './schema.ts';
import type { DrainFacts, KernelFacts, KernelRouteFacts, StatusFacts } from './source.ts';

/** One moment on both clocks, so that times on the monotonic one can be shown as dates. */
export interface Clocks {
  readonly now: Millis;
  /** Milliseconds since 1970 minus `now`; the same from call to call, so that a date does not jitter. */
  readonly epochOffset: number;
}

const iso = (at: Millis, clocks: Clocks): string =>
  new Date(Math.round(at + clocks.epochOffset)).toISOString();
const secondsSince = (at: Millis, clocks: Clocks): number => Math.max(0, Math.round(clocks.now - at) / 1000);

/** @param server  where the answer is served, and why HTTP is not when it should be. */
export function statusView(
  facts: StatusFacts,
  peers: readonly PeerView[],
  server: StatusAnswer['control'],
  clocks: Clocks,
): StatusAnswer {
  const established = peers.filter((peer) => peer.state === 'Established').length;
  const { datastore } = facts;
  const kernel = kernelSummary(facts.kernel);
  return {
    node: facts.node,
    version: facts.version,
    pid: facts.pid,
    startedAt: iso(facts.startedAt, clocks),
    uptimeSeconds: secondsSince(facts.startedAt, clocks),
    ...health(facts, peers, server.httpError),
    ready: readyView(facts),
    asNumber: facts.asNumber ?? null,
    routerId: facts.routerId ?? null,
    listening: facts.listening.map(({ address, port, error }) => ({ address, port, error: error ?? null })),
    datastore: {
      type: datastore.type,
      endpoints: datastore.endpoints,
      state: datastore.state,
      since: new Date(Math.round(datastore.since)).toISOString(),
      stateSeconds: Math.max(0, Math.round(clocks.now + clocks.epochOffset - datastore.since) / 1000),
      revision: unread(facts) ? null : (datastore.revision ?? null),
      lastError: datastore.lastError ?? null,
      kept: datastore.kept
        ? { ...datastore.kept, savedAt: new Date(datastore.kept.savedAt).toISOString() }
        : null,
    },
    peers: { configured: peers.length, established },
    routes: facts.speaker.routes,
    kernel,
    drain: drainView(facts.drain, clocks),
    originCheck: { mode: facts.originCheck, ...facts.speaker.origins },
    problems: facts.problems,
    control: server,
  };
}

export const drainView = ({ state, since, waitingFor }: DrainFacts, clocks: Clocks): DrainAnswer => ({
  state,
  since: since === undefined ? null : iso(since, clocks),
  waitingFor,
});

const unread = ({ datastore }: StatusFacts): boolean =>
  datastore.revision === undefined || datastore.revision === '0';

/** The judgement behind the exit code of `status`. */
function health(
  facts: StatusFacts,
  peers: readonly PeerView[],
  httpError: string | null,
): { readonly health: Health; readonly reasons: readonly string[] } {
  const down: string[] = [];
  const degraded: string[] = [];
  const lost = peers.filter((peer) => peer.state !== 'Established');
  const why = facts.datastore.lastError === undefined ? '' : `: ${facts.datastore.lastError}`;
  if (unread(facts)) down.push(`the datastore has not been read yet${why}`);
  else {
    // A kept picture in force is a reason not to be ready, and stands among those.
    if (facts.datastore.kept === undefined && facts.datastore.state !== 'in-sync') {
      degraded.push(
        `the datastore is not reachable, and what was read last (revision ${facts.datastore.revision}) stays in force${why}`,
      );
    }
    if (facts.asNumber === undefined) {
      down.push(`node ${facts.node} has no BGP in the datastore: "mesos-bgp resolve" says why`);
    }
  }
  if (facts.heldBack !== undefined) degraded.push(facts.heldBack);
  if (facts.drain.state === 'drained' || facts.drain.state === 'draining') {
    degraded.push(`this node is ${facts.drain.state}: "mesos-bgp undrain" takes it back`);
  }
  if (lost.length > 0) {
    const named = lost.slice(0, 3).map((peer) => `${peer.config.peer} (${peer.state})`);
    const more = lost.length > named.length ? ` and ${lost.length - named.length} more` : '';
    const sentence = `${lost.length} of ${peers.length} peers ${lost.length === 1 ? 'is' : 'are'} not Established: ${named.join(', ')}${more}`;
    (lost.length === peers.length ? down : degraded).push(sentence);
  }
  for (const { address, port, error } of facts.listening) {
    if (error !== undefined) degraded.push(`not listening on ${hostPort(address, port)}: ${error}`);
  }
  if (facts.kernel.failed > 0) {
    const last = facts.kernel.lastError === undefined ? '' : `: ${facts.kernel.lastError}`;
    degraded.push(
      `the kernel refused ${facts.kernel.failed} route${facts.kernel.failed === 1 ? '' : 's'}${last}`,
    );
  }
  const { invalid } = facts.speaker.origins;
  if (invalid > 0) {
    const what = invalid === 1 ? 'route comes' : 'routes come';
    const use = facts.originCheck === 'enforce' ? 'not used' : 'used all the same';
    degraded.push(
      `${invalid} ${what} from another node than the one that holds the block (${use}): "mesos-bgp routes -o wide" has the reasons`,
    );
  }
  if (facts.problems > 0) {
    degraded.push(
      `${facts.problems} problem${facts.problems === 1 ? '' : 's'} in the datastore: "mesos-bgp resolve" lists them`,
    );
  }
  if (httpError !== null) degraded.push(httpError);
  const said = new Set([...down, ...degraded]);
  const unready = facts.ready.ok ? [] : facts.ready.reasons.filter((reason) => !said.has(reason));
  return {
    health: down.length > 0 ? 'down' : degraded.length + unready.length > 0 ? 'degraded' : 'ok',
    reasons: [...down, ...degraded, ...unready],
  };
}

export const readyView = (facts: StatusFacts): ReadyAnswer => ({
  ready: facts.ready.ok,
  reasons: facts.ready.reasons,
});

/** @param resolution  tells which resource asks for a peer. */
export function peersView(
  peers: readonly PeerView[],
  resolution: ResolveAnswer | undefined,
  clocks: Clocks,
): PeersAnswer {
  const resolved = new Map(resolution?.peers.map((peer) => [hostPort(peer.address, peer.port), peer]));
  const answers = peers.map((peer) =>
    peerView(peer, resolved.get(hostPort(peer.config.address, peer.config.port)), clocks),
  );
  const keys = new Map(peers.map((peer) => [peer.config.peer as string, addressKey(peer.config.address)]));
  return {
    peers: answers.sort((a, b) => compareText(keys.get(a.peer)!, keys.get(b.peer)!) || a.port - b.port),
  };
}

function peerView(
  view: PeerView,
  resolved: ResolveAnswer['peers'][number] | undefined,
  clocks: Clocks,
): PeerAnswer {
  const { config } = view;
  const stateSeconds = secondsSince(view.since, clocks);
  const holdExpires = view.holdExpiresAt;
  return {
    peer: config.peer,
    address: config.address,
    port: config.port,
    asNumber: config.remoteAs,
    localAs: config.localAs,
    peerType: config.remoteAs === config.localAs ? 'internal' : 'external',
    type: resolved?.type ?? null,
    resource: resolved?.resource ?? null,
    state: view.state,
    since: iso(view.since, clocks),
    stateSeconds,
    uptimeSeconds: view.state === 'Established' ? stateSeconds : null,
    passive: config.passive,
    routeReflectorClient: config.routeReflectorClient,
    heldBack: config.heldBack ?? null,
    remoteIdentifier: view.remoteIdentifier ?? null,
    localAddress: view.localAddress ?? config.localAddress ?? null,
    localPort: view.localPort ?? null,
    remotePort: view.remotePort ?? null,
    holdTimeSeconds: view.holdTimeSeconds ?? null,
    keepaliveSeconds: view.keepaliveSeconds ?? null,
    holdExpiresInSeconds:
      holdExpires === undefined || !Number.isFinite(holdExpires)
        ? null
        : Math.max(0, Math.round(holdExpires - clocks.now) / 1000),
    configured: {
      holdTimeSeconds: config.holdTimeSeconds,
      keepaliveSeconds: config.keepaliveSeconds ?? null,
      connectRetrySeconds: config.connectRetrySeconds,
      gracefulRestartSeconds: config.gracefulRestartSeconds,
      families: config.families,
      nextHop: config.nextHop,
      allowLocalAs: config.allowLocalAs,
    },
    families: view.families,
    capabilities: { sent: view.capabilitiesSent, received: view.capabilitiesReceived },
    counters: view.counters,
    routes: view.routes,
    lastError: view.lastError ?? null,
    lastErrorAt: view.lastErrorAt === undefined ? null : iso(view.lastErrorAt, clocks),
  };
}

/** A slice of a sorted list: what follows `after`, about `limit` entries, and never half of a prefix. */
export interface PageRequest {
  readonly limit: number;
  readonly after: Prefix | undefined;
}

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
    reason: route.reason ?? null,
    originCheck: route.origin?.state ?? null,
    originCheckReason: route.origin?.reason ?? null,
    nextHop: attributes.nextHop?.address ?? null,
    nextHopLinkLocal: attributes.nextHop?.linkLocal ?? null,
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

const kernelSummary = ({ lastError, ...facts }: KernelFacts): KernelSummary => ({
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

/** `10.0.0.1:179`, `[fd00::1]:179`. */
export const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/**
 * One pass over entries in any order, keeping not many more than the page: the table may have a million routes, and
 * an answer has a few thousand.
 */
function page<T extends { readonly prefix: Prefix }>(
  entries: Iterable<T>,
  { limit, after }: PageRequest,
  withinPrefix: (a: T, b: T) => number,
): { readonly entries: readonly T[]; readonly next: string | null } {
  const afterKey = after === undefined ? -1 : prefixKey(after);
  let kept: { readonly key: PrefixKey; readonly entry: T }[] = [];
  /** No entry after this one can be on the page. */
  let lastKey: PrefixKey | undefined;
  let more = false;
  const trim = () => {
    kept.sort((a, b) => compareKeys(a.key, b.key) || withinPrefix(a.entry, b.entry));
    let end = Math.min(limit, kept.length);
    while (end > 0 && end < kept.length && kept[end]!.key === kept[end - 1]!.key) end++;
    if (end === kept.length) return;
    more = true;
    kept = kept.slice(0, end);
    lastKey = kept.at(-1)?.key;
  };
  for (const entry of entries) {
    const key = prefixKey(entry.prefix);
    if (compareKeys(key, afterKey) <= 0) continue;
    if (lastKey !== undefined && compareKeys(key, lastKey) > 0) continue;
    kept.push({ key, entry });
    if (kept.length > 2 * limit + 1024) trim();
  }
  trim();
  return {
    entries: kept.map(({ entry }) => entry),
    next: more ? (kept.at(-1)?.entry.prefix ?? null) : null,
  };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const addressKey = (value: Parameters<typeof addressWords>[0]): string =>
  (value.includes(':') ? '6' : '4') +
  addressWords(value)
    .map((word) => word.toString(16).padStart(8, '0'))
    .join('');

/** Sorts as comparePrefixes does, and is made once an entry in place of twice a comparison: IPv4 a number, IPv6 text. */
type PrefixKey = number | string;

const compareKeys = (a: PrefixKey, b: PrefixKey): number =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1;

function prefixKey(prefix: Prefix): PrefixKey {
  if (prefix.includes(':')) {
    return addressKey(prefixAddress(prefix)) + prefixLength(prefix).toString(16).padStart(2, '0');
  }
  // Canonical text, so digits and separators are all there is: a tenth of the time of parsing it.
  let key = 0;
  let part = 0;
  for (let i = 0; i < prefix.length; i++) {
    const c = prefix.charCodeAt(i);
    if (c >= 48 && c <= 57) part = part * 10 + c - 48;
    else {
      key = key * 256 + part;
      part = 0;
    }
  }
  return key * 64 + part;
}

export const isFamily = (value: string): value is Family => (FAMILIES as readonly string[]).includes(value);
