// A datastore in memory: for tests, and the ground that the file datastore stands on. It keeps a log of changes, so
// that a watch can begin in the past, and can do on demand what makes a real store hard: compact, break, come back as another.

import {
  type Change,
  type Condition,
  compareRevisions,
  type Datastore,
  type Entry,
  failure,
  inRange,
  type KeyRange,
  type Listing,
  type Result,
  StatusCell,
  type TransactionResult,
  type Watch,
  type WatchEnd,
  type WatchHandler,
  type WatchStart,
  type Write,
} from './datastore.ts';

interface Watcher {
  readonly ranges: readonly KeyRange[];
  readonly handler: WatchHandler;
  open: boolean;
}

export class MemoryDatastore implements Datastore {
  readonly name: string;
  readonly status = new StatusCell();
  #store = 1;
  #revision = 1;
  #compacted = 0;
  #failing: string | undefined;
  readonly #entries = new Map<string, Entry>();
  #log: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  /** Longest log; older changes are compacted. */
  readonly #maxLogLength: number;

  constructor(name = 'memory', maxLogLength = 10_000) {
    this.name = name;
    this.#maxLogLength = maxLogLength;
  }

  get size(): number {
    return this.#entries.size;
  }

  async list(ranges: readonly KeyRange[]): Promise<Result<Listing>> {
    if (this.#failing !== undefined) return failure('unavailable', this.#failing);
    const entries = [...this.#entries.values()].filter((entry) =>
      ranges.some((range) => inRange(range, entry.key)),
    );
    entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    return {
      ok: true,
      value: { position: { store: String(this.#store), revision: String(this.#revision) }, entries },
    };
  }

  watch(starts: readonly WatchStart[], handler: WatchHandler): Watch {
    const watcher: Watcher = { ranges: starts.map((start) => start.range), handler, open: true };
    queueMicrotask(() => this.#start(watcher, starts));
    return {
      close: () => {
        watcher.open = false;
        this.#watchers.delete(watcher);
      },
    };
  }

  async put(key: string, value: string): Promise<Result<string>> {
    const result = await this.transaction([], [{ type: 'put', key, value }]);
    return result.ok ? { ok: true, value: result.value.revision } : result;
  }

  async transaction(
    conditions: readonly Condition[],
    writes: readonly Write[],
  ): Promise<Result<TransactionResult>> {
    if (this.#failing !== undefined) return failure('unavailable', this.#failing);
    const succeeded = conditions.every((c) => this.#entries.get(c.key)?.revision === c.revision);
    if (succeeded) this.#write(writes);
    return { ok: true, value: { succeeded, revision: String(this.#revision) } };
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.open = false;
    this.#watchers.clear();
  }

  /** Forgets changes up to a revision: watches from before it end as `compacted`. */
  compact(revision: string = String(this.#revision)): void {
    this.#compacted = Number(revision);
    this.#log = this.#log.filter((change) => compareRevisions(change.revision, revision) > 0);
  }

  /** Ends all watches as lost, and answers nothing until `repair`. */
  break(message = 'broken by the test'): void {
    this.#failing = message;
    this.#endAll({ reason: 'lost', message });
  }

  repair(): void {
    this.#failing = undefined;
  }

  /** Becomes another store with other content, as a restored backup does. */
  replace(entries: ReadonlyMap<string, string>): void {
    this.#store++;
    this.#revision = 1;
    this.#compacted = 0;
    this.#log = [];
    this.#entries.clear();
    for (const [key, value] of entries) this.#entries.set(key, { key, value, revision: '1' });
    this.#endAll({ reason: 'diverged', message: 'the store was replaced' });
  }

  /** Changes a value without a trace in the history, as a restored backup has it. */
  forge(key: string, value: string): void {
    const revision = this.#entries.get(key)?.revision ?? String(this.#revision);
    this.#entries.set(key, { key, value, revision });
  }

  /** Makes the content equal to `entries` in one step; nothing happens where nothing differs. */
  assign(entries: ReadonlyMap<string, string>): void {
    const writes: Write[] = [];
    for (const key of this.#entries.keys()) if (!entries.has(key)) writes.push({ type: 'delete', key });
    for (const [key, value] of entries) {
      if (this.#entries.get(key)?.value !== value) writes.push({ type: 'put', key, value });
    }
    this.#write(writes);
  }

  #write(writes: readonly Write[]): void {
    const revision = String(this.#revision + 1);
    const changes: Change[] = [];
    for (const write of writes) {
      if (write.type === 'put') {
        this.#entries.set(write.key, { key: write.key, value: write.value, revision });
        changes.push({ ...write, revision });
      } else if (this.#entries.delete(write.key)) changes.push({ ...write, revision });
    }
    if (changes.length === 0) return;
    this.#revision++;
    this.#log.push(...changes);
    if (this.#log.length > this.#maxLogLength) {
      const cut = this.#log[this.#log.length - this.#maxLogLength - 1]!.revision;
      this.compact(cut);
    }
    for (const watcher of [...this.#watchers]) tell(watcher, changes, revision);
  }

  #start(watcher: Watcher, starts: readonly WatchStart[]): void {
    if (!watcher.open) return;
    const end = this.#cannotStart(starts);
    if (end !== undefined) {
      watcher.open = false;
      watcher.handler.ended(end);
      return;
    }
    this.#watchers.add(watcher);
    watcher.handler.started();
    for (const [index, { range, after }] of starts.entries()) {
      const missed = this.#log.filter(
        (change) => inRange(range, change.key) && compareRevisions(change.revision, after.revision) > 0,
      );
      if (watcher.open && missed.length > 0) watcher.handler.changed(index, missed, String(this.#revision));
    }
  }

  #cannotStart(starts: readonly WatchStart[]): WatchEnd | undefined {
    if (this.#failing !== undefined) return { reason: 'lost', message: this.#failing };
    for (const { after } of starts) {
      if (after.store !== String(this.#store) || Number(after.revision) > this.#revision) {
        return { reason: 'diverged', message: 'this is another store than the one that was listed' };
      }
      if (Number(after.revision) < this.#compacted) {
        return { reason: 'compacted', message: `revisions up to ${this.#compacted} are compacted` };
      }
    }
    return undefined;
  }

  #endAll(end: WatchEnd): void {
    for (const watcher of [...this.#watchers]) {
      this.#watchers.delete(watcher);
      watcher.open = false;
      watcher.handler.ended(end);
    }
  }
}

function tell(watcher: Watcher, changes: readonly Change[], revision: string): void {
  for (const [index, range] of watcher.ranges.entries()) {
    const mine = changes.filter((change) => inRange(range, change.key));
    if (watcher.open && mine.length > 0) watcher.handler.changed(index, mine, revision);
  }
}
