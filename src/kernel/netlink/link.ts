// Interfaces and their addresses in rtnetlink (linux/if_link.h, linux/if_addr.h): names, numbers, whether they are up.

import { readAttributes, readText } from './attribute.ts';
import type { Message, MessageWriter } from './message.ts';
import { NLM_F } from './message.ts';

export const RTM_LINK = { NEW: 16, DELETE: 17, GET: 18 } as const;
export const RTM_ADDRESS = { NEW: 20, DELETE: 21 } as const;

const IFLA_IFNAME = 3;
const IFF_UP = 1;
const IFF_LOWER_UP = 0x10000;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Administratively: a lost cable leaves it up, and its routes with it. */
  readonly up: boolean;
  /** There is a cable, and somebody at its other end. */
  readonly carrier: boolean;
}

/** Asks for all interfaces. */
export function writeLinkDump(writer: MessageWriter, sequence: number): void {
  writer.begin(RTM_LINK.GET, NLM_F.REQUEST | NLM_F.DUMP, sequence);
  writer.raw(new Uint8Array(16)); // struct ifinfomsg, AF_UNSPEC
  writer.end();
}

/** @returns undefined for a message without a name: news of a bridge port's settings, say. */
export function readLink(message: Message): Link | undefined {
  const { octets, start, end } = message;
  if (end - start < 16 || octets[start] !== 0) return undefined;
  const name = readText(readAttributes(octets, start + 16, end), IFLA_IFNAME);
  if (name === undefined) return undefined;
  const flags = octets.readUInt32LE(start + 8);
  return {
    index: octets.readInt32LE(start + 4),
    name,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
  };
}

/** The interface that an address was added to or removed from (struct ifaddrmsg). */
export const readAddressLink = (message: Message): number => message.octets.readUInt32LE(message.start + 4);
