// Keeps the kernel's next-hop objects and the Fib in step. Always before the routes that name them; what they should be is decided
// in objects.ts.

import type { Kernel, ObjectChange } from '../kernel/kernel.ts';
import type { Fib } from './fib.ts';
import { Fights } from './fights.ts';
import type { FibClock } from './timers.ts';

export interface ObjectSyncOptions {
  readonly kernel: Kernel;
  readonly fib: Fib;
  readonly clock: FibClock;
  /** The kernel does not take a next hop: told once, until the reason is another. */
  readonly onRefused: (message: string) => void;
}

/** A change may need others: a group its members. No more than that in one turn. */
const ROUNDS = 8;
/** One `ip nexthop flush` is many removals, and counts once. */
const ONE_FLUSH_MS = 1000;

/** Lists in a row that others may disturb. */
const TRIES = 3;

export class ObjectSync {
  readonly #options: ObjectSyncOptions;
  #refused = new Set<string>();
  readonly #fights = new Fights();
  #takenAt = Number.NEGATIVE_INFINITY;
  /** Carried out so far. */
  changes = 0;

  constructor(options: ObjectSyncOptions) {
    this.#options = options;
  }

  /** Carries out what is due. */
  work(): void {
    for (let round = 0; round < ROUNDS; round++) {
      const changes = this.#options.fib.takeObjects();
      if (changes.length === 0) break;
      this.#apply(changes);
    }
    const refused = new Set(this.#options.fib.refusedNextHops());
    for (const message of refused) if (!this.#refused.has(message)) this.#options.onRefused(message);
    this.#refused = refused;
  }

  /** Looks at what is really there. @returns how much was not as we thought; undefined: no list was whole. */
  look(): number | undefined {
    const { objects } = this.#options.kernel;
    if (typeof objects === 'string') return 0;
    for (let tries = 0; tries < TRIES; tries++) {
      const list = objects.list();
      if (list !== undefined) return this.#options.fib.foundObjects(list);
    }
    return undefined;
  }

  /** Removes what no route names. */
  collect(): void {
    const { objects } = this.#options.kernel;
    if (typeof objects === 'string') return;
    if (this.look() === undefined) return; // leftovers are among them
    const others = this.#options.kernel.othersRoutes().flatMap(({ object }) => object ?? []);
    this.#apply(this.#options.fib.collectObjects(new Set(others)));
  }

  /**
   * Somebody took some away.
   * @param port  whose. @returns what to say, when that was once too often.
   */
  fight(port: number): string | undefined {
    const now = this.#options.clock.now();
    if (now - this.#takenAt < ONE_FLUSH_MS) return undefined;
    this.#takenAt = now;
    if (!this.#fights.repair('objects', now).begins) return undefined;
    return `a program with netlink port ${port} (as a rule its process id: ps -p ${port}) removes or changes them again and again, and every route with them; they are put back each time. systemd-networkd: ManageForeignNextHops=no`;
  }

  /** 1 while somebody goes on. */
  fights(): number {
    return this.#fights.count(this.#options.clock.now());
  }

  #apply(changes: readonly ObjectChange[]): void {
    const { fib, clock } = this.#options;
    const { objects } = this.#options.kernel;
    if (changes.length === 0 || typeof objects === 'string') return;
    fib.objectsApplied(changes, objects.apply(changes), clock.now());
    this.changes += changes.length;
  }
}
