// Keeps the kernel's routes and the Fib in step: carries changes over in batches, one a turn of the event loop, tries
// failed ones again, and hears what others do to routes and links. What a route should be is decided in fib.ts, how next hops are
// reached in next-hop-resolver.ts; rescan.ts looks at what is really there, and kernel/ speaks to the kernel.

import { type Address, type Family, NEVER, type Prefix, type PrefixId, type PrefixTable } from 'bgp-utils';
import { HOW, RouteBatch } from '../kernel/batch.ts';
import { type Kernel, type KernelEvent, PROTOCOL_BGP, type RouteError } from '../kernel/kernel.ts';
import { Fib, type FibRoute, type FibSizes, type FibView } from './fib.ts';
import type { FibCounters, FibLog } from './log.ts';
import { NextHopResolver, type NextHopView } from './next-hop-resolver.ts';
import { ObjectSync } from './object-sync.ts';
import { Rescan } from './rescan.ts';
import { type FibClock, Timers } from './timers.ts';

export type { FibLog } from './log.ts';

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
  /** An interface that routes of ours went through is up, or has an address, again; told once for news that comes together. */
  readonly onLinkUp?: (() => void) | undefined;
}

/** Prefixes that the kernel is told of at once: well under a millisecond. */
const BATCH = 128;
/** As long as a turn works for the kernel, unless one batch takes longer. */
const PUMP_MS = 6;
/** What routes name no more is kept for as long as this, in case that it comes again. */
const COLLECT_MS = 10_000;
const EXAMPLES = 5;

