// Sessions and what they say: a session comes up or goes down, an UPDATE, a ROUTE-REFRESH or an End-of-RIB arrives, and the tables
// are told what follows. Which peers there are is membership.ts.

import { familyOfAddress } from '../net/address.ts';
import { FAMILIES, type Family, familyOf } from '../net/family.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { received } from '../policy/propagation.ts';
import type { End } from '../session/action.ts';
import type { LocalOffer, Negotiated } from '../session/negotiate.ts';
import { onLink } from '../wire/attribute/link-scope.ts';
import { ROUTE_REFRESH_SUBTYPE } from '../wire/constants.ts';
import type { WireContext } from '../wire/context.ts';
import type { Message } from '../wire/message.ts';
import { PlainUpdate } from '../wire/plain-update.ts';
import type { RouteRefresh } from '../wire/route-refresh.ts';
import type { Update } from '../wire/update.ts';
import { Deadlines } from './deadlines.ts';
import { FailStatic, sendsEndOfRib } from './fail-static.ts';
import { type Deferral, retainOnLoss } from './graceful-restart.ts';
import type { ConnectionId, PeerConfig, PeerId } from './input.ts';
import { Jitter } from './jitter.ts';
import { LookAhead } from './look-ahead.ts';
import { limitState, tooManyPrefixes } from './max-prefixes.ts';
import type { Output } from './output.ts';
import type { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import { StaleRoutes } from './stale-routes.ts';
import { type Member, Tables } from './tables.ts';

export class Sessions extends Tables {
  private readonly plain = new PlainUpdate();
  private readonly lookAhead = new LookAhead((family) => {
    const { prefixes, inbound } = this.routing[family];
    return { prefixes, adjRibIn: inbound.adjRibIn };
  });
  private readonly tablesChanged = (output: Output): void => {
    this.changed = true;
    this.outputs.push(output);
  };
  protected readonly failStatic = new FailStatic({
    routing: this.routing,
    members: () => this.members.values(),
    byIndex: (index) => this.byIndex[index],
    check: () => (this.config?.failStatic === true ? this.holders : undefined),
    emit: this.tablesChanged,
  });
  protected readonly stale = new StaleRoutes(this.routing, this.failStatic, this.tablesChanged);
  protected readonly deadlines = new Deadlines<Member>(({ peer, retention, refreshes }) =>
    Math.min(peer.deadline(), retention?.until ?? NEVER, refreshes.deadline),
  );
  protected deferral: Deferral | undefined;
  protected jitter = new Jitter(1);
  protected stopping = false;
  /** Something may be to be decided or told: not so after a KEEPALIVE. */
  protected changed = true;
  /** Peers that had a session with this run of the speaker. */
  protected readonly upBefore = new Set<PeerId>();
  protected nextConnection = 1;

  /** The number for a connection that a peer opened, to be used in an Accepted input. */
  newConnectionId(): ConnectionId {
    return this.nextConnection++ as ConnectionId;
  }

  /** What follows is one more fact about that peer. */
  protected peerOf(connection: ConnectionId): Peer | undefined {
    const peer = this.connections.get(connection);
    if (peer !== undefined) this.deadlines.touch(this.memberOf(peer));
    return peer;
  }

  protected readonly host: PeerHost = {
    emit: (output) => this.outputs.push(output),
    newConnection: (peer) => {
      const connection = this.newConnectionId();
      this.connections.set(connection, peer);
      return connection;
    },
    forgetConnection: (connection) => this.connections.delete(connection),
    offer: (config) => this.offer(config),
    random: () => this.jitter.next(),
    sessionUp: (peer, agreed, now) => this.sessionUp(this.memberOf(peer), agreed, now),
    sessionDown: (peer, agreed, end, now) => this.sessionDown(this.memberOf(peer), agreed, end, now),
    lookAhead: (octets, start, context) => this.lookAhead.read(octets, start, context),
    plain: this.plain,
    plainUpdate: (peer, context, now) => this.plainUpdate(this.memberOf(peer), context, now),
    message: (peer, message, now) => this.message(this.memberOf(peer), message, now),
  };

  private sessionUp(member: Member, agreed: Negotiated, now: Millis): void {
    this.changed = true;
    // What goes of an earlier session is not counted against the limit of this one.
    if (member.peer.config.maxPrefixes !== undefined)
      for (const family of FAMILIES) this.routing[family].inbound.sweeps.finish(member.index);
    // Another speaker at the same address: what the earlier one said is nobody's any more.
    const before = this.facts[member.index]!.bgpIdentifier;
    if (before !== agreed.remoteIdentifier) this.stale.drop(member, 'another BGP Identifier', now);
    this.refreshFacts(member, agreed);
    this.upBefore.add(member.peer.config.peer);
    this.deferral?.sessionUp(member.peer.config.peer, agreed, now);
    this.stale.returned(member, agreed, now);
    for (const family of agreed.context.families) this.startExport(member, family, agreed);
  }

  private sessionDown(member: Member, agreed: Negotiated, end: End, now: Millis): void {
    this.changed = true;
    this.deferral?.sessionDown(member.peer.config.peer);
    for (const family of FAMILIES) this.routing[family].exports.stopExport(member.index);
    // When we stop, the tables are not needed any more, and the kernel's routes stay.
    if (!this.stopping) this.stale.lost(member, retainOnLoss(agreed, end, now), now);
    member.nearLimit.clear();
  }

  private message(member: Member, message: Message, now: Millis): void {
    this.changed = true;
    if (message.type === 'Update') return this.update(member, message, now);
    if (message.type === 'RouteRefresh') this.routeRefresh(member, message, now);
  }

  /** A subtype that we do not know, or that was not agreed on, is ignored (RFC 7313 §5). */
  private routeRefresh(member: Member, { afi, safi, subtype }: RouteRefresh, now: Millis): void {
    const family = familyOf(afi, safi);
    const { agreed } = member.peer;
    if (family === undefined || agreed === undefined || !agreed.context.families.includes(family)) return;
    if (subtype === ROUTE_REFRESH_SUBTYPE.NORMAL) return this.resend(member, family, agreed);
    if (agreed.enhancedRefresh !== true) return;
    if (subtype === ROUTE_REFRESH_SUBTYPE.BORR) {
      // RFC 7313 §4: from a peer that sends End-of-RIB markers, nothing before it; it will end the marks of a restart.
      if (sendsEndOfRib(agreed) && !member.endOfRib.has(family)) return;
      this.stale.refreshBegins(member, family, now);
    } else if (subtype === ROUTE_REFRESH_SUBTYPE.EORR) this.stale.refreshEnds(member, family);
  }

  protected resend(member: Member, family: Family, agreed: Negotiated): void {
    this.routing[family].exports.resend(member.index, agreed.enhancedRefresh === true);
  }

  private update(member: Member, update: Update, now: Millis): void {
    const { peer } = member.peer.config;
    for (const { attribute, outcome, detail } of update.findings) {
      this.outputs.push({ type: 'Log', event: { event: 'update-error', peer, attribute, outcome, detail } });
    }
    for (const nlri of update.withdrawn) this.routing[nlri.family].inbound.withdraw(member.index, nlri);
    const from = this.importSide(member);
    for (const { nlri, nextHop } of update.announced) {
      const { inbound } = this.routing[nlri.family];
      if (update.treatAsWithdraw || update.attributes === undefined) inbound.withdraw(member.index, nlri);
      else
        inbound.announce(
          from,
          nlri,
          received({ ...update.attributes, nextHop: onLink(nextHop, from.zone) }, from.rules),
        );
    }
    if (update.endOfRib !== undefined) this.endOfRib(member, update.endOfRib);
    if (update.announced.length > 0) this.checkMaxPrefixes(member, now);
  }

  private plainUpdate(member: Member, { addPathReceive }: WireContext, now: Millis): void {
    this.changed = true;
    const from = this.importSide(member);
    for (const family of FAMILIES)
      this.routing[family].inbound.plain(from, this.plain, addPathReceive.includes(family));
    this.checkMaxPrefixes(member, now);
  }

  private checkMaxPrefixes(member: Member, now: Millis): void {
    const { maxPrefixes, peer } = member.peer.config;
    if (maxPrefixes === undefined) return;
    const { limit, warningOnly, restartSeconds } = maxPrefixes;
    for (const family of FAMILIES) {
      const { received: count } = this.routing[family].peerCounts(member.index);
      const state = limitState(maxPrefixes, count);
      if (state === 'below') {
        member.nearLimit.delete(family);
        continue;
      }
      const ends = state === 'over' && !warningOnly;
      if (!member.nearLimit.has(family) || ends) {
        const event = { event: 'max-prefixes' as const, peer, family, received: count, limit };
        this.outputs.push({ type: 'Log', event });
      }
      member.nearLimit.add(family);
      if (!ends) continue;
      const restartAt = restartSeconds === undefined ? NEVER : now + restartSeconds * 1000;
      return member.peer.stopByLimit(tooManyPrefixes(family, limit), restartAt, now);
    }
  }

  private endOfRib(member: Member, family: Family): void {
    this.deferral?.endOfRib(member.peer.config.peer, family);
    this.stale.endOfRib(member, family);
  }

  protected startExport(member: Member, family: Family, agreed: Negotiated): void {
    const holdEndOfRib = this.settings().restarting && this.deferral !== undefined && !this.deferral.released;
    this.routing[family].exports.exportTo(this.exportSide(member, agreed), holdEndOfRib);
  }

  private offer(config: PeerConfig): LocalOffer {
    const { bgpIdentifier, restarting } = this.settings();
    return {
      localAs: config.localAs,
      remoteAs: config.remoteAs,
      bgpIdentifier,
      holdTimeSeconds: config.holdTimeSeconds,
      keepaliveSeconds: config.keepaliveSeconds,
      families: config.families,
      addPaths: config.addPaths ?? 'off',
      // The next hop that we are is an address of the session (RFC 8950 §3).
      extendedNextHop: config.families.includes('ipv4') && familyOfAddress(config.address) === 'ipv6',
      gracefulRestartSeconds: config.gracefulRestartSeconds,
      restarting: restarting && this.deferral?.released === false,
      // A speaker that starts with an empty kernel has lost what an earlier run of it had forwarded.
      forwardingPreserved: restarting || this.upBefore.has(config.peer),
      extendedMessages: config.extendedMessages,
      notificationRestart: config.notificationRestart,
      longLivedStaleSeconds: config.longLivedStaleSeconds,
      role: config.role,
    };
  }
}
