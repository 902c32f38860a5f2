// The BGP state machine: every transition, and nothing else (RFC 4271 §8.2.2).
//
// Options taken (§8.1.1): AllowAutomaticStart, PassiveTcpEstablishment, DampPeerOscillations, DelayOpen. Not taken here:
// TrackTcpState, CollisionDetectEstablishedState, SendNOTIFICATIONwithoutOPEN.
//
// Six deliberate differences (decision 3), each because the text would take a working network down or keep it from coming
// up, or because another section says otherwise:
// - A connection that fails in Connect or Active leads to Active and not to Idle: in Idle the peer's own connection
//   would be refused for as long as we wait.
// - A passive peer's ConnectRetryTimer does not run: it would make the passive side connect.
// - A NOTIFICATION is never answered by a NOTIFICATION (§8.2.2 asks for it in OpenSent): nobody reads it.
// - A second OPEN on one connection is an unexpected message (RFC 6608), unless it is the same (peer.ts); §8.2.2 ignores it but for
//   collisions.
// - A bad header in Established is answered as §6.1 has it, and not as an FSM error.
// - Connection Rejected (RFC 4486) in OpenSent counts as a connection that failed: the peer is about to be configured.

import { assertNever } from '../net/assert.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { CEASE, ERROR_CODE, FSM_ERROR } from '../wire/constants.ts';
import { describeNotification, type Notification, notification } from '../wire/notification.ts';
import type { Action, End } from './action.ts';
import type { Event } from './event.ts';
import type { Agreed, In, Session, SessionTimers, Speaking, Waiting } from './state.ts';
import {
  agreedTimers,
  type Clock,
  heardFrom,
  holdDeadline,
  keepaliveTimer,
  QUICK_ATTEMPTS,
  retryDelay,
} from './timers.ts';

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

/** Of the "any other event" of each state (RFC 6608 §4). */
const FSM_SUBCODE = {
  OpenSent: FSM_ERROR.UNEXPECTED_MESSAGE_IN_OPENSENT,
  OpenConfirm: FSM_ERROR.UNEXPECTED_MESSAGE_IN_OPENCONFIRM,
  Established: FSM_ERROR.UNEXPECTED_MESSAGE_IN_ESTABLISHED,
} as const;

export const newSession = (startAt: Millis): Session => ({
  state: 'Idle',
  startAt,
  failures: -QUICK_ATTEMPTS,
});

/** A connection that the peer opened while another attempt is under way gets a machine of its own (§6.8). */
export const incomingSession = (now: Millis, timers: SessionTimers): Step =>
  connectionThere(
    { state: 'Active', connectRetryAt: NEVER, delayOpenAt: NEVER, failures: 0 },
    { now, timers },
  );

/** The connection is there, and our OPEN waits for the peer's (DelayOpen). */
export const isDelayingOpen = (session: Session): session is Waiting =>
  (session.state === 'Connect' || session.state === 'Active') && session.delayOpenAt !== NEVER;

/** @param now  must not go back. */
export function step(session: Session, event: Event, now: Millis, timers: SessionTimers): Step {
  const clock = { now, timers };
  switch (session.state) {
    case 'Idle':
      return idle(session, event, clock);
    case 'Connect':
    case 'Active':
      return waiting(session, event, clock);
    case 'OpenSent':
      return openSent(session, event, clock);
    case 'OpenConfirm':
      return openConfirm(session, event, clock);
    case 'Established':
      return established(session, event, clock);
    default:
      return assertNever(session);
  }
}

// ── the states ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Everything but a start is ignored in Idle. */
function idle(session: In<'Idle'>, event: Event, clock: Clock): Step {
  switch (event.type) {
    case 'AutomaticStart': // Events 3, 5
      if (!clock.timers.passive) return startConnecting(session, clock);
      return stay({ ...counted(session), state: 'Active', connectRetryAt: NEVER, delayOpenAt: NEVER });
    case 'ManualStop': // Event 2: also no start later
      return stay(stopped(NEVER));
    default:
      return stay(session);
  }
}

