// Labs for tests: deployed under names of their own (deploy.ts), so that test files can run at the same time, and destroyed
// whatever the tests did.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeployOptions, Lab } from '../../src/lab/lab.ts';
import { deployLab, labName } from './deploy.ts';

export { deployLab, labName };

/**
 * A lab for all tests of the `describe` around it (or of the file).
 * @returns a function that gives the lab, to be called inside tests.
 */
export function useLab(file: string, options: DeployOptions = {}): () => Lab {
  let lab: Lab | undefined;
  beforeAll(async () => {
    lab = await deployLab(file, options);
  }, 60_000);
  afterAll(async () => {
    const left = (await lab?.destroy()) ?? [];
    if (left.length > 0) throw new Error(`the lab could not be destroyed:\n${left.join('\n')}`);
  }, 60_000);
  return () => {
    if (!lab) throw new Error('the lab did not come up');
    return lab;
  };
}

/** A topology file with this text in a folder of its own, which goes with the process's other such folders. */
export function topologyFile(text: string, others: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-lab-'));
  folders.push(folder);
  for (const [name, content] of Object.entries({ 'test.clab.yml': text, ...others }))
    writeFileSync(join(folder, name), content);
  return join(folder, 'test.clab.yml');
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
