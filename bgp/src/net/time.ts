// Time as the core sees it: a number handed in from outside. Nothing in this package reads a clock.

/** Milliseconds on the caller's monotonic clock. Only differences and order have a meaning. */
export type Millis = number;

/** The deadline that does not come: no timer is running. `Math.min` over deadlines works without a special case. */
export const NEVER: Millis = Number.POSITIVE_INFINITY;
