// What the tables, policy and the speaker mean by a route. The ids are dense numbers, branded so that none is mixed up.

import type { Address } from '../net/address.ts';
import type { Family } from '../net/family.ts';

/** Index of a prefix in its family's PrefixTable. */
export type PrefixId = number & { readonly __brand: 'PrefixId' };
/** Index of an attribute set in an AttributePool. */
export type AttributesId = number & { readonly __brand: 'AttributesId' };
/** A configured peer, as a small number; 0 is this speaker itself. */
export type PeerIndex = number & { readonly __brand: 'PeerIndex' };
/** Index of a path as it is announced with ADD-PATH (RFC 7911), in a family's SentPaths. */
export type SentPathId = number & { readonly __brand: 'SentPathId' };
/** What an update group announces or withdraws as one: a prefix, or with ADD-PATH one path of a prefix. */
export type RowId = number & { readonly __brand: 'PrefixId' | 'SentPathId' };
/** A next hop that some attribute set has, in NextHops. */
export type NextHopId = number & { readonly __brand: 'NextHopId' };
/** Index of one path of one prefix in AdjRibIn. */
export type PathId = number & { readonly __brand: 'PathId' };

export const NONE = -1;
export const LOCAL = 0 as PeerIndex;

/** A prefix as words, the host bits zero: what the hot path passes around. IPv4 uses w0 alone. */
export interface PrefixWords {
  readonly family: Family;
  readonly length: number;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** Where a route comes from, as far as policy, propagation and the decision process ask (RFC 4271 §9.1.1, RFC 4456 §6). */
export interface RouteSource {
  readonly peer: PeerIndex;
  readonly kind: 'local' | 'internal' | 'external';
  /** The peer is our route-reflector client. */
  readonly client: boolean;
}

export const LOCAL_SOURCE: RouteSource = { peer: LOCAL, kind: 'local', client: false };

/** LOCAL_PREF of a route that came without one (RFC 4271 §9.1.1 leaves it to us; 100 is what all others use). */
export const DEFAULT_LOCAL_PREF = 100;

/** What the kernel shall do with a prefix. */
export type ForwardingRoute =
  | {
      readonly type: 'unicast';
      /** At least one, sorted; several are an equal-cost set. */
      readonly nextHops: readonly Address[];
      /** Shares of traffic, one a next hop, 1 to 256; missing where all get the same (draft-ietf-idr-link-bandwidth). */
      readonly weights?: readonly number[];
      /** Degree of preference: the daemon derives the kernel's metric from it. */
      readonly localPref: number;
      /** Kept from a peer whose session is lost (RFC 4724 §4.2). */
      readonly stale: boolean;
    }
  | { readonly type: 'blackhole' };
