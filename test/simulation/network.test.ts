// Whole networks from one seed each; `npm run simulate -- --seeds N` tries others, and larger ones. A seed that fails is
// printed with what was wrong; run it alone with SEED=<n> npx jest test/simulation, and its trace is printed as well.

import { type SimulationOptions, simulate } from 'bgp-utils/testing';

const only = process.env.SEED;

const run = (options: SimulationOptions): void => {
  const { violations, trace } = simulate(options);
  if (violations.length === 0) return;
  const story = only === undefined ? [] : ['', 'trace:', ...trace];
  throw new Error(
    [`seed ${options.seed} of a ${options.shape} with ${options.hosts} hosts:`, ...violations, ...story].join(
      '\n',
    ),
  );
};

const seeds = (count: number): number[] =>
  only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)];

describe('a network that was disturbed and healed has the routes that it should have, and nothing else', () => {
  it.each(seeds(12))('mesh of three, seed %i', (seed) => {
    run({ seed, hosts: 3, shape: 'mesh', chaosMs: 60_000 });
  });

  it.each(seeds(6))('mesh of five, seed %i', (seed) => {
    run({ seed, hosts: 5, shape: 'mesh', chaosMs: 60_000 });
  });

  it.each(seeds(6))('one reflector and three clients, seed %i', (seed) => {
    run({ seed, hosts: 4, shape: 'reflectors', chaosMs: 60_000 });
  });

  it.each(seeds(6))('two reflectors and four clients, seed %i', (seed) => {
    run({ seed, hosts: 6, shape: 'reflectors', chaosMs: 60_000 });
  });

  it.each(seeds(4))('reflectors in two levels, seed %i', (seed) => {
    run({ seed, hosts: 9, shape: 'two-levels', chaosMs: 30_000 });
  });

  it.each(seeds(6))('spines and leaves with an AS each, seed %i', (seed) => {
    run({ seed, hosts: 8, shape: 'fabric', chaosMs: 60_000 });
  });

  it.each(seeds(6))('four ASes with sessions inside and between, seed %i', (seed) => {
    run({ seed, hosts: 10, shape: 'ases', chaosMs: 60_000 });
  });

  it.each(seeds(6))('customers, providers and peers, seed %i', (seed) => {
    run({ seed, hosts: 10, shape: 'providers', chaosMs: 60_000 });
  });

  it.each(seeds(4))('a mesh that reflects for others, seed %i', (seed) => {
    run({ seed, hosts: 8, shape: 'mixed', chaosMs: 30_000 });
  });
});

it('the same seed gives the same run', () => {
  const options = { seed: 7, hosts: 3, shape: 'mesh', chaosMs: 20_000 } as const;
  expect(simulate(options).trace).toEqual(simulate(options).trace);
});
