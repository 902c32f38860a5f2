// What runs on octets and numbers against what is written the way the RFCs say it: the same inputs, the same answers.

import {
  type Address,
  address,
  decodeUpdate,
  encodeAnnounce,
  encodeWithdraw,
  type Family,
  INITIAL_CONTEXT,
  ipv4FromNumber,
  type NlriBlock,
  type Prefix,
  PrefixTable,
  prefix,
  type WireContext,
  type Writer,
  writePrefix,
} from 'bgp-utils';
import fc from 'fast-check';
import { type Destination, outgoing, sendable, unusable } from '../../bgp/src/policy/propagation.ts';
import { AdjRibIn } from '../../bgp/src/rib/adj-rib-in.ts';
import { AttributePool } from '../../bgp/src/rib/attribute-pool.ts';
import { BestPath } from '../../bgp/src/rib/best-path.ts';
import { type Candidate, decide } from '../../bgp/src/rib/decision.ts';
import { HeardSets } from '../../bgp/src/rib/heard-sets.ts';
import { NextHops } from '../../bgp/src/rib/next-hop.ts';
import { OctetPool } from '../../bgp/src/rib/octet-pool.ts';
import type { AttributesId, PeerIndex, RouteSource } from '../../bgp/src/route/route.ts';
import { type ImportSide, whyUnusable } from '../../bgp/src/speaker/arrival.ts';
import { FastPropagation } from '../../bgp/src/speaker/fast-propagation.ts';
import { PlainUpdate } from '../../bgp/src/wire/plain-update.ts';
import { attributes, nextHops } from '../support/attributes.ts';
import { malformedCases } from '../support/malformed.ts';
import { prefixesOf } from '../vectors/load.ts';

const NONE = -1;

const OWN = address('10.0.0.1');

const context: fc.Arbitrary<WireContext> = fc
  .record({
    families: fc.constantFrom<readonly Family[]>(['ipv4', 'ipv6'], ['ipv4'], ['ipv6']),
    addPath: fc.subarray<Family>(['ipv4', 'ipv6']),
    peerType: fc.constantFrom<'internal' | 'external'>('internal', 'external'),
  })
  .map(({ addPath, ...rest }) => ({
    ...INITIAL_CONTEXT,
    ...rest,
    asOctets: 4 as const,
    addPathReceive: addPath,
    addPathSend: addPath,
  }));

const PREFIXES: Readonly<Record<Family, readonly number[]>> = { ipv4: [8, 24, 32], ipv6: [16, 64, 128] };

const source = (family: Family, addPath: boolean) => ({
  length: 3,
  writeTo: (w: Writer, i: number) =>
    writePrefix(w, family, PREFIXES[family][i]!, 0x0a000000, 0, 0, 0, addPath ? i + 1 : undefined),
});

/** @returns the prefixes as text, with their path identifiers. */
const texts = (blocks: readonly NlriBlock[]): string[] => blocks.flatMap(prefixesOf);

