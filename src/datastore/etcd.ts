// The etcd v3 datastore on the package etcd3, which brings client, authentication and TLS. One member is used until a call on
// it fails; then the next. Every call has a deadline, and keepalive finds a server that hangs. Before a watch there is one
// unary call: it refreshes an expired token, and shows a store that went back in time.
// What went wrong is returned; trying again is the caller's (watch.ts).

import type { Etcd3 } from 'etcd3';
import {
  type Condition,
  compareRevisions,
  type Datastore,
  type Entry,
  failure,
  type KeyRange,
  type Listing,
  type Result,
  StatusCell,
  type TransactionResult,
  type Watch,
  type WatchHandler,
  type WatchStart,
  type Write,
} from './datastore.ts';
import {
  connect,
  describe,
  type EtcdSettings,
  membersOf,
  type ResolveSrv,
  systemResolver,
} from './etcd-client.ts';
import { EtcdWatch, type WatchStream } from './etcd-watch.ts';

export type { EtcdSettings } from './etcd-client.ts';

export interface EtcdTuning {
  /** For each call on one member. */
  readonly deadlineMs: number;
  readonly pageEntries: number;
  /** Between two looks whether an open watch still tells all. */
  readonly heartbeatMs: number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly resolveSrv: ResolveSrv;
}

const DEFAULT_TUNING: EtcdTuning = {
  deadlineMs: 5_000,
  pageEntries: 1_000,
  heartbeatMs: 30_000,
  random: Math.random,
  resolveSrv: systemResolver,
};

/** 20 s, with the usual deadline. */
const MAX_PATIENCE = 4;

export class EtcdDatastore implements Datastore {
  readonly name: string;
  readonly status = new StatusCell();
  readonly #settings: EtcdSettings;
  readonly #tuning: EtcdTuning;
  /** Members that were not tried yet in this round. The one in use is not among them. */
  #untried: readonly string[] = [];
  #members = 0;
  #connection: Promise<Result<Connection>> | undefined;
  /** What that promise has given. */
  #inUse: Connection | undefined;
  readonly #watches = new Map<EtcdWatch, Connection>();
  /** The newest Raft term seen: it never goes back, but in a cluster that was made anew. */
  #term = '0';
  /**
   * How many times the usual deadline a call may take: a cluster that is slow, and not dead, would otherwise never get
   * as far as an answer, since each try begins with a new connection.
   */
  #patience = 1;
  #closed = false;

  constructor(settings: EtcdSettings, tuning: Partial<EtcdTuning> = {}) {
    this.#settings = settings;
    this.#tuning = { ...DEFAULT_TUNING, ...tuning };
    this.name =
      settings.discoverySrv === undefined
        ? `etcd ${settings.endpoints.join(',')}`
        : `etcd of ${settings.discoverySrv}`;
  }

