// etcd as it is run in production: members found by SRV records, a role that may read what BGP needs and nothing else, and
// tokens that expire while a watch is open.

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { prefixRange } from '../../src/datastore/datastore.ts';
import { EtcdDatastore } from '../../src/datastore/etcd.ts';
import { membersOf } from '../../src/datastore/etcd-client.ts';
import { type DatastoreEvent, DEFAULT_PACE, watch } from '../../src/datastore/watch.ts';
import { watchedRanges } from '../../src/desired/pipeline.ts';
import { startDns, type TestDns } from '../support/dns.ts';
import { freePorts, TestEtcd, until } from '../support/etcd.ts';
import { unwrap } from './datastore-suite.ts';

jest.setTimeout(60_000);

describe('discovery by SRV records', () => {
  let dns: TestDns | undefined;
  afterEach(() => {
    dns?.close();
    dns = undefined;
  });
  const at = (name: string, port = 2379, priority = 0) => ({ name, port, priority });
  const members = async (records: Parameters<typeof startDns>[0], domain = 'example.com') => {
    dns = await startDns(records);
    return membersOf({ endpoints: [], discoverySrv: domain }, dns.resolve, () => 0);
  };

  it('prefers TLS, and heeds priorities', async () => {
    const result = await members({
      '_etcd-client-ssl._tcp.example.com': [at('b.example.com', 2379, 20), at('a.example.com', 4001, 10)],
      '_etcd-client._tcp.example.com': [at('c.example.com')],
    });
    expect(unwrap(result)).toEqual(['https://a.example.com:4001', 'https://b.example.com:2379']);
  });

  it('takes plain text where there is no TLS', async () => {
    const result = await members({ '_etcd-client._tcp.example.com': [at('c.example.com')] });
    expect(unwrap(result)).toEqual(['http://c.example.com:2379']);
  });

  it('without records says what was asked for, and what to check', async () => {
    const result = await members({});
    expect(dns!.asked).toEqual(['_etcd-client-ssl._tcp.example.com', '_etcd-client._tcp.example.com']);
    expect(result).toMatchObject({ ok: false, error: { reason: 'unavailable' } });
    expect(!result.ok && result.error.message).toMatch(
      /_etcd-client\._tcp\.example\.com.*ETCD_DISCOVERY_SRV/,
    );
  });

  it('does not fall back on plain text because a name server does not answer', async () => {
    const resolve = async (name: string) => {
      if (name.startsWith('_etcd-client-ssl'))
        throw Object.assign(new Error('timeout'), { code: 'ETIMEOUT' });
      return [at('c.example.com')];
    };
    const result = await membersOf({ endpoints: [], discoverySrv: 'example.com' }, resolve, () => 0);
    expect(result).toMatchObject({ ok: false, error: { reason: 'unavailable' } });
  });

  it('finds a cluster, of which the first member is dead', async () => {
    const etcd = await TestEtcd.start();
    const [dead] = await freePorts(1);
    const port = Number(new URL(etcd.endpoint).port);
    dns = await startDns({
      '_etcd-client._tcp.example.com': [at('127.0.0.1', dead, 1), at('127.0.0.1', port, 2)],
    });
    const datastore = new EtcdDatastore(
      { endpoints: [], discoverySrv: 'example.com' },
      { resolveSrv: dns.resolve, deadlineMs: 2_000 },
    );
    try {
      unwrap(await datastore.put('/calico/x', '1'));
      expect(unwrap(await datastore.list([prefixRange('/calico/')])).entries).toHaveLength(1);
      expect(datastore.name).toBe('etcd of example.com');
    } finally {
      datastore.close();
      await etcd.cleanup();
    }
  });
});

describe('users', () => {
  let etcd: TestEtcd;
  let folder: string;
  /** Tokens that expire after two seconds; etcd gives none that are shorter. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-jwt-'));
    const key = join(folder, 'jwt.pem');
    const pub = join(folder, 'jwt.pub');
    execFileSync('openssl', ['genrsa', '-out', key, '2048'], { stdio: 'pipe' });
    execFileSync('openssl', ['rsa', '-in', key, '-pubout', '-out', pub], { stdio: 'pipe' });
    etcd = await TestEtcd.start({
      args: ['--auth-token', `jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=2s`],
    });
    const client = new Etcd3({ hosts: etcd.endpoint });
    await client.role('root').create();
    await client.user('root').create('root-secret');
    await client.user('root').addRole('root');
    const role = client.role('bgp');
    await role.create();
    // The minimal role: what docs/operations.md tells to grant.
    for (const { start, end } of watchedRanges()) {
      await role.grant({ permission: 'Read', range: client.range({ start, end }) });
    }
    await client.user('bgp').create('bgp-secret');
    await client.user('bgp').addRole('bgp');
    await client.auth.authEnable();
    client.close();
  });
  afterAll(async () => {
    await etcd?.cleanup();
    await rm(folder, { recursive: true, force: true });
  });

  const user = (username: string) =>
    new EtcdDatastore(
      { endpoints: [etcd.endpoint], username, password: `${username}-secret` },
      { deadlineMs: 2_000, heartbeatMs: 500 },
    );

  it('the minimal role suffices, also after its token has expired, and may do nothing else', async () => {
    const root = user('root');
    const bgp = user('bgp');
    const events: DatastoreEvent[] = [];
    const node = '/calico/resources/v3/projectcalico.org/nodes/host-1';
    const pace = { ...DEFAULT_PACE, firstMs: 50 };
    const subscription = watch(bgp, watchedRanges(), pace).subscribe((event) => events.push(event));
    try {
      await until(() => bgp.status.current.state === 'in-sync', 'in sync');
      // A client that keeps its token sees it expire: then ours, which is older, has.
      const witness = new Etcd3({
        hosts: etcd.endpoint,
        auth: { username: 'bgp', password: 'bgp-secret' },
      });
      const token = await witness.auth.authenticate({ name: 'bgp', password: 'bgp-secret' });
      witness.close();
      await until(async () => !(await accepts(etcd.endpoint, token.token)), 'the token has expired', 30_000);
      unwrap(await root.put(node, '{}'));
      await until(() => events.length === 2, 'the change is seen', 30_000);
      await etcd.kill();
      await until(() => bgp.status.current.state === 'disconnected', 'the loss is noticed');
      await etcd.restart();
      unwrap(await root.put(node, '{"spec":{}}'));
      await until(() => events.length === 3, 'the next change is seen', 30_000);
      expect(events.map(({ type }) => type)).toEqual(['listed', 'changed', 'changed']);
      for (const result of [
        await bgp.list([prefixRange('/calico/ipam/v2/assignment/')]),
        await bgp.list([prefixRange('/calico/')]),
        await bgp.put(node, '{}'),
      ]) {
        expect(result).toMatchObject({ ok: false, error: { reason: 'refused' } });
        expect(!result.ok && result.error.message).toMatch(/Check user, password, role/);
      }
    } finally {
      subscription.unsubscribe();
      bgp.close();
      root.close();
    }
  });
});

/** Does etcd take this token? By its HTTP gateway, which keeps none of its own. */
async function accepts(endpoint: string, token: string): Promise<boolean> {
  const key = Buffer.from('/calico/resources/v3/projectcalico.org/nodes/').toString('base64');
  const answer = await fetch(`${endpoint}/v3/kv/range`, {
    method: 'POST',
    headers: { Authorization: token },
    body: JSON.stringify({ key }),
  });
  return answer.ok;
}
