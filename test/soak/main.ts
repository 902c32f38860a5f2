// `npm run soak -- --minutes N`: arguments and exit code. What a run is: soak.ts.

import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Lab } from '../../src/lab/lab.ts';
import { runWithLabs } from '../../src/lab/program.ts';
import { formatResult } from './format.ts';
import { runSoak } from './soak.ts';

const USAGE = `usage: npm run soak [-- --minutes N] [--seed S] [--hosts N] [--reflectors N] [--json FILE]

Hosts and route reflectors in network namespaces, a daemon on each, a real etcd. Blocks, pools, filters and peers change; daemons are
restarted, killed and stopped, links flap, etcd fails. In between all stands still, and every kernel table and every session must be
what a plain reading of etcd says. Memory, descriptors and timers of each process must not grow. Exit code 1 when anything of that does
not hold, or a daemon ends by itself; the logs are kept then.

  --minutes N      how long (10)
  --seed S         of what is drawn; from the clock when left out. Times are the machine's own, so a run is alike, not the same
  --hosts N        hosts with blocks, 2 to 200 (12)
  --reflectors N   1 to 20 (2)
  --json FILE      all figures, each sample too
  --program FILE   the daemon (dist/mesos-bgp.js)
`;
const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;

interface Arguments {
  readonly seconds: number;
  readonly seed: number;
  readonly hosts: number;
  readonly reflectors: number;
  readonly json: string | undefined;
  readonly program: string;
}

/** @returns the arguments, or what to say and the exit code. */
function parse(argv: readonly string[]): Arguments | readonly [string, number] {
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    const text = { type: 'string' } as const;
    values = parseArgs({
      args: [...argv],
      options: {
        ...{ minutes: text, seed: text, hosts: text, reflectors: text, json: text, program: text },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return [`soak: ${(error as Error).message}\n\n${USAGE}`, EXIT_USAGE];
  }
  if (values.help === true) return [USAGE, 0];
  const minutes = Number(values.minutes ?? 10);
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const hosts = Number(values.hosts ?? 12);
  const reflectors = Number(values.reflectors ?? 2);
  const wrong = [
    [!(minutes > 0), '--minutes: a number above 0 is wanted'],
    [!Number.isInteger(seed), '--seed: a whole number is wanted'],
    [!(Number.isInteger(hosts) && hosts >= 2 && hosts <= 200), '--hosts: 2 to 200'],
    [!(Number.isInteger(reflectors) && reflectors >= 1 && reflectors <= 20), '--reflectors: 1 to 20'],
  ].find(([is]) => is === true);
  if (wrong) return [`soak: ${wrong[1]}\n\n${USAGE}`, EXIT_USAGE];
  return {
    ...{ seconds: minutes * 60, seed, hosts, reflectors },
    json: values.json === undefined ? undefined : resolve(String(values.json)),
    program: resolve(String(values.program ?? 'dist/mesos-bgp.js')),
  };
}

async function main(): Promise<number> {
  const parsed = parse(process.argv.slice(2));
  if (!('seconds' in parsed)) {
    const [text, code] = parsed;
    (code === 0 ? process.stdout : process.stderr).write(text);
    return code;
  }
  if (!existsSync(parsed.program)) {
    process.stderr.write(`soak: ${parsed.program} is not there: npm run build makes it\n`);
    return EXIT_USAGE;
  }
  return runWithLabs((signal) => soak(parsed, signal));
}

async function soak(wanted: Arguments, signal: AbortSignal): Promise<number> {
  await removeOrphans();
  const { seconds, seed, hosts, reflectors } = wanted;
  process.stdout.write(
    `${hosts} hosts and ${reflectors} reflectors for ${seconds / 60} min, seed ${seed}: npm run soak -- --minutes ${seconds / 60} --seed ${seed}\n`,
  );
  const result = await runSoak({
    ...wanted,
    name: `soak${process.pid}`,
    signal,
    print: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(formatResult(result));
  if (wanted.json !== undefined) writeFileSync(wanted.json, `${JSON.stringify(result)}\n`);
  return result.interrupted ? EXIT_INTERRUPTED : result.ok ? 0 : 1;
}

/** What a run that was killed has left. */
async function removeOrphans(): Promise<void> {
  for (const name of Lab.names()) {
    const pid = Number(/^soak(\d+)$/.exec(name)?.[1]);
    if (Number.isNaN(pid)) continue;
    try {
      process.kill(pid, 0);
    } catch {
      await Lab.open(name)?.destroy();
    }
  }
}

process.exitCode = 70; // EX_SOFTWARE, should the event loop run dry before the run has come to an end
void main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
