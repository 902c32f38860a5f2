// The prober as a fleet and the faults see it: started once, asked for what a window of time looked like.

import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { FlowSpec, Order, Window } from './prober.ts';

const CACHE = resolve('node_modules/.cache/mesos-bgp');

export class Traffic {
  readonly #child: ChildProcess;
  #waiting: { resolve(window: Window | undefined): void; reject(error: Error): void } | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ window }: { window?: Window }) => this.#waiting?.resolve(window));
    child.on('exit', (code) => this.#waiting?.reject(new Error(`the prober ended with exit code ${code}`)));
  }

  /** @returns when packets are sent; whether they arrive is another question. */
  static async start(flows: readonly FlowSpec[]): Promise<Traffic> {
    const program = resolve(CACHE, 'prober.mjs');
    const options = [
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--external:koffi',
      '--log-level=warning',
    ];
    const esbuild = resolve('node_modules/.bin/esbuild');
    const { status, stderr } = spawnSync(
      esbuild,
      ['test/reliability/prober.ts', ...options, `--outfile=${program}`],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`the prober cannot be bundled: ${stderr}`);
    const traffic = new Traffic(fork(program, { execArgv: [] }));
    await traffic.#order({ type: 'flows', flows });
    return traffic;
  }

  begin = async (): Promise<void> => void (await this.#order({ type: 'begin' }));

  /** What happened to the packets that were sent since `begin`. */
  async end(): Promise<Window> {
    const window = await this.#order({ type: 'end' });
    if (window === undefined) throw new Error('the prober has answered without a window');
    return window;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #order(order: Order): Promise<Window | undefined> {
    return new Promise((done, reject) => {
      if (this.#child.exitCode !== null) return reject(new Error('the prober does not run any more'));
      this.#waiting = { resolve: done, reject };
      this.#child.send(order);
    });
  }
}
