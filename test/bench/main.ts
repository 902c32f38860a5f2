// `npm run bench`: scenarios side by side against every BGP daemon that is installed, printed as medians with ratios.
// `npm run bench -- --help` says what can be picked.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bird } from './daemons/bird.ts';
import type { DaemonKind } from './daemons/daemon.ts';
import { frr } from './daemons/frr.ts';
import { gobgp } from './daemons/gobgp.ts';
import { openbgpd } from './daemons/openbgpd.ts';
import { ours } from './daemons/ours.ts';
import { cores, inside, prepareNetwork, reenter } from './isolation.ts';
import { type Machine, machine, type Row, summary, table } from './report.ts';
import { S4 } from './scenarios/best-path.ts';
import { S5 } from './scenarios/churn.ts';
import { GIVE_BACK } from './scenarios/give-back.ts';
import { HOLD } from './scenarios/hold.ts';
import { S7 } from './scenarios/idle.ts';
import { simulate } from './scenarios/in-process.ts';
import { S8 } from './scenarios/kernel.ts';
import { S1 } from './scenarios/load.ts';
import { S6 } from './scenarios/loss.ts';
import { S3 } from './scenarios/mesh-of-clients.ts';
import { S2 } from './scenarios/reflect.ts';
import type { Result, Scenario, Variant } from './scenarios/scenario.ts';
import { STALLED } from './scenarios/stalled.ts';
import { Trial, type TrialOptions } from './trial.ts';

const SCENARIOS: readonly Scenario[] = [S1, S2, S3, S4, S5, S6, S7, S8, STALLED, GIVE_BACK, HOLD];
const DAEMONS: readonly DaemonKind[] = [ours, bird, frr, gobgp, openbgpd];
const EXIT_USAGE = 64;

const HELP = `npm run bench [-- options]: compares mesos-bgp with the BGP daemons that are installed here

  --scenario S1,S2   which (${SCENARIOS.map(({ id }) => id).join(', ')}); all unless told. sim: thousands of clients
                     in process, without a daemon; --size is the number of clients then
  --peers bird,frr   with whom (${DAEMONS.slice(1)
    .map(({ name }) => name)
    .join(', ')}, or none); all that are installed unless told
  --size 100k        number of prefixes, where a scenario has a choice: 10k, 100k, 1M
  --match TEXT       only variants whose name contains it, as ipv6
  --runs 3           runs of each; medians are printed
  --limit 300        seconds that one stretch may take at most
  --json FILE        results with versions and the machine
  --from A.json,B.json   no runs: a summary of the results in these files
  --profile FOLDER   CPU profiles of our daemon, one a run, for Chrome's developer tools
  --without-ours     peers alone
Needs root, for a network namespace of its own.`;

