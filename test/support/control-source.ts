// A daemon as the control API sees it, made up: what tests of views, handlers, server and commands stand on.

import {
  ACCEPT_ALL,
  address,
  type Family,
  type PeerConfig,
  type PeerId,
  type PeerView,
  prefix,
  type RouteView,
} from 'bgp-utils';
import type { ResolveAnswer } from '../../src/control/schema.ts';
import type {
  ClearHow,
  ControlSource,
  KernelRouteFacts,
  RouteQuery,
  StatusFacts,
} from '../../src/control/source.ts';

/** The made-up daemon's monotonic clock stands here, and the wall clock at WALL. */
export const NOW = 500_000;
export const WALL = Date.UTC(2026, 0, 2, 3, 4, 5);

export function peerConfig(text: string, changes: Partial<PeerConfig> = {}): PeerConfig {
  return {
    peer: text as PeerId,
    address: address(text),
    port: 179,
    localAddress: undefined,
    localAs: 64512,
    remoteAs: 64512,
    families: [text.includes(':') ? 'ipv6' : 'ipv4'],
    passive: false,
    holdTimeSeconds: 90,
    keepaliveSeconds: undefined,
    connectRetrySeconds: 5,
    connectRetryMaxSeconds: 60,
    gracefulRestartSeconds: 120,
    routeReflectorClient: false,
    nextHop: 'auto',
    allowLocalAs: 0,
    importPolicy: ACCEPT_ALL,
    exportPolicy: ACCEPT_ALL,
    heldBack: undefined,
    ...changes,
  };
}

/** An established session, unless the changes say otherwise. */
export function peerView(text: string, changes: Partial<PeerView> = {}): PeerView {
  const none = { received: 0, accepted: 0, advertised: 0, stale: 0 };
  return {
    config: peerConfig(text),
    state: 'Established',
    since: NOW - 133_000,
    remoteIdentifier: address('10.0.0.2'),
    localAddress: undefined,
    localPort: 40000,
    remotePort: 179,
    holdTimeSeconds: 90,
    keepaliveSeconds: 30,
    holdExpiresAt: NOW + 60_000,
    families: ['ipv4'],
    capabilitiesSent: ['route refresh', '4-octet AS 64512'],
    capabilitiesReceived: ['route refresh'],
    counters: {
      messagesReceived: 10,
      messagesSent: 11,
      updatesReceived: 3,
      updatesSent: 2,
      notificationsReceived: 0,
      notificationsSent: 0,
      established: 1,
      lost: 0,
    },
    routes: { ipv4: { received: 3, accepted: 2, advertised: 1, stale: 0 }, ipv6: none },
    lastError: undefined,
    lastErrorAt: undefined,
    ...changes,
  };
}

/** A best route from 10.0.0.2, unless the changes say otherwise. */
export function routeView(text: string, changes: Partial<RouteView> = {}): RouteView {
  return {
    family: text.includes(':') ? 'ipv6' : 'ipv4',
    prefix: prefix(text),
    source: '10.0.0.2' as PeerId,
    attributes: { origin: 0, asPath: [], nextHop: { address: address('10.0.0.2') }, localPref: 100 },
    best: true,
    multipath: true,
    stale: false,
    valid: true,
    reason: undefined,
    ...changes,
  };
}

export function kernelRoute(text: string, changes: Partial<KernelRouteFacts> = {}): KernelRouteFacts {
  return {
    prefix: prefix(text),
    family: text.includes(':') ? 'ipv6' : 'ipv4',
    state: 'installed',
    type: 'unicast',
    nextHops: [{ gateway: address('10.0.0.2'), interface: 'eth1' }],
    metric: 1024,
    error: undefined,
    ...changes,
  };
}

