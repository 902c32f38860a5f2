// What only the real kernel can show: privileges, interfaces that come and go, news that is lost, and the whole way from
// what is wanted to what `ip route` prints.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, address, type Prefix, prefix } from 'bgp-utils';
import { type FibLog, FibSync } from '../../src/fib/sync.ts';
import { type Kernel, type KernelEvent, KernelUnavailable, PROTOCOL_BGP } from '../../src/kernel/kernel.ts';
import { openRtnetlink } from '../../src/kernel/netlink/rtnetlink.ts';
import { addInterface, makeNamespace, type Namespace, removeNamespaces, until } from '../support/netns.ts';
import { realClock } from '../support/real-clock.ts';
import { applyTo } from '../support/routes.ts';

// Sixty thousand routes are made by another process, on a machine that may be busy.
jest.setTimeout(60_000);

let namespace: Namespace;
let kernel: Kernel;
let sync: FibSync | undefined;
let events: KernelEvent[];
let costs: [Address, number | undefined][];
let log: FibLog[];

function open(objects = true): Kernel {
  const made = openRtnetlink({ netns: namespace.path, objects });
  if (made instanceof KernelUnavailable) throw new Error(made.message);
  return made;
}

beforeEach(() => {
  namespace = makeNamespace('n');
  addInterface(namespace, 'eth0', '10.0.0.1/24', 'fd00::1/64');
  kernel = open();
  events = [];
  costs = [];
  log = [];
});
afterEach(() => {
  sync?.close();
  sync = undefined;
  kernel.close();
  removeNamespaces();
});

function startSync(): FibSync {
  sync = new FibSync({
    kernel,
    clock: realClock,
    onNextHop: (nextHop, cost) => costs.push([nextHop, cost]),
    onLog: (event) => log.push(event),
  });
  sync.start();
  return sync;
}

/** Our routes as ip(8) prints them, in order. */
const ours = (...family: string[]): string[] =>
  namespace
    .ip(...family, 'route', 'show', 'protocol', 'bgp')
    .split('\n')
    .map((line) => line.trim().replace(/ nhid \d+/, ''))
    .filter((line) => line !== '');

const listen = () => kernel.watch((event) => events.push(event));
const A = address('10.0.0.2');
const P = prefix('10.65.0.0/26');
const unicast = (...nextHops: Address[]) => ({ type: 'unicast' as const, nextHops, metric: 1024 });
const blackhole = { type: 'blackhole' as const, metric: 0 };

describe('opening', () => {
  it('without CAP_NET_ADMIN gives a value that names it and says what to do', () => {
    process.seteuid!(65534); // takes the privileges away until it is undone
    let made: Kernel | KernelUnavailable;
    try {
      made = openRtnetlink();
    } finally {
      process.seteuid!(0);
    }
    expect(made).toBeInstanceOf(KernelUnavailable);
    expect((made as KernelUnavailable).message).toMatch(/CAP_NET_ADMIN is missing: run as root, or grant it/);
  });

  it('in a namespace that does not exist gives a value that says so', () => {
    const made = openRtnetlink({ netns: '/run/netns/there-is-no-such' });
    expect(made).toMatchObject({ message: expect.stringMatching(/there-is-no-such.*no such file/i) });
  });

  it('comes back to the own namespace', () => {
    const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
    expect(links).not.toContain('eth0-far');
  });
});

