import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Moment, momentNow, RunState, runStatePath } from '../../../src/state/run-state.ts';

describe('what a run leaves for the next', () => {
  let folder: string;
  let now: Moment | undefined;
  const told: (string | undefined)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-state-'));
    now = { boot: 'a', seconds: 1000 };
    told.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const path = () => join(folder, 'sub', runStatePath('host-1'));
  const open = (node = 'host-1') =>
    new RunState({ path: path(), node, onFailure: (message) => told.push(message), moment: () => now });

  it('is nothing at a first start', () => {
    expect(open()).toMatchObject({ drainedSince: undefined, sessionsAgo: undefined });
    expect(existsSync(path())).toBe(false);
  });

  it('a drain stays until it is taken back', async () => {
    const first = open();
    first.setDrained(Date.UTC(2026, 1, 3));
    await first.close();
    const second = open();
    expect(second.drainedSince).toBe(Date.UTC(2026, 1, 3));
    second.setDrained(undefined);
    await second.close();
    expect(open().drainedSince).toBeUndefined();
    expect(readdirSync(join(folder, 'sub'))).toEqual(['state-host-1']);
  });

  it('says how long ago sessions were up, in this run of the machine alone', async () => {
    const first = open();
    first.sessionsUp();
    await first.close();
    now = { boot: 'a', seconds: 1042 };
    expect(open().sessionsAgo).toBe(42);
    now = { boot: 'b', seconds: 1042 };
    expect(open().sessionsAgo).toBeUndefined();
    now = { boot: 'a', seconds: 12 };
    expect(open().sessionsAgo).toBeUndefined();
    now = undefined;
    expect(open().sessionsAgo).toBeUndefined();
  });

  it('who has left the network does not restart, and stays drained', async () => {
    const first = open();
    first.sessionsUp();
    first.setDrained(1000);
    first.left();
    await first.close();
    expect(open()).toMatchObject({ sessionsAgo: undefined, drainedSince: 1000 });
  });

  it.each([
    ['no JSON', '{'],
    ['nothing', 'null'],
    [
      'of another format',
      '{"format":"mesos-bgp state 2","node":"host-1","drainedSince":"2026-01-01T00:00:00Z"}',
    ],
    [
      'of another node',
      '{"format":"mesos-bgp state 1","node":"host-2","drainedSince":"2026-01-01T00:00:00Z"}',
    ],
    [
      'not what it should be',
      '{"format":"mesos-bgp state 1","node":"host-1","drainedSince":"x","sessionsAt":7}',
    ],
  ])('a file that is %s is as none', async (_name, text) => {
    const first = open();
    first.left();
    await first.close();
    writeFileSync(path(), text);
    expect(open()).toMatchObject({ drainedSince: undefined, sessionsAgo: undefined });
  });

  it('a folder that cannot be written is told once, and once when it can be again', async () => {
    writeFileSync(join(folder, 'sub'), 'a file in its place');
    const state = open();
    state.sessionsUp();
    state.sessionsUp();
    await state.close();
    expect(told).toEqual([expect.stringMatching(/ENOTDIR|EEXIST/)]);
    rmSync(join(folder, 'sub'));
    state.sessionsUp();
    await state.close();
    expect(told).toEqual([expect.any(String), undefined]);
    chmodSync(path(), 0o600);
    expect(readFileSync(path(), 'utf8')).toContain('"sessionsAt":{"boot":"a","seconds":1000}');
  });

  it('the machine says which start it is', () => {
    expect(momentNow()).toEqual({
      boot: expect.stringMatching(/^[0-9a-f-]{36}$/),
      seconds: expect.any(Number),
    });
  });
});
