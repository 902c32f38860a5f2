// AS_PATH, and the segments that AS4_PATH has as well. How long a path is and whose AS numbers may be in it: policy and
// decision process.

import { AS_TRANS, ATTRIBUTE } from '../constants.ts';
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';
import type { AttributeCodec } from './codec.ts';
import type { AsPath, AsPathSegment, AsPathSegmentType } from './path-attributes.ts';

/** AS_PATH (RFC 4271 §5.1.2): segments of AS numbers with two or four octets each (RFC 6793 §4.1). */
export const asPath: AttributeCodec<AsPath> = {
  code: ATTRIBUTE.AS_PATH,
  name: 'AS_PATH',
  category: 'well-known',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.2; AS number 0: RFC 7607 §2
  mayBeEmpty: true,
  decode: (r, context) => {
    const path = decodeSegments(r, context.asOctets);
    // RFC 5065 §5: an external peer is in no confederation of ours, so its segments of one are an error
    return context.peerType === 'external' && path?.some(isConfederation) ? undefined : path;
  },
  encode: (w, path, context) => encodeSegments(w, path, context.asOctets),
};

/** By segment type (RFC 4271 §4.3, RFC 5065 §3). */
const SEGMENT_TYPES: readonly (AsPathSegmentType | undefined)[] = [
  undefined,
  'AS_SET',
  'AS_SEQUENCE',
  'AS_CONFED_SEQUENCE',
  'AS_CONFED_SET',
];

const MAX_SEGMENT_COUNT = 255;

/** @returns undefined for an unknown segment type, an empty segment, one that ends beyond the value, or AS number 0. */
export function decodeSegments(r: Reader, asOctets: 2 | 4): AsPath | undefined {
  const path: AsPathSegment[] = [];
  while (r.remaining > 0) {
    const type = SEGMENT_TYPES[r.u8()];
    const count = r.u8();
    if (type === undefined || count === 0 || count * asOctets > r.remaining) return undefined;
    const asNumbers: number[] = [];
    for (let i = 0; i < count; i++) {
      const asNumber = asOctets === 4 ? r.u32() : r.u16();
      if (asNumber === 0) return undefined;
      asNumbers.push(asNumber);
    }
    path.push({ type, asNumbers });
  }
  return path;
}

/** AS numbers that do not fit go out as AS_TRANS. A segment of more than 255 is split, as its count has one octet. */
export function encodeSegments(w: Writer, path: AsPath, asOctets: 2 | 4): void {
  for (const { type, asNumbers } of path) {
    for (let from = 0; from < asNumbers.length; from += MAX_SEGMENT_COUNT) {
      const count = Math.min(asNumbers.length - from, MAX_SEGMENT_COUNT);
      w.u8(SEGMENT_TYPES.indexOf(type));
      w.u8(count);
      for (let i = from; i < from + count; i++) {
        const asNumber = asNumbers[i]!;
        if (asOctets === 4) w.u32(asNumber);
        else w.u16(asNumber > 0xffff ? AS_TRANS : asNumber);
      }
    }
  }
}

export const isConfederation = (segment: AsPathSegment): boolean =>
  segment.type === 'AS_CONFED_SEQUENCE' || segment.type === 'AS_CONFED_SET';
