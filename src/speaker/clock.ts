// The daemon's one clock for protocol time: monotonic, so that a changed wall clock ends no session.

import type { Millis } from 'bgp-utils';

export interface Clock {
  /** Never goes back. */
  readonly now: () => Millis;
}

export const monotonicClock: Clock = { now: () => performance.now() };
