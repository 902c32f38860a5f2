// Keeps the kernel's routes and the Fib in step: carries changes over in batches, one a turn of the event loop, tries
// failed ones again, follows next hops as links and routes change, and looks from time to time at what is really there.
// What a route should be is decided in fib.ts, how the kernel is spoken to in kernel/.

import { type Address, FAMILY, familyOfAddress, type Millis, NEVER, type Prefix, prefixOf } from 'bgp-utils';
import {
  type Kernel,
  type KernelEvent,
  type KernelRoute,
  type NextHopResolution,
  PROTOCOL_BGP,
  type RouteChange,
  type RouteError,
} from '../kernel/kernel.ts';
import { Fib, type FibRoute, type FibSizes, type FibView } from './fib.ts';
import { heedAllBut } from './ignored.ts';

/** Time, handed in. A delay of 0 is the next turn of the event loop, after what waits for it now (setImmediate). */
export interface FibClock {
  now(): Millis;
  /** @returns cancels it. */
  schedule(delayMs: number, run: () => void): () => void;
}

export interface FibSyncOptions {
  readonly kernel: Kernel;
  readonly clock: FibClock;
  /**
   * A tracked next hop's interior cost (0: on the link) and the interface that it goes out by; both undefined: unreachable.
   * Told when first known and on changes.
   */
  readonly onNextHop: (address: Address, cost: number | undefined, by: string | undefined) => void;
  readonly onLog: (event: FibLog) => void;
  /** Routes of other programs may have changed; told once for changes that come together. */
  readonly onOthersRoutes?: (() => void) | undefined;
}

/** What an operator may want to read. */
export type FibLog =
  | { readonly event: 'routes-adopted'; readonly routes: number }
  | { readonly event: 'routes-swept'; readonly routes: number }
  | {
      readonly event: 'routes-failed';
      readonly count: number;
      /** Some of them. */
      readonly examples: readonly { readonly prefix: Prefix; readonly message: string }[];
    }
  | {
      readonly event: 'next-hop';
      readonly address: Address;
      readonly resolution: NextHopResolution;
    }
  /** Someone changed routes of ours, or an interface took them; they are put right. */
  | { readonly event: 'routes-corrected'; readonly routes: number }
  | { readonly event: 'news-lost' };

export interface NextHopView {
  readonly address: Address;
  readonly resolution: NextHopResolution;
  readonly cost: number | undefined;
  /** The speaker asked for it. */
  readonly tracked: boolean;
}

export interface FibCounters {
  readonly replaced: number;
  readonly removed: number;
  readonly failures: number;
  readonly batches: number;
  readonly rescans: number;
  readonly corrected: number;
  readonly newsLost: number;
}

/** Prefixes a turn: about a millisecond. */
const BATCH = 256;
/** Next hops a turn. */
const LOOKUPS = 128;
/** News of links comes in bursts. Counted from the first, so that endless news starves nobody. */
const SETTLE_MS = 50;
const RESCAN_MS = 60_000;
/** After a list that had holes. */
const RESCAN_AGAIN_MS = 1000;
const EXAMPLES = 5;

