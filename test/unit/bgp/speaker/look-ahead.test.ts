// Looking ahead only reads: whatever octets it is given, nothing follows from them.

import { type PrefixId, PrefixTable } from 'bgp-utils';
import fc from 'fast-check';
import { AdjRibIn } from '../../../../bgp/src/rib/adj-rib-in.ts';
import { AttributePool } from '../../../../bgp/src/rib/attribute-pool.ts';
import { NONE, type PeerIndex } from '../../../../bgp/src/route/route.ts';
import { LookAhead } from '../../../../bgp/src/speaker/look-ahead.ts';
import { INITIAL_CONTEXT } from '../../../../bgp/src/wire/context.ts';
import { announcements, withdrawals } from '../../../bench/feed.ts';
import { InProcessReflector } from '../../../bench/in-process.ts';

const PREFIXES = 5000;
const CONTEXT = { ...INITIAL_CONTEXT, families: ['ipv4', 'ipv6'] } as const;

const tables = { ipv4: new PrefixTable('ipv4'), ipv6: new PrefixTable('ipv6') };
for (let i = 0; i < PREFIXES; i++) {
  tables.ipv4.retain(tables.ipv4.add(24, ((11 << 24) + (i << 8)) >>> 0, 0, 0, 0));
  tables.ipv6.retain(tables.ipv6.add(64, 0x2a000000, i, 0, 0));
}

const pool = new AttributePool();
const ribs = { ipv4: new AdjRibIn(tables.ipv4, pool), ipv6: new AdjRibIn(tables.ipv6, pool) };
const set = pool.intern({ origin: 0, asPath: [] });
for (const rib of [ribs.ipv4, ribs.ipv6]) {
  for (let peer = 1; peer < 6; peer++) {
    pool.retain(set);
    rib.insert(7 as PrefixId, peer as PeerIndex, 0, set, NONE);
  }
}

const feeds = (['ipv4', 'ipv6'] as const).flatMap((family) => {
  const shape = { family, prefixes: 100, perSet: 5 };
  const nextHop = new Uint8Array(family === 'ipv4' ? 4 : 16).fill(10);
  return [
    announcements({ ...shape, nextHop, asPath: [65001], localPref: undefined }),
    withdrawals({ ...shape, prefixes: 1000 }),
  ];
});

/** A table that notes how many hashes it was asked for. */
function asked(octets: Uint8Array, context: typeof CONTEXT = CONTEXT): number {
  let count = 0;
  const watched = (family: 'ipv4' | 'ipv6') => ({
    adjRibIn: ribs[family],
    prefixes: Object.assign(Object.create(tables[family]) as PrefixTable, {
      ask: (hashes: Int32Array, some: number) => {
        count += some;
        return tables[family].ask(hashes, some);
      },
    }),
  });
  new LookAhead(watched, PREFIXES).read(octets, 0, context);
  return count;
}

it('asks for every prefix of a plain table, announced or withdrawn, of either family', () => {
  expect(feeds.map((octets) => asked(octets))).toEqual([100, 1000, 100, 1000]);
});

it('asks nothing for octets that are soon read', () => {
  expect(asked(feeds[0]!.subarray(0, 200))).toBe(0);
});

it('takes any octets without a fault, and leaves the tables as they are', () => {
  const changed = fc.record({
    feed: fc.nat(feeds.length - 1),
    start: fc.nat(200),
    changes: fc.array(fc.tuple(fc.nat(1500), fc.nat(255)), { maxLength: 20 }),
    addPath: fc.boolean(),
  });
  fc.assert(
    fc.property(changed, ({ feed, start, changes, addPath }) => {
      const octets = Uint8Array.from(feeds[feed]!);
      for (const [at, value] of changes) octets[at % octets.length] = value;
      const context = { ...CONTEXT, addPathReceive: addPath ? CONTEXT.families : [] };
      new LookAhead((family) => ({ prefixes: tables[family], adjRibIn: ribs[family] })).read(
        octets,
        start,
        context,
      );
      expect([tables.ipv4.size, tables.ipv6.size]).toEqual([PREFIXES, PREFIXES]);
    }),
    { numRuns: 500 },
  );
});

it('is given every message that comes in pieces, also those that begin in one and end in the next', () => {
  const reflector = new InProcessReflector(1);
  reflector.connect([0]);
  const octets = withdrawals({ family: 'ipv4', prefixes: 5000, perSet: 5 });
  const given: Uint8Array[] = [];
  const read = jest.spyOn(LookAhead.prototype, 'read').mockImplementation((all, start) => {
    given.push(all.slice(start));
  });
  try {
    for (let at = 0; at < octets.length; at += 6000) reflector.receive([[0, octets.subarray(at, at + 6000)]]);
  } finally {
    read.mockRestore();
  }
  expect(given.reduce((sum, each) => sum + asked(each), 0)).toBe(5000);
});
