// Three members of etcd, and what befalls them: whatever it is, the picture is right again without a moment in which it was
// not whole, and nothing is listed anew where the history is there.

import type { Subscription } from 'rxjs';
import { prefixRange } from '../../src/datastore/datastore.ts';
import { EtcdDatastore, type EtcdTuning } from '../../src/datastore/etcd.ts';
import { type DatastoreEvent, DEFAULT_PACE, type Pace, watch } from '../../src/datastore/watch.ts';
import { TestEtcd, until } from '../support/etcd.ts';
import { TestEtcdCluster } from '../support/etcd-cluster.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

jest.setTimeout(120_000);

const FAST: Pace = { ...DEFAULT_PACE, firstMs: 50, maxMs: 500, relistMs: 200 };
const TUNING: Partial<EtcdTuning> = { deadlineMs: 1_000, heartbeatMs: 1_000 };

/** Follows a range, and folds what it is told. */
class Follower {
  readonly picture = new Map<string, string>();
  lists = 0;
  /** How many keys the picture lost that nobody had deleted. */
  holes = 0;
  readonly #subscription: Subscription;

  constructor(
    readonly datastore: EtcdDatastore,
    range: string,
    pace: Pace = FAST,
  ) {
    this.#subscription = watch(datastore, [prefixRange(range)], pace).subscribe((event) => this.#take(event));
  }

  get state() {
    return this.datastore.status.current.state;
  }
  inSync = () => until(() => this.state === 'in-sync', 'in sync', 40_000);
  has = (key: string, value: string) =>
    until(() => this.picture.get(key) === value, `${key} is ${value}`, 40_000);
  close(): void {
    this.#subscription.unsubscribe();
    this.datastore.close();
  }

  #take(event: DatastoreEvent): void {
    if (event.type === 'listed') {
      const keys = new Set(event.entries.map(({ key }) => key));
      this.holes += [...this.picture.keys()].filter((key) => !keys.has(key)).length;
      this.lists++;
      this.picture.clear();
      for (const { key, value } of event.entries) this.picture.set(key, value);
      return;
    }
    for (const change of event.changes) {
      if (change.type === 'put') this.picture.set(change.key, change.value);
      else this.picture.delete(change.key);
    }
  }
}

describe('a cluster of three', () => {
  let cluster: TestEtcdCluster;
  let follower: Follower;
  let writer: EtcdDatastore;
  beforeAll(async () => {
    cluster = await TestEtcdCluster.start();
  });
  afterAll(() => cluster?.cleanup());
  afterEach(async () => {
    follower.close();
    writer.close();
    for (const member of cluster.members) {
      member.thaw();
      if (member.pid === undefined) await member.restart();
    }
  });

  /** Tries until some member takes it: an election may be going on. */
  const put = async (key: string, value: string) => {
    let error = '';
    await until(
      async () => {
        const result = await writer.put(key, value);
        if (!result.ok) error = result.error.message;
        return result.ok;
      },
      `${key} is written`,
      40_000,
    ).catch((late: Error) => {
      throw new Error(`${late.message}: ${error}`);
    });
  };
  /** @param endpoints  the first is the one in use. */
  const follow = async (endpoints: readonly string[]) => {
    writer = new EtcdDatastore({ endpoints: cluster.endpoints }, TUNING);
    await put('/c/before', '1');
    follower = new Follower(new EtcdDatastore({ endpoints }, { ...TUNING, random: () => 0 }), '/c/');
    await follower.inSync();
  };
  const firstly = (member: TestEtcd) => [
    member.endpoint,
    ...cluster.endpoints.filter((endpoint) => endpoint !== member.endpoint),
  ];
  const other = async (than: TestEtcd) => cluster.members.find((member) => member !== than)!;

  it.each([
    ['the leader, which is in use', true, 'kill'],
    ['the leader, while another member is in use', false, 'kill'],
    ['the leader, which is in use', true, 'freeze'],
    ['the leader, while another member is in use', false, 'freeze'],
  ] as const)('%s (%s) goes: %s', async (_, inUse, how) => {
    const leader = await cluster.leader();
    await follow(firstly(inUse ? leader : await other(leader)));
    await leader[how]();
    await put('/c/after', `${how} ${inUse}`);
    await follower.has('/c/after', `${how} ${inUse}`);
    await follower.inSync();
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
  });

  it('without a quorum the watch ends, since that member tells nothing; it goes on with the quorum', async () => {
    const [first, ...others] = cluster.members;
    await follow([first!.endpoint]);
    for (const member of others) await member.freeze();
    await until(() => follower.state === 'disconnected', 'the silence is noticed', 30_000);
    expect(follower.picture.get('/c/before')).toBe('1');
    for (const member of others) member.thaw();
    await put('/c/after', 'quorum');
    await follower.has('/c/after', 'quorum');
    await follower.inSync();
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
  });

  it('a member that is dead from the start is passed over', async () => {
    const [dead] = cluster.members;
    await dead!.kill();
    await follow(firstly(dead!));
    await put('/c/after', 'dead');
    await follower.has('/c/after', 'dead');
    expect(follower.lists).toBe(1);
  });

  it('each member goes and comes back in turn, as in an upgrade', async () => {
    await follow(cluster.endpoints);
    for (const [index, member] of cluster.members.entries()) {
      await member.stop();
      await put('/c/turn', String(index));
      await follower.has('/c/turn', String(index));
      await member.restart();
    }
    await follower.inSync();
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
  });
});

