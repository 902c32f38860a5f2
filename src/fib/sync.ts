// Keeps the kernel's routes and the Fib in step: carries changes over in batches, one a turn of the event loop, tries
// failed ones again, and hears what others do to routes and links. What a route should be is decided in fib.ts, how next hops are
// reached in next-hop-resolver.ts; rescan.ts looks at what is really there, and kernel/ speaks to the kernel.

import { type Address, NEVER, type Prefix } from 'bgp-utils';
import {
  type Kernel,
  type KernelEvent,
  type NextHopResolution,
  PROTOCOL_BGP,
  type RouteChange,
  type RouteError,
} from '../kernel/kernel.ts';
import { Fib, type FibRoute, type FibSizes, type FibView } from './fib.ts';
import { NextHopResolver, type NextHopView } from './next-hop-resolver.ts';
import { Rescan } from './rescan.ts';
import { type FibClock, Timers } from './timers.ts';

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
const EXAMPLES = 5;

export class FibSync {
  readonly #kernel: Kernel;
  readonly #clock: FibClock;
  readonly #onOthersRoutes: (() => void) | undefined;
  readonly #onLog: FibSyncOptions['onLog'];
  readonly #fib = new Fib();
  readonly #timers: Timers;
  readonly #nextHops: NextHopResolver;
  readonly #rescan: Rescan;
  /** Interfaces that routes of ours went through at some time. */
  readonly #interfaces = new Set<string>();
  #started = false;
  #closed = false;
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
    this.#onLog = options.onLog;
    this.#onOthersRoutes = options.onOthersRoutes;
    this.#timers = new Timers(options.clock);
    const common = { kernel: options.kernel, fib: this.#fib, timers: this.#timers };
    this.#nextHops = new NextHopResolver({
      ...common,
      interfaces: this.#interfaces,
      onNextHop: options.onNextHop,
      onChange: (address, resolution) => this.#onLog({ event: 'next-hop', address, resolution }),
      onResolved: () => this.#pumpSoon(),
    });
    this.#rescan = new Rescan({
      ...common,
      onBegin: () => this.#counters.rescans++,
      onEnd: (corrected) => {
        this.#corrected(corrected);
        this.#pumpSoon();
      },
    });
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
    this.#rescan.later();
  }

  /** @param patterns  of interfaces whose networks resolve no next hop. */
  ignoreInterfaces(patterns: readonly string[]): void {
    this.#nextHops.ignoreInterfaces(patterns);
  }

  /** The route that the kernel shall have for a prefix, undefined for none. Carried out in the next turns. */
  want(prefix: Prefix, route: FibRoute | undefined): void {
    if (route?.type === 'unicast')
      for (const tunnel of route.tunnels ?? []) if (tunnel !== undefined) this.#interfaces.add(tunnel);
    this.#fib.want(prefix, route);
    for (const address of this.#fib.unknownNextHops(route)) {
      this.#fib.setNextHop(address, this.#nextHops.of(address));
    }
    this.#pumpSoon();
  }

  /** Reports the next hop's cost, first in a later turn, then whenever it changes. */
  trackNextHop(address: Address): void {
    this.#nextHops.track(address);
  }

  releaseNextHop(address: Address): void {
    this.#nextHops.release(address);
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
    return this.#nextHops.views();
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
    this.#timers.close();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  // Changes

  #pumpSoon(): void {
    if (this.#started) this.#timers.after('pump', 0, () => this.#pump());
  }

  #pump(): void {
    const changes = this.#fib.take(BATCH);
    if (changes.length > 0) {
      const errors = this.#kernel.apply(changes);
      this.#fib.applied(changes, errors, this.#clock.now());
      this.#count(changes, errors);
      // Routes of ours may have become, or ceased to be, a way to someone's next hop.
      if (changes.some((change) => this.#nextHops.leadsSomewhere(change.route.prefix)))
        this.#nextHops.resolveSoon();
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
    this.#timers.cancel('retry');
    if (at === NEVER) return;
    this.#timers.after('retry', Math.max(1, at - this.#clock.now()), () => {
      this.#fib.retry(this.#clock.now());
      this.#pump();
    });
  }

  // News

  #news(event: KernelEvent): void {
    if (this.#closed) return;
    if (event.type !== 'routes' || event.protocol !== PROTOCOL_BGP) this.#tellOthersSoon();
    switch (event.type) {
      case 'links':
        this.#retryAllSoon();
        this.#nextHops.resolveSoon();
        // IPv4 routes go with their interface, and nobody says so.
        if (!event.up && this.#interfaces.has(event.interface)) this.#rescan.soon();
        break;
      case 'addresses':
        this.#retryAllSoon();
        this.#nextHops.resolveSoon();
        break;
      case 'routes':
        if (event.protocol !== PROTOCOL_BGP) {
          if (this.#nextHops.leadsSomewhere(event.prefix)) this.#nextHops.resolveSoon();
          if (this.#fib.sizes.failed > 0) this.#retryAllSoon();
        } else if (event.change === 'removed') {
          if (this.#fib.lost(event.prefix, event.metric)) this.#lostRoute();
        } else this.#rescan.soon();
        break;
      case 'overrun':
        this.#counters.newsLost++;
        this.#onLog({ event: 'news-lost' });
        this.#nextHops.resolveSoon();
        this.#rescan.soon();
        break;
    }
  }

  #tellOthersSoon(): void {
    if (this.#onOthersRoutes !== undefined) this.#timers.soon('others', this.#onOthersRoutes);
  }

  /** Put back at once, and told of together with others that go at the same time. */
  #lostRoute(): void {
    this.#lost++;
    this.#pumpSoon();
    this.#timers.soon('lost', () => {
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
    if (this.#fib.sizes.failed === 0) return;
    this.#timers.soon('retry-all', () => {
      this.#fib.retry(NEVER);
      this.#pumpSoon();
    });
  }
}
