// What goes out, of one family: best routes, or with ADD-PATH several paths → propagation and export policy → update groups.
// Peers whose routes leave alike share a group.

import type { Prefix } from '../net/prefix.ts';
import type { AdjRibIn } from '../rib/adj-rib-in.ts';
import type { Target } from '../rib/adj-rib-out.ts';
import type { Taken, Told } from '../rib/group-member.ts';
import type { LocRib, PeerFacts, PeerFactsOf } from '../rib/loc-rib.ts';
import type { Mutable, PrefixTable } from '../rib/prefix-table.ts';
import { type Rows, SentPaths } from '../rib/sent-paths.ts';
import { UpdateGroup } from '../rib/update-group.ts';
import {
  type AttributesId,
  LOCAL,
  NONE,
  type PathId,
  type PeerIndex,
  type PrefixId,
  type PrefixWords,
  type RowId,
} from '../route/route.ts';
import type { WireContext } from '../wire/context.ts';
import { announcedPaths } from './add-path.ts';
import { Outbound, type OutboundSide, type OutboundTables } from './outbound.ts';

/** How routes go out to one peer; peers with equal keys share an update group. */
export interface ExportSide extends OutboundSide {
  readonly peer: PeerIndex;
  readonly key: string;
  readonly context: WireContext;
}

export interface ExportsOptions extends OutboundTables {
  readonly prefixes: PrefixTable;
  readonly adjRibIn: AdjRibIn;
  readonly locRib: LocRib;
  readonly peerFacts: PeerFactsOf;
  readonly maxPaths: () => number;
  /** Of a route made here. */
  readonly localInterface: (prefix: PrefixId) => string | undefined;
  readonly tooLong: (peers: number, prefixes: readonly Prefix[]) => void;
}

/** Rows that are compared and packed in one turn, over all groups. */
const FLUSH_ROWS = 32 * 1024;
const FLUSH_ROWS_LEAST = 1024;

/** Prefixes that are looked at in one turn for a group that hears of all. */
const SCAN_ROWS = 128 * 1024;

/** One update group with the rules that lead to it, and what its rows should be. */
export class ExportGroup implements Target {
  readonly group: UpdateGroup;
  outbound: Outbound;
  source: PeerIndex = LOCAL;
  /** While the group is incomplete: the next prefix to be marked. */
  scanFrom = 0 as PrefixId;

  /** @param rows  prefixes, or paths where ADD-PATH was agreed on. */
  constructor(
    private readonly exports: Exports,
    readonly rows: Rows,
    public side: ExportSide,
    tooLong: (group: UpdateGroup, rows: readonly RowId[]) => void,
  ) {
    const { options } = exports;
    this.group = new UpdateGroup(rows.family, side.context, rows, options.told, (list) =>
      tooLong(this.group, list),
    );
    this.outbound = new Outbound(options, side);
  }

  attributesFor(row: RowId): AttributesId | typeof NONE {
    return this.exports.attributesFor(this, row);
  }
}

export class Exports {
  private readonly sentPaths: SentPaths;
  /** Of the prefix that was asked for last; only while a flush runs, when no table changes. */
  private announcedOf: { readonly prefix: PrefixId; readonly paths: ReadonlySet<PathId> } | undefined;
  private readonly groups = new Map<string, ExportGroup>();
  private pathGroups = 0;
  private readonly groupOfPeer = new Map<PeerIndex, ExportGroup>();
  /** Changes of how routes leave, carried out together at the next flush. */
  private readonly moves = new Map<
    PeerIndex,
    { readonly side: ExportSide; readonly holdEndOfRib: boolean }
  >();
  private readonly words: Mutable<PrefixWords>;

