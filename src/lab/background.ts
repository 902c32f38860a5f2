// Processes that run on in a node: started, watched, ended, and recorded so that another process can end them too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnInside } from './namespaces.ts';
import { endProcesses, type ProcessRef, processRef, signalProcess, until } from './process.ts';
import type { LabDirectory, LabState } from './state.ts';
import { joinWords } from './words.ts';

export interface Exit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  /** For people and for the log's file name; the program's name unless told. */
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute paths outside; unless told both go to `<lab directory>/<node>/log/<name>.log`. */
  readonly stdout?: string;
  readonly stderr?: string;
}

/** A process of a node that this program started. It runs on when this program ends, until the lab is destroyed. */
export class LabProcess {
  /** Once it has ended. */
  result: Exit | undefined;
  /** Why it could not be started at all. */
  failure: string | undefined;
  /** Settles when it has ended; never rejects. */
  readonly exited: Promise<Exit>;
  private settle!: (exit: Exit) => void;

  constructor(
    readonly node: string,
    readonly name: string,
    readonly argv: readonly string[],
    /** Where its stderr goes, as a path outside. */
    readonly log: string,
    readonly ref: ProcessRef | undefined,
  ) {
    this.exited = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  get pid(): number {
    return this.ref?.pid ?? -1;
  }
  get running(): boolean {
    return this.result === undefined;
  }

  /** @returns false when it has ended already. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return this.ref !== undefined && this.running && signalProcess(this.ref, signal);
  }

  /** @returns how it ended, or undefined when it still runs at the deadline. */
  async waitForExit(timeoutMs: number): Promise<Exit | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs);
    });
    const exit = await Promise.race([this.exited, deadline]);
    clearTimeout(timer);
    return exit;
  }

  /** SIGTERM, and SIGKILL after the grace. */
  async stop(graceMs = 5_000): Promise<Exit> {
    if (this.ref && this.running) await endProcesses([this.ref], graceMs);
    // Our child is unref'd: only a timer keeps this program alive until the kernel has told of its end.
    await until(() => !this.running, 5_000);
    return this.exited;
  }

  /** The last lines of its log. */
  tail(lines = 20): string {
    try {
      return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }

  /** For startProcess alone. */
  ended(exit: Exit, failure?: string): void {
    if (this.result !== undefined) return;
    this.failure = failure;
    this.result = exit;
    this.settle(exit);
  }
}

/** Starts a program in a node and records it. That it cannot be started shows in `failure`, at once or soon after. */
export function startProcess(
  directory: LabDirectory,
  state: LabState,
  nodeName: string,
  argv: readonly string[],
  options: SpawnOptions = {},
): LabProcess {
  const node = state.nodes.find((candidate) => candidate.name === nodeName);
  if (!node) throw new Error(`lab ${state.name} has no node ${nodeName}`);
  const name = options.name ?? (argv[0] ?? '').split('/').at(-1)!;
  const log = join(directory.nodeDirectory(nodeName), 'log', `${name}.log`);
  const files = { stdout: options.stdout ?? log, stderr: options.stderr ?? log };
  const child = spawnInside(node, argv, { ...(options.env ? { env: options.env } : {}), ...files });
  const ref = child.pid === undefined ? undefined : processRef(child.pid);
  const started = new LabProcess(nodeName, name, argv, files.stderr, ref);
  child.on('exit', (code, signal) => started.ended({ code, signal }));
  child.on('error', (error) => started.ended({ code: 127, signal: null }, error.message));
  if (ref) directory.addProcess({ ...ref, node: nodeName, name, argv, log: files.stderr });
  else started.failure = `cannot start \`${joinWords(argv)}\``;
  return started;
}
