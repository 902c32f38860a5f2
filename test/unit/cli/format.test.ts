import type { PeerId } from 'bgp-utils';
import {
  type Column,
  formatAge,
  formatKernel,
  formatPeer,
  formatPeers,
  formatResolution,
  formatRoutes,
  formatStatus,
  printable,
  table,
} from '../../../src/cli/format.ts';
import { kernelView, peersView, routesView, statusView } from '../../../src/control/views.ts';
import {
  kernelRoute,
  NOW,
  peerConfig,
  peerView,
  resolveAnswer,
  routeView,
  statusFacts,
  WALL,
} from '../../support/control-source.ts';

const clocks = { now: NOW, epochOffset: WALL - NOW };
const pipe = { width: undefined, colour: false };
const all = { limit: 1000, after: undefined };
const server = { path: '/run/mesos-bgp/control.sock', http: '127.0.0.1:9791', httpError: null };
/** Text as it stands in this file: without the first line feed and the indent. */
const text = (lines: string) => lines.replace(/^\n/, '').replace(/^ {4}/gm, '').trimEnd();
const shown = (output: string) => output.trimEnd();

describe('formatAge', () => {
  it.each([
    [-1, '0s'],
    [0.9, '0s'],
    [59.9, '59s'],
    [60, '1m00s'],
    [133, '2m13s'],
    [3599, '59m59s'],
    [3600, '1h00m'],
    [86399, '23h59m'],
    [86400, '1d00h'],
    [356400, '4d03h'],
  ])('of %d s is %s', (seconds, age) => {
    expect(formatAge(seconds)).toBe(age);
  });
});

