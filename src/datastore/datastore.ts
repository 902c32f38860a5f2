// What the daemon needs of a store of keys and values: one picture of several ranges, and what changes after it.
// Keys and values are opaque here; calico/ knows what they mean. watch.ts makes one stream of a list and its watches.

/** Keys k with start <= k < end, compared by their UTF-8 octets. */
export interface KeyRange {
  readonly start: string;
  readonly end: string;
}

/** Where a store stands. Revisions are decimal numbers as text (64 bits in etcd), and grow with every change. */
export interface Position {
  /** Another store, or one that was made anew, has another name. */
  readonly store: string;
  readonly revision: string;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of the last change of this key. */
  readonly revision: string;
}

export interface Listing {
  readonly position: Position;
  /** By key. */
  readonly entries: readonly Entry[];
}

export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly revision: string }
  | { readonly type: 'delete'; readonly key: string; readonly revision: string };

export interface DatastoreError {
  /**
   * `unavailable`: may work later. `compacted`: the revision asked for is gone. `refused`: user, password, role or
   * certificate. `invalid`: the settings or the file are wrong. All are worth another try, since others may repair them.
   */
  readonly reason: 'unavailable' | 'compacted' | 'refused' | 'invalid';
  /** What, where and what to do next, for a person. */
  readonly message: string;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: DatastoreError };

export interface WatchStart {
  readonly range: KeyRange;
  /** Changes with a greater revision are told. */
  readonly after: Position;
}

export type WatchEnd =
  /** The connection is gone: watch again from where each range stands. */
  | { readonly reason: 'lost'; readonly message: string }
  /** The changes in between cannot be had any more, or it is another store: list anew. */
  | { readonly reason: 'compacted' | 'diverged'; readonly message: string };

export interface WatchHandler {
  /** The store has agreed to tell changes of all ranges. */
  started(): void;
  /**
   * Changes of the range with that index, in the order of their revisions. All of the range up to `revision` has been
   * told then; a call without changes says just that.
   */
  changed(range: number, changes: readonly Change[], revision: string): void;
  /** The watch is over, and nothing is told after it. Not called after `close`. */
  ended(end: WatchEnd): void;
}

export interface Watch {
  close(): void;
}

/** A condition on one key: it has this revision, or (undefined) does not exist. */
export interface Condition {
  readonly key: string;
  readonly revision: string | undefined;
}

export type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

export interface TransactionResult {
  /** False when a condition did not hold: nothing was written. */
  readonly succeeded: boolean;
  readonly revision: string;
}

export interface Datastore {
  /** For people: "etcd http://127.0.0.1:2379". */
  readonly name: string;
  readonly status: StatusCell;
  /** All ranges at one revision. */
  list(ranges: readonly KeyRange[]): Promise<Result<Listing>>;
  /** Never throws and never calls back before it has returned; what goes wrong comes as `ended`. */
  watch(starts: readonly WatchStart[], handler: WatchHandler): Watch;
  /** @returns the revision of the change. */
  put(key: string, value: string): Promise<Result<string>>;
  transaction(conditions: readonly Condition[], writes: readonly Write[]): Promise<Result<TransactionResult>>;
  close(): void;
}

export interface DatastoreStatus {
  /** `connecting`: nothing was read yet. `in-sync`: changes arrive. `disconnected`: the last picture is kept. */
  readonly state: 'connecting' | 'in-sync' | 'disconnected';
  /** Of the newest change seen; "0" before the first picture. */
  readonly revision: string;
  readonly lastError: string | undefined;
  /** Wall clock, milliseconds since 1970, of the last change of `state`. */
  readonly since: number;
  /** Set while what is in force is not from the datastore but the picture that an earlier run kept. */
  readonly kept: KeptPicture | undefined;
  /** How often all was read, and how often changes ceased to arrive. */
  readonly lists: number;
  readonly losses: number;
}

export interface KeptPicture {
  readonly revision: string;
  /** Wall clock, milliseconds since 1970: when the datastore was last known to say this. */
  readonly savedAt: number;
  /** Where it is kept, for people. */
  readonly path: string;
}

/** The newest status, and who wants to hear of changes. watch.ts writes it, and the file datastore a bad file. */
export class StatusCell {
  #current: DatastoreStatus;
  readonly #listeners = new Set<(status: DatastoreStatus) => void>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#current = {
      state: 'connecting',
      revision: '0',
      lastError: undefined,
      since: now(),
      kept: undefined,
      lists: 0,
      losses: 0,
    };
  }

  get current(): DatastoreStatus {
    return this.#current;
  }

  /** Tells the listeners only when state, error or `kept` is different. */
  update(change: Partial<Omit<DatastoreStatus, 'since'>>): void {
    const last = this.#current;
    const next = { ...last, ...change };
    const since = next.state === last.state ? last.since : this.#now();
    this.#current = { ...next, since };
    if (next.state === last.state && next.lastError === last.lastError && next.kept === last.kept) return;
    for (const listener of [...this.#listeners]) listener(this.#current);
  }

  /** @returns a function that ends it. */
  listen(listener: (status: DatastoreStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The keys that begin with `prefix`, which is ASCII and ends in `/`, so that host `a` does not match `ab`. */
export const prefixRange = (prefix: string): KeyRange => ({
  start: prefix,
  end: prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1),
});

export const inRange = (range: KeyRange, key: string): boolean => key >= range.start && key < range.end;

/** Revisions as numbers, without the loss that Number has above 2^53. */
export const compareRevisions = (a: string, b: string): number =>
  a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

export const failure = (
  reason: DatastoreError['reason'],
  message: string,
): { ok: false; error: DatastoreError } => ({
  ok: false,
  error: { reason, message },
});
