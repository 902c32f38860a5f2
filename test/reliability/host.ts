// One host of the fleet: its daemon, its kernel's routes, its cable.

import { writeFileSync } from 'node:fs';
import type { PeersAnswer, StatusAnswer } from '../../src/control/schema.ts';
import { Daemon } from '../../src/lab/demo/daemon.ts';
import type { Lab, LabLink, LabNode } from '../../src/lab/lab.ts';
import type { Place } from './topology.ts';

const SECRETS = '/run/secrets';

export class Host {
  readonly node: LabNode;
  readonly #daemon: Daemon;
  /** As other builds are upgraded to: the one that the next start takes. */
  program: string;

  constructor(
    private readonly lab: Lab,
    readonly place: Place,
    private readonly endpoints: readonly string[],
    program: string,
  ) {
    this.node = lab.node(place.name);
    this.#daemon = new Daemon(this.node, program);
    this.program = program;
  }

  get name(): string {
    return this.place.name;
  }
  get running(): boolean {
    return this.#daemon.running;
  }
  get pid(): number {
    return this.#daemon.process?.pid ?? -1;
  }

  start(): void {
    const daemon = this.#daemon;
    const argv = ['run', '--log-level', 'info', '--secrets-dir', SECRETS, '--http', 'off'];
    daemon.process = this.node.spawn([process.execPath, this.program, ...argv], {
      name: 'mesos-bgp',
      env: { NODENAME: this.name, ETCD_ENDPOINTS: this.endpoints.join(',') },
    });
  }

  /** @returns when it has ended. @throws when it has not after 20 s. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal);
    await this.ended();
  }

  /** Withdraws, says Cease and takes its routes along: SIGTERM twice. */
  async leave(): Promise<void> {
    this.signal('SIGTERM');
    // Two signals that are under way together are one: the second goes out when the first has been heard.
    const heard = () => /a second signal until then/.test(this.logTail());
    await polled(heard, `${this.name} has heard SIGTERM`, 10_000);
    this.signal('SIGTERM');
    await this.ended();
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#daemon.process?.kill(signal))
      throw new Error(`${this.name}: no daemon runs there to get ${signal}`);
  }

  status = (): Promise<StatusAnswer | undefined> => this.#daemon.status();
  peers = (): Promise<PeersAnswer['peers'] | undefined> => this.#daemon.peers();
  logTail = (lines = 10): string => this.#daemon.logTail(lines);

  /** @throws with what the program says, when it does not end well. */
  async run(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.node.exec(argv);
    if (code !== 0) throw new Error(`${this.name}: ${argv.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Destinations of BGP's routes in the kernel, of one family. */
  async routes(family: 4 | 6): Promise<ReadonlyMap<string, { readonly linkdown: boolean }>> {
    const text = await this.run('ip', `-${family}`, '-json', 'route', 'show', 'proto', 'bgp');
    const routes = JSON.parse(text.trim() || '[]') as { dst: string; flags?: readonly string[] }[];
    return new Map(routes.map(({ dst, flags = [] }) => [dst, { linkdown: flags.includes('linkdown') }]));
  }

  /** Its cable to the segment, by the end that is not here: unplugged, the interface loses its carrier and keeps its addresses. */
  get cable(): LabLink {
    return this.lab.link('segment', `s${this.place.number}`);
  }

  /** Writes a file for programs of the host. @returns its path there. */
  file(name: string, text: string): string {
    const inside = `/run/${name}`;
    writeFileSync(this.node.path(inside)!, text);
    return inside;
  }

  /** Where a file of its folder of passwords is, seen from here. */
  secret(name: string, key: string): string {
    const path = this.node.path(`${SECRETS}/${name}/${key}`);
    if (path === undefined) throw new Error(`${SECRETS} is not private to ${this.name}`);
    return path;
  }

  private async ended(): Promise<void> {
    const exit = await this.#daemon.process?.waitForExit(20_000);
    if (exit === undefined) throw new Error(`${this.name}: the daemon has not ended:\n${this.logTail()}`);
  }
}

/** Polls. @param holds  may throw nothing. @throws at the deadline, naming what was waited for and what was seen last. */
export async function polled(
  holds: () => boolean | string | Promise<boolean | string>,
  what: string,
  deadlineMs: number,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const seen = await holds();
    if (seen === true) return;
    if (performance.now() > end)
      throw new Error(`not within ${deadlineMs} ms: ${what}${typeof seen === 'string' ? `; ${seen}` : ''}`);
    await pause(25);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
