// Things that are due at a time, the earliest first; of one time, in the order in which they were added. A binary heap.

import type { Millis } from '../net/time.ts';

interface Entry<T> {
  readonly at: Millis;
  readonly order: number;
  readonly value: T;
}

export class TimedQueue<T> {
  private readonly heap: Entry<T>[] = [];
  private added = 0;

  /** Of the first; undefined when there is none. */
  get nextAt(): Millis | undefined {
    return this.heap[0]?.at;
  }

  get first(): T | undefined {
    return this.heap[0]?.value;
  }

  add(at: Millis, value: T): void {
    const { heap } = this;
    const entry = { at, order: this.added++, value };
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Takes the first off. */
  take(): T | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first?.value;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first.value;
  }
}

const before = <T>(a: Entry<T>, b: Entry<T>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
