// The datastore contract on a real etcd, and what only a real one does: pages, fragments, compaction, crashes, hanging.

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import type { Subscription } from 'rxjs';
import { type DatastoreStatus, prefixRange } from '../../src/datastore/datastore.ts';
import { EtcdDatastore } from '../../src/datastore/etcd.ts';
import { type DatastoreEvent, watch } from '../../src/datastore/watch.ts';
import type { DesiredState } from '../../src/desired/desired-state.ts';
import { desiredStates } from '../../src/desired/pipeline.ts';
import { TestEtcd, until } from '../support/etcd.ts';
import { datastoreSuite, Recorder, type Subject, unwrap, writableSuite } from './datastore-suite.ts';

jest.setTimeout(60_000);

let etcd: TestEtcd;
beforeAll(async () => {
  etcd = await TestEtcd.start();
});
afterAll(() => etcd?.cleanup());

/** A fresh part of the key space for each test, so that one server serves them all. */
let run = 0;
const subject = async (): Promise<Subject> => {
  const datastore = new EtcdDatastore({ endpoints: [etcd.endpoint] });
  const writer = new EtcdDatastore({ endpoints: [etcd.endpoint] });
  const all = [{ start: '/', end: '0' }];
  const write = async (entries: Readonly<Record<string, string>>) => {
    const present = unwrap(await writer.list(all)).entries;
    const gone = present.filter(({ key }) => entries[key] === undefined);
    const changed = Object.entries(entries).filter(
      ([key, value]) => present.find((entry) => entry.key === key)?.value !== value,
    );
    if (gone.length + changed.length === 0) return;
    unwrap(
      await writer.transaction(
        [],
        [
          ...gone.map(({ key }) => ({ type: 'delete' as const, key })),
          ...changed.map(([key, value]) => ({ type: 'put' as const, key, value })),
        ],
      ),
    );
  };
  await write({});
  return { datastore, write, cleanup: async () => writer.close() };
};

const KEYS = {
  ranges: ['/calico/a/', '/calico/b/'],
  a1: '/calico/a/1',
  a2: '/calico/a/2',
  b1: '/calico/b/1',
  outside: '/calico/ab/1',
} as const;

datastoreSuite('etcd', KEYS, subject);
writableSuite('etcd', subject);

