// The routes of one family as they should be and as they are, a row of numbers a prefix, and the rows with work to do. [hot]
//
//   prefixes    PrefixTable    prefix ⇄ row; a row with anything in it holds its prefix
//   want        Int32[row]     index of the next-hop set that is wanted + 1; 0: no route
//   metric      Uint32[row]    of the wanted route, as the kernel shows it
//   flags       Uint8[row]     ADOPTED, PENDING, HELD, FLYING, DIVERTED
//   present     PresentRoutes  what is there
//   failures    Failures       rows that the kernel refused, or that somebody fights over
//
// What follows from what is in fib.ts. `want`, `take` and `applied` run once a route: numbers in, numbers out.

import {
  FAMILIES,
  type Family,
  grown,
  IdQueue,
  type Millis,
  type Mutable,
  type PrefixId,
  PrefixTable,
  type PrefixWords,
} from 'bgp-utils';
import { HOW, type RouteBatch } from '../kernel/batch.ts';
import type { KernelError } from '../kernel/kernel.ts';
import { type Failure, Failures } from './failures.ts';
import type { NextHopSet, NextHopSets } from './next-hop-sets.ts';
import { type Present, PresentRoutes } from './present.ts';
import { NO_TARGET } from './targets.ts';

const INITIAL = 64;
const ADOPTED = 1;
const PENDING = 2;
const HELD = 4;
/** Changes of it are on their way to the kernel: what is there is known again when they have come to something. */
const FLYING = 8;
/** Something about it is new since they left. */
const DIVERTED = 16;
/** Rows a step of `finishRescan` looks at. */
const STEP = 16_384;
export class RouteRows {
  readonly prefixes: PrefixTable;
  readonly #number: number;
  readonly #sets: NextHopSets;
  #want = new Int32Array(INITIAL);
  #metric = new Uint32Array(INITIAL);
  #flags = new Uint8Array(INITIAL);
  readonly #queue = new IdQueue<PrefixId>();
  readonly failures = new Failures();
  readonly #words: Mutable<PrefixWords>;
  readonly #present: PresentRoutes;
  wanted = 0;
  pending = 0;
  flying = 0;

