// One daemon with its far ends: started, connected, measured, ended. A scenario is written in these words.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from 'bgp-utils';
import { BenchClient } from './client.ts';
import type { DaemonKind, DaemonSpec } from './daemons/daemon.ts';
import { type BenchProcess, type Memory, until } from './process.ts';
import { type Expectation, ReceivedTable } from './table.ts';

/** Of one measured stretch. */
export interface Measured {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** Of the load generator in the same time: near the wall time, it is what was measured. */
  readonly generatorSeconds: number;
  /** Our daemon's longest turn of the event loop; undefined for the others. */
  readonly longestTurnMs: number | undefined;
}

export interface Setup {
  readonly family: Family;
  /** AS number of each far end. */
  readonly asNumbers: readonly number[];
  readonly reflector?: boolean;
  readonly kernel?: boolean;
  readonly holdSeconds?: number;
}

export interface TrialOptions {
  readonly kind: DaemonKind;
  readonly cpu: number | undefined;
  /** A script for Node that measures turns; undefined measures none. */
  readonly probe: string | undefined;
  readonly profile: string | undefined;
  /** The longest that any stretch may take. */
  readonly limitSeconds: number;
}

export const DAEMON_AS = 65_000;
/** Each daemon gets the next one: what the one before has left in TIME_WAIT is in nobody's way. */
let nextPort = 1790;
/** Connections that come up at the same time, as fast as daemons answer. */
const AT_ONCE = 32;

export const daemonAddress = (family: Family): string => (family === 'ipv4' ? '10.0.0.1' : 'fd00::1');

export const clientAddress = (family: Family, at: number): string =>
  family === 'ipv4' ? `10.1.${at >> 8}.${at & 255}` : `fd00::1:${(at + 1).toString(16)}`;

/** Octets of a far end's address, for a next hop. */
export function clientOctets(family: Family, at: number): Uint8Array {
  if (family === 'ipv4') return Uint8Array.of(10, 1, at >> 8, at & 255);
  const octets = new Uint8Array(16);
  octets.set([0xfd, 0], 0);
  octets.set([0, 1, (at + 1) >> 8, (at + 1) & 255], 12);
  return octets;
}

export class Trial {
  private readonly folder: string;
  clients: readonly BenchClient[] = [];
  private daemon: BenchProcess | undefined;

  constructor(readonly options: TrialOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-bench-'));
    process.once('exit', this.removeFolder);
  }

  get process(): BenchProcess {
    if (this.daemon === undefined) throw new Error('the daemon was not started');
    return this.daemon;
  }

  /** Starts the daemon and brings up every session. */
  async start(setup: Setup): Promise<void> {
    this.launch(setup);
    await this.connectAll(this.clients);
    await this.quiet();
  }

  /** The daemon alone, with its far ends ready to connect. */
  launch(setup: Setup): void {
    const { kind, cpu, probe, profile } = this.options;
    const { family } = setup;
    const folder = join(this.folder, 'run');
    mkdirSync(folder, { recursive: true });
    const spec: DaemonSpec = {
      family,
      asNumber: DAEMON_AS,
      address: daemonAddress(family),
      port: nextPort++,
      sessions: setup.asNumbers.map((asNumber, at) => ({ address: clientAddress(family, at), asNumber })),
      reflector: setup.reflector ?? false,
      kernel: setup.kernel ?? false,
      folder,
      cpu,
      preload: probe,
      profile,
    };
    process.env.MESOS_BGP_BENCH_PROBE = this.probeFile;
    this.daemon = kind.start(spec);
    this.clients = setup.asNumbers.map(
      (asNumber, at) =>
        new BenchClient({
          family,
          localAddress: clientAddress(family, at),
          asNumber,
          identifier: `10.1.${at >> 8}.${at & 255}`,
          daemon: { address: spec.address, port: spec.port },
          ...(setup.holdSeconds !== undefined && { holdSeconds: setup.holdSeconds }),
        }),
    );
  }

