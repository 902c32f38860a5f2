// Each distinct run of octets once, counted, found by its content.                                             [hot]
//
//   slots    Int32[2^k]     seven bits of the hash, then id + 1, at the hash of the octets and on (linear probing); 0 is free; at most
//                           half full
//   records  Int32[id · n]  by id; n is 4 and what a subclass adds
//
//   word   0      1                2                  3      4 …
//        | hash | place in eights | length, tag, bit | uses | a subclass's |
//                                   └ how long, a number that tells equal octets of different meaning apart, and: it is in `freeIds`
//
//   segments Uint8Array[]   | run | run | … free |     256 KiB each; a run starts at a multiple of eight and crosses no end
//   free     number[][]     places to give out again, by length in eights
//
// A run that nobody holds stays in its slot until another gets its id: routes that flap find their attributes where they were. When
// nobody holds any, all is given back as soon as something else comes.

import { NONE } from '../route/route.ts';
import { grown, IdStack } from './columns.ts';

const INITIAL = 64;
const SEGMENT_BITS = 18;
const SEGMENT_OCTETS = 1 << SEGMENT_BITS;

/** Words of a record. */
const HASH = 0;
const PLACE = 1;
const LENGTH = 2;
const USES = 3;
/** The first one of a subclass. */
export const MORE = 4;

const LENGTH_MASK = (1 << 19) - 1;
const TAG_SHIFT = 19;
const TAG_MASK = 0xff << TAG_SHIFT;
const WAITING = 1 << 27;

/** What of a slot is the id + 1. */
const ID_MASK = 0x1ff_ffff;

export class OctetPool<Id extends number> {
  protected records: Int32Array;
  private slots = new Int32Array(INITIAL * 2);
  private segments: Uint8Array[] = [];
  /** Octets given out, counted over all segments. */
  private top = 0;
  private freePlaces: (number[] | undefined)[] = [];
  private readonly freeIds = new IdStack<Id>();
  /** Ids given out: each of them is in a slot. */
  private next = 0;
  private count = 0;
  /** How often something was looked for, and how often it was new: for tests and counters. */
  readonly counters = { lookups: 0, added: 0 };

  constructor(protected readonly recordWords = MORE) {
    this.records = new Int32Array(INITIAL * recordWords);
  }

  /** Runs held. */
  get size(): number {
    return this.count;
  }

