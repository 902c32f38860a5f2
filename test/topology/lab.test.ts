// The lab runner itself, with real namespaces. How labs end: lab-end.test.ts; the command: lab-program.test.ts.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import { load } from '../../src/lab/calico/load.ts';
import { Lab } from '../../src/lab/lab.ts';
import { until } from '../../src/lab/process.ts';
import { listenLocally, openRelay } from '../../src/lab/relay.ts';
import { deployLab, topologyFile, useLab } from '../support/lab.ts';
import { smallLab } from '../support/small-lab.ts';

jest.setTimeout(60_000);

const THREE_HOSTS = resolve('topologies/three-hosts/three-hosts.clab.yml');

describe('a small lab', () => {
  const lab = useLab(smallLab());
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
    const again = await Lab.deploy(smallLab(), { name: lab().name });
    expect(again).toMatchObject({ ok: false, message: expect.stringMatching(/is deployed already/) });
    await stdout('a', 'ping -c 1 -W 2 192.0.2.2');
  });

  it('asked for what it does not have, says so', () => {
    expect(() => lab().node('z')).toThrow(/has no node z/);
    expect(() => lab().link('a', 'eth9')).toThrow(/has no link at a:eth9/);
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
  const lab = await deployLab(smallLab(), { nodeFilter: ['br', 'b'] });
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
