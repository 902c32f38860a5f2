// The states of one connection's state machine (RFC 4271 §8.2.2). Each carries just the data that it has.

import type { Millis } from '../net/time.ts';
import type { Negotiated } from './negotiate.ts';

/** ConnectRetryCounter (RFC 4271 §8, session attribute 2): attempts that failed in a row; it makes the waits grow. Below zero are the quick ones at the start. */
interface Counted {
  readonly failures: number;
}

export type Session =
  /** `startAt` is the IdleHoldTimer (§8.1.1): when the next automatic start is due. */
  | (Counted & { readonly state: 'Idle'; readonly startAt: Millis })
  | (Counted & { readonly state: 'Connect'; readonly connectRetryAt: Millis })
  | (Counted & { readonly state: 'Active'; readonly connectRetryAt: Millis })
  | (Counted & { readonly state: 'OpenSent'; readonly holdAt: Millis })
  | (Counted & {
      readonly state: 'OpenConfirm';
      readonly holdAt: Millis;
      readonly keepaliveAt: Millis;
      readonly agreed: Negotiated;
    })
  | (Counted & {
      readonly state: 'Established';
      readonly holdAt: Millis;
      readonly keepaliveAt: Millis;
      readonly agreed: Negotiated;
      readonly since: Millis;
    });

/** What the state machine needs to know of its peer. */
export interface SessionTimers {
  /** Never opens a connection itself (PassiveTcpEstablishment). */
  readonly passive: boolean;
  readonly connectRetryMs: number;
  readonly connectRetryMaxMs: number;
  /** 0.75 to 1 (RFC 4271 §10), drawn by the caller for this step. */
  readonly jitter: number;
}
