// The winner of each prefix, for one family (RFC 4271 §3.2, §9.1). Works in levels: `touch` marks a prefix whose
// candidates may have changed, `decideTouched` runs the decision for all of them and reports those whose best route
// or way of forwarding differs from before.
//
//   records     see PrefixTable  attribute set of the best route + 1; 0 is no route           [hot]
//                                peer that it came from
//   forwarding  object[prefix]   what the kernel shall do; undefined is nothing
//   touched     IdQueue          to be decided
//
// A prefix with a best route holds one use of its prefix and of its attribute set. A touched one holds none: to decide an id that is
// free, or another prefix's by now, is no harm. Which path wins is best-path.ts; why the others lost is decision.ts.

import { type Address, addressFromWords, compareAddresses } from '../net/address.ts';
import { linkBandwidth, weightsOf } from '../route/link-bandwidth.ts';
import {
  type AttributesId,
  type ForwardingRoute,
  LOCAL,
  type NextHopId,
  NONE,
  type PathId,
  type PeerIndex,
  type PrefixId,
  type RouteSource,
} from '../route/route.ts';
import { forwardingAddress } from '../wire/attribute/link-scope.ts';
import { ATTRIBUTE } from '../wire/constants.ts';
import type { AdjRibIn } from './adj-rib-in.ts';
import { BestPath } from './best-path.ts';
import { IdQueue } from './columns.ts';
import { type Candidate, type Decision, decide } from './decision.ts';
import type { HeardSets } from './heard-sets.ts';
import type { NextHops } from './next-hop.ts';
import { BEST, type PrefixTable, SOURCE } from './prefix-table.ts';

/** What the decision needs to know of the peer that a route came from. */
export interface PeerFacts {
  readonly source: RouteSource;
  readonly bgpIdentifier: Address;
  /** The same as a number. */
  readonly identifier: number;
  readonly address: Address;
}

export type PeerFactsOf = (peer: PeerIndex) => PeerFacts;

export interface LocRibOptions {
  readonly prefixes: PrefixTable;
  readonly adjRibIn: AdjRibIn;
  readonly pool: HeardSets;
  readonly nextHops: NextHops;
  readonly peerFacts: PeerFactsOf;
  /** How the kernel shall treat a prefix that is originated here. */
  readonly localForwarding: (prefix: PrefixId) => ForwardingRoute | undefined;
  /** LOCAL_PREF above which a peer's route is used in place of the one made here; undefined or absent: none is. */
  readonly localYieldsAbove?: (prefix: PrefixId) => number | undefined;
  readonly maxPaths: () => number;
  /** RFC 5004; absent is no. */
  readonly preferOldest?: () => boolean;
  /** Whether anybody is told of more than the best routes (ADD-PATH); absent is no. */
  readonly tellsPaths?: () => boolean;
  /** Whether anybody asks how prefixes are forwarded; absent is yes. */
  readonly forwards?: () => boolean;
}

export interface LocRibChanges {
  /** Another best route, or none any more: peers must be told. */
  readonly best: (prefix: PrefixId) => void;
  readonly forwarding: (prefix: PrefixId) => void;
  /** Decided anew, whatever came out: with ADD-PATH peers hear of more than the best route. */
  readonly decided?: (prefix: PrefixId) => void;
}

export class LocRib {
  private readonly forwarding: (ForwardingRoute | undefined)[] = [];
  private readonly touched = new IdQueue<PrefixId>();
  private readonly bestPath: BestPath;
  /** By the ids of their next hops, for as long as these are not given to others: one call of `decideTouched`. */
  private readonly equalCostSets = new Map<string, EqualCostSet>();
  private count = 0;
  /**
   * Their last usable path is gone, and another may be usable as soon as its next hop is answered, which decides them again. Until then, a
   * moment, they stay as they are: a route that moves to a next hop which nobody knows yet is never away.
   */
  private readonly waiting = new Set<PrefixId>();

  constructor(private readonly options: LocRibOptions) {
    this.bestPath = new BestPath(options);
  }

  /** Prefixes with a best route. */
  get size(): number {
    return this.count;
  }

  /** Prefixes that wait for a decision. */
  get touchedSize(): number {
    return this.touched.size;
  }

  /** Prefixes whose best route may be one that no peer tells any more, until a next hop is answered. */
  get waitingSize(): number {
    return this.waiting.size;
  }

  touch(prefix: PrefixId): void {
    this.touched.add(prefix);
  }

  /**
   * The prefix has one path more. A route that is worse than the best one in a step that looks at one route alone (before
   * MULTI_EXIT_DISC) changes nothing: it is out before it could remove another.
   */
  arrived(prefix: PrefixId, peer: PeerIndex, set: AttributesId): void {
    if (!this.losesAtOnce(prefix, peer, set)) this.touched.add(prefix);
  }

