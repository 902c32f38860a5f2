// `npm run reliability`: every fault on a fleet of twelve hosts, and docs/reliability.md from what came out.
// `npm run reliability -- --help` says what can be picked.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Fault } from './faults/fault.ts';
import { FAULTS } from './faults/index.ts';
import { Fleet } from './fleet.ts';
import { document, line } from './report.ts';
import { type Outcome, run } from './run.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const DOCUMENT = 'docs/reliability.md';

const HELP = `npm run reliability [-- options]: packets between containers while things break

  --hosts 12          how many hosts, two of them reflectors; at least 4
  --fault ID,ID       these faults alone: ${FAULTS.map(({ id }) => id).join(', ')}
  --short             the form that CI runs: without the faults that are marked full
  --runs 1            each fault so often
  --logs FOLDER       keeps the logs of the daemons there
  --write             the result into ${DOCUMENT}; only with all faults
Needs root, for network namespaces. Takes about ten minutes on two cores.`;

const { values: options } = parseArgs({
  options: {
    hosts: { type: 'string', default: '12' },
    fault: { type: 'string' },
    short: { type: 'boolean', default: false },
    runs: { type: 'string', default: '1' },
    logs: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function main(): Promise<number> {
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const hosts = Number(options.hosts);
  const runs = Number(options.runs);
  const wanted = options.fault?.split(',');
  const unknown = wanted?.filter((id) => !FAULTS.some((fault) => fault.id === id)) ?? [];
  const wrong =
    unknown.length > 0
      ? `--fault: there is no ${unknown.join(', ')}`
      : !(Number.isInteger(hosts) && hosts >= 4 && hosts <= 100)
        ? `--hosts ${options.hosts}: a number from 4 to 100 is wanted`
        : !(Number.isInteger(runs) && runs >= 1)
          ? `--runs ${options.runs}: a number from 1 is wanted`
          : options.write && (runs > 1 || wanted !== undefined || options.short)
            ? '--write: only the whole table is written; leave out --fault, --runs and --short'
            : undefined;
  if (wrong !== undefined) {
    console.error(`${wrong}\n\n${HELP}`);
    return EXIT_USAGE;
  }
  const chosen = FAULTS.filter(({ id, full }) => (wanted ? wanted.includes(id) : !(options.short && full)));
  const faults = chosen.flatMap((fault) => Array<Fault>(runs).fill(fault));
  const fleet = await Fleet.start({ hosts });
  const ended = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
  const outcomes: Outcome[] = [];
  try {
    for (const fault of faults) {
      const outcome = await Promise.race([run(fleet, fault), ended]);
      outcomes.push(outcome);
      console.log(line(outcome));
      for (const failure of outcome.failures) console.log(`  ${failure}`);
    }
  } finally {
    if (options.logs !== undefined) fleet.keepLogs(options.logs);
    await fleet.stop();
  }
  if (options.write) writeFileSync(DOCUMENT, document(outcomes, hosts));
  return outcomes.some(({ failures }) => failures.length > 0) ? EXIT_FAILED : 0;
}

const code = await main().catch((error: Error) => {
  console.error(error.message);
  return EXIT_FAILED;
});
process.exit(code); // a fault that Ctrl-C ended still waits for a fleet that is gone
