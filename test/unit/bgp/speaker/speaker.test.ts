import {
  type Address,
  address,
  type ConnectionId,
  NEVER,
  type PeerConfig,
  type Prefix,
  prefix,
  REJECT_ALL,
} from 'bgp-utils';
import { type Host, Network } from 'bgp-utils/testing';
import { announcement, Bench, endOfRib, id, passivePeer } from '../../../support/bench.ts';
import { localRoute, peerConfig, speakerConfig } from '../../../support/peers.ts';

/** A full mesh of n hosts 10.0.0.1 …; host i originates 10.65.i.0/24. */
function mesh(
  n: number,
  changes: (own: Address, other: Address) => Partial<PeerConfig> = () => ({}),
): { network: Network; hosts: Host[] } {
  const network = new Network();
  const addresses = Array.from({ length: n }, (_, i) => address(`10.0.0.${i + 1}`));
  const hosts = addresses.map((own) => network.add(own));
  for (const [i, host] of hosts.entries()) start(host, addresses, i, changes);
  return { network, hosts };
}

function start(
  host: Host,
  addresses: readonly Address[],
  i: number,
  changes: (own: Address, other: Address) => Partial<PeerConfig> = () => ({}),
  restarting = false,
): void {
  host.up = true;
  const own = addresses[i]!;
  host.tell(
    { type: 'Configure', speaker: speakerConfig(own, { restarting }) },
    { type: 'Originate', route: localRoute(`10.65.${i + 1}.0/24`) },
    ...addresses
      .filter((other) => other !== own)
      .map((other) => ({ type: 'AddPeer' as const, config: peerConfig(own, other, changes(own, other)) })),
  );
}

const routesOf = (host: Host): Record<string, unknown> =>
  Object.fromEntries(
    [...host.forwarding].map(([key, route]) => [
      key,
      route.type === 'blackhole' ? 'blackhole' : route.nextHops.join(),
    ]),
  );

const established = (host: Host): boolean =>
  host.speaker.peerViews().every(({ state }) => state === 'Established');

describe('a mesh of speakers', () => {
  it('brings up every session and gives every host every block', () => {
    const { network, hosts } = mesh(4);
    expect(network.runUntil(() => hosts.every(established), 20_000)).toBe(true);
    network.run(network.now + 100);
    expect(routesOf(hosts[0]!)).toEqual({
      '10.65.1.0/24': 'blackhole',
      '10.65.2.0/24': '10.0.0.2',
      '10.65.3.0/24': '10.0.0.3',
      '10.65.4.0/24': '10.0.0.4',
    });
  });

  it('keeps one session a peer when both sides connect at once (RFC 4271 §6.8)', () => {
    const { network, hosts } = mesh(2);
    network.run(5_000);
    const [a, b] = hosts.map((host) => host.speaker.peerViews()[0]!);
    expect([a!.state, b!.state]).toEqual(['Established', 'Established']);
    expect(hosts[0]!.remoteEnd.size).toBe(1);
    expect(a!.counters.established).toBe(1);
    // 10.0.0.2 is the higher identifier: the connection that it opened survives.
    expect(b!.remotePort).toBe(179);
  });

  it('comes up with one side passive', () => {
    const { network, hosts } = mesh(2, (own) => ({ passive: own === '10.0.0.1' }));
    expect(network.runUntil(() => hosts.every(established), 20_000)).toBe(true);
  });

  it('stays up over many hold times', () => {
    const { network, hosts } = mesh(3, () => ({ holdTimeSeconds: 9 }));
    network.run(200_000);
    for (const host of hosts) {
      for (const { counters, state } of host.speaker.peerViews())
        expect([state, counters.lost]).toEqual(['Established', 0]);
    }
  });

  it('withdraws what is no longer originated and announces what is new', () => {
    const { network, hosts } = mesh(3);
    network.run(20_000);
    hosts[1]!.tell(
      { type: 'WithdrawOriginated', prefix: prefix('10.65.2.0/24') },
      { type: 'Originate', route: localRoute('10.65.77.0/26') },
    );
    network.run(network.now + 100);
    expect(Object.keys(routesOf(hosts[0]!)).sort()).toEqual([
      '10.65.1.0/24',
      '10.65.3.0/24',
      '10.65.77.0/26',
    ]);
  });

  it('gives up the routes of a host that falls silent when the hold time is over', () => {
    const { network, hosts } = mesh(3, () => ({ holdTimeSeconds: 3 }));
    network.run(20_000);
    network.setLink(hosts[2]!, false);
    network.run(network.now + 1_900);
    expect(routesOf(hosts[0]!)).toHaveProperty(['10.65.3.0/24']);
    network.run(network.now + 1_200);
    expect(Object.keys(routesOf(hosts[0]!)).sort()).toEqual(['10.65.1.0/24', '10.65.2.0/24']);
  });

  it('keeps the routes of a peer whose process restarts, and drops what it does not send again (RFC 4724)', () => {
    const { network, hosts } = mesh(3);
    const addresses = hosts.map(({ address: own }) => own);
    network.run(20_000);
    const seen: Prefix[][] = [];
    network.crash(hosts[2]!);
    network.run(network.now + 5);
    seen.push([...hosts[0]!.forwarding.keys()]);
    start(hosts[2]!, addresses, 2, undefined, true);
    hosts[2]!.tell(
      { type: 'WithdrawOriginated', prefix: prefix('10.65.3.0/24') },
      { type: 'Originate', route: localRoute('10.65.33.0/24') },
    );
    network.runUntil(() => hosts.every(established), 60_000);
    network.run(network.now + 100);
    expect(seen[0]).toContain('10.65.3.0/24');
    expect(Object.keys(routesOf(hosts[0]!)).sort()).toEqual([
      '10.65.1.0/24',
      '10.65.2.0/24',
      '10.65.33.0/24',
    ]);
    expect(hosts[2]!.converged.at(-1)).toMatchObject({ waitedFor: ['10.0.0.1', '10.0.0.2'], gaveUpOn: [] });
  });

  it('gives up the routes of a peer that does not come back within its restart time', () => {
    const { network, hosts } = mesh(2, () => ({ gracefulRestartSeconds: 20 }));
    network.run(20_000);
    network.crash(hosts[1]!);
    network.run(network.now + 19_000);
    expect(routesOf(hosts[0]!)).toHaveProperty(['10.65.2.0/24']);
    network.run(network.now + 2_000);
    expect(Object.keys(routesOf(hosts[0]!))).toEqual(['10.65.1.0/24']);
  });
});

