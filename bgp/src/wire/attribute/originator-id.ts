// ORIGINATOR_ID. Who sets it, and the search for loops, are for policy/propagation.ts.

import { type Address, ipv4FromNumber, ipv4ToNumber } from '../../net/address.ts';
import { ATTRIBUTE } from '../constants.ts';
import type { AttributeCodec } from './codec.ts';

/** ORIGINATOR_ID (RFC 4456 §8): BGP Identifier of the speaker that brought the route into the AS. */
export const originatorId: AttributeCodec<Address> = {
  code: ATTRIBUTE.ORIGINATOR_ID,
  name: 'ORIGINATOR_ID',
  category: 'optional non-transitive',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.9
  internalOnly: true,
  decode: (r) => ipv4FromNumber(r.u32()),
  encode: (w, value) => w.u32(ipv4ToNumber(value)),
};
