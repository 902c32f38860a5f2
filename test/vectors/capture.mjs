// Records what BIRD, FRR and GoBGP really send, as annotated hex: run as root, with the three installed, by
//
//   unshare --net node test/vectors/capture.mjs [bird|frr|gobgp …]
//
// A peer of a few lines, which shares no code with our codec, connects over the loopback of that network namespace. What
// the messages mean, the .json beside each .hex, was checked by hand against the configurations below: this script does
// not write it, and a message that changes with a new version of a daemon has to be looked at again.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DAEMON = '10.0.0.1';
const PEER = '10.0.0.2';
const here = new URL('.', import.meta.url).pathname;
const work = mkdtempSync(join(tmpdir(), 'capture-'));
const children = [];

const sh = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(what, condition) {
  for (const end = Date.now() + 20_000; Date.now() < end; await pause(50)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`gave up waiting for ${what}`);
}

function daemon(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child;
}

const u16 = (v) => [(v >> 8) & 255, v & 255];
const u32 = (v) => [...u16(v >>> 16), ...u16(v & 0xffff)];
const capability = (code, ...value) => [code, value.length, ...value];
const message = (type, body) =>
  Buffer.from([...Array(16).fill(255), ...u16(19 + body.length), type, ...body]);

const MP4 = capability(1, 0, 1, 0, 1);
const MP6 = capability(1, 0, 2, 0, 1);
const REFRESH = capability(2);
const ENHANCED_REFRESH = capability(70);
const EXTENDED_MESSAGE = capability(6);
const as4 = (as) => capability(65, ...u32(as));
const ADD_PATH_RECEIVE = capability(69, 0, 1, 1, 1, 0, 2, 1, 1);
const GRACEFUL_RESTART = capability(64, 0, 120);
const EXTENDED_NEXT_HOP = capability(5, 0, 1, 0, 1, 0, 2);

/** A session: everything that the daemon sends is in `messages`. */
async function session({ as, capabilities, to = DAEMON, from = PEER }) {
  const messages = [];
  let socket;
  await until(
    `${to} to accept`,
    () =>
      new Promise((resolve) => {
        socket = net.connect({ host: to, port: 179, localAddress: from }, () => resolve(true));
        socket.on('error', () => resolve(false));
      }),
  );
  let pending = Buffer.alloc(0);
  socket.on('data', (data) => {
    pending = Buffer.concat([pending, data]);
    while (pending.length >= 19 && pending.length >= pending.readUInt16BE(16)) {
      const one = pending.subarray(0, pending.readUInt16BE(16));
      pending = pending.subarray(one.length);
      messages.push(one);
      if (one[18] === 1) socket.write(message(4, []));
    }
  });
  const caps = capabilities.flat();
  const parameter = caps.length === 0 ? [] : [2, caps.length, ...caps];
  socket.write(
    message(1, [4, ...u16(as > 65535 ? 23456 : as), ...u16(90), 10, 0, 0, 2, parameter.length, ...parameter]),
  );
  return {
    messages,
    send: (type, body) => socket.write(message(type, body)),
    close: () => socket.destroy(),
    /** Waits for a message of that type that came after `after` others. */
    next: (type, matches = () => true, after = 0) =>
      until(`a message of type ${type}`, () =>
        messages.slice(after).find((m) => m[18] === type && matches(m)),
      ),
  };
}

const TYPES = ['', 'OPEN', 'UPDATE', 'NOTIFICATION', 'KEEPALIVE', 'ROUTE-REFRESH'];
const ATTRIBUTES = {
  1: 'ORIGIN',
  2: 'AS_PATH',
  3: 'NEXT_HOP',
  4: 'MULTI_EXIT_DISC',
  5: 'LOCAL_PREF',
  6: 'ATOMIC_AGGREGATE',
  7: 'AGGREGATOR',
  8: 'COMMUNITIES',
  9: 'ORIGINATOR_ID',
  10: 'CLUSTER_LIST',
  14: 'MP_REACH_NLRI',
  15: 'MP_UNREACH_NLRI',
  16: 'EXTENDED COMMUNITIES',
  17: 'AS4_PATH',
  18: 'AS4_AGGREGATOR',
  32: 'LARGE_COMMUNITY',
};
const hex = (octets) => Buffer.from(octets).toString('hex').replace(/../g, '$& ').trim();

