import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Subscription } from 'rxjs';
import { MemoryDatastore } from '../../../src/datastore/memory.ts';
import type { PictureKeeper } from '../../../src/datastore/picture-keeper.ts';
import { type DatastoreEvent, DEFAULT_PACE } from '../../../src/datastore/watch.ts';
import type { DesiredState } from '../../../src/desired/desired-state.ts';
import {
  desiredStateOnce,
  desiredStates,
  openDatastore,
  sameDesiredState,
} from '../../../src/desired/pipeline.ts';
import { entriesOf, stateOf, type TestCluster } from '../../support/calico.ts';
import { until } from '../../support/etcd.ts';

/** No pause to speak of, and none left to chance: with those of the daemon a test waits seconds for a store that is back. */
const pace = { ...DEFAULT_PACE, firstMs: 1, maxMs: 5, relistMs: 1, graceMs: 1, random: () => 0.5 };
const options = { node: 'a', secrets: () => undefined, pace };
const base: TestCluster = { nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' } } };
const three: TestCluster = { nodes: { ...base.nodes, c: { v4: '10.0.0.3' } } };

describe('from datastore to desired state', () => {
  let store: MemoryDatastore;
  let states: DesiredState[];
  let subscription: Subscription;
  const load = (cluster: TestCluster) => store.assign(new Map(Object.entries(entriesOf(cluster))));
  const peers = () => states.map((state) => state.peers.length);

  beforeEach(() => {
    store = new MemoryDatastore();
    states = [];
    load(base);
    subscription = desiredStates(store, options).subscribe((state) => states.push(state));
  });
  afterEach(() => {
    subscription.unsubscribe();
    store.close();
  });

  it('is a state for the first picture, and one for each change that matters', async () => {
    await until(() => states.length === 1, 'the first state');
    load(three);
    await until(() => states.length === 2, 'the second');
    expect(peers()).toEqual([1, 2]);
    expect(states[1]!.revision).toBe('3');
  });

  it('changes that follow each other closely are one, and such that cancel out are none', async () => {
    await until(() => states.length === 1, 'the first state');
    load(three);
    load(base);
    for (let port = 1000; port < 1100; port++) load({ ...base, configs: { 'node.b': { listenPort: port } } });
    await until(() => states.length === 2, 'the second');
    expect(states[1]!.peers.map(({ port }) => port)).toEqual([1099]);
  });

  it('a change that does not concern BGP emits nothing', async () => {
    await until(() => states.length === 1, 'the first state');
    load({ nodes: { ...base.nodes, b: { v4: '10.0.0.2', labels: { x: 'y' } } } });
    load({ ...three, nodes: { ...three.nodes, b: { v4: '10.0.0.2', labels: { x: 'z' } } } });
    await until(() => states.length === 2, 'the one that does');
    expect(peers()).toEqual([1, 2]);
  });

  it('nothing that the store does but changing its data changes the state', async () => {
    await until(() => states.length === 1, 'the first state');
    store.break();
    await until(() => store.status.current.state === 'disconnected', 'the loss is told');
    store.compact();
    store.repair();
    await until(() => store.status.current.state === 'in-sync', 'in sync');
    store.replace(new Map(Object.entries(entriesOf(base))));
    await until(() => store.status.current.revision === '1', 'another store');
    load(three);
    await until(() => states.length === 2, 'a real change');
    expect(peers()).toEqual([1, 2]);
  });

  it('news from beside the datastore makes the state anew, and is a state only where it differs', async () => {
    const password = { secretKeyRef: { name: 's', key: 'k' } };
    load({ ...base, peers: { t: { peerIP: '10.0.0.9', asNumber: 1, password } } });
    let value: string | undefined;
    let tell = () => {};
    let ended = false;
    const seen: DesiredState[] = [];
    const other = desiredStates(store, {
      node: 'a',
      secrets: () => value,
      news: [
        (listener) => {
          tell = listener;
          return () => {
            ended = true;
          };
        },
      ],
    }).subscribe((state) => seen.push(state));
    const heldBack = () => seen.map(({ peers: all }) => all.find(({ remoteAs }) => remoteAs === 1)?.heldBack);
    await until(() => seen.length === 1, 'the first state');
    tell();
    value = 'found';
    tell();
    await until(() => seen.length === 2, 'the password is found');
    tell();
    value = undefined;
    tell();
    await until(() => seen.length === 3, 'the password is lost');
    expect(heldBack()).toEqual(['password s/k is missing', undefined, 'password s/k is missing']);
    other.unsubscribe();
    expect(ended).toBe(true);
  });

  it('a kept picture makes the first state while the store is away; what the store says is kept, and that is not', async () => {
    const away = new MemoryDatastore();
    away.assign(new Map(Object.entries(entriesOf(three))));
    away.break('away');
    const taken: (string | undefined)[] = [];
    const seen: DesiredState[] = [];
    const entries = Object.entries(entriesOf(base)).map(([key, value]) => ({ key, value, revision: '7' }));
    const other = desiredStates(away, {
      ...options,
      earlier: { entries, revision: '7', savedAt: 0, path: '/p' },
      keeper: {
        take: (event: DatastoreEvent) => void taken.push(event.type === 'listed' ? event.store : event.type),
      } as unknown as PictureKeeper,
    }).subscribe((state) => seen.push(state));
    await until(() => seen.length === 1, 'the kept picture serves');
    expect(seen[0]!.peers).toHaveLength(1);
    away.repair();
    await until(() => seen.length === 2, 'the store answers');
    expect(seen[1]!.peers).toHaveLength(2);
    expect(taken).toEqual([undefined, '1']); // the keeper writes what names a store
    other.unsubscribe();
  });

  it('before the first picture there is no state', async () => {
    const broken = new MemoryDatastore();
    broken.break('away');
    const seen: DesiredState[] = [];
    const other = desiredStates(broken, options).subscribe((state) => seen.push(state));
    await until(() => broken.status.current.lastError === 'away', 'the error is told');
    expect(seen).toEqual([]);
    other.unsubscribe();
  });
});

it('states that differ in the revision alone are the same', () => {
  const state = stateOf(base, 'a');
  expect(
    sameDesiredState(state, {
      ...state,
      revision: '99',
      resolution: { ...state.resolution, revision: '99' },
    }),
  ).toBe(true);
  expect(sameDesiredState(state, stateOf(three, 'a'))).toBe(false);
});

describe('one reading, for `resolve`', () => {
  it('is the same state', async () => {
    const store = new MemoryDatastore();
    store.assign(new Map(Object.entries(entriesOf(base))));
    const result = await desiredStateOnce(store, options);
    expect(result.ok && sameDesiredState(result.value, stateOf(base, 'a'))).toBe(true);
  });

  it('from a file, through the settings', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-resolve-'));
    try {
      await writeFile(
        join(folder, 'x.yaml'),
        'kind: Node\nmetadata: {name: a}\nspec: {bgp: {ipv4Address: 10.0.0.1}}\n',
      );
      const datastore = openDatastore({ type: 'file', path: folder });
      const result = await desiredStateOnce(datastore, options);
      expect(result).toMatchObject({
        ok: true,
        value: { resolution: { routerId: '10.0.0.1', problems: [] } },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('of a datastore that cannot be reached is the reason', async () => {
    const store = new MemoryDatastore();
    store.break('away');
    expect(await desiredStateOnce(store, options)).toMatchObject({ ok: false, error: { message: 'away' } });
  });
});
