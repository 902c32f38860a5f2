// Preloaded into our daemon by the bench: how long its event loop was kept from the next turn, at most. On SIGUSR2 it
// writes that to the file that MESOS_BGP_BENCH_PROBE names, in milliseconds, and begins anew.

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { writeFileSync, renameSync } = require('node:fs');

const file = process.env.MESOS_BGP_BENCH_PROBE;
const RESOLUTION_MS = 1;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.on('SIGUSR2', () => {
  const longest = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
  delays.reset();
  writeFileSync(`${file}.new`, JSON.stringify({ longest }));
  renameSync(`${file}.new`, file);
});
