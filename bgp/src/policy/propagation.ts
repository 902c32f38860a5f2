// What may go to whom, and changed how (RFC 4271 §5.1, §9.2; RFC 4456; RFC 1997).

import { type Address, isLinkLocal } from '../net/address.ts';
import { isLongLivedStale } from '../route/long-lived.ts';
import type { RouteSource } from '../route/route.ts';
import { DEFAULT_LOCAL_PREF } from '../route/route.ts';
import { offLink } from '../wire/attribute/link-scope.ts';
import type { AsPath, NextHop, PathAttributes } from '../wire/attribute/path-attributes.ts';
import { type Role, WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';
import { prependAsPath } from './actions.ts';
import { leaked, leaks, markedOnReceipt, markedOnSending } from './leaks.ts';

/** The side of a session that routes leave by; equal for all members of an update group. */
export interface Destination {
  readonly peerType: 'internal' | 'external';
  readonly localAs: number;
  /** The peer is our route-reflector client. */
  readonly client: boolean;
  readonly clusterId: Address | undefined;
  readonly nextHop: 'auto' | 'self' | 'keep';
  /** Our address on the session, or that of this node where it is a link-local one: what "self" means. */
  readonly selfAddress: Address;
  /** Ours on a session between link-local addresses: it goes along with "self" (RFC 2545 §3). */
  readonly selfLinkLocal?: Address | undefined;
  /** Ours, on an external session that has one (RFC 9234). */
  readonly role?: Role | undefined;
  /** The peer has the capability of RFC 9494. */
  readonly longLived?: boolean;
}

/**
 * Whether a route may go to a peer at all, before policy.
 * @returns the rule that forbids it, or undefined.
 */
export function forbidden(
  attributes: PathAttributes,
  source: RouteSource,
  to: Destination,
): string | undefined {
  const communities = attributes.communities;
  if (communities !== undefined) {
    if (communities.includes(WELL_KNOWN_COMMUNITY.NO_ADVERTISE)) return 'community NO_ADVERTISE (RFC 1997)';
    if (to.peerType === 'external') {
      if (communities.includes(WELL_KNOWN_COMMUNITY.NO_EXPORT)) return 'community NO_EXPORT (RFC 1997)';
      if (communities.includes(WELL_KNOWN_COMMUNITY.NO_EXPORT_SUBCONFED))
        return 'community NO_EXPORT_SUBCONFED (RFC 1997)';
    }
  }
  // RFC 9494 §4.3: who does not know the community would prefer a route that nobody vouches for any more
  if (to.longLived !== true && isLongLivedStale(attributes))
    return 'community LLGR_STALE, and the peer has no long-lived graceful restart (RFC 9494 §4.3)';
  const leak = to.role && leaks(attributes, to.role);
  if (leak !== undefined) return leak;
  if (source.kind === 'internal' && to.peerType === 'internal' && !reflects(source, to)) {
    return 'learned from an internal peer, and neither side is a route-reflector client (RFC 4271 §9.2, RFC 4456 §6)';
  }
  return undefined;
}

/** RFC 4456 §6: from a client to everyone, from a non-client to clients. */
export const reflects = (source: RouteSource, to: Destination): boolean =>
  to.clusterId !== undefined && (source.client || to.client);

/**
 * The attributes as they leave. Policy comes after this, and `sendable` after policy: LOCAL_PREF, which external peers are
 * not told, is still there for policy to see.
 * @param remoteIdentifier  BGP Identifier of the peer that the route came from: ORIGINATOR_ID when it is reflected.
 */
export function outgoing(
  attributes: PathAttributes,
  source: RouteSource,
  remoteIdentifier: Address | undefined,
  to: Destination,
): PathAttributes {
  return to.peerType === 'external'
    ? towardsExternal(attributes, source, to)
    : towardsInternal(attributes, source, remoteIdentifier, to);
}

function towardsInternal(
  attributes: PathAttributes,
  source: RouteSource,
  remoteIdentifier: Address | undefined,
  to: Destination,
): PathAttributes {
  const result: Writable = {
    ...attributes,
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF, // RFC 4271 §5.1.5: always there on internal sessions
    nextHop: internalNextHop(attributes.nextHop, to), // §5.1.3: not changed on internal sessions
  };
  if (source.kind === 'internal') {
    // RFC 4456 §8
    if (result.originatorId === undefined && remoteIdentifier !== undefined)
      result.originatorId = remoteIdentifier;
    if (to.clusterId !== undefined) result.clusterList = [to.clusterId, ...(attributes.clusterList ?? [])];
  }
  return result;
}

/** This node as next hop. */
export const selfOf = ({ selfAddress: address, selfLinkLocal: linkLocal }: Destination): NextHop =>
  linkLocal === undefined ? { address } : { address, linkLocal };

/** A link-local address means another host on another link: it goes on only where the operator says "keep" (RFC 2545 §3). */
function internalNextHop(nextHop: NextHop | undefined, to: Destination): NextHop {
  if (nextHop === undefined || to.nextHop === 'self') return selfOf(to);
  if (to.nextHop === 'keep') return offLink(nextHop);
  return isLinkLocal(nextHop.address) ? selfOf(to) : { address: nextHop.address };
}

function towardsExternal(attributes: PathAttributes, source: RouteSource, to: Destination): PathAttributes {
  const keep = to.nextHop === 'keep' && attributes.nextHop !== undefined;
  const result: Writable = {
    ...sendable(attributes, to),
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF,
    asPath: prependAsPath(withoutConfederation(attributes.asPath), [to.localAs]), // §5.1.2
    nextHop: keep ? offLink(attributes.nextHop!) : selfOf(to), // §5.1.3
  };
  // §5.1.4: a MED that an external peer sent does not go on to other external peers.
  if (source.kind !== 'local') delete result.multiExitDisc;
  return to.role === undefined ? result : markedOnSending(result, to.role, to.localAs);
}

/**
 * Takes off what must not go to external peers, whatever policy set: LOCAL_PREF (§5.1.5), RFC 4456's attributes (§8), and
 * extended communities that do not cross ASes (RFC 4360 §6).
 */
export function sendable(attributes: PathAttributes, to: Destination): PathAttributes {
  if (to.peerType === 'internal') return attributes;
  const { localPref: _1, originatorId: _2, clusterList: _3, extendedCommunities, ...rest } = attributes;
  const crossing = extendedCommunities?.filter(isTransitive);
  return crossing === undefined || crossing.length === 0 ? rest : { ...rest, extendedCommunities: crossing };
}

/** The T bit of the type's first octet is 0 (RFC 4360 §2). */
const isTransitive = (community: string): boolean =>
  (Number.parseInt(community.slice(0, 2), 16) & 0x40) === 0;

/** RFC 5065 §5.3: confederation segments do not leave the confederation. */
const withoutConfederation = (path: AsPath): AsPath =>
  path.some(isConfederation) ? path.filter((segment) => !isConfederation(segment)) : path;

const isConfederation = ({ type }: AsPath[number]): boolean =>
  type === 'AS_CONFED_SEQUENCE' || type === 'AS_CONFED_SET';

type Writable = { -readonly [K in keyof PathAttributes]: PathAttributes[K] };

/** Why a route that came in is not used, before policy: loops (RFC 4271 §9.1.2, RFC 4456 §8) and our own address as next hop (§5.1.3). */
export interface ReceiveRules {
  readonly localAs: number;
  /** The speaker's own, where the session has another (local-AS override): a path through either came by here. */
  readonly speakerAs?: number;
  readonly allowLocalAs: number;
  readonly bgpIdentifier: Address;
  readonly clusterId: Address | undefined;
  readonly ownAddresses: ReadonlySet<Address>;
  /** Ours, on an external session that has one (RFC 9234). */
  readonly role?: Role | undefined;
  readonly remoteAs?: number;
  /** The path has to begin with `remoteAs`. */
  readonly enforceFirstAs?: boolean;
}

/** A route as it is taken into the Adj-RIB-In: marked where RFC 9234 §5 wants it. */
export const received = (attributes: PathAttributes, { role, remoteAs }: ReceiveRules): PathAttributes =>
  role === undefined || remoteAs === undefined ? attributes : markedOnReceipt(attributes, role, remoteAs);

export function unusable(attributes: PathAttributes, rules: ReceiveRules): string | undefined {
  if (rules.role !== undefined && rules.remoteAs !== undefined) {
    const leak = leaked(attributes, rules.role, rules.remoteAs);
    if (leak !== undefined) return leak;
  }
  if (rules.ownAddresses.has(attributes.nextHop?.address as Address))
    return 'next hop is our own address (RFC 4271 §5.1.3)';
  if (rules.enforceFirstAs === true && !beginsWith(attributes.asPath, rules.remoteAs))
    return `AS_PATH does not begin with the peer's AS ${rules.remoteAs} (RFC 4271 §6.3)`;
  let own = 0;
  for (const segment of attributes.asPath) {
    for (const asNumber of segment.asNumbers) {
      if (asNumber === rules.localAs || asNumber === rules.speakerAs) own++;
    }
  }
  if (own > rules.allowLocalAs) return `AS_PATH loop: holds our AS ${rules.localAs} (RFC 4271 §9.1.2)`;
  if (attributes.originatorId === rules.bgpIdentifier)
    return 'ORIGINATOR_ID is our own identifier (RFC 4456 §8)';
  if (rules.clusterId !== undefined && attributes.clusterList?.includes(rules.clusterId)) {
    return `CLUSTER_LIST loop: holds our cluster id ${rules.clusterId} (RFC 4456 §8)`;
  }
  return undefined;
}

const beginsWith = ([first]: AsPath, asNumber: number | undefined): boolean =>
  first?.type === 'AS_SEQUENCE' && first.asNumbers[0] === asNumber;
