import { address, type PathAttributes, type PeerConfig, type Policy, prefix } from 'bgp-utils';
import { announcement, Bench, endOfRib, id, OWN, passivePeer, withdrawal } from '../../../support/bench.ts';
import { localRoute, speakerConfig } from '../../../support/peers.ts';
import { sequence } from '../../../support/rib.ts';

const A = '10.0.0.2';
const B = '10.0.0.3';
const C = '10.0.0.4';

const via = (nextHop: string, changes: Partial<PathAttributes> = {}): PathAttributes => ({
  origin: 0,
  asPath: [],
  localPref: 100,
  nextHop: { address: address(nextHop) },
  ...changes,
});

const external = (other: string, asNumber: number, changes: Partial<PeerConfig> = {}): PeerConfig =>
  passivePeer(other, { remoteAs: asNumber, ...changes });

/** Sessions with all of them are up. */
function up(configs: readonly PeerConfig[], speaker: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(speaker, ...configs);
  bench.pass(0);
  const connections = configs.map(({ address: at, remoteAs }) => bench.establish(at, { asNumber: remoteAs }));
  return { bench, connections };
}

const rejecting = (text: string): Policy => ({
  terms: [
    { name: `not ${text}`, match: { prefixes: [{ prefix: prefix(text) }] }, actions: [], verdict: 'reject' },
  ],
  otherwise: 'accept',
});

