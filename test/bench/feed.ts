// What the load generator sends: UPDATEs built before the clock runs, from numbers alone, so that every run and every
// daemon gets the same octets. Prefix i is computed from i, and i from the prefix: a receiver checks each one without a
// table of what was sent. The last AS number of a path says which attribute set it is, and thereby which prefixes it
// belongs to.
//
//   IPv4   11.0.0.0 + i·2^10, a /22, /23 or /24          IPv6   2a00:: + i·2^84, a /44 to /48
//   set s  prefixes s·perSet … s·perSet + perSet − 1, one UPDATE; sets are sent in a shuffled order

import type { Family } from 'bgp-utils';

/** The first prefix, as the upper 24 bits of an IPv4 address. */
const BASE_24 = 11 << 16;
/** Of all IPv6 prefixes. */
const BASE_V6 = 0x2a00;

/** AS number of attribute set 0 and version 0; the numbers from here on are used for nothing else. */
export const TAG_BASE = 200_000;
/** AS numbers of one set: each says another version of it, or another sender. */
export const TAGS_PER_SET = 64;

export const tagOf = (set: number, version = 0): number => TAG_BASE + set * TAGS_PER_SET + version;

export interface FeedShape {
  readonly family: Family;
  readonly prefixes: number;
  /** Prefixes of one attribute set, which are one UPDATE. */
  readonly perSet: number;
}

export interface Announced extends FeedShape {
  /** Address of the sender, 4 or 16 octets. */
  readonly nextHop: Uint8Array;
  /** AS numbers before those of the set: the sender's own on an external session. */
  readonly asPath: readonly number[];
  /** On an internal session. */
  readonly localPref: number | undefined;
  /** See `tagOf`. */
  readonly version?: number;
  /** How many more times the first AS number stands in the path of a set: makes it longer. */
  readonly prepended?: (set: number) => number;
  /** Sets from here to before `toSet`; all unless told. */
  readonly fromSet?: number;
  readonly toSet?: number;
}

/** Mixes the bits of a number (the finalizer of murmur3): what a set looks like is drawn from its number. */
export function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Bits of prefix i's mask: mostly /24 and /48, as in the Internet's tables. */
export const lengthOf = (family: Family, index: number): number => {
  const draw = mixed(index) & 15;
  if (family === 'ipv4') return draw < 11 ? 24 : draw < 14 ? 23 : 22;
  return draw < 11 ? 48 : 48 - Math.min(draw - 10, 4);
};

/** A buffer that grows, and what is written to it. */
class Octets {
  private octets = Buffer.allocUnsafe(1 << 16);
  length = 0;

  room(needed: number): Buffer {
    if (this.length + needed > this.octets.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.octets.length * 2, this.length + needed));
      this.octets.copy(grown, 0, 0, this.length);
      this.octets = grown;
    }
    return this.octets;
  }

  take(): Buffer {
    return this.octets.subarray(0, this.length);
  }
}

