// Next-hop objects on the real kernel: one message for any number of routes, everything put back that others take away, and
// runs of the daemon that follow each other.

import { type Address, address, type Prefix, prefix } from 'bgp-utils';
import { type FibLog, FibSync } from '../../src/fib/sync.ts';
import { type Kernel, KernelUnavailable } from '../../src/kernel/kernel.ts';
import { openRtnetlink } from '../../src/kernel/netlink/rtnetlink.ts';
import { addInterface, makeNamespace, type Namespace, removeNamespaces, until } from '../support/netns.ts';
import { realClock } from '../support/real-clock.ts';

const A = address('10.0.0.2');
const B = address('10.1.0.2');
const SIX_A = address('fd00::2');
const SIX_B = address('fd01::2');
const P = prefix('10.65.0.0/26');
const Q = prefix('10.65.0.64/26');
const SIX = prefix('fd65::/122');
/** 186 in the highest octet. */
const FIRST_ID = 0xba000001;

let namespace: Namespace;
let kernel: Kernel;
let sync: FibSync;
let log: FibLog[];

const unicast = (nextHops: readonly Address[], weights?: readonly number[]) => ({
  ...{ type: 'unicast' as const, nextHops, metric: 1024 },
  ...(weights && { weights }),
});
const many = (count: number): Prefix[] =>
  Array.from({ length: count }, (_, i) => prefix(`10.70.${i >> 8}.${i & 255}/32`));

/** A run of the daemon, as far as the kernel sees it. */
function start(objects = true): void {
  const made = openRtnetlink({ netns: namespace.path, objects });
  if (made instanceof KernelUnavailable) throw new Error(made.message);
  kernel = made;
  log = [];
  sync = new FibSync({
    ...{ kernel, clock: realClock, onNextHop: () => undefined },
    onLog: (event) => log.push(event),
  });
  sync.start();
}

/** As after kill -9: nothing is undone. */
function stop(): void {
  sync.close();
  kernel.close();
}

const inStep = () => until('the kernel is in step', () => sync.inStep());
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
const routes = (...family: string[]) => lines(namespace.ip(...family, 'route', 'show', 'proto', 'bgp'));
const objects = (protocol = 'bgp') =>
  lines(namespace.ip('nexthop')).filter((line) => line.includes(`proto ${protocol}`));
const idOf = (line: string | undefined) => Number(/nhid (\d+)/.exec(line ?? '')?.[1]);

beforeEach(() => {
  namespace = makeNamespace('o');
  addInterface(namespace, 'eth0', '10.0.0.1/24', 'fd00::1/64');
  addInterface(namespace, 'eth1', '10.1.0.1/24', 'fd01::1/64');
});
afterEach(() => {
  stop();
  removeNamespaces();
});

describe('routes', () => {
  it('through one next hop name one object, and those through several a group with their weights', async () => {
    start();
    sync.want(P, unicast([A]));
    sync.want(Q, unicast([A, B], [3, 1]));
    sync.want(SIX, unicast([SIX_A, SIX_B], [1, 4]));
    await inStep();
    const [four] = routes();
    const [group] = objects().filter((line) => line.includes(`group ${FIRST_ID}`));
    expect(group).toMatch(new RegExp(`^id \\d+ group ${FIRST_ID},3/\\d+ proto bgp$`));
    expect(idOf(four)).toBe(FIRST_ID);
    expect(objects()).toHaveLength(6); // four next hops, two sets
    expect(routes()).toEqual([
      `10.65.0.0/26 nhid ${FIRST_ID} via 10.0.0.2 dev eth0 metric 1024`,
      expect.stringMatching(/^10\.65\.0\.64\/26 nhid \d+ metric 1024$/),
      'nexthop via 10.0.0.2 dev eth0 weight 3',
      'nexthop via 10.1.0.2 dev eth1 weight 1',
    ]);
    expect(routes('-6').slice(1)).toEqual([
      'nexthop via fd00::2 dev eth0 weight 1',
      'nexthop via fd01::2 dev eth1 weight 4',
    ]);
  });
});

