// Netlink messages (linux/netlink.h): a header of 16 octets, a fixed part that depends on the type, attributes. A buffer
// holds several. Here are the header, the writer of batches, and the kernel's answers; route.ts and link.ts have the rest.

import { align, readAttributes, readText } from './attribute.ts';

export const NLMSG = { ERROR: 2, DONE: 3 } as const;

export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  /** Of an answer: the list changed while it was made. */
  DUMP_INTR: 0x10,
  /** Of a request for a list. */
  DUMP: 0x300,
  /** Of a request that creates. */
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** Of an answer: the error does not repeat the request's body. */
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;

export const HEADER_OCTETS = 16;
const NLMSGERR_ATTR_MSG = 1;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Whose request caused it: the port id of a socket; 0 for the kernel's own doing. */
  readonly port: number;
  /** The buffer, and where the fixed part begins and the message ends. */
  readonly octets: Buffer;
  readonly start: number;
  readonly end: number;
}

/** @param octets  what one or more reads returned. A message that is cut off ends the list. */
export function* messages(octets: Buffer): Generator<Message, void, void> {
  for (let at = 0; at + HEADER_OCTETS <= octets.length; ) {
    const length = octets.readUInt32LE(at);
    if (length < HEADER_OCTETS || at + length > octets.length) return;
    yield {
      type: octets.readUInt16LE(at + 4),
      flags: octets.readUInt16LE(at + 6),
      sequence: octets.readUInt32LE(at + 8),
      port: octets.readUInt32LE(at + 12),
      octets,
      start: at + HEADER_OCTETS,
      end: at + length,
    };
    at += align(length);
  }
}

/** An NLMSG_ERROR: errno, 0 for an acknowledgement, and the kernel's own words (extended acknowledgement) if any. */
export function readError(message: Message): { readonly errno: number; readonly text: string | undefined } {
  const { octets, start, end, flags } = message;
  const errno = 0 - octets.readInt32LE(start);
  if ((flags & NLM_F.ACK_TLVS) === 0) return { errno, text: undefined };
  const request = start + 4;
  // Without CAPPED the request comes back whole before the attributes.
  const from = request + (flags & NLM_F.CAPPED ? HEADER_OCTETS : align(octets.readUInt32LE(request)));
  return { errno, text: readText(readAttributes(octets, from, end), NLMSGERR_ATTR_MSG) };
}

/** Writes messages one behind the other. Grows as needed and is used again after `reset`. */
export class MessageWriter {
  #octets: Buffer;
  #length = 0;
  #messageAt = 0;

  constructor(octets = 1 << 16) {
    this.#octets = Buffer.alloc(octets);
  }

  /** All messages, until the next write. */
  get octets(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** Starts a message; it ends with `end`. */
  begin(type: number, flags: number, sequence: number): void {
    this.#messageAt = this.#length;
    this.#reserve(HEADER_OCTETS);
    this.#octets.writeUInt16LE(type, this.#messageAt + 4);
    this.#octets.writeUInt16LE(flags, this.#messageAt + 6);
    this.#octets.writeUInt32LE(sequence, this.#messageAt + 8);
    this.#octets.writeUInt32LE(0, this.#messageAt + 12); // the kernel fills in the port
  }

  end(): void {
    this.#octets.writeUInt32LE(this.#length - this.#messageAt, this.#messageAt);
    this.#pad();
  }

  /** Asks for an acknowledgement of the message that was written last. Errors come without. */
  acknowledgeLast(): void {
    const flags = this.#octets.readUInt16LE(this.#messageAt + 6);
    this.#octets.writeUInt16LE(flags | NLM_F.ACK, this.#messageAt + 6);
  }

  u8(value: number): void {
    const at = this.#reserve(1); // first: it may change #octets
    this.#octets[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#octets[at] = value & 0xff;
    this.#octets[at + 1] = value >>> 8;
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#octets.writeUInt32LE(value, at);
  }

  /** A few octets: for so few a loop is faster than `set`. */
  raw(octets: ArrayLike<number>): void {
    const at = this.#reserve(octets.length);
    for (let i = 0; i < octets.length; i++) this.#octets[at + i] = octets[i]!;
  }

  /** An attribute with what `write` puts into it. */
  attribute(type: number, write: () => void): void {
    this.lengthPrefixed(() => {
      this.u16(type);
      write();
    });
  }

  /** A structure that starts with its own u16 length (an attribute, a `struct rtnexthop`), padded to four octets. */
  lengthPrefixed(write: () => void): void {
    const at = this.#reserve(2);
    write();
    this.#octets.writeUInt16LE(this.#length - at, at);
    this.#pad();
  }

  attributeU32(type: number, value: number): void {
    this.u16(8);
    this.u16(type);
    this.u32(value);
  }

  attributeRaw(type: number, octets: ArrayLike<number>): void {
    this.u16(4 + octets.length);
    this.u16(type);
    this.raw(octets);
    this.#pad();
  }

  #pad(): void {
    while (this.#length % 4 !== 0) this.u8(0);
  }

  /** Makes room for what the caller writes there. @returns where it begins. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#octets.length) {
      const larger = Buffer.alloc(Math.max(this.#octets.length * 2, this.#length));
      larger.set(this.#octets.subarray(0, at));
      this.#octets = larger;
    }
    return at;
  }
}
