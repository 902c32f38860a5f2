// The decision process (RFC 4271 §9.1.2) on numbers: the same steps in the same order as decision.ts, which is its plain twin and
// says why a route lost; here is only which one wins.                                                          [hot]
//
//   paths  Int32[n]    candidates that are left, in front of `count`
//   keys   Float64[n]  what the step compares, by position; the lowest stay

import { compareAddresses } from '../net/address.ts';
import {
  type AttributesId,
  LOCAL,
  type NextHopId,
  NONE,
  type PathId,
  type PrefixId,
} from '../route/route.ts';
import type { AdjRibIn } from './adj-rib-in.ts';
import type { HeardSets } from './heard-sets.ts';
import type { PeerFactsOf } from './loc-rib.ts';
import type { NextHops } from './next-hop.ts';

export interface BestPathOptions {
  readonly adjRibIn: AdjRibIn;
  readonly pool: HeardSets;
  readonly nextHops: NextHops;
  readonly peerFacts: PeerFactsOf;
  /** See LocRibOptions. */
  readonly localYieldsAbove?: (prefix: PrefixId) => number | undefined;
}

export class BestPath {
  private paths = new Int32Array(16);
  private keys = new Float64Array(16);
  /** Candidates left. */
  private count = 0;
  private equal = new Int32Array(16);
  private equals = 0;
  private unanswered = false;

  constructor(private readonly options: BestPathOptions) {}

  /**
   * @param inUse  index of the peer whose route is in use, where that shall count (RFC 5004); else NONE.
   * @returns the best path, or NONE when there is no candidate.
   */
  decide(prefix: PrefixId, inUse: number): PathId | typeof NONE {
    this.collect(prefix);
    if (this.count > 1) this.compare(prefix);
    this.equals = this.count;
    if (this.count > 1) {
      this.equal.set(this.paths.subarray(0, this.count));
      this.breakTies(inUse);
    }
    return (this.count === 0 ? NONE : this.paths[0]!) as PathId;
  }

  /** After `decide`: of a next hop that would make another path usable nothing was said yet. */
  get hasUnanswered(): boolean {
    return this.unanswered;
  }

  /** After `decide`: there are paths that equal the best one up to the interior cost. */
  get hasEquals(): boolean {
    return this.equals > 1;
  }

  /** After `decide`: the best path and those that equal it. */
  equalPaths(): PathId[] {
    return this.equals > 1
      ? (Array.from(this.equal.subarray(0, this.equals)) as PathId[])
      : (Array.from(this.paths.subarray(0, this.equals)) as PathId[]);
  }

