// One family's tables and what joins them: Inbound (what peers say → Adj-RIB-In) → Loc-RIB → Exports (update groups). Which
// session a route came over is peer.ts; when things happen is speaker.ts.

import type { Address } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import type { Prefix } from '../net/prefix.ts';
import type { OriginCheck } from '../policy/origin-check.ts';
import type { AttributePool } from '../rib/attribute-pool.ts';
import { IdQueue } from '../rib/columns.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import { LocRib, type LocRibChanges, type PeerFactsOf } from '../rib/loc-rib.ts';
import type { NextHops } from '../rib/next-hop.ts';
import { PrefixTable } from '../rib/prefix-table.ts';
import {
  type AttributesId,
  type ForwardingRoute,
  LOCAL,
  type NextHopId,
  NONE,
  type PathId,
  type PeerIndex,
  type PrefixId,
} from '../route/route.ts';
import type { ImportSide } from './arrival.ts';
import { Exports } from './exports.ts';
import { Inbound } from './inbound.ts';
import type { OriginatedRoute } from './input.ts';
import { RouteViews } from './route-views.ts';

/** How a prefix shall be forwarded; undefined: not at all. The id is the table's, and holds during the call. */
export type ForwardingVisitor = (
  prefixes: PrefixTable,
  prefix: PrefixId,
  route: ForwardingRoute | undefined,
) => void;

export interface RoutingOptions {
  /** Sets that peers sent or that are made here; their next hops are tracked. */
  readonly heard: HeardSets;
  /** Sets as they leave. */
  readonly told: AttributePool;
  readonly nextHops: NextHops;
  readonly peerFacts: PeerFactsOf;
  readonly maxPaths: () => number;
  readonly originCheck: () => OriginCheck | undefined;
  readonly isLeaf: (peer: PeerIndex) => boolean;
  readonly preferOldest: () => boolean;
  /** Whether anybody asks how prefixes are forwarded. */
  readonly forwards: () => boolean;
  readonly tooLong: (peers: number, prefixes: readonly Prefix[]) => void;
  readonly importSide: (peer: PeerIndex) => ImportSide | undefined;
  /** What a slice of a walk over all paths may cost; absent is what a turn can bear. */
  readonly sliceCost?: number | undefined;
}

/** Prefixes that are decided in one turn: so many take some ten milliseconds. */
const DECISIONS = 32 * 1024;

export class Routing {
  readonly prefixes: PrefixTable;
  readonly inbound: Inbound;
  readonly locRib: LocRib;
  readonly exports: Exports;
  readonly views: RouteViews;
  private readonly changes: LocRibChanges;
  /** Prefixes that are forwarded otherwise than was last told. Each is held, so that its id stays its own. */
  private readonly toForward = new IdQueue<PrefixId>();

  constructor(
    readonly family: Family,
    private readonly options: RoutingOptions,
  ) {
    const { heard, told, nextHops, peerFacts, maxPaths, preferOldest, forwards, tooLong } = options;
    this.prefixes = new PrefixTable(family);
    const { prefixes } = this;
    const touch = (prefix: PrefixId) => this.locRib.touch(prefix);
    this.inbound = new Inbound({
      prefixes,
      heard,
      nextHops,
      originCheck: options.originCheck,
      isLeaf: options.isLeaf,
      touch,
      importSide: options.importSide,
      sourceChanged: (path) => this.pathSourceChanged(path),
      interfaceChanged: (path, changed) => this.pathInterfaceChanged(path, changed),
      sliceCost: options.sliceCost,
      arrived: (prefix, peer, set) => this.locRib.arrived(prefix, peer, set),
    });
    const { adjRibIn } = this.inbound;
    this.locRib = new LocRib({
      prefixes,
      adjRibIn,
      pool: heard,
      nextHops,
      peerFacts,
      maxPaths,
      preferOldest,
      forwards,
      tellsPaths: () => this.exports.tellsPaths,
      localYieldsAbove: (prefix) => this.inbound.originatedAt(prefix)?.yieldsAbove,
      localForwarding: (prefix) =>
        this.inbound.originatedAt(prefix)?.kernel === 'blackhole' ? { type: 'blackhole' } : undefined,
    });
    const { locRib } = this;
    this.exports = new Exports({
      prefixes,
      adjRibIn,
      locRib,
      heard,
      told,
      nextHops,
      peerFacts,
      maxPaths,
      localInterface: (prefix) => this.inbound.originatedAt(prefix)?.interface,
      tooLong,
    });
    this.views = new RouteViews({
      family,
      prefixes,
      inbound: this.inbound,
      locRib,
      exports: this.exports,
      heard,
      told,
      nextHops,
      peerFacts,
      originCheck: options.originCheck,
    });
    this.changes = {
      best: (prefix) => this.exports.bestChanged(prefix),
      decided: (prefix) => this.exports.decided(prefix),
      forwarding: (prefix) => {
        if (this.toForward.add(prefix)) prefixes.retain(prefix);
      },
    };
  }

