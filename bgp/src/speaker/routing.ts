// One family's tables and what joins them: what peers say → rules and import policy → Adj-RIB-In → decision process
// → Loc-RIB → propagation and export policy → update groups. Which session a route came over is peer.ts; when things
// happen is speaker.ts.

import { type Address, familyOfAddress } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import { isNoDestination, type Prefix } from '../net/prefix.ts';
import { applyActions } from '../policy/actions.ts';
import type { CompiledPolicy, PreparedPolicy } from '../policy/evaluate.ts';
import type { Action } from '../policy/policy.ts';
import { type Destination, type ReceiveRules, unusable } from '../policy/propagation.ts';
import { AdjRibIn } from '../rib/adj-rib-in.ts';
import type { AttributePool, AttributeSet } from '../rib/attribute-pool.ts';
import { LocRib, type PeerFacts } from '../rib/loc-rib.ts';
import type { NextHops } from '../rib/next-hop.ts';
import { type Mutable, PrefixTable } from '../rib/prefix-table.ts';
import { type Rows, SentPaths } from '../rib/sent-paths.ts';
import { type Told, UpdateGroup } from '../rib/update-group.ts';
import { longLivedStale, mayBeLongLived } from '../route/long-lived.ts';
import {
  type AttributesId,
  type ForwardingRoute,
  LOCAL,
  NONE,
  type PathId,
  type PeerIndex,
  type PrefixId,
  type PrefixWords,
  type RouteSource,
  type RowId,
} from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import type { WireContext } from '../wire/context.ts';
import { type NlriBlock, NlriCursor } from '../wire/nlri.ts';
import { announcedPaths } from './add-path.ts';
import type { OriginatedRoute } from './input.ts';
import type { RouteView } from './inspect.ts';
import { Outbound } from './outbound.ts';

/** How routes come in from one peer. */
export interface ImportSide {
  readonly peer: PeerIndex;
  readonly source: RouteSource;
  readonly rules: ReceiveRules;
  readonly policy: CompiledPolicy;
}

/** How routes go out to one peer; peers with equal keys share an update group. */
export interface ExportSide {
  readonly peer: PeerIndex;
  readonly key: string;
  readonly destination: Destination;
  readonly policy: CompiledPolicy;
  readonly context: WireContext;
}

interface Group {
  readonly group: UpdateGroup;
  /** What the group's rows are: prefixes, or paths where ADD-PATH was agreed on. */
  readonly rows: Rows;
  /** How routes leave to all its members. */
  side: ExportSide;
  /** What propagation and policy make of sets, during a flush. */
  readonly outbound: Outbound;
}

export interface RoutingOptions {
  /** Sets that peers sent or that are made here; their next hops are tracked. */
  readonly heard: AttributePool;
  /** Sets as they leave. */
  readonly told: AttributePool;
  readonly nextHops: NextHops;
  readonly peerFacts: (peer: PeerIndex) => PeerFacts;
  readonly maxPaths: () => number;
  readonly preferOldest: () => boolean;
  readonly forwarding: (prefix: Prefix, route: ForwardingRoute | undefined) => void;
  readonly tooLong: (peers: number, prefixes: readonly Prefix[]) => void;
}

export class Routing {
  readonly prefixes: PrefixTable;
  readonly adjRibIn: AdjRibIn;
  readonly locRib: LocRib;
  private readonly sentPaths: SentPaths;
  /** Of the prefix that was asked for last; only while a flush runs, when no table changes. */
  private announcedOf: { readonly prefix: PrefixId; readonly paths: ReadonlySet<PathId> } | undefined;
  private readonly groups = new Map<string, Group>();
  private readonly groupOfPeer = new Map<PeerIndex, Group>();
  /** Changes of how routes leave, carried out together at the next flush. */
  private readonly moves = new Map<
    PeerIndex,
    { readonly side: ExportSide; readonly holdEndOfRib: boolean }
  >();
  private readonly originated = new Map<PrefixId, OriginatedRoute['kernel']>();
  private readonly counts = new Map<PeerIndex, { received: number; accepted: number; stale: number }>();
  /** What import policy last made of a set: the prefixes of a message share it, and it has a use of its own meanwhile. */
  private changed:
    | { readonly received: AttributeSet; readonly actions: readonly Action[]; readonly id: AttributesId }
    | undefined;
  private readonly cursor = new NlriCursor();
  private readonly words: Mutable<PrefixWords>;

