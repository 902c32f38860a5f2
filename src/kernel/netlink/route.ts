// Routes in rtnetlink (linux/rtnetlink.h): struct rtmsg and its attributes ⇄ `KernelRoute`. Interfaces travel as numbers;
// the caller has the names. Pure: octets in, octets out.

import {
  type Address,
  addressFromOctets,
  addressOctets,
  FAMILY,
  type Family,
  familyOfAddress,
  type Prefix,
} from 'bgp-utils';
import type { KernelNextHop, KernelRoute } from '../kernel.ts';
import { type Attributes, align, readAttributes, readU32 } from './attribute.ts';
import { type Message, type MessageWriter, NLM_F } from './message.ts';

export const RTM_ROUTE = { NEW: 24, DELETE: 25, GET: 26 } as const;

export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  MULTIPATH: 9,
  TABLE: 15,
  VIA: 18,
  NH_ID: 30,
} as const;
export const RTN = { UNICAST: 1, LOCAL: 2, BLACKHOLE: 6 } as const;
export const RT_TABLE_MAIN = 254;
export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, NOWHERE: 255 } as const;
export const RTNH_F_ONLINK = 4;
export const RTM_F_CLONED = 0x200;
/** Answer with the route that matched, not with where a packet would go. */
const RTM_F_FIB_MATCH = 0x2000;
export const RTMSG_OCTETS = 12;
export const AF: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };

/** Number of an interface by name, and the reverse; undefined: not there. */
export interface Interfaces {
  index(name: string): number | undefined;
  name(index: number): string | undefined;
}

/** What a route leads to, as attributes: an object, one next hop, or several. Nothing for none. */
export function writeVia(
  writer: MessageWriter,
  family: Family,
  hops: readonly { readonly hop: KernelNextHop; readonly index: number }[],
  object: number | undefined,
): void {
  const [lone] = hops;
  if (object !== undefined) writer.attributeU32(RTA.NH_ID, object);
  else if (hops.length === 1 && lone !== undefined) {
    writeGateway(writer, family, lone.hop.gateway);
    if (lone.index !== 0) writer.attributeU32(RTA.OIF, lone.index);
  } else if (hops.length > 1) {
    writer.attribute(RTA.MULTIPATH, () => {
      for (const { hop, index } of hops) {
        writer.lengthPrefixed(() => {
          writer.u8(hop.onLink ? RTNH_F_ONLINK : 0);
          writer.u8(hop.weight - 1);
          writer.u32(index);
          writeGateway(writer, family, hop.gateway);
        });
      }
    });
  }
}

/** A gateway of the other family is an RTA_VIA (RFC 5549's next hops). */
function writeGateway(writer: MessageWriter, family: Family, gateway: Address | undefined): void {
  if (gateway === undefined) return;
  const octets = addressOctets(gateway);
  if (familyOfAddress(gateway) === family) writer.attributeRaw(RTA.GATEWAY, octets);
  else {
    writer.attribute(RTA.VIA, () => {
      writer.u16(AF[familyOfAddress(gateway)]);
      writer.raw(octets);
    });
  }
}

/** Asks for the main table's routes. @param protocol  of these only (strict checking must be on); 0 for all. */
export function writeRouteDump(
  writer: MessageWriter,
  family: Family,
  protocol: number,
  sequence: number,
): void {
  writer.begin(RTM_ROUTE.GET, NLM_F.REQUEST | NLM_F.DUMP, sequence);
  writer.raw([AF[family], 0, 0, 0, RT_TABLE_MAIN, protocol, 0, 0, 0, 0, 0, 0]);
  writer.end();
}

/** Asks which route an address takes. */
export function writeRouteLookup(writer: MessageWriter, address: Address, sequence: number): void {
  const family = familyOfAddress(address);
  const flags = new Uint8Array(RTMSG_OCTETS);
  flags[0] = AF[family];
  flags[1] = FAMILY[family].addressBits;
  new DataView(flags.buffer).setUint32(8, RTM_F_FIB_MATCH, true);
  writer.begin(RTM_ROUTE.GET, NLM_F.REQUEST, sequence);
  writer.raw(flags);
  writer.attributeRaw(RTA.DST, addressOctets(address));
  writer.end();
}

