// What every datastore promises, as tests that run on each implementation.

import {
  type Change,
  type Datastore,
  type Listing,
  prefixRange,
  type Result,
  type Watch,
  type WatchEnd,
} from '../../src/datastore/datastore.ts';
import { until } from '../support/etcd.ts';

export interface Subject {
  readonly datastore: Datastore;
  /** Makes the whole content equal to this, in one step where the store can. */
  write(entries: Readonly<Record<string, string>>): Promise<void>;
  cleanup(): Promise<void>;
}

/** Two keys of one range, one of another, and a key beside them that no range holds. */
export interface Keys {
  readonly ranges: readonly [string, string];
  readonly a1: string;
  readonly a2: string;
  readonly b1: string;
  readonly outside: string;
}

export function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** Collects what a watch tells. */
export class Recorder {
  readonly changes: Change[] = [];
  readonly ranges: number[] = [];
  started = false;
  ended: WatchEnd | undefined;
  watch: Watch | undefined;

  open(datastore: Datastore, ranges: readonly string[], after: Listing['position']): this {
    this.watch = datastore.watch(
      ranges.map((range) => ({ range: prefixRange(range), after })),
      {
        started: () => {
          this.started = true;
        },
        changed: (range, changes) => {
          for (const change of changes) {
            this.changes.push(change);
            this.ranges.push(range);
          }
        },
        ended: (end) => {
          this.ended = end;
        },
      },
    );
    return this;
  }

  /** Without revisions. */
  get told(): string[] {
    return this.changes.map((c) => (c.type === 'put' ? `${c.key}=${c.value}` : `${c.key} gone`));
  }
}

export function datastoreSuite(name: string, keys: Keys, make: () => Promise<Subject>): void {
  describe(`datastore contract: ${name}`, () => {
    let subject: Subject;
    let open: Recorder[] = [];
    const ranges = keys.ranges.map(prefixRange);
    const list = async () => unwrap(await subject.datastore.list(ranges));
    const record = (after: Listing['position']) => {
      const recorder = new Recorder().open(subject.datastore, keys.ranges, after);
      open.push(recorder);
      return recorder;
    };

    beforeEach(async () => {
      subject = await make();
    });
    afterEach(async () => {
      for (const recorder of open) recorder.watch?.close();
      open = [];
      subject.datastore.close();
      await subject.cleanup();
    });

    it('begins as connecting, with nothing read', () => {
      expect(subject.datastore.status.current).toMatchObject({ state: 'connecting', lastError: undefined });
    });

    it('lists exactly the keys of the ranges, by key', async () => {
      await subject.write({ [keys.b1]: '"3"', [keys.a2]: '"2"', [keys.a1]: '"1"', [keys.outside]: '"x"' });
      const { entries } = await list();
      expect(entries.map(({ key, value }) => [key, value])).toEqual(
        [
          [keys.a1, '"1"'],
          [keys.a2, '"2"'],
          [keys.b1, '"3"'],
        ].sort(),
      );
    });

    it('tells nothing of what the list already had, and all after it with the range it belongs to', async () => {
      await subject.write({ [keys.a1]: '"1"' });
      const { position } = await list();
      const recorder = record(position);
      await until(() => recorder.started, 'the watch started');
      await subject.write({ [keys.a1]: '"1"', [keys.b1]: '"2"', [keys.outside]: '"x"' });
      await until(() => recorder.changes.length > 0, 'a change is told');
      expect(recorder.told).toEqual([`${keys.b1}="2"`]);
      expect(recorder.ranges).toEqual([1]);
    });

    it('tells what happened between the list and the watch', async () => {
      await subject.write({ [keys.a1]: '"1"' });
      const { position } = await list();
      await subject.write({ [keys.a1]: '"2"' });
      await list(); // the file is read again here
      await subject.write({ [keys.a1]: '"3"' });
      await list();
      const recorder = record(position);
      await until(() => recorder.told.includes(`${keys.a1}="3"`), 'the last change is told');
      expect(recorder.told).toEqual([`${keys.a1}="2"`, `${keys.a1}="3"`]);
    });

    it('tells a deleted key, and only once', async () => {
      await subject.write({ [keys.a1]: '"1"', [keys.a2]: '"2"' });
      const { position } = await list();
      const recorder = record(position);
      await until(() => recorder.started, 'the watch started');
      await subject.write({ [keys.a2]: '"2"' });
      await subject.write({ [keys.a2]: '"3"' });
      await until(() => recorder.told.includes(`${keys.a2}="3"`), 'the last change is told');
      expect(recorder.told).toEqual([`${keys.a1} gone`, `${keys.a2}="3"`]);
    });

    it('gives each change a greater revision than the list', async () => {
      await subject.write({ [keys.a1]: '"1"' });
      const { position } = await list();
      const recorder = record(position);
      await until(() => recorder.started, 'the watch started');
      await subject.write({ [keys.a1]: '"2"' });
      await until(() => recorder.changes.length > 0, 'a change is told');
      expect(BigInt(recorder.changes[0]!.revision)).toBeGreaterThan(BigInt(position.revision));
      expect((await list()).position.revision).toBe(recorder.changes[0]!.revision);
    });

    it('tells nothing after close', async () => {
      await subject.write({ [keys.a1]: '"1"' });
      const { position } = await list();
      const closed = record(position);
      const other = record(position);
      await until(() => closed.started && other.started, 'both started');
      closed.watch!.close();
      await subject.write({ [keys.a1]: '"2"' });
      await until(() => other.changes.length > 0, 'the other watch hears of it');
      expect(closed.changes).toEqual([]);
      expect(closed.ended).toBeUndefined();
    });

    it('ends a watch on a position of another store as diverged', async () => {
      await subject.write({ [keys.a1]: '"1"' });
      await list();
      const recorder = record({ store: '12345', revision: '1' });
      await until(() => recorder.ended !== undefined, 'the watch ended');
      expect(recorder.ended).toMatchObject({ reason: 'diverged' });
    });
  });
}

