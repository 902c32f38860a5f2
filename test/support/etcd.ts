// A real etcd for tests: one member on free ports, data in its own folder, ended by process id whatever happens.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const BINARY = process.env.ETCD_BINARY ?? 'etcd';

export interface EtcdOptions {
  /** Address to listen on; a namespace's own address in topology tests. */
  readonly address?: string;
  /** Put in front of the command, for instance ['ip', 'netns', 'exec', 'host-1']. */
  readonly prefix?: readonly string[];
  readonly args?: readonly string[];
  /** Paths of PEM files: the server then speaks TLS only, and asks clients for a certificate of that authority. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** One member of several (etcd-cluster.ts): its name, and all of them with their URLs. */
  readonly member?: { readonly name: string; readonly peerPort: number; readonly cluster: string };
}

export class TestEtcd {
  readonly endpoint: string;
  readonly #folder: string;
  readonly #peerPort: number;
  readonly #options: EtcdOptions;
  #process: ChildProcess | undefined;
  #output = '';
  #serving = false;

  private constructor(folder: string, port: number, peerPort: number, options: EtcdOptions) {
    this.#folder = folder;
    this.#peerPort = peerPort;
    this.#options = options;
    this.endpoint = `${options.tls ? 'https' : 'http'}://${options.address ?? '127.0.0.1'}:${port}`;
  }

  /** @returns when it answers. */
  static async start(options: EtcdOptions = {}): Promise<TestEtcd> {
    const etcd = await TestEtcd.prepare(options);
    try {
      await etcd.restart();
    } catch (error) {
      await etcd.cleanup();
      throw error;
    }
    return etcd;
  }

  /** Has its ports and folder, and does not run yet. */
  static async prepare(options: EtcdOptions = {}): Promise<TestEtcd> {
    const folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-etcd-'));
    const [port, peerPort] = await freePorts(2, options.prefix === undefined ? options.address : undefined);
    return new TestEtcd(folder, port!, options.member?.peerPort ?? peerPort!, options);
  }

  get #saved(): string {
    return join(this.#folder, 'backup');
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async restart(): Promise<void> {
    const peer = `http://127.0.0.1:${this.#peerPort}`;
    const { tls, member } = this.#options;
    const name = member?.name ?? 'test';
    const [command, ...args] = [
      ...(this.#options.prefix ?? []),
      BINARY,
      ...['--data-dir', join(this.#folder, 'data'), '--name', name, '--logger', 'zap'],
      ...['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', member?.cluster ?? `test=${peer}`],
      ...(tls === undefined
        ? []
        : [
            '--cert-file',
            tls.cert,
            '--key-file',
            tls.key,
            '--trusted-ca-file',
            tls.ca,
            '--client-cert-auth',
          ]),
      ...(this.#options.args ?? []),
    ];
    this.#output = '';
    this.#serving = false;
    const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    let failed: Error | undefined;
    child.once('error', (error) => {
      running.delete(child);
      failed = new Error(
        `cannot start ${BINARY}: ${error.message}; install Debian's etcd-server, or set ETCD_BINARY`,
      );
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#output += data.toString();
        this.#serving ||= /serving client (traffic|requests)/.test(this.#output);
        this.#output = this.#output.slice(-4000); // the end says why it exited
      });
    }
    await until(async () => {
      if (failed) throw failed;
      if (child.exitCode !== null) throw new Error(`etcd exited with ${child.exitCode}: ${this.#output}`);
      return this.#healthy();
    }, `etcd at ${this.endpoint} answers`);
  }

  /** SIGTERM, and waits until it is gone. */
  stop = (): Promise<void> => this.#end('SIGTERM');

  /** SIGKILL, as a crash. */
  kill = (): Promise<void> => this.#end('SIGKILL');

  /**
   * Keeps it from running without closing its sockets. SIGSTOP reaches the threads one by one, after kill(2) has returned:
   * @returns when each of them stands still, so that no answer can come any more.
   */
  async freeze(): Promise<void> {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('etcd does not run: there is nothing to freeze');
    this.#process?.kill('SIGSTOP');
    await until(() => allThreadsStopped(pid), `every thread of etcd (${pid}) stands still`);
  }

  /** Lets it go on. Safe to call when it is not frozen. */
  thaw = (): void => void this.#process?.kill('SIGCONT');

  /** Forgets all data; only while it is stopped. */
  wipe = (): Promise<void> => rm(join(this.#folder, 'data'), { recursive: true, force: true });

  /** Keeps a copy of all data as a backup, and puts it back; both only while it is stopped. */
  backup = (): Promise<void> => cp(join(this.#folder, 'data'), this.#saved, { recursive: true });
  async restore(): Promise<void> {
    await this.wipe();
    await cp(this.#saved, join(this.#folder, 'data'), { recursive: true });
  }

  /** Ends it and removes its folder. Safe to call twice, and after a failed start. */
  async cleanup(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    child.kill('SIGCONT'); // a frozen one takes SIGTERM only then
    await gone;
  }

  async #healthy(): Promise<boolean> {
    // In another namespace, and without a certificate, we cannot ask; etcd's own log says it.
    if (this.#options.prefix !== undefined || this.#options.tls !== undefined) return this.#serving;
    try {
      const answer = await fetch(`${this.endpoint}/health`, { signal: AbortSignal.timeout(1000) });
      return ((await answer.json()) as { health?: string }).health === 'true';
    } catch {
      return false;
    }
  }
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** proc(5): the state follows the command's name, which is in parentheses and may hold anything. */
async function allThreadsStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => undefined);
      return stat?.charAt(stat.lastIndexOf(')') + 2) ?? 'gone';
    }),
  );
  return states.every((state) => state === 'T');
}

/** Polls until `condition` holds. @throws after the deadline, naming what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 15_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(20);
  }
}

/** Below it, Linux takes no port for an outgoing connection on its own (ip(7), ip_local_port_range). */
const FIRST_EPHEMERAL = Number(
  readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0],
);
const LOWEST = 10_000;

/**
 * Ports that nobody listens on just now, and that no outgoing connection takes while the server that gets them is down:
 * a client that tries again and again may otherwise be given the very port that it connects to, and talk to itself.
 */
export async function freePorts(count: number, address = '127.0.0.1'): Promise<number[]> {
  const servers: Server[] = [];
  for (let tries = 0; servers.length < count; tries++) {
    if (tries > 100 * count) throw new Error(`no ${count} free ports on ${address} below ${FIRST_EPHEMERAL}`);
    const server = await listenOn(randomInt(LOWEST, FIRST_EPHEMERAL), address);
    if (server !== undefined) servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** @returns undefined when the port is taken. */
function listenOn(port: number, address: string): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(port, address, () => resolve(server));
  });
}
