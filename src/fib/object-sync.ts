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

  /**
   * Carries out what is due. A change may need others, a group its members: ask again when it is done.
   * @param done  called in a later turn. @returns false: there is nothing to do.
   */
  work(done: () => void): boolean {
    this.#tellRefused();
    return this.#apply(this.#options.fib.takeObjects(), done);
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

  /** Removes what no route names. @param done  as in `work`. @returns false: there is nothing. */
  collect(done: () => void): boolean {
    const { objects } = this.#options.kernel;
    if (typeof objects === 'string') return false;
    if (this.look() === undefined) return false; // leftovers are among them
    const others = this.#options.kernel.othersRoutes().flatMap(({ object }) => object ?? []);
    return this.#apply(this.#options.fib.collectObjects(new Set(others)), done);
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

  #apply(changes: readonly ObjectChange[], done: () => void): boolean {
    const { fib, clock } = this.#options;
    const { objects } = this.#options.kernel;
    if (changes.length === 0 || typeof objects === 'string') return false;
    objects.apply(changes, (errors) => {
      fib.objectsApplied(changes, errors, clock.now());
      this.changes += changes.length;
      this.#tellRefused();
      done();
    });
    return true;
  }

  #tellRefused(): void {
    const refused = new Set(this.#options.fib.refusedNextHops());
    for (const message of refused) if (!this.#refused.has(message)) this.#options.onRefused(message);
    this.#refused = refused;
  }
}
