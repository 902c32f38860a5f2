// What is so in truth: etcd's keys, and the routes of every kernel as ip(8) shows them.

import type { Prefix } from 'bgp-utils';
import type { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import type { ExecResult } from '../../src/lab/process.ts';
import { type Host, WORKLOADS } from './topology.ts';

/** What is looked at and changed: the running cluster, or one in memory. */
export interface Parts {
  readonly hosts: readonly Host[];
  readonly etcd: Pick<EtcdGateway, 'put' | 'delete' | 'list'>;
  /** Runs a program on the host. */
  exec(host: Host, argv: readonly string[]): Promise<ExecResult>;
}

/** Empty when etcd does not answer. */
export async function readAll(cluster: Pick<Parts, 'etcd'>): Promise<ReadonlyMap<string, string>> {
  return new Map((await cluster.etcd.list('/calico/')).map(({ key, value }) => [key, value]));
}

/** Host routes to workloads: those of another program than ours. */
export async function workloadsOf(cluster: Parts, host: Host): Promise<readonly Prefix[]> {
  const { workloads } = await readTables(cluster, host);
  return workloads;
}

export interface Tables {
  /** Prefix → how, for each route of ours; several for one prefix are joined. */
  readonly ours: ReadonlyMap<string, string>;
  readonly workloads: readonly Prefix[];
}

interface ShownRoute {
  readonly dst: string;
  readonly type?: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly nexthops?: readonly { readonly gateway?: string }[];
}

/** Both tables in one program run: there are many hosts. @throws when ip(8) fails. */
export async function readTables(cluster: Parts, host: Host): Promise<Tables> {
  const script = 'ip -json -4 route show table main; echo ---; ip -json -6 route show table main';
  const { stdout, stderr, code } = await cluster.exec(host, ['sh', '-c', script]);
  if (code !== 0) throw new Error(`${host.name}: ip route: ${stderr}`);
  const ours = new Map<string, string>();
  const workloads: Prefix[] = [];
  for (const [index, text] of stdout.split('---').entries()) {
    const bits = index === 0 ? 32 : 128;
    for (const route of JSON.parse(text.trim() || '[]') as readonly ShownRoute[]) {
      const prefix = (route.dst.includes('/') ? route.dst : `${route.dst}/${bits}`) as Prefix;
      if (route.protocol === 'bgp' || route.protocol === '186') {
        const before = ours.get(prefix);
        ours.set(prefix, before === undefined ? howOf(route) : `${before} and ${howOf(route)}`);
      } else if (route.dev === WORKLOADS && route.protocol !== 'kernel') workloads.push(prefix);
    }
  }
  return { ours, workloads };
}

function howOf({ type, gateway, nexthops }: ShownRoute): string {
  if (type === 'blackhole') return 'blackhole';
  const gateways = nexthops === undefined ? [gateway] : nexthops.map((hop) => hop.gateway);
  return `via ${gateways.join(' and ')}`;
}
