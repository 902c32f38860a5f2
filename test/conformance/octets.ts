// BGP messages written by hand, octet by octet. Nothing of bgp-utils is used here: a fault of its codec must not be able to
// hide behind the same fault in the probe.

export const u8 = (value: number): Buffer => Buffer.from([value]);
export const u16 = (value: number): Buffer => Buffer.from([value >>> 8, value & 0xff]);
export const u32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
};

/** "127.0.0.1" */
export const ip4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));

/** "fd00:0:0:1::2" */
export function ip6(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - front.length - back.length).fill(0);
  return Buffer.concat([...front, ...middle, ...back].map(u16));
}

export const join = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);

export const MARKER = Buffer.alloc(16, 0xff);

/** Types of messages (RFC 4271 §4.1, RFC 2918 §3). */
export const OPEN = 1;
export const UPDATE = 2;
export const NOTIFICATION = 3;
export const KEEPALIVE = 4;
export const ROUTE_REFRESH = 5;

/** @param length  as told in the header, where it is to be wrong. */
export const message = (type: number, body: Buffer = Buffer.alloc(0), length = 19 + body.length): Buffer =>
  join(MARKER, u16(length), u8(type), body);

export const keepalive = message(KEEPALIVE);

export const notification = (code: number, subcode: number, data: Buffer = Buffer.alloc(0)): Buffer =>
  message(NOTIFICATION, join(u8(code), u8(subcode), data));

/** @param subtype  0 asks, 1 is BoRR, 2 EoRR (RFC 7313 §4). */
export const routeRefresh = (afi = 1, safi = 1, subtype = 0): Buffer =>
  message(ROUTE_REFRESH, join(u16(afi), u8(subtype), u8(safi)));

// ── OPEN ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const capability = (code: number, value: Buffer = Buffer.alloc(0)): Buffer =>
  join(u8(code), u8(value.length), value);

/** Capabilities by name (IANA's registry). */
export const can = {
  family: (afi = 1, safi = 1) => capability(1, join(u16(afi), u8(0), u8(safi))),
  routeRefresh: () => capability(2),
  extendedNextHop: () => capability(5, join(u16(1), u16(1), u16(2))),
  extendedMessages: () => capability(6),
  role: (role: number) => capability(9, u8(role)),
  /** @param head  R and N bits and the restart time in seconds; @param preserved  the F bit. */
  gracefulRestart: (head: number, preserved: boolean, afi = 1) =>
    capability(64, join(u16(head), u16(afi), u8(1), u8(preserved ? 0x80 : 0))),
  as4: (asNumber: number) => capability(65, u32(asNumber)),
  /** @param directions  1 receives, 2 sends, 3 both. */
  addPath: (directions: number, afi = 1) => capability(69, join(u16(afi), u8(1), u8(directions))),
  enhancedRefresh: () => capability(70),
  longLived: (staleSeconds: number, afi = 1) =>
    capability(71, join(u16(afi), u8(1), u8(0x80), u32(staleSeconds).subarray(1))),
} as const;

/** Optional parameter 2 with these capabilities (RFC 5492 §4). */
export const capabilities = (...list: readonly Buffer[]): Buffer => {
  const value = join(...list);
  return join(u8(2), u8(value.length), value);
};

export interface OpenFields {
  readonly version?: number;
  /** The 2-octet field. */
  readonly myAs: number;
  readonly hold?: number;
  readonly id: string;
  /** Optional parameters, without their length. */
  readonly parameters: Buffer;
  /** As told, where it is to be wrong. */
  readonly parametersLength?: number;
}

export const open = ({
  version = 4,
  myAs,
  hold = 90,
  id,
  parameters,
  parametersLength,
}: OpenFields): Buffer =>
  message(
    OPEN,
    join(u8(version), u16(myAs), u16(hold), ip4(id), u8(parametersLength ?? parameters.length), parameters),
  );

// ── UPDATE ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** "10.1.0.0/16" or "fd00:1::/64" as NLRI; with a path identifier where it is given (RFC 7911 §3). */
export function nlri(prefix: string, pathId?: number): Buffer {
  const [address = '', length = ''] = prefix.split('/');
  const octets = address.includes(':') ? ip6(address) : ip4(address);
  const entry = join(u8(Number(length)), octets.subarray(0, Math.ceil(Number(length) / 8)));
  return pathId === undefined ? entry : join(u32(pathId), entry);
}

