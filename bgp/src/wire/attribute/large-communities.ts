// LARGE_COMMUNITY. What they mean is for policy/.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';
import type { LargeCommunity } from './path-attributes.ts';

/** LARGE_COMMUNITY (RFC 8092): three times four octets each, in the order received, none twice (§3). */
export const largeCommunities: AttributeCodec<readonly LargeCommunity[]> = {
  code: ATTRIBUTE.LARGE_COMMUNITY,
  name: 'LARGE_COMMUNITY',
  category: 'optional transitive',
  malformed: 'treat-as-withdraw', // RFC 8092 §6
  decode: (r) => {
    const values = new Map<string, LargeCommunity>();
    while (r.remaining > 0) {
      const value = [r.u32(), r.u32(), r.u32()] as const;
      const key = value.join(':');
      if (!values.has(key)) values.set(key, value);
    }
    return [...values.values()];
  },
  encode: (w, values) => {
    for (const value of values) for (const part of value) w.u32(part);
  },
};
