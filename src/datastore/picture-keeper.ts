// Keeps the last good picture in its file: folds what the stream tells, and writes it, never more often than now and then. A
// disk that is full or read-only is told once, and costs nothing else.

import type { Entry } from './datastore.ts';
import { type PictureOwner, type PictureReading, readPicture, writePicture } from './picture-file.ts';
import type { DatastoreEvent } from './watch.ts';

export interface KeeperOptions {
  readonly path: string;
  readonly owner: PictureOwner;
  /** Told when writing begins to fail, and with undefined when it works again. */
  readonly onFailure: (message: string | undefined) => void;
  /** A change is written after this time, together with all that follow meanwhile. */
  readonly delayMs?: number;
  /** Without any change it is written again after this time, so that its age says how old its truth is. */
  readonly confirmMs?: number;
  /** Wall clock, milliseconds since 1970. */
  readonly now?: () => number;
  /** Is what was folded what the datastore says now? */
  readonly current: () => boolean;
}

const DELAY_MS = 30_000;
const FIRST_DELAY_MS = 1_000;
const CONFIRM_MS = 3_600_000;

export class PictureKeeper {
  readonly #options: KeeperOptions;
  readonly #entries = new Map<string, Entry>();
  /** Undefined until the datastore itself was listed: an earlier picture is not written back as a new one. */
  #store: string | undefined;
  #revision = '0';
  #timer: NodeJS.Timeout | undefined;
  #confirm: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;
  #written = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** How often the file was written. */
  get written(): number {
    return this.#written;
  }

  read = (): Promise<PictureReading> => {
    const { path, owner, now = Date.now } = this.#options;
    return readPicture(path, owner, now());
  };

  take(event: DatastoreEvent): void {
    if (event.type === 'listed') {
      if (event.store === undefined) return;
      const changed = event.store !== this.#store || this.#differs(event.entries);
      this.#store = event.store;
      this.#revision = event.revision;
      this.#entries.clear();
      for (const entry of event.entries) this.#entries.set(entry.key, entry);
      if (changed) this.#soon();
      return;
    }
    this.#revision = event.revision;
    for (const change of event.changes) {
      const { key, revision } = change;
      if (change.type === 'put') this.#entries.set(key, { key, value: change.value, revision });
      else this.#entries.delete(key);
    }
    this.#soon();
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearTimeout(this.#confirm);
    const pending = this.#timer !== undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    if (pending) await this.#write();
  }

  #differs(entries: readonly Entry[]): boolean {
    return (
      entries.length !== this.#entries.size ||
      entries.some(({ key, revision }) => this.#entries.get(key)?.revision !== revision)
    );
  }

  #soon(): void {
    const { delayMs = DELAY_MS } = this.#options;
    if (this.#timer !== undefined) return;
    const first = this.#written === 0 && !this.#failing;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#writing = this.#writing.then(() => this.#write());
      },
      first ? Math.min(FIRST_DELAY_MS, delayMs) : delayMs,
    );
    this.#timer.unref();
  }

  async #write(): Promise<void> {
    const { path, owner, onFailure, now = Date.now, confirmMs = CONFIRM_MS, current } = this.#options;
    if (this.#store === undefined) return;
    // A copy: changes come in while it is written.
    const picture = { store: this.#store, revision: this.#revision, entries: [...this.#entries.values()] };
    try {
      await writePicture(path, owner, picture, now());
      this.#written++;
      if (this.#failing) onFailure(undefined);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) onFailure((error as Error).message);
      this.#failing = true;
      this.#soon();
    }
    clearTimeout(this.#confirm);
    this.#confirm = setInterval(() => current() && this.#soon(), confirmMs);
    this.#confirm.unref();
  }
}
