// The demo, which is also the widest test there is: etcd, three daemons, kernels, pings. And what it does when things go
// wrong.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runDemo } from '../../src/lab/demo/demo.ts';
import { Lab } from '../../src/lab/lab.ts';
import { namespaceNames } from '../../src/lab/namespaces.ts';
import { labName } from '../support/lab.ts';

jest.setTimeout(180_000);

const PROGRAM = resolve('dist/mesos-bgp.js');

async function demo(options: {
  program: string;
  keep?: boolean;
  onLine?: (line: string, stop: () => void) => void;
}) {
  const name = labName();
  const abort = new AbortController();
  const lines: string[] = [];
  try {
    const code = await runDemo({
      topology: resolve('topologies/three-hosts/three-hosts.clab.yml'),
      data: resolve('topologies/three-hosts/data'),
      program: options.program,
      name,
      keep: options.keep ?? false,
      signal: abort.signal,
      print: (line) => {
        lines.push(line);
        options.onLine?.(line, () => abort.abort());
      },
    });
    return { code, text: lines.join('\n'), kept: Lab.open(name) !== undefined, name };
  } finally {
    await Lab.open(name)?.destroy();
    expect(namespaceNames().filter((namespace) => namespace.includes(name))).toEqual([]);
  }
}

beforeAll(() => {
  if (!existsSync(PROGRAM)) expect(spawnSync(process.execPath, ['build.mjs']).status).toBe(0);
});

it('holds from etcd to the last ping, and leaves nothing behind', async () => {
  const { code, text, kept } = await demo({ program: PROGRAM });
  expect({ code, kept, text }).toEqual({
    code: 0,
    kept: false,
    text: expect.stringMatching(/All 11 steps held/),
  });
});

describe('with a daemon that does not start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-demo-'));
  const broken = join(folder, 'broken.js');
  writeFileSync(
    broken,
    `console.error('{"level":"fatal","time":"2026-01-01T00:00:00.000Z","message":"out of luck"}'); process.exit(78);`,
  );
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('fails, shows the end of its log, and keeps the lab when asked to', async () => {
    const { code, text, kept, name } = await demo({ program: broken, keep: true });
    expect(code).toBe(1);
    expect(text).toMatch(/failed {2}a daemon on every host, ready: the daemon on host1 has ended/);
    expect(text).toMatch(/last log lines of host1:\n *│ 00:00:00.000 fatal: out of luck/);
    expect(text).toMatch(/2 of 11 steps held, 1 failed, 8 not run\./);
    expect(kept).toBe(true);
    expect(text).toContain(`npm run lab -- destroy --name ${name}`);
  });
});

it('ends early and cleans up on Ctrl-C, even when it should keep the lab', async () => {
  const { code, text, kept } = await demo({
    program: PROGRAM,
    keep: true,
    onLine: (line, stop) => {
      if (line.includes('etcd filled')) stop();
    },
  });
  expect(code).toBe(130);
  expect(kept).toBe(false);
  expect(text).toMatch(/steps held, [01] failed/);
});

it('says so when there is no program to run', async () => {
  const { code, text } = await demo({ program: '/nowhere/mesos-bgp.js' });
  expect(code).toBe(1);
  expect(text).toMatch(/\/nowhere\/mesos-bgp.js is not there: npm run build makes it/);
});