/** Asks to delete from a table that does not exist: refused for lack of privilege, or else ESRCH. Changes nothing. */
export function writePrivilegeProbe(writer: MessageWriter, sequence: number): void {
  writer.begin(RTM_ROUTE.DELETE, NLM_F.REQUEST | NLM_F.ACK, sequence);
  writer.raw([AF.ipv4, 32, 0, 0, 0, 0, RT_SCOPE.NOWHERE, 0, 0, 0, 0, 0]);
  writer.attributeRaw(RTA.DST, new Uint8Array([192, 0, 2, 1]));
  writer.attributeU32(RTA.TABLE, 0x7ffffffe);
  writer.end();
}

/** Cheap look before decoding: most routes of a full list are not wanted. */
export const routeProtocol = (message: Message): number => message.octets[message.start + 5]!;

/** @returns undefined for what is not in the main table, or not a unicast family: caches, multicast routes. */
export function readRoute(
  message: Message,
  interfaces: Interfaces,
): (KernelRoute & { readonly local: boolean; readonly tos: number }) | undefined {
  const { octets, start, end } = message;
  if (end - start < RTMSG_OCTETS) return undefined;
  const family = octets[start] === AF.ipv4 ? 'ipv4' : octets[start] === AF.ipv6 ? 'ipv6' : undefined;
  if (family === undefined) return undefined;
  const attributes = readAttributes(octets, start + RTMSG_OCTETS, end);
  const type = octets[start + 7]!;
  const table = readU32(attributes, RTA.TABLE) ?? octets[start + 4]!;
  const flags = octets.readUInt32LE(start + 8);
  if ((table !== RT_TABLE_MAIN && type !== RTN.LOCAL) || flags & RTM_F_CLONED) return undefined;
  const destination = attributes.get(RTA.DST) ?? new Uint8Array(FAMILY[family].addressOctets);
  const object = readU32(attributes, RTA.NH_ID);
  return {
    prefix: `${addressFromOctets(destination)}/${octets[start + 1]}` as Prefix,
    type: type === RTN.UNICAST ? 'unicast' : type === RTN.BLACKHOLE ? 'blackhole' : 'other',
    metric: readU32(attributes, RTA.PRIORITY) ?? 0,
    nextHops: type === RTN.UNICAST ? readNextHops(attributes, flags, interfaces) : [],
    ...(object !== undefined && { object }),
    protocol: octets[start + 5]!,
    local: type === RTN.LOCAL,
    tos: octets[start + 3]!,
  };
}

function readNextHops(attributes: Attributes, flags: number, interfaces: Interfaces): KernelNextHop[] {
  const name = (index: number) => (index === 0 ? undefined : (interfaces.name(index) ?? `if${index}`));
  const multipath = attributes.get(RTA.MULTIPATH);
  if (multipath === undefined) {
    return [
      {
        gateway: readGateway(attributes),
        interface: name(readU32(attributes, RTA.OIF) ?? 0),
        weight: 1,
        onLink: (flags & RTNH_F_ONLINK) !== 0,
      },
    ];
  }
  const hops: KernelNextHop[] = [];
  for (let at = 0; at + 8 <= multipath.length; ) {
    const length = multipath.readUInt16LE(at);
    if (length < 8 || at + length > multipath.length) break;
    hops.push({
      gateway: readGateway(readAttributes(multipath, at + 8, at + length)),
      interface: name(multipath.readInt32LE(at + 4)),
      weight: multipath[at + 3]! + 1,
      onLink: (multipath[at + 2]! & RTNH_F_ONLINK) !== 0,
    });
    at += align(length);
  }
  return hops;
}

function readGateway(attributes: Attributes): Address | undefined {
  const gateway = attributes.get(RTA.GATEWAY) ?? attributes.get(RTA.VIA)?.subarray(2);
  return gateway === undefined ? undefined : addressFromOctets(gateway);
}
