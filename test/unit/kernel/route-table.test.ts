import { address, parseScopedAddress, prefix } from 'bgp-utils';
import { type KernelRoute, sameRoute } from '../../../src/kernel/kernel.ts';
import { conflictMessage, RouteTable, resolutionBy } from '../../../src/kernel/route-table.ts';

const hop = (gateway: string | undefined, name: string | undefined = 'eth0', weight = 1) => ({
  gateway: gateway === undefined ? undefined : address(gateway),
  interface: name,
  weight,
  onLink: false,
});
const route = (
  text: string,
  metric: number,
  ...nextHops: KernelRoute['nextHops'][number][]
): KernelRoute => ({
  prefix: prefix(text),
  type: nextHops.length > 0 ? 'unicast' : 'blackhole',
  metric,
  nextHops,
  protocol: 4,
});
const table = (...routes: KernelRoute[]): RouteTable => {
  const made = new RouteTable();
  for (const each of routes) made.add(each);
  return made;
};

describe('RouteTable', () => {
  it.each([
    ['fe80::7%eth0', 'eth0'],
    ['fe80::7%eth1', 'eth1'],
    ['fe80::7%eth2', undefined], // a default route leads to no neighbor
  ])('finds %s on its link alone', (text, by) => {
    const made = table(
      route('fe80::/64', 256, hop(undefined, 'eth0')),
      route('fe80::/64', 256, hop(undefined, 'eth1')),
      route('::/0', 1024, hop('fe80::1', 'eth2')),
    );
    const found = resolutionBy(made.longestMatch(parseScopedAddress(text)!));
    if (by === undefined) expect(found).toEqual({ reachable: false, reason: 'no route' });
    else expect(found).toMatchObject({ reachable: true, gateway: undefined, interface: by });
  });

  it.each([
    ['10.1.2.3', '10.1.2.0/24'],
    ['10.1.3.3', '10.1.0.0/16'],
    ['10.1.2.1', '10.1.2.1/32'],
    ['192.0.2.1', '0.0.0.0/0'],
    ['fd00::1', 'fd00::/64'],
    ['2001:db8::1', undefined],
  ])('finds for %s the most specific route, %s', (text, expected) => {
    const routes = ['0.0.0.0/0', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.1/32', 'fd00::/64'];
    const made = table(...routes.map((each) => route(each, 0, hop(undefined))));
    expect(made.longestMatch(address(text))?.prefix).toBe(expected);
  });

  it('prefers the lower metric among routes of one prefix', () => {
    const made = table(route('10.0.0.0/8', 20, hop('10.0.0.2')), route('10.0.0.0/8', 10, hop('10.0.0.3')));
    expect(made.longestMatch(address('10.0.0.9'))?.metric).toBe(10);
  });

  it.each([
    ['10.0.0.0/8', 10, 10],
    ['10.0.0.0/8', 0, undefined],
    ['fd00::/64', 0, 1024],
  ])('finds by prefix %s and metric %d', (text, metric, found) => {
    const made = table(route('10.0.0.0/8', 10, hop('10.0.0.2')), route('fd00::/64', 1024, hop(undefined)));
    expect(made.find(prefix(text), metric)?.metric).toBe(found);
  });

  it('holds a route once, and removes exactly the one given', () => {
    const one = route('10.0.0.0/8', 10, hop('10.0.0.2'));
    const made = table(one, one, { ...one, protocol: 3 });
    expect(made.at(prefix('10.0.0.0/8'))).toHaveLength(2);
    expect(made.remove(route('10.0.0.0/8', 10, hop('10.0.0.3')))).toBe(false);
    expect(made.remove(one)).toBe(true);
    expect(made.at(prefix('10.0.0.0/8'))).toMatchObject([{ protocol: 3 }]);
  });

  it('drops with an interface the routes that go through it alone', () => {
    const made = table(
      route('10.1.0.0/16', 0, hop(undefined, 'eth1')),
      route('10.2.0.0/16', 0, hop('10.0.0.2'), hop('10.0.0.3', 'eth1')),
      route('10.3.0.0/16', 0),
    );
    made.dropInterface('eth1');
    expect([...made.values()].map((each) => each.prefix)).toEqual(['10.2.0.0/16', '10.3.0.0/16']);
  });
});

describe('sameRoute', () => {
  const base = route('fd00::/64', 1024, hop('fd00::2'));
  const set = route('fd00::/64', 1024, hop('fd00::2'), hop('fd00::3'));
  it.each<[string, KernelRoute, KernelRoute, boolean]>([
    ['the same', base, { ...base }, true],
    ['no metric and the metric IPv6 makes of it', base, { ...base, metric: 0 }, true],
    ['another gateway', base, route('fd00::/64', 1024, hop('fd00::3')), false],
    ['another interface', base, route('fd00::/64', 1024, hop('fd00::2', 'eth1')), false],
    ['another metric', base, { ...base, metric: 7 }, false],
    ['another type', base, { ...base, type: 'blackhole' }, false],
    ['a set in another order', set, route('fd00::/64', 1024, hop('fd00::3'), hop('fd00::2')), true],
    [
      'a set with other weights',
      set,
      route('fd00::/64', 1024, hop('fd00::2', 'eth0', 2), hop('fd00::3')),
      false,
    ],
    ['a larger set', base, set, false],
    ['a lone next hop with a weight', base, route('fd00::/64', 1024, hop('fd00::2', 'eth0', 9)), true],
  ])('%s: %#', (_what, a, b, same) => {
    expect([sameRoute(a, b), sameRoute(b, a)]).toEqual([same, same]);
  });
});

describe('resolutionBy', () => {
  it.each([
    [undefined, 'no route'],
    [route('10.0.0.0/8', 0), 'the route 10.0.0.0/8 discards or refuses packets'],
    [
      route('10.0.0.0/8', 0, { ...hop('10.0.0.2'), interface: undefined }),
      'the route 10.0.0.0/8 has no interface',
    ],
  ])('says why not: %#', (by, reason) => {
    expect(resolutionBy(by)).toEqual({ reachable: false, reason });
  });
});

describe('conflictMessage', () => {
  it.each([
    [4, /protocol static \(4\).*metric 0.*ip route show 10\.0\.0\.0\/8/],
    [12, /protocol bird \(12\).*stop BIRD/],
    [99, /a route of protocol 99 /],
  ])('names protocol %d and what to do', (protocol, expected) => {
    expect(conflictMessage({ ...route('10.0.0.0/8', 0), protocol })).toMatch(expected);
  });
});
