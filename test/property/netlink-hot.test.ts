// Route messages that are written as words, and lists that are read in place, against plain twins: octet by octet, by
// linux/rtnetlink.h.

import { type Address, address, type Prefix, prefixAddress, prefixLength, prefixOf } from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import fc from 'fast-check';
import { RouteBatch } from '../../src/kernel/batch.ts';
import { type KernelNextHop, type KernelRoute, PROTOCOL_BGP, sameRoute } from '../../src/kernel/kernel.ts';
import { messages } from '../../src/kernel/netlink/message.ts';
import { RouteReader } from '../../src/kernel/netlink/route-reader.ts';
import { RouteWriter } from '../../src/kernel/netlink/route-writer.ts';
import { batchOf, type RouteChange } from '../support/routes.ts';

const INTERFACES = ['eth0', 'eth1', 'tunl0'];
const interfaces = {
  index: (name: string) => INTERFACES.indexOf(name) + 2,
  name: (index: number) => INTERFACES[index - 2],
};

const octetsOf = (value: Address): number[] =>
  value.includes(':')
    ? value
        .split('::')[0]!
        .split(':')
        .flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 0xff])
        .concat(Array(16).fill(0))
        .slice(0, 15)
        .concat(Number.parseInt(value.split('::')[1] || '0', 16))
    : value.split('.').map(Number);
const u16 = (value: number) => [value & 0xff, value >>> 8];
const u32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const attribute = (type: number, value: number[]) => [...u16(4 + value.length), ...u16(type), ...value];

function plainGateway(gateway: Address | undefined, v6: boolean): number[] {
  if (gateway === undefined) return [];
  const sameFamily = gateway.includes(':') === v6;
  if (sameFamily) return attribute(5, octetsOf(gateway));
  const via = attribute(18, [...u16(gateway.includes(':') ? 10 : 2), ...octetsOf(gateway)]);
  return [...via, ...Array((4 - (via.length % 4)) % 4).fill(0)];
}

/** The whole message of a change, the slow way. */
function plainMessage({ type, route, known }: RouteChange, sequence: number): number[] {
  const v6 = route.prefix.includes(':');
  const removes = type === 'remove';
  const hops = removes || route.object !== undefined ? [] : route.nextHops;
  const onLink = hops.length > 0 && hops.every(({ gateway }) => gateway === undefined);
  const scope = removes ? 255 : onLink ? 253 : 0;
  const metric = route.metric === 0 && v6 ? 1024 : route.metric;
  const oif = (hop: KernelNextHop) => (hop.interface === undefined ? 0 : interfaces.index(hop.interface));
  const lead = removes
    ? []
    : route.object !== undefined
      ? attribute(30, u32(route.object))
      : hops.length === 1
        ? [...plainGateway(hops[0]!.gateway, v6), ...(oif(hops[0]!) ? attribute(4, u32(oif(hops[0]!))) : [])]
        : hops.length > 1
          ? attribute(
              9,
              hops.flatMap((hop) => {
                const gateway = plainGateway(hop.gateway, v6);
                const head = [...u16(8 + gateway.length), hop.onLink ? 4 : 0, hop.weight - 1];
                return [...head, ...u32(oif(hop)), ...gateway];
              }),
            )
          : [];
  const body = [
    ...[v6 ? 10 : 2, prefixLength(route.prefix), 0, 0, 254, PROTOCOL_BGP, scope],
    route.type === 'blackhole' ? 6 : 1,
    ...u32(hops.length === 1 && hops[0]!.onLink ? 4 : 0),
    ...attribute(1, octetsOf(prefixAddress(route.prefix))),
    ...(metric === 0 ? [] : attribute(6, u32(metric))),
    ...lead,
  ];
  const flags = removes ? 1 : known ? 0x501 : 0x601;
  return [
    ...u32(16 + body.length),
    ...u16(removes ? 25 : 24),
    ...u16(flags),
    ...u32(sequence),
    ...u32(0),
    ...body,
  ];
}

const anyPrefix = fc.tuple(fc.boolean(), fc.nat(0xffff), fc.nat(32)).map(([v6, bits, length]): Prefix => {
  const text = v6 ? `fd65:${bits.toString(16)}::` : `10.${bits >> 8}.${bits & 255}.0`;
  return prefixOf(address(text), v6 ? length * 2 : length);
});
const anyGateway = fc.constantFrom(...['10.0.0.2', '10.1.0.3', 'fd00::2', 'fd01::3'].map(address));
const anyHop: fc.Arbitrary<KernelNextHop> = fc.record({
  gateway: fc.option(anyGateway, { nil: undefined, freq: 8 }),
  interface: fc.constantFrom(...INTERFACES),
  weight: fc.integer({ min: 1, max: 256 }),
  onLink: fc.boolean(),
});
const anyRoute: fc.Arbitrary<KernelRoute> = fc
  .tuple(
    anyPrefix,
    fc.constantFrom(0, 1, 1024, 0x7fffffff, 0xffffffff),
    fc.oneof(
      fc.record({ type: fc.constant('blackhole' as const), nextHops: fc.constant([]) }),
      fc.record({
        type: fc.constant('unicast' as const),
        nextHops: fc.array(anyHop, { minLength: 1, maxLength: 4 }),
      }),
      fc.record({
        type: fc.constant('unicast' as const),
        nextHops: fc.constant([]),
        object: fc.constantFrom(1, 0xba000001),
      }),
    ),
  )
  .map(([at, metric, via]) => ({ prefix: at, metric, ...via, protocol: PROTOCOL_BGP }));
const anyChange: fc.Arbitrary<RouteChange> = fc.record({
  type: fc.constantFrom('replace' as const, 'remove' as const),
  route: anyRoute,
  known: fc.boolean(),
});

describe('messages of many routes', () => {
  it('are octet by octet those of the plain twin', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { minLength: 1, maxLength: 40 }), (changes) => {
        const writer = new RouteWriter(interfaces);
        const batch = batchOf(changes);
        for (const at of changes.keys()) expect(writer.write(batch, at, false, at + 1)).toBeUndefined();
        const plain = changes.flatMap((change, at) => plainMessage(change, at + 1));
        expect(formatHex(writer.octets.subarray(0, writer.length))).toBe(formatHex(Uint8Array.from(plain)));
      }),
      { numRuns: 300 },
    );
  });

  it('are read back as the routes that they were', () => {
    fc.assert(
      fc.property(fc.array(anyRoute, { minLength: 1, maxLength: 40 }), (routes) => {
        const octets = Buffer.from(
          routes.flatMap((route, at) => plainMessage({ type: 'replace', route }, at + 1)),
        );
        const list = new RouteBatch();
        const reader = new RouteReader(interfaces);
        for (const message of messages(octets))
          reader.read(message, message.octets[message.start] === 10 ? 'ipv6' : 'ipv4', list);
        expect(list.size).toBe(routes.length);
        for (const [at, route] of routes.entries()) expect(sameRoute(list.route(at), route)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