/** Cuts a message into lines: octets, then what they are. */
function annotate(m) {
  const lines = [];
  const line = (octets, words) => octets.length > 0 && lines.push(`${hex(octets)}  # ${words}`);
  line(m.subarray(0, 16), 'marker');
  line(m.subarray(16, 19), `length ${m.readUInt16BE(16)}, ${TYPES[m[18]]}`);
  const body = m.subarray(19);
  if (m[18] === 1) {
    line(body.subarray(0, 1), 'version');
    line(body.subarray(1, 3), 'my AS');
    line(body.subarray(3, 5), 'hold time');
    line(body.subarray(5, 9), 'BGP identifier');
    line(body.subarray(9, 10), 'optional parameters length');
    for (let at = 10; at < body.length; at += 2 + body[at + 1]) {
      line(body.subarray(at, at + 2), `parameter ${body[at]}, ${body[at + 1]} octets`);
      const end = at + 2 + body[at + 1];
      for (let c = at + 2; c < end; c += 2 + body[c + 1])
        line(body.subarray(c, c + 2 + body[c + 1]), `capability ${body[c]}`);
    }
  } else if (m[18] === 2) {
    const withdrawn = body.readUInt16BE(0);
    line(body.subarray(0, 2), 'withdrawn routes length');
    line(body.subarray(2, 2 + withdrawn), 'withdrawn routes');
    const from = 4 + withdrawn;
    const end = from + body.readUInt16BE(2 + withdrawn);
    line(body.subarray(2 + withdrawn, from), 'path attributes length');
    for (let at = from; at < end; ) {
      const extended = (body[at] & 0x10) !== 0;
      const next = at + (extended ? 4 + body.readUInt16BE(at + 2) : 3 + body[at + 2]);
      line(body.subarray(at, next), ATTRIBUTES[body[at + 1]] ?? `attribute ${body[at + 1]}`);
      at = next;
    }
    line(body.subarray(end), 'NLRI');
  } else {
    line(body, 'body');
  }
  return lines.join('\n');
}

let version = '';
const today = new Date().toISOString().slice(0, 10);
/** @param context  with what the octets are to be read: "asOctets=4 families=ipv4,ipv6 peerType=external addPath=ipv4". */
function save(name, m, what, context) {
  const text = `# ${what}\n# From ${version}, ${today}, by capture.mjs.\n# context: ${context}\n${annotate(m)}\n`;
  writeFileSync(join(here, `${name}.hex`), text);
  console.log(`${name}: ${m.length} octets`);
}

const isEor = (m) =>
  m.length === 23 || ((m[24] === 15 || (m[23] === 0x90 && m[24] === 15)) && m.length <= 30);
const hasAttribute = (code) => (m) => {
  const body = m.subarray(19);
  for (let at = 4 + body.readUInt16BE(0); at < body.length; ) {
    if (body[at + 1] === code) return true;
    at += (body[at] & 0x10) !== 0 ? 4 + body.readUInt16BE(at + 2) : 3 + body[at + 2];
    if (at >= 4 + body.readUInt16BE(0) + body.readUInt16BE(2 + body.readUInt16BE(0))) return false;
  }
  return false;
};
const contains =
  (...octets) =>
  (m) =>
    m.includes(Buffer.from(octets));

