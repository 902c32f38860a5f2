// A daemon under test as the kernel sees it: CPU time of all its threads and processes, and its memory, from /proc.

import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The clock that a deadline is measured by; polls are this far apart. */
const POLL_MS = 5;

export interface Memory {
  /** VmHWM of all processes: the most that was resident at once, in MB (10^6 octets). */
  readonly peakMb: number;
  readonly residentMb: number;
  /** Private_Clean and Private_Dirty: what would be free if it ended. */
  readonly privateMb: number;
}

export class BenchProcess {
  private readonly child: ChildProcess;
  /** Undefined while it runs. */
  exit: string | undefined;

  /** @param cpu  the core that it may use; undefined is any. */
  constructor(
    readonly argv: readonly string[],
    readonly log: string,
    cpu: number | undefined,
    env: Readonly<Record<string, string>> = {},
  ) {
    const [program, ...args] = cpu === undefined ? argv : ['taskset', '-c', `${cpu}`, ...argv];
    const out = openSync(log, 'a');
    this.child = spawn(program!, args, { stdio: ['ignore', out, out], env: { ...process.env, ...env } });
    this.child.on('exit', (code, signal) => (this.exit = signal ?? `exit code ${code}`));
    this.child.on('error', (error) => (this.exit = error.message));
    running.add(this);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Its last words, for a message. */
  logTail = (): string => readFileSync(this.log, 'utf8').split('\n').slice(-15).join('\n');

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** SIGTERM, then SIGKILL; returns when it is gone. */
  async stop(): Promise<void> {
    running.delete(this);
    if (this.exit !== undefined) return;
    const all = this.tree();
    this.child.kill('SIGTERM');
    const gone = until(() => this.exit !== undefined, 'the daemon ends', 5000).catch(() => {
      for (const pid of all) kill(pid);
    });
    await gone;
  }

  killNow(): void {
    for (const pid of this.tree()) kill(pid);
  }

  /** Nanoseconds of CPU that all threads of all its processes have used. */
  cpuNs(): number {
    let sum = 0;
    for (const pid of this.tree()) {
      for (const task of list(`/proc/${pid}/task`)) {
        const text = read(`/proc/${pid}/task/${task}/schedstat`);
        sum += Number(text.split(' ')[0] || 0);
      }
    }
    return sum;
  }

  memory(): Memory {
    let [peak, resident, own] = [0, 0, 0];
    for (const pid of this.tree()) {
      const status = read(`/proc/${pid}/status`);
      peak += kilobytes(status, 'VmHWM');
      resident += kilobytes(status, 'VmRSS');
      const rollup = read(`/proc/${pid}/smaps_rollup`);
      own += kilobytes(rollup, 'Private_Clean') + kilobytes(rollup, 'Private_Dirty');
    }
    const mb = (kb: number) => (kb * 1024) / 1e6;
    return { peakMb: mb(peak), residentMb: mb(resident), privateMb: mb(own) };
  }

  /** Peak counts from now on. */
  resetPeak(): void {
    for (const pid of this.tree()) {
      try {
        writeFileSync(`/proc/${pid}/clear_refs`, '5');
      } catch {
        // gone meanwhile
      }
    }
  }

  /** Itself and what it started: OpenBGPD is three processes. */
  private tree(): number[] {
    const all = [this.pid];
    for (let i = 0; i < all.length; i++)
      for (const task of list(`/proc/${all[i]}/task`))
        all.push(
          ...read(`/proc/${all[i]}/task/${task}/children`).trim().split(' ').filter(Boolean).map(Number),
        );
    return all;
  }
}

const running = new Set<BenchProcess>();
// However the bench ends, no daemon outlives it.
process.on('exit', () => {
  for (const each of running) each.killNow();
});

/** Polls. @throws when it is not so in time. */
export async function until(
  probe: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs: number,
  pollMs = POLL_MS,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const kilobytes = (text: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
