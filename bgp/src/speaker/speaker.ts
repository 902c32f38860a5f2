// The whole speaker as one deterministic machine: `handle` takes a fact, `take` gives the intentions that followed,
// `transmit` the octets for a connection. It opens no socket and reads no clock: the same inputs at the same times
// give the same outputs.

import type { Address } from '../net/address.ts';
import { familyOfAddress, ipv4ToNumber } from '../net/address.ts';
import { assertNever } from '../net/assert.ts';
import { FAMILIES, type Family, familyOf } from '../net/family.ts';
import { containsAddress, type Prefix } from '../net/prefix.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { CompiledPolicies } from '../policy/compiled.ts';
import { OriginCheck, type OriginCheckConfig } from '../policy/origin-check.ts';
import { received } from '../policy/propagation.ts';
import { MAX_PEERS } from '../rib/adj-rib-in.ts';
import type { PeerIndex } from '../route/route.ts';
import type { End } from '../session/action.ts';
import type { LocalOffer, Negotiated } from '../session/negotiate.ts';
import { CEASE, ERROR_CODE, ROUTE_REFRESH_SUBTYPE } from '../wire/constants.ts';
import { INITIAL_CONTEXT, type WireContext } from '../wire/context.ts';
import { encodeMessage, type Message } from '../wire/message.ts';
import { type Notification, notification, shutdownCommunication } from '../wire/notification.ts';
import { PlainUpdate } from '../wire/plain-update.ts';
import type { RouteRefresh } from '../wire/route-refresh.ts';
import type { Update } from '../wire/update.ts';
import { importDiffers, needsReset } from './changes.ts';
import { Deadlines } from './deadlines.ts';
import { DynamicPeers, isTemplate, madeFrom } from './dynamic-peers.ts';
import { Deferral, retainOnLoss } from './graceful-restart.ts';
import type { ConnectionId, Input, PeerConfig, PeerId, SpeakerConfig } from './input.ts';
import { limitState, tooManyPrefixes } from './max-prefixes.ts';
import type { Output } from './output.ts';
import { Peer, type PeerHost } from './peer.ts';
import { Refreshes } from './refresh.ts';
import { StaleRoutes } from './stale-routes.ts';
import { type Member, Tables } from './tables.ts';

export class Speaker extends Tables {
  private readonly plain = new PlainUpdate();
  private readonly policies = new CompiledPolicies();
  private readonly stale = new StaleRoutes(this.routing, (output) => {
    this.changed = true;
    this.outputs.push(output);
  });
  private deferral: Deferral | undefined;
  private nextConnection = 1;
  private randomState = 1;
  private freedIndexes: PeerIndex[] = [];
  private reusableIndexes: PeerIndex[] = [];
  private stopping = false;
  private readonly dynamic = new DynamicPeers();
  private readonly deadlines = new Deadlines<Member>(({ peer, retention, refreshes }) =>
    Math.min(peer.deadline(), retention?.until ?? NEVER, refreshes.deadline),
  );
  /** Something may be to be decided or told: not so after a KEEPALIVE. */
  private changed = true;
  /** Peers that had a session with this run of the speaker. */
  private readonly upBefore = new Set<PeerId>();