const { values: options } = parseArgs({
  options: {
    scenario: { type: 'string' },
    peers: { type: 'string' },
    size: { type: 'string' },
    match: { type: 'string' },
    runs: { type: 'string', default: '3' },
    limit: { type: 'string', default: '300' },
    json: { type: 'string' },
    profile: { type: 'string' },
    from: { type: 'string' },
    'without-ours': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

/** @throws when one is not in the list. */
function pick<T extends { readonly id?: string; readonly name?: string }>(
  what: string,
  text: string | undefined,
  from: readonly T[],
): readonly T[] {
  if (text === undefined) return from;
  if (text === 'none') return [];
  const nameOf = (each: T) => (each.id ?? each.name ?? '').toLowerCase();
  return text.split(',').map((name) => {
    const found = from.find((each) => nameOf(each) === name.trim().toLowerCase());
    if (found === undefined) return usage(`--${what} ${name}: there is ${from.map(nameOf).join(', ')}`);
    return found;
  });
}

function usage(message: string): never {
  console.error(`${message}\n\n${HELP}`);
  process.exit(EXIT_USAGE);
}

function number(what: string, text: string): number {
  const match = /^([0-9]+)(k|m|)$/i.exec(text);
  if (match === null) return usage(`--${what} ${text}: a number is wanted, as 3, 100k or 1M`);
  return Number(match[1]) * { k: 1000, m: 1_000_000, '': 1 }[match[2]!.toLowerCase() as 'k' | 'm' | '']!;
}

async function main(): Promise<number> {
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (options.from !== undefined) {
    const read = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as { rows: Row[] }).rows;
    console.log(summary(options.from.split(',').flatMap(read), ours.name));
    return 0;
  }
  if (options.scenario === 'sim') {
    simulate(
      console.log,
      options.size?.split(',').map((text) => number('size', text)),
    );
    return 0;
  }
  const scenarios = pick('scenario', options.scenario, SCENARIOS);
  const peers = pick('peers', options.peers, DAEMONS.slice(1));
  const runs = number('runs', options.runs);
  const limitSeconds = number('limit', options.limit);
  const sizes = options.size?.split(',').map((text) => number('size', text));
  if (!inside()) {
    if (process.getuid?.() !== 0) usage('the bench needs root, for a network namespace of its own');
    return reenter();
  }
  // Through `exit`, so that no daemon and no folder outlives the bench.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
  prepareNetwork();
  const { generator, daemon: cpu } = cores();
  const versions = new Map<DaemonKind, string>();
  for (const kind of [...(options['without-ours'] ? [] : [ours]), ...peers]) {
    const version = kind.version();
    if (version === undefined) console.error(`${kind.name} is not installed: left out`);
    else versions.set(kind, version);
  }
  const probeFolder = mkdtempSync(join(tmpdir(), 'mesos-bgp-probe-'));
  const probe = join(probeFolder, 'probe.cjs');
  copyFileSync(join('test', 'bench', 'probe.cjs'), probe);
  const where = machine();
  console.log(
    `${where.cpu}, ${where.cores} cores, ${where.memoryGb} GB, Linux ${where.kernel}, Node ${where.node}, ${where.commit}; ` +
      (cpu === undefined
        ? 'daemon and load generator share one core'
        : `daemon on core ${cpu}, load generator on core ${generator}`),
  );
  for (const [{ name, settings }, version] of versions) console.log(`${name} (${version}): ${settings}`);
  console.log('');
  const rows: Row[] = [];
  try {
    for (const scenario of scenarios) {
      console.log(`${scenario.id}: ${scenario.title}. Target: ${scenario.target}\n`);
      const variants = scenario
        .variants(sizes)
        .filter(({ id }) => options.match === undefined || id.includes(options.match));
      for (const variant of variants) {
        const found: Row[] = [];
        for (const kind of versions.keys())
          found.push(
            ...(await against(kind, scenario, variant, runs, {
              cpu,
              probe,
              limitSeconds,
              profile: options.profile,
            })),
          );
        rows.push(...found);
        keep(options.json, where, versions, rows);
        console.log(table(found, ours.name));
      }
    }
  } finally {
    rmSync(probeFolder, { recursive: true, force: true });
    console.log(`CPU s / wall s / peak MB (ours divided by theirs)\n\n${summary(rows, ours.name)}`);
  }
  return rows.some(({ problem, daemon }) => problem !== undefined && daemon === ours.name) ? 1 : 0;
}

/** After each variant, so that an end by signal loses little. */
function keep(
  file: string | undefined,
  where: Machine,
  versions: ReadonlyMap<DaemonKind, string>,
  rows: readonly Row[],
): void {
  if (file === undefined) return;
  const daemons = [...versions].map(([{ name, settings }, version]) => ({ name, version, settings }));
  writeFileSync(file, `${JSON.stringify({ machine: where, daemons, rows }, undefined, 1)}\n`);
}

/** @returns a row a part of the variant; one with the problem when there is nothing to show. */
async function against(
  kind: DaemonKind,
  scenario: Scenario,
  variant: Variant,
  runs: number,
  settings: Omit<TrialOptions, 'kind' | 'probe'> & { readonly probe: string },
): Promise<Row[]> {
  const row = { scenario: scenario.id, variant: variant.id, title: variant.title, daemon: kind.name };
  if (variant.leaveOut?.includes(kind.name))
    return [{ ...row, part: '', runs: [], problem: 'left out here: it would take long' }];
  const cannot = variant.kernel && kind.cannot({ kernel: true });
  if (cannot) return [{ ...row, part: '', runs: [], problem: `left out: ${cannot}` }];
  const probe = variant.withoutProbe ? undefined : settings.probe;
  const results: Result[] = [];
  try {
    for (let run = 0; run < runs; run++) {
      const once = () => attempt(variant, new Trial({ kind, ...settings, probe }));
      // A peer that drops a session in the crowd gets a second chance; we do not.
      results.push(...(await (kind === ours ? once() : once().catch(once))));
    }
  } catch (error) {
    return [
      {
        ...row,
        part: '',
        runs: [],
        problem: (error as Error).message.trim().replaceAll('\n', ' ').slice(0, 300),
      },
    ];
  }
  const parts = [...new Set(results.map(({ part }) => part))];
  return parts.map((part) => ({ ...row, part, runs: results.filter((each) => each.part === part) }));
}

async function attempt(variant: Variant, trial: Trial): Promise<readonly Result[]> {
  try {
    return await variant.run(trial);
  } finally {
    await trial.end();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
