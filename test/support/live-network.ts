// A small data centre in one process: nodes a, b and c in a mesh, each with a session to the top-of-rack speaker t, driven from
// datastore entries through the daemon's own way (desired state, reconciliation, speaker). What a change does is counted. The
// network carries IPv4 alone: sessions in IPv6 are told to the speakers, and never come up.

import type { Address, PeerId, Prefix, RouteView } from 'bgp-utils';
import { type Host, Network } from 'bgp-utils/testing';
import { applyEvent, EMPTY_SNAPSHOT } from '../../src/calico/snapshot.ts';
import { type DesiredState, desiredState } from '../../src/desired/desired-state.ts';
import { drainedPeers } from '../../src/desired/drain.ts';
import { type AppliedState, NOTHING_APPLIED, reconcile } from '../../src/desired/reconcile.ts';
import { entriesOf, type TestCluster } from './calico.ts';

/** Datastore key → resource. */
export type Entries = Readonly<Record<string, unknown>>;
export type Secrets = (name: string, key: string) => string | undefined;

const ADDRESSES: Readonly<Record<string, string>> = {
  a: '10.0.0.1',
  b: '10.0.0.2',
  c: '10.0.0.3',
  t: '10.0.0.254',
};

export const CLUSTER: TestCluster = {
  nodes: {
    a: { v4: '10.0.0.1/24', v6: 'fd00::1/64', labels: { rack: '1' } },
    b: { v4: '10.0.0.2/24', v6: 'fd00::2/64', labels: { rack: '1' } },
    c: { v4: '10.0.0.3/24', v6: 'fd00::3/64', labels: { rack: '1' } },
  },
  config: { listenPort: 179 },
  pools: { p: { cidr: '10.65.0.0/16' }, q: { cidr: '10.66.0.0/16' }, s: { cidr: 'fd00:65::/48' } },
  blocks: {
    a: { '10.65.1.0/26': 'confirmed' },
    b: { '10.65.2.0/26': 'confirmed', 'fd00:65::/122': 'confirmed' },
    c: { '10.66.3.0/26': 'confirmed' },
  },
  peers: {
    tor: { peerIP: '10.0.0.254', asNumber: 65001, filters: ['f'] },
    tor6: { peerIP: 'fd00::fe', asNumber: 65001, filters: ['f'] },
  },
  filters: {
    f: {
      importV4: [{ action: 'Accept', cidr: '172.31.0.0/16', matchOperator: 'In' }],
      exportV4: [{ action: 'Accept', cidr: '10.65.0.0/16', matchOperator: 'In' }],
    },
    unused: { importV4: [{ action: 'Reject' }] },
  },
};

/** What t is told is no part of the change. */
const TOP_OF_RACK: TestCluster = {
  nodes: { t: { v4: '10.0.0.254/24', as: 65001 } },
  config: { nodeToNodeMeshEnabled: false },
  pools: { p: { cidr: '172.31.0.0/16' } },
  blocks: { t: { '172.31.0.0/26': 'confirmed', '172.31.0.64/26': 'confirmed' } },
  peers: Object.fromEntries(
    ['a', 'b', 'c'].map((name) => [name, { peerIP: ADDRESSES[name], asNumber: 64512 }]),
  ),
};

/** Felix's file of a workload that the BGPPeer `more` is for. */
const WORKLOADS = new Map([
  ['cni w eth0', JSON.stringify({ ifaceName: 'cali1', ipv4Nets: ['10.65.2.5/32'], bgpPeerName: 'more' })],
]);

export const parsed = (cluster: TestCluster): Record<string, unknown> =>
  Object.fromEntries(Object.entries(entriesOf(cluster)).map(([key, value]) => [key, JSON.parse(value)]));

export interface Effect {
  /** Sessions that were Established and ceased to be, at either end: "a-t". */
  readonly resets: readonly string[];
  /** Prefixes that were not forwarded for a moment, and are again: "172.31.0.0/26 at a". */
  readonly flaps: readonly string[];
  /** How many inputs the speakers of a, b and c were told. */
  readonly inputs: number;
  /** UPDATEs that were sent. */
  readonly updates: number;
}

interface Member {
  readonly name: string;
  readonly host: Host;
  applied: AppliedState;
  desired: DesiredState | undefined;
}

export class LiveNetwork {
  readonly network = new Network(2);
  readonly #members: readonly Member[];
  #gone: { at: string; prefix: string }[] = [];
  /** Names of nodes that are drained, from the next change on. */
  readonly drained = new Set<string>();