  // ── the machine ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param now  must not go back. */
  handle(input: Input, now: Millis): void {
    if (!OF_CONNECTIONS.has(input.type)) this.changed = true;
    switch (input.type) {
      case 'Configure':
        return this.configure(input.speaker, now);
      case 'AddPeer':
        return this.addPeer(input.config, now);
      case 'ChangePeer':
        return this.changePeer(input.config, now);
      case 'RemovePeer':
        return this.removePeer(input.peer, now);
      case 'Originate':
        return this.routing[familyOfRoute(input.route.prefix)].originate(input.route);
      case 'WithdrawOriginated':
        return this.routing[familyOfRoute(input.prefix)].inbound.withdrawOriginated(input.prefix);
      case 'Connected':
        return this.peerOf(input.connection)?.connected(
          input.connection,
          input.localAddress,
          input.localPort,
          input.remotePort,
          now,
        );
      case 'ConnectFailed':
        return this.peerOf(input.connection)?.connectFailed(input.connection, input.reason, now);
      case 'Accepted':
        return this.accepted(input, now);
      case 'Received':
        return this.peerOf(input.connection)?.received(input.connection, input.octets, now);
      case 'Disconnected':
        return this.peerOf(input.connection)?.disconnected(input.connection, input.reason, now);
      case 'Sending':
        return this.peerOf(input.connection)?.sending(input.connection, input.waiting, now);
      case 'Tick':
        return this.tick(now);
      case 'NextHop':
        return this.nextHopTold(input.address, input.cost, input.interface);
      case 'Clear':
        return this.clear(input, now);
      case 'Stop':
        return this.stop(input.how, now);
      default:
        return assertNever(input);
    }
  }

  /** The number for a connection that a peer opened, to be used in an Accepted input. */
  newConnectionId(): ConnectionId {
    return this.nextConnection++ as ConnectionId;
  }

  /** Intentions since the last call. Decides and packs what the inputs of this turn changed. */
  take(now: Millis): Output[] {
    this.removeEndedDynamic(now);
    const changed = this.changed || this.hasBacklog;
    this.changed = false;
    if (changed) this.flush();
    // New next hops are asked for, and gone ones given up, after every prefix has been decided.
    const { started, stopped } = this.nextHops.takeChanges();
    for (const address of started) this.outputs.push({ type: 'TrackNextHop', address });
    for (const address of stopped) this.outputs.push({ type: 'ReleaseNextHop', address });
    for (const [prefix, { family, route }] of this.forwarding) {
      this.outputs.push({ type: 'Forward', family, prefix, route });
    }
    this.forwarding.clear();
    if (this.checkDeferral(now) || changed) this.announceTransmits();
    const { outputs } = this;
    this.outputs = [];
    return outputs;
  }

  /**
   * Whole messages to send on a connection: control messages first, then UPDATEs up to about `roomOctets`.
   * An empty list says that nothing waits.
   */
  transmit(connection: ConnectionId, roomOctets: number): readonly Uint8Array[] {
    const peer = this.connections.get(connection);
    if (peer === undefined) return [];
    const messages = peer.takeControl(connection);
    if (peer.connection !== connection) return messages;
    const member = this.memberOf(peer);
    let room = roomOctets - messages.reduce((sum, octets) => sum + octets.length, 0);
    for (const family of FAMILIES) {
      if (room <= 0) break;
      const taken = this.routing[family].exports.take(member.index, room);
      if (taken === undefined) continue;
      for (const octets of taken.octets) {
        messages.push(octets);
        room -= octets.length;
      }
      peer.counters.updatesSent += taken.messages;
      peer.counters.messagesSent += taken.messages;
    }
    return messages;
  }

  /** A change was too large for one turn: `take` goes on with it. */
  get hasBacklog(): boolean {
    return this.routing.ipv4.hasBacklog || this.routing.ipv6.hasBacklog;
  }

  /** When a Tick is due; NEVER when nothing waits for time to pass. */
  nextDeadline(): Millis {
    if (this.hasBacklog) return 0;
    return Math.min(this.deferral?.deadline() ?? NEVER, this.deadlines.next());
  }

  // ── configuration ───────────────────────────────────────────────────────────────────────────────────────────────

