// One peer: what happens to its connections (opened, octets came, a timer ran out) becomes events of its state machine, and messages
// for the speaker; what the messages say of routes is routing.ts. What the machine wants done is peer-lines.ts.

import type { Address } from '../net/address.ts';
import { FAMILY, type Family } from '../net/family.ts';
import { type Millis, NEVER } from '../net/time.ts';
import type { End } from '../session/action.ts';
import { type Event, errorEvent, notificationEvent } from '../session/event.ts';
import { incomingSession, newSession, step } from '../session/fsm.ts';
import { type Negotiated, negotiate } from '../session/negotiate.ts';
import { dueEvent, hastened, heardFrom, mayKeepAlive, sessionDeadline } from '../session/timers.ts';
import { CEASE, HEADER_OCTETS, MESSAGE_TYPE, ROUTE_REFRESH_SUBTYPE } from '../wire/constants.ts';
import type { Frame } from '../wire/framer.ts';
import { type Decoded, decodeMessage, encodeMessage, type Message } from '../wire/message.ts';
import { cease, hardReset, type Notification } from '../wire/notification.ts';
import type { Open } from '../wire/open.ts';
import type { ConnectionId } from './input.ts';
import type { SessionState } from './inspect.ts';
import { awaitsOpen, contextOf, isYoung, type Line, newLine, undecidedMs } from './line.ts';
import { PeerLines } from './peer-lines.ts';

/** RFC 9687 §5: the greater of 8 minutes and twice the hold time. */
const SEND_HOLD_MS = 480_000;

/**
 * After an error we connect again when the damping says so, which grows to a minute; a connection of the peer is taken before:
 * at once after the first errors in a row, then after this time (RFC 4271 §8.1.1 leaves the method to us). A peer that was put
 * right need not wait, and one that was not cannot keep us busy.
 */
const REFUSED_AFTER_ERROR_MS = 500;
const ERRORS_FORGIVEN = 3;

/** Attempts of many peers that become possible at the same moment are spread over this time. */
const SOON_MS = 1000;

/** Behind an OPEN that waits to be answered there is a KEEPALIVE and perhaps a NOTIFICATION: far less. */
const UNDECIDED_OCTETS = 64 * 1024;

const NOTHING = new Uint8Array(0);

const sameOpen = (a: Open | undefined, b: Open): boolean => JSON.stringify(a) === JSON.stringify(b);
/** Segments with another key or too low a TTL are dropped without a word, so that silence is all that we see of them. */
const NO_ANSWER =
  'no answer to the attempt to connect: the peer is down, out of reach, or drops what it takes for forged (another TCP MD5 key or none, TTL security)';

export class Peer extends PeerLines {
  /** We ended the session on purpose: nothing starts before. */
  private shutUntil: Millis = 0;

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

  get line(): Readonly<Line> {
    return this.primary;
  }

  deadline(): Millis {
    const of = (line: Line | undefined) =>
      line === undefined
        ? NEVER
        : Math.min(sessionDeadline(line.session), line.sendHoldAt, this.decidesAt(line));
    return Math.min(of(this.primary), of(this.rival));
  }

  /** @returns whether a KEEPALIVE went out. */
  tick(now: Millis): boolean {
    let keptAlive = false;
    for (const line of [this.primary, this.rival]) {
      if (line === undefined) continue;
      if (line.sendHoldAt <= now) {
        line.sendHoldAt = NEVER;
        this.happen(line, { type: 'SendHoldTimerExpires' }, now);
        continue;
      }
      const due = dueEvent(line.session, now);
      if (due === undefined) continue;
      if (due.type === 'ConnectRetryTimerExpires' && line.connection !== undefined && !line.connected)
        this.fail(NO_ANSWER, now);
      keptAlive ||= due.type === 'KeepaliveTimerExpires';
      this.happen(line, due, now);
    }
    this.decide(now);
    return keptAlive;
  }

  /** Others send their KEEPALIVEs now: this one's goes as well, if it may. @returns whether it did. */
  keepAlive(now: Millis): boolean {
    if (!mayKeepAlive(this.primary.session, now)) return false;
    this.happen(this.primary, { type: 'KeepaliveTimerExpires' }, now);
    return true;
  }

  /** When an OPEN that waits for that of the other connection waits no longer. */
  private decidesAt(line: Line): Millis {
    const { undecided } = line;
    if (undecided === undefined) return NEVER;
    const other = this.otherThan(line);
    return other === undefined ? NEVER : other.connectedAt + undecidedMs(undecided);
  }