  constructor(
    readonly family: Family,
    sets: NextHopSets,
  ) {
    this.prefixes = new PrefixTable(family);
    this.#number = FAMILIES.indexOf(family);
    this.#sets = sets;
    this.#present = new PresentRoutes(sets.targets);
    this.#words = { family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  // What shall be

  /** @param set  with a use for this row; undefined: no route. @returns whether anything is new. */
  want(row: PrefixId, set: NextHopSet | undefined, metric: number): boolean {
    if (row >= this.#want.length) this.#grow(row);
    const before = this.#want[row]! - 1;
    const after = set === undefined ? NO_TARGET : set.index;
    if (before === after && (set === undefined || this.#metric[row] === metric)) {
      if (set !== undefined) this.#sets.release(set); // the use that it had serves
      return false;
    }
    if (before < 0) this.wanted++;
    if (set === undefined) this.wanted--;
    this.#want[row] = after + 1;
    this.#metric[row] = metric;
    this.#flags[row] = this.#flags[row]! & ~ADOPTED;
    this.due(row);
    if (before >= 0) this.#sets.release(this.#sets.at(before));
    return true;
  }

  /** Target of the route that is there, or NO_TARGET. */
  haveOf(row: PrefixId): number {
    return this.#present.target(row);
  }

  /** Routes that are there. */
  get present(): number {
    return this.#present.count;
  }

  wantOf(row: PrefixId): NextHopSet | undefined {
    const want = row < this.#want.length ? this.#want[row]! : 0;
    return want === 0 ? undefined : this.#sets.at(want - 1);
  }

  metricOf(row: PrefixId): number {
    return this.#metric[row]!;
  }

  /** All routes that are there. */
  presentOf(row: PrefixId): Iterable<Present> {
    return this.#present.all(row);
  }

  /** The wanted route is there as it should be. */
  isRight(row: PrefixId): boolean {
    const set = this.wantOf(row);
    return set !== undefined && fits(set, this.#present.at(row, this.#metric[row]!));
  }

  isAdopted(row: PrefixId): boolean {
    return (this.#flags[row]! & ADOPTED) !== 0;
  }

  /** To be changed, or being changed. */
  isPending(row: PrefixId): boolean {
    return (this.#flags[row]! & (PENDING | FLYING)) !== 0;
  }

  /** Rows with anything in them. */
  *rows(): Generator<PrefixId, void, void> {
    for (let row = 0; row < this.#flags.length; row++) if (this.#flags[row]! & HELD) yield row as PrefixId;
  }

  /** Adopted rows are adopted no longer. @returns how many routes they have. */
  sweep(): number {
    let count = 0;
    for (const row of this.rows()) {
      if (!this.isAdopted(row)) continue;
      this.#flags[row] = this.#flags[row]! & ~ADOPTED;
      for (const _ of this.presentOf(row)) count++;
      this.due(row);
    }
    return count;
  }

  /** Rows that want one of these sets may have to change, and what leads to one of these targets is gone. */
  follow(changed: ReadonlySet<NextHopSet>, gone: ReadonlySet<number>): void {
    const isGone = new Uint8Array(this.#sets.targets.capacity + 1);
    for (const target of gone) isGone[target + 1] = 1;
    if (gone.size > 0)
      this.#present.drop(isGone, (row, metric) => {
        this.lost(row, metric);
        this.due(row);
      });
    if (changed.size === 0) return;
    const wants = new Uint8Array(this.#sets.capacity + 1);
    for (const { index } of changed) wants[index + 1] = 1;
    for (let row = 0; row < this.#want.length; row++)
      if (wants[this.#want[row]!] === 1) this.due(row as PrefixId);
  }

  // What is to be done

  /** Changes of at most `limit` rows; no more are made of a row until they are told as applied. @returns of how many. */
  take(batch: RouteBatch, limit: number): number {
    let taken = 0;
    while (taken < limit) {
      const row = this.#queue.take() as PrefixId;
      if (row < 0) break;
      if ((this.#flags[row]! & PENDING) === 0) continue;
      this.#flags[row] = this.#flags[row]! & ~PENDING;
      this.pending--;
      taken++;
      const before = batch.size;
      this.#changes(row, batch);
      if (batch.size === before) continue;
      this.#flags[row] = (this.#flags[row]! & ~DIVERTED) | FLYING;
      this.flying++;
    }
    return taken;
  }

  /** What came of a change. @returns false: it was refused, and somebody should be told. */
  applied(batch: RouteBatch, at: number, error: KernelError | undefined, now: Millis): boolean {
    const row = batch.id[at] as PrefixId;
    this.#present.touch(row);
    const flags = this.#flags[row]!;
    if ((flags & FLYING) !== 0) {
      this.#flags[row] = flags & ~FLYING;
      this.flying--;
    }
    // A refusal of what is not wanted any more is none: something else is, and was not tried yet.
    if (error !== undefined && (flags & DIVERTED) === 0) return !this.failures.refused(row, error, now);
    if (error === undefined) {
      const target = batch.how[at] === HOW.REMOVE ? NO_TARGET : this.#sets.targets.intern(batch.via[at]!);
      this.#present.set(row, batch.metric[at]!, target);
      if (!this.failures.isEmpty) this.failures.forget(row);
    }
    this.#settle(row);
    return true;
  }

  /** Failed rows are tried again. @param now  as for `Failures.due`. */
  retry(now: Millis): void {
    for (const row of this.failures.due(now)) {
      this.failures.release(row);
      this.#setPending(row, this.#differs(row));
      if (!this.isPending(row)) this.failures.forget(row);
    }
  }

  /** Waits although there is something to do. */
  hold(row: PrefixId, failure: Failure): void {
    this.failures.hold(row, failure);
    this.#setPending(row, false);
  }

  /** Something about the row is new: whatever failed before is tried at once, but for a fight. */
  due(row: PrefixId): void {
    if ((this.#flags[row]! & FLYING) !== 0) this.#flags[row] = this.#flags[row]! | DIVERTED;
    if (!this.failures.isEmpty) {
      const fights = this.failures.of(row)?.fight === true && this.failures.isWaiting(row);
      if (fights && this.#want[row] !== 0 && this.#differs(row)) return;
      this.failures.forget(row);
    }
    this.#settle(row);
  }

  // What is

  /** The kernel has a route of ours, whether we knew or not. @returns whether we did not. */
  found(row: PrefixId, metric: number, target: number, adopts: boolean): boolean {
    if (row >= this.#want.length) this.#grow(row);
    if (this.#present.at(row, metric) === target) return false;
    if ((this.#flags[row]! & HELD) === 0 && adopts) this.#flags[row] = this.#flags[row]! | ADOPTED;
    this.#present.set(row, metric, target);
    return true;
  }

  /** It is gone. @returns false when it was not known to be there. */
  lost(row: PrefixId, metric: number): boolean {
    if (this.#present.at(row, metric) === NO_TARGET) return false;
    this.#present.touch(row);
    this.#present.set(row, metric, NO_TARGET);
    return true;
  }

  beginRescan(): void {
    this.#present.beginRescan();
  }

  /** We changed it, or it was lost, since the list was begun; or it is being changed. */
  isTouched(row: PrefixId): boolean {
    return this.#present.isTouched(row) || ((this.#flags[row] ?? 0) & FLYING) !== 0;
  }

  markSeen(row: PrefixId, metric: number): void {
    this.#present.markSeen(row, metric);
  }

  /** The list ended: what was not seen is gone, part by part. @returns at last how many. */
  *finishRescan(): Generator<void, number, void> {
    const present = this.#present;
    const { rescan } = present;
    let corrected = 0;
    for (let at = 0; at < present.capacity; at++) {
      const row = at as PrefixId;
      if (row % STEP === STEP - 1) yield;
      if (rescan !== present.rescan) return corrected; // another one began
      if (present.target(row) === NO_TARGET || this.isTouched(row)) continue;
      const unseen = present.unseen(row);
      for (const metric of unseen) present.set(row, metric, NO_TARGET);
      if (unseen.length > 0) this.due(row);
      corrected += unseen.length;
    }
    return corrected;
  }

  /** The difference between wanted and present, as the next changes. */
  #changes(row: PrefixId, batch: RouteBatch): void {
    if ((this.#flags[row]! & ADOPTED) !== 0) return;
    const want = this.#want[row]!;
    const set = want === 0 ? undefined : this.#sets.at(want - 1);
    const metric = this.#metric[row]!;
    const present = set === undefined ? NO_TARGET : this.#present.at(row, metric);
    if (set !== undefined && set.target !== NO_TARGET && !fits(set, present)) {
      this.#add(batch, row, present === NO_TARGET ? HOW.CREATE : HOW.REPLACE, metric, set.target);
      return;
    }
    const keep = set !== undefined && fits(set, present);
    if (set !== undefined && !keep && set.unresolved === undefined) return; // refused: what is there stays
    const have = this.#present.target(row);
    if (have !== NO_TARGET && !(keep && this.#present.metric(row) === metric))
      this.#add(batch, row, HOW.REMOVE, this.#present.metric(row), have);
    for (const other of this.#present.others(row))
      if (!keep || other.metric !== metric) this.#add(batch, row, HOW.REMOVE, other.metric, other.target);
  }

  #add(batch: RouteBatch, row: PrefixId, how: number, metric: number, target: number): void {
    const { length, w0, w1, w2, w3 } = this.prefixes.words(row, this.#words);
    batch.add(how, this.#number, length, w0, w1, w2, w3, metric, this.#sets.targets.via(target), row);
  }

  /** Would `#changes` add any? */
  #differs(row: PrefixId): boolean {
    if ((this.#flags[row]! & (ADOPTED | FLYING)) !== 0) return false;
    const want = this.#want[row]!;
    const have = this.#present.target(row);
    if (want === 0) return have !== NO_TARGET;
    const set = this.#sets.at(want - 1);
    const alone = this.#present.others(row).length === 0;
    if (alone && have !== NO_TARGET && this.#present.metric(row) === this.#metric[row] && fits(set, have))
      return false;
    if (set.target !== NO_TARGET) return true;
    if (set.unresolved !== undefined) return have !== NO_TARGET;
    return !alone && this.isRight(row);
  }

  #settle(row: PrefixId): void {
    this.#setPending(row, this.#differs(row));
    const holds =
      this.#want[row] !== 0 || this.#present.target(row) !== NO_TARGET || (this.#flags[row]! & FLYING) !== 0;
    if (holds === ((this.#flags[row]! & HELD) !== 0)) return;
    this.#flags[row] = this.#flags[row]! ^ HELD;
    if (holds) this.prefixes.retain(row);
    else {
      this.#flags[row] = 0;
      this.failures.forget(row);
      this.prefixes.release(row);
    }
  }

  #setPending(row: PrefixId, pending: boolean): void {
    if (((this.#flags[row]! & PENDING) !== 0) === pending) return;
    this.#flags[row] = this.#flags[row]! ^ PENDING;
    this.pending += pending ? 1 : -1;
    if (pending) this.#queue.add(row);
  }

  #grow(row: number): void {
    this.#want = grown(this.#want, row);
    this.#metric = grown(this.#metric, row);
    this.#flags = grown(this.#flags, row);
    this.#present.grow(row as PrefixId);
  }
}

/** Is a route that leads there what the set asks for? */
const fits = (set: NextHopSet, target: number): boolean =>
  target !== NO_TARGET && (target === set.target || target === set.plain);
