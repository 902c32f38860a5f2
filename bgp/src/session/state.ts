// The states of one connection's state machine (RFC 4271 §8.2.2). Each carries just the data that it has.

import type { Millis } from '../net/time.ts';
import type { Negotiated } from './negotiate.ts';

/** ConnectRetryCounter (RFC 4271 §8, session attribute 2): attempts that failed in a row; it makes the waits grow. Below zero are the quick ones at the start. */
interface Counted {
  readonly failures: number;
}

/** No OPEN has been sent yet, on a connection or without one. */
interface WaitingData extends Counted {
  readonly connectRetryAt: Millis;
  /** DelayOpenTimer: the connection is there, and our OPEN waits for the peer's until then (§8.1.1); NEVER when it does not run. */
  readonly delayOpenAt: Millis;
}

/** Both OPENs have been exchanged. */
interface AgreedData {
  readonly holdAt: Millis;
  readonly keepaliveAt: Millis;
  /** From when on the KEEPALIVE may go together with those of others: the least that jitter allows (§10). */
  readonly keepaliveFrom: Millis;
  readonly agreed: Negotiated;
}

export type Session =
  /** `startAt` is the IdleHoldTimer (§8.1.1): when the next automatic start is due. */
  | (Counted & { readonly state: 'Idle'; readonly startAt: Millis })
  | (WaitingData & { readonly state: 'Connect' })
  | (WaitingData & { readonly state: 'Active' })
  | (Counted & { readonly state: 'OpenSent'; readonly holdAt: Millis })
  | (Counted & AgreedData & { readonly state: 'OpenConfirm' })
  | (Counted & AgreedData & { readonly state: 'Established'; readonly since: Millis });

/** A session in one of these states. */
export type In<S extends Session['state']> = Extract<Session, { state: S }>;
export type Waiting = In<'Connect' | 'Active'>;
export type Speaking = In<'OpenSent' | 'OpenConfirm' | 'Established'>;
export type Agreed = In<'OpenConfirm' | 'Established'>;

/** What the state machine needs to know of its peer. */
export interface SessionTimers {
  /** Never opens a connection itself (PassiveTcpEstablishment). */
  readonly passive: boolean;
  readonly connectRetryMs: number;
  readonly connectRetryMaxMs: number;
  /** DelayOpenTime: how long a new connection waits for the peer's OPEN before ours is sent; 0 is no wait (DelayOpen is off). */
  readonly delayOpenMs: number;
  /** 0.75 to 1 (RFC 4271 §10), drawn by the caller for this step. */
  readonly jitter: number;
}
