import { type Address, address, prefix } from 'bgp-utils';
import type { FibRoute } from '../../../src/fib/fib.ts';
import { type FibLog, FibSync } from '../../../src/fib/sync.ts';
import { RouteBatch } from '../../../src/kernel/batch.ts';
import {
  type KernelNextHop,
  type KernelRoute,
  type NextHopResolution,
  PROTOCOL_BGP,
} from '../../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../../src/kernel/memory.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const P = prefix('10.65.0.0/26');
const A = address('10.0.0.2');
const to = (...nextHops: Address[]): FibRoute => ({ type: 'unicast', nextHops, metric: 1024 });
const blackhole: FibRoute = { type: 'blackhole', metric: 0 };
const hop = (gateway: Address | undefined, name = 'eth0'): KernelNextHop => ({
  gateway,
  interface: name,
  weight: 1,
  onLink: false,
});
const route = (
  text: string,
  metric: number,
  protocol: number,
  ...nextHops: KernelNextHop[]
): KernelRoute => ({
  prefix: prefix(text),
  type: nextHops.length > 0 ? 'unicast' : 'blackhole',
  metric,
  nextHops,
  protocol,
});
const gone: NextHopResolution = { reachable: false, reason: 'no route' };

interface Fixture {
  readonly kernel: MemoryKernel;
  readonly clock: FakeClock;
  readonly sync: FibSync;
  readonly costs: [Address, number | undefined][];
  readonly log: FibLog[];
  /** How often it was told that a link is back. */
  readonly linkUps: () => number;
}

/** eth0 with 10.0.0.0/24 on the link. */
function fixture(): Fixture {
  const clock = new FakeClock();
  const kernel = new MemoryKernel({ later: (run) => clock.schedule(0, run) });
  kernel.addByOthers(route('10.0.0.0/24', 0, 2, hop(undefined)));
  const costs: [Address, number | undefined][] = [];
  const log: FibLog[] = [];
  let linkUps = 0;
  const sync = new FibSync({
    kernel,
    clock,
    onNextHop: (nextHop, cost) => costs.push([nextHop, cost]),
    onLog: (event) => event.event !== 'no-next-hop-objects' && log.push(event),
    onLinkUp: () => void linkUps++,
  });
  return { kernel, clock, sync, costs, log, linkUps: () => linkUps };
}

/** Lets the kernel's news arrive (it comes in a later turn). */
const news = () => new Promise((resolve) => setImmediate(resolve));
const prefixes = (kernel: MemoryKernel) => kernel.routes().map((each) => each.prefix);

it('is behind for ever until it has been started', () => {
  const { clock, sync } = fixture();
  expect(sync.lagMs).toBe(Number.POSITIVE_INFINITY);
  sync.start();
  clock.run();
  expect(sync.lagMs).toBe(0);
});

describe('ignored interfaces (Calico data model §3.1)', () => {
  it.each<[readonly string[], string, number | undefined]>([
    [[], '10.0.0.2', 0],
    [['eth0'], '10.0.0.2', undefined],
    [['eth*'], '10.0.0.2', undefined],
    [['et?0'], '10.0.0.2', undefined],
    [['eth', 'th0', 'docker*'], '10.0.0.2', 0],
    [['eth0'], '10.0.0.9', 0], // a host route that somebody put there
  ])('with %j the next hop %s costs %s', async (patterns, nextHop, cost) => {
    const { kernel, clock, sync, costs } = fixture();
    kernel.addByOthers(route('10.0.0.9/32', 0, 3, hop(undefined)));
    sync.start();
    sync.ignoreInterfaces(patterns);
    sync.trackNextHop(address(nextHop));
    await news();
    clock.run();
    expect(costs.at(-1)).toEqual([nextHop, cost]);
  });

  it('a new list is looked at again, without a change in the kernel', async () => {
    const { clock, sync, costs } = fixture();
    sync.start();
    sync.trackNextHop(A);
    clock.run();
    sync.ignoreInterfaces(['eth0']);
    clock.advance(1000);
    sync.ignoreInterfaces([]);
    clock.advance(1000);
    expect(costs.map(([, cost]) => cost)).toEqual([0, undefined, 0]);
  });
});

