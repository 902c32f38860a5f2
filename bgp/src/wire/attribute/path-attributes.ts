// Path attributes as values, after decoding (RFC 4271 §4.3, §5). A missing optional attribute is a missing property.

import type { Address } from '../../net/address.ts';

/** ORIGIN: 0 IGP, 1 EGP, 2 INCOMPLETE; lower is preferred. */
export type Origin = 0 | 1 | 2;

/** Segment types of AS_PATH (RFC 4271 §4.3, RFC 5065 §3). */
export type AsPathSegmentType = 'AS_SET' | 'AS_SEQUENCE' | 'AS_CONFED_SEQUENCE' | 'AS_CONFED_SET';

export interface AsPathSegment {
  readonly type: AsPathSegmentType;
  readonly asNumbers: readonly number[];
}

/** Segments in the order of the wire, never merged or sorted; [] is the empty path of a route made here. */
export type AsPath = readonly AsPathSegment[];

export interface NextHop {
  readonly address: Address;
  /** The second address that an IPv6 next hop may carry (RFC 2545 §3). */
  readonly linkLocal?: Address;
  /** Name of the interface that the link-local one is reached by, where the session is of that link: see link-scope.ts. */
  readonly zone?: string;
}

export interface Aggregator {
  readonly asNumber: number;
  readonly address: Address;
}

/** Global Administrator, Local Data Part 1 and 2 (RFC 8092), each 32 bits. */
export type LargeCommunity = readonly [number, number, number];

/** An attribute that we do not know, kept octet for octet (RFC 4271 §5, §9). */
export interface UnrecognizedAttribute {
  readonly code: number;
  /** As received; the Partial bit is set when it is passed on. */
  readonly flags: number;
  readonly value: Uint8Array;
}

export interface PathAttributes {
  readonly origin: Origin;
  readonly asPath: AsPath;
  /** NEXT_HOP, or the next hop of MP_REACH_NLRI. Missing on a route made here: each session sends its own address. */
  readonly nextHop?: NextHop;
  readonly multiExitDisc?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  /** RFC 1997, each 32 bits, in the order received. */
  readonly communities?: readonly number[];
  /** BGP Identifier as dotted quad (RFC 4456 §8). */
  readonly originatorId?: Address;
  readonly clusterList?: readonly Address[];
  /** RFC 4360, eight octets each, as 16 hex digits. */
  readonly extendedCommunities?: readonly string[];
  readonly largeCommunities?: readonly LargeCommunity[];
  /** ONLY_TO_CUSTOMER (RFC 9234 §5). */
  readonly onlyToCustomer?: number;
  /** By ascending type code. */
  readonly unrecognized?: readonly UnrecognizedAttribute[];
  /** Codes of the attributes above that came with the Partial bit, which stays set when they go on (RFC 4271 §5). */
  readonly partial?: readonly number[];
}