describe('etcd datastore', () => {
  const RANGE = () => `/r${run}/`;
  let datastore: EtcdDatastore;
  let events: DatastoreEvent[] = [];
  let subscription: Subscription | undefined;

  beforeEach(() => {
    run++;
    events = [];
    datastore = new EtcdDatastore({ endpoints: [etcd.endpoint] }, { deadlineMs: 2_000, pageEntries: 10 });
  });
  afterEach(async () => {
    subscription?.unsubscribe();
    subscription = undefined;
    datastore.close();
    if (etcd.pid === undefined) await etcd.restart();
  });

  const follow = () => {
    subscription = watch(datastore, [prefixRange(RANGE())]).subscribe((event) => events.push(event));
  };
  const inSync = () => until(() => datastore.status.current.state === 'in-sync', 'in sync', 30_000);
  /** The picture that the events make. */
  const picture = (): Record<string, string> => {
    const map = new Map<string, string>();
    for (const event of events) {
      if (event.type === 'listed') {
        map.clear();
        for (const { key, value } of event.entries) map.set(key, value);
      } else {
        for (const c of event.changes) c.type === 'put' ? map.set(c.key, c.value) : map.delete(c.key);
      }
    }
    return Object.fromEntries(map);
  };
  const put = async (name: string, value: string) => {
    const writer = new EtcdDatastore({ endpoints: [etcd.endpoint] });
    const result = await writer.put(`${RANGE()}${name}`, value);
    writer.close();
    return unwrap(result);
  };

  it('lists many pages at one revision, in order and without doubles', async () => {
    for (let i = 0; i < 35; i++) await put(String(i).padStart(3, '0'), String(i));
    const { entries, position } = unwrap(await datastore.list([prefixRange(RANGE())]));
    expect(entries.map(({ value }) => value)).toEqual(Array.from({ length: 35 }, (_, i) => String(i)));
    expect(entries.at(-1)!.revision).toBe(position.revision);
  });

  it('a backlog far above the 4 MiB message limit comes whole', async () => {
    const { position } = unwrap(await datastore.list([prefixRange(RANGE())]));
    const big = 'x'.repeat(500_000);
    for (let i = 0; i < 20; i++) await put(`k${i}`, `${i}${big}`);
    const recorder = new Recorder().open(datastore, [RANGE()], position);
    await until(() => recorder.changes.length === 20, 'all changes are told', 30_000);
    expect(recorder.changes.map((c) => (c.type === 'put' ? c.value.slice(0, -big.length) : ''))).toEqual(
      Array.from({ length: 20 }, (_, i) => String(i)),
    );
    recorder.watch!.close();
  });

  it('a watch from a compacted revision ends as compacted', async () => {
    await put('a', '1');
    const { position } = unwrap(await datastore.list([prefixRange(RANGE())]));
    await put('a', '2');
    const revision = await put('a', '3');
    const client = new Etcd3({ hosts: etcd.endpoint });
    await client.kv.compact({ revision, physical: true });
    client.close();
    const recorder = new Recorder().open(datastore, [RANGE()], position);
    await until(() => recorder.ended !== undefined, 'the watch ended');
    expect(recorder.ended).toMatchObject({ reason: 'compacted' });
  });

  it('is told as not reachable while etcd is not there at start, and reads when it comes', async () => {
    await etcd.stop();
    follow();
    await until(() => datastore.status.current.lastError !== undefined, 'the error is told');
    expect(datastore.status.current.state).toBe('connecting');
    expect(datastore.status.current.lastError).toContain(etcd.endpoint);
    expect(events).toEqual([]);
    await etcd.restart();
    await inSync();
    expect(events.map(({ type }) => type)).toEqual(['listed']);
    expect(datastore.status.current.lastError).toBeUndefined();
  });

  it.each(['stop', 'kill'] as const)(
    'after %s and start it resumes: nothing lost, nothing listed anew',
    async (how) => {
      await put('a', '1');
      follow();
      await inSync();
      await etcd[how]();
      await until(() => datastore.status.current.state === 'disconnected', 'the loss is noticed');
      expect(picture()).toEqual({ [`${RANGE()}a`]: '1' });
      await etcd.restart();
      await put('b', '2');
      await until(() => picture()[`${RANGE()}b`] === '2', 'the change is seen');
      await inSync();
      expect(picture()).toEqual({ [`${RANGE()}a`]: '1', [`${RANGE()}b`]: '2' });
      expect(events.filter(({ type }) => type === 'listed')).toHaveLength(1);
    },
  );

  it('after a compaction behind its back it lists anew, and the picture is right', async () => {
    await put('a', '1');
    await put('gone', '1');
    follow();
    await inSync();
    await etcd.stop();
    await until(() => datastore.status.current.state === 'disconnected', 'the loss is noticed');
    subscription!.unsubscribe(); // it must not come back before the compaction
    const [listed] = events;
    await etcd.restart();
    const writer = new Etcd3({ hosts: etcd.endpoint });
    await writer.delete().key(`${RANGE()}gone`);
    const { header } = await writer.put(`${RANGE()}b`).value('2');
    await writer.kv.compact({ revision: header.revision, physical: true });
    writer.close();
    // The same loop, with a list from before: what a daemon has that was cut off during the compaction.
    const stale = Object.assign(Object.create(datastore) as EtcdDatastore, {});
    let lists = 0;
    Object.defineProperty(stale, 'status', { value: datastore.status });
    stale.list = async (ranges) => {
      const fresh = await datastore.list(ranges);
      if (lists++ > 0 || !fresh.ok || listed?.type !== 'listed') return fresh;
      return {
        ok: true,
        value: { position: { ...fresh.value.position, revision: listed.revision }, entries: listed.entries },
      };
    };
    stale.watch = (starts, handler) => datastore.watch(starts, handler);
    events = [];
    subscription = watch(stale, [prefixRange(RANGE())]).subscribe((event) => events.push(event));
    await until(() => events.length >= 2, 'listed twice');
    expect(lists).toBe(2);
    expect(picture()).toEqual({ [`${RANGE()}a`]: '1', [`${RANGE()}b`]: '2' });
  });

  it('keeps the last picture when etcd comes back without any data', async () => {
    await put('a', '1');
    follow();
    await inSync();
    await etcd.stop();
    await etcd.wipe();
    await etcd.restart();
    await until(
      () => datastore.status.current.lastError?.includes('lists nothing at all') === true,
      'the empty store is noticed',
    );
    expect(picture()).toEqual({ [`${RANGE()}a`]: '1' });
    expect(datastore.status.current.state).toBe('disconnected');
    await put('a', '2');
    await until(() => picture()[`${RANGE()}a`] === '2', 'the restored data is read');
    await inSync();
  });

  it('a server that hangs does not hang a call', async () => {
    await put('a', '1');
    unwrap(await datastore.list([prefixRange(RANGE())]));
    await etcd.freeze();
    try {
      const result = await datastore.list([prefixRange(RANGE())]);
      expect(result).toMatchObject({ ok: false, error: { reason: 'unavailable' } });
    } finally {
      etcd.thaw();
    }
    unwrap(await datastore.list([prefixRange(RANGE())]));
  });

  it('with several endpoints a dead one is passed over', async () => {
    datastore.close();
    datastore = new EtcdDatastore({ endpoints: ['http://127.0.0.1:1', etcd.endpoint] });
    for (let i = 0; i < 8; i++) unwrap(await datastore.list([prefixRange(RANGE())]));
  });

  it.each([
    ['no URL', ['127.0.0.1:2379'], /not a URL/],
    ['http and https mixed', ['http://127.0.0.1:2379', 'https://127.0.0.1:2379'], /mix http and https/],
    ['nothing', [], /not a URL/],
  ])('wrong endpoints are told: %s', async (_, endpoints, message) => {
    const wrong = new EtcdDatastore({ endpoints });
    const result = await wrong.list([prefixRange('/a/')]);
    expect(result).toMatchObject({ ok: false, error: { reason: 'invalid' } });
    expect(!result.ok && result.error.message).toMatch(message);
    wrong.close();
  });

  it('a certificate file that cannot be read is told with its path', async () => {
    const wrong = new EtcdDatastore({
      endpoints: ['https://127.0.0.1:1'],
      caCertFile: '/nonexistent/ca.pem',
    });
    const result = await wrong.list([prefixRange('/a/')]);
    expect(!result.ok && result.error.message).toContain('/nonexistent/ca.pem');
    wrong.close();
  });

  it('a server that hangs ends the watch, the picture stays, and it goes on when the server does', async () => {
    await put('a', '1');
    follow();
    await inSync();
    await etcd.freeze();
    try {
      // Keepalive: a ping after 10 s without a word, 5 s for the answer.
      await until(() => datastore.status.current.state === 'disconnected', 'the silence is noticed', 25_000);
      expect(picture()).toEqual({ [`${RANGE()}a`]: '1' });
    } finally {
      etcd.thaw();
    }
    await put('a', '2');
    await until(() => picture()[`${RANGE()}a`] === '2', 'the change is seen', 30_000);
    await inSync();
  });

  it('unsubscribing closes the watch', async () => {
    await put('a', '1');
    follow();
    await inSync();
    subscription!.unsubscribe();
    const seen = events.length;
    const other = new Recorder().open(
      datastore,
      [RANGE()],
      unwrap(await datastore.list([prefixRange(RANGE())])).position,
    );
    await until(() => other.started, 'another watch runs');
    await put('a', '2');
    await until(() => other.changes.length === 1, 'the other hears of it');
    other.watch!.close();
    expect(events).toHaveLength(seen);
  });
});

