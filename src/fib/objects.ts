// The kernel's next-hop objects as they should be and as they are: one for each next hop in use, and a group for each set of
// several that names those. Routes name the object, so that a next hop that is lost, or reached another way, is one message
// however many routes use it. Pure: sync.ts carries changes to the kernel and brings back what came of them.
//
//   BGP next hop 10.0.0.2 ──► object 1 (via 10.0.0.2 dev eth0) ◄── routes through it alone
//                 10.0.0.3 ──► object 2 (via 10.0.0.3 dev eth0)
//   set {10.0.0.2, 10.0.0.3} ──► group 3 (1, 2) ◄── routes through both
//
// Level-triggered, like the routes: each object has what it should be and what it is known to be, and `take` gives the
// difference: single ones first, since groups need them, and what nothing uses any more last. An object that is found at start is
// taken over with its number, so that the routes which name it stay as they are.

import { type Address, type Millis, NEVER } from 'bgp-utils';
import {
  type KernelError,
  type KernelNextHop,
  type NextHopObject,
  type ObjectChange,
  PROTOCOL_BGP,
  sameMembers,
  sameNextHop,
  sameObject,
} from '../kernel/kernel.ts';
import { refusal } from './failures.ts';
import { ObjectNumbers } from './object-numbers.ts';
import {
  type Failure,
  fits,
  type Group,
  isMeant,
  membersOf,
  newGroup,
  newSingle,
  objectOf,
  presentOf,
  type Shared,
  type Single,
} from './shared.ts';

export type { Group, Shared, Single } from './shared.ts';

export interface ObjectEvents {
  /** Whether it can be used, or its number, may be another now. */
  readonly onChange: (shared: Shared) => void;
  /** The kernel has no such object any more, nor routes that name it. */
  readonly onGone: (id: number) => void;
}

export class NextHopObjects {
  readonly #events: ObjectEvents;
  readonly #singles = new Map<string, Single>();
  readonly #groups = new Map<string, Group>();
  /** By number, those that have one. */
  readonly #byId = new Map<number, Shared>();
  readonly #dirty = new Set<Shared>();
  readonly #failed = new Set<Shared>();
  readonly #numbers = new ObjectNumbers();

  constructor(events: ObjectEvents) {
    this.#events = events;
  }

  // Who needs which

  /** @param hint  number of an object that a route found at start names, and which may become this one. */
  single(address: Address, tunnel: string | undefined, hint: number): Single {
    const key = `${address} ${tunnel ?? ''}`;
    let single = this.#singles.get(key);
    if (single === undefined) {
      single = newSingle(key, address, hint);
      this.#singles.set(key, single);
    }
    single.users++;
    return single;
  }