describe('one member with a history of its own', () => {
  let etcd: TestEtcd;
  let writer: EtcdDatastore;
  let follower: Follower | undefined;
  beforeEach(async () => {
    etcd = await TestEtcd.start();
    writer = new EtcdDatastore({ endpoints: [etcd.endpoint] }, TUNING);
  });
  afterEach(async () => {
    follower?.close();
    writer.close();
    await etcd.cleanup();
  });
  const put = async (key: string, value: string) => {
    await until(async () => (await writer.put(key, value)).ok, `${key} is written`, 30_000);
  };
  const follow = async (pace: Pace = FAST) => {
    follower = new Follower(new EtcdDatastore({ endpoints: [etcd.endpoint] }, TUNING), '/c/', pace);
    await follower.inSync();
    return follower;
  };
  const backup = async () => {
    await etcd.stop();
    await etcd.backup();
    await etcd.restart();
  };
  const restore = async () => {
    await etcd.kill();
    await until(() => follower!.state === 'disconnected', 'the loss is noticed');
    await etcd.restore();
  };

  it('a backup with a lower revision is taken for what it is', async () => {
    await put('/c/a', 'saved');
    await backup();
    await put('/c/a', 'lost');
    await put('/c/b', 'lost');
    const { picture } = await follow();
    await restore();
    await etcd.restart();
    await until(() => picture.get('/c/a') === 'saved', 'the backup is read', 30_000);
    expect([...picture]).toEqual([['/c/a', 'saved']]);
    await put('/c/b', 'new');
    await follower!.has('/c/b', 'new');
  });

  it('a backup that has grown beyond where we stood is found by reading all again', async () => {
    await put('/c/a', 'saved');
    await backup();
    await put('/c/a', 'lost');
    await put('/c/b', 'lost');
    const { picture } = await follow({
      ...FAST,
      firstMs: 8_000,
      maxMs: 8_000,
      auditMs: 500,
      random: () => 0.9,
    });
    await restore();
    await etcd.restart(); // while we wait before the next try
    for (let i = 0; i < 10; i++) await put('/c/a', `new ${i}`);
    await until(() => !picture.has('/c/b'), 'the audit finds it', 40_000);
    expect([...picture]).toEqual([['/c/a', 'new 9']]);
    await follower!.inSync();
  });

  it('a heartbeat finds a server that hangs before TCP does', async () => {
    await put('/c/a', '1');
    await follow();
    await etcd.freeze();
    await until(() => follower!.state === 'disconnected', 'the silence is noticed', 14_000); // keepalive: 15 s
    etcd.thaw();
    await put('/c/a', '2');
    await follower!.has('/c/a', '2');
  });
});

describe('the wire to a member', () => {
  let etcd: TestEtcd;
  let proxy: TcpProxy;
  let writer: EtcdDatastore;
  let follower: Follower;
  beforeAll(async () => {
    etcd = await TestEtcd.start();
  });
  afterAll(() => etcd?.cleanup());
  beforeEach(async () => {
    proxy = await startTcpProxy(Number(new URL(etcd.endpoint).port));
    writer = new EtcdDatastore({ endpoints: [etcd.endpoint] });
    for (let i = 0; i < 25; i++) await put(`/c/${i}`, 'first');
  });
  afterEach(async () => {
    follower?.close();
    writer.close();
    await proxy.close();
  });
  const put = async (key: string, value: string) => {
    const result = await writer.put(key, value);
    if (!result.ok) throw new Error(result.error.message);
  };
  const follow = async () => {
    const settings = { endpoints: [`http://127.0.0.1:${proxy.port}`] };
    follower = new Follower(new EtcdDatastore(settings, { ...TUNING, pageEntries: 10 }), '/c/');
    await follower.inSync();
  };

  it('is slow: a list of many pages takes its time, and is whole; changes are late, and nothing is lost', async () => {
    proxy.delayMs = 250; // a page and its answer take half of a call's deadline
    await follow();
    expect(follower.picture.size).toBe(25);
    await put('/c/0', 'slow');
    await follower.has('/c/0', 'slow');
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
  });

  it('is slower than any deadline: the picture stays, and is right again when it is not', async () => {
    await follow();
    proxy.delayMs = 3_000;
    await until(() => follower.state === 'disconnected', 'it is too slow', 20_000);
    expect(follower.picture.size).toBe(25);
    await put('/c/0', 'later');
    proxy.delayMs = 0;
    await follower.has('/c/0', 'later');
    await follower.inSync();
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
  });

  it('is cut, again and again: each time it goes on where it stood', async () => {
    await follow();
    for (let turn = 1; turn <= 5; turn++) {
      proxy.cut();
      await put('/c/0', `cut ${turn}`);
      await follower.has('/c/0', `cut ${turn}`);
    }
    await follower.inSync();
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
    expect(proxy.connections).toBeGreaterThan(5);
  });

  it('swallows what is sent, and stays open: the silence is found', async () => {
    await follow();
    proxy.swallowing = true;
    await until(() => follower.state === 'disconnected', 'the silence is noticed', 20_000);
    await put('/c/0', 'meanwhile');
    proxy.swallowing = false;
    proxy.cut();
    await follower.has('/c/0', 'meanwhile');
    await follower.inSync();
    expect([follower.lists, follower.holes]).toEqual([1, 0]);
  });
});
