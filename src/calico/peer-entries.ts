// What the BGPPeers of a cluster ask of one node: addresses to peer with, before they are sessions (data model 2.4, 2.6, 2.7).
// peers.ts makes the sessions.

import { type Address, FAMILIES, type Family, familyOfAddress, type Prefix, prefixAddress } from 'bgp-utils';
import { NodeIndex } from './node-index.ts';
import type { PeerType } from './peers.ts';
import type { BgpPeer, Node, Problem } from './resources.ts';
import { addressOfNode, BGP_PORT, type Cluster, resources } from './snapshot.ts';
import type { LocalWorkload } from './workloads.ts';

/** What a BGPPeer asks for, before it is a session (2.4). */
export interface PeerEntry {
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

/** To take the asked ones off the list of the others costs as much as a selector does: done when so few of it are left. */
const WORTH_A_LOOK = 0.75;

/** The nodes that nobody has asked for yet in one family: a node that has its entry needs no other, whoever asks. */
class Askable {
  /** Those, by name, and perhaps some that were asked for: what selectors are worth being tried on. */
  nodes: readonly Node[];
  #left: number;
  /** Nodes, and lists of them. */
  readonly #asked = new Set<Node | readonly Node[]>();

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
    this.#left = nodes.length;
  }

  /** @returns those that were not asked for before; from now on they are. */
  take(nodes: readonly Node[]): readonly Node[] {
    if (this.#asked.has(nodes)) return [];
    const taken = nodes.filter((node) => !this.#asked.has(node));
    for (const node of taken) this.#asked.add(node);
    this.#asked.add(nodes);
    this.#left -= taken.length;
    if (this.#left <= this.nodes.length * WORTH_A_LOOK)
      this.nodes = this.nodes.filter((node) => !this.#asked.has(node));
    return taken;
  }
}

/**
 * The entries of scope "global" and of this node's scope; the first one at an address and port stays. Calico walks the
 * BGPPeers in random order; here by name, which is always one of the outcomes Calico could have had.
 */
export class PeerEntries {
  readonly #cluster: Cluster;
  readonly #workloads: readonly LocalWorkload[];
  readonly #problems: Problem[];
  readonly #entries = new Map<string, PeerEntry>();
  readonly #nodes: NodeIndex;
  readonly #askable: Readonly<Record<Family, Askable>>;

  constructor(cluster: Cluster, workloads: readonly LocalWorkload[], problems: Problem[]) {
    this.#cluster = cluster;
    this.#workloads = workloads;
    this.#problems = problems;
    this.#nodes = new NodeIndex(cluster.nodes);
    this.#askable = { ipv4: new Askable(cluster.nodes), ipv6: new Askable(cluster.nodes) };
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
    const { me } = this.#cluster;
    return me !== undefined && this.#nodes.matches(selector, me);
  }

  /** The first entry at an address and port stays. */
  #add(address: Address, port: number | undefined, make: () => PeerEntry): void {
    const key = port === undefined || port === BGP_PORT ? address : `${address} ${port}`;
    if (!this.#entries.has(key)) this.#entries.set(key, make());
  }

  #forward(peer: BgpPeer, type: 'global' | 'node'): void {
    if (peer.localWorkloadSelector !== undefined) this.#addWorkloads(peer);
    else if (peer.peerSelector !== undefined) {
      const { peerSelector } = peer;
      this.#addNodes(peer, type, FAMILIES, (among) => this.#nodes.select(peerSelector, among));
    } else if (peer.peerIP !== undefined) this.#addPeerIp(peer, type);
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

  /**
   * One entry for each node and family that has an address. Own AS and its allowed count are not taken over (quirk).
   * @param choose  those of some nodes; it may give others of the cluster as well.
   */
  #addNodes(
    peer: BgpPeer,
    type: PeerEntry['type'],
    families: readonly Family[],
    choose: (among: readonly Node[]) => readonly Node[],
  ): void {
    for (const family of families) {
      const askable = this.#askable[family];
      for (const node of askable.take(choose(askable.nodes))) {
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
    const nodes = this.#nodes.ownersOf(address);
    const owners = address === text ? nodes : [];
    // Calico takes AS 0 without `asNumber`, and BIRD refuses its whole configuration then. Here the node's own is taken.
    const known = nodes[0] && (nodes[0].bgp?.asNumber ?? globalAs);
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
    for (const { bgpPeerName, addresses } of this.#workloads) {
      if (bgpPeerName !== peer.name) continue;
      for (const family of FAMILIES) {
        const address = addresses[family];
        if (address === undefined) continue;
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
    this.#addNodes(peer, 'reverse', families, (among) => this.#reverseRemotes(peer, among));
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

  #reverseRemotes({ node, nodeSelector }: BgpPeer, among: readonly Node[]): readonly Node[] {
    if (node !== undefined) return this.#nodes.named(node);
    return nodeSelector === undefined ? this.#cluster.nodes : this.#nodes.select(nodeSelector, among);
  }
}
