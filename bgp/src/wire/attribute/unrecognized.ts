// Attributes that no row knows (RFC 4271 §5, §6.3, §9). Transitive ones travel on, octet for octet; the others stop here.

import { ATTRIBUTE_FLAG } from '../constants.ts';
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';
import { finishAttribute } from './codec.ts';
import type { UnrecognizedAttribute } from './path-attributes.ts';

export type UnrecognizedKind = 'well-known' | 'pass on' | 'ignore';

export function unrecognizedKind(flags: number): UnrecognizedKind {
  if ((flags & ATTRIBUTE_FLAG.OPTIONAL) === 0) return 'well-known';
  return (flags & ATTRIBUTE_FLAG.TRANSITIVE) !== 0 ? 'pass on' : 'ignore';
}

/** @param r  limited to the value. Extended Length says how the length was written, so it is not kept. */
export const decodeUnrecognized = (code: number, flags: number, r: Reader): UnrecognizedAttribute => ({
  code,
  flags: flags & ~ATTRIBUTE_FLAG.EXTENDED_LENGTH & 0xf0,
  value: r.copy(r.remaining),
});

/** Passed on with the Partial bit: a speaker on the way did not understand it (RFC 4271 §5). */
export function encodeUnrecognized(w: Writer, attribute: UnrecognizedAttribute): void {
  const start = w.length;
  w.u8((attribute.flags & ~ATTRIBUTE_FLAG.EXTENDED_LENGTH & 0xf0) | ATTRIBUTE_FLAG.PARTIAL);
  w.u8(attribute.code);
  w.u8(0);
  w.bytes(attribute.value);
  finishAttribute(w, start);
}
