// Each distinct run of octets once, counted, found by its content.                                             [hot]
//
//   slots    Int32[2^k]    id + 1 at the hash of the octets and on (linear probing); 0 is free; at most half full
//   hashes   Int32[id]     ┐ by id: their hash, where they are, how long they are,
//   places   Uint32[id]    │ and how many hold them; at 0 the id may be given to others
//   lengths  Uint32[id]    │
//   tags     Uint8[id]     │ (a number that tells equal octets of different meaning apart)
//   uses     Uint32[id]    │
//   waiting  Uint8[id]     ┘ (the id is in `freeIds`)
//   segments Uint8Array[]  | run | run | … free |     256 KiB each; a run starts at a multiple of eight and crosses no end
//   free     number[][]    places to give out again, by length in eights
//
// What nobody holds stays in its slot until another run gets its id: routes that flap find their attributes where they were. When the
// last one goes, all is given back.

import { grown } from './columns.ts';

const INITIAL = 64;
const SEGMENT_BITS = 18;
const SEGMENT_OCTETS = 1 << SEGMENT_BITS;

export class OctetPool<Id extends number> {
  private slots = new Int32Array(INITIAL * 2);
  private hashes = new Int32Array(INITIAL);
  private places = new Uint32Array(INITIAL);
  private lengths = new Uint32Array(INITIAL);
  private tags = new Uint8Array(INITIAL);
  private uses = new Uint32Array(INITIAL);
  private waiting = new Uint8Array(INITIAL);
  private segments: Uint8Array[] = [];
  /** Octets given out, counted over all segments. */
  private top = 0;
  private freePlaces: (number[] | undefined)[] = [];
  private freeIds: number[] = [];
  private next = 0;
  /** Ids in slots, and those of them that somebody holds. */
  private placed = 0;
  private count = 0;
  /** How often something was looked for, and how often it was new: for tests and counters. */
  readonly counters = { lookups: 0, added: 0 };

  /** Runs held. */
  get size(): number {
    return this.count;
  }

  /** All ids are below this: the size for columns by id. */
  get capacity(): number {
    return this.hashes.length;
  }

  /**
   * Finds or adds, and counts one use for the caller, who gives it back with `release`.
   * @param length  in octets, at most 256 KiB.
   * @param tag  0 to 255: runs of equal octets are one only when this is equal too.
   */
  internOctets(octets: Uint8Array, at: number, length: number, tag: number): Id {
    this.counters.lookups++;
    const hash = hashOf(octets, at, length);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const id = this.slots[slot]! - 1;
      if (this.hashes[id] === hash && this.tags[id] === tag && this.equals(id, octets, at, length)) {
        if (this.uses[id]!++ === 0) {
          this.count++;
          this.counters.added++;
          this.added(id as Id);
        }
        return id as Id;
      }
    }
    return this.insert(slot, hash, octets, at, length, tag);
  }

  retain(id: Id): void {
    if (this.uses[id] === 0) throw new Error(`invariant: octets ${id} are used after their release`);
    this.uses[id]!++;
  }

  release(id: Id): void {
    if (this.uses[id] === 0) throw new Error(`invariant: octets ${id} are released more often than retained`);
    if (--this.uses[id]! === 0) this.remove(id);
  }

  /** The array that the run is in; it starts at `startOf`. Valid until the run is released. */
  segmentOf(id: Id): Uint8Array {
    return this.segments[this.places[id]! >>> SEGMENT_BITS]!;
  }

  startOf(id: Id): number {
    return this.places[id]! & (SEGMENT_OCTETS - 1);
  }

  lengthOf(id: Id): number {
    return this.lengths[id]!;
  }

  tagOf(id: Id): number {
    return this.tags[id]!;
  }

  /** Told of each run that comes into use, and of each that goes out of it while it can still be read. */
  protected added(_id: Id): void {}
  protected removed(_id: Id): void {}

  private equals(id: number, octets: Uint8Array, at: number, length: number): boolean {
    if (this.lengths[id] !== length) return false;
    const segment = this.segmentOf(id as Id);
    const start = this.startOf(id as Id);
    for (let i = 0; i < length; i++) if (segment[start + i] !== octets[at + i]) return false;
    return true;
  }

  private insert(
    slot: number,
    hash: number,
    octets: Uint8Array,
    at: number,
    length: number,
    tag: number,
  ): Id {
    const again = this.takeFree();
    const id = again ?? this.next++;
    if (id >= this.hashes.length) this.growIds(id);
    const place = this.allocate(length);
    const segment = this.segments[place >>> SEGMENT_BITS]!;
    const start = place & (SEGMENT_OCTETS - 1);
    for (let i = 0; i < length; i++) segment[start + i] = octets[at + i]!;
    this.hashes[id] = hash;
    this.places[id] = place;
    this.lengths[id] = length;
    this.tags[id] = tag;
    this.uses[id] = 1;
    this.slots[again === undefined ? slot : this.freeSlot(hash)] = id + 1; // others may have moved
    this.placed++;
    this.count++;
    this.counters.added++;
    if (this.placed * 2 > this.slots.length) this.rehash();
    this.added(id as Id);
    return id as Id;
  }

  private remove(id: Id): void {
    this.removed(id);
    if (this.waiting[id] === 0) {
      this.waiting[id] = 1;
      this.freeIds.push(id);
    }
    if (--this.count === 0) this.reset();
  }

  /** An id that nobody holds, out of its slot and its place; undefined when there is none. */
  private takeFree(): number | undefined {
    for (let id = this.freeIds.pop(); id !== undefined; id = this.freeIds.pop()) {
      this.waiting[id] = 0;
      if (this.uses[id] !== 0) continue;
      this.closeGap(id);
      this.placed--;
      const eights = (this.lengths[id]! + 7) >>> 3;
      const list = this.freePlaces[eights];
      if (list === undefined) this.freePlaces[eights] = [this.places[id]!];
      else list.push(this.places[id]!);
      return id;
    }
    return undefined;
  }

  private freeSlot(hash: number): number {
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  private reset(): void {
    this.segments = [];
    this.freePlaces = [];
    this.freeIds = [];
    this.top = 0;
    this.next = 0;
    this.placed = 0;
    this.waiting.fill(0);
    if (this.slots.length > INITIAL * 2) this.slots = new Int32Array(INITIAL * 2);
    else this.slots.fill(0);
  }

  /** Every entry behind the gap that would not be found any more moves forward. */
  private closeGap(id: number): void {
    const mask = this.slots.length - 1;
    let gap = this.hashes[id]! & mask;
    while (this.slots[gap] !== id + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.hashes[this.slots[slot]! - 1]! & mask;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        this.slots[gap] = this.slots[slot]!;
        gap = slot;
      }
    }
    this.slots[gap] = 0;
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

  private growIds(id: number): void {
    this.hashes = grown(this.hashes, id);
    this.places = grown(this.places, id);
    this.lengths = grown(this.lengths, id);
    this.tags = grown(this.tags, id);
    this.uses = grown(this.uses, id);
    this.waiting = grown(this.waiting, id);
  }

  private rehash(): void {
    const before = this.slots;
    this.slots = new Int32Array(before.length * 2);
    const mask = this.slots.length - 1;
    for (let i = 0; i < before.length; i++) {
      const entry = before[i]!;
      if (entry === 0) continue;
      let slot = this.hashes[entry - 1]! & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = entry;
    }
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
