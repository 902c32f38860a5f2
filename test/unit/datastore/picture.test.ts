// The last good picture on disk: what is written is read back, and nothing else is believed.

import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { type Entry, prefixRange } from '../../../src/datastore/datastore.ts';
import {
  type PictureOwner,
  picturePath,
  readPicture,
  writePicture,
} from '../../../src/datastore/picture-file.ts';
import { PictureKeeper } from '../../../src/datastore/picture-keeper.ts';
import { until } from '../../support/etcd.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const DAY_MS = 24 * 3600 * 1000;
const owner: PictureOwner = {
  node: 'host-1',
  datastore: ['http://10.0.0.5:2379', 'http://10.0.0.6:2379'],
  ranges: [prefixRange('/calico/a/')],
};
const entries: readonly Entry[] = [
  { key: '/calico/a/1', value: '{"kind":"Node"}\n"', revision: '7' },
  { key: '/calico/a/ü', value: '', revision: '12' },
];
const picture = { store: '99', revision: '12', entries };

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'picture-'));
  path = join(folder, 'deeper', picturePath('host-1'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the picture in its file', () => {
  it('is read as it was written, with its revision and age', async () => {
    await writePicture(path, owner, picture, NOW);
    expect(await readPicture(path, owner, NOW + 1000)).toEqual({
      ok: true,
      picture: { path, revision: '12', savedAt: NOW, entries },
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(path, '..'))).toEqual(['picture-host-1']);
  });

  it('of many entries, and of none, too', async () => {
    for (const count of [0, 1, 499, 500, 501, 2000]) {
      const many = Array.from({ length: count }, (_, i) => ({ key: `/k${i}`, value: `${i}`, revision: '1' }));
      await writePicture(path, owner, { ...picture, entries: many }, NOW);
      const reading = await readPicture(path, owner, NOW);
      expect(reading.ok && reading.picture?.entries).toEqual(many);
    }
  });

  it('that is not there is no fault', async () => {
    expect(await readPicture(path, owner, NOW)).toEqual({ ok: true, picture: undefined });
  });

  it.each<[string, Partial<PictureOwner>, number, RegExp]>([
    ['of another node', { node: 'host-2' }, NOW, /it is of node host-1/],
    ['of another datastore', { datastore: ['http://10.0.0.7:2379'] }, NOW, /it is of another datastore/],
    ['of other keys', { ranges: [] }, NOW, /reads other keys/],
    ['of long ago', {}, NOW + 7 * DAY_MS, /older than seven days/],
  ])('%s is refused with what is wrong, where, and what happens now', async (_, change, now, message) => {
    await writePicture(path, owner, picture, NOW);
    const reading = await readPicture(path, { ...owner, ...change }, now);
    expect(!reading.ok && reading.message).toMatch(message);
    expect(!reading.ok && reading.message).toContain(path);
    expect(!reading.ok && reading.message).toMatch(/datastore is waited for/);
  });

  it('of a cluster that lost and won members is its own', async () => {
    await writePicture(path, owner, picture, NOW);
    const moved = { ...owner, datastore: ['http://10.0.0.6:2379', 'http://10.0.0.9:2379'] };
    expect(await readPicture(path, moved, NOW)).toMatchObject({ ok: true, picture: { revision: '12' } });
  });

  it('that cannot be read is refused', async () => {
    await writePicture(path, owner, picture, NOW);
    const reading = await readPicture(join(path, '..'), owner, NOW); // a folder
    expect(reading).toMatchObject({ ok: false, message: expect.stringContaining('EISDIR') });
  });

  it('with any octet changed, cut or added is refused', async () => {
    await writePicture(path, owner, picture, NOW);
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= by;
        for (const content of [
          damaged,
          whole.subarray(0, at),
          Buffer.concat([whole, damaged.subarray(at, at + 1)]),
        ]) {
          await writeFile(path, content);
          expect(await readPicture(path, owner, NOW)).toMatchObject({ ok: false });
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the keeper of the picture', () => {
  let told: (string | undefined)[];
  let keeper: PictureKeeper;
  const make = (more: object = {}) => {
    told = [];
    keeper = new PictureKeeper({
      path,
      owner,
      delayMs: 20,
      now: () => NOW,
      current: () => true,
      onFailure: (message) => told.push(message),
      ...more,
    });
    return keeper;
  };
  afterEach(() => keeper.close());
  const listed = (list: readonly Entry[]) =>
    ({ type: 'listed', revision: '12', entries: list, store: '99' }) as const;
  const put = (key: string, value: string, revision: string) =>
    ({ type: 'changed', revision, changes: [{ type: 'put', key, value, revision }] }) as const;
  const kept = async () => {
    const reading = await keeper.read();
    return reading.ok ? reading.picture?.entries : reading.message;
  };

  it('writes what was listed, with the changes since', async () => {
    make().take(listed(entries));
    keeper.take(put('/calico/a/1', 'new', '13'));
    keeper.take({
      type: 'changed',
      revision: '14',
      changes: [{ type: 'delete', key: '/calico/a/ü', revision: '14' }],
    });
    await until(() => keeper.written === 1, 'it is written');
    expect(await kept()).toEqual([{ key: '/calico/a/1', value: 'new', revision: '13' }]);
  });

  it('writes many changes at once, and not again what did not change', async () => {
    make().take(listed(entries));
    await until(() => keeper.written === 1, 'the first is written');
    for (let i = 0; i < 1000; i++) keeper.take(put('/calico/a/1', String(i), String(20 + i)));
    await until(() => keeper.written === 2, 'the changes are written');
    expect(await kept()).toContainEqual({ key: '/calico/a/1', value: '999', revision: '1019' });
    keeper.take(listed((await kept()) as Entry[])); // listed anew, and the same
    await keeper.close();
    expect(keeper.written).toBe(2);
  });

  it('does not write back what an earlier run kept', async () => {
    make().take({ ...listed(entries), store: undefined });
    await keeper.close();
    expect(keeper.written).toBe(0);
  });

  it('writes at the end what is not written yet', async () => {
    make({ delayMs: 1e6 }).take(listed(entries));
    await keeper.close();
    expect(await kept()).toEqual(entries);
  });

  it('says once that it cannot write, tries again, and says that it can', async () => {
    await writeFile(join(folder, 'deeper'), 'a file in the place of the folder');
    make().take(listed(entries));
    await until(() => told.length === 1, 'the failure is told');
    keeper.take(put('/calico/a/1', 'x', '13'));
    await rm(join(folder, 'deeper'));
    await until(() => told.length === 2, 'it works again');
    expect(told).toEqual([expect.stringMatching(/EEXIST|ENOTDIR/), undefined]);
    expect(await kept()).toContainEqual({ key: '/calico/a/1', value: 'x', revision: '13' });
  });

  it('writes again without a change, so that the age says how old the truth is', async () => {
    let now = NOW;
    make({ confirmMs: 20, delayMs: 1, now: () => now, current: () => true }).take(listed(entries));
    await until(() => keeper.written === 1, 'the first is written');
    now += 1000;
    await until(() => keeper.written >= 3, 'it is confirmed');
    const reading = await keeper.read();
    expect(reading).toMatchObject({ picture: { savedAt: NOW + 1000 } });
  });
});

it('the file of a node with a long name has a name that fits', () => {
  expect(picturePath('x'.repeat(253)).length).toBeLessThan(100);
  expect(picturePath('host-1')).toBe('picture-host-1');
});
