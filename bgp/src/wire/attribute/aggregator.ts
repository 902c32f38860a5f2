// AGGREGATOR: who made an aggregate. Its part beyond two octets is in as4-aggregator.ts, joined in table.ts.

import { addressFromOctets, addressOctets } from '../../net/address.ts';
import { AS_TRANS, ATTRIBUTE } from '../constants.ts';
import type { Reader } from '../reader.ts';
import type { AttributeCodec } from './codec.ts';
import type { Aggregator } from './path-attributes.ts';

/** AGGREGATOR (RFC 4271 §5.1.7): AS number of two or four octets (RFC 6793 §4.1), and BGP Identifier. */
export const aggregator: AttributeCodec<Aggregator> = {
  code: ATTRIBUTE.AGGREGATOR,
  name: 'AGGREGATOR',
  category: 'optional transitive',
  malformed: 'attribute-discard', // RFC 7606 §7.7; AS number 0: RFC 7607 §2
  decode: (r, context) => decodeAggregator(r, context.asOctets),
  encode: (w, value, context) => {
    if (context.asOctets === 4) w.u32(value.asNumber);
    else w.u16(value.asNumber > 0xffff ? AS_TRANS : value.asNumber);
    w.bytes(addressOctets(value.address));
  },
};

export function decodeAggregator(r: Reader, asOctets: 2 | 4): Aggregator | undefined {
  const asNumber = asOctets === 4 ? r.u32() : r.u16();
  const octets = r.view(4);
  if (r.overrun || asNumber === 0) return undefined;
  return { asNumber, address: addressFromOctets(octets) };
}
