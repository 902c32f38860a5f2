// The lab runner itself, with real namespaces.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import { load } from '../../src/lab/calico/load.ts';
import { Lab } from '../../src/lab/lab.ts';
import { namespaceNames } from '../../src/lab/namespaces.ts';
import { isAlive, type ProcessRef, processRef, until } from '../../src/lab/process.ts';
import { listenLocally, openRelay } from '../../src/lab/relay.ts';
import { deployLab, labName, topologyFile, useLab } from '../support/lab.ts';

jest.setTimeout(60_000);

const THREE_HOSTS = resolve('topologies/three-hosts/three-hosts.clab.yml');

/** Two nodes behind a bridge, one more on a link of its own, without management network unless asked for. */
const SMALL = `
name: small
topology:
  kinds: {linux: {network-mode: none, env: {WHO: "the node"}}}
  nodes:
    br: {kind: bridge}
    a:
      kind: linux
      labels: {role: first}
      sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.default.accept_dad: 0}
      binds: ["given.txt:/run/given/inside.txt:ro", "given.txt:/etc/nowhere/deep/inside.txt", "__clabDir__:/var/lib/mesos-bgp/lab"]
      cmd: sleep 1000
      exec:
        - ip addr add 192.0.2.1/24 dev eth1
        - sh -c "echo '__clabNodeName__ is up' > /run/said"
    b: {kind: linux, exec: [ip addr add 192.0.2.2/24 dev eth1]}
  links:
    - endpoints: ["a:eth1", "br:to-a"]
    - endpoints: ["b:eth1", "br:to-b"]
    - {type: veth, mtu: 1400, endpoints: [{node: a, interface: direct, mac: "02:00:00:00:00:0a"}, {node: b, interface: direct}]}
    - {type: dummy, endpoint: {node: b, interface: lo1}}
`;

const small = () => topologyFile(SMALL, { 'given.txt': 'from outside\n' });

