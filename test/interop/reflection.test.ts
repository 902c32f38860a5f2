// Route reflection (RFC 4456) with others: we reflect for them, and they for us.

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
  heardRoute,
  type Neighbor,
  type OtherSpeaker,
  type Settings,
  type StartSpeaker,
} from '../support/speakers.ts';

const CLUSTER_ID = '10.9.9.9';

const internal = (host: number, to: number, more: Partial<Neighbor> = {}): Neighbor[] => [
  { local: `10.0.0.${host}`, address: `10.0.0.${to}`, asNumber: 64512, ...more },
  { local: `fd00::${host}`, address: `fd00::${to}`, asNumber: 64512, ...more },
];
const routeOf = (host: number, family: 4 | 6): string =>
  family === 4 ? `10.66.${host}.0/26` : `fd00:65::${host}:0/122`;
const addressOf = (host: number, family: 4 | 6): string =>
  family === 4 ? `10.0.0.${host}` : `fd00::${host}`;
const settings = (host: number, neighbors: readonly Neighbor[], more: Partial<Settings> = {}): Settings => ({
  asNumber: 64512,
  routerId: `10.0.0.${host}`,
  neighbors,
  routes: [{ prefix: routeOf(host, 4) }, { prefix: routeOf(host, 6) }],
  ...more,
});
const FAMILIES = [4, 6] as const;

interface Member {
  readonly name: string;
  readonly host: number;
  readonly client: boolean;
  readonly start: StartSpeaker;
}

/** Each speaker is a client once, and once it is none. */
describe.each<{ readonly clients: readonly string[] }>([
  { clients: ['bird', 'frr', 'gobgp'] },
  { clients: ['openbgpd', 'exabgp'] },
])('we reflect for $clients', ({ clients }) => {
  const MEMBERS: readonly Member[] = (
    [
      { name: 'bird', host: 2, start: Bird.start },
      { name: 'frr', host: 3, start: Frr.start },
      { name: 'gobgp', host: 4, start: GoBgp.start },
      { name: 'openbgpd', host: 5, start: OpenBgpd.start },
      { name: 'exabgp', host: 6, start: ExaBgp.start },
    ] as const
  ).map((each) => ({ ...each, client: clients.includes(each.name) }));

  const peer = ({ name, host, client }: Member): object[] =>
    client
      ? FAMILIES.map((family) =>
          resource('BGPPeer', `${name}-v${family}`, { peerIP: addressOf(host, family), asNumber: 64512 }),
        )
      : [
          // One of our own cluster is no client.
          resource('Node', name, {
            bgp: {
              ipv4Address: `10.0.0.${host}/24`,
              ipv6Address: `fd00::${host}/64`,
              routeReflectorClusterID: CLUSTER_ID,
            },
          }),
          resource('BGPPeer', name, {
            node: 'ours',
            peerSelector: `projectcalico.org/name == '${name}'`,
          }),
        ];
  const labelled = (each: object): object => {
    const { kind, metadata } = each as { kind: string; metadata: { name: string } };
    if (kind !== 'Node') return each;
    return { ...each, metadata: { ...metadata, labels: { 'projectcalico.org/name': metadata.name } } };
  };
  const cluster = [...ours(64512, { routeReflectorClusterID: CLUSTER_ID }), ...MEMBERS.flatMap(peer)];
  const lab = useLab(segment(['ours', ...MEMBERS.map(({ name }) => name)], cluster.map(labelled)));
  const speakers = new Map<number, OtherSpeaker>();

  beforeAll(async () => {
    for (const { name, host, start } of MEMBERS)
      speakers.set(host, await start(lab(), name, settings(host, internal(host, 1))));
    const daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(2 * MEMBERS.length);
  }, 90_000);

  const pairs = MEMBERS.flatMap((from) =>
    MEMBERS.filter((to) => to !== from && (from.client || to.client)).map((to) => ({ from, to })),
  );

  it.each(pairs)('from $from.name to $to.name, with originator and cluster', async ({ from, to }) => {
    for (const family of FAMILIES)
      expect(await heardRoute(speakers.get(to.host)!, routeOf(from.host, family))).toMatchObject({
        asPath: [],
        nextHop: addressOf(from.host, family),
        localPref: 100,
        originatorId: `10.0.0.${from.host}`,
        clusterList: [CLUSTER_ID],
      });
  });

  it('tells all of them of our own block, which nobody reflected', async () => {
    for (const speaker of speakers.values()) {
      const route = await heardRoute(speaker, '10.65.0.0/26');
      expect(route.originatorId).toBeUndefined();
      expect(route.clusterList).toEqual([]);
    }
  });

  it('from one that is no client to another that is none: nothing; and nothing back to its origin', async () => {
    for (const to of MEMBERS) {
      const heard = (await speakers.get(to.host)!.heard(4)).map(({ prefix }) => prefix).sort();
      const from = pairs.flatMap((pair) => (pair.to === to ? routeOf(pair.from.host, 4) : []));
      expect([to.name, heard]).toEqual([to.name, ['10.65.0.0/26', ...from].sort()]);
    }
  });
});

