// A kernel in memory, for tests and for a daemon that shall touch no routes (`--kernel none`). It keeps the rules of the
// real one that fib/ relies on: the suite test/contract/kernel.test.ts runs on both. Tests can make changes fail, add other
// programs' routes, and take routes away behind our back.

import {
  type Address,
  addressWords,
  comparePrefixes,
  FAMILIES,
  familyOfPrefix,
  type Prefix,
  prefixAddress,
  prefixLength,
} from 'bgp-utils';
import { HOW, RouteBatch } from './batch.ts';
import {
  type Kernel,
  type KernelEvent,
  type KernelRoute,
  type NextHopObject,
  type NextHopResolution,
  type ObjectChange,
  type ObjectKernel,
  PROTOCOL_BGP,
  type Resolution,
  type RouteError,
  shownMetric,
} from './kernel.ts';
import { ERRNO, MemoryObjects } from './memory-objects.ts';
import { type Later, MemoryWork } from './memory-work.ts';
import { conflictMessage, RouteTable, resolutionBy } from './route-table.ts';

/** A change as tests see it. */
export interface MemoryChange {
  readonly type: 'replace' | 'remove';
  readonly route: KernelRoute;
  readonly known: boolean;
}
const SCAN_STEP = 256;

export class MemoryKernel implements Kernel {
  readonly #own = new RouteTable();
  readonly #foreign = new RouteTable();
  readonly #resolutions = new Map<Address, NextHopResolution>();
  readonly #failing = new Map<Prefix, string>();
  #listener: ((event: KernelEvent) => void) | undefined;
  /** Every change asked for, in order. */
  readonly applied: MemoryChange[] = [];
  readonly objects: ObjectKernel | string;
  readonly #objects: MemoryObjects;
  /** What is being applied; a test may have it wait, and see what happens meanwhile. */
  readonly work: MemoryWork;

  /** @param options.objects  whether it has next-hop objects. @param options.later  calls in a later turn. */
  constructor(options: { readonly objects?: boolean; readonly later?: Later } = {}) {
    this.work = new MemoryWork(options.later ?? setImmediate);
    this.#objects = new MemoryObjects(this.#own, this.work);
    this.objects = options.objects ? this.#objects : 'this kernel has none';
  }

