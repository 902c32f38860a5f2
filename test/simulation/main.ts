// `npm run simulate -- --seeds N`: networks from N seeds, or from one with its whole story. See scenario.ts for what a seed
// stands for, and the simulator for the rules.

import { parseArgs } from 'node:util';
import { SHAPES, type Shape, type SimulationOptions, simulate } from 'bgp-utils/testing';
import { scenario } from './scenario.ts';

const USAGE = `usage: npm run simulate -- [--seeds N] [--from S] [--seed S] [--shape SHAPE] [--hosts N] [--seconds N]
  --seeds N      how many seeds, from --from (1) on: 20, or one with --hosts
  --seed S       this one alone; its story is printed when a rule is broken
  --shape SHAPE  ${SHAPES.join(', ')}; in place of what the seed draws
  --hosts N      3 to 200, in place of what the seed draws
  --seconds N    how long the network is disturbed, in its own time`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    shape: { type: 'string' },
    hosts: { type: 'string' },
    seconds: { type: 'string' },
    help: { type: 'boolean' },
  },
});

function options(seed: number): SimulationOptions {
  return {
    ...scenario(seed),
    // The seed's own shape goes with its own size; these take turns, beginning with two levels.
    ...(values.hosts !== undefined && {
      hosts: Number(values.hosts),
      shape: SHAPES[(seed + 1) % SHAPES.length]!,
    }),
    ...(values.shape !== undefined && { shape: values.shape as Shape }),
    ...(values.seconds !== undefined && { chaosMs: Number(values.seconds) * 1000 }),
  };
}

function main(): number {
  const first = Number(values.seed ?? values.from);
  const usual = values.hosts === undefined ? 20 : 1;
  const count = values.seed === undefined ? Number(values.seeds ?? usual) : 1;
  const hosts = Number(values.hosts ?? 3);
  const numbers = [first, count, hosts, Number(values.seconds ?? 0)];
  const wrong = !numbers.every(Number.isInteger) || count < 1 || hosts < 3 || hosts > 200;
  if (values.help === true || wrong || !SHAPES.some((shape) => shape === (values.shape ?? 'mesh'))) {
    console.log(USAGE);
    return values.help === true ? 0 : 64;
  }
  const started = performance.now();
  let failed = 0;
  let speakers = 0;
  for (let seed = first; seed < first + count; seed++) {
    const each = options(seed);
    const before = performance.now();
    const { violations, trace } = simulate(each);
    speakers += each.hosts;
    const took = ((performance.now() - before) / 1000).toFixed(1);
    console.log(
      `seed ${seed}: ${each.shape} of ${each.hosts}, ${each.chaosMs / 1000} s disturbed: ` +
        `${violations.length === 0 ? 'ok' : 'FAILED'}, ${trace.length} events, ${took} s`,
    );
    if (violations.length === 0) continue;
    failed++;
    if (values.seed !== undefined) console.log(trace.join('\n'));
    console.log(violations.map((each) => `  ${each}`).join('\n'));
    console.log(`  its story: npm run simulate -- --seed ${seed}`);
  }
  const took = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${count} seeds, ${speakers} speakers, ${failed} failed, ${took} s`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = main();