  constructor(
    readonly family: Family,
    private readonly options: RoutingOptions,
  ) {
    this.prefixes = new PrefixTable(family);
    this.words = { family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
    this.adjRibIn = new AdjRibIn(this.prefixes, options.heard);
    this.sentPaths = new SentPaths(this.prefixes);
    this.locRib = new LocRib({
      prefixes: this.prefixes,
      adjRibIn: this.adjRibIn,
      pool: options.heard,
      nextHops: options.nextHops,
      peerFacts: options.peerFacts,
      maxPaths: options.maxPaths,
      preferOldest: options.preferOldest,
      localForwarding: (prefix) =>
        this.originated.get(prefix) === 'blackhole' ? { type: 'blackhole' } : undefined,
    });
  }

  // ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  announce(from: ImportSide, nlri: NlriBlock, attributes: PathAttributes): void {
    const { heard } = this.options;
    const received = heard.intern(attributes);
    const usable = unusable(attributes, from.rules) === undefined;
    const policy = this.entering(from, received);
    const { cursor } = this;
    for (cursor.reset(nlri); cursor.next(); ) {
      const prefix = this.prefixes.add(cursor.length, cursor.w0, cursor.w1, cursor.w2, cursor.w3);
      const accepted = usable ? this.imported(policy, prefix, received) : NONE;
      heard.retain(received.id);
      this.set(prefix, from.peer, cursor.pathId, received.id, accepted);
    }
    this.forgetChanged();
    heard.release(received.id);
  }

  withdraw(from: PeerIndex, nlri: NlriBlock): void {
    const { cursor } = this;
    for (cursor.reset(nlri); cursor.next(); ) {
      const prefix = this.prefixes.find(cursor.length, cursor.w0, cursor.w1, cursor.w2, cursor.w3);
      if (prefix === NONE) continue;
      const path = this.adjRibIn.find(prefix, from, cursor.pathId);
      if (path !== NONE) this.remove(path);
    }
  }

  originate(route: OriginatedRoute): void {
    const { heard } = this.options;
    const prefix = this.prefixes.addPrefix(route.prefix);
    const set = heard.intern(route.attributes);
    heard.retain(set.id);
    const kernelBefore = this.originated.get(prefix);
    this.originated.set(prefix, route.kernel);
    this.set(prefix, LOCAL, 0, set.id, set.id);
    if (kernelBefore !== route.kernel) this.locRib.touch(prefix);
  }

  withdrawOriginated(prefix: Prefix): void {
    const id = this.prefixes.findPrefix(prefix);
    const path = id === NONE ? NONE : this.adjRibIn.find(id, LOCAL, 0);
    if (path === NONE) return;
    this.remove(path as PathId);
    this.originated.delete(id);
  }

  /** All routes of the peer, or the stale ones. @returns how many went. */
  removeAll(peer: PeerIndex, which: 'all' | 'stale'): number {
    let removed = 0;
    this.adjRibIn.forEachOfPeer(peer, (path) => {
      if (which === 'stale' && !this.adjRibIn.isStale(path)) return;
      this.remove(path);
      removed++;
    });
    return removed;
  }

  /** @returns how many. They stay in use (RFC 4724 §4.2). */
  markStale(peer: PeerIndex): number {
    let marked = 0;
    this.adjRibIn.forEachOfPeer(peer, (path) => {
      if (!this.adjRibIn.isStale(path)) this.countOf(peer).stale++;
      this.adjRibIn.markStale(path);
      this.locRib.touch(this.adjRibIn.prefixOf(path));
      marked++;
    });
    return marked;
  }

