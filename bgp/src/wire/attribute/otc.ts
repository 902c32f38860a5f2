// ONLY_TO_CUSTOMER. Who sets it and what it forbids is for policy/roles.ts.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** ONLY_TO_CUSTOMER (RFC 9234 §5): the AS number that a route may go down from, to customers alone; four octets. */
export const onlyToCustomer: AttributeCodec<number> = {
  code: ATTRIBUTE.ONLY_TO_CUSTOMER,
  name: 'ONLY_TO_CUSTOMER',
  category: 'optional transitive',
  malformed: 'treat-as-withdraw', // RFC 9234 §5
  decode: (r) => r.u32(),
  encode: (w, value) => w.u32(value),
};
