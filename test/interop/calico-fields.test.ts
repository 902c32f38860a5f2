// Fields of Calico's resources about a session, each on one peering with a BIRD that shows what came of it: addresses and ports,
// next hops, own AS numbers, restart and keepalive times.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { type Announcement, ask, heardRoute, type Neighbor } from '../support/speakers.ts';

const LISTEN_PORT = 1791;
/** Of a teller, inside the pool; and one with our own AS number in its path. */
const TOLD = '10.66.0.0/26';
const LOOPED = ['10.66.1.0/26', '10.66.2.0/26'] as const;

interface Member {
  readonly name: string;
  readonly asNumber: number;
  readonly spec: object;
  readonly peerIP?: string;
  readonly neighbor?: Partial<Neighbor>;
  readonly routes?: readonly Announcement[];
  /** They connect, to the port that we listen on. */
  readonly calls?: boolean;
}

const looped = (prefix: string): Announcement => ({ prefix, asPath: [64512] });

const MEMBERS: readonly Member[] = [
  { name: 'teller', asNumber: 65001, spec: {}, routes: [{ prefix: TOLD }, looped(LOOPED[0])] },
  { name: 'allowed', asNumber: 65002, spec: { numAllowedLocalASNumbers: 1 }, routes: [looped(LOOPED[1])] },
  {
    name: 'source-none',
    asNumber: 65003,
    spec: { sourceAddress: 'None' },
    neighbor: { address: '10.0.0.201' },
  },
  { name: 'source-node', asNumber: 65004, spec: { sourceAddress: 'UseNodeIP' } },
  { name: 'other-port', asNumber: 65005, spec: {}, peerIP: '10.0.0.6:1790', neighbor: { localPort: 1790 } },
  { name: 'external-auto', asNumber: 65006, spec: { nextHopMode: 'Auto' } },
  { name: 'external-self', asNumber: 65007, spec: { nextHopMode: 'Self' } },
  { name: 'external-keep', asNumber: 65008, spec: { nextHopMode: 'Keep' } },
  { name: 'external-kept', asNumber: 65009, spec: { keepOriginalNextHop: true } },
  { name: 'internal-auto', asNumber: 64512, spec: { nextHopMode: 'Auto' } },
  { name: 'internal-self', asNumber: 64512, spec: { nextHopMode: 'Self' } },
  { name: 'restarts', asNumber: 65010, spec: { maxRestartTime: '33s', keepaliveTime: '1s' }, calls: true },
  { name: 'no-restart', asNumber: 65011, spec: { maxRestartTime: '0s' } },
  { name: 'mesh', asNumber: 64512, spec: {}, calls: true },
];
const addressOf = (name: string): string => `10.0.0.${MEMBERS.findIndex((each) => each.name === name) + 2}`;

const cluster = [
  ...ours(64512).map((each) =>
    (each as { kind: string }).kind === 'BGPConfiguration'
      ? resource('BGPConfiguration', 'default', { asNumber: 64512, nodeMeshMaxRestartTime: '44s' })
      : each,
  ),
  resource('BGPConfiguration', 'node.ours', { listenPort: LISTEN_PORT }),
  resource('Node', 'mesh', { bgp: { ipv4Address: `${addressOf('mesh')}/24` } }),
  ...MEMBERS.filter(({ name }) => name !== 'mesh').map(({ name, asNumber, spec, peerIP, calls }) =>
    resource(
      'BGPPeer',
      name,
      { peerIP: peerIP ?? addressOf(name), asNumber, ...spec },
      calls ? { 'mesos-bgp/passive': 'true' } : {},
    ),
  ),
];

