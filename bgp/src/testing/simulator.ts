// One network from one seed: it is built, disturbed for a while in ways that the seed draws, healed, and then compared
// with what every host should have. A few rules are checked all the time. What is wrong comes back as text.

import { disturb, heal } from './disturbances.ts';
import { Rules } from './rules.ts';
import { type SimulationOptions, World } from './world.ts';

export type { SimulationOptions } from './world.ts';

export interface SimulationResult {
  /** Empty when all rules held. */
  readonly violations: readonly string[];
  /** What was done and what happened, a line each with its time: equal for equal options. */
  readonly trace: readonly string[];
}

/** All hosts start within this time. */
const START_MS = 2_000;
const UNTIL_CHAOS_MS = 5_000;
const UNTIL_EMPTY_MS = 5_000;

/** After all is well again: waits to connect, hold times and deferrals are over by then. */
const SETTLE_MS = 90_000;
const SETTLE_LEAST_MS = 120_000;

export function simulate(options: SimulationOptions): SimulationResult {
  const world = new World(options);
  try {
    play(world, new Rules(world));
  } catch (bug) {
    world.violations.push(`at ${world.now} ms: ${bug instanceof Error ? bug.stack : bug}`);
  }
  return { violations: world.violations, trace: world.trace };
}

function play(world: World, rules: Rules): void {
  const { random, options, settings } = world;
  const passTime = (ms: number) => world.passTime(ms, () => rules.watch());
  for (const node of world.nodes) world.after(random.between(0, START_MS), () => world.start(node));
  passTime(UNTIL_CHAOS_MS);
  const end = world.now + options.chaosMs;
  while (world.now < end) {
    passTime(random.between(0, random.pick([10, 300, 3000])));
    disturb(world);
  }
  heal(world);
  passTime(Math.max(SETTLE_LEAST_MS, SETTLE_MS + 1_000 * settings.holdSeconds));
  rules.atRest();
  for (const { host, originated } of world.nodes) {
    host.tell(...[...originated].map((prefix) => ({ type: 'WithdrawOriginated' as const, prefix })));
    originated.clear();
  }
  passTime(UNTIL_EMPTY_MS);
  rules.whenEmpty();
}