describe('desired state over outages of etcd', () => {
  it('stays the same until the data changes: etcd away at the start, stopped, killed, compacted', async () => {
    const V3 = '/calico/resources/v3/projectcalico.org/nodes/';
    const server = await TestEtcd.prepare();
    const datastore = new EtcdDatastore({ endpoints: [server.endpoint] }, { deadlineMs: 2_000 });
    const writer = new EtcdDatastore({ endpoints: [server.endpoint] }, { deadlineMs: 2_000 });
    const states: DesiredState[] = [];
    const status: DatastoreStatus['state'][] = [];
    datastore.status.listen(({ state }) => status.at(-1) !== state && status.push(state));
    const subscription = desiredStates(datastore, { node: 'host-1', secrets: () => undefined }).subscribe(
      (state) => {
        states.push(state);
      },
    );
    const node = async (name: string, ipv4Address: string) =>
      unwrap(await writer.put(V3 + name, JSON.stringify({ spec: { bgp: { ipv4Address } } })));
    const inSync = () => until(() => datastore.status.current.state === 'in-sync', 'in sync', 30_000);
    const lost = () => until(() => datastore.status.current.state === 'disconnected', 'disconnected', 30_000);
    try {
      await until(() => datastore.status.current.lastError !== undefined, 'etcd is missed');
      expect(states).toEqual([]);
      await server.restart();
      await inSync();
      await until(() => states.length === 1, 'the first state');
      expect(states[0]!.resolution.problems).toMatchObject([{ resource: 'Node/host-1' }]);
      await node('host-1', '10.0.0.1/24');
      await until(() => states.at(-1)!.speaker !== undefined, 'the own node is there');
      await node('host-2', '10.0.0.2/24');
      await until(() => states.at(-1)!.peers.length === 1, 'the first peer');
      const before = states.length;
      for (const how of ['stop', 'kill'] as const) {
        await server[how]();
        await lost();
        await server.restart();
        await inSync();
      }
      await server.stop();
      await lost();
      await server.restart();
      const client = new Etcd3({ hosts: server.endpoint });
      const { header } = await client.put('/unrelated').value('x');
      await client.kv.compact({ revision: header.revision, physical: true });
      client.close();
      await inSync();
      expect(states.length).toBe(before);
      await node('host-3', '10.0.0.3/24');
      await until(() => states.at(-1)!.peers.length === 2, 'a change is still seen');
      expect(states.length).toBe(before + 1);
      expect(status.slice(0, 3)).toEqual(['connecting', 'in-sync', 'disconnected']);
    } finally {
      subscription.unsubscribe();
      datastore.close();
      writer.close();
      await server.cleanup();
    }
  });
});

