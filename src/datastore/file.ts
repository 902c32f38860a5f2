// The file datastore: a YAML or JSON file, or a folder of them, with resources as calicoctl prints them. They become the
// keys and values that etcd would have, in a store in memory, by a function that is handed in. The files are followed; a set
// of them that does not parse is refused as a whole with file, line and reason, and what was read last stays.

import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type Datastore,
  failure,
  type KeyRange,
  type Listing,
  type Result,
  type StatusCell,
  type TransactionResult,
  type Watch,
  type WatchHandler,
  type WatchStart,
} from './datastore.ts';
import { type Manifest, type Manifests, manifestsIn } from './manifests.ts';
import { MemoryDatastore } from './memory.ts';

/** One resource → its key and value, or why there is none. */
export type ToEntry = (
  manifest: unknown,
) =>
  | { readonly type: 'entry'; readonly key: string; readonly value: string }
  | { readonly type: 'ignored' }
  | { readonly type: 'wrong'; readonly message: string };

const EXTENSION = /\.(ya?ml|json)$/;
/** Editors write in several steps: let them finish. */
const SETTLE_MS = 50;
/** For file systems that tell nothing of changes. */
const POLL_MS = 2_000;
/** A file that was changed less than this before it was looked at may change again without looking any different. */
const COARSE_MS = 3_000;

export interface FileDatastoreOptions {
  /** Between looks where inotify has said nothing. */
  readonly pollMs?: number;
  /** The wall clock, which the times of files are by. */
  readonly now?: () => number;
}

export class FileDatastore implements Datastore {
  readonly name: string;
  readonly #path: string;
  readonly #toEntry: ToEntry;
  readonly #memory: MemoryDatastore;
  #watchers: FSWatcher[] = [];
  #poll: NodeJS.Timeout | undefined;
  #settle: NodeJS.Timeout | undefined;
  #reading: Promise<Result<void>> | undefined;
  /** Text of the files as last read, whether they parsed or not. */
  #lastText: string | undefined;
  #lastResult: Result<void> | undefined;
  /** How the files looked before they were read last; undefined where that says nothing. */
  #lastLook: string | undefined;
  #poking = false;
  #closed = false;
  readonly #pollMs: number;
  readonly #now: () => number;
  /** How often the files have been read, and looked at: those that look as they did are not read. */
  readings = 0;
  looks = 0;

  constructor(path: string, toEntry: ToEntry, options: FileDatastoreOptions = {}) {
    this.#path = path;
    this.#toEntry = toEntry;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#now = options.now ?? Date.now;
    this.name = `file ${path}`;
    this.#memory = new MemoryDatastore(this.name);
  }

  get status(): StatusCell {
    return this.#memory.status;
  }

  async list(ranges: readonly KeyRange[]): Promise<Result<Listing>> {
    const result = await this.#read();
    return result.ok ? this.#memory.list(ranges) : result;
  }

  watch(starts: readonly WatchStart[], handler: WatchHandler): Watch {
    this.#follow();
    return this.#memory.watch(starts, handler);
  }

  async put(): Promise<Result<string>> {
    return failure('refused', `${this.name} is only read: edit the file`);
  }

  async transaction(): Promise<Result<TransactionResult>> {
    return failure('refused', `${this.name} is only read: edit the file`);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    for (const watcher of this.#watchers) watcher.close();
    this.#memory.close();
  }

  /** Reads all files, one reading at a time. */
  #read(): Promise<Result<void>> {
    this.#reading ??= this.#readFiles().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readFiles(): Promise<Result<void>> {
    this.readings++;
    this.#lastLook = undefined;
    const look = await this.#look();
    const files = await this.#files();
    if (!files.ok) return files;
    this.#lastLook = look;
    const text = JSON.stringify(files.value);
    if (text === this.#lastText && this.#lastResult !== undefined) return this.#lastResult;
    const yaml = await import('yaml'); // not needed by those who use etcd
    const entries = new Map<string, string>();
    const origins = new Map<string, Manifest>();
    let result: Result<void> = { ok: true, value: undefined };
    for (const [name, content] of files.value) {
      const wrong = this.#take(manifestsIn(content, name, yaml), entries, origins);
      if (wrong !== undefined && result.ok) result = failure('invalid', wrong);
    }
    if (result.ok && entries.size === 0 && this.#memory.size > 0) {
      // A file that is being written is empty for a moment.
      result = failure(
        'invalid',
        `${this.#path} holds no resource any more; the last state stays until it has some`,
      );
    }
    this.#lastText = text;
    this.#lastResult = result;
    if (result.ok) this.#memory.assign(entries);
    return result;
  }

  /** @returns what is wrong, with file and line, or undefined when all its resources were taken. */
  #take(read: Manifests, entries: Map<string, string>, origins: Map<string, Manifest>): string | undefined {
    const next = 'the file is not used until that is corrected';
    if (!read.ok) return `${read.message}; ${next}`;
    for (const manifest of read.manifests) {
      const entry = this.#toEntry(manifest.content);
      if (entry.type === 'wrong') return `${manifest.where()}: ${entry.message}; ${next}`;
      if (entry.type === 'ignored') continue;
      const other = origins.get(entry.key);
      if (other !== undefined)
        return `${manifest.where()}: the same resource is at ${other.where()} already; remove one of them`;
      origins.set(entry.key, manifest);
      entries.set(entry.key, entry.value);
    }
    return undefined;
  }

