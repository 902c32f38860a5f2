// What stays when nobody is left who could tell (docs/decisions/0030-fail-static.md), rule by rule. Two reflectors, and hosts behind them;
// where a test is about the mesh, the hosts are peers themselves.

import {
  type Address,
  address,
  encodeMessage,
  INITIAL_CONTEXT,
  notification,
  type OriginCheckConfig,
  type PathAttributes,
  type PeerConfig,
  prefix,
  type SpeakerConfig,
} from 'bgp-utils';
import {
  announcement,
  Bench,
  endOfRib,
  id,
  OWN,
  passivePeer,
  restartCapability,
  withdrawal,
} from '../../../support/bench.ts';
import { localRoute, peerConfig, speakerConfig } from '../../../support/peers.ts';
import { sequence } from '../../../support/rib.ts';

const R1 = '10.0.0.11';
const R2 = '10.0.0.12';
const TOR = '10.0.0.254';
const A = '10.0.0.2';
const B = '10.0.0.3';
const BLOCK_A = '10.65.2.0/26';
const BLOCK_B = '10.65.3.0/26';
const OUTSIDE = '192.0.2.0/24';

const RETURN_MS = 120_000;

const node = (name: string, at: string) => ({
  name,
  addresses: [address(at) as Address],
  identifier: address(at) as Address,
  asNumber: 64512,
});
const holders = (changes: Partial<OriginCheckConfig> = {}): OriginCheckConfig => ({
  enforce: false,
  pools: [prefix('10.65.0.0/16')],
  blocks: [
    { prefix: prefix(BLOCK_A), holders: ['a'] },
    { prefix: prefix(BLOCK_B), holders: ['b'] },
  ],
  nodes: [node('a', A), node('b', B)],
  ...changes,
});
const ON: Partial<SpeakerConfig> = { failStatic: true, originCheck: holders() };

const via = (nextHop: string, changes: Partial<PathAttributes> = {}): PathAttributes => ({
  origin: 0,
  asPath: [],
  localPref: 100,
  nextHop: { address: address(nextHop) },
  ...changes,
});

/** A NOTIFICATION ends the routes of a session: nothing else keeps them. */
const CEASE = encodeMessage(notification(6, 2, new Uint8Array(0)), INITIAL_CONTEXT);

class Cluster extends Bench {
  readonly up = new Map<string, ReturnType<Bench['establish']>>();

  /** The peer has a session, tells these routes, and says that it has told all. */
  back(peer: string, routes: Readonly<Record<string, string>>, complete = true): void {
    const external = this.view(peer).config.remoteAs !== 64512;
    const connection = this.establish(
      peer,
      external ? { asNumber: this.view(peer).config.remoteAs } : undefined,
    );
    this.up.set(peer, connection);
    for (const [at, nextHop] of Object.entries(routes)) this.say(peer, at, nextHop);
    if (complete) this.received(connection, endOfRib());
  }

  say(peer: string, at: string, nextHop: string): void {
    const { remoteAs } = this.view(peer).config;
    const attributes =
      remoteAs === 64512
        ? via(nextHop)
        : { ...via(nextHop), localPref: undefined, asPath: sequence(remoteAs, 65009) };
    this.received(
      this.up.get(peer)!,
      announcement([at], attributes as PathAttributes, remoteAs === 64512 ? 'internal' : 'external'),
    );
  }

  cease(...peers: readonly string[]): void {
    for (const peer of peers) this.received(this.up.get(peer)!, CEASE);
  }

  /** Time passes, and these peers send KEEPALIVEs. */
  live(ms: number, ...peers: readonly string[]): void {
    for (let passed = 0; passed < ms; passed += 10_000) {
      this.pass(Math.min(10_000, ms - passed));
      for (const peer of peers) this.keepAlive(this.up.get(peer)!);
    }
  }
}

const HOSTS = { [BLOCK_A]: A, [BLOCK_B]: B, [OUTSIDE]: A };

/** Both reflectors are up and tell of all hosts. */
function reflected(changes: Partial<SpeakerConfig> = ON, ...more: readonly PeerConfig[]): Cluster {
  const cluster = new Cluster(changes, passivePeer(R1), passivePeer(R2), ...more);
  cluster.back(R1, HOSTS);
  cluster.back(R2, HOSTS);
  return cluster;
}