describe('a next hop', () => {
  it('that is lost, or reached by another gateway, is one message for all routes through it', async () => {
    namespace.ip('route', 'add', '172.16.0.0/16', 'via', '10.0.0.254', 'proto', 'static');
    start();
    const far = address('172.16.0.9');
    for (const key of many(500)) sync.want(key, unicast([far]));
    sync.want(P, unicast([far, B]));
    await inStep();
    const { batches, objectChanges } = sync.counters;
    namespace.ip('route', 'replace', '172.16.0.0/16', 'via', '10.1.0.254', 'proto', 'static');
    await until(
      'all have the other gateway',
      () => routes().filter((line) => line.includes('via 10.1.0.254 dev eth1')).length === 501,
    );
    expect(sync.counters).toMatchObject({ batches, objectChanges: objectChanges + 1 });
    namespace.ip('route', 'delete', '172.16.0.0/16');
    await until('none is left but the other half of the set', () => sync.sizes.present === 1);
    expect(routes()).toEqual([
      expect.stringMatching(/^10\.65\.0\.0\/26 nhid \d+ via 10\.1\.0\.2 dev eth1 metric 1024$/),
    ]);
    expect(sync.counters).toMatchObject({ batches, objectChanges: objectChanges + 2 });
    expect(sync.view(many(1)[0])).toMatchObject([{ state: 'unresolved' }]);
    namespace.ip('route', 'add', '172.16.0.0/16', 'via', '10.0.0.254', 'proto', 'static');
    await until('all are back', () => routes().length === 500 + 3);
  }, 20_000);

  it('that loses its carrier leaves the set at once, and comes back with it', async () => {
    start();
    sync.want(P, unicast([A, B]));
    sync.want(Q, unicast([B]));
    await inStep();
    namespace.ip('link', 'set', 'eth1-far', 'down');
    await until('the kernel has taken it out', () => routes().length === 1);
    expect(routes()[0]).toMatch(/^10\.65\.0\.0\/26 nhid \d+ via 10\.0\.0\.2 dev eth0 metric 1024$/);
    await until('the other says why', () => sync.view(Q)[0]?.state === 'unresolved');
    expect(sync.view(Q)[0]!.reason).toMatch(/10\.1\.0\.2: Carrier for nexthop device is down.*ip link show/i);
    expect(sync.inStep()).toBe(true);
    namespace.ip('link', 'set', 'eth1-far', 'up');
    await until('all is back', () => routes().length === 4);
  });

  it('that is used no more gives its object back, once no route names it', async () => {
    start();
    sync.want(P, unicast([A]));
    sync.want(Q, unicast([A, B]));
    await inStep();
    sync.want(P, undefined);
    sync.want(Q, undefined);
    await until('nothing is left', () => objects().length === 0, 15_000);
    expect(routes()).toEqual([]);
  }, 20_000);
});

describe('what others do', () => {
  it('ip nexthop flush takes all routes, and all are back', async () => {
    start();
    for (const key of many(1000)) sync.want(key, unicast([A]));
    sync.want(P, unicast([A, B]));
    sync.want(SIX, unicast([SIX_A]));
    await inStep();
    namespace.ip('nexthop', 'flush');
    await until('all are back', () => routes().length === 1003 && routes('-6').length === 1);
    expect(log.some(({ event }) => event === 'routes-corrected')).toBe(true);
    await inStep();
    for (let i = 0; i < 2; i++) {
      const now = realClock.now();
      await until('another second', () => realClock.now() - now > 1100);
      namespace.ip('nexthop', 'flush');
      await until('all are back', () => routes().length === 1003 && routes('-6').length === 1);
    }
    await until('it is told', () => log.some(({ event }) => event === 'objects-fight'));
    expect([log.filter(({ event }) => event === 'objects-fight').length, sync.fights]).toEqual([1, 1]);
  }, 20_000);

  it('a route that is removed three times a minute is put back twice at once, then later, and told once', async () => {
    start();
    sync.want(P, unicast([A]));
    await inStep();
    for (let i = 0; i < 2; i++) {
      namespace.ip('route', 'delete', P);
      await until('it is back', () => routes().length === 1);
    }
    namespace.ip('route', 'delete', P);
    const told = await until('the fight is told', () => log.find(({ event }) => event === 'fight'));
    expect(told).toMatchObject({
      prefix: P,
      message: expect.stringMatching(/netlink port \d+ .* removes the route/),
    });
    expect(sync.view(P)).toMatchObject([
      { state: 'failed', reason: expect.stringMatching(/again and again/) },
    ]);
    expect([routes(), sync.fights]).toEqual([[], 1]);
    await until('it is back all the same', () => routes().length === 1, 10_000);
    expect(log.filter(({ event }) => event === 'fight')).toHaveLength(1);
  }, 20_000);

  it('a route of ours that is replaced by another protocol stays theirs until they remove it', async () => {
    start();
    sync.want(P, unicast([A]));
    await inStep();
    namespace.ip('route', 'replace', P, 'via', '10.0.0.9', 'metric', '1024', 'proto', 'static');
    await until('it is known', () => sync.view(P)[0]?.state === 'failed');
    expect(sync.view(P)[0]!.reason).toMatch(
      /a route of protocol static \(4\) has 10\.65\.0\.0\/26 with metric 1024/,
    );
    expect(lines(namespace.ip('route', 'show', P))).toEqual([
      '10.65.0.0/26 via 10.0.0.9 dev eth0 proto static metric 1024',
    ]);
    namespace.ip('route', 'delete', P);
    await until('it is ours again', () => routes().length === 1);
  });

  it('objects of other programs are left alone, also with a number of ours', async () => {
    const theirs = [
      ['id', '7', 'via', '10.0.0.9', 'dev', 'eth0', 'proto', 'zebra'],
      ['id', String(FIRST_ID), 'via', '10.0.0.9', 'dev', 'eth0', 'proto', 'zebra'],
    ];
    for (const words of theirs) namespace.ip('nexthop', 'add', ...words);
    start();
    sync.want(P, unicast([A]));
    await inStep();
    expect(idOf(routes()[0])).toBe(FIRST_ID + 1);
    // Another program takes the number of ours while it is in use.
    namespace.ip(
      'nexthop',
      'replace',
      'id',
      String(FIRST_ID + 1),
      'via',
      '10.0.0.9',
      'dev',
      'eth0',
      'proto',
      'zebra',
    );
    await until('we use another', () => idOf(routes()[0]) === FIRST_ID + 2);
    expect(objects('zebra')).toHaveLength(3);
    expect(routes()).toEqual([`10.65.0.0/26 nhid ${FIRST_ID + 2} via 10.0.0.2 dev eth0 metric 1024`]);
  });
});