  /**
   * Decides at most `limit` of what was touched. The visitors run while the prefix is still held.
   * @returns how many it were.
   */
  decideTouched(changes: LocRibChanges, limit: number): number {
    let decided = 0;
    this.equalCostSets.clear();
    for (; decided < limit; decided++) {
      const prefix = this.touched.take();
      if (prefix === NONE) break;
      this.decide(prefix as PrefixId, changes);
    }
    return decided;
  }

  bestAttributes(prefix: PrefixId): AttributesId | typeof NONE {
    const { records, recordWords } = this.options.prefixes;
    return (records[prefix * recordWords + BEST]! - 1) as AttributesId;
  }

  bestSource(prefix: PrefixId): PeerIndex {
    const { records, recordWords } = this.options.prefixes;
    return records[prefix * recordWords + SOURCE] as PeerIndex;
  }

  forwardingOf(prefix: PrefixId): ForwardingRoute | undefined {
    return this.forwarding[prefix];
  }

  /** Candidates as they stand now and what the decision makes of them, for people. */
  explain(prefix: PrefixId): Decision | undefined {
    const candidates = this.candidates(prefix);
    return candidates.length === 0 ? undefined : decide(candidates, this.options.maxPaths());
  }

  /** Against the best route, where that is decided and a peer's. */
  private losesAtOnce(prefix: PrefixId, peer: PeerIndex, set: AttributesId): boolean {
    const best = this.bestAttributes(prefix);
    if (best === NONE || peer === LOCAL || this.bestSource(prefix) === LOCAL) return false;
    if (this.touched.has(prefix) || (this.waiting.size > 0 && this.waiting.has(prefix))) return false;
    if (this.options.tellsPaths?.() === true) return false;
    return this.bestPath.isWorse(set, best as AttributesId);
  }

  private decide(prefix: PrefixId, changes: LocRibChanges): void {
    const had = this.bestAttributes(prefix) !== NONE;
    const holds = had && this.options.preferOldest?.() === true;
    const best = this.bestPath.decide(prefix, holds ? this.bestSource(prefix) : NONE);
    const gone = best === NONE && had;
    if (gone && this.bestPath.hasUnanswered) return void this.waiting.add(prefix);
    if (this.waiting.size > 0) this.waiting.delete(prefix);
    changes.decided?.(prefix);
    this.store(prefix, best, changes);
    if (this.options.forwards?.() !== false) this.storeForwarding(prefix, best, changes);
    if (gone) this.options.prefixes.release(prefix); // now that everybody has been told
  }

  private storeForwarding(prefix: PrefixId, best: PathId | typeof NONE, changes: LocRibChanges): void {
    const forwarding = best === NONE ? undefined : this.forward(prefix, best as PathId);
    if (sameForwarding(this.forwarding[prefix], forwarding)) return;
    this.forwarding[prefix] = forwarding;
    changes.forwarding(prefix);
  }

  private store(prefix: PrefixId, best: PathId | typeof NONE, changes: LocRibChanges): void {
    const { pool, prefixes, adjRibIn } = this.options;
    const { records } = prefixes;
    const at = prefix * prefixes.recordWords;
    const before = records[at + BEST]! - 1;
    const after = best === NONE ? NONE : (adjRibIn.acceptedOf(best as PathId) as number);
    const source = best === NONE ? LOCAL : adjRibIn.peerOf(best as PathId);
    if (before === after && (after === NONE || records[at + SOURCE] === source)) return;
    if (after !== NONE) pool.retain(after as AttributesId);
    if (before !== NONE) pool.release(before as AttributesId);
    if (before === NONE) {
      prefixes.retain(prefix);
      this.count++;
    }
    records[at + BEST] = after + 1;
    records[at + SOURCE] = source;
    changes.best(prefix);
    if (after === NONE) this.count--;
  }

