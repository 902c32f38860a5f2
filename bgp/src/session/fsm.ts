// The BGP state machine: every transition, and nothing else (RFC 4271 §8.2.2).
//
// Options taken (§8.1.1): AllowAutomaticStart, PassiveTcpEstablishment, DampPeerOscillations. Not taken here:
// TrackTcpState, CollisionDetectEstablishedState, SendNOTIFICATIONwithoutOPEN.
//
// Three deliberate differences, each because the text would take a working network down or keep it from coming up:
// - A connection that fails in Connect or Active leads to Active and not to Idle: in Idle the peer's own connection
//   would be refused for as long as we wait.
// - A passive peer's ConnectRetryTimer does not run: it would make the passive side connect.
// - A NOTIFICATION is never answered by a NOTIFICATION (§8.2.2 asks for it in OpenSent): nobody reads it.

import { assertNever } from '../net/assert.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { CEASE, ERROR_CODE, FSM_ERROR } from '../wire/constants.ts';
import { type Notification, notification } from '../wire/notification.ts';
import type { Action, End } from './action.ts';
import type { Event } from './event.ts';
import type { Session, SessionTimers } from './state.ts';

export interface Step {
  readonly session: Session;
  readonly actions: readonly Action[];
}

/** Until the OPEN came: "a large value, 4 minutes is suggested" (§8.2.2). */
const OPEN_HOLD_MS = 240_000;

/** A session that lived this long had nothing wrong with it: the next failure is the first again. */
const STABLE_MS = 60_000;

/** A session that broke sooner than this is no peer that restarted: trying again at once would be a busy loop. */
const BROKE_AT_ONCE_MS = 1_000;

/**
 * The first attempts to connect after a start, and after a connection that broke, come a second apart: hosts that start
 * together, and a peer that restarts, are met while their routes are still kept. Counted as failures below zero.
 */
const QUICK_ATTEMPTS = 10;
const QUICK_RETRY_MS = 1000;

export const newSession = (startAt: Millis): Session => ({
  state: 'Idle',
  startAt,
  failures: -QUICK_ATTEMPTS,
});

/** A connection that the peer opened while another attempt is under way gets a machine of its own (§6.8). */
export function incomingSession(now: Millis): Step {
  return {
    session: { state: 'OpenSent', holdAt: now + OPEN_HOLD_MS, failures: 0 },
    actions: [{ type: 'SendOpen' }],
  };
}

/** The timer that runs out first; `dueEvent` says which event it is. */
export function sessionDeadline(session: Session): Millis {
  switch (session.state) {
    case 'Idle':
      return session.startAt;
    case 'Connect':
    case 'Active':
      return session.connectRetryAt;
    case 'OpenSent':
      return session.holdAt;
    case 'OpenConfirm':
    case 'Established':
      return Math.min(session.holdAt, session.keepaliveAt);
    default:
      return assertNever(session);
  }
}

/** The timer event that is due at `now`, the one with the earliest deadline. */
export function dueEvent(session: Session, now: Millis): Event | undefined {
  if (sessionDeadline(session) > now) return undefined;
  switch (session.state) {
    case 'Idle':
      return { type: 'AutomaticStart' };
    case 'Connect':
    case 'Active':
      return { type: 'ConnectRetryTimerExpires' };
    case 'OpenSent':
      return { type: 'HoldTimerExpires' };
    case 'OpenConfirm':
    case 'Established':
      return session.holdAt <= now ? { type: 'HoldTimerExpires' } : { type: 'KeepaliveTimerExpires' };
    default:
      return assertNever(session);
  }
}

/** @param now  must not go back. */
export function step(session: Session, event: Event, now: Millis, timers: SessionTimers): Step {
  if (event.type === 'ManualStop' && session.state !== 'Idle') {
    return manualStop(session, event.notification);
  }
  switch (session.state) {
    case 'Idle':
      return idle(session, event, now, timers);
    case 'Connect':
      return connect(session, event, now, timers);
    case 'Active':
      return active(session, event, now, timers);
    case 'OpenSent':
      return openSent(session, event, now, timers);
    case 'OpenConfirm':
      return openConfirm(session, event, now, timers);
    case 'Established':
      return established(session, event, now, timers);
    default:
      return assertNever(session);
  }
}

