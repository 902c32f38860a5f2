// What fib/ relies on, checked on the kernel in memory and on the real one in a namespace of its own. The world is the same
// in both: eth0 with 10.0.0.1/24 and fd00::1/64, a static route 172.16.0.0/16 via 10.0.0.254.

import { type Address, address, prefix } from 'bgp-utils';
import {
  type Kernel,
  type KernelEvent,
  type KernelRoute,
  PROTOCOL_BGP,
  sameRoute,
} from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory.ts';
import { openRtnetlink } from '../../src/kernel/netlink/rtnetlink.ts';
import { addInterface, makeNamespace, type Namespace, removeNamespaces, until } from '../support/netns.ts';
import { applyTo, batchOf, type RouteChange } from '../support/routes.ts';

interface World {
  readonly kernel: Kernel;
  /** Another program's change: `ip route add|del …`; with protocol bgp it is somebody meddling with ours. */
  addByOthers(route: KernelRoute): void;
  removeByOthers(route: KernelRoute): void;
  /** The same kernel, opened once more. */
  another(): Kernel;
  /** All routes of a prefix as "protocol metric type", sorted. */
  seen(prefixText: string): string[];
}

const STATIC = 4;
const BOOT = 3;

const via = (gateway: string, interfaceName = 'eth0', weight = 1) => ({
  gateway: address(gateway) as Address | undefined,
  interface: interfaceName,
  weight,
  onLink: false,
});
const onLink = (interfaceName = 'eth0') => ({
  gateway: undefined,
  interface: interfaceName,
  weight: 1,
  onLink: false,
});
const unicast = (
  text: string,
  metric: number,
  ...nextHops: KernelRoute['nextHops'][number][]
): KernelRoute => ({
  prefix: prefix(text),
  type: 'unicast',
  metric,
  nextHops,
  protocol: PROTOCOL_BGP,
});
const blackhole = (text: string, metric = 0): KernelRoute => ({
  prefix: prefix(text),
  type: 'blackhole',
  metric,
  nextHops: [],
  protocol: PROTOCOL_BGP,
});
const of = (route: KernelRoute, protocol: number): KernelRoute => ({ ...route, protocol });
const replace = (route: KernelRoute): RouteChange => ({ type: 'replace', route });
const remove = (route: KernelRoute): RouteChange => ({ type: 'remove', route });

function memoryWorld(): World {
  const kernel = new MemoryKernel();
  const seen = new Map<string, string[]>();
  const note = (route: KernelRoute, there: boolean) => {
    const text = `${route.protocol} ${route.metric} ${route.type}`;
    const rest = (seen.get(route.prefix) ?? []).filter((each) => each !== text);
    seen.set(route.prefix, there ? [...rest, text] : rest);
  };
  for (const connected of [unicast('10.0.0.0/24', 0, onLink()), unicast('fd00::/64', 256, onLink())]) {
    kernel.addByOthers(of(connected, 2));
  }
  kernel.addByOthers(of(unicast('172.16.0.0/16', 0, via('10.0.0.254')), STATIC));
  return {
    kernel,
    another: () => kernel,
    addByOthers: (route) => {
      kernel.addByOthers(route);
      if (route.protocol !== PROTOCOL_BGP) note(route, true);
    },
    removeByOthers: (route) => {
      kernel.removeByOthers(route);
      if (route.protocol !== PROTOCOL_BGP) note(route, false);
    },
    seen: (text) =>
      [
        ...(seen.get(text) ?? []),
        ...kernel
          .routes()
          .filter((route) => route.prefix === text)
          .map((route) => `${route.protocol} ${route.metric} ${route.type}`),
      ].sort(),
  };
}

function netlinkWorld(): World {
  const namespace = makeNamespace('k');
  addInterface(namespace, 'eth0', '10.0.0.1/24', 'fd00::1/64');
  namespace.ip('route', 'add', '172.16.0.0/16', 'via', '10.0.0.254', 'protocol', 'static');
  const open = (): Kernel => {
    const made = openRtnetlink({ netns: namespace.path });
    if (!('apply' in made)) throw new Error(made.message);
    return made;
  };
  return {
    kernel: open(),
    another: open,
    addByOthers: (route) => namespace.ip('route', 'add', ...words(route)),
    removeByOthers: (route) => namespace.ip('route', 'delete', ...words(route)),
    seen: (text) => shown(namespace, text),
  };
}

