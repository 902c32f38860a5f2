// What every kernel and every speaker should have, computed from the keys of etcd as the data model reads, apart from src/calico and
// src/desired: sessions by test/support/calico-oracle.ts, routes by walking the sessions as RFC 4456 lets them. Pure and slow.
// It knows what a soak run writes (topology.ts, churn.ts) and no more: two selectors, Reject and Accept by CIDR, one AS.

import { type Address, containsPrefix, type Prefix, parseAddress, parsePrefix } from 'bgp-utils';
import {
  type OracleCluster,
  type OracleNode,
  type OraclePeer,
  type OracleSession,
  oracleSessions,
  type Predicate,
} from '../support/calico-oracle.ts';

export const V3 = '/calico/resources/v3/projectcalico.org';
export const AFFINITIES = '/calico/ipam/v2/host/';

/** Text of a selector, and what it means. */
export const SELECTORS = {
  reflectors: 'has(route-reflector)',
  others: '!has(route-reflector)',
} as const;
const MEANING: Readonly<Record<string, Predicate>> = {
  [SELECTORS.reflectors]: (labels) => 'route-reflector' in labels,
  [SELECTORS.others]: (labels) => !('route-reflector' in labels),
};

export interface Picture {
  /** Datastore key → value. */
  readonly entries: ReadonlyMap<string, string>;
  /** Node → addresses of workloads that its kernel has routes to, as /32 and /128. */
  readonly workloads: ReadonlyMap<string, readonly Prefix[]>;
}

export interface Expectation {
  /** Node → addresses of its peers, sorted. All of them should be up. */
  readonly peers: ReadonlyMap<string, readonly string[]>;
  /** Node → prefix → `blackhole` or `via ADDRESS`. */
  readonly kernel: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

interface Pool {
  readonly cidr: Prefix;
  readonly hidden: boolean;
  readonly vxlan: boolean;
}

interface Rule {
  readonly action: string;
  readonly cidr: Prefix;
}
type Lists = Readonly<Record<'importV4' | 'exportV4' | 'importV6' | 'exportV6', readonly Rule[]>>;

interface Block {
  readonly node: string;
  readonly cidr: Prefix;
  readonly state: string;
}

interface Cluster {
  readonly oracle: OracleCluster;
  readonly pools: readonly Pool[];
  readonly filters: ReadonlyMap<string, Lists>;
  readonly blocks: readonly Block[];
}

export function expectation(picture: Picture): Expectation {
  const cluster = read(picture.entries);
  const sessions = oracleSessions(cluster.oracle);
  const kernel = new Map(cluster.oracle.nodes.map(({ name }) => [name, new Map<string, string>()]));
  for (const block of cluster.blocks) {
    if (!hasBlackhole(block) || !programmed(cluster, block.cidr)) continue;
    kernel.get(block.node)?.set(block.cidr, 'blackhole');
  }
  for (const origin of cluster.oracle.nodes)
    for (const prefix of originated(cluster, picture, origin.name)) {
      const gateway = isIpv6(prefix) ? origin.ip6 : origin.ip4;
      for (const receiver of reached(cluster, sessions, origin.name, prefix))
        if (programmed(cluster, prefix)) kernel.get(receiver)!.set(prefix, `via ${gateway}`);
    }
  const peers = new Map(
    [...sessions].map(([node, list]) => [node, list.map(({ address }) => address).sort()] as const),
  );
  return { peers, kernel };
}

const isIpv6 = (text: string): boolean => text.includes(':');
const lengthOf = (prefix: Prefix): number => Number(prefix.split('/')[1]);
const isHost = (prefix: Prefix): boolean => lengthOf(prefix) === (isIpv6(prefix) ? 128 : 32);
const inside = (outer: Prefix, prefix: Prefix): boolean =>
  isIpv6(outer) === isIpv6(prefix) && containsPrefix(outer, prefix);

/** 3.2. */
const hasBlackhole = ({ cidr, state }: Block): boolean => state !== 'pending' && !isHost(cidr);

/** 3.7, as `EnabledNoEncapOnly` has it: pools with VXLAN are Felix's, what is in no pool is ours. */
const programmed = ({ pools }: Cluster, prefix: Prefix): boolean =>
  pools.find(({ cidr }) => inside(cidr, prefix))?.vxlan !== true;

/** 3.1: blackholes of own blocks, and routes to workloads; (ours) only inside pools and own blocks. */
function originated({ blocks, pools }: Cluster, { workloads }: Picture, node: string): ReadonlySet<Prefix> {
  const own = blocks.filter((block) => block.node === node);
  const ranges = [...pools, ...own].map(({ cidr }) => cidr);
  const inRange = (prefix: Prefix): boolean => ranges.some((range) => inside(range, prefix));
  return new Set([
    ...own.filter(hasBlackhole).map(({ cidr }) => cidr),
    ...(workloads.get(node) ?? []).filter(inRange),
  ]);
}

/** Nodes that get the route, by sessions that both ends have; an iBGP route goes on by reflection alone (RFC 4456). */
function reached(
  cluster: Cluster,
  sessions: ReadonlyMap<string, readonly OracleSession[]>,
  origin: string,
  prefix: Prefix,
): ReadonlySet<string> {
  const family = isIpv6(prefix) ? 'ip6' : 'ip4';
  const byAddress = new Map(cluster.oracle.nodes.map((node) => [node[family], node]));
  const found = new Set<string>();
  type Step = { at: OracleNode; from: OracleSession | undefined; clusters: readonly string[] };
  const start = cluster.oracle.nodes.find(({ name }) => name === origin)!;
  const queue: Step[] = [{ at: start, from: undefined, clusters: [] }];
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const { at, from, clusters } = step;
    for (const to of sessions.get(at.name) ?? []) {
      const next = byAddress.get(to.address);
      if (next === undefined || next.name === origin || found.has(next.name) || to === from) continue;
      const back = sessions.get(next.name)!.find(({ address }) => address === at[family]);
      if (back === undefined) continue;
      if (from !== undefined && !from.routeReflectorClient && !to.routeReflectorClient) continue;
      if (!exported(cluster, at.name, to, prefix) || !imported(cluster, back, prefix)) continue;
      const passed = from === undefined ? clusters : [...clusters, at.rr!];
      if (next.rr !== undefined && passed.includes(next.rr)) continue;
      found.add(next.name);
      queue.push({ at: next, from: back, clusters: passed });
    }
  }
  return found;
}

