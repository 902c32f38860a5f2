// Next-hop objects in rtnetlink (linux/nexthop.h, kernel 5.3 and later): struct nhmsg and its attributes ⇄ `NextHopObject`.

import { addressFromOctets, addressOctets, familyOfAddress } from 'bgp-utils';
import type { GroupMember, NextHopObject, ObjectChange } from '../kernel.ts';
import { readAttributes, readU32 } from './attribute.ts';
import { missingInterface } from './errors.ts';
import { type Message, type MessageWriter, NLM_F } from './message.ts';
import { AF, type Interfaces, RTNH_F_ONLINK } from './route.ts';

export const RTM_NEXTHOP = { NEW: 104, DELETE: 105, GET: 106 } as const;

const NHA = { ID: 1, GROUP: 2, OIF: 5, GATEWAY: 6 } as const;
const NHMSG_OCTETS = 8;
/** struct nexthop_grp: u32 id, u8 weight less one, three octets reserved. */
const MEMBER_OCTETS = 8;
const AF_UNSPEC = 0;

/** @returns what is wrong with the object, and then nothing was written. */
export function writeObject(
  writer: MessageWriter,
  change: ObjectChange,
  interfaces: Interfaces,
  sequence: number,
): string | undefined {
  if (change.type === 'remove') {
    writer.begin(RTM_NEXTHOP.DELETE, NLM_F.REQUEST, sequence);
    writer.raw(new Uint8Array(NHMSG_OCTETS)); // anything else is refused
    writer.attributeU32(NHA.ID, change.id);
    writer.end();
    return undefined;
  }
  const { id, protocol, hop, members } = change.object;
  const flags = NLM_F.CREATE | (change.create ? NLM_F.EXCL : NLM_F.REPLACE);
  const begin = (family: number, hopFlags: number) => {
    writer.begin(RTM_NEXTHOP.NEW, NLM_F.REQUEST | flags, sequence);
    writer.raw([family, 0, protocol, 0, hopFlags, 0, 0, 0]);
    writer.attributeU32(NHA.ID, id);
  };
  if (hop === undefined) {
    begin(AF_UNSPEC, 0);
    writer.attribute(NHA.GROUP, () => {
      for (const member of members) {
        writer.u32(member.id);
        writer.raw([member.weight - 1, 0, 0, 0]);
      }
    });
    writer.end();
    return undefined;
  }
  const index = hop.interface === undefined ? undefined : interfaces.index(hop.interface);
  if (index === undefined) return missingInterface(hop.interface ?? '');
  begin(
    hop.gateway === undefined ? AF.ipv4 : AF[familyOfAddress(hop.gateway)],
    hop.onLink ? RTNH_F_ONLINK : 0,
  );
  if (hop.gateway !== undefined) writer.attributeRaw(NHA.GATEWAY, addressOctets(hop.gateway));
  writer.attributeU32(NHA.OIF, index);
  writer.end();
  return undefined;
}

/** Asks for all of them. */
export function writeObjectDump(writer: MessageWriter, sequence: number): void {
  writer.begin(RTM_NEXTHOP.GET, NLM_F.REQUEST | NLM_F.DUMP, sequence);
  writer.raw(new Uint8Array(NHMSG_OCTETS));
  writer.end();
}

export const readObjectId = ({ octets, start, end }: Message): number =>
  readU32(readAttributes(octets, start + NHMSG_OCTETS, end), NHA.ID) ?? 0;

/** Ones that discard packets, or have an encapsulation, are shown without a next hop that fits anything of ours. */
export function readObject({ octets, start, end }: Message, interfaces: Interfaces): NextHopObject {
  const attributes = readAttributes(octets, start + NHMSG_OCTETS, end);
  const common = { id: readU32(attributes, NHA.ID) ?? 0, protocol: octets[start + 2]! };
  const group = attributes.get(NHA.GROUP);
  if (group !== undefined) {
    const members: GroupMember[] = [];
    for (let at = 0; at + MEMBER_OCTETS <= group.length; at += MEMBER_OCTETS)
      members.push({ id: group.readUInt32LE(at), weight: group[at + 4]! + 1 });
    return { ...common, members };
  }
  const gateway = attributes.get(NHA.GATEWAY);
  const index = readU32(attributes, NHA.OIF);
  const hop = {
    gateway: gateway && addressFromOctets(gateway),
    interface: index === undefined ? undefined : (interfaces.name(index) ?? `if${index}`),
    weight: 1,
    onLink: (octets.readUInt32LE(start + 4) & RTNH_F_ONLINK) !== 0,
  };
  return { ...common, hop };
}
