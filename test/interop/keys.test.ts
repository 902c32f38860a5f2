// TCP MD5 keys (RFC 2385) where not both sides have the same one, where a key belongs to a range of addresses, and where it changes
// while sessions are up. Over IPv4 we connect, over IPv6 they do; in ranges they always do.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { Frr } from '../support/frr.ts';
import { useLab } from '../support/lab.ts';
import { passwordRef, SECRETS_FLAGS, setPassword } from '../support/secrets.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import type { Neighbor, OtherSpeaker } from '../support/speakers.ts';

/** What each has: theirs, and ours where the peer is configured by itself. */
const MEMBERS = [
  { name: 'bird-in-range', host: 2, start: Bird.start, key: 'range-key' },
  { name: 'frr-in-range', host: 3, start: Frr.start, key: 'range-key' },
  { name: 'wrong-in-range', host: 4, start: Bird.start, key: 'wrong-key' },
  { name: 'none-in-range', host: 5, start: Bird.start },
  { name: 'own-in-range', host: 6, start: Bird.start, key: 'own-key', ours: 'own' },
  { name: 'bird-alone', host: 8, start: Bird.start, key: 'their-key', ours: undefined },
  { name: 'frr-alone', host: 9, start: Frr.start, key: 'their-key', ours: undefined },
  { name: 'we-to-bird', host: 10, start: Bird.start, ours: 'own' },
  { name: 'we-to-frr', host: 11, start: Frr.start, ours: 'own' },
  { name: 'changes', host: 12, start: Bird.start, key: 'old-key', ours: 'changing' },
] as const;
type Member = (typeof MEMBERS)[number];

const REFUSED = ['wrong-in-range', 'none-in-range', 'bird-alone', 'frr-alone', 'we-to-bird', 'we-to-frr'];
const ACCEPTED = ['bird-in-range', 'frr-in-range', 'own-in-range', 'changes'];

const addresses = ({ host }: Member) => [`10.0.0.${host}`, `fd00::${host.toString(16)}`] as const;
const isAlone = (member: Member): member is Member & { ours: string | undefined } => 'ours' in member;

const peers = MEMBERS.filter(isAlone).flatMap((member) =>
  addresses(member).map((peerIP, index) =>
    resource(
      'BGPPeer',
      `${member.name}-${index}`,
      { peerIP, asNumber: 65010, ...(member.ours === undefined ? {} : passwordRef(member.ours)) },
      { 'mesos-bgp/passive': `${index === 1}` },
    ),
  ),
);
const ranges = ['10.0.0.0/29', 'fd00::/125'].map((range, index) =>
  resource(
    'BGPPeer',
    `range-${index}`,
    { asNumber: 65010, ttlSecurity: 1, ...passwordRef('range') },
    {
      'mesos-bgp/peer-range': range,
    },
  ),
);

/** In a range they connect over both families. */
const neighbors = (
  member: Member,
  key: string | undefined = 'key' in member ? member.key : undefined,
): Neighbor[] =>
  addresses(member).map((local, index) => ({
    local,
    address: index === 0 ? '10.0.0.1' : 'fd00::1',
    asNumber: 64512,
    passive: isAlone(member) && index === 0,
    ttlSecurity: !isAlone(member),
    ...(key === undefined ? {} : { password: key }),
  }));

const settings = (member: Member, key?: string) => ({
  asNumber: 65010,
  routerId: `10.0.0.${member.host}`,
  neighbors: neighbors(member, key),
  routes: [],
});

