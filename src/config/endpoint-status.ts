// Felix's endpoint status files, one a local workload: names and texts of what one folder holds. What they mean is read
// elsewhere. A folder that is not there is an empty one: most hosts have no Felix.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FolderWatch, type FolderWatchOptions } from './folder-watch.ts';

/** File name → text. */
export type EndpointFiles = ReadonlyMap<string, string>;

/** Felix writes some hundred octets. */
const MAX_FILE_OCTETS = 65_536;

interface Held {
  readonly text: string;
  /** Tells whether it must be read again. */
  readonly version: string;
}

/** All files as they are now. */
export const endpointFilesIn = (folder: string): EndpointFiles => texts(read(folder, new Map()));

/**
 * The same folder, followed from the first time that somebody asks: nobody does where no BGPPeer is for workloads. Who listens
 * is told when a file came, went or changed.
 */
export class WatchedEndpointFiles {
  readonly #folder: string;
  readonly #options: FolderWatchOptions;
  readonly #listeners = new Set<() => void>();
  #held: ReadonlyMap<string, Held> | undefined;
  #watch: FolderWatch | undefined;

  constructor(folder: string, options: FolderWatchOptions = {}) {
    this.#folder = folder;
    this.#options = options;
  }

  readonly read = (): EndpointFiles => {
    if (this.#held === undefined) {
      this.#held = read(this.#folder, new Map());
      this.#watch = new FolderWatch(this.#folder, () => this.#check(), this.#options);
    }
    return texts(this.#held);
  };

  /** @returns a function that ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#watch?.close();
    this.#listeners.clear();
  }

  #check(): void {
    const before = this.#held ?? new Map<string, Held>();
    const now = read(this.#folder, before);
    this.#held = now;
    const same =
      now.size === before.size && [...now].every(([name, { text }]) => before.get(name)?.text === text);
    if (!same) for (const listener of [...this.#listeners]) listener();
  }
}

const texts = (held: ReadonlyMap<string, Held>): EndpointFiles =>
  new Map([...held].map(([name, { text }]) => [name, text]));

/** Reads what is new or has changed since. */
function read(folder: string, before: ReadonlyMap<string, Held>): ReadonlyMap<string, Held> {
  const found = new Map<string, Held>();
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith('.')); // a dot: somebody is still writing it
  } catch {
    // Not there, or not for us to read: no workloads.
  }
  for (const name of names) {
    const path = join(folder, name);
    try {
      const stat = statSync(path, { bigint: true });
      if (!stat.isFile() || stat.size > MAX_FILE_OCTETS) continue;
      const version = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
      const known = before.get(name);
      found.set(name, known?.version === version ? known : { text: readFileSync(path, 'utf8'), version });
    } catch {
      // Gone between the two looks.
    }
  }
  return found;
}
