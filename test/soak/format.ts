// What a soak run says: a line a minute, and a table with the verdict at the end.

import { formatTable } from '../../src/lab/table.ts';
import type { Churn } from './churn.ts';
import type { SoakCluster } from './cluster.ts';
import type { Faults } from './faults.ts';
import { middle } from './leak.ts';
import type { Sample } from './measure.ts';
import {
  type Checkpoint,
  type LifeResult,
  leaksOf,
  type Measured,
  minutes,
  type SoakResult,
} from './report.ts';

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
      'errors',
      'verdict',
    ],
    hosts.map((host) =>
      row(
        result.lives.filter((life) => life.host === host),
        result.errors[host] ?? 0,
      ),
    ),
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
    inTotal(result.lives),
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
function row(lives: readonly LifeResult[], errors: number): readonly string[] {
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
    String(errors),
    grows ? 'LEAKS' : judged > 0 ? 'steady' : 'too short to say',
  ];
}

/** Of all processes, from start to end. */
function inTotal(lives: readonly LifeResult[]): string {
  const last = lives.flatMap(({ samples }) => samples.at(-1) ?? []);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const hours = sum(lives.map(({ fromSeconds, toSeconds }) => toSeconds - fromSeconds)) / 3600;
  const turns = sum(last.map(({ loopTurns }) => loopTurns));
  const cpu = sum(last.map(({ cpuSeconds }) => cpuSeconds));
  const highest = Math.max(
    0,
    ...lives.flatMap(({ samples }) => samples.map(({ residentMib }) => residentMib)),
  );
  return (
    `in total: ${lives.length} processes lived ${hours.toFixed(1)} h, ${cpu.toFixed(0)} s of CPU, ` +
    `${(turns / 1e6).toFixed(2)} million turns; none had more than ${highest.toFixed(0)} MiB`
  );
}
