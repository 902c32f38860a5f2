// When each of many things is due next, asked for only where something was done with it: a speaker with thousands of peers does
// not look at all of them for every KEEPALIVE.

import { type Millis, NEVER } from '../net/time.ts';
import { TimedQueue } from './timed-queue.ts';

export class Deadlines<T> {
  /** An entry that is not the item's latest means nothing any more. */
  private readonly queue = new TimedQueue<{ readonly item: T; readonly version: number }>();
  private readonly versions = new Map<T, number>();
  private readonly touched = new Set<T>();

  /** @param deadlineOf  NEVER where nothing is due. */
  constructor(private readonly deadlineOf: (item: T) => Millis) {}

  /** Its deadline may have changed; also how an item is added. */
  touch(item: T): void {
    this.touched.add(item);
  }

  forget(item: T): void {
    this.touched.delete(item);
    this.versions.delete(item);
  }

  /** The earliest. */
  next(): Millis {
    for (const item of this.touched) {
      const version = (this.versions.get(item) ?? 0) + 1;
      this.versions.set(item, version);
      const deadline = this.deadlineOf(item);
      if (deadline !== NEVER) this.queue.add(deadline, { item, version });
    }
    this.touched.clear();
    for (let first = this.queue.first; first !== undefined; first = this.queue.first) {
      if (this.versions.get(first.item) === first.version) return this.queue.nextAt!;
      this.queue.take();
    }
    return NEVER;
  }

  /** All that are due, in the order of their deadlines; they are touched by that. */
  takeDue(now: Millis): T[] {
    const due: T[] = [];
    while (this.next() <= now) due.push(this.queue.take()!.item);
    for (const item of due) this.touched.add(item);
    return due;
  }
}
