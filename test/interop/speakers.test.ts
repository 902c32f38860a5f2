// mesos-bgp with five other speakers, each one iBGP and one eBGP neighbor of ours, in both families. What all of them can do is
// one table here; what some lack is named in it.

import { Bird } from '../support/bird.ts';
import { kernelRoutes, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { ExaBgp } from '../support/exabgp.ts';
import { Frr } from '../support/frr.ts';
import { GoBgp } from '../support/gobgp.ts';
import { useLab } from '../support/lab.ts';
import { OpenBgpd } from '../support/openbgpd.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import {
  type Announcement,
  heardRoute,
  type OtherSpeaker,
  type Settings,
  type StartSpeaker,
  untilGone,
} from '../support/speakers.ts';

interface Row {
  readonly name: string;
  readonly start: StartSpeaker;
  /** Keeps our routes while we restart (RFC 4724 §4.2). */
  readonly helps: boolean;
  /** Asks us to keep its routes while it restarts (§4.1). */
  readonly restarts: boolean;
  /** Sends routes again that have not changed. OpenBGPD 7.7 takes the request, and sends nothing. */
  readonly resends: boolean;
  /** Can ask for it. GoBGP keeps what it heard instead. */
  readonly asks: boolean;
}

/** Every speaker gives them to its routes. */
const ATTRIBUTES = {
  communities: ['65010:7', '65010:8'],
  largeCommunities: ['65010:1:4294967295'],
  multiExitDisc: 50,
};

const everything = { helps: true, restarts: true, resends: true, asks: true };

const SPEAKERS: readonly Row[] = [
  { name: 'BIRD', start: Bird.start, ...everything },
  { name: 'FRR', start: Frr.start, ...everything },
  { name: 'GoBGP', start: GoBgp.start, ...everything, asks: false },
  { name: 'OpenBGPD', start: OpenBgpd.start, ...everything, restarts: false, resends: false },
  { name: 'ExaBGP', start: ExaBgp.start, ...everything, helps: false },
];

const communities = ['64512:100', '64512:4294967295:2'];
const CLUSTER = [
  ...ours(
    64512,
    {},
    {
      prefixAdvertisements: [
        { cidr: '10.65.0.0/16', communities },
        { cidr: 'fd00:65::/112', communities },
      ],
    },
  ),
  resource('BGPPeer', 'inner-v4', { peerIP: '10.0.0.2', asNumber: 64512 }),
  resource('BGPPeer', 'inner-v6', { peerIP: 'fd00::2', asNumber: 64512 }),
  resource('BGPPeer', 'outer-v4', { peerIP: '10.0.0.3', asNumber: 65010 }),
  resource('BGPPeer', 'outer-v6', { peerIP: 'fd00::3', asNumber: 65010 }),
];

const OUR_BLOCKS = ['10.65.0.0/26', 'fd00:65::/122'] as const;
const INNER_ROUTES = ['10.66.2.0/26', 'fd00:65::2:0/122'] as const;
const OUTER_ROUTES = ['10.66.3.0/26', 'fd00:65::3:0/122'] as const;

const settings = (host: 2 | 3, asNumber: number, routes: readonly Announcement[]): Settings => ({
  asNumber,
  routerId: `10.0.0.${host}`,
  neighbors: [
    { local: `10.0.0.${host}`, address: '10.0.0.1', asNumber: 64512 },
    { local: `fd00::${host}`, address: 'fd00::1', asNumber: 64512 },
  ],
  routes,
});

