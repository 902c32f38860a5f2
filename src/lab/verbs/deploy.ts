// `lab deploy` and `lab destroy`.

import { Lab } from '../lab.ts';
import { type Call, filterOf, formatOf, openLab, pairs, text, topologyFile } from './call.ts';
import { showLabs } from './inspect.ts';

export async function deploy({ words, options, output }: Call): Promise<number> {
  const file = topologyFile(options, words[0]);
  const name = text(options, 'name');
  const nodeFilter = filterOf(options);
  const result = await Lab.deploy(file, {
    reconfigure: options.reconfigure === true,
    report: (line) => output.stderr(`${line}\n`),
    kindMap: pairs(options, 'kind-map'),
    ...(name === undefined ? {} : { name }),
    ...(nodeFilter ? { nodeFilter } : {}),
  });
  if (!result.ok) {
    output.stderr(`${result.message}\n`);
    if (result.lab)
      output.stderr(`What stands of the lab stays for a look: lab destroy --name ${result.lab.name}\n`);
  }
  if (result.lab) showLabs([result.lab], formatOf(options, ['table', 'json']), output);
  return result.ok ? 0 : 1;
}

export async function destroy({ words, options, output }: Call): Promise<number> {
  const labs = options.all
    ? Lab.names().flatMap((name) => Lab.open(name) ?? [])
    : [openLab(options, words[0], output)].filter((lab) => lab !== undefined);
  let failed = !options.all && labs.length === 0;
  for (const lab of labs) {
    const left = await lab.destroy(options.graceful ? 10_000 : 0);
    for (const line of left) output.stderr(`${line}\n`);
    failed ||= left.length > 0;
    if (left.length === 0) output.stderr(`lab ${lab.name} is gone\n`);
  }
  return failed ? 1 : 0;
}
