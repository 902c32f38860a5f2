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

import { type Address, comparePrefixes, type Millis, NEVER, type Prefix } from 'bgp-utils';
import {
  type KernelNextHop,
  type KernelRoute,
  type NextHopResolution,
  PROTOCOL_BGP,
  type RouteChange,
  type RouteError,
  sameRoute,
  shownMetric,
} from '../kernel/kernel.ts';

export type FibRoute =
  | {
      readonly type: 'unicast';
      readonly nextHops: readonly Address[];
      /** One a next hop, 1 to 256; missing where all get the same. */
      readonly weights?: readonly number[];
      /** One a next hop: the device to send through, the next hop being on its link; missing where none has one. */
      readonly tunnels?: readonly (string | undefined)[];
      readonly metric: number;
    }
  | { readonly type: 'blackhole'; readonly metric: number };

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

/** What goes into a route for a next hop that is not in `nextHops`. */
const UNKNOWN: NextHopResolution = { reachable: false, reason: 'not looked up yet' };

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
  wanted: FibRoute | undefined;
  present: KernelRoute[];
  /** Found at start and nobody spoke of it yet. */
  adopted: boolean;
  /** No next hop resolves. */
  unresolved: string | undefined;
  failure: Failure | undefined;
  /** The rescan during which we changed it: what that rescan says of it is out of date. */
  touched: number;
  /** Present routes that the rescan number `seenIn` has seen. */
  seen: readonly KernelRoute[];
  seenIn: number;
}

interface NextHop {
  resolution: NextHopResolution;
  readonly users: Set<Prefix>;
}