  /**
   * The stale routes of the peer are least preferred from now on, and told as such; those that ask not to be kept are gone
   * (RFC 9494 §4.2).
   * @returns how many stay.
   */
  markLongLived(peer: PeerIndex): number {
    const { heard } = this.options;
    let kept = 0;
    this.adjRibIn.forEachOfPeer(peer, (path) => {
      if (!this.adjRibIn.isStale(path)) return;
      if (!mayBeLongLived(heard.get(this.adjRibIn.receivedOf(path)).attributes)) return this.remove(path);
      this.adjRibIn.markLongLived(path);
      kept++;
      const accepted = this.adjRibIn.acceptedOf(path);
      if (accepted === NONE) return;
      const { attributes } = heard.get(accepted as AttributesId);
      this.adjRibIn.setAccepted(path, heard.intern(longLivedStale(attributes)).id);
      this.locRib.touch(this.adjRibIn.prefixOf(path));
    });
    return kept;
  }

  /** Rules or policy changed: a new verdict on every stored route of the peer, or those that came with one next hop. */
  reimport(from: ImportSide, nextHop?: Address): void {
    const { heard } = this.options;
    this.adjRibIn.forEachOfPeer(from.peer, (path) => {
      const received = heard.get(this.adjRibIn.receivedOf(path));
      if (nextHop !== undefined && received.nextHop !== nextHop) return;
      const prefix = this.adjRibIn.prefixOf(path);
      const usable = unusable(received.attributes, from.rules) === undefined;
      const before = this.adjRibIn.acceptedOf(path) !== NONE;
      const policy = this.entering(from, received);
      const imported = usable ? this.imported(policy, prefix, received) : NONE;
      const accepted = this.adjRibIn.isLongLived(path) ? this.longLived(imported) : imported;
      if (!this.adjRibIn.setAccepted(path, accepted)) return;
      this.countOf(from.peer).accepted += Number(accepted !== NONE) - Number(before);
      this.locRib.touch(prefix);
    });
    this.forgetChanged();
  }

  /** The resolution of a next hop changed: every prefix with a path over it is decided again. */
  nextHopChanged(address: Address): void {
    this.forEachPath((path, prefix) => {
      const accepted = this.adjRibIn.acceptedOf(path);
      if (accepted !== NONE && this.options.heard.get(accepted as AttributesId).nextHop === address)
        this.locRib.touch(prefix);
    });
  }

  /** The next hop goes out by another interface: policies that ask for it are asked again. */
  interfaceChanged(address: Address, sides: Iterable<ImportSide>): void {
    for (const side of sides) if (side.policy.usesInterface) this.reimport(side, address);
    const groups = [...this.groups.values()].filter(({ side }) => side.policy.usesInterface);
    if (groups.length === 0) return;
    this.forEachPath((path, prefix) => {
      const accepted = this.adjRibIn.acceptedOf(path);
      if (accepted !== NONE && this.options.heard.get(accepted as AttributesId).nextHop === address)
        for (const entry of groups) this.mark(entry, prefix);
    });
  }

  /** The peer is another kind of source now: who may hear its routes is asked again (RFC 4456 §6). */
  sourceChanged(peer: PeerIndex): void {
    this.adjRibIn.forEachOfPeer(peer, (path) => {
      const prefix = this.adjRibIn.prefixOf(path);
      const best = this.locRib.bestSource(prefix) === peer;
      for (const entry of this.groups.values()) if (best || this.hasPaths(entry)) this.mark(entry, prefix);
    });
  }

  decideAll(): void {
    this.forEachPath((_path, prefix) => this.locRib.touch(prefix));
  }

  // ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The peer's session is up, or how routes leave to it changed: then it is told the difference. */
  exportTo(side: ExportSide, holdEndOfRib: boolean): void {
    const entry = this.groupOfPeer.get(side.peer);
    if (entry === undefined) this.joinGroup(side, holdEndOfRib);
    else if (entry.side.key === side.key) this.moves.delete(side.peer);
    else this.moves.set(side.peer, { side, holdEndOfRib });
  }

  stopExport(peer: PeerIndex): void {
    this.moves.delete(peer);
    const entry = this.groupOfPeer.get(peer);
    if (entry === undefined) return;
    const { prefixes } = this.leave(peer, entry);
    for (const row of prefixes) entry.rows.release(row);
  }

  /** @param bracketed  between BoRR and EoRR (RFC 7313). */
  resend(peer: PeerIndex, bracketed = false): void {
    this.groupOfPeer.get(peer)?.group.resend(peer, bracketed);
  }

