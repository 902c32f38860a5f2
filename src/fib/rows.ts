// The routes of one family as they should be and as they are, a row of numbers a prefix, and the rows with work to do. [hot]
//
//   prefixes    PrefixTable    prefix ⇄ row; a row with anything in it holds its prefix
//   want        Int32[row]     index of the next-hop set that is wanted + 1; 0: no route
//   metric      Uint32[row]    of the wanted route, as the kernel shows it
//   have        Int32[row]     target of the route that is there + 1; 0: none
//   haveMetric  Uint32[row]    of that route
//   flags       Uint8[row]     ADOPTED, PENDING, HELD, FLYING, DIVERTED
//   touched     Uint32[row]    rescan during which we changed or lost it: what that says of it is out of date
//   seen        Uint32[row]    rescan that found `have` there
//   others      Map            further routes of ours with other metrics: few, while a route moves from one to another
//   failures    Map            rows that the kernel refused, or that somebody fights over; `waiting`: until they are tried again
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
import type { NextHopSet, NextHopSets } from './next-hop-sets.ts';
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
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

export interface Failure {
  readonly message: string;
  readonly attempts: number;
  readonly retryAt: Millis;
  /** Somebody takes the route away: nothing but time, or an end of the wish, makes it due. */
  readonly fight: boolean;
}

/** A route of ours beside the one in the row. */
interface Other {
  target: number;
  readonly metric: number;
  seen: number;
}

export class RouteRows {
  readonly prefixes: PrefixTable;
  readonly #number: number;
  readonly #sets: NextHopSets;
  #want = new Int32Array(INITIAL);
  #metric = new Uint32Array(INITIAL);
  #have = new Int32Array(INITIAL);
  #haveMetric = new Uint32Array(INITIAL);
  #flags = new Uint8Array(INITIAL);
  #touched = new Uint32Array(INITIAL);
  #seen = new Uint32Array(INITIAL);
  readonly #queue = new IdQueue<PrefixId>();
  readonly #others = new Map<PrefixId, readonly Other[]>();
  readonly failures = new Map<PrefixId, Failure>();
  readonly waiting = new Set<PrefixId>();
  readonly #words: Mutable<PrefixWords>;
  #rescan = 1;
  wanted = 0;
  present = 0;
  pending = 0;
  flying = 0;

  constructor(
    readonly family: Family,
    sets: NextHopSets,
  ) {
    this.prefixes = new PrefixTable(family);
    this.#number = FAMILIES.indexOf(family);
    this.#sets = sets;
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
    return row < this.#have.length ? this.#have[row]! - 1 : NO_TARGET;
  }

  wantOf(row: PrefixId): NextHopSet | undefined {
    const want = row < this.#want.length ? this.#want[row]! : 0;
    return want === 0 ? undefined : this.#sets.at(want - 1);
  }

  metricOf(row: PrefixId): number {
    return this.#metric[row]!;
  }