  get #deadlineMs(): number {
    return this.#tuning.deadlineMs * this.#patience;
  }

  list(ranges: readonly KeyRange[]): Promise<Result<Listing>> {
    return this.#call(async ({ client }) => {
      const entries: Entry[] = [];
      let position: Listing['position'] | undefined;
      for (const range of ranges) {
        let start: Buffer = Buffer.from(range.start);
        for (let more = true; more; ) {
          const page = await client.kv.range({
            key: start,
            range_end: Buffer.from(range.end),
            limit: this.#tuning.pageEntries,
            revision: position?.revision ?? '0', // 0 is the newest, which fixes the revision of all other pages
          });
          if (position === undefined) {
            position = { store: page.header.cluster_id, revision: page.header.revision };
            this.#term = page.header.raft_term;
          }
          for (const kv of page.kvs) {
            entries.push({ key: kv.key.toString(), value: kv.value.toString(), revision: kv.mod_revision });
          }
          const last = page.kvs.at(-1);
          more = page.more && last !== undefined;
          if (last !== undefined) start = Buffer.concat([last.key, Buffer.of(0)]); // the next key there can be
        }
      }
      if (position === undefined) throw new Error('invariant: a list needs at least one range');
      return { position, entries };
    });
  }

  watch(starts: readonly WatchStart[], handler: WatchHandler): Watch {
    const { heartbeatMs, random } = this.#tuning;
    const key = Buffer.from(starts[0]!.range.start);
    const watch = new EtcdWatch(starts, handler, {
      deadlineMs: this.#deadlineMs,
      heartbeatMs,
      random,
      revision: () =>
        this.#call(async ({ client }) => {
          const { header } = await client.kv.range({ key, count_only: true });
          return header.revision;
        }),
    });
    void this.#open(watch, starts);
    return watch;
  }

  async put(key: string, value: string): Promise<Result<string>> {
    return this.#call(async ({ client }) => {
      const answer = await client.kv.put({ key: Buffer.from(key), value: Buffer.from(value) });
      return answer.header.revision;
    });
  }

  transaction(
    conditions: readonly Condition[],
    writes: readonly Write[],
  ): Promise<Result<TransactionResult>> {
    return this.#call(async ({ client }) => {
      const answer = await client.kv.txn({
        compare: conditions.map(({ key, revision }) =>
          revision === undefined
            ? { key: Buffer.from(key), target: 'Version', result: 'Equal', version: 0 }
            : { key: Buffer.from(key), target: 'Mod', result: 'Equal', mod_revision: revision },
        ),
        success: writes.map((write) =>
          write.type === 'put'
            ? { request_put: { key: Buffer.from(write.key), value: Buffer.from(write.value) } }
            : { request_delete_range: { key: Buffer.from(write.key) } },
        ),
      });
      return { succeeded: answer.succeeded, revision: answer.header.revision };
    });
  }

  close(): void {
    this.#closed = true;
    for (const watch of this.#watches.keys()) watch.close();
    this.#watches.clear();
    void this.#connection?.then((connection) => connection.ok && connection.value.client.close());
    this.#connection = undefined;
  }

  async #open(watch: EtcdWatch, starts: readonly WatchStart[]): Promise<void> {
    const first = starts[0]!;
    const result = await this.#call(async (connection) => {
      const { client } = connection;
      const { header } = await client.kv.range({ key: Buffer.from(first.range.start), count_only: true });
      if (watch.closed) return;
      const newest = starts.reduce(
        (max, { after }) => (compareRevisions(after.revision, max) > 0 ? after.revision : max),
        '0',
      );
      const other = header.cluster_id !== first.after.store;
      if (
        other ||
        compareRevisions(header.revision, newest) < 0 ||
        compareRevisions(header.raft_term, this.#term) < 0
      ) {
        watch.end({
          reason: 'diverged',
          message: `${this.name} ${other ? 'is another cluster' : 'was restored from a backup'}: revision ${header.revision}, term ${header.raft_term} after ${newest}, ${this.#term}`,
        });
        return;
      }
      this.#term = header.raft_term;
      const stream: WatchStream = await client.watchClient.watch();
      for (const known of this.#watches.keys()) if (known.closed) this.#watches.delete(known);
      this.#watches.set(watch, connection);
      watch.run(stream);
    });
    if (!result.ok) watch.end({ reason: 'lost', message: result.error.message });
  }

  /** On the member in use; where that one does not answer, on the others, each once. */
  async #call<T>(body: (connection: Connection) => Promise<T>): Promise<Result<T>> {
    for (let left = Number.POSITIVE_INFINITY; ; left--) {
      if (this.#closed) return failure('unavailable', `${this.name}: closed`);
      this.#connection ??= this.#connect();
      const connection = await this.#connection;
      if (!connection.ok) {
        this.#connection = undefined; // the files are read again next time: somebody may have repaired them
        return connection;
      }
      this.#inUse = connection.value;
      const { member, others } = connection.value;
      try {
        const value = await body(connection.value);
        this.#patience = 1;
        return { ok: true, value };
      } catch (error) {
        const told = describe(error, `etcd ${member}`);
        if (/deadline/i.test(told.message)) this.#patience = Math.min(MAX_PATIENCE, 2 * this.#patience);
        if (told.reason === 'compacted') return { ok: false, error: told };
        this.#drop(connection.value, told.message);
        left = Math.min(left, others);
        if (told.reason === 'refused' || left <= 0) return { ok: false, error: told };
      }
    }
  }

  async #connect(): Promise<Result<Connection>> {
    const { resolveSrv, random } = this.#tuning;
    if (this.#untried.length === 0) {
      const members = await membersOf(this.#settings, resolveSrv, random);
      if (!members.ok) return members;
      this.#untried = members.value;
      this.#members = members.value.length;
    }
    const [member, ...rest] = this.#untried;
    this.#untried = rest;
    const client = await connect(this.#settings, member!, () => this.#deadlineMs);
    return client.ok
      ? { ok: true, value: { client: client.value, member: member!, others: this.#members - 1 } }
      : client;
  }

  /**
   * The next call gets a new client: it reads certificates that were renewed, and takes no connection for alive that is not.
   * What watches on the old one could be silent for ever.
   */
  #drop(connection: Connection, message: string): void {
    if (this.#inUse === connection) {
      this.#inUse = undefined;
      this.#connection = undefined;
    }
    connection.client.close();
    for (const [watch, on] of this.#watches) {
      if (on !== connection) continue;
      this.#watches.delete(watch);
      watch.end({ reason: 'lost', message });
    }
  }
}

interface Connection {
  readonly client: Etcd3;
  readonly member: string;
  /** How many other members there are. */
  readonly others: number;
}
