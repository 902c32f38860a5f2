// A running soak network: the lab, its etcd, and a daemon on every host with all the lives it has had. Whatever it starts ends with it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Exit, LabProcess } from '../../src/lab/background.ts';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import { Daemon } from '../../src/lab/demo/daemon.ts';
import { Lab } from '../../src/lab/lab.ts';
import { type ExecResult, until } from '../../src/lab/process.ts';
import { openRelay, type Relay } from '../../src/lab/relay.ts';
import type { Life } from './measure.ts';
import type { Parts } from './tables.ts';
import {
  ETCD_COMMAND,
  ETCD_NODE,
  entry,
  firstResources,
  type Host,
  hostsOf,
  PASSWORDS,
  SECRETS_FOLDER,
  topology,
} from './topology.ts';

export interface ClusterOptions {
  /** Of the lab; becomes part of namespace names. */
  readonly name: string;
  readonly hosts: number;
  readonly reflectors: number;
  /** Path of dist/mesos-bgp.js. */
  readonly program: string;
}

export class SoakCluster implements Parts {
  readonly hosts: readonly Host[];
  /** Where the daemons' logs are, a file a host; they stay when the run has failed. */
  readonly logs = mkdtempSync(join(tmpdir(), 'mesos-bgp-soak-'));
  readonly lives: Life[] = [];
  /** Daemons that ended though nobody ended them, and why a fault could not be played: each fails the run. */
  readonly failures: string[] = [];
  etcd!: EtcdGateway;
  lab!: Lab;
  private etcdProcess!: LabProcess;
  private relay: Relay | undefined;
  private readonly daemons = new Map<string, Daemon>();
  /** Processes that we end on purpose. */
  private readonly ending = new Set<LabProcess>();
  private readonly startedAt = performance.now();

  constructor(private readonly options: ClusterOptions) {
    this.hosts = hostsOf(options.hosts, options.reflectors);
  }

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** @throws when the lab or etcd does not come up; `end` cleans up then, too. */
  async start(): Promise<void> {
    const file = join(this.logs, 'soak.clab.yml');
    writeFileSync(file, topology(this.hosts));
    const deployed = await Lab.deploy(file, { name: this.options.name });
    if (deployed.ok) this.lab = deployed.lab;
    else {
      for (const line of (await deployed.lab?.destroy()) ?? []) this.failures.push(line);
      throw new Error(deployed.message);
    }
    await this.startEtcd();
    this.relay = await openRelay(this.lab.node(ETCD_NODE), 2379);
    if (this.relay.failure !== undefined) throw new Error(this.relay.failure);
    this.etcd = new EtcdGateway(this.relay.socketPath);
    if (!(await until(() => this.etcd.healthy(), 20_000, 50)))
      throw new Error(`etcd has not answered within 20 s: ${this.etcdProcess.tail(5)}`);
    for (const resource of firstResources(this.hosts)) {
      const { key, value } = entry(resource);
      const written = await this.etcd.put(key, value);
      if (!written.ok) throw new Error(`${key}: ${written.error}`);
    }
    for (const host of this.hosts) {
      const node = this.lab.node(host.name);
      for (const password of PASSWORDS) {
        const path = node.path(`${SECRETS_FOLDER}/bgp/${password}`)!;
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, password);
      }
      this.daemons.set(host.name, new Daemon(node, this.options.program, this.logOf(host)));
      this.startDaemon(host);
    }
  }

  exec = ({ name }: Host, argv: readonly string[]): Promise<ExecResult> => this.lab.node(name).exec(argv);
  logOf = ({ name }: Host): string => join(this.logs, `${name}.log`);
  daemon = ({ name }: Host): Daemon => this.daemons.get(name)!;

  startDaemon(host: Host): void {
    const started = this.daemon(host).start(['--http', 'off', '--secrets-dir', SECRETS_FOLDER]);
    const life: Life = {
      host: host.name,
      pid: started.pid,
      fromSeconds: this.seconds,
      toSeconds: undefined,
      samples: [],
      thawedSeconds: undefined,
    };
    this.lives.push(life);
    void started.exited.then((exit) => {
      life.toSeconds = this.seconds;
      if (this.ending.has(started)) return;
      this.failures.push(
        `${host.name}: the daemon (pid ${started.pid}) ended by itself: ${reason(exit, started)}`,
      );
      this.startDaemon(host);
    });
  }

  /** The life that goes on. */
  life = ({ name }: Host): Life | undefined =>
    this.lives.findLast((life) => life.host === name && life.toSeconds === undefined);

  /** Ends a daemon for good; SIGTERM restarts, a second signal makes it leave. @throws when it does not end. */
  async stopDaemon(host: Host, how: 'SIGTERM' | 'SIGKILL' | 'leave'): Promise<void> {
    const running = this.daemon(host).process!;
    this.ending.add(running);
    running.kill(how === 'leave' ? 'SIGTERM' : how);
    if (how === 'leave') running.kill('SIGINT'); // two of one kind may come as one
    if ((await running.waitForExit(15_000)) === undefined)
      throw new Error(`${host.name}: the daemon has not ended within 15 s of ${how}`);
  }

  signal(host: Host, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.daemon(host).process!.kill(signal);
    const life = this.life(host);
    if (life !== undefined)
      life.thawedSeconds = signal === 'SIGCONT' ? this.seconds : Number.POSITIVE_INFINITY;
  }

  async startEtcd(): Promise<void> {
    this.etcdProcess = this.lab.node(ETCD_NODE).spawn(ETCD_COMMAND, { name: 'etcd' });
  }
  stopEtcd = (): Promise<Exit> => this.etcdProcess.stop(0);
  signalEtcd = (signal: 'SIGSTOP' | 'SIGCONT'): boolean => this.etcdProcess.kill(signal);

  /** Ends all of it. @param keepLogs  leaves the folder of the logs. @returns what could not be removed. */
  async end(keepLogs: boolean): Promise<readonly string[]> {
    for (const daemon of this.daemons.values()) if (daemon.process) this.ending.add(daemon.process);
    const left = this.lab === undefined ? [] : await this.lab.destroy();
    if (!keepLogs) rmSync(this.logs, { recursive: true, force: true });
    return left;
  }
}

const reason = ({ code, signal }: Exit, started: LabProcess): string =>
  `${signal === null ? `exit code ${code}` : signal}; its last words: ${started.tail(3)}`;