export function statusFacts(changes: Partial<StatusFacts> = {}): StatusFacts {
  const counts = { prefixes: 3, paths: 4, local: 1 };
  return {
    node: 'host-1',
    version: '0.1.0',
    pid: 812,
    startedAt: NOW - 200_000,
    asNumber: 64512,
    routerId: address('10.0.0.1'),
    datastore: {
      type: 'etcd',
      endpoints: ['http://10.0.0.10:2379'],
      state: 'in-sync',
      since: WALL - 190_000,
      revision: '1204',
      lastError: undefined,
      kept: undefined,
      lists: 1,
      losses: 0,
    },
    speaker: {
      peers: 1,
      established: 1,
      held: { ipv4: 0, ipv6: 0 },
      origins: { valid: 2, unknown: 1, invalid: 0 },
      routes: { ipv4: counts, ipv6: counts },
    },
    kernel: {
      mode: 'netlink',
      inStep: true,
      installed: 12,
      pending: 0,
      failed: 0,
      fights: 0,
      repairs: 0,
      lastError: undefined,
    },
    originCheck: 'report',
    failStatic: true,
    drain: { state: 'off', since: undefined, waitingFor: [] },
    listening: [{ address: '10.0.0.1', port: 179, error: undefined }],
    problems: 0,
    heldBack: undefined,
    ready: { ok: true, reasons: [] },
    ...changes,
  };
}

/** What `resolve` says of host-1 with two mesh peers. */
export function resolveAnswer(changes: Partial<ResolveAnswer> = {}): ResolveAnswer {
  const peer = (text: string, resource: string): ResolveAnswer['peers'][number] => ({
    address: text,
    port: 179,
    family: 'v4',
    type: 'mesh',
    resource,
    asNumber: 64512,
    localAsNumber: 64512,
    passive: false,
    sourceAddress: '10.0.0.1',
    routeReflectorClient: false,
    clusterId: null,
    nextHop: 'auto',
    multihop: 64,
    ttlSecurityHops: null,
    gracefulRestartSeconds: 120,
    keepaliveSeconds: null,
    password: 'none',
    allowLocalAs: 0,
    reachableBy: null,
    importFilters: [],
    exportFilters: [],
  });
  return {
    node: 'host-1',
    revision: '1204',
    asNumber: 64512,
    routerId: '10.0.0.1',
    clusterId: null,
    listen: { v4: { address: null, port: 179 }, v6: null },
    problems: [],
    peers: [peer('10.0.0.2', 'Node/host-2'), peer('10.0.0.3', 'Node/host-3')],
    blocks: [{ cidr: prefix('10.65.0.0/26'), state: 'confirmed', aggregated: true, blackhole: true }],
    export: { acceptPools: ['10.65.0.0/16'], rejectPools: [], communities: [] },
    kernel: {
      normalPriority: { v4: 1024, v6: 1024 },
      pools: [{ cidr: '10.65.0.0/16', program: true, tunnel: null, tunnelUnlessNextHopIn: null }],
    },
    ignoredInterfaces: [],
    filters: {},
    ...changes,
  };
}

export interface FakeSource extends ControlSource {
  readonly cleared: { readonly peer: PeerId; readonly how: ClearHow; readonly text: string }[];
  readonly asked: RouteQuery[];
  readonly drains: boolean[];
}

/** Answers with what it was given; a query narrows routes by family and prefix as the speaker does. */
export function fakeSource(
  facts: {
    readonly status?: StatusFacts | (() => StatusFacts);
    readonly peers?: readonly PeerView[];
    readonly routes?: readonly RouteView[];
    readonly kernel?: readonly KernelRouteFacts[];
    readonly resolution?: ResolveAnswer | undefined;
  } = {},
): FakeSource {
  const cleared: FakeSource['cleared'] = [];
  const asked: RouteQuery[] = [];
  const drains: boolean[] = [];
  const fits = (route: RouteView, family: Family | undefined, only: string | undefined) =>
    (family === undefined || route.family === family) && (only === undefined || route.prefix === only);
  return {
    cleared,
    asked,
    drains,
    status: () => (typeof facts.status === 'function' ? facts.status() : (facts.status ?? statusFacts())),
    peers: () => facts.peers ?? [],
    routes: (query) => {
      asked.push(query);
      return (facts.routes ?? []).filter((route) => fits(route, query.family, query.prefix));
    },
    kernel: () => facts.kernel ?? [],
    resolution: () => facts.resolution,
    journal: { after: () => [], follow: () => () => {} },
    metrics: () => '# HELP mesosbgp_ready\n',
    now: () => NOW,
    clear: (peer, how, text) => void cleared.push({ peer, how, text }),
    drain: (wanted) => void drains.push(wanted),
  };
}
