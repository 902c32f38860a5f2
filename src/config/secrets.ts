// Passwords: the value of `secretKeyRef {name, key}` is the file `name/key` below one folder. Names come from the datastore,
// so they must not lead out of that folder. Values are handed on and never shown.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FolderWatch, type FolderWatchOptions } from './folder-watch.ts';

/** One step of a path, as names of Kubernetes secrets and their keys are; not `.` and not `..`. */
const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,253}$/;
/** TCP takes 80 octets of a key: what is larger is no password. */
const MAX_FILE_OCTETS = 4096;

/** The value of `secretKeyRef {name, key}`, or undefined. */
export type Secrets = (name: string, key: string) => string | undefined;

/**
 * Reads at each call, so that a changed file counts the next time.
 * @returns a function that gives the value without the line feed that editors end a file with; undefined when there is
 *          no such file, it cannot be read, or it is empty.
 */
export function secretsFrom(folder: string): Secrets {
  return (name, key) => {
    if (!NAME.test(name) || !NAME.test(key)) return undefined;
    const path = join(folder, name, key);
    try {
      const stat = statSync(path);
      if (!stat.isFile() || stat.size > MAX_FILE_OCTETS) return undefined; // a pipe would hold us for ever
      return readFileSync(path, 'utf8').replace(/\r?\n$/, '') || undefined;
    } catch {
      return undefined; // missing or unreadable: the session that needs it is held back and says so
    }
  };
}

/** More names than one configuration has: forget those that nobody asks for any more. */
const MAX_KNOWN = 1_000;

/**
 * The same folder, followed: files that were asked for are read again when something happens, and who listens is told
 * when one of them has another value. A value counts once two readings, a settling time apart, agree: a file that is being
 * written is not a password that was removed.
 */
export class WatchedSecrets {
  readonly #read: Secrets;
  readonly #settleMs: number;
  readonly #watch: FolderWatch;
  /** Values that were given out. */
  readonly #known = new Map<
    string,
    { readonly name: string; readonly key: string; value: string | undefined }
  >();
  readonly #listeners = new Set<(changed: number) => void>();
  /** What the last reading found where it differed; undefined when it did not. */
  #candidate: string | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(folder: string, options: FolderWatchOptions = {}) {
    this.#read = secretsFrom(folder);
    this.#settleMs = options.settleMs ?? 100;
    this.#watch = new FolderWatch(folder, () => this.#check(), options);
  }

  /** As last found; asked for the first time, as the file has it now. */
  readonly read: Secrets = (name, key) => {
    const id = `${name}/${key}`;
    const known = this.#known.get(id);
    if (known !== undefined) return known.value;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const value = this.#read(name, key);
    this.#known.set(id, { name, key, value });
    return value;
  };

  /** @param listener  told how many values changed. @returns a function that ends it. */
  listen(listener: (changed: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#watch.close();
    clearTimeout(this.#again);
    this.#listeners.clear();
  }

  #check(): void {
    const found = [...this.#known.values()].map((secret) => this.#read(secret.name, secret.key));
    const changed = [...this.#known.values()].filter(({ value }, index) => value !== found[index]);
    clearTimeout(this.#again);
    if (changed.length === 0) {
      this.#candidate = undefined;
      return;
    }
    const candidate = JSON.stringify(found);
    if (candidate !== this.#candidate) {
      this.#candidate = candidate;
      this.#again = setTimeout(() => this.#check(), this.#settleMs);
      this.#again.unref();
      return;
    }
    this.#candidate = undefined;
    for (const [index, secret] of [...this.#known.values()].entries()) secret.value = found[index];
    for (const listener of [...this.#listeners]) listener(changed.length);
  }
}