/** For stores that can be written through the interface. */
export function writableSuite(name: string, make: () => Promise<Subject>): void {
  describe(`writable datastore contract: ${name}`, () => {
    let subject: Subject;
    const get = async (key: string) =>
      unwrap(await subject.datastore.list([{ start: key, end: `${key}\0` }])).entries[0];

    beforeEach(async () => {
      subject = await make();
    });
    afterEach(async () => {
      subject.datastore.close();
      await subject.cleanup();
    });

    it('put writes a value and returns its revision', async () => {
      const revision = unwrap(await subject.datastore.put('/t/a', 'ü 1'));
      expect(await get('/t/a')).toEqual({ key: '/t/a', value: 'ü 1', revision });
    });

    it('a transaction whose conditions hold writes everything at one revision', async () => {
      const seen = unwrap(await subject.datastore.put('/t/a', '1'));
      const result = unwrap(
        await subject.datastore.transaction(
          [
            { key: '/t/a', revision: seen },
            { key: '/t/b', revision: undefined },
          ],
          [
            { type: 'delete', key: '/t/a' },
            { type: 'put', key: '/t/b', value: '2' },
          ],
        ),
      );
      expect(result.succeeded).toBe(true);
      expect(await get('/t/a')).toBeUndefined();
      expect(await get('/t/b')).toEqual({ key: '/t/b', value: '2', revision: result.revision });
    });

    it.each([
      ['an old revision', '/t/a', 'old'],
      ['a key that should not exist', '/t/a', undefined],
      ['a key that should exist', '/t/none', 'old'],
    ])('a transaction with a condition that fails writes nothing: %s', async (_, key, revision) => {
      const old = unwrap(await subject.datastore.put('/t/a', '1'));
      unwrap(await subject.datastore.put('/t/a', '2'));
      const result = unwrap(
        await subject.datastore.transaction(
          [{ key, revision: revision === undefined ? undefined : old }],
          [{ type: 'put', key: '/t/a', value: '3' }],
        ),
      );
      expect(result.succeeded).toBe(false);
      expect((await get('/t/a'))?.value).toBe('2');
    });
  });
}