const ALL = { [BLOCK_A]: A, [BLOCK_B]: B };
const HELD = { [BLOCK_A]: `${A} stale`, [BLOCK_B]: `${B} stale` };

describe('what is kept', () => {
  it('one reflector is lost: all moves to the other, and nothing is kept', () => {
    const cluster = reflected();
    cluster.cease(R1);
    expect(cluster.routes()).toEqual({ ...ALL, [OUTSIDE]: A });
    expect(cluster.speaker.counts().held).toEqual({ ipv4: 0, ipv6: 0 });
  });

  it('both are lost by Cease: what the datastore confirms stays, stale; what it does not know goes', () => {
    const cluster = reflected();
    cluster.cease(R1, R2);
    expect(cluster.routes()).toEqual(HELD);
    expect(cluster.speaker.counts().held).toEqual({ ipv4: 2, ipv6: 0 });
    const views = [...cluster.speaker.routes('ipv4', prefix(BLOCK_A))];
    expect(views).toMatchObject([
      { source: R2, best: true, staleReason: expect.stringMatching(/^fail static/) },
    ]);
    expect(cluster.events('fail-static')).toEqual([
      { event: 'fail-static', step: 'kept', peer: R2, family: 'ipv4', routes: 2, reason: '' },
    ]);
    cluster.pass(30 * 24 * 3_600_000);
    expect(cluster.routes()).toEqual(HELD);
  });

  it.each([
    [
      'a Hard Reset',
      (bench: Cluster) => {
        const octets = encodeMessage(notification(6, 9, Uint8Array.of(6, 4)), INITIAL_CONTEXT);
        for (const peer of [R1, R2]) bench.received(bench.up.get(peer)!, octets);
      },
    ],
    ['the hold timer', (bench: Cluster) => bench.pass(90_000)],
    [
      'hold timers a keepalive interval apart, although the other session is still up then',
      (bench: Cluster) => {
        bench.pass(29_000);
        bench.keepAlive(bench.up.get(R2)!);
        bench.pass(90_000);
      },
    ],
    [
      'the restart time after broken connections',
      (bench: Cluster) => {
        for (const peer of [R1, R2]) bench.disconnect(bench.up.get(peer)!);
        bench.pass(60_000);
      },
    ],
    [
      'an operator’s reset',
      (bench: Cluster) => {
        for (const peer of [R1, R2]) bench.tell({ type: 'Clear', peer: id(peer), how: 'reset', text: '' });
      },
    ],
  ] as const)('they are lost by %s', (_name, lose) => {
    const cluster = reflected();
    lose(cluster);
    expect(cluster.routes()).toEqual(HELD);
  });

  it('off, and without block affinities, the RFC holds: nothing stays', () => {
    for (const config of [{ originCheck: holders() }, { failStatic: true }]) {
      const cluster = reflected(config);
      cluster.cease(R1, R2);
      expect(cluster.routes()).toEqual({});
    }
  });

  it('the origin check may be off: routes are not judged, and confirmed all the same', () => {
    const cluster = reflected({ failStatic: true, originCheck: holders({ silent: true }) });
    const [view] = cluster.speaker.routes('ipv4', prefix(BLOCK_A));
    expect(view?.origin).toBeUndefined();
    cluster.cease(R1, R2);
    expect(cluster.routes()).toEqual(HELD);
  });

  it('what is kept is judged and imported anew like any route, and stays told to nobody', () => {
    const cluster = reflected();
    cluster.cease(R1, R2);
    const configure = (originCheck: OriginCheckConfig) =>
      cluster.tell({ type: 'Configure', speaker: speakerConfig(OWN, { ...ON, originCheck }) });
    configure(holders({ enforce: true }));
    configure(holders({ enforce: true, silent: true }));
    configure(holders({ blocks: [...holders().blocks, { prefix: prefix('10.65.7.0/26'), holders: ['a'] }] }));
    cluster.tell({ type: 'ChangePeer', config: passivePeer(R2, { allowLocalAs: 1 }) });
    expect(cluster.routes()).toEqual(HELD);
    const [view] = cluster.speaker.routes('ipv4', prefix(BLOCK_A));
    expect(view?.attributes.communities).toEqual([0xffffff02]);
    expect(cluster.unforwarded).toEqual([OUTSIDE]);
  });

  it.each([
    ['a block of another node', BLOCK_A, B],
    ['a single address that somebody may have borrowed', '10.65.2.7/32', B],
    ['a block that nobody holds', '10.65.99.0/26', A],
    ['a next hop that no node has any more', BLOCK_A, '10.0.0.99'],
  ])('%s is not confirmed', (_name, at, nextHop) => {
    const cluster = new Cluster(ON, passivePeer(R1));
    cluster.back(R1, { [at]: nextHop });
    cluster.cease(R1);
    expect(cluster.routes()).toEqual({});
  });

  it('a single address from the node that holds its block is', () => {
    const cluster = new Cluster(ON, passivePeer(R1));
    cluster.back(R1, { '10.65.2.7/32': A });
    cluster.cease(R1);
    expect(cluster.routes()).toEqual({ '10.65.2.7/32': `${A} stale` });
  });

  it('routers of other ASes put themselves in as next hop: the block counts, as long as its node exists', () => {
    const cluster = new Cluster(ON, passivePeer(TOR, { remoteAs: 65001 }));
    cluster.back(TOR, { [BLOCK_A]: TOR, [BLOCK_B]: TOR });
    cluster.cease(TOR);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${TOR} stale`, [BLOCK_B]: `${TOR} stale` });
    const originCheck = holders({ nodes: [node('a', A)] });
    cluster.tell({ type: 'Configure', speaker: speakerConfig(OWN, { ...ON, originCheck }) });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${TOR} stale` });
  });

  it('a router of the rack that lives says nothing of what the reflectors told', () => {
    const cluster = reflected(ON, passivePeer(TOR, { remoteAs: 65001 }));
    cluster.back(TOR, { '198.51.100.0/24': TOR });
    cluster.cease(R1, R2);
    expect(cluster.routes()).toEqual({ ...HELD, '198.51.100.0/24': TOR });
    cluster.live(RETURN_MS + 60_000, TOR);
    expect(cluster.routes()).toEqual({ ...HELD, '198.51.100.0/24': TOR });
  });

  it('a workload that lives says nothing of what a router told', () => {
    const workload = '10.65.0.9';
    const cluster = new Cluster(
      ON,
      passivePeer(TOR, { remoteAs: 65001 }),
      passivePeer(workload, { remoteAs: 65002, leaf: true }),
    );
    cluster.back(TOR, { [BLOCK_A]: TOR });
    cluster.back(workload, {});
    cluster.cease(TOR);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${TOR} stale` });
  });

  it('nor that there is no such route: what it withdraws is its own', () => {
    const workload = '10.65.0.9';
    const cluster = new Cluster(
      ON,
      passivePeer(TOR, { remoteAs: 65001 }),
      passivePeer(workload, { remoteAs: 65002, leaf: true }),
    );
    cluster.back(TOR, { [BLOCK_A]: TOR });
    cluster.back(workload, {});
    cluster.cease(TOR);
    cluster.received(cluster.up.get(workload)!, withdrawal([BLOCK_A]));
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${TOR} stale` });
  });

  it('what another peer tells is that peer’s, and is not kept twice', () => {
    const cluster = new Cluster(ON, passivePeer(R1), passivePeer(TOR, { remoteAs: 65001 }));
    cluster.back(R1, { [BLOCK_A]: A, [BLOCK_B]: B });
    cluster.back(TOR, { [BLOCK_A]: TOR });
    cluster.cease(R1);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: TOR, [BLOCK_B]: `${B} stale` });
  });
});

