// The soak run in small: four hosts and a reflector for a few seconds. It shows that the harness works, that nothing drifts so soon, and
// that a daemon's end is noticed.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Lab } from '../../src/lab/lab.ts';
import { namespaceNames } from '../../src/lab/namespaces.ts';
import { formatResult } from '../soak/format.ts';
import type { SoakResult } from '../soak/report.ts';
import { runSoak } from '../soak/soak.ts';
import { labName } from '../support/lab.ts';

jest.setTimeout(400_000);

const PROGRAM = resolve('dist/mesos-bgp.js');

beforeAll(() => {
  if (!existsSync(PROGRAM)) expect(spawnSync(process.execPath, ['build.mjs']).status).toBe(0);
});

interface Run {
  readonly result: SoakResult;
  readonly lines: readonly string[];
}

async function run(options: {
  readonly seconds: number;
  readonly during?: (name: string, stop: () => void) => Promise<void>;
}): Promise<Run> {
  const name = labName();
  const abort = new AbortController();
  const lines: string[] = [];
  const common = { name, hosts: 4, reflectors: 1, program: PROGRAM, seed: 1, signal: abort.signal };
  try {
    const going = runSoak({ ...common, seconds: options.seconds, print: (line) => void lines.push(line) });
    await options.during?.(name, () => abort.abort());
    return { result: await going, lines };
  } finally {
    abort.abort();
    await Lab.open(name)?.destroy();
    const logs = /: (\S+)$/.exec(lines.at(-1) ?? '')?.[1];
    if (logs !== undefined) rmSync(logs, { recursive: true, force: true });
    expect(namespaceNames().filter((namespace) => namespace.includes(name))).toEqual([]);
  }
}

/** Polls until the daemon runs. */
async function daemonOf(name: string, host: string): Promise<number> {
  for (;;) {
    const node = Lab.open(name)?.nodes.find((each) => each.name === host);
    const found = node?.processes().find((each) => each.name === 'mesos-bgp');
    if (found !== undefined) return found.pid;
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

it('after changes and faults every table and session is as etcd says', async () => {
  const { result, lines } = await run({ seconds: 20 });
  expect({ ...result, lives: [], said: lines }).toMatchObject({ ok: true, failures: [], leaks: [] });
  expect(result.checkpoints.length).toBeGreaterThanOrEqual(2);
  expect(Object.keys(result.changes).length).toBeGreaterThan(3);
  const samples = result.lives.flatMap((life) => life.samples);
  expect(samples.length).toBeGreaterThan(10);
  for (const { residentMib, privateMib, files, timers, handles, loopTurns } of samples) {
    expect(residentMib).toBeGreaterThan(privateMib);
    for (const value of [privateMib, files, timers, handles, loopTurns]) expect(value).toBeGreaterThan(0);
  }
  expect(formatResult(result)).toMatch(/^ok after .* with seed 1: 0 drifts, 0 leaks, 0 failures$/m);
});

it('a daemon that ends though nobody ended it fails the run, which keeps the logs', async () => {
  const { result, lines } = await run({
    seconds: 1,
    during: async (name) => void process.kill(await daemonOf(name, 'host1'), 'SIGKILL'),
  });
  expect(result.ok).toBe(false);
  expect(result.failures).toEqual([
    expect.stringMatching(/^host1: the daemon \(pid \d+\) ended by itself: SIGKILL/),
  ]);
  expect(lines.at(-1)).toMatch(/^the daemons' logs, and what they said where something differed: \//);
});

it('ends early and cleans up on Ctrl-C', async () => {
  const { result } = await run({
    seconds: 600,
    during: async (name, stop) => {
      await daemonOf(name, 'host4');
      stop();
    },
  });
  expect(result).toMatchObject({ ok: false, interrupted: true });
});