/** Flags of attributes (RFC 4271 §4.3). */
export const WELL_KNOWN = 0x40;
export const OPTIONAL_TRANSITIVE = 0xc0;
export const OPTIONAL = 0x80;
export const PARTIAL = 0x20;
export const EXTENDED = 0x10;

export const attribute = (flags: number, code: number, value: Buffer, length = value.length): Buffer =>
  length > 0xff || (flags & EXTENDED) !== 0
    ? join(u8(flags | EXTENDED), u8(code), u16(length), value)
    : join(u8(flags), u8(code), u8(length), value);

/** A segment of AS numbers: type 1 is AS_SET, 2 AS_SEQUENCE, 3 and 4 those of confederations. */
export const segment = (type: number, asNumbers: readonly number[], octets: 2 | 4 = 4): Buffer =>
  join(u8(type), u8(asNumbers.length), ...asNumbers.map(octets === 4 ? u32 : u16));

/** "64500:1" as a standard community. */
export const community = (text: string): Buffer => join(...text.split(':').map((part) => u16(Number(part))));

export const WELL_KNOWN_COMMUNITY = {
  gracefulShutdown: '65535:0',
  llgrStale: '65535:6',
  noLlgr: '65535:7',
  noExport: '65535:65281',
  noAdvertise: '65535:65282',
  noExportSubconfed: '65535:65283',
} as const;

/** Attributes by name, as they should be. */
export const its = {
  origin: (value = 0) => attribute(WELL_KNOWN, 1, u8(value)),
  asPath: (...asNumbers: readonly number[]) =>
    attribute(WELL_KNOWN, 2, asNumbers.length === 0 ? Buffer.alloc(0) : segment(2, asNumbers)),
  nextHop: (address: string) => attribute(WELL_KNOWN, 3, ip4(address)),
  med: (value: number) => attribute(OPTIONAL, 4, u32(value)),
  localPref: (value = 100) => attribute(WELL_KNOWN, 5, u32(value)),
  atomicAggregate: () => attribute(WELL_KNOWN, 6, Buffer.alloc(0)),
  aggregator: (asNumber: number, address: string) =>
    attribute(OPTIONAL_TRANSITIVE, 7, join(u32(asNumber), ip4(address))),
  communities: (...list: readonly string[]) =>
    attribute(OPTIONAL_TRANSITIVE, 8, join(...list.map(community))),
  originatorId: (id: string) => attribute(OPTIONAL, 9, ip4(id)),
  clusterList: (...ids: readonly string[]) => attribute(OPTIONAL, 10, join(...ids.map(ip4))),
  extendedCommunities: (...hex: readonly string[]) =>
    attribute(OPTIONAL_TRANSITIVE, 16, Buffer.from(hex.join(''), 'hex')),
  largeCommunities: (...list: readonly (readonly [number, number, number])[]) =>
    attribute(OPTIONAL_TRANSITIVE, 32, join(...list.flat().map(u32))),
  onlyToCustomer: (asNumber: number) => attribute(OPTIONAL_TRANSITIVE, 35, u32(asNumber)),
  reach: (afi: number, nextHop: Buffer, ...prefixes: readonly Buffer[]) =>
    attribute(OPTIONAL, 14, join(u16(afi), u8(1), u8(nextHop.length), nextHop, u8(0), ...prefixes)),
  unreach: (afi: number, ...prefixes: readonly Buffer[]) =>
    attribute(OPTIONAL, 15, join(u16(afi), u8(1), ...prefixes)),
} as const;

export interface UpdateFields {
  readonly withdrawn?: readonly Buffer[];
  readonly attributes?: readonly Buffer[];
  readonly nlri?: readonly Buffer[];
  /** As told, where they are to be wrong. */
  readonly withdrawnLength?: number;
  readonly attributesLength?: number;
}

export function update(fields: UpdateFields): Buffer {
  const withdrawn = join(...(fields.withdrawn ?? []));
  const attributes = join(...(fields.attributes ?? []));
  return message(
    UPDATE,
    join(
      u16(fields.withdrawnLength ?? withdrawn.length),
      withdrawn,
      u16(fields.attributesLength ?? attributes.length),
      attributes,
      ...(fields.nlri ?? []),
    ),
  );
}

/** The End-of-RIB marker of IPv4 (RFC 4724 §2). */
export const endOfRib = update({});