describe('what is told afterwards', () => {
  it('is judged by itself, whatever was asked of a route that went', () => {
    const cluster = new Cluster(
      { failStatic: true, originCheck: holders({ enforce: true }) },
      passivePeer(R1),
      passivePeer(TOR, { remoteAs: 65001 }),
    );
    cluster.back(R1, { [BLOCK_A]: A, '10.65.9.0/26': B }); // the second is nobody’s block
    cluster.back(TOR, {});
    cluster.cease(R1);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale` });
    cluster.up.set(R1, cluster.establish(R1));
    const wrong = announcement([BLOCK_B], via(A, { multiExitDisc: 7 }));
    cluster.received(cluster.up.get(R1)!, wrong);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale` });
  });
});

describe('a mesh', () => {
  const mesh = () => {
    const cluster = new Cluster(ON, passivePeer(A), passivePeer(B));
    cluster.back(A, { [BLOCK_A]: A });
    cluster.back(B, { [BLOCK_B]: B });
    return cluster;
  };

  it('a host that dies is out of use within the hold time while another lives', () => {
    const cluster = mesh();
    cluster.live(90_000, B);
    expect(cluster.routes()).toEqual({ [BLOCK_B]: B });
  });

  it('all fall silent at once, their hold timers end one after the other, and all stays', () => {
    const cluster = mesh();
    cluster.pass(25_000);
    cluster.keepAlive(cluster.up.get(B)!);
    cluster.pass(65_000);
    expect(cluster.state(B)).toBe('Established');
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale`, [BLOCK_B]: B });
    cluster.pass(25_000);
    expect(cluster.state(B)).not.toBe('Established');
    cluster.pass(3_600_000);
    expect(cluster.routes()).toEqual(HELD);
  });

  it('of two hosts the other one stays in use: nobody else has its block', () => {
    const cluster = new Cluster(ON, passivePeer(A));
    cluster.back(A, { [BLOCK_A]: A });
    cluster.pass(90_000);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale` });
  });

  it('comes back host by host: who is not back in time goes', () => {
    const cluster = mesh();
    cluster.cease(A, B); // B was there when A said it, so that A's goes
    cluster.back(A, { [BLOCK_A]: A });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A, [BLOCK_B]: `${B} stale` });
    cluster.live(RETURN_MS - 1000, A);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A, [BLOCK_B]: `${B} stale` });
    cluster.live(1000, A);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A });
  });
});

