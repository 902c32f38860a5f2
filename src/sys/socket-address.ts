// Addresses as the kernel wants them, with the interface of a link-local one (RFC 4007: `fe80::1%eth0`).

import { type Address, addressOctets, type Family, zoneOf } from 'bgp-utils';
import { AF, interfaceIndex } from './libc.ts';

/**
 * struct sockaddr_in or sockaddr_in6. The zone of a link-local address becomes sin6_scope_id; 0, which no call accepts, when
 * that interface is not there.
 * @param address  undefined for any.
 */
export function socketAddress(address: Address | undefined, family: Family, port: number): Uint8Array {
  const octets = Buffer.alloc(family === 'ipv6' ? 28 : 16);
  octets.writeUInt16LE(family === 'ipv6' ? AF.INET6 : AF.INET, 0);
  octets.writeUInt16BE(port, 2);
  if (address === undefined) return octets;
  octets.set(addressOctets(address), family === 'ipv6' ? 8 : 4);
  const zone = zoneOf(address);
  if (zone !== undefined) octets.writeUInt32LE(interfaceIndex(zone), 24);
  return octets;
}
