// EXTENDED COMMUNITIES. Types, and which of them may leave the AS, are for policy/.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

const hexWord = (word: number): string => word.toString(16).padStart(8, '0');

/** EXTENDED COMMUNITIES (RFC 4360): eight octets each, here as 16 hex digits; their types mean nothing to the codec. */
export const extendedCommunities: AttributeCodec<readonly string[]> = {
  code: ATTRIBUTE.EXTENDED_COMMUNITIES,
  name: 'EXTENDED COMMUNITIES',
  category: 'optional transitive',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.14
  decode: (r) => {
    const values: string[] = [];
    while (r.remaining > 0) values.push(hexWord(r.u32()) + hexWord(r.u32()));
    return values;
  },
  encode: (w, values) => {
    for (const value of values) {
      w.u32(Number.parseInt(value.slice(0, 8), 16));
      w.u32(Number.parseInt(value.slice(8), 16));
    }
  },
};
