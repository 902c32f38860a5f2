// What a process takes, read from outside (/proc) and asked of it (/metrics); one sample at a time, kept by life.

import { readdirSync, readFileSync } from 'node:fs';

export interface Sample {
  /** Since the run began. */
  readonly atSeconds: number;
  /** Resident, and of that what the process has for itself. */
  readonly residentMib: number;
  readonly privateMib: number;
  readonly heapMib: number;
  readonly files: number;
  readonly timers: number;
  /** Sockets, servers and other handles. */
  readonly handles: number;
  readonly cpuSeconds: number;
  readonly loopTurns: number;
  readonly loopActiveSeconds: number;
  /** Of the last minute or two; unknown when we had the process stopped within them. */
  readonly longestTurnMs: number | undefined;
}

/** One process of a daemon, from start to end. */
export interface Life {
  readonly host: string;
  readonly pid: number;
  readonly fromSeconds: number;
  /** Undefined while it runs. */
  toSeconds: number | undefined;
  readonly samples: Sample[];
  /** When it went on after we had stopped it last (SIGSTOP). */
  thawedSeconds: number | undefined;
}

const MIB = 1024 * 1024;
/** What the daemon says of its longest turn is of so long at most. */
const TURNS_SECONDS = 130;

/** Sums of series by name, labels of all values together, as `series` has it: `name` or `name{labels}`. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const found = /^mesosbgp_([a-z_]+)(\{.*\})? (\S+)$/.exec(line);
    if (found) values.set(`${found[1]}${found[2] ?? ''}`, Number(found[3]));
  }
  return values;
}

/** @returns undefined when the process has gone, or does not answer: it may be stopped just now. */
export async function sample(
  { pid, thawedSeconds }: Life,
  metrics: () => Promise<string | undefined>,
  atSeconds: number,
): Promise<Sample | undefined> {
  const text = await metrics();
  if (text === undefined) return undefined;
  const memory = memoryOf(pid);
  const files = filesOf(pid);
  if (memory === undefined || files === undefined) return undefined;
  const values = parseMetrics(text);
  const get = (name: string): number => values.get(name) ?? 0;
  const resources = [...values].filter(([name]) => name.startsWith('process_active_resources{'));
  const timers = get('process_active_resources{type="Timeout"}');
  return {
    atSeconds,
    ...memory,
    files,
    timers,
    handles: resources.reduce((sum, [, value]) => sum + value, 0) - timers,
    heapMib: get('process_heap_used_bytes') / MIB,
    cpuSeconds: get('process_cpu_seconds_total'),
    loopTurns: get('loop_turns_total'),
    loopActiveSeconds: get('loop_seconds_total{state="active"}'),
    longestTurnMs:
      thawedSeconds !== undefined && atSeconds - thawedSeconds < TURNS_SECONDS
        ? undefined
        : get('loop_longest_turn_seconds') * 1000,
  };
}

/** Octets of /proc/<pid>/smaps_rollup are in kB. */
function memoryOf(pid: number): Pick<Sample, 'residentMib' | 'privateMib'> | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
    return {
      residentMib: field('Rss') / 1024,
      privateMib: (field('Private_Clean') + field('Private_Dirty')) / 1024,
    };
  } catch {
    return undefined;
  }
}

function filesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}