describe('TCP MD5 keys', () => {
  const names = [
    'ours',
    ...Array.from(
      { length: 11 },
      (_, i) => `${MEMBERS.find(({ host }) => host === i + 2)?.name ?? `unused-${i}`}`,
    ),
  ];
  const lab = useLab(segment(names, [...ours(64512), ...peers, ...ranges]));
  const others = new Map<string, OtherSpeaker>();
  let daemon: TestDaemon;

  beforeAll(async () => {
    const node = lab().node('ours');
    for (const [key, value] of [
      ['range', 'range-key'],
      ['own', 'own-key'],
      ['changing', 'old-key'],
    ] as const)
      setPassword(node, key, value);
    for (const member of MEMBERS)
      others.set(member.name, await member.start(lab(), member.name, settings(member)));
    daemon = TestDaemon.start(lab(), 'ours', {}, [...datastoreFlags(lab().topologyFile), ...SECRETS_FLAGS]);
  }, 120_000);

  const of = (names: readonly string[]) => MEMBERS.filter(({ name }) => names.includes(name));

  it('the same on both sides: sessions, whoever connects, in ranges too, where the longest match counts', async () => {
    const wanted = of(ACCEPTED).flatMap(addresses).sort();
    await daemon.untilEstablished(wanted.length);
    expect(await daemon.established()).toEqual(wanted);
  }, 60_000);

  /** What the kernel of a node has refused for its signature. */
  const refused = async (node: string, why: 'NotFound' | 'Unexpected' | 'Failure'): Promise<number> => {
    const name = `TcpExtTCPMD5${why}`;
    const { stdout } = await lab().node(node).exec(['nstat', '-asz', name]);
    return Number(new RegExp(`${name}\\s+(\\d+)`).exec(stdout)?.[1] ?? Number.NaN);
  };

  it.each([
    ['ours', 'Failure', 'a wrong key in a range'],
    ['ours', 'NotFound', 'no key in a range, or where we alone have one'],
    ['ours', 'Unexpected', 'a key where we have none'],
    ['bird-alone', 'NotFound', 'ours without one to BIRD'],
    ['frr-alone', 'NotFound', 'ours without one to FRR'],
    ['we-to-bird', 'Unexpected', 'ours with one to BIRD'],
    ['we-to-frr', 'Unexpected', 'ours with one to FRR'],
  ] as const)(
    '%s counts TCPMD5%s: %s',
    async (node, why, _what) => {
      await until(async () => (await refused(node, why)) > 0, `${node} has refused something`, 20_000);
    },
    30_000,
  );

  it('another one, or on one side only: never a session, in either direction and family', async () => {
    const views = await daemon.peers();
    for (const address of of(REFUSED).flatMap(addresses)) {
      const view = views.find((peer) => peer.address === address);
      expect([address, view?.counters.established ?? 0]).toEqual([address, 0]);
    }
  });

  it('silence is told as what it may mean', async () => {
    const errorOf = async (address: string) =>
      (await daemon.peers()).find((peer) => peer.address === address)?.lastError ?? '';
    for (const address of ['10.0.0.8', '10.0.0.10'])
      await until(async () => /no answer.*TCP MD5 key/.test(await errorOf(address)), `${address} says why`);
  }, 40_000);

  it('a change resets that session, which stays down until the other side has the key, and no other', async () => {
    const changing = MEMBERS.find(({ name }) => name === 'changes')!;
    const [v4, v6] = addresses(changing);
    const before = await daemon.peers();
    const uptime = new Map(before.map((peer) => [peer.address, peer.counters.established]));
    setPassword(lab().node('ours'), 'changing', 'new-key');
    const state = async (address: string) => (await daemon.peers()).find((peer) => peer.address === address)!;
    await until(
      async () => (await state(v4)).state !== 'Established' && (await state(v6)).state !== 'Established',
      'both sessions with the changed key are down',
    );
    const failures = await refused('changes', 'Failure');
    await until(
      async () => (await refused('changes', 'Failure')) > failures,
      'it refuses the new key',
      30_000,
    );
    await (others.get('changes') as Bird).become(settings(changing, 'new-key'));
    await until(
      async () => (await state(v4)).state === 'Established' && (await state(v6)).state === 'Established',
      'both sessions are up with the new key',
      30_000,
    );
    for (const { address, counters } of await daemon.peers())
      if (address !== v4 && address !== v6)
        expect([address, counters.established]).toEqual([address, uptime.get(address)]);
  }, 90_000);
});
