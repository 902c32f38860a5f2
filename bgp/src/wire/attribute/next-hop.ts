// NEXT_HOP, and the address that both it and MP_REACH_NLRI may carry. Whether the address can be reached, or is our own,
// is not for the codec.

import { type Address, addressFromOctets, addressOctets, isNoHost } from '../../net/address.ts';
import { ATTRIBUTE } from '../constants.ts';
import type { Reader } from '../reader.ts';
import type { AttributeCodec } from './codec.ts';

/** NEXT_HOP (RFC 4271 §5.1.3): an IPv4 address. */
export const nextHop: AttributeCodec<Address> = {
  code: ATTRIBUTE.NEXT_HOP,
  name: 'NEXT_HOP',
  category: 'well-known',
  malformed: 'treat-as-withdraw', // RFC 7606 §7.3
  decode: (r) => decodeHost(r, 4),
  encode: (w, value) => w.bytes(addressOctets(value)),
};

/** @returns undefined when the octets are not the address of a host, which makes them malformed (RFC 4271 §6.3). */
export function decodeHost(r: Reader, lengthOctets: 4 | 16): Address | undefined {
  const octets = r.view(lengthOctets);
  if (octets.length !== lengthOctets) return undefined;
  const address = addressFromOctets(octets);
  return isNoHost(address) ? undefined : address;
}
