// One peer: the state machine of its session, and of a second connection until one of the two wins (RFC 4271 §6.8).
// Octets come in here and leave as messages for the speaker; what the messages say of routes is routing.ts.

import type { Address } from '../net/address.ts';
import { FAMILY, type Family } from '../net/family.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { type Action, describeEnd, type End, isFailure, refusesCapabilities } from '../session/action.ts';
import { survivor } from '../session/collision.ts';
import { type Event, errorEvent, notificationEvent } from '../session/event.ts';
import { dueEvent, incomingSession, newSession, type Step, sessionDeadline, step } from '../session/fsm.ts';
import { type LocalOffer, localOpen, type Negotiated, negotiate } from '../session/negotiate.ts';
import type { Session, SessionTimers } from '../session/state.ts';
import { CEASE, ERROR_CODE, MESSAGE_TYPE, ROUTE_REFRESH_SUBTYPE } from '../wire/constants.ts';
import { INITIAL_CONTEXT, type WireContext } from '../wire/context.ts';
import type { Frame } from '../wire/framer.ts';
import { type Decoded, decodeMessage, encodeMessage, type Message } from '../wire/message.ts';
import { describeNotification, hardReset, type Notification, notification } from '../wire/notification.ts';
import type { Open } from '../wire/open.ts';
import type { PlainUpdate } from '../wire/plain-update.ts';
import type { ConnectionId, PeerConfig } from './input.ts';
import type { PeerCounters, SessionState } from './inspect.ts';
import { awaitsOpen, concatenate, contextOf, isYoung, type Line, newLine, wereRivals } from './line.ts';
import type { LogEvent, Output } from './output.ts';

/** What a peer asks of the speaker around it. */
export interface PeerHost {
  readonly emit: (output: Output) => void;
  readonly newConnection: (peer: Peer) => ConnectionId;
  readonly forgetConnection: (connection: ConnectionId) => void;
  readonly offer: (config: PeerConfig) => LocalOffer;
  /** 0 to 1, from the speaker's own sequence: same inputs, same jitter. */
  readonly random: () => number;
  readonly sessionUp: (peer: Peer, agreed: Negotiated, now: Millis) => void;
  readonly sessionDown: (peer: Peer, agreed: Negotiated, end: End, now: Millis) => void;
  /** Reads UPDATEs, one after the other. */
  readonly plain: PlainUpdate;
  /** `plain` has read an UPDATE of an established session. */
  readonly plainUpdate: (peer: Peer, context: WireContext, now: Millis) => void;
  /** UPDATE and ROUTE-REFRESH of an established session. */
  readonly message: (peer: Peer, message: Message, now: Millis) => void;
}

/** RFC 9687 §5: the greater of 8 minutes and twice the hold time. */
const SEND_HOLD_MS = 480_000;

/**
 * After an error we connect again when the damping says so, which grows to a minute; a connection of the peer is taken before:
 * at once after the first errors in a row, then after this time (RFC 4271 §8.1.1 leaves the method to us). A peer that was put
 * right need not wait, and one that was not cannot keep us busy.
 */
const REFUSED_AFTER_ERROR_MS = 500;
const ERRORS_FORGIVEN = 3;

export class Peer {
  private primary: Line;
  private rival: Line | undefined;
  private stateSince: Millis;
  /** We ended the session on purpose: nothing starts before. */
  private shutUntil: Millis = 0;
  /** The last OPEN with capabilities was refused for having them: the next one has none. */
  private withoutCapabilities = false;
  lastError: string | undefined;
  lastErrorAt: Millis | undefined;
  readonly counters: { -readonly [K in keyof PeerCounters]: PeerCounters[K] } = {
    messagesReceived: 0,
    messagesSent: 0,
    updatesReceived: 0,
    updatesSent: 0,
    notificationsReceived: 0,
    notificationsSent: 0,
    established: 0,
    lost: 0,
  };

  constructor(
    public config: PeerConfig,
    private readonly host: PeerHost,
    now: Millis,
  ) {
    this.primary = newLine(newSession(config.heldBack === undefined ? now : NEVER));
    this.stateSince = now;
  }

  get state(): SessionState {
    return this.primary.session.state;
  }

  get since(): Millis {
    return this.stateSince;
  }

  /** In force while Established. */
  get agreed(): Negotiated | undefined {
    const { session } = this.primary;
    return session.state === 'Established' ? session.agreed : undefined;
  }

