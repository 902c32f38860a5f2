// What one seed stands for: shape, size and length of a simulated network, small ones more often than large ones.

import { Prng, SHAPES, type Shape, type SimulationOptions } from 'bgp-utils/testing';

const SMALLEST: Readonly<Record<Shape, number>> = {
  ...{ mesh: 3, reflectors: 4, 'two-levels': 6, mixed: 6 },
  ...{ fabric: 5, ases: 5, providers: 4 },
};
const LARGEST: Readonly<Record<Shape, number>> = {
  ...{ mesh: 24, reflectors: 60, 'two-levels': 200, mixed: 48 },
  ...{ fabric: 60, ases: 32, providers: 40 },
};

export function scenario(seed: number): SimulationOptions {
  const random = new Prng(seed ^ 0x5eed);
  const shape = random.pick(SHAPES);
  // Every tenth may be as large as any; a network of some hosts has all that a larger one can go wrong with.
  const limit = random.chance(0.1) ? LARGEST[shape] : 12;
  const hosts = random.between(SMALLEST[shape], limit);
  return { seed, shape, hosts, chaosMs: random.pick([0, 20_000, 60_000]) };
}