describe('routes of peers', () => {
  it('are used once the kernel says that the next hop resolves, and no longer when it does not', () => {
    const { bench, connections } = up([passivePeer(A)]);
    bench.answers = false;
    bench.received(connections[0]!, announcement(['10.65.2.0/24'], via('10.0.0.9')));
    expect(bench.outputsOf('TrackNextHop')).toMatchObject([{ address: '10.0.0.9' }]);
    expect(bench.routes()).toEqual({});
    const cost = (value: number | undefined) =>
      bench.tell({ type: 'NextHop', address: address('10.0.0.9'), cost: value });
    cost(0);
    expect(bench.routes()).toEqual({ '10.65.2.0/24': '10.0.0.9' });
    cost(undefined);
    expect(bench.routes()).toEqual({});
  });

  describe('that move to a next hop of which the kernel has said nothing yet', () => {
    const NEW = '10.0.0.9';
    const moved = () => {
      const { bench, connections } = up([passivePeer(A), passivePeer(B)]);
      const [a, b] = [connections[0]!, connections[1]!];
      bench.received(a, announcement(['10.65.2.0/24'], via(A)));
      bench.clear();
      bench.answers = false;
      bench.received(a, announcement(['10.65.2.0/24'], via(NEW)));
      const answer = (cost: number | undefined) =>
        bench.tell({ type: 'NextHop', address: address(NEW), cost });
      return { bench, a, b, answer };
    };

    it('stay as they were until it is answered, and move then', () => {
      const { bench, answer } = moved();
      expect([bench.routes(), bench.unforwarded]).toEqual([{ '10.65.2.0/24': A }, []]);
      answer(0);
      expect([bench.routes(), bench.unforwarded]).toEqual([{ '10.65.2.0/24': NEW }, []]);
    });

    it('are gone when it does not resolve', () => {
      const { bench, answer } = moved();
      answer(undefined);
      expect([bench.routes(), bench.speaker.counts().routes.ipv4.prefixes]).toEqual([{}, 0]);
    });

    it('are gone when they are withdrawn before', () => {
      const { bench, a, answer } = moved();
      bench.received(a, withdrawal(['10.65.2.0/24']));
      expect(bench.routes()).toEqual({});
      answer(0);
      expect(bench.routes()).toEqual({});
    });

    it('yield at once to what another peer tells, however much worse than before', () => {
      const { bench, b, answer } = moved();
      bench.answers = true;
      bench.received(b, announcement(['10.65.2.0/24'], via(B, { localPref: 1 })));
      expect([bench.routes(), bench.unforwarded]).toEqual([{ '10.65.2.0/24': B }, []]);
      answer(0);
      expect(bench.routes()).toEqual({ '10.65.2.0/24': NEW });
    });

    it('are not taken for those of a peer that comes later', () => {
      const { bench, answer } = moved();
      bench.tell({ type: 'RemovePeer', peer: id(B) });
      bench.tell({ type: 'AddPeer', config: passivePeer(C) });
      const c = bench.establish(C);
      answer(0);
      expect(bench.routes()).toEqual({ '10.65.2.0/24': NEW });
      bench.answers = true;
      bench.received(c, announcement(['10.65.3.0/24'], via(A)));
      expect(bench.routes()).toEqual({ '10.65.2.0/24': NEW, '10.65.3.0/24': A });
    });
  });

  it('withdrawn and announced again in one turn keep their next hop', () => {
    const { bench, connections } = up([passivePeer(A)]);
    bench.received(connections[0]!, announcement(['10.65.2.0/24'], via(A)));
    bench.clear();
    bench.answers = false;
    bench.received(connections[0]!, withdrawal(['10.65.2.0/24']), announcement(['10.65.3.0/24'], via(A)));
    expect([bench.outputsOf('TrackNextHop'), bench.outputsOf('ReleaseNextHop')]).toEqual([[], []]);
    expect(bench.routes()).toEqual({ '10.65.3.0/24': A });
  });

  it('replace what the peer said of the prefix before (RFC 4271 §3.1)', () => {
    const { bench, connections } = up([passivePeer(A)]);
    bench.received(
      connections[0]!,
      announcement(['10.65.2.0/24'], via(A)),
      announcement(['10.65.2.0/24'], via(B)),
    );
    expect(bench.routes()).toEqual({ '10.65.2.0/24': B });
    expect(bench.speaker.counts().routes.ipv4).toEqual({ prefixes: 1, paths: 1, local: 0 });
  });

  it('equal ones are used together, and the better one alone', () => {
    const { bench, connections } = up([passivePeer(A), passivePeer(B)]);
    for (const [i, peer] of [A, B].entries())
      bench.received(connections[i]!, announcement(['10.65.2.0/24'], via(peer)));
    expect(bench.routes()).toEqual({ '10.65.2.0/24': `${A},${B}` });
    bench.received(connections[1]!, announcement(['10.65.2.0/24'], via(B, { localPref: 200 })));
    expect(bench.routes()).toEqual({ '10.65.2.0/24': B });
  });

  it('go with the session, where graceful restart does not keep them', () => {
    const { bench, connections } = up([passivePeer(A, { gracefulRestartSeconds: 0 })]);
    bench.received(connections[0]!, announcement(['10.65.2.0/24'], via(A)));
    bench.disconnect(connections[0]!);
    expect(bench.routes()).toEqual({});
    expect(bench.speaker.sizes()).toMatchObject({
      prefixes: { ipv4: 0 },
      attributeSetsHeard: 0,
      nextHops: 0,
    });
  });

  it('that are made here come before all others', () => {
    const { bench, connections } = up([passivePeer(A)]);
    bench.received(connections[0]!, announcement(['10.65.2.0/24'], via(A, { localPref: 900 })));
    bench.tell({ type: 'Originate', route: localRoute('10.65.2.0/24') });
    expect(bench.routes()).toEqual({ '10.65.2.0/24': 'blackhole' });
    bench.tell({ type: 'Originate', route: { ...localRoute('10.65.2.0/24'), kernel: 'none' } });
    expect(bench.routes()).toEqual({});
    bench.tell({ type: 'WithdrawOriginated', prefix: prefix('10.65.2.0/24') });
    expect(bench.routes()).toEqual({ '10.65.2.0/24': A });
  });

  it('that are made here are counted as long as they are', () => {
    const bench = new Bench();
    const local = () => bench.speaker.counts().routes.ipv4.local;
    bench.tell({ type: 'Originate', route: localRoute('10.65.2.0/24') });
    expect(local()).toBe(1);
    bench.tell({ type: 'WithdrawOriginated', prefix: prefix('10.65.2.0/24') });
    expect(local()).toBe(0);
  });

  it('that differ in their degree of preference only are told to the kernel again', () => {
    const { bench, connections } = up([passivePeer(A)]);
    for (const localPref of [100, 200]) {
      bench.received(connections[0]!, announcement(['10.65.2.0/24'], via(A, { localPref })));
      expect(bench.forwarding.get(prefix('10.65.2.0/24'))).toMatchObject({ localPref });
    }
  });

  it('are used together up to a number that may change', () => {
    const { bench, connections } = up([passivePeer(A), passivePeer(B)]);
    for (const [i, peer] of [A, B].entries())
      bench.received(connections[i]!, announcement(['10.65.2.0/24'], via(peer)));
    for (const maxPaths of [1, 2]) {
      bench.tell({ type: 'Configure', speaker: speakerConfig(OWN, { maxPaths }) });
      expect(bench.routes()).toEqual({ '10.65.2.0/24': maxPaths === 1 ? A : `${A},${B}` });
    }
  });

  it('that the rules refuse are kept and counted, and used when the rules change', () => {
    const { bench, connections } = up([external(A, 65001)]);
    bench.received(
      connections[0]!,
      announcement(['10.65.2.0/24'], via(A, { asPath: sequence(65001, 64512) }), 'external'),
    );
    const counts = () => bench.view(A).routes.ipv4;
    expect([counts(), bench.routes()]).toEqual([{ received: 1, accepted: 0, advertised: 0, stale: 0 }, {}]);
    const reason = () => [...bench.speaker.routes('ipv4')][0]!.reason;
    expect(reason()).toContain('AS_PATH loop');
    bench.tell({ type: 'ChangePeer', config: external(A, 65001, { allowLocalAs: 1 }) });
    expect([counts().accepted, bench.routes()]).toEqual([1, { '10.65.2.0/24': A }]);
    bench.tell({
      type: 'ChangePeer',
      config: external(A, 65001, { allowLocalAs: 1, importPolicy: rejecting('10.65.2.0/24') }),
    });
    expect([counts().accepted, bench.routes(), reason()]).toEqual([0, {}, 'import policy: not 10.65.2.0/24']);
  });
});

