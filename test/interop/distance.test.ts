// How far away a peer may be, and where from and by which interface it is spoken to: GTSM (RFC 5082) with peers beyond a router, the
// TTL of multihop, source addresses, interfaces. Over IPv4 we connect, over IPv6 they do.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { Frr } from '../support/frr.ts';
import { topologyFile, useLab } from '../support/lab.ts';
import { datastoreFlags, ours, resource } from '../support/segment.ts';
import { ask, type Neighbor } from '../support/speakers.ts';

/** Those beyond the router have 10.9.0.x and fd09::x. */
const MEMBERS = [
  { name: 'near', host: 2, far: false, start: Bird.start, spec: {}, annotations: {} },
  { name: 'source', host: 3, far: false, start: Bird.start, spec: {}, annotations: {} },
  { name: 'by-eth1', host: 4, far: false, start: Frr.start, spec: {}, annotations: { interface: 'eth1' } },
  { name: 'by-eth2', host: 5, far: false, start: Bird.start, spec: {}, annotations: { interface: 'eth2' } },
  {
    name: 'falls-silent',
    host: 6,
    far: false,
    start: Bird.start,
    spec: {},
    annotations: { 'hold-time': '0s', 'tcp-user-timeout': '2s' },
  },
  { name: 'two-hops', host: 2, far: true, start: Bird.start, spec: { ttlSecurity: 2 }, annotations: {} },
  { name: 'two-hops-frr', host: 3, far: true, start: Frr.start, spec: { ttlSecurity: 2 }, annotations: {} },
  { name: 'too-far', host: 4, far: true, start: Bird.start, spec: { ttlSecurity: 1 }, annotations: {} },
  { name: 'multihop', host: 5, far: true, start: Bird.start, spec: {}, annotations: {} },
  { name: 'ttl-2', host: 6, far: true, start: Bird.start, spec: {}, annotations: { 'multihop-ttl': '2' } },
  { name: 'ttl-1', host: 7, far: true, start: Bird.start, spec: {}, annotations: { 'multihop-ttl': '1' } },
  // No route of its own leads there but the one that `reachableBy` makes.
  { name: 'reachable', host: 8, far: true, start: Bird.start, spec: {}, annotations: {} },
] as const;
type Member = (typeof MEMBERS)[number];

const UP = [
  'near',
  'source',
  'by-eth1',
  'falls-silent',
  'two-hops',
  'two-hops-frr',
  'multihop',
  'ttl-2',
  'reachable',
];

const addresses = ({ far, host }: Member) =>
  far ? ([`10.9.0.${host}`, `fd09::${host}`] as const) : ([`10.0.0.${host}`, `fd00::${host}`] as const);

/** Ours, as the peer has it. */
const ourSide = ({ name }: Member) =>
  name === 'source' ? ['10.0.0.77', 'fd00::77'] : ['10.0.0.1', 'fd00::1'];

const peers = MEMBERS.flatMap((member) =>
  addresses(member).map((peerIP, index) => {
    const given = {
      ...member.annotations,
      passive: `${index === 1}`,
      ...(member.name === 'source' ? { 'source-address': ourSide(member)[index]! } : {}),
    };
    const annotations = Object.entries(given).map(([name, value]) => [`mesos-bgp/${name}`, value]);
    return resource(
      'BGPPeer',
      `${member.name}-${index}`,
      {
        peerIP,
        asNumber: 65010,
        ...member.spec,
        ...(member.name === 'reachable' ? { reachableBy: ['10.0.0.254', 'fd00::254'][index] } : {}),
      },
      Object.fromEntries(annotations),
    );
  }),
);

/** A segment with us, near ones and a router, and another one behind it. */
function topology(): string {
  const host = (name: string, ...exec: readonly string[]) =>
    `    ${name}: {kind: linux, exec: [${exec.join(', ')}]}`;
  const at = (v4: string, v6: string, port = 'eth1') =>
    `ip addr add ${v4}/24 dev ${port}, ip addr add ${v6}/64 dev ${port} nodad`;
  const routes = (to: 9 | 0, by: 9 | 0) =>
    `ip route add 10.${to}.0.0/24 via 10.${by}.0.254, ip -6 route add fd0${to}::/64 via fd0${by}::254`;
  const nodes = [
    host(
      'ours',
      at('10.0.0.1', 'fd00::1'),
      at('10.0.0.77', 'fd00::77'),
      routes(9, 0),
      at('10.2.0.1', 'fd02::1', 'eth2'),
    ),
    host('router', at('10.0.0.254', 'fd00::254'), at('10.9.0.254', 'fd09::254', 'eth2')),
    ...MEMBERS.map((member) => {
      const [v4, v6] = addresses(member);
      return host(member.name, at(v4, v6), member.far ? routes(0, 9) : routes(9, 0));
    }),
  ];
  const link = (a: string, b: string) => `    - endpoints: ["${a}", "${b}"]`;
  const links = [
    link('ours:eth1', 'segment:s1'),
    link('ours:eth2', 'beyond:b1'),
    link('router:eth1', 'segment:s2'),
    link('router:eth2', 'beyond:b2'),
    ...MEMBERS.map(({ name, far }, i) => link(`${name}:eth1`, `${far ? 'beyond:b' : 'segment:s'}${i + 3}`)),
  ];
  const text = `
name: distance
topology:
  kinds:
    linux:
      image: "debian:12"
      network-mode: none
      sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
  nodes:
    segment: {kind: bridge}
    beyond: {kind: bridge}
${nodes.join('\n')}
  links:
${links.join('\n')}
`;
  return topologyFile(text, {
    'cluster.yaml': [...ours(64512), ...peers].map((each) => JSON.stringify(each)).join('\n---\n'),
  });
}

