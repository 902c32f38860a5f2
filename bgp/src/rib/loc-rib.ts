// The winner of each prefix, for one family (RFC 4271 §3.2, §9.1). Works in levels: `touch` marks a prefix whose
// candidates may have changed, `decideTouched` runs the decision for all of them and reports those whose best route
// or way of forwarding differs from before.
//
//   attributes  Int32[prefix]   attribute set of the best route + 1; 0 is no route           [hot]
//   sources     Int32[prefix]   peer that it came from
//   forwarding  object[prefix]  what the kernel shall do; undefined is nothing
//
// A prefix with a best route holds one use of its prefix and of its attribute set.

import { type Address, addressFromWords, compareAddresses } from '../net/address.ts';
import { linkBandwidth, weightsOf } from '../route/link-bandwidth.ts';
import {
  type AttributesId,
  type ForwardingRoute,
  LOCAL,
  NONE,
  type PeerIndex,
  type PrefixId,
  type RouteSource,
} from '../route/route.ts';
import { type AdjRibIn, grown } from './adj-rib-in.ts';
import type { AttributePool } from './attribute-pool.ts';
import { type Candidate, type Decision, decide } from './decision.ts';
import type { NextHops } from './next-hop.ts';
import type { PrefixTable } from './prefix-table.ts';

/** What the decision needs to know of the peer that a route came from. */
export interface PeerFacts {
  readonly source: RouteSource;
  readonly bgpIdentifier: Address;
  readonly address: Address;
}

export interface LocRibOptions {
  readonly prefixes: PrefixTable;
  readonly adjRibIn: AdjRibIn;
  readonly pool: AttributePool;
  readonly nextHops: NextHops;
  readonly peerFacts: (peer: PeerIndex) => PeerFacts;
  /** How the kernel shall treat a prefix that is originated here. */
  readonly localForwarding: (prefix: PrefixId) => ForwardingRoute | undefined;
  readonly maxPaths: () => number;
  /** RFC 5004; absent is no. */
  readonly preferOldest?: () => boolean;
}

export interface LocRibChanges {
  /** Another best route, or none any more: peers must be told. */
  readonly best: (prefix: PrefixId) => void;
  readonly forwarding: (prefix: PrefixId) => void;
  /** Decided anew, whatever came out: with ADD-PATH peers hear of more than the best route. */
  readonly decided?: (prefix: PrefixId) => void;
}

export class LocRib {
  private attributes = new Int32Array(64);
  private sources = new Int32Array(64);
  private readonly forwarding: (ForwardingRoute | undefined)[] = [];
  private touched = new Set<PrefixId>();
  private count = 0;

  constructor(private readonly options: LocRibOptions) {}

  /** Prefixes with a best route. */
  get size(): number {
    return this.count;
  }

  touch(prefix: PrefixId): void {
    if (this.touched.has(prefix)) return;
    this.options.prefixes.retain(prefix);
    this.touched.add(prefix);
  }

  /** The visitors run while the prefix is still held: who keeps the id retains it. */
  decideTouched(changes: LocRibChanges): void {
    const touched = this.touched;
    this.touched = new Set();
    for (const prefix of touched) {
      this.decide(prefix, changes);
      this.options.prefixes.release(prefix);
    }
  }

  bestAttributes(prefix: PrefixId): AttributesId | typeof NONE {
    return (prefix < this.attributes.length ? this.attributes[prefix]! - 1 : NONE) as AttributesId;
  }

  bestSource(prefix: PrefixId): PeerIndex {
    return this.sources[prefix] as PeerIndex;
  }

  forwardingOf(prefix: PrefixId): ForwardingRoute | undefined {
    return this.forwarding[prefix];
  }

  /** Candidates as they stand now and what the decision makes of them, for people. */
  explain(prefix: PrefixId): Decision | undefined {
    const candidates = this.candidates(prefix);
    return candidates.length === 0 ? undefined : decide(candidates, this.options.maxPaths());
  }

  /** Every prefix with a best route. */
  forEach(visit: (prefix: PrefixId) => void): void {
    for (let prefix = 0; prefix < this.attributes.length; prefix++) {
      if (this.attributes[prefix] !== 0) visit(prefix as PrefixId);
    }
  }

  private decide(prefix: PrefixId, changes: LocRibChanges): void {
    changes.decided?.(prefix);
    const decision = this.explain(prefix);
    this.store(prefix, decision, changes);
    const forwarding = decision && this.forward(prefix, decision);
    if (sameForwarding(this.forwarding[prefix], forwarding)) return;
    this.forwarding[prefix] = forwarding;
    changes.forwarding(prefix);
  }

  private store(prefix: PrefixId, decision: Decision | undefined, changes: LocRibChanges): void {
    const { pool, prefixes, adjRibIn } = this.options;
    if (prefix >= this.attributes.length) {
      this.attributes = grown(this.attributes, prefix);
      this.sources = grown(this.sources, prefix);
    }
    const before = this.attributes[prefix]! - 1;
    const after = decision ? decision.best.set.id : NONE;
    const source = decision ? adjRibIn.peerOf(decision.best.path) : LOCAL;
    if (before === after && (after === NONE || this.sources[prefix] === source)) return;
    if (after !== NONE) pool.retain(after as AttributesId);
    if (before !== NONE) pool.release(before as AttributesId);
    if (before === NONE) {
      prefixes.retain(prefix);
      this.count++;
    }
    this.attributes[prefix] = after + 1;
    this.sources[prefix] = source;
    changes.best(prefix);
    if (after === NONE) {
      this.count--;
      prefixes.release(prefix); // still held by `touched`
    }
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
      const set = pool.get(accepted as AttributesId);
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
      });
    }
    return candidates;
  }

  private forward(prefix: PrefixId, decision: Decision): ForwardingRoute | undefined {
    if (decision.best.kind === 'local') return this.options.localForwarding(prefix);
    const rates = new Map<Address, number | undefined>();
    for (const { set } of decision.multipath) {
      if (set.nextHop !== undefined)
        rates.set(set.nextHop, linkBandwidth(set.attributes.extendedCommunities));
    }
    const nextHops = [...rates.keys()].sort(compareAddresses);
    const weights = weightsOf(nextHops.map((nextHop) => rates.get(nextHop)));
    return {
      type: 'unicast',
      nextHops,
      ...(weights === undefined ? {} : { weights }),
      localPref: decision.best.set.localPref,
      stale: this.options.adjRibIn.isStale(decision.best.path),
    };
  }
}

function sameForwarding(a: ForwardingRoute | undefined, b: ForwardingRoute | undefined): boolean {
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
