// The shape of a row: all that is to be known about one path attribute. The loop over attributes is in table.ts, the
// values are in path-attributes.ts.

import { ATTRIBUTE_FLAG } from '../constants.ts';
import type { WireContext } from '../context.ts';
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';

/** RFC 4271 §5. The two kinds of well-known attributes have the same flags. */
export type AttributeCategory = 'well-known' | 'optional transitive' | 'optional non-transitive';

/** What is done about a malformed attribute (RFC 7606 §2); later ones are stronger. */
export type AttributeOutcome = 'attribute-discard' | 'treat-as-withdraw' | 'session-reset';

/** What was wrong with one attribute, and what was done about it. */
export interface AttributeFinding {
  /** As registered: "AS_PATH". */
  readonly attribute: string;
  readonly code: number;
  readonly outcome: AttributeOutcome;
  readonly detail: string;
}

export interface AttributeCodec<T> {
  readonly code: number;
  /** As registered. */
  readonly name: string;
  readonly category: AttributeCategory;
  /** What a wrong value or length leads to. */
  readonly malformed: AttributeOutcome;
  /** Means something on internal sessions only: from an external peer it is discarded unread (RFC 7606 §7). */
  readonly internalOnly?: true;
  /** For peers with AS numbers of two octets: from others it is discarded unread (RFC 6793 §6). */
  readonly twoOctetsOnly?: true;
  /** A length of zero is no error (RFC 7606 §4). */
  readonly mayBeEmpty?: true;
  /**
   * @param r  limited to the value; octets left over and a read past the end are found by the loop.
   * @returns undefined when the value is malformed.
   */
  readonly decode: (r: Reader, context: WireContext) => T | undefined;
  /** Writes the value without flags, code and length. */
  readonly encode: (w: Writer, value: T, context: WireContext) => void;
}

/** Optional and Transitive bits as the category has them (RFC 4271 §4.3). */
export const CATEGORY_FLAGS: Readonly<Record<AttributeCategory, number>> = {
  'well-known': ATTRIBUTE_FLAG.TRANSITIVE,
  'optional transitive': ATTRIBUTE_FLAG.OPTIONAL | ATTRIBUTE_FLAG.TRANSITIVE,
  'optional non-transitive': ATTRIBUTE_FLAG.OPTIONAL,
};

/**
 * Writes flags, code, length and value; sets Extended Length where one octet is too small.
 * @param flags  without Extended Length.
 */
export function writeAttribute<T>(
  w: Writer,
  row: AttributeCodec<T>,
  flags: number,
  value: T,
  context: WireContext,
): void {
  const start = w.length;
  w.u8(flags);
  w.u8(row.code);
  w.u8(0);
  row.encode(w, value, context);
  finishAttribute(w, start);
}

/** A flag that the wire does not have: the length stands in three octets behind one that is zero. */
export const OVERLONG = 0x01;

/**
 * Fills in the length of the attribute that starts at `start` with flags, code and one octet for the length. A path of two-octet AS
 * numbers that fills an extended message, and what policy adds to a list, can be longer than any attribute may be.
 */
export function finishAttribute(w: Writer, start: number): void {
  const length = w.length - start - 3;
  if (length <= 0xff) {
    w.setU8(start + 2, length);
    return;
  }
  if (length > 0xffff) {
    // No message holds it, which whoever fills one finds by its length. Attribute pools tell sets apart by these octets, so
    // they stay unambiguous: a length of four octets, and a flag that the wire does not have.
    w.insert(start + 3, 3);
    w.setU8(start, w.octets[start]! | OVERLONG);
    w.setU8(start + 2, 0);
    w.setU8(start + 3, length >>> 16);
    w.setU16(start + 4, length & 0xffff);
    return;
  }
  w.insert(start + 3, 1);
  w.setU8(start, w.octets[start]! | ATTRIBUTE_FLAG.EXTENDED_LENGTH);
  w.setU16(start + 2, length);
}
