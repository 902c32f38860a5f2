// Snapshot → the sessions of one node: mesh and BGPPeers, as Calico makes them (data model 2.2 to 2.8). Both families are
// computed apart, since a session carries one. Where Calico's result depends on the order of a random walk, or is a known
// fault, the comment says what is done here instead. Filters go along by name; routes.ts and filters.ts make the policies.

import { type Address, FAMILIES, type Family, familyOfAddress, isLinkLocal, type Prefix } from 'bgp-utils';
import { PeerEntries, type PeerEntry } from './peer-entries.ts';
import type { BgpPeer, Problem, SecretKeyRef } from './resources.ts';
import { addressOfNode, BGP_PORT, type Cluster } from './snapshot.ts';
import type { LocalWorkload } from './workloads.ts';

export type PeerType = 'mesh' | 'global' | 'node' | 'workload' | 'reverse';

/** One session that this node shall have. */
export interface ResolvedPeer {
  readonly family: Family;
  readonly address: Address;
  /** Any address from there: `address` is that of the range then. */
  readonly range?: Prefix | undefined;
  readonly port: number;
  readonly type: PeerType;
  /** Who asks for it: "Node/host-2" or "BGPPeer/tor-a". */
  readonly resource: string;
  /** The BGPPeer, for its annotations; undefined in the mesh. */
  readonly bgpPeer: BgpPeer | undefined;
  readonly asNumber: number;
  readonly localAsNumber: number;
  readonly passive: boolean;
  readonly sourceAddress: Address | undefined;
  /** Ours, on a session between link-local addresses, which has a source address of its own. */
  readonly globalAddress?: Address | undefined;
  readonly routeReflectorClient: boolean;
  /** Ours, where the peer is our client. */
  readonly clusterId: Address | undefined;
  readonly nextHop: 'auto' | 'self' | 'keep';
  /** Hops for GTSM; undefined is multihop with TTL 64. */
  readonly ttlSecurityHops: number | undefined;
  /** Undefined is the default. */
  readonly maxRestartSeconds: number | undefined;
  readonly keepaliveSeconds: number | undefined;
  readonly password: SecretKeyRef | 'unusable' | undefined;
  readonly allowLocalAs: number;
  readonly reachableBy: Address | undefined;
  /** BGPFilter names, in order. */
  readonly filters: readonly string[];
}

export interface PeerResolution {
  readonly peers: readonly ResolvedPeer[];
  readonly problems: readonly Problem[];
}

export function resolvePeers(cluster: Cluster, workloads: readonly LocalWorkload[] = []): PeerResolution {
  const problems: Problem[] = [...nodeProblems(cluster)];
  const entries = new PeerEntries(cluster, workloads, problems).all();
  const peers = FAMILIES.flatMap((family) => {
    const own = addressOfNode(cluster.me, family);
    if (own === undefined) return [];
    const explicit = entries
      .filter((entry) => familyOfAddress(entry.address) === family && entry.address !== own)
      .map((entry) => session(cluster, entry, family, own));
    // Calico makes two sessions with a mesh node that is also named by a BGPPeer, of which one works. Here the BGPPeer wins.
    const named = new Set(explicit.map(({ address }) => address));
    return [...mesh(cluster, family, own).filter(({ address }) => !named.has(address)), ...explicit];
  });
  return { peers, problems };
}

/** Two nodes with one address, and this node if it takes part in BGP and cannot. */
function nodeProblems({ nodes, me }: Cluster): Problem[] {
  const problems: Problem[] = [];
  if (me?.bgp !== undefined && FAMILIES.every((family) => addressOfNode(me, family) === undefined)) {
    const message = 'has neither ipv4Address nor ipv6Address, so nobody can peer with this node: add one';
    problems.push({ resource: `Node/${me.name}`, field: 'spec.bgp', message });
  }
  const owners = new Map<Address, string>();
  for (const node of nodes) {
    const resource = `Node/${node.name}`;
    for (const family of FAMILIES) {
      const address = addressOfNode(node, family);
      const owner = address && owners.get(address);
      if (address !== undefined && owner === undefined) owners.set(address, node.name);
      if (owner === undefined) continue;
      const message = `${address} is the address of Node/${owner} too: give each node its own; peers take it for Node/${owner}`;
      problems.push({ resource, field: `spec.bgp.${family}Address`, message });
    }
  }
  return problems;
}

