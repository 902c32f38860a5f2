// The forwarding table as it should be and as it is: what is wanted, what the kernel is known to hold, and the difference,
// which is the work to do. Pure: sync.ts carries changes to the kernel and brings back what came of them.
//
// All is level-triggered. A change, a doubled or late one, a refused batch, a route that someone took away and a restart
// end in the same place, because work is always computed anew from what is wanted and what is there:
//   • nothing wanted               → all present routes of the prefix go (those found at start not before `sweep`)
//   • wanted, no next hop resolves → the same, and the reason is kept
//   • wanted and not present       → put it there, in place of the present one with the same metric
//   • wanted and present           → what else is present of the prefix (it had another metric) goes: only now, so that the
//                                    new route forwards before the old one is removed, and a refused one leaves the old
// A unicast route whose next hops resolve in part uses those that do. The rows are in rows.ts, where they lead to in
// next-hop-sets.ts and objects.ts.

import {
  type Address,
  comparePrefixes,
  FAMILIES,
  type Family,
  familyOfPrefix,
  type Millis,
  NEVER,
  type Prefix,
  type PrefixId,
} from 'bgp-utils';
import { HOW, type RouteBatch } from '../kernel/batch.ts';
import {
  IPV6_DEFAULT_METRIC,
  type KernelError,
  type KernelRoute,
  type NextHopObject,
  type NextHopResolution,
  type ObjectChange,
  type RouteError,
  shownMetric,
} from '../kernel/kernel.ts';
import { type Adversary, type FightReport, Fights, fightMessage } from './fights.ts';
import { NextHopSets } from './next-hop-sets.ts';
import type { FibRoute } from './route.ts';
import { RouteRows } from './rows.ts';
import { NO_TARGET } from './targets.ts';
import { type FibView, presentOf, viewOf } from './view.ts';

export type { FibRoute } from './route.ts';
export type { FibState, FibView } from './view.ts';

export interface FibSizes {
  readonly wanted: number;
  /** Routes in the kernel. */
  readonly present: number;
  /** Of routes, and of next-hop objects. */
  readonly pending: number;
  readonly failed: number;
  readonly unresolved: number;
}

export class Fib {
  readonly #sets: NextHopSets;
  readonly #rows: Readonly<Record<Family, RouteRows>>;
  readonly #fights = new Fights();
  #fightReports: FightReport[] = [];
  #swept = false;

  /** @param withObjects  the kernel has next-hop objects. */
  constructor(withObjects = false) {
    this.#sets = new NextHopSets(withObjects);
    this.#rows = { ipv4: new RouteRows('ipv4', this.#sets), ipv6: new RouteRows('ipv6', this.#sets) };
  }

  // What shall be

  /** The rows of a family, for those who find and keep prefixes by their row. */
  rows(family: Family): Pick<RouteRows, 'prefixes'> {
    return this.#rows[family];
  }

  /** The route a prefix shall have; undefined: none. Saying it twice changes nothing. */
  want(prefix: Prefix, route: FibRoute | undefined): void {
    const { prefixes } = this.#rows[familyOfPrefix(prefix)];
    if (route === undefined && prefixes.findPrefix(prefix) < 0) return;
    this.wantRow(familyOfPrefix(prefix), prefixes.addPrefix(prefix), route);
  }

