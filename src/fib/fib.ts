// The forwarding table as it should be and as it is: what is wanted, what the kernel is known to hold, and the difference,
// which is the work to do. Pure: sync.ts carries changes to the kernel and brings back what came of them.
//
// All is level-triggered. A change, a doubled or late one, a refused batch, a route that someone took away and a restart
// end in the same place, because work is always computed anew from `wanted` and `present`:
//   • nothing wanted               → all present routes of the prefix go (those found at start not before `sweep`)
//   • wanted, no next hop resolves → the same, and the reason is kept
//   • wanted and not present       → put it there, in place of the present one with the same metric
//   • wanted and present           → what else is present of the prefix (it had another metric) goes: only now, so that the
//                                    new route forwards before the old one is removed, and a refused one leaves the old
// A unicast route whose next hops resolve in part uses those that do.
//
// [hot] `want`, `take` and `applied` run once a route. An entry is found by its prefix once and travels as itself after
// that; routes through the same lone next hop share one list of next hops, so that most comparisons end at `===`.

import { type Address, comparePrefixes, type Millis, NEVER, type Prefix } from 'bgp-utils';
import {
  type KernelRoute,
  type NextHopResolution,
  PROTOCOL_BGP,
  type RouteChange,
  type RouteError,
  sameRoute,
  shownMetric,
} from '../kernel/kernel.ts';
import { NextHopTable } from './next-hops.ts';
import { type FibRoute, sameFibRoute } from './route.ts';

export type { FibRoute } from './route.ts';

/**
 * `adopted`: found at start, not wanted yet; `unresolved`: wanted, no next hop is reachable; `failed`: the kernel refused
 * it, it is tried again; `pending`, `removing`: about to be done.
 */
export type FibState = 'installed' | 'adopted' | 'pending' | 'removing' | 'unresolved' | 'failed';

export interface FibView {
  readonly prefix: Prefix;
  readonly wanted: FibRoute | undefined;
  /** Usually one; two while a route moves to another metric. */
  readonly present: readonly KernelRoute[];
  readonly state: FibState;
  /** Why it is unresolved or failed. */
  readonly reason: string | undefined;
}

export interface FibSizes {
  readonly wanted: number;
  /** Routes in the kernel. */
  readonly present: number;
  readonly pending: number;
  readonly failed: number;
  readonly unresolved: number;
}

const NONE: readonly KernelRoute[] = [];
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
/** Entries a step of `finishRescan` looks at. */
const STEP = 1000;

interface Failure {
  readonly message: string;
  readonly attempts: number;
  readonly retryAt: Millis;
}

interface Entry {
  readonly prefix: Prefix;
  wanted: FibRoute | undefined;
  /** Replaced, never changed: views show it. */
  present: readonly KernelRoute[];
  /** Found at start and nobody spoke of it yet. */
  adopted: boolean;
  /** Changes are due. */
  pending: boolean;
  /** It stands in the queue. */
  queued: boolean;
  /** Said nothing any more; the prefix may have another entry now. */
  forgotten: boolean;
  /** No next hop resolves. */
  unresolved: string | undefined;
  failure: Failure | undefined;
  /** The rescan during which we changed it: what that rescan says of it is out of date. */
  touched: number;
  /** Present routes that the rescan number `seenIn` has seen. */
  seen: readonly KernelRoute[];
  seenIn: number;
}

export class Fib {
  readonly #entries = new Map<Prefix, Entry>();
  /** Those with `pending`, in order; others among them are passed over. */
  #queue: Entry[] = [];
  /** Where the queue begins: what is before was taken. */
  #head = 0;
  #pending = 0;
  /** Where the changes that `take` gave last came from. */
  #taken: Entry[] = [];
  readonly #failed = new Set<Entry>();
  readonly #nextHops = new NextHopTable<Entry>();
  #swept = false;
  #rescan = 0;
  #wanted = 0;
  #present = 0;
  #unresolved = 0;

  // What shall be