it('a removal with metric 0, which Linux takes for any metric in IPv4, is looked after when it may have hit another route', () => {
  const { kernel, clock, sync } = fixture();
  kernel.addByOthers(route('10.0.1.0/24', 0, 2, hop(undefined, 'eth1')));
  sync.start();
  sync.want(P, { type: 'unicast', nextHops: [address('10.0.1.2')], metric: 0 });
  clock.run();
  kernel.takeDown('eth1'); // and the route with it, of which nobody has heard yet
  sync.want(P, to(A));
  clock.advance(200);
  expect(kernel.routes()).toEqual([route(P, 1024, PROTOCOL_BGP, hop(A))]);
});

describe('routes of other programs', () => {
  it('that may have changed are told once for all that come together; ours are not', async () => {
    const { kernel, clock } = fixture();
    let told = 0;
    const options = { kernel, clock, onNextHop: () => {}, onLog: () => {}, onOthersRoutes: () => told++ };
    const sync = new FibSync(options);
    sync.start();
    sync.want(P, to(A));
    clock.run();
    await news();
    clock.advance(1000);
    expect(told).toBe(0);
    kernel.addByOthers(route('10.65.3.7/32', 0, 3, hop(undefined, 'cali1')));
    kernel.addByOthers(route('10.65.3.8/32', 0, 3, hop(undefined, 'cali2')));
    await news();
    clock.advance(1000);
    expect(told).toBe(1);
    kernel.takeDown('cali1');
    await news();
    clock.advance(1000);
    expect(told).toBe(2);
  });
});

