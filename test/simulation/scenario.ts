// What one seed stands for: shape, size and length of a simulated network, small ones more often than large ones.

import { Prng, type SimulationOptions } from 'bgp-utils/testing';

export function scenario(seed: number): SimulationOptions {
  const random = new Prng(seed ^ 0x5eed);
  const shape = random.pick(['mesh', 'reflectors', 'two-levels', 'mixed'] as const);
  const largest = { mesh: 24, reflectors: 60, 'two-levels': 200, mixed: 48 }[shape];
  // Every tenth may be as large as any; a network of some hosts has all that a larger one can go wrong with.
  const limit = random.chance(0.1) ? largest : 12;
  const smallest = shape === 'mesh' ? 3 : shape === 'reflectors' ? 4 : 6;
  const hosts = random.between(smallest, limit);
  return { seed, shape, hosts, chaosMs: random.pick([0, 20_000, 60_000]) };
}