/** Everything but a start is ignored in Idle. */
function idle(session: Session & { state: 'Idle' }, event: Event, now: Millis, timers: SessionTimers): Step {
  switch (event.type) {
    case 'AutomaticStart': // Events 3, 5
      if (timers.passive)
        return { session: { ...counted(session), state: 'Active', connectRetryAt: NEVER }, actions: [] };
      return startConnecting(session, now, timers);
    case 'ManualStop':
      return { session: { state: 'Idle', startAt: NEVER, failures: 0 }, actions: [] };
    default:
      return { session, actions: [] };
  }
}

function connect(
  session: Session & { state: 'Connect' },
  event: Event,
  now: Millis,
  timers: SessionTimers,
): Step {
  switch (event.type) {
    case 'ConnectRetryTimerExpires': {
      // Event 9: the attempt took too long
      const next = startConnecting({ ...session, failures: session.failures + 1 }, now, timers);
      return { session: next.session, actions: [{ type: 'Drop', notification: undefined }, ...next.actions] };
    }
    case 'TcpCRAcked': // Event 16
    case 'TcpConnectionConfirmed': // Event 17
      return sendOpen(session, now);
    case 'TcpConnectionFails': // Event 18
      return waitInActive(session, now, timers);
    case 'AutomaticStart': // "the start events are ignored in the Connect state"; so in all that follow
      return { session, actions: [] };
    default:
      return stop(session, now, timers, undefined, unexpected(event));
  }
}

function active(
  session: Session & { state: 'Active' },
  event: Event,
  now: Millis,
  timers: SessionTimers,
): Step {
  switch (event.type) {
    case 'ConnectRetryTimerExpires': // Event 9
      return startConnecting(session, now, timers);
    case 'TcpCRAcked':
    case 'TcpConnectionConfirmed': // Event 17
      return sendOpen(session, now);
    case 'TcpConnectionFails': // Event 18
      return waitInActive(session, now, timers);
    case 'AutomaticStart':
      return { session, actions: [] };
    default:
      return stop(session, now, timers, undefined, unexpected(event));
  }
}

function openSent(
  session: Session & { state: 'OpenSent' },
  event: Event,
  now: Millis,
  timers: SessionTimers,
): Step {
  switch (event.type) {
    case 'BGPOpen': {
      // Event 19
      const { agreed } = event;
      return {
        session: { ...counted(session), state: 'OpenConfirm', agreed, ...agreedTimers(agreed, now, timers) },
        actions: [{ type: 'SendKeepAlive' }],
      };
    }
    case 'TcpConnectionFails': {
      // Event 18
      const next = waitInActive(session, now, timers);
      return {
        session: next.session,
        actions: [{ type: 'SessionDown', end: { cause: 'connection-lost', reason: event.reason } }],
      };
    }
    case 'HoldTimerExpires': // Event 10
    case 'BGPHeaderErr': // Event 21
    case 'BGPOpenMsgErr': // Event 22
    case 'OpenCollisionDump': // Event 23
    case 'NotifMsg': // Events 24, 25
      return commonEnd(session, event, now, timers);
    case 'AutomaticStart':
      return { session, actions: [] };
    default: // RFC 6608 §4
      return stopSending(
        session,
        now,
        timers,
        notification(ERROR_CODE.FINITE_STATE_MACHINE_ERROR, FSM_ERROR.UNEXPECTED_MESSAGE_IN_OPENSENT),
      );
  }
}