  /** The connection of the established session. */
  get connection(): ConnectionId | undefined {
    return this.agreed && this.primary.connection;
  }

  /** No connection, and none on its way. */
  get unused(): boolean {
    return this.state === 'Active' && this.primary.connection === undefined && this.rival === undefined;
  }

  /** What our next OPEN says, or the last one said. */
  get offer(): LocalOffer {
    const offer = this.host.offer(this.config);
    return this.withoutCapabilities ? { ...offer, withoutCapabilities: true } : offer;
  }

  get line(): Readonly<Line> {
    return this.primary;
  }

  deadline(): Millis {
    const of = (line: Line | undefined) =>
      line === undefined ? NEVER : Math.min(sessionDeadline(line.session), line.sendHoldAt);
    return Math.min(of(this.primary), of(this.rival));
  }

  tick(now: Millis): void {
    for (const line of [this.primary, this.rival]) {
      if (line === undefined) continue;
      if (line.sendHoldAt <= now) {
        line.sendHoldAt = NEVER;
        this.happen(line, { type: 'SendHoldTimerExpires' }, now);
        continue;
      }
      const due = dueEvent(line.session, now);
      if (due !== undefined) this.happen(line, due, now);
    }
  }

  /** Octets wait for the peer's TCP, less than a moment ago; or none do (RFC 9687 §3). */
  sending(connection: ConnectionId, waiting: boolean, now: Millis): void {
    const line = this.lineOf(connection);
    if (line === undefined || !('agreed' in line.session)) return;
    const holdMs = line.session.agreed.holdTimeSeconds * 1000;
    line.sendHoldAt = waiting && holdMs > 0 ? now + Math.max(SEND_HOLD_MS, 2 * holdMs) : NEVER;
  }

  connected(
    connection: ConnectionId,
    localAddress: Address,
    localPort: number,
    remotePort: number,
    now: Millis,
  ): void {
    const line = this.lineOf(connection);
    if (line === undefined || line.connected) return;
    Object.assign(line, { connected: true, connectedAt: now, localAddress, localPort, remotePort });
    this.happen(line, { type: 'TcpCRAcked' }, now);
  }

  connectFailed(connection: ConnectionId, reason: string, now: Millis): void {
    const line = this.lineOf(connection);
    if (line === undefined) return;
    this.detach(line);
    this.fail(reason, now);
    this.happen(line, { type: 'TcpConnectionFails', reason }, now);
  }

  /** @returns why the connection is not taken, or undefined. */
  accept(
    connection: ConnectionId,
    at: { localAddress: Address; localPort: number; remotePort: number },
    now: Millis,
  ): string | undefined {
    if (this.config.heldBack !== undefined) return this.config.heldBack;
    this.startForIncoming(now);
    const { state } = this.primary.session;
    if (state === 'Idle') return 'the session is Idle after an error and waits to start again';
    const { localAddress, localPort, remotePort } = at;
    const found = {
      connection,
      connected: true,
      connectedAt: now,
      openedBy: 'them' as const,
      localAddress,
      localPort,
      remotePort,
    };
    // In Active a connection that is there is the peer's, and waits for its OPEN; so may a second one.
    const earlier = state === 'Active' && this.primary.connection !== undefined ? this.primary : this.rival;
    if (earlier !== undefined) {
      if (!awaitsOpen(earlier) || isYoung(earlier, now)) return 'a second connection is open already';
      // Its OPEN is overdue: the peer has given that connection up, and we have not heard of it.
      this.detachAndClose(earlier, 'the peer opened another connection');
      if (earlier === this.rival) this.rival = undefined;
    }
    if (state === 'Active') {
      Object.assign(this.primary, newLine(this.primary.session), found);
      this.happen(this.primary, { type: 'TcpConnectionConfirmed' }, now);
      return undefined;
    }
    const started = incomingSession(now, this.timers());
    this.rival = { ...newLine(started.session), ...found };
    this.carryOut(this.rival, started, now);
    return undefined;
  }

  /** The peer opened a connection while we are Idle. */
  private startForIncoming(now: Millis): void {
    const { session } = this.primary;
    if (session.state !== 'Idle' || now < this.shutUntil) return;
    if (session.startAt <= now) return this.happen(this.primary, { type: 'AutomaticStart' }, now); // the Tick is late
    if (session.failures > ERRORS_FORGIVEN && now - this.stateSince < REFUSED_AFTER_ERROR_MS) return;
    const waiting = { ...this.timers(), passive: true };
    this.carryOut(this.primary, step(session, { type: 'AutomaticStart' }, now, waiting), now); // Event 7
  }

