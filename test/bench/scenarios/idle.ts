// S7: sessions that have nothing to say. Measured twice: from the moment when all are up, which has the last of the start in it, and
// again when the daemon has come to rest.

import { DAEMON_AS, type Trial } from '../trial.ts';
import { type Result, result, type Scenario, type Variant } from './scenario.ts';

const WATCHED_MS = 30_000;
/** Between the two: what runtimes do when they find that nothing happens (V8 collects its garbage) is over by then. */
const PAUSE_MS = 15_000;

const variant = (peers: number): Variant => ({
  id: `S7 ${peers}`,
  title: `idle with ${peers} ${peers === 1 ? 'peer' : 'peers'} for ${WATCHED_MS / 1000} s, keepalives every 30 s`,
  withoutProbe: true,
  run: (trial) => idle(trial, peers),
});

async function idle(trial: Trial, peers: number): Promise<Result[]> {
  await trial.start({
    family: 'ipv4',
    asNumbers: Array.from({ length: peers }, () => DAEMON_AS),
    reflector: true,
  });
  const started = await watched(trial, 'just started', WATCHED_MS);
  await watched(trial, 'pause', PAUSE_MS);
  return [started, await watched(trial, 'at rest', WATCHED_MS)];
}

async function watched(trial: Trial, step: string, forMs: number): Promise<Result> {
  const end = performance.now() + forMs;
  const measured = await trial.measureUntil(
    step,
    () => {},
    () => performance.now() >= end,
    500,
  );
  return result(trial, step, measured, {
    'CPU %': (measured.cpuSeconds / measured.wallSeconds) * 100,
    'RSS MB': trial.memory().residentMb,
  });
}

export const S7: Scenario = {
  id: 'S7',
  title: 'idle',
  target: '≤ 55 MB RSS and ≤ 16 MB private with 1 peer, ≤ 65 and ≤ 25 MB with 500; CPU ≤ 0.3 %',
  variants: () => [variant(1), variant(500)],
};
