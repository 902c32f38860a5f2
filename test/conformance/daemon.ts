// The built daemon with a file as its datastore and no kernel: started, asked, told other resources, and ended.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = join(__dirname, '../../dist/mesos-bgp.js');
const START_MS = 20_000;

export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: object;
}

/** What `/v1/routes` says of a route, as far as the checks look. */
export interface Route {
  readonly prefix: string;
  readonly source: string;
  readonly best: boolean;
  readonly stale: boolean;
}

export const resource = (
  kind: string,
  name: string,
  spec: object,
  annotations: Readonly<Record<string, string>> = {},
): Resource => ({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, annotations }, spec });

/** A port that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export class ProbedDaemon {
  private readonly folder: string;
  private process: ChildProcess | undefined;
  private log = '';

  constructor(private resources: readonly Resource[]) {
    if (!existsSync(PROGRAM)) throw new Error('dist/mesos-bgp.js is not built: npm run build');
    this.folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-conformance-'));
  }

  /** Returns when it has read its resources and listens. */
  async start(): Promise<void> {
    this.write(this.resources);
    const flags = ['--node', 'ours', '--datastore', `file:${this.file}`, '--kernel', 'none', '--http', 'off'];
    const child = spawn(
      process.execPath,
      [PROGRAM, 'run', ...flags, '--control', this.socket, '--state-dir', this.folder],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.process = child;
    child.stderr.on('data', (text: Buffer) => {
      this.log = (this.log + text).slice(-20_000);
    });
    await this.eventually(
      'the daemon to listen',
      async () => this.log.includes('listening for BGP'),
      START_MS,
    );
  }

  /** GET on the control socket. */
  ask<T>(path: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const request = get({ socketPath: this.socket, path }, (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part));
        response.on('end', () => {
          try {
            resolve(JSON.parse(text) as T);
          } catch (error) {
            reject(error);
          }
        });
      });
      request.on('error', reject);
    });
  }

  /** The routes that the daemon has of a prefix, the best first. */
  async routes(prefix: string): Promise<readonly Route[]> {
    const answer = await this.ask<{ routes: readonly Route[] }>(
      `/v1/routes?prefix=${encodeURIComponent(prefix)}`,
    );
    return answer.routes;
  }

  /** Until the daemon has a route. */
  knows = (prefix: string): Promise<void> =>
    this.eventually(`a route to ${prefix}`, async () => (await this.routes(prefix)).length > 0);

  /** Until it has none. */
  forgets = (prefix: string): Promise<void> =>
    this.eventually(`no route to ${prefix}`, async () => (await this.routes(prefix)).length === 0);

  /** Another command of the program. @returns its exit code and what it printed. */
  command(...argv: readonly string[]): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      const all = [PROGRAM, ...argv, '--control', this.socket];
      const child = execFile(process.execPath, all, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (child.exitCode ?? -1), output: stdout + stderr }),
      );
    });
  }

  /** New contents of the file, put there whole. */
  change(edit: (resources: readonly Resource[]) => readonly Resource[]): void {
    this.resources = edit(this.resources);
    this.write(this.resources);
  }

  /** Its log has this text, in the last lines of it. */
  said = (text: string): boolean => this.log.includes(text);

  /** What it leaves for its next run has that field. */
  left(field: 'sessionsAt' | 'drainedSince'): boolean {
    const file = join(this.folder, 'state-ours');
    if (!existsSync(file)) return false;
    return (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)[field] !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  /** Ends it, as these signals do, and starts it again with what it left. */
  async again(...signals: readonly NodeJS.Signals[]): Promise<void> {
    const child = this.process;
    if (child === undefined) throw new Error('it was not started');
    const exit = once(child, 'exit');
    for (const [i, signal] of signals.entries()) {
      if (i > 0)
        await this.eventually('the first signal to be heard', async () => this.said('second signal'));
      child.kill(signal);
    }
    await exit;
    this.log = '';
    await this.start();
  }

  /** Ends it, and removes what it left. */
  async stop(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async eventually(what: string, holds: () => Promise<boolean>, deadlineMs = 15_000): Promise<void> {
    const expires = Date.now() + deadlineMs;
    while (!(await holds())) {
      if (Date.now() > expires || this.process?.exitCode !== null)
        throw new Error(`waited for ${what}; the daemon said last:\n${this.log.slice(-3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private get file(): string {
    return join(this.folder, 'cluster.yaml');
  }

  private get socket(): string {
    return join(this.folder, 'control.sock');
  }

  private write(resources: readonly Resource[]): void {
    const next = join(this.folder, 'next');
    writeFileSync(next, resources.map((each) => JSON.stringify(each)).join('\n---\n'));
    renameSync(next, this.file);
  }
}
