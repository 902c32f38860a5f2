// What becomes of an attribute set on its way to an update group: the rules of propagation first, then export policy on
// the result, so that policy sees what a peer would. Remembered for the time of a flush: many prefixes share a set.

import { ipv4FromNumber } from '../net/address.ts';
import { applyActions } from '../policy/actions.ts';
import type { CompiledPolicy, PreparedPolicy } from '../policy/evaluate.ts';
import type { RouteFacts } from '../policy/match.ts';
import type { Action } from '../policy/policy.ts';
import { type Destination, forbidden, outgoing, reflects, sendable } from '../policy/propagation.ts';
import type { AttributePool } from '../rib/attribute-pool.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import type { PeerFacts } from '../rib/loc-rib.ts';
import type { NextHops } from '../rib/next-hop.ts';
import { type AttributesId, type NextHopId, NONE, type RouteSource } from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { FastPropagation } from './fast-propagation.ts';

export interface OutboundSide {
  readonly destination: Destination;
  readonly policy: CompiledPolicy;
}

export interface OutboundTables {
  readonly heard: HeardSets;
  readonly told: AttributePool;
  readonly nextHops: NextHops;
}

/** A set from one peer, on its way to one kind of destination. */
export class Departure implements RouteFacts {
  /** As it leaves without any action of policy. */
  plain: AttributesId | typeof NONE = NONE;
  /** By the actions of policy. */
  made: Map<readonly Action[], AttributesId> | undefined;
  private readonly prepared: PreparedPolicy;
  private value: PathAttributes | undefined;

  /** @param forbidden  the rule that keeps it here, whatever policy says. */
  constructor(
    private readonly tables: OutboundTables,
    private readonly side: OutboundSide,
    private readonly set: AttributesId,
    private readonly facts: PeerFacts,
    readonly forbidden: string | undefined,
  ) {
    this.prepared = side.policy.prepare(this);
  }

  get policy(): PreparedPolicy {
    return this.prepared;
  }

  /** As policy sees it: with LOCAL_PREF, which external peers are not told. */
  get attributes(): PathAttributes {
    this.value ??= outgoing(
      this.tables.heard.attributes(this.set),
      this.facts.source,
      ipv4FromNumber(this.facts.identifier),
      this.side.destination,
    );
    return this.value;
  }

  get source(): RouteSource['kind'] {
    return this.facts.source.kind;
  }

  get fromPeer() {
    return this.facts.source.kind === 'local' ? undefined : this.facts.address;
  }

  get peerType(): 'internal' | 'external' {
    return this.side.destination.peerType;
  }

  get interface(): string | undefined {
    const nextHop = this.tables.heard.nextHop(this.set);
    return nextHop === NONE ? undefined : this.tables.nextHops.interfaceOf(nextHop as NextHopId);
  }
}

/** More peers than there can be. */
const PEERS = 0x10000;

export class Outbound {
  private readonly departures = new Map<number, Departure>();
  private readonly fast: FastPropagation;
  /** Prefixes of one set often come one after the other. */
  private lastKey = -1;
  private last: Departure | undefined;

  constructor(
    private readonly tables: OutboundTables,
    private readonly side: OutboundSide,
  ) {
    this.fast = new FastPropagation(tables.heard, tables.told, side.destination);
  }

  /** @param set  as it is in the Loc-RIB. */
  departure(set: AttributesId, facts: PeerFacts): Departure {
    const key = set * PEERS + facts.source.peer;
    if (key === this.lastKey) return this.last!;
    let departure = this.departures.get(key);
    if (departure === undefined) {
      departure = new Departure(this.tables, this.side, set, facts, this.forbidden(set, facts));
      this.departures.set(key, departure);
    }
    this.lastKey = key;
    this.last = departure;
    return departure;
  }

  /** The set to send. It is held until `forget`. */
  result(
    departure: Departure,
    set: AttributesId,
    facts: PeerFacts,
    actions: readonly Action[],
  ): AttributesId {
    const { told } = this.tables;
    const { destination } = this.side;
    if (actions.length === 0) {
      if (departure.plain !== NONE) return departure.plain as AttributesId;
      const quick = this.fast.outgoing(set, facts.source, facts.identifier);
      departure.plain = quick === NONE ? told.intern(sendable(departure.attributes, destination)) : quick;
      return departure.plain as AttributesId;
    }
    departure.made ??= new Map();
    let result = departure.made.get(actions);
    if (result === undefined) {
      result = told.intern(sendable(applyActions(departure.attributes, actions), destination));
      departure.made.set(actions, result);
    }
    return result;
  }

  forget(): void {
    const { told } = this.tables;
    for (const { plain, made } of this.departures.values()) {
      if (plain !== NONE) told.release(plain as AttributesId);
      if (made !== undefined) for (const set of made.values()) told.release(set);
    }
    this.departures.clear();
    this.lastKey = -1;
    this.last = undefined;
  }

  /** As `forbidden` of propagation.ts; the set is only looked into where its marks give a reason. */
  private forbidden(set: AttributesId, { source }: PeerFacts): string | undefined {
    const { heard } = this.tables;
    const { destination: to } = this.side;
    const ordinary = to.role === undefined && !heard.hasWellKnownCommunity(set);
    if (ordinary && (source.kind !== 'internal' || to.peerType !== 'internal' || reflects(source, to)))
      return undefined;
    return forbidden(heard.attributes(set), source, to);
  }
}