describe.each(SPEAKERS)('with $name', ({ start, helps, restarts, resends, asks }) => {
  const lab = useLab(segment(['ours', 'inner', 'outer'], CLUSTER));
  const routesOf = (prefixes: readonly string[]) => prefixes.map((prefix) => ({ prefix, ...ATTRIBUTES }));
  const innerSettings = settings(2, 64512, routesOf(INNER_ROUTES));
  const outerSettings = settings(3, 65010, routesOf(OUTER_ROUTES));
  let daemon: TestDaemon;
  let inner: OtherSpeaker;
  let outer: OtherSpeaker;

  const startOurs = () => TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));

  beforeAll(async () => {
    [inner, outer] = await Promise.all([
      start(lab(), 'inner', innerSettings),
      start(lab(), 'outer', outerSettings),
    ]);
    daemon = startOurs();
    await daemon.untilEstablished(4);
  }, 90_000);

  it('agrees on internal and external sessions, in both families', async () => {
    const sessions = (await daemon.peers()).map(({ address, peerType, families }) => [
      address,
      peerType,
      families,
    ]);
    expect(sessions).toEqual([
      ['10.0.0.2', 'internal', ['ipv4']],
      ['10.0.0.3', 'external', ['ipv4']],
      ['fd00::2', 'internal', ['ipv6']],
      ['fd00::3', 'external', ['ipv6']],
    ]);
  });

  it.each([
    ['10.0.0.2', INNER_ROUTES[0], '', 100],
    ['fd00::2', INNER_ROUTES[1], '', 100],
    ['10.0.0.3', OUTER_ROUTES[0], '65010', null],
    ['fd00::3', OUTER_ROUTES[1], '65010', null],
  ])('hears from %s of %s with every attribute', async (from, prefix, asPath, localPref) => {
    const received = async () => (await daemon.routes(`?received=${from}&prefix=${prefix}`))[0];
    await until(async () => (await received()) !== undefined, `${prefix} from ${from}`);
    expect(await received()).toMatchObject({
      prefix,
      source: from,
      nextHop: from,
      asPath,
      localPref,
      multiExitDisc: ATTRIBUTES.multiExitDisc,
      communities: ATTRIBUTES.communities,
      largeCommunities: ATTRIBUTES.largeCommunities,
    });
  });

  it('puts the routes into our kernel', async () => {
    const v4 = {
      [OUR_BLOCKS[0]]: 'blackhole',
      [INNER_ROUTES[0]]: 'via 10.0.0.2 dev eth1',
      [OUTER_ROUTES[0]]: 'via 10.0.0.3 dev eth1',
    };
    const v6 = {
      [OUR_BLOCKS[1]]: 'blackhole',
      [INNER_ROUTES[1]]: 'via fd00::2 dev eth1',
      [OUTER_ROUTES[1]]: 'via fd00::3 dev eth1',
    };
    await until(
      async () => Object.keys(await kernelRoutes(daemon.node, 4)).length === 3,
      'three IPv4 routes',
    );
    await until(
      async () => Object.keys(await kernelRoutes(daemon.node, 6)).length === 3,
      'three IPv6 routes',
    );
    expect(await kernelRoutes(daemon.node, 4)).toEqual(v4);
    expect(await kernelRoutes(daemon.node, 6)).toEqual(v6);
  });

  it.each([
    ['10.0.0.1', OUR_BLOCKS[0]],
    ['fd00::1', OUR_BLOCKS[1]],
  ])('tells of our block at %s, with communities of both kinds', async (nextHop, prefix) => {
    const communities = { communities: ['64512:100'], largeCommunities: ['64512:4294967295:2'] };
    expect(await heardRoute(inner, prefix)).toMatchObject({
      ...communities,
      nextHop,
      asPath: [],
      localPref: 2147482623,
    });
    expect(await heardRoute(outer, prefix)).toMatchObject({ ...communities, nextHop, asPath: [64512] });
  });

  it.each([
    [OUTER_ROUTES[0], '10.0.0.3', INNER_ROUTES[0], '10.0.0.1'],
    [OUTER_ROUTES[1], 'fd00::3', INNER_ROUTES[1], 'fd00::1'],
  ])(
    'passes %s on inside, %s its next hop, and %s outside, next hop ours',
    async (outside, theirs, inside, own) => {
      const { multiExitDisc: _, ...transitive } = ATTRIBUTES;
      expect(await heardRoute(inner, outside)).toMatchObject({
        ...transitive,
        nextHop: theirs,
        asPath: [65010],
        localPref: 100,
      });
      expect(await heardRoute(outer, inside)).toMatchObject({ ...transitive, nextHop: own, asPath: [64512] });
    },
  );

  it('does not send a route back to where it came from', async () => {
    const heard = async (speaker: OtherSpeaker) =>
      [...(await speaker.heard(4)), ...(await speaker.heard(6))].map(({ prefix }) => prefix).sort();
    expect(await heard(inner)).toEqual([...OUR_BLOCKS, ...OUTER_ROUTES].sort());
    expect(await heard(outer)).toEqual([...OUR_BLOCKS, ...INNER_ROUTES].sort());
  });

  it('gets all again when we ask, and sends all again when asked (RFC 2918)', async () => {
    const counters = async (address: string) => {
      const peer = (await daemon.peers()).find((each) => each.address === address)!;
      return { ...peer.counters, accepted: peer.routes.ipv4.accepted + peer.routes.ipv6.accepted };
    };
    for (const [speaker, address, own] of [
      [inner, '10.0.0.2', '10.0.0.1'],
      [outer, 'fd00::3', 'fd00::1'],
    ] as const) {
      const before = await counters(address);
      expect(await daemon.command('clear', address, '--soft', 'in')).not.toMatch(/mesos-bgp:/);
      const answered = async () => (await counters(address)).updatesReceived > before.updatesReceived;
      if (resends) await until(answered, `${address} sends again`);
      const { updatesSent } = await counters(address);
      await speaker.askAgain(own);
      const asked = async () => (await counters(address)).updatesSent > updatesSent;
      if (asks) await until(asked, `${address} is sent again`);
      // ExaBGP 4.2 closes the connection when it should answer between BoRR and EoRR (RFC 7313), which it has agreed to.
      const back = async () => (await counters(address)).accepted === before.accepted;
      if (start === ExaBgp.start) await until(back, `${address} is back`);
      else expect(await counters(address)).toMatchObject({ lost: before.lost, accepted: before.accepted });
    }
  }, 60_000);

  it('follows announcements and withdrawals', async () => {
    for (const [prefix, via] of [
      ['10.66.9.0/26', '10.0.0.2'],
      ['fd00:65::9:0/122', 'fd00::2'],
    ] as const) {
      const kernel = async () => (await kernelRoutes(daemon.node, prefix.includes(':') ? 6 : 4))[prefix];
      await inner.announce({ prefix });
      await until(async () => (await kernel()) === `via ${via} dev eth1`, `${prefix} is in our kernel`);
      await heardRoute(outer, prefix);
      await inner.withdraw(prefix);
      await until(async () => (await kernel()) === undefined, `${prefix} has left our kernel`);
      await untilGone(outer, prefix);
    }
  });

  const whileKept = async (prefix: string, scenario: () => Promise<void>) => {
    const gone: string[] = [];
    const stop = daemon.node.follow(['ip', 'monitor', 'route'], (line) => {
      if (line.startsWith(`Deleted ${prefix} `)) gone.push(line);
    });
    await scenario();
    stop();
    expect(gone).toEqual([]);
  };

  if (restarts)
    it('keeps its routes while it restarts, and they are fresh after (RFC 4724)', () => {
      const prefix = INNER_ROUTES[0];
      const stale = async () => (await daemon.routes(`?prefix=${prefix}`))[0]?.stale;
      return whileKept(prefix, async () => {
        const kernel = async () => (await kernelRoutes(daemon.node, 4))[prefix];
        await until(async () => (await kernel()) !== undefined, `${prefix} is in our kernel`);
        inner.process.kill('SIGKILL');
        await inner.process.waitForExit(5000);
        await until(async () => (await stale()) === true, `${prefix} is stale`);
        expect(await kernel()).toBe('via 10.0.0.2 dev eth1');
        // Plugged in when it has its routes: GoBGP gets them over its API, and says End-of-RIB before that.
        const cable = lab().link('segment', 's2');
        await cable.down();
        inner = await start(lab(), 'inner', innerSettings, true);
        await cable.up();
        await daemon.untilEstablished(4);
        await until(async () => (await stale()) === false, `${prefix} is fresh again`, 30_000);
        await heardRoute(inner, OUR_BLOCKS[0]);
      });
    }, 90_000);

  if (helps)
    it('keeps our routes while we restart, and forwards on (RFC 4724)', async () => {
      const missing: string[] = [];
      let restarting = true;
      const watched = (async () => {
        while (restarting) {
          const heard = await outer.heard(4);
          if (!heard.some(({ prefix }) => prefix === OUR_BLOCKS[0])) missing.push(JSON.stringify(heard));
        }
      })();
      await whileKept(INNER_ROUTES[0], async () => {
        await daemon.stop('SIGTERM');
        daemon = startOurs();
        await daemon.untilEstablished(4);
      });
      await until(
        async () => (await daemon.routes(`?received=10.0.0.3`)).every(({ stale }) => !stale),
        'all is fresh again',
      );
      restarting = false;
      await watched;
      expect(missing).toEqual([]);
      await heardRoute(outer, OUR_BLOCKS[0]);
      await heardRoute(outer, INNER_ROUTES[0]);
    }, 90_000);
});