describe('a speaker that restarted (RFC 4724 §4.1)', () => {
  const A = '10.0.0.2';
  const B = '10.0.0.3';
  const restarted = (...peers: Parameters<typeof passivePeer>[]) => {
    const bench = new Bench({ restarting: true }, ...peers.map((args) => passivePeer(...args)));
    bench.tell({ type: 'Originate', route: localRoute('10.65.1.0/24') });
    bench.pass(0);
    return bench;
  };
  const from = (nextHop: string) => ({
    origin: 0 as const,
    asPath: [],
    localPref: 100,
    nextHop: { address: address(nextHop) },
  });

  it('has converged when every peer has sent its End-of-RIB, and sends its own only then', () => {
    const bench = restarted([A], [B]);
    const a = bench.establish(A);
    const b = bench.establish(B);
    bench.received(a, announcement(['10.65.2.0/24'], from(A)), endOfRib());
    expect(bench.outputsOf('Converged')).toEqual([]);
    expect(bench.updates(a)).toEqual(['+10.65.1.0/24']);
    bench.received(b, endOfRib());
    expect(bench.outputsOf('Converged')).toMatchObject([{ waitedFor: [A, B], gaveUpOn: [] }]);
    for (const connection of [a, b]) expect(bench.updates(connection)).toContain('End-of-RIB');
  });

  it('says so in its OPENs until then', () => {
    const bench = restarted([A], [B]);
    const restarting = (connection: ConnectionId) => {
      const open = bench.sent.get(connection)![0]!;
      const found = open.type === 'Open' && open.capabilities.find(({ name }) => name === 'GracefulRestart');
      return found && found.name === 'GracefulRestart' && found.restarting;
    };
    const a = bench.establish(A);
    expect(restarting(a)).toBe(true);
    bench.received(a, endOfRib());
    bench.pass(10_000); // B does not come up
    expect(bench.outputsOf('Converged')).toMatchObject([{ waitedFor: [A], gaveUpOn: [B] }]);
    expect(restarting(bench.establish(B))).toBe(false);
  });

  it('waits for what the kernel says of the next hops: routes that are good would seem unwanted', () => {
    const bench = restarted([A]);
    bench.answers = false;
    const a = bench.establish(A);
    bench.received(a, announcement(['10.65.2.0/24'], from(A)), endOfRib());
    expect(bench.outputsOf('Converged')).toEqual([]);
    expect(bench.updates(a)).not.toContain('End-of-RIB');
    bench.tell({ type: 'NextHop', address: address(A), cost: 0 });
    const types = bench.outputs.map(({ type }) => type);
    expect(types.lastIndexOf('Converged')).toBeGreaterThan(types.lastIndexOf('Forward'));
    expect(bench.routes()).toHaveProperty(['10.65.2.0/24']);
  });

  it('holds the End-of-RIB of a peer back whose policy changes meanwhile', () => {
    const bench = restarted([A], [B], ['10.0.0.4']);
    const a = bench.establish(A);
    const b = bench.establish(B);
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, { exportPolicy: REJECT_ALL }) });
    for (const connection of [a, b]) bench.received(connection, endOfRib());
    expect(bench.updates(a)).not.toContain('End-of-RIB');
    bench.pass(10_000); // the third does not come up
    expect(bench.updates(a)).toContain('End-of-RIB');
  });

  it('waits no longer for a peer that came up and was lost than for one that never came', () => {
    const bench = restarted([A]);
    bench.disconnect(bench.establish(A));
    bench.pass(10_000);
    expect(bench.outputsOf('Converged')).toMatchObject([{ waitedFor: [], gaveUpOn: [A] }]);
  });

  it('waits for nobody at a first start', () => {
    const bench = new Bench({}, passivePeer(A));
    expect(bench.outputsOf('Converged')).toMatchObject([{ waitedFor: [], gaveUpOn: [] }]);
  });
});

