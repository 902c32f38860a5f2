// One stream from a datastore: the complete picture of all ranges, then what changes. It repairs itself: after a cut it
// resumes each range where that one stands, after compaction it lists anew. While the store is away nothing is emitted, so
// that the last picture stays. Each event leaves the picture whole; calico/snapshot.ts folds them.

import { Observable, type Subscriber } from 'rxjs';
import {
  type Change,
  compareRevisions,
  type Datastore,
  type Entry,
  type KeyRange,
  type Position,
  type WatchEnd,
} from './datastore.ts';

export type DatastoreEvent =
  /** Replaces everything: all ranges, complete, at one revision. */
  | { readonly type: 'listed'; readonly revision: string; readonly entries: readonly Entry[] }
  | { readonly type: 'changed'; readonly revision: string; readonly changes: readonly Change[] };

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** 0 ≤ x < 1, for the jitter that keeps a cluster's daemons from coming back all at once. */
  readonly random: () => number;
}

export const DEFAULT_BACKOFF: Backoff = { firstMs: 100, maxMs: 5_000, random: Math.random };

/** Between half and the whole of firstMs · 2^attempt, at most maxMs. @param attempt  0 for the first failure in a row. */
export const backoffMs = (backoff: Backoff, attempt: number): number =>
  Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt, 30)) * (0.5 + backoff.random() / 2);

/** Cold, and without end or error: what goes wrong is in `datastore.status`. Unsubscribing closes the watch. */
export const watch = (
  datastore: Datastore,
  ranges: readonly KeyRange[],
  backoff: Backoff = DEFAULT_BACKOFF,
): Observable<DatastoreEvent> =>
  new Observable((subscriber) => {
    const loop = new WatchLoop(datastore, ranges, backoff, subscriber);
    loop.run().catch((bug) => subscriber.error(bug));
    return () => loop.stop();
  });

class WatchLoop {
  readonly #datastore: Datastore;
  readonly #ranges: readonly KeyRange[];
  readonly #backoff: Backoff;
  readonly #subscriber: Subscriber<DatastoreEvent>;
  /** Where each range stands; undefined when all must be listed. */
  #positions: Position[] | undefined;
  #newest = '0';
  /** What the last event left behind. */
  #keys = new Set<string>();
  #failures = 0;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(
    datastore: Datastore,
    ranges: readonly KeyRange[],
    backoff: Backoff,
    subscriber: Subscriber<DatastoreEvent>,
  ) {
    this.#datastore = datastore;
    this.#ranges = ranges;
    this.#backoff = backoff;
    this.#subscriber = subscriber;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      if (this.#positions === undefined && !(await this.#list())) {
        await this.#pause();
        continue;
      }
      const end = await this.#follow(this.#positions!);
      if (this.#stopped || end === undefined) return;
      if (end.reason !== 'lost') this.#positions = undefined;
      await this.#pause();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async #list(): Promise<boolean> {
    const { status } = this.#datastore;
    const result = await this.#datastore.list(this.#ranges);
    if (this.#stopped) return false;
    if (!result.ok) {
      status.update({ lastError: result.error.message });
      return false;
    }
    const { position, entries } = result.value;
    if (entries.length === 0 && this.#keys.size > 0) {
      // Somebody may delete all keys one by one, and the watch tells. A store that lists nothing at all where there was
      // something is one that lost its data, or a file that is being written: no reason to take a working network down.
      status.update({
        lastError: `${this.#datastore.name} lists nothing at all where there was data before; the last picture is kept. Restore its data, or restart this daemon if that is meant`,
      });
      return false;
    }
    this.#positions = this.#ranges.map(() => position);
    this.#newest = position.revision;
    this.#keys = new Set(entries.map((entry) => entry.key));
    this.#subscriber.next({ type: 'listed', revision: position.revision, entries });
    return true;
  }

  /** Watches until the watch ends. @returns why, or undefined when this loop was stopped. */
  #follow(positions: Position[]): Promise<WatchEnd | undefined> {
    return new Promise((resolve) => {
      const { status } = this.#datastore;
      let startedAt = Number.POSITIVE_INFINITY;
      const starts = this.#ranges.map((range, index) => ({ range, after: positions[index]! }));
      const current = this.#datastore.watch(starts, {
        started: () => {
          startedAt = performance.now();
          status.update({ state: 'in-sync', revision: this.#newest, lastError: undefined });
        },
        changed: (range, changes, revision) => {
          positions[range] = { ...positions[range]!, revision };
          if (compareRevisions(revision, this.#newest) > 0) this.#newest = revision;
          status.update({ revision: this.#newest });
          if (changes.length === 0) return;
          for (const { type, key } of changes) type === 'put' ? this.#keys.add(key) : this.#keys.delete(key);
          this.#subscriber.next({ type: 'changed', revision: this.#newest, changes });
        },
        ended: (end) => {
          // A store that takes watches and drops them at once is not well: go on waiting longer.
          if (performance.now() - startedAt > this.#backoff.maxMs) this.#failures = 0;
          status.update({ state: 'disconnected', lastError: end.message });
          resolve(end);
        },
      });
      this.#wake = () => {
        current.close();
        resolve(undefined);
      };
      if (this.#stopped) this.#wake();
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, backoffMs(this.#backoff, this.#failures++));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped) this.#wake();
    });
  }
}