  routes(): readonly KernelRoute[] {
    return [...this.#own.values()]
      .map((route) => ({ ...route, nextHops: this.#objects.nextHopsOf(route) }))
      .sort((a, b) => comparePrefixes(a.prefix, b.prefix) || a.metric - b.metric);
  }

  *scan(): Generator<RouteBatch, boolean, void> {
    const list = new RouteBatch();
    for (const route of this.routes()) {
      const family = FAMILIES.indexOf(familyOfPrefix(route.prefix));
      const [w0, w1, w2, w3] = addressWords(prefixAddress(route.prefix));
      list.add(0, family, prefixLength(route.prefix), w0, w1, w2, w3, route.metric, route, 0);
      if (list.size < SCAN_STEP) continue;
      yield list;
      list.clear();
    }
    yield list;
    return true;
  }

  apply(changes: RouteBatch, done: (errors: readonly RouteError[]) => void): void {
    const errors: RouteError[] = [];
    const steps = Array.from({ length: changes.size }, (_, index) => () => {
      const failure = this.#apply({
        type: changes.how[index] === HOW.REMOVE ? 'remove' : 'replace',
        route: changes.route(index),
        known: changes.how[index] === HOW.REPLACE,
      });
      if (failure !== undefined) errors.push({ index, errno: ERRNO[failure.name] ?? 22, ...failure });
    });
    this.work.begin(steps, () => done(errors));
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
    this.work.close();
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
    this.#routesEvent(route, 'added', false);
    return true;
  }

  /** `ip route replace`: whatever has the prefix and metric goes. */
  replaceByOthers(route: KernelRoute): void {
    for (const table of [this.#own, this.#foreign]) {
      const before = table.find(route.prefix, route.metric);
      if (before !== undefined) table.remove(before);
    }
    const table = route.protocol === PROTOCOL_BGP ? this.#own : this.#foreign;
    table.add({ ...route, metric: shownMetric(route.prefix, route.metric) });
    this.#routesEvent(route, 'added', true);
  }

  /** `ip route replace … proto bgp`, and the news of it is lost. */
  replaceUnheard(route: KernelRoute): void {
    this.#change({ type: 'replace', route, known: false });
  }

  /** Another program changes next-hop objects. */
  changeObjectsByOthers(...changes: readonly ObjectChange[]): void {
    for (const change of changes) this.#objects.change(change);
    for (const change of changes)
      this.emit({
        type: 'objects',
        id: change.type === 'put' ? change.object.id : change.id,
        by: OTHER_PORT,
      });
  }

  /** The next lists of objects are not whole. */
  set objectListHasHoles(holes: boolean) {
    this.#objects.hasHoles = holes;
  }

  /** Puts of these objects fail with that error; undefined: no longer. */
  setFailingObjects(fails: ((object: NextHopObject) => string | undefined) | undefined): void {
    this.#objects.fails = fails;
  }

  removeByOthers(route: KernelRoute): void {
    const table = route.protocol === PROTOCOL_BGP ? this.#own : this.#foreign;
    const found = table
      .at(route.prefix)
      .find((each) => each.metric === shownMetric(route.prefix, route.metric));
    if (found === undefined) return;
    table.remove(found);
    this.#routesEvent(route, 'removed', false);
  }

  /** An interface goes down, and takes routes with it without a word each. */
  takeDown(name: string): void {
    this.#objects.dropInterface(name);
    this.#own.dropInterface(name);
    this.#foreign.dropInterface(name);
    this.emit({ type: 'links', interface: name, up: false });
  }

  emit(event: KernelEvent): void {
    if (this.#listener !== undefined) setImmediate(() => this.#listener?.(event));
  }

  #routesEvent(route: KernelRoute, change: 'added' | 'removed', replaces: boolean): void {
    const metric = shownMetric(route.prefix, route.metric);
    this.emit({ type: 'routes', route: { ...route, metric }, change, replaces, by: OTHER_PORT });
  }

  #apply(change: MemoryChange): { readonly name: string; readonly message: string } | undefined {
    this.applied.push(change);
    return this.#change(change);
  }

  #change(change: MemoryChange): { readonly name: string; readonly message: string } | undefined {
    const route = { ...change.route, metric: shownMetric(change.route.prefix, change.route.metric) };
    const failing = this.#failing.get(route.prefix);
    if (failing !== undefined) return { name: failing, message: `made to fail with ${failing}` };
    const before = this.#own.find(route.prefix, route.metric);
    if (change.type === 'remove') {
      const gone = before ?? this.#insteadOfMetric0(route);
      if (gone !== undefined) this.#own.remove(gone);
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
    if (route.object !== undefined && !this.#objects.has(route.object))
      return { name: 'EINVAL', message: 'Nexthop id does not exist' };
    if (before !== undefined) this.#own.remove(before);
    this.#own.add(route);
    return undefined;
  }

  /** Linux takes 0 in the removal of an IPv4 route for whatever metric there is, the lowest first. */
  #insteadOfMetric0({ prefix, type, metric }: KernelRoute): KernelRoute | undefined {
    if (metric !== 0) return undefined;
    const others = this.#own.at(prefix).filter((each) => each.type === type);
    return [...others].sort((a, b) => a.metric - b.metric)[0];
  }

  #onLink(gateway: Address): boolean {
    if ([...this.#resolutions.values()].some((each) => each.reachable && each.gateway === gateway)) {
      return true;
    }
    const resolution = this.#resolutions.get(gateway) ?? resolutionBy(this.#foreign.longestMatch(gateway));
    return resolution.reachable && resolution.gateway === undefined;
  }
}

/** Of the one other program that there is. */
const OTHER_PORT = 4711;

const lengthOf = (prefix: Prefix): number => Number(prefix.slice(prefix.indexOf('/') + 1));