  /**
   * Finds or adds, and counts one use for the caller, who gives it back with `release`.
   * @param length  in octets, at most 256 KiB.
   * @param tag  0 to 255: runs of equal octets are one only when this is equal too.
   */
  internOctets(octets: Uint8Array, at: number, length: number, tag: number): Id {
    this.counters.lookups++;
    const hash = hashOf(octets, at, length);
    const { slots, records, recordWords } = this;
    const mask = slots.length - 1;
    const bits = hash & ~ID_MASK;
    const shape = length | (tag << TAG_SHIFT);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!;
      if (entry === 0) return this.insert(hash, octets, at, length, shape);
      if ((entry & ~ID_MASK) !== bits) continue;
      const id = ((entry & ID_MASK) - 1) as Id;
      const record = id * recordWords;
      if (records[record + HASH] !== hash || (records[record + LENGTH]! & ~WAITING) !== shape) continue;
      if (!this.equals(id, octets, at, length)) continue;
      if (records[record + USES]!++ === 0) {
        this.count++;
        this.counters.added++;
        this.revived(id);
      }
      return id;
    }
  }

  retain(id: Id): void {
    const at = id * this.recordWords + USES;
    if (this.records[at] === 0) throw new Error(`invariant: octets ${id} are used after their release`);
    this.records[at]!++;
  }

  release(id: Id): void {
    const at = id * this.recordWords + USES;
    if (this.records[at] === 0)
      throw new Error(`invariant: octets ${id} are released more often than retained`);
    if (--this.records[at]! === 0) this.remove(id);
  }

  /** The array that the run is in; it starts at `startOf`. Valid until the run is released. */
  segmentOf(id: Id): Uint8Array {
    return this.segments[this.records[id * this.recordWords + PLACE]! >>> (SEGMENT_BITS - 3)]!;
  }

  startOf(id: Id): number {
    return (this.records[id * this.recordWords + PLACE]! << 3) & (SEGMENT_OCTETS - 1);
  }

  lengthOf(id: Id): number {
    return this.records[id * this.recordWords + LENGTH]! & LENGTH_MASK;
  }

  tagOf(id: Id): number {
    return (this.records[id * this.recordWords + LENGTH]! & TAG_MASK) >>> TAG_SHIFT;
  }

  /** Told of each run that is new, of each that comes into use again, and of each that goes out of use while it can still be read. */
  protected added(_id: Id): void {}
  protected revived(_id: Id): void {}
  protected removed(_id: Id): void {}

  private equals(id: Id, octets: Uint8Array, at: number, length: number): boolean {
    const segment = this.segmentOf(id);
    const start = this.startOf(id);
    for (let i = 0; i < length; i++) if (segment[start + i] !== octets[at + i]) return false;
    return true;
  }

  private insert(hash: number, octets: Uint8Array, at: number, length: number, shape: number): Id {
    if (this.count === 0 && this.next > 0) this.reset();
    const again = this.takeFree();
    const id = (again === NONE ? this.next++ : again) as Id;
    if (id >= ID_MASK) throw new Error(`invariant: more than ${ID_MASK} runs of octets`);
    const record = id * this.recordWords;
    if (record + this.recordWords > this.records.length)
      this.records = grown(this.records, record + this.recordWords);
    const place = this.allocate(length);
    const segment = this.segments[place >>> SEGMENT_BITS]!;
    const start = place & (SEGMENT_OCTETS - 1);
    for (let i = 0; i < length; i++) segment[start + i] = octets[at + i]!;
    const { records } = this;
    records[record + HASH] = hash;
    records[record + PLACE] = place >>> 3;
    records[record + LENGTH] = shape;
    records[record + USES] = 1;
    if (this.next * 2 > this.slots.length) this.rehash();
    else this.place(id, hash);
    this.count++;
    this.counters.added++;
    this.added(id);
    return id;
  }

  private remove(id: Id): void {
    this.removed(id);
    this.count--;
    const at = id * this.recordWords + LENGTH;
    if ((this.records[at]! & WAITING) !== 0) return;
    this.records[at]! |= WAITING;
    this.freeIds.push(id);
  }

  /** An id that nobody holds, out of its slot and its place; NONE when there is none. */
  private takeFree(): Id | typeof NONE {
    const { records, recordWords } = this;
    for (let id = this.freeIds.pop(); id !== NONE; id = this.freeIds.pop()) {
      const record = id * recordWords;
      records[record + LENGTH]! &= ~WAITING;
      if (records[record + USES] !== 0) continue;
      this.closeGap(id as Id);
      const eights = (this.lengthOf(id as Id) + 7) >>> 3;
      const place = (records[record + PLACE]! << 3) >>> 0;
      const list = this.freePlaces[eights];
      if (list === undefined) this.freePlaces[eights] = [place];
      else list.push(place);
      return id;
    }
    return NONE;
  }

  private place(id: number, hash: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = (hash & ~ID_MASK) | (id + 1);
  }

  private reset(): void {
    this.segments = [];
    this.freePlaces = [];
    this.freeIds.clear();
    this.top = 0;
    this.next = 0;
    this.records = new Int32Array(INITIAL * this.recordWords);
    this.slots = new Int32Array(INITIAL * 2);
  }

  /** Every entry behind the gap that would not be found any more moves forward. */
  private closeGap(id: Id): void {
    const { slots, records, recordWords } = this;
    const mask = slots.length - 1;
    let gap = records[id * recordWords + HASH]! & mask;
    while ((slots[gap]! & ID_MASK) !== id + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = records[((slots[slot]! & ID_MASK) - 1) * recordWords + HASH]! & mask;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        slots[gap] = slots[slot]!;
        gap = slot;
      }
    }
    slots[gap] = 0;
  }

  private allocate(length: number): number {
    const eights = (length + 7) >>> 3;
    const again = this.freePlaces[eights]?.pop();
    if (again !== undefined) return again;
    const room = eights * 8;
    if (room > SEGMENT_OCTETS) throw new Error(`invariant: ${length} octets are too long for the pool`);
    if (
      (this.top & (SEGMENT_OCTETS - 1)) + room > SEGMENT_OCTETS ||
      this.top === this.segments.length * SEGMENT_OCTETS
    ) {
      this.top = this.segments.length * SEGMENT_OCTETS;
      this.segments.push(new Uint8Array(SEGMENT_OCTETS));
    }
    const place = this.top;
    this.top += room;
    return place;
  }

  /** With twice the slots: id by id, which is the order of the records. */
  private rehash(): void {
    this.slots = new Int32Array(this.slots.length * 2);
    for (let id = 0; id < this.next; id++) this.place(id, this.records[id * this.recordWords + HASH]!);
  }
}

function hashOf(octets: Uint8Array, at: number, length: number): number {
  let h = length;
  let i = at;
  for (const last = at + length - 3; i < last; i += 4) {
    const word = octets[i]! | (octets[i + 1]! << 8) | (octets[i + 2]! << 16) | (octets[i + 3]! << 24);
    h = Math.imul(h ^ word, 0x85ebca6b);
    h ^= h >>> 15;
  }
  for (const end = at + length; i < end; i++) h = Math.imul(h ^ octets[i]!, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
