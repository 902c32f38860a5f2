// One host's daemon, as the demo and tests see it: a process in the host's node, asked over its control socket, which
// the file system shows outside the node.

import { request } from 'node:http';
import type { PeersAnswer, ReadyAnswer, StatusAnswer } from '../../control/schema.ts';
import type { LabProcess } from '../background.ts';
import type { LabNode } from '../lab.ts';

const CONTROL = '/run/mesos-bgp/control.sock';

export class Daemon {
  /** The one started last. */
  process: LabProcess | undefined;

  /**
   * @param program  path of dist/mesos-bgp.js.
   * @param log  absolute path outside; with the node's other logs unless told.
   */
  constructor(
    readonly host: LabNode,
    private readonly program: string,
    private readonly log?: string,
  ) {}

  start(flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}): LabProcess {
    this.process = this.host.spawn([process.execPath, this.program, 'run', ...flags], {
      name: 'mesos-bgp',
      env,
      ...(this.log === undefined ? {} : { stdout: this.log, stderr: this.log }),
    });
    return this.process;
  }

  get running(): boolean {
    return this.process?.running ?? false;
  }

  /** As when the power goes: no word to anybody. */
  async kill(): Promise<void> {
    await this.process?.stop(0);
  }

  /** Runs another command of the program in the host, for its output. */
  async command(...argv: readonly string[]): Promise<string> {
    const result = await this.host.exec([process.execPath, this.program, ...argv]);
    return result.stdout + result.stderr;
  }

  logTail(lines: number): string {
    return this.process?.tail(lines) ?? '';
  }

  /** Resident memory in MiB. */
  async memoryMebibytes(): Promise<number> {
    const { stdout } = await this.host.exec(['cat', `/proc/${this.process?.pid}/status`]);
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(stdout)?.[1] ?? Number.NaN) / 1024;
  }

  /** The three answer undefined while nothing answers. */
  ready(): Promise<ReadyAnswer | undefined> {
    return this.ask('/readyz');
  }
  status(): Promise<StatusAnswer | undefined> {
    return this.ask('/v1/status');
  }
  async peers(): Promise<PeersAnswer['peers'] | undefined> {
    return (await this.ask<PeersAnswer>('/v1/peers'))?.peers;
  }

  /** What the control socket answers, undefined when nothing does. */
  async ask<T>(path: string): Promise<T | undefined> {
    const text = await this.text(path);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as T);
    } catch {
      return undefined;
    }
  }

  /** The same as it comes, for what is no JSON, such as /metrics. */
  text(path: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const call = request({ socketPath: this.host.path(CONTROL)!, path, timeout: 2_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(undefined));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      });
      call.on('timeout', () => call.destroy());
      call.on('error', () => resolve(undefined));
      call.end();
    });
  }
}
