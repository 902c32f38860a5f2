// Sessions that are protected by TCP MD5 (RFC 2385) and GTSM (RFC 5082), with all speakers, whoever connects; and connections
// that must not come about.

import { mkdirSync, writeFileSync } from 'node:fs';
import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { ExaBgp } from '../support/exabgp.ts';
import { Frr } from '../support/frr.ts';
import { GoBgp } from '../support/gobgp.ts';
import { useLab } from '../support/lab.ts';
import { OpenBgpd } from '../support/openbgpd.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { type Neighbor, outside } from '../support/speakers.ts';

const KEY = 'right-key';

const MEMBERS = [
  { name: 'bird', host: 2, start: Bird.start, protects: { password: KEY, ttlSecurity: true } },
  { name: 'frr', host: 3, start: Frr.start, protects: { password: KEY, ttlSecurity: true } },
  { name: 'gobgp', host: 4, start: GoBgp.start, protects: { password: KEY, ttlSecurity: true } },
  { name: 'openbgpd', host: 5, start: OpenBgpd.start, protects: { password: KEY, ttlSecurity: true } },
  { name: 'exabgp', host: 6, start: ExaBgp.start, protects: { password: KEY, ttlSecurity: true } },
  { name: 'wrong-key', host: 7, start: Bird.start, protects: { password: 'wrong-key', ttlSecurity: true } },
  { name: 'far-away', host: 8, start: Bird.start, protects: { password: KEY } },
] as const;

/** OpenBGPD (portable) listens without the key; ExaBGP's listener answers with a TTL of 64, which we drop. */
const ONLY_CONNECT: ReadonlySet<string> = new Set(['openbgpd', 'exabgp']);

/** Over IPv4 we connect, over IPv6 they do. */
const peers = MEMBERS.flatMap(({ name, host }) =>
  [`10.0.0.${host}`, `fd00::${host}`].map((peerIP, index) =>
    resource(
      'BGPPeer',
      `${name}-${index}`,
      {
        peerIP,
        asNumber: 65010,
        ttlSecurity: 1,
        password: { secretKeyRef: { name: 'bgp', key: 'password' } },
      },
      { 'mesos-bgp/passive': `${index === 1}` },
    ),
  ),
);

describe('with MD5 and GTSM', () => {
  const lab = useLab(segment(['ours', ...MEMBERS.map(({ name }) => name)], [...ours(64512), ...peers]));
  let daemon: TestDaemon;

  beforeAll(async () => {
    for (const { name, host, start, protects } of MEMBERS) {
      const neighbors: Neighbor[] = [
        { local: `10.0.0.${host}`, address: '10.0.0.1', asNumber: 64512, passive: true, ...protects },
        { local: `fd00::${host}`, address: 'fd00::1', asNumber: 64512, ...protects },
      ];
      await start(lab(), name, { asNumber: 65010, routerId: `10.0.0.${host}`, neighbors, routes: [] });
    }
    const secrets = outside(lab().node('ours'), '/run/secrets');
    mkdirSync(`${secrets}/bgp`, { recursive: true });
    writeFileSync(`${secrets}/bgp/password`, KEY, { mode: 0o600 });
    daemon = TestDaemon.start(lab(), 'ours', {}, [
      ...datastoreFlags(lab().topologyFile),
      ...['--secrets-dir', '/run/secrets'],
    ]);
  }, 90_000);

  /** Undefined while the daemon does not answer yet. */
  const state = async (address: string) =>
    (await daemon.peers().catch(() => [])).find((peer) => peer.address === address)?.state;

  it.each(MEMBERS.slice(0, 5))(
    '$name and we, whoever connects',
    async ({ name, host }) => {
      const both = [`10.0.0.${host}`, `fd00::${host}`];
      for (const address of ONLY_CONNECT.has(name) ? both.slice(1) : both)
        await until(async () => (await state(address)) === 'Established', `${address} is up`, 30_000);
    },
    70_000,
  );

  /** What the kernel of a node has refused. */
  const counter = async (node: string, name: string): Promise<number> => {
    const { stdout } = await lab().node(node).exec(['nstat', '-asz', name]);
    return Number(new RegExp(`${name}\\s+(\\d+)`).exec(stdout)?.[1] ?? Number.NaN);
  };

  it('not with the wrong key, from neither side', async () => {
    await until(async () => (await counter('wrong-key', 'TcpExtTCPMD5Failure')) > 0, 'it refuses us');
    await until(async () => (await counter('ours', 'TcpExtTCPMD5Failure')) > 0, 'we refuse it');
    expect(await state('10.0.0.7')).not.toMatch(/Open|Established/);
    expect(await state('fd00::7')).not.toMatch(/Open|Established/);
  }, 30_000);

  it('not with one that may be further away than a hop', async () => {
    await until(async () => (await counter('ours', 'TcpExtTCPMinTTLDrop')) > 0, 'we drop its packets');
    // Its handshake comes with 255, since BIRD's neighbors share the listener; nothing after it counts.
    const peers = (await daemon.peers()).filter(({ address }) => /^(10\.0\.0\.|fd00::)8$/.test(address));
    expect(peers.map(({ counters }) => counters.established)).toEqual([0, 0]);
  }, 30_000);
});