async function bird() {
  version = 'BIRD 2.0.12';
  const socketPath = join(work, 'bird.ctl');
  const birdc = (...words) => sh('birdc', '-s', socketPath, ...words);
  const start = async (protocol) => {
    const file = join(work, 'bird.conf');
    writeFileSync(
      file,
      `router id 10.0.0.1;
protocol device {}
protocol static s4 { ipv4;
  route 10.65.0.0/26 unreachable { bgp_path.prepend(65010); bgp_path.prepend(4200000001); bgp_med = 50;
    bgp_community.add((64512, 100)); bgp_community.add((65535, 65281)); bgp_large_community.add((64512, 1, 2));
    bgp_ext_community.add((rt, 64512, 7)); };
  route 10.65.1.0/26 unreachable { bgp_path.prepend(65010); bgp_path.prepend(4200000001); bgp_med = 50;
    bgp_community.add((64512, 100)); bgp_community.add((65535, 65281)); bgp_large_community.add((64512, 1, 2));
    bgp_ext_community.add((rt, 64512, 7)); };
  route 0.0.0.0/0 unreachable; route 10.66.7.129/32 unreachable; route 10.64.0.0/11 unreachable;
}
protocol static s6 { ipv6;
  route fd00:65::/122 unreachable { bgp_community.add((64512, 100)); };
  route ::/0 unreachable; route 2001:db8:7::1/128 unreachable; route 2001:db8:4000::/35 unreachable;
}
template bgp common { local ${DAEMON} as 64512; multihop; strict bind; passive; connect delay time 1;
  ipv4 { import all; export all; next hop self; }; ipv6 { import all; export all; next hop self; };
}
${protocol}
`,
    );
    const child = daemon('bird', ['-f', '-c', file, '-s', socketPath]);
    await until('birdc', () => {
      try {
        return birdc('show', 'status').includes('up and running');
      } catch {
        return false;
      }
    });
    return () => stop(child);
  };
  const both = 'families=ipv4,ipv6';

  let end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 64512; graceful restart on; long lived graceful restart on;
       enable extended messages; ipv6 { next hop address 2001:db8::1; }; }`,
  );
  let s = await session({
    as: 64512,
    capabilities: [MP4, MP6, REFRESH, ENHANCED_REFRESH, as4(64512), EXTENDED_MESSAGE],
  });
  save(
    'bird-open',
    await s.next(1),
    'OPEN of an internal session with everything that BIRD offers',
    'asOctets=2',
  );
  save('bird-keepalive', await s.next(4), 'KEEPALIVE', 'asOctets=2');
  const internal = `asOctets=4 ${both} peerType=internal`;
  await s.next(2, (m) => isEor(m) && m.length === 23);
  await s.next(2, (m) => isEor(m) && m.length > 23);
  save(
    'bird-update-ipv4',
    await s.next(2, contains(26, 10, 65, 0, 0)),
    'UPDATE: two prefixes with many attributes, internal',
    internal,
  );
  save(
    'bird-update-ipv4-lengths',
    await s.next(2, contains(11, 10, 64)),
    'UPDATE: prefixes of lengths 0, 11 and 32',
    internal,
  );
  save(
    'bird-update-ipv6',
    await s.next(2, contains(122, 0xfd, 0, 0, 0x65)),
    'UPDATE: IPv6 with a community',
    internal,
  );
  save(
    'bird-update-ipv6-lengths',
    await s.next(2, contains(35, 0x20, 1, 0x0d, 0xb8)),
    'UPDATE: IPv6 prefixes of lengths 0, 35 and 128',
    internal,
  );
  save('bird-end-of-rib-ipv4', await s.next(2, (m) => m.length === 23), 'End-of-RIB, IPv4', internal);
  save(
    'bird-end-of-rib-ipv6',
    await s.next(2, (m) => isEor(m) && m.length > 23),
    'End-of-RIB, IPv6',
    internal,
  );
  let seen = s.messages.length;
  s.send(5, [0, 1, 0, 1]);
  save(
    'bird-refresh-begin',
    await s.next(5, (m) => m[21] === 1, seen),
    'ROUTE-REFRESH: beginning of the routes asked for (BoRR)',
    internal,
  );
  save(
    'bird-refresh-end',
    await s.next(5, (m) => m[21] === 2, seen),
    'ROUTE-REFRESH: end of the routes asked for (EoRR)',
    internal,
  );
  birdc('reload', 'in', 'p');
  save('bird-refresh-request', await s.next(5, (m) => m[21] === 0, seen), 'ROUTE-REFRESH: request', internal);
  seen = s.messages.length;
  birdc('disable', 's4');
  birdc('disable', 's6');
  await s.next(2, hasAttribute(15), seen);
  await s.next(2, (m) => m.readUInt16BE(19) > 0, seen);
  save(
    'bird-withdraw-ipv4',
    await s.next(2, (m) => m.readUInt16BE(19) > 0, seen),
    'UPDATE: IPv4 prefixes withdrawn',
    internal,
  );
  save(
    'bird-withdraw-ipv6',
    await s.next(2, hasAttribute(15), seen),
    'UPDATE: IPv6 prefixes withdrawn',
    internal,
  );
  birdc('disable', 'p', '"Wartung bis 17 Uhr: größer"');
  save(
    'bird-notification-shutdown',
    await s.next(3),
    'NOTIFICATION: Cease, Administrative Shutdown, with a text',
    internal,
  );
  s.close();
  await end();

  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; ipv6 { next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 65002, capabilities: [MP4] });
  save(
    'bird-update-as4-path',
    await s.next(2, contains(26, 10, 65, 0, 0)),
    'UPDATE: external session with two-octet AS numbers: AS_TRANS and AS4_PATH',
    'asOctets=2 families=ipv4 peerType=external',
  );
  s.close();
  await end();

  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; ipv4 { add paths tx; extended next hop on; next hop address 2001:db8::1; };
       ipv6 { add paths tx; next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 65002, capabilities: [MP4, MP6, as4(65002), ADD_PATH_RECEIVE, EXTENDED_NEXT_HOP] });
  save('bird-open-add-path', await s.next(1), 'OPEN with ADD-PATH and Extended Next Hop', 'asOctets=2');
  const addPath = `asOctets=4 ${both} peerType=external addPath=ipv4,ipv6`;
  save(
    'bird-update-extended-next-hop',
    await s.next(2, contains(26, 10, 65, 0, 0)),
    'UPDATE: IPv4 with an IPv6 next hop and path identifiers',
    addPath,
  );
  save(
    'bird-update-add-path',
    await s.next(2, contains(35, 0x20, 1, 0x0d, 0xb8)),
    'UPDATE: IPv6 with path identifiers',
    addPath,
  );
  s.close();
  await end();

  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; ipv6 { next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 65009, capabilities: [MP4, as4(65009)] });
  save('bird-notification-bad-peer-as', await s.next(3), 'NOTIFICATION: Bad Peer AS', 'asOctets=2');
  s.close();
  await end();
}

async function frr() {
  version = 'FRR 8.4.4';
  const file = join(work, 'bgpd.conf');
  writeFileSync(
    file,
    `hostname frr1
