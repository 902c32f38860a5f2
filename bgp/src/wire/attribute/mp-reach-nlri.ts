// MP_REACH_NLRI (RFC 4760 §3): routes of any family with their next hop (RFC 2545 §3, RFC 8950 §3).

import { type Address, address, addressOctets, familyOfAddress, isLinkLocal } from '../../net/address.ts';
import { FAMILY, type Family, familyOf } from '../../net/family.ts';
import { ATTRIBUTE } from '../constants.ts';
import type { WireContext } from '../context.ts';
import { checkNlri, type NlriBlock } from '../nlri.ts';
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';
import type { AttributeCodec } from './codec.ts';
import { decodeHost } from './next-hop.ts';
import type { NextHop } from './path-attributes.ts';

export type MpReachNlri =
  | {
      readonly type: 'routes';
      /** undefined when the octets are of the right length but not the address of a host. */
      readonly nextHop: NextHop | undefined;
      readonly nlri: NlriBlock;
    }
  /** Not read: we did not agree on that family with this peer. */
  | { readonly type: 'foreign'; readonly afi: number; readonly safi: number };

export const mpReachNlri: AttributeCodec<MpReachNlri> = {
  code: ATTRIBUTE.MP_REACH_NLRI,
  name: 'MP_REACH_NLRI',
  category: 'optional non-transitive',
  malformed: 'session-reset', // RFC 7606 §5.3, §7.11: without its routes, nothing can be treated as withdrawn
  decode: (r, context) => {
    const afi = r.u16();
    const safi = r.u8();
    const family = agreedFamily(afi, safi, context);
    if (family === undefined) return foreign(r, afi, safi);
    const nextHopOctets = r.u8();
    const outer = r.limit(nextHopOctets);
    if (r.overrun || !nextHopLengths(family, context).includes(nextHopOctets)) return undefined;
    const nextHop = decodeNextHop(r, nextHopOctets);
    r.unlimit(outer);
    r.u8(); // reserved, to be ignored (RFC 4760 §3)
    const nlri = decodeBlock(r, family, context);
    return nlri && { type: 'routes', nextHop, nlri };
  },
  encode: (w, value) => {
    if (value.type === 'foreign')
      throw new Error('invariant: routes of a family that was not agreed on are not sent');
    if (value.nextHop === undefined) throw new Error('invariant: MP_REACH_NLRI without a next hop');
    writeReachHead(w, value.nlri.family, value.nextHop);
    w.bytes(value.nlri.octets);
  },
};

/** Everything before the prefixes. */
function writeReachHead(w: Writer, family: Family, nextHop: NextHop): void {
  const { afi, safi } = FAMILY[family];
  const octets = reachNextHop(family, nextHop);
  w.u16(afi);
  w.u8(safi);
  w.u8(octets.length);
  w.bytes(octets);
  w.u8(0);
}

/** The next hop as it stands there, without its length: 4, 16 or 32 octets. */
export function reachNextHop(family: Family, { address, linkLocal }: NextHop): Uint8Array {
  const first = addressOctets(mappedFor(family, address));
  if (linkLocal === undefined) return first;
  const both = new Uint8Array(first.length + 16);
  both.set(first);
  both.set(addressOctets(linkLocal), first.length);
  return both;
}

/** An IPv6 route has no room for an IPv4 next hop: it goes out as an IPv4-mapped address, as BIRD and RFC 4798 do. */
const mappedFor = (family: Family, value: Address): Address =>
  family === 'ipv6' && familyOfAddress(value) === 'ipv4' ? address(`::ffff:${value}`) : value;

/**
 * Two IPv6 addresses are a global and a link-local one. An IPv4 route may have an IPv6 next hop where that was agreed on (RFC
 * 8950 §3); otherwise the length is another than the expected one, and the attribute malformed (RFC 7606 §7.11).
 */
const nextHopLengths = (family: Family, context: WireContext): readonly number[] =>
  family === 'ipv6' ? [16, 32] : context.extendedNextHop === false ? [4] : [4, 16, 32];

function decodeNextHop(r: Reader, lengthOctets: number): NextHop | undefined {
  const first = decodeHost(r, lengthOctets === 4 ? 4 : 16);
  const second = lengthOctets === 32 ? decodeHost(r, 16) : undefined;
  // some speakers send 0:0 in the place of the address that they do not have
  const linkLocal = second !== undefined && isLinkLocal(second) ? second : undefined;
  if (first === undefined) return linkLocal && { address: linkLocal };
  return linkLocal === undefined ? { address: first } : { address: first, linkLocal };
}

/** The family of a pair from the wire, when this session carries it (RFC 4760 §8). */
export function agreedFamily(afi: number, safi: number, context: WireContext): Family | undefined {
  const family = familyOf(afi, safi);
  return family !== undefined && context.families.includes(family) ? family : undefined;
}

/** The rest of the value as routes, or undefined when it is no list of prefixes. */
export function decodeBlock(r: Reader, family: Family, context: WireContext): NlriBlock | undefined {
  const addPath = context.addPathReceive.includes(family);
  const octets = r.view(r.remaining);
  return checkNlri(octets, family, addPath) === undefined ? undefined : { family, addPath, octets };
}

/** Skips the rest of a value whose syntax we need not know. */
export function foreign(r: Reader, afi: number, safi: number) {
  r.view(r.remaining);
  return { type: 'foreign', afi, safi } as const;
}
