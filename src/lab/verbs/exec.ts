// `lab exec`: commands in those nodes of a lab that fit.

import type { Lab, LabNode } from '../lab.ts';
import { type Call, filterOf, formatOf, list, openLab, pairs, UsageError } from './call.ts';

export async function exec({ words, options, output }: Call): Promise<number> {
  const format = formatOf(options, ['plain', 'json']);
  const commands = list(options, 'cmd');
  if (commands.length === 0) throw new UsageError('--cmd LINE is missing');
  const lab = openLab(options, words[0], output);
  if (!lab) return 1;
  const filter = filterOf(options);
  const labels = Object.entries(pairs(options, 'label'));
  const nodes = lab.nodes.filter(
    (node) =>
      node.state.kind !== 'bridge' &&
      (!filter || filter.includes(node.name) || filter.includes(node.longName)) &&
      labels.every(([key, value]) => labelsOf(lab, node)[key] === value),
  );
  if (nodes.length === 0) {
    output.stderr(`no node fits; there are: ${lab.nodes.map((node) => node.name).join(', ')}\n`);
    return 1;
  }
  const answers: Record<string, unknown[]> = {};
  let failed = false;
  for (const node of nodes)
    for (const command of commands) {
      const result = await node.exec(command);
      failed ||= result.code !== 0;
      const entry = {
        cmd: command.split(/\s+/),
        'return-code': result.code,
        stdout: result.stdout,
        stderr: result.stderr,
      };
      answers[node.longName] = [...(answers[node.longName] ?? []), entry];
      if (format === 'plain') {
        if (nodes.length > 1 || commands.length > 1) output.stderr(`${node.longName}: ${command}\n`);
        output.stdout(result.stdout);
        output.stderr(result.stderr);
        if (result.code !== 0) output.stderr(`${node.longName}: ${command}: exit code ${result.code}\n`);
      }
    }
  if (format === 'json') output.stdout(`${JSON.stringify(answers, null, 2)}\n`);
  return failed ? 1 : 0;
}

const labelsOf = (lab: Lab, node: LabNode): Readonly<Record<string, string>> => ({
  ...node.state.labels,
  containerlab: lab.name,
  'clab-node-name': node.name,
  'clab-node-kind': node.state.kind,
  'clab-node-group': node.state.group,
});
