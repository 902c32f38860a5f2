// The main job on real parts: etcd, three daemons, kernel routes, and packets between containers; then what may happen to
// a cluster. Each test leaves the cluster whole for the next.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import { load } from '../../src/lab/calico/load.ts';
import { openRelay } from '../../src/lab/relay.ts';
import { kernelRoutes, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';

const FOLDER = join(__dirname, '../../topologies/three-hosts');
const HOSTS = ['host1', 'host2', 'host3'] as const;
const V3 = '/calico/resources/v3/projectcalico.org';

interface Expected {
  readonly established: readonly string[];
  readonly kernel4: Readonly<Record<string, string>>;
  readonly kernel6: Readonly<Record<string, string>>;
}

const expected = (host: string): Expected =>
  JSON.parse(readFileSync(join(FOLDER, 'expect', `${host}.json`), 'utf8'));

describe('three hosts', () => {
  const lab = useLab(join(FOLDER, 'three-hosts.clab.yml'));
  const daemons = new Map<string, TestDaemon>();
  let etcd: EtcdGateway;
  let closeRelay: () => Promise<void>;

  const daemon = (host: string): TestDaemon => daemons.get(host)!;
  const start = (host: string): TestDaemon => {
    const started = TestDaemon.start(lab(), host, {});
    daemons.set(host, started);
    return started;
  };

  /** The cluster is as expect/ says, in sessions and kernels. */
  const whole = async (): Promise<void> => {
    for (const host of HOSTS) {
      const { established, kernel4, kernel6 } = expected(host);
      await daemon(host).untilEstablished(established.length);
      await until(
        async () => same(await kernelRoutes(lab().node(host), 4), kernel4),
        `${host} has its IPv4 routes`,
      );
      await until(
        async () => same(await kernelRoutes(lab().node(host), 6), kernel6),
        `${host} has its IPv6 routes`,
      );
    }
  };

  const sessionsLost = async (hosts: readonly string[] = HOSTS): Promise<number> => {
    const peers = (await Promise.all(hosts.map((host) => daemon(host).peers()))).flat();
    return peers.reduce((sum, { counters }) => sum + counters.lost, 0);
  };

  /** Kernel routes of ours that a host removes while `during` runs. */
  const removedRoutes = async (host: string, during: () => Promise<void>): Promise<string[]> => {
    const removed: string[] = [];
    const stops = ['-4', '-6'].map((family) =>
      lab()
        .node(host)
        .follow(['ip', family, 'monitor', 'route'], (line) => {
          if (line.startsWith('Deleted') && line.includes('proto bgp')) removed.push(line);
        }),
    );
    await during();
    for (const stop of stops) stop();
    return removed;
  };

  const ping = async (from: string, to: string): Promise<boolean> =>
    (await lab().node(from).exec(['ping', '-n', '-c', '1', '-W', '2', to])).code === 0;

  beforeAll(async () => {
    const loaded = await load(lab().node('etcd'), [join(FOLDER, 'data')]);
    expect(loaded.problems).toEqual([]);
    const relay = await openRelay(lab().node('etcd'), 2379);
    closeRelay = () => relay.stop();
    etcd = new EtcdGateway(relay.socketPath);
    for (const host of HOSTS) start(host);
    await whole();
  }, 120_000);

  afterAll(() => closeRelay?.());

  it('has every session and every route that expect/ names', async () => {
    for (const host of HOSTS) {
      const { established, kernel4, kernel6 } = expected(host);
      expect(await daemon(host).established()).toEqual(established);
      expect(await kernelRoutes(lab().node(host), 4)).toEqual(kernel4);
      expect(await kernelRoutes(lab().node(host), 6)).toEqual(kernel6);
      expect(await daemon(host).ready()).toMatchObject({ ready: true, reasons: [] });
      expect(await daemon(host).status()).toMatchObject({ health: 'ok', problems: 0 });
      expect(await daemon(host).command('events', '--once', '--last', '1000')).toMatch(
        /^\S+Z info .*: OpenConfirm → Established$/m,
      );
    }
  });

  it.each([
    ['c11', '10.65.0.66'],
    ['c11', 'fd00:65::43'],
    ['c22', '10.65.0.131'],
    ['c22', 'fd00:65::82'],
    ['c31', '10.65.0.3'],
    ['c32', 'fd00:65::2'],
  ])('lets %s reach %s on another host', async (from, to) => {
    expect(await ping(from, to)).toBe(true);
  });

  it('carries a new block to every kernel, and takes it away again, without a session reset', async () => {
    const lost = await sessionsLost();
    const key = '/calico/ipam/v2/host/host2/ipv4/block/10.65.9.0-26';
    await etcd.put(key, '{"state":"confirmed","deleted":false}');
    for (const host of HOSTS) {
      const how = host === 'host2' ? 'blackhole' : 'via 10.0.0.2 dev eth1';
      await until(
        async () => (await kernelRoutes(lab().node(host), 4))['10.65.9.0/26'] === how,
        `${host} has the block`,
      );
    }
    await etcd.delete(key);
    await whole();
    expect(await sessionsLost()).toBe(lost);
  });

  it('tells an address that a host borrowed from the block of another, for as long as it is there', async () => {
    // Of host2's block, on host1 (Calico data model 3.1, 3.2); c11 answers for it.
    const borrowed = '10.65.0.100'; // as ip(8) shows a /32
    const route = (host: string) =>
      until(
        async () => (await kernelRoutes(lab().node(host), 4))[borrowed] === 'via 10.0.0.1 dev eth1',
        `${host} has ${borrowed}`,
      );
    await lab()
      .node('c11')
      .exec(['ip', 'address', 'add', `${borrowed}/32`, 'dev', 'eth1']);
    await lab().node('host1').exec(['ip', 'route', 'add', borrowed, 'dev', 'cali11']);
    await Promise.all([route('host2'), route('host3')]);
    expect(await ping('c31', borrowed)).toBe(true);
    expect((await kernelRoutes(lab().node('host1'), 4))[borrowed]).toBeUndefined(); // it has another program's
    await lab().node('host1').exec(['ip', 'route', 'delete', borrowed, 'dev', 'cali11']);
    await whole();
  });

  it('takes the routes of a dead host out of use within its hold time, and only those', async () => {
    const lost = await sessionsLost(['host1']);
    const uplink = lab().link('host3', 'eth1');
    await uplink.down();
    await daemon('host3').stop('SIGKILL');
    await until(
      async () => Object.keys(await kernelRoutes(lab().node('host1'), 4)).length === 2,
      "host3's block is gone from host1",
    );
    expect(await kernelRoutes(lab().node('host1'), 4)).toEqual({
      '10.65.0.0/26': 'blackhole',
      '10.65.0.64/26': 'via 10.0.0.2 dev eth1',
    });
    await until(
      async () => (await sessionsLost(['host1'])) >= lost + 2,
      'both sessions to host3 are lost, one a family',
    );
    expect(await ping('c11', '10.65.0.66')).toBe(true);
    expect(await sessionsLost(['host1'])).toBe(lost + 2); // and no other
    await uplink.up();
    await lab().node('host3').exec('ip -6 addr replace fd00::3/64 dev eth1 nodad'); // goes with the link
    start('host3');
    await whole();
    expect(await ping('c11', '10.65.0.131')).toBe(true);
  }, 90_000);

  it('adopts its routes after kill -9: no kernel route is removed, anywhere (RFC 4724)', async () => {
    const removed = await removedRoutes('host1', async () => {
      const elsewhere = await removedRoutes('host2', async () => {
        await daemon('host1').stop('SIGKILL');
        start('host1');
        await whole();
      });
      expect(elsewhere).toEqual([]);
    });
    expect(removed).toEqual([]);
    const adopted = daemon('host1')
      .logLines()
      .find(({ message }) => message.includes('adopted'));
    expect(adopted).toMatchObject({ routes: 6 });
  }, 90_000);

  it('stops as a restart on SIGTERM: routes stay, here and at the peers', async () => {
    const removed = await removedRoutes('host3', async () => {
      expect(await daemon('host2').stop('SIGTERM')).toBe(0);
      expect(await kernelRoutes(lab().node('host2'), 4)).toEqual(expected('host2').kernel4);
      start('host2');
      await whole();
    });
    expect(removed).toEqual([]);
  }, 90_000);

  it('goes on while etcd is away, and takes up changes when it is back, with nothing lost', async () => {
    const lost = await sessionsLost();
    const node = lab().node('etcd');
    const { stdout } = await node.exec([
      'sh',
      '-c',
      'for p in $(ls /proc | grep -E "^[0-9]+$"); do [ "$(cat /proc/$p/comm 2>/dev/null)" = etcd ] && [ "$(readlink /proc/$p/ns/net)" = "$(readlink /proc/self/ns/net)" ] && echo $p; done; true',
    ]);
    const pid = Number(stdout.trim());
    expect(pid).toBeGreaterThan(1);
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    const removed = await removedRoutes('host1', async () => {
      process.kill(pid, 'SIGKILL');
      await until(
        async () => (await daemon('host1').status()).datastore.state === 'disconnected',
        'the loss is noticed',
      );
      expect(await daemon('host1').ready()).toMatchObject({ ready: true }); // a picture is there, routes forward
      expect(await ping('c12', '10.65.0.67')).toBe(true);
      node.spawn(argv, { name: 'etcd-again' });
      const key = '/calico/ipam/v2/host/host3/ipv6/block/fd00:65::c0-122';
      await until(async () => (await etcd.put(key, '{"state":"confirmed"}')).ok, 'etcd takes writes again');
      await until(
        async () =>
          (await kernelRoutes(lab().node('host1'), 6))['fd00:65::c0/122'] === 'via fd00::3 dev eth1',
        'a block that was claimed after the outage is here',
        30_000,
      );
      await etcd.delete(key);
      await until(
        async () => !('fd00:65::c0/122' in (await kernelRoutes(lab().node('host1'), 6))),
        'and released',
      );
    });
    expect(removed.filter((line) => !line.includes('fd00:65::c0/122'))).toEqual([]);
    await whole();
    expect(await sessionsLost()).toBe(lost);
  }, 90_000);

  it('reports bad entries and goes on with all others', async () => {
    const lost = await sessionsLost();
    await etcd.put(`${V3}/ippools/broken`, '{"kind":"IPPool","spec":');
    await etcd.put(`${V3}/nodes/twin`, node('twin', { ipv4Address: '10.0.0.3/24' }));
    await etcd.put(`${V3}/nodes/bare`, node('bare', {}));
    const problems = async () => (await daemon('host1').resolve()).problems;
    await until(async () => (await problems()).length >= 2, 'the problems are seen');
    expect(await problems()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ resource: 'IPPool/broken', message: expect.stringMatching(/JSON/) }),
        expect.objectContaining({ message: expect.stringMatching(/10\.0\.0\.3/) }),
      ]),
    );
    expect(await daemon('host1').established()).toEqual(expected('host1').established);
    for (const name of ['ippools/broken', 'nodes/twin', 'nodes/bare']) await etcd.delete(`${V3}/${name}`);
    await until(async () => (await problems()).length === 0, 'the problems are gone');
    await whole();
    expect(await sessionsLost()).toBe(lost);
  });

  it('says which nodes exist when its own name is wrong', async () => {
    const { code, stdout } = await lab()
      .node('host1')
      .exec([
        process.execPath,
        join(__dirname, '../../dist/mesos-bgp.js'),
        'resolve',
        '--node',
        'hots1',
        '-o',
        'json',
      ]);
    expect(code).toBe(1);
    const { problems } = JSON.parse(stdout);
    expect(problems).toEqual([
      expect.objectContaining({
        resource: 'Node/hots1',
        message: expect.stringMatching(/host1, host2, host3/),
      }),
    ]);
  });
});

const node = (name: string, bgp: object): string =>
  JSON.stringify({
    kind: 'Node',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name },
    spec: { bgp },
    status: {},
  });

const same = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([key, value]) => b[key] === value);
