import type { Subscription } from 'rxjs';
import { type Datastore, prefixRange } from '../../../src/datastore/datastore.ts';
import { MemoryDatastore } from '../../../src/datastore/memory.ts';
import { backoffMs, type DatastoreEvent, watch } from '../../../src/datastore/watch.ts';
import { until } from '../../support/etcd.ts';

const FAST = { firstMs: 1, maxMs: 5, random: () => 0 };

describe('the stream of a datastore', () => {
  let store: MemoryDatastore;
  let events: DatastoreEvent[];
  let subscription: Subscription | undefined;

  beforeEach(() => {
    store = new MemoryDatastore();
    events = [];
  });
  afterEach(() => {
    subscription?.unsubscribe();
    store.close();
  });

  const follow = (datastore: Datastore = store) => {
    subscription = watch(datastore, [prefixRange('/a/'), prefixRange('/b/')], FAST).subscribe((event) => {
      events.push(event);
    });
  };
  const inSync = () => until(() => store.status.current.state === 'in-sync', 'in sync');
  const kinds = () => events.map(({ type }) => type);
  const picture = () => {
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

  it('is one complete list of all ranges, then changes', async () => {
    store.assign(
      new Map([
        ['/a/1', 'x'],
        ['/b/1', 'y'],
        ['/c/1', 'z'],
      ]),
    );
    follow();
    await inSync();
    await store.put('/a/2', 'w');
    await store.put('/c/2', 'w');
    expect(kinds()).toEqual(['listed', 'changed']);
    expect(picture()).toEqual({ '/a/1': 'x', '/b/1': 'y', '/a/2': 'w' });
    expect(store.status.current.revision).toBe('3');
  });

  it('emits nothing while the store is away, tells why, and resumes where each range stood', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    follow();
    await inSync();
    await store.put('/a/1', 'before');
    store.break('the cable is out');
    await until(() => store.status.current.state === 'disconnected', 'the loss is told');
    expect(store.status.current.lastError).toBe('the cable is out');
    store.repair();
    await store.put('/b/1', 'during');
    await inSync();
    await store.put('/a/1', 'after');
    expect(kinds()).toEqual(['listed', 'changed', 'changed', 'changed']);
    expect(picture()).toEqual({ '/a/1': 'after', '/b/1': 'during' });
    expect(store.status.current.lastError).toBeUndefined();
  });

  it('keeps trying from the start, and is "connecting" until it has read', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    store.break('not there yet');
    follow();
    await until(() => store.status.current.lastError === 'not there yet', 'the error is told');
    expect(store.status.current.state).toBe('connecting');
    expect(events).toEqual([]);
    store.repair();
    await inSync();
    expect(picture()).toEqual({ '/a/1': 'x' });
  });

  it('lists anew after compaction, and what went in between is gone', async () => {
    store.assign(
      new Map([
        ['/a/1', 'x'],
        ['/a/2', 'y'],
      ]),
    );
    follow();
    await inSync();
    store.break();
    store.assign(new Map([['/a/2', 'y2']]));
    store.compact();
    store.repair();
    await inSync();
    expect(kinds()).toEqual(['listed', 'listed']);
    expect(picture()).toEqual({ '/a/2': 'y2' });
  });

  it('of another store, with a lower revision, takes the new picture', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    for (let i = 0; i < 10; i++) await store.put('/a/1', String(i));
    follow();
    await inSync();
    store.replace(new Map([['/b/1', 'restored']]));
    await until(() => events.length === 2, 'listed anew');
    await inSync();
    expect(picture()).toEqual({ '/b/1': 'restored' });
    expect(store.status.current.revision).toBe('1');
    await store.put('/b/1', 'newer');
    expect(picture()).toEqual({ '/b/1': 'newer' });
  });

  it('does not believe a list of nothing at all where there was something', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    follow();
    await inSync();
    store.replace(new Map());
    await until(() => store.status.current.lastError?.includes('lists nothing') === true, 'it is told');
    expect(store.status.current.state).toBe('disconnected');
    expect(picture()).toEqual({ '/a/1': 'x' });
    await store.put('/a/1', 'restored');
    await inSync();
    expect(picture()).toEqual({ '/a/1': 'restored' });
  });

  it('believes that all keys are gone when it saw them go, also in a later list', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    follow();
    await inSync();
    store.assign(new Map());
    expect(picture()).toEqual({});
    store.break();
    store.compact();
    store.repair();
    await until(() => events.length === 3, 'listed anew');
    await inSync();
    expect(picture()).toEqual({});
  });

  it('an empty store at the start is a picture too', async () => {
    follow();
    await inSync();
    expect(events).toEqual([{ type: 'listed', revision: '1', entries: [] }]);
  });

  it('after unsubscribing nothing is told and nothing is asked any more', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    let lists = 0;
    const counting: Datastore = Object.create(store, {
      list: {
        value: (ranges: Parameters<Datastore['list']>[0]) => {
          lists++;
          return store.list(ranges);
        },
      },
      status: { value: store.status },
      watch: { value: store.watch.bind(store) },
    });
    follow(counting);
    await inSync();
    subscription!.unsubscribe();
    await store.put('/a/1', 'y');
    store.break();
    store.repair();
    const other = watch(store, [prefixRange('/a/')], FAST).subscribe();
    await until(() => store.status.current.revision !== '1', 'another one goes on');
    other.unsubscribe();
    expect([kinds(), lists]).toEqual([['listed'], 1]);
  });
});

describe('the pause between tries', () => {
  it.each([
    [0, 0, 50],
    [0, 1, 100],
    [1, 0, 100],
    [5, 1, 3200],
    [6, 1, 5000],
    [6, 0, 2500],
    [1000, 1, 5000],
  ])('try %d with random %d waits %d ms', (attempt, random, expected) => {
    expect(backoffMs({ firstMs: 100, maxMs: 5000, random: () => random }, attempt)).toBe(expected);
  });
});
