// What the speed rests on, counted and not timed: encodings, writes, kept sets and octets do not depend on how many clients
// there are, or on how many routes share a set. `npm run bench` has the times.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { announcements, withdrawals } from '../../../bench/feed.ts';
import { clientOctets, InProcessReflector } from '../../../bench/in-process.ts';

const PREFIXES = 1000;
const PER_SET = 50;
const SETS = PREFIXES / PER_SET;
const SHAPE = { family: 'ipv4', prefixes: PREFIXES, perSet: PER_SET } as const;

const feedOf = (sender: number, shape: { prefixes: number; perSet: number } = SHAPE): Buffer =>
  announcements({ ...SHAPE, ...shape, nextHop: clientOctets(sender), asPath: [], localPref: 100 });

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Client 0 sends, all others hear. @returns what was written to each, in order. */
function reflected(clients: number, octets: readonly Buffer[]): Uint8Array[][] {
  const reflector = new InProcessReflector(clients);
  reflector.connect(upTo(clients));
  const writes: Uint8Array[][] = upTo(clients).map(() => []);
  reflector.onWrite = (client, each) => writes[client]!.push(each);
  for (const each of octets) reflector.receive([[0, each]]);
  return writes;
}

const messagesIn = (octets: Uint8Array): number => {
  let count = 0;
  for (let at = 0; at < octets.length; at += (octets[at + 16]! << 8) | octets[at + 17]!) count++;
  return count;
};

/** After a collection, so that it is what is kept. */
function keptOctets(): { readonly heap: number; readonly arrays: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, arrays: arrayBuffers };
}

describe('what a change costs', () => {
  it.each([2, 10, 200])('is encoded once for %i clients, and each client gets the same octets', (clients) => {
    const writes = reflected(clients, [feedOf(0)]);
    const encoded = new Set(writes.flat());
    expect(encoded.size).toBe(1);
    for (const each of writes.slice(1)) expect(each).toEqual([[...encoded][0]]);
    expect(writes[0]).toEqual([]); // the source of the routes hears nothing
  });

  it('is one UPDATE a set of attributes, however the routes came', () => {
    const one = feedOf(0, { prefixes: PREFIXES, perSet: PER_SET });
    const [, writes] = reflected(2, [one]);
    expect(writes!.map(messagesIn)).toEqual([SETS]);
  });

  it('is one write a client and flush while it fits one', () => {
    const [, writes] = reflected(2, [feedOf(0), withdrawals(SHAPE), feedOf(0)]);
    expect(writes).toHaveLength(3);
  });

  it('is no write at all when nothing changes for anyone', () => {
    const [, writes] = reflected(2, [feedOf(0), feedOf(0)]);
    expect(writes).toHaveLength(1);
  });

  it('is one kept set for all routes that share it, and none when they are gone', () => {
    const reflector = new InProcessReflector(3);
    reflector.connect(upTo(3));
    reflector.receive([[0, feedOf(0)]]);
    expect(reflector.speaker.sizes()).toMatchObject({
      prefixes: { ipv4: PREFIXES },
      attributeSetsHeard: SETS,
      attributeSetsTold: SETS,
      nextHops: 1,
    });
    reflector.receive([[0, withdrawals(SHAPE)]]);
    expect(reflector.speaker.sizes()).toMatchObject({
      prefixes: { ipv4: 0 },
      attributeSetsHeard: 0,
      attributeSetsTold: 0,
      nextHops: 0,
    });
  });
});

describe('what a route costs while it is there', () => {
  const MANY = 100_000;

  it('is no object, and some 220 octets of typed arrays with a set for five routes', () => {
    const reflector = new InProcessReflector(2);
    reflector.connect(upTo(2));
    const octets = feedOf(0, { prefixes: MANY, perSet: 5 });
    const before = keptOctets();
    reflector.receive([[0, octets]]);
    const loaded = keptOctets();
    expect(reflector.speaker.sizes().prefixes.ipv4).toBe(MANY);
    expect((loaded.heap - before.heap) / MANY).toBeLessThan(24); // a fifth of what V8 keeps of a set: a route with an object would be more
    expect((loaded.arrays - before.arrays) / MANY).toBeLessThan(256);
  });

  it('is the same after ten times of load and withdraw', () => {
    const reflector = new InProcessReflector(2);
    reflector.connect(upTo(2));
    const shape = { ...SHAPE, prefixes: 20_000, perSet: 5 };
    const [full, empty] = [feedOf(0, shape), withdrawals(shape)];
    const cycle = () => {
      reflector.receive([[0, full]]);
      reflector.receive([[0, empty]]);
      return keptOctets();
    };
    cycle();
    const second = cycle();
    let last = second;
    for (let i = 0; i < 8; i++) last = cycle();
    expect(last.arrays).toBeLessThanOrEqual(second.arrays * 1.05);
    expect(last.heap).toBeLessThanOrEqual(second.heap * 1.05);
  });
});
