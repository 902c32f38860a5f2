// `lab load`: Calico resources into the lab's etcd.

import { load } from '../calico/load.ts';
import { type Call, openLab, text, UsageError } from './call.ts';

export async function loadResources({ words, options, output }: Call): Promise<number> {
  const given = options.topo !== undefined || options.name !== undefined;
  const lab = openLab(options, given ? undefined : words[0], output);
  if (!lab) return 1;
  const paths = given ? words : words.slice(1);
  if (paths.length === 0) throw new UsageError('files or folders with resources are missing');
  const loaded = await load(lab.node(text(options, 'node') ?? 'etcd'), paths);
  for (const problem of loaded.problems) output.stderr(`${problem}\n`);
  output.stderr(`${loaded.written} keys written\n`);
  return loaded.problems.length > 0 ? 1 : 0;
}