describe('what peers are told', () => {
  it('the table, then End-of-RIB, then what changes', () => {
    const bench = new Bench({}, passivePeer(A));
    bench.tell({ type: 'Originate', route: localRoute('10.65.1.0/24') });
    const connection = bench.establish(A);
    expect(bench.updates(connection)).toEqual(['+10.65.1.0/24', 'End-of-RIB']);
    bench.tell({ type: 'Originate', route: localRoute('10.65.9.0/24') });
    bench.tell({ type: 'WithdrawOriginated', prefix: prefix('10.65.1.0/24') });
    expect(bench.updates(connection).slice(2)).toEqual(['+10.65.9.0/24', '-10.65.1.0/24']);
  });

  it('the table first, even where a socket has room before the turn ends', () => {
    const bench = new Bench({}, passivePeer(A));
    bench.tell({ type: 'Originate', route: localRoute('10.65.1.0/24') });
    const connection = bench.accept(A);
    bench.open(connection, A);
    const octets = Uint8Array.from([...Array(16).fill(255), 0, 19, 4]);
    bench.speaker.handle({ type: 'Received', connection, octets }, bench.now);
    bench.transmit(connection);
    bench.turn();
    expect(bench.updates(connection)).toEqual(['+10.65.1.0/24', 'End-of-RIB']);
  });

  it('nothing that changed back within a turn', () => {
    const { bench, connections } = up([passivePeer(A)]);
    bench.clear();
    bench.tell(
      { type: 'Originate', route: localRoute('10.65.1.0/24') },
      { type: 'WithdrawOriginated', prefix: prefix('10.65.1.0/24') },
    );
    expect(bench.updates(connections[0]!)).toEqual([]);
  });

  it('not their own routes; and when their route becomes the best, the one that they had is withdrawn', () => {
    const { bench, connections } = up([external(A, 65001), external(B, 65002)]);
    const [a, b] = connections;
    bench.received(a!, announcement(['10.65.2.0/24'], via(A, { asPath: sequence(65001) }), 'external'));
    bench.clear();
    bench.received(
      b!,
      announcement(['10.65.2.0/24'], via(B, { asPath: sequence(65002), origin: 0 }), 'external'),
    );
    expect([bench.updates(a!), bench.updates(b!)]).toEqual([[], []]); // A is still the best
    bench.received(a!, announcement(['10.65.2.0/24'], via(A, { asPath: sequence(65001, 1) }), 'external'));
    expect([bench.updates(a!), bench.updates(b!)]).toEqual([['+10.65.2.0/24'], ['-10.65.2.0/24']]);
  });

  it('what a change of policy makes of it', () => {
    const { bench, connections } = up([passivePeer(A), passivePeer(B)]);
    for (const text of ['10.65.1.0/24', '10.65.2.0/24'])
      bench.tell({ type: 'Originate', route: localRoute(text) });
    bench.clear();
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, { exportPolicy: rejecting('10.65.1.0/24') }) });
    expect(bench.updates(connections[0]!).filter((text) => text.startsWith('-'))).toEqual(['-10.65.1.0/24']);
    expect(bench.updates(connections[1]!)).toEqual([]);
    const reasons = [...bench.speaker.advertisedTo(id(A), 'ipv4')].map(({ reason }) => reason);
    expect(reasons).toEqual(['export policy: not 10.65.1.0/24', undefined]);
    bench.clear();
    bench.tell({ type: 'ChangePeer', config: passivePeer(A) });
    expect(bench.updates(connections[0]!)).toContain('+10.65.1.0/24');
  });

  it('all once more, when they or an operator ask (RFC 2918)', () => {
    const { bench, connections } = up([passivePeer(A), passivePeer(B)]);
    bench.tell({ type: 'Originate', route: localRoute('10.65.1.0/24') });
    bench.clear();
    const refresh = Uint8Array.from([...Array(16).fill(255), 0, 23, 5, 0, 1, 0, 1]);
    bench.received(connections[0]!, refresh);
    expect(bench.updates(connections[0]!)).toEqual(['+10.65.1.0/24']);
    bench.tell({ type: 'Clear', peer: id(B), how: 'soft-out', text: '' });
    expect(bench.updates(connections[1]!)).toEqual(['+10.65.1.0/24']);
    bench.tell({ type: 'Clear', peer: id(B), how: 'soft-in', text: '' });
    expect(bench.sent.get(connections[1]!)!.at(-1)).toMatchObject({ type: 'RouteRefresh', afi: 1, safi: 1 });
  });

  it('no IPv4 route with an IPv6 next hop, which they have not asked for (RFC 8950 §4)', () => {
    const own = address('fd00::1');
    const peer = passivePeer('fd00::2', { localAddress: own, families: ['ipv4', 'ipv6'] });
    const bench = new Bench({}, peer);
    bench.tell({ type: 'Originate', route: localRoute('10.65.1.0/24') });
    const connection = bench.speaker.newConnectionId();
    bench.pass(0);
    bench.tell({
      type: 'Accepted',
      connection,
      remoteAddress: peer.address,
      remotePort: 1,
      localAddress: own,
      localPort: 179,
    });
    bench.open(connection, A);
    bench.keepAlive(connection);
    expect(bench.updates(connection)).toEqual(['End-of-RIB']);
    const [view] = [...bench.speaker.advertisedTo(peer.peer, 'ipv4')];
    expect(view).toMatchObject({ attributes: undefined, reason: expect.stringContaining('RFC 8950') });
  });
});

