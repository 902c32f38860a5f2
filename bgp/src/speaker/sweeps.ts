// What is done to all paths of a peer, or to all that there are, of one family: in slices, so that a table of a million routes holds up
// nobody. One walk over the prefixes serves all that wait for it, however many peers are lost at once.
//
//   leave       what the peer told before goes; of that, fail static may hold some (held-routes.ts)
//   drop        what is held of the peer goes
//   long-lived  what is stale is least preferred from now on (RFC 9494)
//   reimport    rules and policy are asked again
//   touch       is decided again
//   source      who may hear it is asked again
//   of all      is judged anew; is decided anew; goes over a next hop of which something else is known now
//
// What the peer told before is a generation of its paths (AdjRibIn): so routes that it tells while the walk is under way are not
// mistaken for those, and a peer that comes back need not wait. Nothing that can be seen from outside depends on where the walk stands, but
// for when a route goes: what fail static will hold is in use as before until it is marked, and whatever ends its being held ends its
// waiting for that as well.

import type { OriginCheck } from '../policy/origin-check.ts';
import type { AdjRibIn } from '../rib/adj-rib-in.ts';
import { type NextHopId, NONE, type PathId, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { Duty, Hold, Leaving, Rejudge, SweepActions, Task } from './sweep-duties.ts';

/** What a path costs, in some ten nanoseconds. */
const COST = { look: 1, touch: 4, remove: 20, reimport: 50, hold: 100 } as const;

/** What a slice may cost: some five milliseconds, and far less to begin with, as code that runs seldom is slow at first. */
const FIRST_SLICE = 1 << 16;
const SLICE = 1 << 19;

export class Sweeps {
  private readonly tasks = new Map<PeerIndex, Task>();
  private rejudging: Rejudge | undefined;
  private touching: Duty | undefined;
  private readonly nextHops = new Map<NextHopId, Duty>();
  private readonly interfaces = new Map<NextHopId, Duty>();
  /** Passes that are over, and the prefix where this one stands. */
  private pass = 0;
  private from: PrefixId = 0 as PrefixId;
  private spent = 0;
  private budget: number;
  private begun = false;
  private order = 0;
  /** Leavings of which some paths may be held. */
  private holds = 0;
  /** When generations of a peer began, since the first of those. */
  private readonly generations = new Map<PeerIndex, number[]>();

  constructor(
    private readonly adjRibIn: AdjRibIn,
    private readonly capacity: () => number,
    private readonly actions: SweepActions,
    private readonly sliceCost = SLICE,
  ) {
    this.budget = Math.min(FIRST_SLICE, sliceCost);
  }

  // ── what is to be done ──────────────────────────────────────────────────────────────────────────────────────────

  /** What the peer told so far is stale. */
  nextGeneration(peer: PeerIndex): void {
    this.adjRibIn.nextGeneration(peer);
    if (this.holds === 0) return;
    const began = this.generations.get(peer);
    if (began === undefined) this.generations.set(peer, [++this.order]);
    else began.push(++this.order);
  }

  /**
   * What the peer told before its generation now goes.
   * @param check  fail static holds what it confirms.
   * @param done  told how many are held.
   */
  leave(peer: PeerIndex, check?: OriginCheck, done?: (kept: number) => void): void {
    const duty = this.duty();
    const hold = check && { check, order: duty.order };
    if (hold !== undefined) this.holds++;
    const before = this.adjRibIn.generation(peer);
    this.task(peer).leaving.push({ ...duty, before, hold, kept: 0, done });
  }

  /** What is held of the peer goes, and nothing more is held of it. */
  drop(peer: PeerIndex): void {
    const task = this.task(peer);
    for (const leaving of task.leaving) this.endHold(leaving);
    const before = this.adjRibIn.generation(peer);
    task.dropping = { ...this.duty(), before, count: 0, done: undefined };
  }

  /** @param done  told how many are long-lived stale. */
  longLive(peer: PeerIndex, done: (count: number) => void): void {
    const before = this.adjRibIn.generation(peer);
    this.task(peer).longLived = { ...this.duty(), before, count: 0, done };
  }

  reimport(peer: PeerIndex): void {
    this.task(peer).reimport = this.duty();
  }

  touch(peer: PeerIndex): void {
    this.task(peer).touch = this.duty();
  }

  sourceChanged(peer: PeerIndex): void {
    this.task(peer).source = this.duty();
  }

  touchAll(): void {
    this.touching = this.duty();
  }

  nextHopChanged(nextHop: NextHopId): void {
    this.nextHops.set(nextHop, this.duty());
  }

  interfaceChanged(nextHop: NextHopId): void {
    this.interfaces.set(nextHop, this.duty());
  }

  /**
   * Who holds what, or what is made of it, is another.
   * @param done  told how many that were held are gone.
   */
  rejudge(holders: OriginCheck | undefined, done: (dropped: number) => void): void {
    this.rejudging = { ...this.duty(), holders, dropped: this.rejudging?.dropped ?? 0, done };
  }

  // ── what is still to be done ────────────────────────────────────────────────────────────────────────────────────

  get isBusy(): boolean {
    return this.tasks.size > 0 || this.isBusyWithAll;
  }

  /** Something was asked for since the last slice. */
  get hasBegun(): boolean {
    return this.begun;
  }

  isBusyWith(peer: PeerIndex): boolean {
    return this.tasks.has(peer);
  }

  /** Peers of which routes may be held that are not yet. */
  get holding(): readonly PeerIndex[] {
    if (this.holds === 0) return [];
    return [...this.tasks].flatMap(([peer, { leaving }]) => (leaving.some(({ hold }) => hold) ? [peer] : []));
  }

  /** All that is held of the peer goes. */
  isDropping(peer: PeerIndex): boolean {
    return this.tasks.get(peer)?.dropping !== undefined;
  }

  /** The path goes as soon as the walk comes to it, or is held then. */
  isLeaving(path: PathId): boolean {
    return this.leavingOf(path) !== undefined;
  }

  /** Whether the path was fresh when a loss was decided: its peer may have been lost since then. */
  wasFresh(path: PathId, { order }: Hold): boolean {
    const peer = this.adjRibIn.peerOf(path);
    const since = this.generations.get(peer)?.filter((began) => began > order).length ?? 0;
    return this.adjRibIn.generationOf(path) === this.adjRibIn.generation(peer) - since;
  }

  // ── doing it ────────────────────────────────────────────────────────────────────────────────────────────────────

  slice(): void {
    this.begun = false;
    if (!this.isBusy) return;
    this.spent = 0;
    const end = this.capacity();
    while (this.spent < this.budget && this.from < end) this.visit(this.from++ as PrefixId);
    if (this.from >= end) {
      this.pass++;
      this.from = 0 as PrefixId;
    }
    this.actions.forget();
    for (const [peer, task] of this.tasks) this.settle(peer, task, (duty) => this.isDone(duty));
    this.settleAll();
    this.budget = this.isBusy
      ? Math.min(this.sliceCost, this.budget * 2)
      : Math.min(FIRST_SLICE, this.sliceCost);
  }

  /** All that waits for the peer, now. */
  finish(peer: PeerIndex): void {
    const task = this.tasks.get(peer);
    if (task === undefined) return;
    const end = this.capacity();
    for (let prefix = 0 as PrefixId; prefix < end; prefix++) {
      if (this.holds > 0) this.decideHolds(prefix);
      this.adjRibIn.forEachOf(prefix, (path) => {
        if (this.adjRibIn.peerOf(path) === peer) this.carryOut(task, path);
      });
    }
    this.actions.forget();
    this.settle(peer, task, () => true);
  }

  private visit(prefix: PrefixId): void {
    if (this.holds > 0) this.decideHolds(prefix);
    this.spent += COST.look;
    this.adjRibIn.forEachOf(prefix, this.visitPath);
  }

  private readonly visitPath = (path: PathId): void => {
    this.spent += COST.look;
    if (this.isBusyWithAll && !this.carryOutOfAll(path)) return;
    if (this.tasks.size === 0) return;
    const task = this.tasks.get(this.adjRibIn.peerOf(path));
    if (task !== undefined) this.carryOut(task, path);
  };

  /** @returns false when the path is gone. */
  private carryOutOfAll(path: PathId): boolean {
    const { actions, rejudging } = this;
    if (this.touching !== undefined) this.touchPath(path);
    if (this.nextHops.size > 0 && this.nextHops.has(actions.nextHopOf(path) as NextHopId))
      this.touchPath(path);
    if (this.interfaces.size > 0) {
      this.spent += COST.reimport;
      actions.interfaceChanged(path, this.interfaces);
    }
    if (rejudging === undefined) return true;
    this.spent += COST.reimport;
    const stays = actions.rejudge(path, rejudging.holders);
    if (!stays) rejudging.dropped++;
    return stays;
  }

  /** By now it is decided which paths of the prefix are held. */
  private carryOut(task: Task, path: PathId): void {
    const { actions, adjRibIn } = this;
    const generation = adjRibIn.generationOf(path);
    const isHeld = adjRibIn.isHeld(path);
    if (isHeld ? generation < (task.dropping?.before ?? 0) : this.leavingIn(task, generation) !== undefined) {
      this.spent += COST.remove;
      return actions.remove(path);
    }
    const { longLived } = task;
    if (longLived !== undefined && !isHeld && generation < longLived.before && !adjRibIn.isLongLived(path)) {
      this.spent += COST.hold;
      if (!actions.markLongLived(path)) return;
      longLived.count++;
    }
    if (task.reimport !== undefined) {
      this.spent += COST.reimport;
      actions.reimport(path);
    }
    if (task.touch !== undefined) this.touchPath(path);
    if (task.source !== undefined) {
      this.spent += COST.touch;
      actions.sourceChanged(path);
    }
  }

  private touchPath(path: PathId): void {
    this.spent += COST.touch;
    this.actions.touch(this.adjRibIn.prefixOf(path));
  }

  /** One path after the other, in the order in which their peers were lost: what an earlier one of them has may be enough. */
  private decideHolds(prefix: PrefixId): void {
    for (;;) {
      let path: PathId | typeof NONE = NONE;
      let next: Leaving | undefined;
      for (let each = this.adjRibIn.first(prefix); each !== NONE; each = this.adjRibIn.nextFor(each)) {
        const leaving = this.leavingOf(each);
        if (leaving?.hold === undefined || (next?.hold?.order ?? Infinity) <= leaving.hold.order) continue;
        path = each;
        next = leaving;
      }
      if (next?.hold === undefined) return;
      this.spent += COST.hold;
      this.judgeBefore(prefix, next.hold);
      if (this.actions.hold(path as PathId, next.hold)) next.kept++;
      else this.actions.remove(path as PathId);
    }
  }

  /** What was asked for before the loss is known of all paths that it looks at. */
  private judgeBefore(prefix: PrefixId, { order }: Hold): void {
    const { actions, adjRibIn, rejudging } = this;
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path)) {
      if (rejudging !== undefined && rejudging.order < order && !adjRibIn.isHeld(path))
        actions.rejudge(path, undefined);
      const reimport = this.tasks.get(adjRibIn.peerOf(path))?.reimport;
      if (reimport !== undefined && reimport.order < order) actions.reimport(path);
    }
  }

  private leavingOf(path: PathId): Leaving | undefined {
    if (this.tasks.size === 0 || this.adjRibIn.isHeld(path)) return undefined;
    const task = this.tasks.get(this.adjRibIn.peerOf(path));
    return task && this.leavingIn(task, this.adjRibIn.generationOf(path));
  }

  private leavingIn({ leaving }: Task, generation: number): Leaving | undefined {
    for (const each of leaving) if (generation < each.before) return each;
    return undefined;
  }

  private get isBusyWithAll(): boolean {
    return (
      this.rejudging !== undefined ||
      this.touching !== undefined ||
      this.nextHops.size > 0 ||
      this.interfaces.size > 0
    );
  }

  private task(peer: PeerIndex): Task {
    let task = this.tasks.get(peer);
    if (task === undefined) {
      task = { leaving: [] };
      this.tasks.set(peer, task);
    }
    return task;
  }

  private duty(): Duty {
    this.begun = true;
    return { pass: this.pass, from: this.from, order: ++this.order };
  }

  private isDone({ pass, from }: Duty): boolean {
    return this.pass > pass + 1 || (this.pass === pass + 1 && this.from >= from);
  }

  private endHold(leaving: Leaving): void {
    if (leaving.hold === undefined) return;
    leaving.hold = undefined;
    if (--this.holds === 0) this.generations.clear();
  }

  private settle(peer: PeerIndex, task: Task, isDone: (duty: Duty) => boolean): void {
    const over = (duty: Duty | undefined) => duty !== undefined && isDone(duty);
    if (task.leaving.some(isDone)) {
      for (const leaving of task.leaving.filter(isDone)) {
        this.endHold(leaving);
        leaving.done?.(leaving.kept);
      }
      task.leaving = task.leaving.filter((each) => !isDone(each));
    }
    if (over(task.dropping)) delete task.dropping;
    if (over(task.longLived)) {
      task.longLived?.done?.(task.longLived.count);
      delete task.longLived;
    }
    if (over(task.reimport)) delete task.reimport;
    if (over(task.touch)) delete task.touch;
    if (over(task.source)) delete task.source;
    const { leaving, dropping, longLived, reimport, touch, source } = task;
    if (leaving.length === 0 && !(dropping ?? longLived ?? reimport ?? touch ?? source))
      this.tasks.delete(peer);
  }

  private settleAll(): void {
    const { rejudging, touching } = this;
    if (rejudging !== undefined && this.isDone(rejudging)) {
      this.rejudging = undefined;
      rejudging.done(rejudging.dropped);
    }
    if (touching !== undefined && this.isDone(touching)) this.touching = undefined;
    for (const over of [this.nextHops, this.interfaces])
      for (const [nextHop, duty] of over) if (this.isDone(duty)) over.delete(nextHop);
  }
}
