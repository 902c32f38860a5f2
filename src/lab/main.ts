// Entry of the `lab` program: privilege first, then the command.

import { runCommand } from './commands.ts';
import { Lab } from './lab.ts';
import { detectPrivilege, endUserNamespace, runInUserNamespace } from './privilege.ts';

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  const onlyTalks = argv.length === 0 || argv.some((word) => ['--help', '-h', 'help'].includes(word));
  const privilege = onlyTalks ? { kind: 'enough' as const } : detectPrivilege();
  if (privilege.kind === 'user-namespace') return runInUserNamespace();
  if (privilege.kind === 'none') {
    process.stderr.write(`${privilege.message}\n`);
    return 1;
  }
  const code = await runCommand(argv, {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  });
  if (Lab.names().length === 0) endUserNamespace();
  return code;
}

process.exitCode = 70; // EX_SOFTWARE, should the event loop run dry before the command has come to an end
void main().then((code) => {
  process.exitCode = code;
});
