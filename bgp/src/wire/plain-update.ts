// UPDATEs in which nothing is unusual: read in place, without an object for anything in them. Nearly all are so. Every rule of
// RFC 4271 §6.3 and RFC 7606 is checked; what breaks one, or is merely rare (an attribute that we do not know, AS numbers of two
// octets, End-of-RIB), is left to update.ts, which says what is wrong. Where both read a message they agree.            [hot]
//
//   body   | length | withdrawn | length | attributes | NLRI |      ranges of it are given as a start and an end
//   set    the attributes as canonical octets (attribute/canonical.ts): the message itself, or where MP_REACH_NLRI or
//          MP_UNREACH_NLRI have to be left out, a copy that holds until the next message is read

import { FAMILY, type Family } from '../net/family.ts';
import { wordAt } from './attribute/canonical.ts';
import { ATTRIBUTE, ATTRIBUTE_FLAG } from './constants.ts';
import type { WireContext } from './context.ts';
import { checkNlriRange } from './nlri.ts';
import { Writer } from './writer.ts';

const { OPTIONAL, TRANSITIVE, EXTENDED_LENGTH } = ATTRIBUTE_FLAG;

/** Flags that an attribute has to have here, Extended Length aside; 0xff is one that is not read here. */
const FLAGS = new Uint8Array(256).fill(0xff);
for (const code of [
  ATTRIBUTE.ORIGIN,
  ATTRIBUTE.AS_PATH,
  ATTRIBUTE.NEXT_HOP,
  ATTRIBUTE.LOCAL_PREF,
  ATTRIBUTE.ATOMIC_AGGREGATE,
])
  FLAGS[code] = TRANSITIVE;
for (const code of [
  ATTRIBUTE.AGGREGATOR,
  ATTRIBUTE.COMMUNITIES,
  ATTRIBUTE.EXTENDED_COMMUNITIES,
  ATTRIBUTE.LARGE_COMMUNITY,
  ATTRIBUTE.ONLY_TO_CUSTOMER,
])
  FLAGS[code] = OPTIONAL | TRANSITIVE;
for (const code of [
  ATTRIBUTE.MULTI_EXIT_DISC,
  ATTRIBUTE.ORIGINATOR_ID,
  ATTRIBUTE.CLUSTER_LIST,
  ATTRIBUTE.MP_REACH_NLRI,
  ATTRIBUTE.MP_UNREACH_NLRI,
])
  FLAGS[code] = OPTIONAL;

/** Bits of what was seen. */
const SEEN = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 4,
  LOCAL_PREF: 8,
  MP_REACH: 16,
  MP_UNREACH: 32,
  OTHER: 64,
} as const;

const MANDATORY = SEEN.ORIGIN | SEEN.AS_PATH;

/** More than that are looked at closely: each is compared with all before it. */
const MAX_LARGE_COMMUNITIES = 16;
const LARGE_OCTETS = 12;

export class PlainUpdate {
  octets: Uint8Array = new Uint8Array(0);
  /** Withdrawn prefixes of IPv4, and announced ones. */
  withdrawnStart = 0;
  withdrawnEnd = 0;
  nlriStart = 0;
  nlriEnd = 0;
  /** Withdrawn prefixes of IPv6, and announced ones. */
  unreachStart = 0;
  unreachEnd = 0;
  reachStart = 0;
  reachEnd = 0;
  /** The attribute set; empty when nothing is announced. */
  set: Uint8Array = this.octets;
  setStart = 0;
  setEnd = 0;
  /** Of these, octets of the next hop at the end. */
  nextHopOctets = 0;

  private readonly scratch = new Writer(4096);
  private seen = 0;
  private nextHopStart = 0;

  /**
   * @param octets  from `start` to before `end` an UPDATE after its header.
   * @returns whether the fields now say all that is in it.
   */
  read(octets: Uint8Array, start: number, end: number, context: WireContext): boolean {
    if (context.asOctets !== 4 || end - start < 4) return false;
    this.octets = octets;
    this.withdrawnStart = start + 2;
    this.withdrawnEnd = this.withdrawnStart + ((octets[start]! << 8) | octets[start + 1]!);
    if (this.withdrawnEnd + 2 > end) return false;
    const listStart = this.withdrawnEnd + 2;
    const listEnd = listStart + ((octets[this.withdrawnEnd]! << 8) | octets[this.withdrawnEnd + 1]!);
    if (listEnd > end) return false;
    this.nlriStart = listEnd;
    this.nlriEnd = end;
    this.unreachStart = this.unreachEnd = this.reachStart = this.reachEnd = 0;
    if (!this.checkField('ipv4', this.withdrawnStart, this.withdrawnEnd, context)) return false;
    if (!this.checkField('ipv4', this.nlriStart, this.nlriEnd, context)) return false;
    return (
      this.readAttributes(octets, listStart, listEnd, context) && this.isWhole(listStart, listEnd, context)
    );
  }