  /** The route a prefix shall have; undefined: none. Saying it twice changes nothing. */
  want(prefix: Prefix, route: FibRoute | undefined): void {
    const entry = this.#entries.get(prefix) ?? (route === undefined ? undefined : this.#create(prefix));
    // Nothing was said of an adopted route but that it is not wanted, which is what is known already: sweep decides.
    if (entry === undefined || sameFibRoute(entry.wanted, route)) return;
    this.#wanted += (route === undefined ? 0 : 1) - (entry.wanted === undefined ? 0 : 1);
    this.#nextHops.use(entry, entry.wanted, route);
    entry.wanted = route;
    entry.adopted = false;
    this.#due(entry);
  }

  /** How a next hop is reached; the routes that use it follow. */
  setNextHop(address: Address, resolution: NextHopResolution): void {
    for (const entry of this.#nextHops.set(address, resolution)) this.#due(entry);
  }

  /** Next hops of the route for which nothing was said yet. */
  unknownNextHops(route: FibRoute | undefined): readonly Address[] {
    return this.#nextHops.unknownOf(route);
  }

  usesNextHop(address: Address): boolean {
    return this.#nextHops.has(address);
  }

  /**
   * Our installed route of exactly that prefix, when all its next hops are on the link: it depends on no other route of
   * ours, so next hops of others may be resolved through it.
   */
  directRoute(prefix: Prefix): KernelRoute | undefined {
    const entry = this.#entries.get(prefix);
    if (entry?.wanted?.type !== 'unicast' || entry.wanted.tunnels !== undefined) return undefined;
    const direct = entry.wanted.nextHops.every((address) => this.#nextHops.isOnLink(address));
    const target = direct ? this.#target(entry) : undefined;
    return target && entry.present.find((route) => sameRoute(route, target));
  }

  /** The adopted routes that nobody wanted can go: all is known now. @returns how many. */
  sweep(): number {
    this.#swept = true;
    let count = 0;
    for (const entry of this.#entries.values()) {
      if (!entry.adopted) continue;
      entry.adopted = false;
      count += entry.present.length;
      this.#due(entry);
    }
    return count;
  }

  /** Nothing is wanted any more, nothing is kept. */
  wantNothing(): void {
    for (const prefix of [...this.#entries.keys()]) this.want(prefix, undefined);
    this.sweep();
  }

  // What is to be done

  /**
   * Changes that bring the kernel nearer to what is wanted; tell with `applied` what came of them before taking more.
   * @param limit  of prefixes.
   */
  take(limit: number): readonly RouteChange[] {
    const changes: RouteChange[] = [];
    const from: Entry[] = [];
    for (let taken = 0; this.#head < this.#queue.length && taken < limit; this.#head++) {
      const entry = this.#queue[this.#head]!;
      entry.queued = false;
      if (!entry.pending) continue;
      this.#setPending(entry, false);
      taken++;
      this.#changes(entry, changes);
      while (from.length < changes.length) from.push(entry);
    }
    // Not each time: the rest moves.
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#taken = from;
    return changes;
  }

  /** @param changes  all that `take` gave. @param errors  those of them that failed. */
  applied(changes: readonly RouteChange[], errors: readonly RouteError[], now: Millis): void {
    const failures = errors.length === 0 ? undefined : new Map(errors.map((error) => [error.change, error]));
    for (const [i, change] of changes.entries()) {
      const entry = this.#entryOfChange(change, i);
      if (entry === undefined) continue;
      entry.touched = this.#rescan;
      const error = failures?.get(change);
      if (error !== undefined) {
        const attempts = (entry.failure?.attempts ?? 0) + 1;
        const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
        entry.failure = { message: `${error.name}: ${error.message}`, attempts, retryAt: now + wait };
        this.#failed.add(entry);
        continue;
      }
      this.#setPresent(entry, change.route.metric, change.type === 'replace' ? change.route : undefined);
      if (entry.failure !== undefined) {
        entry.failure = undefined;
        this.#failed.delete(entry);
      }
      this.#settle(entry);
    }
  }

  /** Makes failed changes due again. @param now  those whose time has come; NEVER: all, since something has changed. */
  retry(now: Millis): void {
    for (const entry of this.#failed) {
      if (entry.failure!.retryAt > now) continue;
      this.#failed.delete(entry); // its number of attempts is kept
      this.#setPending(entry, true);
    }
  }

  /** When the first failed change is due again. */
  nextRetry(): Millis {
    let next = NEVER;
    for (const { failure } of this.#failed) next = Math.min(next, failure!.retryAt);
    return next;
  }

  // What is

  /** Routes found at start. They stay until they are wanted otherwise, or `sweep`. */
  adopt(routes: readonly KernelRoute[]): void {
    for (const route of routes) this.#found(route);
  }

  /** Someone removed a route of ours. @returns false when it was not known to be there. */
  lost(prefix: Prefix, metric: number): boolean {
    const entry = this.#entries.get(prefix);
    if (entry === undefined || this.#presentAt(entry, metric) === undefined) return false;
    this.#setPresent(entry, metric, undefined);
    this.#due(entry);
    return true;
  }

  /** A list of what the kernel holds begins. What we change from here on counts as known. */
  beginRescan(): void {
    this.#rescan++;
  }

  /** Some of the list. @returns how many routes are not as we thought. */
  rescan(routes: readonly KernelRoute[]): number {
    let corrected = 0;
    for (const route of routes) {
      const entry = this.#entries.get(route.prefix);
      if (entry?.touched === this.#rescan) continue;
      const known = entry && this.#presentAt(entry, route.metric);
      if (known === undefined || !sameRoute(known, route)) {
        this.#found(route);
        corrected++;
      }
      const now = this.#entries.get(route.prefix)!;
      const before = now.seenIn === this.#rescan ? now.seen : NONE;
      now.seen = [...before, this.#presentAt(now, route.metric)!];
      now.seenIn = this.#rescan;
    }
    return corrected;
  }

  /** The list ended: what was not in it is gone. Some hundred prefixes a step. @returns at last how many. */
  *finishRescan(): Generator<void, number, void> {
    let corrected = 0;
    let looked = 0;
    const current = this.#rescan;
    for (const entry of this.#entries.values()) {
      if (++looked % STEP === 0) yield;
      if (current !== this.#rescan) return corrected; // another one began
      if (entry.touched === current) continue;
      const seen = entry.seenIn === current ? entry.seen : NONE;
      entry.seen = NONE;
      for (const route of entry.present.filter((each) => !seen.includes(each))) {
        corrected++;
        this.#setPresent(entry, route.metric, undefined);
        this.#due(entry);
      }
    }
    return corrected;
  }

  /** @param prefix  of this one only. */
  view(prefix?: Prefix): readonly FibView[] {
    const entries = prefix === undefined ? [...this.#entries.values()] : this.#entryOf(prefix);
    return entries
      .map((entry): FibView => {
        const state = this.#state(entry);
        const reason =
          state === 'failed'
            ? entry.failure!.message
            : state === 'unresolved' || state === 'removing'
              ? entry.unresolved
              : undefined;
        return { prefix: entry.prefix, wanted: entry.wanted, present: entry.present, state, reason };
      })
      .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  }

  get sizes(): FibSizes {
    return {
      wanted: this.#wanted,
      present: this.#present,
      pending: this.#pending,
      failed: this.#failed.size,
      unresolved: this.#unresolved,
    };
  }

  #entryOf(prefix: Prefix): Entry[] {
    const entry = this.#entries.get(prefix);
    return entry === undefined ? [] : [entry];
  }

  #state(entry: Entry): FibState {
    if (this.#failed.has(entry)) return 'failed';
    if (entry.adopted) return 'adopted';
    if (entry.wanted === undefined) return 'removing';
    if (entry.unresolved !== undefined) return entry.present.length > 0 ? 'removing' : 'unresolved';
    return entry.pending ? 'pending' : 'installed';
  }

  /** The difference between wanted and present, as the next changes, added to the list. */
  #changes(entry: Entry, changes: RouteChange[]): void {
    if (entry.adopted) return;
    const target = this.#target(entry);
    const present = target && this.#presentAt(entry, target.metric);
    if (target !== undefined && (present === undefined || !sameRoute(present, target))) {
      changes.push({ type: 'replace', route: target, known: present !== undefined });
      return;
    }
    for (const route of entry.present) if (route !== present) changes.push({ type: 'remove', route });
  }

  /** Would `#changes` add any? */
  #differs(entry: Entry): boolean {
    if (entry.adopted) return false;
    const { wanted, present } = entry;
    const nextHops = wanted && this.#nextHops.of(wanted);
    if (wanted === undefined || nextHops === undefined) return present.length > 0;
    if (present.length !== 1) return true;
    const [only] = present;
    if (only!.nextHops === nextHops && only!.metric === wanted.metric && only!.type === wanted.type)
      return false;
    return !sameRoute(only!, this.#target(entry)!);
  }

  /** The route that the kernel shall have, with next hops resolved. */
  #target({ prefix, wanted }: Entry): KernelRoute | undefined {
    const nextHops = wanted && this.#nextHops.of(wanted);
    if (wanted === undefined || nextHops === undefined) return undefined;
    return { prefix, type: wanted.type, metric: wanted.metric, nextHops, protocol: PROTOCOL_BGP };
  }

  /** Something about the prefix is new: whatever failed before is tried at once. */
  #due(entry: Entry): void {
    if (entry.failure !== undefined) {
      entry.failure = undefined;
      this.#failed.delete(entry);
    }
    this.#settle(entry);
  }

  /** Puts the entry among the pending, or out of them, and forgets one that says nothing. */
  #settle(entry: Entry): void {
    const unresolved = entry.wanted && this.#nextHops.whyUnresolved(entry.wanted);
    this.#unresolved += (unresolved === undefined ? 0 : 1) - (entry.unresolved === undefined ? 0 : 1);
    entry.unresolved = unresolved;
    this.#setPending(entry, this.#differs(entry));
    if (entry.wanted !== undefined || entry.present.length > 0) return;
    this.#entries.delete(entry.prefix);
    entry.forgotten = true;
  }

  #setPending(entry: Entry, pending: boolean): void {
    if (entry.pending === pending) return;
    entry.pending = pending;
    this.#pending += pending ? 1 : -1;
    if (!pending || entry.queued) return;
    entry.queued = true;
    this.#queue.push(entry);
  }

  /** Usually nothing has happened since `take`. */
  #entryOfChange({ route }: RouteChange, i: number): Entry | undefined {
    const taken = this.#taken[i];
    return taken?.prefix === route.prefix && !taken.forgotten ? taken : this.#entries.get(route.prefix);
  }

  /** The kernel has a route of ours, whether we knew or not. */
  #found(route: KernelRoute): void {
    const known = this.#entries.get(route.prefix);
    const entry = known ?? this.#create(route.prefix);
    if (known === undefined) entry.adopted = !this.#swept;
    this.#setPresent(entry, route.metric, route);
    this.#due(entry);
  }

  #presentAt({ present }: Entry, metric: number): KernelRoute | undefined {
    if (present.length === 0) return undefined;
    const [first] = present;
    if (present.length === 1 && first!.metric === metric) return first;
    const shown = shownMetric(first!.prefix, metric);
    return present.find((route) => shownMetric(route.prefix, route.metric) === shown);
  }

  /** Of one prefix, the kernel tells routes apart by metric. */
  #setPresent(entry: Entry, metric: number, route: KernelRoute | undefined): void {
    const before = this.#presentAt(entry, metric);
    const { length } = entry.present;
    if (length === (before === undefined ? 0 : 1)) entry.present = route === undefined ? NONE : [route];
    else {
      const rest = entry.present.filter((each) => each !== before);
      entry.present = route === undefined ? rest : [...rest, route];
    }
    this.#present += entry.present.length - length;
  }

  #create(prefix: Prefix): Entry {
    const entry: Entry = {
      prefix,
      wanted: undefined,
      present: NONE,
      adopted: false,
      pending: false,
      queued: false,
      forgotten: false,
      unresolved: undefined,
      failure: undefined,
      touched: 0,
      seen: NONE,
      seenIn: 0,
    };
    this.#entries.set(prefix, entry);
    return entry;
  }
}