  releaseEndOfRib(): void {
    for (const { group } of this.groups.values()) group.releaseEndOfRib();
  }

  /** Once a turn: decides what was touched, and brings the update groups up to date. */
  flush(): void {
    this.locRib.decideTouched({
      best: (prefix) => {
        for (const entry of this.groups.values()) if (!this.hasPaths(entry)) entry.group.mark(prefix);
      },
      decided: (prefix) => {
        for (const entry of this.groups.values()) if (this.hasPaths(entry)) this.mark(entry, prefix);
      },
      forwarding: (prefix) =>
        this.options.forwarding(this.prefixes.prefix(prefix), this.locRib.forwardingOf(prefix)),
    });
    this.regroup();
    for (const entry of this.groups.values()) {
      entry.group.flush((row) => this.target(entry, row));
      entry.outbound.forget();
    }
    this.announcedOf = undefined;
  }

  hasWork(peer: PeerIndex): boolean {
    return this.groupOfPeer.get(peer)?.group.hasWork(peer) ?? false;
  }

  take(peer: PeerIndex, roomOctets: number): Uint8Array[] {
    return this.groupOfPeer.get(peer)?.group.take(peer, roomOctets) ?? [];
  }

  // ── views ───────────────────────────────────────────────────────────────────────────────────────────────────────

  peerCounts(peer: PeerIndex): { received: number; accepted: number; advertised: number; stale: number } {
    const advertised = this.groupOfPeer.get(peer)?.group.advertisedTo(peer) ?? 0;
    return { ...(this.counts.get(peer) ?? { received: 0, accepted: 0, stale: 0 }), advertised };
  }

  get originatedCount(): number {
    return this.originated.size;
  }

  get pathCount(): number {
    return this.adjRibIn.size;
  }

  /** Every path of a prefix, the best first. */
  *pathsOf(
    prefix: PrefixId,
    name: (peer: PeerIndex) => RouteView['source'],
    side: (peer: PeerIndex) => ImportSide | undefined,
    shown: 'received' | 'used',
  ): Generator<RouteView> {
    const decision = this.locRib.explain(prefix);
    const views: RouteView[] = [];
    for (let path = this.adjRibIn.first(prefix); path !== NONE; path = this.adjRibIn.nextFor(path)) {
      const accepted = this.adjRibIn.acceptedOf(path);
      const asReceived = accepted === NONE || shown === 'received';
      const set = this.options.heard.get(
        asReceived ? this.adjRibIn.receivedOf(path) : (accepted as AttributesId),
      );
      const best = decision?.best.path === path;
      const multipath = decision?.multipath.some((candidate) => candidate.path === path) ?? false;
      const removed = [...(decision?.removedBy ?? [])].find(([candidate]) => candidate.path === path);
      const candidate = best || removed !== undefined;
      views.push({
        family: this.family,
        prefix: this.prefixes.prefix(prefix),
        source: name(this.adjRibIn.peerOf(path)),
        attributes: set.attributes,
        best,
        multipath: multipath && (decision?.multipath.length ?? 0) > 1,
        stale: this.adjRibIn.isStale(path),
        valid: candidate,
        reason: best
          ? undefined
          : (removed?.[1] ??
            this.whyNot(prefix, set, accepted === NONE ? side(this.adjRibIn.peerOf(path)) : undefined)),
      });
    }
    yield* views.sort((a, b) => Number(b.best) - Number(a.best) || Number(b.valid) - Number(a.valid));
  }

  /** What a peer is told of a prefix, each path of it where ADD-PATH was agreed on; or why nothing. */
  *advertisedPaths(
    peer: PeerIndex,
    prefix: PrefixId,
  ): Generator<{ readonly attributes: PathAttributes | undefined; readonly reason: string | undefined }> {
    const entry = this.groupOfPeer.get(peer);
    if (entry === undefined || !this.hasPaths(entry)) return yield this.advertised(peer, prefix);
    const { adjRibOut } = entry.group;
    const sent: PathAttributes[] = [];
    this.sentPaths.forEachOf(prefix, (row) => {
      const set = adjRibOut.attributesOf(row);
      if (set !== NONE && adjRibOut.sourceOf(row) !== peer)
        sent.push(this.options.told.get(set as AttributesId).attributes);
    });
    for (const attributes of sent) yield { attributes, reason: undefined };
    if (sent.length === 0)
      yield { attributes: undefined, reason: 'no usable path that policy and rules let out to this peer' };
  }

