// mesos-bgp and BIRD 2 on one segment: BIRD as a mesh member (as a calico/node would be), and BIRD as an eBGP top-of-rack
// router. Routes are compared on both sides and in both kernels.

import { TestBird } from '../support/bird.ts';
import { kernelRoutes, TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';
import { datastoreFlags, resource, segment } from '../support/segment.ts';

const TOP_OF_RACK = 254;
const CLUSTER = [
  resource('Node', 'ours', { bgp: { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64' } }),
  resource('Node', 'mesh', { bgp: { ipv4Address: '10.0.0.2/24', ipv6Address: 'fd00::2/64' } }),
  resource('BGPPeer', 'tor-v4', { peerIP: '10.0.0.254', asNumber: 65001 }),
  resource('BGPPeer', 'tor-v6', { node: 'ours', peerIP: 'fd00::fe', asNumber: 65001 }),
  resource('IPPool', 'v4', { cidr: '10.65.0.0/16' }),
  resource('IPPool', 'v6', { cidr: 'fd00:65::/112' }),
  resource('BlockAffinity', 'a', { cidr: '10.65.0.0/26', node: 'ours' }),
  resource('BlockAffinity', 'b', { cidr: 'fd00:65::/122', node: 'ours' }),
];

/** What calico/node's BIRD says: blocks as blackholes, graceful restart, next hop self. */
const meshMember = `
log stderr all;
router id 10.0.0.2;
protocol device {}
protocol direct { ipv4; ipv6; interface "eth1"; }
protocol kernel k4 { ipv4 { import none; export all; }; }
protocol kernel k6 { ipv6 { import none; export all; }; }
protocol static s4 { ipv4; route 10.65.0.64/26 blackhole; }
protocol static s6 { ipv6; route fd00:65::40/122 blackhole; }
template bgp node { local as 64512; neighbor as 64512; multihop; graceful restart on; connect delay time 1; connect retry time 2; error wait time 1, 5; }
protocol bgp mesh4 from node { local 10.0.0.2; neighbor 10.0.0.1; ipv4 { import all; export where source = RTS_STATIC; next hop self; }; }
protocol bgp mesh6 from node { local fd00::2; neighbor fd00::1; ipv6 { import all; export where source = RTS_STATIC; next hop self; }; }
`;

const topOfRack = `
log stderr all;
router id 10.0.0.254;
protocol device {}
protocol direct { ipv4; ipv6; interface "eth1"; }
protocol kernel k4 { ipv4 { import none; export all; }; }
protocol kernel k6 { ipv6 { import none; export all; }; }
protocol static s4 { ipv4; route 0.0.0.0/0 blackhole; route 192.0.2.0/24 blackhole; }
protocol static s6 { ipv6; route 2001:db8::/32 blackhole; }
template bgp rack { local as 65001; connect delay time 1; connect retry time 2; error wait time 1, 5; }
protocol bgp ours4 from rack { neighbor 10.0.0.1 as 64512; ipv4 { import all; export where source = RTS_STATIC; }; }
protocol bgp ours6 from rack { neighbor fd00::1 as 64512; ipv6 { import all; export where source = RTS_STATIC; }; }
`;

describe('with BIRD 2 as mesh member and as top-of-rack router', () => {
  const lab = useLab(segment(['ours', 'mesh', { name: 'tor', number: TOP_OF_RACK }], CLUSTER));
  let ours: TestDaemon;
  let mesh: TestBird;
  let tor: TestBird;

  beforeAll(async () => {
    mesh = await TestBird.start(lab(), 'mesh', meshMember);
    tor = await TestBird.start(lab(), 'tor', topOfRack);
    ours = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await ours.untilEstablished(4);
    for (const protocol of ['mesh4', 'mesh6']) await mesh.untilEstablished(protocol);
    for (const protocol of ['ours4', 'ours6']) await tor.untilEstablished(protocol);
  }, 90_000);

  it('agrees on the same sessions on both sides', async () => {
    expect(await ours.established()).toEqual(['10.0.0.2', '10.0.0.254', 'fd00::2', 'fd00::fe']);
    const types = Object.fromEntries(
      (await ours.peers()).map(({ address, type, asNumber }) => [address, `${type} ${asNumber}`]),
    );
    expect(types).toEqual({
      '10.0.0.2': 'mesh 64512',
      'fd00::2': 'mesh 64512',
      '10.0.0.254': 'global 65001',
      'fd00::fe': 'node 65001',
    });
  });

  it("puts BIRD's routes into our kernel, in both families", async () => {
    const v4 = {
      '10.65.0.0/26': 'blackhole',
      '10.65.0.64/26': 'via 10.0.0.2 dev eth1',
      '192.0.2.0/24': 'via 10.0.0.254 dev eth1',
      default: 'via 10.0.0.254 dev eth1',
    };
    const v6 = {
      'fd00:65::/122': 'blackhole',
      'fd00:65::40/122': 'via fd00::2 dev eth1',
      '2001:db8::/32': 'via fd00::fe dev eth1',
    };
    await until(async () => Object.keys(await kernelRoutes(ours.node, 4)).length === 4, 'four IPv4 routes');
    await until(async () => Object.keys(await kernelRoutes(ours.node, 6)).length === 3, 'three IPv6 routes');
    expect(await kernelRoutes(ours.node, 4)).toEqual(v4);
    expect(await kernelRoutes(ours.node, 6)).toEqual(v6);
  });

  it('gives the mesh member our block with the attributes that Calico uses', async () => {
    await until(
      async () => (await mesh.prefixes('mesh4')).includes('10.65.0.0/26'),
      'our IPv4 block at BIRD',
    );
    const v4 = await mesh.details('10.65.0.0/26');
    expect(v4).toMatch(/via 10\.0\.0\.1 on eth1/);
    expect(v4).toMatch(/BGP\.origin: IGP/);
    expect(v4).toMatch(/BGP\.as_path:\s*$/m);
    expect(v4).toMatch(/BGP\.next_hop: 10\.0\.0\.1/);
    expect(v4).toMatch(/BGP\.local_pref: 2147482623/);
    await until(
      async () => (await mesh.prefixes('mesh6')).includes('fd00:65::/122'),
      'our IPv6 block at BIRD',
    );
    expect(await mesh.details('fd00:65::/122')).toMatch(/BGP\.next_hop: fd00::1/);
  });

  it('tells the mesh member nothing that another internal peer would have to tell it, and nothing outside the pools', async () => {
    expect(await mesh.prefixes('mesh4')).toEqual(['10.65.0.0/26']);
    expect(await mesh.prefixes('mesh6')).toEqual(['fd00:65::/122']);
  });

  it('gives the top-of-rack router the blocks of the whole mesh, with our AS and next hop', async () => {
    await until(async () => (await tor.prefixes('ours4')).length === 2, 'both blocks at the router');
    for (const block of ['10.65.0.0/26', '10.65.0.64/26']) {
      const details = await tor.details(block);
      expect(details).toMatch(/BGP\.as_path: 64512\s*$/m);
      expect(details).toMatch(/BGP\.next_hop: 10\.0\.0\.1\s*$/m);
      // BIRD shows its own default of 100 where the attribute did not come.
      expect(details).not.toMatch(/BGP\.local_pref: 2147/);
    }
    expect(await tor.details('fd00:65::40/122')).toMatch(/BGP\.next_hop: fd00::1/);
  });

  it("says why a route is not advertised and where BIRD's came from", async () => {
    const [told] = await ours.routes('?advertised=10.0.0.2&prefix=192.0.2.0/24');
    expect(told?.reason).toMatch(/outside every pool/);
    const [heard] = await ours.routes('?received=10.0.0.254&prefix=192.0.2.0/24');
    expect(heard).toMatchObject({ prefix: '192.0.2.0/24', asPath: '65001' });
  });

  it('keeps the routes while BIRD restarts, and replaces them in place (RFC 4724)', async () => {
    const gone: string[] = [];
    const stop = ours.node.follow(['ip', '-4', 'monitor', 'route'], (line) => {
      if (/^Deleted 10\.65\.0\.64/.test(line)) gone.push(line);
    });
    mesh.process.kill('SIGKILL');
    await mesh.process.waitForExit(5000);
    await until(async () => (await ours.established()).length === 2, 'the sessions with BIRD are lost');
    expect((await kernelRoutes(ours.node, 4))['10.65.0.64/26']).toBe('via 10.0.0.2 dev eth1');
    const [stale] = await ours.routes('?prefix=10.65.0.64/26');
    expect(stale).toMatchObject({ stale: true });
    mesh = await TestBird.start(lab(), 'mesh', meshMember, ['-R']); // as calico/node does: "I have restarted"
    await ours.untilEstablished(4);
    await until(
      async () => (await ours.routes('?prefix=10.65.0.64/26'))[0]?.stale === false,
      'the route is fresh again',
    );
    stop();
    expect(gone).toEqual([]);
  }, 90_000);

  it('takes its routes back when it leaves', async () => {
    ours.process.kill('SIGTERM');
    await until(() => ours.log().includes('a second signal until then'), 'the first signal has been noticed');
    await ours.stop('SIGTERM');
    expect(await kernelRoutes(ours.node, 4)).toEqual({});
    await until(
      async () => !(await mesh.prefixes('mesh4')).includes('10.65.0.0/26'),
      'our block is gone at BIRD',
    );
  });
});
