// Sessions between link-local addresses (RFC 4007, RFC 2545 §3), whoever connects, with a password and GTSM: the peer is one address
// on one link, its routes go out by that link, and our next hop is the node's address with the link-local one behind it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { Frr } from '../support/frr.ts';
import { useLab } from '../support/lab.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { ask, type Neighbor, type OtherSpeaker, outside } from '../support/speakers.ts';

const KEY = 'link-key';

const MEMBERS = [
  { name: 'bird-calls', host: 2, start: Bird.start, weConnect: false },
  { name: 'bird-waits', host: 3, start: Bird.start, weConnect: true },
  // FRR calls a link-local neighbor only where that sends router advertisements.
  { name: 'frr-waits', host: 4, start: Frr.start, weConnect: true },
] as const;

/** One by its full address, the others as calicoctl lets them be written. */
const peers = MEMBERS.map(({ name, host, weConnect }) =>
  resource(
    'BGPPeer',
    name,
    {
      peerIP: host === 2 ? 'fe80::2%eth1' : `fe80::${host}`,
      asNumber: 65000 + host,
      ttlSecurity: 1,
      password: { secretKeyRef: { name: 'bgp', key: 'password' } },
    },
    { 'mesos-bgp/passive': `${!weConnect}`, 'mesos-bgp/interface': 'eth1' },
  ),
);

describe.each([['None'], ['NodeIP']])('peers on the link, bindMode %s', (bindMode) => {
  const names = ['ours', ...MEMBERS.map(({ name }) => name)];
  const cluster = ours(64512).map((each) => {
    const { kind, spec } = each as { kind: string; spec: object };
    return kind === 'BGPConfiguration' ? { ...each, spec: { ...spec, bindMode } } : each;
  });
  const lab = useLab(segment(names, [...cluster, ...peers]));
  const others = new Map<string, OtherSpeaker>();
  let daemon: TestDaemon;

  beforeAll(async () => {
    for (const [index, name] of names.entries()) {
      // One link-local address a host, and one that tests can name.
      await ask(lab().node(name), 'ip', '-6', 'address', 'flush', 'dev', 'eth1', 'scope', 'link');
      await ask(lab().node(name), 'ip', 'address', 'add', `fe80::${index + 1}/64`, 'dev', 'eth1', 'nodad');
    }
    for (const { name, host, start, weConnect } of MEMBERS) {
      const neighbor: Neighbor = {
        local: `fe80::${host}%eth1`,
        address: 'fe80::1%eth1',
        asNumber: 64512,
        password: KEY,
        ttlSecurity: true,
        passive: weConnect,
      };
      others.set(
        name,
        await start(lab(), name, {
          asNumber: 65000 + host,
          routerId: `10.0.0.${host}`,
          neighbors: [neighbor],
          routes: [{ prefix: `fd00:65::${host}:0/122` }],
        }),
      );
    }
    const secrets = outside(lab().node('ours'), '/run/secrets');
    mkdirSync(`${secrets}/bgp`, { recursive: true });
    writeFileSync(`${secrets}/bgp/password`, KEY, { mode: 0o600 });
    daemon = TestDaemon.start(lab(), 'ours', {}, [
      ...datastoreFlags(lab().topologyFile),
      ...['--secrets-dir', '/run/secrets'],
    ]);
  }, 90_000);

  it('are up, each known by its address and interface', async () => {
    await daemon.untilEstablished(MEMBERS.length);
    expect(await daemon.established()).toEqual(MEMBERS.map(({ host }) => `fe80::${host}%eth1`));
    expect(await daemon.command('peers', 'fe80::2%eth1')).toMatch(/Established/);
  }, 60_000);

  it.each(MEMBERS)(
    '$name: its routes go out by its link, ours come to us',
    async ({ name, host }) => {
      const theirs = `fd00:65::${host}:0/122`;
      const inKernel = (node: string, prefix: string) =>
        ask(lab().node(node), 'ip', '-6', 'route', 'show', prefix);
      await until(
        async () => (await inKernel('ours', theirs)).includes(`via fe80::${host} dev eth1 proto bgp`),
        `our kernel has ${theirs}`,
      );
      await until(
        async () => /via (fe80::1|fd00::1) dev eth1/.test(await inKernel(name, 'fd00:65::/122')),
        `the kernel of ${name} has our block`,
      );
      const routes = await daemon.routes(`?prefix=${encodeURIComponent(theirs)}`);
      const best = routes.find((route) => route.best)!;
      expect(`${best.nextHop} ${best.nextHopLinkLocal}`).toContain(`fe80::${host}%eth1`);
      expect(best.source).toBe(`fe80::${host}%eth1`);
    },
    30_000,
  );

  it('are told this node’s address with the link-local one, and each other’s routes through us', async () => {
    const bird = others.get('bird-waits')!;
    await until(async () => (await bird.heard(6)).length >= 3, 'all routes are heard');
    const heard = await bird.heard(6);
    expect(heard.map(({ prefix }) => prefix).sort()).toEqual([
      'fd00:65::/122',
      'fd00:65::2:0/122',
      'fd00:65::4:0/122',
    ]);
    expect(new Set(heard.map(({ nextHop }) => nextHop))).toEqual(new Set(['fd00::1']));
    const { stdout } = await lab()
      .node('bird-waits')
      .exec(['birdc', '-s', '/run/bird.ctl', 'show', 'route', 'fd00:65::/122', 'all']);
    expect(stdout).toMatch(/BGP.next_hop: fd00::1 fe80::1/);
  }, 30_000);

  it('leave the kernel with their link', async () => {
    const kernel = () => ask(lab().node('ours'), 'ip', '-6', 'route', 'show', 'proto', 'bgp');
    expect(await kernel()).toContain('via fe80::');
    await ask(lab().node('ours'), 'ip', 'link', 'set', 'eth1', 'down');
    await until(async () => !(await kernel()).includes('via fe80::'), 'no route is left');
  }, 30_000);
});
