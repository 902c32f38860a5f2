// Results as a table of medians with ratios, and as JSON with versions and the machine.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Result } from './scenarios/scenario.ts';

/** All runs of one variant against one daemon. */
export interface Row {
  readonly scenario: string;
  readonly variant: string;
  readonly title: string;
  readonly daemon: string;
  readonly part: string;
  readonly runs: readonly Result[];
  /** Why there are none. */
  readonly problem?: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
}

export function machine(): Machine {
  return {
    cpu:
      /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ??
      cpus()[0]?.model ??
      'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export interface Figures {
  readonly cpu: number;
  readonly wall: number;
  readonly peakMb: number;
  readonly privateMb: number;
  readonly longestTurnMs: number | undefined;
  readonly generator: number;
  readonly more: Readonly<Record<string, number>>;
}

export function figures({ runs }: Row): Figures {
  const of = (pick: (run: Result) => number) => median(runs.map(pick));
  const names = new Set(runs.flatMap(({ more }) => Object.keys(more ?? {})));
  const turns = runs.flatMap(({ longestTurnMs }) => longestTurnMs ?? []);
  return {
    cpu: of((run) => run.cpuSeconds),
    wall: of((run) => run.wallSeconds),
    peakMb: of((run) => run.peakMb),
    privateMb: of((run) => run.privateMb),
    longestTurnMs: turns.length > 0 ? Math.max(...turns) : undefined,
    generator: of((run) => run.generatorSeconds),
    more: Object.fromEntries([...names].map((name) => [name, of(({ more }) => more?.[name] ?? Number.NaN)])),
  };
}

/** Markdown, with ours first; a ratio is ours divided by theirs, so below 1 is better than that peer. */
export function table(rows: readonly Row[], own: string): string {
  const lines: string[] = [];
  const groups = grouped(rows);
  for (const [title, group] of groups) {
    const base = group.find(({ daemon, runs }) => daemon === own && runs.length > 0);
    const ours = base && figures(base);
    const cells: string[][] = [
      ['', 'CPU s', 'ours ÷', 'wall s', 'ours ÷', 'peak MB', 'ours ÷', 'private MB', 'longest turn ms', ''],
    ];
    for (const row of group) {
      if (row.problem !== undefined) {
        cells.push([row.daemon, ...Array<string>(8).fill(''), row.problem]);
        continue;
      }
      const f = figures(row);
      const ratio = (mine: number | undefined, theirs: number) =>
        row.daemon === own || mine === undefined ? '' : (mine / theirs).toFixed(2);
      const more = Object.entries(f.more).map(([name, value]) => `${name} ${seconds(value)}`);
      const generatorBound =
        f.generator > 0.9 * f.wall && f.wall > 0.05 ? [`generator busy ${seconds(f.generator)} s`] : [];
      cells.push([
        row.daemon,
        seconds(f.cpu),
        ratio(ours?.cpu, f.cpu),
        seconds(f.wall),
        ratio(ours?.wall, f.wall),
        f.peakMb.toFixed(0),
        ratio(ours?.peakMb, f.peakMb),
        f.privateMb.toFixed(0),
        f.longestTurnMs?.toFixed(0) ?? '',
        [...more, ...generatorBound].join(', '),
      ]);
    }
    lines.push(
      `**${title}** (median of ${Math.max(...group.map(({ runs }) => runs.length))})`,
      '',
      ...aligned(cells),
      '',
    );
  }
  return lines.join('\n');
}

const seconds = (value: number): string =>
  value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value.toFixed(4);

function grouped(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.variant}${row.part === '' ? '' : `, ${row.part}`}: ${row.title}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}

function aligned(cells: readonly string[][]): string[] {
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  const [head, ...body] = cells;
  return [
    line(head!),
    `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`,
    ...body.map(line),
  ];
}

/** A line a variant: CPU seconds / wall seconds / peak MB of each daemon, and ours divided by each of theirs. */
export function summary(rows: readonly Row[], own: string): string {
  const daemons = [...new Set(rows.map(({ daemon }) => daemon))];
  const peers = daemons.filter((daemon) => daemon !== own);
  const lines = [['', own, 'longest turn', ...peers]];
  for (const group of grouped(rows).values()) {
    const of = (daemon: string) => {
      const row = group.find((each) => each.daemon === daemon && each.runs.length > 0);
      return row && figures(row);
    };
    const ours = of(own);
    const cell = (daemon: string): string => {
      const theirs = of(daemon);
      if (theirs === undefined) return '';
      const ratios =
        ours && daemon !== own
          ? ` (${ratioOf(ours.cpu, theirs.cpu)}, ${ratioOf(ours.wall, theirs.wall)}, ${ratioOf(ours.peakMb, theirs.peakMb)})`
          : '';
      const more = Object.entries(theirs.more).map(([name, value]) => `; ${name} ${seconds(value)}`);
      return `${seconds(theirs.cpu)} / ${seconds(theirs.wall)} / ${theirs.peakMb.toFixed(0)}${ratios}${more.join('')}`;
    };
    const turn = ours?.longestTurnMs === undefined ? '' : `${ours.longestTurnMs.toFixed(0)} ms`;
    const { variant, part } = group[0]!;
    if (ours === undefined && peers.every((daemon) => cell(daemon) === '')) continue;
    lines.push([part === '' ? variant : `${variant}, ${part}`, cell(own), turn, ...peers.map(cell)]);
  }
  return aligned(lines).join('\n');
}

const ratioOf = (mine: number, theirs: number): string => (mine / theirs).toFixed(2);
