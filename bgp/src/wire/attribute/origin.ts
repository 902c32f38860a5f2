// ORIGIN. Its use is for the decision process.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';
import type { Origin } from './path-attributes.ts';

/** ORIGIN (RFC 4271 §5.1.1): 0 IGP, 1 EGP, 2 INCOMPLETE. */
export const origin: AttributeCodec<Origin> = {
  code: ATTRIBUTE.ORIGIN,
  name: 'ORIGIN',
  category: 'well-known',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.1
  decode: (r) => {
    const value = r.u8();
    return value <= 2 ? (value as Origin) : undefined;
  },
  encode: (w, value) => w.u8(value),
};