  private configure(next: SpeakerConfig, now: Millis): void {
    const before = this.config;
    this.config = next;
    for (const member of this.members.values()) member.importSide = undefined;
    if (before?.originCheck !== next.originCheck) this.checkOrigins(next.originCheck);
    if (before === undefined) {
      this.randomState = (ipv4ToNumber(next.bgpIdentifier) ^ next.asNumber) | 1;
      this.deferral = new Deferral(now, next.deferralSeconds * 1000);
      return;
    }
    if (before.bgpIdentifier !== next.bgpIdentifier) {
      for (const member of this.members.values()) {
        this.reset(member, CEASE.OTHER_CONFIGURATION_CHANGE, 'the BGP Identifier changed', now);
      }
    }
    if (before.clusterId !== next.clusterId) {
      for (const member of this.members.values()) this.reapply(member, true);
    }
    if (before.maxPaths !== next.maxPaths) for (const family of FAMILIES) this.routing[family].decideAll();
  }

  /** Who holds what changed: each path that is judged in another way is let in or kept out accordingly. */
  private checkOrigins(config: OriginCheckConfig | undefined): void {
    this.originCheck = config && new OriginCheck(config);
    const side = (index: PeerIndex) => this.byIndex[index] && this.importSide(this.byIndex[index]);
    for (const family of FAMILIES) this.routing[family].inbound.rejudge(side);
  }

  private addPeer(config: PeerConfig, now: Millis): void {
    if (this.config === undefined) throw new Error('invariant: AddPeer before Configure');
    if (isTemplate(config)) return this.dynamic.configure(config);
    if (this.members.has(config.peer)) throw new Error(`invariant: peer ${config.peer} is added twice`);
    const index = this.reusableIndexes.pop() ?? (this.byIndex.length as PeerIndex);
    if (index >= MAX_PEERS) throw new Error(`invariant: more than ${MAX_PEERS} peers`);
    const member: Member = {
      index,
      peer: new Peer(config, this.host, now),
      importSide: undefined,
      ...this.policiesOf(config),
      retention: undefined,
      refreshes: new Refreshes(),
      endOfRib: new Set(),
      nearLimit: new Set(),
    };
    this.members.set(config.peer, member);
    this.deadlines.touch(member);
    this.byIndex[index] = member;
    this.refreshFacts(member, undefined);
    // A first start has nothing to keep, and waits for nobody.
    if (this.config.restarting && config.heldBack === undefined)
      this.deferral?.expect(config.peer, config.families);
  }

  private policiesOf(config: PeerConfig): Pick<Member, 'importPolicy' | 'exportPolicy'> {
    const required = config.requirePolicy === true;
    return {
      importPolicy: this.policies.of('import', config.importPolicy, required),
      exportPolicy: this.policies.of('export', config.exportPolicy, required),
    };
  }

  private changePeer(config: PeerConfig, now: Millis): void {
    if (isTemplate(config) || this.dynamic.has(config.peer)) return this.changeTemplate(config, now);
    const member = this.members.get(config.peer);
    if (member === undefined) throw new Error(`invariant: ChangePeer for unknown peer ${config.peer}`);
    this.deadlines.touch(member);
    const before = member.peer.config;
    member.peer.config = config;
    member.importSide = undefined;
    const { importPolicy, exportPolicy } = this.policiesOf(config);
    member.importPolicy = importPolicy;
    member.exportPolicy = exportPolicy;
    if (config.heldBack !== undefined && before.heldBack === undefined) {
      this.deferral?.forget(config.peer);
      member.peer.lastError = config.heldBack;
      this.reset(member, CEASE.OTHER_CONFIGURATION_CHANGE, config.heldBack, now);
      return this.stale.drop(member, config.heldBack);
    }
    const reason = needsReset(before, config);
    if (reason !== undefined) {
      this.reset(member, CEASE.OTHER_CONFIGURATION_CHANGE, reason, now);
      // What was kept of an earlier session goes as well: it is judged by facts that hold no more.
      this.stale.drop(member, reason);
      this.refreshFacts(member, undefined);
      return;
    }
    // A session that waits for the peer would wait for ever, where the peer now waits for us.
    if (before.passive && !config.passive && member.peer.state === 'Active') this.restart(member, now);
    this.refreshFacts(member, member.peer.agreed);
    this.reapply(member, importDiffers(before, config));
    if (before.routeReflectorClient !== config.routeReflectorClient) {
      for (const family of FAMILIES) this.routing[family].sourceChanged(member.index);
    }
  }

