// What negotiation changes on the wire. Decoding and encoding depend on nothing else.

import type { Family } from '../net/family.ts';

export interface WireContext {
  /** Octets of an AS number in AS_PATH and AGGREGATOR: 4 when both sides have the capability (RFC 6793). */
  readonly asOctets: 2 | 4;
  /** Largest message either side may send: 4,096 (RFC 4271 §4.1), or 65,535 where both offer it (RFC 8654). */
  readonly maxMessageOctets: number;
  /** Families both sides agreed on (RFC 4760 §8); IPv4 alone when no capability was exchanged. */
  readonly families: readonly Family[];
  /** Families whose NLRI carries path identifiers (RFC 7911), by direction. */
  readonly addPathReceive: readonly Family[];
  readonly addPathSend: readonly Family[];
  /** IPv4 routes may have an IPv6 next hop (RFC 8950). Absent, for who reads what others said to others: either is read. */
  readonly extendedNextHop?: boolean;
  /** LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST mean something on internal sessions only (RFC 7606 §7.5, §7.9, §7.10). */
  readonly peerType: 'internal' | 'external';
}

export const STANDARD_MESSAGE_OCTETS = 4096;
export const EXTENDED_MESSAGE_OCTETS = 65535;

/** Before the OPENs agreed on anything: what an OPEN, KEEPALIVE or NOTIFICATION is read and written with. */
export const INITIAL_CONTEXT: WireContext = {
  asOctets: 2,
  maxMessageOctets: STANDARD_MESSAGE_OCTETS,
  families: ['ipv4'],
  addPathReceive: [],
  addPathSend: [],
  peerType: 'external',
};