  private checkField(family: Family, start: number, end: number, context: WireContext): boolean {
    if (start === end) return true;
    if (!context.families.includes(family)) return false;
    const addPath = context.addPathReceive.includes(family);
    return checkNlriRange(this.octets, start, end, FAMILY[family].addressBits, addPath) !== undefined;
  }

  private readAttributes(octets: Uint8Array, from: number, to: number, context: WireContext): boolean {
    this.seen = 0;
    let last = 0;
    for (let at = from; at < to; ) {
      if (at + 3 > to) return false;
      const flags = octets[at]!;
      const code = octets[at + 1]!;
      const extended = (flags & EXTENDED_LENGTH) !== 0;
      if (extended && at + 4 > to) return false;
      const length = extended ? (octets[at + 2]! << 8) | octets[at + 3]! : octets[at + 2]!;
      const value = at + (extended ? 4 : 3);
      const end = value + length;
      if (end > to || (flags & ~EXTENDED_LENGTH) !== FLAGS[code]) return false;
      if (code === ATTRIBUTE.MP_REACH_NLRI) {
        if ((this.seen & SEEN.MP_REACH) !== 0 || !this.readReach(octets, value, end, context)) return false;
        this.seen |= SEEN.MP_REACH;
      } else if (code === ATTRIBUTE.MP_UNREACH_NLRI) {
        if ((this.seen & SEEN.MP_UNREACH) !== 0 || !this.readUnreach(octets, value, end, context))
          return false;
        this.seen |= SEEN.MP_UNREACH;
      } else {
        // Only in this form are the octets canonical.
        if (code <= last || extended !== length > 255) return false;
        last = code;
        if (!this.check(octets, code, value, length, context)) return false;
      }
      at = end;
    }
    return true;
  }

  private check(
    octets: Uint8Array,
    code: number,
    value: number,
    length: number,
    context: WireContext,
  ): boolean {
    switch (code) {
      case ATTRIBUTE.ORIGIN:
        this.seen |= SEEN.ORIGIN;
        return length === 1 && octets[value]! <= 2;
      case ATTRIBUTE.AS_PATH:
        this.seen |= SEEN.AS_PATH;
        return isAsPath(octets, value, value + length);
      case ATTRIBUTE.NEXT_HOP:
        this.seen |= SEEN.NEXT_HOP;
        return length === 4 && octets[value]! > 0 && octets[value]! < 224;
      case ATTRIBUTE.LOCAL_PREF:
        this.seen |= SEEN.LOCAL_PREF;
        return length === 4 && context.peerType === 'internal';
      default:
        this.seen |= SEEN.OTHER;
    }
    switch (code) {
      case ATTRIBUTE.MULTI_EXIT_DISC:
      case ATTRIBUTE.ONLY_TO_CUSTOMER:
        return length === 4;
      case ATTRIBUTE.ATOMIC_AGGREGATE:
        return length === 0;
      case ATTRIBUTE.AGGREGATOR:
        return length === 8 && wordAt(octets, value) !== 0;
      case ATTRIBUTE.COMMUNITIES:
        return length > 0 && length % 4 === 0;
      case ATTRIBUTE.ORIGINATOR_ID:
        return length === 4 && context.peerType === 'internal';
      case ATTRIBUTE.CLUSTER_LIST:
        return length > 0 && length % 4 === 0 && context.peerType === 'internal';
      case ATTRIBUTE.EXTENDED_COMMUNITIES:
        return length > 0 && length % 8 === 0;
      case ATTRIBUTE.LARGE_COMMUNITY:
        return length > 0 && length % LARGE_OCTETS === 0 && areDistinct(octets, value, length);
      default:
        return false;
    }
  }

  /** Routes of IPv6 with a next hop of 16 octets, or a link-local one behind it (RFC 2545 §3). */
  private readReach(octets: Uint8Array, start: number, end: number, context: WireContext): boolean {
    if (end - start < 5 || !isIpv6Unicast(octets, start)) return false;
    const nextHopOctets = octets[start + 3]!;
    const nextHop = start + 4;
    if ((nextHopOctets !== 16 && nextHopOctets !== 32) || nextHop + nextHopOctets + 1 > end) return false;
    if (octets[nextHop] === 0xff || isUnspecified(octets, nextHop)) return false;
    if (nextHopOctets === 32 && wordAt(octets, nextHop + 16) >>> 22 !== LINK_LOCAL) return false;
    this.nextHopStart = nextHop;
    this.nextHopOctets = nextHopOctets;
    this.reachStart = nextHop + nextHopOctets + 1;
    this.reachEnd = end;
    return this.reachStart < end && this.checkField('ipv6', this.reachStart, end, context);
  }