describe('configuration', () => {
  const A = '10.0.0.2';
  const starts = (bench: Bench) => bench.outputsOf('Connect').length;
  const active = (changes: Parameters<typeof passivePeer>[1] = {}) =>
    passivePeer(A, { passive: false, ...changes });

  it.each<[string, (bench: Bench) => void]>([
    ['a reset', (bench) => bench.tell({ type: 'Clear', peer: id(A), how: 'reset', text: '' })],
    [
      'another identifier',
      (bench) => bench.tell({ type: 'Configure', speaker: speakerConfig('10.0.0.200') }),
    ],
    [
      'another reason, another address family',
      (bench) =>
        bench.tell({
          type: 'ChangePeer',
          config: active({ heldBack: 'no key', families: ['ipv6'] }),
        }),
    ],
  ])('a peer that is held back is not started by %s', (_name, disturb) => {
    const bench = new Bench({}, active({ heldBack: 'no password' }));
    disturb(bench);
    bench.pass(100_000);
    expect([starts(bench), bench.state(A)]).toEqual([0, 'Idle']);
    expect(bench.closed(bench.accept(A))).toBeDefined();
    bench.tell({ type: 'ChangePeer', config: active() });
    bench.pass(0);
    expect(starts(bench)).toBe(1);
  });

  it('a peer that is held back from now on loses its session, and says why', () => {
    const bench = new Bench({}, passivePeer(A));
    bench.pass(0);
    const connection = bench.establish(A);
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, { heldBack: 'no password' }) });
    expect(bench.notifications(connection)).toEqual(['6/6']);
    bench.pass(100_000);
    expect(bench.view(A)).toMatchObject({ state: 'Idle', lastError: 'no password' });
  });

  it('a peer that waited for the other side connects when it shall not wait any more', () => {
    const bench = new Bench({}, passivePeer(A));
    bench.pass(10_000);
    expect(starts(bench)).toBe(0);
    bench.tell({ type: 'ChangePeer', config: active() });
    bench.pass(0);
    expect(starts(bench)).toBe(1);
  });

  it.each<[string, Parameters<typeof passivePeer>[1]]>([
    ['the AS number', { remoteAs: 65001 }],
    ['our AS number', { localAs: 65001 }],
    ['the source address', { localAddress: address('10.0.0.99') }],
    ['the families', { families: ['ipv4', 'ipv6'] }],
  ])('another session is needed for %s', (_name, changes) => {
    const bench = new Bench({}, passivePeer(A));
    bench.pass(0);
    const connection = bench.establish(A);
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, changes) });
    expect(bench.notifications(connection)).toEqual(['6/6']);
  });

  it.each<[string, Parameters<typeof passivePeer>[1]]>([
    ['policy', { importPolicy: REJECT_ALL, exportPolicy: REJECT_ALL }],
    ['the hold time, which the next OPEN says', { holdTimeSeconds: 30 }],
    ['reflection', { routeReflectorClient: true }],
    ['the next hop', { nextHop: 'self' }],
    ['passive', { passive: false }],
  ])('the session stays for %s', (_name, changes) => {
    const bench = new Bench({}, passivePeer(A));
    bench.pass(0);
    bench.establish(A);
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, changes) });
    expect([bench.state(A), bench.view(A).counters.lost]).toEqual(['Established', 0]);
  });

  it('a peer that is removed and added in one turn starts from nothing', () => {
    const bench = new Bench({}, passivePeer(A));
    bench.pass(0);
    const connection = bench.establish(A);
    const nextHop = { address: address(A) };
    const update = announcement(['10.65.2.0/24'], { origin: 0, asPath: [], localPref: 100, nextHop });
    bench.received(connection, update);
    bench.tell({ type: 'RemovePeer', peer: id(A) }, { type: 'AddPeer', config: passivePeer(A) });
    expect([bench.notifications(connection), bench.routes()]).toEqual([['6/3'], {}]);
    bench.pass(0);
    bench.received(bench.establish(A), update);
    expect(bench.routes()).toEqual({ '10.65.2.0/24': A });
    expect(bench.view(A).routes.ipv4.received).toBe(1);
  });

  it('numbers of removed peers are given out again, and no route of an earlier one is left', () => {
    const bench = new Bench();
    for (let round = 0; round < 5; round++) {
      const peers = ['10.0.0.2', '10.0.0.3', '10.0.0.4'];
      bench.tell(...peers.map((peer) => ({ type: 'AddPeer' as const, config: passivePeer(peer) })));
      bench.pass(0);
      for (const peer of peers) {
        const nextHop = { address: address(peer) };
        const attributes = { origin: 0 as const, asPath: [], localPref: 100, nextHop };
        bench.received(bench.establish(peer), announcement([`10.65.${round}.0/24`], attributes));
      }
      expect(bench.routes()).toEqual({ [`10.65.${round}.0/24`]: peers.join() });
      bench.tell(...peers.map((peer) => ({ type: 'RemovePeer' as const, peer: id(peer) })));
      expect([bench.routes(), bench.speaker.sizes()]).toEqual([
        {},
        {
          prefixes: { ipv4: 0, ipv6: 0 },
          attributeSetsHeard: 0,
          attributeSetsTold: 0,
          nextHops: 0,
          connections: 0,
        },
      ]);
    }
  });
});

