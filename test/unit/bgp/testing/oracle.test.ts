// The judge of the simulations is judged by hand: small networks whose answers are plain to see.

import { planOf } from 'bgp-utils/testing';
import { oracle } from '../../../../bgp/src/testing/oracle.ts';

const hosts = (count: number, ...origins: number[]) =>
  Array.from({ length: count }, (_, i) => i + 1).map((number) => ({
    number,
    identifier: 100 - number,
    address: number,
    originates: origins.includes(number),
  }));

const used = (...args: Parameters<typeof oracle>): Record<number, readonly number[]> =>
  Object.fromEntries(oracle(...args) ?? []);

it('in a mesh all origins are heard and used together, and an origin uses itself', () => {
  expect(used(hosts(4, 2, 3), planOf('mesh', 4))).toEqual({ 1: [2, 3], 2: [2], 3: [3], 4: [2, 3] });
});

it('a reflector hears all, and passes on the one with the lowest identifier', () => {
  expect(used(hosts(4, 2, 3), planOf('reflectors', 4))).toEqual({ 1: [2, 3], 2: [2], 3: [3], 4: [3] });
});

it('two levels carry a route from leaf to leaf', () => {
  const plan = planOf('two-levels', 9);
  const origin = 9;
  expect(plan.reflects(origin)).toBe(false);
  for (const [host, origins] of Object.entries(used(hosts(9, origin), plan)))
    expect([host, origins]).toEqual([host, [origin]]);
  expect(Object.keys(used(hosts(9, origin), plan))).toHaveLength(9);
});

it('nobody uses what nobody has', () => {
  expect(used(hosts(5), planOf('mixed', 5))).toEqual({});
});

it.each(['mesh', 'reflectors', 'two-levels', 'mixed'] as const)(
  'a %s joins all hosts, both ways',
  (shape) => {
    for (const count of [3, 6, 13, 50, 200]) {
      const plan = planOf(shape, count);
      const numbers = Array.from({ length: count }, (_, i) => i + 1);
      const reached = new Set([1]);
      for (const at of reached) for (const to of numbers) if (plan.arePeers(at, to)) reached.add(to);
      expect(reached.size).toBe(count);
      for (const a of numbers.slice(0, 20))
        for (const b of numbers.slice(0, 20)) expect(plan.arePeers(a, b)).toBe(plan.arePeers(b, a));
    }
  },
);
