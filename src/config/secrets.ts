// Passwords: the value of `secretKeyRef {name, key}` is the file `name/key` below one folder. Names come from the datastore,
// so they must not lead out of that folder. Values are handed on and never shown.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step of a path, as names of Kubernetes secrets and their keys are; not `.` and not `..`. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,253}$/;

/**
 * Reads at each call, so that a changed file counts the next time.
 * @returns a function that gives the value without the line feed that editors end a file with; undefined when there is
 *          no such file, it cannot be read, or it is empty.
 */
export function secretsFrom(folder: string): (name: string, key: string) => string | undefined {
  return (name, key) => {
    if (!NAME.test(name) || !NAME.test(key)) return undefined;
    try {
      return readFileSync(join(folder, name, key), 'utf8').replace(/\r?\n$/, '') || undefined;
    } catch {
      return undefined; // missing or unreadable: the session that needs it is held back and says so
    }
  };
}
