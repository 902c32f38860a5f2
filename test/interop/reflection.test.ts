// Route reflection (RFC 4456) with others: we reflect for them, and they for us.

import { Bird } from '../support/bird.ts';
import { kernelRoutes, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { Frr } from '../support/frr.ts';
import { GoBgp } from '../support/gobgp.ts';
import { useLab } from '../support/lab.ts';
import { OpenBgpd } from '../support/openbgpd.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { heardRoute, type Neighbor, type OtherSpeaker, type Settings } from '../support/speakers.ts';

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

describe('we reflect', () => {
  const MEMBERS = [
    { name: 'bird', host: 2, client: true, start: Bird.start },
    { name: 'frr', host: 3, client: true, start: Frr.start },
    { name: 'gobgp', host: 4, client: true, start: GoBgp.start },
    { name: 'openbgpd', host: 5, client: false, start: OpenBgpd.start },
    { name: 'other', host: 6, client: false, start: Bird.start },
  ] as const;

  const peer = ({ name, host, client }: (typeof MEMBERS)[number]): object[] =>
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
    const prefixes = async (host: number) =>
      (await speakers.get(host)!.heard(4)).map(({ prefix }) => prefix).sort();
    const expected = (hosts: readonly number[]) =>
      ['10.65.0.0/26', ...hosts.map((host) => routeOf(host, 4))].sort();
    expect(await prefixes(5)).toEqual(expected([2, 3, 4]));
    expect(await prefixes(6)).toEqual(expected([2, 3, 4]));
    expect(await prefixes(2)).toEqual(expected([3, 4, 5, 6]));
  });
});

describe('BIRD and FRR reflect for us', () => {
  const REFLECTORS = [
    { name: 'bird', host: 2, clusterId: '10.8.8.8', start: Bird.start },
    { name: 'frr', host: 3, clusterId: '10.7.7.7', start: Frr.start },
  ] as const;
  const cluster = [
    ...ours(64512),
    ...REFLECTORS.flatMap(({ name, host }) =>
      FAMILIES.map((family) =>
        resource('BGPPeer', `${name}-v${family}`, { peerIP: addressOf(host, family), asNumber: 64512 }),
      ),
    ),
  ];
  const lab = useLab(segment(['ours', 'bird', 'frr', 'member'], cluster));
  let daemon: TestDaemon;
  let member: OtherSpeaker;

  beforeAll(async () => {
    for (const { name, host, clusterId, start } of REFLECTORS) {
      const neighbors = [...internal(host, 1, { client: true }), ...internal(host, 4, { client: true })];
      await start(lab(), name, settings(host, neighbors, { clusterId, routes: [] }));
    }
    member = await Bird.start(lab(), 'member', settings(4, [...internal(4, 2), ...internal(4, 3)]));
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(4);
  }, 90_000);

  it.each(REFLECTORS)(
    "$name gives us the member's routes, with originator and cluster",
    async ({ host, clusterId }) => {
      for (const family of FAMILIES) {
        const query = `?received=${addressOf(host, family)}&prefix=${routeOf(4, family)}`;
        await until(async () => (await daemon.routes(query)).length > 0, `${query} is there`);
        expect((await daemon.routes(query))[0]).toMatchObject({
          nextHop: addressOf(4, family),
          originatorId: '10.0.0.4',
          clusterList: [clusterId],
          valid: true,
        });
      }
    },
  );

  it('leads to the member itself, not to a reflector', async () => {
    await until(
      async () => routeOf(4, 4) in (await kernelRoutes(daemon.node, 4)),
      'the route is in the kernel',
    );
    expect((await kernelRoutes(daemon.node, 4))[routeOf(4, 4)]).toBe('via 10.0.0.4 dev eth1');
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
