// Labs for tests: deployed under names of their own, so that test files can run at the same time, and destroyed whatever
// the tests did. What a killed test run left behind goes at the start of the next.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeployOptions, Lab } from '../../src/lab/lab.ts';
import { detectPrivilege } from '../../src/lab/privilege.ts';

let count = 0;

/** Other on every call and in every process; short, since it becomes part of namespace names. */
export const labName = (): string => `test${process.pid}-${++count}`;

/** @throws when it does not come up, with every reason; nothing of it is left then. */
export async function deployLab(file: string, options: DeployOptions = {}): Promise<Lab> {
  const privilege = detectPrivilege();
  if (privilege.kind !== 'enough')
    throw new Error(
      privilege.kind === 'none'
        ? privilege.message
        : 'Labs need root here. As an ordinary user run the tests in a user namespace:\n' +
            "unshare --user --map-root-user --net --mount sh -c 'mount -t tmpfs run /run && exec npm test'",
    );
  await destroyOrphans();
  const deployed = await Lab.deploy(file, { name: labName(), ...options });
  if (deployed.ok) return deployed.lab;
  await deployed.lab?.destroy();
  throw new Error(deployed.message);
}

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

async function destroyOrphans(): Promise<void> {
  for (const name of Lab.names()) {
    const pid = Number(/^test(\d+)-/.exec(name)?.[1]);
    if (Number.isNaN(pid) || pid === process.pid) continue;
    try {
      process.kill(pid, 0);
    } catch {
      await Lab.open(name)?.destroy();
    }
  }
}
