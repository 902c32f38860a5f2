// Facts that the speaker is told. Plain data (octets aside): a list of them with their times replays a run.

import type { Address } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import type { Prefix } from '../net/prefix.ts';
import type { OriginCheckConfig } from '../policy/origin-check.ts';
import type { Policy } from '../policy/policy.ts';
import type { AddPaths } from '../session/negotiate.ts';
import type { RoleSetting } from '../session/role.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';

/** Names a configured peer for as long as it is configured: its address, and the port where it is not 179. */
export type PeerId = string & { readonly __brand: 'PeerId' };

/** One TCP connection, numbered by the shell; a number is never used again. */
export type ConnectionId = number & { readonly __brand: 'ConnectionId' };

/** This speaker's own identity and what holds for all peers. Another BGP Identifier resets every session. */
export interface SpeakerConfig {
  readonly asNumber: number;
  /** BGP Identifier as dotted quad, not 0.0.0.0 (RFC 6286). */
  readonly bgpIdentifier: Address;
  /** CLUSTER_ID when this speaker reflects routes (RFC 4456 §7). */
  readonly clusterId: Address | undefined;
  /** Set at the start after a restart with forwarding state preserved: the R bit in OPENs (RFC 4724 §3). */
  readonly restarting: boolean;
  /** Equal paths used together for one prefix (ECMP); 1 is plain best path. */
  readonly maxPaths: number;
  /** The external route in use stays, where only a BGP Identifier speaks for another (RFC 5004); absent is no. */
  readonly preferOldest?: boolean;
  /** Forward outputs are wanted; absent is yes. A speaker that only reflects routes has nothing to do with them. */
  readonly forwards?: boolean;
  /** Routes inside pools are judged by who holds their block; absent judges none. */
  readonly originCheck?: OriginCheckConfig | undefined;
  /** Routes that the holders of `originCheck` confirm stay when nobody is left who could tell them (fail-static.ts); absent is no. */
  readonly failStatic?: boolean;
  /** How long the start waits for peers that do not come up, before routes of an earlier run are given up. */
  readonly deferralSeconds: number;
}

/** A limit on what a peer may tell us, for each family. */
export interface MaxPrefixes {
  readonly limit: number;
  /** Only say so, and keep the session. */
  readonly warningOnly: boolean;
  /** Seconds until the next start after the limit was passed; undefined waits for an operator. */
  readonly restartSeconds: number | undefined;
}

export interface PeerConfig {
  readonly peer: PeerId;
  readonly address: Address;
  readonly port: number;
  /** Bind to this address; undefined lets the system choose. */
  readonly localAddress: Address | undefined;
  /** This node as next hop, where the session is between link-local addresses (RFC 2545 §3). */
  readonly globalAddress?: Address | undefined;
  readonly localAs: number;
  readonly remoteAs: number;
  readonly families: readonly Family[];
  /** Several paths of a prefix (RFC 7911): which directions are offered; absent is off. */
  readonly addPaths?: AddPaths;
  /** Waits for the peer to connect (RFC 4271 §8.1.1, PassiveTcpEstablishment). */
  readonly passive: boolean;
  /** Seconds offered; 0 or at least 3 (RFC 4271 §4.2). */
  readonly holdTimeSeconds: number;
  /** Seconds; undefined is a third of the negotiated hold time. */
  readonly keepaliveSeconds: number | undefined;
  readonly connectRetrySeconds: number;
  /** Upper end of the growing connect retry and idle hold times. */
  readonly connectRetryMaxSeconds: number;
  /** How long our OPEN waits for the peer's on a new connection (RFC 4271 §8.1.1, DelayOpen); absent and 0 are no wait. */
  readonly delayOpenSeconds?: number;
  /** Restart Time offered (RFC 4724); 0 turns graceful restart off for this peer. */
  readonly gracefulRestartSeconds: number;
  readonly routeReflectorClient: boolean;
  readonly nextHop: 'auto' | 'self' | 'keep';
  /** How often our own AS may stand in a path that is accepted. */
  readonly allowLocalAs: number;
  /** An external peer without a policy for a direction neither tells nor hears anything in it (RFC 8212). */
  readonly requirePolicy?: boolean | undefined;
  /** Routes of an external peer whose path does not begin with its AS number are not used (RFC 4271 §6.3). */
  readonly enforceFirstAs?: boolean | undefined;
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
  /** RFC 8654; undefined offers it. */
  readonly extendedMessages?: boolean | undefined;
  /** RFC 8538's N bit: routes survive NOTIFICATIONs as well; undefined offers it. */
  readonly notificationRestart?: boolean | undefined;
  /** Seconds for which routes stay, least preferred, after the restart time (RFC 9494); 0 and undefined are off. */
  readonly longLivedStaleSeconds?: number | undefined;
  /** What we are to an external peer (RFC 9234); undefined says nothing. */
  readonly role?: RoleSetting | undefined;
  /** How many prefixes of a family the peer may tell us; undefined is any number. */
  readonly maxPrefixes?: MaxPrefixes | undefined;
  /** Any peer from these addresses, in place of `address` and `port`: see dynamic-peers.ts. */
  readonly range?: Prefix | undefined;
  /** It tells of itself alone, as a workload does: that it lives says nothing of what others told. */
  readonly leaf?: boolean | undefined;
  /** A reason not to start: "password bgp/tor is missing". The peer is shown, and stays Idle. */
  readonly heldBack: string | undefined;
}

