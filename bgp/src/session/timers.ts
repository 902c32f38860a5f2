// The timers of a session (RFC 4271 §8.1.1, §10): how long each runs, which one is next, and what a message does to them. What
// happens when one runs out is fsm.ts.

import { assertNever } from '../net/assert.ts';
import { type Millis, NEVER } from '../net/time.ts';
import type { Event } from './event.ts';
import type { Agreed, In, Session, SessionTimers } from './state.ts';

/** When a step is made, and with which settings of the peer. */
export interface Clock {
  readonly now: Millis;
  readonly timers: SessionTimers;
}

/**
 * The first attempts to connect after a start, and after a connection that broke, come a second apart: hosts that start
 * together, and a peer that restarts, are met while their routes are still kept. Counted as failures below zero.
 */
export const QUICK_ATTEMPTS = 10;
const QUICK_RETRY_MS = 1000;

/** Of an interval: "uniformly distributed in the range from 0.75 to 1.0" (RFC 4271 §10). */
export const LEAST_JITTER = 0.75;

/** The timer that runs out first; `dueEvent` says which event it is. */
export function sessionDeadline(session: Session): Millis {
  switch (session.state) {
    case 'Idle':
      return session.startAt;
    case 'Connect':
    case 'Active':
      return Math.min(session.connectRetryAt, session.delayOpenAt);
    case 'OpenSent':
      return session.holdAt;
    case 'OpenConfirm':
    case 'Established':
      return Math.min(session.holdAt, session.keepaliveAt);
    default:
      return assertNever(session);
  }
}

/**
 * What waits to connect again does so at `at`, and not later. How often it has failed stays, so that the next wait is as long as it
 * would have been. What waits for an operator, or for the peer, goes on waiting.
 */
export function hastened(session: Session, at: Millis): Session {
  const sooner = (due: Millis) => due !== NEVER && due > at;
  switch (session.state) {
    case 'Idle':
      return sooner(session.startAt) ? { ...session, startAt: at } : session;
    case 'Connect':
    case 'Active':
      return sooner(session.connectRetryAt) ? { ...session, connectRetryAt: at } : session;
    default:
      return session;
  }
}

/**
 * What a KEEPALIVE or an UPDATE does in Established: the hold timer restarts (Events 26, 27). [hot] Field by field: a spread costs
 * more than all else that is done for the message.
 */
export const heardFrom = (session: In<'Established'>, now: Millis): In<'Established'> => ({
  state: 'Established',
  failures: session.failures,
  holdAt: holdDeadline(session, now),
  keepaliveAt: session.keepaliveAt,
  keepaliveFrom: session.keepaliveFrom,
  agreed: session.agreed,
  since: session.since,
});

/** The KEEPALIVE may go at `now`, before its timer, because those of others do. */
export const mayKeepAlive = (session: Session, now: Millis): boolean =>
  session.state === 'Established' && session.keepaliveFrom <= now;

/** The timer event that is due at `now`, the one with the earliest deadline. */
export function dueEvent(session: Session, now: Millis): Event | undefined {
  if (sessionDeadline(session) > now) return undefined;
  switch (session.state) {
    case 'Idle':
      return { type: 'AutomaticStart' };
    case 'Connect':
    case 'Active':
      return { type: session.delayOpenAt <= now ? 'DelayOpenTimerExpires' : 'ConnectRetryTimerExpires' };
    case 'OpenSent':
      return { type: 'HoldTimerExpires' };
    case 'OpenConfirm':
    case 'Established':
      return { type: session.holdAt <= now ? 'HoldTimerExpires' : 'KeepaliveTimerExpires' };
    default:
      return assertNever(session);
  }
}

/** Doubles with every failure from `connectRetryMs` up to `connectRetryMaxMs`, after the quick ones. */
export function retryDelay(failures: number, timers: SessionTimers): number {
  if (failures < 0) return Math.min(QUICK_RETRY_MS, timers.connectRetryMs) * timers.jitter;
  const grown = timers.connectRetryMs * 2 ** Math.min(Math.max(failures - 1, 0), 16);
  return Math.min(grown, Math.max(timers.connectRetryMaxMs, timers.connectRetryMs)) * timers.jitter;
}

export const agreedTimers = (agreed: Agreed['agreed'], clock: Clock) => ({
  holdAt: holdDeadline({ agreed }, clock.now),
  ...keepaliveTimer(agreed, clock),
});

/**
 * The timer runs out in the upper half of what jitter allows (§10: 0.75 to 1); before that the KEEPALIVE goes when another
 * peer's does. So many peers are served at one wake of the process, and nobody is sent more than by jitter alone.
 */
export function keepaliveTimer({ keepaliveSeconds }: Agreed['agreed'], { now, timers }: Clock) {
  if (keepaliveSeconds === 0) return { keepaliveAt: NEVER, keepaliveFrom: NEVER };
  const intervalMs = keepaliveSeconds * 1000;
  return {
    keepaliveAt: now + (intervalMs * (1 + timers.jitter)) / 2,
    keepaliveFrom: now + intervalMs * LEAST_JITTER,
  };
}

export const holdDeadline = ({ agreed }: Pick<Agreed, 'agreed'>, now: Millis): Millis =>
  agreed.holdTimeSeconds === 0 ? NEVER : now + agreed.holdTimeSeconds * 1000;