describe('fields of Calico that are about a session', () => {
  const lab = useLab(segment(['ours', ...MEMBERS.map(({ name }) => name)], cluster));
  const birds = new Map<string, Bird>();
  let daemon: TestDaemon;

  beforeAll(async () => {
    // What the kernel would choose is not the node's address.
    const node = lab().node('ours');
    await ask(node, 'ip', 'address', 'add', '10.0.0.201/24', 'dev', 'eth1');
    for (const name of ['source-none', 'source-node'])
      await ask(node, 'ip', 'route', 'add', `${addressOf(name)}/32`, 'dev', 'eth1', 'src', '10.0.0.201');
    for (const { name, asNumber, neighbor, routes, calls } of MEMBERS) {
      const local = addressOf(name);
      const of = {
        local,
        address: '10.0.0.1',
        asNumber: 64512,
        passive: calls !== true,
        ...(calls ? { port: LISTEN_PORT } : {}),
        ...neighbor,
      };
      birds.set(
        name,
        await Bird.start(lab(), name, { asNumber, routerId: local, neighbors: [of], routes: routes ?? [] }),
      );
    }
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(MEMBERS.length, 60_000);
  }, 150_000);

  const peer = async (name: string) =>
    (await daemon.peers()).find(({ address }) => address === addressOf(name))!;
  const shown = async (name: string): Promise<string> =>
    ask(lab().node(name), 'birdc', '-r', '-s', '/run/bird.ctl', 'show', 'protocols', 'all', 'p0');

  it('sourceAddress: the node’s address, or the kernel’s choice', async () => {
    expect((await peer('source-none')).localAddress).toBe('10.0.0.201');
    expect((await peer('source-node')).localAddress).toBe('10.0.0.1');
  });

  it('peerIP with a port, and listenPort of this node alone', async () => {
    expect(await peer('other-port')).toMatchObject({ port: 1790, remotePort: 1790 });
    expect((await peer('restarts')).localPort).toBe(LISTEN_PORT);
  });

  it.each([
    ['external-auto', '10.0.0.1'],
    ['external-self', '10.0.0.1'],
    ['external-keep', '10.0.0.2'],
    ['external-kept', '10.0.0.2'],
    ['internal-auto', '10.0.0.2'],
    ['internal-self', '10.0.0.1'],
  ])('nextHopMode, keepOriginalNextHop: %s hears %s', async (name, nextHop) => {
    expect((await heardRoute(birds.get(name)!, TOLD)).nextHop).toBe(nextHop);
  });

  it('numAllowedLocalASNumbers: our own AS number in a path, as often as allowed', async () => {
    const used = async (prefix: string) =>
      (await daemon.routes(`?prefix=${encodeURIComponent(prefix)}`)).map(({ valid, reason }) => [
        valid,
        reason,
      ]);
    await until(async () => (await used(LOOPED[1])).length > 0, 'the allowed one is there');
    expect(await used(LOOPED[1])).toEqual([[true, null]]);
    expect(await used(LOOPED[0])).toEqual([
      [false, expect.stringMatching(/AS_PATH loop: holds our AS 64512/)],
    ]);
  });

  it.each([
    ['restarts', 'Restart time: 33'],
    ['mesh', 'Restart time: 44'],
    ['teller', 'Restart time: 120'],
  ])('maxRestartTime, nodeMeshMaxRestartTime: %s is told %s', async (name, text) => {
    const [, neighbor = ''] = (await shown(name)).split('Neighbor capabilities');
    expect(neighbor).toContain(text);
  });

  it('maxRestartTime 0s: no graceful restart', async () => {
    const [, neighbor = ''] = (await shown('no-restart')).split('Neighbor capabilities');
    expect(neighbor).toMatch(/Route refresh/);
    expect(neighbor).not.toMatch(/Restart time/);
  });

  it('keepaliveTime: as often as it says', async () => {
    const { keepaliveSeconds, counters } = await peer('restarts');
    expect(keepaliveSeconds).toBe(1);
    await until(
      async () => (await peer('restarts')).counters.messagesSent >= counters.messagesSent + 2,
      'two KEEPALIVEs have left',
      10_000,
    );
  });
});