  received(connection: ConnectionId, octets: Uint8Array, now: Millis): void {
    const line = this.lineOf(connection);
    if (line === undefined) return;
    const { framer } = line;
    framer.push(octets);
    while (line.connection === connection) {
      if (!framer.advance(contextOf(line).maxMessageOctets)) {
        const { failed } = framer;
        if (failed?.kind === 'error')
          this.happen(line, { type: 'BGPHeaderErr', notification: failed.error }, now);
        return;
      }
      this.counters.messagesReceived++;
      const { type, start, end } = framer;
      if (type === MESSAGE_TYPE.UPDATE && this.plainUpdate(line, framer.octets, start, end, now)) continue;
      const decoded = this.decode(line, { type, body: framer.octets.subarray(start, end) });
      if (decoded.ok) this.message(line, decoded.message, now);
      else this.happen(line, errorEvent(decoded.error), now);
    }
  }

  disconnected(connection: ConnectionId, reason: string, now: Millis): void {
    const line = this.lineOf(connection);
    if (line === undefined) return;
    this.detach(line);
    this.happen(line, { type: 'TcpConnectionFails', reason }, now);
  }

  /** Ends every connection and starts again at `restartAt`, or with NEVER not at all. */
  stop(sent: Notification | undefined, restartAt: Millis, now: Millis): void {
    this.endAll({ type: 'ManualStop', notification: sent && this.final(sent) }, now);
    this.primary.session = newSession(restartAt);
    this.shutUntil = restartAt;
  }

  /** Ends every connection and starts again at once. It is no end of what was agreed: routes stay, if RFC 8538 was. */
  reconnect(sent: Notification, now: Millis): void {
    this.endAll({ type: 'ManualStop', notification: sent }, now);
    this.primary.session = newSession(now);
    this.shutUntil = now;
  }

  /** A limit was passed: as `stop`, and it counts as a failure (AutomaticStop). */
  stopByLimit(sent: Notification, restartAt: Millis, now: Millis): void {
    this.endAll({ type: 'AutomaticStop', notification: this.final(sent), startAt: restartAt }, now);
    this.shutUntil = restartAt;
  }

  private endAll(event: Event, now: Millis): void {
    if (this.rival !== undefined) this.happen(this.rival, event, now);
    this.happen(this.primary, event, now);
  }

  /** What we end on purpose is over: the peer shall not keep our routes for a restart (RFC 8538 §3). */
  private final(sent: Notification): Notification {
    return this.agreed?.gracefulRestart?.notification === true ? hardReset(sent) : sent;
  }

  /** Whole control messages of a connection, taken. */
  takeControl(connection: ConnectionId): Uint8Array[] {
    const line = this.lineOf(connection);
    if (line === undefined) return [];
    const { control } = line;
    line.control = [];
    return control;
  }

  /** Asks for all routes of a family once more (RFC 2918). */
  requestRefresh(family: Family): void {
    const { afi, safi } = FAMILY[family];
    const request = { type: 'RouteRefresh', afi, safi, subtype: ROUTE_REFRESH_SUBTYPE.NORMAL } as const;
    this.send(this.primary, encodeMessage(request, contextOf(this.primary)));
  }

  /** The hold timer restarts as for every UPDATE, once for all that came at the same time. */
  private plainUpdate(line: Line, octets: Uint8Array, start: number, end: number, now: Millis): boolean {
    const { session } = line;
    if (session.state !== 'Established' || this.config.role !== undefined) return false;
    const { context } = session.agreed;
    try {
      if (!this.host.plain.read(octets, start, end, context)) return false;
    } catch {
      return false; // a bug, which `decode` reports if it has it too
    }
    this.counters.updatesReceived++;
    if (line.heardAt !== now) this.happen(line, { type: 'UpdateMsg' }, now);
    line.heardAt = now;
    this.host.plainUpdate(this, context, now);
    return true;
  }

  /** A bug in a decoder costs this peer its session and nobody else: nothing has changed yet. */
  private decode(line: Line, frame: Frame): Decoded {
    try {
      return decodeMessage(frame, contextOf(line));
    } catch (bug) {
      const detail = `bug while decoding a message of type ${frame.type}: ${bug}`;
      const { peer } = this.config;
      this.log({ event: 'update-error', peer, attribute: 'message', outcome: 'session-reset', detail });
      return { ok: false, error: notification(ERROR_CODE.CEASE, CEASE.OUT_OF_RESOURCES) };
    }
  }