describe('FibSync', () => {
  it('does nothing before start, then carries over what is wanted', () => {
    const { kernel, clock, sync } = fixture();
    sync.want(P, to(A));
    clock.run();
    expect([kernel.routes(), sync.inStep()]).toEqual([[], false]);
    sync.start();
    clock.run();
    expect(kernel.routes()).toMatchObject([{ prefix: P, metric: 1024, nextHops: [hop(A)] }]);
    expect(sync.inStep()).toBe(true);
  });

  it('carries over at most 1024 prefixes at once', () => {
    const { kernel, clock, sync } = fixture();
    sync.start();
    clock.run();
    const sizes: number[] = [];
    const apply = kernel.apply.bind(kernel);
    kernel.apply = (changes, done) => {
      sizes.push(changes.size);
      apply(changes, done);
    };
    for (let i = 0; i < 5000; i++) sync.want(prefix(`10.70.${i >> 8}.${i & 255}/32`), blackhole);
    clock.run();
    expect(sizes).toEqual([1024, 1024, 1024, 1024, 904]);
    expect(sync.counters).toMatchObject({ batches: 5, replaced: 5000, removed: 0, failures: 0 });
  });

  it('adopts the routes of an earlier run, and sweeps those not wanted', () => {
    const { kernel, clock, sync, log } = fixture();
    for (const text of ['10.65.0.0/26', '10.65.0.64/26']) {
      kernel.addByOthers(route(text, 1024, PROTOCOL_BGP, hop(A)));
    }
    sync.start();
    sync.want(P, to(A));
    clock.run();
    expect([kernel.applied, sync.inStep()]).toEqual([[], true]);
    sync.sweep();
    clock.run();
    expect(prefixes(kernel)).toEqual([P]);
    expect(log).toEqual([
      { event: 'routes-adopted', routes: 2 },
      { event: 'routes-swept', routes: 1 },
    ]);
  });

  it('tries a refused change again later, says so once a time, and is out of step meanwhile', () => {
    const { kernel, clock, sync, log } = fixture();
    sync.start();
    kernel.setFailing(P, 'ENOMEM');
    sync.want(P, blackhole);
    clock.run();
    expect(sync.inStep()).toBe(false);
    expect(log).toMatchObject([{ event: 'routes-failed', count: 1, examples: [{ prefix: P }] }]);
    clock.advance(999);
    expect(kernel.applied).toHaveLength(1);
    clock.advance(1);
    expect(kernel.applied).toHaveLength(2);
    kernel.setFailing(P, undefined);
    clock.advance(2000);
    expect([prefixes(kernel), sync.inStep()]).toEqual([[P], true]);
  });

  it.each([['ENETUNREACH'], ['EHOSTUNREACH'], ['ENETDOWN'], ['ENODEV']])(
    'says nothing of a way that is there a moment later (%s), as when a link comes up',
    (name) => {
      const { kernel, clock, sync, log } = fixture();
      sync.start();
      kernel.setFailing(P, name);
      sync.want(P, blackhole);
      clock.advance(99);
      expect([sync.inStep(), sync.view(P)[0]?.state, log]).toEqual([false, 'failed', []]);
      kernel.setFailing(P, undefined);
      clock.advance(1);
      expect([prefixes(kernel), sync.inStep(), log]).toEqual([[P], true, []]);
      kernel.setFailing(P, name);
      sync.want(P, to(A));
      clock.advance(100);
      expect(log).toMatchObject([{ event: 'routes-failed', count: 1 }]);
      clock.advance(999);
      expect(log).toHaveLength(1);
      clock.advance(2001);
      expect(log).toHaveLength(3);
    },
  );

  it('tries refused changes again as soon as a link changes', async () => {
    const { kernel, clock, sync } = fixture();
    sync.start();
    kernel.setFailing(P, 'ENETDOWN');
    sync.want(P, blackhole);
    clock.run();
    kernel.setFailing(P, undefined);
    kernel.emit({ type: 'links', interface: 'eth0', up: true });
    await news();
    clock.advance(50);
    expect(prefixes(kernel)).toEqual([P]);
  });

  it('tells that a link is back which routes went through, once for news that comes together', async () => {
    const { kernel, clock, sync, linkUps } = fixture();
    sync.start();
    sync.want(P, to(A));
    clock.run();
    kernel.emit({ type: 'links', interface: 'eth0', up: false });
    kernel.emit({ type: 'links', interface: 'cali1', up: true });
    await news();
    clock.advance(1000);
    expect(linkUps()).toBe(0);
    kernel.emit({ type: 'links', interface: 'eth0', up: true });
    kernel.emit({ type: 'addresses', interface: 'eth0' });
    await news();
    clock.advance(1000);
    expect(linkUps()).toBe(1);
  });

  it('installs beside another program’s route once that is gone', async () => {
    const { kernel, clock, sync } = fixture();
    const theirs = route(P, 0, 4);
    kernel.addByOthers(theirs);
    sync.start();
    sync.want(P, blackhole);
    clock.run();
    expect(sync.view(P)).toMatchObject([
      { state: 'failed', reason: expect.stringMatching(/^EEXIST.*static/) },
    ]);
    expect(sync.refusal).toMatch(/^EEXIST.*static/);
    kernel.removeByOthers(theirs);
    await news();
    clock.advance(50);
    expect(sync.view(P)).toMatchObject([{ state: 'installed' }]);
  });

  describe('next hops', () => {
    it('are told in a later turn, with cost 0 on the link and the metric of the way there otherwise', () => {
      const { kernel, clock, sync, costs } = fixture();
      kernel.addByOthers(route('172.16.0.0/16', 0, 4, hop(address('10.0.0.254'))));
      kernel.addByOthers(route('172.17.0.0/16', 30, 4, hop(address('10.0.0.254'))));
      sync.start();
      const all = ['10.0.0.9', '172.16.0.9', '172.17.0.9', '192.0.2.9'].map(address);
      for (const each of all) sync.trackNextHop(each);
      expect(costs).toEqual([]);
      clock.run();
      expect(costs).toEqual([
        [all[0], 0],
        [all[1], 1],
        [all[2], 30],
        [all[3], undefined],
      ]);
    });

    it('are told again when their cost changes, some 50 ms after the first news, and routes follow', async () => {
      const { kernel, clock, sync, costs } = fixture();
      sync.start();
      sync.trackNextHop(A);
      sync.want(P, to(A));
      clock.run();
      costs.length = 0;
      kernel.setResolution(A, gone);
      kernel.emit({ type: 'addresses', interface: 'eth0' });
      await news();
      clock.advance(30);
      kernel.emit({ type: 'addresses', interface: 'eth0' });
      await news();
      expect(costs).toEqual([]);
      clock.advance(20);
      expect(costs).toEqual([[A, undefined]]);
      expect(kernel.routes()).toEqual([]);
      expect(sync.view(P)).toMatchObject([{ state: 'unresolved', reason: `next hop ${A}: no route` }]);
      clock.advance(1000);
      expect(costs).toHaveLength(1);
    });

    it('released are not told any more', async () => {
      const { kernel, clock, sync, costs } = fixture();
      sync.start();
      sync.trackNextHop(A);
      sync.releaseNextHop(A);
      clock.run();
      kernel.emit({ type: 'addresses', interface: 'eth0' });
      await news();
      clock.advance(50);
      expect(costs).toEqual([]);
    });

    it('follow other programs’ routes', async () => {
      const { kernel, clock, sync, costs } = fixture();
      const far = address('172.16.0.9');
      sync.start();
      sync.want(P, to(far));
      sync.trackNextHop(far);
      clock.run();
      kernel.addByOthers(route('172.16.0.0/16', 5, 4, hop(address('10.0.0.254'))));
      await news();
      clock.advance(50);
      expect(costs).toEqual([
        [far, undefined],
        [far, 5],
      ]);
      expect(kernel.routes()).toMatchObject([{ prefix: P, nextHops: [hop(address('10.0.0.254'))] }]);
    });

    it('do not resolve through a BGP route that is resolved itself, not even their own', () => {
      const { kernel, clock, sync, costs } = fixture();
      const far = address('172.16.0.9');
      kernel.addByOthers(route('0.0.0.0/0', 0, 4, hop(address('10.0.0.254'))));
      sync.start();
      sync.want(prefix('172.16.0.0/24'), to(far)); // covers its own next hop
      sync.trackNextHop(far);
      clock.advance(1000);
      expect(kernel.routes()).toMatchObject([{ nextHops: [hop(address('10.0.0.254'))] }]);
      expect(costs).toEqual([[far, 1]]);
      expect(kernel.applied).toHaveLength(1);
    });

    it('resolve through a BGP route whose next hops are on the link', () => {
      const { kernel, clock, sync, costs } = fixture();
      const far = address('172.16.0.9');
      sync.start();
      sync.trackNextHop(far);
      sync.want(P, to(far));
      clock.run();
      sync.want(prefix('0.0.0.0/0'), to(A));
      clock.advance(100);
      expect(costs).toEqual([
        [far, undefined],
        [far, 1024],
      ]);
      expect(sync.view(P)).toMatchObject([{ state: 'installed', present: [{ nextHops: [hop(A)] }] }]);
      sync.want(prefix('172.16.0.0/24'), to(far)); // more specific, but recursive: changes nothing
      clock.advance(1000);
      expect(costs).toHaveLength(2);
      sync.want(prefix('0.0.0.0/0'), undefined);
      clock.advance(1000);
      expect([kernel.routes(), costs[2]]).toEqual([[], [far, undefined]]);
    });
  });

  describe('what others do', () => {
    it('puts a route back in the next turn after someone removed it', async () => {
      const { kernel, clock, sync, log } = fixture();
      sync.start();
      sync.want(P, blackhole);
      clock.run();
      kernel.removeByOthers(route(P, 0, PROTOCOL_BGP));
      await news();
      clock.run();
      expect(prefixes(kernel)).toEqual([P]);
      clock.advance(50);
      expect(log).toEqual([{ event: 'routes-corrected', routes: 1 }]);
    });

    it.each<[string, (kernel: MemoryKernel) => void]>([
      ['the interface went down', (kernel) => kernel.takeDown('eth0')],
      [
        'news was lost',
        (kernel) => {
          kernel.takeDown('eth0');
          kernel.emit({ type: 'overrun' });
        },
      ],
    ])('looks at everything again when %s', async (_what, happen) => {
      const { kernel, clock, sync } = fixture();
      sync.start();
      sync.want(P, to(A));
      clock.run();
      happen(kernel);
      await news();
      clock.advance(100);
      expect(sync.view(P)).toMatchObject([{ state: 'unresolved', present: [] }]);
      kernel.addByOthers(route('10.0.0.0/24', 0, 2, hop(undefined)));
      kernel.emit({ type: 'links', interface: 'eth0', up: true });
      await news();
      clock.advance(100);
      expect(prefixes(kernel)).toEqual([P]);
    });

    it('finds routes that an interface took with it while it was down for a moment', async () => {
      const { kernel, clock, sync } = fixture();
      const connected = route('10.0.0.0/24', 0, 2, hop(undefined));
      const adopted = route('10.66.0.0/26', 1024, PROTOCOL_BGP, hop(A));
      kernel.addByOthers(adopted);
      sync.start();
      sync.want(P, to(A));
      sync.want(adopted.prefix, to(A));
      clock.run();
      kernel.takeDown('eth0');
      kernel.addByOthers(connected);
      await news();
      clock.advance(100);
      expect(prefixes(kernel)).toEqual([P, adopted.prefix]);
    });

    it('does not list all routes again for an interface that none of ours uses', async () => {
      const { kernel, clock, sync } = fixture();
      sync.start();
      sync.want(P, to(A));
      clock.run();
      kernel.takeDown('cali1234');
      await news();
      clock.advance(100);
      expect(sync.counters.rescans).toBe(0);
    });

    it('looks every minute, and corrects what went wrong unnoticed', () => {
      const { kernel, clock, sync } = fixture();
      sync.start();
      sync.want(P, to(A));
      clock.run();
      const wrong = route(P, 1024, PROTOCOL_BGP, hop(address('10.0.0.9')));
      kernel.replaceUnheard(wrong);
      clock.advance(59_000);
      expect(kernel.routes()).toMatchObject([wrong]);
      clock.advance(2000);
      expect(kernel.routes()).toMatchObject([{ nextHops: [hop(A)] }]);
      clock.advance(120_000);
      expect(sync.counters).toMatchObject({ rescans: 3, corrected: 1 });
    });

    it('asks again after a second when the list at the start had holes, and takes over what that left out', () => {
      const { kernel, clock, sync } = fixture();
      kernel.addByOthers(route(P, 1024, PROTOCOL_BGP, hop(A)));
      const scan = kernel.scan.bind(kernel);
      kernel.scan = function* () {
        kernel.scan = scan;
        yield new RouteBatch();
        return false;
      };
      sync.start();
      expect(sync.view(P)).toEqual([]);
      clock.advance(1000);
      expect(sync.view(P)).toMatchObject([{ state: 'adopted' }]);
      expect(prefixes(kernel)).toEqual([P]);
    });

    it('asks again after a second when a list had holes, and believes no absence meanwhile', () => {
      const { kernel, clock, sync } = fixture();
      sync.start();
      sync.want(P, blackhole);
      clock.run();
      const scan = kernel.scan.bind(kernel);
      kernel.scan = function* () {
        kernel.scan = scan;
        yield new RouteBatch();
        return false;
      };
      clock.advance(60_000);
      expect([kernel.applied.length, sync.counters.rescans]).toEqual([1, 1]);
      clock.advance(1000);
      expect([kernel.applied.length, sync.counters.rescans]).toEqual([1, 2]);
    });
  });

  describe('while the kernel works at changes', () => {
    /** P is on its way, and the kernel takes its time. */
    function onItsWay(): Fixture {
      const made = fixture();
      made.sync.start();
      made.clock.run();
      made.kernel.work.waits = true;
      made.sync.want(P, to(A));
      made.clock.run();
      expect([made.kernel.work.isBusy, made.kernel.applied]).toEqual([true, []]);
      return made;
    }
    const Q = prefix('10.65.0.64/26');

    it('waits with more, is out of step, and hands over together what has come together', () => {
      const { kernel, clock, sync } = onItsWay();
      sync.want(Q, to(A));
      sync.want(P, undefined);
      clock.advance(1000);
      expect([sync.inStep(), kernel.applied.length]).toEqual([false, 0]);
      kernel.work.finish();
      expect(prefixes(kernel)).toEqual([P]);
      kernel.work.finish();
      expect([prefixes(kernel), sync.inStep()]).toEqual([[Q], true]);
    });

    it.each([
      ['before it makes them', 0],
      ['after', 1],
    ])('mends what somebody did %s', async (_when, made) => {
      const { kernel, clock, sync } = onItsWay();
      kernel.addByOthers(route(P, 7, PROTOCOL_BGP)); // a route of ours that we do not want
      kernel.work.some(made);
      const theirs = kernel.routes().find(({ metric }) => metric === 1024);
      if (theirs !== undefined) kernel.removeByOthers(theirs);
      await news();
      clock.advance(100);
      kernel.work.waits = false;
      kernel.work.finish();
      clock.advance(1000);
      expect(kernel.routes()).toMatchObject([{ prefix: P, metric: 1024, nextHops: [hop(A)] }]);
      expect(sync.inStep()).toBe(true);
    });

    it('lists nothing: an interface that went is looked at afterwards', async () => {
      const { kernel, clock, sync } = onItsWay();
      kernel.takeDown('eth0');
      await news();
      clock.advance(1000);
      expect(sync.counters.rescans).toBe(0);
      kernel.work.waits = false;
      kernel.work.finish();
      clock.advance(1000);
      expect(sync.counters.rescans).toBe(1);
      expect(sync.view(P)).toMatchObject([{ state: 'unresolved', present: [] }]);
    });

    it('says so when that takes long, and goes on when it is over', () => {
      const { kernel, clock, sync, log } = onItsWay();
      clock.advance(9_999);
      expect(log).toEqual([]);
      clock.advance(20_001);
      expect(log).toEqual([{ event: 'kernel-slow', seconds: 10 }]);
      kernel.work.finish();
      clock.advance(20_000);
      expect([log.length, sync.inStep()]).toEqual([1, true]);
    });

    it('lags behind for as long as it has had something to do without a pause', () => {
      const { kernel, clock, sync } = onItsWay();
      expect([sync.inStep(), sync.lagMs]).toEqual([false, 0]);
      clock.advance(4_000);
      sync.want(prefix('10.65.0.64/26'), to(A));
      clock.advance(2_000);
      expect(sync.lagMs).toBe(6_000);
      kernel.work.waits = false;
      kernel.work.finish();
      clock.advance(1);
      expect([sync.inStep(), sync.lagMs]).toEqual([true, 0]);
    });

    it('removes all of ours on leaving, those on their way too', async () => {
      const { kernel, sync } = onItsWay();
      let left = false;
      const done = sync.removeAll().then(() => {
        left = true;
      });
      kernel.work.finish();
      await news();
      expect([left, prefixes(kernel)]).toEqual([false, [P]]);
      kernel.work.finish();
      await done;
      expect(kernel.routes()).toEqual([]);
    });

    it('does nothing more after close, and nobody waits', async () => {
      const { kernel, clock, sync } = onItsWay();
      const done = sync.removeAll();
      sync.close();
      await done;
      kernel.work.finish();
      clock.advance(100_000);
      expect([prefixes(kernel), clock.waiting, kernel.work.isBusy]).toEqual([[P], 0, false]);
    });
  });

  it('leaves routes and does nothing more after close', async () => {
    const { kernel, clock, sync } = fixture();
    sync.start();
    sync.want(P, blackhole);
    clock.run();
    sync.close();
    sync.want(P, undefined);
    kernel.emit({ type: 'overrun' });
    await news();
    clock.advance(100_000);
    expect([prefixes(kernel), clock.waiting]).toEqual([[P], 0]);
  });

  it('removes all of ours on leaving, adopted ones too, and nothing of others', async () => {
    const { kernel, clock, sync } = fixture();
    kernel.addByOthers(route('10.66.0.0/26', 0, PROTOCOL_BGP));
    sync.start();
    sync.want(P, blackhole);
    clock.run();
    const done = sync.removeAll();
    clock.run();
    await done;
    expect(kernel.routes()).toEqual([]);
    expect(kernel.resolve(A).foreign).toMatchObject({ reachable: true });
  });
});
