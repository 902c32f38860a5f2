// What becomes of an attribute set on its way in from one peer: the rules that make a route unusable, then import policy.

import { type Address, ipv4ToNumber } from '../net/address.ts';
import type { CompiledPolicy, PreparedPolicy } from '../policy/evaluate.ts';
import type { RouteFacts } from '../policy/match.ts';
import { type ReceiveRules, unusable } from '../policy/propagation.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import type { NextHops } from '../rib/next-hop.ts';
import { type AttributesId, type NextHopId, NONE, type PeerIndex, type RouteSource } from '../route/route.ts';
import { wordAt } from '../wire/attribute/canonical.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { ATTRIBUTE } from '../wire/constants.ts';

/** How routes come in from one peer. */
export interface ImportSide {
  readonly peer: PeerIndex;
  readonly source: RouteSource;
  readonly address: Address;
  /** The interface of a session between link-local addresses. */
  readonly zone?: string | undefined;
  readonly rules: ReceiveRules;
  readonly policy: CompiledPolicy;
}

/** A set from one peer, as import policy sees it. One object serves many sets, one after the other. */
export class Arrival implements RouteFacts {
  private from!: ImportSide;
  private set!: AttributesId;

  constructor(
    private readonly heard: HeardSets,
    private readonly nextHops: NextHops,
  ) {}

  /** What import policy makes of the set; to be asked before the next one arrives. */
  prepare(from: ImportSide, set: AttributesId): PreparedPolicy {
    this.from = from;
    this.set = set;
    return from.policy.prepare(this);
  }

  get attributes(): PathAttributes {
    return this.heard.attributes(this.set);
  }

  /** False: it has no community that RFCs give a meaning to, so nobody needs to look for one. */
  get wellKnownCommunities(): boolean {
    return this.heard.hasWellKnownCommunity(this.set);
  }

  get source(): RouteSource['kind'] {
    return this.from.source.kind;
  }

  get fromPeer(): Address {
    return this.from.address;
  }

  get peerType(): 'internal' | 'external' {
    return this.from.source.kind === 'external' ? 'external' : 'internal';
  }

  get interface(): string | undefined {
    const nextHop = this.heard.nextHop(this.set);
    return nextHop === NONE ? undefined : this.nextHops.interfaceOf(nextHop as NextHopId);
  }
}

/** Why routes with these attributes are not used, before policy. Attributes are made only where there may be a reason. */
export function whyUnusable(
  set: AttributesId,
  { rules }: ImportSide,
  heard: HeardSets,
  nextHops: NextHops,
): string | undefined {
  return isOrdinary(set, rules, heard, nextHops) ? undefined : unusable(heard.attributes(set), rules);
}

/** Nothing in the set can make it unusable. */
function isOrdinary(set: AttributesId, rules: ReceiveRules, heard: HeardSets, nextHops: NextHops): boolean {
  if (rules.role !== undefined || rules.enforceFirstAs === true) return false;
  const nextHop = heard.nextHop(set);
  if (nextHop !== NONE && rules.ownAddresses.has(nextHops.addressOf(nextHop as NextHopId))) return false;
  if (holdsOwnAs(set, rules, heard)) return false;
  if (!heard.isReflected(set)) return true;
  if (heard.originatorId(set) === ipv4ToNumber(rules.bgpIdentifier)) return false;
  return rules.clusterId === undefined || heard.find(set, ATTRIBUTE.CLUSTER_LIST) === undefined;
}

function holdsOwnAs(set: AttributesId, { localAs, speakerAs }: ReceiveRules, heard: HeardSets): boolean {
  const path = heard.find(set, ATTRIBUTE.AS_PATH);
  if (path === undefined) return false;
  const octets = heard.segmentOf(set);
  const { value, end } = path;
  for (let at = value; at < end; ) {
    const segmentEnd = at + 2 + 4 * octets[at + 1]!;
    for (at += 2; at < segmentEnd; at += 4) {
      const asNumber = wordAt(octets, at);
      if (asNumber === localAs || asNumber === speakerAs) return true;
    }
  }
  return false;
}
