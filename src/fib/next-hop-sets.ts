// Where wanted routes lead to, each set of next hops once: how its next hops are reached, and what a route through it looks like
// in the kernel. With next-hop objects that is the number of one, which stays the same however the next hops are reached;
// without, it is a list of next hops, and all routes follow when that changes.

import { type Address, type Millis, withoutZone } from 'bgp-utils';
import type { KernelNextHop, NextHopResolution, Via } from '../kernel/kernel.ts';
import { type Group, NextHopObjects, type Shared, type Single } from './objects.ts';
import { type FibRoute, nextHopsOf, type Unicast } from './route.ts';
import { NO_TARGET, Targets } from './targets.ts';

const UNKNOWN: NextHopResolution = { reachable: false, reason: 'not looked up yet' };
const BLACKHOLE: Via = { type: 'blackhole', nextHops: [] };

export interface NextHopSet {
  readonly index: number;
  readonly key: string;
  readonly route: FibRoute;
  /** Routes. */
  users: number;
  /** What a route has to have in the kernel; NO_TARGET: it must not be there, or cannot. */
  target: number;
  /** The next hops themselves: a route of an earlier run that has them is right as well. */
  plain: number;
  /** No next hop is reachable: the reason. */
  unresolved: string | undefined;
  /** The kernel does not take the next hops: the reason. What routes have stays until it does. */
  refused: string | undefined;
  shared: Shared | undefined;
}

interface Hop {
  resolution: NextHopResolution;
  readonly sets: Set<NextHopSet>;
  /** One each tunnel that it is reached through. */
  readonly singles: Map<string, Single>;
}

export class NextHopSets {
  readonly targets = new Targets();
  readonly objects: NextHopObjects | undefined;
  /** By index. */
  readonly #sets: (NextHopSet | undefined)[] = [];
  readonly #byKey = new Map<string, NextHopSet>();
  readonly #free: number[] = [];
  readonly #hops = new Map<Address, Hop>();
  readonly #byShared = new Map<Shared, NextHopSet>();
  /** Of the last call of `use`: most routes come in runs that are alike. */
  #last: { readonly route: FibRoute; readonly set: NextHopSet } | undefined;
  /** Routes through these may have to change. */
  readonly changed = new Set<NextHopSet>();
  /** Routes that led there are gone. */
  readonly gone = new Set<number>();

  constructor(withObjects: boolean) {
    const onChange = (shared: Shared) => {
      const set = this.#byShared.get(shared);
      if (set !== undefined) this.#refresh(set);
    };
    const onGone = (id: number) => {
      const target = this.targets.find({ type: 'unicast', nextHops: [], object: id });
      if (target !== NO_TARGET) this.gone.add(target);
    };
    this.objects = withObjects ? new NextHopObjects({ onChange, onGone }) : undefined;
  }

  at(index: number): NextHopSet {
    return this.#sets[index]!;
  }

  /** One more route through it. @param hint  number of the next-hop object that the kernel's route names, if it is there. */
  use(route: FibRoute, hint: number): NextHopSet {
    let set = this.#last?.route === route ? this.#last.set : undefined;
    if (set === undefined || set.users === 0) {
      const key = keyOf(route);
      set = this.#byKey.get(key) ?? this.#make(key, route, hint);
      this.#last = { route, set };
    }
    set.users++;
    return set;
  }

  release(set: NextHopSet): void {
    if (--set.users > 0) return;
    this.#byKey.delete(set.key);
    this.#sets[set.index] = undefined;
    this.#free.push(set.index);
    this.changed.delete(set);
    this.#setTarget(set, NO_TARGET, NO_TARGET);
    for (const address of nextHopsOf(set.route)) this.#hops.get(address)?.sets.delete(set);
    if (set.shared === undefined) return;
    this.#byShared.delete(set.shared);
    this.objects!.drop(set.shared);
  }

