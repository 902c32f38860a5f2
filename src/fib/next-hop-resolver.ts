// How next hops are reached: asks the kernel, tells who follows them, and asks again as links and routes change.

import { type Address, FAMILY, familyOfAddress, type Prefix, prefixAddress, prefixOf } from 'bgp-utils';
import type { RouteBatch } from '../kernel/batch.ts';
import type { Kernel, NextHopResolution } from '../kernel/kernel.ts';
import type { Fib } from './fib.ts';
import { heedAllBut } from './ignored.ts';
import type { Timers } from './timers.ts';

export interface NextHopView {
  readonly address: Address;
  readonly resolution: NextHopResolution;
  readonly cost: number | undefined;
  /** The speaker asked for it. */
  readonly tracked: boolean;
}

export interface NextHopResolverOptions {
  readonly kernel: Kernel;
  readonly fib: Fib;
  readonly timers: Timers;
  /** Interfaces that routes of ours went through at some time; those that next hops are found behind are added. */
  readonly interfaces: Set<string>;
  /** As in FibSyncOptions. */
  readonly onNextHop: (address: Address, cost: number | undefined, by: string | undefined) => void;
  readonly onChange: (address: Address, resolution: NextHopResolution) => void;
  /** Routes may look different now. */
  readonly onResolved: () => void;
}

/** Next hops a turn. */
const LOOKUPS = 128;

export class NextHopResolver {
  readonly #options: NextHopResolverOptions;
  readonly #tracked = new Set<Address>();
  readonly #resolutions = new Map<Address, NextHopResolution>();
  /** Tracked, and the speaker was not told yet. */
  readonly #untold = new Set<Address>();
  readonly #toResolve = new Set<Address>();
  #ignored = '';
  #heed = heedAllBut([]);

  constructor(options: NextHopResolverOptions) {
    this.#options = options;
  }

  /** @param patterns  of interfaces whose networks resolve no next hop. */
  ignoreInterfaces(patterns: readonly string[]): void {
    if (patterns.join(' ') === this.#ignored) return;
    this.#ignored = patterns.join(' ');
    this.#heed = heedAllBut(patterns);
    this.resolveSoon();
  }

  track(address: Address): void {
    this.#tracked.add(address);
    this.#untold.add(address);
    this.#options.timers.after('tell', 0, () => this.#tell());
  }

  release(address: Address): void {
    this.#tracked.delete(address);
    this.#untold.delete(address);
  }

  views(): readonly NextHopView[] {
    return [...this.#resolutions].map(([address, resolution]) => ({
      address,
      resolution,
      cost: costOf(resolution),
      tracked: this.#tracked.has(address),
    }));
  }

  /** A host route matters to the next hop that it names; the others may matter to any. */
  leadsSomewhere(prefix: Prefix): boolean {
    const slash = prefix.indexOf('/');
    const address = prefix.slice(0, slash) as Address;
    const isHost = Number(prefix.slice(slash + 1)) === FAMILY[familyOfAddress(address)].addressBits;
    return isHost ? this.#resolutions.has(address) : this.#resolutions.size > 0;
  }

  /** The same of any route of a batch, without making text of each. */
  leadSomewhere(batch: RouteBatch): boolean {
    if (this.#resolutions.size === 0) return false;
    for (let at = 0; at < batch.size; at++) {
      const isHost = batch.length[at] === FAMILY[batch.familyOf(at)].addressBits;
      if (!isHost || this.#resolutions.has(prefixAddress(batch.prefix(at)))) return true;
    }
    return false;
  }

  of(address: Address): NextHopResolution {
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
    if (resolution.reachable) this.#options.interfaces.add(resolution.interface);
    return resolution;
  }

  #lookUpRecursively(address: Address): NextHopResolution {
    const { foreign: found, own } = this.#options.kernel.resolve(address);
    const foreign = this.#heed(found);
    if (own === undefined) return foreign;
    const least = foreign.reachable ? lengthOf(foreign.prefix) : 0;
    for (let length = lengthOf(own.prefix); length >= least; length--) {
      const direct = this.#options.fib.directRoute(prefixOf(address, length));
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
    this.#options.onNextHop(address, costOf(resolution), interfaceOf(resolution));
  }

  #tell(): void {
    for (const address of [...this.#untold]) {
      this.#untold.delete(address);
      this.#tellOne(address, this.of(address));
    }
  }

  resolveSoon(): void {
    this.#options.timers.soon('resolve', () => {
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
    if (this.#toResolve.size > 0) this.#options.timers.after('resolve-more', 0, () => this.#resolveSome());
    this.#options.onResolved();
  }

  #resolveAgain(address: Address): void {
    const before = this.#resolutions.get(address);
    if (before === undefined) return;
    const tracked = this.#tracked.has(address);
    if (!tracked && !this.#options.fib.usesNextHop(address)) {
      this.#resolutions.delete(address);
      return;
    }
    const resolution = this.#lookUp(address);
    this.#resolutions.set(address, resolution);
    this.#options.fib.setNextHop(address, resolution);
    if (!sameResolution(before, resolution)) this.#options.onChange(address, resolution);
    if (tracked && !this.#untold.has(address) && !sameForSpeaker(before, resolution)) {
      this.#tellOne(address, resolution);
    }
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