  group(key: string, parts: Group['parts'], hint: number): Group {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = newGroup(key, parts, hint);
      this.#groups.set(key, group);
      for (const { single } of parts) single.groups.add(group);
    } else for (const { single } of parts) this.drop(single);
    group.users++;
    return group;
  }

  /** It stays until `collect`, and may be asked for again. */
  drop(shared: Shared): void {
    shared.users--;
  }

  /** How the next hop is reached; undefined: not at all. */
  want(single: Single, hop: KernelNextHop | undefined): void {
    const before = single.wanted;
    if (this.#singles.get(single.key) !== single) return; // collected meanwhile
    if (before === undefined ? hop === undefined : hop !== undefined && sameNextHop(before, hop)) return;
    single.wanted = hop;
    if (hop !== undefined && single.id === 0) this.#identify(single);
    this.#due(single);
    for (const group of single.groups) this.#due(group);
  }

  /** The object's number, if routes may name it: it is there, or about to be. */
  usable(shared: Shared): number | undefined {
    if (shared.failure !== undefined) return undefined;
    if (shared.kind === 'single') return shared.wanted && shared.id;
    if (membersOf(shared).length === 0) return undefined;
    if (shared.id === 0) this.#identify(shared);
    this.#dirty.add(shared);
    return shared.id;
  }

  /** Why it is not usable, when the kernel refused it. */
  refusal(shared: Shared): Failure | undefined {
    if (shared.failure !== undefined || shared.kind === 'single') return shared.failure;
    if (membersOf(shared).length > 0) return undefined;
    return shared.parts.find(({ single }) => single.failure !== undefined)?.single.failure;
  }

  // What is to be done

  /** Changes to carry out; tell with `applied` what came of them, and ask again until there are none. */
  take(): ObjectChange[] {
    const changes: ObjectChange[] = [];
    for (const shared of this.#dirty) {
      if (shared.kind === 'group') continue;
      this.#dirty.delete(shared);
      const { id, wanted, present, failure } = shared;
      if (wanted === undefined && present !== undefined) changes.push({ type: 'remove', id });
      else if (wanted !== undefined && failure === undefined && !(present && sameNextHop(present, wanted)))
        changes.push({ type: 'put', object: objectOf(id, wanted), create: present === undefined });
    }
    if (changes.length > 0) return changes;
    for (const shared of this.#dirty) {
      this.#dirty.delete(shared);
      if (shared.kind === 'single' || shared.failure !== undefined || shared.id === 0) continue;
      const members = membersOf(shared);
      if (members.length === 0 || (shared.present && sameMembers(shared.present, members))) continue;
      const object = { id: shared.id, protocol: PROTOCOL_BGP, members };
      changes.push({ type: 'put', object, create: shared.present === undefined });
    }
    return changes;
  }

  applied(changes: readonly ObjectChange[], errors: readonly (KernelError | undefined)[], now: Millis): void {
    for (const [i, change] of changes.entries()) {
      const id = change.type === 'put' ? change.object.id : change.id;
      const shared = this.#byId.get(id);
      const error = errors[i];
      if (error !== undefined) {
        if (shared !== undefined) this.#refused(shared, change, error, now);
      } else if (change.type === 'remove') this.#removed(id);
      else if (shared !== undefined) this.#put(shared, change.object);
    }
  }

  get pending(): number {
    return this.#dirty.size;
  }

  /** @param now  failed ones whose time has come are tried again; NEVER: all. */
  retry(now: Millis): void {
    for (const shared of this.#failed) {
      if (shared.failure!.retryAt > now) continue;
      this.#failed.delete(shared);
      shared.failure = undefined;
      this.#tryAgain(shared);
      if (shared.kind === 'single') for (const group of shared.groups) this.#tryAgain(group);
    }
  }

  nextRetry(): Millis {
    let next = NEVER;
    for (const { failure } of this.#failed) next = Math.min(next, failure!.retryAt);
    return next;
  }

  /** Why the kernel refuses some, where that does not pass at once. */
  refusals(): readonly string[] {
    return [...this.#failed].flatMap(({ failure }) => (failure!.passes ? [] : failure!.message));
  }

  // What is

  /** All objects that the kernel has. @returns how many of ours are not as they were known to be. */
  found(list: readonly NextHopObject[]): number {
    this.#numbers.listed(list);
    const byId = new Map(list.map((object) => [object.id, object]));
    let corrected = 0;
    for (const [id, shared] of [...this.#byId]) {
      const known = presentOf(shared);
      const object = byId.get(id);
      byId.delete(id);
      if (known === undefined ? object === undefined : object !== undefined && sameObject(known, object))
        continue;
      corrected++;
      if (object?.protocol === PROTOCOL_BGP && (object.hop !== undefined) === (shared.kind === 'single'))
        this.#put(shared, object);
      else {
        this.#lost(shared);
        if (object === undefined) continue;
        this.#identify(shared); // another program has the number now
        this.#tryAgain(shared);
      }
    }
    this.#numbers.leftOver(byId.values());
    return corrected;
  }

  has(id: number): boolean {
    return this.#byId.has(id);
  }

  /** Where an object leads to. */
  nextHopsOf(id: number): readonly KernelNextHop[] {
    const shared = this.#byId.get(id);
    const object = (shared && presentOf(shared)) ?? this.#numbers.unclaimed.get(id);
    if (object?.hop !== undefined) return [object.hop];
    return (object?.members ?? []).flatMap(({ id: member, weight }) =>
      member === id ? [] : this.nextHopsOf(member).map((hop) => ({ ...hop, weight })),
    );
  }

  /**
   * Objects that no set of next hops uses and no route names. Of those of an earlier run only when `sweep` says so.
   * @param named  whether a route names it.
   */
  collect(named: (id: number) => boolean, sweep: boolean): ObjectChange[] {
    const inGroup = new Set<number>();
    const gone: number[] = [];
    const unused = (shared: Shared) => shared.users === 0 && !(shared.id !== 0 && named(shared.id));
    for (const group of [...this.#groups.values()]) {
      if (unused(group)) this.#forget(group, gone);
      else for (const { id } of group.present ?? []) inGroup.add(id);
    }
    const found = sweep ? [...this.#numbers.unclaimed.values()] : [];
    for (const { id, members } of found) {
      if (members !== undefined && !named(id)) gone.push(id);
      else for (const member of members ?? []) inGroup.add(member.id);
    }
    for (const single of [...this.#singles.values()])
      if (unused(single) && !inGroup.has(single.id)) this.#forget(single, gone);
    for (const { id, hop } of found) if (hop !== undefined && !named(id) && !inGroup.has(id)) gone.push(id);
    return gone.map((id) => ({ type: 'remove', id }));
  }

  /** Numbers that are in use, of ours. */
  get size(): number {
    return this.#byId.size;
  }

  #forget(shared: Shared, gone: number[]): void {
    if (shared.kind === 'single') this.#singles.delete(shared.key);
    else {
      this.#groups.delete(shared.key);
      for (const { single } of shared.parts) {
        single.groups.delete(shared);
        this.drop(single);
      }
    }
    this.#dirty.delete(shared);
    this.#failed.delete(shared);
    this.#byId.delete(shared.id);
    if (presentOf(shared) !== undefined) gone.push(shared.id);
  }

  /** Gives it a number: of an object found at start that is the same, best the one that its routes name; or else a new one. */
  #identify(shared: Shared): void {
    this.#byId.delete(shared.id);
    const claimed = this.#numbers.claim(shared.hint, (object) => fits(shared, object));
    shared.id = claimed?.id ?? this.#numbers.fresh((id) => this.#byId.has(id));
    this.#byId.set(shared.id, shared);
    if (claimed === undefined) return;
    if (shared.kind === 'single') shared.present = claimed.hop;
    else shared.present = claimed.members;
  }

  /** Something about it is new: whatever failed before is tried at once. */
  #due(shared: Shared): void {
    this.#failed.delete(shared);
    shared.failure = undefined;
    shared.attempts = undefined;
    this.#tryAgain(shared);
  }

  #tryAgain(shared: Shared): void {
    this.#dirty.add(shared);
    this.#events.onChange(shared);
  }

  #put(shared: Shared, { hop, members }: NextHopObject): void {
    if (shared.kind === 'single') shared.present = hop;
    else shared.present = members;
    this.#numbers.take(shared.id);
    shared.attempts = undefined;
    this.#dirty.add(shared); // in case that it is another than wanted
    if (shared.failure === undefined) return;
    shared.failure = undefined;
    this.#failed.delete(shared);
    this.#changed(shared);
  }

  /** So that its sets are looked at again, and those of groups that it is in. */
  #changed(shared: Shared): void {
    this.#events.onChange(shared);
    if (shared.kind === 'group') return;
    for (const group of shared.groups) this.#tryAgain(group);
  }

  #refused(shared: Shared, change: ObjectChange, error: KernelError, now: Millis): void {
    if (error.name === 'EEXIST' && presentOf(shared) === undefined) {
      this.#numbers.take(shared.id);
      this.#identify(shared);
      this.#tryAgain(shared);
      return;
    }
    if (!isMeant(shared, change)) return this.#tryAgain(shared);
    const before = shared.attempts === undefined ? undefined : { attempts: shared.attempts };
    const { attempts, waitMs, passes } = refusal(error, before);
    shared.attempts = attempts;
    shared.failure = { name: error.name, message: error.message, retryAt: now + waitMs, passes };
    this.#failed.add(shared);
    this.#changed(shared);
  }

  #removed(id: number): void {
    this.#numbers.free(id);
    const shared = this.#byId.get(id);
    if (shared !== undefined) this.#lost(shared);
    else this.#events.onGone(id);
  }

  /** The kernel has it no more; what it took along is known without being told. */
  #lost(shared: Shared): void {
    shared.present = undefined;
    this.#dirty.add(shared);
    this.#events.onGone(shared.id);
    if (shared.kind === 'group') return;
    for (const group of shared.groups) {
      if (group.present === undefined) continue;
      group.present = group.present.filter(({ id }) => id !== shared.id);
      if (group.present.length === 0) this.#lost(group);
      else this.#dirty.add(group);
    }
  }
}