/** A route made here. */
export interface OriginatedRoute {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
  /** How the kernel shall treat it: discard what no longer prefix matches, or nothing. */
  readonly kernel: 'blackhole' | 'none';
  /** That the kernel's own route goes out by, for policies that ask for it; undefined where there is none. */
  readonly interface?: string | undefined;
  /** A peer's route with a higher LOCAL_PREF than this is used in its place; undefined: none is. */
  readonly yieldsAbove?: number | undefined;
}

/** A route that an earlier run left in the kernel, and that no peer has told again. */
export interface RestoredRoute {
  readonly prefix: Prefix;
  readonly nextHops: readonly Address[];
  readonly localPref: number;
}

export type Input =
  | { readonly type: 'Configure'; readonly speaker: SpeakerConfig }
  | { readonly type: 'AddPeer'; readonly config: PeerConfig }
  /** Applies what can change on an open session; the speaker resets it only where the difference demands. */
  | { readonly type: 'ChangePeer'; readonly config: PeerConfig }
  | { readonly type: 'RemovePeer'; readonly peer: PeerId }
  | { readonly type: 'Originate'; readonly route: OriginatedRoute }
  | { readonly type: 'WithdrawOriginated'; readonly prefix: Prefix }
  /** What is left of an earlier run, after Converged: where nobody speaks it stays as far as it is confirmed (fail-static.ts). */
  | { readonly type: 'Restore'; readonly routes: readonly RestoredRoute[] }
  /** The answer to a Connect output. */
  | {
      readonly type: 'Connected';
      readonly connection: ConnectionId;
      readonly localAddress: Address;
      readonly localPort: number;
      readonly remotePort: number;
    }
  | { readonly type: 'ConnectFailed'; readonly connection: ConnectionId; readonly reason: string }
  /** A TCP connection that a configured address opened to us. */
  | {
      readonly type: 'Accepted';
      readonly connection: ConnectionId;
      readonly remoteAddress: Address;
      readonly remotePort: number;
      readonly localAddress: Address;
      readonly localPort: number;
    }
  /** `octets` need not stay as they are after `handle` has returned. */
  | { readonly type: 'Received'; readonly connection: ConnectionId; readonly octets: Uint8Array }
  | { readonly type: 'Disconnected'; readonly connection: ConnectionId; readonly reason: string }
  /**
   * How sending goes on a connection, told when it changes and whenever there is progress: octets wait for the peer's
   * TCP to take them, or all has been handed over (RFC 9687).
   */
  | { readonly type: 'Sending'; readonly connection: ConnectionId; readonly waiting: boolean }
  /** A deadline may have passed. */
  | { readonly type: 'Tick' }
  /** An interface that leads to peers is up, or has an address, again: who waits to connect need not wait any longer. */
  | { readonly type: 'LinkUp' }
  /** What the kernel says of a next hop: its interior cost, or undefined when it does not resolve (RFC 4271 §9.1.2.1). */
  | {
      readonly type: 'NextHop';
      readonly address: Address;
      readonly cost: number | undefined;
      /** Name of the interface that it goes out by, for policies that ask for it. */
      readonly interface?: string | undefined;
    }
  /**
   * An operator's wish: reset (Cease/Administrative Reset, RFC 4486), ask for routes again, send all again (RFC 2918). Or what
   * the transport needs, another key say: reconnect ends the session too, and routes stay where RFC 8538 was agreed.
   */
  | {
      readonly type: 'Clear';
      readonly peer: PeerId;
      readonly how: 'reset' | 'reconnect' | 'soft-in' | 'soft-out';
      readonly text: string;
    }
  /** Ends all sessions: `restart` keeps the peers' routes where graceful restart was agreed; `leave` withdraws, then Cease. */
  | { readonly type: 'Stop'; readonly how: 'restart' | 'leave' };
