// Lists of prefixes (RFC 4271 §4.3, RFC 7911 §3).                                                        [hot]
//
//   NlriBlock.octets   | id(4)? len(1) prefix(0..16) | id? len prefix | …     a view of the message, never a copy
//
// A block is checked once, when the message is decoded. NlriCursor then walks it without allocating: `next()` puts
// the entry into the cursor's fields, as words with the host bits zero.

import { FAMILY, type Family } from '../net/family.ts';
import { maskWord } from '../net/prefix.ts';
import type { Writer } from './writer.ts';

export interface NlriBlock {
  readonly family: Family;
  readonly addPath: boolean;
  readonly octets: Uint8Array;
}

/**
 * Are the octets a list of prefixes (RFC 7606 §5.3)?
 * @returns how many, or undefined when a length is too large for the family or the octets end inside an entry.
 */
export function checkNlri(octets: Uint8Array, family: Family, addPath: boolean): number | undefined {
  return checkNlriRange(octets, 0, octets.length, FAMILY[family].addressBits, addPath);
}

/** The same for a part of an array. */
export function checkNlriRange(
  octets: Uint8Array,
  start: number,
  end: number,
  maxBits: number,
  addPath: boolean,
): number | undefined {
  const idOctets = addPath ? 4 : 0;
  let count = 0;
  let at = start;
  while (at < end) {
    at += idOctets;
    if (at >= end) return undefined;
    const bits = octets[at]!;
    if (bits > maxBits) return undefined;
    at += 1 + ((bits + 7) >>> 3);
    count++;
  }
  return at === end ? count : undefined;
}

/** Walks a block that `checkNlri` accepted. One cursor serves many blocks, one after the other. */
export class NlriCursor {
  /** Path Identifier (RFC 7911); 0 where the family carries none. */
  pathId = 0;
  /** Bits. */
  length = 0;
  /** The address as unsigned words, host bits zero; IPv4 uses `w0` alone. */
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;
  private octets: Uint8Array = NONE;
  private at = 0;
  private end = 0;
  private addPath = false;

  reset({ octets, addPath }: NlriBlock): void {
    this.resetRange(octets, 0, octets.length, addPath);
  }

  /** The same for a part of an array. */
  resetRange(octets: Uint8Array, start: number, end: number, addPath: boolean): void {
    this.octets = octets;
    this.at = start;
    this.end = end;
    this.addPath = addPath;
  }

  /** Goes to the next entry. @returns false at the end: the fields are then those of the last entry. */
  next(): boolean {
    const { octets } = this;
    let at = this.at;
    if (at >= this.end) return false;
    if (this.addPath) {
      this.pathId = word(octets, at, 4);
      at += 4;
    } else {
      this.pathId = 0;
    }
    const length = octets[at++]!;
    const count = (length + 7) >>> 3;
    this.length = length;
    this.w0 = maskWord(word(octets, at, count), length);
    if (length > 32) {
      this.w1 = maskWord(word(octets, at + 4, count - 4), length - 32);
      this.w2 = maskWord(word(octets, at + 8, count - 8), length - 64);
      this.w3 = maskWord(word(octets, at + 12, count - 12), length - 96);
    } else {
      this.w1 = 0;
      this.w2 = 0;
      this.w3 = 0;
    }
    this.at = at + count;
    return true;
  }
}

/** Writes one entry. @param pathId  only where ADD-PATH was agreed for sending this family. */
export function writePrefix(
  w: Writer,
  family: Family,
  length: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
  pathId?: number,
): void {
  if (pathId !== undefined) w.u32(pathId);
  w.u8(length);
  const end = w.length + ((length + 7) >>> 3);
  w.u32(w0);
  if (family === 'ipv6' && length > 32) {
    w.u32(w1);
    w.u32(w2);
    w.u32(w3);
  }
  w.length = end; // whole words were written: the octets that the length does not cover fall away
}

const NONE = new Uint8Array(0);

/** Up to four octets as the high octets of a word. */
function word(octets: Uint8Array, at: number, count: number): number {
  if (count >= 4) {
    return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
  }
  let value = 0;
  if (count > 0) value = octets[at]! << 24;
  if (count > 1) value |= octets[at + 1]! << 16;
  if (count > 2) value |= octets[at + 2]! << 8;
  return value >>> 0;
}