router bgp 64512
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 bgp cluster-id 10.9.9.9
 neighbor ${PEER} remote-as 64512
 neighbor ${PEER} passive
 neighbor ${PEER} update-source ${DAEMON}
 neighbor 10.0.0.3 remote-as 64512
 neighbor 10.0.0.3 passive
 neighbor 10.0.0.3 update-source ${DAEMON}
 bgp graceful-restart
 address-family ipv4 unicast
  network 10.70.0.0/24
  network 10.70.1.0/24
  aggregate-address 10.70.0.0/16
  neighbor ${PEER} activate
  neighbor ${PEER} route-reflector-client
  neighbor ${PEER} route-map OUT out
  neighbor 10.0.0.3 activate
  neighbor 10.0.0.3 route-reflector-client
 exit-address-family
 address-family ipv6 unicast
  network fd00:70::/64
  neighbor ${PEER} activate
  neighbor ${PEER} route-map OUT6 out
 exit-address-family
!
ip prefix-list MORE permit 10.70.0.0/23 le 24
route-map OUT permit 10
 match ip address prefix-list MORE
 set community 64512:70 no-export
 set large-community 64512:7:0
 set metric 30
 set extcommunity bandwidth 100
 set as-path prepend 65001 4200000002
route-map OUT permit 20
route-map OUT6 permit 10
 set ipv6 next-hop global 2001:db8::1
