// Section 2 of the Calico data model a second time, as plainly as it reads: the whole cluster's table of (scope, address, port),
// written pass by pass, then the sessions of one node from it. Slow, and shares nothing with src/calico but the spelling of
// addresses. The property tests compare the two. What is marked (ours) there, and the rules of the interface for a missing
// asNumber, are here as well.

import { parseAddress } from 'bgp-utils';

export interface OracleNode {
  readonly name: string;
  readonly ip4?: string;
  readonly ip6?: string;
  readonly as?: number;
  readonly rr?: string;
  readonly port?: number;
  readonly labels: Readonly<Record<string, string>>;
}

export type Predicate = (labels: Readonly<Record<string, string>>) => boolean;

export interface OraclePeer {
  readonly name: string;
  readonly node?: string;
  readonly nodeSelector?: Predicate;
  readonly peerSelector?: Predicate;
  readonly peerIP?: { readonly host: string; readonly port?: number };
  readonly asNumber?: number;
  readonly localASNumber?: number;
  readonly numAllowedLocalASNumbers?: number;
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep';
  readonly keepOriginalNextHop?: boolean;
  readonly sourceAddress?: 'UseNodeIP' | 'None';
  readonly maxRestartSeconds?: number;
  readonly keepaliveSeconds?: number;
  readonly ttlSecurity?: number;
  readonly reachableBy?: string;
  readonly filters?: readonly string[];
  readonly reversePeering?: 'Auto' | 'Manual';
}

export interface OracleCluster {
  readonly nodes: readonly OracleNode[];
  readonly peers: readonly OraclePeer[];
  readonly mesh: boolean;
  readonly as?: number;
  readonly port?: number;
  readonly meshRestartSeconds?: number;
}

export interface OracleSession {
  readonly type: 'mesh' | 'global' | 'node' | 'reverse';
  readonly resource: string;
  readonly address: string;
  readonly port: number;
  readonly asNumber: number;
  readonly localAsNumber: number;
  readonly passive: boolean;
  readonly sourceAddress: string | null;
  readonly routeReflectorClient: boolean;
  readonly clusterId: string | null;
  readonly nextHop: 'auto' | 'self' | 'keep';
  readonly multihop: number | null;
  readonly ttlSecurityHops: number | null;
  readonly gracefulRestartSeconds: number;
  readonly keepaliveSeconds: number | null;
  readonly allowLocalAs: number;
  readonly reachableBy: string | null;
  readonly filters: readonly string[];
}

interface Entry {
  readonly type: 'global' | 'node' | 'reverse';
  readonly peer: OraclePeer;
  readonly address: string;
  readonly port: number | undefined;
  readonly remoteAs: number;
  readonly remoteRr: string;
  readonly isCalicoNode: boolean;
  readonly localAs: number | undefined;
  readonly allowed: number;
}

type Family = 4 | 6;
const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);
const ip = (node: OracleNode, family: Family): string => (family === 4 ? node.ip4 : node.ip6) ?? '';

/** 2.4, 2.6: scope → "address port" → entry. */
function table(cluster: OracleCluster): ReadonlyMap<string, ReadonlyMap<string, Entry>> {
  const gas = cluster.as ?? 64512;
  const asOf = (node: OracleNode) => node.as ?? gas;
  const portOf = (node: OracleNode) => node.port ?? cluster.port;
  const scopes = new Map<string, Map<string, Entry>>([['global', new Map()]]);
  for (const { name } of cluster.nodes) scopes.set(`node ${name}`, new Map());

  const write = (scope: string, entry: Entry) => {
    const key = `${entry.address} ${entry.port ?? 179}`;
    if (scope !== 'global' && scopes.get('global')!.has(key)) return;
    const entries = scopes.get(scope);
    if (entries !== undefined && !entries.has(key)) entries.set(key, entry);
  };

  const fromNodes = (
    peer: OraclePeer,
    nodes: readonly OracleNode[],
    type: Entry['type'],
    families: Family[],
  ) =>
    nodes.flatMap((node) =>
      families
        .filter((family) => ip(node, family) !== '')
        .map(
          (family): Entry => ({
            ...{ type, peer, address: ip(node, family), port: portOf(node), remoteAs: asOf(node) },
            ...{ remoteRr: node.rr ?? '', isCalicoNode: false, localAs: undefined, allowed: 0 },
          }),
        ),
    );

  const fromIp = (peer: OraclePeer, type: Entry['type']): Entry[] => {
    const { host, port } = peer.peerIP!;
    const address = parseAddress(host)!;
    const there = cluster.nodes.filter((node) => ip(node, familyOf(address)) === address);
    const wanted = peer.asNumber ?? (there[0] && asOf(there[0]));
    if (wanted === undefined) return [];
    const asWritten = cluster.nodes.filter((node) => node.ip4 === host || node.ip6 === host);
    const itself = asWritten.find((node) => asOf(node) === wanted);
    return [
      {
        ...{ type, peer, address, port: port ?? (itself && portOf(itself)), remoteAs: wanted, remoteRr: '' },
        isCalicoNode: asWritten.length > 0,
        localAs: peer.localASNumber,
        allowed: peer.numAllowedLocalASNumbers ?? 0,
      },
    ];
  };

  const forward = (peer: OraclePeer, type: Entry['type']): Entry[] =>
    peer.peerSelector === undefined
      ? fromIp(peer, type)
      : fromNodes(
          peer,
          cluster.nodes.filter(({ labels }) => peer.peerSelector!(labels)),
          type,
          [4, 6],
        );

  const localNames = (peer: OraclePeer): string[] =>
    peer.node !== undefined
      ? [peer.node]
      : cluster.nodes.filter(({ labels }) => peer.nodeSelector!(labels)).map(({ name }) => name);

  const peers = [...cluster.peers].sort((a, b) => (a.name < b.name ? -1 : 1));
  const isGlobal = (peer: OraclePeer) => peer.node === undefined && peer.nodeSelector === undefined;
  for (const peer of peers)
    if (isGlobal(peer)) for (const entry of forward(peer, 'global')) write('global', entry);
  for (const peer of peers) {
    if (isGlobal(peer)) continue;
    for (const name of localNames(peer))
      for (const entry of forward(peer, 'node')) write(`node ${name}`, entry);
  }
  for (const peer of peers) {
    if (peer.reversePeering === 'Manual') continue;
    const address = peer.peerIP && parseAddress(peer.peerIP.host)!;
    const local = cluster.nodes.filter((node) => {
      if (address === undefined) return peer.peerSelector!(node.labels);
      if (ip(node, familyOf(address)) !== address) return false;
      if (peer.asNumber !== undefined && peer.asNumber !== asOf(node)) return false;
      const { port } = peer.peerIP!;
      if (port === undefined) return true;
      if (node.port !== undefined && node.port !== port) return false;
      return cluster.port === undefined || cluster.port === port;
    });
    const remote = isGlobal(peer)
      ? cluster.nodes
      : cluster.nodes.filter(({ name }) => localNames(peer).includes(name));
    const families: Family[] = address === undefined ? [4, 6] : [familyOf(address)];
    for (const { name } of local)
      for (const entry of fromNodes(peer, remote, 'reverse', families)) write(`node ${name}`, entry);
  }
  return scopes;
}

