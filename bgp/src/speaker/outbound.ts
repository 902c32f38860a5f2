// What becomes of an attribute set on its way to an update group: the rules of propagation first, then export policy on
// the result, so that policy sees what a peer would. Remembered for the time of a flush: many prefixes share a set.

import type { Address } from '../net/address.ts';
import { applyActions } from '../policy/actions.ts';
import type { CompiledPolicy, PreparedPolicy } from '../policy/evaluate.ts';
import type { Action } from '../policy/policy.ts';
import { type Destination, forbidden, outgoing, sendable } from '../policy/propagation.ts';
import type { AttributePool, AttributeSet } from '../rib/attribute-pool.ts';
import type { PeerFacts } from '../rib/loc-rib.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';

export interface OutboundSide {
  readonly destination: Destination;
  readonly policy: CompiledPolicy;
}

/** A set from one peer, on its way to one kind of destination. */
export interface Departure {
  /** The rule that keeps it here, whatever policy says. */
  readonly forbidden: string | undefined;
  readonly policy: PreparedPolicy;
  /** As policy sees it. */
  readonly attributes: PathAttributes;
  /** By the actions of policy. */
  readonly made: Map<readonly Action[], AttributeSet>;
}

export class Outbound {
  private readonly departures = new Map<string, Departure>();

  /** @param interfaceOf  the interface that a next hop goes out by. */
  constructor(
    private readonly told: AttributePool,
    private readonly interfaceOf: (nextHop: Address) => string | undefined,
  ) {}

  /** @param set  as it is in the Loc-RIB. */
  departure(set: AttributeSet, facts: PeerFacts, { destination, policy }: OutboundSide): Departure {
    const { source, bgpIdentifier, address } = facts;
    const key = `${set.id} ${source.peer}`;
    let departure = this.departures.get(key);
    if (departure === undefined) {
      const attributes = outgoing(set.attributes, source, bgpIdentifier, destination);
      departure = {
        forbidden: forbidden(set.attributes, source, destination),
        policy: policy.prepare({
          attributes,
          source: source.kind,
          fromPeer: source.kind === 'local' ? undefined : address,
          peerType: destination.peerType,
          interface: set.nextHop === undefined ? undefined : this.interfaceOf(set.nextHop),
        }),
        attributes,
        made: new Map(),
      };
      this.departures.set(key, departure);
    }
    return departure;
  }

  /** The set to send. It is held until `forget`. */
  result(
    { attributes, made }: Departure,
    actions: readonly Action[],
    destination: Destination,
  ): AttributeSet {
    let result = made.get(actions);
    if (result === undefined) {
      result = this.told.intern(sendable(applyActions(attributes, actions), destination));
      made.set(actions, result);
    }
    return result;
  }

  forget(): void {
    for (const { made } of this.departures.values()) {
      for (const set of made.values()) this.told.release(set.id);
    }
    this.departures.clear();
  }
}
