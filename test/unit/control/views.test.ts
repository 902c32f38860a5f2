import { type AsPath, address, comparePrefixes, prefixFromWords, type RouteView } from 'bgp-utils';
import fc from 'fast-check';
import {
  formatAsPath,
  kernelView,
  peersView,
  readyView,
  routesView,
  statusView,
} from '../../../src/control/views.ts';
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
const server = { path: '/run/c.sock', http: '127.0.0.1:9791', httpError: null };
const down = (text: string) => peerView(text, { state: 'Active', since: NOW - 4000 });

describe('statusView', () => {
  it('shows times of both clocks as dates and seconds', () => {
    const status = statusView(statusFacts(), [peerView('10.0.0.2')], server, clocks);
    expect(status).toMatchObject({
      startedAt: '2026-01-02T03:00:45.000Z',
      uptimeSeconds: 200,
      datastore: { since: '2026-01-02T03:00:55.000Z', stateSeconds: 190, revision: '1204' },
      peers: { configured: 1, established: 1 },
      health: 'ok',
      reasons: [],
    });
  });

  it('has null, never a missing key, where something is unknown', () => {
    const facts = statusFacts({ asNumber: undefined, routerId: undefined });
    expect(statusView(facts, [], server, clocks)).toMatchObject({ asNumber: null, routerId: null });
    const text = JSON.stringify(statusView(statusFacts(), [], server, clocks));
    expect(JSON.parse(text)).toEqual(statusView(statusFacts(), [], server, clocks));
  });

  const { datastore, kernel } = statusFacts();
  it.each([
    ['all peers are up', statusFacts(), [peerView('10.0.0.2')], 'ok', undefined],
    ['no peers are configured', statusFacts(), [], 'ok', undefined],
    [
      'one of two peers is up',
      statusFacts(),
      [peerView('10.0.0.2'), down('10.0.0.3')],
      'degraded',
      '1 of 2 peers is not Established: 10.0.0.3 (Active)',
    ],
    [
      'no peer is up',
      statusFacts(),
      [down('10.0.0.2'), down('10.0.0.3')],
      'down',
      '2 of 2 peers are not Established',
    ],
    [
      'the datastore was never read',
      statusFacts({ datastore: { ...datastore, state: 'connecting', revision: '0', lastError: 'refused' } }),
      [],
      'down',
      'has not been read yet: refused',
    ],
    [
      'the datastore is lost',
      statusFacts({ datastore: { ...datastore, state: 'disconnected', lastError: 'gone' } }),
      [],
      'degraded',
      'revision 1204) stays in force: gone',
    ],
    [
      'a kept picture serves',
      statusFacts({
        datastore: {
          ...datastore,
          state: 'connecting',
          kept: { revision: '1204', savedAt: WALL, path: '/var/lib/mesos-bgp/picture-host-1' },
        },
        ready: { ok: false, reasons: ['the picture of an earlier run serves'] },
      }),
      [],
      'degraded',
      'the picture of an earlier run serves',
    ],
    [
      'a change of peerings is held back',
      statusFacts({ heldBack: 'it would isolate the node' }),
      [],
      'degraded',
      'it would isolate the node',
    ],
    [
      'the node is not in the datastore',
      statusFacts({ asNumber: undefined }),
      [],
      'down',
      'node host-1 has no BGP',
    ],
    [
      'the kernel refuses a route',
      statusFacts({ kernel: { ...kernel, failed: 1, lastError: 'EINVAL' } }),
      [],
      'degraded',
      'refused 1 route: EINVAL',
    ],
    ['the datastore has a problem', statusFacts({ problems: 2 }), [], 'degraded', '2 problems'],
    [
      'a listener failed',
      statusFacts({ listening: [{ address: '::1', port: 179, error: 'taken' }] }),
      [],
      'degraded',
      '[::1]:179: taken',
    ],
    [
      'it is not ready',
      statusFacts({ ready: { ok: false, reasons: ['own routes are not advertised'] } }),
      [],
      'degraded',
      'own routes',
    ],
  ] as const)('when %s: health and a reason', (_, facts, peers, health, reason) => {
    const status = statusView(facts, peers, server, clocks);
    expect(status.health).toBe(health);
    if (reason === undefined) expect(status.reasons).toEqual([]);
    else expect(status.reasons.join('\n')).toContain(reason);
  });

  it('says why HTTP is not served', () => {
    const status = statusView(statusFacts(), [], { ...server, http: null, httpError: 'taken' }, clocks);
    expect([status.health, status.reasons]).toEqual(['degraded', ['taken']]);
  });

  it('names three lost peers and counts the others', () => {
    const peers = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'].map(down);
    const [reason] = statusView(statusFacts(), peers, server, clocks).reasons;
    expect(reason).toMatch(/10\.0\.0\.4 \(Active\) and 2 more$/);
  });
});

