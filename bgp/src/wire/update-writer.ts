// UPDATEs from octets that are there already: an attribute list, a next hop, and prefixes that write themselves. One message a
// call, as full as the session allows.                                                                        [hot]
//
//   plain       | header | 0 | length | attributes, NEXT_HOP among them | prefixes |
//   MP_REACH    | header | 0 | length | MP_REACH_NLRI: AFI SAFI next hop 0 prefixes | attributes |
//   withdraw    | header | length | prefixes | 0 |     or     | header | 0 | length | MP_UNREACH_NLRI: AFI SAFI prefixes |
//
// MP_REACH_NLRI comes first (RFC 7606 §5.1), so that an error in another attribute does not hide the routes.

import { FAMILY, type Family } from '../net/family.ts';
import { ATTRIBUTE, ATTRIBUTE_FLAG, MESSAGE_TYPE } from './constants.ts';
import type { WireContext } from './context.ts';
import { beginMessage, endMessage } from './framer.ts';
import type { Writer } from './writer.ts';

/** Where the encoders take prefixes from. */
export interface PrefixSource {
  readonly length: number;
  /** Writes one NLRI entry (see `writePrefix`); may be asked twice for one index. */
  writeTo(w: Writer, index: number): void;
}

/** A part of an array. */
export interface OctetRange {
  readonly octets: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Attributes as the session has them (AS numbers of its size), and what goes into MP_REACH_NLRI. */
export interface EncodedRoute {
  readonly attributes: OctetRange;
  /** The next hop of MP_REACH_NLRI; undefined where the attributes have NEXT_HOP and the prefixes go into the NLRI field. */
  readonly nextHop: OctetRange | undefined;
}

const WITHDRAWN_LENGTH_AT = 19;
const ATTRIBUTES_LENGTH_AT = 21;
const FIXED_OCTETS = 23;
/** MP_REACH_NLRI without next hop and prefixes: flags, code, length, AFI, SAFI, length of the next hop, reserved. */
const REACH_OCTETS = 9;

const lengthOf = ({ start, end }: OctetRange): number => end - start;

/**
 * Writes one UPDATE that announces prefixes from an index on.
 * @returns the index of the first prefix that is not in it; `from` when the attributes leave no room (RFC 8654 §4): then nothing
 *   was written.
 */
export function writeAnnounce(
  w: Writer,
  family: Family,
  { attributes, nextHop }: EncodedRoute,
  prefixes: PrefixSource,
  from: number,
  context: WireContext,
): number {
  const attributesOctets = lengthOf(attributes);
  const reachOctets = nextHop === undefined ? 0 : REACH_OCTETS + lengthOf(nextHop);
  // The longest prefix of all has to fit: so either all prefixes find a place with these attributes, or none.
  const entryOctets = (context.addPathSend.includes(family) ? 4 : 0) + 1 + FAMILY[family].addressOctets;
  if (FIXED_OCTETS + reachOctets + attributesOctets + entryOctets > context.maxMessageOctets) return from;
  const start = beginMessage(w, MESSAGE_TYPE.UPDATE);
  w.u16(0);
  if (nextHop === undefined) {
    w.u16(attributesOctets);
    w.range(attributes.octets, attributes.start, attributes.end);
    const end = writePrefixes(w, prefixes, from, start + context.maxMessageOctets);
    return finish(w, start, end, from);
  }
  w.u16(0);
  const attribute = beginMultiprotocol(w, ATTRIBUTE.MP_REACH_NLRI, family);
  w.u8(lengthOf(nextHop));
  w.range(nextHop.octets, nextHop.start, nextHop.end);
  w.u8(0);
  const end = writePrefixes(w, prefixes, from, start + context.maxMessageOctets - attributesOctets);
  w.setU16(attribute + 2, w.length - attribute - 4);
  w.range(attributes.octets, attributes.start, attributes.end);
  w.setU16(start + ATTRIBUTES_LENGTH_AT, w.length - start - FIXED_OCTETS);
  return finish(w, start, end, from);
}

/** Writes one UPDATE that withdraws prefixes from an index on. @returns the index of the first that is not in it. */
export function writeWithdraw(
  w: Writer,
  family: Family,
  prefixes: PrefixSource,
  from: number,
  context: WireContext,
): number {
  const start = beginMessage(w, MESSAGE_TYPE.UPDATE);
  w.u16(0);
  if (family === 'ipv4') {
    const end = writePrefixes(w, prefixes, from, start + context.maxMessageOctets - 2);
    w.setU16(start + WITHDRAWN_LENGTH_AT, w.length - start - WITHDRAWN_LENGTH_AT - 2);
    w.u16(0);
    return finish(w, start, end, from);
  }
  w.u16(0);
  const attribute = beginMultiprotocol(w, ATTRIBUTE.MP_UNREACH_NLRI, family);
  const end = writePrefixes(w, prefixes, from, start + context.maxMessageOctets);
  w.setU16(attribute + 2, w.length - attribute - 4);
  w.setU16(start + ATTRIBUTES_LENGTH_AT, w.length - start - FIXED_OCTETS);
  return finish(w, start, end, from);
}

/** @returns where the attribute starts. */
function beginMultiprotocol(w: Writer, code: number, family: Family): number {
  const attribute = w.length;
  const { afi, safi } = FAMILY[family];
  w.u8(ATTRIBUTE_FLAG.OPTIONAL | ATTRIBUTE_FLAG.EXTENDED_LENGTH);
  w.u8(code);
  w.u16(0);
  w.u16(afi);
  w.u8(safi);
  return attribute;
}

/** As many as fit before `limit`. @returns the index of the first that does not. */
function writePrefixes(w: Writer, prefixes: PrefixSource, from: number, limit: number): number {
  const { length } = prefixes;
  let index = from;
  for (; index < length; index++) {
    const before = w.length;
    prefixes.writeTo(w, index);
    if (w.length > limit) {
      w.length = before;
      break;
    }
  }
  return index;
}

function finish(w: Writer, start: number, end: number, from: number): number {
  if (end === from) w.length = start;
  else endMessage(w, start);
  return end;
}
