import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import {
  endProcesses,
  isAlive,
  processesInNetworks,
  processRef,
  run,
  signalProcess,
  until,
} from '../../../src/lab/process.ts';

describe('running a program', () => {
  it('gives code, output and error output', async () => {
    expect(await run(['sh', '-c', 'cat; echo bad >&2; exit 3'], { input: 'good' })).toEqual({
      code: 3,
      stdout: 'good',
      stderr: 'bad\n',
    });
  });
  it('that is not there is 127, with its name', async () => {
    const result = await run(['no-such-program']);
    expect(result.code).toBe(127);
    expect(result.stderr).toMatch(/^cannot start no-such-program: /);
  });
  it('that a signal ends is 128 and the number', async () => {
    expect((await run(['sh', '-c', 'kill -TERM $$'])).code).toBe(143);
  });
  it('that does not end is ended at the deadline', async () => {
    const result = await run(['sleep', '60'], { timeoutMs: 50 });
    expect(result).toMatchObject({ code: 137, stderr: expect.stringMatching(/no exit within 50 ms/) });
  });
  it('that does not read its input is no failure', async () => {
    expect((await run(['true'], { input: 'x'.repeat(1_000_000) })).code).toBe(0);
  });
});

describe('a process for certain', () => {
  it('is not another one with the same pid', () => {
    const self = processRef(process.pid)!;
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, startTicks: '1' })).toBe(false);
    expect(signalProcess({ ...self, startTicks: '1' }, 'SIGKILL')).toBe(false); // we would not be here else
  });

  it('ends on SIGTERM within the grace, else on SIGKILL', async () => {
    const stubborn = spawn('sh', ['-c', 'trap "" TERM; echo on; while :; do sleep 0.1; done'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const polite = spawn('sleep', ['60']);
    await new Promise((resolve) => stubborn.stdout.once('data', resolve)); // then its trap is set
    const ends = [stubborn, polite].map(
      (child) => new Promise((resolve) => child.on('exit', (_, by) => resolve(by))),
    );
    await endProcesses([processRef(stubborn.pid!)!, processRef(polite.pid!)!], 200);
    expect(await Promise.all(ends)).toEqual(['SIGKILL', 'SIGTERM']);
  });

  it('is found by its network namespace, and this very process is not', () => {
    const child = spawn('sleep', ['60']);
    try {
      const found = processesInNetworks(new Set([readlinkSync('/proc/self/ns/net')])).map((ref) => ref.pid);
      expect(found).toContain(child.pid);
      expect(found).not.toContain(process.pid);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

it('polling ends at the deadline', async () => {
  let asked = 0;
  expect(await until(() => ++asked === 3, 1_000, 1)).toBe(true);
  expect(await until(() => false, 20, 1)).toBe(false);
});