/** Connect and Active: they differ in whether an attempt of ours is under way. */
function waiting(session: Waiting, event: Event, clock: Clock): Step {
  switch (event.type) {
    case 'AutomaticStart': // "the start events are ignored in the Connect state"; so in all that follow
      return stay(session);
    case 'ManualStop': // Event 2
      return manualStop(undefined);
    case 'AutomaticStop': // Event 8
      return automaticStop(session, event.startAt, undefined);
    case 'ConnectRetryTimerExpires': // Event 9; in Connect the attempt took too long
      return connectAgain(session, clock);
    case 'TcpCRAcked': // Event 16
    case 'TcpConnectionConfirmed': // Event 17
      return connectionThere(session, clock);
    case 'DelayOpenTimerExpires': // Event 12
      return sendOpen(session, clock);
    case 'TcpConnectionFails': // Event 18
      return waitInActive(session, clock);
    case 'BGPOpen': // Event 20; without the timer there is no connection that it could come from (Event 19)
      if (!isDelayingOpen(session)) return stop(session, clock, unexpected(event));
      return openAgreed(session, event.agreed, clock, [{ type: 'SendOpen' }]);
    case 'BGPHeaderErr': // Event 21
    case 'BGPOpenMsgErr': // Event 22: without an OPEN of ours there is no NOTIFICATION (SendNOTIFICATIONwithoutOPEN is off)
      return stop(session, clock, {
        cause: 'connection-lost',
        reason: `refused without a word, as our OPEN was delayed: ${describeNotification(event.notification).name}`,
      });
    case 'NotifMsgVerErr': // Event 24
      return stop(
        session,
        clock,
        heard(event.notification),
        isDelayingOpen(session) ? 'uncounted' : 'counted',
      );
    case 'NotifMsg': // Event 25
      return stop(session, clock, heard(event.notification));
    case 'OpenCollisionDump': // Event 23: the other connection goes on
      return stop(session, clock, { cause: 'stopped' });
    default: // Events 10, 11, 13, 19, 26 to 28
      return stop(session, clock, unexpected(event));
  }
}

function openSent(session: In<'OpenSent'>, event: Event, clock: Clock): Step {
  switch (event.type) {
    case 'BGPOpen': // Event 19
      return openAgreed(session, event.agreed, clock, []);
    case 'TcpConnectionFails': {
      // Event 18
      const end: End = { cause: 'connection-lost', reason: event.reason };
      return { ...waitInActive(session, clock), actions: [{ type: 'SessionDown', end }] };
    }
    case 'BGPOpenMsgErr': // Event 22
      return stopSending(session, clock, event.notification);
    case 'NotifMsg': // Event 25
      if (!isRejection(event.notification)) return speaking(session, event, clock);
      return dropped(waitInActive(session, clock).session, undefined, heard(event.notification));
    default:
      return speaking(session, event, clock);
  }
}

/** The peer does not know us, yet: two hosts that are configured one after the other meet as soon as both are (RFC 4486 §4). */
const isRejection = ({ code, subcode }: Notification): boolean =>
  code === ERROR_CODE.CEASE && subcode === CEASE.CONNECTION_REJECTED;

function openConfirm(session: In<'OpenConfirm'>, event: Event, clock: Clock): Step {
  switch (event.type) {
    case 'KeepAliveMsg': // Event 26
      return {
        session: {
          ...session,
          state: 'Established',
          holdAt: holdDeadline(session, clock.now),
          since: clock.now,
        },
        actions: [{ type: 'SessionUp', agreed: session.agreed }],
      };
    case 'KeepaliveTimerExpires': // Event 11
      return sendKeepAlive(session, clock);
    case 'SendHoldTimerExpires': // Event 29
      return sendHoldExpired(session, clock);
    case 'BGPOpenMsgErr': // Event 22
      return stopSending(session, clock, event.notification);
    default:
      return speaking(session, event, clock);
  }
}

function established(session: In<'Established'>, event: Event, clock: Clock): Step {
  switch (event.type) {
    case 'KeepAliveMsg': // Event 26
    case 'UpdateMsg': // Event 27
      return stay(heardFrom(session, clock.now));
    case 'KeepaliveTimerExpires': // Event 11
      return sendKeepAlive(session, clock);
    case 'SendHoldTimerExpires': // Event 29
      return sendHoldExpired(session, clock);
    case 'UpdateMsgErr': // Event 28
      return stopSending(session, clock, event.notification);
    default:
      return speaking(session, event, clock);
  }
}

/** What OpenSent, OpenConfirm and Established have in common; all else is unexpected there. */
function speaking(session: Speaking, event: Event, clock: Clock): Step {
  switch (event.type) {
    case 'AutomaticStart':
    case 'TcpCRAcked': // Events 16, 17: a second connection, which has a machine of its own
    case 'TcpConnectionConfirmed':
      return stay(session);
    case 'ManualStop': // Event 2
      return manualStop(event.notification);
    case 'AutomaticStop': // Event 8
      return automaticStop(session, event.startAt, event.notification);
    case 'HoldTimerExpires': // Event 10
      return stopSending(session, clock, notification(ERROR_CODE.HOLD_TIMER_EXPIRED, 0));
    case 'TcpConnectionFails': // Event 18
      return stop(session, clock, { cause: 'connection-lost', reason: event.reason });
    case 'BGPHeaderErr': // Event 21
      return stopSending(session, clock, event.notification);
    case 'OpenCollisionDump': // Event 23
      return stopSending(
        session,
        clock,
        notification(ERROR_CODE.CEASE, CEASE.CONNECTION_COLLISION_RESOLUTION),
      );
    case 'NotifMsgVerErr': // Event 24: no failure of the peer's, but in Established
      return stop(
        session,
        clock,
        heard(event.notification),
        session.state === 'Established' ? 'counted' : 'uncounted',
      );
    case 'NotifMsg': // Event 25
      return stop(session, clock, heard(event.notification));
    default:
      return stopSending(
        session,
        clock,
        notification(ERROR_CODE.FINITE_STATE_MACHINE_ERROR, FSM_SUBCODE[session.state]),
      );
  }
}