  /** What a peer is told of a prefix, or why not. */
  private advertised(
    peer: PeerIndex,
    prefix: PrefixId,
  ): { readonly attributes: PathAttributes | undefined; readonly reason: string | undefined } {
    const entry = this.groupOfPeer.get(peer);
    if (entry === undefined) return { attributes: undefined, reason: 'the session is not established' };
    const best = this.locRib.bestAttributes(prefix);
    if (best === NONE) return { attributes: undefined, reason: 'no route in use' };
    const source = this.locRib.bestSource(prefix);
    if (source === peer) return { attributes: undefined, reason: 'learned from this peer' };
    const sent = entry.group.adjRibOut.attributesOf(prefix);
    if (sent !== NONE)
      return { attributes: this.options.told.get(sent as AttributesId).attributes, reason: undefined };
    const facts = this.options.peerFacts(source);
    const set = this.options.heard.get(best as AttributesId);
    const departure = this.newOutbound().departure(set, facts, entry.side);
    if (departure.forbidden !== undefined) return { attributes: undefined, reason: departure.forbidden };
    const verdict = departure.policy.evaluate(this.prefixes.words(prefix, this.words));
    const why = verdict.accepted
      ? 'its IPv6 next hop needs a capability that was not agreed on (RFC 8950)'
      : `export policy: ${verdict.term ?? 'no term accepts it'}`;
    return { attributes: undefined, reason: why };
  }

  forEachPrefix(visit: (prefix: PrefixId) => void): void {
    for (let prefix = 0; prefix < this.prefixes.capacity; prefix++) {
      if (this.adjRibIn.first(prefix as PrefixId) !== NONE) visit(prefix as PrefixId);
    }
  }

  private whyNot(prefix: PrefixId, set: AttributeSet, side: ImportSide | undefined): string {
    if (side === undefined) {
      return set.nextHop === undefined
        ? 'not a candidate'
        : `next hop ${set.nextHop} does not resolve (RFC 4271 §9.1.2)`;
    }
    const rule = unusable(set.attributes, side.rules);
    if (rule !== undefined) return rule;
    if (isNoDestination(this.prefixes.words(prefix, this.words)))
      return 'no destination: multicast, loopback, link-local or unspecified (RFC 4271 §6.3)';
    const verdict = this.entering(side, set).evaluate(this.prefixes.words(prefix, this.words));
    return `import policy: ${verdict.term ?? 'no term accepts it'}`;
  }

  // ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Import policy for a set of attributes as it was received. */
  private entering(from: ImportSide, { attributes, nextHop }: AttributeSet): PreparedPolicy {
    const { nextHops, peerFacts } = this.options;
    return from.policy.prepare({
      attributes,
      source: from.source.kind,
      fromPeer: peerFacts(from.peer).address,
      peerType: from.source.kind === 'external' ? 'external' : 'internal',
      interface: nextHop === undefined ? undefined : nextHops.interface(nextHop),
    });
  }

  private newOutbound(): Outbound {
    return new Outbound(this.options.told, (nextHop) => this.options.nextHops.interface(nextHop));
  }

  /** @returns a set with one use for the table, or NONE. */
  private imported(
    policy: PreparedPolicy,
    prefix: PrefixId,
    received: AttributeSet,
  ): AttributesId | typeof NONE {
    const { heard } = this.options;
    const words = this.prefixes.words(prefix, this.words);
    if (isNoDestination(words)) return NONE;
    const verdict = policy.evaluate(words);
    if (!verdict.accepted) return NONE;
    let id: AttributesId = received.id;
    if (verdict.actions.length > 0) {
      if (this.changed?.received !== received || this.changed.actions !== verdict.actions) {
        this.forgetChanged();
        const set = heard.intern(applyActions(received.attributes, verdict.actions));
        this.changed = { received, actions: verdict.actions, id: set.id };
      }
      id = this.changed!.id;
    }
    heard.retain(id);
    return id;
  }

