// Several paths of a prefix in one session (RFC 7911), both ways: what two members both announce, reflected by others for us, and by
// us for others.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { ExaBgp } from '../support/exabgp.ts';
import { Frr } from '../support/frr.ts';
import { GoBgp } from '../support/gobgp.ts';
import { useLab } from '../support/lab.ts';
import { OpenBgpd } from '../support/openbgpd.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import type { Neighbor, OtherSpeaker } from '../support/speakers.ts';

const ANYCAST = '10.66.9.0/26';
const ONE = 7;
const TWO = 8;
const BOTH = [`10.0.0.${ONE}`, `10.0.0.${TWO}`];

const SPEAKERS = [
  { name: 'bird', host: 2, start: Bird.start },
  { name: 'frr', host: 3, start: Frr.start },
  { name: 'gobgp', host: 4, start: GoBgp.start },
  { name: 'openbgpd', host: 5, start: OpenBgpd.start },
  { name: 'exabgp', host: 6, start: ExaBgp.start },
] as const;
/** ExaBGP keeps no table that it could reflect. */
const REFLECTORS = SPEAKERS.filter(({ name }) => name !== 'exabgp');
const NAMES = ['ours', ...SPEAKERS.map(({ name }) => name), 'one', 'two'];

const neighbor = (host: number, to: number, more: Partial<Neighbor> = {}): Neighbor => ({
  local: `10.0.0.${host}`,
  address: `10.0.0.${to}`,
  asNumber: 64512,
  ...more,
});
const settings = (host: number, neighbors: readonly Neighbor[], prefixes: readonly string[] = []) => ({
  asNumber: 64512,
  routerId: `10.0.0.${host}`,
  neighbors,
  routes: prefixes.map((prefix) => ({ prefix })),
});

describe('two paths that others reflect', () => {
  const cluster = [
    ...ours(64512),
    ...REFLECTORS.map(({ name, host }) =>
      resource('BGPPeer', name, { peerIP: `10.0.0.${host}`, asNumber: 64512 }),
    ),
  ];
  const lab = useLab(segment(NAMES, cluster));
  let daemon: TestDaemon;
  let second: OtherSpeaker;

  beforeAll(async () => {
    for (const { name, host, start } of REFLECTORS) {
      const client = { client: true };
      const more = { ...client, addPaths: true, extendedMessages: true };
      const neighbors = [neighbor(host, 1, more), neighbor(host, ONE, client), neighbor(host, TWO, client)];
      await start(lab(), name, settings(host, neighbors));
    }
    const member = (name: string, host: number) =>
      Bird.start(
        lab(),
        name,
        settings(
          host,
          REFLECTORS.map((each) => neighbor(host, each.host)),
          [ANYCAST],
        ),
      );
    await member('one', ONE);
    second = await member('two', TWO);
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(REFLECTORS.length);
  }, 90_000);

  const nextHops = async (host: number) =>
    (await daemon.routes(`?received=10.0.0.${host}&prefix=${ANYCAST}`)).map(({ nextHop }) => nextHop).sort();

  it.each(REFLECTORS)('$name has agreed to them', async ({ host }) => {
    const { capabilities } = (await daemon.peers()).find(({ address }) => address === `10.0.0.${host}`)!;
    for (const side of [capabilities.sent, capabilities.received]) expect(side.join()).toMatch(/ADD-PATH/i);
  });

  it.each(REFLECTORS)('both come from $name', async ({ host }) => {
    await until(async () => (await nextHops(host)).length === 2, 'both paths are there');
    expect(await nextHops(host)).toEqual(BOTH);
  });

  it('one of them is taken back alone', async () => {
    await second.withdraw(ANYCAST);
    for (const { name, host } of REFLECTORS) {
      await until(async () => (await nextHops(host)).length === 1, `one path of ${name} is left`);
      expect(await nextHops(host)).toEqual(BOTH.slice(0, 1));
    }
  }, 60_000);
});

describe('two paths that we reflect', () => {
  const cluster = [
    ...ours(64512, { routeReflectorClusterID: '10.9.9.9' }),
    ...[...SPEAKERS, { name: 'one', host: ONE }, { name: 'two', host: TWO }].map(({ name, host }) =>
      resource(
        'BGPPeer',
        name,
        { peerIP: `10.0.0.${host}`, asNumber: 64512 },
        { 'mesos-bgp/add-paths': 'both' },
      ),
    ),
  ];
  const lab = useLab(segment(NAMES, cluster));
  const speakers = new Map<string, OtherSpeaker>();
  let second: OtherSpeaker;

  beforeAll(async () => {
    for (const { name, host, start } of SPEAKERS)
      speakers.set(name, await start(lab(), name, settings(host, [neighbor(host, 1, { addPaths: true })])));
    await Bird.start(lab(), 'one', settings(ONE, [neighbor(ONE, 1)], [ANYCAST]));
    second = await Bird.start(lab(), 'two', settings(TWO, [neighbor(TWO, 1)], [ANYCAST]));
    const daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(SPEAKERS.length + 2);
  }, 90_000);

  const nextHops = async (name: string) =>
    (await speakers.get(name)!.heard(4))
      .flatMap(({ prefix, nextHop }) => (prefix === ANYCAST ? nextHop : []))
      .sort();

  it.each(SPEAKERS)('both go to $name', async ({ name }) => {
    await until(async () => (await nextHops(name)).length === 2, `${name} has both paths`);
    expect(await nextHops(name)).toEqual(BOTH);
  });

  it('one of them is taken back alone', async () => {
    await second.withdraw(ANYCAST);
    for (const { name } of SPEAKERS) {
      await until(async () => (await nextHops(name)).length === 1, `${name} has one path left`);
      expect(await nextHops(name)).toEqual(BOTH.slice(0, 1));
    }
  }, 60_000);
});
