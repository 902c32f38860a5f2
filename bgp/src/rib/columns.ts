// What the tables are made of: columns of numbers that are indexed by dense ids, and queues of such ids.           [hot]
//
//   IdQueue   marks  Int32[id/32]  its bit is set while the id waits
//             list   Int32[n]      | taken … head → waiting … tail → free … |
//   IdStack   list   Int32[n]      | waiting … top → free … |
//
// Memory that the system gives out for a large typed array costs nothing until it is written. So columns grow by a factor of
// four: what is left behind is small, and there are few copies.

import { NONE } from '../route/route.ts';

type Column = Int32Array | Uint32Array | Uint16Array | Uint8Array;

const FACTOR = 4;

/** A copy that has room for `index`. */
export function grown<T extends Column>(from: T, index: number): T {
  let size = from.length * FACTOR;
  while (size <= index) size *= FACTOR;
  const to = new (from.constructor as new (length: number) => T)(size);
  to.set(from);
  return to;
}

/** Ids that wait for something to be done, each once, the first come first. */
export class IdQueue<Id extends number> {
  private marks = new Int32Array(32);
  private list = new Int32Array(64);
  private head = 0;
  private tail = 0;

  get size(): number {
    return this.tail - this.head;
  }

  has(id: Id): boolean {
    const word = id >>> 5;
    return word < this.marks.length && (this.marks[word]! & (1 << (id & 31))) !== 0;
  }

  /** @returns false when it waits already. */
  add(id: Id): boolean {
    const word = id >>> 5;
    if (word >= this.marks.length) this.marks = grown(this.marks, word);
    const bit = 1 << (id & 31);
    if ((this.marks[word]! & bit) !== 0) return false;
    this.marks[word]! |= bit;
    if (this.tail === this.list.length) this.makeRoom();
    this.list[this.tail++] = id;
    return true;
  }

  /** The next one, or NONE. It may be added again at once. */
  take(): Id | typeof NONE {
    if (this.head === this.tail) return NONE;
    const id = this.list[this.head++]!;
    this.marks[id >>> 5]! &= ~(1 << (id & 31));
    if (this.head === this.tail) {
      this.head = 0;
      this.tail = 0;
    }
    return id as Id;
  }

  private makeRoom(): void {
    if (this.head > this.tail / 2) this.list.copyWithin(0, this.head, this.tail);
    else {
      const larger = new Int32Array(this.list.length * 2);
      larger.set(this.list.subarray(this.head, this.tail));
      this.list = larger;
    }
    this.tail -= this.head;
    this.head = 0;
  }
}

/** Ids to be given out again, the last one first. */
export class IdStack<Id extends number> {
  private list = new Int32Array(64);
  private top = 0;

  push(id: Id): void {
    if (this.top === this.list.length) this.list = grown(this.list, this.top);
    this.list[this.top++] = id;
  }

  /** NONE when it is empty. */
  pop(): Id | typeof NONE {
    return this.top === 0 ? NONE : (this.list[--this.top] as Id);
  }

  clear(): void {
    this.top = 0;
  }
}

/** A set of ids as one bit each. */
export class IdBitmap<Id extends number> {
  private words = new Uint32Array(32);
  private count = 0;
  /** No id is in words before this one. */
  private lowest = 0;

  get size(): number {
    return this.count;
  }

  has(id: Id): boolean {
    return id >>> 5 < this.words.length && (this.words[id >>> 5]! & (1 << (id & 31))) !== 0;
  }

  /** @returns false when it was there before. */
  add(id: Id): boolean {
    const word = id >>> 5;
    if (word >= this.words.length) this.words = grown(this.words, word);
    const bit = 1 << (id & 31);
    if ((this.words[word]! & bit) !== 0) return false;
    this.words[word] = this.words[word]! | bit;
    this.count++;
    if (word < this.lowest) this.lowest = word;
    return true;
  }

  /** Takes the lowest out, or gives NONE. */
  take(): Id | typeof NONE {
    if (this.count === 0) return NONE;
    while (this.words[this.lowest] === 0) this.lowest++;
    const bits = this.words[this.lowest]!;
    const bit = 31 - Math.clz32(bits & -bits);
    this.words[this.lowest] = bits & (bits - 1);
    this.count--;
    return (this.lowest * 32 + bit) as Id;
  }

  forEach(visit: (id: Id) => void): void {
    for (let word = this.lowest; word < this.words.length; word++) {
      for (let bits = this.words[word]!; bits !== 0; bits &= bits - 1)
        visit((word * 32 + (31 - Math.clz32(bits & -bits))) as Id);
    }
  }
}
