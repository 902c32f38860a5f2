// How labs end, and what is left of those that failed: with real namespaces.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Lab } from '../../src/lab/lab.ts';
import { namespaceNames } from '../../src/lab/namespaces.ts';
import { isAlive, type ProcessRef, processRef, until } from '../../src/lab/process.ts';
import { deployLab, labName, topologyFile } from '../support/lab.ts';
import { labProgram, smallLab } from '../support/small-lab.ts';

jest.setTimeout(60_000);

describe('destroying', () => {
  const left = (name: string) => namespaceNames().filter((namespace) => namespace.includes(name));

  it('ends all that runs in the lab, and nothing else', async () => {
    const outsider = spawn('sleep', ['1000']);
    const lab = await deployLab(smallLab());
    const refs: ProcessRef[] = [];
    try {
      const started = lab.node('a').spawn(['sleep', '1000']);
      // A daemon as of old: forks away, so that nobody has its pid.
      await lab.node('b').exec(['sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo $! >/run/pid']);
      const forked = Number(readFileSync(lab.node('b').path('/run/pid')!, 'utf8'));
      refs.push(started.ref!, processRef(forked)!, lab.node('a').state.holder!);
      expect(refs.every(isAlive)).toBe(true);
    } finally {
      expect(await lab.destroy()).toEqual([]);
    }
    expect(refs.filter(isAlive)).toEqual([]);
    expect(left(lab.name)).toEqual([]);
    expect(existsSync(lab.path)).toBe(false);
    expect(isAlive(processRef(outsider.pid!)!)).toBe(true);
    outsider.kill('SIGKILL');
  });

  it('leaves another lab of the same file alone, whichever came first', async () => {
    const first = await deployLab(smallLab());
    const second = await deployLab(smallLab());
    try {
      expect(await first.destroy()).toEqual([]);
      expect((await second.node('a').exec('ping -c 1 -W 2 192.0.2.2')).code).toBe(0);
    } finally {
      await first.destroy();
      await second.destroy();
    }
    expect([...left(first.name), ...left(second.name)]).toEqual([]);
  });

  it('cleans up after a runner that was killed while it deployed', async () => {
    const name = labName();
    const file = topologyFile(
      'name: x\ntopology: {kinds: {linux: {network-mode: none}}, nodes: {a: {kind: linux, exec: [sleep 1000]}}}',
    );
    const runner = spawn(process.execPath, [labProgram(), 'deploy', file, '--name', name], {
      stdio: 'ignore',
    });
    const stuck = await until(() => Lab.open(name)?.nodes[0]?.state.holder !== undefined, 20_000);
    runner.kill('SIGKILL');
    expect(await Lab.open(name)?.destroy()).toEqual([]);
    expect(stuck).toBe(true);
    expect(left(name)).toEqual([]);
  });

  it('--reconfigure replaces what is there', async () => {
    const lab = await deployLab(smallLab());
    const before = lab.node('a').state.holder!;
    const again = await Lab.deploy(smallLab(), { name: lab.name, reconfigure: true });
    expect(again.ok).toBe(true);
    expect(isAlive(before)).toBe(false);
    expect(await Lab.open(lab.name)!.destroy()).toEqual([]);
  });
});

describe('what fails while deploying', () => {
  it('is told with node, command and place; the rest goes on', async () => {
    const file = topologyFile(`
name: x
topology:
  kinds: {linux: {network-mode: none}}
  nodes:
    a: {kind: linux, exec: [ip addr add 300.0.0.1/24 dev lo, touch /run/second]}
    b: {kind: linux, exec: [touch /run/third]}
`);
    const result = await Lab.deploy(file, { name: labName() });
    try {
      expect(result).toMatchObject({
        ok: false,
        message: expect.stringMatching(
          /^node a: `ip addr add 300.0.0.1\/24 dev lo` \(topology.nodes.a.exec\[0\]\) failed with exit code 1: .*300/,
        ),
      });
      const { lab } = result as { lab: Lab };
      expect(existsSync(lab.node('a').path('/run/second')!)).toBe(true);
      expect(existsSync(lab.node('b').path('/run/third')!)).toBe(true);
    } finally {
      await result.lab?.destroy();
    }
  });

  it.each([
    ['cmd: no-such-daemon -x', /node a: cmd: there is no program `no-such-daemon`/],
    ['sysctls: {net.ipv4.no_such: 1}', /node a: sysctl net.ipv4.no_such=1: .*(No such file|nonexistent)/],
    ['binds: ["/no/such/source:/mnt/x"]', /node a: namespaces cannot be set up .*\/no\/such\/source/s],
    [
      'healthcheck: {test: [CMD, "false"], interval: 0, retries: 2}, stages: {healthy: {exec: [{command: "true"}]}}',
      /node a: not healthy: `false` ends with 1/,
    ],
  ])('%s', async (field, message) => {
    const file = topologyFile(
      `name: x\ntopology: {kinds: {linux: {network-mode: none}}, nodes: {a: {kind: linux, ${field}}}}`,
    );
    const result = await Lab.deploy(file, { name: labName() });
    expect(await result.lab?.destroy()).toEqual([]);
    expect(result).toMatchObject({ ok: false, message: expect.stringMatching(message) });
  });
});
