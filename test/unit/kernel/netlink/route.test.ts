// Octets come from ip(8) of iproute2 6.x (strace) and from Linux 6.18 (news of what ip did), so that this codec does not
// only agree with itself.

import { address, prefix } from 'bgp-utils';
import type { KernelRoute } from '../../../../src/kernel/kernel.ts';
import { readAttributes } from '../../../../src/kernel/netlink/attribute.ts';
import { MessageWriter, messages } from '../../../../src/kernel/netlink/message.ts';
import {
  type Interfaces,
  readRoute,
  routeProtocol,
  writeRouteDump,
  writeRouteLookup,
} from '../../../../src/kernel/netlink/route.ts';
import { RouteWriter } from '../../../../src/kernel/netlink/route-writer.ts';
import { batchOf } from '../../../support/routes.ts';

const interfaces: Interfaces = {
  index: (name) => (name === 'eth0' ? 3 : undefined),
  name: (index) => (index === 3 ? 'eth0' : undefined),
};
const octets = (hex: string) => Buffer.from(hex.replace(/\s/g, ''), 'hex');
const via = (gateway: string | undefined, weight = 1, onLink = false) => ({
  gateway: gateway === undefined ? undefined : address(gateway),
  interface: 'eth0',
  weight,
  onLink,
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
  protocol: 186,
});
const blackhole = (text: string, metric: number): KernelRoute => ({
  prefix: prefix(text),
  type: 'blackhole',
  metric,
  nextHops: [],
  protocol: 186,
});

/** @returns the message, or why there is none. */
function write(how: 'create' | 'replace' | 'remove', route: KernelRoute): Buffer | string {
  const writer = new RouteWriter(interfaces);
  const batch = batchOf([{ type: how === 'remove' ? 'remove' : 'replace', route, known: how === 'replace' }]);
  return writer.write(batch, 0, false, 1) ?? Buffer.from(writer.octets.subarray(0, writer.length));
}

function written(how: 'create' | 'replace' | 'remove', route: KernelRoute): Buffer {
  const octets = write(how, route);
  if (typeof octets === 'string') throw new Error(octets);
  return octets;
}

const read = (hex: string | Buffer) => {
  const [message] = [...messages(typeof hex === 'string' ? octets(hex) : hex)];
  return readRoute(message!, interfaces);
};

/** What says the same in any order: the fixed part, and the attributes. */
const meaning = (buffer: Buffer) => ({
  fixed: buffer.subarray(16, 28).toString('hex'),
  attributes: [...readAttributes(buffer, 28, buffer.length)]
    .map(([type, value]) => `${type}: ${value.toString('hex')}`)
    .sort(),
});

describe('route requests', () => {
  it.each<[string, 'create' | 'remove', KernelRoute, string]>([
    [
      'route add 10.65.0.0/26 via 10.0.0.2 dev eth0 proto bgp metric 1024',
      'create',
      unicast('10.65.0.0/26', 1024, via('10.0.0.2')),
      `3c000000 18000506 1710016b 00000000 021a0000 feba0001 00000000 08000100 0a410000 08000500 0a000002 08000600
       00040000 08000400 03000000`,
    ],
    [
      '-6 route add fd65::/122 proto bgp metric 7 nexthop via fd00::2 dev eth0 weight 3 nexthop via fd00::3 dev eth0',
      'create',
      unicast('fd65::/122', 7, via('fd00::2', 3), via('fd00::3')),
      `74000000 18000506 1710016b 00000000 0a7a0000 feba0001 00000000 14000100 fd650000 00000000 00000000 00000000
       08000600 07000000 3c000900 1c000002 03000000 14000500 fd000000 00000000 00000000 00000002 1c000000 03000000
       14000500 fd000000 00000000 00000000 00000003`,
    ],
    [
      'route add blackhole 10.65.2.0/26 proto bgp',
      'create',
      blackhole('10.65.2.0/26', 0),
      '24000000 18000506 1710016b 00000000 021a0000 feba0006 00000000 08000100 0a410200',
    ],
  ])('say what "ip %s" says', (_command, how, route, hex) => {
    expect(meaning(written(how, route))).toEqual(meaning(octets(hex)));
  });

  it('of removal name prefix, metric, protocol and type, and match any next hop and scope', () => {
    expect(written('remove', unicast('10.65.0.0/26', 1024, via('10.0.0.2'))).toString('hex')).toBe(
      octets(
        '2c000000 19000100 01000000 00000000 021a0000 febaff01 00000000 08000100 0a410000 08000600 00040000',
      ).toString('hex'),
    );
  });

  it.each([
    ['create', 0x601],
    ['replace', 0x501],
    ['remove', 0x001],
  ] as const)('to %s carry the flags for it', (how, flags) => {
    expect(written(how, blackhole('10.65.0.0/26', 0)).readUInt16LE(6)).toBe(flags);
  });

  it.each([
    [
      'an interface that is not there',
      unicast('10.65.0.0/26', 0, { ...via('10.0.0.2'), interface: 'eth9' }),
      /no interface eth9/,
    ],
    ['no next hop', unicast('10.65.0.0/26', 0), /needs a next hop/],
  ])('with %s are not written, and say so', (_what, route, message) => {
    expect(write('create', route)).toMatch(message);
  });

  it('name a next-hop object in place of next hops, and come back with it', () => {
    const route = { ...unicast('10.65.0.0/26', 1024, via('10.0.0.2')), object: 0xba000001 };
    const octets = written('create', route);
    expect(readAttributes(octets, 28, octets.length).get(30)?.toString('hex')).toBe('010000ba');
    expect(read(octets)).toMatchObject({ object: 0xba000001, metric: 1024 });
  });

  it.each<[string, KernelRoute]>([
    ['IPv4', unicast('10.65.0.0/26', 1024, via('10.0.0.2'))],
    ['IPv6', unicast('fd65::/122', 1024, via('fd00::2'))],
    ['default', unicast('0.0.0.0/0', 4294967295, via('10.0.0.2'))],
    ['on the link', unicast('10.65.0.0/26', 0, via(undefined))],
    ['a gateway taken as on the link', unicast('10.65.0.0/26', 0, via('10.9.9.9', 1, true))],
    ['IPv4 via IPv6 (RFC 5549)', unicast('10.65.0.0/26', 0, via('fd00::2'))],
    ['weights', unicast('10.65.0.0/26', 0, via('10.0.0.2', 256), via('10.0.0.3', 1, true))],
    ['a set via IPv6', unicast('10.65.0.0/26', 0, via('fd00::2'), via('fd00::3'))],
    ['blackhole', blackhole('fd65::/122', 9)],
  ])('come back as they were: %s', (_what, route) => {
    expect(read(written('create', route))).toEqual({ ...route, local: false, tos: 0 });
  });
});