  private removePeer(id: PeerId, now: Millis): void {
    for (const made of this.dynamic.peersOf(id)) this.removePeer(made, now);
    this.dynamic.remove(id);
    const member = this.members.get(id);
    if (member === undefined) return;
    this.dynamic.forget(id);
    member.peer.stop(cease(CEASE.PEER_DECONFIGURED, ''), NEVER, now);
    member.retention = undefined;
    for (const family of FAMILIES) this.routing[family].inbound.removeAll(member.index, 'all');
    this.deferral?.forget(id);
    this.members.delete(id);
    this.deadlines.forget(member);
    this.changed = true;
    this.upBefore.delete(id);
    this.byIndex[member.index] = undefined;
    this.freedIndexes.push(member.index); // the tables may name it until the next flush
  }

  /** A range of addresses, before or after the change: what it made follows it, where the range itself stays. */
  private changeTemplate(config: PeerConfig, now: Millis): void {
    const made = this.dynamic.peersOf(config.peer);
    if (isTemplate(config) && this.dynamic.has(config.peer)) {
      this.dynamic.configure(config);
      for (const peer of made) {
        const { address } = this.members.get(peer)!.peer.config;
        if (containsAddress(config.range, address)) this.changePeer(madeFrom(config, address), now);
        else this.removePeer(peer, now);
      }
      return;
    }
    this.removePeer(config.peer, now);
    this.addPeer(config, now);
  }

  /** One whose session has ended, and of which nothing is kept, waits for nobody. */
  private removeEndedDynamic(now: Millis): void {
    for (const peer of this.dynamic.peers) {
      const { peer: machine, retention } = this.members.get(peer)!;
      if (machine.unused && retention === undefined) this.removePeer(peer, now);
    }
  }

  /** Policy, reflection or next hop changed: stored routes are judged anew, and the peer is told the difference. */
  private reapply(member: Member, incoming: boolean): void {
    const { agreed } = member.peer;
    for (const family of FAMILIES) {
      if (incoming) this.routing[family].inbound.reimport(this.importSide(member));
      if (agreed?.context.families.includes(family)) this.startExport(member, family, agreed);
    }
  }

  private reset(member: Member, subcode: number, text: string, now: Millis): void {
    this.restart(member, now, cease(subcode, text));
  }

  private restart(member: Member, now: Millis, sent?: Notification): void {
    const mayStart = member.peer.config.heldBack === undefined && !this.stopping;
    member.peer.stop(sent, mayStart ? now : NEVER, now);
    this.deadlines.touch(member);
  }

  private clear(input: Input & { type: 'Clear' }, now: Millis): void {
    for (const peer of this.dynamic.peersOf(input.peer)) this.clear({ ...input, peer }, now);
    const member = this.members.get(input.peer);
    if (member === undefined) return;
    if (input.how === 'reset') return this.reset(member, CEASE.ADMINISTRATIVE_RESET, input.text, now);
    if (input.how === 'reconnect') {
      const starts = member.peer.config.heldBack === undefined && !this.stopping;
      if (starts) member.peer.reconnect(cease(CEASE.ADMINISTRATIVE_RESET, input.text), now);
      return;
    }
    const { agreed, connection } = member.peer;
    if (agreed === undefined || connection === undefined) return;
    for (const family of agreed.context.families) {
      if (input.how === 'soft-out') this.resend(member, family, agreed);
      else if (!agreed.routeRefresh) this.routing[family].inbound.reimport(this.importSide(member));
      else member.peer.requestRefresh(family);
    }
  }