  /** How a next hop is reached. Routes that use it are among the `changed`. */
  setNextHop(address: Address, resolution: NextHopResolution): void {
    const hop = this.#hop(address);
    if (sameForwarding(hop.resolution, resolution)) return;
    hop.resolution = resolution;
    for (const [tunnel, single] of hop.singles) this.objects!.want(single, this.#reach(address, tunnel));
    for (const set of hop.sets) this.#refresh(set);
  }

  /** Next hops of the route for which nothing was said yet. */
  unknownOf(route: FibRoute | undefined): readonly Address[] {
    return nextHopsOf(route).filter((address) => this.#resolutionOf(address) === UNKNOWN);
  }

  /** Is it a next hop of a wanted route? If not, what was said of it is forgotten. */
  has(address: Address): boolean {
    if ((this.#hops.get(address)?.sets.size ?? 0) > 0) return true;
    this.#hops.delete(address);
    return false;
  }

  /** All its next hops are neighbours on a link of ours. */
  isDirect({ route }: NextHopSet): boolean {
    if (route.type !== 'unicast' || route.tunnels !== undefined) return false;
    return route.nextHops.every((address) => {
      const resolution = this.#resolutionOf(address);
      return resolution.reachable && resolution.gateway === undefined;
    });
  }

  /** Where a route through it leads to. */
  nextHops(target: number): readonly KernelNextHop[] {
    const { nextHops, object } = this.targets.via(target);
    return object === undefined ? nextHops : (this.objects?.nextHopsOf(object) ?? []);
  }

  retry(now: Millis): void {
    this.objects?.retry(now);
  }

  /** Sets whose routes cannot be there. */
  *unusable(): Generator<NextHopSet, void, void> {
    for (const set of this.#byKey.values())
      if (set.unresolved !== undefined || set.refused !== undefined) yield set;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** All indexes are below this. */
  get capacity(): number {
    return this.#sets.length;
  }

  #make(key: string, route: FibRoute, hint: number): NextHopSet {
    const set: NextHopSet = {
      ...{ index: this.#free.pop() ?? this.#sets.length, key, route, users: 0, shared: undefined },
      ...{ target: NO_TARGET, plain: NO_TARGET, unresolved: undefined, refused: undefined },
    };
    this.#sets[set.index] = set;
    this.#byKey.set(key, set);
    for (const address of nextHopsOf(route)) this.#hop(address).sets.add(set);
    if (route.type === 'unicast' && this.objects !== undefined) {
      set.shared = this.#share(this.objects, key, route, hint);
      this.#byShared.set(set.shared, set);
    }
    this.#refresh(set);
    this.changed.delete(set); // no route has it yet
    return set;
  }

  #share(objects: NextHopObjects, key: string, route: Unicast, hint: number): Shared {
    const alone = route.nextHops.length === 1;
    const singles = route.nextHops.map((address, i) => {
      const tunnel = route.tunnels?.[i];
      const single = objects.single(address, tunnel, alone ? hint : 0);
      const hop = this.#hop(address);
      hop.singles.set(tunnel ?? '', single);
      if (hop.resolution !== UNKNOWN) objects.want(single, this.#reach(address, tunnel ?? ''));
      return single;
    });
    if (alone) return singles[0]!;
    const parts: Group['parts'] = singles.map((single, i) => ({ single, weight: route.weights?.[i] ?? 1 }));
    return objects.group(key, parts, hint);
  }

  #hop(address: Address): Hop {
    let hop = this.#hops.get(address);
    if (hop === undefined) {
      hop = { resolution: UNKNOWN, sets: new Set(), singles: new Map() };
      this.#hops.set(address, hop);
    }
    return hop;
  }

  #resolutionOf(address: Address): NextHopResolution {
    return this.#hops.get(address)?.resolution ?? UNKNOWN;
  }

  /** What is put into the kernel for a next hop. */
  #reach(address: Address, tunnel: string): KernelNextHop | undefined {
    const resolution = this.#resolutionOf(address);
    if (!resolution.reachable) return undefined;
    if (tunnel !== '') return { gateway: address, interface: tunnel, weight: 1, onLink: true };
    const gateway = resolution.gateway ?? withoutZone(address);
    return { gateway, interface: resolution.interface, weight: 1, onLink: false };
  }

  #refresh(set: NextHopSet): void {
    const { target, plain, unresolved, refused } = set;
    const { route } = set;
    if (route.type === 'blackhole') this.#setTarget(set, this.targets.intern(BLACKHOLE), NO_TARGET);
    else this.#refreshUnicast(set, route);
    if (
      target !== set.target ||
      plain !== set.plain ||
      unresolved !== set.unresolved ||
      refused !== set.refused
    )
      this.changed.add(set);
  }

  #refreshUnicast(set: NextHopSet, route: Unicast): void {
    const nextHops = this.#nextHops(route);
    const some = nextHops.length > 0;
    const plain = some ? this.targets.intern({ type: 'unicast', nextHops }) : NO_TARGET;
    set.unresolved = some ? undefined : this.#whyUnresolved(route);
    if (set.shared === undefined || this.objects === undefined) {
      this.#setTarget(set, plain, NO_TARGET);
      return;
    }
    const object = some ? this.objects.usable(set.shared) : undefined;
    const target = object === undefined ? NO_TARGET : this.targets.intern({ ...ANY, object });
    this.#setTarget(set, target, plain);
    const refusal = some && object === undefined ? this.objects.refusal(set.shared) : undefined;
    set.refused = refusal?.message;
    // The interface has no carrier, or is going down: nothing is wrong with the route.
    if (refusal?.name !== 'ENETDOWN') return;
    set.unresolved = `next hop ${route.nextHops.join(', ')}: ${refusal.message}`;
    set.refused = undefined;
  }

  #setTarget(set: NextHopSet, target: number, plain: number): void {
    this.targets.retain(target);
    this.targets.retain(plain);
    this.targets.release(set.target);
    this.targets.release(set.plain);
    set.target = target;
    set.plain = plain;
  }

  #nextHops({ nextHops: addresses, weights, tunnels }: Unicast): readonly KernelNextHop[] {
    const nextHops: KernelNextHop[] = [];
    for (const [i, address] of addresses.entries()) {
      const hop = this.#reach(address, tunnels?.[i] ?? '');
      // Two next hops may lie behind one router.
      const twice = (each: KernelNextHop) =>
        each.gateway === hop?.gateway && each.interface === hop?.interface && !each.onLink;
      if (hop !== undefined && !nextHops.some(twice)) nextHops.push({ ...hop, weight: weights?.[i] ?? 1 });
    }
    return nextHops;
  }

  #whyUnresolved({ nextHops }: Unicast): string {
    const reasons = nextHops.flatMap((address) => {
      const resolution = this.#resolutionOf(address);
      return resolution.reachable ? [] : [`next hop ${address}: ${resolution.reason}`];
    });
    return reasons.join('; ') || 'no next hop';
  }
}

const ANY: Via = { type: 'unicast', nextHops: [] };

const keyOf = (route: FibRoute): string =>
  route.type === 'blackhole'
    ? 'blackhole'
    : route.nextHops
        .map((address, i) => `${address} ${route.weights?.[i] ?? ''} ${route.tunnels?.[i] ?? ''}`)
        .join();

/** Does a route through it look the same? The reason counts: it is shown. */
const sameForwarding = (a: NextHopResolution, b: NextHopResolution): boolean =>
  a.reachable
    ? b.reachable && a.gateway === b.gateway && a.interface === b.interface
    : !b.reachable && a.reason === b.reason;
