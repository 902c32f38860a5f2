// The kernel's routes depend on what is wanted, reachable and occupied in the end, and on nothing of the way there: not on
// order, doubling, refusals, lost news or routes that came and went.

import { type Address, address, type Prefix, prefix } from 'bgp-utils';
import fc from 'fast-check';
import type { FibRoute } from '../../src/fib/fib.ts';
import { FibSync } from '../../src/fib/sync.ts';
import {
  type KernelRoute,
  type NextHopResolution,
  PROTOCOL_BGP,
  sameRoute,
} from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory.ts';
import { FakeClock } from '../support/fake-clock.ts';

const PREFIXES = ['10.65.0.0/26', '10.65.0.64/26', '10.65.0.7/32', 'fd65::/122'].map(prefix);
const HOPS = ['10.0.0.2', '10.0.0.3', '172.16.0.9'].map(address);
const GATEWAYS = ['10.0.0.8', '10.0.0.9'].map(address);
const METRICS = [0, 512, 1024];
const STATIC = 4;

type Step =
  | { readonly do: 'want'; readonly prefix: Prefix; readonly route: FibRoute | undefined }
  | { readonly do: 'reach'; readonly hop: Address; readonly gateway: Address | 'link' | undefined }
  | { readonly do: 'occupy' | 'free'; readonly prefix: Prefix; readonly metric: number }
  | { readonly do: 'refuse' | 'permit'; readonly prefix: Prefix }
  | { readonly do: 'steal' | 'steal-object'; readonly index: number }
  | { readonly do: 'flush-objects' | 'bounce' }
  | { readonly do: 'plant'; readonly route: KernelRoute }
  /** From here on the kernel takes its time: how many changes it makes, and when it says so, is up to the steps. */
  | { readonly do: 'delay' | 'finish' }
  | { readonly do: 'work'; readonly changes: number }
  | { readonly do: 'wait'; readonly milliseconds: number }
  | { readonly do: 'sweep' };

const anyPrefix = fc.constantFrom(...PREFIXES);
const anyMetric = fc.constantFrom(...METRICS);
const anyRoute: fc.Arbitrary<FibRoute> = fc.oneof(
  fc.record({ type: fc.constant('blackhole' as const), metric: anyMetric }),
  fc.record({
    type: fc.constant('unicast' as const),
    nextHops: fc.subarray(HOPS, { minLength: 1 }),
    metric: anyMetric,
  }),
);
const planted = (key: Prefix, metric: number, gateway: Address): KernelRoute => ({
  prefix: key,
  type: 'unicast',
  metric,
  nextHops: [{ gateway, interface: 'eth0', weight: 1, onLink: false }],
  protocol: PROTOCOL_BGP,
});
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('want' as const),
      prefix: anyPrefix,
      route: fc.option(anyRoute, { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('reach' as const),
      hop: fc.constantFrom(...HOPS),
      gateway: fc.constantFrom(...GATEWAYS, 'link' as const, undefined),
    }),
  },
  fc.record({
    do: fc.constantFrom('occupy' as const, 'free' as const),
    prefix: anyPrefix,
    metric: anyMetric,
  }),
  fc.record({ do: fc.constantFrom('refuse' as const, 'permit' as const), prefix: anyPrefix }),
  fc.record({ do: fc.constantFrom('steal' as const, 'steal-object' as const), index: fc.nat(5) }),
  fc.record({ do: fc.constantFrom('flush-objects' as const, 'bounce' as const) }),
  fc.record({
    do: fc.constant('plant' as const),
    route: fc.tuple(anyPrefix, anyMetric, fc.constantFrom(...GATEWAYS)).map((each) => planted(...each)),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(0, 1, 60, 1500, 61_000),
    }),
  },
  fc.record({ do: fc.constant('sweep' as const) }),
  fc.record({ do: fc.constant('delay' as const) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('work' as const), changes: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const) }) },
);

