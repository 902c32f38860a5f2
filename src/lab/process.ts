// Running programs: to their end with their output, or in the background with an identity that survives pid reuse.
// Knows nothing of namespaces.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ExecResult {
  /** Exit code; 127 when the program could not be started, 128 + n when signal n ended it, as shells count. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** The program is killed after it; 30 s unless told. */
  readonly timeoutMs?: number;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Runs a program to its end. Never rejects: what goes wrong is in the result. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<ExecResult> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Promise((resolve) => {
    const [program, ...args] = argv;
    const child = spawn(program ?? '', args, { env: options.env ?? process.env, stdio: 'pipe' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {}); // the program may end without reading its input
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, stdout: text(stdout), stderr: `cannot start ${program}: ${error.message}` });
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const why = timedOut ? `\nended: no exit within ${timeoutMs} ms` : '';
      resolve({
        code: code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0),
        stdout: text(stdout),
        stderr: text(stderr) + why,
      });
    });
  });
}

/** A process for certain: a recycled pid has another start time (clock ticks since boot, proc(5) stat field 22). */
export interface ProcessRef {
  readonly pid: number;
  readonly startTicks: string;
}

interface Stat {
  readonly state: string;
  readonly startTicks: string;
}

function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name in field 2 may hold blanks and brackets: count from its last closing one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** @returns undefined when there is no such process any more. */
export function processRef(pid: number): ProcessRef | undefined {
  const found = stat(pid);
  return found && { pid, startTicks: found.startTicks };
}

/** A zombie has ended; only its parent has not asked yet. */
export function isAlive(ref: ProcessRef): boolean {
  const found = stat(ref.pid);
  return found !== undefined && found.startTicks === ref.startTicks && !'ZX'.includes(found.state);
}

/** @returns whether the signal went out; a process that has ended, or whose pid is another's now, gets none. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): boolean {
  if (!isAlive(ref)) return false;
  try {
    return process.kill(ref.pid, signal);
  } catch {
    return false;
  }
}

/** Polls until the condition holds. @returns whether it did before the deadline. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 10,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** SIGTERM first if there is grace, SIGKILL for what is left; returns when all have ended. */
export async function endProcesses(refs: readonly ProcessRef[], graceMs: number): Promise<void> {
  const left = () => refs.filter(isAlive);
  if (graceMs > 0) {
    for (const ref of left()) signalProcess(ref, 'SIGTERM');
    await until(() => left().length === 0, graceMs);
  }
  for (const ref of left()) signalProcess(ref, 'SIGKILL');
  await until(() => left().length === 0, 5_000);
}

/** All processes whose network namespace is one of these (`net:[4026531840]`, as /proc/<pid>/ns/net reads). */
export function processesInNetworks(networks: ReadonlySet<string>): readonly ProcessRef[] {
  const found: ProcessRef[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (!networks.has(readlinkSync(`/proc/${pid}/ns/net`))) continue;
    } catch {
      continue; // ended meanwhile, or not ours to look at
    }
    const ref = processRef(pid);
    if (ref && isAlive(ref)) found.push(ref);
  }
  return found;
}