`,
  );
  const child = daemon('/usr/lib/frr/bgpd', [
    '-n',
    '-Z',
    '-S',
    '-u',
    'root',
    '-g',
    'root',
    '-f',
    file,
    '-i',
    join(work, 'bgpd.pid'),
    '-P',
    '0',
    '-l',
    DAEMON,
    '--vty_socket',
    work,
    '-N',
    'capture',
  ]);
  const s = await session({
    as: 64512,
    capabilities: [MP4, MP6, REFRESH, ENHANCED_REFRESH, as4(64512), GRACEFUL_RESTART],
  });
  const internal = 'asOctets=4 families=ipv4,ipv6 peerType=internal';
  save('frr-open', await s.next(1), 'OPEN of an internal session', 'asOctets=2');
  save(
    'frr-update-ipv4',
    await s.next(2, contains(24, 10, 70, 0)),
    'UPDATE: attributes set by a route map',
    internal,
  );
  save(
    'frr-update-aggregate',
    await s.next(2, hasAttribute(7)),
    'UPDATE: an aggregate, with ATOMIC_AGGREGATE and AGGREGATOR',
    internal,
  );
  save('frr-update-ipv6', await s.next(2, contains(64, 0xfd, 0, 0, 0x70)), 'UPDATE: IPv6', internal);
  save(
    'frr-end-of-rib-ipv6',
    await s.next(2, (m) => isEor(m) && m.length > 23),
    'End-of-RIB, IPv6',
    internal,
  );
  // another client announces: what we get is reflected, with ORIGINATOR_ID and CLUSTER_LIST, and an attribute nobody knows
  const other = await session({ as: 64512, capabilities: [MP4, as4(64512)], from: '10.0.0.3' });
  await other.next(4);
  other.send(
    2,
    [
      0, 0, 0, 29, 0x40, 1, 1, 2, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 3, 0x40, 5, 4, 0, 0, 0, 120, 0xc0, 99, 5,
      1, 2, 3, 4, 5, 24, 10, 71, 0,
    ],
  );
  save(
    'frr-update-reflected',
    await s.next(2, contains(24, 10, 71, 0)),
    'UPDATE: a reflected route: ORIGINATOR_ID, CLUSTER_LIST, unrecognized attribute 99',
    internal,
  );
  const seen = s.messages.length;
  other.send(2, [0, 4, 24, 10, 71, 0, 0, 0]);
  save(
    'frr-withdraw-ipv4',
    await s.next(2, contains(24, 10, 71, 0), seen),
    'UPDATE: an IPv4 prefix withdrawn',
    internal,
  );
  s.send(2, [0, 0, 0, 7, 0x40, 1, 1, 2, 0x40, 77, 0, 24, 10, 72, 0]);
  save(
    'frr-notification-attribute',
    await s.next(3),
    'NOTIFICATION: Unrecognized Well-known Attribute, with it as data',
    internal,
  );
  other.close();
  s.close();
  await stop(child);
}

async function gobgp() {
  version = 'GoBGP 3.10.0';
  const file = join(work, 'gobgp.toml');
  writeFileSync(
    file,
    `[global.config]
  as = 65100
  router-id = "10.0.0.1"
  local-address-list = ["${DAEMON}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${PEER}"
    peer-as = 65002
  [neighbors.transport.config]
    passive-mode = true
    local-address = "${DAEMON}"
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 120
    notification-enabled = true
    long-lived-enabled = true
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    [neighbors.afi-safis.long-lived-graceful-restart.config]
      enabled = true
      restart-time = 3600
    [neighbors.afi-safis.add-paths.config]
      receive = true
      send-max = 4
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
`,
  );
  const child = daemon('gobgpd', ['-f', file, '--api-hosts', '127.0.0.1:50051', '-l', 'error']);
  const cli = (...words) => sh('gobgp', '-p', '50051', '-u', '127.0.0.1', ...words);
  await until('gobgp', () => {
    try {
      cli('neighbor');
      return true;
    } catch {
      return false;
    }
  });
  const s = await session({ as: 65002, capabilities: [MP4, MP6, REFRESH, as4(65002)] });
  save(
    'gobgp-open',
    await s.next(1),
    'OPEN with graceful restart (also after NOTIFICATION, long-lived) and ADD-PATH',
    'asOctets=2',
  );
  await s.next(4);
  const external = 'asOctets=4 families=ipv4,ipv6 peerType=external';
  cli(
    'global',
    'rib',
    'add',
    '10.80.0.0/20',
    'origin',
    'egp',
    'aspath',
    '65010 {65011,65012}',
    'med',
    '7',
    'community',
    '64512:80,no-export',
    'large-community',
    '64512:8:9',
    'rt',
    '64512:80',
    'nexthop',
    '10.0.0.1',
  );
  save(
    'gobgp-update-ipv4',
    await s.next(2, contains(20, 10, 80, 0)),
    'UPDATE: AS_SET, communities of three kinds',
    external,
  );
  cli('global', 'rib', '-a', 'ipv6', 'add', 'fd00:80::/48', 'nexthop', '2001:db8::1');
  save('gobgp-update-ipv6', await s.next(2, contains(48, 0xfd, 0, 0, 0x80)), 'UPDATE: IPv6', external);
  const seen = s.messages.length;
  cli('global', 'rib', '-a', 'ipv6', 'del', 'fd00:80::/48');
  save(
    'gobgp-withdraw-ipv6',
    await s.next(2, contains(48, 0xfd, 0, 0, 0x80), seen),
    'UPDATE: an IPv6 prefix withdrawn',
    external,
  );
  cli('neighbor', PEER, 'shutdown');
  save(
    'gobgp-notification-shutdown',
    await s.next(3),
    'NOTIFICATION: Cease, Administrative Shutdown',
    external,
  );
  s.close();
  await stop(child);
}

async function stop(child) {
  children.splice(children.indexOf(child), 1);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await ended;
  clearTimeout(timer);
}

const DAEMONS = { bird, frr, gobgp };
if (readFileSync('/proc/net/dev', 'utf8').trim().split('\n').length > 3) {
  console.error(
    'capture.mjs: this is not a fresh network namespace: run it by unshare --net node test/vectors/capture.mjs',
  );
  process.exit(64);
}
try {
  sh('ip', 'link', 'set', 'lo', 'up');
  for (const address of ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32', '2001:db8::1/128']) {
    sh('ip', 'address', 'add', address, 'dev', 'lo');
  }
  const wanted = process.argv.slice(2);
  for (const name of wanted.length > 0 ? wanted : Object.keys(DAEMONS)) await DAEMONS[name]();
} finally {
  for (const child of [...children]) await stop(child);
  rmSync(work, { recursive: true, force: true });
}
