// What the control API sees of the daemon: one interface of facts in the daemon's own terms, which app.ts implements and
// tests make up. Turning facts into answers is views.ts.

import type { Address, Family, Millis, PeerId, PeerView, Prefix, RouteView, SpeakerCounts } from 'bgp-utils';
import type { PageRequest } from './page.ts';
import type { KernelRouteState, ResolveAnswer } from './schema.ts';

export interface StatusFacts {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  /** When the process started, on the clock of `now`. */
  readonly startedAt: Millis;
  /** undefined until the node is known from the datastore. */
  readonly asNumber: number | undefined;
  readonly routerId: Address | undefined;
  readonly datastore: {
    readonly type: 'etcd' | 'file';
    /** URLs, or the path. */
    readonly endpoints: readonly string[];
    readonly state: 'connecting' | 'in-sync' | 'disconnected';
    /** Wall clock, milliseconds since 1970: when that state was entered. The datastore has its own listeners and clock. */
    readonly since: number;
    /** Of the newest change seen; undefined or "0" before the first picture. */
    readonly revision: string | undefined;
    readonly lastError: string | undefined;
    /** Set while the picture that an earlier run kept is in force. */
    readonly kept: { readonly revision: string; readonly savedAt: number; readonly path: string } | undefined;
    /** How often all was read, and how often changes ceased to arrive, since the start. */
    readonly lists: number;
    readonly losses: number;
  };
  readonly speaker: SpeakerCounts;
  readonly drain: DrainFacts;
  /** Routes that the datastore confirms stay when nobody is left who could tell them. */
  readonly failStatic: boolean;
  /** What becomes of routes whose origin is wrong. */
  readonly originCheck: 'off' | 'report' | 'enforce';
  readonly kernel: KernelFacts;
  /** BGP listeners; `error` is why one that should be there is not. */
  readonly listening: readonly {
    readonly address: string;
    readonly port: number;
    readonly error: string | undefined;
  }[];
  /** How many `problems` the resolution has. */
  readonly problems: number;
  /** A change of peerings that would isolate the node, and waits: a sentence. */
  readonly heldBack: string | undefined;
  /** Datastore read, own routes advertised, kernel in step; not whether peers are there. Reasons are sentences. */
  readonly ready: { readonly ok: boolean; readonly reasons: readonly string[] };
}

export interface DrainFacts {
  /** As last asked for; `draining` and `undraining` until every peer with a session has been sent the change. */
  readonly state: 'off' | 'draining' | 'drained' | 'undraining';
  /** When it was asked for; undefined is never in this run. */
  readonly since: Millis | undefined;
  /** Peers that have not been sent all of it. */
  readonly waitingFor: readonly PeerId[];
}

export interface KernelFacts {
  readonly mode: 'netlink' | 'none';
  /** What is wanted is what is there. */
  readonly inStep: boolean;
  readonly installed: number;
  readonly pending: number;
  readonly failed: number;
  /** Routes that another program takes away again and again. */
  readonly fights: number;
  /** Routes and next hops of ours that were put right after another program, or an interface, took or changed them. */
  readonly repairs: number;
  readonly lastError: string | undefined;
}

export interface KernelRouteFacts {
  readonly prefix: Prefix;
  readonly family: Family;
  readonly state: KernelRouteState;
  readonly type: 'unicast' | 'blackhole';
  readonly nextHops: readonly {
    readonly gateway: Address | undefined;
    readonly interface: string | undefined;
  }[];
  readonly metric: number | undefined;
  /** Why it is not installed, or does not resolve. */
  readonly error: string | undefined;
}

/** Which routes; at most one of `received` and `advertised`. All that is present must hold. */
export interface RouteQuery {
  readonly family?: Family;
  /** This prefix alone. */
  readonly prefix?: Prefix;
  /** The longest prefix around this address that has a route. */
  readonly longest?: Address;
  /** What this peer told us, before import policy. */
  readonly received?: PeerId;
  /** What we told this peer, after export policy. */
  readonly advertised?: PeerId;
}

export type ClearHow = 'reset' | 'soft-in' | 'soft-out';

/** The newest lines of the log. */
export interface Journal {
  /** Those kept that came after the one with this number, the oldest first; 0: all kept. */
  after(id: number): readonly JournalEntry[];
  /** Tells each that comes from now on. @returns what ends that. */
  follow(onEntry: (entry: JournalEntry) => void): () => void;
}

export interface JournalEntry {
  /** Grows, also over a restart of the daemon. */
  readonly id: number;
  /** One JSON object. */
  readonly line: string;
}

export interface ControlSource {
  readonly journal: Journal;
  status(): StatusFacts;
  peers(): readonly PeerView[];
  /**
   * In any order; views.ts sorts. Without `received` and `advertised` the Loc-RIB with all its candidates.
   * @param page  all that is on it, and one prefix more where there is one; what else there is may be left out.
   */
  routes(query: RouteQuery, page: PageRequest): Iterable<RouteView>;
  kernel(): Iterable<KernelRouteFacts>;
  /** As `resolve -o json` prints it; undefined until the datastore was read. */
  resolution(): ResolveAnswer | undefined;
  /** In the text format of Prometheus. */
  metrics(): string;
  /** Milliseconds on the clock of every time above. */
  now(): Millis;
  /** The peer is one of `peers()`. @param text  for the peer's operator (RFC 9003); '' is none. */
  clear(peer: PeerId, how: ClearHow, text: string): void;
  /** @param wanted  false takes a drain back. */
  drain(wanted: boolean): void;
}
