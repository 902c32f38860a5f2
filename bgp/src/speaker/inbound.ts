// What comes in, of one family: what peers say → rules and import policy → Adj-RIB-In, and routes made here. Every prefix whose
// candidates may have changed is touched in the Loc-RIB; what that makes of it is not known here.

import type { Family } from '../net/family.ts';
import { isNoDestination, type Prefix } from '../net/prefix.ts';
import { applyActions } from '../policy/actions.ts';
import type { PreparedPolicy } from '../policy/evaluate.ts';
import type { OriginCheck } from '../policy/origin-check.ts';
import type { Action } from '../policy/policy.ts';
import { AdjRibIn } from '../rib/adj-rib-in.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import type { NextHops } from '../rib/next-hop.ts';
import type { Mutable, PrefixTable } from '../rib/prefix-table.ts';
import { longLivedStale, mayBeLongLived } from '../route/long-lived.ts';
import {
  type AttributesId,
  LOCAL,
  type NextHopId,
  NONE,
  type PathId,
  type PeerIndex,
  type PrefixId,
  type PrefixWords,
} from '../route/route.ts';
import { decodeCanonical } from '../wire/attribute/canonical.ts';
import { onLink } from '../wire/attribute/link-scope.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { type NlriBlock, NlriCursor } from '../wire/nlri.ts';
import type { PlainUpdate } from '../wire/plain-update.ts';
import { Arrival, type ImportSide, whyUnusable } from './arrival.ts';
import { HeldRoutes, notAdvertised } from './held-routes.ts';
import type { OriginatedRoute, RestoredRoute } from './input.ts';
import { INVALID, NOT_JUDGED, Origins } from './origins.ts';
import { Sweeps } from './sweeps.ts';

/** Routes of one peer by what became of them. */
interface Counts {
  received: number;
  accepted: number;
  stale: number;
}

export interface InboundOptions {
  readonly prefixes: PrefixTable;
  readonly heard: HeardSets;
  readonly nextHops: NextHops;
  readonly originCheck: () => OriginCheck | undefined;
  /** The peer is a workload: it speaks of its own routes only. */
  readonly isLeaf: (peer: PeerIndex) => boolean;
  /** The candidates of the prefix, or what the kernel shall do with it, changed. */
  readonly touch: (prefix: PrefixId) => void;
  /** The prefix has one candidate more. */
  readonly arrived: (prefix: PrefixId, peer: PeerIndex, set: AttributesId) => void;
  /** How the peer's routes come in; undefined for those made here. */
  readonly importSide: (peer: PeerIndex) => ImportSide | undefined;
  /** Who may hear the path's route is to be asked again. */
  readonly sourceChanged: (path: PathId) => void;
  /** These next hops go out by other interfaces. */
  readonly interfaceChanged: (path: PathId, nextHops: ReadonlyMap<NextHopId, unknown>) => void;
  /** See Sweeps. */
  readonly sliceCost?: number | undefined;
}

/** Few prefixes begin like one of those that no route leads to. */
function isDestination(prefix: Omit<PrefixWords, 'family'>, family: Family): boolean {
  const first = prefix.w0 >>> 24;
  if (first > 0 && first < 224 && first !== 127) return true;
  const { length, w0, w1, w2, w3 } = prefix;
  return !isNoDestination({ family, length, w0, w1, w2, w3 });
}

export class Inbound {
  readonly adjRibIn: AdjRibIn;
  private readonly originated = new Map<PrefixId, OriginatedRoute>();
  private readonly counts: (Counts | undefined)[] = [];
  /** What import policy last made of a set: the prefixes of a message share it, and it has a use of its own meanwhile. */
  private changed:
    | { readonly set: AttributesId; readonly actions: readonly Action[]; readonly id: AttributesId }
    | undefined;
  private readonly arrival: Arrival;
  readonly origins: Origins;
  /** Those that nobody vouches for any more, and that stay all the same. */
  readonly held: HeldRoutes;
  private readonly cursor = new NlriCursor();
  private readonly words: Mutable<PrefixWords>;
  /** What is done to all paths of a peer, and to all that there are. */
  readonly sweeps: Sweeps;

