// Outcomes as people read them: a line each while the faults run, and docs/reliability.md at the end. Pure.

import { cpus, release } from 'node:os';
import { type Expectation, type Fault, PATHS, type Path } from './faults/fault.ts';
import { FAMILIES, type Family } from './judge.ts';
import type { Outcome } from './run.ts';
import { HOLD_SECONDS, RESTART_SECONDS } from './topology.ts';

const cellText = ({ cells }: Outcome, family: Family, path: Path): string => {
  const cell = cells.find((each) => each.family === family && each.path === path);
  return cell === undefined ? '' : `${cell.lost} / ${cell.gapMs} ms`;
};

/** For the terminal. */
export function line(outcome: Outcome): string {
  const { fault, seconds, stalledMs, failures } = outcome;
  const cells = FAMILIES.flatMap((family) =>
    PATHS.flatMap((path) => {
      const text = cellText(outcome, family, path);
      return text === '' ? [] : `${family} ${path} ${text}`;
    }),
  );
  const verdict = failures.length === 0 ? 'ok    ' : 'FAILED';
  return `${verdict} ${fault.id.padEnd(24)} ${seconds.toFixed(1).padStart(5)} s  ${cells.join(', ')}; prober stood still for ${stalledMs} ms at most`;
}

function expected({ expect }: Fault): string {
  const text = (expectation: Expectation): string => {
    switch (expectation.kind) {
      case 'none lost':
        return '0 lost';
      case 'gap':
        return `≤ ${expectation.withinMs} ms`;
      case 'cut':
        return 'cut';
    }
  };
  const texts = PATHS.map((path) => text(expect[path]));
  if (new Set(texts).size === 1) return texts[0]!;
  return PATHS.map((path, index) => `${path}: ${texts[index]}`).join(', ');
}

function row(outcome: Outcome): string {
  const cells = FAMILIES.flatMap((family) => PATHS.map((path) => cellText(outcome, family, path)));
  const cut = outcome.cutMs > 0 ? ` Cut by the fault itself: ${outcome.cutMs} ms.` : '';
  const failed = outcome.failures.length > 0 ? ' **not met**' : '';
  const { title, design } = outcome.fault;
  return `| ${title} | ${expected(outcome.fault)}${failed}: ${design}.${cut} | ${cells.join(' | ')} |`;
}

export function document(outcomes: readonly Outcome[], hosts: number): string {
  const sent = outcomes.reduce((sum, { cells }) => sum + cells.reduce((all, cell) => all + cell.sent, 0), 0);
  const heads = FAMILIES.flatMap((family) => PATHS.map((path) => `${family} ${path}`));
  const stalledMs = Math.max(...outcomes.map((outcome) => outcome.stalledMs));
  const dropped = outcomes.reduce((sum, { machineDropped }) => sum + machineDropped, 0);
  const processors = cpus();
  return `# Reliability

What packets between containers notice when something breaks. This page is written by

\`\`\`sh
npm run reliability -- --write
\`\`\`

which lets every fault of \`test/reliability/faults\` happen to a running fleet: ${hosts} hosts, each with a kernel of its own (a network
namespace), a daemon and a container; two of the hosts reflect for all; etcd has three members. Each container sends to the next
host's container in both families, 1,000 packets a second, before, during and after the fault, until every daemon says again that all
is well. The hold time is ${HOLD_SECONDS} s, the graceful restart time ${RESTART_SECONDS} s. The short form, four hosts, is part of \`npm test\`
(\`test/topology/reliability.test.ts\`); what the design says is asserted in both.

A field says how many packets were lost, and the longest time without one, of packets *from* the hosts that the fault happens to, *to*
them, and *past* them. An empty field: no packets go there. *cut* is a path that the fault itself takes away, as ordered. Lost is what has
a number that never arrived, less what the prober's own socket had no room for. Of a gap, what the sender itself stood still is not
counted (at most ${stalledMs} ms: all of this runs on ${processors.length} cores), and a bound is asserted with 150 ms and that time added. Gaps of some
milliseconds without a loss are packets that waited for a processor.

Last run: ${new Date().toISOString().slice(0, 10)}, Linux ${release().split('-')[0]}, ${processors[0]?.model.trim()} × ${processors.length}, Node.js ${process.versions.node};
${sent.toLocaleString('en')} packets, of which ${dropped} were dropped because the machine was busy.

| Fault | By design | ${heads.join(' | ')} |
|---|---|${heads.map(() => '---|').join('')}
${outcomes.map(row).join('\n')}
`;
}
