// IANA's BGP registries as const objects, names as registered. Numbers only: what they mean for us stands where they
// are used.

/** BGP Message Types (RFC 4271 §4.1, RFC 2918). */
export const MESSAGE_TYPE = {
  OPEN: 1,
  UPDATE: 2,
  NOTIFICATION: 3,
  KEEPALIVE: 4,
  ROUTE_REFRESH: 5,
} as const;

export const BGP_VERSION = 4;

/** Marker, length and type (RFC 4271 §4.1). */
export const HEADER_OCTETS = 19;

/** The AS number that stands for one of four octets in a two-octet field (RFC 6793 §9). */
export const AS_TRANS = 23456;

/** BGP Error (Notification) Codes. */
export const ERROR_CODE = {
  MESSAGE_HEADER_ERROR: 1,
  OPEN_MESSAGE_ERROR: 2,
  UPDATE_MESSAGE_ERROR: 3,
  HOLD_TIMER_EXPIRED: 4,
  FINITE_STATE_MACHINE_ERROR: 5,
  CEASE: 6,
  ROUTE_REFRESH_MESSAGE_ERROR: 7, // RFC 7313 §5
  SEND_HOLD_TIMER_EXPIRED: 8, // RFC 9687 §4
} as const;

/** Message Header Error subcodes (RFC 4271 §6.1). */
export const HEADER_ERROR = {
  CONNECTION_NOT_SYNCHRONIZED: 1,
  BAD_MESSAGE_LENGTH: 2,
  BAD_MESSAGE_TYPE: 3,
} as const;

/** OPEN Message Error subcodes (RFC 4271 §6.2); 5 is deprecated, 8 to 10 too. */
export const OPEN_ERROR = {
  UNSPECIFIC: 0,
  UNSUPPORTED_VERSION_NUMBER: 1,
  BAD_PEER_AS: 2,
  BAD_BGP_IDENTIFIER: 3,
  UNSUPPORTED_OPTIONAL_PARAMETER: 4,
  UNACCEPTABLE_HOLD_TIME: 6,
  UNSUPPORTED_CAPABILITY: 7, // RFC 5492 §5
  ROLE_MISMATCH: 11, // RFC 9234 §4.2
} as const;

/** UPDATE Message Error subcodes (RFC 4271 §6.3); 7 is deprecated. */
export const UPDATE_ERROR = {
  MALFORMED_ATTRIBUTE_LIST: 1,
  UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE: 2,
  MISSING_WELL_KNOWN_ATTRIBUTE: 3,
  ATTRIBUTE_FLAGS_ERROR: 4,
  ATTRIBUTE_LENGTH_ERROR: 5,
  INVALID_ORIGIN_ATTRIBUTE: 6,
  INVALID_NEXT_HOP_ATTRIBUTE: 8,
  OPTIONAL_ATTRIBUTE_ERROR: 9,
  INVALID_NETWORK_FIELD: 10,
  MALFORMED_AS_PATH: 11,
} as const;

/** Finite State Machine Error subcodes (RFC 6608 §4). */
export const FSM_ERROR = {
  UNSPECIFIED_ERROR: 0,
  UNEXPECTED_MESSAGE_IN_OPENSENT: 1,
  UNEXPECTED_MESSAGE_IN_OPENCONFIRM: 2,
  UNEXPECTED_MESSAGE_IN_ESTABLISHED: 3,
} as const;

/** Cease subcodes (RFC 4486 §4, RFC 8538 §3, RFC 9384). */
export const CEASE = {
  MAXIMUM_NUMBER_OF_PREFIXES_REACHED: 1,
  ADMINISTRATIVE_SHUTDOWN: 2,
  PEER_DECONFIGURED: 3,
  ADMINISTRATIVE_RESET: 4,
  CONNECTION_REJECTED: 5,
  OTHER_CONFIGURATION_CHANGE: 6,
  CONNECTION_COLLISION_RESOLUTION: 7,
  OUT_OF_RESOURCES: 8,
  HARD_RESET: 9,
  BFD_DOWN: 10,
} as const;

/** ROUTE-REFRESH Message Error subcodes (RFC 7313 §5). */
export const ROUTE_REFRESH_ERROR = { INVALID_MESSAGE_LENGTH: 1 } as const;

/** ROUTE-REFRESH Message Subtypes (RFC 7313 §4). */
export const ROUTE_REFRESH_SUBTYPE = { NORMAL: 0, BORR: 1, EORR: 2 } as const;

/** Optional parameters of an OPEN (RFC 5492 §4, RFC 9072 §2). */
export const OPTIONAL_PARAMETER = { CAPABILITIES: 2, EXTENDED_LENGTH: 255 } as const;

/** Capability Codes. */
export const CAPABILITY = {
  MULTIPROTOCOL: 1, // RFC 4760 §8
  ROUTE_REFRESH: 2, // RFC 2918 §2
  EXTENDED_NEXT_HOP: 5, // RFC 8950 §4
  EXTENDED_MESSAGE: 6, // RFC 8654 §3
  ROLE: 9, // RFC 9234 §4.1
  GRACEFUL_RESTART: 64, // RFC 4724 §3
  FOUR_OCTET_AS: 65, // RFC 6793 §3
  ADD_PATH: 69, // RFC 7911 §4
  ENHANCED_ROUTE_REFRESH: 70, // RFC 7313 §3
  LONG_LIVED_GRACEFUL_RESTART: 71, // RFC 9494 §3
  HOSTNAME: 73, // draft-walton-bgp-hostname-capability
} as const;

/** BGP Role Values (RFC 9234 §8.1), by what the sender is: a provider's peer is its customer. */
export const ROLE = { provider: 0, rs: 1, 'rs-client': 2, customer: 3, peer: 4 } as const;
export type Role = keyof typeof ROLE;

/** BGP Path Attributes. */
export const ATTRIBUTE = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MULTI_EXIT_DISC: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH_NLRI: 14,
  MP_UNREACH_NLRI: 15,
  EXTENDED_COMMUNITIES: 16,
  AS4_PATH: 17,
  AS4_AGGREGATOR: 18,
  LARGE_COMMUNITY: 32,
  ONLY_TO_CUSTOMER: 35, // RFC 9234 §5
} as const;

/** Attribute Flags, the high four bits (RFC 4271 §4.3). */
export const ATTRIBUTE_FLAG = {
  OPTIONAL: 0x80,
  TRANSITIVE: 0x40,
  PARTIAL: 0x20,
  EXTENDED_LENGTH: 0x10,
} as const;

/** BGP Well-known Communities. */
export const WELL_KNOWN_COMMUNITY = {
  GRACEFUL_SHUTDOWN: 0xffff0000, // RFC 8326 §3
  ACCEPT_OWN: 0xffff0001, // RFC 7611 §2.2
  LLGR_STALE: 0xffff0006, // RFC 9494 §3.3
  NO_LLGR: 0xffff0007, // RFC 9494 §3.4
  BLACKHOLE: 0xffff029a, // RFC 7999 §3
  NO_EXPORT: 0xffffff01, // RFC 1997
  NO_ADVERTISE: 0xffffff02, // RFC 1997
  NO_EXPORT_SUBCONFED: 0xffffff03, // RFC 1997
  NOPEER: 0xffffff04, // RFC 3765
} as const;