function openConfirm(
  session: Session & { state: 'OpenConfirm' },
  event: Event,
  now: Millis,
  timers: SessionTimers,
): Step {
  switch (event.type) {
    case 'KeepAliveMsg': // Event 26
      return {
        session: { ...session, state: 'Established', holdAt: holdDeadline(session, now), since: now },
        actions: [{ type: 'SessionUp', agreed: session.agreed }],
      };
    case 'KeepaliveTimerExpires': // Event 11
      return {
        session: { ...session, keepaliveAt: keepaliveDeadline(session, now, timers) },
        actions: [{ type: 'SendKeepAlive' }],
      };
    case 'TcpConnectionFails': // Event 18
    case 'HoldTimerExpires': // Event 10
    case 'SendHoldTimerExpires': // Event 29
    case 'BGPHeaderErr': // Event 21
    case 'BGPOpenMsgErr': // Event 22
    case 'OpenCollisionDump': // Event 23
    case 'NotifMsg': // Events 24, 25
      return commonEnd(session, event, now, timers);
    case 'AutomaticStart':
      return { session, actions: [] };
    default: // RFC 6608 §4
      return stopSending(
        session,
        now,
        timers,
        notification(ERROR_CODE.FINITE_STATE_MACHINE_ERROR, FSM_ERROR.UNEXPECTED_MESSAGE_IN_OPENCONFIRM),
      );
  }
}

function established(
  session: Session & { state: 'Established' },
  event: Event,
  now: Millis,
  timers: SessionTimers,
): Step {
  switch (event.type) {
    case 'KeepAliveMsg': // Event 26
    case 'UpdateMsg': // Event 27
      return { session: { ...session, holdAt: holdDeadline(session, now) }, actions: [] };
    case 'KeepaliveTimerExpires': // Event 11
      return {
        session: { ...session, keepaliveAt: keepaliveDeadline(session, now, timers) },
        actions: [{ type: 'SendKeepAlive' }],
      };
    case 'TcpConnectionFails': // Event 18
    case 'HoldTimerExpires': // Event 10
    case 'SendHoldTimerExpires': // Event 29
    case 'BGPHeaderErr': // Event 21
    case 'UpdateMsgErr': // Event 28
    case 'OpenCollisionDump': // Event 23
    case 'NotifMsg': // Events 24, 25
      return commonEnd(session, event, now, timers);
    case 'AutomaticStart':
      return { session, actions: [] };
    default: // RFC 6608 §4
      return stopSending(
        session,
        now,
        timers,
        notification(ERROR_CODE.FINITE_STATE_MACHINE_ERROR, FSM_ERROR.UNEXPECTED_MESSAGE_IN_ESTABLISHED),
      );
  }
}

/** The ends that OpenSent, OpenConfirm and Established have in common. */
function commonEnd(session: Session, event: Event, now: Millis, timers: SessionTimers): Step {
  switch (event.type) {
    case 'HoldTimerExpires':
      return stopSending(session, now, timers, notification(ERROR_CODE.HOLD_TIMER_EXPIRED, 0));
    case 'SendHoldTimerExpires': // RFC 9687 §3.2: it may still arrive, and says why
      return stopSending(session, now, timers, notification(ERROR_CODE.SEND_HOLD_TIMER_EXPIRED, 0));
    case 'BGPHeaderErr':
    case 'BGPOpenMsgErr':
    case 'UpdateMsgErr':
      return stopSending(session, now, timers, event.notification);
    case 'OpenCollisionDump':
      return stopSending(
        session,
        now,
        timers,
        notification(ERROR_CODE.CEASE, CEASE.CONNECTION_COLLISION_RESOLUTION),
      );
    case 'NotifMsg':
      return stop(session, now, timers, undefined, {
        cause: 'notification-received',
        notification: event.notification,
      });
    case 'TcpConnectionFails':
      return stop(session, now, timers, undefined, { cause: 'connection-lost', reason: event.reason });
    default:
      throw new Error(`invariant: ${event.type} is no common end`);
  }
}

