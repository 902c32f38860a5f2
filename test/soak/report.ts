// What a soak run says: a line a minute, a table at the end, and all of it as data. Its verdict is here, too.

import { existsSync, readFileSync } from 'node:fs';
import { formatTable } from '../../src/lab/table.ts';
import type { Churn } from './churn.ts';
import type { SoakCluster } from './cluster.ts';
import type { Faults } from './faults.ts';
import { type Limit, middle, type Trend, trend } from './leak.ts';
import type { Life, Sample } from './measure.ts';

export interface Checkpoint {
  readonly atSeconds: number;
  /** Until nothing differed, or until it was given up. */
  readonly seconds: number;
  readonly differences: readonly string[];
}

/** What may leak, and how much growth is too much: about what an hour of one object a second would take. */
export const LIMITS = {
  residentMib: { growth: 6, share: 0.06, warmUpSeconds: 600 },
  privateMib: { growth: 4, share: 0.08, warmUpSeconds: 600 },
  heapMib: { growth: 2, share: 0.15, warmUpSeconds: 600 },
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
    log: cluster.hosts.reduce<readonly LogCount[]>(
      (counts, host) =>
        addLog(counts, existsSync(cluster.logOf(host)) ? readFileSync(cluster.logOf(host), 'utf8') : ''),
      [],
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

const leaksOf = ({ host, pid, fromSeconds, toSeconds, trends }: LifeResult): readonly string[] =>
  MEASURED.filter((measured) => trends[measured].verdict === 'grows').map(
    (measured) =>
      `${host} (pid ${pid}, ${minutes(toSeconds - fromSeconds)} min): ${measured} grows by ${trends[measured].perHour.toFixed(1)} an hour ` +
      `(${trends[measured].growth.toFixed(1)} seen, tau ${trends[measured].tau.toFixed(2)})`,
  );

const minutes = (seconds: number): string => (seconds / 60).toFixed(1);

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

const range = (values: readonly number[], digits = 0): string =>
  values.length === 0 ? '?' : `${Math.min(...values).toFixed(digits)}-${Math.max(...values).toFixed(digits)}`;

export function liveLine(
  cluster: SoakCluster,
  churn: Churn,
  faults: Faults,
  checkpoints: readonly Checkpoint[],
): string {
  const now = cluster.hosts.flatMap((host) => cluster.life(host)?.samples.at(-1) ?? []);
  const of = (measured: keyof Sample): string => range(now.flatMap((each) => each[measured] ?? []));
  const drifted = checkpoints.filter(({ differences }) => differences.length > 0).length;
  const slowest = Math.max(0, ...checkpoints.map(({ seconds }) => seconds));
  return [
    `${minutes(cluster.seconds).padStart(5)} min`,
    `${churn.count} changes, ${faults.count} faults`,
    `${checkpoints.length} checks${drifted > 0 ? `, ${drifted} with DRIFT` : ''} (slowest ${slowest.toFixed(1)} s)`,
    `RSS ${of('residentMib')} MiB, private ${of('privateMib')}, fds ${of('files')}, timers ${of('timers')}, turn ${of('longestTurnMs')} ms`,
    ...(cluster.failures.length > 0 ? [`${cluster.failures.length} FAILURES`] : []),
  ].join(' · ');
}

/** The table at the end, a row a host, and the verdict. */
export function formatResult(result: SoakResult): string {
  const hosts = [...new Set(result.lives.map(({ host }) => host))];
  const table = formatTable(
    [
      'host',
      'lives',
      'longest',
      'RSS MiB',
      'private',
      'private/h',
      'heap/h',
      'fds',
      'timers',
      'handles',
      'CPU %',
      'turn ms',
      'verdict',
    ],
    hosts.map((host) => row(result.lives.filter((life) => life.host === host))),
  );
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const took = result.checkpoints.map(({ seconds }) => seconds);
  const drifted = result.checkpoints.filter(({ differences }) => differences.length > 0);
  return [
    table,
    `changes: ${counts(result.changes)}`,
    `faults: ${counts(result.faults)}`,
    `checks: ${took.length}, settled after ${middle(took).toFixed(1)} s (median), ${Math.max(0, ...took).toFixed(1)} s (longest); ${drifted.length} with drift`,
    ...result.log.slice(0, 8).map(({ level, message, count }) => `log: ${count} × ${level}: ${message}`),
    ...drifted.map(
      ({ atSeconds, differences }) =>
        `DRIFT at ${minutes(atSeconds)} min: ${differences[0]} (${differences.length} in all)`,
    ),
    ...result.failures.map((failure) => `FAILED: ${failure}`),
    ...result.leaks.map((leak) => `LEAK: ${leak}`),
    `${verdict(result)} after ${minutes(result.seconds)} min with seed ${result.seed}: ${drifted.length} drifts, ${result.leaks.length} leaks, ${result.failures.length} failures`,
    '',
  ].join('\n');
}

const verdict = ({ ok, interrupted }: SoakResult): string =>
  interrupted ? 'INTERRUPTED' : ok ? 'ok' : 'FAILED';

/** Figures of the longest life, where its last sample is what counts; ranges are over all lives. */
function row(lives: readonly LifeResult[]): readonly string[] {
  const longest = [...lives].sort((a, b) => b.toSeconds - b.fromSeconds - (a.toSeconds - a.fromSeconds))[0]!;
  const all = lives.flatMap(({ samples }) => samples);
  const of = (measured: keyof Sample, digits = 0): string =>
    range(
      all.flatMap((each) => each[measured] ?? []),
      digits,
    );
  const last = longest.samples.at(-1);
  const perHour = (measured: Measured): string => {
    const { verdict, perHour } = longest.trends[measured];
    return verdict === 'too short' ? '' : perHour.toFixed(1);
  };
  const grows = lives.some((life) => leaksOf(life).length > 0);
  const judged = lives.filter(({ trends }) => trends.privateMib.verdict !== 'too short').length;
  return [
    longest.host,
    String(lives.length),
    `${minutes(longest.toSeconds - longest.fromSeconds)} min`,
    of('residentMib'),
    of('privateMib'),
    perHour('privateMib'),
    perHour('heapMib'),
    of('files'),
    of('timers'),
    of('handles'),
    last === undefined ? '' : ((100 * last.cpuSeconds) / (last.atSeconds - longest.fromSeconds)).toFixed(1),
    Math.max(0, ...all.flatMap(({ longestTurnMs }) => longestTurnMs ?? [])).toFixed(0),
    grows ? 'LEAKS' : judged > 0 ? 'steady' : 'too short to say',
  ];
}