const words = (route: KernelRoute): string[] => [
  ...(route.type === 'blackhole' ? ['blackhole'] : []),
  route.prefix,
  ...route.nextHops.flatMap((hop) => [
    ...(hop.gateway === undefined ? [] : ['via', hop.gateway]),
    'dev',
    hop.interface!,
  ]),
  ...['protocol', String(route.protocol)],
  ...(route.metric === 0 ? [] : ['metric', String(route.metric)]),
];

interface ShownRoute {
  readonly type?: string;
  readonly protocol: string;
  readonly metric?: number;
}

function shown(namespace: Namespace, text: string): string[] {
  const family = text.includes(':') ? '-6' : '-4';
  const routes = JSON.parse(
    namespace.ip('-N', '-j', '-d', family, 'route', 'show', 'exact', text),
  ) as ShownRoute[];
  const types: Readonly<Record<string, string>> = { '1': 'unicast', '6': 'blackhole' };
  return routes
    .map(
      (route) =>
        `${route.protocol} ${route.metric ?? 0} ${types[route.type ?? '1'] ?? (route.type || 'unicast')}`,
    )
    .sort();
}

/** Holds what two lists of routes have in common with the kernel's idea of sameness. */
function expectRoutes(actual: readonly KernelRoute[], expected: readonly KernelRoute[]): void {
  const unexpected = actual.filter((route) => !expected.some((each) => sameRoute(each, route)));
  const missing = expected.filter((route) => !actual.some((each) => sameRoute(each, route)));
  expect({ unexpected, missing, count: actual.length }).toEqual({
    unexpected: [],
    missing: [],
    count: expected.length,
  });
}