const objectsOf = (kernel: MemoryKernel) =>
  typeof kernel.objects === 'string' ? [] : kernel.objects.list()!;

const news = () => new Promise((resolve) => setImmediate(resolve));
const unreachable: NextHopResolution = { reachable: false, reason: 'no route' };
const resolutionTo = (gateway: Address | 'link' | undefined): NextHopResolution =>
  gateway === undefined
    ? unreachable
    : {
        reachable: true,
        gateway: gateway === 'link' ? undefined : gateway,
        interface: 'eth0',
        metric: 1,
        prefix: prefix('10.0.0.0/8'),
      };

/** What the kernel shall hold of ours, computed anew from the end of the story. */
function expected(
  wanted: ReadonlyMap<Prefix, FibRoute>,
  reach: ReadonlyMap<Address, Address | 'link' | undefined>,
): KernelRoute[] {
  const routes: KernelRoute[] = [];
  for (const [key, route] of wanted) {
    const base = { prefix: key, metric: route.metric, protocol: PROTOCOL_BGP };
    if (route.type === 'blackhole') routes.push({ ...base, type: 'blackhole', nextHops: [] });
    else {
      const gateways = route.nextHops.map((hop) => (reach.get(hop) === 'link' ? hop : reach.get(hop)));
      const nextHops = [...new Set(gateways)]
        .filter((gateway) => gateway !== undefined)
        .map((gateway) => ({ gateway: gateway as Address, interface: 'eth0', weight: 1, onLink: false }));
      if (nextHops.length > 0) routes.push({ ...base, type: 'unicast', nextHops });
    }
  }
  return routes;
}

const describeRoute = (route: KernelRoute): string =>
  // A group may name two next hops behind one router.
  `${route.prefix} ${route.metric} ${route.type} ${[...new Set(route.nextHops.map((hop) => hop.gateway))]
    .sort()
    .join(',')}`;

