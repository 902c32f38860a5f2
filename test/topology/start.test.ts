// Starts that go wrong: each gets a message with the cause and the next step, and what works goes on.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../../src/lab/calico/load.ts';
import { PROGRAM, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';
import { datastoreFile, resource, segment } from '../support/segment.ts';

const CLUSTER = [
  resource('Node', 'host1', { bgp: { ipv4Address: '10.0.0.1/24' } }),
  resource('Node', 'host2', { bgp: { ipv4Address: '10.0.0.2/24' } }),
  resource('IPPool', 'v4', { cidr: '10.65.0.0/16' }),
  resource('BlockAffinity', 'a', { cidr: '10.65.0.0/26', node: 'host1' }),
];

const ETCD = [
  'etcd',
  '--data-dir',
  '/var/lib/etcd',
  '--listen-client-urls',
  'http://0.0.0.0:2379',
  '--advertise-client-urls',
  'http://10.0.0.10:2379',
  '--listen-peer-urls',
  'http://127.0.0.1:2380',
  '--initial-advertise-peer-urls',
  'http://127.0.0.1:2380',
  '--initial-cluster',
  'default=http://127.0.0.1:2380',
];
const HOLD_PORT_179 = "require('net').createServer().listen(179, () => console.error('holding'))";

describe('a start that goes wrong', () => {
  const file = segment(['host1', 'host2', { name: 'store', number: 10 }], CLUSTER);
  const cluster = datastoreFile(file);
  const lab = useLab(file);

  it('waits for an etcd that is not there: says so, is not ready, and becomes ready when it comes', async () => {
    const daemon = TestDaemon.start(lab(), 'host1', { ETCD_ENDPOINTS: 'http://10.0.0.10:2379' });
    await until(
      () => daemon.logLines().some(({ message }) => /^datastore connecting: .*10\.0\.0\.10/.test(message)),
      'the log names the endpoint',
    );
    expect(await daemon.ready()).toEqual({
      ready: false,
      reasons: [expect.stringMatching(/the datastore has not been read yet: /)],
    });
    lab().node('store').spawn(ETCD, { name: 'etcd' });
    expect((await load(lab().node('store'), [cluster])).problems).toEqual([]);
    await until(async () => (await daemon.ready()).ready, 'it is ready', 30_000);
    await daemon.stop('SIGKILL');
  }, 60_000);

  it('goes on when port 179 is taken: says by what to find out, connects to others, and listens once it is free', async () => {
    const holder = lab().node('host1').spawn([process.execPath, '-e', HOLD_PORT_179], { name: 'holder' });
    await until(() => readFileSync(holder.log, 'utf8').includes('holding'), 'the port is held');
    const daemon = TestDaemon.start(lab(), 'host1', {}, ['--datastore', `file:${cluster}`]);
    await until(
      async () => (await daemon.status().catch(() => undefined))?.listening.length === 1,
      'it has tried to listen',
    );
    const [listening] = (await daemon.status()).listening;
    expect(listening).toMatchObject({
      port: 179,
      error: expect.stringMatching(/port 179 taken by another program: ss -ltnp/),
    });
    holder.kill('SIGKILL');
    await until(async () => (await daemon.status()).listening[0]?.error === null, 'it listens', 15_000);
    await daemon.stop('SIGKILL');
  }, 60_000);

  it.each([
    [
      'without CAP_NET_ADMIN',
      ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'],
      /CAP_NET_ADMIN/,
    ],
  ])('refuses to start %s, and says which privilege it needs', async (_, prefix, message) => {
    const { code, stderr } = await lab()
      .node('host2')
      .exec([
        ...prefix,
        process.execPath,
        PROGRAM,
        'run',
        '--node',
        'host2',
        '--datastore',
        `file:${cluster}`,
      ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/--kernel none/);
  });

  it('refuses a second daemon on the same node, and leaves the first alone', async () => {
    const first = TestDaemon.start(lab(), 'host2', {}, ['--datastore', `file:${cluster}`]);
    await until(
      async () => (await first.ready().catch(() => undefined))?.ready === true,
      'the first is ready',
    );
    const { code, stderr } = await lab()
      .node('host2')
      .exec([process.execPath, PROGRAM, 'run', '--node', 'host2', '--datastore', `file:${cluster}`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/another mesos-bgp runs on this machine/);
    expect((await first.ready()).ready).toBe(true);
    await first.stop('SIGKILL');
  }, 60_000);

  it('names the flag that it does not know', async () => {
    const { code, stderr } = await lab()
      .node('host2')
      .exec([process.execPath, PROGRAM, 'run', '--nod', 'host2']);
    expect(code).toBe(64);
    expect(stderr).toMatch(/--nod\b[\s\S]*--node/);
  });

  it('keeps the last good state when its file stops to parse, and names file and line', async () => {
    const copy = join(file, '../live.yaml');
    const { copyFileSync, appendFileSync, readFileSync: read, writeFileSync } = await import('node:fs');
    copyFileSync(cluster, copy);
    const daemon = TestDaemon.start(lab(), 'host1', {}, ['--datastore', `file:${copy}`]);
    await until(async () => (await daemon.ready().catch(() => undefined))?.ready === true, 'it is ready');
    const good = read(copy, 'utf8');
    appendFileSync(copy, '---\nkind: [unclosed\n');
    await until(async () => (await daemon.status()).datastore.lastError !== null, 'the bad file is noticed');
    expect((await daemon.status()).datastore.lastError).toMatch(/live\.yaml:(9|10)\b/);
    expect((await daemon.resolve()).blocks).toHaveLength(1);
    writeFileSync(copy, good.replace('10.65.0.0/26', '10.65.0.64/26'));
    await until(
      async () => (await daemon.resolve()).blocks[0]?.cidr === '10.65.0.64/26',
      'the repaired file is read',
    );
    expect((await daemon.status()).datastore.lastError).toBeNull();
    await daemon.stop('SIGKILL');
  }, 60_000);
});