  /** @param seenBy  what single nodes see in place of it, by name. */
  constructor(
    entries: Entries,
    secrets: Secrets = () => undefined,
    seenBy: Readonly<Record<string, Entries>> = {},
  ) {
    this.#members = Object.entries(ADDRESSES).map(([name, address]) => {
      const host = this.network.add(address as Address);
      const forward = host.forward.bind(host);
      host.forward = (prefix, route) => {
        if (route === undefined) this.#gone.push({ at: name, prefix });
        forward(prefix, route);
      };
      return { name, host, applied: NOTHING_APPLIED, desired: undefined };
    });
    this.#apply(this.#members.at(-1)!, parsed(TOP_OF_RACK), secrets);
    this.change(entries, secrets, seenBy);
  }

  /** Brings all nodes to what the entries say, at one moment, and waits until nothing happens any more. */
  change(
    entries: Entries,
    secrets: Secrets = () => undefined,
    seenBy: Readonly<Record<string, Entries>> = {},
  ): Effect {
    this.#gone = [];
    const marks = new Map(this.#members.map(({ host }) => [host, host.log.length]));
    const sent = this.#updates();
    let inputs = 0;
    for (const member of this.#members)
      if (member.name !== 't') inputs += this.#apply(member, seenBy[member.name] ?? entries, secrets);
    this.network.run(this.network.now + 300_000);
    const resets = new Set<string>();
    for (const { name, host } of this.#members) {
      for (const event of host.log.slice(marks.get(host))) {
        if (event.event === 'session' && event.from === 'Established')
          resets.add([name, nameOf(event.peer)].sort().join('-'));
      }
    }
    const forwarding = new Map(this.#members.map(({ name, host }) => [name, host.forwarding]));
    const flaps = this.#gone
      .filter(({ at, prefix }) => forwarding.get(at)!.has(prefix as never))
      .map(({ at, prefix }) => `${prefix} at ${at}`);
    return { resets: [...resets].sort(), flaps, inputs, updates: this.#updates() - sent };
  }

  /** Pairs with a session, and what each node forwards. */
  established(): string[] {
    const up = this.#members.flatMap(({ name, host }) =>
      host.speaker
        .peerViews()
        .filter(({ state }) => state === 'Established')
        .map(({ config }) => [name, nameOf(config.peer)].sort().join('-')),
    );
    return [...new Set(up)].sort();
  }
  forwarded = (name: string): string[] =>
    [...this.#members.find((member) => member.name === name)!.host.forwarding.keys()].sort();

  /** Where a node sends what is for a prefix: names, or addresses that are no node's. */
  nextHops(name: string, prefix: string): readonly string[] {
    const route = this.#members.find((member) => member.name === name)!.host.forwarding.get(prefix as never);
    return route?.type === 'unicast' ? route.nextHops.map((hop) => nameOf(hop as string as PeerId)) : [];
  }

  /** How a node judges the origins of what it has learned. */
  origins = (name: string) =>
    this.#members.find((member) => member.name === name)!.host.speaker.counts().origins;

  /** Routes of a node's Loc-RIB for a prefix. */
  routes(name: string, prefix: string): readonly RouteView[] {
    const { host } = this.#members.find((member) => member.name === name)!;
    return [...host.speaker.routes('ipv4', prefix as Prefix)];
  }

  #updates(): number {
    return this.#members
      .flatMap(({ host }) => host.speaker.peerViews())
      .reduce((sum, { counters }) => sum + counters.updatesSent, 0);
  }

  #apply(member: Member, entries: Entries, secrets: Secrets): number {
    const snapshot = applyEvent(EMPTY_SNAPSHOT, {
      type: 'listed',
      revision: '1',
      entries: Object.entries(entries).map(([key, value]) => ({ key, value: JSON.stringify(value) })),
    });
    member.desired = desiredState(snapshot, { node: member.name, secrets, endpointFiles: () => WORKLOADS });
    const { desired } = member;
    const peers = this.drained.has(member.name) ? drainedPeers(desired.peers) : desired.peers;
    const { inputs, next } = reconcile({ ...desired, peers }, member.applied);
    member.applied = next;
    member.host.tell(...inputs);
    return inputs.length;
  }
}

/** By address, which a peer's name begins with. */
function nameOf(peer: PeerId): string {
  const found = Object.entries(ADDRESSES).find(([, address]) => peer.split(':')[0] === address);
  return found?.[0] ?? peer;
}