/** Sets in the order in which they are sent: shuffled, the same way each time. */
export function shuffled(from: number, to: number): Uint32Array {
  const order = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = mixed(i * 2 + 1) % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** @returns one UPDATE a set, one after the other. */
export function announcements(feed: Announced): Buffer {
  const out = new Octets();
  const { fromSet = 0, toSet = Math.ceil(feed.prefixes / feed.perSet) } = feed;
  for (const set of shuffled(fromSet, toSet)) {
    const first = set * feed.perSet;
    announce(out, feed, set, first, Math.min(feed.prefixes, first + feed.perSet));
  }
  return out.take();
}

const IPV4_NLRI_OCTETS = 4;
const IPV6_NLRI_OCTETS = 7;
/** More than an UPDATE's header and attributes ever take here. */
const MOST_ATTRIBUTE_OCTETS = 256;

function announce(out: Octets, feed: Announced, set: number, first: number, end: number): void {
  const v4 = feed.family === 'ipv4';
  const nlriOctets = (end - first) * (v4 ? IPV4_NLRI_OCTETS : IPV6_NLRI_OCTETS);
  const b = out.room(MOST_ATTRIBUTE_OCTETS + nlriOctets);
  const start = out.length;
  let at = start + 19;
  b.writeUInt16BE(0, at); // withdrawn routes
  at += 4; // and the length of the attributes, below
  const attributes = at;
  const draw = mixed(set + (feed.version ?? 0) * 7919);
  at = put(b, at, [0x40, 1, 1, draw % 8 === 0 ? 2 : 0]); // ORIGIN
  const path = [...feed.asPath];
  for (let more = feed.prepended?.(set) ?? 0; more > 0; more--) path.push(path[0]!);
  for (let hop = 0; hop < 1 + (mixed(set) & 3); hop++) path.push(1000 + (mixed(set * 5 + hop) % 60_000));
  path.push(tagOf(set, feed.version));
  at = put(b, at, [0x40, 2, 2 + path.length * 4, 2, path.length]); // AS_PATH: one AS_SEQUENCE
  for (const asNumber of path) at = b.writeUInt32BE(asNumber, at);
  if (v4) {
    at = put(b, at, [0x40, 3, 4]); // NEXT_HOP
    b.set(feed.nextHop, at);
    at += 4;
  }
  if ((draw & 0x30) === 0) at = b.writeUInt32BE(draw & 0xff, put(b, at, [0x80, 4, 4])); // MULTI_EXIT_DISC
  if (feed.localPref !== undefined) at = b.writeUInt32BE(feed.localPref, put(b, at, [0x40, 5, 4]));
  const communities = (draw >>> 8) % 5;
  if (communities > 0) at = put(b, at, [0xc0, 8, communities * 4]);
  for (let i = 0; i < communities; i++) at = b.writeUInt32BE(64_500 * 0x10000 + (mixed(set + i) & 0x1ff), at);
  if (!v4) {
    at = put(b, at, [0x90, 14]); // MP_REACH_NLRI, extended length
    at = b.writeUInt16BE(2 + 1 + 1 + 16 + 1 + nlriOctets, at);
    at = put(b, at, [0, 2, 1, 16]);
    b.set(feed.nextHop, at);
    at = put(b, at + 16, [0]);
    at = nlri(b, at, feed.family, first, end);
  }
  b.writeUInt16BE(at - attributes, attributes - 2);
  if (v4) at = nlri(b, at, feed.family, first, end);
  header(b, start, at - start);
  out.length = at;
}

/** Withdraws the prefixes of sets from `fromSet` to before `toSet`, in full messages. */
export function withdrawals(
  shape: FeedShape,
  fromSet = 0,
  toSet = Math.ceil(shape.prefixes / shape.perSet),
): Buffer {
  const out = new Octets();
  const v4 = shape.family === 'ipv4';
  const each = v4 ? IPV4_NLRI_OCTETS : IPV6_NLRI_OCTETS;
  const most = Math.floor((4096 - 64) / each);
  const last = Math.min(shape.prefixes, toSet * shape.perSet);
  for (let first = fromSet * shape.perSet; first < last; first += most) {
    const end = Math.min(last, first + most);
    const octets = (end - first) * each;
    const b = out.room(64 + octets);
    const start = out.length;
    let at = start + 19;
    if (v4) {
      at = nlri(b, b.writeUInt16BE(octets, at), shape.family, first, end);
      at = b.writeUInt16BE(0, at);
    } else {
      at = b.writeUInt16BE(4 + 3 + octets, b.writeUInt16BE(0, at));
      at = b.writeUInt16BE(3 + octets, put(b, at, [0x90, 15])); // MP_UNREACH_NLRI
      at = nlri(b, put(b, at, [0, 2, 1]), shape.family, first, end);
    }
    header(b, start, at - start);
    out.length = at;
  }
  return out.take();
}

function nlri(b: Buffer, from: number, family: Family, first: number, end: number): number {
  let at = from;
  for (let i = first; i < end; i++) {
    const length = lengthOf(family, i);
    b[at++] = length;
    if (family === 'ipv4') at = b.writeUIntBE(BASE_24 + i * 4, at, 3);
    else at = b.writeUInt32BE(i * 16, b.writeUInt16BE(BASE_V6, at));
  }
  return at;
}

/** Index of an IPv4 prefix from its upper 24 bits; not a whole number of ours when it is none of ours. */
export const indexOfIpv4 = (upper24: number): number => (upper24 - BASE_24) >>> 2;
/** Index of an IPv6 prefix from its octets 2 to 5. */
export const indexOfIpv6 = (middle32: number): number => middle32 >>> 4;

function header(b: Buffer, start: number, length: number): void {
  b.fill(0xff, start, start + 16);
  b.writeUInt16BE(length, start + 16);
  b[start + 18] = 2; // UPDATE
}

function put(b: Buffer, at: number, octets: readonly number[]): number {
  for (let i = 0; i < octets.length; i++) b[at + i] = octets[i]!;
  return at + octets.length;
}

/** End-of-RIB (RFC 4724 §2). */
export function endOfRib(family: Family): Buffer {
  const b = Buffer.alloc(family === 'ipv4' ? 23 : 29);
  if (family === 'ipv6') put(b, 21, [0, 6, 0x80, 15, 3, 0, 2, 1]);
  header(b, 0, b.length);
  return b;
}
