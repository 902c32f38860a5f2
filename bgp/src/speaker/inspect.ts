// Read-only views of the speaker for the control API: plain data, made when asked for.

import type { Address } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Millis } from '../net/time.ts';
import type { OriginState, OriginVerdict } from '../policy/origin-check.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import type { PeerConfig, PeerId } from './input.ts';

export type SessionState = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established';

export interface PeerCounters {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  readonly notificationsReceived: number;
  readonly notificationsSent: number;
  /** How often the session reached Established, and left it. */
  readonly established: number;
  readonly lost: number;
}

export interface PeerView {
  readonly config: PeerConfig;
  readonly state: SessionState;
  /** When the state was entered, on the clock of `handle`. */
  readonly since: Millis;
  readonly remoteIdentifier: Address | undefined;
  readonly localAddress: Address | undefined;
  readonly localPort: number | undefined;
  readonly remotePort: number | undefined;
  /** In force; undefined until negotiated. */
  readonly holdTimeSeconds: number | undefined;
  readonly keepaliveSeconds: number | undefined;
  readonly holdExpiresAt: Millis | undefined;
  /** Families agreed on, and both sides' capabilities as names for people. */
  readonly families: readonly Family[];
  readonly capabilitiesSent: readonly string[];
  readonly capabilitiesReceived: readonly string[];
  readonly counters: PeerCounters;
  /** Routes by family: received from the peer, accepted by policy, advertised to it, kept stale. */
  readonly routes: Readonly<
    Record<Family, { received: number; accepted: number; advertised: number; stale: number }>
  >;
  /** Why the last session ended, or why none starts. */
  readonly lastError: string | undefined;
  readonly lastErrorAt: Millis | undefined;
}

/** What is quickly said of a peer. */
export interface PeerState {
  readonly config: PeerConfig;
  readonly state: SessionState;
}

export interface RouteView {
  readonly family: Family;
  readonly prefix: Prefix;
  /** Who told us: a peer, or "local". */
  readonly source: PeerId | 'local';
  readonly attributes: PathAttributes;
  readonly best: boolean;
  /** Part of the equal-cost set in use. */
  readonly multipath: boolean;
  readonly stale: boolean;
  /** Why it is kept although nobody tells it now; undefined where it is not stale. */
  readonly staleReason?: string | undefined;
  readonly valid: boolean;
  /** What the origin check says; undefined where it does not judge. */
  readonly origin?: OriginVerdict | undefined;
  /** Why it is not best: the step of the decision process that removed it, or the policy term that rejected it. */
  readonly reason: string | undefined;
}

export interface SpeakerCounts {
  readonly peers: number;
  readonly established: number;
  /** Paths that nobody vouches for any more, and that stay all the same (fail static). */
  readonly held: Readonly<Record<Family, number>>;
  /** Paths by what the origin check says of them. */
  readonly origins: Readonly<Record<OriginState, number>>;
  readonly routes: Readonly<Record<Family, { prefixes: number; paths: number; local: number }>>;
}

/** How much the speaker holds in memory, in entries. */
export interface SpeakerSizes {
  readonly prefixes: Readonly<Record<Family, number>>;
  readonly attributeSetsHeard: number;
  readonly attributeSetsTold: number;
  readonly nextHops: number;
  readonly connections: number;
}