  /** The same by row. Routes that are alike are best given as one object. */
  wantRow(family: Family, row: PrefixId, route: FibRoute | undefined): void {
    const rows = this.#rows[family];
    // Nothing was said of an adopted route but that it is not wanted, which is what is known already: sweep decides.
    if (route === undefined) rows.want(row, undefined, 0);
    else {
      const metric = route.metric === 0 && family === 'ipv6' ? IPV6_DEFAULT_METRIC : route.metric;
      rows.want(row, this.#sets.use(route, this.#objectOf(rows.haveOf(row))), metric);
    }
  }

  /** How a next hop is reached; the routes that use it follow. */
  setNextHop(address: Address, resolution: NextHopResolution): void {
    this.#sets.setNextHop(address, resolution);
    this.#follow();
  }

  /** Next hops of the route for which nothing was said yet. */
  unknownNextHops(route: FibRoute | undefined): readonly Address[] {
    return this.#sets.unknownOf(route);
  }

  usesNextHop(address: Address): boolean {
    return this.#sets.has(address);
  }

  /**
   * Our installed route of exactly that prefix, when all its next hops are on the link: it depends on no other route of
   * ours, so next hops of others may be resolved through it.
   */
  directRoute(prefix: Prefix): KernelRoute | undefined {
    const rows = this.#rows[familyOfPrefix(prefix)];
    const row = rows.prefixes.findPrefix(prefix);
    const set = row < 0 ? undefined : rows.wantOf(row);
    if (set === undefined || !rows.isRight(row) || !this.#sets.isDirect(set)) return undefined;
    return presentOf(this.#sets, rows, row).find(({ metric }) => metric === rows.metricOf(row));
  }

  /** The adopted routes that nobody wanted can go: all is known now. @returns how many. */
  sweep(): number {
    this.#swept = true;
    return this.#rows.ipv4.sweep() + this.#rows.ipv6.sweep();
  }

  /** Nothing is wanted any more, nothing is kept. */
  wantNothing(): void {
    for (const family of FAMILIES)
      for (const row of this.#rows[family].rows()) this.wantRow(family, row, undefined);
    this.sweep();
  }

  // What is to be done

  /** Changes of next-hop objects; tell with `objectsApplied` what came of them, and ask again until there are none. */
  takeObjects(): readonly ObjectChange[] {
    return this.#sets.objects?.take() ?? [];
  }

  objectsApplied(
    changes: readonly ObjectChange[],
    errors: readonly (KernelError | undefined)[],
    now: Millis,
  ): void {
    this.#sets.objects?.applied(changes, errors, now);
    this.#follow();
  }

  /** Objects that nothing uses. @param others  those that other programs' routes name. */
  collectObjects(others: ReadonlySet<number>): readonly ObjectChange[] {
    const named = (id: number) =>
      others.has(id) || this.#sets.targets.find({ type: 'unicast', nextHops: [], object: id }) !== NO_TARGET;
    return this.#sets.objects?.collect(named, this.#swept) ?? [];
  }

  /**
   * Fills in changes that bring the kernel nearer to what is wanted. Tell with `applied` what came of them, before anything that is
   * learned of the kernel from then on, and before more are taken: what is wanted may change meanwhile.
   * @param limit  of prefixes.
   */
  take(batch: RouteBatch, limit: number): void {
    batch.clear();
    const taken = this.#rows.ipv4.take(batch, limit);
    this.#rows.ipv6.take(batch, limit - taken);
  }

  /** @param errors  of those that failed, in the order of the batch. @returns those that somebody should be told of. */
  applied(batch: RouteBatch, errors: readonly RouteError[], now: Millis): readonly RouteError[] {
    const failures = errors.length === 0 ? undefined : new Map(errors.map((error) => [error.index, error]));
    const told: RouteError[] = [];
    for (let at = 0; at < batch.size; at++) {
      const error = failures?.get(at);
      const fine = this.#rows[batch.familyOf(at)].applied(batch, at, error, now);
      if (!fine && error !== undefined) told.push(error);
    }
    return told;
  }

  /** IPv4 takes metric 0 in a removal for any metric: where the route was gone already, another one of the prefix went in its place. */
  mayHaveRemovedOthers(batch: RouteBatch): boolean {
    for (let at = 0; at < batch.size; at++) {
      if (batch.how[at] !== HOW.REMOVE || batch.metric[at] !== 0 || batch.family[at] !== 0) continue;
      if (this.#rows.ipv4.haveOf(batch.id[at] as PrefixId) !== NO_TARGET) return true;
    }
    return false;
  }

  /** Makes failed changes due again. @param now  those whose time has come; NEVER: all but fights, since something has changed. */
  retry(now: Millis): void {
    for (const rows of Object.values(this.#rows)) rows.retry(now);
    this.#sets.retry(now);
    this.#follow();
  }

  /** When the first failed change is due again. */
  nextRetry(): Millis {
    const { ipv4, ipv6 } = this.#rows;
    return Math.min(this.#sets.objects?.nextRetry() ?? NEVER, ipv4.failures.next(), ipv6.failures.next());
  }

  // What is

  /** Routes found at start. They stay until they are wanted otherwise, or `sweep`. */
  adopt(list: RouteBatch): void {
    for (let at = 0; at < list.size; at++) this.#found(list, at);
  }

  /** All next-hop objects that the kernel has. @returns how many of ours are not as we thought. */
  foundObjects(list: readonly NextHopObject[]): number {
    const corrected = this.#sets.objects?.found(list) ?? 0;
    this.#follow();
    return corrected;
  }

  /**
   * Someone removed a route of ours.
   * @param by  undefined: the kernel itself. @returns false when it was not known to be there.
   */
  lost(prefix: Prefix, metric: number, now: Millis, by: Adversary | undefined): boolean {
    const rows = this.#rows[familyOfPrefix(prefix)];
    const row = rows.prefixes.findPrefix(prefix);
    if (row < 0 || !rows.lost(row, shownMetric(prefix, metric))) return false;
    if (by === undefined || rows.wantOf(row) === undefined) rows.due(row);
    else this.#repair(rows, row, now, by);
    return true;
  }

  /** Someone put a route of our protocol there. @returns false when it was known. */
  foundByNews(route: KernelRoute, now: Millis, by: Adversary): boolean {
    const rows = this.#rows[familyOfPrefix(route.prefix)];
    const row = rows.prefixes.addPrefix(route.prefix);
    const replaces = rows.isRight(row) && rows.metricOf(row) === shownMetric(route.prefix, route.metric);
    const target = this.#sets.targets.intern(route);
    if (!rows.found(row, shownMetric(route.prefix, route.metric), target, !this.#swept)) return false;
    if (replaces && !rows.isRight(row)) this.#repair(rows, row, now, by);
    else rows.due(row);
    return true;
  }

  /** A list of what the kernel holds begins. What we change from here on counts as known. */
  beginRescan(): void {
    for (const rows of Object.values(this.#rows)) rows.beginRescan();
  }

  /** Some of the list. @returns how many routes are not as we thought. */
  rescan(list: RouteBatch): number {
    let corrected = 0;
    for (let at = 0; at < list.size; at++) {
      const rows = this.#rows[list.familyOf(at)];
      const row = list.findIn(rows.prefixes, at) as PrefixId;
      if (row >= 0 && rows.isTouched(row)) continue;
      if (this.#found(list, at)) corrected++;
      rows.markSeen(list.findIn(rows.prefixes, at) as PrefixId, list.metric[at]!);
    }
    return corrected;
  }

  /** The list ended: what was not in it is gone. Some thousand prefixes a step. @returns at last how many. */
  *finishRescan(): Generator<void, number, void> {
    const corrected = yield* this.#rows.ipv4.finishRescan();
    return corrected + (yield* this.#rows.ipv6.finishRescan());
  }

  /** Fights that began since the last call. */
  takeFights(): readonly FightReport[] {
    const reports = this.#fightReports;
    this.#fightReports = [];
    return reports;
  }

  /** Prefixes that somebody takes away again and again. */
  fights(now: Millis): number {
    return this.#fights.count(now);
  }

  /** Is it one that routes of ours name, or are about to? */
  hasObject(id: number): boolean {
    return this.#sets.objects?.has(id) ?? false;
  }

  /** Why the kernel does not take next hops, where that has not passed at once. */
  refusedNextHops(): readonly string[] {
    return this.#sets.objects?.refusals() ?? [];
  }

  /** @param prefix  of this one only. */
  view(prefix?: Prefix): readonly FibView[] {
    const views: FibView[] = [];
    for (const family of FAMILIES) {
      const rows = this.#rows[family];
      if (prefix === undefined) for (const row of rows.rows()) views.push(viewOf(this.#sets, rows, row));
      else if (familyOfPrefix(prefix) === family && rows.prefixes.findPrefix(prefix) >= 0)
        views.push(viewOf(this.#sets, rows, rows.prefixes.findPrefix(prefix)));
    }
    return views
      .filter(({ wanted, present }) => wanted !== undefined || present.length > 0)
      .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  }

  /** Is there anything to take? */
  get isDue(): boolean {
    const { ipv4, ipv6 } = this.#rows;
    return ipv4.pending > 0 || ipv6.pending > 0 || (this.#sets.objects?.pending ?? 0) > 0;
  }

  /** Why the kernel refused a route; undefined: it has refused none. */
  get refusal(): string | undefined {
    const { ipv4, ipv6 } = this.#rows;
    return ipv4.failures.example ?? ipv6.failures.example;
  }

  get sizes(): FibSizes {
    const { ipv4, ipv6 } = this.#rows;
    const routes = ipv4.pending + ipv4.flying + ipv6.pending + ipv6.flying;
    const sizes = {
      wanted: ipv4.wanted + ipv6.wanted,
      present: ipv4.present + ipv6.present,
      pending: routes + (this.#sets.objects?.pending ?? 0),
      failed: ipv4.failures.waiting + ipv6.failures.waiting,
      unresolved: 0,
    };
    for (const { unresolved, users } of this.#sets.unusable())
      if (unresolved !== undefined) sizes.unresolved += users;
      else sizes.failed += users;
    return sizes;
  }

  #found(list: RouteBatch, at: number): boolean {
    const rows = this.#rows[list.familyOf(at)];
    const { length, w0, w1, w2, w3 } = list;
    const row = rows.prefixes.add(length[at]!, w0[at]!, w1[at]!, w2[at]!, w3[at]!);
    const target = this.#sets.targets.intern(list.via[at]!);
    const news = rows.found(row, list.metric[at]!, target, !this.#swept);
    if (news) rows.due(row);
    return news;
  }

  /** Puts a route back that somebody took, or waits with it when that goes on and on. */
  #repair(rows: RouteRows, row: PrefixId, now: Millis, by: Adversary): void {
    const prefix = rows.prefixes.prefix(row);
    const { waitMs, begins } = this.#fights.repair(prefix, now);
    rows.due(row);
    if (waitMs === 0) return;
    const message = fightMessage(by);
    rows.hold(row, { message, attempts: 0, retryAt: now + waitMs, fight: true });
    if (begins) this.#fightReports.push({ prefix, message });
  }

  /** What the kernel has changed for many routes at once. */
  #follow(): void {
    const { changed, gone } = this.#sets;
    if (changed.size === 0 && gone.size === 0) return;
    const [sets, targets] = [new Set(changed), new Set(gone)];
    changed.clear();
    gone.clear();
    for (const rows of Object.values(this.#rows)) rows.follow(sets, targets);
  }

  #objectOf(target: number): number {
    return target === NO_TARGET ? 0 : (this.#sets.targets.via(target).object ?? 0);
  }
}