  /** Usable paths: accepted by policy, with a next hop that resolves. */
  private collect(prefix: PrefixId): void {
    const { adjRibIn } = this.options;
    this.count = 0;
    this.unanswered = false;
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path)) {
      const accepted = adjRibIn.acceptedOf(path);
      if (accepted === NONE) continue;
      if (this.costOf(path, accepted as AttributesId) === undefined) {
        const nextHop = this.options.pool.nextHop(accepted as AttributesId) as NextHopId;
        this.unanswered ||= !this.options.nextHops.isAnswered(nextHop);
        continue;
      }
      if (this.count === this.paths.length) this.grow();
      this.paths[this.count++] = path;
    }
  }

  private kindOf(path: number): 'local' | 'internal' | 'external' {
    return this.options.peerFacts(this.options.adjRibIn.peerOf(path as PathId)).source.kind;
  }

  private setOf(path: number): AttributesId {
    return this.options.adjRibIn.acceptedOf(path as PathId) as AttributesId;
  }

  private costOf(path: number, set: AttributesId): number | undefined {
    const nextHop = this.options.pool.nextHop(set);
    if (nextHop === NONE || this.options.adjRibIn.peerOf(path as PathId) === LOCAL) return 0;
    return this.options.nextHops.costOf(nextHop as NextHopId);
  }

  private compare(prefix: PrefixId): void {
    const { keys, paths } = this;
    this.keepPreferred(prefix);
    if (this.count === 1 || this.keepLowestMed()) return;
    for (let i = 0; i < this.count; i++) keys[i] = this.kindOf(paths[i]!) === 'external' ? 0 : 1;
    if (this.keepLowest()) return;
    for (let i = 0; i < this.count; i++) keys[i] = this.costOf(paths[i]!, this.setOf(paths[i]!))!;
    this.keepLowest();
  }

  /**
   * The steps before MULTI_EXIT_DISC in one pass: each looks at one route alone, so together they are one order: locally originated
   * (or not, where that yields), not long-lived stale, LOCAL_PREF, AS_PATH length, ORIGIN.
   */
  private keepPreferred(prefix: PrefixId): void {
    const { pool } = this.options;
    const { paths } = this;
    const localRank = this.hasLocal() && this.localYields(prefix) ? 4 : 0;
    let kept = 0;
    let bestRank = 0;
    let bestPref = 0;
    let bestLength = 0;
    let bestOrigin = 0;
    for (let i = 0; i < this.count; i++) {
      const path = paths[i]!;
      const set = this.setOf(path);
      const rank = (this.isLocal(path) ? localRank : 2) + (pool.isLongLivedStale(set) ? 1 : 0);
      const pref = pool.localPref(set);
      const length = pool.asPathLength(set);
      const origin = pool.origin(set);
      const order =
        kept === 0 ? -1 : rank - bestRank || bestPref - pref || length - bestLength || origin - bestOrigin;
      if (order > 0) continue;
      if (order < 0) {
        kept = 0;
        bestRank = rank;
        bestPref = pref;
        bestLength = length;
        bestOrigin = origin;
      }
      paths[kept++] = path;
    }
    this.count = kept;
  }

  /** Whether a peer's route is out in one of these steps because of another's. */
  isWorse(set: AttributesId, than: AttributesId): boolean {
    const { pool } = this.options;
    const order =
      Number(pool.isLongLivedStale(set)) - Number(pool.isLongLivedStale(than)) ||
      pool.localPref(than) - pool.localPref(set) ||
      pool.asPathLength(set) - pool.asPathLength(than) ||
      pool.origin(set) - pool.origin(than);
    return order > 0;
  }

  private hasLocal(): boolean {
    for (let i = 0; i < this.count; i++) if (this.isLocal(this.paths[i]!)) return true;
    return false;
  }

  private isLocal(path: number): boolean {
    return this.options.adjRibIn.peerOf(path as PathId) === LOCAL;
  }

  /** A peer has the prefix with a LOCAL_PREF that the route made here says is stronger. */
  private localYields(prefix: PrefixId): boolean {
    const limit = this.options.localYieldsAbove?.(prefix);
    if (limit === undefined) return false;
    const { pool } = this.options;
    for (let i = 0; i < this.count; i++) {
      const path = this.paths[i]!;
      const set = this.setOf(path);
      if (this.kindOf(path) !== 'local' && pool.localPref(set) > limit && !pool.isLongLivedStale(set))
        return true;
    }
    return false;
  }

  private breakTies(inUse: number): void {
    const { adjRibIn, pool, peerFacts } = this.options;
    const { keys, paths } = this;
    this.keepIdentifierInUse(inUse);
    for (let i = 0; i < this.count; i++) keys[i] = this.identifierOf(paths[i]!);
    if (this.keepLowest()) return;
    for (let i = 0; i < this.count; i++) keys[i] = pool.clusterListLength(this.setOf(paths[i]!));
    if (this.keepLowest()) return;
    const addressOf = (i: number) => peerFacts(adjRibIn.peerOf(paths[i] as PathId)).address;
    let least = 0;
    for (let i = 1; i < this.count; i++) if (compareAddresses(addressOf(i), addressOf(least)) < 0) least = i;
    const leastAddress = addressOf(least);
    for (let i = 0; i < this.count; i++) keys[i] = addressOf(i) === leastAddress ? 0 : 1;
    if (this.keepLowest()) return;
    for (let i = 0; i < this.count; i++) keys[i] = adjRibIn.pathIdOf(paths[i] as PathId);
    this.keepLowest();
  }

  /** ORIGINATOR_ID if there is one, else the peer's BGP Identifier (RFC 4456 §9). */
  private identifierOf(path: number): number {
    const { adjRibIn, pool, peerFacts } = this.options;
    return pool.originatorId(this.setOf(path)) ?? peerFacts(adjRibIn.peerOf(path as PathId)).identifier;
  }

  /** RFC 5004 §3: between external paths. */
  private keepIdentifierInUse(inUse: number): void {
    if (inUse === NONE) return;
    const { adjRibIn } = this.options;
    let identifier = -1;
    for (let i = 0; i < this.count && identifier < 0; i++) {
      const path = this.paths[i]!;
      if (adjRibIn.peerOf(path as PathId) === inUse && this.kindOf(path) === 'external')
        identifier = this.identifierOf(path);
    }
    if (identifier < 0) return;
    for (let i = 0; i < this.count; i++)
      this.keys[i] = this.identifierOf(this.paths[i]!) === identifier ? 0 : 1;
    this.keepLowest();
  }

  /** §9.1.2.2 c: only between routes from the same neighbouring AS. The few candidates are compared pair by pair. */
  private keepLowestMed(): boolean {
    const { pool } = this.options;
    for (let i = 0; i < this.count; i++) {
      const set = this.setOf(this.paths[i]!);
      const neighbor = pool.neighborAs(set);
      const med = pool.multiExitDisc(set);
      this.keys[i] = 0;
      for (let j = 0; j < this.count; j++) {
        const other = this.setOf(this.paths[j]!);
        if (pool.neighborAs(other) === neighbor && pool.multiExitDisc(other) < med) {
          this.keys[i] = 1;
          break;
        }
      }
    }
    return this.keepLowest();
  }

  /** @returns whether just one is left. */
  private keepLowest(): boolean {
    const { keys, paths } = this;
    let least = keys[0]!;
    for (let i = 1; i < this.count; i++) if (keys[i]! < least) least = keys[i]!;
    let kept = 0;
    for (let i = 0; i < this.count; i++) if (keys[i] === least) paths[kept++] = paths[i]!;
    this.count = kept;
    return kept === 1;
  }

  private grow(): void {
    const paths = new Int32Array(this.paths.length * 2);
    paths.set(this.paths);
    this.paths = paths;
    this.equal = new Int32Array(paths.length);
    this.keys = new Float64Array(paths.length);
  }
}
