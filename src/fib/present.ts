// What the kernel is known to have of ours, a row of numbers a prefix. A list of what it really has is ticked off against it.  [hot]
//
//   target      Int32[row]     of the route that is there + 1; 0: none
//   metric      Uint32[row]    of that route
//   touched     Uint32[row]    rescan during which we changed or lost it: what that says of it is out of date
//   seen        Uint32[row]    rescan that found it there
//   others      Map            further routes of ours with other metrics: few, while a route moves from one to another
//
// Of one prefix, the kernel tells routes apart by metric.

import { grown, type PrefixId } from 'bgp-utils';
import { NO_TARGET, type Targets } from './targets.ts';

const INITIAL = 64;

export interface Present {
  readonly target: number;
  readonly metric: number;
}

interface Other extends Present {
  seen: number;
}

const NONE: readonly Other[] = [];

export class PresentRoutes {
  readonly #targets: Targets;
  #target = new Int32Array(INITIAL);
  #metric = new Uint32Array(INITIAL);
  #touched = new Uint32Array(INITIAL);
  #seen = new Uint32Array(INITIAL);
  readonly #others = new Map<PrefixId, readonly Other[]>();
  #rescan = 1;
  /** Routes. */
  count = 0;

  /** @param targets  where each one's is retained. */
  constructor(targets: Targets) {
    this.#targets = targets;
  }

  /** All rows are below this. */
  get capacity(): number {
    return this.#target.length;
  }

  /** Target of the route that is there, the first one of several; or NO_TARGET. */
  target(row: PrefixId): number {
    return row < this.#target.length ? this.#target[row]! - 1 : NO_TARGET;
  }

  /** Of that route. */
  metric(row: PrefixId): number {
    return this.#metric[row]!;
  }

  /** Beside that route. */
  others(row: PrefixId): readonly Present[] {
    return this.#others.size === 0 ? NONE : (this.#others.get(row) ?? NONE);
  }

  *all(row: PrefixId): Generator<Present, void, void> {
    if (this.target(row) === NO_TARGET) return;
    yield { target: this.target(row), metric: this.#metric[row]! };
    yield* this.others(row);
  }

  /** Target of the route with that metric, or NO_TARGET. */
  at(row: PrefixId, metric: number): number {
    if (this.#target[row] === 0 || this.#metric[row] === metric) return this.#target[row]! - 1;
    return this.others(row).find((other) => other.metric === metric)?.target ?? NO_TARGET;
  }

  /** @param target  NO_TARGET: it is gone. */
  set(row: PrefixId, metric: number, target: number): void {
    const before = this.at(row, metric);
    this.#targets.retain(target);
    this.#targets.release(before);
    this.count += (target === NO_TARGET ? 0 : 1) - (before === NO_TARGET ? 0 : 1);
    if (this.#target[row] === 0 || this.#metric[row] === metric) {
      this.#target[row] = target + 1;
      this.#metric[row] = metric;
      this.#seen[row] = 0;
      if (target === NO_TARGET && this.#others.size > 0) this.#promote(row);
      return;
    }
    const others = (this.#others.get(row) ?? NONE).filter((other) => other.metric !== metric);
    this.#keep(row, target === NO_TARGET ? others : [...others, { target, metric, seen: 0 }]);
  }

  /** What leads to one of these is gone. @param isGone  by target + 1. @param tell  once for each: it has to take it out. */
  drop(isGone: Uint8Array, tell: (row: PrefixId, metric: number) => void): void {
    for (let row = 0; row < this.#target.length; row++)
      while (isGone[this.#target[row]!] === 1) tell(row as PrefixId, this.#metric[row]!); // another may take its place
    for (const [row, others] of [...this.#others])
      for (const { target, metric } of others) if (isGone[target + 1] === 1) tell(row, metric);
  }

  // Rescans

  beginRescan(): void {
    this.#rescan++;
  }

  /** Which one it is. */
  get rescan(): number {
    return this.#rescan;
  }

  /** What the list at hand says of it is out of date. */
  touch(row: PrefixId): void {
    this.#touched[row] = this.#rescan;
  }

  isTouched(row: PrefixId): boolean {
    return row < this.#touched.length && this.#touched[row] === this.#rescan;
  }

  markSeen(row: PrefixId, metric: number): void {
    if (this.#metric[row] === metric) this.#seen[row] = this.#rescan;
    else
      for (const other of this.#others.get(row) ?? NONE)
        if (other.metric === metric) other.seen = this.#rescan;
  }

  /** Metrics of the routes that the list did not have. */
  unseen(row: PrefixId): readonly number[] {
    const unseen: number[] = [];
    if (this.#seen[row] !== this.#rescan) unseen.push(this.#metric[row]!);
    for (const { metric, seen } of this.#others.get(row) ?? NONE)
      if (seen !== this.#rescan) unseen.push(metric);
    return unseen;
  }

  grow(row: PrefixId): void {
    this.#target = grown(this.#target, row);
    this.#metric = grown(this.#metric, row);
    this.#touched = grown(this.#touched, row);
    this.#seen = grown(this.#seen, row);
  }

  /** Another route takes the place in the row. */
  #promote(row: PrefixId): void {
    const [first, ...rest] = this.#others.get(row) ?? NONE;
    if (first === undefined) return;
    this.#target[row] = first.target + 1;
    this.#metric[row] = first.metric;
    this.#seen[row] = first.seen;
    this.#keep(row, rest);
  }

  #keep(row: PrefixId, others: readonly Other[]): void {
    if (others.length > 0) this.#others.set(row, others);
    else this.#others.delete(row);
  }
}
