// Looks from time to time at what routes of ours the kernel really has, a part a turn of the event loop.

import type { RouteBatch } from '../kernel/batch.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Fib } from './fib.ts';
import type { Pump } from './pump.ts';
import type { Timers } from './timers.ts';

const RESCAN_MS = 60_000;
const RESCAN_AGAIN_MS = 1000;

export interface RescanOptions {
  readonly kernel: Kernel;
  readonly fib: Fib;
  readonly timers: Timers;
  /** A list of the kernel's is asked for when nothing is on its way there: it may wait for the lock that changes hold. */
  readonly pump: Pick<Pump, 'whenFree'>;
  readonly onBegin: () => void;
  /** @param corrected  routes that were not as they should be, and are to be put right. */
  readonly onEnd: (corrected: number) => void;
}

export class Rescan {
  readonly #options: RescanOptions;
  #scanning = false;
  #scanAgain = false;

  constructor(options: RescanOptions) {
    this.#options = options;
  }

  later(delayMs = RESCAN_MS): void {
    this.#options.timers.after('rescan', delayMs, () => this.#startWhenFree());
  }

  /** A list had holes. */
  again(): void {
    this.later(RESCAN_AGAIN_MS);
  }

  soon(): void {
    this.#options.timers.soon('rescan-soon', () => this.#startWhenFree());
  }

  #startWhenFree(): void {
    this.#options.pump.whenFree('rescan', () => this.#start());
  }

  #start(): void {
    if (this.#scanning) {
      this.#scanAgain = true;
      return;
    }
    this.#scanning = true;
    this.#options.onBegin();
    this.#options.fib.beginRescan();
    this.#scanStep(this.#options.kernel.scan(), 0);
  }

  #scanStep(scan: Generator<RouteBatch, boolean, void>, corrected: number): void {
    const { fib } = this.#options;
    this.#later(() => {
      const step = scan.next();
      if (!step.done) this.#scanStep(scan, corrected + fib.rescan(step.value));
      else if (step.value) this.#finishStep(fib.finishRescan(), corrected);
      else this.#end(corrected, RESCAN_AGAIN_MS);
    });
  }

  #finishStep(finish: Generator<void, number, void>, corrected: number): void {
    this.#later(() => {
      const step = finish.next();
      if (step.done) this.#end(corrected + step.value, RESCAN_MS);
      else this.#finishStep(finish, corrected);
    });
  }

  #later(step: () => void): void {
    const { timers, pump } = this.#options;
    timers.after('scan', 0, () => pump.whenFree('scan', step));
  }

  #end(corrected: number, nextInMs: number): void {
    this.#scanning = false;
    this.#options.onEnd(corrected);
    this.later(nextInMs);
    if (this.#scanAgain) {
      this.#scanAgain = false;
      this.soon();
    }
  }
}
