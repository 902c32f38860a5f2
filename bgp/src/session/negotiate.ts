// Two OPENs → what holds on the session: timers, AS size, families, restart (RFC 4271 §4.2, §6.2; RFC 5492).

import type { Address } from '../net/address.ts';
import { FAMILIES, FAMILY, type Family, familyOf } from '../net/family.ts';
import type { Capability } from '../wire/capability.ts';
import { AS_TRANS, ERROR_CODE, OPEN_ERROR, ROLE } from '../wire/constants.ts';
import { EXTENDED_MESSAGE_OCTETS, STANDARD_MESSAGE_OCTETS, type WireContext } from '../wire/context.ts';
import { type Notification, notification } from '../wire/notification.ts';
import type { Open } from '../wire/open.ts';
import { type RoleSetting, roleMismatch } from './role.ts';

/** A field of 24 bits (RFC 9494 §3.1). */
const MAX_STALE_SECONDS = 0xffffff;

/** What this side is willing to do with several paths of a prefix (RFC 7911 §4). */
export type AddPaths = 'off' | 'send' | 'receive' | 'both';

/** What this side says, and what it expects of the other. */
export interface LocalOffer {
  readonly localAs: number;
  readonly remoteAs: number;
  readonly bgpIdentifier: Address;
  readonly holdTimeSeconds: number;
  /** Seconds; undefined is a third of the hold time. */
  readonly keepaliveSeconds: number | undefined;
  readonly families: readonly Family[];
  /** Directions of ADD-PATH, for all families (RFC 7911); absent is off. */
  readonly addPaths?: AddPaths;
  /** IPv4 routes may have an IPv6 next hop (RFC 8950); absent is no. */
  readonly extendedNextHop?: boolean;
  /** 0 turns graceful restart off. */
  readonly gracefulRestartSeconds: number;
  /** This speaker has restarted, and has not yet converged (RFC 4724 §3). */
  readonly restarting: boolean;
  /** What this speaker forwarded before the session is still there, so that the peer may go on using it. */
  readonly forwardingPreserved: boolean;
  /** RFC 8654; undefined offers it. */
  readonly extendedMessages?: boolean | undefined;
  /** The N bit (RFC 8538): a NOTIFICATION is survived as a lost connection is; undefined offers it. */
  readonly notificationRestart?: boolean | undefined;
  /** Long-lived stale time (RFC 9494); 0 and undefined offer nothing. */
  readonly longLivedStaleSeconds?: number | undefined;
  /** Said on external sessions alone (RFC 9234). */
  readonly role?: RoleSetting | undefined;
  /** The peer has refused an OPEN with capabilities: this one has none, and the peer's do not count (RFC 5492 §3). */
  readonly withoutCapabilities?: boolean;
}

/** The peer's graceful restart capability, families that we speak only (RFC 4724 §3). */
export interface PeerRestart {
  readonly restarting: boolean;
  readonly restartTimeSeconds: number;
  readonly families: readonly { readonly family: Family; readonly forwardingPreserved: boolean }[];
  /** Both sides have set the N bit (RFC 8538 §2). */
  readonly notification?: boolean;
  /** RFC 9494, by family; missing where either side does not have it. */
  readonly longLived?: readonly LongLivedFamily[];
}

export interface LongLivedFamily {
  readonly family: Family;
  readonly forwardingPreserved: boolean;
  readonly staleTimeSeconds: number;
}

export interface Negotiated {
  /** Both in seconds; 0 means that no KEEPALIVEs are sent and none expected. */
  readonly holdTimeSeconds: number;
  readonly keepaliveSeconds: number;
  readonly context: WireContext;
  readonly remoteIdentifier: Address;
  readonly remoteAs: number;
  readonly routeRefresh: boolean;
  /** Answers to a refresh stand between BoRR and EoRR (RFC 7313). */
  readonly enhancedRefresh?: boolean;
  /** Undefined when either side does not have the capability. */
  readonly gracefulRestart: PeerRestart | undefined;
  readonly remoteCapabilities: readonly Capability[];
}

export function localOpen(offer: LocalOffer): Open {
  return {
    type: 'Open',
    version: 4,
    asNumber: offer.localAs,
    myAs: offer.localAs > 0xffff ? AS_TRANS : offer.localAs,
    holdTimeSeconds: offer.holdTimeSeconds,
    bgpIdentifier: offer.bgpIdentifier,
    capabilities: localCapabilities(offer),
  };
}