describe('what ends it', () => {
  const held = () => {
    const cluster = reflected();
    cluster.cease(R1, R2);
    cluster.clear();
    return cluster;
  };

  it('a live peer that tells the route: fresh at once, without a moment in between', () => {
    const cluster = held();
    cluster.back(R1, ALL);
    expect(cluster.routes()).toEqual(ALL);
    expect(cluster.speaker.counts().held.ipv4).toBe(0);
    expect(cluster.unforwarded).toEqual([]);
    expect(cluster.events('fail-static').map(({ step }) => step)).toEqual(['over']);
  });

  it('a live peer that tells it and takes it back: gone at once, whoever had told it before', () => {
    const cluster = held();
    cluster.back(R1, { [BLOCK_A]: A }, false);
    cluster.received(cluster.up.get(R1)!, withdrawal([BLOCK_A, BLOCK_B]));
    expect(cluster.routes()).toEqual({});
  });

  it('a live peer that has said all, and the time for the hosts behind it: what is not told again goes', () => {
    const cluster = held();
    cluster.back(R1, { [BLOCK_A]: A });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A, [BLOCK_B]: `${B} stale` });
    cluster.live(RETURN_MS, R1);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A });
    expect(cluster.events('fail-static').at(-2)).toMatchObject({ step: 'removed', peer: R2, routes: 1 });
  });

  it('not one that is up and has not said all', () => {
    const cluster = held();
    cluster.back(R1, {}, false);
    cluster.live(100_000, R1);
    cluster.cease(R1);
    cluster.live(RETURN_MS);
    expect(cluster.routes()).toEqual(HELD);
  });

  it('one that never says so is taken to have said all after a while', () => {
    const cluster = held();
    cluster.back(R1, {}, false);
    cluster.live(120_000 + RETURN_MS - 1000, R1);
    expect(cluster.routes()).toEqual(HELD);
    cluster.live(2000, R1);
    expect(cluster.routes()).toEqual({});
  });

  it('one without End-of-RIB (no graceful restart) after ten seconds', () => {
    const cluster = held();
    const capabilities = [
      { name: 'Multiprotocol', afi: 1, safi: 1 },
      { name: 'FourOctetAs', asNumber: 64512 },
    ] as const;
    cluster.up.set(R1, cluster.establish(R1, { capabilities }));
    cluster.live(10_000 + RETURN_MS - 1000, R1);
    expect(cluster.routes()).toEqual(HELD);
    cluster.live(2000, R1);
    expect(cluster.routes()).toEqual({});
  });

  it('a reflector that comes back empty and dies again changes nothing', () => {
    const cluster = held();
    for (let round = 0; round < 3; round++) {
      cluster.back(R1, {});
      cluster.live(60_000, R1);
      cluster.cease(R1);
    }
    cluster.pass(3_600_000);
    expect(cluster.routes()).toEqual(HELD);
  });

  it('the block is another node’s, or nobody’s, in the datastore', () => {
    const cluster = held();
    const blocks = [{ prefix: prefix(BLOCK_A), holders: ['b'] }];
    cluster.tell({
      type: 'Configure',
      speaker: speakerConfig(OWN, { ...ON, originCheck: holders({ blocks }) }),
    });
    expect(cluster.routes()).toEqual({});
    expect(cluster.events('fail-static')[0]).toMatchObject({ step: 'removed', routes: 2 });
  });

  it('the node is gone from the datastore, or has another address', () => {
    const cluster = held();
    const nodes = [node('b', '10.0.0.33')];
    cluster.tell({
      type: 'Configure',
      speaker: speakerConfig(OWN, { ...ON, originCheck: holders({ nodes }) }),
    });
    expect(cluster.routes()).toEqual({});
  });

  it('the annotation', () => {
    const cluster = held();
    cluster.tell({ type: 'Configure', speaker: speakerConfig(OWN, { originCheck: holders() }) });
    expect(cluster.routes()).toEqual({});
    expect(cluster.events('fail-static')[0]).toMatchObject({ reason: 'mesos-bgp/fail-static is off' });
  });

  it('an own route to the same prefix', () => {
    const cluster = held();
    cluster.tell({ type: 'Originate', route: localRoute(BLOCK_A) });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: 'blackhole', [BLOCK_B]: `${B} stale` });
    cluster.tell({ type: 'WithdrawOriginated', prefix: prefix(BLOCK_A) });
    expect(cluster.routes()).toEqual({ [BLOCK_B]: `${B} stale` });
  });

  it('no peer is configured any more', () => {
    const cluster = held();
    cluster.tell({ type: 'RemovePeer', peer: id(R1) }, { type: 'RemovePeer', peer: id(R2) });
    expect(cluster.routes()).toEqual({});
    expect(cluster.speaker.sizes()).toMatchObject({ attributeSetsHeard: 0, nextHops: 0 });
  });
});

