// Answers and requests of the control API, which are the CLI's `-o json` too. Programs rely on them: this only grows.
// Times are ISO 8601 in UTC, durations seconds; what is not known or does not apply is null, never missing.

import type { Resolution } from '../desired/resolution.ts';

export type Family = 'ipv4' | 'ipv6';

/** `ok`: all as wanted. `degraded`: works, and something wants attention. `down`: routes nothing. */
export type Health = 'ok' | 'degraded' | 'down';

/** GET /v1/status */
export interface StatusAnswer {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly health: Health;
  /** Why health is not `ok`, as sentences. */
  readonly reasons: readonly string[];
  readonly ready: ReadyAnswer;
  readonly asNumber: number | null;
  readonly routerId: string | null;
  readonly listening: readonly {
    readonly address: string;
    readonly port: number;
    readonly error: string | null;
  }[];
  readonly datastore: {
    readonly type: 'etcd' | 'file';
    readonly endpoints: readonly string[];
    readonly state: 'connecting' | 'in-sync' | 'disconnected';
    readonly since: string;
    readonly stateSeconds: number;
    readonly revision: string | null;
    readonly lastError: string | null;
    /** Not null while the picture that an earlier run kept is in force, since the datastore has not answered yet. */
    readonly kept: { readonly savedAt: string; readonly revision: string; readonly path: string } | null;
  };
  readonly peers: { readonly configured: number; readonly established: number };
  /** Prefixes with a route, candidates for them, and how many were made here. */
  readonly routes: Readonly<Record<Family, RouteCounts>>;
  readonly kernel: KernelSummary;
  readonly drain: DrainAnswer;
  /** Routes that stay although nobody is left who could tell them. */
  readonly failStatic: { readonly enabled: boolean; readonly routes: Readonly<Record<Family, number>> };
  /** Learned paths inside pools, by whether they come from the node that holds their block; see RouteAnswer. */
  readonly originCheck: {
    readonly mode: 'off' | 'report' | 'enforce';
    readonly valid: number;
    readonly unknown: number;
    readonly invalid: number;
  };
  /** How many `problems` /v1/resolve lists. */
  readonly problems: number;
  readonly control: {
    readonly path: string;
    readonly http: string | null;
    readonly httpError: string | null;
  };
}

export interface RouteCounts {
  readonly prefixes: number;
  readonly paths: number;
  readonly local: number;
}

export interface KernelSummary {
  readonly mode: 'netlink' | 'none';
  readonly inStep: boolean;
  readonly installed: number;
  readonly pending: number;
  readonly failed: number;
  /** Routes that another program takes away again and again. */
  readonly fights: number;
  /** Routes and next hops that were put right since the start, after others took or changed them. */
  readonly repairs: number;
  readonly lastError: string | null;
}