async function play(
  found: readonly KernelRoute[],
  steps: readonly Step[],
  losesNews: boolean,
  objects: boolean,
): Promise<void> {
  const clock = new FakeClock();
  const kernel = new MemoryKernel({ objects, later: (run) => clock.schedule(0, run) });
  const wanted = new Map<Prefix, FibRoute>();
  const reach = new Map<Address, Address | 'link' | undefined>();
  const occupied = new Map<string, KernelRoute>();
  for (const gateway of GATEWAYS) kernel.setResolution(gateway, resolutionTo('link'));
  for (const hop of HOPS) kernel.setResolution(hop, unreachable);
  for (const route of found) kernel.addByOthers(route);
  const sync = new FibSync({ kernel, clock, onNextHop: () => undefined, onLog: () => undefined });
  sync.start();
  if (losesNews) kernel.emit = () => undefined;

  for (const step of steps) {
    switch (step.do) {
      case 'want':
        if (step.route === undefined) wanted.delete(step.prefix);
        else wanted.set(step.prefix, step.route);
        sync.want(step.prefix, step.route);
        break;
      case 'reach':
        reach.set(step.hop, step.gateway);
        kernel.setResolution(step.hop, resolutionTo(step.gateway));
        kernel.emit({ type: 'addresses', interface: 'eth0' });
        break;
      case 'occupy': {
        const theirs = { ...planted(step.prefix, step.metric, GATEWAYS[0]!), protocol: STATIC };
        if (!occupied.has(step.prefix) && kernel.addByOthers(theirs)) occupied.set(step.prefix, theirs);
        break;
      }
      case 'free': {
        const theirs = occupied.get(step.prefix);
        occupied.delete(step.prefix);
        if (theirs !== undefined) kernel.removeByOthers(theirs);
        break;
      }
      case 'refuse':
        kernel.setFailing(step.prefix, 'ENOMEM');
        break;
      case 'permit':
        kernel.setFailing(step.prefix, undefined);
        break;
      case 'steal': {
        const route = kernel.routes()[step.index];
        if (route !== undefined) kernel.removeByOthers(route);
        break;
      }
      case 'steal-object': {
        const object = objectsOf(kernel)[step.index];
        if (object !== undefined) kernel.changeObjectsByOthers({ type: 'remove', id: object.id });
        break;
      }
      case 'flush-objects':
        for (const { id } of objectsOf(kernel)) kernel.changeObjectsByOthers({ type: 'remove', id });
        break;
      case 'bounce':
        for (const route of occupied.values()) kernel.removeByOthers(route);
        occupied.clear();
        kernel.takeDown('eth0');
        kernel.emit({ type: 'links', interface: 'eth0', up: true });
        break;
      case 'plant':
        kernel.replaceUnheard(step.route);
        break;
      case 'wait':
        await news();
        clock.advance(step.milliseconds);
        break;
      case 'sweep':
        sync.sweep();
        break;
      case 'delay':
        kernel.work.waits = true;
        break;
      case 'work':
        kernel.work.some(step.changes);
        break;
      case 'finish':
        kernel.work.finish();
        break;
    }
  }

  kernel.work.waits = false;
  kernel.work.finish();
  for (const key of PREFIXES) kernel.setFailing(key, undefined);
  for (const theirs of occupied.values()) kernel.removeByOthers(theirs);
  sync.sweep();
  await news();
  // Lost news of a next hop comes with the next news of any; lost news of routes with the next look.
  MemoryKernel.prototype.emit.call(kernel, { type: 'overrun' });
  await news();
  clock.advance(200_000);
  expect(kernel.routes().map(describeRoute).sort()).toEqual(
    expected(wanted, reach)
      .map((route) => ({
        ...route,
        metric: route.prefix.includes(':') && route.metric === 0 ? 1024 : route.metric,
      }))
      .map(describeRoute)
      .sort(),
  );
  expect(sync.inStep()).toBe(true);
  expectNoLeftovers(kernel, sync);
  expect(sync.sizes.present).toBe(kernel.routes().length);
  expect(
    kernel
      .routes()
      .every((route) => sync.view(route.prefix)[0]!.present.some((each) => sameRoute(each, route))),
  ).toBe(true);
  sync.close();
}

/** Every object is named by a route, or by a group that is. */
function expectNoLeftovers(kernel: MemoryKernel, sync: FibSync): void {
  const named = new Set(sync.view().flatMap(({ present }) => present.flatMap(({ object }) => object ?? [])));
  const all = objectsOf(kernel);
  for (const { id, members } of all)
    if (named.has(id)) for (const member of members ?? []) named.add(member.id);
  const unused = all.filter(({ id }) => !named.has(id));
  const wanted = sync
    .view()
    .flatMap(({ wanted: route }) => (route?.type === 'unicast' ? route.nextHops : []));
  // A wanted next hop keeps its object also where its routes are of an earlier run, and name it themselves.
  expect(unused.length).toBeLessThanOrEqual(new Set(wanted).size + sync.sizes.wanted);
}

describe('forwarding table', () => {
  const found = fc.array(fc.tuple(anyPrefix, anyMetric, fc.constantFrom(...GATEWAYS)), { maxLength: 4 });
  it.each([
    ['with all news', false, false],
    ['with all news lost but the last', true, false],
    ['next-hop objects, with all news', false, true],
    ['next-hop objects, with all news lost but the last', true, true],
  ])(
    'ends the same whatever happened on the way (%s)',
    async (_what, losesNews, objects) => {
      await fc.assert(
        fc.asyncProperty(found, fc.array(anyStep, { maxLength: 40 }), async (old, steps) => {
          const unique = new Map(old.map((each) => [`${each[0]} ${each[1]}`, planted(...each)]));
          await play([...unique.values()], steps, losesNews, objects);
        }),
        { numRuns: 300 },
      );
    },
    30_000,
  );
});