describe('peers that are replaced', () => {
  const R3 = '10.0.0.13';

  it('new reflectors in place of dead or living ones: routes stay until the new ones have told theirs', () => {
    for (const dead of [true, false]) {
      const cluster = reflected();
      if (dead) cluster.cease(R1, R2);
      cluster.clear();
      cluster.tell(
        { type: 'RemovePeer', peer: id(R1) },
        { type: 'RemovePeer', peer: id(R2) },
        { type: 'AddPeer', config: passivePeer(R3) },
      );
      expect(cluster.routes()).toEqual(HELD);
      cluster.pass(600_000);
      cluster.back(R3, { [BLOCK_A]: A });
      cluster.live(RETURN_MS, R3);
      expect(cluster.routes()).toEqual({ [BLOCK_A]: A });
      expect(cluster.unforwarded.sort()).toEqual(dead ? [BLOCK_B] : [BLOCK_B, OUTSIDE]);
    }
  });

  it('one that is removed while another speaks takes its routes along', () => {
    const cluster = new Cluster(ON, passivePeer(A), passivePeer(B));
    cluster.back(A, { [BLOCK_A]: A });
    cluster.back(B, { [BLOCK_B]: B });
    cluster.tell({ type: 'RemovePeer', peer: id(B) });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A });
  });

  it('their numbers are used again, and nothing of them is left', () => {
    const cluster = reflected();
    cluster.tell(
      { type: 'RemovePeer', peer: id(R1) },
      { type: 'RemovePeer', peer: id(R2) },
      { type: 'AddPeer', config: passivePeer(R3) },
    );
    cluster.back(R3, ALL);
    cluster.turn();
    cluster.tell({ type: 'AddPeer', config: passivePeer(R1) });
    cluster.back(R1, { [OUTSIDE]: A });
    expect(cluster.routes()).toEqual({ ...ALL, [OUTSIDE]: A });
    expect([...cluster.speaker.routes('ipv4')].map(({ source }) => source).sort()).toEqual([R1, R3, R3]);
  });

  it('one that is held back for its password keeps what it told', () => {
    const cluster = new Cluster(ON, passivePeer(R1));
    cluster.back(R1, ALL);
    cluster.tell({ type: 'ChangePeer', config: passivePeer(R1, { heldBack: 'password is missing' }) });
    expect(cluster.routes()).toEqual(HELD);
  });
});

