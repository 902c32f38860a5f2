// Prefix → dense id, and one record a prefix with all that the tables of routes keep of it, for one family.          [hot]
//
//   slots    Int32[2^k]     seven bits of the hash, then id + 1, at hash(prefix) and on (linear probing); 0 is free; at most half full
//   records  Int32[id · n]  n is 8 for IPv4 and 12 for IPv6: half a line of the cache, or three quarters
//
//   word   0         1            2      3             4             5          6          7          8 9 10               11
//        | address | uses, bits | best | its source  | peer, flags | received | accepted | further  | address (IPv6)     | – |
//          └ PrefixTable ─────┘   └ LocRib ────────┘   └ AdjRibIn: a path, the only one of most prefixes ┘
//
//   free     Int32[n]       ids to give out again, those in use by now among them; a bit beside the uses says that an id is in it
//
// So a route that comes or goes reads a line of `slots` and one of `records`; the bits of the hash save looking at the records of others.
// Whoever keeps an id calls `retain`, and `release` when done: so an id never names another prefix under a holder. An id that nobody
// holds stays in its slot until another prefix gets it: routes that flap find their prefix where it was.

import { type Address, addressWords } from '../net/address.ts';
import { FAMILY, type Family } from '../net/family.ts';
import { maskWord, type Prefix, prefixAddress, prefixFromWords, prefixLength } from '../net/prefix.ts';
import { NONE, type PrefixId, type PrefixWords, type RowId } from '../route/route.ts';
import { grown, IdStack } from './columns.ts';

const INITIAL = 64;

/** Words of a record. */
const W0 = 0;
const USES = 1;
const W1 = 8;
const W2 = 9;
const W3 = 10;
/** LocRib's: attribute set of the best route + 1, and the peer that it came from. */
export const BEST = 2;
export const SOURCE = 3;
/** AdjRibIn's: four words. */
export const PATH = 4;

/** One use; below are the bits of the prefix, and whether the id waits to be given out again. */
const ONE_USE = 1 << 9;
const WAITING = 1 << 8;
const BITS_MASK = WAITING - 1;

/** What of a slot is the id + 1. */
const ID_MASK = 0x1ff_ffff;

export class PrefixTable {
  /** See Rows. */
  readonly holdsMarks = false;
  readonly recordWords: number;
  /** Another one when a prefix was added. */
  records: Int32Array;
  private slots = new Int32Array(INITIAL * 2);
  private readonly free = new IdStack<PrefixId>();
  /** Ids given out: each of them is in a slot. */
  private next = 0;
  private count = 0;
  private readonly wide: boolean;
  /** How many prefixes there are of each length: the longest match tries no others. */
  private readonly ofLength: Uint32Array;

  constructor(readonly family: Family) {
    this.wide = family === 'ipv6';
    this.recordWords = this.wide ? 12 : 8;
    this.records = new Int32Array(INITIAL * this.recordWords);
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
    const id = this.lookUp(prefixHash(length, w0, w1, w2, w3), length, w0, w1, w2, w3);
    return id !== NONE && this.isHeld(id) ? id : (NONE as PrefixId);
  }

  /** Finds or adds. A new id has no use yet: `retain` it, or the next prefix that is added may get it. */
  add(length: number, w0: number, w1: number, w2: number, w3: number): PrefixId {
    const hash = prefixHash(length, w0, w1, w2, w3);
    const found = this.lookUp(hash, length, w0, w1, w2, w3);
    return found !== NONE ? found : this.insert(hash, length, w0, w1, w2, w3);
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
    const at = id * this.recordWords + USES;
    const before = this.records[at]!;
    this.records[at] = before + ONE_USE;
    if (before < ONE_USE) this.count++;
  }

  release(id: RowId): void {
    const at = id * this.recordWords + USES;
    const before = this.records[at]!;
    if (before < ONE_USE) throw new Error(`invariant: prefix ${id} released more often than retained`);
    this.records[at] = before - ONE_USE;
    if (before >= 2 * ONE_USE) return;
    this.count--;
    if ((before & WAITING) !== 0) return;
    this.records[at]! |= WAITING;
    this.free.push(id as PrefixId);
  }

  length(id: PrefixId): number {
    return this.records[id * this.recordWords + USES]! & BITS_MASK;
  }

  prefix(id: PrefixId): Prefix {
    const { length, w0, w1, w2, w3 } = this.words(id, {
      family: this.family,
      length: 0,
      w0: 0,
      w1: 0,
      w2: 0,
      w3: 0,
    });
    return prefixFromWords(this.family, length, w0, w1, w2, w3);
  }