describe.each([
  ['memory', memoryWorld],
  ['netlink', netlinkWorld],
])('kernel (%s)', (_name, makeWorld) => {
  let world: World;
  let kernel: Kernel;
  let events: KernelEvent[];
  beforeEach(() => {
    world = makeWorld();
    kernel = world.kernel;
    events = [];
    kernel.watch((event) => events.push(event));
  });
  afterEach(() => {
    kernel.close();
    removeNamespaces();
  });

  it.each<[string, KernelRoute]>([
    ['IPv4 via a gateway', unicast('10.65.0.0/26', 1024, via('10.0.0.2'))],
    ['IPv6 via a gateway', unicast('fd65::/122', 1024, via('fd00::2'))],
    [
      'IPv4 through a tunnel, whose far end is on no network of ours',
      unicast('10.66.0.0/26', 1024, { ...via('192.0.2.9'), onLink: true }),
    ],
    ['IPv4 on the link', unicast('10.65.0.0/26', 5, onLink())],
    ['IPv6 on the link', unicast('fd65::/122', 5, onLink())],
    ['an IPv4 default route', unicast('0.0.0.0/0', 2147483547, via('10.0.0.2'))],
    ['an IPv6 default route', unicast('::/0', 2147483547, via('fd00::2'))],
    ['an IPv4 host route', unicast('10.65.0.1/32', 7, via('10.0.0.2'))],
    ['an IPv6 host route', unicast('fd65::1/128', 7, via('fd00::2'))],
    ['an IPv4 blackhole', blackhole('10.65.0.0/26')],
    ['an IPv6 blackhole', blackhole('fd65::/122')],
    ['an IPv4 blackhole with a metric', blackhole('10.65.0.0/26', 9)],
    ['an IPv4 equal-cost set', unicast('10.65.0.0/26', 1024, via('10.0.0.2'), via('10.0.0.3'))],
    ['an IPv6 equal-cost set', unicast('fd65::/122', 1024, via('fd00::2'), via('fd00::3'))],
    ['an IPv4 set with weights', unicast('10.65.0.0/26', 1024, via('10.0.0.2', 'eth0', 3), via('10.0.0.3'))],
    ['the largest metric', unicast('10.65.0.0/26', 4294967295, via('10.0.0.2'))],
  ])('installs, shows and removes %s', async (_what, route) => {
    expect(await applyTo(kernel, [replace(route)])).toEqual([]);
    expectRoutes(kernel.routes(), [route]);
    expect(kernel.routes()[0]!.protocol).toBe(PROTOCOL_BGP);
    expect(await applyTo(kernel, [remove(route)])).toEqual([]);
    expectRoutes(kernel.routes(), []);
  });

  it('shows the routes of other programs, and as they come and go', async () => {
    const texts = () =>
      kernel
        .othersRoutes()
        .map(
          ({ prefix: at, protocol, nextHops }) =>
            `${at} ${protocol} ${nextHops[0]?.gateway ?? nextHops[0]?.interface}`,
        );
    expect(texts()).toEqual(expect.arrayContaining(['10.0.0.0/24 2 eth0', '172.16.0.0/16 4 10.0.0.254']));
    const workload = of(unicast('10.65.3.7/32', 0, onLink()), BOOT);
    world.addByOthers(workload);
    await until('it is told', () => events.length > 0);
    expect(texts()).toContain('10.65.3.7/32 3 eth0');
    await applyTo(kernel, [replace(unicast('10.65.0.0/26', 1024, via('10.0.0.2')))]);
    expect(texts().filter((text) => text.startsWith('10.65.0.0/26'))).toEqual([]); // ours
    world.removeByOthers(workload);
    await until('it is gone', () => !texts().some((text) => text.startsWith('10.65.3.7/32')));
  });

  it.each<[string, KernelRoute, KernelRoute]>([
    [
      'a gateway by another',
      unicast('10.65.0.0/26', 1024, via('10.0.0.2')),
      unicast('10.65.0.0/26', 1024, via('10.0.0.3')),
    ],
    [
      'one next hop by a set',
      unicast('10.65.0.0/26', 1024, via('10.0.0.2')),
      unicast('10.65.0.0/26', 1024, via('10.0.0.2'), via('10.0.0.3')),
    ],
    [
      'an IPv6 next hop by a set',
      unicast('fd65::/122', 1024, via('fd00::2')),
      unicast('fd65::/122', 1024, via('fd00::2'), via('fd00::3')),
    ],
    [
      'a set by a smaller one',
      unicast('fd65::/122', 7, via('fd00::2'), via('fd00::3'), via('fd00::4')),
      unicast('fd65::/122', 7, via('fd00::2'), via('fd00::4')),
    ],
    [
      'a blackhole by a unicast route',
      blackhole('10.65.0.0/26', 7),
      unicast('10.65.0.0/26', 7, via('10.0.0.2')),
    ],
    [
      'an IPv6 blackhole by a unicast route',
      blackhole('fd65::/122'),
      unicast('fd65::/122', 1024, via('fd00::2')),
    ],
    [
      'an IPv6 set by a blackhole',
      unicast('fd65::/122', 1024, via('fd00::2'), via('fd00::3')),
      blackhole('fd65::/122'),
    ],
    [
      'a gateway by the link',
      unicast('fd65::/122', 1024, via('fd00::2')),
      unicast('fd65::/122', 1024, onLink()),
    ],
  ])('replaces %s, and back, with nothing left over, known or not', async (_what, one, other) => {
    for (const known of [false, true]) {
      for (const route of [one, other, one]) {
        expect(await applyTo(kernel, [{ type: 'replace', route, known }])).toEqual([]);
        expectRoutes(kernel.routes(), [route]);
      }
    }
  });

  it('holds routes of one prefix with unlike metrics side by side, and removes just the one meant', async () => {
    for (const [low, high] of [
      [unicast('10.65.0.0/26', 0, via('10.0.0.2')), unicast('10.65.0.0/26', 1024, via('10.0.0.2'))],
      [unicast('fd65::/122', 7, via('fd00::2')), unicast('fd65::/122', 0, via('fd00::2'))],
      [blackhole('10.66.0.0/26'), unicast('10.66.0.0/26', 9, via('10.0.0.2'))],
    ] as const) {
      await applyTo(kernel, [replace(low), replace(high)]);
      expectRoutes(kernel.routes(), [low, high]);
      await applyTo(kernel, [remove(low)]);
      expectRoutes(kernel.routes(), [high]);
      await applyTo(kernel, [remove(high)]);
    }
  });

  it('does not remove a unicast route in place of an absent blackhole without metric', async () => {
    const route = unicast('10.65.0.0/26', 1024, via('10.0.0.2'));
    await applyTo(kernel, [replace(route), remove(blackhole('10.65.0.0/26'))]);
    expectRoutes(kernel.routes(), [route]);
  });

  it('takes a doubled replace, and the removal of what is not there, as done', async () => {
    const route = unicast('10.65.0.0/26', 1024, via('10.0.0.2'));
    for (let i = 0; i < 2; i++) expect(await applyTo(kernel, [replace(route)])).toEqual([]);
    expect(await applyTo(kernel, [remove(route), remove(blackhole('fd99::/64'))])).toEqual([]);
    expect(await applyTo(kernel, [remove(route)])).toEqual([]);
    expect(kernel.routes()).toEqual([]);
  });

  it('applies the rest of a call when some changes fail, and says which failed and why', async () => {
    const bad = unicast('10.66.0.0/26', 1024, via('192.0.2.9'));
    const good = Array.from({ length: 1200 }, (_, i) =>
      unicast(`10.70.${i >> 8}.${i & 255}/32`, 1024, via('10.0.0.2')),
    );
    const errors = await applyTo(kernel, [
      ...good.slice(0, 600).map(replace),
      replace(bad),
      ...good.slice(600).map(replace),
    ]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ change: { route: bad }, name: 'ENETUNREACH' });
    expect(errors[0]!.message).toMatch(/invalid gateway/i);
    expectRoutes(kernel.routes(), good);
  });

  it('keeps the old route when its replacement fails', async () => {
    const route = unicast('10.65.0.0/26', 1024, via('10.0.0.2'));
    await applyTo(kernel, [replace(route)]);
    expect(await applyTo(kernel, [replace(unicast('10.65.0.0/26', 1024, via('192.0.2.9')))])).toHaveLength(1);
    expectRoutes(kernel.routes(), [route]);
  });

  it.each<[string, KernelRoute, KernelRoute]>([
    ['IPv4', unicast('10.65.0.0/26', 1024, via('10.0.0.9')), unicast('10.65.0.0/26', 1024, via('10.0.0.2'))],
    ['IPv6', unicast('fd65::/122', 1024, via('fd00::9')), unicast('fd65::/122', 1024, via('fd00::2'))],
    ['IPv6 default metric', unicast('fd65::/122', 1024, via('fd00::9')), blackhole('fd65::/122', 0)],
    ['blackhole', blackhole('10.65.0.0/26'), blackhole('10.65.0.0/26')],
  ])('leaves another program’s route with our prefix and metric alone (%s)', async (_what, theirs, ours) => {
    world.addByOthers(of(theirs, STATIC));
    const before = world.seen(theirs.prefix);
    for (const known of [false, true]) {
      const errors = await applyTo(kernel, [{ type: 'replace', route: ours, known }]);
      expect(errors).toMatchObject([{ name: 'EEXIST', change: { route: ours } }]);
      expect(errors[0]!.message).toMatch(/protocol static.*ip route show/);
    }
    expect(await applyTo(kernel, [remove(ours)])).toEqual([]);
    expect(world.seen(theirs.prefix)).toEqual(before);
    world.removeByOthers(of(theirs, STATIC));
    expect(await applyTo(kernel, [replace(ours)])).toEqual([]);
    expectRoutes(kernel.routes(), [ours]);
  });

  it('lives beside another program’s route with another metric', async () => {
    const theirs = of(unicast('10.65.0.0/26', 5, via('10.0.0.9')), BOOT);
    const ours = unicast('10.65.0.0/26', 1024, via('10.0.0.2'));
    world.addByOthers(theirs);
    expect(await applyTo(kernel, [replace(ours)])).toEqual([]);
    expect(world.seen('10.65.0.0/26')).toEqual(['186 1024 unicast', '3 5 unicast']);
    await applyTo(kernel, [remove(ours)]);
    expect(world.seen('10.65.0.0/26')).toEqual(['3 5 unicast']);
  });

  it('notices a conflict that began just now, before any news of it was read', async () => {
    const ours = unicast('10.65.0.0/26', 1024, via('10.0.0.2'));
    await applyTo(kernel, [replace(ours)]);
    world.removeByOthers(ours);
    world.addByOthers(of(unicast('10.65.0.0/26', 1024, via('10.0.0.9')), STATIC));
    expect(await applyTo(kernel, [{ type: 'replace', route: ours, known: true }])).toMatchObject([
      { name: 'EEXIST' },
    ]);
    expect(world.seen('10.65.0.0/26')).toEqual(['4 1024 unicast']);
  });

  it('makes changes beside the event loop, one batch at a time', async () => {
    const batch = batchOf([replace(blackhole('10.65.0.0/26'))]);
    let over = false;
    const done = new Promise<void>((resolve) => {
      kernel.apply(batch, () => {
        over = true;
        resolve();
      });
    });
    expect(over).toBe(false);
    expect(() => kernel.apply(batchOf([replace(blackhole('10.66.0.0/26'))]), () => undefined)).toThrow(
      /one batch/,
    );
    await done;
    expectRoutes(kernel.routes(), [blackhole('10.65.0.0/26')]);
  });

  it('has nothing to do for an empty batch, and says so in a later turn', async () => {
    let over = false;
    kernel.apply(batchOf([]), () => {
      over = true;
    });
    expect(over).toBe(false);
    await until('it is over', () => over);
  });

  it('tells nobody after close', async () => {
    let over = false;
    kernel.apply(batchOf([replace(blackhole('10.65.0.0/26'))]), () => {
      over = true;
    });
    kernel.close();
    const other = world.another();
    await until('the route is there', () => other.routes().length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    other.close();
    expect(over).toBe(false);
  });

  it('shows our routes alone', () => {
    expect(kernel.routes()).toEqual([]);
  });

  it.each([
    ['on the link', '10.0.0.77', { reachable: true, gateway: undefined, interface: 'eth0' }],
    [
      'on the link, IPv6',
      'fd00::77',
      { reachable: true, gateway: undefined, interface: 'eth0', metric: 256 },
    ],
    [
      'behind a gateway',
      '172.16.5.5',
      { reachable: true, gateway: '10.0.0.254', interface: 'eth0', prefix: '172.16.0.0/16' },
    ],
    ['without a route', '192.0.2.1', { reachable: false, reason: 'no route' }],
    ['without a route, IPv6', '2001:db8::1', { reachable: false, reason: 'no route' }],
  ])('resolves an address %s', (_what, text, expected) => {
    expect(kernel.resolve(address(text))).toMatchObject({ foreign: expected, own: undefined });
  });

  it('resolves past our own routes, and shows the one that is more specific', async () => {
    const ours = unicast('172.16.5.0/24', 1024, via('10.0.0.2'));
    await applyTo(kernel, [replace(ours)]);
    const { foreign, own } = kernel.resolve(address('172.16.5.5'));
    expect(foreign).toMatchObject({ reachable: true, gateway: '10.0.0.254', prefix: '172.16.0.0/16' });
    expect(own?.prefix).toBe(ours.prefix);
    expect(kernel.resolve(address('172.16.6.5')).own).toBeUndefined();
  });

  it('tells of routes that others add and remove, and not of our own changes', async () => {
    await applyTo(kernel, [replace(unicast('10.65.0.0/26', 1024, via('10.0.0.2')))]);
    world.addByOthers(of(unicast('10.99.0.0/16', 3, via('10.0.0.9')), STATIC));
    world.removeByOthers(unicast('10.65.0.0/26', 1024, via('10.0.0.2')));
    await until('the removal is told', () =>
      events.some((event) => event.type === 'routes' && event.route.protocol === PROTOCOL_BGP),
    );
    const told = events.flatMap((event) => (event.type === 'routes' ? [event] : []));
    expect(
      told
        .filter(({ route }) => route.prefix.startsWith('10.'))
        .map(({ change, replaces, route: { prefix: at, metric, protocol, nextHops }, by }) => [
          change,
          ...[replaces, at, metric, protocol, nextHops[0]?.gateway, by > 0],
        ]),
    ).toEqual([
      ['added', false, '10.99.0.0/16', 3, STATIC, '10.0.0.9', true],
      ['removed', false, '10.65.0.0/26', 1024, PROTOCOL_BGP, '10.0.0.2', true],
    ]);
  });

  it('never calls the listener from inside a method', () => {
    world.addByOthers(of(unicast('10.99.0.0/16', 3, via('10.0.0.9')), STATIC));
    const before = events.length;
    kernel.resolve(address('10.99.0.1'));
    kernel.apply(batchOf([replace(blackhole('10.65.0.0/26'))]), () => undefined);
    kernel.routes();
    expect(events.length).toBe(before);
  });

  it('scans in steps, and all steps together are all routes', async () => {
    const routes = Array.from({ length: 2000 }, (_, i) =>
      unicast(`10.70.${i >> 8}.${i & 255}/32`, 1024, via('10.0.0.2')),
    );
    await applyTo(kernel, routes.map(replace));
    const scan = kernel.scan();
    const seen: KernelRoute[] = [];
    let steps = 0;
    let step = scan.next();
    for (; !step.done; step = scan.next()) {
      for (let at = 0; at < step.value.size; at++) seen.push(step.value.route(at));
      steps++;
    }
    expect(step.value).toBe(true);
    expect(steps).toBeGreaterThan(2);
    expectRoutes(seen, routes);
  });
});
