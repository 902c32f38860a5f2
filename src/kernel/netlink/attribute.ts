// Attributes of netlink messages: u16 length with header, u16 type, value, padded to four octets (RFC 3549 §2.2 calls them
// TLVs). Numbers are in host order, little-endian on all that we run on; addresses in network order.

/** The octets of one message's attributes by type. A type given twice counts as the last, as in the kernel. */
export type Attributes = ReadonlyMap<number, Buffer>;

export const align = (length: number): number => (length + 3) & ~3;

const HEADER = 4;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags in the type field. */
const TYPE_MASK = 0x3fff;

/** Reads from `from` to `to`; what does not fit ends the list: the kernel does not send that. Values are views. */
export function readAttributes(octets: Buffer, from: number, to: number): Attributes {
  const attributes = new Map<number, Buffer>();
  for (let at = from; at + HEADER <= to; ) {
    const length = octets.readUInt16LE(at);
    if (length < HEADER || at + length > to) break;
    attributes.set(octets.readUInt16LE(at + 2) & TYPE_MASK, octets.subarray(at + HEADER, at + length));
    at += align(length);
  }
  return attributes;
}

export const readU32 = (attributes: Attributes, type: number): number | undefined => {
  const value = attributes.get(type);
  return value !== undefined && value.length >= 4 ? value.readUInt32LE(0) : undefined;
};

/** Text with its terminating zero removed. */
export const readText = (attributes: Attributes, type: number): string | undefined =>
  attributes.get(type)?.toString('utf8').replace(/\0+$/, '');
