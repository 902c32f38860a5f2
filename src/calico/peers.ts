// Snapshot → the sessions of one node: mesh and BGPPeers, as Calico makes them (data model 2.2 to 2.8). Both families are
// computed apart, since a session carries one. Where Calico's result depends on the order of a random walk, or is a known
// fault, the comment says what is done here instead. Filters go along by name; routes.ts and filters.ts make the policies.

import type { Prefix } from 'bgp-utils';
import { type Address, FAMILIES, type Family, familyOfAddress, prefixAddress } from 'bgp-utils';
import type { BgpPeer, Labels, Node, Problem, SecretKeyRef } from './resources.ts';
import { type Needed, parseSelector, selectorOf } from './selector.ts';
import { addressOfNode, BGP_PORT, type Cluster, resources } from './snapshot.ts';

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

/** A container of this host that may peer with it; from the endpoint status files. */
export interface LocalWorkload {
  readonly bgpPeerName: string;
  readonly networks: Readonly<Record<Family, Prefix | undefined>>;
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

/** Nodes that take part in BGP, and cannot as they are. */
function nodeProblems({ nodes }: Cluster): Problem[] {
  const problems: Problem[] = [];
  const owners = new Map<Address, string>();
  for (const node of nodes) {
    const resource = `Node/${node.name}`;
    if (node.bgp !== undefined && FAMILIES.every((family) => addressOfNode(node, family) === undefined)) {
      const message = 'has neither ipv4Address nor ipv6Address, so nobody can peer with this node: add one';
      problems.push({ resource, field: 'spec.bgp', message });
    }
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

/** What a BGPPeer asks for, before it is a session (2.4). */
interface PeerEntry {
  readonly type: Exclude<PeerType, 'mesh'>;
  readonly peer: BgpPeer;
  readonly address: Address;
  readonly range?: Prefix;
  readonly port: number | undefined;
  readonly asNumber: number;
  /** Only where the entry came from a Node that a selector chose. */
  readonly routeReflectorClusterId: Address | undefined;
  /** The peer is a Calico node named by its address: matters for who connects. */
  readonly calicoNode: boolean;
  readonly localAsNumber: number | undefined;
  readonly allowLocalAs: number;
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
    sourceAddress: peer.sourceAddress === 'None' ? undefined : own,
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

/**
 * The entries of scope "global" and of this node's scope; the first one at an address and port stays. Calico walks the
 * BGPPeers in random order; here by name, which is always one of the outcomes Calico could have had.
 */
class PeerEntries {
  readonly #cluster: Cluster;
  readonly #workloads: readonly LocalWorkload[];
  readonly #problems: Problem[];
  readonly #entries = new Map<string, PeerEntry>();
  /** Matching nodes by selector text: many BGPPeers use the same few. */
  readonly #matching = new Map<string, readonly Node[]>();
  /** Nodes by label and value, made when a selector asks for it. */
  readonly #byLabel = new Map<string, Map<string | undefined, Node[]>>();

  constructor(cluster: Cluster, workloads: readonly LocalWorkload[], problems: Problem[]) {
    this.#cluster = cluster;
    this.#workloads = workloads;
    this.#problems = problems;
  }

  all(): PeerEntry[] {
    const peers = resources(this.#cluster.snapshot, 'BGPPeer');
    const isGlobal = (peer: BgpPeer) => peer.node === undefined && peer.nodeSelector === undefined;
    for (const peer of peers) if (isGlobal(peer)) this.#forward(peer, 'global');
    for (const peer of peers) if (!isGlobal(peer) && this.#isLocal(peer)) this.#forward(peer, 'node');
    for (const peer of peers) this.#reverse(peer);
    return [...this.#entries.values()];
  }

  #isLocal({ node, nodeSelector }: BgpPeer): boolean {
    if (node !== undefined) return node === this.#cluster.nodeName;
    return nodeSelector !== undefined && this.#selectsMe(nodeSelector);
  }

  #selectsMe(selector: string): boolean {
    const labels: Labels | undefined = this.#cluster.me?.labels;
    return labels !== undefined && selectorOf(selector)(labels);
  }

  #select(selector: string): readonly Node[] {
    let nodes = this.#matching.get(selector);
    if (nodes === undefined) {
      const parsed = parseSelector(selector);
      nodes = parsed.ok ? this.#candidates(parsed.needed).filter(({ labels }) => parsed.matches(labels)) : [];
      this.#matching.set(selector, nodes);
    }
    return nodes;
  }

  /** By name, as the nodes of the cluster. */
  #candidates(needed: Needed | undefined): readonly Node[] {
    if (needed === undefined) return this.#cluster.nodes;
    let byValue = this.#byLabel.get(needed.label);
    if (byValue === undefined) {
      byValue = new Map();
      for (const node of this.#cluster.nodes) {
        const value = node.labels.get(needed.label);
        const list = byValue.get(value);
        if (list === undefined) byValue.set(value, [node]);
        else list.push(node);
      }
      this.#byLabel.set(needed.label, byValue);
    }
    const found = [...needed.values].flatMap((value) => byValue.get(value) ?? []);
    return needed.values.size === 1 ? found : found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The first entry at an address and port stays. */
  #add(address: Address, port: number | undefined, make: () => PeerEntry): void {
    const key = port === undefined || port === BGP_PORT ? address : `${address} ${port}`;
    if (!this.#entries.has(key)) this.#entries.set(key, make());
  }

  #forward(peer: BgpPeer, type: 'global' | 'node'): void {
    if (peer.localWorkloadSelector !== undefined) this.#addWorkloads(peer);
    else if (peer.peerSelector !== undefined)
      this.#addNodes(peer, type, this.#select(peer.peerSelector), FAMILIES);
    else if (peer.peerIP !== undefined) this.#addPeerIp(peer, type);
    else if (peer.peerRange !== undefined) this.#addRange(peer, type, peer.peerRange);
  }

  #addRange(peer: BgpPeer, type: 'global' | 'node', range: Prefix): void {
    if (this.#entries.has(range)) return;
    this.#entries.set(range, {
      type,
      peer,
      address: prefixAddress(range),
      range,
      port: undefined,
      asNumber: peer.asNumber!, // decode.ts refuses a range without
      routeReflectorClusterId: undefined,
      calicoNode: false,
      localAsNumber: peer.localAsNumber,
      allowLocalAs: peer.numAllowedLocalAsNumbers,
    });
  }

  /** One entry for each node and family that has an address. Own AS and its allowed count are not taken over (quirk). */
  #addNodes(
    peer: BgpPeer,
    type: PeerEntry['type'],
    nodes: readonly Node[],
    families: readonly Family[],
  ): void {
    for (const node of nodes) {
      for (const family of families) {
        const address = addressOfNode(node, family);
        if (address === undefined) continue;
        const port = this.#cluster.nodePort(node.name) ?? this.#cluster.globalPort;
        this.#add(address, port, () => ({
          type,
          peer,
          address,
          port,
          asNumber: node.bgp?.asNumber ?? this.#cluster.globalAs,
          routeReflectorClusterId: node.bgp?.routeReflectorClusterId,
          calicoNode: false,
          localAsNumber: undefined,
          allowLocalAs: 0,
        }));
      }
    }
  }

  #addPeerIp(peer: BgpPeer, type: 'global' | 'node'): void {
    const { address, port, text } = peer.peerIP!;
    const { globalAs, globalPort, nodePort } = this.#cluster;
    // Compared as written: an IPv6 address in another spelling is no Calico node for Calico.
    const owners = this.#cluster.nodes.filter(
      (node) => addressOfNode(node, familyOfAddress(address)) === text,
    );
    // Calico takes AS 0 without `asNumber`, and BIRD refuses its whole configuration then. Here the node's own is taken.
    const known = owners[0] && (owners[0].bgp?.asNumber ?? globalAs);
    const asNumber = peer.asNumber ?? known;
    if (asNumber === undefined) {
      const message = `is missing, and no Node has the address ${address} to take it from: set it`;
      this.#problems.push({ resource: `BGPPeer/${peer.name}`, field: 'spec.asNumber', message });
      return;
    }
    const owner = owners.find((node) => (node.bgp?.asNumber ?? globalAs) === asNumber);
    const connectTo = port ?? (owner && (nodePort(owner.name) ?? globalPort));
    this.#add(address, connectTo, () => ({
      type,
      peer,
      address,
      port: connectTo,
      asNumber,
      routeReflectorClusterId: undefined,
      calicoNode: owners.length > 0,
      localAsNumber: peer.localAsNumber,
      allowLocalAs: peer.numAllowedLocalAsNumbers,
    }));
  }

  #addWorkloads(peer: BgpPeer): void {
    for (const { bgpPeerName, networks } of this.#workloads) {
      if (bgpPeerName !== peer.name) continue;
      for (const family of FAMILIES) {
        const network = networks[family];
        if (network === undefined) continue;
        const address = prefixAddress(network);
        this.#add(address, undefined, () => ({
          type: 'workload',
          peer,
          address,
          port: undefined,
          asNumber: peer.asNumber!, // decode.ts refuses a workload peer without
          routeReflectorClusterId: undefined,
          calicoNode: false,
          localAsNumber: peer.localAsNumber,
          allowLocalAs: 0,
        }));
      }
    }
  }

  /** The opposite direction, so that both ends are configured (2.6): always of node scope. */
  #reverse(peer: BgpPeer): void {
    if (peer.reversePeering === 'Manual' || peer.localWorkloadSelector !== undefined) return;
    const families = this.#reverseFamilies(peer);
    if (families.length === 0) return;
    this.#addNodes(peer, 'reverse', this.#reverseRemotes(peer), families);
  }

  /** Empty when this node is not at the far end of the peering. */
  #reverseFamilies(peer: BgpPeer): readonly Family[] {
    const { me, globalPort, nodePort, nodeName, myAs } = this.#cluster;
    if (peer.peerSelector !== undefined) return this.#selectsMe(peer.peerSelector) ? FAMILIES : [];
    if (peer.peerIP === undefined) return [];
    const { address, port } = peer.peerIP;
    const family = familyOfAddress(address);
    if (addressOfNode(me, family) !== address) return [];
    if (peer.asNumber !== undefined && peer.asNumber !== myAs) return [];
    // (quirk) With a global port that differs, a fitting port of the node itself does not help.
    const own = nodePort(nodeName);
    const portFits = (own === undefined || own === port) && (globalPort === undefined || globalPort === port);
    if (port !== undefined && !portFits) return [];
    return [family];
  }

  #reverseRemotes({ node, nodeSelector }: BgpPeer): readonly Node[] {
    if (node !== undefined) return this.#cluster.nodes.filter(({ name }) => name === node);
    return nodeSelector === undefined ? this.#cluster.nodes : this.#select(nodeSelector);
  }
}
