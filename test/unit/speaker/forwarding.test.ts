import { address, type ForwardingRoute, type Prefix, PrefixTable, prefix } from 'bgp-utils';
import { FibSync } from '../../../src/fib/sync.ts';
import { type KernelRoute, PROTOCOL_BGP } from '../../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../../src/kernel/memory.ts';
import { KernelPlane, type KernelRule } from '../../../src/speaker/forwarding.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const PEER = prefix('192.0.2.1/32');
const OTHER = prefix('10.65.0.0/26');

function fixture(...left: KernelRoute[]) {
  const clock = new FakeClock();
  const kernel = new MemoryKernel({ later: (run) => clock.schedule(0, run) });
  kernel.addByOthers({
    ...{ prefix: prefix('10.0.0.0/24'), type: 'unicast', metric: 0, protocol: 2 },
    nextHops: [{ gateway: undefined, interface: 'eth0', weight: 1, onLink: false }],
  });
  for (const route of left) kernel.addByOthers(route);
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
  return { clock, kernel, plane, want, shown };
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
  describe('what an earlier run has left', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());
    const left = () => {
      const found = fixture({
        prefix: OTHER,
        type: 'blackhole',
        metric: 0,
        protocol: PROTOCOL_BGP,
        nextHops: [],
      });
      const passed = (ms: number) => {
        jest.advanceTimersByTime(ms);
        return found.shown().length;
      };
      return { ...found, passed };
    };

    it('goes two seconds after the first tables', () => {
      const { plane, passed } = left();
      plane.sweep(() => true);
      expect(passed(1999)).toBe(1);
      expect(passed(1)).toBe(0);
    });

    it('stays for as long as something is decided on that was not handed over', () => {
      const { plane, passed } = left();
      let settled = false;
      plane.sweep(() => settled);
      expect(passed(10_000)).toBe(1);
      settled = true;
      expect(passed(100)).toBe(0);
    });

    it('goes after half a minute, however much is decided on', () => {
      const { plane, passed } = left();
      plane.sweep(() => false);
      expect(passed(31_900)).toBe(1);
      expect(passed(200)).toBe(0);
    });
  });

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
