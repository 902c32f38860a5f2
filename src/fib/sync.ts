// Keeps the kernel's routes and the Fib in step: the door to this room, where its parts meet. What a route should be is decided in
// fib.ts, how next hops are reached in next-hop-resolver.ts; pump.ts carries changes to the kernel, kernel-news.ts hears what others
// do there, rescan.ts looks at what is really there.

import type { Address, Family, Prefix, PrefixId, PrefixTable } from 'bgp-utils';
import { HOW, type RouteBatch } from '../kernel/batch.ts';
import type { Kernel, RouteError } from '../kernel/kernel.ts';
import { Fib, type FibRoute, type FibSizes, type FibView } from './fib.ts';
import { KernelNews } from './kernel-news.ts';
import type { FibCounters, FibLog } from './log.ts';
import { NextHopResolver, type NextHopView } from './next-hop-resolver.ts';
import { ObjectSync } from './object-sync.ts';
import { Pump } from './pump.ts';
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

const EXAMPLES = 5;

export class FibSync {
  readonly #kernel: Kernel;
  readonly #clock: FibClock;
  readonly #onLog: FibSyncOptions['onLog'];
  readonly #fib: Fib;
  readonly #objects: ObjectSync;
  readonly #timers: Timers;
  readonly #pump: Pump;
  readonly #nextHops: NextHopResolver;
  readonly #rescan: Rescan;
  readonly #news: KernelNews;
  /** Interfaces that routes of ours went through at some time. */
  readonly #interfaces = new Set<string>();
  /** Whose next hops were looked up, and are remembered. */
  #lastRoute: FibRoute | undefined;
  #started = false;
  #closed = false;
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
    this.#timers = new Timers(options.clock);
    this.#fib = new Fib(typeof options.kernel.objects !== 'string');
    this.#objects = new ObjectSync({
      kernel: options.kernel,
      fib: this.#fib,
      clock: options.clock,
      onRefused: (message) => this.#onLog({ event: 'next-hop-refused', message }),
    });
    const common = { kernel: options.kernel, fib: this.#fib, timers: this.#timers };
    this.#pump = new Pump({
      ...common,
      objects: this.#objects,
      clock: options.clock,
      onApplied: (batch, errors, told) => this.#applied(batch, errors, told),
      onSlow: (seconds) => this.#onLog({ event: 'kernel-slow', seconds }),
    });
    this.#nextHops = new NextHopResolver({
      ...common,
      interfaces: this.#interfaces,
      onNextHop: options.onNextHop,
      onChange: (address, resolution) => this.#onLog({ event: 'next-hop', address, resolution }),
      onResolved: () => {
        this.#lastRoute = undefined;
        this.#work();
      },
    });
    this.#rescan = new Rescan({
      ...common,
      pump: this.#pump,
      onBegin: () => {
        this.#counters.rescans++;
        this.#look();
      },
      onEnd: (corrected) => {
        this.#corrected(corrected);
        this.#work();
      },
    });
    this.#news = new KernelNews({
      ...common,
      ...{ clock: options.clock, pump: this.#pump, objects: this.#objects },
      ...{ nextHops: this.#nextHops, rescan: this.#rescan, interfaces: this.#interfaces },
      look: () => this.#look(),
      onOthersRoutes: options.onOthersRoutes,
      onLinkUp: options.onLinkUp,
      onLost: () => this.#counters.newsLost++,
      onCorrected: (routes) => this.#corrected(routes),
      onLog: options.onLog,
    });
  }

  /** Takes over the routes of an earlier run; they forward until `sweep`. */
  start(): void {
    this.#kernel.watch((event) => this.#news.heard(event));
    if (typeof this.#kernel.objects === 'string')
      this.#onLog({ event: 'no-next-hop-objects', reason: this.#kernel.objects });
    this.#look();
    const isWhole = this.#adopt(this.#kernel.scan());
    this.#started = true;
    const routes = this.#fib.sizes.present;
    if (routes > 0) this.#onLog({ event: 'routes-adopted', routes });
    this.#work();
    if (isWhole) this.#rescan.later();
    else this.#rescan.again(); // what it left out is adopted then, before anything is swept
  }

  /** @returns whether the list was whole. */
  #adopt(scan: ReturnType<Kernel['scan']>): boolean {
    let step = scan.next();
    for (; !step.done; step = scan.next()) {
      const list = step.value;
      this.#fib.adopt(list);
      for (let at = 0; at < list.size; at++)
        for (const hop of list.via[at]!.nextHops) this.#interfaces.add(hop.interface ?? '');
    }
    return step.value;
  }

  /** @param patterns  of interfaces whose networks resolve no next hop. */
  ignoreInterfaces(patterns: readonly string[]): void {
    this.#nextHops.ignoreInterfaces(patterns);
  }

  /** The route that the kernel shall have for a prefix, undefined for none. Carried out in the next turns. */
  want(prefix: Prefix, route: FibRoute | undefined): void {
    this.#lookUp(route);
    this.#fib.want(prefix, route);
    this.#work();
  }

  /** The same by row of `prefixes(family)`. Routes that are alike are best given as one object. */
  wantRow(family: Family, row: PrefixId, route: FibRoute | undefined): void {
    if (route !== this.#lastRoute) this.#lookUp(route);
    this.#lastRoute = route;
    this.#fib.wantRow(family, row, route);
    this.#work();
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

  /** Makes sure that pending changes are on their way. `want` does so too. */
  flush(): void {
    if (this.#fib.isDue) this.#work();
  }

  /** All is known now: routes of an earlier run that nobody wants go. */
  sweep(): void {
    if (this.#closed) return;
    const routes = this.#fib.sweep();
    if (routes > 0) this.#onLog({ event: 'routes-swept', routes });
    this.#work();
  }

  /** Nothing is left to do: the kernel has all that can be there. Routes without a reachable next hop do not count. */
  inStep(): boolean {
    const { pending, failed } = this.#fib.sizes;
    return this.#started && this.#pump.isFree && pending === 0 && failed === 0;
  }

  /** For how long changes have been on their way to the kernel without a pause, in milliseconds: a moment, as a rule. */
  get lagMs(): number {
    return this.#started ? this.#pump.lagMs : Number.POSITIVE_INFINITY;
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

  /** Why the kernel has not taken something that is wanted, as one example; a next hop before a route. */
  get refusal(): string | undefined {
    return this.#fib.refusedNextHops()[0] ?? this.#fib.refusal;
  }

  /** Takes all our routes out of the kernel. Resolves when that was tried for each of them. */
  removeAll(): Promise<void> {
    this.#fib.wantNothing();
    if (!this.#started || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#pump.whenIdle(resolve));
  }

  /** Does nothing more. The routes stay, and forward while the daemon is away. */
  close(): void {
    this.#closed = true;
    this.#timers.close();
    this.#news.close();
    this.#pump.close();
  }

  // What follows

  /** Soon: changes that come together go together. */
  #work(): void {
    if (this.#started) this.#pump.soon();
  }

  #applied(batch: RouteBatch, errors: readonly RouteError[], told: readonly RouteError[]): void {
    this.#count(batch, errors);
    this.#tell(batch, told);
    // An object may have gone with its interface, without a word.
    if (errors.some(({ index }) => batch.via[index]!.object !== undefined)) this.#look();
    if (this.#fib.mayHaveRemovedOthers(batch)) this.#rescan.soon();
    // Routes of ours may have become, or ceased to be, a way to someone's next hop.
    if (this.#nextHops.leadSomewhere(batch)) this.#nextHops.resolveSoon();
  }

  #count(batch: RouteBatch, errors: readonly RouteError[]): void {
    const counters = this.#counters;
    counters.batches++;
    for (let at = 0; at < batch.size; at++) {
      if (batch.how[at] === HOW.REMOVE) counters.removed++;
      else counters.replaced++;
    }
    for (const { index } of errors) {
      if (batch.how[index] === HOW.REMOVE) counters.removed--;
      else counters.replaced--;
    }
    counters.failures += errors.length;
  }

  #tell(batch: RouteBatch, errors: readonly RouteError[]): void {
    if (errors.length === 0) return;
    const examples = errors.slice(0, EXAMPLES).map(({ index, name, message }) => ({
      prefix: batch.prefix(index),
      message: `${name}: ${message}`,
    }));
    this.#onLog({ event: 'routes-failed', count: errors.length, examples });
  }

  /** Looks at the objects. A list that others disturbed is asked for again soon; nothing is believed of it. */
  #look(): void {
    const corrected = this.#objects.look();
    if (corrected === undefined) this.#timers.soon('objects-again', () => this.#news.lookAtObjects());
    else this.#corrected(corrected);
  }

  #corrected(routes: number): void {
    if (routes === 0) return;
    this.#counters.corrected += routes;
    this.#onLog({ event: 'routes-corrected', routes });
  }
}