  private message(line: Line, message: Message, now: Millis): void {
    switch (message.type) {
      case 'Open':
        return this.openReceived(line, message, now);
      case 'KeepAlive':
        return this.happen(line, { type: 'KeepAliveMsg' }, now);
      case 'Notification':
        this.counters.notificationsReceived++;
        this.logNotification('notification-received', message);
        return this.happen(line, notificationEvent(message), now);
      case 'Update':
      case 'RouteRefresh': {
        const established = line.session.state === 'Established';
        if (message.type === 'Update') this.counters.updatesReceived++;
        this.happen(line, { type: 'UpdateMsg' }, now);
        if (established) this.host.message(this, message, now);
        return;
      }
    }
  }

  private openReceived(line: Line, open: Open, now: Millis): void {
    if (!awaitsOpen(line)) {
      // The state machine answers with an FSM error; what was agreed does not change.
      const agreed = 'agreed' in line.session ? line.session.agreed : undefined;
      if (agreed !== undefined) this.happen(line, { type: 'BGPOpen', agreed }, now);
      return;
    }
    line.remoteOpen = open;
    const agreed = negotiate(this.offer, open);
    if ('type' in agreed) return this.happen(line, { type: 'BGPOpenMsgErr', notification: agreed }, now);
    if (this.collides(line, agreed, now)) return this.happen(line, { type: 'OpenCollisionDump' }, now);
    this.happen(line, { type: 'BGPOpen', agreed }, now);
  }

  /**
   * Ends the other connection where it has to give way (RFC 4271 §6.8). Both sides end the same one: the OPEN has told
   * who the peer is, so the other connection counts from OpenSent on, as the RFC allows. If it counted from OpenConfirm
   * only, one side could be Established on the connection that the other side ends.
   * @returns whether this one has to give way.
   */
  private collides(line: Line, agreed: Negotiated, now: Millis): boolean {
    const other = line === this.primary ? this.rival : this.primary;
    if (other === undefined) return false;
    if (other.session.state === 'Established') {
      // RFC 4724 §4.2: a peer that agreed to graceful restart and opens anew has restarted; the old connection is dead.
      if (other.session.agreed.gracefulRestart === undefined || wereRivals(line, other, other.session.since))
        return true;
      this.detachAndClose(other, 'the peer opened a new connection');
      this.happen(
        other,
        { type: 'TcpConnectionFails', reason: 'the peer opened a new connection: it has restarted' },
        now,
      );
      return false;
    }
    if (other.session.state !== 'OpenConfirm' && other.session.state !== 'OpenSent') return false;
    if (!this.survives(line, other, agreed)) {
      // Nothing is given up for a connection that may be dead.
      return other.session.state === 'OpenConfirm' || isYoung(other, now);
    }
    this.happen(other, { type: 'OpenCollisionDump' }, now);
    return false;
  }

  private survives(line: Line, other: Line, agreed: Negotiated): boolean {
    // Two that the peer opened: it has forgotten the first.
    if (line.openedBy === other.openedBy) return line === this.rival;
    const { offer } = this;
    const keep = survivor(
      { bgpIdentifier: offer.bgpIdentifier, asNumber: offer.localAs },
      { bgpIdentifier: agreed.remoteIdentifier, asNumber: agreed.remoteAs },
    );
    return (keep === 'ours') === (line.openedBy === 'us');
  }

  private happen(line: Line, event: Event, now: Millis): void {
    this.carryOut(line, step(line.session, event, now, this.timers()), now);
  }

  private carryOut(line: Line, { session, actions }: Step, now: Millis): void {
    const before = line.session;
    const primary = line === this.primary;
    line.session = session;
    for (const action of actions) this.perform(line, action, before, now);
    if (line === this.rival) this.settleRival(line, now);
    else if (primary) {
      this.logState(before, session, now);
      if (this.rival !== undefined && (session.state === 'Idle' || session.state === 'Active'))
        this.promote(this.rival, now);
    }
  }

