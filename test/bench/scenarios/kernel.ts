// S8: from BGP into the kernel of the bench's own namespace. The end is when the kernel has as many routes as were sent.

import { spawnSync } from 'node:child_process';
import { announcements, type FeedShape, withdrawals } from '../feed.ts';
import { CABLE_FAR_END, countKernelRoutes } from '../isolation.ts';
import { DAEMON_AS, type Trial } from '../trial.ts';
import { type Result, result, type Scenario, short, type Variant } from './scenario.ts';

const PER_SET = 5;
const POLL_MS = 10;

const variant = (prefixes: number): Variant => ({
  id: `S8 ${short(prefixes)}`,
  title: `${short(prefixes)} routes BGP → kernel`,
  kernel: true,
  run: (trial) => install(trial, { family: 'ipv4', prefixes, perSet: PER_SET }),
});

async function install(trial: Trial, shape: FeedShape): Promise<Result[]> {
  const before = countKernelRoutes();
  await trial.start({ family: shape.family, asNumbers: [DAEMON_AS], kernel: true });
  const sender = trial.clients[0]!;
  const nextHop = Uint8Array.from(CABLE_FAR_END.split('.').map(Number));
  const full = announcements({ ...shape, nextHop, asPath: [], localPref: 100 });
  const empty = withdrawals(shape);
  const has = (count: number) => () => countKernelRoutes() === before + count;
  const results: Result[] = [];
  try {
    for (const part of ['first', 'again']) {
      const added = await trial.measureUntil(
        'kernel has all',
        () => sender.send(full),
        has(shape.prefixes),
        POLL_MS,
      );
      results.push(result(trial, `${part}, install`, added));
      const removed = await trial.measureUntil('kernel has none', () => sender.send(empty), has(0), POLL_MS);
      results.push(result(trial, `${part}, remove`, removed));
    }
  } finally {
    spawnSync('ip', ['route', 'flush', 'proto', 'bgp']);
  }
  return results;
}

export const S8: Scenario = {
  id: 'S8',
  title: 'BGP → kernel',
  target: '≤ 1.0 × BIRD',
  variants: (sizes) => (sizes ?? [100_000]).map(variant),
};