/** The node-to-node mesh (2.2): all nodes with an address of the family, route reflectors aside on both ends. */
function mesh(cluster: Cluster, family: Family, own: Address): ResolvedPeer[] {
  const { me, defaults, globalPort } = cluster;
  if (!cluster.meshEnabled || me?.bgp?.routeReflectorClusterId !== undefined) return [];
  const seen = new Set<Address>([own]);
  return cluster.nodes.flatMap((node): ResolvedPeer[] => {
    const address = addressOfNode(node, family);
    if (address === undefined || seen.has(address) || node.bgp?.routeReflectorClusterId !== undefined)
      return [];
    seen.add(address);
    return [
      {
        family,
        address,
        port: cluster.nodePort(node.name) ?? globalPort ?? BGP_PORT,
        type: 'mesh',
        resource: `Node/${node.name}`,
        bgpPeer: undefined,
        // Calico ≥ v3.32 takes the own AS number of *this* node where the other has none, and both ends disagree then.
        asNumber: node.bgp?.asNumber ?? cluster.globalAs,
        localAsNumber: cluster.myAs,
        // The lower text waits, the higher connects. As texts: "10.0.0.10" is lower than "10.0.0.9".
        passive: address > own,
        sourceAddress: own,
        routeReflectorClient: false,
        clusterId: undefined,
        nextHop: 'auto',
        ttlSecurityHops: undefined,
        maxRestartSeconds: defaults?.nodeMeshMaxRestartSeconds,
        keepaliveSeconds: undefined,
        password: defaults?.nodeMeshPassword,
        allowLocalAs: 0,
        reachableBy: undefined,
        filters: [],
      },
    ];
  });
}

/** Settings of a session with a local workload: nothing but the filters come from the BGPPeer (2.7). */
const WORKLOAD = {
  sourceAddress: undefined,
  nextHop: 'auto',
  ttlSecurityHops: undefined,
  maxRestartSeconds: undefined,
  keepaliveSeconds: undefined,
  password: undefined,
  reachableBy: undefined,
} as const;

/** An entry as a session of this node (2.5, 2.8). */
function session(cluster: Cluster, entry: PeerEntry, family: Family, own: Address): ResolvedPeer {
  const { peer, type } = entry;
  const localAsNumber = entry.localAsNumber ?? cluster.myAs;
  const internal = entry.asNumber === localAsNumber;
  const clusterId = cluster.me?.bgp?.routeReflectorClusterId;
  const client = internal && clusterId !== undefined && entry.routeReflectorClusterId !== clusterId;
  return {
    family,
    address: entry.address,
    range: entry.range,
    port: entry.port ?? BGP_PORT,
    type,
    resource: `BGPPeer/${peer.name}`,
    bgpPeer: peer,
    asNumber: entry.asNumber,
    localAsNumber,
    // All entries of node scope and from selectors connect from both ends; collision detection keeps one connection.
    passive:
      entry.range !== undefined ||
      type === 'workload' ||
      (type === 'global' && entry.calicoNode && entry.address > own),
    sourceAddress: peer.sourceAddress === 'None' || isLinkLocal(entry.address) ? undefined : own,
    globalAddress: isLinkLocal(entry.address) ? own : undefined,
    routeReflectorClient: client,
    clusterId: client ? clusterId : undefined,
    nextHop: nextHopMode(peer, internal),
    ttlSecurityHops: peer.ttlSecurity,
    maxRestartSeconds: peer.maxRestartSeconds,
    keepaliveSeconds: peer.keepaliveSeconds,
    password: peer.password,
    allowLocalAs: entry.allowLocalAs,
    reachableBy: peer.reachableBy,
    filters: peer.filters,
    ...(type === 'workload' ? WORKLOAD : {}),
  };
}

function nextHopMode(peer: BgpPeer, internal: boolean): ResolvedPeer['nextHop'] {
  if (peer.nextHopMode === 'Self') return 'self';
  if (peer.nextHopMode === 'Keep') return 'keep';
  return peer.nextHopMode === undefined && peer.keepOriginalNextHop && !internal ? 'keep' : 'auto';
}
