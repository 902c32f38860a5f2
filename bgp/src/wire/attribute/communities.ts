// COMMUNITIES. What well-known ones mean is for policy/.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** COMMUNITIES (RFC 1997): four octets each, in the order received. */
export const communities: AttributeCodec<readonly number[]> = {
  code: ATTRIBUTE.COMMUNITIES,
  name: 'COMMUNITIES',
  category: 'optional transitive',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.8
  decode: (r) => {
    const values: number[] = [];
    while (r.remaining > 0) values.push(r.u32());
    return values;
  },
  encode: (w, values) => {
    for (const value of values) w.u32(value);
  },
};