  constructor(private readonly options: InboundOptions) {
    const { prefixes, heard, nextHops } = options;
    this.adjRibIn = new AdjRibIn(prefixes, heard);
    this.origins = new Origins(options, this.adjRibIn);
    this.held = new HeldRoutes({
      adjRibIn: this.adjRibIn,
      origins: this.origins,
      heard,
      touch: options.touch,
      remove: (path) => this.remove(path),
      isLeaving: (path) => this.sweeps.isLeaving(path),
      leaves: () => this.sweeps.isBusy,
      wasFresh: (path, hold) => this.sweeps.wasFresh(path, hold),
    });
    this.sweeps = new Sweeps(
      this.adjRibIn,
      () => prefixes.capacity,
      {
        remove: (path) => this.remove(path),
        hold: (path, hold) => this.held.hold(path, hold),
        markLongLived: (path) => this.markLongLived(path),
        reimport: (path) => this.reimportPath(path),
        touch: options.touch,
        sourceChanged: options.sourceChanged,
        rejudge: (path, holders) => this.rejudgePath(path, holders),
        nextHopOf: (path) => this.nextHopOf(path),
        interfaceChanged: options.interfaceChanged,
        forget: () => {
          this.forgetChanged();
          this.held.forgetSets();
        },
      },
      options.sliceCost,
    );
    this.arrival = new Arrival(heard, nextHops);
    this.words = { family: prefixes.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  announce(from: ImportSide, nlri: NlriBlock, attributes: PathAttributes): void {
    this.cursor.reset(nlri);
    this.arrive(from, this.options.heard.intern(attributes), this.cursor);
  }

  /** What an UPDATE without anything unusual says of this family. */
  plain(from: ImportSide, update: PlainUpdate, addPath: boolean): void {
    const { cursor } = this;
    const { octets } = update;
    const ipv4 = this.options.prefixes.family === 'ipv4';
    const withdrawnEnd = ipv4 ? update.withdrawnEnd : update.unreachEnd;
    const withdrawnStart = ipv4 ? update.withdrawnStart : update.unreachStart;
    if (withdrawnStart < withdrawnEnd) {
      cursor.resetRange(octets, withdrawnStart, withdrawnEnd, addPath);
      this.leave(from.peer, cursor);
    }
    const start = ipv4 ? update.nlriStart : update.reachStart;
    const end = ipv4 ? update.nlriEnd : update.reachEnd;
    if (start === end) return;
    const { set, setStart, setEnd, nextHopOctets } = update;
    const id =
      from.zone === undefined || nextHopOctets === 0
        ? this.options.heard.internOctets(set, setStart, setEnd - setStart, nextHopOctets)
        : this.internOnLink(set.subarray(setStart, setEnd), nextHopOctets, from.zone);
    cursor.resetRange(octets, start, end, addPath);
    this.arrive(from, id, cursor);
  }

  /** The same set by another link is another set: its next hop is another neighbor. */
  private internOnLink(set: Uint8Array, nextHopOctets: number, zone: string): AttributesId {
    const attributes = decodeCanonical(set, nextHopOctets);
    const { nextHop } = attributes;
    return this.options.heard.intern(
      nextHop === undefined ? attributes : { ...attributes, nextHop: onLink(nextHop, zone) },
    );
  }

  /**
   * Routes with one attribute set.
   * @param set  one use of it is taken over.
   * @param cursor  before the first of them.
   */
  arrive(from: ImportSide, set: AttributesId, cursor: NlriCursor): void {
    const { heard, nextHops, prefixes } = this.options;
    const usable = whyUnusable(set, from, heard, nextHops) === undefined;
    const policy = this.arrival.prepare(from, set);
    const counts = this.countOf(from.peer);
    const { family } = prefixes;
    const check = this.options.originCheck();
    while (cursor.next()) {
      const prefix = prefixes.add(cursor.length, cursor.w0, cursor.w1, cursor.w2, cursor.w3);
      const origin = this.origins.judge(check, prefix, set);
      const fits = usable && !this.origins.keepsOut(origin) && isDestination(cursor, family);
      const accepted = fits ? this.imported(policy, prefix, set) : NONE;
      heard.retain(set);
      this.store(counts, prefix, from.peer, cursor.pathId, set, accepted, origin);
    }
    this.forgetChanged();
    heard.release(set);
  }

  withdraw(from: PeerIndex, nlri: NlriBlock): void {
    this.cursor.reset(nlri);
    this.leave(from, this.cursor);
  }

  /** @param cursor  before the first route that is withdrawn. */
  leave(from: PeerIndex, cursor: NlriCursor): void {
    const { prefixes } = this.options;
    const speaks = !this.options.isLeaf(from);
    while (cursor.next()) {
      const prefix = prefixes.find(cursor.length, cursor.w0, cursor.w1, cursor.w2, cursor.w3);
      if (prefix === NONE) continue;
      const path = this.adjRibIn.find(prefix, from, cursor.pathId);
      if (path !== NONE) this.remove(path);
      if (speaks) this.held.supersede(prefix); // who lives says that there is none
    }
  }

  /** @returns the prefix where policies are to be asked again, although its route may be the same; else NONE. */
  originate(route: OriginatedRoute): PrefixId | typeof NONE {
    const { heard, prefixes, touch } = this.options;
    const prefix = prefixes.addPrefix(route.prefix);
    const set = heard.intern(route.attributes);
    heard.retain(set);
    const before = this.originated.get(prefix);
    this.originated.set(prefix, route);
    this.store(this.countOf(LOCAL), prefix, LOCAL, 0, set, set, NOT_JUDGED);
    if (before?.kernel !== route.kernel || before.yieldsAbove !== route.yieldsAbove) touch(prefix);
    return before !== undefined && before.interface !== route.interface ? prefix : NONE;
  }

  withdrawOriginated(prefix: Prefix): void {
    const id = this.options.prefixes.findPrefix(prefix);
    const path = id === NONE ? NONE : this.adjRibIn.find(id, LOCAL, 0);
    if (path === NONE) return;
    this.remove(path as PathId);
    this.originated.delete(id);
  }

  /** A route that an earlier run left, where nobody tells of its prefix. */
  restore(peer: PeerIndex, { prefix: text, nextHops, localPref }: RestoredRoute): void {
    const { heard, prefixes } = this.options;
    const known = prefixes.findPrefix(text);
    if (known !== NONE && this.adjRibIn.first(known) !== NONE) return;
    for (const [i, address] of nextHops.entries()) {
      const set = heard.intern({ origin: 0, asPath: [], localPref, nextHop: { address } });
      heard.retain(set);
      this.store(this.countOf(peer), prefixes.addPrefix(text), peer, i + 1, set, set, NOT_JUDGED);
    }
  }

  /** The route to a prefix that is made here. */
  originatedAt(prefix: PrefixId): OriginatedRoute | undefined {
    return this.originated.get(prefix);
  }

  get originatedCount(): number {
    return this.originated.size;
  }

  /** What the peer told so far is stale; it stays in use (RFC 4724 §4.2). @returns how many routes that are. */
  nextGeneration(peer: PeerIndex): number {
    const counts = this.countOf(peer);
    this.sweeps.nextGeneration(peer);
    counts.stale = counts.received;
    return counts.received;
  }

  /**
   * The stale routes of the peer go, but for those that are held.
   * @param check  fail static holds what it confirms, and tells how many are held.
   * @returns how many go, or may be held.
   */
  removeStale(peer: PeerIndex, check?: OriginCheck, held?: (kept: number) => void): number {
    const leaving = this.countsOf(peer).stale - this.held.of(peer);
    if (leaving > 0) this.sweeps.leave(peer, check, held);
    return leaving;
  }

  /** What is held of the peer goes. @returns how many. */
  dropHeld(peer: PeerIndex): number {
    this.sweeps.drop(peer);
    return this.held.of(peer);
  }

  /** Fail static for what `restore` has stored: of a peer that stands for an earlier run. @returns how many are held. */
  holdRestored(peer: PeerIndex, check: OriginCheck): number {
    this.nextGeneration(peer);
    this.adjRibIn.forEachOfPeer(peer, (path) => {
      if (!this.held.holdRestored(path, check)) this.remove(path);
    });
    this.held.forgetSets();
    return this.held.of(peer);
  }

  /** Least preferred from now on, and told as such; or gone, where it asks not to be kept (RFC 9494 §4.2). @returns whether it stays. */
  private markLongLived(path: PathId): boolean {
    const { heard, touch } = this.options;
    const mayStay = mayBeLongLived(heard.attributes(this.adjRibIn.receivedOf(path)));
    if (!mayStay) this.remove(path);
    if (!mayStay) return false;
    this.adjRibIn.markLongLived(path);
    const accepted = this.adjRibIn.acceptedOf(path);
    if (accepted === NONE) return true;
    const attributes = heard.attributes(accepted as AttributesId);
    this.adjRibIn.setAccepted(path, heard.intern(longLivedStale(attributes)));
    touch(this.adjRibIn.prefixOf(path));
    return true;
  }

  private nextHopOf(path: PathId): NextHopId | typeof NONE {
    const accepted = this.adjRibIn.acceptedOf(path);
    return accepted === NONE ? NONE : (this.options.heard.nextHop(accepted as AttributesId) as NextHopId);
  }

  /** Rules or policy may judge the route in another way now. */
  reimportPath(path: PathId): void {
    const { heard, nextHops, prefixes, touch } = this.options;
    const from = this.options.importSide(this.adjRibIn.peerOf(path));
    if (from === undefined) return;
    const received = this.adjRibIn.receivedOf(path);
    const prefix = this.adjRibIn.prefixOf(path);
    const usable =
      !this.origins.keepsOut(this.adjRibIn.originOf(path)) &&
      whyUnusable(received, from, heard, nextHops) === undefined;
    const before = this.adjRibIn.acceptedOf(path) !== NONE;
    const policy = this.arrival.prepare(from, received);
    const destination = isDestination(prefixes.words(prefix, this.words), prefixes.family);
    const imported = usable && destination ? this.imported(policy, prefix, received) : NONE;
    let accepted = this.adjRibIn.isLongLived(path) ? this.changedForm(imported, longLivedStale) : imported;
    if (this.adjRibIn.isHeld(path)) accepted = this.changedForm(accepted, notAdvertised);
    if (!this.adjRibIn.setAccepted(path, accepted)) return;
    this.countOf(from.peer).accepted += Number(accepted !== NONE) - Number(before);
    touch(prefix);
  }

  /**
   * The origin check is another one: a path that it lets in or keeps out now is imported anew, and one goes that is held and that it does not
   * confirm any more.
   * @returns whether the path stays.
   */
  private rejudgePath(path: PathId, holders: OriginCheck | undefined): boolean {
    if (this.adjRibIn.peerOf(path) === LOCAL) return true;
    const before = this.adjRibIn.originOf(path);
    const received = this.adjRibIn.receivedOf(path);
    const origin = this.origins.judge(this.options.originCheck(), this.adjRibIn.prefixOf(path), received);
    this.origins.set(path, origin);
    if (before === INVALID || origin === INVALID) this.reimportPath(path); // others are used as before, whatever the check enforces
    if (holders === undefined || !this.adjRibIn.isHeld(path) || this.held.isConfirmed(path, holders))
      return true;
    this.remove(path);
    return false;
  }

  countsOf(peer: PeerIndex): Readonly<Counts> {
    return this.counts[peer] ?? { received: 0, accepted: 0, stale: 0 };
  }

  /** @returns a set with one use for the table, or NONE. */
  private imported(policy: PreparedPolicy, prefix: PrefixId, set: AttributesId): AttributesId | typeof NONE {
    const { heard, prefixes } = this.options;
    if (!policy.acceptsAll) {
      const verdict = policy.evaluate(prefixes.words(prefix, this.words));
      if (!verdict.accepted) return NONE;
      if (verdict.actions.length > 0) return this.changedBy(verdict.actions, set);
    }
    heard.retain(set);
    return set;
  }

  /** What import policy makes of a set, with one use for the caller. */
  private changedBy(actions: readonly Action[], set: AttributesId): AttributesId {
    const { heard } = this.options;
    if (this.changed?.set !== set || this.changed.actions !== actions) {
      this.forgetChanged();
      this.changed = { set, actions, id: heard.intern(applyActions(heard.attributes(set), actions)) };
    }
    heard.retain(this.changed.id);
    return this.changed.id;
  }

  private forgetChanged(): void {
    if (this.changed !== undefined) this.options.heard.release(this.changed.id);
    this.changed = undefined;
    this.origins.forget();
  }

  /** The set as a route has it that is kept; takes over the use of the one given, and gives one of its own. */
  private changedForm(
    accepted: AttributesId | typeof NONE,
    form: (attributes: PathAttributes) => PathAttributes,
  ): AttributesId | typeof NONE {
    if (accepted === NONE) return NONE;
    const { heard } = this.options;
    const set = heard.intern(form(heard.attributes(accepted as AttributesId)));
    heard.release(accepted as AttributesId);
    return set;
  }

  private store(
    counts: Counts,
    prefix: PrefixId,
    peer: PeerIndex,
    pathId: number,
    received: AttributesId,
    accepted: AttributesId | typeof NONE,
    origin: number,
  ): void {
    const { adjRibIn } = this;
    const path = adjRibIn.find(prefix, peer, pathId);
    if (accepted !== NONE) counts.accepted++;
    if (path === NONE) {
      counts.received++;
      const added = adjRibIn.insert(prefix, peer, pathId, received, accepted);
      if (origin !== NOT_JUDGED) this.origins.set(added, origin);
      if (accepted === NONE) return;
      this.options.arrived(prefix, peer, accepted as AttributesId);
      return this.held.supersede(prefix);
    }
    if (adjRibIn.acceptedOf(path) !== NONE) counts.accepted--;
    if (adjRibIn.isStale(path)) counts.stale--;
    this.held.forget(path);
    this.origins.set(path, origin);
    if (adjRibIn.replace(path, received, accepted)) this.options.touch(prefix);
    if (accepted !== NONE) this.held.supersede(prefix);
  }

  private remove(path: PathId): void {
    const { adjRibIn } = this;
    const prefix = adjRibIn.prefixOf(path);
    const counts = this.countOf(adjRibIn.peerOf(path));
    counts.received--;
    if (adjRibIn.acceptedOf(path) !== NONE) counts.accepted--;
    if (adjRibIn.isStale(path)) counts.stale--;
    this.held.forget(path);
    this.origins.set(path, NOT_JUDGED);
    this.options.touch(prefix); // before the path gives up its use of the prefix
    adjRibIn.remove(path);
  }

  private countOf(peer: PeerIndex): Counts {
    let counts = this.counts[peer];
    if (counts === undefined) {
      counts = { received: 0, accepted: 0, stale: 0 };
      this.counts[peer] = counts;
    }
    return counts;
  }
}
