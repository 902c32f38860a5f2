// A soak run: churn and faults for a while, then quiet, then everything compared; again and again, while what each process takes is
// written down. Arguments are main.ts's.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Prng } from 'bgp-utils/testing';
import { Churn } from './churn.ts';
import { type ClusterOptions, SoakCluster } from './cluster.ts';
import { untilNoDrift } from './drift.ts';
import { Faults, pause } from './faults.ts';
import { liveLine } from './format.ts';
import { sample } from './measure.ts';
import { type Checkpoint, type SoakResult, summarise } from './report.ts';

export interface SoakOptions extends ClusterOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Aborted by Ctrl-C: the run then ends early and cleans up. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** How long churn and faults go on before everything has to settle. */
const PHASE_SECONDS = [20, 50] as const;
const CHANGE_MS = [50, 500] as const;
const FAULT_MS = [1_000, 6_000] as const;
/** The longest: a peer tries again after a minute at most, and what fail static has kept goes two minutes after that. */
const SETTLE_MS = 240_000;
const LIVE_MS = 60_000;
/** A run has some 300 samples of a life at most, or one each second. */
const sampleMs = (seconds: number): number => Math.max(1_000, (seconds * 1000) / 300);

/** @returns what came of it. @throws when the network does not come up; nothing of it is left then. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const cluster = new SoakCluster(options);
  let failed = true;
  try {
    await cluster.start();
    const result = await soak(cluster, options);
    failed = !result.ok;
    return result;
  } finally {
    const keep = failed && !options.signal.aborted;
    for (const line of await cluster.end(keep)) options.print(line);
    if (keep)
      options.print(`the daemons' logs, and what they said where something differed: ${cluster.logs}`);
  }
}

async function soak(cluster: SoakCluster, options: SoakOptions): Promise<SoakResult> {
  const { seconds, seed, signal, print } = options;
  const random = new Prng(seed);
  // Each draws from its own numbers, so that one more change does not make other faults.
  const churn = new Churn(cluster, new Prng(random.between(0, 2 ** 31)));
  const faults = new Faults(cluster, new Prng(random.between(0, 2 ** 31)), signal);
  const checkpoints: Checkpoint[] = [];
  const ended = new AbortController();
  const measuring = every(sampleMs(seconds), ended.signal, () => measure(cluster));
  const telling = every(LIVE_MS, ended.signal, async () =>
    print(liveLine(cluster, churn, faults, checkpoints)),
  );
  try {
    await checkpoint(cluster, checkpoints, options); // the first tables
    while (cluster.seconds < seconds && !signal.aborted) {
      const until = Math.min(seconds, cluster.seconds + random.between(...PHASE_SECONDS));
      await disturb(cluster, churn, faults, random, until, signal);
      if (!signal.aborted) await checkpoint(cluster, checkpoints, options);
    }
  } finally {
    ended.abort();
    await Promise.all([measuring, telling]);
  }
  return summarise({ cluster, churn, faults, checkpoints, seed, interrupted: signal.aborted });
}

/** Changes and faults until then, and until all faults are repaired. */
async function disturb(
  cluster: SoakCluster,
  churn: Churn,
  faults: Faults,
  random: Prng,
  untilSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  let nextFault = cluster.seconds;
  while (cluster.seconds < untilSeconds && !signal.aborted) {
    await churn.one();
    if (cluster.seconds >= nextFault) {
      await faults.begin();
      nextFault = cluster.seconds + random.between(...FAULT_MS) / 1000;
    }
    await pause(random.between(...CHANGE_MS), signal);
  }
  await faults.ended();
}

async function checkpoint(
  cluster: SoakCluster,
  checkpoints: Checkpoint[],
  { signal, print }: SoakOptions,
): Promise<void> {
  const atSeconds = cluster.seconds;
  const { seconds, differences } = await untilNoDrift(cluster, SETTLE_MS, signal);
  if (signal.aborted) return;
  checkpoints.push({ atSeconds, seconds, differences });
  if (differences.length === 0) return;
  print(`DRIFT after ${Math.round(cluster.seconds)} s, ${differences.length} differences:`);
  for (const line of differences.slice(0, 10)) print(`  ${line}`);
  await writeDown(cluster, checkpoints.length);
}

/** What each daemon says of itself, beside the logs. */
async function writeDown(cluster: SoakCluster, number: number): Promise<void> {
  for (const host of cluster.hosts)
    for (const view of ['status', 'peers', 'routes', 'kernel', 'resolve']) {
      const text = await cluster.daemon(host).text(`/v1/${view}`);
      if (text !== undefined) writeFileSync(join(cluster.logs, `${number}-${host.name}-${view}.json`), text);
    }
  writeFileSync(
    join(cluster.logs, `${number}-etcd.json`),
    JSON.stringify(await cluster.etcd.list('/calico/'), undefined, 1),
  );
}

async function measure(cluster: SoakCluster): Promise<void> {
  for (const host of cluster.hosts) {
    const life = cluster.life(host);
    if (life === undefined) continue;
    const taken = await sample(life, () => cluster.daemon(host).text('/metrics'), cluster.seconds);
    if (taken !== undefined && life.toSeconds === undefined) life.samples.push(taken);
  }
}

/** Again and again until aborted, and never two at a time. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (await pause(ms, signal); !signal.aborted; await pause(ms, signal)) await work();
}
