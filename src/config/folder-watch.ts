// Hints that something in a folder, or in one of its folders, may have changed. A hint carries nothing: who gets it looks, and
// compares. inotify makes hints fast; a poll makes them sure where it says nothing (network file systems, no watches left).
// The folder may be missing, come later, or be a link that is swapped, as Kubernetes and Mesos replace secrets.

import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';

export interface FolderWatchOptions {
  /** Writers work in several steps: quiet for this long counts as done. */
  readonly settleMs?: number;
  /** Between looks where inotify has said nothing. */
  readonly pollMs?: number;
}

const SETTLE_MS = 100;
const POLL_MS = 2_000;
/** A folder that is written to all the time gives hints all the same, this many settle times apart. */
const MAX_SETTLES = 10;
/** inotify watches are counted for each user; beyond these folders the poll does it alone. */
const MAX_FOLDERS = 200;

export class FolderWatch {
  readonly #folder: string;
  readonly #hint: () => void;
  readonly #settleMs: number;
  readonly #poll: NodeJS.Timeout;
  #watchers: FSWatcher[] = [];
  /** Which folders are watched, by identity: a name that leads elsewhere now is another folder. */
  #armed = '';
  #settle: NodeJS.Timeout | undefined;
  #firstEvent = 0;

  /** @param hint  called later, never before this returns. */
  constructor(folder: string, hint: () => void, options: FolderWatchOptions = {}) {
    this.#folder = folder;
    this.#hint = hint;
    this.#settleMs = options.settleMs ?? SETTLE_MS;
    this.#arm();
    this.#poll = setInterval(() => this.#look(), options.pollMs ?? POLL_MS);
    this.#poll.unref();
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    this.#disarm();
  }

  #look(): void {
    this.#arm();
    this.#hint();
  }

  #soon(): void {
    const now = performance.now();
    if (this.#settle === undefined) this.#firstEvent = now;
    else if (now - this.#firstEvent > MAX_SETTLES * this.#settleMs) return;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      this.#settle = undefined;
      this.#look();
    }, this.#settleMs);
  }

  #arm(): void {
    const folders = this.#folders();
    const identities = folders.map(([path, identity]) => `${path} ${identity}`).join('\n');
    if (identities === this.#armed) return;
    this.#disarm();
    this.#armed = identities;
    for (const [path] of folders) {
      try {
        const watcher = watch(path, { persistent: false }, () => this.#soon());
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Gone again, or no watches left: the poll remains.
      }
    }
  }

  #disarm(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  /** Paths and identities of the folder's parent (for a swapped link), itself, and what is in it. */
  #folders(): readonly (readonly [string, string])[] {
    let inside: string[] = [];
    try {
      inside = readdirSync(this.#folder).map((name) => join(this.#folder, name));
    } catch {
      // Not there yet: its parent tells when it comes.
    }
    const found: [string, string][] = [];
    for (const path of [dirname(this.#folder), this.#folder, ...inside.slice(0, MAX_FOLDERS)]) {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      if (stat?.isDirectory()) found.push([path, `${stat.dev}:${stat.ino}`]);
    }
    return found;
  }
}