describe('reflection (RFC 4456)', () => {
  const reflector = { clusterId: address('1.1.1.1') };
  const client = { routeReflectorClient: true };
  it('a peer that becomes a client is heard by the others, and hears them', () => {
    const { bench, connections } = up([passivePeer(A), passivePeer(B), passivePeer(C)], reflector);
    const [a, b, c] = connections;
    bench.received(a!, announcement(['10.65.2.0/24'], via(A)));
    bench.received(b!, announcement(['10.65.3.0/24'], via(B)));
    expect([a, b, c].map((each) => bench.updates(each!))).toEqual([
      ['End-of-RIB'],
      ['End-of-RIB'],
      ['End-of-RIB'],
    ]);
    bench.clear();
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, client) });
    expect([a, b, c].map((each) => bench.updates(each!))).toEqual([
      ['+10.65.3.0/24'],
      ['+10.65.2.0/24'],
      ['+10.65.2.0/24'],
    ]);
    bench.clear();
    bench.tell({ type: 'ChangePeer', config: passivePeer(A) });
    expect([a, b, c].map((each) => bench.updates(each!))).toEqual([
      ['-10.65.3.0/24'],
      ['-10.65.2.0/24'],
      ['-10.65.2.0/24'],
    ]);
  });

  it('names the originator of each route, also where routes of two are alike', () => {
    const clients = [passivePeer(A, client), passivePeer(B, client), passivePeer(C)];
    const { bench, connections } = up(clients, reflector);
    const octets = ['10.65.2.0/24', '10.65.3.0/24'].map((text) => announcement([text], via('10.0.0.50')));
    bench.tell(
      { type: 'Received', connection: connections[0]!, octets: octets[0]! },
      { type: 'Received', connection: connections[1]!, octets: octets[1]! },
    );
    const told = [...bench.told(connections[2]!)].map(([at, { originatorId }]) => `${at} ${originatorId}`);
    expect(told.sort()).toEqual([`10.65.2.0/24 ${A}`, `10.65.3.0/24 ${B}`]);
  });

  it('starts and ends with the cluster id', () => {
    const { bench, connections } = up([passivePeer(A, client), passivePeer(B, client)]);
    bench.received(connections[0]!, announcement(['10.65.2.0/24'], via(A)));
    bench.clear();
    const configure = (clusterId: typeof reflector.clusterId | undefined) => {
      const speaker = {
        asNumber: 64512,
        bgpIdentifier: OWN,
        clusterId,
        restarting: false,
        maxPaths: 16,
        deferralSeconds: 10,
      };
      bench.tell({ type: 'Configure', speaker });
    };
    configure(reflector.clusterId);
    expect(bench.updates(connections[1]!)).toEqual(['+10.65.2.0/24']);
    configure(undefined);
    expect(bench.updates(connections[1]!)).toEqual(['+10.65.2.0/24', '-10.65.2.0/24']);
  });
});

