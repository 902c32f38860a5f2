// The `lab` command as people call it, as root and as nobody.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { namespaceNames } from '../../src/lab/namespaces.ts';
import { isAlive, type ProcessRef } from '../../src/lab/process.ts';
import { labName, topologyFile } from '../support/lab.ts';
import { labProgram, smallLab } from '../support/small-lab.ts';

jest.setTimeout(60_000);

describe('the program', () => {
  const run = (argv: string[], user: string[] = []) => {
    const [command, ...args] = [...user, process.execPath, labProgram(), ...argv];
    try {
      const stdout = execFileSync(command!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
      return { code: 0, stdout, stderr: '' };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
      return { code: status, stdout, stderr };
    }
  };

  it('answers in containerlab’s JSON', () => {
    const name = labName();
    const file = smallLab();
    try {
      const deployed = run(['deploy', '-t', file, '--name', name, '-f', 'json']);
      expect(deployed).toEqual({ code: 0, stdout: expect.any(String), stderr: '' });
      const nodes = JSON.parse(deployed.stdout)[name];
      expect(nodes[1]).toMatchObject({
        ...{ lab_name: name, absLabPath: file, name: `clab-${name}-a`, kind: 'linux', state: 'running' },
        ...{ ipv4_address: 'N/A', ipv6_address: 'N/A' },
      });
      const ran = run([
        'exec',
        '--name',
        name,
        '--label',
        'role=first',
        '--cmd',
        'sh -c "echo x; exit 3"',
        '-f',
        'json',
      ]);
      expect(ran.code).toBe(1);
      expect(JSON.parse(ran.stdout)).toEqual({
        [`clab-${name}-a`]: [{ cmd: expect.any(Array), 'return-code': 3, stdout: 'x\n', stderr: '' }],
      });
      const interfaces = JSON.parse(run(['inspect', 'interfaces', '--name', name, '-f', 'json']).stdout);
      expect(interfaces[0].name).toBe(`clab-${name}-a`);
      expect(interfaces[0].interfaces).toContainEqual(
        expect.objectContaining({
          name: 'direct',
          mac: '02:00:00:00:00:0a',
          mtu: 1400,
          type: 'veth',
          state: 'up',
        }),
      );
    } finally {
      expect(run(['destroy', '--name', name])).toMatchObject({ code: 0 });
    }
    expect(run(['inspect', '--name', name])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not deployed/),
    });
  });

  const home = mkdtempSync(join(tmpdir(), 'mesos-bgp-user-'));
  chmodSync(home, 0o777);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const user = [...nobody, 'env', `HOME=${home}`, `XDG_RUNTIME_DIR=${home}`];
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('links a node with the machine itself where the file says so', () => {
    // As nobody: then the machine's network is that of the user namespace, and the test touches no other.
    const file = topologyFile(`
name: x
topology:
  kinds: {linux: {network-mode: none}}
  nodes: {a: {kind: linux, exec: [ip addr add 192.0.2.1/24 dev eth1]}, h: {kind: host}}
  links: [{endpoints: ["a:eth1", "host:lab-x1"]}, {endpoints: ["h:lab-x2", "a:eth2"]}]
`);
    for (const path of [file, resolve(file, '..')]) chmodSync(path, 0o755);
    const name = labName();
    try {
      expect(run(['deploy', file, '--name', name], user)).toMatchObject({ code: 0 });
      const commands = [
        'ip addr add 192.0.2.2/24 dev lab-x1',
        'ping -c 1 -W 2 192.0.2.1',
        'ip link show dev lab-x2',
      ];
      for (const command of commands)
        expect([
          command,
          run(['exec', '--name', name, '--node-filter', 'h', '--cmd', command], user).code,
        ]).toEqual([command, 0]);
    } finally {
      expect(run(['destroy', '--name', name], user)).toMatchObject({ code: 0 });
    }
  });

  it('gives an ordinary user a lab in a user namespace, invisible and harmless to the host', () => {
    const file = smallLab();
    for (const path of [file, resolve(file, '..'), join(file, '..', 'given.txt')]) chmodSync(path, 0o755);
    const name = labName();
    try {
      expect(run(['deploy', file, '--name', name], user)).toEqual({
        code: 0,
        stdout: expect.any(String),
        stderr: '',
      });
      expect(namespaceNames().filter((namespace) => namespace.includes(name))).toEqual([]);
      const ping = run(
        ['exec', '--name', name, '--node-filter', 'a', '--cmd', 'ping -c 1 -W 2 192.0.2.2'],
        user,
      );
      expect(ping).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 received/) });
      const bound = run(
        ['exec', '--name', name, '--node-filter', 'a', '--cmd', 'cat /etc/nowhere/deep/inside.txt /run/said'],
        user,
      );
      expect(bound.stdout).toBe('from outside\na is up\n');
    } finally {
      const holder = join(home, 'mesos-bgp-lab-65534', 'holder.json');
      const ref = JSON.parse(readFileSync(holder, 'utf8')) as ProcessRef;
      expect(run(['destroy', '--name', name], user)).toMatchObject({ code: 0 });
      expect(existsSync(holder)).toBe(false);
      expect(isAlive(ref)).toBe(false);
    }
  });
});
