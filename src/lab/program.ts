// What programs have in common that make labs of their own: the privilege, Ctrl-C, and the end.

import { Lab } from './lab.ts';
import { detectPrivilege, endUserNamespace, runInUserNamespace } from './privilege.ts';

/**
 * Runs it where labs can be made: here, or once more in a user namespace.
 * @param body  is told by the signal that it was interrupted, and then ends early and cleans up.
 * @returns its exit code, or 1 where no labs can be made.
 */
export async function runWithLabs(body: (interrupted: AbortSignal) => Promise<number>): Promise<number> {
  const privilege = detectPrivilege();
  if (privilege.kind === 'user-namespace') return runInUserNamespace();
  if (privilege.kind === 'none') {
    process.stderr.write(`${privilege.message}\n`);
    return 1;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (!interrupted.signal.aborted) process.stderr.write('\ninterrupted: cleaning up …\n');
      interrupted.abort();
    });
  // `npm run demo | head` closes the pipe early: nobody reads on, so it ends as on Ctrl-C, and cleans up too.
  process.stdout.on('error', () => interrupted.abort());
  try {
    return await body(interrupted.signal);
  } finally {
    if (Lab.names().length === 0) endUserNamespace();
  }
}
