// What came of a soak run, as data, with its verdict. The words for it are format.ts's.

import { existsSync, readFileSync } from 'node:fs';
import type { Churn } from './churn.ts';
import type { SoakCluster } from './cluster.ts';
import type { Faults } from './faults.ts';
import { type Limit, type Trend, trend } from './leak.ts';
import type { Life, Sample } from './measure.ts';

export interface Checkpoint {
  readonly atSeconds: number;
  /** Until nothing differed, or until it was given up. */
  readonly seconds: number;
  readonly differences: readonly string[];
}

/** What may leak, and how much growth is too much: about what an hour of one object a second would take. */
export const LIMITS = {
  residentMib: { growth: 6, share: 0.06, warmUpSeconds: 1_800 },
  privateMib: { growth: 4, share: 0.08, warmUpSeconds: 1_800 },
  heapMib: { growth: 2, share: 0.15, warmUpSeconds: 1_800 },
  files: { growth: 3, share: 0.05, warmUpSeconds: 120 },
  timers: { growth: 3, share: 0.05, warmUpSeconds: 120 },
  handles: { growth: 3, share: 0.05, warmUpSeconds: 120 },
} as const satisfies Partial<Record<keyof Sample, Limit>>;
export type Measured = keyof typeof LIMITS;
const MEASURED = Object.keys(LIMITS) as readonly Measured[];

export interface LifeResult extends Omit<Life, 'toSeconds'> {
  readonly toSeconds: number;
  readonly trends: Readonly<Record<Measured, Trend>>;
}

export interface LogCount {
  readonly level: string;
  /** With `#` for each number and address. */
  readonly message: string;
  readonly count: number;
}

export interface SoakResult {
  readonly ok: boolean;
  readonly interrupted: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly hosts: number;
  readonly reflectors: number;
  readonly changes: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly checkpoints: readonly Checkpoint[];
  /** Daemons that ended by themselves, and faults that could not be played. */
  readonly failures: readonly string[];
  /** A sentence a leak. */
  readonly leaks: readonly string[];
  readonly lives: readonly LifeResult[];
  /** Warnings and worse, the most frequent first. */
  readonly log: readonly LogCount[];
  /** Host → lines of level error and worse. */
  readonly errors: Readonly<Record<string, number>>;
}

export function summarise(run: {
  readonly cluster: SoakCluster;
  readonly churn: Churn;
  readonly faults: Faults;
  readonly checkpoints: readonly Checkpoint[];
  readonly seed: number;
  readonly interrupted: boolean;
}): SoakResult {
  const { cluster, churn, faults, checkpoints, seed, interrupted } = run;
  const lives = cluster.lives.map((life) => lifeResult(life, cluster.seconds));
  const leaks = lives.flatMap(leaksOf);
  const logs = cluster.hosts.map((host) => [host.name, logText(cluster.logOf(host))] as const);
  const drifted = checkpoints.some(({ differences }) => differences.length > 0);
  return {
    ok: !interrupted && !drifted && leaks.length === 0 && cluster.failures.length === 0,
    interrupted,
    seed,
    seconds: cluster.seconds,
    hosts: cluster.hosts.filter(({ reflector }) => !reflector).length,
    reflectors: cluster.hosts.filter(({ reflector }) => reflector).length,
    changes: Object.fromEntries(churn.made),
    faults: Object.fromEntries(faults.played),
    checkpoints,
    failures: cluster.failures,
    leaks,
    lives,
    log: logs.reduce<readonly LogCount[]>((counts, [, text]) => addLog(counts, text), []),
    errors: Object.fromEntries(
      logs.map(([host, text]) => [host, text.match(/"level":"(error|fatal)"/g)?.length ?? 0]),
    ),
  };
}

const series = (samples: readonly Sample[], measured: Measured) =>
  samples.map((each) => ({ atSeconds: each.atSeconds, value: each[measured] }));

function lifeResult(life: Life, now: number): LifeResult {
  const trends = Object.fromEntries(
    MEASURED.map((measured) => [measured, trend(series(life.samples, measured), LIMITS[measured])]),
  ) as Record<Measured, Trend>;
  return { ...life, toSeconds: life.toSeconds ?? now, trends };
}

export const leaksOf = ({ host, pid, fromSeconds, toSeconds, trends }: LifeResult): readonly string[] =>
  MEASURED.filter((measured) => trends[measured].verdict === 'grows').map(
    (measured) =>
      `${host} (pid ${pid}, ${minutes(toSeconds - fromSeconds)} min): ${measured} grows by ${trends[measured].perHour.toFixed(1)} an hour ` +
      `(${trends[measured].growth.toFixed(1)} seen, tau ${trends[measured].tau.toFixed(2)})`,
  );

export const minutes = (seconds: number): string => (seconds / 60).toFixed(1);

/** @param text  a log of JSON lines. @returns the counts with its warnings and errors, most frequent first. */
export function addLog(counts: readonly LogCount[], text: string): readonly LogCount[] {
  const found = new Map(counts.map((each) => [`${each.level} ${each.message}`, each]));
  for (const line of text.split('\n')) {
    const level = /"level":"(warn|error|fatal)"/.exec(line)?.[1];
    if (level === undefined) continue;
    const message = (JSON.parse(line) as { message: string }).message
      .replace(/\b[0-9a-f]*:[0-9a-f:]+(\/\d+)?|\b\d[\d.:/T-]*Z?/g, '#')
      .slice(0, 160);
    const key = `${level} ${message}`;
    found.set(key, { level, message, count: (found.get(key)?.count ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

const logText = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
