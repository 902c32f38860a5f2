// `npm run fuzz -- --seconds N --seed S`: tries octets for so long; what fails is printed and written to a file, which
// `--replay FILE` plays again.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fuzz, replay } from './fuzz.ts';

const USAGE = `usage: npm run fuzz -- [--seconds N] [--seed S] [--replay FILE]
  --seconds N    how long (10)
  --seed S       the same seed tries the same octets; drawn from the clock when left out
  --replay FILE  plays a failure again`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
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
  const started = performance.now();
  const { executions, slowestMs, failure } = fuzz(seed, () => performance.now() - started < seconds * 1000);
  const took = (performance.now() - started) / 1000;
  const total = executions.codec + executions.speaker;
  console.log(
    `${total} executions in ${took.toFixed(1)} s (${Math.round((total / took) * 10)} per 10 s): ${executions.codec} codec, ` +
      `${executions.speaker} speaker; slowest ${slowestMs.toFixed(2)} ms; ${failure === undefined ? 'nothing found' : 'FAILED'}`,
  );
  if (failure === undefined) return 0;
  const file = `fuzz-failure-${seed}.json`;
  writeFileSync(file, `${JSON.stringify(failure, null, 1)}\n`);
  console.log(`${failure.what}\nseed ${seed}, ${failure.target}, execution ${failure.execution}`);
  console.log(
    failure.history
      .map(({ from, hex }) => `${from ?? ''} ${hex}`.trim())
      .slice(-3)
      .join('\n'),
  );
  console.log(`written to ${file}; play it again: npm run fuzz -- --replay ${file}`);
  return 1;
}

process.exitCode = main();
