// A node of a lab that stands: programs run and started in it, and its files.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type LabProcess, type SpawnOptions, startProcess } from './background.ts';
import { privateFolder } from './mounts.ts';
import { enter, environment, execInside } from './namespaces.ts';
import { PRIVATE_FOLDERS } from './plan.ts';
import { type ExecResult, isAlive, type RunOptions } from './process.ts';
import type { LabDirectory, LabState, NodeState, ProcessState } from './state.ts';
import { splitWords } from './words.ts';

export class LabNode {
  constructor(
    private readonly directory: LabDirectory,
    private readonly lab: LabState,
    readonly state: NodeState,
  ) {}

  get name(): string {
    return this.state.name;
  }
  /** Container name in containerlab, namespace name here. */
  get longName(): string {
    return this.state.longName;
  }
  get running(): boolean {
    return this.state.kind !== 'linux' || (this.state.holder !== undefined && isAlive(this.state.holder));
  }

  /** Runs a program to its end. @param command  words, or a line that is split as a shell would (but no shell runs it). */
  exec(command: string | readonly string[], options: RunOptions = {}): Promise<ExecResult> {
    if (this.state.kind === 'bridge')
      return Promise.resolve({
        code: 125,
        stdout: '',
        stderr: `${this.name} is a bridge: nothing runs in it`,
      });
    if (typeof command !== 'string') return execInside(this.state, command, options);
    const split = splitWords(command);
    if (!split.ok) return Promise.resolve({ code: 125, stdout: '', stderr: `the command ${split.message}` });
    return execInside(this.state, split.words, options);
  }

  /** Starts a program that runs on. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): LabProcess {
    return startProcess(this.directory, this.lab, this.name, argv, options);
  }

  /** What was started in the node, by whomever, and still runs. */
  processes(): readonly ProcessState[] {
    return this.directory.processes().filter((process) => process.node === this.name && isAlive(process));
  }

  /**
   * Follows the output of a program line by line, as `ip monitor` gives it. Ends with the caller.
   * @returns a function that ends it.
   */
  follow(argv: readonly string[], onLine: (line: string) => void): () => void {
    const [program, ...args] = enter(this.state, argv);
    const child: ChildProcess = spawn(program!, args, {
      env: environment(this.state),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout! }).on('line', onLine);
    return () => void child.kill('SIGKILL');
  }

  /** Where a file in one of the node's private folders is, seen from outside; undefined for any other path. */
  path(inside: string): string | undefined {
    const nodeDirectory = this.directory.nodeDirectory(this.name);
    const own = PRIVATE_FOLDERS.some((folder) => inside === folder || inside.startsWith(`${folder}/`));
    return own ? privateFolder(nodeDirectory, inside) : undefined;
  }

  /** A file or folder of the node's directory outside, where logs are too. */
  file(...parts: readonly string[]): string {
    return join(this.directory.nodeDirectory(this.name), ...parts);
  }
}
