// What others do in the kernel, and what follows from it. News says what happened, and not whether it was before or after a change
// of ours that is on its way: so it waits until that has come to something, and counts as later. What was in truth earlier, and our
// change has mended already, is mended once more.

import { NEVER } from 'bgp-utils';
import { type KernelEvent, PROTOCOL_BGP } from '../kernel/kernel.ts';
import type { Fib } from './fib.ts';
import type { FibLog } from './log.ts';
import type { NextHopResolver } from './next-hop-resolver.ts';
import type { ObjectSync } from './object-sync.ts';
import type { Pump } from './pump.ts';
import type { Rescan } from './rescan.ts';
import type { FibClock, Timers } from './timers.ts';

export interface KernelNewsOptions {
  readonly fib: Fib;
  readonly timers: Timers;
  readonly clock: FibClock;
  readonly pump: Pump;
  readonly objects: ObjectSync;
  readonly nextHops: NextHopResolver;
  readonly rescan: Rescan;
  /** That routes of ours went through at some time. */
  readonly interfaces: ReadonlySet<string>;
  /** Looks at the next-hop objects. */
  readonly look: () => void;
  /** As in FibSyncOptions, both. */
  readonly onOthersRoutes: (() => void) | undefined;
  readonly onLinkUp: (() => void) | undefined;
  /** News did not reach us. */
  readonly onLost: () => void;
  /** @param routes  of ours that others removed or changed. */
  readonly onCorrected: (routes: number) => void;
  readonly onLog: (event: FibLog) => void;
}

export class KernelNews {
  readonly #options: KernelNewsOptions;
  /** Not acted on yet. */
  #events: KernelEvent[] = [];
  /** Routes of ours that others removed, not told of yet. */
  #lost = 0;
  #closed = false;

  constructor(options: KernelNewsOptions) {
    this.#options = options;
  }

  heard(event: KernelEvent): void {
    if (this.#closed) return;
    this.#events.push(event);
    this.#options.pump.whenFree('news', () => {
      const events = this.#events;
      this.#events = [];
      for (const each of events) this.#happened(each);
    });
  }

  close(): void {
    this.#closed = true;
  }

  #happened(event: KernelEvent): void {
    const { nextHops, rescan, interfaces, onLost, onLog } = this.#options;
    if (event.type !== 'routes' || event.route.protocol !== PROTOCOL_BGP) this.#tellOthersSoon();
    switch (event.type) {
      case 'links':
        this.#retryAllSoon();
        nextHops.resolveSoon();
        // IPv4 routes go with their interface, and objects with its carrier, and nobody says so.
        if (interfaces.has(event.interface)) this.lookAtObjects();
        if (event.up) this.#linkUp(event.interface);
        else if (interfaces.has(event.interface)) rescan.soon();
        break;
      case 'addresses':
        this.#linkUp(event.interface);
        this.#retryAllSoon();
        nextHops.resolveSoon();
        break;
      case 'objects':
        this.#objectNews(event.id, event.by);
        break;
      case 'routes':
        this.#routeNews(event);
        break;
      case 'overrun':
        onLost();
        onLog({ event: 'news-lost' });
        this.lookAtObjects();
        nextHops.resolveSoon();
        rescan.soon();
        break;
    }
  }

  #routeNews({ route, change, replaces, by }: KernelEvent & { readonly type: 'routes' }): void {
    const now = this.#options.clock.now();
    if (route.protocol !== PROTOCOL_BGP) {
      if (this.#options.nextHops.leadsSomewhere(route.prefix)) this.#options.nextHops.resolveSoon();
      if (this.#options.fib.sizes.failed > 0) this.#retryAllSoon();
      // Another program has taken the place of ours, and keeps it: the kernel refuses us until it is free.
      if (replaces && this.#options.fib.lost(route.prefix, route.metric, now, { port: by, route }))
        this.#lostRoute();
    } else if (change === 'removed') {
      const adversary = by === 0 ? undefined : { port: by, route: undefined };
      if (this.#options.fib.lost(route.prefix, route.metric, now, adversary)) this.#lostRoute();
    } else {
      if (this.#options.fib.foundByNews(route, now, { port: by, route })) this.#lostRoute();
      this.#options.rescan.soon();
    }
    for (const fight of this.#options.fib.takeFights()) this.#options.onLog({ event: 'fight', ...fight });
  }

  #objectNews(id: number, by: number): void {
    this.lookAtObjects();
    const message = by !== 0 && this.#options.fib.hasObject(id) ? this.#options.objects.fight(by) : undefined;
    if (message !== undefined) this.#options.onLog({ event: 'objects-fight', message });
  }

  /** At once: what named a lost one does not forward. */
  lookAtObjects(): void {
    const { timers, pump, fib, look } = this.#options;
    timers.after('objects', 0, () =>
      pump.whenFree('objects', () => {
        look();
        fib.retry(NEVER);
        pump.soon();
      }),
    );
  }

  #linkUp(name: string): void {
    if (this.#options.onLinkUp !== undefined && this.#options.interfaces.has(name))
      this.#options.timers.soon('link-up', this.#options.onLinkUp);
  }

  #tellOthersSoon(): void {
    if (this.#options.onOthersRoutes !== undefined)
      this.#options.timers.soon('others', this.#options.onOthersRoutes);
  }

  /** Put back at once, and told of together with others that go at the same time. */
  #lostRoute(): void {
    this.#lost++;
    this.#options.pump.soon();
    this.#options.timers.soon('lost', () => {
      this.#options.onCorrected(this.#lost);
      this.#lost = 0;
    });
  }

  #retryAllSoon(): void {
    if (this.#options.fib.sizes.failed === 0) return;
    this.#options.timers.soon('retry-all', () => {
      this.#options.fib.retry(NEVER);
      this.#options.pump.soon();
    });
  }
}