/** GET /readyz; 503 when not ready. */
export interface ReadyAnswer {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** GET /healthz */
export interface HealthAnswer {
  readonly status: 'ok';
}

/** GET /v1/peers, by address */
export interface PeersAnswer {
  readonly peers: readonly PeerAnswer[];
}

/** GET /v1/peers/ADDRESS, and one of /v1/peers */
export interface PeerAnswer {
  /** Names it in other requests: its address, with the port where that is not 179. */
  readonly peer: string;
  readonly address: string;
  readonly port: number;
  readonly asNumber: number;
  readonly localAs: number;
  readonly peerType: 'internal' | 'external';
  /** As in /v1/resolve: `mesh`, `global`, `node`, `workload`, `reverse`. */
  readonly type: string | null;
  /** The resource that asks for it: `Node/host-2`, `BGPPeer/tor-a`. */
  readonly resource: string | null;
  readonly state: 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established';
  /** When the state was entered, and how long ago. */
  readonly since: string;
  readonly stateSeconds: number;
  /** How long it has been Established; null when it is not. */
  readonly uptimeSeconds: number | null;
  readonly passive: boolean;
  readonly routeReflectorClient: boolean;
  /** Why no session is started; null when one is. */
  readonly heldBack: string | null;
  readonly remoteIdentifier: string | null;
  readonly localAddress: string | null;
  readonly localPort: number | null;
  readonly remotePort: number | null;
  /** In force; null until negotiated. */
  readonly holdTimeSeconds: number | null;
  readonly keepaliveSeconds: number | null;
  readonly holdExpiresInSeconds: number | null;
  readonly configured: {
    readonly holdTimeSeconds: number;
    readonly keepaliveSeconds: number | null;
    readonly connectRetrySeconds: number;
    readonly gracefulRestartSeconds: number;
    readonly families: readonly Family[];
    readonly nextHop: 'auto' | 'self' | 'keep';
    readonly allowLocalAs: number;
  };
  /** Agreed on. */
  readonly families: readonly Family[];
  readonly capabilities: { readonly sent: readonly string[]; readonly received: readonly string[] };
  readonly counters: {
    readonly messagesReceived: number;
    readonly messagesSent: number;
    readonly updatesReceived: number;
    readonly updatesSent: number;
    readonly notificationsReceived: number;
    readonly notificationsSent: number;
    /** How often the session reached Established, and left it. */
    readonly established: number;
    readonly lost: number;
  };
  readonly routes: Readonly<
    Record<
      Family,
      {
        readonly received: number;
        readonly accepted: number;
        readonly advertised: number;
        readonly stale: number;
      }
    >
  >;
  /** Why the last session ended, or why none starts. */
  readonly lastError: string | null;
  readonly lastErrorAt: string | null;
}

/** GET /v1/routes?family=&prefix=&longest=&received=&advertised=&limit=&after= , by prefix, the best route first */
export interface RoutesAnswer {
  readonly routes: readonly RouteAnswer[];
  /** There is more: ask again with `after=` this prefix. */
  readonly next: string | null;
}

export interface RouteAnswer {
  readonly family: Family;
  readonly prefix: string;
  /** The peer that told us, or `local`. */
  readonly source: string;
  readonly best: boolean;
  /** Part of the equal-cost set in use. */
  readonly multipath: boolean;
  readonly valid: boolean;
  readonly stale: boolean;
  /** Why a stale route is kept: a restart, RFC 9494, or fail static; null where it is not stale. */
  readonly staleReason: string | null;
  /** Why it is not best: the decision step, or the policy term. */
  readonly reason: string | null;
  /**
   * `valid`: from the node that holds the block. `invalid`: from another node. `unknown`: that cannot be said. null: not judged
   * (made here, outside of all pools, or the check is off).
   */
  readonly originCheck: 'valid' | 'unknown' | 'invalid' | null;
  readonly originCheckReason: string | null;
  readonly nextHop: string | null;
  readonly nextHopLinkLocal: string | null;
  readonly origin: 'igp' | 'egp' | 'incomplete';
  /** As text, sets in braces, confederation segments in parentheses; '' is the empty path. */
  readonly asPath: string;
  readonly asPathSegments: readonly { readonly type: string; readonly asNumbers: readonly number[] }[];
  readonly localPref: number | null;
  readonly multiExitDisc: number | null;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  /** 16 hex digits each. */
  readonly extendedCommunities: readonly string[];
  readonly originatorId: string | null;
  readonly clusterList: readonly string[];
  readonly atomicAggregate: boolean;
  readonly aggregator: { readonly asNumber: number; readonly address: string } | null;
  /** Attributes that are passed on and not understood. */
  readonly unrecognized: readonly { readonly code: number; readonly flags: number; readonly value: string }[];
}

/**
 * `installed`: there. `pending`: about to be written. `failed`: the kernel refused. `unresolved`: no next hop is reachable.
 * `adopted`: left by an earlier run, not confirmed yet.
 */
export type KernelRouteState = 'installed' | 'pending' | 'failed' | 'unresolved' | 'adopted';

/** GET /v1/kernel?family=&prefix=&longest=&limit=&after= , by prefix */
export interface KernelAnswer extends KernelSummary {
  readonly routes: readonly KernelRouteAnswer[];
  readonly next: string | null;
}

export interface KernelRouteAnswer {
  readonly family: Family;
  readonly prefix: string;
  readonly state: KernelRouteState;
  readonly type: 'unicast' | 'blackhole';
  readonly nextHops: readonly { readonly gateway: string | null; readonly interface: string | null }[];
  readonly metric: number | null;
  readonly error: string | null;
}

/** POST /v1/clear, on the control socket alone */
export interface ClearRequest {
  readonly peer: string;
  readonly how: 'reset' | 'soft-in' | 'soft-out';
  /** For the peer's operator (RFC 9003): at most 255 octets in UTF-8. */
  readonly reason?: string;
}

export interface ClearAnswer {
  readonly peer: string;
  readonly how: 'reset' | 'soft-in' | 'soft-out';
}

/** GET /v1/drain, and the answer to POST /v1/drain */
export interface DrainAnswer {
  /**
   * `draining` and `undraining`: peers in `waitingFor` have not been sent the change. `drained` and `off`: for every peer with a
   * session it has been handed to TCP, and no route waits. What a peer makes of it cannot be known.
   */
  readonly state: 'off' | 'draining' | 'drained' | 'undraining';
  /** When it was asked for; null is never since the start. */
  readonly since: string | null;
  readonly waitingFor: readonly string[];
}

/** POST /v1/drain, on the control socket alone; asking for what holds already changes nothing */
export interface DrainRequest {
  readonly drain: boolean;
}

/** Every answer that is not 2xx, /readyz apart. */
export interface ErrorAnswer {
  /** What, where, and what to do next. */
  readonly error: string;
}

/** GET /v1/resolve: what this node makes of the datastore, all lists sorted. */
export type ResolveAnswer = Resolution;