describe('with graceful restart', () => {
  it('a reflector that returns without its forwarding state does not empty the table', () => {
    const cluster = new Cluster(ON, passivePeer(R1));
    cluster.back(R1, ALL);
    cluster.disconnect(cluster.up.get(R1)!);
    const capabilities = [
      { name: 'Multiprotocol', afi: 1, safi: 1 },
      { name: 'FourOctetAs', asNumber: 64512 },
      restartCapability({ preserved: false }),
    ] as const;
    cluster.clear();
    cluster.up.set(R1, cluster.establish(R1, { capabilities }));
    expect(cluster.routes()).toEqual(HELD);
    cluster.say(R1, BLOCK_A, A);
    cluster.say(R1, BLOCK_B, B);
    cluster.received(cluster.up.get(R1)!, endOfRib());
    expect(cluster.routes()).toEqual(ALL);
    expect(cluster.unforwarded).toEqual([]);
  });

  it('while another reflector speaks, its stale routes go as the RFC says', () => {
    const cluster = new Cluster(ON, passivePeer(R1), passivePeer(R2));
    cluster.back(R1, ALL);
    cluster.back(R2, { [BLOCK_A]: A });
    cluster.disconnect(cluster.up.get(R1)!);
    cluster.live(60_000, R2);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: A });
  });

  it('a peer that comes and goes before it has told all loses nothing', () => {
    const cluster = new Cluster(ON, passivePeer(R1));
    cluster.back(R1, ALL);
    for (let round = 0; round < 3; round++) {
      cluster.disconnect(cluster.up.get(R1)!);
      cluster.up.set(R1, cluster.establish(R1));
      expect(cluster.routes()).toEqual(HELD);
    }
  });

  it('and others hear nothing of that as long as its restart time lasts', () => {
    const cluster = new Cluster(ON, passivePeer(R1), passivePeer(TOR, { remoteAs: 65001 }));
    cluster.back(R1, ALL);
    cluster.back(TOR, {});
    const told = () => [...cluster.told(cluster.up.get(TOR)!).keys()].sort();
    for (let round = 0; round < 2; round++) {
      cluster.disconnect(cluster.up.get(R1)!);
      expect(told()).toEqual([BLOCK_A, BLOCK_B]);
      cluster.up.set(R1, cluster.establish(R1));
    }
    cluster.disconnect(cluster.up.get(R1)!);
    expect(told()).toEqual([BLOCK_A, BLOCK_B]);
    cluster.live(61_000, TOR);
    expect([told(), cluster.routes()]).toEqual([[], HELD]);
  });

  it('long-lived stale routes stay beyond their time', () => {
    const cluster = new Cluster(ON, passivePeer(R1, { longLivedStaleSeconds: 300 }));
    const capabilities = [
      { name: 'Multiprotocol', afi: 1, safi: 1 },
      { name: 'FourOctetAs', asNumber: 64512 },
      restartCapability(),
      {
        name: 'LongLivedGracefulRestart',
        families: [{ afi: 1, safi: 1, forwardingPreserved: true, staleTimeSeconds: 300 }],
      },
    ] as const;
    cluster.up.set(R1, cluster.establish(R1, { capabilities }));
    cluster.say(R1, BLOCK_A, A);
    cluster.disconnect(cluster.up.get(R1)!);
    cluster.pass(3_600_000);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale` });
  });
});

describe('what others hear', () => {
  it('nobody is told a route that nobody vouches for', () => {
    const client = (other: string) => passivePeer(other, { routeReflectorClient: true });
    const cluster = new Cluster(
      { ...ON, clusterId: address('10.0.0.1') },
      client(A),
      client(B),
      passivePeer(TOR, { remoteAs: 65001 }),
    );
    cluster.back(A, { [BLOCK_A]: A });
    cluster.back(B, { [BLOCK_B]: B });
    cluster.back(TOR, {});
    expect([...cluster.told(cluster.up.get(TOR)!).keys()].sort()).toEqual([BLOCK_A, BLOCK_B]);
    cluster.pass(1000);
    cluster.cease(A);
    cluster.cease(B);
    expect(cluster.routes()).toEqual({ [BLOCK_B]: `${B} stale` });
    expect([...cluster.told(cluster.up.get(TOR)!).keys()]).toEqual([]);
    cluster.back(A, { [BLOCK_A]: A });
    expect([...cluster.told(cluster.up.get(A)!).keys()]).toEqual([]);
  });
});

describe('after a restart of ours', () => {
  const left = [
    { prefix: prefix(BLOCK_A), nextHops: [address(A)], localPref: 2147482623 },
    { prefix: prefix(BLOCK_B), nextHops: [address(TOR)], localPref: 100 },
    { prefix: prefix(OUTSIDE), nextHops: [address(A)], localPref: 100 },
  ];
  const restarted = (...peers: readonly PeerConfig[]) => {
    const cluster = new Cluster({ ...ON, restarting: true }, ...peers);
    return cluster;
  };
  const restore = { type: 'Restore', routes: left } as const;

  it('no peer comes up: what the kernel has stays as far as it is confirmed', () => {
    const cluster = restarted(passivePeer(R1), passivePeer(R2));
    cluster.pass(10_000);
    expect(cluster.outputsOf('Converged')).toMatchObject([{ gaveUpOn: [R1, R2] }]);
    cluster.tell(restore);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale`, [BLOCK_B]: `${TOR} stale` });
    const [view] = cluster.speaker.routes('ipv4', prefix(BLOCK_A));
    expect(view).toMatchObject({ source: 'earlier-run', best: true, stale: true });
    expect(cluster.forwarding.get(prefix(BLOCK_A))).toMatchObject({ localPref: 2147482623 });
    expect(cluster.speaker.peerViews()).toHaveLength(2);
    cluster.back(R1, { [BLOCK_B]: B });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale`, [BLOCK_B]: B });
    cluster.live(RETURN_MS, R1);
    expect(cluster.routes()).toEqual({ [BLOCK_B]: B });
    expect(cluster.speaker.counts().held.ipv4).toBe(0);
  });

  it('a reflector that restarts as well is waited for; lost before it has said all, it has said nothing', () => {
    const cluster = restarted(passivePeer(R1));
    const capabilities = [
      { name: 'Multiprotocol', afi: 1, safi: 1 },
      { name: 'FourOctetAs', asNumber: 64512 },
      restartCapability({ restarting: true }),
    ] as const;
    cluster.up.set(R1, cluster.establish(R1, { capabilities }));
    cluster.live(60_000, R1);
    expect(cluster.outputsOf('Converged')).toEqual([]);
    cluster.cease(R1);
    expect(cluster.outputsOf('Converged')).toMatchObject([{ gaveUpOn: [R1] }]);
    cluster.tell(restore);
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `${A} stale`, [BLOCK_B]: `${TOR} stale` });
  });

  it('a peer speaks: what it does not tell is not needed', () => {
    const cluster = restarted(passivePeer(R1));
    cluster.back(R1, {});
    cluster.tell(restore);
    expect(cluster.routes()).toEqual({});
  });

  it('several next hops stay together', () => {
    const cluster = restarted(passivePeer(TOR, { remoteAs: 65001 }));
    cluster.pass(10_000);
    const nextHops = [address(TOR), address('10.0.0.253')];
    cluster.tell({ type: 'Restore', routes: [{ prefix: prefix(BLOCK_A), nextHops, localPref: 100 }] });
    expect(cluster.routes()).toEqual({ [BLOCK_A]: `10.0.0.253,${TOR} stale` });
  });

  it('off, it is nobody’s', () => {
    const cluster = new Cluster({ restarting: true, originCheck: holders() }, peerConfig(OWN, address(R1)));
    cluster.pass(10_000);
    cluster.tell(restore);
    expect(cluster.routes()).toEqual({});
  });
});
