// MULTI_EXIT_DISC. Between whom it is compared is for the decision process.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** MULTI_EXIT_DISC (RFC 4271 §5.1.4): four octets, unsigned, lower preferred. */
export const multiExitDisc: AttributeCodec<number> = {
  code: ATTRIBUTE.MULTI_EXIT_DISC,
  name: 'MULTI_EXIT_DISC',
  category: 'optional non-transitive',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.4
  decode: (r) => r.u32(),
  encode: (w, value) => w.u32(value),
};
