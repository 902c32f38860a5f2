// What is so in truth: etcd's keys, and the routes of every kernel as ip(8) shows them.

import type { Prefix } from 'bgp-utils';
import type { SoakCluster } from './cluster.ts';
import { type Host, WORKLOADS } from './topology.ts';

/** Empty when etcd does not answer. */
export async function readAll(cluster: SoakCluster): Promise<ReadonlyMap<string, string>> {
  return new Map((await cluster.etcd.list('/calico/')).map(({ key, value }) => [key, value]));
}

/** Host routes to workloads: those of another program than ours. */
export async function workloadsOf(cluster: SoakCluster, host: Host): Promise<readonly Prefix[]> {
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
export async function readTables(cluster: SoakCluster, host: Host): Promise<Tables> {
  const { stdout, stderr, code } = await cluster.lab
    .node(host.name)
    .exec(['sh', '-c', 'ip -json -4 route show table main; echo ---; ip -json -6 route show table main']);
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