export class FibSync {
  readonly #kernel: Kernel;
  readonly #clock: FibClock;
  readonly #onOthersRoutes: (() => void) | undefined;
  readonly #onNextHop: FibSyncOptions['onNextHop'];
  readonly #onLog: FibSyncOptions['onLog'];
  readonly #fib = new Fib();
  readonly #tracked = new Set<Address>();
  readonly #resolutions = new Map<Address, NextHopResolution>();
  /** Tracked, and the speaker was not told yet. */
  readonly #untold = new Set<Address>();
  /** Interfaces that routes of ours went through at some time. */
  readonly #interfaces = new Set<string>();
  readonly #toResolve = new Set<Address>();
  #ignored = '';
  #heed = heedAllBut([]);
  readonly #timers = new Map<string, () => void>();
  #started = false;
  #closed = false;
  #scanning = false;
  #scanAgain = false;
  /** Routes of ours that others removed, not told of yet. */
  #lost = 0;
  #idle: (() => void)[] = [];
  #counters = {
    replaced: 0,
    removed: 0,
    failures: 0,
    batches: 0,
    rescans: 0,
    corrected: 0,
    newsLost: 0,
  };

  constructor(options: FibSyncOptions) {
    this.#kernel = options.kernel;
    this.#clock = options.clock;
    this.#onNextHop = options.onNextHop;
    this.#onLog = options.onLog;
    this.#onOthersRoutes = options.onOthersRoutes;
  }

  /** Takes over the routes of an earlier run; they forward until `sweep`. */
  start(): void {
    this.#kernel.watch((event) => this.#news(event));
    const routes = this.#kernel.routes();
    this.#fib.adopt(routes);
    for (const hop of routes.flatMap((route) => route.nextHops)) this.#interfaces.add(hop.interface ?? '');
    this.#started = true;
    if (routes.length > 0) this.#onLog({ event: 'routes-adopted', routes: routes.length });
    this.#pumpSoon();
    this.#after('rescan', RESCAN_MS, () => this.#startRescan());
  }

  /** @param patterns  of interfaces whose networks resolve no next hop. */
  ignoreInterfaces(patterns: readonly string[]): void {
    if (patterns.join(' ') === this.#ignored) return;
    this.#ignored = patterns.join(' ');
    this.#heed = heedAllBut(patterns);
    this.#resolveSoon();
  }

  /** The route that the kernel shall have for a prefix, undefined for none. Carried out in the next turns. */
  want(prefix: Prefix, route: FibRoute | undefined): void {
    if (route?.type === 'unicast')
      for (const tunnel of route.tunnels ?? []) if (tunnel !== undefined) this.#interfaces.add(tunnel);
    this.#fib.want(prefix, route);
    for (const address of this.#fib.unknownNextHops(route)) {
      this.#fib.setNextHop(address, this.#resolution(address));
    }
    this.#pumpSoon();
  }

  /** Reports the next hop's cost, first in a later turn, then whenever it changes. */
  trackNextHop(address: Address): void {
    this.#tracked.add(address);
    this.#untold.add(address);
    this.#after('tell', 0, () => this.#tell());
  }

  releaseNextHop(address: Address): void {
    this.#tracked.delete(address);
    this.#untold.delete(address);
  }

  /** Makes sure that pending changes are on their way; `want` does so too. */
  flush(): void {
    this.#pumpSoon();
  }

  /** All is known now: routes of an earlier run that nobody wants go. */
  sweep(): void {
    if (this.#closed) return;
    const routes = this.#fib.sweep();
    if (routes > 0) this.#onLog({ event: 'routes-swept', routes });
    this.#pumpSoon();
  }

  /** Nothing is left to do: the kernel has all that can be there. Routes without a reachable next hop do not count. */
  inStep(): boolean {
    const { pending, failed } = this.#fib.sizes;
    return this.#started && pending === 0 && failed === 0;
  }

  view(prefix?: Prefix): readonly FibView[] {
    return this.#fib.view(prefix);
  }

  nextHops(): readonly NextHopView[] {
    return [...this.#resolutions].map(([address, resolution]) => ({
      address,
      resolution,
      cost: costOf(resolution),
      tracked: this.#tracked.has(address),
    }));
  }

  get sizes(): FibSizes {
    return this.#fib.sizes;
  }

  get counters(): FibCounters {
    return { ...this.#counters };
  }

  /** Takes all our routes out of the kernel. Resolves when that was tried for each of them. */
  removeAll(): Promise<void> {
    this.#fib.wantNothing();
    if (!this.#started || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#pumpSoon();
    });
  }

  /** Does nothing more. The routes stay, and forward while the daemon is away. */
  close(): void {
    this.#closed = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  // Changes

  #pumpSoon(): void {
    if (this.#started) this.#after('pump', 0, () => this.#pump());
  }

  #pump(): void {
    const changes = this.#fib.take(BATCH);
    if (changes.length > 0) {
      const errors = this.#kernel.apply(changes);
      this.#fib.applied(changes, errors, this.#clock.now());
      this.#count(changes, errors);
      // Routes of ours may have become, or ceased to be, a way to someone's next hop.
      if (changes.some((change) => this.#leadsSomewhere(change.route.prefix))) this.#resolveSoon();
    }
    if (this.#fib.sizes.pending > 0) this.#pumpSoon();
    else for (const resolve of this.#idle.splice(0)) resolve();
    this.#retryLater();
  }

  #count(changes: readonly RouteChange[], errors: readonly RouteError[]): void {
    this.#counters.batches++;
    for (const { type } of changes) this.#counters[type === 'replace' ? 'replaced' : 'removed']++;
    if (errors.length === 0) return;
    for (const { change } of errors) this.#counters[change.type === 'replace' ? 'replaced' : 'removed']--;
    this.#counters.failures += errors.length;
    const examples = errors.slice(0, EXAMPLES).map((error) => ({
      prefix: error.change.route.prefix,
      message: `${error.name}: ${error.message}`,
    }));
    this.#onLog({ event: 'routes-failed', count: errors.length, examples });
  }

  #retryLater(): void {
    const at = this.#fib.nextRetry();
    this.#cancel('retry');
    if (at === NEVER) return;
    this.#after('retry', Math.max(1, at - this.#clock.now()), () => {
      this.#fib.retry(this.#clock.now());
      this.#pump();
    });
  }

  // Next hops

  /** A host route matters to the next hop that it names; the others may matter to any. */
  #leadsSomewhere(prefix: Prefix): boolean {
    const slash = prefix.indexOf('/');
    const address = prefix.slice(0, slash) as Address;
    const isHost = Number(prefix.slice(slash + 1)) === FAMILY[familyOfAddress(address)].addressBits;
    return isHost ? this.#resolutions.has(address) : this.#resolutions.size > 0;
  }

  #resolution(address: Address): NextHopResolution {
    let resolution = this.#resolutions.get(address);
    if (resolution === undefined) {
      resolution = this.#lookUp(address);
      this.#resolutions.set(address, resolution);
    }
    return resolution;
  }

  /**
   * Resolution does not go through our own routes (a route may not make its own next hop reachable), but for those whose
   * next hops are all on the link, such as a default route from the top-of-rack switch: they rest on nothing of ours. The
   * longest match of those and of other programs' routes wins. BIRD does likewise, so that a route which others resolve
   * through is never itself resolved. As the answer depends on no recursive route, it cannot go back and forth.
   */
  #lookUp(address: Address): NextHopResolution {
    const resolution = this.#lookUpRecursively(address);
    if (resolution.reachable) this.#interfaces.add(resolution.interface);
    return resolution;
  }

  #lookUpRecursively(address: Address): NextHopResolution {
    const { foreign: found, own } = this.#kernel.resolve(address);
    const foreign = this.#heed(found);
    if (own === undefined) return foreign;
    const least = foreign.reachable ? lengthOf(foreign.prefix) : 0;
    for (let length = lengthOf(own.prefix); length >= least; length--) {
      const direct = this.#fib.directRoute(prefixOf(address, length));
      const hop = direct?.nextHops.find((each) => each.gateway !== address && each.interface !== undefined);
      if (direct === undefined || hop?.interface === undefined) continue;
      if (foreign.reachable && length === least && foreign.metric <= direct.metric) break;
      return {
        reachable: true,
        gateway: hop.gateway,
        interface: hop.interface,
        metric: direct.metric,
        prefix: direct.prefix,
      };
    }
    return foreign;
  }

  #tellOne(address: Address, resolution: NextHopResolution): void {
    this.#onNextHop(address, costOf(resolution), interfaceOf(resolution));
  }

  #tell(): void {
    for (const address of [...this.#untold]) {
      this.#untold.delete(address);
      this.#tellOne(address, this.#resolution(address));
    }
  }

  #resolveSoon(): void {
    if (this.#timers.has('resolve')) return;
    this.#after('resolve', SETTLE_MS, () => {
      for (const address of this.#resolutions.keys()) this.#toResolve.add(address);
      this.#resolveSome();
    });
  }

  #resolveSome(): void {
    let looked = 0;
    for (const address of this.#toResolve) {
      if (looked++ === LOOKUPS) break;
      this.#toResolve.delete(address);
      this.#resolveAgain(address);
    }
    if (this.#toResolve.size > 0) this.#after('resolve-more', 0, () => this.#resolveSome());
    this.#pumpSoon();
  }

  #resolveAgain(address: Address): void {
    const before = this.#resolutions.get(address);
    if (before === undefined) return;
    const tracked = this.#tracked.has(address);
    if (!tracked && !this.#fib.usesNextHop(address)) {
      this.#resolutions.delete(address);
      return;
    }
    const resolution = this.#lookUp(address);
    this.#resolutions.set(address, resolution);
    this.#fib.setNextHop(address, resolution);
    if (!sameResolution(before, resolution)) this.#onLog({ event: 'next-hop', address, resolution });
    if (tracked && !this.#untold.has(address) && !sameForSpeaker(before, resolution)) {
      this.#tellOne(address, resolution);
    }
  }

  // News

  #news(event: KernelEvent): void {
    if (this.#closed) return;
    if (event.type !== 'routes' || event.protocol !== PROTOCOL_BGP) this.#tellOthersSoon();
    switch (event.type) {
      case 'links':
        this.#retryAllSoon();
        this.#resolveSoon();
        // IPv4 routes go with their interface, and nobody says so.
        if (!event.up && this.#interfaces.has(event.interface)) this.#rescanSoon();
        break;
      case 'addresses':
        this.#retryAllSoon();
        this.#resolveSoon();
        break;
      case 'routes':
        if (event.protocol !== PROTOCOL_BGP) {
          if (this.#leadsSomewhere(event.prefix)) this.#resolveSoon();
          if (this.#fib.sizes.failed > 0) this.#retryAllSoon();
        } else if (event.change === 'removed') {
          if (this.#fib.lost(event.prefix, event.metric)) this.#lostRoute();
        } else this.#rescanSoon();
        break;
      case 'overrun':
        this.#counters.newsLost++;
        this.#onLog({ event: 'news-lost' });
        this.#resolveSoon();
        this.#rescanSoon();
        break;
    }
  }

  #tellOthersSoon(): void {
    if (this.#onOthersRoutes === undefined || this.#timers.has('others')) return;
    this.#after('others', SETTLE_MS, this.#onOthersRoutes);
  }

  /** Put back at once, and told of together with others that go at the same time. */
  #lostRoute(): void {
    this.#lost++;
    this.#pumpSoon();
    if (this.#timers.has('lost')) return;
    this.#after('lost', SETTLE_MS, () => {
      this.#corrected(this.#lost);
      this.#lost = 0;
    });
  }

  #corrected(routes: number): void {
    if (routes === 0) return;
    this.#counters.corrected += routes;
    this.#onLog({ event: 'routes-corrected', routes });
  }

  #retryAllSoon(): void {
    if (this.#fib.sizes.failed === 0 || this.#timers.has('retry-all')) return;
    this.#after('retry-all', SETTLE_MS, () => {
      this.#fib.retry(NEVER);
      this.#pumpSoon();
    });
  }

  // Rescan

  #rescanSoon(): void {
    if (!this.#timers.has('rescan-soon')) {
      this.#after('rescan-soon', SETTLE_MS, () => this.#startRescan());
    }
  }

  #startRescan(): void {
    if (this.#scanning) {
      this.#scanAgain = true;
      return;
    }
    this.#scanning = true;
    this.#counters.rescans++;
    this.#fib.beginRescan();
    this.#scanStep(this.#kernel.scan(), 0);
  }

  #scanStep(scan: Generator<readonly KernelRoute[], boolean, void>, corrected: number): void {
    this.#after('scan', 0, () => {
      const step = scan.next();
      if (!step.done) this.#scanStep(scan, corrected + this.#fib.rescan(step.value));
      else if (step.value) this.#finishStep(this.#fib.finishRescan(), corrected);
      else this.#endRescan(corrected, RESCAN_AGAIN_MS);
    });
  }

  #finishStep(finish: Generator<void, number, void>, corrected: number): void {
    this.#after('scan', 0, () => {
      const step = finish.next();
      if (step.done) this.#endRescan(corrected + step.value, RESCAN_MS);
      else this.#finishStep(finish, corrected);
    });
  }

  #endRescan(corrected: number, nextInMs: number): void {
    this.#scanning = false;
    this.#corrected(corrected);
    this.#pumpSoon();
    this.#after('rescan', nextInMs, () => this.#startRescan());
    if (this.#scanAgain) {
      this.#scanAgain = false;
      this.#rescanSoon();
    }
  }

  // Timers, by name: at most one each. Work for the next turn stays as scheduled; a later one replaces the earlier.

  #after(name: string, delayMs: number, run: () => void): void {
    if (this.#closed || (delayMs === 0 && this.#timers.has(name))) return;
    this.#cancel(name);
    this.#timers.set(
      name,
      this.#clock.schedule(delayMs, () => {
        this.#timers.delete(name);
        run();
      }),
    );
  }

  #cancel(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}

/** The interior cost of RFC 4271 §9.1.2.2 (e): 0 on the link, else the metric of the route that leads there. */
const costOf = (resolution: NextHopResolution): number | undefined =>
  !resolution.reachable ? undefined : resolution.gateway === undefined ? 0 : Math.max(1, resolution.metric);

const interfaceOf = (resolution: NextHopResolution): string | undefined =>
  resolution.reachable ? resolution.interface : undefined;

const sameForSpeaker = (a: NextHopResolution, b: NextHopResolution): boolean =>
  costOf(a) === costOf(b) && interfaceOf(a) === interfaceOf(b);

const sameResolution = (a: NextHopResolution, b: NextHopResolution): boolean =>
  a.reachable
    ? b.reachable && a.gateway === b.gateway && a.interface === b.interface
    : !b.reachable && a.reason === b.reason;

const lengthOf = (prefix: Prefix): number => Number(prefix.slice(prefix.indexOf('/') + 1));
