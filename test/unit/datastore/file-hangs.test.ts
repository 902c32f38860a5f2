// A file system that hangs (a server of NFS that is gone) costs the file datastore one thread of libuv's pool, which has four: the kernel's
// routes are changed on another.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Subscription } from 'rxjs';
import { entryOfManifest } from '../../../src/calico/keys.ts';
import { prefixRange } from '../../../src/datastore/datastore.ts';
import { FileDatastore } from '../../../src/datastore/file.ts';
import { watch } from '../../../src/datastore/watch.ts';
import { until } from '../../support/etcd.ts';

const mockGate = { hangs: false, asked: 0, release: [] as (() => void)[] };
jest.mock('node:fs/promises', () => {
  const real = jest.requireActual<typeof import('node:fs/promises')>('node:fs/promises');
  const slow = async (...args: Parameters<typeof real.stat>) => {
    if (mockGate.hangs) {
      mockGate.asked++;
      await new Promise<void>((resolve) => mockGate.release.push(resolve));
    }
    return real.stat(...args);
  };
  return { ...real, stat: slow };
});

const ALL = [prefixRange('/calico/')];

describe('a file system that hangs', () => {
  let folder: string;
  let datastore: FileDatastore;
  let subscription: Subscription | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mesos-bgp-hangs-'));
    datastore = new FileDatastore(folder, entryOfManifest, { pollMs: 1, now: () => Date.now() + 10_000 });
  });
  afterEach(async () => {
    mockGate.hangs = false;
    for (const release of mockGate.release.splice(0)) release();
    subscription?.unsubscribe();
    datastore.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is looked at once, however long that takes', async () => {
    await writeFile(join(folder, 'a.yaml'), 'kind: Node\nmetadata: {name: a}\n');
    subscription = watch(datastore, ALL).subscribe();
    await until(() => datastore.looks > 5, 'it is looked at');
    mockGate.hangs = true;
    await until(() => mockGate.asked > 0, 'it hangs');
    let turns = 0;
    const clock = setInterval(() => turns++, 1);
    await until(() => turns > 20, 'others poll').finally(() => clearInterval(clock));
    expect(mockGate.asked).toBe(1);
    mockGate.hangs = false;
    mockGate.release.shift()?.();
    const { looks } = datastore;
    await until(() => datastore.looks > looks + 2, 'it is looked at again');
  });

  it('keeps one reading waiting, and others are served', async () => {
    const pipes = Array.from({ length: 6 }, (_, i) => join(folder, `${i}.yaml`));
    execFileSync('mkfifo', pipes);
    let done = false;
    const listing = datastore.list(ALL).finally(() => {
      done = true;
    });
    try {
      let served = 0;
      const serve = async (): Promise<void> => {
        for (; served < 100; served++) await stat('/');
      };
      void serve();
      await until(() => served === 100, 'another file is looked at again and again');
      expect(done).toBe(false);
    } finally {
      // Who waits for a writer goes on when there was one.
      const release = setInterval(() => {
        for (const pipe of pipes) closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
      }, 5);
      await listing.finally(() => clearInterval(release));
    }
  });
});
