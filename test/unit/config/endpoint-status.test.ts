// The folder of endpoint status files, as Felix fills it while it is followed.

import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endpointFilesIn, WatchedEndpointFiles } from '../../../src/config/endpoint-status.ts';
import { until } from '../../support/etcd.ts';

let base: string;
let watched: WatchedEndpointFiles | undefined;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'endpoints-'));
});
afterEach(() => {
  watched?.close();
  rmSync(base, { recursive: true, force: true });
});
const write = (name: string, text: string) => writeFileSync(join(base, name), text);
const plain = (files: ReadonlyMap<string, string>) => Object.fromEntries(files);

it('of a folder that is not there has nothing', () => {
  expect(plain(endpointFilesIn(join(base, 'none')))).toEqual({});
});

it('has the files, and neither folders, nor what is being written, nor what is too long', () => {
  write('cni default%2Fw eth0', 'one');
  write('.cni default%2Fw eth0.tmp', 'half');
  write('long', 'x'.repeat(70_000));
  mkdirSync(join(base, 'folder'));
  expect(plain(endpointFilesIn(base))).toEqual({ 'cni default%2Fw eth0': 'one' });
});

it.each([
  ['inotify', { settleMs: 20, pollMs: 0x7fffffff }],
  ['the poll', { settleMs: 20, pollMs: 40 }],
])('tells of files that come, change and go, by %s', async (_, pace) => {
  write('a', 'one');
  let told = 0;
  watched = new WatchedEndpointFiles(base, pace);
  watched.listen(() => told++);
  const { read } = watched;
  const becomes = (files: Readonly<Record<string, string>>) =>
    until(() => told > 0 && JSON.stringify(plain(read())) === JSON.stringify(files), JSON.stringify(files));
  expect(plain(read())).toEqual({ a: 'one' });
  write('b', 'two');
  await becomes({ a: 'one', b: 'two' });
  write('.b', 'three');
  renameSync(join(base, '.b'), join(base, 'b'));
  await becomes({ a: 'one', b: 'three' });
  unlinkSync(join(base, 'a'));
  await becomes({ b: 'three' });
});