it('a test server behind a prefix, as in a namespace, is up when start returns', async () => {
  const server = await TestEtcd.start({ prefix: ['env'] });
  const datastore = new EtcdDatastore({ endpoints: [server.endpoint] });
  try {
    unwrap(await datastore.list([prefixRange('/calico/')]));
  } finally {
    datastore.close();
    await server.cleanup();
  }
});

describe('etcd with users', () => {
  const ROOT = { username: 'root', password: 'root-secret' };
  let server: TestEtcd;
  beforeAll(async () => {
    server = await TestEtcd.start();
    const client = new Etcd3({ hosts: server.endpoint });
    await client.role('root').create();
    await client.user('root').create(ROOT.password);
    await client.user('root').addRole('root');
    const reader = client.role('bgp');
    await reader.create();
    await reader.grant({ permission: 'Read', range: client.range({ prefix: '/calico/' }) });
    await client.user('bgp').create('bgp-secret');
    await client.user('bgp').addRole('bgp');
    await client.put('/calico/nodes/a').value('1');
    await client.auth.authEnable();
    client.close();
  });
  afterAll(() => server?.cleanup());

  const ALL = [prefixRange('/calico/')];

  it('a role that may read /calico/ suffices', async () => {
    const datastore = new EtcdDatastore({
      endpoints: [server.endpoint],
      username: 'bgp',
      password: 'bgp-secret',
    });
    expect(unwrap(await datastore.list(ALL)).entries).toHaveLength(1);
    expect(await datastore.put('/calico/x', '1')).toMatchObject({ ok: false, error: { reason: 'refused' } });
    datastore.close();
  });

  it.each([
    ['a wrong password', { username: 'bgp', password: 'x' }],
    ['an unknown user', { username: 'nobody', password: 'x' }],
    ['no user', {}],
  ])('%s is refused, in list and watch, with what to check', async (_, user) => {
    const datastore = new EtcdDatastore({ endpoints: [server.endpoint], ...user }, { deadlineMs: 2_000 });
    const result = await datastore.list(ALL);
    expect(result).toMatchObject({ ok: false, error: { reason: 'refused' } });
    expect(!result.ok && result.error.message).toMatch(/Check user, password, role/);
    expect(JSON.stringify(result)).not.toContain('"x"');
    const recorder = new Recorder().open(datastore, ['/calico/'], { store: '1', revision: '1' });
    await until(() => recorder.ended !== undefined, 'the watch ends');
    expect(recorder.ended).toMatchObject({ reason: 'lost' });
    datastore.close();
  });

  it('after a restart of etcd, which forgets its tokens, it logs in again and loses nothing', async () => {
    const user = { username: 'bgp', password: 'bgp-secret' };
    const datastore = new EtcdDatastore({ endpoints: [server.endpoint], ...user }, { deadlineMs: 2_000 });
    const events: DatastoreEvent[] = [];
    const subscription = watch(datastore, ALL).subscribe((event) => events.push(event));
    try {
      await until(() => datastore.status.current.state === 'in-sync', 'in sync');
      await server.kill();
      await until(() => datastore.status.current.state === 'disconnected', 'the loss is noticed');
      await server.restart();
      const root = new EtcdDatastore({ endpoints: [server.endpoint], ...ROOT });
      unwrap(await root.put('/calico/nodes/b', '2'));
      root.close();
      await until(() => events.length === 2, 'the change is seen', 30_000);
      expect(events.map(({ type }) => type)).toEqual(['listed', 'changed']);
    } finally {
      subscription.unsubscribe();
      datastore.close();
    }
  });
});