describe('routes from the kernel', () => {
  it.each<[string, string, KernelRoute]>([
    [
      'unicast',
      `44000000 18000006 f50f016b 916e0000 021a0000 feba0001 00000000 08000f00 fe000000 08000100 0a410000 08000600
       00040000 08000500 0a000002 08000400 03000000`,
      unicast('10.65.0.0/26', 1024, via('10.0.0.2')),
    ],
    [
      'an equal-cost set',
      `58000000 18000006 f60f016b 936e0000 021a0000 feba0001 00000000 08000f00 fe000000 08000100 0a410100 08000600
       07000000 24000900 10000002 03000000 08000500 0a000002 10000000 03000000 08000500 0a000003`,
      unicast('10.65.1.0/26', 7, via('10.0.0.2', 3), via('10.0.0.3')),
    ],
    [
      'a blackhole',
      '2c000000 18000006 f60f016b 956e0000 021a0000 feba0006 00000000 08000f00 fe000000 08000100 0a410200',
      blackhole('10.65.2.0/26', 0),
    ],
    [
      'an IPv6 blackhole, which the kernel hangs on lo and gives a metric',
      `74000000 18000006 f70f016b 9b6e0000 0a7a0000 feba0006 00000000 08000f00 fe000000 14000100 fd660000 00000000
       00000000 00000000 08000600 00040000 08000400 01000000 24000c00 00000000 00000000 00000000 00000000 00000000
       00000000 00000000 00000000 05001400 00000000`,
      blackhole('fd66::/122', 1024),
    ],
    [
      'an IPv4 route via IPv6',
      `4c000000 18000006 f70f016b 9d6e0000 021a0000 feba0001 00000000 08000f00 fe000000 08000100 0a410300 16001200
       0a00fd00 00000000 00000000 00000000 00020000 08000400 03000000`,
      unicast('10.65.3.0/26', 0, via('fd00::2')),
    ],
    [
      'onlink',
      `44000000 18000006 f80f016b 9f6e0000 021a0000 feba0001 04000000 08000f00 fe000000 08000100 0a410400 08000600
       05000000 08000500 0a090909 08000400 03000000`,
      unicast('10.65.4.0/26', 5, via('10.9.9.9', 1, true)),
    ],
    [
      'the default route of another program',
      `34000000 18000006 f60f016b 976e0000 02000000 fe040001 00000000 08000f00 fe000000 08000500 0a0000fe 08000400
       03000000`,
      { ...unicast('0.0.0.0/0', 0, via('10.0.0.254')), protocol: 4 },
    ],
  ])('read: %s', (_what, hex, route) => {
    expect(read(hex)).toEqual({ ...route, local: false, tos: 0 });
    const [message] = [...messages(octets(hex))];
    expect(routeProtocol(message!)).toBe(route.protocol);
  });

  it('names an interface that nobody knows by its number', () => {
    const hex =
      '34000000 18000006 f60f016b 976e0000 02000000 fe040001 00000000 08000f00 fe000000 08000500 0a0000fe 08000400 09000000';
    expect(read(hex)?.nextHops[0]?.interface).toBe('if9');
  });

  it.each([
    ['another table', '24000000 18000000 00000000 00000000 021a0000 64ba0001 00000000 08000100 0a410000'],
    [
      'another table, by attribute',
      '2c000000 18000000 00000000 00000000 021a0000 feba0001 00000000 08000100 0a410000 08000f00 e8030000',
    ],
    ['a cache entry', '24000000 18000000 00000000 00000000 021a0000 feba0001 00020000 08000100 0a410000'],
    [
      'a multicast route (family 128)',
      '24000000 18000000 00000000 00000000 801a0000 feba0001 00000000 08000100 0a410000',
    ],
    ['a message that is too short', '14000000 18000000 00000000 00000000 021a0000'],
  ])('passes over %s', (_what, hex) => {
    expect(read(hex)).toBeUndefined();
  });
});

describe('questions', () => {
  const write = (ask: (writer: MessageWriter) => void) => {
    const writer = new MessageWriter();
    ask(writer);
    return writer.octets.toString('hex');
  };

  it('ask for our routes of a family in the main table', () => {
    expect(write((writer) => writeRouteDump(writer, 'ipv6', 186, 5))).toBe(
      octets('1c000000 1a000103 05000000 00000000 0a000000 feba0000 00000000').toString('hex'),
    );
  });

  it('ask for the route that matches an address', () => {
    expect(write((writer) => writeRouteLookup(writer, address('10.0.0.9'), 5))).toBe(
      octets('24000000 1a000100 05000000 00000000 02200000 00000000 00200000 08000100 0a000009').toString(
        'hex',
      ),
    );
  });
});
