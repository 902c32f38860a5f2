// When each of many things is due next, asked for only where something was done with it: a speaker with thousands of peers does
// not look at all of them for every KEEPALIVE.
//
//   queue   | at, item | at, item | …      an item stands in it with the time it was due when it was put there, or earlier
//   queued  item → that time
//
// A deadline that moves on (a hold timer does with each message) leaves the item where it is, and is asked for again when that
// time has come: so the queue does not grow with what is heard.

import { type Millis, NEVER } from '../net/time.ts';
import { TimedQueue } from './timed-queue.ts';

export class Deadlines<T> {
  private readonly queue = new TimedQueue<T>();
  private readonly queued = new Map<T, Millis>();
  /** Some of them more than once. */
  private touched: T[] = [];

  /** @param deadlineOf  NEVER where nothing is due. */
  constructor(private readonly deadlineOf: (item: T) => Millis) {}

  /** Its deadline may have changed; also how an item is added. */
  touch(item: T): void {
    if (this.touched.at(-1) !== item) this.touched.push(item);
  }

  forget(item: T): void {
    this.touched = this.touched.filter((each) => each !== item);
    this.queued.delete(item);
  }

  /** The earliest. */
  next(): Millis {
    if (this.touched.length > 0) {
      const { touched } = this;
      this.touched = [];
      for (const item of touched) this.enqueue(item, this.deadlineOf(item));
    }
    for (let { nextAt: at } = this.queue; at !== undefined; at = this.queue.nextAt) {
      const item = this.queue.first!;
      if (this.queued.get(item) === at) {
        const deadline = this.deadlineOf(item);
        if (deadline === at) return at;
        this.queued.delete(item);
        this.queue.take();
        this.enqueue(item, deadline);
      } else this.queue.take(); // of an item that is gone, or stands further in front
    }
    return NEVER;
  }

  /** All that are due, in the order of their deadlines; they are touched by that. */
  takeDue(now: Millis): T[] {
    const due: T[] = [];
    while (this.next() <= now) {
      const item = this.queue.take()!;
      this.queued.delete(item);
      due.push(item);
    }
    this.touched.push(...due);
    return due;
  }

  private enqueue(item: T, deadline: Millis): void {
    if (deadline >= (this.queued.get(item) ?? NEVER)) return;
    this.queued.set(item, deadline);
    this.queue.add(deadline, item);
  }
}
