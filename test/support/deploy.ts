// Labs without a test runner around: deployed under names of their own, and what a killed run left behind goes at the next start.

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