function manualStop(session: Session, sent: Notification | undefined): Step {
  // A NOTIFICATION needs an OPEN before it (SendNOTIFICATIONwithoutOPEN is off).
  const speaking = session.state !== 'Connect' && session.state !== 'Active';
  const end: End =
    sent && speaking ? { cause: 'notification-sent', notification: sent } : { cause: 'stopped' };
  return {
    session: { state: 'Idle', startAt: NEVER, failures: 0 },
    actions: [
      { type: 'Drop', notification: speaking ? sent : undefined },
      { type: 'SessionDown', end },
    ],
  };
}

const stopSending = (session: Session, now: Millis, timers: SessionTimers, sent: Notification): Step =>
  stop(session, now, timers, sent, { cause: 'notification-sent', notification: sent });

/** Back to Idle, and a new start after a wait that grows with each failure in a row (DampPeerOscillations). */
function stop(
  session: Session,
  now: Millis,
  timers: SessionTimers,
  sent: Notification | undefined,
  end: End,
): Step {
  const livedMs = session.state === 'Established' ? now - session.since : 0;
  // A connection that broke says nothing of the next one: a peer that restarted is met at once.
  const lost = end.cause === 'connection-lost' && livedMs >= BROKE_AT_ONCE_MS;
  const failures = lost ? -QUICK_ATTEMPTS : livedMs >= STABLE_MS ? 0 : Math.max(session.failures, 0) + 1;
  const startAt = lost ? now : now + retryDelay(failures, timers);
  return {
    session: { state: 'Idle', startAt, failures },
    actions: [
      { type: 'Drop', notification: sent },
      { type: 'SessionDown', end },
    ],
  };
}

function startConnecting(session: Session, now: Millis, timers: SessionTimers): Step {
  return {
    session: {
      ...counted(session),
      state: 'Connect',
      connectRetryAt: now + retryDelay(Math.max(session.failures, 0), timers),
    },
    actions: [{ type: 'Connect' }],
  };
}

function waitInActive(session: Session, now: Millis, timers: SessionTimers): Step {
  const failures = session.failures + 1;
  const connectRetryAt = timers.passive ? NEVER : now + retryDelay(failures - 1, timers);
  return { session: { state: 'Active', connectRetryAt, failures }, actions: [] };
}

const sendOpen = (session: Session, now: Millis): Step => ({
  session: { ...counted(session), state: 'OpenSent', holdAt: now + OPEN_HOLD_MS },
  actions: [{ type: 'SendOpen' }],
});

/** Doubles with every failure from `connectRetryMs` up to `connectRetryMaxMs`, after the quick ones. */
function retryDelay(failures: number, timers: SessionTimers): number {
  if (failures < 0) return Math.min(QUICK_RETRY_MS, timers.connectRetryMs) * timers.jitter;
  const grown = timers.connectRetryMs * 2 ** Math.min(Math.max(failures - 1, 0), 16);
  return Math.min(grown, Math.max(timers.connectRetryMaxMs, timers.connectRetryMs)) * timers.jitter;
}

type Agreed = Session & { state: 'OpenConfirm' | 'Established' };

const agreedTimers = (agreed: Agreed['agreed'], now: Millis, timers: SessionTimers) => ({
  holdAt: agreed.holdTimeSeconds === 0 ? NEVER : now + agreed.holdTimeSeconds * 1000,
  keepaliveAt: agreed.keepaliveSeconds === 0 ? NEVER : now + agreed.keepaliveSeconds * 1000 * timers.jitter,
});

const holdDeadline = (session: Agreed, now: Millis): Millis =>
  session.agreed.holdTimeSeconds === 0 ? NEVER : now + session.agreed.holdTimeSeconds * 1000;

const keepaliveDeadline = (session: Agreed, now: Millis, timers: SessionTimers): Millis =>
  agreedTimers(session.agreed, now, timers).keepaliveAt;

const counted = (session: Session) => ({ failures: session.failures });

const unexpected = (event: Event): End => ({ cause: 'connection-lost', reason: `unexpected ${event.type}` });