describe('how far away a peer may be', () => {
  const lab = useLab(topology());
  let daemon: TestDaemon;

  beforeAll(async () => {
    for (const member of MEMBERS) {
      const [ourV4, ourV6] = ourSide(member);
      const neighbors: Neighbor[] = addresses(member).map((local, index) => ({
        local,
        address: index === 0 ? ourV4! : ourV6!,
        asNumber: 64512,
        multihop: member.far,
        passive: index === 0,
        // Their packets have a TTL of 255 where they check ours.
        ttlSecurity: member.far && 'ttlSecurity' in member.spec,
        ttlHops: 'ttlSecurity' in member.spec ? 2 : 64,
      }));
      const routerId = `10.${member.far ? 9 : 0}.0.${member.host}`;
      await member.start(lab(), member.name, { asNumber: 65010, routerId, neighbors, routes: [] });
    }
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
  }, 120_000);

  it('sessions with neighbors, and with peers as far away as their settings say', async () => {
    const wanted = MEMBERS.filter(({ name }) => UP.includes(name))
      .flatMap(addresses)
      .sort();
    await daemon.untilEstablished(wanted.length);
    expect(await daemon.established()).toEqual(wanted);
  }, 60_000);

  it('speaks from the address that an annotation gives', async () => {
    const source = (await daemon.peers()).filter(({ address }) => /^(10\.0\.0\.|fd00::)3$/.test(address));
    expect(source.map(({ localAddress }) => localAddress)).toEqual(['10.0.0.77', 'fd00::77']);
  });

  it('reaches a peer by the gateway that reachableBy names', async () => {
    const route = async (family: string, to: string) =>
      (await lab().node('ours').exec(['ip', family, 'route', 'show', to])).stdout;
    expect(await route('-4', '10.9.0.8')).toMatch(
      /^10\.9\.0\.8 (nhid \d+ )?via 10\.0\.0\.254 dev eth1 proto bgp/,
    );
    expect(await route('-6', 'fd09::8')).toMatch(/^fd09::8 (nhid \d+ )?via fd00::254 dev eth1 proto bgp/);
  });

  it('drops what comes from further away than ttlSecurity says', async () => {
    const { stdout } = await lab().node('ours').exec(['nstat', '-asz', 'TcpExtTCPMinTTLDrop']);
    expect(Number(/TCPMinTTLDrop\s+(\d+)/.exec(stdout)?.[1])).toBeGreaterThan(0);
  });

  it('connects by the interface of the annotation, or not at all', async () => {
    const reason = async () =>
      (await daemon.peers()).find(({ address }) => address === '10.0.0.5')?.lastError ?? '';
    await until(
      async () => /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|no answer/.test(await reason()),
      'nobody is there by eth2',
    );
    const { stdout } = await lab()
      .node('ours')
      .exec(['ss', '-Htn', 'state', 'established', 'dst', '10.0.0.4']);
    expect(stdout).toMatch(/%eth1:/);
  }, 30_000);

  it('none of those that must not have come up ever did', async () => {
    for (const { address, counters } of await daemon.peers()) {
      const member = MEMBERS.find((each) => addresses(each).some((own) => own === address))!;
      if (!UP.includes(member.name)) expect([address, counters.established]).toEqual([address, 0]);
    }
  });

  it('a TTL of 1 ends at the router, which says so', async () => {
    const { stdout } = await lab().node('router').exec(['nstat', '-asz', 'IcmpOutTimeExcds']);
    expect(Number(/IcmpOutTimeExcds\s+(\d+)/.exec(stdout)?.[1])).toBeGreaterThan(0);
  });

  it('a connection without a hold timer is lost when nothing that it sends is acknowledged (RFC 5482)', async () => {
    const silent = async () => (await daemon.peers()).find(({ address }) => address === '10.0.0.6')!;
    expect(await silent()).toMatchObject({ state: 'Established', holdTimeSeconds: 0 });
    await ask(lab().node('falls-silent'), 'ip', 'link', 'set', 'eth1', 'down');
    await daemon.command('clear', '10.0.0.6', '--soft', 'out');
    await until(async () => (await silent()).state !== 'Established', 'the session is lost', 20_000);
    expect((await silent()).counters.lost).toBe(1);
  }, 30_000);
});