  constructor(readonly options: ExportsOptions) {
    const { prefixes } = options;
    this.sentPaths = new SentPaths(prefixes);
    this.words = { family: prefixes.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  /** The peer's session is up, or how routes leave to it changed: then it is told the difference. */
  exportTo(side: ExportSide, holdEndOfRib: boolean): void {
    const entry = this.groupOfPeer.get(side.peer);
    if (entry === undefined) this.join(side, holdEndOfRib);
    else if (entry.side.key === side.key) this.moves.delete(side.peer);
    else this.moves.set(side.peer, { side, holdEndOfRib });
  }

  stopExport(peer: PeerIndex): void {
    this.moves.delete(peer);
    const entry = this.groupOfPeer.get(peer);
    if (entry === undefined) return;
    entry.group.leave(peer);
    this.left(peer, entry);
  }

  /** @param bracketed  between BoRR and EoRR (RFC 7313). */
  resend(peer: PeerIndex, bracketed: boolean): void {
    this.groupOfPeer.get(peer)?.group.resend(peer, bracketed);
  }

  releaseEndOfRib(): void {
    for (const { group } of this.groups.values()) group.releaseEndOfRib();
  }

  /** The best route of the prefix is another one. */
  bestChanged(prefix: PrefixId): void {
    for (const entry of this.groups.values()) if (!this.hasPaths(entry)) entry.group.mark(prefix);
  }

  /** The prefix was decided anew: with ADD-PATH peers hear of more than the best route. */
  decided(prefix: PrefixId): void {
    for (const entry of this.groups.values()) if (this.hasPaths(entry)) this.mark(entry, prefix);
  }

  /** Who may hear the peer's routes is asked again (RFC 4456 §6). */
  sourceChanged(prefix: PrefixId, best: boolean): void {
    for (const entry of this.groups.values()) if (best || this.hasPaths(entry)) this.mark(entry, prefix);
  }

  /** Some policy asks for the interface of a next hop. */
  get usesInterface(): boolean {
    for (const { side } of this.groups.values()) if (side.policy.usesInterface) return true;
    return false;
  }

  /** The prefix goes out by another interface: policies that ask for it are asked again. */
  interfaceChanged(prefix: PrefixId): void {
    for (const entry of this.groups.values()) if (entry.side.policy.usesInterface) this.mark(entry, prefix);
  }

  /** Once a turn, after the decisions: brings the update groups up to date, or a good part of the way. */
  flush(): void {
    this.regroup();
    const limit = Math.max(FLUSH_ROWS_LEAST, Math.floor(FLUSH_ROWS / Math.max(1, this.groups.size)));
    for (const entry of this.groups.values()) {
      this.scan(entry, limit);
      entry.group.flush(entry, limit);
      entry.outbound.forget();
    }
    this.announcedOf = undefined;
  }

  /** Rows wait to be compared and packed, or blocks to be looked at. */
  get hasPending(): boolean {
    for (const { group } of this.groups.values())
      if (group.adjRibOut.pendingSize > 0 || group.incomplete || group.hasPaused) return true;
    return false;
  }

  hasWork(peer: PeerIndex): boolean {
    return this.groupOfPeer.get(peer)?.group.hasWork(peer) ?? false;
  }

  take(peer: PeerIndex, roomOctets: number): Taken | undefined {
    return this.groupOfPeer.get(peer)?.group.take(peer, roomOctets);
  }

  advertisedTo(peer: PeerIndex): number {
    return this.groupOfPeer.get(peer)?.group.advertisedTo(peer) ?? 0;
  }

  /** What was encoded so far by the groups that there are now. */
  counters(): { readonly encodings: number; readonly messages: number; readonly batches: number } {
    const sum = { encodings: 0, messages: 0, batches: 0 };
    for (const { group } of this.groups.values()) {
      sum.encodings += group.counters.encodings;
      sum.messages += group.counters.messages;
      sum.batches += group.counters.batches;
    }
    return sum;
  }

  /** The group of a peer with an established session, for views. */
  groupOf(peer: PeerIndex): ExportGroup | undefined {
    return this.groupOfPeer.get(peer);
  }

  /** Somebody hears of more than the best routes. */
  get tellsPaths(): boolean {
    return this.pathGroups > 0;
  }

  hasPaths(entry: ExportGroup): boolean {
    return entry.rows === this.sentPaths;
  }

  /** Every path of a prefix that somebody was told of. */
  forEachSentPath(prefix: PrefixId, visit: (row: RowId) => void): void {
    this.sentPaths.forEachOf(prefix, visit);
  }

  /** What the members of a group should have for a row; see Target. */
  attributesFor(entry: ExportGroup, row: RowId): AttributesId | typeof NONE {
    const { adjRibIn, locRib } = this.options;
    const prefix = this.prefixOf(entry.rows, row);
    if (!this.hasPaths(entry)) {
      const best = locRib.bestAttributes(prefix);
      return best === NONE
        ? NONE
        : this.exported(entry, prefix, best as AttributesId, locRib.bestSource(prefix));
    }
    const peer = this.sentPaths.peerOf(row);
    const path = adjRibIn.find(prefix, peer, this.sentPaths.receivedIdOf(row));
    if (path === NONE || !this.announced(prefix).has(path)) return NONE;
    return this.exported(entry, prefix, adjRibIn.acceptedOf(path) as AttributesId, peer);
  }

  /** A route as the members of a group should have it: propagation first, then policy. */
  private exported(
    entry: ExportGroup,
    prefix: PrefixId,
    set: AttributesId,
    peer: PeerIndex,
  ): AttributesId | typeof NONE {
    const { peerFacts, prefixes, told } = this.options;
    const facts: PeerFacts = peerFacts(peer);
    const departure = entry.outbound.departure(set, facts, this.interfaceOf(prefix, peer));
    if (departure.forbidden !== undefined) return NONE;
    const { policy } = departure;
    let result: AttributesId;
    if (policy.acceptsAll) result = entry.outbound.result();
    else {
      const verdict = policy.evaluate(prefixes.words(prefix, this.words));
      if (!verdict.accepted) return NONE;
      result = entry.outbound.result(verdict.actions);
    }
    if (!this.expressible(result, entry.side.context)) return NONE;
    told.retain(result);
    entry.source = peer;
    return result;
  }

  /** Of a route made here; others go out by that of their next hop. */
  interfaceOf(prefix: PrefixId, source: PeerIndex): string | undefined {
    return source === LOCAL ? this.options.localInterface(prefix) : undefined;
  }

  /** An IPv4 route with an IPv6 next hop would cost the session with a peer that did not ask for such (RFC 8950 §4). */
  private expressible(set: AttributesId, { extendedNextHop }: WireContext): boolean {
    const { prefixes, told } = this.options;
    return prefixes.family === 'ipv6' || extendedNextHop === true || told.nextHopOctetsOf(set) === 0;
  }

  private announced(prefix: PrefixId): ReadonlySet<PathId> {
    if (this.announcedOf?.prefix !== prefix) {
      const paths = announcedPaths(this.options.locRib.candidates(prefix), this.options.maxPaths());
      this.announcedOf = { prefix, paths };
    }
    return this.announcedOf.paths;
  }

  private join(side: ExportSide, holdEndOfRib: boolean, told?: Told): void {
    let entry = this.groups.get(side.key);
    if (entry === undefined) {
      const { prefixes } = this.options;
      const rows = side.context.addPathSend.includes(prefixes.family) ? this.sentPaths : prefixes;
      const added = new ExportGroup(this, rows, side, (group, list) =>
        this.options.tooLong(
          group.size,
          list.map((row) => prefixes.prefix(this.prefixOf(rows, row))),
        ),
      );
      entry = added;
      this.groups.set(side.key, added);
      if (this.hasPaths(added)) this.pathGroups++;
      this.compareAll(added);
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
        const told = entry.group.move(peer);
        this.left(peer, entry);
        this.join(side, holdEndOfRib, told);
      }
    }
    this.moves.clear();
  }

  private allMoveTo(entry: ExportGroup, side: ExportSide): boolean {
    if (this.groups.has(side.key) || !sameContext(entry.side.context, side.context)) return false;
    let moving = 0;
    for (const [peer, move] of this.moves) {
      if (this.groupOfPeer.get(peer) === entry && move.side.key === side.key) moving++;
    }
    return moving === entry.group.size;
  }

  private retarget(entry: ExportGroup, side: ExportSide): void {
    this.groups.delete(entry.side.key);
    this.groups.set(side.key, entry);
    entry.outbound.forget();
    entry.side = side;
    entry.outbound = new Outbound(this.options, side);
    this.compareAll(entry);
  }

  /** With what is told: each prefix in use, as far as turns have room for it. What is told and not in use is marked already. */
  private compareAll(entry: ExportGroup): void {
    entry.scanFrom = 0 as PrefixId;
    entry.group.incomplete = true;
  }

  /** No more than what the next flush takes: marks are memory. */
  private scan(entry: ExportGroup, limit: number): void {
    const { group } = entry;
    if (!group.incomplete) return;
    const { locRib, prefixes } = this.options;
    const end = Math.min(prefixes.capacity, entry.scanFrom + SCAN_ROWS);
    while (entry.scanFrom < end && group.adjRibOut.pendingSize < limit) {
      if (locRib.bestAttributes(entry.scanFrom) !== NONE) this.mark(entry, entry.scanFrom);
      entry.scanFrom++;
    }
    group.incomplete = entry.scanFrom < prefixes.capacity;
  }

  private left(peer: PeerIndex, entry: ExportGroup): void {
    this.groupOfPeer.delete(peer);
    if (entry.group.size > 0) return;
    entry.outbound.forget();
    this.groups.delete(entry.side.key);
    if (this.hasPaths(entry)) this.pathGroups--;
  }

  private prefixOf(rows: Rows, row: RowId): PrefixId {
    return rows === this.sentPaths ? this.sentPaths.prefixOf(row) : (row as PrefixId);
  }

  /** The group compares what it has told of the prefix with what it should tell, at its next flush. */
  private mark(entry: ExportGroup, prefix: PrefixId): void {
    const { group } = entry;
    if (!this.hasPaths(entry)) return group.mark(prefix);
    const { adjRibIn } = this.options;
    const { sentPaths } = this;
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path)) {
      if (adjRibIn.acceptedOf(path) !== NONE)
        group.mark(sentPaths.add(prefix, adjRibIn.peerOf(path), adjRibIn.pathIdOf(path)));
    }
    sentPaths.forEachOf(prefix, (row) => group.mark(row)); // also those that are gone
  }
}

/** Equal on the wire: what was encoded for one serves the other. */
const sameContext = (a: WireContext, b: WireContext): boolean => JSON.stringify(a) === JSON.stringify(b);
