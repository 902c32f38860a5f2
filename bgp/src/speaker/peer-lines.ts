// The connections of one peer: the state machine's actions carried out on them, and which of two wins (RFC 4271 §6.8).

import { type Millis, NEVER } from '../net/time.ts';
import { type Action, describeEnd, type End, isFailure, refusesCapabilities } from '../session/action.ts';
import { survivor } from '../session/collision.ts';
import type { Event } from '../session/event.ts';
import { newSession, type Step, step } from '../session/fsm.ts';
import { type LocalOffer, localOpen, type Negotiated } from '../session/negotiate.ts';
import type { Session, SessionTimers } from '../session/state.ts';
import { LEAST_JITTER } from '../session/timers.ts';
import { CEASE } from '../wire/constants.ts';
import { INITIAL_CONTEXT } from '../wire/context.ts';
import { KEEPALIVE } from '../wire/keepalive.ts';
import { encodeMessage } from '../wire/message.ts';
import { cease, describeNotification, type Notification } from '../wire/notification.ts';
import type { ConnectionId, PeerConfig } from './input.ts';
import type { PeerCounters } from './inspect.ts';
import { concatenate, isYoung, type Line, newLine, undecidedMs, wereRivals } from './line.ts';
import type { LogEvent } from './output.ts';
import type { PeerHost } from './peer-host.ts';

/** The same for every peer, and never written to. */
const KEEPALIVE_OCTETS = encodeMessage(KEEPALIVE, INITIAL_CONTEXT);

export abstract class PeerLines {
  protected primary: Line;
  protected rival: Line | undefined;
  protected stateSince: Millis;
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
    protected readonly host: PeerHost,
    now: Millis,
  ) {
    this.primary = newLine(newSession(config.heldBack === undefined ? now : NEVER));
    this.stateSince = now;
  }

  /** What our next OPEN says, or the last one said. */
  get offer(): LocalOffer {
    const offer = this.host.offer(this.config);
    return this.withoutCapabilities ? { ...offer, withoutCapabilities: true } : offer;
  }

  protected abstract newConnection(): ConnectionId;
  protected abstract sessionUp(agreed: Negotiated, now: Millis): void;
  protected abstract sessionDown(agreed: Negotiated, end: End, now: Millis): void;

  /**
   * Ends the other connection where it has to give way (RFC 4271 §6.8). Both sides end the same one: the OPEN has told
   * who the peer is, so the other connection counts from OpenSent on, as the RFC allows. If it counted from OpenConfirm
   * only, one side could be Established on the connection that the other side ends.
   * @returns whether this one has to give way: `undecided` while the other one has still to show that it lives. A peer that has just
   *   closed it and keeps this one (OpenBGPD does so with its own attempt) would otherwise lose both, and be told a Cease, after
   *   which it is idle for half a minute and more.
   */
  protected collides(line: Line, agreed: Negotiated, now: Millis): boolean | 'undecided' {
    const other = this.otherThan(line);
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
      if (other.session.state === 'OpenConfirm' || other.undecided !== undefined) return true;
      // Nothing is given up for a connection that may be dead, nor is that one, whose OPEN may be delayed (§8.1.1): who is first
      // Established stays.
      return isYoung(other, now, undecidedMs(agreed)) ? 'undecided' : false;
    }
    this.happen(other, { type: 'OpenCollisionDump' }, now);
    return false;
  }

  protected otherThan(line: Line): Line | undefined {
    return line === this.primary ? this.rival : this.primary;
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

  protected happen(line: Line, event: Event, now: Millis): void {
    this.carryOut(line, step(line.session, event, now, this.timers()), now);
  }

  protected carryOut(line: Line, { session, actions }: Step, now: Millis): void {
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
          connection: this.newConnection(),
          openedBy: 'us',
        });
        const { address, port, localAddress, peer } = this.config;
        this.host.emit({ type: 'Connect', connection: line.connection!, peer, address, port, localAddress });
        return;
      }
      case 'SendOpen':
        return this.send(line, encodeMessage(localOpen(this.offer), INITIAL_CONTEXT));
      case 'SendKeepAlive':
        return this.send(line, KEEPALIVE_OCTETS);
      case 'Drop':
        return this.drop(line, action.notification);
      case 'SessionUp':
        if (line === this.rival) this.promote(line, now);
        else if (this.rival !== undefined) this.happen(this.rival, { type: 'OpenCollisionDump' }, now);
        this.counters.established++;
        return this.sessionUp(action.agreed, now);
      case 'SessionDown':
        // RFC 5492 §3: once, and after that session as ever
        this.withoutCapabilities = !this.withoutCapabilities && refusesCapabilities(action.end);
        if (isFailure(action.end)) this.fail(describeEnd(action.end), now);
        if (before.state !== 'Established') return;
        this.counters.lost++;
        return this.sessionDown(before.agreed, action.end, now);
    }
  }

  protected send(line: Line, octets: Uint8Array): void {
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

  protected detachAndClose(line: Line, reason: string): void {
    const { connection } = line;
    if (connection === undefined) return;
    this.detach(line);
    this.host.emit({ type: 'Close', connection, lastOctets: undefined, reason });
  }

  protected detach(line: Line): void {
    if (line.connection === undefined) return;
    this.host.forgetConnection(line.connection);
    line.connection = undefined;
    line.connected = false;
    line.control = [];
    line.undecided = undefined;
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
      const early = loser.session.state === 'Connect' || loser.session.state === 'Active';
      this.drop(loser, early ? undefined : cease(CEASE.CONNECTION_COLLISION_RESOLUTION));
    }
    this.logState(before, line.session, now);
  }

  protected lineOf(connection: ConnectionId): Line | undefined {
    if (this.primary.connection === connection) return this.primary;
    return this.rival?.connection === connection ? this.rival : undefined;
  }

  protected timers(): SessionTimers {
    return {
      passive: this.config.passive,
      connectRetryMs: this.config.connectRetrySeconds * 1000,
      connectRetryMaxMs: this.config.connectRetryMaxSeconds * 1000,
      delayOpenMs: (this.config.delayOpenSeconds ?? 0) * 1000,
      jitter: LEAST_JITTER + (1 - LEAST_JITTER) * this.host.random(),
    };
  }

  protected fail(reason: string, now: Millis): void {
    this.lastError = reason;
    this.lastErrorAt = now;
  }

  private logState(before: Session, after: Session, now: Millis): void {
    if (before.state === after.state) return;
    this.stateSince = now;
    const reason = after.state === 'Idle' || after.state === 'Active' ? (this.lastError ?? '') : '';
    this.log({ event: 'session', peer: this.config.peer, from: before.state, to: after.state, reason });
  }

  protected logNotification(
    event: 'notification-sent' | 'notification-received',
    { ...message }: Notification,
  ): void {
    const { name, text } = describeNotification(message);
    this.log({ event, peer: this.config.peer, code: message.code, subcode: message.subcode, name, text });
  }

  protected log(event: LogEvent): void {
    this.host.emit({ type: 'Log', event });
  }
}
