import { Prng } from 'bgp-utils/testing';
import type { Subscription } from 'rxjs';
import {
  type Datastore,
  type KeyRange,
  prefixRange,
  StatusCell,
  type WatchHandler,
  type WatchStart,
} from '../../../src/datastore/datastore.ts';
import { MemoryDatastore } from '../../../src/datastore/memory.ts';
import {
  type DatastoreEvent,
  DEFAULT_PACE,
  type EarlierPicture,
  type Pace,
  pauseMs,
  watch,
} from '../../../src/datastore/watch.ts';
import { until } from '../../support/etcd.ts';

const FAST: Pace = {
  firstMs: 1,
  maxMs: 5,
  relistMs: 1,
  auditMs: 1_000_000,
  graceMs: 10,
  random: () => 0,
};

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

  const follow = (datastore: Datastore = store, pace: Partial<Pace> = {}, earlier?: EarlierPicture) => {
    const ranges = [prefixRange('/a/'), prefixRange('/b/')];
    subscription = watch(datastore, ranges, { ...FAST, ...pace }, earlier).subscribe((event) => {
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
    expect(events).toEqual([{ type: 'listed', revision: '1', entries: [], store: '1' }]);
  });

  it('after it resumed, reads all again and finds what the history did not tell', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    follow(store, { auditMs: 20 });
    await inSync();
    store.break();
    await until(() => store.status.current.state === 'disconnected', 'the loss is told');
    const states: string[] = [];
    store.status.listen(({ state }) => states.push(state));
    store.forge('/a/1', 'as the backup has it');
    store.repair();
    await until(() => kinds().filter((kind) => kind === 'listed').length === 2, 'listed again');
    expect(picture()).toEqual({ '/a/1': 'as the backup has it' });
    await store.put('/a/2', 'y');
    await until(() => '/a/2' in picture(), 'it is followed again');
    expect(states).toEqual(['in-sync']); // and nobody is alarmed
    expect(store.status.current).toMatchObject({ lists: 2, losses: 1 });
  });

  it('a watch that was never lost is not read again', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    follow(store, { auditMs: 1 });
    await inSync();
    for (let i = 0; i < 20; i++) {
      await store.put('/a/1', String(i));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(kinds().filter((kind) => kind === 'listed')).toHaveLength(1);
  });

  it('an audit that cannot read leaves all as it is, and comes again', async () => {
    store.assign(new Map([['/a/1', 'x']]));
    follow(store, { auditMs: 20 });
    await inSync();
    store.break('one');
    await until(() => store.status.current.losses === 1, 'lost');
    store.repair();
    await inSync();
    store.break('two');
    await until(() => store.status.current.losses >= 2, 'lost again');
    store.repair();
    await until(() => store.status.current.lists === 2, 'audited');
    await inSync();
    expect(picture()).toEqual({ '/a/1': 'x' });
  });

  describe('with the picture of an earlier run', () => {
    const earlier: EarlierPicture = {
      path: '/var/lib/mesos-bgp/picture-a',
      revision: '77',
      savedAt: 1000,
      entries: [{ key: '/a/1', value: 'kept', revision: '70' }],
    };

    it('has the store speak first', async () => {
      store.assign(new Map([['/a/1', 'x']]));
      follow(store, {}, earlier);
      await inSync();
      expect(kinds()).toEqual(['listed']);
      expect(picture()).toEqual({ '/a/1': 'x' });
      expect(store.status.current.kept).toBeUndefined();
    });

    it('serves that one after a time of grace, and says so, until the store answers', async () => {
      store.assign(new Map([['/a/1', 'x']]));
      store.break('away');
      follow(store, {}, earlier);
      await until(() => events.length === 1, 'the earlier picture serves');
      expect(events[0]).toMatchObject({ type: 'listed', revision: '77', store: undefined });
      expect(store.status.current).toMatchObject({
        state: 'connecting',
        revision: '77',
        lastError: 'away',
        kept: { revision: '77', savedAt: 1000, path: '/var/lib/mesos-bgp/picture-a' },
      });
      store.repair();
      await inSync();
      expect(picture()).toEqual({ '/a/1': 'x' });
      expect(store.status.current).toMatchObject({ kept: undefined, lastError: undefined });
    });

    it('does not believe a store that lists nothing at all, and says what to remove if that is meant', async () => {
      follow(store, {}, earlier);
      await until(() => events.length === 1, 'the earlier picture serves');
      expect(picture()).toEqual({ '/a/1': 'kept' });
      expect(store.status.current.lastError).toContain('remove /var/lib/mesos-bgp/picture-a');
      await store.put('/a/1', 'restored');
      await inSync();
      expect(picture()).toEqual({ '/a/1': 'restored' });
    });
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
    [0, 0, 10],
    [0, 1, 100],
    [1, 0, 20],
    [5, 1, 3200],
    [6, 1, 5000],
    [6, 0, 500],
    [1000, 1, 5000],
  ])('try %d with random %d waits %d ms', (attempt, random, expected) => {
    expect(pauseMs({ ...FAST, firstMs: 100, maxMs: 5000, random: () => random }, attempt)).toBe(expected);
  });
});

describe('a cluster of two hundred daemons on one store', () => {
  const DAEMONS = 200;
  const STEP_MS = 100;
  let store: MemoryDatastore;
  let subscriptions: Subscription[];
  let lists: number;
  let watches: number;

  beforeEach(async () => {
    jest.useFakeTimers();
    const prng = new Prng(7);
    store = new MemoryDatastore();
    store.assign(new Map([['/a/1', 'x']]));
    lists = 0;
    watches = 0;
    const counting: Datastore = Object.create(store, {
      status: { get: () => new StatusCell() },
      list: {
        value: (ranges: readonly KeyRange[]) => {
          lists++;
          return store.list(ranges);
        },
      },
      watch: {
        value: (starts: readonly WatchStart[], handler: WatchHandler) => {
          watches++;
          return store.watch(starts, handler);
        },
      },
    });
    const pace = { ...DEFAULT_PACE, random: () => prng.next() };
    subscriptions = Array.from({ length: DAEMONS }, () =>
      watch(counting, [prefixRange('/a/')], pace).subscribe(),
    );
    await jest.advanceTimersByTimeAsync(0);
    expect([lists, watches]).toEqual([DAEMONS, DAEMONS]);
  });
  afterEach(() => {
    for (const subscription of subscriptions) subscription.unsubscribe();
    jest.useRealTimers();
  });

  /** The most that happens in one step, until it has happened for all. */
  const busiest = async (count: () => number): Promise<number> => {
    const begin = count();
    let most = 0;
    for (let last = begin; last < begin + DAEMONS; ) {
      await jest.advanceTimersByTimeAsync(STEP_MS);
      most = Math.max(most, count() - last);
      last = count();
    }
    return most;
  };

  it('comes back spread over half a second when the connection was lost', async () => {
    store.break();
    store.repair();
    expect(await busiest(() => watches)).toBeLessThan(DAEMONS / 2);
    expect(lists).toBe(DAEMONS);
  });

  it('reads all again spread over seconds when the history is gone', async () => {
    store.replace(new Map([['/a/1', 'restored']]));
    expect(await busiest(() => lists)).toBeLessThan(DAEMONS / 10);
  });
});