  /** Fills `into` instead of making an object. */
  words(id: RowId, into: Mutable<PrefixWords>): PrefixWords {
    const { records } = this;
    const at = id * this.recordWords;
    into.length = records[at + USES]! & BITS_MASK;
    into.w0 = records[at + W0]! >>> 0;
    if (this.wide) {
      into.w1 = records[at + W1]! >>> 0;
      into.w2 = records[at + W2]! >>> 0;
      into.w3 = records[at + W3]! >>> 0;
    }
    return into;
  }

  /**
   * Asks memory for what `find` and `add` of prefixes with these hashes will read. One prefix after the other waits for its slot, and
   * then for its record; here the answers come side by side. Nothing follows from it.
   * @param hashes  of prefixes; afterwards in their place what may be their ids, or NONE.
   */
  ask(hashes: Int32Array, count: number): number {
    const { slots, records, recordWords } = this;
    const mask = slots.length - 1;
    let sum = 0;
    for (let i = 0; i < count; i++) sum ^= slots[hashes[i]! & mask]!;
    for (let i = 0; i < count; i++) {
      const id = (slots[hashes[i]! & mask]! & ID_MASK) - 1;
      if (id >= 0) sum ^= records[id * recordWords]!;
      hashes[i] = id;
    }
    return sum;
  }

  private isHeld(id: number): boolean {
    return this.records[id * this.recordWords + USES]! >= ONE_USE;
  }

  private lookUp(hash: number, length: number, w0: number, w1: number, w2: number, w3: number): PrefixId {
    const { slots } = this;
    const mask = slots.length - 1;
    const tag = tagOf(hash);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === 0) return NONE as PrefixId;
      if ((entry & ~ID_MASK) !== tag) continue;
      const id = (entry & ID_MASK) - 1;
      if (this.equals(id, length, w0, w1, w2, w3)) return id as PrefixId;
    }
  }

  private equals(id: number, length: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const { records } = this;
    const at = id * this.recordWords;
    if (records[at + W0] !== (w0 | 0) || (records[at + USES]! & BITS_MASK) !== length) return false;
    if (!this.wide) return true;
    return records[at + W1] === (w1 | 0) && records[at + W2] === (w2 | 0) && records[at + W3] === (w3 | 0);
  }

  private insert(hash: number, length: number, w0: number, w1: number, w2: number, w3: number): PrefixId {
    const again = this.takeFree();
    if (again !== NONE) this.remove(again as PrefixId);
    const id = (again === NONE ? this.next++ : again) as PrefixId;
    if (id >= ID_MASK) throw new Error(`invariant: more than ${ID_MASK} prefixes`);
    const at = id * this.recordWords;
    if (at >= this.records.length) this.records = grown(this.records, at);
    const { records } = this;
    records[at + W0] = w0;
    records[at + USES] = length;
    if (this.wide) {
      records[at + W1] = w1;
      records[at + W2] = w2;
      records[at + W3] = w3;
    }
    this.ofLength[length]!++;
    if (this.next * 2 > this.slots.length) this.rehash();
    else this.place(id, hash);
    return id;
  }

  /** An id that nobody holds, or NONE. */
  private takeFree(): PrefixId | typeof NONE {
    for (let id = this.free.pop(); id !== NONE; id = this.free.pop()) {
      this.records[id * this.recordWords + USES]! &= ~WAITING;
      if (!this.isHeld(id)) return id;
    }
    return NONE;
  }

  private place(id: number, hash: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = tagOf(hash) | (id + 1);
  }

  private hashOf(id: number): number {
    const { records } = this;
    const at = id * this.recordWords;
    const length = records[at + USES]! & BITS_MASK;
    const w0 = records[at + W0]!;
    if (!this.wide) return prefixHash(length, w0, 0, 0, 0);
    return prefixHash(length, w0, records[at + W1]!, records[at + W2]!, records[at + W3]!);
  }

  /** Closes the gap: every entry behind it that would not be found any more moves forward. */
  private remove(id: PrefixId): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let gap = this.hashOf(id) & mask;
    while ((slots[gap]! & ID_MASK) !== id + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.hashOf((slots[slot]! & ID_MASK) - 1) & mask;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        slots[gap] = slots[slot]!;
        gap = slot;
      }
    }
    slots[gap] = 0;
    this.ofLength[this.length(id)]!--;
  }

  /** With twice the slots: id by id, which is the order of the records. */
  private rehash(): void {
    this.slots = new Int32Array(this.slots.length * 2);
    for (let id = 0; id < this.next; id++) this.place(id, this.hashOf(id));
  }
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The seven bits of a hash that a slot keeps. */
function tagOf(hash: number): number {
  return (hash ^ (hash << 28)) & ~ID_MASK;
}

/**
 * Eight neighbours of one length (a /26 and the next seven) have slots side by side, in one line of the cache; where such a
 * block is, the rest of the prefix says, multiplied and folded (constants of MurmurHash3's finalizer).
 */
export function prefixHash(length: number, w0: number, w1: number, w2: number, w3: number): number {
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
