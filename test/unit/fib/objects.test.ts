// Next-hop objects where an earlier run left some, where lists of them have holes, and where a list of routes is older than the loss of one.

import { type Address, address, prefix } from 'bgp-utils';
import { Fib, type FibRoute } from '../../../src/fib/fib.ts';
import { FibSync } from '../../../src/fib/sync.ts';
import { RouteBatch } from '../../../src/kernel/batch.ts';
import type { KernelNextHop, NextHopResolution } from '../../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../../src/kernel/memory.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const P = prefix('10.65.0.0/26');
const Q = prefix('10.65.0.64/26');
const [A, B, C] = [address('10.0.0.2'), address('10.0.0.3'), address('10.0.0.4')];
const to = (...nextHops: Address[]): FibRoute => ({ type: 'unicast', nextHops, metric: 1024 });
const ON_LINK: KernelNextHop = { gateway: undefined, interface: 'eth0', weight: 1, onLink: false };

/** eth0 with 10.0.0.0/24 on the link. */
function newKernel(): MemoryKernel {
  const kernel = new MemoryKernel({ objects: true });
  const link = prefix('10.0.0.0/24');
  kernel.addByOthers({ prefix: link, type: 'unicast', metric: 0, nextHops: [ON_LINK], protocol: 2 });
  return kernel;
}

function run(kernel: MemoryKernel): { readonly sync: FibSync; readonly clock: FakeClock } {
  const clock = new FakeClock();
  kernel.work.later = (done) => clock.schedule(0, done);
  const sync = new FibSync({ kernel, clock, onNextHop: () => undefined, onLog: () => undefined });
  sync.start();
  return { sync, clock };
}

/** What an earlier run left. */
function left(routes: Readonly<Record<string, FibRoute>>): MemoryKernel {
  const kernel = newKernel();
  const { sync, clock } = run(kernel);
  for (const [at, route] of Object.entries(routes)) sync.want(prefix(at), route);
  clock.run();
  sync.close();
  return kernel;
}

const gateways = (kernel: MemoryKernel) =>
  Object.fromEntries(
    kernel.routes().map(({ prefix: at, nextHops }) => [at, nextHops.map(({ gateway }) => gateway).sort()]),
  );

describe('after a restart, during which a prefix moved to a next hop that is new,', () => {
  it('routes that nobody has told yet lead where they led', () => {
    const kernel = left({ [P]: to(A), [Q]: to(A) });
    const { sync, clock } = run(kernel);
    sync.want(P, to(B));
    clock.run();
    expect(gateways(kernel)).toEqual({ [P]: [B], [Q]: [A] });
  });

  it('so do those through several', () => {
    const kernel = left({ [P]: to(A, B), [Q]: to(A, B) });
    const { sync, clock } = run(kernel);
    sync.want(P, to(A, C));
    clock.run();
    expect(gateways(kernel)).toEqual({ [P]: [A, C], [Q]: [A, B] });
  });
});

describe('a list of objects', () => {
  it('that is not whole says nothing', () => {
    const kernel = left({ [P]: to(A), [Q]: to(B) });
    const { sync, clock } = run(kernel);
    for (const [at, hop] of [[P, A] as const, [Q, B] as const]) sync.want(at, to(hop));
    clock.run();
    const before = kernel.applied.length;
    kernel.objectListHasHoles = true;
    clock.advance(60_000);
    expect(sync.counters).toMatchObject({ corrected: 0, objectChanges: 0 });
    expect(kernel.applied).toHaveLength(before);
  });
});