  private readUnreach(octets: Uint8Array, start: number, end: number, context: WireContext): boolean {
    if (end - start < 4 || !isIpv6Unicast(octets, start)) return false; // End-of-RIB has no prefixes
    this.unreachStart = start + 3;
    this.unreachEnd = end;
    return this.checkField('ipv6', this.unreachStart, end, context);
  }

  /** Are the attributes there that the routes need, and is there a route at all? */
  private isWhole(listStart: number, listEnd: number, context: WireContext): boolean {
    const { seen } = this;
    const announcesIpv4 = this.nlriStart < this.nlriEnd;
    this.set = this.octets;
    this.setStart = listStart;
    this.setEnd = listEnd;
    if (!announcesIpv4 && (seen & SEEN.MP_REACH) === 0) {
      this.setEnd = listStart;
      if (seen === SEEN.MP_UNREACH) return this.withdrawnStart === this.withdrawnEnd;
      return seen === 0 && listStart === listEnd && this.withdrawnStart < this.withdrawnEnd;
    }
    const needed = MANDATORY | (context.peerType === 'internal' ? SEEN.LOCAL_PREF : 0);
    if ((seen & needed) !== needed) return false;
    // Either family, not both: their next hops differ, so they are not one set.
    if (announcesIpv4) {
      this.nextHopOctets = 0;
      if ((seen & SEEN.NEXT_HOP) === 0 || (seen & SEEN.MP_REACH) !== 0) return false;
      return (seen & SEEN.MP_UNREACH) === 0 || this.copySet(listStart, listEnd);
    }
    return (seen & SEEN.NEXT_HOP) === 0 && this.copySet(listStart, listEnd);
  }

  /** The attributes without those that have routes, and the next hop of IPv6 behind them. */
  private copySet(listStart: number, listEnd: number): true {
    const { octets, scratch } = this;
    scratch.length = 0;
    for (let at = listStart; at < listEnd; ) {
      const extended = (octets[at]! & EXTENDED_LENGTH) !== 0;
      const end = at + (extended ? 4 + ((octets[at + 2]! << 8) | octets[at + 3]!) : 3 + octets[at + 2]!);
      const code = octets[at + 1];
      if (code !== ATTRIBUTE.MP_REACH_NLRI && code !== ATTRIBUTE.MP_UNREACH_NLRI)
        scratch.range(octets, at, end);
      at = end;
    }
    if ((this.seen & SEEN.MP_REACH) !== 0)
      scratch.range(octets, this.nextHopStart, this.nextHopStart + this.nextHopOctets);
    this.set = scratch.octets;
    this.setStart = 0;
    this.setEnd = scratch.length;
    return true;
  }
}

/** fe80::/10, as the highest ten bits. */
const LINK_LOCAL = 0xfe80 >>> 6;

const isIpv6Unicast = (octets: Uint8Array, at: number): boolean =>
  octets[at] === 0 && octets[at + 1] === FAMILY.ipv6.afi && octets[at + 2] === FAMILY.ipv6.safi;

function isUnspecified(octets: Uint8Array, at: number): boolean {
  for (let i = 0; i < 16; i++) if (octets[at + i] !== 0) return false;
  return true;
}

/** Segments of AS_SET and AS_SEQUENCE, none of them empty or cut off, no AS number 0 (RFC 7606 §7.2, RFC 7607). */
function isAsPath(octets: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    if (at + 2 > end) return false;
    const type = octets[at]!;
    const count = octets[at + 1]!;
    const next = at + 2 + 4 * count;
    if (type < 1 || type > 2 || count === 0 || next > end) return false;
    for (at += 2; at < next; at += 4) {
      if (octets[at] === 0 && octets[at + 1] === 0 && octets[at + 2] === 0 && octets[at + 3] === 0)
        return false;
    }
  }
  return true;
}

function areDistinct(octets: Uint8Array, start: number, length: number): boolean {
  if (length > MAX_LARGE_COMMUNITIES * LARGE_OCTETS) return false;
  for (let a = start + LARGE_OCTETS; a < start + length; a += LARGE_OCTETS) {
    for (let b = start; b < a; b += LARGE_OCTETS) {
      let i = 0;
      while (i < LARGE_OCTETS && octets[a + i] === octets[b + i]) i++;
      if (i === LARGE_OCTETS) return false;
    }
  }
  return true;
}
