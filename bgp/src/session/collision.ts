// Which of two connections with one peer survives (RFC 4271 §6.8, RFC 6286 §2.3).

import { type Address, ipv4ToNumber } from '../net/address.ts';

export interface CollisionSide {
  readonly bgpIdentifier: Address;
  readonly asNumber: number;
}

/**
 * The connection that the side with the higher BGP Identifier opened survives; with equal identifiers (possible
 * between different ASes) the higher AS number decides.
 * @returns which connection to keep: the one that we opened, or the one that the peer opened.
 */
export function survivor(local: CollisionSide, remote: CollisionSide): 'ours' | 'theirs' {
  const difference =
    ipv4ToNumber(local.bgpIdentifier) - ipv4ToNumber(remote.bgpIdentifier) ||
    local.asNumber - remote.asNumber;
  return difference > 0 ? 'ours' : 'theirs';
}
