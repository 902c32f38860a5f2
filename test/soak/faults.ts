// What breaks while a soak runs: a table of faults. Each does its harm, waits a time drawn from the seed, and repairs; a host has one
// at a time. Daemons of hosts that stay are stopped and cut off, and never ended.

import type { Prng } from 'bgp-utils/testing';
import type { SoakCluster } from './cluster.ts';
import { type Host, UPLINK } from './topology.ts';

interface Fault {
  readonly name: string;
  /** How often, against the others. */
  readonly weight: number;
  /** The hosts that it may come over. */
  readonly over: (host: Host) => boolean;
  /** How many of them at once, of so many. */
  readonly howMany?: (of: number) => number;
  readonly play: (faults: Faults, host: Host, forMs: number) => Promise<void>;
}

const any = (): boolean => true;
const restartable = ({ stays }: Host): boolean => !stays;

const FAULTS: readonly Fault[] = [
  { name: 'restart', weight: 8, over: restartable, play: (f, host) => f.restart(host, 'SIGTERM') },
  { name: 'kill -9', weight: 8, over: restartable, play: (f, host) => f.restart(host, 'SIGKILL') },
  { name: 'leaves and comes', weight: 3, over: restartable, play: (f, host, ms) => f.leave(host, ms) },
  {
    name: 'restart of 30 % at once',
    weight: 1,
    over: restartable,
    howMany: (of) => Math.max(1, Math.round(of * 0.3)),
    play: (f, host) => f.restart(host, 'SIGTERM'),
  },
  { name: 'stopped (SIGSTOP)', weight: 6, over: any, play: (f, host, ms) => f.freeze(host, ms) },
  { name: 'link down', weight: 6, over: any, play: (f, host, ms) => f.link(host, UPLINK, ms) },
  { name: 'cable unplugged', weight: 5, over: any, play: (f, host, ms) => f.cable(host, ms) },
  { name: 'our routes flushed by hand', weight: 4, over: any, play: (f, host) => f.flush(host) },
];
/** etcd has its own turn, since nothing can be written meanwhile. */
const ETCD_CHANCE = 0.08;
const LONGEST_MS = 8_000;

export class Faults {
  /** How often each was played. */
  readonly played = new Map<string, number>();
  private readonly struck = new Set<string>();
  private readonly open = new Set<Promise<void>>();

  constructor(
    private readonly cluster: SoakCluster,
    private readonly random: Prng,
    private readonly signal: AbortSignal,
  ) {}

  get count(): number {
    return [...this.played.values()].reduce((sum, each) => sum + each, 0);
  }

  /** Begins one, or several at once. Only what comes over etcd is waited for. */
  async begin(): Promise<void> {
    if (this.random.chance(ETCD_CHANCE)) return this.etcd();
    const total = FAULTS.reduce((sum, { weight }) => sum + weight, 0);
    let at = this.random.between(0, total - 1);
    const fault = FAULTS.find(({ weight }) => (at -= weight) < 0)!;
    const candidates = this.cluster.hosts.filter((host) => fault.over(host) && !this.struck.has(host.name));
    const wanted = fault.howMany?.(candidates.length) ?? 1;
    for (let left = Math.min(wanted, candidates.length); left > 0; left--) {
      const [host] = candidates.splice(this.random.between(0, candidates.length - 1), 1);
      this.start(fault, host!, this.random.between(200, LONGEST_MS));
    }
  }

  /** @returns when all is repaired. */
  async ended(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open);
  }

  async restart(host: Host, how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.cluster.stopDaemon(host, how);
    this.cluster.startDaemon(host);
  }

  async leave(host: Host, forMs: number): Promise<void> {
    await this.cluster.stopDaemon(host, 'leave');
    await this.pause(forMs);
    this.cluster.startDaemon(host);
  }

  async freeze(host: Host, forMs: number): Promise<void> {
    this.cluster.signal(host, 'SIGSTOP');
    await this.pause(forMs);
    this.cluster.signal(host, 'SIGCONT');
  }

  link = (host: Host, ifname: string, forMs: number): Promise<void> =>
    this.interrupt(host.name, ifname, forMs);
  cable = (host: Host, forMs: number): Promise<void> => this.interrupt('segment', `s-${host.name}`, forMs);

  async flush(host: Host): Promise<void> {
    for (const family of ['-4', '-6'])
      await this.cluster.exec(host, ['ip', family, 'route', 'flush', 'proto', '186']);
  }

  private start(fault: Fault, host: Host, forMs: number): void {
    this.struck.add(host.name);
    this.counted(fault.name);
    const done = fault
      .play(this, host, forMs)
      .catch((error: unknown) => {
        this.cluster.failures.push(`${fault.name} on ${host.name}: ${(error as Error).message}`);
      })
      .then(() => {
        this.struck.delete(host.name);
        this.open.delete(done);
      });
    this.open.add(done);
  }

  private async interrupt(node: string, ifname: string, forMs: number): Promise<void> {
    const link = this.cluster.lab.link(node, ifname);
    await link.down();
    await this.pause(forMs);
    await link.up();
  }

  private async etcd(): Promise<void> {
    const forMs = this.random.between(200, LONGEST_MS);
    if (this.random.chance(0.4)) {
      this.counted('etcd stopped (SIGSTOP)');
      this.cluster.signalEtcd('SIGSTOP');
      await this.pause(forMs);
      this.cluster.signalEtcd('SIGCONT');
    } else {
      this.counted('etcd killed');
      await this.cluster.stopEtcd();
      await this.pause(forMs);
      await this.cluster.startEtcd();
    }
  }

  private counted(name: string): void {
    this.played.set(name, (this.played.get(name) ?? 0) + 1);
  }

  /** The run's end cuts it short. */
  private pause = (ms: number): Promise<void> => pause(ms, this.signal);
}

/** @returns after so long, or at once when the run is interrupted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
