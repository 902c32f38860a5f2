// The judge of the simulations is judged by hand: small networks whose answers are plain to see.

import { planOf, SHAPES, type Shape } from 'bgp-utils/testing';
import { Oracle } from '../../../../bgp/src/testing/oracle.ts';

/** @param tellsPaths  whether everybody tells several paths. */
function used(shape: Shape, count: number, origins: readonly number[], tellsPaths = false) {
  const hosts = Array.from({ length: count }, (_, i) => ({ number: i + 1, identifier: 99 - i }));
  const plan = planOf(shape, count);
  const answer = new Oracle({ plan, hosts, maxPaths: 16, tellsPaths: () => tellsPaths }).used(
    new Set(origins),
  );
  return Object.fromEntries(answer!);
}

it('in a mesh all origins are heard and used together, and an origin uses itself', () => {
  expect(used('mesh', 4, [2, 3])).toEqual({ 1: [2, 3], 2: [2], 3: [3], 4: [2, 3] });
});

it('a reflector hears all, and passes on the one with the lowest identifier', () => {
  expect(used('reflectors', 4, [2, 3])).toEqual({ 1: [2, 3], 2: [2], 3: [3], 4: [3] });
});

it('with ADD-PATH it passes on all of them', () => {
  expect(used('reflectors', 4, [2, 3], true)).toEqual({ 1: [2, 3], 2: [2], 3: [3], 4: [2, 3] });
});

it('two levels carry a route from leaf to leaf', () => {
  const origin = 9;
  expect(planOf('two-levels', 9).reflects(origin)).toBe(false);
  const answer = used('two-levels', 9, [origin]);
  for (const [host, origins] of Object.entries(answer)) expect([host, origins]).toEqual([host, [origin]]);
  expect(Object.keys(answer)).toHaveLength(9);
});

it('in a fabric a leaf uses all spines, and a spine hears nothing of the others, as they have its AS number', () => {
  // Hosts 1 to 3 are spines.
  expect(used('fabric', 8, [8])).toEqual({
    ...{ 1: [8], 2: [8], 3: [8] },
    ...{ 4: [1, 2, 3], 5: [1, 2, 3], 6: [1, 2, 3], 7: [1, 2, 3], 8: [8] },
  });
  const ofSpine = used('fabric', 8, [1]);
  expect([ofSpine[2], ofSpine[3], ofSpine[4]]).toEqual([undefined, undefined, [1]]);
});

it('within an AS the way out is the nearest, and without a nearer one that of the neighbour which tells it', () => {
  // ASes {1, 5}, {2, 6}, {3, 7}, {4, 8} in a ring; 1 and 5 both have a neighbour in the next AS and in the one before.
  expect(used('ases', 8, [2])).toEqual({
    ...{ 2: [2], 6: [2] },
    ...{ 1: [2], 5: [6], 3: [2], 7: [6] },
    ...{ 4: [1, 3], 8: [5, 7] },
  });
});

it('routes of providers and peers go to customers alone', () => {
  // 1, 2 and 3 are peers; 4 and 5 are customers of 2, and 4 of 1 as well; 6 and 7 are customers of 3, and 6 of 2.
  const plan = planOf('providers', 7);
  expect([plan.relation(4, 2), plan.relation(2, 4), plan.relation(1, 3)]).toEqual([
    'provider',
    'customer',
    'peer',
  ]);
  expect(used('providers', 7, [1])).toEqual({ 1: [1], 2: [1], 3: [1], 4: [1], 5: [2], 6: [2, 3], 7: [3] });
});

it('nobody uses what nobody has', () => {
  expect(used('mixed', 5, [])).toEqual({});
});

it.each(SHAPES)('%s: all hosts are joined, both ways', (shape) => {
  for (const count of [3, 6, 13, 50, 200]) {
    const plan = planOf(shape, count);
    const numbers = Array.from({ length: count }, (_, i) => i + 1);
    const reached = new Set([1]);
    for (const at of reached) for (const to of numbers) if (plan.arePeers(at, to)) reached.add(to);
    expect(reached.size).toBe(count);
    for (const a of numbers.slice(0, 20))
      for (const b of numbers.slice(0, 20)) expect(plan.arePeers(a, b)).toBe(plan.arePeers(b, a));
  }
});