  /** Identity, size and times of the files, which are not read for it; undefined where they may change and look the same. */
  async #look(): Promise<string | undefined> {
    this.looks++;
    const changedBefore = BigInt(this.#now() - COARSE_MS) * 1_000_000n;
    try {
      const paths = [this.#path];
      const looks: string[] = [];
      for (const path of paths) {
        const found = await stat(path, { bigint: true });
        if (found.mtimeNs > changedBefore || found.ctimeNs > changedBefore) return undefined;
        looks.push(`${path} ${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`);
        if (path === this.#path && found.isDirectory()) paths.push(...(await this.#manifestPaths()));
      }
      return looks.join('\n');
    } catch {
      return undefined; // reading says what is wrong
    }
  }

  /** In the folder. */
  async #manifestPaths(): Promise<readonly string[]> {
    const names = (await readdir(this.#path)).filter((name) => EXTENSION.test(name)).sort();
    return names.map((name) => join(this.#path, name));
  }

  /** Names and texts, by name. */
  async #files(): Promise<Result<readonly (readonly [string, string])[]>> {
    try {
      const folder = (await stat(this.#path)).isDirectory();
      const paths = folder ? await this.#manifestPaths() : [this.#path];
      // One after the other: where a file system hangs, that is one thread of libuv's pool, and the kernel's routes need one.
      const texts: (readonly [string, string])[] = [];
      for (const path of paths) texts.push([path, await readFile(path, 'utf8')]);
      return { ok: true, value: texts };
    } catch (error) {
      const { code, path, message } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'does not exist' : message;
      return failure(
        'unavailable',
        `${path ?? this.#path}: ${why}. Check the path given with --datastore file:PATH`,
      );
    }
  }

  #follow(): void {
    if (this.#poll !== undefined || this.#closed) return;
    this.#poll = setInterval(() => void this.#poke(), this.#pollMs);
    // The folder of a file, since editors put a new file in the old one's place.
    for (const [folder, only] of [
      [dirname(this.#path), basename(this.#path)],
      [this.#path, undefined],
    ] as const) {
      try {
        const watcher = watchFolder(folder, (_, name) => {
          if (only === undefined || name === null || name === only) this.#soon();
        });
        watcher.on('error', () => watcher.close()); // polling remains
        this.#watchers.push(watcher);
      } catch {
        // Gone, or no more inotify watches: polling remains.
      }
    }
  }

  #soon(): void {
    clearTimeout(this.#settle);
    if (!this.#closed) this.#settle = setTimeout(() => void this.#refresh(), SETTLE_MS);
  }

  /** Files that look as they did are not read: most daemons rest most of the time. One look at a time, since it may hang. */
  async #poke(): Promise<void> {
    if (this.#poking) return;
    this.#poking = true;
    const look = this.#lastLook;
    if (look === undefined || look !== (await this.#look())) await this.#refresh();
    this.#poking = false;
  }

  /** Tells a bad file by the status alone: the watches go on, and so does what was read last. */
  async #refresh(): Promise<void> {
    const result = await this.#read();
    if (this.#closed || this.status.current.state === 'connecting') return;
    if (result.ok) this.status.update({ state: 'in-sync', lastError: undefined });
    else this.status.update({ state: 'disconnected', lastError: result.error.message });
  }
}