describe('table', () => {
  const columns: readonly Column<readonly string[]>[] = [
    { title: 'LEFT', cell: (row) => row[0]! },
    { title: 'RIGHT', align: 'right', cell: (row) => row[1]! },
    { title: 'MORE', wide: true, cell: (row) => row[2]! },
    { title: 'LAST', cell: (row) => ({ text: row[3]!, colour: 'red' }) },
  ];
  const rows = [
    ['a', '1', 'm', 'x'],
    ['longer', '1234567', 'm', ''],
  ];

  it('aligns columns, and leaves no blanks at the end of a line', () => {
    expect(table(columns, rows, pipe)).toBe('LEFT      RIGHT  LAST\na             1  x\nlonger  1234567\n');
  });

  it('has more columns when wide', () => {
    expect(table(columns, rows, pipe, true)).toContain('MORE');
    expect(table(columns, rows, pipe)).not.toContain('MORE');
  });

  it('without rows is nothing', () => {
    expect(table(columns, [], pipe)).toBe('');
  });

  it('cuts the last column, and only on a terminal', () => {
    const long = [['a', '1', 'm', 'a sentence that is longer than the terminal is wide']];
    expect(table(columns, long, { width: 40, colour: false }).split('\n')[1]).toBe(
      'a         1  a sentence that is longer …',
    );
    expect(table(columns, long, pipe)).toContain('is wide');
  });

  it('colours without moving a column', () => {
    const coloured = table(columns, rows, { width: undefined, colour: true });
    expect(coloured).toContain('\u001b[31mx\u001b[0m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is removed
    expect(coloured.replace(/\u001b\[[0-9]+m/g, '')).toBe(table(columns, rows, pipe));
  });

  it('shows control characters of peers as signs, so that a terminal does not obey them', () => {
    expect(printable('a\u001b[2Jb\u0007\u009b')).toBe('a\uFFFD[2Jb\uFFFD\uFFFD');
    expect(table(columns, [['\u001b[31m', '1', 'm', '']], pipe)).not.toContain('\u001b');
  });
});

describe('formatStatus', () => {
  it('shows all at a glance', () => {
    const peers = [peerView('10.0.0.2'), peerView('10.0.0.3', { state: 'Active' })];
    expect(shown(formatStatus(statusView(statusFacts(), peers, server, clocks), pipe))).toBe(
      text(`
    Node       host-1, AS 64512, identifier 10.0.0.1
    Health     degraded
               1 of 2 peers is not Established: 10.0.0.3 (Active)
    Daemon     0.1.0, pid 812, up 3m20s
    Listening  10.0.0.1:179
    Control    /run/mesos-bgp/control.sock, HTTP 127.0.0.1:9791
    Datastore  etcd http://10.0.0.10:2379: in sync at revision 1204 for 3m10s
    Peers      1 of 2 established
    Routes     IPv4 3 prefixes, 1 own, 4 paths
               IPv6 3 prefixes, 1 own, 4 paths
    Kernel     netlink, in step: 12 installed, 0 pending, 0 failed
    Origins    2 valid, 1 unknown, 0 invalid (report)
    Problems   none`),
    );
  });

  it('of a daemon that has nothing yet says what is missing', () => {
    const facts = statusFacts({
      asNumber: undefined,
      listening: [],
      datastore: {
        ...statusFacts().datastore,
        state: 'connecting',
        revision: undefined,
        lastError: 'connection refused',
      },
      kernel: { ...statusFacts().kernel, mode: 'none' },
    });
    const status = formatStatus(statusView(facts, [], { ...server, http: null }, clocks), pipe);
    expect(status).toContain(
      'Health     down\n           the datastore has not been read yet: connection refused',
    );
    expect(status).toContain('Listening  no BGP listener');
    expect(status).toContain('HTTP off');
    expect(status).toContain('Datastore  etcd http://10.0.0.10:2379: connecting for');
    expect(status).toContain('Kernel     none: routes are not installed');
  });
});

describe('formatPeers', () => {
  const held = {
    config: peerConfig('fd00::2', { heldBack: 'password bgp/tor is missing' }),
    state: 'Idle' as const,
  };
  const { peers } = peersView(
    [
      peerView('10.0.0.2', { lastError: 'from an earlier session' }),
      peerView('10.0.0.3', { state: 'Active', lastError: 'hold timer expired' }),
      peerView('fd00::2', held),
    ],
    resolveAnswer(),
    clocks,
  );

  it('is a line a peer, with the reason for those that are not up', () => {
    expect(shown(formatPeers(peers, pipe, false))).toBe(
      text(`
    PEER         AS  TYPE  STATE          FOR  RECEIVED  ACCEPTED  ADVERTISED  LAST ERROR
    10.0.0.2  64512  mesh  Established  2m13s         3         2           1
    10.0.0.3  64512  mesh  Active       2m13s         3         2           1  hold timer expired
    fd00::2   64512  -     Idle         2m13s         3         2           1  password bgp/tor is missing`),
    );
  });

  it('when wide has the resource, timers and messages', () => {
    const [head] = formatPeers(peers, pipe, true).split('\n');
    expect(head?.split(/ {2,}/)).toEqual(
      expect.arrayContaining(['RESOURCE', 'IDENTIFIER', 'HOLD', 'FAMILIES', 'MSG IN', 'MSG OUT', 'STALE']),
    );
  });
});

describe('formatPeer', () => {
  it('is one peer in full', () => {
    const view = peerView('10.0.0.2', {
      localAddress: '10.0.0.1' as never,
      lastError: 'reset',
      lastErrorAt: NOW - 140_000,
    });
    const [peer] = peersView([view], resolveAnswer(), clocks).peers;
    expect(shown(formatPeer(peer!, pipe))).toBe(
      text(`
    Peer        10.0.0.2, AS 64512 (internal)
    From        Node/host-2, type mesh
    State       Established for 2m13s, since 2026-01-02T03:01:52.000Z
    Last error  reset (at 2026-01-02T03:01:45.000Z)
    Identifier  10.0.0.2
    Connection  10.0.0.1:40000 to 10.0.0.2:179
    Traits      active
    Timers      in force: hold 90 s, keepalive 30 s; hold time runs out in 1m00s
                configured: hold 90 s, keepalive a third of it, connect retry 5 s, graceful restart 120 s
    Families    ipv4
    Session     established 1 time, lost 0 times

    ROUTES  RECEIVED  ACCEPTED  ADVERTISED  STALE
    ipv4           3         2           1      0
    ipv6           0         0           0      0

    MESSAGES      RECEIVED  SENT
    all                 10    11
    UPDATE               3     2
    NOTIFICATION         0     0

    CAPABILITY        SENT  RECEIVED
    route refresh     yes   yes
    4-octet AS 64512  yes   -`),
    );
  });

  it('that was never up shows what is configured, and why there is no session', () => {
    const config = peerConfig('10.0.0.2', {
      heldBack: 'password bgp/tor is missing',
      remoteAs: 65001,
      passive: true,
      gracefulRestartSeconds: 0,
    });
    const view = peerView('10.0.0.2', {
      config,
      state: 'Idle',
      localPort: undefined,
      remotePort: undefined,
      holdTimeSeconds: undefined,
      keepaliveSeconds: undefined,
      holdExpiresAt: undefined,
      families: [],
      capabilitiesSent: [],
      capabilitiesReceived: [],
    });
    const output = formatPeer(peersView([view], undefined, clocks).peers[0]!, pipe);
    expect(output).toContain('AS 65001 (external, our AS 64512)');
    expect(output).toContain('Held back   password bgp/tor is missing');
    expect(output).toContain('Connection  - to 10.0.0.2:179');
    expect(output).toContain('Traits      passive');
    expect(output).toContain('in force: hold -, keepalive -\n');
    expect(output).toContain('graceful restart off');
    expect(output).toContain('none agreed (offered ipv4)');
    expect(output).not.toContain('CAPABILITY');
  });
});

describe('formatRoutes', () => {
  it('shows why each route is best or not', () => {
    const other = { best: false, multipath: false, source: '10.0.0.3' as PeerId };
    const { routes } = routesView(
      [
        routeView('10.65.0.0/26', { source: 'local', attributes: { origin: 0, asPath: [] } }),
        routeView('10.65.0.64/26'),
        routeView('10.65.0.64/26', {
          ...other,
          reason: 'AS_PATH length',
          attributes: { origin: 0, asPath: [{ type: 'AS_SEQUENCE', asNumbers: [65001, 65002] }] },
        }),
        routeView('10.65.0.128/26', { ...other, valid: false, reason: 'next hop does not resolve' }),
        routeView('10.65.0.192/26', { stale: true }),
        routeView('10.65.0.192/26', { ...other, multipath: true }),
      ],
      all,
    );
    expect(shown(formatRoutes(routes, pipe, false))).toBe(
      text(`
    PREFIX          SOURCE    NEXT HOP  PREF  MED  AS PATH      STATE
    10.65.0.0/26    local     self         -    -  -            best
    10.65.0.64/26   10.0.0.2  10.0.0.2   100    -  -            best
    10.65.0.64/26   10.0.0.3  -            -    -  65001 65002  not best: AS_PATH length
    10.65.0.128/26  10.0.0.3  10.0.0.2   100    -  -            not best, invalid: next hop does not resolve
    10.65.0.192/26  10.0.0.2  10.0.0.2   100    -  -            best, stale
    10.65.0.192/26  10.0.0.3  10.0.0.2   100    -  -            multipath`),
    );
  });
});

describe('formatKernel', () => {
  const facts = statusFacts().kernel;
  it('shows what is there and what is not', () => {
    const routes = [
      kernelRoute('10.65.0.0/26', { type: 'blackhole', nextHops: [], metric: 0 }),
      kernelRoute('10.65.0.64/26', {
        nextHops: [
          { gateway: '10.0.0.2' as never, interface: 'eth1' },
          { gateway: '10.0.0.3' as never, interface: undefined },
        ],
      }),
      kernelRoute('10.65.0.128/26', { state: 'failed', error: 'Nexthop has invalid gateway' }),
    ];
    const view = kernelView({ ...facts, inStep: false, failed: 1 }, routes, all);
    expect(shown(formatKernel(view, pipe, false))).toBe(
      text(`
    netlink, not in step: 12 installed, 0 pending, 1 failed

    PREFIX          TYPE       NEXT HOP                     METRIC  STATE      ERROR
    10.65.0.0/26    blackhole  -                                 0  installed
    10.65.0.64/26   unicast    10.0.0.2 dev eth1, 10.0.0.3    1024  installed
    10.65.0.128/26  unicast    10.0.0.2 dev eth1              1024  failed     Nexthop has invalid gateway`),
    );
  });

  it('without routes and in step is nothing', () => {
    expect(formatKernel(kernelView(facts, [], all), pipe, false)).toBe('');
  });
});

describe('formatResolution', () => {
  it('has problems first, and sections that say when they are empty', () => {
    const peers = resolveAnswer().peers.map((peer) => ({
      ...peer,
      passive: true,
      password: 'missing' as const,
    }));
    const answer = resolveAnswer({
      problems: [{ resource: 'BGPPeer/tor-a', field: 'spec.asNumber', message: 'is missing' }],
      peers: peers.slice(0, 1),
      blocks: [],
      listen: { v4: { address: null, port: 179 }, v6: { address: 'fd00::1', port: 1179 } },
    });
    expect(shown(formatResolution(answer, pipe, false))).toBe(
      text(`
    Node        host-1
    AS          64512
    Identifier  10.0.0.1
    Listen      0.0.0.0:179, [fd00::1]:1179
    Revision    1204

    Problems
    RESOURCE       FIELD          PROBLEM
    BGPPeer/tor-a  spec.asNumber  is missing

    Peers
    PEER         AS  TYPE  RESOURCE     SOURCE    NOTES
    10.0.0.2  64512  mesh  Node/host-2  10.0.0.1  passive, password missing

    Own blocks
    none

    Pools
    POOL          EXPORTED  IN KERNEL  TUNNEL
    10.65.0.0/16  yes       yes        -`),
    );
  });
});
