// Text that a peer chose: UTF-8 from the wire, and what of it is fit to be shown.

/** @returns undefined when the octets are not UTF-8. */
export function decodeText(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}

/** UTF-8, cut after the last whole character that fits. */
export function encodeText(text: string, maxOctets: number): Uint8Array {
  const octets = new TextEncoder().encode(text);
  if (octets.length <= maxOctets) return octets;
  let length = maxOctets;
  while (length > 0 && (octets[length]! & 0xc0) === 0x80) length--;
  return octets.subarray(0, length);
}

/** Control, format and direction characters could forge what a log or a terminal shows (RFC 9003 §4). */
export const printable = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
