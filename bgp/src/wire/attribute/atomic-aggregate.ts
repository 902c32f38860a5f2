// ATOMIC_AGGREGATE. We never aggregate: it is only passed on.

import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** ATOMIC_AGGREGATE (RFC 4271 §5.1.6): no octets; being there is the value. */
export const atomicAggregate: AttributeCodec<true> = {
  code: ATTRIBUTE.ATOMIC_AGGREGATE,
  name: 'ATOMIC_AGGREGATE',
  category: 'well-known',
  malformed: 'attribute-discard', // RFC 7606 §7.6
  mayBeEmpty: true,
  decode: () => true,
  encode: () => {},
};