  /** All routes that are there. */
  *presentOf(row: PrefixId): Generator<{ readonly target: number; readonly metric: number }, void, void> {
    if (this.haveOf(row) === NO_TARGET) return;
    yield { target: this.haveOf(row), metric: this.#haveMetric[row]! };
    yield* this.#others.get(row) ?? [];
  }

  /** The wanted route is there as it should be. */
  isRight(row: PrefixId): boolean {
    const set = this.wantOf(row);
    return set !== undefined && fits(set, this.#targetAt(row, this.#metric[row]!));
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
    const wants = new Uint8Array(this.#sets.capacity + 1);
    for (const { index } of changed) wants[index + 1] = 1;
    const without = new Uint8Array(this.#sets.targets.capacity + 1);
    for (const target of gone) without[target + 1] = 1;
    for (let row = 0; row < this.#want.length; row++) {
      const lost = without[this.#have[row]!] === 1;
      if (lost) this.lost(row as PrefixId, this.#haveMetric[row]!);
      if (lost || wants[this.#want[row]!] === 1) this.due(row as PrefixId);
    }
    for (const [row, others] of [...this.#others])
      for (const { target, metric } of others)
        if (gone.has(target)) {
          this.lost(row, metric);
          this.due(row);
        }
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

  /** What came of a change. @returns its row. */
  applied(batch: RouteBatch, at: number, error: KernelError | undefined, now: Millis): PrefixId {
    const row = batch.id[at] as PrefixId;
    this.#touched[row] = this.#rescan;
    const flags = this.#flags[row]!;
    if ((flags & FLYING) !== 0) {
      this.#flags[row] = flags & ~FLYING;
      this.flying--;
    }
    if (error !== undefined && (flags & DIVERTED) !== 0) {
      this.#settle(row); // something else is wanted now, and was not tried yet
      return row;
    }
    if (error !== undefined) {
      const attempts = (this.failures.get(row)?.attempts ?? 0) + 1;
      const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
      const message = `${error.name}: ${error.message}`;
      this.failures.set(row, { message, attempts, retryAt: now + wait, fight: false });
      this.waiting.add(row);
      return row;
    }
    const target = batch.how[at] === HOW.REMOVE ? NO_TARGET : this.#sets.targets.intern(batch.via[at]!);
    this.#setPresent(row, batch.metric[at]!, target);
    if (this.failures.size > 0) this.#forgive(row);
    this.#settle(row);
    return row;
  }

  /** A failed row is tried again; its number of attempts is kept. */
  retry(row: PrefixId): void {
    this.waiting.delete(row);
    this.#setPending(row, this.#differs(row));
    if (!this.isPending(row)) this.failures.delete(row);
  }

  /** Waits although there is something to do. */
  hold(row: PrefixId, failure: Failure): void {
    this.failures.set(row, failure);
    this.waiting.add(row);
    this.#setPending(row, false);
  }

  /** Something about the row is new: whatever failed before is tried at once, but for a fight. */
  due(row: PrefixId): void {
    if ((this.#flags[row]! & FLYING) !== 0) this.#flags[row] = this.#flags[row]! | DIVERTED;
    const failure = this.failures.size === 0 ? undefined : this.failures.get(row);
    const fights = failure?.fight === true && this.waiting.has(row);
    if (fights && this.#want[row] !== 0 && this.#differs(row)) return;
    if (failure !== undefined) this.#forgive(row);
    this.#settle(row);
  }

  // What is

  /** The kernel has a route of ours, whether we knew or not. @returns whether we did not. */
  found(row: PrefixId, metric: number, target: number, adopts: boolean): boolean {
    if (row >= this.#want.length) this.#grow(row);
    if (this.#targetAt(row, metric) === target) return false;
    if ((this.#flags[row]! & HELD) === 0 && adopts) this.#flags[row] = this.#flags[row]! | ADOPTED;
    this.#setPresent(row, metric, target);
    return true;
  }

  /** It is gone. @returns false when it was not known to be there. */
  lost(row: PrefixId, metric: number): boolean {
    if (this.#targetAt(row, metric) === NO_TARGET) return false;
    this.#touched[row] = this.#rescan;
    this.#setPresent(row, metric, NO_TARGET);
    return true;
  }

  beginRescan(): void {
    this.#rescan++;
  }

  /** We changed it, or it was lost, since the list was begun; or it is being changed. */
  isTouched(row: PrefixId): boolean {
    if (row >= this.#touched.length) return false;
    return this.#touched[row] === this.#rescan || (this.#flags[row]! & FLYING) !== 0;
  }

  markSeen(row: PrefixId, metric: number): void {
    if (this.#haveMetric[row] === metric) this.#seen[row] = this.#rescan;
    else
      for (const other of this.#others.get(row) ?? []) if (other.metric === metric) other.seen = this.#rescan;
  }

  /** The list ended: what was not seen is gone, part by part. @returns at last how many. */
  *finishRescan(): Generator<void, number, void> {
    const rescan = this.#rescan;
    let corrected = 0;
    for (let row = 0; row < this.#have.length; row++) {
      if (row % STEP === STEP - 1) yield;
      if (rescan !== this.#rescan) return corrected; // another one began
      if (this.#have[row] !== 0 && !this.isTouched(row as PrefixId))
        corrected += this.#dropUnseen(row as PrefixId);
    }
    return corrected;
  }

  #dropUnseen(row: PrefixId): number {
    const unseen: number[] = [];
    if (this.#seen[row] !== this.#rescan) unseen.push(this.#haveMetric[row]!);
    for (const { metric, seen } of this.#others.get(row) ?? [])
      if (seen !== this.#rescan) unseen.push(metric);
    for (const metric of unseen) this.#setPresent(row, metric, NO_TARGET);
    if (unseen.length > 0) this.due(row);
    return unseen.length;
  }

  /** The difference between wanted and present, as the next changes. */
  #changes(row: PrefixId, batch: RouteBatch): void {
    if ((this.#flags[row]! & ADOPTED) !== 0) return;
    const want = this.#want[row]!;
    const set = want === 0 ? undefined : this.#sets.at(want - 1);
    const metric = this.#metric[row]!;
    const present = set === undefined ? NO_TARGET : this.#targetAt(row, metric);
    if (set !== undefined && set.target !== NO_TARGET && !fits(set, present)) {
      this.#add(batch, row, present === NO_TARGET ? HOW.CREATE : HOW.REPLACE, metric, set.target);
      return;
    }
    const keep = set !== undefined && fits(set, present);
    if (set !== undefined && !keep && set.unresolved === undefined) return; // refused: what is there stays
    const have = this.#have[row]! - 1;
    if (have !== NO_TARGET && !(keep && this.#haveMetric[row] === metric))
      this.#add(batch, row, HOW.REMOVE, this.#haveMetric[row]!, have);
    if (this.#others.size === 0) return;
    for (const other of this.#others.get(row) ?? [])
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
    const have = this.#have[row]! - 1;
    if (want === 0) return have !== NO_TARGET;
    const set = this.#sets.at(want - 1);
    const alone = this.#others.size === 0 || !this.#others.has(row);
    if (alone && have !== NO_TARGET && this.#haveMetric[row] === this.#metric[row] && fits(set, have))
      return false;
    if (set.target !== NO_TARGET) return true;
    if (set.unresolved !== undefined) return have !== NO_TARGET;
    return !alone && this.isRight(row);
  }

  #forgive(row: PrefixId): void {
    this.failures.delete(row);
    this.waiting.delete(row);
  }

  #settle(row: PrefixId): void {
    this.#setPending(row, this.#differs(row));
    const holds = this.#want[row] !== 0 || this.#have[row] !== 0 || (this.#flags[row]! & FLYING) !== 0;
    if (holds === ((this.#flags[row]! & HELD) !== 0)) return;
    this.#flags[row] = this.#flags[row]! ^ HELD;
    if (holds) this.prefixes.retain(row);
    else {
      this.#flags[row] = 0;
      this.#forgive(row);
      this.prefixes.release(row);
    }
  }

  #setPending(row: PrefixId, pending: boolean): void {
    if (((this.#flags[row]! & PENDING) !== 0) === pending) return;
    this.#flags[row] = this.#flags[row]! ^ PENDING;
    this.pending += pending ? 1 : -1;
    if (pending) this.#queue.add(row);
  }

  #targetAt(row: PrefixId, metric: number): number {
    if (this.#have[row] === 0 || this.#haveMetric[row] === metric) return this.#have[row]! - 1;
    return this.#others.get(row)?.find((other) => other.metric === metric)?.target ?? NO_TARGET;
  }

  /** Of one prefix, the kernel tells routes apart by metric. */
  #setPresent(row: PrefixId, metric: number, target: number): void {
    const { targets } = this.#sets;
    const before = this.#targetAt(row, metric);
    targets.retain(target);
    targets.release(before);
    this.present += (target === NO_TARGET ? 0 : 1) - (before === NO_TARGET ? 0 : 1);
    if (this.#have[row] === 0 || this.#haveMetric[row] === metric) {
      this.#have[row] = target + 1;
      this.#haveMetric[row] = metric;
      this.#seen[row] = 0;
      if (target === NO_TARGET && this.#others.size > 0) this.#promote(row);
      return;
    }
    const others = (this.#others.get(row) ?? []).filter((other) => other.metric !== metric);
    if (target !== NO_TARGET) others.push({ target, metric, seen: 0 });
    if (others.length > 0) this.#others.set(row, others);
    else this.#others.delete(row);
  }

  /** Another route takes the place in the row. */
  #promote(row: PrefixId): void {
    const [first, ...rest] = this.#others.get(row) ?? [];
    if (first === undefined) return;
    this.#have[row] = first.target + 1;
    this.#haveMetric[row] = first.metric;
    this.#seen[row] = first.seen;
    if (rest.length > 0) this.#others.set(row, rest);
    else this.#others.delete(row);
  }

  #grow(row: number): void {
    this.#want = grown(this.#want, row);
    this.#metric = grown(this.#metric, row);
    this.#have = grown(this.#have, row);
    this.#haveMetric = grown(this.#haveMetric, row);
    this.#flags = grown(this.#flags, row);
    this.#touched = grown(this.#touched, row);
    this.#seen = grown(this.#seen, row);
  }
}

/** Is a route that leads there what the set asks for? */
const fits = (set: NextHopSet, target: number): boolean =>
  target !== NO_TARGET && (target === set.target || target === set.plain);