  async connectAll(clients: readonly BenchClient[]): Promise<void> {
    const waiting = [...clients];
    // The first one waits for the daemon to listen.
    await this.connectOne(waiting.shift());
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
          await this.connectOne(next);
      }),
    );
  }

  private async connectOne(client: BenchClient | undefined): Promise<void> {
    if (client === undefined) return;
    let problem = '';
    await until(
      async () => {
        if (this.process.exit !== undefined)
          throw new Error(`the daemon ended: ${this.process.exit}\n${this.process.logTail()}`);
        try {
          await client.connect();
          return true;
        } catch (error) {
          problem = (error as Error).message;
          return false;
        }
      },
      'a session comes up',
      60_000,
      50,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${problem}\n${this.process.logTail()}`);
    });
  }

  /** Far ends hear routes from now on, and are expected to end with these. */
  receivers(
    clients: readonly BenchClient[],
    expectation: Expectation,
    own?: (at: number) => [number, number],
  ): void {
    for (const [at, client] of clients.entries()) {
      const [from, to] = own?.(at) ?? [0, 0];
      client.table = new ReceivedTable(expectation, from, to);
    }
  }

  /**
   * From `act` until every receiver has what is expected, and the daemon rests.
   * @throws when that does not happen, with the first receiver that lacks something.
   */
  async measure(what: string, receivers: readonly BenchClient[], act: () => void): Promise<Measured> {
    await this.takeLongestTurn();
    const wanted = new Map(receivers.map((client) => [client, client.table?.wanted ?? 0]));
    const done = (client: BenchClient) =>
      client.table!.right === wanted.get(client) && client.table!.present === wanted.get(client);
    const cpu = this.process.cpuNs();
    const own = process.cpuUsage();
    const began = performance.now();
    const ended = await new Promise<number>((resolve, reject) => {
      let left = receivers.length;
      const finish = (problem?: Error) => {
        clearInterval(watch);
        for (const client of receivers) client.onRead = undefined;
        if (problem === undefined) resolve(performance.now());
        else reject(problem);
      };
      const check = () => {
        const lost = this.clients.find((client) => client.lost !== undefined);
        if (lost !== undefined)
          finish(new Error(`${what}: session with ${lost.options.localAddress} lost: ${lost.lost}`));
        else if (this.process.exit !== undefined)
          finish(new Error(`${what}: the daemon ended: ${this.process.exit}`));
        else if (performance.now() - began > this.options.limitSeconds * 1000)
          finish(this.late(what, receivers, wanted));
      };
      const watch = setInterval(check, 200);
      for (const client of receivers) {
        let counted = false;
        client.onRead = () => {
          const now = done(client);
          if (now === counted) return;
          counted = now;
          left += now ? -1 : 1;
          if (left === 0) finish();
        };
      }
      act();
      for (const client of receivers) client.onRead?.();
    });
    const generator = process.cpuUsage(own);
    await this.quiet();
    const { foreign } = receivers.reduce((sum, { table }) => ({ foreign: sum.foreign + table!.foreign }), {
      foreign: 0,
    });
    if (foreign > 0) throw new Error(`${what}: ${foreign} prefixes that nobody announced`);
    return {
      cpuSeconds: (this.process.cpuNs() - cpu) / 1e9,
      wallSeconds: (ended - began) / 1000,
      generatorSeconds: (generator.user + generator.system) / 1e6,
      longestTurnMs: await this.takeLongestTurn(),
    };
  }

  private late(
    what: string,
    receivers: readonly BenchClient[],
    wanted: ReadonlyMap<BenchClient, number>,
  ): Error {
    const lacking = receivers.filter(({ table }, at) => table!.right !== wanted.get(receivers[at]!));
    const { table, options } = lacking[0] ?? receivers[0]!;
    return new Error(
      `${what}: not within ${this.options.limitSeconds} s: ${lacking.length} of ${receivers.length} receivers, the first ${options.localAddress} with ${table!.right} right of ${table!.present} present of ${wanted.get(lacking[0] ?? receivers[0]!)} wanted`,
    );
  }

  /** A stretch whose end the bench sees elsewhere than at receivers. */
  async measureUntil(what: string, act: () => void, done: () => boolean, pollMs: number): Promise<Measured> {
    await this.takeLongestTurn();
    const cpu = this.process.cpuNs();
    const own = process.cpuUsage();
    const began = performance.now();
    act();
    await until(done, what, this.options.limitSeconds * 1000, pollMs);
    const wallSeconds = (performance.now() - began) / 1000;
    const generator = process.cpuUsage(own);
    await this.quiet();
    return {
      cpuSeconds: (this.process.cpuNs() - cpu) / 1e9,
      wallSeconds,
      generatorSeconds: (generator.user + generator.system) / 1e6,
      longestTurnMs: await this.takeLongestTurn(),
    };
  }

  /** Until the daemon has used next to no CPU for a while: what it does afterwards counts as well. */
  async quiet(): Promise<void> {
    const restMs = 100;
    let last = this.process.cpuNs();
    await until(
      () => {
        const now = this.process.cpuNs();
        const used = now - last;
        last = now;
        return used < restMs * 1e6 * 0.02;
      },
      'the daemon rests',
      20_000,
      restMs,
    ).catch(() => {}); // one that never rests is measured as it is
  }

  memory = (): Memory => this.process.memory();

  /** @returns the longest turn since the last call. */
  async takeLongestTurn(): Promise<number | undefined> {
    if (this.options.probe === undefined || this.options.kind.name !== 'mesos-bgp') return undefined;
    rmSync(this.probeFile, { force: true });
    this.process.signal('SIGUSR2');
    await until(() => existsSync(this.probeFile), 'the probe answers', 10_000);
    return (JSON.parse(readFileSync(this.probeFile, 'utf8')) as { longest: number }).longest;
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.daemon?.stop();
    process.off('exit', this.removeFolder);
    this.removeFolder();
  }

  private readonly removeFolder = () => rmSync(this.folder, { recursive: true, force: true });

  private get probeFile(): string {
    return join(this.folder, 'probe.json');
  }
}
