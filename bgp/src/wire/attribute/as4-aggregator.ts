// AS4_AGGREGATOR. When it counts and when it is outdated is decided in table.ts (RFC 6793 §4.2.3).

import { addressOctets } from '../../net/address.ts';
import { ATTRIBUTE } from '../constants.ts';
import { decodeAggregator } from './aggregator.ts';
import type { AttributeCodec } from './codec.ts';
import type { Aggregator } from './path-attributes.ts';

/** AS4_AGGREGATOR (RFC 6793 §3): AGGREGATOR in four octets, carried through speakers that know two. */
export const as4Aggregator: AttributeCodec<Aggregator> = {
  code: ATTRIBUTE.AS4_AGGREGATOR,
  name: 'AS4_AGGREGATOR',
  category: 'optional transitive',
  malformed: 'attribute-discard', // RFC 6793 §6
  twoOctetsOnly: true,
  decode: (r) => decodeAggregator(r, 4),
  encode: (w, value) => {
    w.u32(value.asNumber);
    w.bytes(addressOctets(value.address));
  },
};
