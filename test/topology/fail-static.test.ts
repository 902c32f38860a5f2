// All reflectors are lost, on real daemons with kernels of their own: killed, by Cease, with etcd away as well, and with our own daemon
// restarted meanwhile. The kernel's routes between the hosts must not move for a moment; what the datastore takes away goes at once.

import type { LabProcess } from '../../src/lab/background.ts';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import { load } from '../../src/lab/calico/load.ts';
import { openRelay } from '../../src/lab/relay.ts';
import { kernelRoutes, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';
import { datastoreFile, resource, segment } from '../support/segment.ts';

const REFLECTORS = ['r1', 'r2'] as const;
const BLOCKS = ['10.65.2.0/26', 'fd00:65::2:0/122'] as const;
const GATEWAYS = ['via 10.0.0.2 dev eth1', 'via fd00::2 dev eth1'] as const;
/** Told as well, and held by nobody in the datastore: what plain BGP makes of a loss. */
const UNHELD = '10.65.9.9';
/** Left in the kernel by an earlier run, and held by nobody. */
const LEFT = '10.65.77.0/26';
const NODES = '/calico/resources/v3/projectcalico.org/nodes/';
const AFFINITY = '/calico/ipam/v2/host/host2/ipv4/block/10.65.2.0-26';

const node = (name: string, number: number, bgp: object = {}) =>
  resource('Node', name, {
    bgp: { ipv4Address: `10.0.0.${number}/24`, ipv6Address: `fd00::${number.toString(16)}/64`, ...bgp },
  });
const CLUSTER = [
  node('host1', 1),
  node('host2', 2),
  ...REFLECTORS.map((name, index) => node(name, 11 + index, { routeReflectorClusterID: '10.0.0.11' })),
  resource('BGPConfiguration', 'default', { asNumber: 64512, nodeToNodeMeshEnabled: false }),
  ...[11, 12].flatMap((number) =>
    [`10.0.0.${number}`, `fd00::${number.toString(16)}`].map((peerIP) =>
      resource('BGPPeer', `to-${peerIP.replace(/[.:]+/g, '-')}`, {
        nodeSelector: 'all()',
        peerIP,
        asNumber: 64512,
        maxRestartTime: '2s',
      }),
    ),
  ),
  resource('IPPool', 'v4', { cidr: '10.65.0.0/16' }),
  resource('IPPool', 'v6', { cidr: 'fd00:65::/108' }),
  resource('BlockAffinity', 'a', { cidr: BLOCKS[0], node: 'host2' }),
  resource('BlockAffinity', 'b', { cidr: BLOCKS[1], node: 'host2' }),
];
const ETCD = [
  ...['etcd', '--data-dir', '/run/etcd'],
  ...['--listen-client-urls', 'http://0.0.0.0:2379', '--advertise-client-urls', 'http://10.0.0.10:2379'],
  ...[
    '--listen-peer-urls',
    'http://127.0.0.1:2380',
    '--initial-advertise-peer-urls',
    'http://127.0.0.1:2380',
  ],
  ...['--initial-cluster', 'default=http://127.0.0.1:2380'],
];

describe('all reflectors are lost', () => {
  const topology = segment(
    ['host1', 'host2', { name: 'store', number: 10 }, { name: 'r1', number: 11 }, { name: 'r2', number: 12 }],
    CLUSTER,
  );
  const lab = useLab(topology);
  const daemons = new Map<string, TestDaemon>();
  const host1 = () => daemons.get('host1')!;
  let etcd: LabProcess;

  const startEtcd = () => {
    etcd = lab().node('store').spawn(ETCD, { name: 'etcd' });
  };
  const start = (name: string) => {
    const endpoints = { ETCD_ENDPOINTS: 'http://10.0.0.10:2379' };
    daemons.set(name, TestDaemon.start(lab(), name, endpoints, ['--state-dir', '/run/state']));
  };
  const onReflectors = (act: (daemon: TestDaemon) => Promise<unknown>) =>
    Promise.all(REFLECTORS.map((name) => act(daemons.get(name)!)));
  /** SIGTERM twice: it leaves the network, and says Cease. */
  const leave = async (daemon: TestDaemon) => {
    daemon.process.kill('SIGTERM');
    await until(() => /second signal/.test(daemon.log()), 'the signal has been heard');
    await daemon.stop('SIGTERM');
  };
  const routes = async (): Promise<Record<string, string>> => ({
    ...(await kernelRoutes(lab().node('host1'), 4)),
    ...(await kernelRoutes(lab().node('host1'), 6)),
  });
  const views = () =>
    Promise.all(BLOCKS.map(async (prefix) => (await host1().routes(`?prefix=${prefix}`))[0]));
  const fresh = () =>
    until(
      async () => (await views()).every((view) => view?.best && !view.stale),
      'the routes are fresh',
      60_000,
    );
  const failStatic = () =>
    until(
      async () => (await views()).every((view) => view?.staleReason?.startsWith('fail static')),
      'the routes are fail static',
      60_000,
    );
  const write = async (
    act: (store: EtcdGateway) => Promise<{ readonly ok: boolean; readonly error: string }>,
  ) => {
    const relay = await openRelay(lab().node('store'), 2379);
    try {
      const { ok, error } = await act(new EtcdGateway(relay.socketPath));
      if (!ok) throw new Error(error);
    } finally {
      await relay.stop();
    }
  };

  /** @returns what the kernel of host1 lost of the two routes meanwhile. */
  const watched = async (scenario: () => Promise<void>): Promise<string[]> => {
    const gone: string[] = [];
    const stop = lab()
      .node('host1')
      .follow(['ip', 'monitor', 'route'], (line) => {
        if (BLOCKS.some((prefix) => line.startsWith(`Deleted ${prefix} `))) gone.push(line);
      });
    await scenario();
    stop();
    for (const [index, prefix] of BLOCKS.entries())
      if ((await routes())[prefix] !== GATEWAYS[index]) gone.push(`${prefix} is not there`);
    return gone;
  };

  beforeAll(async () => {
    startEtcd();
    expect((await load(lab().node('store'), [datastoreFile(topology)])).problems).toEqual([]);
    for (const command of [
      'ip link add cali1 type veth peer name cali1p',
      'ip link set cali1p up',
      'ip link set cali1 up',
      `ip route add ${UNHELD} dev cali1`,
    ])
      expect((await lab().node('host2').exec(command.split(' '))).code).toBe(0);
    for (const name of ['host1', 'host2', ...REFLECTORS]) start(name);
    await host1().untilEstablished(4);
    await fresh();
    await until(async () => UNHELD in (await routes()), 'the borrowed address is there');
  }, 120_000);

  it('killed: confirmed routes stay in the kernel, and daemon and numbers say so; others go', async () => {
    const gone = await watched(async () => {
      await onReflectors((daemon) => daemon.stop('SIGKILL'));
      await failStatic();
      await until(async () => !(UNHELD in (await routes())), 'what nobody confirms goes');
      const { failStatic: facts, reasons } = await host1().status();
      expect(facts).toEqual({ enabled: true, routes: { ipv4: 1, ipv6: 1 } });
      expect(reasons).toContainEqual(expect.stringContaining('2 routes stay in use although nobody is left'));
      expect(await host1().command('routes')).toContain('stale (fail static)');
      expect(host1().log()).toContain('fail static: 1 ipv6 routes of');
      for (const name of REFLECTORS) start(name);
      await host1().untilEstablished(4);
      await fresh();
    });
    expect(gone).toEqual([]);
    await until(async () => (await host1().status()).failStatic.routes.ipv4 === 0, 'none is kept any more');
  }, 180_000);

  it('by Cease, with etcd killed, and our daemon restarted in the middle of it: not one moment without', async () => {
    const gone = await watched(async () => {
      await onReflectors(leave);
      await failStatic();
      etcd.kill('SIGKILL');
      await etcd.waitForExit(5000);
      await host1().stop('SIGKILL');
      const left = ['ip', 'route', 'add', LEFT, 'via', '10.0.0.2', 'proto', 'bgp'];
      expect((await lab().node('host1').exec(left)).code).toBe(0);
      start('host1');
      const said = (text: string) =>
        until(
          () =>
            host1()
              .logLines()
              .some(({ message }) => message.includes(text)),
          text,
          60_000,
        );
      await said('the picture that an earlier run kept');
      await said('first tables complete');
      await until(async () => !(LEFT in (await routes())), 'what nobody confirms is swept');
      await failStatic();
      expect((await views()).map((view) => view?.source)).toEqual(['earlier-run', 'earlier-run']);
      startEtcd();
      for (const name of REFLECTORS) start(name);
      await host1().untilEstablished(4, 90_000);
      await fresh();
    });
    expect(gone).toEqual([]);
  }, 300_000);

  it('what the datastore takes away meanwhile goes, and with the annotation all does', async () => {
    await onReflectors((daemon) => daemon.stop('SIGKILL'));
    await failStatic();
    await write((store) => store.delete(AFFINITY));
    await until(async () => !(BLOCKS[0] in (await routes())), 'the block of nobody is gone');
    expect((await routes())[BLOCKS[1]]).toBe(GATEWAYS[1]);
    await write(async (store) => {
      const [entry] = await store.list(`${NODES}host1`);
      const value = JSON.parse(entry!.value) as { metadata: { annotations?: Record<string, string> } };
      value.metadata.annotations = { ...value.metadata.annotations, 'mesos-bgp/fail-static': 'off' };
      return store.put(entry!.key, JSON.stringify(value));
    });
    await until(async () => !(BLOCKS[1] in (await routes())), 'off is the RFC’s behaviour');
  }, 120_000);
});