  /** Something happened to one of two connections: an OPEN that waited for it can be answered. */
  private decide(now: Millis): void {
    for (const line of [this.primary, this.rival]) {
      const agreed = line?.undecided;
      const { connection } = line ?? {};
      if (line === undefined || agreed === undefined || connection === undefined) continue;
      const other = this.otherThan(line);
      if (other?.session.state === 'OpenSent' && isYoung(other, now, undecidedMs(agreed))) continue;
      line.undecided = undefined;
      this.opened(line, agreed, now);
      this.received(connection, NOTHING, now); // what came behind the OPEN
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
    let first = true;
    while (line.connection === connection && line.undecided === undefined) {
      if (!framer.advance(contextOf(line).maxMessageOctets)) {
        const { failed } = framer;
        if (failed?.kind === 'error')
          this.happen(line, { type: 'BGPHeaderErr', notification: failed.error }, now);
        return this.decide(now);
      }
      this.counters.messagesReceived++;
      if (first) this.lookAhead(line);
      first = false;
      const { type, start, end } = framer;
      if (type === MESSAGE_TYPE.UPDATE && this.plainUpdate(line, framer.octets, start, end, now)) continue;
      // A copy: what is read here may be kept, and the octets that came are the caller's.
      const decoded = this.decode(line, { type, body: new Uint8Array(framer.octets.subarray(start, end)) });
      if (decoded.ok) this.message(line, decoded.message, now);
      else this.happen(line, errorEvent(decoded.error), now);
    }
    if (line.undecided !== undefined) {
      framer.own();
      // What it sends to one that has not confirmed its OPEN is no error until it would fill our memory.
      if (framer.pushed.length - framer.position > UNDECIDED_OCTETS)
        this.happen(line, { type: 'UpdateMsg' }, now);
    }
    this.decide(now);
  }

  disconnected(connection: ConnectionId, reason: string, now: Millis): void {
    const line = this.lineOf(connection);
    if (line === undefined) return;
    this.detach(line);
    this.happen(line, { type: 'TcpConnectionFails', reason }, now);
    this.decide(now);
  }

  /** A link is back: who is not connected tries within a second, whatever the damping says. */
  hasten(now: Millis): void {
    const line = this.primary;
    const waitsForOpen = line.session.state === 'Active' && line.connection !== undefined;
    if (this.config.passive || now < this.shutUntil || waitsForOpen) return;
    line.session = hastened(line.session, now + SOON_MS * this.host.random());
  }

  /** Ends every connection and starts again at `restartAt`, or with NEVER not at all. Nothing sent: this end restarts (RFC 4724 §4.1). */
  stop(sent: Notification | undefined, restartAt: Millis, now: Millis): void {
    if (sent === undefined && this.agreed !== undefined) this.fail('this end restarts', now);
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

  /** At the messages that came together, of which the framer has the first one: it may have begun in an earlier read. */
  private lookAhead({ session, framer }: Line): void {
    if (session.state !== 'Established') return;
    const { octets, pushed, position, start } = framer;
    const { context } = session.agreed;
    if (octets === pushed) return this.host.lookAhead(octets, start - HEADER_OCTETS, context);
    this.host.lookAhead(octets, 0, context);
    this.host.lookAhead(pushed, position, context);
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
    if (line.heardAt !== now) line.session = heardFrom(session, now); // Event 27, which does nothing else
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
      return { ok: false, error: cease(CEASE.OUT_OF_RESOURCES) };
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
      // RFC 4271 §8.2.2, OpenConfirm: no error. OpenBGPD says it twice when our connection comes while it makes its own.
      const again = line.session.state === 'OpenConfirm' && sameOpen(line.remoteOpen, open);
      if (again) return;
      // The state machine answers with an FSM error; what was agreed does not change (decision 3).
      const agreed = 'agreed' in line.session ? line.session.agreed : undefined;
      if (agreed !== undefined) this.happen(line, { type: 'BGPOpen', agreed }, now);
      return;
    }
    line.remoteOpen = open;
    const agreed = negotiate(this.offer, open);
    if ('type' in agreed) return this.happen(line, { type: 'BGPOpenMsgErr', notification: agreed }, now);
    this.opened(line, agreed, now);
  }

  private opened(line: Line, agreed: Negotiated, now: Millis): void {
    const collides = this.collides(line, agreed, now);
    if (collides === 'undecided') line.undecided = agreed;
    else this.happen(line, collides ? { type: 'OpenCollisionDump' } : { type: 'BGPOpen', agreed }, now);
  }

  protected override newConnection(): ConnectionId {
    return this.host.newConnection(this);
  }

  protected override sessionUp(agreed: Negotiated, now: Millis): void {
    this.host.sessionUp(this, agreed, now);
  }

  protected override sessionDown(agreed: Negotiated, end: End, now: Millis): void {
    this.host.sessionDown(this, agreed, end, now);
  }
}
