// Carries changes to the kernel, one batch at a time: next-hop objects before the routes that name them. The kernel works at a batch
// beside the event loop, for a millisecond as a rule, and for a second where others hold its lock. What is wanted may change
// meanwhile. But nothing that would be learned of the kernel counts while it may be of before or after a change of ours: news, lists
// and looks wait until the batch has come to something (`whenFree`).

import { type Millis, NEVER } from 'bgp-utils';
import { RouteBatch } from '../kernel/batch.ts';
import type { Kernel, RouteError } from '../kernel/kernel.ts';
import type { Fib } from './fib.ts';
import type { ObjectSync } from './object-sync.ts';
import type { FibClock, Timers } from './timers.ts';

export interface PumpOptions {
  readonly kernel: Kernel;
  readonly fib: Fib;
  readonly objects: ObjectSync;
  readonly timers: Timers;
  readonly clock: FibClock;
  /** Routes were changed, but for those that failed, of which some should be told. Nothing is on its way. */
  readonly onApplied: (batch: RouteBatch, errors: readonly RouteError[], told: readonly RouteError[]) => void;
  /** The kernel has not answered for long; told once a batch. */
  readonly onSlow: (seconds: number) => void;
}

/** Prefixes that the kernel is told of at once: some five milliseconds of its time, and one of ours. */
const BATCH = 1024;
/** A change of an object may need others: a group its members. After so many, routes have their turn. */
const ROUNDS = 8;
/** What routes name no more is kept for as long as this, in case that it comes again. */
const COLLECT_MS = 10_000;
/** The kernel takes a second at worst, where many interfaces come and go. */
const SLOW_MS = 10_000;

export class Pump {
  readonly #options: PumpOptions;
  readonly #batch = new RouteBatch();
  /** The kernel works at a batch. */
  #busy = false;
  /** `run` comes in the next turn. */
  #isSoon = false;
  /** What shall be done when it does not, by name. */
  readonly #waiting = new Map<string, () => void>();
  #idle: (() => void)[] = [];
  /** Batches of objects since the last one of routes. */
  #rounds = 0;
  #collects = false;
  /** Something was changed since the last `collect`. */
  #used = false;
  #closed = false;
  /** When there was something to do again, since there was nothing. */
  #behindSince: Millis | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** Nothing is on its way to the kernel. */
  get isFree(): boolean {
    return !this.#busy;
  }

  /** For how long there has been something to do without a pause, in milliseconds; 0: there is nothing. */
  get lagMs(): number {
    return this.#behindSince === undefined ? 0 : this.#options.clock.now() - this.#behindSince;
  }

  /** In the next turn, after all that wants something in this one. Called once a route. */
  soon(): void {
    if (this.#busy || this.#isSoon) return;
    this.#isSoon = true;
    this.#options.timers.after('pump', 0, () => this.run());
  }

  /**
   * Now, or as soon as the kernel is done with the batch, before it gets the next one.
   * @param name  one of a name waits. @param run  hands nothing to the kernel.
   */
  whenFree(name: string, run: () => void): void {
    if (!this.#busy) run();
    else if (!this.#waiting.has(name)) this.#waiting.set(name, run);
  }

  /** @param resolve  called when there is nothing left to do. */
  whenIdle(resolve: () => void): void {
    this.#idle.push(resolve);
    this.soon();
  }

  /** Hands the next changes to the kernel, if it works at nothing. */
  run(): void {
    this.#isSoon = false;
    if (this.#busy || this.#closed) return;
    if (!this.#nextObjects() && !this.#nextRoutes()) this.#rest();
    this.#retryLater();
  }

  /** Nobody waits for anything any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** @returns false: there are none. */
  #nextObjects(): boolean {
    const { objects } = this.#options;
    if (this.#rounds === ROUNDS) return false;
    const over = () => this.#over();
    if (!objects.work(over)) {
      if (!this.#collects) return false;
      this.#collects = false;
      if (!objects.collect(over)) return false;
    }
    this.#rounds++;
    this.#begin();
    return true;
  }

  #nextRoutes(): boolean {
    const { kernel, fib, clock, onApplied } = this.#options;
    this.#rounds = 0;
    const batch = this.#batch;
    fib.take(batch, BATCH);
    if (batch.size === 0) return false;
    this.#begin();
    this.#used = true;
    kernel.apply(batch, (errors) => {
      if (this.#closed) return;
      const told = fib.applied(batch, errors, clock.now());
      this.#busy = false;
      onApplied(batch, errors, told);
      this.#over();
    });
    return true;
  }

  #begin(): void {
    const { timers, clock, onSlow } = this.#options;
    this.#busy = true;
    this.#behindSince ??= clock.now();
    timers.after('slow', SLOW_MS, () => onSlow(SLOW_MS / 1000));
  }

  #over(): void {
    this.#busy = false;
    this.#options.timers.cancel('slow');
    if (this.#closed) return;
    for (const [name, run] of this.#waiting) {
      this.#waiting.delete(name);
      run();
    }
    this.run();
  }

  #rest(): void {
    const { fib, objects, timers } = this.#options;
    if (fib.isDue) return this.soon(); // objects had their rounds
    this.#behindSince = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
    if (objects.changes === 0 || !this.#used) return;
    this.#used = false;
    timers.after('collect', COLLECT_MS, () => {
      this.#collects = true;
      this.run();
    });
  }

  #retryLater(): void {
    const { fib, timers, clock } = this.#options;
    const at = fib.nextRetry();
    timers.cancel('retry');
    if (at === NEVER) return;
    timers.after('retry', Math.max(1, at - clock.now()), () => {
      fib.retry(clock.now());
      this.run();
    });
  }
}
