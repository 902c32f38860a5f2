// A kernel in memory, for tests and for a daemon that shall touch no routes (`--kernel none`). It keeps the rules of the
// real one that fib/ relies on: the suite test/contract/kernel.test.ts runs on both. Tests can make changes fail, add other
// programs' routes, and take routes away behind our back.

import { type Address, comparePrefixes, type Prefix } from 'bgp-utils';
import {
  type Kernel,
  type KernelEvent,
  type KernelRoute,
  type NextHopResolution,
  PROTOCOL_BGP,
  type Resolution,
  type RouteChange,
  type RouteError,
  shownMetric,
} from './kernel.ts';
import { conflictMessage, RouteTable, resolutionBy } from './route-table.ts';

const ERRNO: Readonly<Record<string, number>> = { EEXIST: 17, ENETUNREACH: 101, ENODEV: 19 };
const SCAN_STEP = 256;

export class MemoryKernel implements Kernel {
  readonly #own = new RouteTable();
  readonly #foreign = new RouteTable();
  readonly #resolutions = new Map<Address, NextHopResolution>();
  readonly #failing = new Map<Prefix, string>();
  #listener: ((event: KernelEvent) => void) | undefined;
  /** Every change asked for, in order. */
  readonly applied: RouteChange[] = [];

  routes(): readonly KernelRoute[] {
    return [...this.#own.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix) || a.metric - b.metric);
  }

  *scan(): Generator<readonly KernelRoute[], boolean, void> {
    const routes = this.routes();
    for (let at = 0; at < routes.length; at += SCAN_STEP) yield routes.slice(at, at + SCAN_STEP);
    return true;
  }

  apply(changes: readonly RouteChange[]): readonly RouteError[] {
    const errors: RouteError[] = [];
    for (const change of changes) {
      this.applied.push(change);
      const failure = this.#change(change);
      if (failure !== undefined) {
        errors.push({ change, errno: ERRNO[failure.name] ?? 22, ...failure });
      }
    }
    return errors;
  }

  othersRoutes(): readonly KernelRoute[] {
    return [...this.#foreign.values()];
  }

  resolve(address: Address): Resolution {
    const match = this.#own.longestMatch(address);
    const foreign = this.#foreign.longestMatch(address);
    const longer = (route: KernelRoute | undefined) => (route === undefined ? -1 : lengthOf(route.prefix));
    const ownWins =
      match !== undefined &&
      (longer(match) > longer(foreign) ||
        (longer(match) === longer(foreign) && match.metric < foreign!.metric));
    return {
      foreign: this.#resolutions.get(address) ?? resolutionBy(foreign),
      own: ownWins ? match : undefined,
    };
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = undefined;
  }

  // What a test says about the world

  /** How an address is reached, whatever the routes are. Undefined: by the routes again. */
  setResolution(address: Address, resolution: NextHopResolution | undefined): void {
    if (resolution === undefined) this.#resolutions.delete(address);
    else this.#resolutions.set(address, resolution);
  }

  /** Changes of this prefix fail with that error. Undefined: no longer. */
  setFailing(prefix: Prefix, errorName: string | undefined): void {
    if (errorName === undefined) this.#failing.delete(prefix);
    else this.#failing.set(prefix, errorName);
  }

  /**
   * Another program, or an administrator with `proto bgp`, adds a route.
   * @returns false, as `ip route add` fails, where prefix and metric are taken.
   */
  addByOthers(route: KernelRoute): boolean {
    if ([this.#own, this.#foreign].some((each) => each.find(route.prefix, route.metric))) return false;
    const table = route.protocol === PROTOCOL_BGP ? this.#own : this.#foreign;
    table.add({ ...route, metric: shownMetric(route.prefix, route.metric) });
    this.#routesEvent(route, 'added');
    return true;
  }

  removeByOthers(route: KernelRoute): void {
    const table = route.protocol === PROTOCOL_BGP ? this.#own : this.#foreign;
    const found = table
      .at(route.prefix)
      .find((each) => each.metric === shownMetric(route.prefix, route.metric));
    if (found === undefined) return;
    table.remove(found);
    this.#routesEvent(route, 'removed');
  }

  /** An interface goes down, and takes routes with it without a word each. */
  takeDown(name: string): void {
    this.#own.dropInterface(name);
    this.#foreign.dropInterface(name);
    this.emit({ type: 'links', interface: name, up: false });
  }

  emit(event: KernelEvent): void {
    if (this.#listener !== undefined) setImmediate(() => this.#listener?.(event));
  }

  #routesEvent(route: KernelRoute, change: 'added' | 'removed'): void {
    const metric = shownMetric(route.prefix, route.metric);
    this.emit({ type: 'routes', prefix: route.prefix, metric, protocol: route.protocol, change });
  }

  #change(change: RouteChange): { readonly name: string; readonly message: string } | undefined {
    const route = { ...change.route, metric: shownMetric(change.route.prefix, change.route.metric) };
    const failing = this.#failing.get(route.prefix);
    if (failing !== undefined) return { name: failing, message: `made to fail with ${failing}` };
    const before = this.#own.find(route.prefix, route.metric);
    if (change.type === 'remove') {
      if (before !== undefined) this.#own.remove(before);
      return undefined;
    }
    const conflict = this.#foreign.find(route.prefix, route.metric);
    if (conflict !== undefined) return { name: 'EEXIST', message: conflictMessage(conflict) };
    const stray = route.nextHops.find(
      (hop) => hop.gateway !== undefined && !hop.onLink && !this.#onLink(hop.gateway),
    );
    if (stray !== undefined) {
      return { name: 'ENETUNREACH', message: 'Nexthop has invalid gateway' };
    }
    if (before !== undefined) this.#own.remove(before);
    this.#own.add(route);
    return undefined;
  }

  #onLink(gateway: Address): boolean {
    if ([...this.#resolutions.values()].some((each) => each.reachable && each.gateway === gateway)) {
      return true;
    }
    const resolution = this.#resolutions.get(gateway) ?? resolutionBy(this.#foreign.longestMatch(gateway));
    return resolution.reachable && resolution.gateway === undefined;
  }
}

const lengthOf = (prefix: Prefix): number => Number(prefix.slice(prefix.indexOf('/') + 1));