  /** The usable paths of a prefix, as they stand now. */
  candidates(prefix: PrefixId): Candidate[] {
    const { adjRibIn, pool, nextHops, peerFacts } = this.options;
    const candidates: Candidate[] = [];
    const holds = this.options.preferOldest?.() === true && this.bestAttributes(prefix) !== NONE;
    const current = holds ? this.bestSource(prefix) : NONE;
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path)) {
      const accepted = adjRibIn.acceptedOf(path);
      if (accepted === NONE) continue;
      const set = pool.view(accepted as AttributesId);
      const facts = peerFacts(adjRibIn.peerOf(path));
      const local = facts.source.kind === 'local';
      const interiorCost = local || set.nextHop === undefined ? 0 : nextHops.cost(set.nextHop);
      if (interiorCost === undefined) continue; // §9.1.2: a next hop that does not resolve excludes the route
      candidates.push({
        path,
        set,
        kind: facts.source.kind,
        interiorCost,
        bgpIdentifier: set.attributes.originatorId ?? facts.bgpIdentifier,
        peerAddress: facts.address,
        pathId: adjRibIn.pathIdOf(path),
        inUse: adjRibIn.peerOf(path) === current,
        ...(local && { yieldsAbove: this.options.localYieldsAbove?.(prefix) }),
      });
    }
    return candidates;
  }

  /** One object serves all prefixes that are forwarded alike one after the other: most are. */
  private last: ForwardingRoute & { readonly type: 'unicast' } = {
    type: 'unicast',
    nextHops: [],
    localPref: 0,
    stale: false,
  };

  private forward(prefix: PrefixId, best: PathId): ForwardingRoute | undefined {
    const { adjRibIn, pool, nextHops, peerFacts, maxPaths } = this.options;
    if (peerFacts(adjRibIn.peerOf(best)).source.kind === 'local') return this.options.localForwarding(prefix);
    const set = adjRibIn.acceptedOf(best) as AttributesId;
    const localPref = pool.localPref(set);
    const stale = adjRibIn.isStale(best);
    if (!this.bestPath.hasEquals) {
      const nextHop = pool.nextHop(set);
      const address = nextHop === NONE ? undefined : nextHops.addressOf(nextHop as NextHopId);
      const { last } = this;
      if (
        last.nextHops.length === 1 &&
        last.nextHops[0] === address &&
        last.localPref === localPref &&
        last.stale === stale &&
        last.weights === undefined
      )
        return last;
      this.last = { type: 'unicast', nextHops: address === undefined ? [] : [address], localPref, stale };
      return this.last;
    }
    return { ...this.multipath(best, maxPaths()), localPref, stale };
  }

  /** The equal paths, at most as many as allowed: the best, then by peer address. */
  private multipath(best: PathId, maxPaths: number): EqualCostSet {
    const { adjRibIn, pool } = this.options;
    const paths = this.bestPath.equalPaths();
    const chosen = paths.length <= maxPaths ? paths : this.lowestAddresses(paths, best, maxPaths);
    const key: number[] = [];
    let weighted = false;
    for (const path of chosen) {
      const set = adjRibIn.acceptedOf(path) as AttributesId;
      key.push(pool.nextHop(set));
      weighted ||= pool.find(set, ATTRIBUTE.EXTENDED_COMMUNITIES) !== undefined;
    }
    if (weighted) return this.equalCostSet(chosen);
    const name = key.sort((a, b) => a - b).join();
    let found = this.equalCostSets.get(name);
    if (found === undefined) {
      found = this.equalCostSet(chosen);
      this.equalCostSets.set(name, found);
    }
    return found;
  }

  private lowestAddresses(paths: readonly PathId[], best: PathId, count: number): PathId[] {
    const { adjRibIn, peerFacts } = this.options;
    const addressOf = (path: PathId) => peerFacts(adjRibIn.peerOf(path)).address;
    const others = paths
      .filter((path) => path !== best)
      .sort(
        (a, b) => compareAddresses(addressOf(a), addressOf(b)) || adjRibIn.pathIdOf(a) - adjRibIn.pathIdOf(b),
      );
    return [best, ...others.slice(0, count - 1)];
  }

  private equalCostSet(paths: readonly PathId[]): EqualCostSet {
    const { adjRibIn, pool } = this.options;
    const rates = new Map<Address, number | undefined>();
    for (const path of paths) {
      const { nextHop, extendedCommunities } = pool.attributes(adjRibIn.acceptedOf(path) as AttributesId);
      if (nextHop !== undefined) rates.set(forwardingAddress(nextHop), linkBandwidth(extendedCommunities));
    }
    const nextHops = [...rates.keys()].sort(compareAddresses);
    const weights = weightsOf(nextHops.map((nextHop) => rates.get(nextHop)));
    return { type: 'unicast', nextHops, ...(weights === undefined ? {} : { weights }) };
  }
}

type EqualCostSet = Pick<ForwardingRoute & { type: 'unicast' }, 'type' | 'nextHops' | 'weights'>;

function sameForwarding(a: ForwardingRoute | undefined, b: ForwardingRoute | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.type === 'blackhole' || b.type === 'blackhole')
    return a?.type === b?.type;
  return (
    a.localPref === b.localPref &&
    a.stale === b.stale &&
    a.nextHops.length === b.nextHops.length &&
    a.nextHops.every((nextHop, i) => nextHop === b.nextHops[i] && a.weights?.[i] === b.weights?.[i])
  );
}

/** Stands for this speaker where a peer's address is compared. */
export const LOCAL_ADDRESS = addressFromWords('ipv4', 0, 0, 0, 0);