describe('an UPDATE that is read in place', () => {
  const plain = new PlainUpdate();
  const pool = new AttributePool();

  /** Says the same as the decoder does. @returns whether it was read. */
  const agrees = (body: Uint8Array, c: WireContext): boolean => {
    if (!plain.read(Uint8Array.from([7, ...body, 7]), 1, body.length + 1, c)) return false;
    const decoded = decodeUpdate(body, c);
    if (!decoded.ok) throw new Error('read in place, and refused by the decoder');
    const { update } = decoded;
    expect([update.findings, update.treatAsWithdraw, update.endOfRib]).toEqual([[], false, undefined]);
    const block = (family: Family, start: number, end: number): NlriBlock[] =>
      start === end
        ? []
        : [{ family, addPath: c.addPathReceive.includes(family), octets: plain.octets.subarray(start, end) }];
    expect([
      ...texts(block('ipv4', plain.withdrawnStart, plain.withdrawnEnd)),
      ...texts(block('ipv6', plain.unreachStart, plain.unreachEnd)),
    ]).toEqual(texts(update.withdrawn));
    expect([
      ...texts(block('ipv4', plain.nlriStart, plain.nlriEnd)),
      ...texts(block('ipv6', plain.reachStart, plain.reachEnd)),
    ]).toEqual(texts(update.announced.map(({ nlri }) => nlri)));
    if (update.announced.length > 0) {
      const { set, setStart, setEnd, nextHopOctets } = plain;
      const inPlace = pool.internOctets(set, setStart, setEnd - setStart, nextHopOctets);
      expect(pool.intern({ ...update.attributes!, nextHop: update.announced[0]!.nextHop })).toBe(inPlace);
      pool.release(inPlace);
      pool.release(inPlace);
    } else expect(plain.setEnd).toBe(plain.setStart);
    return true;
  };

  /** All attributes that the session may carry, and no others. */
  const message = fc
    .tuple(context, fc.constantFrom<Family>('ipv4', 'ipv6'), attributes(false), nextHops.ipv4, nextHops.ipv6)
    .filter(([c, family]) => c.families.includes(family))
    .map(([c, family, { originatorId, clusterList, localPref, unrecognized: _, ...rest }, v4, v6]) => {
      const internal = {
        localPref: localPref ?? 100,
        ...(originatorId && { originatorId }),
        ...(clusterList && { clusterList }),
      };
      const set = {
        ...rest,
        ...(c.peerType === 'internal' && internal),
        nextHop: family === 'ipv4' ? v4 : v6,
      };
      return { c, family, set };
    });

  const encoded = ({ c, family, set }: typeof message extends fc.Arbitrary<infer T> ? T : never) => {
    const bodies: Uint8Array[] = [];
    const out = (octets: Uint8Array) => bodies.push(octets.subarray(19));
    encodeAnnounce(family, set, source(family, c.addPathSend.includes(family)), c, out);
    encodeWithdraw(family, source(family, c.addPathSend.includes(family)), c, out);
    return bodies;
  };

  it('is every ordinary one, and says what the decoder says', () => {
    fc.assert(
      fc.property(message, (each) => {
        for (const body of encoded(each)) expect(agrees(body, each.c)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is none that the decoder finds anything in, whatever octets are changed', () => {
    const change = fc.record({ at: fc.nat(200), octet: fc.nat(255), cut: fc.boolean() });
    let read = 0;
    fc.assert(
      fc.property(message, fc.array(change, { minLength: 1, maxLength: 3 }), (each, changes) => {
        for (const body of encoded(each)) {
          const octets = [...body];
          for (const { at, octet, cut } of changes)
            octets.splice(at % octets.length, 1, ...(cut ? [] : [octet]));
          if (agrees(Uint8Array.from(octets), each.c)) read++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('is none of the malformed corpus that has an outcome', () => {
    let faulty = 0;
    for (const { body, setting, expected } of malformedCases()) {
      const c: WireContext = {
        ...INITIAL_CONTEXT,
        asOctets: setting.asOctets,
        families: ['ipv4', 'ipv6'],
        addPathReceive: setting.addPath ? ['ipv4', 'ipv6'] : [],
        peerType: setting.peerType,
      };
      if (!agrees(body, c) && expected !== 'none') faulty++;
    }
    expect(faulty).toBeGreaterThan(5000);
  });
});

describe('propagation on octets', () => {
  const destination: fc.Arbitrary<Destination> = fc.record({
    peerType: fc.constantFrom<'internal' | 'external'>('internal', 'external'),
    localAs: fc.constantFrom(64512, 4200000001),
    client: fc.boolean(),
    clusterId: fc.constantFrom<Address | undefined>(undefined, address('1.1.1.1')),
    nextHop: fc.constantFrom<'auto' | 'self' | 'keep'>('auto', 'self', 'keep'),
    selfAddress: fc.constantFrom(address('10.0.0.1'), address('fd00::1')),
  });
  const kinds = fc.constantFrom<RouteSource['kind']>('local', 'internal', 'external');

  it('makes of a set what the rules make of it, or leaves it to them', () => {
    let left = 0;
    let runs = 0;
    fc.assert(
      fc.property(
        fc.oneof({ weight: 4, arbitrary: attributes(false) }, { weight: 1, arbitrary: attributes(true) }),
        fc.option(fc.oneof(nextHops.ipv4, nextHops.ipv6), { nil: undefined }),
        destination,
        kinds,
        (values, nextHop, to, kind) => {
          const heard = new AttributePool();
          const told = new AttributePool();
          const set = heard.intern({ ...values, ...(nextHop && { nextHop }) });
          const from: RouteSource = { peer: 7 as PeerIndex, kind, client: true };
          const quick = new FastPropagation(heard, told, to).outgoing(set, from, 0x0a000002);
          runs++;
          if (quick === NONE) {
            left++;
            return;
          }
          const slow = sendable(outgoing(heard.attributes(set), from, address('10.0.0.2'), to), to);
          expect(told.attributes(quick as AttributesId)).toEqual(told.attributes(told.intern(slow)));
          expect(told.intern(slow)).toBe(quick);
        },
      ),
      { numRuns: 2000 },
    );
    expect(left).toBeLessThan(runs / 3);
  });

  it('finds a set unusable for the same reason', () => {
    const rules = fc.record({
      localAs: fc.constantFrom(64512, 65001),
      speakerAs: fc.constantFrom(undefined, 64512),
      allowLocalAs: fc.nat(2),
      clusterId: fc.constantFrom<Address | undefined>(undefined, address('1.1.1.1')),
      remoteAs: fc.constantFrom(65001, 65002),
      enforceFirstAs: fc.boolean(),
      role: fc.constantFrom(undefined, undefined, 'provider' as const, 'peer' as const),
      ownNextHop: fc.boolean(),
    });
    fc.assert(
      fc.property(attributes(true), nextHops.ipv4, rules, (values, nextHop, { ownNextHop, ...rest }) => {
        const hops = new NextHops();
        const heard = new HeardSets(hops);
        const set = heard.intern({ ...values, nextHop });
        const { speakerAs, role, ...others } = rest;
        const side = {
          rules: {
            ...others,
            ...(speakerAs !== undefined && { speakerAs }),
            role,
            bgpIdentifier: OWN,
            ownAddresses: new Set(ownNextHop ? [nextHop.address] : []),
          },
        } as unknown as ImportSide;
        expect(whyUnusable(set, side, heard, hops)).toBe(unusable({ ...values, nextHop }, side.rules));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the decision on numbers', () => {
  const few = <T>(...values: T[]) => fc.constantFrom(...values);
  const hop = few('10.9.0.1', '10.9.0.2', '10.9.0.3', '10.9.0.4').map((text) => address(text));
  const route = fc.record({ values: attributes(false), nextHop: hop, peer: fc.nat(5), pathId: fc.nat(1) });
  /** Attributes that tie more often than those above. */
  const close = fc.record({
    values: fc.record({
      origin: few(0 as const, 1 as const),
      asPath: few([65001], [65002]).map((asNumbers) => [{ type: 'AS_SEQUENCE' as const, asNumbers }]),
      multiExitDisc: few(0, 10),
      localPref: few(100, 100, 100, 200),
    }),
    nextHop: hop,
    peer: fc.nat(5),
    pathId: fc.nat(1),
  });
  const facts = (peer: number) => {
    const kind =
      peer === 0 ? ('local' as const) : peer % 2 === 0 ? ('internal' as const) : ('external' as const);
    const identifier = peer === 0 ? 0 : 0x0a000001 + (peer >> 1);
    return {
      source: { peer: peer as PeerIndex, kind, client: false },
      bgpIdentifier: ipv4FromNumber(identifier),
      identifier,
      address: address(`10.0.1.${9 - peer}`),
    };
  };

  it('picks the route that the steps of the RFC pick, and the same equals', () => {
    let several = 0;
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 1, arbitrary: route }, { weight: 6, arbitrary: close }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.option(fc.nat(5), { nil: undefined }),
        few(undefined, 99, 100, 150, 200),
        (routes, inUse, yieldsAbove) => {
          const hops = new NextHops();
          const pool = new HeardSets(hops);
          const prefixes = new PrefixTable('ipv4');
          const adjRibIn = new AdjRibIn(prefixes, pool);
          const at = prefixes.addPrefix(prefix('10.65.0.0/24') as Prefix);
          for (const { values, nextHop, peer, pathId } of routes) {
            const set = pool.intern({ ...values, nextHop: { address: nextHop } });
            pool.retain(set);
            adjRibIn.set(at, peer as PeerIndex, pathId, set, set);
          }
          hops.tell(address('10.9.0.1'), 0);
          hops.tell(address('10.9.0.2'), 0);
          hops.tell(address('10.9.0.3'), 5);
          const candidates: Candidate[] = [];
          for (let path = adjRibIn.first(at); path !== NONE; path = adjRibIn.nextFor(path)) {
            const { source: from, bgpIdentifier, address: peerAddress } = facts(adjRibIn.peerOf(path));
            const set = pool.view(adjRibIn.acceptedOf(path) as AttributesId);
            const cost = hops.cost(set.nextHop!);
            if (cost === undefined && from.kind !== 'local') continue;
            candidates.push({
              path,
              set,
              kind: from.kind,
              interiorCost: from.kind === 'local' ? 0 : cost!,
              bgpIdentifier: set.attributes.originatorId ?? bgpIdentifier,
              peerAddress,
              pathId: adjRibIn.pathIdOf(path),
              inUse: adjRibIn.peerOf(path) === inUse,
              yieldsAbove: from.kind === 'local' ? yieldsAbove : undefined,
            });
          }
          const localYieldsAbove = () => yieldsAbove;
          const quick = new BestPath({ adjRibIn, pool, nextHops: hops, peerFacts: facts, localYieldsAbove });
          const best = quick.decide(at, inUse ?? NONE);
          if (candidates.length === 0) return expect(best).toBe(NONE);
          const slow = decide(candidates, 100);
          expect(best).toBe(slow.best.path);
          const order = (a: number, b: number) => a - b;
          expect(quick.equalPaths().sort(order)).toEqual(slow.multipath.map(({ path }) => path).sort(order));
          if (slow.multipath.length > 1) several++;
        },
      ),
      { numRuns: 1500 },
    );
    expect(several).toBeGreaterThan(20);
  });
});

describe('OctetPool', () => {
  it('is a map from octets and tag to an id that nobody else has as long as somebody holds it', () => {
    const run = fc.record({
      hold: fc.boolean(),
      octets: fc.oneof(
        fc.uint8Array({ maxLength: 3, max: 2 }),
        fc.uint8Array({ maxLength: 40, size: 'max' }),
        fc.constant(new Uint8Array(5_000)),
      ),
      tag: fc.nat(1),
    });
    fc.assert(
      fc.property(fc.array(run, { maxLength: 300, size: 'max' }), (runs) => {
        const pool = new OctetPool<number>();
        const twin = new Map<string, { id: number; uses: number; octets: Uint8Array }>();
        for (const { hold, octets, tag } of runs) {
          const key = `${tag} ${octets.length} ${octets.subarray(0, 50)}`;
          const known = twin.get(key);
          if (hold) {
            const framed = new Uint8Array(octets.length + 2).fill(9);
            framed.set(octets, 1);
            const id = pool.internOctets(framed, 1, octets.length, tag);
            if (known === undefined) {
              expect([...twin.values()].some((entry) => entry.id === id)).toBe(false);
              twin.set(key, { id, uses: 1, octets });
            } else {
              expect(id).toBe(known.id);
              known.uses++;
            }
          } else if (known !== undefined) {
            pool.release(known.id);
            if (--known.uses === 0) twin.delete(key);
          }
        }
        expect(pool.size).toBe(twin.size);
        for (const { id, octets } of twin.values()) {
          const start = pool.startOf(id);
          const kept = pool.segmentOf(id).subarray(start, start + pool.lengthOf(id));
          expect(Buffer.compare(kept, octets)).toBe(0);
        }
        for (const { id, uses } of twin.values()) for (let i = 0; i < uses; i++) pool.release(id);
        expect(pool.size).toBe(0);
        for (const { id } of twin.values()) expect(() => pool.release(id)).toThrow(/invariant/);
      }),
      { numRuns: 60 },
    );
  });
});
