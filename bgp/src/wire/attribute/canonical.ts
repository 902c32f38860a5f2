// The canonical octets of an attribute set: sets are equal exactly when these are. They are what goes to most peers, so a
// set that came in this form is neither decoded nor encoded on its way through.
//
//   | attributes by ascending type code, AS numbers in four octets, shortest length form | next hop: 0, 16, 32 or 48 octets |
//     └ with NEXT_HOP when the next hop is IPv4, never with MP_REACH_NLRI or MP_UNREACH_NLRI    └ when it is IPv6
//
// Of 48 octets the last 16 are the name of the interface that a link-local next hop is reached by; its second address is always there
// then. How many octets the next hop behind the list has is kept beside them. A set that no message holds (codec.ts, `finishAttribute`) has
// such octets too, but cannot be decoded from them.

import { type Address, addressFromOctets, addressOctets, familyOfAddress } from '../../net/address.ts';
import { ATTRIBUTE, ATTRIBUTE_FLAG } from '../constants.ts';
import { EXTENDED_MESSAGE_OCTETS, type WireContext } from '../context.ts';
import { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';
import { OVERLONG } from './codec.ts';
import type { NextHop, PathAttributes } from './path-attributes.ts';
import { decodeAttributes, encodeAttributes } from './table.ts';

const CANONICAL_CONTEXT: WireContext = {
  asOctets: 4,
  maxMessageOctets: EXTENDED_MESSAGE_OCTETS,
  families: ['ipv4', 'ipv6'],
  addPathReceive: [],
  addPathSend: [],
  peerType: 'internal',
};

/** @returns octets of the next hop behind the attributes. */
export function encodeCanonical(w: Writer, attributes: PathAttributes): number {
  const { nextHop } = attributes;
  if (nextHop === undefined || familyOfAddress(nextHop.address) === 'ipv4') {
    encodeAttributes(w, attributes, CANONICAL_CONTEXT, nextHop?.address);
    return 0;
  }
  encodeAttributes(w, attributes, CANONICAL_CONTEXT);
  w.bytes(addressOctets(nextHop.address));
  const { linkLocal, zone } = nextHop;
  if (zone === undefined) {
    if (linkLocal === undefined) return 16;
    w.bytes(addressOctets(linkLocal));
    return 32;
  }
  w.bytes(addressOctets(linkLocal ?? nextHop.address));
  for (let i = 0; i < ZONE_OCTETS; i++) w.u8(i < zone.length ? zone.charCodeAt(i) : 0);
  return SCOPED_NEXT_HOP_OCTETS;
}

/** A name of an interface, as long as Linux has them. */
const ZONE_OCTETS = 16;

/** Octets of a next hop with two addresses and an interface. */
export const SCOPED_NEXT_HOP_OCTETS = 48;

/** @param at  where such a next hop begins. */
export function scopedNextHop(octets: Uint8Array, at: number): NextHop {
  const first = addressFromOctets(octets.subarray(at, at + 16));
  const linkLocal = addressFromOctets(octets.subarray(at + 16, at + 32));
  let zone = '';
  for (let i = at + 32; i < at + SCOPED_NEXT_HOP_OCTETS && octets[i] !== 0; i++)
    zone += String.fromCharCode(octets[i]!);
  return first === linkLocal ? { address: first, zone } : { address: first, linkLocal, zone };
}

/** @param octets  canonical, the last `nextHopOctets` of them the next hop. */
export function decodeCanonical(octets: Uint8Array, nextHopOctets: number): PathAttributes {
  const end = octets.length - nextHopOctets;
  const reader = new Reader(octets);
  reader.end = end;
  const attributes = decodeAttributes(reader, CANONICAL_CONTEXT).pathAttributes();
  const nextHop = nextHopOf(octets, end);
  return nextHop === undefined ? attributes : { ...attributes, nextHop };
}

function nextHopOf(octets: Uint8Array, end: number): NextHop | undefined {
  if (octets.length === end + SCOPED_NEXT_HOP_OCTETS) return scopedNextHop(octets, end);
  if (octets.length > end) {
    const address = addressFromOctets(octets.subarray(end, end + 16));
    if (octets.length === end + 16) return { address };
    return { address, linkLocal: addressFromOctets(octets.subarray(end + 16, end + 32)) };
  }
  const walk = new AttributeWalk();
  const found = walk.find(octets, 0, end, ATTRIBUTE.NEXT_HOP);
  return found
    ? { address: addressFromOctets(octets.subarray(walk.value, walk.value + 4)) as Address }
    : undefined;
}

/** Walks a list of attributes that is known to be well-formed, without making objects. */
export class AttributeWalk {
  code = 0;
  flags = 0;
  /** Where the attribute begins, where its value does, and where both end. */
  start = 0;
  value = 0;
  end = 0;
  private listEnd = 0;

  reset(at: number, listEnd: number): void {
    this.end = at;
    this.listEnd = listEnd;
  }

  next(octets: Uint8Array): boolean {
    const at = this.end;
    if (at >= this.listEnd) return false;
    this.start = at;
    this.flags = octets[at]!;
    this.code = octets[at + 1]!;
    if ((this.flags & OVERLONG) !== 0) {
      this.value = at + 6;
      this.end = this.value + ((octets[at + 3]! << 16) | (octets[at + 4]! << 8) | octets[at + 5]!);
    } else if ((this.flags & ATTRIBUTE_FLAG.EXTENDED_LENGTH) !== 0) {
      this.value = at + 4;
      this.end = this.value + ((octets[at + 2]! << 8) | octets[at + 3]!);
    } else {
      this.value = at + 3;
      this.end = this.value + octets[at + 2]!;
    }
    return true;
  }

  /** Goes to the attribute of that code; lists are in ascending order. */
  find(octets: Uint8Array, at: number, listEnd: number, code: number): boolean {
    this.reset(at, listEnd);
    while (this.next(octets)) {
      if (this.code === code) return true;
      if (this.code > code) return false;
    }
    return false;
  }
}

export const wordAt = (octets: Uint8Array, at: number): number =>
  ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