  private perform(line: Line, action: Action, before: Session, now: Millis): void {
    switch (action.type) {
      case 'Connect': {
        Object.assign(line, newLine(line.session), {
          connection: this.host.newConnection(this),
          openedBy: 'us',
        });
        const { address, port, localAddress, peer } = this.config;
        this.host.emit({ type: 'Connect', connection: line.connection!, peer, address, port, localAddress });
        return;
      }
      case 'SendOpen':
        return this.send(line, encodeMessage(localOpen(this.offer), INITIAL_CONTEXT));
      case 'SendKeepAlive':
        return this.send(line, encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT));
      case 'Drop':
        return this.drop(line, action.notification);
      case 'SessionUp':
        if (line === this.rival) this.promote(line, now);
        else if (this.rival !== undefined) this.happen(this.rival, { type: 'OpenCollisionDump' }, now);
        this.counters.established++;
        return this.host.sessionUp(this, action.agreed, now);
      case 'SessionDown':
        // RFC 5492 §3: once, and after that session as ever
        this.withoutCapabilities = !this.withoutCapabilities && refusesCapabilities(action.end);
        if (isFailure(action.end)) this.fail(describeEnd(action.end), now);
        if (before.state !== 'Established') return;
        this.counters.lost++;
        return this.host.sessionDown(this, before.agreed, action.end, now);
    }
  }

  private send(line: Line, octets: Uint8Array): void {
    if (line.connection === undefined) return;
    line.control.push(octets);
    this.counters.messagesSent++;
    this.host.emit({ type: 'Transmit', connection: line.connection });
  }

  private drop(line: Line, sent: Notification | undefined): void {
    if (line.connection === undefined) return;
    const last = [...line.control];
    if (sent !== undefined && line.connected) {
      last.push(encodeMessage(sent, INITIAL_CONTEXT));
      this.counters.notificationsSent++;
      this.counters.messagesSent++;
      this.logNotification('notification-sent', sent);
    }
    const reason = sent === undefined ? 'session ended' : describeNotification(sent).name;
    const { connection, connected } = line;
    this.detach(line);
    const lastOctets = connected ? concatenate(last) : undefined;
    this.host.emit({ type: 'Close', connection, lastOctets, reason });
  }

  private detachAndClose(line: Line, reason: string): void {
    const { connection } = line;
    if (connection === undefined) return;
    this.detach(line);
    this.host.emit({ type: 'Close', connection, lastOctets: undefined, reason });
  }

  private detach(line: Line): void {
    if (line.connection === undefined) return;
    this.host.forgetConnection(line.connection);
    line.connection = undefined;
    line.connected = false;
    line.control = [];
    line.sendHoldAt = NEVER;
  }

  /** A rival that ended is gone; one that got as far as Established, or met no competition any more, takes over. */
  private settleRival(line: Line, now: Millis): void {
    if (line.connection === undefined) this.rival = undefined;
    else if (this.primary.session.state === 'Idle' || this.primary.session.state === 'Active')
      this.promote(line, now);
  }

  private promote(line: Line, now: Millis): void {
    const loser = this.primary;
    const before = loser.session;
    this.rival = undefined;
    this.primary = line;
    if (loser.connection !== undefined) {
      const cease = notification(ERROR_CODE.CEASE, CEASE.CONNECTION_COLLISION_RESOLUTION);
      this.drop(
        loser,
        loser.session.state === 'Connect' || loser.session.state === 'Active' ? undefined : cease,
      );
    }
    this.logState(before, line.session, now);
  }

  private lineOf(connection: ConnectionId): Line | undefined {
    if (this.primary.connection === connection) return this.primary;
    return this.rival?.connection === connection ? this.rival : undefined;
  }

  private timers(): SessionTimers {
    return {
      passive: this.config.passive,
      connectRetryMs: this.config.connectRetrySeconds * 1000,
      connectRetryMaxMs: this.config.connectRetryMaxSeconds * 1000,
      delayOpenMs: (this.config.delayOpenSeconds ?? 0) * 1000,
      jitter: 0.75 + 0.25 * this.host.random(),
    };
  }

  private fail(reason: string, now: Millis): void {
    this.lastError = reason;
    this.lastErrorAt = now;
  }

  private logState(before: Session, after: Session, now: Millis): void {
    if (before.state === after.state) return;
    this.stateSince = now;
    const reason = after.state === 'Idle' || after.state === 'Active' ? (this.lastError ?? '') : '';
    this.log({ event: 'session', peer: this.config.peer, from: before.state, to: after.state, reason });
  }

  private logNotification(
    event: 'notification-sent' | 'notification-received',
    { ...message }: Notification,
  ): void {
    const { name, text } = describeNotification(message);
    this.log({ event, peer: this.config.peer, code: message.code, subcode: message.subcode, name, text });
  }

  private log(event: LogEvent): void {
    this.host.emit({ type: 'Log', event });
  }
}
