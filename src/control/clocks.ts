// Times of the daemon's monotonic clock as dates and ages. Pure: both clocks are arguments.

import type { Millis } from 'bgp-utils';

/** One moment on both clocks, so that times on the monotonic one can be shown as dates. */
export interface Clocks {
  readonly now: Millis;
  /** Milliseconds since 1970 minus `now`; the same from call to call, so that a date does not jitter. */
  readonly epochOffset: number;
}

export const iso = (at: Millis, clocks: Clocks): string =>
  new Date(Math.round(at + clocks.epochOffset)).toISOString();
export const secondsSince = (at: Millis, clocks: Clocks): number =>
  Math.max(0, Math.round(clocks.now - at) / 1000);