describe('a list of routes', () => {
  it('that was made before an object was lost does not bring its routes back', () => {
    const fib = new Fib(true);
    const reachable: NextHopResolution = {
      reachable: true,
      gateway: undefined,
      interface: 'eth0',
      metric: 0,
      prefix: prefix('10.0.0.0/24'),
    };
    fib.want(P, to(A));
    const work = () => {
      for (let changes = fib.takeObjects(); changes.length > 0; changes = fib.takeObjects())
        fib.objectsApplied(changes, [], 0);
      const batch = new RouteBatch();
      fib.take(batch, 10);
      fib.applied(batch, [], 0);
      return batch;
    };
    fib.setNextHop(A, reachable);
    expect(work().size).toBe(1);
    fib.beginRescan();
    const list = new RouteBatch();
    const { object } = fib.view(P)[0]!.present[0]!;
    const nextHops = [{ ...ON_LINK, gateway: A }];
    list.add(0, 0, 26, 0x0a410000, 0, 0, 0, 1024, { type: 'unicast', nextHops, object: object! }, 0);
    fib.foundObjects([]);
    fib.rescan(list);
    expect([...fib.finishRescan()]).toEqual([]);
    expect(work().size).toBe(1);
    expect(fib.view(P)).toMatchObject([{ state: 'installed' }]);
  });
});

describe('a number that another program takes while our next hop is not reachable', () => {
  const news = () => new Promise((resolve) => setImmediate(resolve));

  it('is left to it, and the next hop gets another', async () => {
    const kernel = left({ [Q]: to(C) }); // and nobody tells where Q leads to, so that its object is nobody's
    const { sync, clock } = run(kernel);
    sync.want(P, to(A));
    clock.run();
    const id = kernel.routes().find((route) => route.prefix === P)!.object!;
    const resolve = async (resolution: NextHopResolution | undefined) => {
      kernel.setResolution(A, resolution);
      kernel.emit({ type: 'addresses', interface: 'eth0' });
      await news();
      clock.advance(1000);
    };
    await resolve({ reachable: false, reason: 'no route' });
    expect(gateways(kernel)).toEqual({ [Q]: [C] });
    const theirs = { id, protocol: 4, hop: { ...ON_LINK, gateway: B } };
    kernel.changeObjectsByOthers({ type: 'put', object: theirs, create: true });
    await news();
    clock.advance(1000);
    await resolve(undefined);
    expect(gateways(kernel)).toEqual({ [P]: [A], [Q]: [C] });
    expect(typeof kernel.objects === 'string' || kernel.objects.list()).toContainEqual(theirs);
  });
});

describe('while the kernel works at objects', () => {
  it('a next hop may be reached otherwise: that it is refused for what it was does not count', async () => {
    const kernel = newKernel();
    const { sync, clock } = run(kernel);
    const reach = (gateway: Address) =>
      kernel.setResolution(A, {
        ...{ reachable: true, interface: 'eth0', metric: 0, prefix: prefix('10.0.0.0/24') },
        gateway,
      });
    reach(B);
    kernel.setFailingObjects(({ hop }) => (hop?.gateway === B ? 'EINVAL' : undefined));
    kernel.emit({ type: 'addresses', interface: 'eth0' });
    await new Promise((resolve) => setImmediate(resolve)); // and it is looked at in 50 ms
    kernel.work.waits = true;
    sync.want(P, to(A));
    clock.run();
    expect(kernel.work.isBusy).toBe(true);
    reach(C);
    clock.advance(50);
    kernel.work.waits = false;
    kernel.work.finish();
    clock.run();
    expect([gateways(kernel), sync.inStep()]).toEqual([{ [P]: [C] }, true]);
  });
});

describe('two routes of a prefix', () => {
  it('that named an object which is gone are both gone', () => {
    const fib = new Fib(true);
    const object = { id: 0xba000005, protocol: 186, hop: { ...ON_LINK, gateway: A } };
    fib.foundObjects([object]);
    const list = new RouteBatch();
    const via = { type: 'unicast' as const, nextHops: [], object: object.id };
    for (const metric of [512, 1024]) list.add(0, 0, 26, 0x0a410000, 0, 0, 0, metric, via, 0);
    fib.adopt(list);
    fib.want(P, to(A));
    fib.setNextHop(A, {
      ...{ reachable: true, gateway: undefined, interface: 'eth0', metric: 0 },
      prefix: prefix('10.0.0.0/24'),
    });
    expect(fib.sizes.present).toBe(2);
    fib.foundObjects([]);
    expect(fib.sizes.present).toBe(0);
  });
});
