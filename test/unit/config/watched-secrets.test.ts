// A folder of passwords that others change while it is followed, in all the ways that operators and orchestrators do it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WatchedSecrets } from '../../../src/config/secrets.ts';
import { until } from '../../support/etcd.ts';

let base: string;
let secrets: WatchedSecrets | undefined;
let told: number[];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'secrets-'));
  told = [];
});
afterEach(() => {
  secrets?.close();
  rmSync(base, { recursive: true, force: true });
});

const path = (...steps: string[]) => join(base, ...steps);
const write = (file: string, text: string) => {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
};
const NEVER_MS = 0x7fffffff;

/** By inotify alone, by the poll alone, or by both as in the daemon. */
const WAYS = [
  ['inotify', { settleMs: 20, pollMs: NEVER_MS }],
  ['the poll', { settleMs: 20, pollMs: 40 }],
] as const;

describe.each(WAYS)('passwords that change, noticed by %s', (_, pace) => {
  const open = (folder = path('secrets')) => {
    secrets = new WatchedSecrets(folder, pace);
    secrets.listen((changed) => told.push(changed));
    return secrets;
  };
  const becomes = (value: string | undefined, name = 'bgp', key = 'tor') =>
    until(() => told.length > 0 && secrets!.read(name, key) === value, `${name}/${key} is ${value}`);

  it('written over, added, removed', async () => {
    write(path('secrets/bgp/tor'), 'one\n');
    const { read } = open();
    expect([read('bgp', 'tor'), read('bgp', 'new')]).toEqual(['one', undefined]);
    write(path('secrets/bgp/tor'), 'two\n');
    await becomes('two');
    write(path('secrets/bgp/new'), 'x');
    await becomes('x', 'bgp', 'new');
    unlinkSync(path('secrets/bgp/tor'));
    await becomes(undefined);
    expect(read('bgp', 'new')).toBe('x');
  });

  it('in a folder that comes later, with all above it', async () => {
    const { read } = open(path('secrets'));
    expect(read('bgp', 'tor')).toBeUndefined();
    write(path('secrets/bgp/tor'), 'one');
    await becomes('one');
    rmSync(path('secrets'), { recursive: true });
    await becomes(undefined);
    write(path('secrets/bgp/tor'), 'two');
    await becomes('two');
  });

  it('swapped as Kubernetes does it: a link to a folder of data, renamed over the old one', async () => {
    write(path('secrets/bgp/..v1/tor'), 'one');
    symlinkSync('..v1', path('secrets/bgp/..data'));
    symlinkSync('..data/tor', path('secrets/bgp/tor'));
    expect(open().read('bgp', 'tor')).toBe('one');
    for (const [version, value] of [
      ['..v2', 'two'],
      ['..v3', 'three'],
    ] as const) {
      write(path('secrets/bgp', version, 'tor'), value);
      symlinkSync(version, path('secrets/bgp/..new'));
      renameSync(path('secrets/bgp/..new'), path('secrets/bgp/..data'));
      rmSync(path('secrets/bgp', version === '..v2' ? '..v1' : '..v2'), { recursive: true });
      await becomes(value);
    }
  });

  it('swapped as a whole: the folder itself is a link', async () => {
    write(path('v1/bgp/tor'), 'one');
    write(path('v2/bgp/tor'), 'two');
    symlinkSync('v1', path('secrets'));
    expect(open().read('bgp', 'tor')).toBe('one');
    symlinkSync('v2', path('next'));
    renameSync(path('next'), path('secrets'));
    await becomes('two');
    write(path('v2/bgp/tor'), 'three'); // in the folder that is followed now
    await becomes('three');
  });
});

describe('passwords that do not change', () => {
  it('a file that is touched, written again alike, or not asked for tells nothing', async () => {
    write(path('secrets/bgp/tor'), 'one');
    secrets = new WatchedSecrets(path('secrets'), { settleMs: 10, pollMs: 20 });
    secrets.listen((changed) => told.push(changed));
    secrets.read('bgp', 'tor');
    write(path('secrets/bgp/tor'), 'one');
    write(path('secrets/bgp/other'), 'x');
    secrets.read('bgp', 'marker');
    write(path('secrets/bgp/marker'), 'seen'); // after all of the above
    await until(() => told.length > 0, 'the marker is told');
    expect(told).toEqual([1]);
  });

  it('a file that is being written is not one that was removed', async () => {
    write(path('secrets/bgp/tor'), 'one');
    secrets = new WatchedSecrets(path('secrets'), { settleMs: 200, pollMs: 20 });
    const seen: (string | undefined)[] = [];
    secrets.listen(() => seen.push(secrets!.read('bgp', 'tor')));
    secrets.read('bgp', 'tor');
    writeFileSync(path('secrets/bgp/tor'), ''); // what an editor does first
    writeFileSync(path('secrets/bgp/tor'), 'two');
    await until(() => seen.length > 0, 'the change is told');
    expect(seen).toEqual(['two']);
  });

  it('a pipe or a huge file is no password, and holds nobody up', () => {
    write(path('secrets/bgp/huge'), 'x'.repeat(5000));
    execFileSync('mkfifo', [path('secrets/bgp/pipe')]);
    secrets = new WatchedSecrets(path('secrets'));
    expect([secrets.read('bgp', 'huge'), secrets.read('bgp', 'pipe')]).toEqual([undefined, undefined]);
  });
});