export class Fib {
  readonly #entries = new Map<Prefix, Entry>();
  readonly #pending = new Set<Prefix>();
  readonly #failed = new Set<Prefix>();
  readonly #nextHops = new Map<Address, NextHop>();
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
    for (const address of nextHopsOf(entry.wanted)) this.#nextHops.get(address)?.users.delete(prefix);
    for (const address of nextHopsOf(route)) this.#nextHop(address).users.add(prefix);
    for (const address of nextHopsOf(entry.wanted)) this.#forgetIfUnused(address);
    entry.wanted = route;
    entry.adopted = false;
    this.#due(prefix, entry);
  }

  /** How a next hop is reached; the routes that use it follow. */
  setNextHop(address: Address, resolution: NextHopResolution): void {
    const nextHop = this.#nextHops.get(address);
    if (nextHop === undefined) return; // no route uses it
    if (sameForwarding(nextHop.resolution, resolution)) return;
    nextHop.resolution = resolution;
    for (const prefix of nextHop.users) this.#due(prefix, this.#entries.get(prefix)!);
  }

  /** Next hops of wanted routes for which nothing was said yet. */
  *unknownNextHops(route: FibRoute | undefined): Generator<Address, void, void> {
    for (const address of nextHopsOf(route)) {
      if (this.#nextHops.get(address)?.resolution === UNKNOWN) yield address;
    }
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
    const direct = entry.wanted.nextHops.every((address) => {
      const resolution = this.#nextHops.get(address)?.resolution;
      return resolution?.reachable && resolution.gateway === undefined;
    });
    const target = direct ? this.#target(prefix, entry) : undefined;
    return target && entry.present.find((route) => sameRoute(route, target));
  }

  /** The adopted routes that nobody wanted can go: all is known now. @returns how many. */
  sweep(): number {
    this.#swept = true;
    let count = 0;
    for (const [prefix, entry] of this.#entries) {
      if (!entry.adopted) continue;
      entry.adopted = false;
      count += entry.present.length;
      this.#due(prefix, entry);
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
    let taken = 0;
    for (const prefix of this.#pending) {
      if (taken++ === limit) break;
      this.#pending.delete(prefix);
      changes.push(...this.#changes(prefix, this.#entries.get(prefix)!));
    }
    return changes;
  }

  /** @param changes  all that `take` gave. @param errors  those of them that failed. */
  applied(changes: readonly RouteChange[], errors: readonly RouteError[], now: Millis): void {
    const failures = new Map(errors.map((error) => [error.change, error]));
    for (const change of changes) {
      const { prefix } = change.route;
      const entry = this.#entries.get(prefix);
      if (entry === undefined) continue;
      entry.touched = this.#rescan;
      const error = failures.get(change);
      if (error !== undefined) {
        const attempts = (entry.failure?.attempts ?? 0) + 1;
        const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
        entry.failure = { message: `${error.name}: ${error.message}`, attempts, retryAt: now + wait };
        this.#failed.add(prefix);
        continue;
      }
      this.#setPresent(entry, change.route.metric, change.type === 'replace' ? change.route : undefined);
      entry.failure = undefined;
      this.#failed.delete(prefix);
      this.#settle(prefix, entry);
    }
  }

  /** Makes failed changes due again. @param now  those whose time has come; NEVER: all, since something has changed. */
  retry(now: Millis): void {
    for (const prefix of this.#failed) {
      const entry = this.#entries.get(prefix)!;
      if (entry.failure!.retryAt > now) continue;
      this.#failed.delete(prefix); // its number of attempts is kept
      this.#pending.add(prefix);
    }
  }

  /** When the first failed change is due again. */
  nextRetry(): Millis {
    let next = NEVER;
    for (const prefix of this.#failed) next = Math.min(next, this.#entries.get(prefix)!.failure!.retryAt);
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
    this.#due(prefix, entry);
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
    for (const [prefix, entry] of this.#entries) {
      if (++looked % STEP === 0) yield;
      if (current !== this.#rescan) return corrected; // another one began
      if (entry.touched === current) continue;
      const seen = entry.seenIn === current ? entry.seen : NONE;
      entry.seen = NONE;
      for (const route of entry.present.filter((each) => !seen.includes(each))) {
        corrected++;
        this.#setPresent(entry, route.metric, undefined);
        this.#due(prefix, entry);
      }
    }
    return corrected;
  }

  /** @param prefix  of this one only. */
  view(prefix?: Prefix): readonly FibView[] {
    const entries = prefix === undefined ? [...this.#entries] : this.#entryOf(prefix);
    return entries
      .map(([key, entry]): FibView => {
        const state = this.#state(key, entry);
        const reason =
          state === 'failed'
            ? entry.failure!.message
            : state === 'unresolved' || state === 'removing'
              ? entry.unresolved
              : undefined;
        return { prefix: key, wanted: entry.wanted, present: entry.present, state, reason };
      })
      .sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  }

  get sizes(): FibSizes {
    return {
      wanted: this.#wanted,
      present: this.#present,
      pending: this.#pending.size,
      failed: this.#failed.size,
      unresolved: this.#unresolved,
    };
  }

  #entryOf(prefix: Prefix): [Prefix, Entry][] {
    const entry = this.#entries.get(prefix);
    return entry === undefined ? [] : [[prefix, entry]];
  }

  #state(prefix: Prefix, entry: Entry): FibState {
    if (this.#failed.has(prefix)) return 'failed';
    if (entry.adopted) return 'adopted';
    if (entry.wanted === undefined) return 'removing';
    if (entry.unresolved !== undefined) return entry.present.length > 0 ? 'removing' : 'unresolved';
    return this.#pending.has(prefix) ? 'pending' : 'installed';
  }

  /** The difference between wanted and present, as the next changes. */
  #changes(prefix: Prefix, entry: Entry): RouteChange[] {
    if (entry.adopted) return [];
    const target = this.#target(prefix, entry);
    if (target === undefined) return entry.present.map((route) => ({ type: 'remove', route }));
    const present = this.#presentAt(entry, target.metric);
    if (present === undefined || !sameRoute(present, target)) {
      return [{ type: 'replace', route: target, known: present !== undefined }];
    }
    return entry.present
      .filter((route) => route !== present)
      .map((route) => ({ type: 'remove', route }) as const);
  }

  /** The route that the kernel shall have, with next hops resolved. */
  #target(prefix: Prefix, entry: Entry): KernelRoute | undefined {
    const { wanted } = entry;
    if (wanted === undefined) return undefined;
    if (wanted.type === 'blackhole') {
      return { prefix, type: 'blackhole', metric: wanted.metric, nextHops: [], protocol: PROTOCOL_BGP };
    }
    const nextHops: KernelNextHop[] = [];
    for (const [i, address] of wanted.nextHops.entries()) {
      const resolution = this.#nextHops.get(address)?.resolution ?? UNKNOWN;
      if (!resolution.reachable) continue;
      const tunnel = wanted.tunnels?.[i];
      if (tunnel !== undefined) {
        nextHops.push({
          gateway: address,
          interface: tunnel,
          weight: wanted.weights?.[i] ?? 1,
          onLink: true,
        });
        continue;
      }
      const gateway = resolution.gateway ?? address;
      // Two next hops may lie behind one router.
      if (nextHops.some((hop) => hop.gateway === gateway && hop.interface === resolution.interface)) continue;
      nextHops.push({
        gateway,
        interface: resolution.interface,
        weight: wanted.weights?.[i] ?? 1,
        onLink: false,
      });
    }
    if (nextHops.length === 0) return undefined;
    return { prefix, type: 'unicast', metric: wanted.metric, nextHops, protocol: PROTOCOL_BGP };
  }

  /** Something about the prefix is new: whatever failed before is tried at once. */
  #due(prefix: Prefix, entry: Entry): void {
    entry.failure = undefined;
    this.#failed.delete(prefix);
    this.#settle(prefix, entry);
  }

  /** Puts the prefix among the pending, or out of them, and forgets an entry that says nothing. */
  #settle(prefix: Prefix, entry: Entry): void {
    const unresolved = this.#whyUnresolved(entry);
    this.#unresolved += (unresolved === undefined ? 0 : 1) - (entry.unresolved === undefined ? 0 : 1);
    entry.unresolved = unresolved;
    if (this.#changes(prefix, entry).length > 0) this.#pending.add(prefix);
    else this.#pending.delete(prefix);
    if (entry.wanted === undefined && entry.present.length === 0) this.#entries.delete(prefix);
  }

  #whyUnresolved(entry: Entry): string | undefined {
    const reasons: string[] = [];
    for (const address of nextHopsOf(entry.wanted)) {
      const resolution = this.#nextHops.get(address)?.resolution ?? UNKNOWN;
      if (resolution.reachable) return undefined;
      reasons.push(`next hop ${address}: ${resolution.reason}`);
    }
    return entry.wanted?.type === 'unicast' ? reasons.join('; ') || 'no next hop' : undefined;
  }

  /** The kernel has a route of ours, whether we knew or not. */
  #found(route: KernelRoute): void {
    const isNew = !this.#entries.has(route.prefix);
    const entry = this.#entries.get(route.prefix) ?? this.#create(route.prefix);
    if (isNew) entry.adopted = !this.#swept;
    this.#setPresent(entry, route.metric, route);
    this.#due(route.prefix, entry);
  }

  #presentAt(entry: Entry, metric: number): KernelRoute | undefined {
    return entry.present.find(
      (route) => shownMetric(route.prefix, route.metric) === shownMetric(route.prefix, metric),
    );
  }

  /** Of one prefix, the kernel tells routes apart by metric. */
  #setPresent(entry: Entry, metric: number, route: KernelRoute | undefined): void {
    const before = this.#presentAt(entry, metric);
    const rest = entry.present.filter((each) => each !== before);
    if (route !== undefined) rest.push(route);
    this.#present += rest.length - entry.present.length;
    entry.present = rest;
  }

  #create(prefix: Prefix): Entry {
    const entry: Entry = {
      wanted: undefined,
      present: [],
      adopted: false,
      unresolved: undefined,
      failure: undefined,
      touched: 0,
      seen: NONE,
      seenIn: 0,
    };
    this.#entries.set(prefix, entry);
    return entry;
  }

  #nextHop(address: Address): NextHop {
    let nextHop = this.#nextHops.get(address);
    if (nextHop === undefined) {
      nextHop = { resolution: UNKNOWN, users: new Set() };
      this.#nextHops.set(address, nextHop);
    }
    return nextHop;
  }

  #forgetIfUnused(address: Address): void {
    if (this.#nextHops.get(address)?.users.size === 0) this.#nextHops.delete(address);
  }
}

const nextHopsOf = (route: FibRoute | undefined): readonly Address[] =>
  route?.type === 'unicast' ? route.nextHops : [];

/** What a route has for one of its next hops, beside the address. */
const weightOf = (route: FibRoute, i: number) => (route.type === 'unicast' ? route.weights?.[i] : undefined);
const tunnelOf = (route: FibRoute, i: number) => (route.type === 'unicast' ? route.tunnels?.[i] : undefined);

function sameFibRoute(a: FibRoute | undefined, b: FibRoute | undefined): boolean {
  if (a === undefined || b === undefined || a.type !== b.type || a.metric !== b.metric) return a === b;
  const [x, y] = [nextHopsOf(a), nextHopsOf(b)];
  const same = (address: Address, i: number) =>
    address === y[i] && weightOf(a, i) === weightOf(b, i) && tunnelOf(a, i) === tunnelOf(b, i);
  return x.length === y.length && x.every(same);
}

/** Does a route through it look the same? The reason counts: it is shown. */
const sameForwarding = (a: NextHopResolution, b: NextHopResolution): boolean =>
  a.reachable
    ? b.reachable && a.gateway === b.gateway && a.interface === b.interface
    : !b.reachable && a.reason === b.reason;
