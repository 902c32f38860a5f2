// Policy is data: terms of matches and actions, so that it can be shown, compared and sent. evaluate.ts runs it.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { LargeCommunity, Origin } from '../wire/attribute/path-attributes.ts';

/** A route matches an entry when it is inside `prefix` and its length is in the range (defaults: any length inside). */
export interface PrefixMatch {
  readonly prefix: Prefix;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** Both ends belong to it; a missing one is open. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Looks at the path without its confederation segments; an AS_SET is one hop that stands for each of its members. */
export interface AsPathMatch {
  /** The path begins with these, nearest first. */
  readonly startsWith?: readonly number[];
  /** All of them are in it, anywhere. */
  readonly contains?: readonly number[];
  /** The last hop is one of these. An empty path has none. */
  readonly originAs?: readonly number[];
  /** As the decision process counts (RFC 4271 §9.1.2.2 a). */
  readonly length?: Range;
}

/** All conditions that are present must hold; a term without any matches every route. */
export interface Match {
  /** Inside one of these. */
  readonly prefixes?: readonly PrefixMatch[];
  readonly notPrefixes?: readonly PrefixMatch[];
  /** Where the route comes from. */
  readonly source?: 'local' | 'bgp';
  /** Learned from one of these peers. */
  readonly fromPeers?: readonly Address[];
  /** Kind of the session that the policy is applied on. */
  readonly peerType?: 'internal' | 'external';
  /** Carries all of these. */
  readonly communities?: readonly number[];
  readonly largeCommunities?: readonly LargeCommunity[];
  /** Each as 16 hex digits. */
  readonly extendedCommunities?: readonly string[];
  readonly asPath?: AsPathMatch;
  /** The next hop is inside one of these. */
  readonly nextHop?: readonly Prefix[];
  /** A route without LOCAL_PREF counts as 100. */
  readonly localPref?: Range;
  /** A route without MED counts as 0 (RFC 4271 §9.1.2.2 c). */
  readonly multiExitDisc?: Range;
  /** One of these. */
  readonly origin?: readonly Origin[];
  /** Name of the interface that the route's next hop goes out by fits one of these, in which `*` is any characters. */
  readonly interfaces?: readonly string[];
}

export type Action =
  | { readonly type: 'SetLocalPref'; readonly value: number }
  /** `undefined` takes the attribute off. */
  | { readonly type: 'SetMultiExitDisc'; readonly value: number | undefined }
  | { readonly type: 'SetNextHop'; readonly address: Address }
  | { readonly type: 'PrependAsPath'; readonly asNumbers: readonly number[] }
  | {
      readonly type: 'AddCommunities' | 'RemoveCommunities' | 'SetCommunities';
      readonly values: readonly number[];
    }
  | {
      readonly type: 'AddLargeCommunities' | 'RemoveLargeCommunities' | 'SetLargeCommunities';
      readonly values: readonly LargeCommunity[];
    }
  | {
      readonly type: 'AddExtendedCommunities' | 'RemoveExtendedCommunities' | 'SetExtendedCommunities';
      readonly values: readonly string[];
    };

export interface Term {
  /** Shown as the reason for what happened to a route: "pool 10.65.0.0/16". */
  readonly name: string;
  readonly match: Match;
  readonly actions: readonly Action[];
  /** `next` goes on with the term after this one, which sees the route as it is then. */
  readonly verdict: 'accept' | 'reject' | 'next';
}

export interface Policy {
  readonly terms: readonly Term[];
  /** When no term decided. */
  readonly otherwise: 'accept' | 'reject';
}

export const ACCEPT_ALL: Policy = { terms: [], otherwise: 'accept' };
export const REJECT_ALL: Policy = { terms: [], otherwise: 'reject' };
