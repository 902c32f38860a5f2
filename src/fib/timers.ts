// Timers by name, at most one each.

import type { Millis } from 'bgp-utils';

/** Time, handed in. A delay of 0 is the next turn of the event loop, after what waits for it now (setImmediate). */
export interface FibClock {
  now(): Millis;
  /** @returns cancels it. */
  schedule(delayMs: number, run: () => void): () => void;
}

/** News of links comes in bursts. Counted from the first, so that endless news starves nobody. */
export const SETTLE_MS = 50;

export class Timers {
  readonly #clock: FibClock;
  readonly #running = new Map<string, () => void>();
  #closed = false;

  constructor(clock: FibClock) {
    this.#clock = clock;
  }

  /** Work for the next turn stays as scheduled; a later one replaces the earlier. */
  after(name: string, delayMs: number, run: () => void): void {
    if (this.#closed || (delayMs === 0 && this.#running.has(name))) return;
    this.cancel(name);
    this.#running.set(
      name,
      this.#clock.schedule(delayMs, () => {
        this.#running.delete(name);
        run();
      }),
    );
  }

  /** Together with others that ask within a short time. */
  soon(name: string, run: () => void): void {
    if (!this.#running.has(name)) this.after(name, SETTLE_MS, run);
  }

  cancel(name: string): void {
    this.#running.get(name)?.();
    this.#running.delete(name);
  }

  /** Ends all, and starts none any more. */
  close(): void {
    this.#closed = true;
    for (const cancel of this.#running.values()) cancel();
    this.#running.clear();
  }
}