  originate(route: OriginatedRoute): void {
    const prefix = this.inbound.originate(route);
    if (prefix !== NONE)
      this.exports.sourceChanged(prefix as PrefixId, this.locRib.bestSource(prefix as PrefixId) === LOCAL);
  }

  /** The resolution of a next hop changed: every prefix with a path over it is decided again. */
  nextHopChanged(address: Address): void {
    const nextHop = this.options.nextHops.idOf(address);
    if (nextHop !== undefined) this.inbound.sweeps.nextHopChanged(nextHop);
  }

  /** The next hop goes out by another interface: policies that ask for it are asked again. */
  interfaceChanged(address: Address, sides: Iterable<ImportSide>): void {
    const nextHop = this.options.nextHops.idOf(address);
    if (nextHop === undefined) return;
    const asked = this.exports.usesInterface || [...sides].some(({ policy }) => policy.usesInterface);
    if (asked) this.inbound.sweeps.interfaceChanged(nextHop);
  }

  /** The peer is another kind of source now: who may hear its routes is asked again (RFC 4456 §6). */
  sourceChanged(peer: PeerIndex): void {
    this.inbound.sweeps.sourceChanged(peer);
  }

  decideAll(): void {
    this.inbound.sweeps.touchAll();
  }

  /** A slice of what is done to many paths: before anything is concluded from what is left of them. */
  sweep(): void {
    this.inbound.sweeps.slice();
  }

  /** Once a turn: decides what was touched, and brings the update groups up to date; a large change takes several turns. */
  flush(): void {
    this.locRib.decideTouched(this.changes, DECISIONS);
    this.exports.flush();
  }

  get hasForwarding(): boolean {
    return this.toForward.size > 0;
  }

  /** Tells how prefixes are forwarded now, each once however often that changed. @returns how many it told, `limit` at most. */
  forward(visit: ForwardingVisitor, limit: number): number {
    let told = 0;
    for (; told < limit; told++) {
      const prefix = this.toForward.take();
      if (prefix === NONE) break;
      visit(this.prefixes, prefix as PrefixId, this.locRib.forwardingOf(prefix as PrefixId));
      this.prefixes.release(prefix as PrefixId);
    }
    return told;
  }

  /** Something is left for the next turn. */
  get hasBacklog(): boolean {
    return this.inbound.sweeps.isBusy || this.locRib.touchedSize > 0 || this.exports.hasPending;
  }

  peerCounts(peer: PeerIndex): { received: number; accepted: number; advertised: number; stale: number } {
    return { ...this.inbound.countsOf(peer), advertised: this.exports.advertisedTo(peer) };
  }

  get pathCount(): number {
    return this.inbound.adjRibIn.size;
  }

  /** @param peer  a path of this peer. */
  hasPath(prefix: PrefixId, peer: PeerIndex | undefined): boolean {
    const { adjRibIn } = this.inbound;
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path))
      if (peer === undefined || adjRibIn.peerOf(path) === peer) return true;
    return false;
  }

  /** Every prefix with a path, in the order of their ids. */
  forEachPrefix(visit: (id: PrefixId) => void): void {
    for (let prefix = 0; prefix < this.prefixes.capacity; prefix++) {
      if (this.inbound.adjRibIn.first(prefix as PrefixId) !== NONE) visit(prefix as PrefixId);
    }
  }

  private pathSourceChanged(path: PathId): void {
    const { adjRibIn } = this.inbound;
    const prefix = adjRibIn.prefixOf(path);
    this.exports.sourceChanged(prefix, this.locRib.bestSource(prefix) === adjRibIn.peerOf(path));
  }

  private pathInterfaceChanged(path: PathId, changed: ReadonlyMap<NextHopId, unknown>): void {
    const { heard, importSide } = this.options;
    const { adjRibIn } = this.inbound;
    const over = (set: AttributesId | typeof NONE) =>
      set !== NONE && changed.has(heard.nextHop(set as AttributesId) as NextHopId);
    const received = over(adjRibIn.receivedOf(path));
    if (received && importSide(adjRibIn.peerOf(path))?.policy.usesInterface === true)
      this.inbound.reimportPath(path);
    if (over(adjRibIn.acceptedOf(path))) this.exports.interfaceChanged(adjRibIn.prefixOf(path));
  }
}
