// Link-local next hops (RFC 2545 §3): one says something on the link that it came by alone, so that the link goes along with it from
// where it comes in. It never leaves the machine.

import { type Address, isLinkLocal, withZone } from '../../net/address.ts';
import type { NextHop } from './path-attributes.ts';

/** @param zone  the interface of a session between link-local addresses: what such a peer tells of its link is about that one. */
export function onLink(nextHop: NextHop, zone: string | undefined): NextHop {
  if (zone === undefined || linkLocalOf(nextHop) === undefined) return nextHop;
  return { ...nextHop, zone };
}

/** Without the link, as it goes to others. */
export function offLink({ address, linkLocal }: NextHop): NextHop {
  return linkLocal === undefined ? { address } : { address, linkLocal };
}

/** The link-local one of its addresses. */
export const linkLocalOf = ({ address, linkLocal }: NextHop): Address | undefined =>
  linkLocal ?? (isLinkLocal(address) ? address : undefined);

/**
 * Where packets go: the neighbor on the link, where we know which link that is; else the global address, which the kernel finds a way
 * to.
 */
export function forwardingAddress(nextHop: NextHop): Address {
  const linkLocal = nextHop.zone === undefined ? undefined : linkLocalOf(nextHop);
  return (linkLocal && withZone(linkLocal, nextHop.zone!)) ?? nextHop.address;
}