describe('the end', () => {
  const A = '10.0.0.2';
  const B = '10.0.0.3';
  const running = () => {
    const bench = new Bench({}, passivePeer(A), passivePeer(B, { gracefulRestartSeconds: 0 }));
    bench.pass(0);
    const [a, b] = [bench.establish(A), bench.establish(B)];
    const nextHop = { address: address(A) };
    bench.received(a, announcement(['10.65.2.0/24'], { origin: 0, asPath: [], localPref: 100, nextHop }));
    bench.clear();
    return { bench, a, b };
  };

  it('as a restart says nothing to peers that agreed to it, and Cease to the others', () => {
    const { bench, a, b } = running();
    bench.tell({ type: 'Stop', how: 'restart' });
    expect([bench.notifications(a), bench.notifications(b)]).toEqual([[], ['6/2']]);
    expect(bench.closed(a)).toMatchObject({ lastOctets: undefined });
  });

  it('as a restart gives that as the reason, not the last error', () => {
    const { bench } = running();
    bench.tell({ type: 'Stop', how: 'restart' });
    const reasons = bench
      .outputsOf('Log')
      .map(({ event }) => event)
      .filter((event) => event.event === 'session' && event.peer === id(A))
      .map((event) => ('reason' in event ? event.reason : undefined));
    expect(reasons).toEqual(['this end restarts']);
  });

  it('as leaving says Cease to all', () => {
    const { bench, a, b } = running();
    bench.tell({ type: 'Stop', how: 'leave' });
    expect([bench.notifications(a), bench.notifications(b)]).toEqual([['6/2'], ['6/2']]);
  });

  it.each(['restart', 'leave'] as const)(
    '(%s) takes no route from the kernel, and nothing starts again',
    (how) => {
      const { bench } = running();
      bench.tell({ type: 'Stop', how });
      bench.tell({ type: 'Clear', peer: id(A), how: 'reset', text: '' });
      bench.pass(300_000);
      expect([bench.outputsOf('Forward'), bench.outputsOf('Connect')]).toEqual([[], []]);
      expect(bench.closed(bench.accept(A))).toBeDefined();
      expect(bench.speaker.nextDeadline()).toBe(NEVER);
    },
  );
});