/** 2.2, 2.5, 2.8: the sessions of each node, by its name. */
export function oracleSessions(cluster: OracleCluster): ReadonlyMap<string, readonly OracleSession[]> {
  const scopes = table(cluster);
  return new Map(
    cluster.nodes.map((me) => [
      me.name,
      ([4, 6] as const).flatMap((family) => sessions(cluster, scopes, me, family)),
    ]),
  );
}

function sessions(
  cluster: OracleCluster,
  scopes: ReadonlyMap<string, ReadonlyMap<string, Entry>>,
  me: OracleNode,
  family: Family,
): OracleSession[] {
  const own = ip(me, family);
  if (own === '') return [];
  const gas = cluster.as ?? 64512;
  const myAs = me.as ?? gas;
  const entries = [...scopes.get('global')!.values(), ...scopes.get(`node ${me.name}`)!.values()].filter(
    ({ address }) => familyOf(address) === family && address !== own,
  );
  const explicit = entries.map((entry): OracleSession => {
    const { peer } = entry;
    const localAs = entry.localAs ?? myAs;
    const ibgp = entry.remoteAs === localAs;
    const client = ibgp && me.rr !== undefined && entry.remoteRr !== me.rr;
    const ttl = peer.ttlSecurity || null;
    return {
      type: entry.type,
      resource: `BGPPeer/${peer.name}`,
      address: entry.address,
      port: entry.port ?? 179,
      asNumber: entry.remoteAs,
      localAsNumber: localAs,
      passive: entry.type === 'global' && entry.isCalicoNode && entry.address > own,
      sourceAddress: peer.sourceAddress === 'None' ? null : own,
      routeReflectorClient: client,
      clusterId: client ? me.rr! : null,
      nextHop: nextHop(peer, ibgp),
      multihop: ttl === null ? 64 : null,
      ttlSecurityHops: ttl,
      gracefulRestartSeconds: peer.maxRestartSeconds ?? 120,
      keepaliveSeconds: peer.keepaliveSeconds ?? null,
      allowLocalAs: entry.allowed,
      reachableBy: peer.reachableBy ?? null,
      filters: peer.filters ?? [],
    };
  });
  const inMesh = cluster.mesh && me.rr === undefined;
  const mesh = cluster.nodes
    .filter((node) => inMesh && node.rr === undefined && ip(node, family) !== '' && ip(node, family) !== own)
    .filter((node) => !explicit.some(({ address }) => address === ip(node, family))) // (ours)
    .map(
      (node): OracleSession => ({
        type: 'mesh',
        resource: `Node/${node.name}`,
        address: ip(node, family),
        port: node.port ?? cluster.port ?? 179,
        asNumber: node.as ?? gas, // (ours)
        localAsNumber: myAs,
        passive: ip(node, family) > own,
        sourceAddress: own,
        ...{
          routeReflectorClient: false,
          clusterId: null,
          nextHop: 'auto',
          multihop: 64,
          ttlSecurityHops: null,
        },
        gracefulRestartSeconds: cluster.meshRestartSeconds ?? 120,
        ...{ keepaliveSeconds: null, allowLocalAs: 0, reachableBy: null, filters: [] },
      }),
    );
  return [...mesh, ...explicit];
}

function nextHop(peer: OraclePeer, ibgp: boolean): OracleSession['nextHop'] {
  if (peer.nextHopMode === 'Self') return 'self';
  if (peer.nextHopMode === 'Keep') return 'keep';
  if (peer.nextHopMode === 'Auto') return 'auto';
  return peer.keepOriginalNextHop === true && !ibgp ? 'keep' : 'auto';
}