describe('a small lab', () => {
  const lab = useLab(small());
  const stdout = async (node: string, command: string | string[]): Promise<string> => {
    const result = await lab().node(node).exec(command);
    if (result.code !== 0) throw new Error(`${node}: ${command}: ${result.code}: ${result.stderr}`);
    return result.stdout;
  };

  it('carries packets over the bridge', async () => {
    await stdout('a', 'ping -c 1 -W 2 192.0.2.2');
  });

  it('gives interfaces their names, MTU and MAC', async () => {
    const links = JSON.parse(await stdout('a', 'ip -j link')) as {
      ifname: string;
      mtu: number;
      address: string;
    }[];
    const found = Object.fromEntries(links.map((link) => [link.ifname, [link.mtu, link.address]]));
    expect(found).toEqual({
      lo: [65536, '00:00:00:00:00:00'],
      eth1: [9500, expect.stringMatching(/^aa:c1:ab:/)],
      direct: [1400, '02:00:00:00:00:0a'],
    });
    expect(await stdout('b', 'ip -br link show dev lo1')).toMatch(/UP/);
  });

  it('applies sysctls to the node alone', async () => {
    expect(await stdout('a', 'cat /proc/sys/net/ipv4/ip_forward')).toBe('1\n');
    expect(await stdout('b', 'cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');
  });

  it('shows each node files of its own under the paths of all', async () => {
    expect(await stdout('a', 'cat /run/said')).toBe('a is up\n');
    expect((await lab().node('b').exec('cat /run/said')).code).not.toBe(0);
    expect(existsSync('/run/said')).toBe(false);
    expect(readFileSync(lab().node('a').path('/run/said')!, 'utf8')).toBe('a is up\n');
    expect(lab().node('a').path('/etc/passwd')).toBeUndefined();
    await stdout('b', 'touch /var/lib/mesos-bgp/state');
    expect(existsSync('/var/lib/mesos-bgp/state')).toBe(false);
  });

  it('binds files where there is nothing to bind them on, and leaves the host as it was', async () => {
    expect(await stdout('a', 'cat /run/given/inside.txt /etc/nowhere/deep/inside.txt')).toBe(
      'from outside\nfrom outside\n',
    );
    expect(await stdout('a', 'ls /var/lib/mesos-bgp/lab/a/run')).toMatch(/said/);
    expect(existsSync('/etc/nowhere')).toBe(false);
    expect(await stdout('a', 'test -s /etc/passwd -a -L /etc/mtab')).toBe(''); // the rest of the folder is there
    const write = await lab().node('a').exec('sh -c "echo x > /run/given/inside.txt"');
    expect(write.stderr).toMatch(/Read-only/);
  });

  it('runs commands with the node’s name and environment, and little of ours', async () => {
    process.env.LEAK = 'ours';
    expect(
      await stdout('a', ['sh', '-c', 'hostname; echo "$WHO $CLAB_INTFS $CLAB_LABEL_ROLE [$LEAK]"']),
    ).toBe('a\nthe node 2 first []\n');
    delete process.env.LEAK;
  });

  it('tells of a program that is not there, and of a line that cannot be split', async () => {
    expect((await lab().node('a').exec('no-such-program')).code).toBe(127);
    expect(await lab().node('a').exec('sh -c "x')).toMatchObject({
      code: 125,
      stderr: 'the command has an open "',
    });
    expect((await lab().node('br').exec('true')).stderr).toBe('br is a bridge: nothing runs in it');
  });

  it('starts programs that run on, with a log', async () => {
    const started = lab()
      .node('a')
      .spawn(['sh', '-c', 'echo to-out; echo to-err >&2; exec sleep 1000'], { name: 'talker' });
    expect(await until(() => /to-err/.test(started.tail()), 5_000)).toBe(true);
    expect(started.tail().split('\n')).toEqual(['to-out', 'to-err']);
    expect(started.running).toBe(true);
    expect(await started.waitForExit(20)).toBeUndefined();
    expect(started.kill('SIGTERM')).toBe(true);
    expect(await started.waitForExit(5_000)).toEqual({ code: null, signal: 'SIGTERM' });
    expect(started.kill()).toBe(false);
  });

  it('follows the output of a program', async () => {
    const lines: string[] = [];
    const end = lab()
      .node('a')
      .follow(['ip', 'monitor', 'address'], (line) => lines.push(line));
    const changed = await until(async () => {
      await stdout('a', 'ip addr replace 198.51.100.1/32 dev lo');
      await stdout('a', 'ip addr del 198.51.100.1/32 dev lo');
      return lines.some((line) => line.includes('198.51.100.1'));
    }, 5_000);
    end();
    expect(changed).toBe(true);
  });

  it('takes a cable out and puts it in again', async () => {
    await lab().link('br', 'to-b').down();
    expect(await stdout('b', 'ip -br link show dev eth1')).toMatch(/LOWERLAYERDOWN|NO-CARRIER/);
    expect((await lab().node('a').exec('ping -c 1 -W 0.2 192.0.2.2')).code).toBe(1);
    await lab().link('b', 'eth1').other.up();
    expect(
      await until(async () => (await lab().node('a').exec('ping -c 1 -W 1 192.0.2.2')).code === 0, 10_000),
    ).toBe(true);
  });

  it('can be opened, and is not deployed twice', async () => {
    expect(Lab.open(lab().name)!.nodes.map((node) => [node.name, node.running])).toEqual([
      ['br', true],
      ['a', true],
      ['b', true],
    ]);
    const again = await Lab.deploy(small(), { name: lab().name });
    expect(again).toMatchObject({ ok: false, message: expect.stringMatching(/is deployed already/) });
    await stdout('a', 'ping -c 1 -W 2 192.0.2.2');
  });

  it('asked for what it does not have, says so', () => {
    expect(() => lab().node('z')).toThrow(/has no node z/);
    expect(() => lab().link('a', 'eth9')).toThrow(/has no link at a:eth9/);
  });
});

describe('destroying', () => {
  const left = (name: string) => namespaceNames().filter((namespace) => namespace.includes(name));

  it('ends all that runs in the lab, and nothing else', async () => {
    const outsider = spawn('sleep', ['1000']);
    const lab = await deployLab(small());
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
    const first = await deployLab(small());
    const second = await deployLab(small());
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
    const runner = spawn(process.execPath, [program(), 'deploy', file, '--name', name], { stdio: 'ignore' });
    const stuck = await until(() => Lab.open(name)?.nodes[0]?.state.holder !== undefined, 20_000);
    runner.kill('SIGKILL');
    expect(await Lab.open(name)?.destroy()).toEqual([]);
    expect(stuck).toBe(true);
    expect(left(name)).toEqual([]);
  });

  it('--reconfigure replaces what is there', async () => {
    const lab = await deployLab(small());
    const before = lab.node('a').state.holder!;
    const again = await Lab.deploy(small(), { name: lab.name, reconfigure: true });
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

it('the management network joins nodes by eth0', async () => {
  const lab = await deployLab(
    topologyFile('name: x\ntopology: {kinds: {linux: {}}, nodes: {a: {kind: linux}, b: {kind: linux}}}'),
  );
  try {
    const address = lab.node('b').state.mgmtIpv4!.split('/')[0]!;
    expect(address).toBe('172.20.20.3');
    for (const target of [address, '172.20.20.1', '3fff:172:20:20::3'])
      expect(await lab.node('a').exec(`ping -c 1 -W 2 ${target}`)).toMatchObject({ code: 0 });
  } finally {
    await lab.destroy();
  }
});

it('--node-filter leaves nodes out, and their links', async () => {
  const lab = await deployLab(small(), { nodeFilter: ['br', 'b'] });
  try {
    expect(lab.nodes.map((node) => node.name)).toEqual(['br', 'b']);
    expect((await lab.node('b').exec('ip -br link')).stdout).not.toMatch(/direct/);
  } finally {
    await lab.destroy();
  }
});

describe('three-hosts', () => {
  const lab = useLab(THREE_HOSTS);
  const stdout = async (node: string, command: string) => (await lab().node(node).exec(command)).stdout;

  it('containers reach those of their own host in both families, and those of another over routes on the hosts', async () => {
    const reaches = async (target: string) =>
      (await lab().node('c11').exec(`ping -c 1 -W 1 ${target}`)).code === 0;
    for (const near of ['10.65.0.3', 'fd00:65::3']) expect([near, await reaches(near)]).toEqual([near, true]);
    for (const far of ['10.65.0.67', 'fd00:65::43']) expect([far, await reaches(far)]).toEqual([far, false]);
    for (const [host, route] of [
      ['host1', '10.65.0.64/26 via 10.0.0.2'],
      ['host1', 'fd00:65::40/122 via fd00::2'],
      ['host2', '10.65.0.0/26 via 10.0.0.1'],
      ['host2', 'fd00:65::/122 via fd00::1'],
    ] as const)
      expect(await lab().node(host).exec(`ip route add ${route}`)).toMatchObject({ code: 0 });
    for (const far of ['10.65.0.67', 'fd00:65::43']) expect([far, await reaches(far)]).toEqual([far, true]);
  });

  it('etcd takes Calico’s data, and hosts reach it', async () => {
    const loaded = await load(lab().node('etcd'), ['topologies/three-hosts/data']);
    expect(loaded).toEqual({ written: 12, problems: [] });
    const relay = await openRelay(lab().node('etcd'), 2379);
    const keys = (await new EtcdGateway(relay.socketPath).list('/calico/')).map((entry) => entry.key);
    expect(keys).toContain('/calico/ipam/v2/host/host2/ipv6/block/fd00:65::40-122');
    expect(keys).toContain('/calico/resources/v3/projectcalico.org/nodes/host3');
    const local = await listenLocally(relay);
    const health = await fetch(`http://127.0.0.1:${local.port}/health`);
    expect(await health.json()).toEqual({ health: 'true' });
    await local.close();
    await relay.stop();
    expect(await stdout('host3', 'ping -c 1 -W 2 10.0.0.10')).toMatch(/1 received/);
  });
});

describe('the program', () => {
  const run = (argv: string[], user: string[] = []) => {
    const [command, ...args] = [...user, process.execPath, program(), ...argv];
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
    const file = small();
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
    const file = small();
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

/** The command, bundled once for this file as the build does it, where any user can read it. */
function program(): string {
  if (bundle === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-lab-program-'));
    chmodSync(folder, 0o755);
    bundle = join(folder, 'lab.cjs');
    buildSync({
      entryPoints: ['src/lab/main.ts'],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      logLevel: 'error',
    });
  }
  return bundle;
}
let bundle: string | undefined;
afterAll(() => {
  if (bundle !== undefined && statSync(bundle))
    rmSync(resolve(bundle, '..'), { recursive: true, force: true });
});
