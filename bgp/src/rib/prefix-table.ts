// Prefix → dense id, for one family.                                                                        [hot]
//
//   slots    Int32[2^k]   id + 1 at hash(prefix) and on (linear probing); 0 is free; at most half full
//   lengths  Uint8[n]     by id: prefix length
//   w0 … w3  Uint32[n]    by id: the address in words, host bits zero; IPv4 has w0 alone
//   uses     Uint32[n]    by id: how many tables hold the prefix; at 0 the id may be given to another
//   waiting  Uint8[n]     by id: it is in `free`
//   free     number[]     ids to give out again, those in use by now among them
//
// Whoever keeps an id calls `retain`, and `release` when done: so an id never names another prefix under a holder. An id that nobody
// holds stays in its slot until another prefix gets it: routes that flap find their prefix where it was.

import { type Address, addressWords } from '../net/address.ts';
import { FAMILY, type Family } from '../net/family.ts';
import { maskWord, type Prefix, prefixAddress, prefixFromWords, prefixLength } from '../net/prefix.ts';
import { NONE, type PrefixId, type PrefixWords, type RowId } from '../route/route.ts';
import { grown } from './columns.ts';

const INITIAL = 64;

export class PrefixTable {
  /** See Rows. */
  readonly holdsMarks = false;
  private slots = new Int32Array(INITIAL * 2);
  private lengths = new Uint8Array(INITIAL);
  private w0 = new Uint32Array(INITIAL);
  private w1: Uint32Array;
  private w2: Uint32Array;
  private w3: Uint32Array;
  private uses = new Uint32Array(INITIAL);
  private waiting = new Uint8Array(INITIAL);
  private readonly free: PrefixId[] = [];
  private next = 0;
  /** Ids in slots, and those of them that somebody holds. */
  private placed = 0;
  private count = 0;
  /** How many prefixes there are of each length: the longest match tries no others. */
  private readonly ofLength: Uint32Array;

  constructor(readonly family: Family) {
    const wide = family === 'ipv6' ? INITIAL : 0;
    this.w1 = new Uint32Array(wide);
    this.w2 = new Uint32Array(wide);
    this.w3 = new Uint32Array(wide);
    this.ofLength = new Uint32Array(FAMILY[family].addressBits + 1);
  }

  /** Prefixes held. */
  get size(): number {
    return this.count;
  }

  /** All ids are below this: the size for arrays that are indexed by id. */
  get capacity(): number {
    return this.next;
  }

  /** @returns the id, or NONE. Words must have the host bits zero. */
  find(length: number, w0: number, w1: number, w2: number, w3: number): PrefixId {
    const mask = this.slots.length - 1;
    for (let slot = hash(length, w0, w1, w2, w3) & mask; ; slot = (slot + 1) & mask) {
      const id = this.slots[slot]! - 1;
      if (id < 0) return NONE as PrefixId;
      if (this.equals(id, length, w0, w1, w2, w3)) return (this.uses[id] === 0 ? NONE : id) as PrefixId;
    }
  }

