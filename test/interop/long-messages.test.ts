// Messages of more than 4,096 octets (RFC 8654): a route that fits no smaller one, to and from the speakers that can, and past those
// that cannot.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { ExaBgp } from '../support/exabgp.ts';
import { Frr } from '../support/frr.ts';
import { GoBgp } from '../support/gobgp.ts';
import { useLab } from '../support/lab.ts';
import { OpenBgpd } from '../support/openbgpd.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { heardRoute, type OtherSpeaker } from '../support/speakers.ts';

const OUR_AS = 64512;
/** Of twelve octets each: 4,320. */
const COUNT = 360;

const MEMBERS = [
  { name: 'bird', host: 2, start: Bird.start, long: true },
  { name: 'frr', host: 3, start: Frr.start, long: true },
  { name: 'exabgp', host: 4, start: ExaBgp.start, long: true },
  { name: 'gobgp', host: 5, start: GoBgp.start, long: false },
  { name: 'openbgpd', host: 6, start: OpenBgpd.start, long: false },
] as const;

const asOf = (host: number): number => 65000 + host;
const routeOf = (host: number): string => `10.66.${host}.0/26`;
const communitiesOf = (host: number): string[] =>
  Array.from({ length: COUNT }, (_, index) => `${asOf(host)}:${index >> 8}:${index & 255}`);

describe('an UPDATE of more than 4,096 octets', () => {
  const peers = MEMBERS.map(({ name, host }) =>
    resource('BGPPeer', name, { peerIP: `10.0.0.${host}`, asNumber: asOf(host) }),
  );
  const lab = useLab(segment(['ours', ...MEMBERS.map(({ name }) => name)], [...ours(OUR_AS), ...peers]));
  const speakers = new Map<string, OtherSpeaker>();
  let daemon: TestDaemon;

  beforeAll(async () => {
    for (const { name, host, start, long } of MEMBERS)
      speakers.set(
        name,
        await start(lab(), name, {
          asNumber: asOf(host),
          routerId: `10.0.0.${host}`,
          neighbors: [
            { local: `10.0.0.${host}`, address: '10.0.0.1', asNumber: OUR_AS, extendedMessages: long },
          ],
          routes: [{ prefix: routeOf(host), ...(long && { largeCommunities: communitiesOf(host) }) }],
        }),
      );
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(MEMBERS.length);
  }, 90_000);

  it.each(MEMBERS)('is agreed on with $name: $long', async ({ host, long }) => {
    const peer = (await daemon.peers()).find(({ address }) => address === `10.0.0.${host}`)!;
    expect(/Extended Message/.test(peer.capabilities.received.join())).toBe(long);
  });

  const able = MEMBERS.filter(({ long }) => long);
  it.each(able)('comes from $name', async ({ host }) => {
    const route = async () => (await daemon.routes(`?received=10.0.0.${host}&prefix=${routeOf(host)}`))[0];
    await until(async () => (await route()) !== undefined, `${routeOf(host)} is there`);
    expect((await route())!.largeCommunities.toSorted()).toEqual(communitiesOf(host).toSorted());
  });

  const pairs = able.flatMap((from) => able.filter((to) => to !== from).map((to) => ({ from, to })));
  it.each(pairs)('goes on from $from.name to $to.name', async ({ from, to }) => {
    const route = await heardRoute(speakers.get(to.name)!, routeOf(from.host));
    expect(route.largeCommunities.toSorted()).toEqual(communitiesOf(from.host).toSorted());
    expect(route.asPath).toEqual([OUR_AS, asOf(from.host)]);
  });

  it.each(MEMBERS.filter(({ long }) => !long))(
    'is not sent to $name, which hears all else',
    async ({ name, host }) => {
      const speaker = speakers.get(name)!;
      const other = MEMBERS.find((each) => !each.long && each.host !== host)!;
      await heardRoute(speaker, '10.65.0.0/26');
      await heardRoute(speaker, routeOf(other.host));
      const heard = (await speaker.heard(4)).map(({ prefix }) => prefix);
      for (const each of able) expect(heard).not.toContain(routeOf(each.host));
      expect((await daemon.established()).length).toBe(MEMBERS.length);
    },
  );
});