export function localCapabilities(offer: LocalOffer): readonly Capability[] {
  if (offer.withoutCapabilities === true) return [];
  const families = FAMILIES.filter((family) => offer.families.includes(family)).map(
    (family) => FAMILY[family],
  );
  const capabilities: Capability[] = families.map(({ afi, safi }) => ({ name: 'Multiprotocol', afi, safi }));
  capabilities.push({ name: 'RouteRefresh' }, { name: 'FourOctetAs', asNumber: offer.localAs });
  capabilities.push({ name: 'EnhancedRouteRefresh' });
  if (offer.extendedMessages !== false) capabilities.push({ name: 'ExtendedMessage' });
  if (offersRole(offer)) capabilities.push({ name: 'Role', role: ROLE[offer.role!.role] });
  if (offer.gracefulRestartSeconds > 0) {
    capabilities.push({
      name: 'GracefulRestart',
      restarting: offer.restarting,
      notification: offer.notificationRestart !== false,
      restartTimeSeconds: Math.min(offer.gracefulRestartSeconds, 4095), // 12 bits (RFC 4724 §3)
      families: families.map(({ afi, safi }) => ({
        afi,
        safi,
        forwardingPreserved: offer.forwardingPreserved,
      })),
    });
    const staleTimeSeconds = Math.min(offer.longLivedStaleSeconds ?? 0, MAX_STALE_SECONDS);
    if (staleTimeSeconds > 0) {
      const { forwardingPreserved } = offer;
      capabilities.push({
        name: 'LongLivedGracefulRestart', // RFC 9494 §4.1: never without the one above
        families: families.map(({ afi, safi }) => ({ afi, safi, forwardingPreserved, staleTimeSeconds })),
      });
    }
  }
  const { send, receive } = directions(offer.addPaths);
  if (send || receive)
    capabilities.push({
      name: 'AddPath',
      families: families.map((family) => ({ ...family, send, receive })),
    });
  if (offer.extendedNextHop === true && offer.families.includes('ipv4'))
    capabilities.push({ name: 'ExtendedNextHop', entries: [IPV4_VIA_IPV6] });
  return capabilities;
}

const directions = (addPaths: AddPaths = 'off'): { readonly send: boolean; readonly receive: boolean } => ({
  send: addPaths === 'send' || addPaths === 'both',
  receive: addPaths === 'receive' || addPaths === 'both',
});

const IPV4_VIA_IPV6 = { afi: FAMILY.ipv4.afi, safi: FAMILY.ipv4.safi, nextHopAfi: FAMILY.ipv6.afi };

/** Families that one side sends with path identifiers: it said that it would, and the other that it reads them (§5). */
function addPathFamilies(
  offer: LocalOffer,
  families: readonly Family[],
  theirs: readonly Capability[],
): Pick<WireContext, 'addPathReceive' | 'addPathSend'> {
  const ours = directions(offer.addPaths);
  const offered = theirs.flatMap((capability) => (capability.name === 'AddPath' ? capability.families : []));
  const of = (family: Family) => offered.find(({ afi, safi }) => familyOf(afi, safi) === family);
  return {
    addPathReceive: families.filter((family) => ours.receive && of(family)?.send === true),
    addPathSend: families.filter((family) => ours.send && of(family)?.receive === true),
  };
}

/** RFC 8950 §4: both sides say so. */
const extendedNextHop = (offer: LocalOffer, theirs: readonly Capability[]): boolean =>
  offer.extendedNextHop === true &&
  theirs.some(
    (capability) =>
      capability.name === 'ExtendedNextHop' &&
      capability.entries.some(
        ({ afi, safi, nextHopAfi }) => familyOf(afi, safi) === 'ipv4' && nextHopAfi === FAMILY.ipv6.afi,
      ),
  );

/** @returns what holds from here on, or the NOTIFICATION to send (RFC 4271 §6.2). */
export function negotiate(offer: LocalOffer, open: Open): Negotiated | Notification {
  const capabilities = offer.withoutCapabilities === true ? [] : open.capabilities;
  if (open.asNumber !== offer.remoteAs)
    return notification(ERROR_CODE.OPEN_MESSAGE_ERROR, OPEN_ERROR.BAD_PEER_AS);
  const internal = offer.localAs === offer.remoteAs;
  // RFC 6286 §2.2: not zero, and on an internal session not our own.
  if (open.bgpIdentifier === '0.0.0.0' || (internal && open.bgpIdentifier === offer.bgpIdentifier)) {
    return notification(ERROR_CODE.OPEN_MESSAGE_ERROR, OPEN_ERROR.BAD_BGP_IDENTIFIER);
  }
  if (offersRole(offer)) {
    const mismatch = roleMismatch(offer.role!, capabilities);
    if (mismatch !== undefined) return mismatch;
  }
  const holdTimeSeconds = negotiateHoldTime(offer.holdTimeSeconds, open.holdTimeSeconds);
  if (typeof holdTimeSeconds !== 'number') return holdTimeSeconds;
  const families = commonFamilies(offer.families, capabilities);
  if (families.length === 0) return missingFamilies(offer.families);
  const has = (name: Capability['name']) => capabilities.some((capability) => capability.name === name);
  // In both directions where both offer it, as BIRD and FRR do (docs/standards.md, deliberate differences).
  const extended =
    offer.extendedMessages !== false && offer.withoutCapabilities !== true && has('ExtendedMessage');
  return {
    holdTimeSeconds,
    keepaliveSeconds: keepaliveSeconds(offer.keepaliveSeconds, holdTimeSeconds),
    context: {
      asOctets: has('FourOctetAs') ? 4 : 2,
      maxMessageOctets: extended ? EXTENDED_MESSAGE_OCTETS : STANDARD_MESSAGE_OCTETS,
      families,
      ...addPathFamilies(offer, families, capabilities),
      extendedNextHop: extendedNextHop(offer, capabilities),
      peerType: internal ? 'internal' : 'external',
    },
    remoteIdentifier: open.bgpIdentifier,
    remoteAs: open.asNumber,
    routeRefresh: has('RouteRefresh'),
    enhancedRefresh: has('RouteRefresh') && has('EnhancedRouteRefresh'),
    gracefulRestart: offer.gracefulRestartSeconds > 0 ? peerRestart(offer, capabilities) : undefined,
    remoteCapabilities: capabilities,
  };
}