describe('etcd with TLS', () => {
  let folder: string;
  let server: TestEtcd;
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const certify = async (name: string, authority: string) => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    await writeFile(
      path(`${name}.ext`),
      'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${authority}.pem`,
      '-CAkey',
      `${authority}.key`,
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  };
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-tls-'));
    authority('ca');
    authority('other-ca');
    await certify('server', 'ca');
    await certify('client', 'ca');
    await certify('stranger', 'other-ca');
    server = await TestEtcd.start({
      tls: { ca: path('ca.pem'), cert: path('server.pem'), key: path('server.key') },
    });
  });
  afterAll(async () => {
    await server?.cleanup();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['the certificate of a client', 'ca', 'client', []],
    // TLS 1.3: the alert about a client's certificate races with the reset of the connection.
    ['no certificate', 'ca', undefined, ['refused', 'unavailable']],
    ['the certificate of another authority', 'ca', 'stranger', ['refused', 'unavailable']],
    ['another authority for the server', 'other-ca', 'client', ['refused']],
  ])('with %s', async (_, ca, client, reasons) => {
    const datastore = new EtcdDatastore(
      {
        endpoints: [server.endpoint],
        caCertFile: path(`${ca}.pem`),
        ...(client && { certFile: path(`${client}.pem`), keyFile: path(`${client}.key`) }),
      },
      { deadlineMs: 2_000 },
    );
    const result = await datastore.list([prefixRange('/calico/')]);
    if (reasons.length > 0) expect(reasons).toContain(result.ok ? 'accepted' : result.error.reason);
    else {
      const recorder = new Recorder().open(datastore, ['/calico/'], unwrap(result).position);
      await until(() => recorder.started, 'the watch started');
      unwrap(await datastore.put('/calico/x', '1'));
      await until(() => recorder.changes.length === 1, 'the change is told');
      recorder.watch!.close();
    }
    datastore.close();
  });
});
