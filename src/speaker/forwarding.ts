// From the Loc-RIB's routes to the kernel's: what the speaker wants to forward goes through a rule that the configuration
// sets (which pools, which metric) and on to the FIB. A new rule is applied to all routes again.                         [hot]

import {
  type Address,
  FAMILIES,
  type Family,
  type ForwardingRoute,
  familyOfPrefix,
  type Mutable,
  type Prefix,
  type PrefixId,
  type PrefixTable,
  type PrefixWords,
} from 'bgp-utils';
import type { FibRoute, FibView } from '../fib/fib.ts';
import type { FibSync } from '../fib/sync.ts';
import type { ForwardingPlane } from './loop.ts';

export interface KernelRule {
  /** Number of the pool around a prefix; prefixes of one pool are treated alike. */
  poolOf(prefix: PrefixWords): number;
  /** @returns what the kernel shall have, undefined for a route that stays out of it. */
  route(pool: number, family: Family, route: ForwardingRoute): FibRoute | undefined;
}

/** Some peers say End-of-RIB a moment before their last routes: what an earlier run left may wait that long. */
const SWEEP_GRACE_MS = 2000;
/** Then it waits for what is decided on and not handed over yet, so often and so long. */
const SETTLE_TRIES = 300;
const SETTLE_MS = 100;

const NOTHING: KernelRule = { poolOf: () => 0, route: () => undefined };

/** What the speaker said of a family's prefixes, by their rows in the FIB, which are held as long as something is said. */
interface Told {
  readonly routes: (ForwardingRoute | undefined)[];
  /** Routes that are there whatever the speaker says. */
  readonly fixed: Map<PrefixId, FibRoute>;
  readonly words: Mutable<PrefixWords>;
}

const nothingTold = (family: Family): Told => ({
  routes: [],
  fixed: new Map(),
  words: { family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 },
});

export class KernelPlane implements ForwardingPlane {
  private readonly told = { ipv4: nothingTold('ipv4'), ipv6: nothingTold('ipv6') };
  private rule = NOTHING;
  /** What the rule made of a route last: many that come one after the other are one object. */
  private last:
    | {
        readonly route: ForwardingRoute;
        readonly pool: number;
        readonly family: Family;
        readonly made: FibRoute | undefined;
      }
    | undefined;

  constructor(private readonly fib: FibSync) {}

  /** @param fixed  routes that are there whatever the speaker says of the prefix. */
  setRule(
    rule: KernelRule,
    fixed: ReadonlyMap<Prefix, FibRoute>,
    ignoredInterfaces: readonly string[],
  ): void {
    this.rule = rule;
    this.last = undefined;
    this.fib.ignoreInterfaces(ignoredInterfaces);
    for (const family of FAMILIES) {
      const gone = this.replaceFixed(family, fixed);
      const { routes, fixed: rows } = this.told[family];
      for (const row of [...gone, ...rows.keys()]) this.apply(family, row);
      for (let row = 0; row < routes.length; row++)
        if (routes[row] !== undefined) this.apply(family, row as PrefixId);
      for (const row of gone) this.fib.prefixes(family).release(row);
    }
  }

  want(prefixes: PrefixTable, id: PrefixId, route: ForwardingRoute | undefined): void {
    const { family } = prefixes;
    const { routes, words } = this.told[family];
    const table = this.fib.prefixes(family);
    prefixes.words(id, words);
    const row = table.add(words.length, words.w0, words.w1, words.w2, words.w3);
    const before = routes[row];
    while (routes.length < row) routes.push(undefined); // an array without holes
    routes[row] = route;
    if (before === undefined && route !== undefined) table.retain(row);
    this.apply(family, row);
    if (before !== undefined && route === undefined) table.release(row);
  }

  private apply(family: Family, row: PrefixId): void {
    const { routes, fixed } = this.told[family];
    const set = fixed.size === 0 ? undefined : fixed.get(row);
    const route = routes[row];
    this.fib.wantRow(family, row, set ?? (route && this.made(family, row, route)));
  }

  private made(family: Family, row: PrefixId, route: ForwardingRoute): FibRoute | undefined {
    const { words } = this.told[family];
    const pool = this.rule.poolOf(this.fib.prefixes(family).words(row, words));
    const { last } = this;
    if (last !== undefined && last.route === route && last.pool === pool && last.family === family)
      return last.made;
    const made = this.rule.route(pool, family, route);
    this.last = { route, pool, family, made };
    return made;
  }

  /** @returns rows that are fixed no longer, and still held. */
  private replaceFixed(family: Family, routes: ReadonlyMap<Prefix, FibRoute>): PrefixId[] {
    const table = this.fib.prefixes(family);
    const { fixed } = this.told[family];
    const before = new Set(fixed.keys());
    fixed.clear();
    for (const [prefix, route] of routes) {
      if (familyOfPrefix(prefix) !== family) continue;
      const row = table.addPrefix(prefix);
      if (!before.delete(row)) table.retain(row);
      fixed.set(row, route);
    }
    return [...before];
  }

  trackNextHop(address: Address): void {
    this.fib.trackNextHop(address);
  }

  releaseNextHop(address: Address): void {
    this.fib.releaseNextHop(address);
  }

  flush(): void {
    this.fib.flush();
  }

  /** What an earlier run left, and nobody wants until now. */
  leftovers(): FibView['present'] {
    return this.fib.view().flatMap(({ state, present }) => (state === 'adopted' ? present : []));
  }

  /** @param isSettled  all that the speaker wants has been handed over: what it has only just held would go, and come back. */
  sweep(isSettled: () => boolean): void {
    this.sweepIn(SWEEP_GRACE_MS, isSettled, SETTLE_TRIES);
  }

  private sweepIn(delayMs: number, isSettled: () => boolean, tries: number): void {
    setTimeout(() => {
      if (tries === 0 || isSettled()) this.fib.sweep();
      else this.sweepIn(SETTLE_MS, isSettled, tries - 1);
    }, delayMs).unref();
  }
}

/** `--kernel none`: nothing is installed, and every next hop counts as reachable. */
export class NoPlane implements ForwardingPlane {
  /** @param onNextHop  told in a later turn, as a kernel would. */
  constructor(private readonly onNextHop: (address: Address, cost: number | undefined) => void) {}

  want(): void {}

  trackNextHop(address: Address): void {
    setImmediate(() => this.onNextHop(address, 0));
  }

  releaseNextHop(): void {}

  flush(): void {}

  sweep(): void {}
}