/**
 * The Hold Time both sides use: the smaller offer (RFC 4271 §4.2).
 * @param localSeconds, remoteSeconds  as in the OPENs; 0 means no KEEPALIVEs at all.
 * @returns seconds, or the NOTIFICATION to send: Unacceptable Hold Time when the peer offers 1 or 2 (§6.2).
 */
export function negotiateHoldTime(localSeconds: number, remoteSeconds: number): number | Notification {
  if (remoteSeconds === 1 || remoteSeconds === 2) {
    return notification(ERROR_CODE.OPEN_MESSAGE_ERROR, OPEN_ERROR.UNACCEPTABLE_HOLD_TIME);
  }
  return Math.min(localSeconds, remoteSeconds);
}

/** A third of the hold time, or what was configured if that is shorter than the hold time; never under a second (§4.4). */
function keepaliveSeconds(configured: number | undefined, holdTimeSeconds: number): number {
  if (holdTimeSeconds === 0) return 0;
  const third = Math.max(1, Math.floor(holdTimeSeconds / 3));
  return configured === undefined || configured <= 0
    ? third
    : Math.min(configured, Math.max(1, holdTimeSeconds - 1));
}

/** A peer without the capability speaks IPv4 unicast (RFC 4760 §8). */
function commonFamilies(ours: readonly Family[], theirs: readonly Capability[]): readonly Family[] {
  const offered = theirs.filter((capability) => capability.name === 'Multiprotocol');
  const spoken = offered.length === 0 ? ['ipv4'] : offered.map(({ afi, safi }) => familyOf(afi, safi));
  return FAMILIES.filter((family) => ours.includes(family) && spoken.includes(family));
}

/** Unsupported Capability: the data lists what we would have needed (RFC 5492 §5). */
function missingFamilies(families: readonly Family[]): Notification {
  const data = families.flatMap((family) => [1, 4, 0, FAMILY[family].afi, 0, FAMILY[family].safi]);
  return notification(
    ERROR_CODE.OPEN_MESSAGE_ERROR,
    OPEN_ERROR.UNSUPPORTED_CAPABILITY,
    Uint8Array.from(data),
  );
}

function peerRestart(offer: LocalOffer, capabilities: readonly Capability[]): PeerRestart | undefined {
  const found = capabilities.findLast((capability) => capability.name === 'GracefulRestart'); // §3: the last one counts
  if (found === undefined) return undefined;
  const longLived = capabilities.findLast((capability) => capability.name === 'LongLivedGracefulRestart');
  return {
    ...(found.notification && offer.notificationRestart !== false && { notification: true }),
    ...(longLived !== undefined &&
      (offer.longLivedStaleSeconds ?? 0) > 0 && { longLived: longLivedFamilies(longLived.families) }),
    restarting: found.restarting,
    restartTimeSeconds: found.restartTimeSeconds,
    families: found.families.flatMap(({ afi, safi, forwardingPreserved }) => {
      const family = familyOf(afi, safi);
      return family === undefined ? [] : [{ family, forwardingPreserved }];
    }),
  };
}

function longLivedFamilies(
  families: Extract<Capability, { name: 'LongLivedGracefulRestart' }>['families'],
): LongLivedFamily[] {
  return families.flatMap(({ afi, safi, forwardingPreserved, staleTimeSeconds }) => {
    const family = familyOf(afi, safi);
    return family === undefined ? [] : [{ family, forwardingPreserved, staleTimeSeconds }];
  });
}

const offersRole = ({ localAs, remoteAs, role }: LocalOffer): boolean =>
  role !== undefined && localAs !== remoteAs;
