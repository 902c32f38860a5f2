// The built daemon in a lab's node, as tests start, ask and end it. Built by `npm test`; here it must be there.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  KernelAnswer,
  PeerAnswer,
  PeersAnswer,
  ReadyAnswer,
  ResolveAnswer,
  RoutesAnswer,
  StatusAnswer,
} from '../../src/control/schema.ts';
import type { LabProcess } from '../../src/lab/background.ts';
import { Daemon } from '../../src/lab/demo/daemon.ts';
import type { Lab, LabNode } from '../../src/lab/lab.ts';
import { until } from './etcd.ts';

export const PROGRAM = join(__dirname, '../../dist/mesos-bgp.js');

/** One daemon in one node; it ends with the lab. */
export class TestDaemon {
  private constructor(
    private readonly daemon: Daemon,
    readonly process: LabProcess,
  ) {}

  static start(
    lab: Lab,
    name: string,
    env: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ): TestDaemon {
    if (!existsSync(PROGRAM)) throw new Error('dist/mesos-bgp.js is not built: npm run build');
    const daemon = new Daemon(lab.node(name), PROGRAM);
    return new TestDaemon(
      daemon,
      daemon.start(['--log-level', 'debug', ...flags], { NODENAME: name, ...env }),
    );
  }

  get node(): LabNode {
    return this.daemon.host;
  }

  status = (): Promise<StatusAnswer> => this.get<StatusAnswer>('/v1/status');
  peers = async (): Promise<readonly PeerAnswer[]> => (await this.get<PeersAnswer>('/v1/peers')).peers;
  routes = async (query = ''): Promise<RoutesAnswer['routes']> =>
    (await this.get<RoutesAnswer>(`/v1/routes${query}`)).routes;
  kernel = (): Promise<KernelAnswer> => this.get<KernelAnswer>('/v1/kernel');
  resolve = (): Promise<ResolveAnswer> => this.get<ResolveAnswer>('/v1/resolve');
  ready = (): Promise<ReadyAnswer> => this.get<ReadyAnswer>('/readyz');

  /** The value of a metric without labels, or of one series: `mesosbgp_sessions{type="mesh",state="Idle"}`. */
  async metric(series: string): Promise<number> {
    const line = (await this.daemon.text('/metrics'))
      ?.split('\n')
      .find((each) => each.startsWith(`${series} `));
    return Number(line?.split(' ').at(-1) ?? Number.NaN);
  }

  /** Another command of the program, in the same node. @returns what it says. */
  command = (...argv: readonly string[]): Promise<string> => this.daemon.command(...argv);

  /** Sessions that are up, by address. */
  async established(): Promise<string[]> {
    return (await this.peers())
      .filter(({ state }) => state === 'Established')
      .map(({ address }) => address)
      .sort();
  }

  async untilEstablished(count: number, deadlineMs = 40_000): Promise<void> {
    let up: string[] = [];
    try {
      const reached = async () => (up = await this.established().catch(() => [])).length === count;
      await until(reached, `${this.node.name} has ${count} sessions`, deadlineMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}; up: ${up.join(' ')}\n${this.logTail()}`);
    }
  }

  log(): string {
    return existsSync(this.process.log) ? readFileSync(this.process.log, 'utf8') : '';
  }

  /** Log lines, parsed. */
  logLines(): { level: string; message: string; [field: string]: unknown }[] {
    return this.log()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  logTail(): string {
    return this.log().split('\n').slice(-15).join('\n');
  }

  /** @throws when it still runs after `deadlineMs`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', deadlineMs = 10_000): Promise<number | null> {
    this.process.kill(signal);
    const exit = await this.process.waitForExit(deadlineMs);
    if (exit === undefined)
      throw new Error(`${this.node.name}: the daemon did not end on ${signal}\n${this.logTail()}`);
    return exit.code;
  }

  private async get<T>(path: string): Promise<T> {
    const answer = await this.daemon.ask<T>(path);
    if (answer === undefined) throw new Error(`${this.node.name}: no answer to ${path}`);
    return answer;
  }
}

/** What `ip route` knows of routes of ours: destination → "via 10.0.0.2 dev eth1" or "blackhole". */
export async function kernelRoutes(node: LabNode, family: 4 | 6): Promise<Record<string, string>> {
  const { stdout, stderr, code } = await node.exec([
    'ip',
    `-${family}`,
    '-json',
    'route',
    'show',
    'proto',
    'bgp',
  ]);
  if (code !== 0) throw new Error(`ip route in ${node.name}: ${stderr}`);
  const routes = JSON.parse(stdout || '[]') as {
    dst: string;
    type?: string;
    gateway?: string;
    dev?: string;
    metric?: number;
  }[];
  return Object.fromEntries(
    routes.map(({ dst, type, gateway, dev }) => [
      dst,
      type === 'blackhole' ? 'blackhole' : `via ${gateway} dev ${dev}`,
    ]),
  );
}