  private forgetChanged(): void {
    if (this.changed !== undefined) this.options.heard.release(this.changed.id);
    this.changed = undefined;
  }

  /** The set as a long-lived stale route has it; takes over the use of the one given, and gives one of its own. */
  private longLived(accepted: AttributesId | typeof NONE): AttributesId | typeof NONE {
    if (accepted === NONE) return NONE;
    const { heard } = this.options;
    const { id } = heard.intern(longLivedStale(heard.get(accepted as AttributesId).attributes));
    heard.release(accepted as AttributesId);
    return id;
  }

  private set(
    prefix: PrefixId,
    peer: PeerIndex,
    pathId: number,
    received: AttributesId,
    accepted: AttributesId | typeof NONE,
  ): void {
    const counts = this.countOf(peer);
    const path = this.adjRibIn.find(prefix, peer, pathId);
    if (path === NONE) counts.received++;
    else {
      if (this.adjRibIn.acceptedOf(path) !== NONE) counts.accepted--;
      if (this.adjRibIn.isStale(path)) counts.stale--;
    }
    if (accepted !== NONE) counts.accepted++;
    if (this.adjRibIn.set(prefix, peer, pathId, received, accepted)) this.locRib.touch(prefix);
  }

  private remove(path: PathId): void {
    const prefix = this.adjRibIn.prefixOf(path);
    const counts = this.countOf(this.adjRibIn.peerOf(path));
    counts.received--;
    if (this.adjRibIn.acceptedOf(path) !== NONE) counts.accepted--;
    if (this.adjRibIn.isStale(path)) counts.stale--;
    this.locRib.touch(prefix); // before the path gives up its use of the prefix
    this.adjRibIn.remove(path);
  }

  private countOf(peer: PeerIndex): { received: number; accepted: number; stale: number } {
    let counts = this.counts.get(peer);
    if (counts === undefined) {
      counts = { received: 0, accepted: 0, stale: 0 };
      this.counts.set(peer, counts);
    }
    return counts;
  }

  private joinGroup(side: ExportSide, holdEndOfRib: boolean, told?: Told): void {
    let entry = this.groups.get(side.key);
    if (entry === undefined) {
      const rows = side.context.addPathSend.includes(this.family) ? this.sentPaths : this.prefixes;
      const group = new UpdateGroup(this.family, side.context, rows, this.options.told, (tooLong) =>
        this.options.tooLong(
          group.size,
          tooLong.map((row) => this.prefixes.prefix(this.prefixOf(rows, row))),
        ),
      );
      const added: Group = { group, rows, side, outbound: this.newOutbound() };
      entry = added;
      this.groups.set(side.key, added);
      this.locRib.forEach((prefix) => this.mark(added, prefix));
    }
    this.groupOfPeer.set(side.peer, entry);
    entry.group.join(side.peer, holdEndOfRib, told);
  }

  /**
   * Carries out the changes of how routes leave. Where a change holds for all members of a group (a new block of our own
   * changes every peer's policy) the group stays, and its members are told what differs; otherwise a member moves, and is
   * told all once more, because no table says any longer what it has.
   */
  private regroup(): void {
    for (const [peer, { side, holdEndOfRib }] of this.moves) {
      const entry = this.groupOfPeer.get(peer)!;
      if (entry.side.key === side.key) continue; // went with its group
      if (this.allMoveTo(entry, side)) this.retarget(entry, side);
      else {
        const told = this.leave(peer, entry);
        this.joinGroup(side, holdEndOfRib, told);
        for (const row of told.prefixes) entry.rows.release(row);
      }
    }
    this.moves.clear();
  }

  private allMoveTo(entry: Group, side: ExportSide): boolean {
    if (this.groups.has(side.key) || !sameContext(entry.side.context, side.context)) return false;
    let moving = 0;
    for (const [peer, move] of this.moves) {
      if (this.groupOfPeer.get(peer) === entry && move.side.key === side.key) moving++;
    }
    return moving === entry.group.size;
  }

  private retarget(entry: Group, side: ExportSide): void {
    this.groups.delete(entry.side.key);
    this.groups.set(side.key, entry);
    entry.side = side;
    this.locRib.forEach((prefix) => this.mark(entry, prefix)); // what is told and not in there is marked already
  }

