// LOCAL_PREF. Its default and its use are for policy/ and the decision process.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** LOCAL_PREF (RFC 4271 §5.1.5): four octets, unsigned, higher preferred. */
export const localPref: AttributeCodec<number> = {
  code: ATTRIBUTE.LOCAL_PREF,
  name: 'LOCAL_PREF',
  category: 'well-known',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.5
  internalOnly: true,
  decode: (r) => r.u32(),
  encode: (w, value) => w.u32(value),
};
