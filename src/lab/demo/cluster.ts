// The three hosts as the demo's steps see them: what is where by design, and what is so in truth.

import type { EtcdGateway } from '../calico/etcd.ts';
import type { Lab, LabNode } from '../lab.ts';
import type { Daemon } from './daemon.ts';

/** As three-hosts.clab.yml and its data have it. */
export interface Host {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly blocks: readonly string[];
  readonly containers: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

export const HOSTS: readonly Host[] = [
  {
    name: 'host1',
    addresses: ['10.0.0.1', 'fd00::1'],
    blocks: ['10.65.0.0/26', 'fd00:65::/122'],
    containers: [
      { name: 'c11', addresses: ['10.65.0.2', 'fd00:65::2'] },
      { name: 'c12', addresses: ['10.65.0.3', 'fd00:65::3'] },
    ],
  },
  {
    name: 'host2',
    addresses: ['10.0.0.2', 'fd00::2'],
    blocks: ['10.65.0.64/26', 'fd00:65::40/122'],
    containers: [
      { name: 'c21', addresses: ['10.65.0.66', 'fd00:65::42'] },
      { name: 'c22', addresses: ['10.65.0.67', 'fd00:65::43'] },
    ],
  },
  {
    name: 'host3',
    addresses: ['10.0.0.3', 'fd00::3'],
    blocks: ['10.65.0.128/26', 'fd00:65::80/122'],
    containers: [
      { name: 'c31', addresses: ['10.65.0.130', 'fd00:65::82'] },
      { name: 'c32', addresses: ['10.65.0.131', 'fd00:65::83'] },
    ],
  },
];

/** A step that does not hold: the reason for people. Only the demo's own main loop catches it. */
export class StepFailure extends Error {}

export interface Cluster {
  readonly lab: Lab;
  readonly daemons: ReadonlyMap<string, Daemon>;
  readonly etcd: EtcdGateway;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Blocks that hosts claim while the demo runs, by host: they are expected wherever the host's others are. */
export type Claims = Map<string, string[]>;

/**
 * Polls until nothing is missing.
 * @param missing  what is not yet as it should be, or undefined.
 * @returns milliseconds it took. @throws StepFailure with what was missing last, at the deadline or on Ctrl-C.
 */
export async function eventually(
  cluster: Pick<Cluster, 'signal'>,
  timeoutMs: number,
  missing: () => Promise<string | undefined>,
): Promise<number> {
  const started = performance.now();
  for (;;) {
    const reason = await missing();
    const elapsed = performance.now() - started;
    if (reason === undefined) return elapsed;
    if (cluster.signal.aborted) throw new StepFailure('interrupted');
    if (elapsed >= timeoutMs) throw new StepFailure(`still not so after ${timeoutMs / 1000} s: ${reason}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface KernelRoute {
  readonly prefix: string;
  readonly type: string;
  readonly gateway: string | undefined;
}

/** BGP's routes of both families, from the kernel. */
export async function kernelRoutes(node: LabNode): Promise<readonly KernelRoute[]> {
  const found: KernelRoute[] = [];
  for (const family of ['-4', '-6']) {
    const { stdout } = await node.exec(['ip', '-json', family, 'route', 'show', 'proto', '186']);
    const routes = JSON.parse(stdout.trim() || '[]') as { dst: string; type?: string; gateway?: string }[];
    for (const { dst, type, gateway } of routes)
      found.push({ prefix: dst, type: type ?? 'unicast', gateway });
  }
  return found;
}

/**
 * Compares a host's kernel with the blocks of the hosts that live.
 * @returns the first difference, or undefined: own blocks are blackholes, others lead to their host, nothing else is there.
 */
export async function kernelDifference(
  cluster: Cluster,
  host: Host,
  living: readonly Host[],
  claims: Claims,
): Promise<string | undefined> {
  const wanted = new Map<string, string>();
  for (const owner of living)
    for (const block of [...owner.blocks, ...(claims.get(owner.name) ?? [])])
      wanted.set(block, owner === host ? 'blackhole' : `via ${owner.addresses[block.includes(':') ? 1 : 0]}`);
  const found = new Map<string, string>();
  for (const route of await kernelRoutes(cluster.lab.node(host.name)))
    found.set(route.prefix, route.type === 'blackhole' ? 'blackhole' : `via ${route.gateway}`);
  for (const [prefix, how] of wanted)
    if (found.get(prefix) !== how)
      return `${host.name} has ${prefix} ${found.get(prefix) ?? 'not at all'}, not ${how}`;
  for (const [prefix, how] of found)
    if (!wanted.has(prefix)) return `${host.name} still has ${prefix} ${how}`;
  return undefined;
}

/** The first session that is not Established between these hosts, each side asked. */
export async function sessionMissing(cluster: Cluster, hosts: readonly Host[]): Promise<string | undefined> {
  for (const host of hosts) {
    const peers = await cluster.daemons.get(host.name)!.peers();
    if (!peers) return `the daemon on ${host.name} does not answer`;
    for (const other of hosts)
      for (const address of other === host ? [] : other.addresses) {
        const peer = peers.find((candidate) => candidate.address === address);
        if (peer?.state !== 'Established')
          return `${host.name} → ${address} is ${peer?.state ?? 'not configured'}${peer?.lastError ? ` (${peer.lastError})` : ''}`;
      }
  }
  return undefined;
}

export interface Ping {
  readonly from: string;
  readonly to: string;
  readonly milliseconds: number | undefined;
}

/** Pings between every two containers on different hosts, both ways and in both families, a few at a time. */
export async function pingAll(cluster: Cluster, hosts: readonly Host[]): Promise<readonly Ping[]> {
  const wanted = hosts.flatMap((near) =>
    hosts
      .filter((far) => far !== near)
      .flatMap((far) =>
        near.containers.flatMap((from) =>
          far.containers.flatMap((to) => to.addresses.map((address) => ({ from: from.name, to: address }))),
        ),
      ),
  );
  const done: Ping[] = [];
  const worker = async (): Promise<void> => {
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      const { from, to } = next;
      const { code, stdout } = await cluster.lab.node(from).exec(['ping', '-n', '-c', '1', '-W', '1', to]);
      const milliseconds = Number(/time[=<]([\d.]+) ms/.exec(stdout)?.[1]);
      done.push({ from, to, milliseconds: code === 0 ? milliseconds : undefined });
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return done;
}