  private stop(how: 'restart' | 'leave', now: Millis): void {
    this.stopping = true;
    for (const member of this.members.values()) {
      const { peer } = member;
      this.deadlines.touch(member);
      const silent = how === 'restart' && peer.agreed?.gracefulRestart !== undefined;
      peer.stop(silent ? undefined : cease(CEASE.ADMINISTRATIVE_SHUTDOWN, 'mesos-bgp stops'), NEVER, now);
    }
  }

  // ── connections and sessions ────────────────────────────────────────────────────────────────────────────────────

  private accepted(input: Input & { type: 'Accepted' }, now: Millis): void {
    const { connection, remoteAddress } = input;
    const of = () => [...this.members.values()].find(({ peer }) => peer.config.address === remoteAddress);
    const made = of() === undefined && !this.stopping ? this.dynamic.make(remoteAddress) : undefined;
    if (typeof made === 'object') this.addPeer(made, now);
    const member = of();
    this.nextConnection = Math.max(this.nextConnection, connection + 1);
    if (member !== undefined) this.deadlines.touch(member);
    if (member !== undefined && !this.stopping) this.connections.set(connection, member.peer);
    const refused = this.stopping
      ? 'the speaker is stopping'
      : member === undefined
        ? ((made as string | undefined) ?? 'no peer is configured with this address')
        : member.peer.accept(connection, input, now);
    if (refused === undefined) return;
    this.connections.delete(connection);
    this.outputs.push({
      type: 'Log',
      event: { event: 'connection-refused', address: remoteAddress, reason: refused },
    });
    // RFC 4486 §4: who is no peer hears so. A peer that is merely between two sessions, or two runs of ours, is refused without a
    // word (RFC 4271 §8.2.2), so that it tries again soon: BIRD waits a minute after a NOTIFICATION.
    const stranger = !this.stopping && (member === undefined || member.peer.config.heldBack !== undefined);
    const lastOctets = stranger ? encodeMessage(CONNECTION_REJECTED, INITIAL_CONTEXT) : undefined;
    this.outputs.push({ type: 'Close', connection, lastOctets, reason: refused });
  }

  private nextHopTold(address: Address, cost: number | undefined, by: string | undefined): void {
    if (this.nextHops.tellInterface(address, cost === undefined ? undefined : by)) {
      const sides = [...this.members.values()].map((member) => this.importSide(member));
      for (const family of FAMILIES) this.routing[family].interfaceChanged(address, sides);
    }
    if (!this.nextHops.tell(address, cost)) return;
    for (const family of FAMILIES) this.routing[family].nextHopChanged(address);
  }

  private tick(now: Millis): void {
    for (const member of this.deadlines.takeDue(now)) {
      if (member.peer.deadline() <= now) member.peer.tick(now);
      this.stale.tick(member, now);
    }
  }

  /** What follows is one more fact about that peer. */
  private peerOf(connection: ConnectionId): Peer | undefined {
    const peer = this.connections.get(connection);
    if (peer !== undefined) this.deadlines.touch(this.memberOf(peer));
    return peer;
  }

  private readonly host: PeerHost = {
    emit: (output) => this.outputs.push(output),
    newConnection: (peer) => {
      const connection = this.newConnectionId();
      this.connections.set(connection, peer);
      return connection;
    },
    forgetConnection: (connection) => this.connections.delete(connection),
    offer: (config) => this.offer(config),
    random: () => this.random(),
    sessionUp: (peer, agreed, now) => this.sessionUp(this.memberOf(peer), agreed, now),
    sessionDown: (peer, agreed, end, now) => this.sessionDown(this.memberOf(peer), agreed, end, now),
    plain: this.plain,
    plainUpdate: (peer, context, now) => this.plainUpdate(this.memberOf(peer), context, now),
    message: (peer, message, now) => this.message(this.memberOf(peer), message, now),
  };

