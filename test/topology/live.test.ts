// What changes while daemons run, on real parts: a cluster of three etcd members that are killed, stopped and restored, two
// daemons with kernels of their own, passwords in files. Counted: sessions that were lost, and kernel routes that were removed.

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import { enter } from '../../src/lab/namespaces.ts';
import { openRelay, type Relay } from '../../src/lab/relay.ts';
import { kernelRoutes, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { TestEtcdCluster } from '../support/etcd-cluster.ts';
import { useLab } from '../support/lab.ts';
import { segment } from '../support/segment.ts';
import { outside } from '../support/speakers.ts';

const HOSTS = ['host1', 'host2'] as const;
const V3 = '/calico/resources/v3/projectcalico.org';
const SECRETS = '/run/secrets';
const block = (node: string, cidr: string) =>
  `/calico/ipam/v2/host/${node}/ipv4/block/${cidr.replace('/', '-')}`;
const CONFIRMED = '{"state":"confirmed","deleted":false}';
const config = (spec: object) =>
  [`${V3}/bgpconfigurations/default`, JSON.stringify({ kind: 'BGPConfiguration', spec })] as const;

describe('a running network', () => {
  const lab = useLab(segment([...HOSTS, { name: 'store', number: 10 }]));
  const daemons = new Map<string, TestDaemon>();
  const daemon = (host: string) => daemons.get(host)!;
  let cluster: TestEtcdCluster;
  let relays: Relay[] = [];

  const start = (host: string) =>
    daemons.set(
      host,
      TestDaemon.start(lab(), host, { ETCD_ENDPOINTS: cluster.endpoints.join(',') }, [
        '--secrets-dir',
        SECRETS,
      ]),
    );
  /** By whichever member takes it. */
  const put = async (key: string, value: string) => {
    const gateways = relays.map(({ socketPath }) => new EtcdGateway(socketPath));
    await until(
      async () => {
        for (const gateway of gateways) if ((await gateway.put(key, value)).ok) return true;
        return false;
      },
      `${key} is written`,
      40_000,
    );
  };
  const sessionsLost = async (): Promise<number> =>
    (await Promise.all(HOSTS.map((host) => daemon(host).peers())))
      .flat()
      .reduce((sum, { counters }) => sum + counters.lost, 0);
  const has = (host: string, prefix: string) =>
    until(async () => prefix in (await kernelRoutes(lab().node(host), 4)), `${host} has ${prefix}`, 40_000);
  /** Kernel routes of ours that host1 removes while `during` runs. */
  const removedRoutes = async (during: () => Promise<void>): Promise<string[]> => {
    const removed: string[] = [];
    const stop = lab()
      .node('host1')
      .follow(['ip', '-4', 'monitor', 'route'], (line) => {
        if (line.startsWith('Deleted') && line.includes('proto bgp')) removed.push(line);
      });
    try {
      await during();
    } finally {
      stop();
    }
    return removed;
  };
  const password = (host: string, value: string | undefined) => {
    const file = outside(lab().node(host), `${SECRETS}/bgp/mesh`);
    mkdirSync(dirname(file), { recursive: true });
    if (value === undefined) rmSync(file);
    else writeFileSync(file, value);
  };

  beforeAll(async () => {
    const { state } = lab().node('store');
    cluster = await TestEtcdCluster.start(3, { address: '10.0.0.10', prefix: enter(state, []) });
    relays = await Promise.all(
      cluster.endpoints.map((endpoint) =>
        openRelay(lab().node('store'), Number(new URL(endpoint).port), '10.0.0.10'),
      ),
    );
    for (const [index, host] of HOSTS.entries()) {
      const spec = { bgp: { ipv4Address: `10.0.0.${index + 1}/24` } };
      await put(`${V3}/nodes/${host}`, JSON.stringify({ kind: 'Node', metadata: { name: host }, spec }));
      await put(block(host, `10.65.${index + 1}.0/26`), CONFIRMED);
      password(host, 'first');
    }
    await put(`${V3}/ippools/p`, JSON.stringify({ kind: 'IPPool', spec: { cidr: '10.65.0.0/16' } }));
    await put(...config({ nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } } }));
    for (const host of HOSTS) start(host);
    for (const host of HOSTS) await daemon(host).untilEstablished(1);
    await has('host1', '10.65.2.0/26');
  }, 90_000);
  afterAll(async () => {
    for (const relay of relays) await relay.stop();
    await cluster?.cleanup();
  });

  it('each etcd member is killed, then stopped: changes arrive, no session is lost, no route is removed', async () => {
    const lost = await sessionsLost();
    const removed = await removedRoutes(async () => {
      for (const [index, member] of cluster.members.entries()) {
        await member.kill();
        await put(block('host2', `10.65.1${index}.0/26`), CONFIRMED);
        await has('host1', `10.65.1${index}.0/26`);
        await member.restart();
      }
      for (const [index, member] of cluster.members.entries()) {
        await member.freeze();
        await put(block('host2', `10.65.2${index}.0/26`), CONFIRMED);
        await has('host1', `10.65.2${index}.0/26`);
        member.thaw();
      }
    });
    expect(removed).toEqual([]);
    expect(await sessionsLost()).toBe(lost);
  }, 180_000);

  it('a restart of a daemon while all of etcd is away: the kept picture serves, and says so', async () => {
    const file = outside(lab().node('host1'), '/var/lib/mesos-bgp/picture-host1');
    const removed = await removedRoutes(async () => {
      await Promise.all(cluster.members.map((member) => member.kill()));
      await daemon('host1').stop('SIGTERM');
      start('host1');
      await daemon('host1').untilEstablished(1);
      const { datastore } = await daemon('host1').status();
      expect(datastore).toMatchObject({ state: 'connecting', kept: { path: expect.any(String) } });
      // A change for the kernel may be on its way at this moment, and is a reason, too.
      const reasons = async () => (await daemon('host1').ready()).reasons;
      await until(async () => (await reasons()).length === 1, 'the picture is the only reason', 20_000);
      expect(await reasons()).toEqual([
        expect.stringMatching(/not been read yet, and the picture of .* serves meanwhile/),
      ]);
      await has('host1', '10.65.22.0/26');
      await Promise.all(cluster.members.map((member) => member.restart()));
      await until(async () => (await daemon('host1').ready()).ready, 'it is ready again', 40_000);
      // Ready with what was listed; in sync when the watches have begun.
      const inSync = async () => (await daemon('host1').status()).datastore.state === 'in-sync';
      await until(inSync, 'it follows the datastore', 20_000);
      expect((await daemon('host1').status()).datastore.kept).toBeNull();
    });
    expect(removed).toEqual([]);
    writeFileSync(file, 'damaged');
    await daemon('host1').stop('SIGKILL');
    start('host1');
    await daemon('host1').untilEstablished(1);
    expect(daemon('host1').log()).toMatch(/picture of the datastore in .* is not used: it is damaged/);
  }, 120_000);

  it('a password that changes on both ends resets that session once; one that is lost holds it back', async () => {
    const before = await sessionsLost();
    const removed = await removedRoutes(async () => {
      for (const host of HOSTS) {
        // As Kubernetes does it: a link to a folder is swapped for one to another.
        const folder = outside(lab().node(host), SECRETS);
        mkdirSync(join(folder, '..2'), { recursive: true });
        writeFileSync(join(folder, '..2', 'mesh'), 'second');
        symlinkSync('..2', join(folder, 'new'));
        renameSync(join(folder, 'bgp'), join(folder, '..1'));
        renameSync(join(folder, 'new'), join(folder, 'bgp'));
      }
      await until(async () => (await sessionsLost()) >= before + 2, 'both ends reset it', 20_000);
      for (const host of HOSTS) await daemon(host).untilEstablished(1);
    });
    expect(removed).toEqual([]); // both ends keep the routes meanwhile (RFC 8538)
    expect(await sessionsLost()).toBe(before + 2);
    password('host1', undefined);
    await until(async () => (await daemon('host1').peers())[0]?.heldBack !== null, 'it is held back', 20_000);
    expect((await daemon('host1').resolve()).problems).toMatchObject([
      { resource: 'BGPConfiguration/default', message: expect.stringMatching(/bgp\/mesh is missing/) },
    ]);
    password('host1', 'second');
    for (const host of HOSTS) await daemon(host).untilEstablished(1);
  }, 120_000);

  it('a change that would isolate the node is held back and said, until it is taken back', async () => {
    const lost = await sessionsLost();
    await put(...config({ nodeToNodeMeshEnabled: false }));
    for (const host of HOSTS) {
      await until(
        async () => (await daemon(host).status()).reasons.some((reason) => /--allow-isolated/.test(reason)),
        `${host} says that it holds the change back`,
      );
    }
    expect((await daemon('host1').resolve()).peers).toEqual([]);
    expect(await daemon('host1').established()).toEqual(['10.0.0.2']);
    await put(...config({ nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } } }));
    for (const host of HOSTS) {
      await until(
        async () => (await daemon(host).status()).reasons.every((reason) => !/isolated/.test(reason)),
        `${host} holds nothing back`,
      );
    }
    expect(await sessionsLost()).toBe(lost);
    const { stdout } = await lab()
      .node('host1')
      .exec([
        process.execPath,
        '-e',
        "fetch('http://127.0.0.1:9791/metrics').then((r) => r.text()).then(console.log)",
      ]);
    expect(stdout).toMatch(/^mesosbgp_sessions\{type="mesh",state="Established"\} 1$/m);
    expect(stdout).toMatch(/^mesosbgp_isolation_held_back 0$/m);
  }, 60_000);
});