describe('readyView', () => {
  it('does not look at peers: a lost peer does not unready a node', () => {
    expect(readyView(statusFacts())).toEqual({ ready: true, reasons: [] });
    const reasons = ['the datastore has not been read'];
    expect(readyView(statusFacts({ ready: { ok: false, reasons } }))).toEqual({ ready: false, reasons });
  });
});

describe('peersView', () => {
  it('sorts by address as a number, IPv4 first', () => {
    const peers = ['fd00::2', '10.0.0.10', '10.0.0.9'].map((text) => peerView(text));
    expect(peersView(peers, undefined, clocks).peers.map((peer) => peer.address)).toEqual([
      '10.0.0.9',
      '10.0.0.10',
      'fd00::2',
    ]);
  });

  it('takes type and resource from the resolution, by address and port', () => {
    const odd = peerView('10.0.0.3', { config: peerConfig('10.0.0.3', { port: 1179 }) });
    const { peers } = peersView([peerView('10.0.0.2'), odd], resolveAnswer(), clocks);
    expect(peers.map(({ type, resource }) => [type, resource])).toEqual([
      ['mesh', 'Node/host-2'],
      [null, null],
    ]);
  });

  it('has an uptime for established sessions alone', () => {
    const { peers } = peersView([peerView('10.0.0.2'), down('10.0.0.3')], undefined, clocks);
    expect(
      peers.map(({ uptimeSeconds, stateSeconds, since }) => [uptimeSeconds, stateSeconds, since]),
    ).toEqual([
      [133, 133, '2026-01-02T03:01:52.000Z'],
      [null, 4, '2026-01-02T03:04:01.000Z'],
    ]);
  });

  it('tells internal from external, and a hold time that does not run', () => {
    const external = peerView('10.0.0.2', {
      config: peerConfig('10.0.0.2', { remoteAs: 65001 }),
      holdExpiresAt: Number.POSITIVE_INFINITY,
    });
    const { peers } = peersView([external, peerView('10.0.0.3')], undefined, clocks);
    expect(peers.map(({ peerType, holdExpiresInSeconds }) => [peerType, holdExpiresInSeconds])).toEqual([
      ['external', null],
      ['internal', 60],
    ]);
  });

  it('survives JSON unchanged: no undefined, no infinity', () => {
    const view = peersView(
      [peerView('10.0.0.2', { holdExpiresAt: Number.POSITIVE_INFINITY })],
      undefined,
      clocks,
    );
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });
});

