// A change of policy tells peers what differs, and no more.

import { ACCEPT_ALL, address, type PeerConfig, type Policy, prefix } from 'bgp-utils';
import { type Host, Network } from 'bgp-utils/testing';
import { announcement, Bench, OWN, passivePeer } from '../../../support/bench.ts';
import { localRoute, peerConfig, speakerConfig } from '../../../support/peers.ts';

const own = address('10.0.0.1');
const others = [address('10.0.0.2'), address('10.0.0.3'), address('10.0.0.4')];

const rejecting = (text: string): Policy => ({
  terms: [{ name: text, match: { prefixes: [{ prefix: prefix(text) }] }, actions: [], verdict: 'reject' }],
  otherwise: 'accept',
});

function star(): { network: Network; hub: Host; configs: PeerConfig[]; leaves: Host[] } {
  const network = new Network();
  const hub = network.add(own);
  const configs = others.map((other) => peerConfig(own, other));
  hub.tell(
    { type: 'Configure', speaker: speakerConfig(own) },
    ...['10.65.1.0/24', '10.65.2.0/24', '10.65.3.0/24'].map((text) => ({
      type: 'Originate' as const,
      route: localRoute(text),
    })),
    ...configs.map((config) => ({ type: 'AddPeer' as const, config })),
  );
  const leaves = others.map((other) => {
    const leaf = network.add(other);
    leaf.tell(
      { type: 'Configure', speaker: speakerConfig(other) },
      { type: 'AddPeer', config: peerConfig(other, own) },
    );
    return leaf;
  });
  network.run(20_000);
  return { network, hub, configs, leaves };
}

const updatesTo = (hub: Host): number[] =>
  hub.speaker.peerViews().map(({ counters }) => counters.updatesSent);

describe('a change of export policy', () => {
  it('for all members of a group sends each one message for what differs', () => {
    const { network, hub, configs, leaves } = star();
    const before = updatesTo(hub);
    hub.tell(
      ...configs.map((config) => ({
        type: 'ChangePeer' as const,
        config: { ...config, exportPolicy: rejecting('10.65.2.0/24') },
      })),
    );
    network.run(network.now + 100);
    expect(updatesTo(hub).map((count, i) => count - before[i]!)).toEqual([1, 1, 1]);
    for (const leaf of leaves)
      expect([...leaf.forwarding.keys()].sort()).toEqual(['10.65.1.0/24', '10.65.3.0/24']);
    expect(hub.speaker.peerViews().every(({ counters }) => counters.lost === 0)).toBe(true);
  });

  it('for one of two withdraws nothing that it may still have, of a table that is compared in many turns', () => {
    const [sender, mover, other] = others.map(String) as [string, string, string];
    const peers = [sender, mover, other].map((each) => passivePeer(each, { routeReflectorClient: true }));
    const bench = new Bench({ clusterId: OWN }, ...peers);
    const [from, to] = [sender, mover, other].map((each) => bench.establish(each));
    const table = Array.from({ length: 50_000 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24`);
    const attributes = { origin: 0 as const, asPath: [], localPref: 100, nextHop: { address: others[0]! } };
    for (let at = 0; at < table.length; at += 500)
      bench.received(from!, announcement(table.slice(at, at + 500), attributes));
    const all = (): void => {
      while (bench.speaker.hasBacklog) bench.turn();
      for (let count = -1; count !== bench.sent.get(to!)!.length; bench.transmit(to!))
        count = bench.sent.get(to!)!.length;
    };
    all();
    expect(bench.told(to!).size).toBe(table.length);
    bench.clear();
    const config = { ...bench.view(mover).config, exportPolicy: rejecting('20.0.1.0/24') };
    bench.tell({ type: 'ChangePeer', config });
    all();
    expect(bench.updates(to!).filter((update) => update.startsWith('-'))).toEqual(['-20.0.1.0/24']);
  });

  it('that changes no route sends nothing', () => {
    const { network, hub, configs } = star();
    const before = updatesTo(hub);
    hub.tell(
      ...configs.map((config) => ({
        type: 'ChangePeer' as const,
        config: { ...config, exportPolicy: rejecting('192.0.2.0/24') },
      })),
    );
    network.run(network.now + 100);
    expect(updatesTo(hub)).toEqual(before);
  });

  it('for one member leaves the others alone', () => {
    const { network, hub, configs, leaves } = star();
    const before = updatesTo(hub);
    hub.tell({ type: 'ChangePeer', config: { ...configs[1]!, exportPolicy: rejecting('10.65.2.0/24') } });
    network.run(network.now + 100);
    const sent = updatesTo(hub).map((count, i) => count - before[i]!);
    expect([sent[0], sent[2]]).toEqual([0, 0]);
    expect(leaves.map((leaf) => leaf.forwarding.has(prefix('10.65.2.0/24')))).toEqual([true, false, true]);
  });

  it('that is taken back in the same turn sends nothing', () => {
    const { network, hub, configs } = star();
    const before = updatesTo(hub);
    hub.tell(
      { type: 'ChangePeer', config: { ...configs[0]!, exportPolicy: rejecting('10.65.2.0/24') } },
      { type: 'ChangePeer', config: { ...configs[0]!, exportPolicy: ACCEPT_ALL } },
    );
    network.run(network.now + 100);
    expect(updatesTo(hub)).toEqual(before);
  });
});
