// `npm run fuzz -- --seconds N --seed S`: tries octets for so long; what fails is printed and written to a file, which
// `--replay FILE` plays again.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { fuzz, replay } from './fuzz.ts';

const USAGE = `usage: npm run fuzz -- [--seconds N] [--seed S] [--blind] [--replay FILE]
  --seconds N    how long (10)
  --seed S       what is drawn from; from the clock when left out
  --blind        does not look at which code runs: then the same seed tries the same inputs
  --replay FILE  plays a failure again`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    blind: { type: 'boolean' },
    replay: { type: 'string' },
    help: { type: 'boolean' },
  },
});

function main(): number {
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  if (values.replay !== undefined) {
    const wrong = replay(JSON.parse(readFileSync(values.replay, 'utf8')));
    console.log(wrong ?? 'nothing is wrong with it');
    return wrong === undefined ? 0 : 1;
  }
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  if (!(seconds > 0) || !Number.isInteger(seed)) {
    console.error(USAGE);
    return 64;
  }
  console.error(`seed ${seed}, ${seconds} s …`);
  const coverage = values.blind === true ? undefined : new Coverage(import.meta.url);
  const started = performance.now();
  const more = () => performance.now() - started < seconds * 1000;
  const { executions, slowestMs, kept, failure } = fuzz(seed, more, coverage && (() => coverage.takeNew()));
  const took = (performance.now() - started) / 1000;
  const total = executions.codec + executions.speaker;
  const reached = coverage === undefined ? '' : `; ${coverage.blocks} blocks of code, ${kept} inputs kept`;
  coverage?.stop();
  console.log(
    `${total} executions in ${took.toFixed(1)} s (${Math.round((total / took) * 10)} per 10 s): ${executions.codec} codec, ` +
      `${executions.speaker} speaker${reached}; slowest ${slowestMs.toFixed(2)} ms; ${failure === undefined ? 'nothing found' : 'FAILED'}`,
  );
  if (failure === undefined) return 0;
  const file = `fuzz-failure-${seed}.json`;
  writeFileSync(file, `${JSON.stringify(failure, null, 1)}\n`);
  console.log(`${failure.what}\nseed ${seed}, ${failure.target}, execution ${failure.execution}`);
  if (failure.target === 'codec') console.log(failure.hex);
  else for (const turn of failure.turns.slice(-3)) console.log(JSON.stringify(turn));
  console.log(`written to ${file}; play it again: npm run fuzz -- --replay ${file}`);
  return 1;
}

process.exitCode = main();
