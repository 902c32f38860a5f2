// Where the daemon listens, and who comes in: address, interface and port of each family, changed while it runs; more keys than the
// kernel has room for; connections from addresses that no peer has.

import { writeFileSync } from 'node:fs';
import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';
import { passwordRef, SECRETS_FLAGS, setPassword } from '../support/secrets.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { ask } from '../support/speakers.ts';

/** The last one gets its key last. */
const LAST = '10.0.0.250';
const PEERS = [...Array.from({ length: 60 }, (_, i) => `10.0.0.${100 + i}`), LAST];

const cluster = (annotations: Readonly<Record<string, string>>) => [
  ...ours(64512).map((each) => {
    const { kind, metadata } = each as { kind: string; metadata: object };
    return kind === 'Node' ? { ...each, metadata: { ...metadata, annotations } } : each;
  }),
  ...PEERS.map((peerIP) =>
    resource(
      'BGPPeer',
      `p-${peerIP}`,
      { peerIP, asNumber: 65010, ...passwordRef('all') },
      { 'mesos-bgp/passive': 'true' },
    ),
  ),
];

const LISTEN = { 'mesos-bgp/listen-ipv4': '*%eth1:1790', 'mesos-bgp/listen-ipv6': '[fd00::1]:1791' };

describe('the way in', () => {
  const lab = useLab(segment(['ours', 'bird', 'stranger'], cluster(LISTEN)));
  let daemon: TestDaemon;

  beforeAll(async () => {
    const node = lab().node('ours');
    await ask(node, 'sysctl', '-qw', 'net.core.optmem_max=4096');
    await ask(lab().node('bird'), 'ip', 'address', 'add', `${LAST}/24`, 'dev', 'eth1');
    setPassword(node, 'all', 'a-key');
    await Bird.start(lab(), 'bird', {
      asNumber: 65010,
      routerId: LAST,
      neighbors: [{ local: LAST, address: '10.0.0.1', port: 1790, asNumber: 64512, password: 'a-key' }],
      routes: [],
    });
    daemon = TestDaemon.start(lab(), 'ours', {}, [...datastoreFlags(lab().topologyFile), ...SECRETS_FLAGS]);
    await until(async () => (await daemon.ready().catch(() => undefined)) !== undefined, 'it answers');
  }, 60_000);

  const listening = async () =>
    (await ask(lab().node('ours'), 'ss', '-Hltn'))
      .split('\n')
      .map((line) => line.split(/\s+/)[3] ?? '')
      .filter((place) => /:(179|179[01])$/.test(place))
      .sort();

  const problem = async () => (await daemon.status()).listening.map(({ error }) => error).find(Boolean);

  it('is where the annotations say, in each family', async () => {
    await until(async () => (await listening()).length === 2, 'it listens in both families');
    expect(await listening()).toEqual(['0.0.0.0%eth1:1790', '[fd00::1]:1791']);
  });

  it('is open with as many keys as there is room for, and the line to make room is told', async () => {
    await until(async () => (await problem()) !== undefined, 'keys are missing');
    const message = await problem();
    expect(message).toMatch(/room for \d+ of 61 TCP MD5 keys alone: net\.core\.optmem_max is 4096/);
    expect(daemon.log()).toContain('sysctl -w net.core.optmem_max=1048576');
    await until(async () => {
      const { stdout } = await lab().node('ours').exec(['nstat', '-asz', 'TcpExtTCPMD5Unexpected']);
      return Number(/Unexpected\s+(\d+)/.exec(stdout)?.[1]) > 0;
    }, 'the kernel refuses the peer without a key');
    expect(await daemon.established()).toEqual([]);
  }, 30_000);

  it('has all keys soon after there is room, without a restart', async () => {
    await ask(lab().node('ours'), 'sysctl', '-qw', 'net.core.optmem_max=1048576');
    await until(async () => (await daemon.established()).join() === LAST, 'the peer is up', 30_000);
    expect(await problem()).toBeUndefined();
  }, 40_000);

  it('is closed to addresses of no peer: some hear so, all are counted, and the log has one line of the rest', async () => {
    const connections = 60;
    const script = `let left = ${connections};
      for (let i = 0; i < ${connections}; i++) {
        const socket = require('node:net').connect(1790, '10.0.0.1').resume();
        let octets = 0;
        socket.on('data', (data) => (octets += data.length)).on('error', () => {});
        socket.on('close', () => { console.log(octets); if (--left === 0) process.exit(); });
      }`;
    const answers = (await ask(lab().node('stranger'), process.execPath, '-e', script)).trim().split('\n');
    expect(answers).toHaveLength(connections);
    const CEASE_OCTETS = 21;
    expect(answers.filter((octets) => Number(octets) === CEASE_OCTETS)).toHaveLength(20);
    expect(await daemon.metric('mesosbgp_connections_refused_total')).toBe(connections);
    const lines = daemon.logLines().filter(({ message }) => /of no peer were closed/.test(message));
    expect(lines.map(({ message }) => message)).toEqual([
      '1 more connections from addresses of no peer were closed, the last from 10.0.0.3: give it a BGPPeer here, or stop it there',
    ]);
    expect(await daemon.established()).toEqual([LAST]);
  });

  it('moves while the daemon runs, and sessions stay', async () => {
    const [before] = (await daemon.peers()).filter(({ address }) => address === LAST);
    const file = lab().topologyFile.replace('test.clab.yml', 'cluster.yaml');
    writeFileSync(
      file,
      cluster({})
        .map((each) => JSON.stringify(each))
        .join('\n---\n'),
    );
    await until(async () => (await listening()).join() === '0.0.0.0:179,[::]:179', 'it listens on port 179');
    const [after] = (await daemon.peers()).filter(({ address }) => address === LAST);
    expect(after!.counters).toMatchObject({ established: before!.counters.established, lost: 0 });
  }, 30_000);
});
