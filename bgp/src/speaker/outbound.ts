// What becomes of an attribute set on its way to an update group: the rules of propagation first, then export policy on
// the result, so that policy sees what a peer would. The last set is remembered: the prefixes of a set mostly come together.

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

/** A set from one peer, on its way to one kind of destination. One object serves many sets, one after the other. */
export class Departure implements RouteFacts {
  set: AttributesId | typeof NONE = NONE;
  facts!: PeerFacts;
  /** The rule that keeps it here, whatever policy says. */
  forbidden: string | undefined;
  policy!: PreparedPolicy;
  localInterface: string | undefined;
  private value: PathAttributes | undefined;

  constructor(
    private readonly tables: OutboundTables,
    private readonly side: OutboundSide,
  ) {}

  begin(
    set: AttributesId,
    facts: PeerFacts,
    localInterface: string | undefined,
    forbidden: string | undefined,
  ): void {
    this.set = set;
    this.facts = facts;
    this.localInterface = localInterface;
    this.forbidden = forbidden;
    this.value = undefined;
    this.policy = this.side.policy.prepare(this);
  }

  /** As policy sees it: with LOCAL_PREF, which external peers are not told. */
  get attributes(): PathAttributes {
    this.value ??= outgoing(
      this.tables.heard.attributes(this.set as AttributesId),
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
    const nextHop = this.tables.heard.nextHop(this.set as AttributesId);
    return nextHop === NONE ? this.localInterface : this.tables.nextHops.interfaceOf(nextHop as NextHopId);
  }
}

const NO_ACTIONS: readonly Action[] = [];

export class Outbound {
  private readonly departing: Departure;
  private readonly fast: FastPropagation;
  /** What the last departure became, by the actions of policy: each held until the next one, or `forget`. */
  private plain: AttributesId | typeof NONE = NONE;
  private readonly made = new Map<readonly Action[], AttributesId>();

  constructor(
    private readonly tables: OutboundTables,
    private readonly side: OutboundSide,
  ) {
    this.departing = new Departure(tables, side);
    this.fast = new FastPropagation(tables.heard, tables.told, side.destination);
  }

  /**
   * @param set  as it is in the Loc-RIB.
   * @param localInterface  that a route made here goes out by.
   * @returns valid until the next call.
   */
  departure(set: AttributesId, facts: PeerFacts, localInterface: string | undefined): Departure {
    const { departing } = this;
    if (set !== departing.set || facts !== departing.facts || localInterface !== departing.localInterface) {
      this.forget();
      departing.begin(set, facts, localInterface, this.forbidden(set, facts));
    }
    return departing;
  }

  /** The set that the last departure sends. It is held until the next departure. */
  result(actions: readonly Action[] = NO_ACTIONS): AttributesId {
    const { departing } = this;
    const { told } = this.tables;
    const { destination } = this.side;
    if (actions.length === 0) {
      if (this.plain === NONE) {
        const { source, identifier } = departing.facts;
        const quick = this.fast.outgoing(departing.set as AttributesId, source, identifier);
        this.plain = quick === NONE ? told.intern(sendable(departing.attributes, destination)) : quick;
      }
      return this.plain as AttributesId;
    }
    let result = this.made.get(actions);
    if (result === undefined) {
      result = told.intern(sendable(applyActions(departing.attributes, actions), destination));
      this.made.set(actions, result);
    }
    return result;
  }

  /** The tables may change now. */
  forget(): void {
    const { told } = this.tables;
    if (this.plain !== NONE) told.release(this.plain as AttributesId);
    this.plain = NONE;
    if (this.made.size > 0) {
      for (const set of this.made.values()) told.release(set);
      this.made.clear();
    }
    this.departing.set = NONE;
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
