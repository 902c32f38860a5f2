// One stream from a datastore: the complete picture of all ranges, then what changes. It repairs itself: after a cut it
// resumes each range where that one stands, after compaction it lists anew. While the store is away nothing is emitted, so
// that the last picture stays; at a start, that is the one that an earlier run kept. Each event leaves the picture whole;
// calico/snapshot.ts folds them. A store is met by all daemons of its cluster at once after an outage: every step that
// follows one waits for a time of its own.

import { Observable, type Subscriber } from 'rxjs';
import {
  type Change,
  compareRevisions,
  type Datastore,
  type Entry,
  type KeptPicture,
  type KeyRange,
  type Position,
  type WatchEnd,
} from './datastore.ts';

export type DatastoreEvent =
  /** Replaces everything: all ranges, complete, at one revision. */
  | {
      readonly type: 'listed';
      readonly revision: string;
      readonly entries: readonly Entry[];
      /** The store that was listed; undefined when an earlier run kept this. */
      readonly store: string | undefined;
    }
  | { readonly type: 'changed'; readonly revision: string; readonly changes: readonly Change[] };

/** How patient, in milliseconds, and how spread. */
export interface Pace {
  /** The first pause after a failure is up to this long, each next up to twice as long as the one before… */
  readonly firstMs: number;
  /** … and never longer than this. */
  readonly maxMs: number;
  /** Who has a picture lists anew within this time. Nothing is urgent then, and lists cost the store most. */
  readonly relistMs: number;
  /**
   * A watch that was resumed continues a history that we did not see. Within this time, and not before half of it, all is read
   * again and compared: a backup that was restored, and has grown beyond where we stood, looks the same as before.
   */
  readonly auditMs: number;
  /** At a start, how long the store has to answer before the picture of an earlier run serves. */
  readonly graceMs: number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

export const DEFAULT_PACE: Pace = {
  firstMs: 500,
  maxMs: 10_000,
  relistMs: 5_000,
  auditMs: 300_000,
  graceMs: 3_000,
  random: Math.random,
};

/** A store without data is asked this often whether it has some again: that costs it next to nothing. */
const EMPTIED_MS = 2_000;

/** What an earlier run kept. */
export interface EarlierPicture extends KeptPicture {
  readonly entries: readonly Entry[];
}

/** Between a tenth and the whole of firstMs · 2^attempt, at most maxMs. @param attempt  0 for the first failure in a row. */
export const pauseMs = (pace: Pace, attempt: number): number =>
  Math.min(pace.maxMs, pace.firstMs * 2 ** Math.min(attempt, 30)) * (0.1 + 0.9 * pace.random());

/**
 * Cold, and without end or error: what goes wrong is in `datastore.status`. Unsubscribing closes the watch.
 * @param earlier  serves until the store has answered, and is believed over a store that lists nothing at all.
 */
export const watch = (
  datastore: Datastore,
  ranges: readonly KeyRange[],
  pace: Pace = DEFAULT_PACE,
  earlier?: EarlierPicture,
): Observable<DatastoreEvent> =>
  new Observable((subscriber) => {
    const loop = new WatchLoop(datastore, ranges, pace, earlier, subscriber);
    loop.run().catch((bug) => subscriber.error(bug));
    return () => loop.stop();
  });

/** Why following ended, beside what the store says: time to compare. */
type FollowEnd = WatchEnd | { readonly reason: 'audit' };

class WatchLoop {
  readonly #datastore: Datastore;
  readonly #ranges: readonly KeyRange[];
  readonly #pace: Pace;
  readonly #earlier: EarlierPicture | undefined;
  readonly #subscriber: Subscriber<DatastoreEvent>;
  /** Where each range stands; undefined when all must be listed. */
  #positions: Position[] | undefined;
  #newest = '0';
  /** What the last event left behind. */
  #keys = new Set<string>();
  #failures = 0;
  #lists = 0;
  #losses = 0;
  /** The positions continue a history in which something may have been missed. */
  #resumed = false;
  /** The last list was of nothing where there was something. */
  #emptied = false;
  #stopped = false;
  #wake: () => void = () => {};
  #grace: NodeJS.Timeout | undefined;