  private leave(peer: PeerIndex, entry: Group): Told {
    const told = entry.group.leave(peer);
    this.groupOfPeer.delete(peer);
    if (entry.group.size === 0) {
      entry.outbound.forget();
      this.groups.delete(entry.side.key);
    }
    return told;
  }

  private hasPaths(entry: Group): boolean {
    return entry.rows === this.sentPaths;
  }

  private prefixOf(rows: Rows, row: RowId): PrefixId {
    return rows === this.sentPaths ? this.sentPaths.prefixOf(row) : (row as PrefixId);
  }

  /** The group compares what it has told of the prefix with what it should tell, at its next flush. */
  private mark(entry: Group, prefix: PrefixId): void {
    const { group } = entry;
    if (!this.hasPaths(entry)) return group.mark(prefix);
    const { adjRibIn, sentPaths } = this;
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path)) {
      if (adjRibIn.acceptedOf(path) !== NONE)
        group.mark(sentPaths.add(prefix, adjRibIn.peerOf(path), adjRibIn.pathIdOf(path)));
    }
    sentPaths.forEachOf(prefix, (row) => group.mark(row)); // also those that are gone
  }

  /** What the members of a group should have for a row. */
  private target(entry: Group, row: RowId): { attributes: AttributesId | typeof NONE; source: PeerIndex } {
    const prefix = this.prefixOf(entry.rows, row);
    if (!this.hasPaths(entry)) {
      const best = this.locRib.bestAttributes(prefix);
      return best === NONE ? NOTHING : this.exported(entry, prefix, best, this.locRib.bestSource(prefix));
    }
    const peer = this.sentPaths.peerOf(row);
    const path = this.adjRibIn.find(prefix, peer, this.sentPaths.receivedIdOf(row));
    if (path === NONE || !this.announced(prefix).has(path)) return NOTHING;
    return this.exported(entry, prefix, this.adjRibIn.acceptedOf(path) as AttributesId, peer);
  }

  private announced(prefix: PrefixId): ReadonlySet<PathId> {
    if (this.announcedOf?.prefix !== prefix) {
      const paths = announcedPaths(this.locRib.candidates(prefix), this.options.maxPaths());
      this.announcedOf = { prefix, paths };
    }
    return this.announcedOf.paths;
  }

  /** A route as the members of a group should have it: propagation first, then policy. */
  private exported(
    entry: Group,
    prefix: PrefixId,
    attributes: AttributesId,
    peer: PeerIndex,
  ): { attributes: AttributesId | typeof NONE; source: PeerIndex } {
    const nothing = NOTHING;
    const set = this.options.heard.get(attributes);
    const facts = this.options.peerFacts(peer);
    const departure = entry.outbound.departure(set, facts, entry.side);
    if (departure.forbidden !== undefined) return nothing;
    const verdict = departure.policy.evaluate(this.prefixes.words(prefix, this.words));
    if (!verdict.accepted) return nothing;
    const result = entry.outbound.result(departure, verdict.actions, entry.side.destination);
    if (!this.expressible(result, entry.side.context)) return nothing;
    this.options.told.retain(result.id);
    return { attributes: result.id, source: peer };
  }

  /** An IPv4 route with an IPv6 next hop would cost the session with a peer that did not ask for such (RFC 8950 §4). */
  private expressible({ nextHop }: AttributeSet, { extendedNextHop }: WireContext): boolean {
    if (this.family === 'ipv6' || extendedNextHop === true) return true;
    return nextHop === undefined || familyOfAddress(nextHop) === 'ipv4';
  }

  private forEachPath(visit: (path: PathId, prefix: PrefixId) => void): void {
    this.forEachPrefix((prefix) => {
      for (let path = this.adjRibIn.first(prefix); path !== NONE; path = this.adjRibIn.nextFor(path))
        visit(path, prefix);
    });
  }
}

const NOTHING: { readonly attributes: typeof NONE; readonly source: PeerIndex } = {
  attributes: NONE,
  source: LOCAL,
};

/** Equal on the wire: what was encoded for one serves the other. */
const sameContext = (a: WireContext, b: WireContext): boolean => JSON.stringify(a) === JSON.stringify(b);