export class FibSync {
  readonly #kernel: Kernel;
  readonly #clock: FibClock;
  readonly #onOthersRoutes: (() => void) | undefined;
  readonly #onLinkUp: (() => void) | undefined;
  readonly #onLog: FibSyncOptions['onLog'];
  readonly #fib: Fib;
  readonly #objects: ObjectSync;
  readonly #batch = new RouteBatch();
  readonly #timers: Timers;
  readonly #nextHops: NextHopResolver;
  readonly #rescan: Rescan;
  /** Interfaces that routes of ours went through at some time. */
  readonly #interfaces = new Set<string>();
  /** Whose next hops were looked up in this turn. */
  #lastRoute: FibRoute | undefined;
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
    this.#onLinkUp = options.onLinkUp;
    this.#timers = new Timers(options.clock);
    this.#fib = new Fib(typeof options.kernel.objects !== 'string');
    this.#objects = new ObjectSync({
      kernel: options.kernel,
      fib: this.#fib,
      clock: options.clock,
      onRefused: (message) => this.#onLog({ event: 'next-hop-refused', message }),
    });
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
      onBegin: () => {
        this.#counters.rescans++;
        this.#look();
      },
      onEnd: (corrected) => {
        this.#corrected(corrected);
        this.#pumpSoon();
      },
    });
  }

  /** Takes over the routes of an earlier run; they forward until `sweep`. */
  start(): void {
    this.#kernel.watch((event) => this.#news(event));
    if (typeof this.#kernel.objects === 'string')
      this.#onLog({ event: 'no-next-hop-objects', reason: this.#kernel.objects });
    this.#look();
    for (const list of this.#kernel.scan()) {
      this.#fib.adopt(list);
      for (let at = 0; at < list.size; at++)
        for (const hop of list.via[at]!.nextHops) this.#interfaces.add(hop.interface ?? '');
    }
    this.#started = true;
    const routes = this.#fib.sizes.present;
    if (routes > 0) this.#onLog({ event: 'routes-adopted', routes });
    this.#pumpSoon();
    this.#rescan.later();
  }

  /** @param patterns  of interfaces whose networks resolve no next hop. */
  ignoreInterfaces(patterns: readonly string[]): void {
    this.#nextHops.ignoreInterfaces(patterns);
  }

  /** The route that the kernel shall have for a prefix, undefined for none. Carried out in the next turns. */
  want(prefix: Prefix, route: FibRoute | undefined): void {
    this.#lookUp(route);
    this.#fib.want(prefix, route);
    this.#pumpSoon();
  }

  /** The same by row of `prefixes(family)`. Routes that are alike are best given as one object. */
  wantRow(family: Family, row: PrefixId, route: FibRoute | undefined): void {
    if (route !== this.#lastRoute) this.#lookUp(route);
    this.#lastRoute = route;
    this.#fib.wantRow(family, row, route);
    this.#pumpSoon();
  }

  prefixes(family: Family): PrefixTable {
    return this.#fib.rows(family).prefixes;
  }

  #lookUp(route: FibRoute | undefined): void {
    if (route?.type === 'unicast')
      for (const tunnel of route.tunnels ?? []) if (tunnel !== undefined) this.#interfaces.add(tunnel);
    for (const address of this.#fib.unknownNextHops(route))
      this.#fib.setNextHop(address, this.#nextHops.of(address));
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
    return { ...this.#counters, objectChanges: this.#objects.changes };
  }

  /** Prefixes that somebody takes away again and again. */
  get fights(): number {
    return this.#fib.fights(this.#clock.now()) + this.#objects.fights();
  }

  /** Why the kernel does not take next hops. */
  refusedNextHops(): readonly string[] {
    return this.#fib.refusedNextHops();
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

  /** Objects before the routes that name them; then routes, for as long as a turn may take. */
  #pump(): void {
    const until = this.#clock.now() + PUMP_MS;
    this.#lastRoute = undefined;
    this.#objects.work();
    do this.#applySome();
    while (this.#fib.sizes.pending > 0 && this.#clock.now() < until);
    if (this.#fib.sizes.pending > 0) this.#pumpSoon();
    else this.#rest();
    this.#retryLater();
  }

  #applySome(): void {
    const batch = this.#batch;
    this.#fib.take(batch, BATCH);
    if (batch.size === 0) return;
    const errors = this.#kernel.apply(batch);
    this.#fib.applied(batch, errors, this.#clock.now());
    this.#count(batch, errors);
    // An object may have gone with its interface, without a word.
    if (errors.some(({ index }) => batch.via[index]!.object !== undefined)) this.#look();
    // Routes of ours may have become, or ceased to be, a way to someone's next hop.
    if (this.#nextHops.leadSomewhere(batch)) this.#nextHops.resolveSoon();
  }

  #rest(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
    if (this.#objects.changes > 0 && !this.#closed)
      this.#timers.after('collect', COLLECT_MS, () => this.#objects.collect());
  }

  #count(batch: RouteBatch, errors: readonly RouteError[]): void {
    const counters = this.#counters;
    counters.batches++;
    for (let at = 0; at < batch.size; at++) {
      if (batch.how[at] === HOW.REMOVE) counters.removed++;
      else counters.replaced++;
    }
    if (errors.length === 0) return;
    for (const { index } of errors) {
      if (batch.how[index] === HOW.REMOVE) counters.removed--;
      else counters.replaced--;
    }
    counters.failures += errors.length;
    const examples = errors.slice(0, EXAMPLES).map(({ index, name, message }) => ({
      prefix: batch.prefix(index),
      message: `${name}: ${message}`,
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
    if (event.type !== 'routes' || event.route.protocol !== PROTOCOL_BGP) this.#tellOthersSoon();
    switch (event.type) {
      case 'links':
        this.#retryAllSoon();
        this.#nextHops.resolveSoon();
        // IPv4 routes go with their interface, and objects with its carrier, and nobody says so.
        if (this.#interfaces.has(event.interface)) this.#lookAtObjects();
        if (event.up) this.#linkUp(event.interface);
        else if (this.#interfaces.has(event.interface)) this.#rescan.soon();
        break;
      case 'addresses':
        this.#linkUp(event.interface);
        this.#retryAllSoon();
        this.#nextHops.resolveSoon();
        break;
      case 'objects':
        this.#objectNews(event.id, event.by);
        break;
      case 'routes':
        this.#routeNews(event);
        break;
      case 'overrun':
        this.#counters.newsLost++;
        this.#onLog({ event: 'news-lost' });
        this.#lookAtObjects();
        this.#nextHops.resolveSoon();
        this.#rescan.soon();
        break;
    }
  }

  #routeNews({ route, change, replaces, by }: KernelEvent & { readonly type: 'routes' }): void {
    const now = this.#clock.now();
    if (route.protocol !== PROTOCOL_BGP) {
      if (this.#nextHops.leadsSomewhere(route.prefix)) this.#nextHops.resolveSoon();
      if (this.#fib.sizes.failed > 0) this.#retryAllSoon();
      // Another program has taken the place of ours, and keeps it: the kernel refuses us until it is free.
      if (replaces && this.#fib.lost(route.prefix, route.metric, now, { port: by, route })) this.#lostRoute();
    } else if (change === 'removed') {
      const adversary = by === 0 ? undefined : { port: by, route: undefined };
      if (this.#fib.lost(route.prefix, route.metric, now, adversary)) this.#lostRoute();
    } else {
      if (this.#fib.foundByNews(route, now, { port: by, route })) this.#lostRoute();
      this.#rescan.soon();
    }
    for (const fight of this.#fib.takeFights()) this.#onLog({ event: 'fight', ...fight });
  }

  #objectNews(id: number, by: number): void {
    this.#lookAtObjects();
    const message = by !== 0 && this.#fib.hasObject(id) ? this.#objects.fight(by) : undefined;
    if (message !== undefined) this.#onLog({ event: 'objects-fight', message });
  }

  /** A list that others disturbed is asked for again soon; nothing is believed of it. */
  #look(): void {
    const corrected = this.#objects.look();
    if (corrected === undefined) this.#timers.soon('objects-again', () => this.#lookAtObjects());
    else this.#corrected(corrected);
  }

  /** At once: what named a lost one does not forward. */
  #lookAtObjects(): void {
    this.#timers.after('objects', 0, () => {
      this.#look();
      this.#fib.retry(NEVER);
      this.#pump();
    });
  }

  #linkUp(name: string): void {
    if (this.#onLinkUp !== undefined && this.#interfaces.has(name))
      this.#timers.soon('link-up', this.#onLinkUp);
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