  constructor(
    datastore: Datastore,
    ranges: readonly KeyRange[],
    pace: Pace,
    earlier: EarlierPicture | undefined,
    subscriber: Subscriber<DatastoreEvent>,
  ) {
    this.#datastore = datastore;
    this.#ranges = ranges;
    this.#pace = pace;
    this.#earlier = earlier;
    this.#subscriber = subscriber;
    if (earlier === undefined) return;
    this.#keys = new Set(earlier.entries.map(({ key }) => key));
    this.#grace = setTimeout(() => this.#serveEarlier(earlier), pace.graceMs);
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      if (this.#positions === undefined && !(await this.#list())) {
        const pause = pauseMs(this.#pace, this.#failures++);
        await this.#pause(this.#emptied ? Math.min(EMPTIED_MS, pause) : pause);
        continue;
      }
      const end = await this.#follow(this.#positions!);
      if (this.#stopped || end === undefined) return;
      switch (end.reason) {
        case 'audit':
          // Where that fails, the watch goes on from where it stood, and shows what is wrong.
          await this.#list();
          break;
        case 'lost':
          this.#resumed = true;
          await this.#pause(pauseMs(this.#pace, this.#failures++));
          break;
        default:
          this.#positions = undefined;
          await this.#pause(this.#pace.relistMs * this.#pace.random());
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#grace);
    this.#wake();
  }

  #serveEarlier({ entries, revision, savedAt, path }: EarlierPicture): void {
    this.#datastore.status.update({ kept: { revision, savedAt, path }, revision });
    this.#subscriber.next({ type: 'listed', revision, entries, store: undefined });
  }

  async #list(): Promise<boolean> {
    const { status } = this.#datastore;
    const result = await this.#datastore.list(this.#ranges);
    if (this.#stopped) return false;
    this.#emptied = false;
    if (!result.ok) {
      status.update({ lastError: result.error.message });
      return false;
    }
    const { position, entries } = result.value;
    this.#emptied = entries.length === 0 && this.#keys.size > 0;
    if (this.#emptied) {
      // Somebody may delete all keys one by one, and the watch tells. A store that lists nothing at all where there was
      // something is one that lost its data, or a file that is being written: no reason to take a working network down.
      const kept = this.#earlier === undefined ? '' : `remove ${this.#earlier.path} and `;
      status.update({
        lastError: `${this.#datastore.name} lists nothing at all where there was data before; the last picture is kept. Restore its data, or ${kept}restart this daemon if that is meant`,
      });
      return false;
    }
    clearTimeout(this.#grace);
    this.#positions = this.#ranges.map(() => position);
    this.#newest = position.revision;
    this.#keys = new Set(entries.map((entry) => entry.key));
    this.#lists++;
    this.#resumed = false;
    status.update({ lists: this.#lists, kept: undefined });
    this.#subscriber.next({ type: 'listed', revision: position.revision, entries, store: position.store });
    return true;
  }

  /** Watches until the watch ends. @returns why, or undefined when this loop was stopped. */
  #follow(positions: Position[]): Promise<FollowEnd | undefined> {
    return new Promise((resolve) => {
      const { status } = this.#datastore;
      let startedAt = Number.POSITIVE_INFINITY;
      let audit: NodeJS.Timeout | undefined;
      const starts = this.#ranges.map((range, index) => ({ range, after: positions[index]! }));
      const finish = (end: FollowEnd | undefined) => {
        clearTimeout(audit);
        resolve(end);
      };
      const current = this.#datastore.watch(starts, {
        started: () => {
          startedAt = performance.now();
          status.update({ state: 'in-sync', revision: this.#newest, lastError: undefined });
          if (!this.#resumed) return;
          audit = setTimeout(
            () => {
              current.close();
              finish({ reason: 'audit' });
            },
            this.#pace.auditMs * (0.5 + this.#pace.random() / 2),
          );
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
          if (performance.now() - startedAt > this.#pace.maxMs) this.#failures = 0;
          status.update({ state: 'disconnected', lastError: end.message, losses: ++this.#losses });
          finish(end);
        },
      });
      this.#wake = () => {
        current.close();
        finish(undefined);
      };
      if (this.#stopped) this.#wake();
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped) this.#wake();
    });
  }
}
