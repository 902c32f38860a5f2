import { address, type ForwardingRoute, type Prefix, PrefixTable, prefix } from 'bgp-utils';
import { FibSync } from '../../../src/fib/sync.ts';
import { MemoryKernel } from '../../../src/kernel/memory.ts';
import { KernelPlane, type KernelRule } from '../../../src/speaker/forwarding.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const PEER = prefix('192.0.2.1/32');
const OTHER = prefix('10.65.0.0/26');

function fixture() {
  const clock = new FakeClock();
  const kernel = new MemoryKernel({ later: (run) => clock.schedule(0, run) });
  kernel.addByOthers({
    ...{ prefix: prefix('10.0.0.0/24'), type: 'unicast', metric: 0, protocol: 2 },
    nextHops: [{ gateway: undefined, interface: 'eth0', weight: 1, onLink: false }],
  });
  const fib = new FibSync({ kernel, clock, onNextHop: () => {}, onLog: () => {} });
  fib.start();
  const plane = new KernelPlane(fib);
  const shown = () => {
    clock.run();
    return kernel.routes().map((route) => `${route.prefix} ${route.nextHops[0]?.gateway} ${route.metric}`);
  };
  const table = new PrefixTable('ipv4');
  const want = (key: Prefix, route: ForwardingRoute | undefined) =>
    plane.want(table, table.addPrefix(key), route);
  return { plane, want, shown };
}

const ALL: KernelRule = {
  poolOf: () => 0,
  route: (_pool, _family, route) =>
    route.type === 'blackhole' ? undefined : { type: 'unicast', nextHops: route.nextHops, metric: 1024 },
};
const NONE: KernelRule = { ...ALL, route: () => undefined };
const via = (gateway: string): ForwardingRoute => ({
  ...{ type: 'unicast', nextHops: [address(gateway)], localPref: 100, stale: false },
});
const fixed = (gateway: string) =>
  new Map([[PEER, { type: 'unicast' as const, nextHops: [address(gateway)], metric: 0 }]]);

describe('KernelPlane', () => {
  it('installs what the rule makes of a route, and of all of them when it changes', () => {
    const { plane, want, shown } = fixture();
    want(OTHER, via('10.0.0.2'));
    expect(shown()).toEqual([]); // no rule yet
    plane.setRule(ALL, new Map(), []);
    expect(shown()).toEqual(['10.65.0.0/26 10.0.0.2 1024']);
    plane.setRule(NONE, new Map(), []);
    expect(shown()).toEqual([]);
  });

  it("has fixed routes whatever the speaker says, and the speaker's again when they go (§3.1)", () => {
    const { plane, want, shown } = fixture();
    want(PEER, via('10.0.0.2'));
    plane.setRule(ALL, fixed('10.0.0.254'), []);
    expect(shown()).toEqual(['192.0.2.1/32 10.0.0.254 0']);
    want(PEER, undefined);
    want(PEER, via('10.0.0.3'));
    expect(shown()).toEqual(['192.0.2.1/32 10.0.0.254 0']);
    plane.setRule(ALL, fixed('10.0.0.253'), []);
    expect(shown()).toEqual(['192.0.2.1/32 10.0.0.253 0']);
    plane.setRule(ALL, new Map(), []);
    expect(shown()).toEqual(['192.0.2.1/32 10.0.0.3 1024']);
  });
});
