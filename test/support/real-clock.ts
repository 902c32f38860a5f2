// The clock that app.ts gives the FIB, for tests on the real kernel.

import type { FibClock } from '../../src/fib/timers.ts';

export const realClock: FibClock = {
  now: () => performance.now(),
  schedule: (delayMs, run) => {
    if (delayMs === 0) {
      const handle = setImmediate(run);
      return () => clearImmediate(handle);
    }
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};