// ── what transitions have in common ─────────────────────────────────────────────────────────────────────────────────

const stay = (session: Session): Step => ({ session, actions: [] });

const counted = (session: Session) => ({ failures: session.failures });

const stopped = (startAt: Millis): Session => ({ state: 'Idle', startAt, failures: 0 });

const heard = (received: Notification): End => ({
  cause: 'notification-received',
  notification: received,
});

const unexpected = (event: Event): End => ({ cause: 'connection-lost', reason: `unexpected ${event.type}` });

const dropped = (session: Session, sent: Notification | undefined, end: End): Step => ({
  session,
  actions: [
    { type: 'Drop', notification: sent },
    { type: 'SessionDown', end },
  ],
});

/** @param sent  undefined where no OPEN has been sent, as nothing may come before it, or where the end is silent. */
const manualStop = (sent: Notification | undefined): Step => dropped(stopped(NEVER), sent, endBy(sent));

const automaticStop = (session: Session, startAt: Millis, sent: Notification | undefined): Step =>
  dropped({ state: 'Idle', startAt, failures: Math.max(session.failures, 0) + 1 }, sent, endBy(sent));

const endBy = (sent: Notification | undefined): End =>
  sent === undefined ? { cause: 'stopped' } : { cause: 'notification-sent', notification: sent };

const stopSending = (session: Session, clock: Clock, sent: Notification): Step =>
  stop(session, clock, { cause: 'notification-sent', notification: sent });

/** RFC 9687 §3.2: it may still arrive, and says why. */
const sendHoldExpired = (session: Agreed, clock: Clock): Step =>
  stopSending(session, clock, notification(ERROR_CODE.SEND_HOLD_TIMER_EXPIRED, 0));

/** Back to Idle, and a new start after a wait that grows with each failure in a row (DampPeerOscillations). */
function stop(
  session: Session,
  { now, timers }: Clock,
  end: End,
  counting: 'counted' | 'uncounted' = 'counted',
): Step {
  const sent = end.cause === 'notification-sent' ? end.notification : undefined;
  const livedMs = session.state === 'Established' ? now - session.since : 0;
  if (counting === 'uncounted') {
    const startAt = now + retryDelay(Math.max(session.failures, 1), timers);
    return dropped({ state: 'Idle', startAt, ...counted(session) }, sent, end);
  }
  // A connection that broke says nothing of the next one: a peer that restarted is met at once.
  const lost = end.cause === 'connection-lost' && livedMs >= BROKE_AT_ONCE_MS;
  const failures = lost ? -QUICK_ATTEMPTS : livedMs >= STABLE_MS ? 0 : Math.max(session.failures, 0) + 1;
  const startAt = lost ? now : now + retryDelay(failures, timers);
  return dropped({ state: 'Idle', startAt, failures }, sent, end);
}

function startConnecting(session: Session, { now, timers }: Clock): Step {
  const connectRetryAt = now + retryDelay(Math.max(session.failures, 0), timers);
  return {
    session: { ...counted(session), state: 'Connect', connectRetryAt, delayOpenAt: NEVER },
    actions: [{ type: 'Connect' }],
  };
}

/** What there is of a connection is given up for the next attempt. */
function connectAgain(session: Waiting, clock: Clock): Step {
  const late = session.state === 'Connect';
  const next = startConnecting({ ...session, failures: session.failures + Number(late) }, clock);
  if (!late && !isDelayingOpen(session)) return next;
  return { session: next.session, actions: [{ type: 'Drop', notification: undefined }, ...next.actions] };
}

function waitInActive(session: Session, { now, timers }: Clock): Step {
  const failures = session.failures + 1;
  const connectRetryAt = timers.passive ? NEVER : now + retryDelay(failures - 1, timers);
  return stay({ state: 'Active', connectRetryAt, delayOpenAt: NEVER, failures });
}

/** With DelayOpen, the peer's OPEN is waited for, in the state that the session is in. */
function connectionThere(session: Waiting, clock: Clock): Step {
  const { delayOpenMs } = clock.timers;
  if (delayOpenMs === 0) return sendOpen(session, clock);
  return stay({ ...session, connectRetryAt: NEVER, delayOpenAt: clock.now + delayOpenMs });
}

const sendOpen = (session: Session, { now }: Clock): Step => ({
  session: { ...counted(session), state: 'OpenSent', holdAt: now + OPEN_HOLD_MS },
  actions: [{ type: 'SendOpen' }],
});

const openAgreed = (
  session: Session,
  agreed: Agreed['agreed'],
  clock: Clock,
  before: readonly Action[],
): Step => ({
  session: { ...counted(session), state: 'OpenConfirm', agreed, ...agreedTimers(agreed, clock) },
  actions: [...before, { type: 'SendKeepAlive' }],
});

const sendKeepAlive = (session: Agreed, clock: Clock): Step => ({
  session: { ...session, ...keepaliveTimer(session.agreed, clock) },
  actions: [{ type: 'SendKeepAlive' }],
});
