// From the Loc-RIB's routes to the kernel's: what the speaker wants to forward goes through a rule that the configuration
// sets (which pools, which metric) and on to the FIB. A new rule is applied to all routes again.

import type { Address, ForwardingRoute, Prefix, PrefixId, PrefixTable } from 'bgp-utils';
import type { FibRoute, FibView } from '../fib/fib.ts';
import type { FibSync } from '../fib/sync.ts';
import type { ForwardingPlane } from './loop.ts';

/** @returns what the kernel shall have, undefined for a route that stays out of it. */
export type KernelRule = (prefix: Prefix, route: ForwardingRoute) => FibRoute | undefined;

/** Some peers say End-of-RIB a moment before their last routes: what an earlier run left may wait that long. */
const SWEEP_GRACE_MS = 2000;

export class KernelPlane implements ForwardingPlane {
  private readonly routes = new Map<Prefix, ForwardingRoute>();
  private rule: KernelRule = () => undefined;
  private fixed: ReadonlyMap<Prefix, FibRoute> = new Map();

  constructor(private readonly fib: FibSync) {}

  /** @param fixed  routes that are there whatever the speaker says of the prefix. */
  setRule(
    rule: KernelRule,
    fixed: ReadonlyMap<Prefix, FibRoute>,
    ignoredInterfaces: readonly string[],
  ): void {
    const prefixes = new Set([...this.routes.keys(), ...this.fixed.keys(), ...fixed.keys()]);
    this.rule = rule;
    this.fixed = fixed;
    this.fib.ignoreInterfaces(ignoredInterfaces);
    for (const prefix of prefixes) this.apply(prefix);
  }

  want(prefixes: PrefixTable, id: PrefixId, route: ForwardingRoute | undefined): void {
    const prefix = prefixes.prefix(id);
    if (route === undefined) this.routes.delete(prefix);
    else this.routes.set(prefix, route);
    this.apply(prefix);
  }

  private apply(prefix: Prefix): void {
    const route = this.routes.get(prefix);
    this.fib.want(prefix, this.fixed.get(prefix) ?? (route && this.rule(prefix, route)));
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

  sweep(): void {
    setTimeout(() => this.fib.sweep(), SWEEP_GRACE_MS).unref();
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