describe('others reflect for us', () => {
  const REFLECTORS = [
    { name: 'bird', host: 2, clusterId: '10.8.8.8', start: Bird.start },
    { name: 'frr', host: 3, clusterId: '10.7.7.7', start: Frr.start },
    { name: 'gobgp', host: 4, clusterId: '10.6.6.6', start: GoBgp.start },
    // It takes its own identifier.
    { name: 'openbgpd', host: 5, clusterId: '10.0.0.5', start: OpenBgpd.start },
  ] as const;
  const MEMBER = 6;
  const cluster = [
    ...ours(64512),
    ...REFLECTORS.flatMap(({ name, host }) =>
      FAMILIES.map((family) =>
        resource('BGPPeer', `${name}-v${family}`, { peerIP: addressOf(host, family), asNumber: 64512 }),
      ),
    ),
  ];
  const lab = useLab(segment(['ours', ...REFLECTORS.map(({ name }) => name), 'member'], cluster));
  let daemon: TestDaemon;
  let member: OtherSpeaker;

  beforeAll(async () => {
    for (const { name, host, clusterId, start } of REFLECTORS) {
      const neighbors = [...internal(host, 1, { client: true }), ...internal(host, MEMBER, { client: true })];
      await start(lab(), name, settings(host, neighbors, { clusterId, routes: [] }));
    }
    const reflectors = REFLECTORS.flatMap(({ host }) => internal(MEMBER, host));
    member = await Bird.start(lab(), 'member', settings(MEMBER, reflectors));
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(2 * REFLECTORS.length);
  }, 90_000);

  it.each(REFLECTORS)(
    "$name gives us the member's routes, with originator and cluster",
    async ({ host, clusterId }) => {
      for (const family of FAMILIES) {
        const query = `?received=${addressOf(host, family)}&prefix=${routeOf(MEMBER, family)}`;
        await until(async () => (await daemon.routes(query)).length > 0, `${query} is there`);
        expect((await daemon.routes(query))[0]).toMatchObject({
          nextHop: addressOf(MEMBER, family),
          originatorId: `10.0.0.${MEMBER}`,
          clusterList: [clusterId],
          valid: true,
        });
      }
    },
  );

  it('leads to the member itself, not to a reflector', async () => {
    await until(
      async () => routeOf(MEMBER, 4) in (await kernelRoutes(daemon.node, 4)),
      'the route is in the kernel',
    );
    expect((await kernelRoutes(daemon.node, 4))[routeOf(MEMBER, 4)]).toBe(`via 10.0.0.${MEMBER} dev eth1`);
  });

  it.each(REFLECTORS)('$name gives the member our blocks', async ({ host, clusterId }) => {
    for (const [family, prefix] of [
      [4, '10.65.0.0/26'],
      [6, 'fd00:65::/122'],
    ] as const)
      expect(await heardRoute(member, prefix, ({ from }) => from === addressOf(host, family))).toMatchObject({
        nextHop: addressOf(1, family),
        originatorId: '10.0.0.1',
        clusterList: [clusterId],
      });
  });
});