  private sessionUp(member: Member, agreed: Negotiated, now: Millis): void {
    this.changed = true;
    for (const family of FAMILIES) this.routing[family].inbound.settle(member.index);
    // Another speaker at the same address: what the earlier one said is nobody's any more.
    const before = this.facts[member.index]!.bgpIdentifier;
    if (before !== agreed.remoteIdentifier) this.stale.drop(member, 'another BGP Identifier');
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
    if (!this.stopping) this.stale.lost(member, retainOnLoss(agreed, end, now));
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

  private resend(member: Member, family: Family, agreed: Negotiated): void {
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
      else inbound.announce(from, nlri, received({ ...update.attributes, nextHop }, from.rules));
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

  /** @returns whether the first tables are complete now, so that End-of-RIBs go out. */
  private checkDeferral(now: Millis): boolean {
    // Until every next hop is answered, routes that are good may seem unusable: nothing may be cleaned up yet.
    const result = this.deferral?.check(now, this.nextHops.unanswered === 0 && !this.hasBacklog);
    if (result === undefined) return false;
    for (const family of FAMILIES) this.routing[family].exports.releaseEndOfRib();
    this.outputs.push({ type: 'Converged', ...result });
    return true;
  }

  // ── between peers and tables ────────────────────────────────────────────────────────────────────────────────────

  private startExport(member: Member, family: Family, agreed: Negotiated): void {
    const holdEndOfRib = this.settings().restarting && this.deferral !== undefined && !this.deferral.over;
    this.routing[family].exports.exportTo(this.exportSide(member, agreed), holdEndOfRib);
  }

  private flush(): void {
    for (const family of FAMILIES) this.routing[family].flush();
    if (this.hasBacklog) return; // prefixes that wait for a decision may still name a peer that is gone
    this.reusableIndexes.push(...this.freedIndexes);
    this.freedIndexes = [];
  }

  private announceTransmits(): void {
    const announced = new Set<ConnectionId>();
    for (const output of this.outputs) if (output.type === 'Transmit') announced.add(output.connection);
    for (const member of this.members.values()) {
      const { connection } = member.peer;
      if (connection === undefined || announced.has(connection) || !this.hasWork(member)) continue;
      this.outputs.push({ type: 'Transmit', connection });
    }
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
      restarting: restarting && this.deferral?.over === false,
      // A speaker that starts with an empty kernel has lost what an earlier run of it had forwarded.
      forwardingPreserved: restarting || this.upBefore.has(config.peer),
      extendedMessages: config.extendedMessages,
      notificationRestart: config.notificationRestart,
      longLivedStaleSeconds: config.longLivedStaleSeconds,
      role: config.role,
    };
  }

  /** Mulberry32: enough for jitter, and the same on every run with the same identity. */
  private random(): number {
    this.randomState = (this.randomState + 0x6d2b79f5) | 0;
    let t = Math.imul(this.randomState ^ (this.randomState >>> 15), 1 | this.randomState);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}

const CONNECTION_REJECTED = notification(ERROR_CODE.CEASE, CEASE.CONNECTION_REJECTED);

/** Facts that change no route and no peer's table by themselves: what follows from them says so. */
const OF_CONNECTIONS: ReadonlySet<Input['type']> = new Set([
  'Connected',
  'ConnectFailed',
  'Accepted',
  'Received',
  'Disconnected',
  'Sending',
  'Tick',
]);

const familyOfRoute = (prefix: Prefix): Family => (prefix.includes(':') ? 'ipv6' : 'ipv4');

/** It has the capability, whether or not it restarts itself (RFC 4724 §3). */
const sendsEndOfRib = ({ remoteCapabilities }: Negotiated): boolean =>
  remoteCapabilities.some(({ name }) => name === 'GracefulRestart');

const cease = (subcode: number, text: string): Notification =>
  notification(
    ERROR_CODE.CEASE,
    subcode,
    // RFC 9003 §2: a text only with these two subcodes
    subcode === CEASE.ADMINISTRATIVE_SHUTDOWN || subcode === CEASE.ADMINISTRATIVE_RESET
      ? shutdownCommunication(text)
      : undefined,
  );