/** 3.3. */
function exported(cluster: Cluster, node: string, session: OracleSession, prefix: Prefix): boolean {
  const verdict = filtered(cluster, session, isIpv6(prefix) ? 'exportV6' : 'exportV4', prefix);
  if (verdict !== undefined) return verdict;
  if (cluster.pools.some(({ cidr, hidden }) => hidden && inside(cidr, prefix))) return false;
  const aggregates = cluster.blocks.filter(
    (block) => block.node === node && block.state === 'confirmed' && inside(block.cidr, prefix),
  );
  if (aggregates.some(({ cidr }) => cidr === prefix)) return true;
  if (aggregates.length > 0) return false;
  return cluster.pools.some(({ cidr }) => inside(cidr, prefix));
}

/** 3.8. */
const imported = (cluster: Cluster, session: OracleSession, prefix: Prefix): boolean =>
  filtered(cluster, session, isIpv6(prefix) ? 'importV6' : 'importV4', prefix) ?? true;

/** Section 4: the first rule that matches. */
function filtered(
  { filters }: Cluster,
  session: OracleSession,
  list: keyof Lists,
  prefix: Prefix,
): boolean | undefined {
  for (const name of session.filters)
    for (const { action, cidr } of filters.get(name)?.[list] ?? [])
      if (inside(cidr, prefix)) return action === 'Accept';
  return undefined;
}

interface Resource {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

function read(entries: ReadonlyMap<string, string>): Cluster {
  const resources = (plural: string): readonly Resource[] =>
    [...entries].flatMap(([key, value]) =>
      key.startsWith(`${V3}/${plural}/`) ? (parsed<Resource>(value) ?? []) : [],
    );
  const config = resources('bgpconfigurations').find(({ metadata }) => metadata.name === 'default')?.spec;
  return {
    oracle: {
      nodes: resources('nodes').map(nodeOf),
      peers: resources('bgppeers').map(peerOf),
      mesh: config?.nodeToNodeMeshEnabled !== false,
    },
    pools: resources('ippools').map(({ spec }) => ({
      cidr: parsePrefix(String(spec.cidr))!,
      hidden: spec.disableBGPExport === true,
      vxlan: spec.vxlanMode !== undefined && spec.vxlanMode !== 'Never',
    })),
    filters: new Map(resources('bgpfilters').map(({ metadata, spec }) => [metadata.name, listsOf(spec)])),
    blocks: [...entries].flatMap(([key, value]) => blockOf(key, value) ?? []),
  };
}

function nodeOf({ metadata, spec }: Resource): OracleNode {
  const bgp = spec.bgp as Readonly<Record<string, string>>;
  const address = (text: string | undefined): Address => parseAddress(text!.split('/')[0]!)!;
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    ip4: address(bgp.ipv4Address),
    ip6: address(bgp.ipv6Address),
    ...(bgp.routeReflectorClusterID === undefined ? {} : { rr: bgp.routeReflectorClusterID }),
  };
}

const peerOf = ({ metadata, spec }: Resource): OraclePeer => ({
  name: metadata.name,
  nodeSelector: MEANING[String(spec.nodeSelector)]!,
  peerSelector: MEANING[String(spec.peerSelector)]!,
  filters: (spec.filters as readonly string[] | undefined) ?? [],
});

function listsOf(spec: Resource['spec']): Lists {
  const list = (name: keyof Lists): readonly Rule[] =>
    ((spec[name] ?? []) as readonly { action: string; cidr: string }[]).map(({ action, cidr }) => ({
      action,
      cidr: parsePrefix(cidr)!,
    }));
  return {
    importV4: list('importV4'),
    exportV4: list('exportV4'),
    importV6: list('importV6'),
    exportV6: list('exportV6'),
  };
}

/** `/calico/ipam/v2/host/NODE/ipv4/block/10.65.0.0-26`. */
function blockOf(key: string, value: string): Block | undefined {
  if (!key.startsWith(AFFINITIES)) return undefined;
  const [node, , , cidr] = key.slice(AFFINITIES.length).split('/');
  const affinity = parsed<{ state: string; deleted?: boolean }>(value);
  if (affinity === undefined || affinity.deleted === true) return undefined;
  return { node: node!, cidr: parsePrefix(cidr!.replace('-', '/'))!, state: affinity.state };
}

/** What cannot be parsed is as absent (1.1). */
function parsed<T>(value: string): T | undefined {
  try {
    return JSON.parse(value) as T;
  } catch {
    return undefined;
  }
}