  /** Finds or adds. A new id has no use yet: `retain` it, or the next prefix that is added may get it. */
  add(length: number, w0: number, w1: number, w2: number, w3: number): PrefixId {
    if (this.placed * 2 >= this.slots.length) this.rehash();
    const mask = this.slots.length - 1;
    let slot = hash(length, w0, w1, w2, w3) & mask;
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const found = this.slots[slot]! - 1;
      if (this.equals(found, length, w0, w1, w2, w3)) return found as PrefixId;
    }
    const again = this.takeFree();
    if (again !== NONE) {
      this.remove(again as PrefixId);
      slot = this.freeSlot(length, w0, w1, w2, w3); // others may have moved
    }
    const id = (again === NONE ? this.next++ : again) as PrefixId;
    if (id >= this.lengths.length) this.grow();
    this.lengths[id] = length;
    this.w0[id] = w0;
    if (this.family === 'ipv6') {
      this.w1[id] = w1;
      this.w2[id] = w2;
      this.w3[id] = w3;
    }
    this.slots[slot] = id + 1;
    this.placed++;
    this.ofLength[length]!++;
    return id;
  }

  /** An id that nobody holds, or NONE. */
  private takeFree(): PrefixId | typeof NONE {
    for (let id = this.free.pop(); id !== undefined; id = this.free.pop()) {
      this.waiting[id] = 0;
      if (this.uses[id] === 0) return id;
    }
    return NONE;
  }

  private freeSlot(length: number, w0: number, w1: number, w2: number, w3: number): number {
    const mask = this.slots.length - 1;
    let slot = hash(length, w0, w1, w2, w3) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  addPrefix(prefix: Prefix): PrefixId {
    const [w0, w1, w2, w3] = addressWords(prefixAddress(prefix));
    return this.add(prefixLength(prefix), w0, w1, w2, w3);
  }

  findPrefix(prefix: Prefix): PrefixId {
    const [w0, w1, w2, w3] = addressWords(prefixAddress(prefix));
    return this.find(prefixLength(prefix), w0, w1, w2, w3);
  }

  /** The longest prefix that contains the address and that `accept` takes, or NONE. */
  longestMatch(address: Address, accept: (id: PrefixId) => boolean): PrefixId {
    const [w0, w1, w2, w3] = addressWords(address);
    for (let length = FAMILY[this.family].addressBits; length >= 0; length--) {
      if (this.ofLength[length] === 0) continue;
      const id = this.find(
        length,
        maskWord(w0, length),
        maskWord(w1, length - 32),
        maskWord(w2, length - 64),
        maskWord(w3, length - 96),
      );
      if (id !== NONE && accept(id)) return id;
    }
    return NONE as PrefixId;
  }

  retain(id: RowId): void {
    if (this.uses[id]!++ === 0) this.count++;
  }

  release(id: RowId): void {
    if (this.uses[id] === 0) throw new Error(`invariant: prefix ${id} released more often than retained`);
    if (--this.uses[id]! > 0) return;
    this.count--;
    if (this.waiting[id] !== 0) return;
    this.waiting[id] = 1;
    this.free.push(id as PrefixId);
  }

  length(id: PrefixId): number {
    return this.lengths[id]!;
  }

  prefix(id: PrefixId): Prefix {
    const wide = this.family === 'ipv6';
    return prefixFromWords(
      this.family,
      this.lengths[id]!,
      this.w0[id]!,
      wide ? this.w1[id]! : 0,
      wide ? this.w2[id]! : 0,
      wide ? this.w3[id]! : 0,
    );
  }

  /** Fills `into` instead of making an object. */
  words(id: RowId, into: Mutable<PrefixWords>): PrefixWords {
    into.length = this.lengths[id]!;
    into.w0 = this.w0[id]!;
    if (this.family === 'ipv6') {
      into.w1 = this.w1[id]!;
      into.w2 = this.w2[id]!;
      into.w3 = this.w3[id]!;
    }
    return into;
  }

  private equals(id: number, length: number, w0: number, w1: number, w2: number, w3: number): boolean {
    if (this.w0[id] !== w0 || this.lengths[id] !== length) return false;
    return this.family === 'ipv4' || (this.w1[id] === w1 && this.w2[id] === w2 && this.w3[id] === w3);
  }

  private hashOf(id: number): number {
    const wide = this.family === 'ipv6';
    return hash(
      this.lengths[id]!,
      this.w0[id]!,
      wide ? this.w1[id]! : 0,
      wide ? this.w2[id]! : 0,
      wide ? this.w3[id]! : 0,
    );
  }

  private insert(id: number): void {
    const mask = this.slots.length - 1;
    let slot = this.hashOf(id) & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    this.slots[slot] = id + 1;
  }

  /** Closes the gap: every entry behind it that would not be found any more moves forward. */
  private remove(id: PrefixId): void {
    const mask = this.slots.length - 1;
    let gap = this.hashOf(id) & mask;
    while (this.slots[gap] !== id + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.hashOf(this.slots[slot]! - 1) & mask;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        this.slots[gap] = this.slots[slot]!;
        gap = slot;
      }
    }
    this.slots[gap] = 0;
    this.placed--;
    this.ofLength[this.lengths[id]!]!--;
  }

  private grow(): void {
    const last = this.lengths.length;
    this.lengths = grown(this.lengths, last);
    this.w0 = grown(this.w0, last);
    if (this.family === 'ipv6') {
      this.w1 = grown(this.w1, last);
      this.w2 = grown(this.w2, last);
      this.w3 = grown(this.w3, last);
    }
    this.uses = grown(this.uses, last);
    this.waiting = grown(this.waiting, last);
  }

  private rehash(): void {
    const before = this.slots;
    this.slots = new Int32Array(before.length * 2);
    for (let i = 0; i < before.length; i++) if (before[i] !== 0) this.insert(before[i]! - 1);
  }
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Eight neighbours of one length (a /26 and the next seven) have slots side by side, in one line of the cache; where such a
 * block is, the rest of the prefix says, multiplied and folded (constants of MurmurHash3's finalizer).
 */
function hash(length: number, w0: number, w1: number, w2: number, w3: number): number {
  const shift = (32 - (length & 31)) & 31;
  const last = length <= 32 ? w0 : length <= 64 ? w1 : length <= 96 ? w2 : w3;
  const low = (last >>> shift) & 7;
  let h = Math.imul(((last >>> shift) >>> 3) ^ Math.imul(length + 1, 0x9e3779b1), 0x85ebca6b);
  if (length > 32) {
    h = Math.imul(h ^ (h >>> 15) ^ w0, 0xc2b2ae35);
    if (length > 64) h = Math.imul(h ^ (h >>> 13) ^ w1, 0x85ebca6b);
    if (length > 96) h = Math.imul(h ^ (h >>> 15) ^ w2, 0xc2b2ae35);
  }
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) << 3) | low;
}