describe('routes of a peer that restarts (RFC 4724 §4.2)', () => {
  const lost = () => {
    const { bench, connections } = up([passivePeer(A), passivePeer(B)]);
    bench.received(connections[0]!, announcement(['10.65.2.0/24', '10.65.3.0/24'], via(A)), endOfRib());
    bench.pass(30_000);
    bench.clear();
    bench.disconnect(connections[0]!);
    return bench;
  };
  const both = { '10.65.2.0/24': `${A} stale`, '10.65.3.0/24': `${A} stale` };

  it('stay, and nobody else is told anything', () => {
    const bench = lost();
    expect(bench.routes()).toEqual(both);
    expect(bench.view(A).routes.ipv4).toMatchObject({ received: 2, stale: 2 });
    expect(bench.outputsOf('Transmit')).toEqual([]);
  });

  it('stay until the End-of-RIB, and then only what came again', () => {
    const bench = lost();
    bench.pass(0);
    const connection = bench.establish(A);
    bench.received(connection, announcement(['10.65.2.0/24'], via(A)));
    expect(bench.routes()).toEqual({ ...both, '10.65.2.0/24': A });
    bench.received(connection, endOfRib());
    expect(bench.routes()).toEqual({ '10.65.2.0/24': A });
    expect(bench.view(A).routes.ipv4).toMatchObject({ received: 1, stale: 0 });
  });

  it('go when it does not come back within its restart time', () => {
    const bench = lost();
    bench.pass(59_999);
    expect(bench.routes()).toEqual(both);
    bench.pass(1);
    expect(bench.routes()).toEqual({});
  });

  it('go when it comes back with a NOTIFICATION', () => {
    const bench = lost();
    bench.pass(0);
    const connection = bench.establish(A);
    bench.received(connection, Uint8Array.from([...Array(16).fill(255), 0, 21, 3, 6, 2]));
    expect(bench.routes()).toEqual({});
  });

  it('go when it is lost again before it sent them, once the first restart time is over', () => {
    const bench = lost();
    bench.pass(0);
    const connection = bench.establish(A);
    bench.received(connection, announcement(['10.65.2.0/24'], via(A)));
    bench.pass(61_000);
    bench.disconnect(connection);
    expect(bench.routes()).toEqual({ '10.65.2.0/24': `${A} stale` });
  });

  it('go when another speaker answers at its address', () => {
    const bench = lost();
    bench.pass(0);
    const connection = bench.accept(A);
    bench.open(connection, '10.0.0.77');
    bench.keepAlive(connection);
    expect(bench.routes()).toEqual({});
  });

  it('go when the peer is removed', () => {
    const bench = lost();
    bench.tell({ type: 'RemovePeer', peer: id(A) });
    expect(bench.routes()).toEqual({});
    expect(bench.speaker.nextDeadline()).toBeLessThan(bench.now + 30_001); // B's KEEPALIVE; no restart timer is left
  });
});