describe('news', () => {
  it('of interfaces: new, down, renamed, removed; each by name and whether it can carry routes', async () => {
    listen();
    namespace.ip('link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x0-far');
    namespace.ip('link', 'set', 'x0', 'up');
    namespace.ip('link', 'set', 'x0-far', 'up');
    await until('x0 is up', () => events.some((e) => e.type === 'links' && e.interface === 'x0' && e.up));
    namespace.ip('link', 'set', 'x0', 'down');
    namespace.ip('link', 'set', 'x0', 'name', 'y0');
    namespace.ip('link', 'delete', 'y0');
    await until(
      'y0 is gone',
      () => events.filter((e) => e.type === 'links' && e.interface === 'y0').length >= 2,
    );
    expect(events.filter((e) => e.type === 'links' && e.interface === 'y0').at(-1)).toMatchObject({
      up: false,
    });
  });

  it('of addresses, with the interface', async () => {
    listen();
    namespace.ip('address', 'add', '10.1.0.1/24', 'dev', 'eth0');
    namespace.ip('address', 'add', 'fd01::1/64', 'dev', 'eth0', 'nodad');
    await until('both are told', () => events.filter((e) => e.type === 'addresses').length >= 2);
    expect(events.find((e) => e.type === 'addresses')).toEqual({ type: 'addresses', interface: 'eth0' });
  });

  it('of an interface that was made just now is known to the next change', async () => {
    addInterface(namespace, 'eth7', '10.7.0.1/24');
    const route = {
      prefix: P,
      type: 'unicast' as const,
      metric: 5,
      nextHops: [{ gateway: address('10.7.0.2'), interface: 'eth7', weight: 1, onLink: false }],
      protocol: PROTOCOL_BGP,
    };
    expect(await applyTo(kernel, [{ type: 'replace', route }])).toEqual([]);
    expect(ours()).toEqual(['10.65.0.0/26 via 10.0.0.2 dev eth7 metric 5'.replace('10.0.0.2', '10.7.0.2')]);
    namespace.ip('link', 'delete', 'eth7');
    expect(await applyTo(kernel, [{ type: 'replace', route }])).toMatchObject([
      { name: 'ENODEV', message: 'there is no interface eth7; tried again when it comes' },
    ]);
  });

  /** As long as the kernel may take for a flood while others use its processors. */
  const FLOOD_MS = 60_000;

  /** More than fits into the socket's buffer while nobody reads. */
  function flood(): void {
    const folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-'));
    try {
      const lines = Array.from(
        { length: 60_000 },
        (_, i) =>
          `route add 20.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32 via 10.0.0.9 proto static metric 1024`,
      );
      writeFileSync(join(folder, 'routes'), lines.join('\n'));
      namespace.ip('-batch', join(folder, 'routes'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it(
    'that is lost is told as an overrun, and later news comes again',
    async () => {
      listen();
      flood();
      await until('the overrun is told', () => events.some((event) => event.type === 'overrun'));
      events.length = 0;
      namespace.ip('address', 'add', '10.1.0.1/24', 'dev', 'eth0');
      await until('an address is told', () => events.some((event) => event.type === 'addresses'));
    },
    FLOOD_MS,
  );

  it(
    'that is lost does not make us change another program’s route',
    async () => {
      flood();
      const route = {
        prefix: prefix('20.0.200.77/32'),
        type: 'blackhole' as const,
        metric: 1024,
        nextHops: [],
        protocol: PROTOCOL_BGP,
      };
      expect(await applyTo(kernel, [{ type: 'replace', route, known: true }])).toMatchObject([
        { name: 'EEXIST' },
      ]);
      expect(namespace.ip('route', 'show', '20.0.200.77')).toMatch(/via 10\.0\.0\.9 dev eth0 proto static/);
    },
    FLOOD_MS,
  );
});

describe('batches', () => {
  it('of any size of message are carried out whole', async () => {
    const gateways = Array.from({ length: 32 }, (_, i) => address(`fd00::${(i + 2).toString(16)}`));
    const routes = Array.from({ length: 500 }, (_, i) => ({
      prefix: prefix(`fd65::${(i + 1).toString(16)}/128`),
      type: 'unicast' as const,
      metric: 7,
      nextHops: gateways.map((gateway) => ({ gateway, interface: 'eth0', weight: 1, onLink: false })),
      protocol: PROTOCOL_BGP,
    }));
    expect(
      await applyTo(
        kernel,
        routes.map((route) => ({ type: 'replace', route })),
      ),
    ).toEqual([]);
    const found = kernel.routes();
    expect(found).toHaveLength(500);
    expect(found.every((route) => route.nextHops.length === 32)).toBe(true);
  });

  it('report each of many failures', async () => {
    const changes = Array.from({ length: 2000 }, (_, i) => ({
      type: 'replace' as const,
      route: {
        prefix: prefix(`20.0.${i >> 8}.${i & 255}/32`),
        type: 'unicast' as const,
        metric: 7,
        nextHops: [{ gateway: address('192.0.2.1'), interface: 'eth0', weight: 1, onLink: false }],
        protocol: PROTOCOL_BGP,
      },
    }));
    const errors = await applyTo(kernel, changes);
    expect(errors).toHaveLength(2000);
    expect(new Set(errors.map((error) => error.change)).size).toBe(2000);
    expect(errors[0]!.message).toMatch(/gateway.*connected network/);
  });
});

describe.each([
  ['with next-hop objects', true],
  ['without', false],
])('FibSync on the real kernel %s', (_what, objects) => {
  beforeEach(() => {
    kernel.close();
    kernel = open(objects);
  });

  const inStep = (fib: FibSync) => until('the kernel is in step', () => fib.inStep());

  it('installs both families, blackholes and equal-cost sets, and ip(8) shows them', async () => {
    const fib = startSync();
    fib.want(P, unicast(A));
    fib.want(prefix('10.65.0.64/26'), unicast(A, address('10.0.0.3')));
    fib.want(prefix('10.65.0.128/26'), blackhole);
    fib.want(prefix('fd65::/122'), unicast(address('fd00::2')));
    fib.want(prefix('fd65::40/122'), blackhole);
    await inStep(fib);
    expect(ours()).toEqual([
      '10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024',
      '10.65.0.64/26 metric 1024',
      'nexthop via 10.0.0.2 dev eth0 weight 1',
      'nexthop via 10.0.0.3 dev eth0 weight 1',
      'blackhole 10.65.0.128/26',
    ]);
    expect(ours('-6')).toEqual([
      'fd65::/122 via fd00::2 dev eth0 metric 1024 pref medium',
      'blackhole fd65::40/122 dev lo metric 1024 pref medium',
    ]);
  });

  it('a route into a tunnel fails while its device is missing, says so, and comes with it (§3.7)', async () => {
    const fib = startSync();
    fib.want(P, { type: 'unicast', nextHops: [A], metric: 1024, tunnels: ['tunl0'] });
    await until('the failure is known', () => fib.view(P)[0]?.state === 'failed');
    expect(fib.view(P)[0]!.reason).toMatch(/no interface tunl0/);
    expect(ours()).toEqual([]);
    // Not every kernel has ipip; what counts is the name.
    namespace.ip('link', 'add', 'tunl0', 'type', 'veth', 'peer', 'name', 'far');
    namespace.ip('link', 'set', 'far', 'up');
    namespace.ip('link', 'set', 'tunl0', 'up');
    await until('the route is there', () => ours().length > 0);
    expect(ours()).toEqual(['10.65.0.0/26 via 10.0.0.2 dev tunl0 metric 1024 onlink']);
    namespace.ip('link', 'set', 'tunl0', 'down');
    await until('the kernel has dropped it', () => ours().length === 0);
    namespace.ip('link', 'set', 'tunl0', 'up');
    await until('it is back', () => ours().length > 0);
  });

  it('adopts what an earlier run left, changes nothing that is right, and sweeps the rest', async () => {
    const first = startSync();
    first.want(P, unicast(A));
    first.want(prefix('10.65.0.64/26'), blackhole);
    first.want(prefix('fd65::40/122'), blackhole);
    await inStep(first);
    first.close();
    kernel.close();
    kernel = open(objects);
    const watched = namespace.ip('route', 'show', 'protocol', 'bgp');
    const second = startSync();
    expect(log.at(-1)).toEqual({ event: 'routes-adopted', routes: 3 });
    second.want(P, unicast(A));
    second.want(prefix('fd65::40/122'), blackhole);
    await inStep(second);
    expect(namespace.ip('route', 'show', 'protocol', 'bgp')).toBe(watched);
    expect(second.counters).toMatchObject({ replaced: 0, removed: 0 });
    second.sweep();
    await inStep(second);
    expect([ours(), ours('-6')]).toEqual([
      ['10.65.0.0/26 via 10.0.0.2 dev eth0 metric 1024'],
      ['blackhole fd65::40/122 dev lo metric 1024 pref medium'],
    ]);
  });

  it('puts a route back that was removed or changed by hand', async () => {
    const fib = startSync();
    fib.want(P, unicast(A));
    await inStep(fib);
    namespace.ip('route', 'delete', P);
    await until('it is back', () => ours().length === 1);
    namespace.ip('route', 'replace', P, 'via', '10.0.0.9', 'metric', '1024', 'protocol', 'bgp');
    await until('it is right', () => ours()[0]?.includes('via 10.0.0.2'));
  });

  it('takes routes out when the interface goes down, tells the next hop, and puts them back', async () => {
    const fib = startSync();
    fib.trackNextHop(A);
    fib.trackNextHop(address('fd00::2'));
    fib.want(P, unicast(A));
    fib.want(prefix('fd65::/122'), unicast(address('fd00::2')));
    fib.want(prefix('10.65.0.64/26'), blackhole);
    await until('both are reachable', () => costs.length === 2);
    await inStep(fib);
    namespace.ip('link', 'set', 'eth0', 'down');
    await until('both are told as lost', () => costs.filter(([, cost]) => cost === undefined).length === 2);
    await until('nothing is left but the blackhole', () => fib.inStep() && fib.sizes.present === 1);
    expect([ours(), ours('-6')]).toEqual([['blackhole 10.65.0.64/26'], []]);
    expect(fib.view(P)).toMatchObject([{ state: 'unresolved' }]);
    namespace.ip('link', 'set', 'eth0', 'up');
    namespace.ip('address', 'add', 'fd00::1/64', 'dev', 'eth0', 'nodad'); // the kernel drops IPv6 addresses with the link
    await until('both families are back', () => ours().length === 2 && ours('-6').length === 1);
    expect(log.filter(({ event }) => event === 'routes-failed' || event === 'next-hop-refused')).toEqual([]);
    expect(costs.slice(-2).map(([, cost]) => cost)).toEqual([0, 0]);
  });

  it('finds routes gone after the interface was down for a moment', async () => {
    const fib = startSync();
    fib.want(P, unicast(A));
    await inStep(fib);
    namespace.ip('link', 'set', 'eth0', 'down');
    namespace.ip('link', 'set', 'eth0', 'up');
    await until('it is back', () => ours().length === 1);
  });

  it('follows a static route to a next hop behind a router', async () => {
    const fib = startSync();
    fib.want(P, unicast(address('172.16.0.9')));
    await until('it is unresolved', () => fib.view(P)[0]?.state === 'unresolved');
    namespace.ip('route', 'add', '172.16.0.0/16', 'via', '10.0.0.254', 'protocol', 'static');
    await until('it is there', () => ours()[0] === '10.65.0.0/26 via 10.0.0.254 dev eth0 metric 1024');
    namespace.ip('route', 'delete', '172.16.0.0/16');
    await until('it is gone', () => ours().length === 0);
  });

  it('stays out of another program’s way until that has gone', async () => {
    namespace.ip('route', 'add', P, 'via', '10.0.0.9', 'metric', '1024', 'protocol', 'static');
    const fib = startSync();
    fib.want(P, unicast(A));
    await until('it is refused', () => fib.view(P)[0]?.state === 'failed');
    expect(fib.inStep()).toBe(false);
    expect(log.at(-1)).toMatchObject({ event: 'routes-failed', count: 1 });
    expect(namespace.ip('route', 'show', P)).toMatch(/via 10\.0\.0\.9 dev eth0 proto static/);
    namespace.ip('route', 'delete', P);
    await until('it is installed', () => ours().length === 1);
  });

  it('keeps forwarding while a route moves to another metric', async () => {
    const fib = startSync();
    fib.want(P, unicast(A));
    await inStep(fib);
    const monitor = openRtnetlink({ netns: namespace.path }) as Kernel;
    const seen: string[] = [];
    monitor.watch((event) => {
      if (event.type === 'routes') seen.push(`${event.change} ${event.route.metric}`);
    });
    fib.want(P, { ...unicast(A), metric: 512 });
    await until('two changes were seen', () => seen.length === 2);
    monitor.close();
    expect(seen).toEqual(['added 512', 'removed 1024']);
  });

  it('removes all of ours on leaving, and nothing else', async () => {
    namespace.ip('route', 'add', '172.16.0.0/16', 'via', '10.0.0.254', 'protocol', 'static');
    const fib = startSync();
    const keys: Prefix[] = Array.from({ length: 700 }, (_, i) => prefix(`10.70.${i >> 8}.${i & 255}/32`));
    for (const key of keys) fib.want(key, unicast(A));
    await inStep(fib);
    expect(ours()).toHaveLength(700);
    await fib.removeAll();
    expect(ours()).toEqual([]);
    expect(namespace.ip('route', 'show')).toContain('172.16.0.0/16 via 10.0.0.254');
  });
});