describe('routesView', () => {
  const all = { limit: 1000, after: undefined };

  it('sorts by prefix as a number, and the best of a prefix first', () => {
    const routes = [
      routeView('fd00:65::/122'),
      routeView('10.65.0.64/26', { best: false, multipath: false }),
      routeView('10.65.0.64/26', { best: true }),
      routeView('10.65.0.64/26', { best: false, multipath: true }),
      routeView('10.65.0.0/26'),
      routeView('10.65.0.0/16'),
      routeView('9.0.0.0/8'),
    ];
    const shown = routesView(routes, all).routes.map((route) => [route.prefix, route.best, route.multipath]);
    expect(shown).toEqual([
      ['9.0.0.0/8', true, true],
      ['10.65.0.0/16', true, true],
      ['10.65.0.0/26', true, true],
      ['10.65.0.64/26', true, true],
      ['10.65.0.64/26', false, true],
      ['10.65.0.64/26', false, false],
      ['fd00:65::/122', true, true],
    ]);
  });

  it('shows attributes as operators write them', () => {
    const [route] = routesView(
      [
        routeView('10.65.0.0/26', {
          attributes: {
            origin: 2,
            asPath: [{ type: 'AS_SEQUENCE', asNumbers: [65001, 65002] }],
            nextHop: { address: address('fd00::2'), linkLocal: address('fe80::2') },
            multiExitDisc: 0,
            communities: [0xffffff01, (64512 << 16) | 100],
            largeCommunities: [[4200000000, 1, 2]],
            clusterList: [address('224.0.0.1')],
            aggregator: { asNumber: 65001, address: address('10.0.0.9') },
            unrecognized: [{ code: 99, flags: 0xc0, value: Uint8Array.of(0, 255) }],
          },
        }),
      ],
      all,
    ).routes;
    expect(route).toMatchObject({
      origin: 'incomplete',
      asPath: '65001 65002',
      nextHop: 'fd00::2',
      nextHopLinkLocal: 'fe80::2',
      multiExitDisc: 0,
      localPref: null,
      communities: ['65535:65281', '64512:100'],
      largeCommunities: ['4200000000:1:2'],
      clusterList: ['224.0.0.1'],
      aggregator: { asNumber: 65001, address: '10.0.0.9' },
      unrecognized: [{ code: 99, flags: 192, value: '00ff' }],
    });
  });

  it('of a page never cuts a prefix in two', () => {
    const routes = ['10.0.0.0/24', '10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24'].map((text) =>
      routeView(text),
    );
    const page = routesView(routes, { limit: 1, after: undefined });
    expect([page.routes.length, page.next]).toEqual([2, '10.0.0.0/24']);
  });

  it('as pages of any size put together is the whole list, in order, whatever the order before', () => {
    const anyRoute = fc
      .record({
        family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
        word: fc.integer({ min: 0, max: 0xff }),
        length: fc.integer({ min: 8, max: 32 }),
      })
      .map(({ family, word, length }) => prefixFromWords(family, length, (word << 24) >>> 0, 0, 0, 0));
    fc.assert(
      fc.property(
        fc.array(anyRoute, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (prefixes, limit) => {
          const routes: RouteView[] = prefixes.map((text) => routeView(text));
          const whole = [...prefixes].sort(comparePrefixes);
          const paged: string[] = [];
          let after: RouteView['prefix'] | undefined;
          do {
            const page = routesView(routes, { limit, after });
            paged.push(...page.routes.map((route) => route.prefix));
            after = (page.next ?? undefined) as typeof after;
          } while (after !== undefined);
          expect(paged).toEqual(whole);
        },
      ),
    );
  });

  it('of a table far larger than the page keeps the right part', () => {
    const routes: RouteView[] = [];
    for (let i = 4999; i >= 0; i--) routes.push(routeView(`10.${i >> 8}.${i & 255}.0/24`));
    const page = routesView(routes, { limit: 3, after: routes.at(-1)!.prefix });
    expect(page.routes.map((route) => route.prefix)).toEqual(['10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24']);
    expect(page.next).toBe('10.0.3.0/24');
  });
});

describe('formatAsPath', () => {
  it.each([
    [[], ''],
    [
      [
        { type: 'AS_SEQUENCE', asNumbers: [1, 2] },
        { type: 'AS_SET', asNumbers: [3, 4] },
      ],
      '1 2 {3,4}',
    ],
    [
      [
        { type: 'AS_CONFED_SEQUENCE', asNumbers: [5, 6] },
        { type: 'AS_CONFED_SET', asNumbers: [7, 8] },
      ],
      '(5 6) [7,8]',
    ],
  ] as [AsPath, string][])('%j is %j', (path, text) => {
    expect(formatAsPath(path)).toBe(text);
  });
});

describe('kernelView', () => {
  it('joins the summary with the routes by prefix', () => {
    const routes = [
      kernelRoute('10.65.0.64/26'),
      kernelRoute('10.65.0.0/26', { type: 'blackhole', nextHops: [], metric: undefined }),
    ];
    expect(kernelView(statusFacts().kernel, routes, { limit: 10, after: undefined })).toEqual({
      mode: 'netlink',
      inStep: true,
      installed: 12,
      fights: 0,
      repairs: 0,
      pending: 0,
      failed: 0,
      lastError: null,
      next: null,
      routes: [
        {
          family: 'ipv4',
          prefix: '10.65.0.0/26',
          state: 'installed',
          type: 'blackhole',
          nextHops: [],
          metric: null,
          error: null,
        },
        {
          family: 'ipv4',
          prefix: '10.65.0.64/26',
          state: 'installed',
          type: 'unicast',
          nextHops: [{ gateway: '10.0.0.2', interface: 'eth1' }],
          metric: 1024,
          error: null,
        },
      ],
    });
  });
});

it('a kept picture is shown with its age, revision and place', () => {
  const kept = { revision: '7', savedAt: WALL, path: '/p' };
  const facts = statusFacts({ datastore: { ...statusFacts().datastore, kept } });
  expect(statusView(facts, [], server, clocks).datastore.kept).toEqual({
    revision: '7',
    savedAt: '2026-01-02T03:04:05.000Z',
    path: '/p',
  });
  expect(statusView(statusFacts(), [], server, clocks).datastore.kept).toBeNull();
});

describe('the origin check', () => {
  it('stands with each route that it judges, and null with the others', () => {
    const reason = 'block 10.65.0.0/26 belongs to host-1, and the route comes from host-3';
    const views = [
      routeView('10.65.0.0/26', { origin: { state: 'invalid', reason } }),
      routeView('10.66.0.0/26'),
    ];
    const { routes } = routesView(views, { limit: 10, after: undefined });
    expect(routes).toMatchObject([
      { originCheck: 'invalid', originCheckReason: reason },
      { originCheck: null, originCheckReason: null },
    ]);
  });

  it.each([
    ['report', '2 routes come from another node than the one that holds the block (used all the same)'],
    ['enforce', '2 routes come from another node than the one that holds the block (not used)'],
  ] as const)('that %ss invalid ones degrades the status and counts them', (originCheck, sentence) => {
    const origins = { valid: 5, unknown: 1, invalid: 2 };
    const facts = statusFacts({ originCheck, speaker: { ...statusFacts().speaker, origins } });
    const status = statusView(facts, [peerView('10.0.0.2')], server, clocks);
    expect(status).toMatchObject({ health: 'degraded', originCheck: { mode: originCheck, ...origins } });
    expect(status.reasons).toContainEqual(expect.stringContaining(sentence));
  });
});

describe('fail static', () => {
  it('says of a stale route why it is kept', () => {
    const staleReason = 'fail static: the datastore confirms it, and nobody is left to ask';
    const views = [{ ...routeView('10.65.0.0/26'), stale: true, staleReason }, routeView('10.66.0.0/26')];
    const { routes } = routesView(views, { limit: 10, after: undefined });
    expect(routes.map((route) => route.staleReason)).toEqual([staleReason, null]);
  });

  it.each([
    [1, '1 route stays in use although nobody is left'],
    [412, '412 routes stay in use although nobody is left'],
  ])('that keeps %i degrades the status', (ipv4, sentence) => {
    const held = { ipv4, ipv6: 0 };
    const facts = statusFacts({ speaker: { ...statusFacts().speaker, held } });
    const status = statusView(facts, [peerView('10.0.0.2')], server, clocks);
    expect(status).toMatchObject({ health: 'degraded', failStatic: { enabled: true, routes: held } });
    expect(status.reasons).toContainEqual(expect.stringContaining(sentence));
  });
});