describe('routes of other programs', () => {
  it('are known as they were when they cannot be listed anew, for want of descriptors, say', async () => {
    start();
    const known = () => kernel.othersRoutes().map((each) => each.prefix);
    expect(known()).toContain('10.0.0.0/24');
    namespace.ip('link', 'set', 'eth1', 'down');
    namespace.ip('link', 'set', 'eth1', 'name', 'eth9'); // all are to be listed again
    namespace.remove(); // it lives on in its sockets, and no other one can be opened in it
    await until('the interface is gone', () => !known().includes(prefix('10.1.0.0/24')));
    expect(known()).toContain('10.0.0.0/24');
  });
});

describe('the next run', () => {
  const watched = () => [routes(), routes('-6'), objects()];
  const wantAll = () => {
    sync.want(P, unicast([A]));
    sync.want(Q, unicast([A, B], [2, 1]));
    sync.want(SIX, unicast([SIX_A, SIX_B]));
  };

  it('takes routes and objects over as they are', async () => {
    start();
    wantAll();
    await inStep();
    const before = watched();
    stop();
    start();
    wantAll();
    sync.sweep();
    await inStep();
    expect(watched()).toEqual(before);
    expect(sync.counters).toMatchObject({ replaced: 0, removed: 0, objectChanges: 0 });
  });

  it('follows a next hop that is reached another way since with an object of its own: others may use the old one', async () => {
    namespace.ip('route', 'add', '172.16.0.0/16', 'via', '10.0.0.254', 'proto', 'static');
    const far = address('172.16.0.9');
    start();
    for (const key of many(100)) sync.want(key, unicast([far]));
    await inStep();
    stop();
    namespace.ip('route', 'replace', '172.16.0.0/16', 'via', '10.1.0.254', 'proto', 'static');
    start();
    for (const key of many(100)) sync.want(key, unicast([far]));
    await inStep();
    expect(routes().filter((line) => line.includes('via 10.1.0.254'))).toHaveLength(100);
    expect(sync.counters).toMatchObject({ replaced: 100, objectChanges: 1 });
  });

  it.each([
    ['an older build, which named next hops one by one', false, true],
    ['a build with objects, where they cannot be had any more', true, false],
  ])('takes over routes of %s', async (_what, before, after) => {
    start(before);
    wantAll();
    await inStep();
    const gateways = () => [...routes(), ...routes('-6')].map((line) => line.replace(/nhid \d+ /, ''));
    const was = gateways();
    stop();
    start(after);
    wantAll();
    sync.sweep();
    await inStep();
    expect(gateways()).toEqual(was);
    if (after) expect(sync.counters).toMatchObject({ replaced: 0, removed: 0 });
  });

  it('starts whatever a killed one left half done, and clears it away', async () => {
    start();
    wantAll();
    await inStep();
    stop();
    for (const id of [20, 21])
      namespace.ip(
        'nexthop',
        'add',
        'id',
        String(FIRST_ID + id),
        'via',
        '10.0.0.7',
        'dev',
        'eth0',
        'proto',
        'bgp',
      );
    namespace.ip(
      'nexthop',
      'add',
      'id',
      String(FIRST_ID + 22),
      'group',
      String(FIRST_ID + 20),
      'proto',
      'bgp',
    );
    namespace.ip(
      'route',
      'add',
      '10.99.0.0/16',
      'nhid',
      String(FIRST_ID + 22),
      'metric',
      '1024',
      'proto',
      'bgp',
    );
    start();
    wantAll();
    sync.want(prefix('10.98.0.0/16'), unicast([address('10.1.0.7')]));
    sync.sweep();
    await inStep();
    await until(
      'what nobody wants is gone',
      () => !objects().some((line) => line.includes('10.0.0.7')),
      15_000,
    );
    expect(routes().some((line) => line.startsWith('10.99.0.0/16'))).toBe(false);
    expect(objects()).toHaveLength(7);
  }, 20_000);
});
