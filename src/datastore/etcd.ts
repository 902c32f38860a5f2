// The etcd v3 datastore. The package etcd3 brings client, authentication, TLS and endpoints. Its own watcher loses
// events when a connection breaks while it catches up, so the watch here is our own, on the raw stream:
//   - a range stands after the last event's revision once a response is not a fragment, or at a progress response's header
//     revision; never at what the answer to `create` says, since the backlog has not arrived then;
//   - before the stream one unary call: it refreshes an expired token, and shows a store that went back in time;
//   - every call has a deadline, and keepalive finds a server that hangs.
// What went wrong is returned; trying again is the caller's (watch.ts).

import { readFile } from 'node:fs/promises';
import type { Etcd3, IOptions } from 'etcd3';
import {
  type Change,
  type Condition,
  compareRevisions,
  type Datastore,
  type DatastoreError,
  type Entry,
  failure,
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

export interface EtcdSettings {
  /** URLs: http://127.0.0.1:2379, https://[fd00::1]:2379. */
  readonly endpoints: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Paths of PEM files; used with https endpoints. */
  readonly caCertFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface EtcdTuning {
  readonly deadlineMs: number;
  readonly pageEntries: number;
}

const DEFAULT_TUNING: EtcdTuning = { deadlineMs: 5_000, pageEntries: 1_000 };

const CHANNEL_OPTIONS = {
  // A server that is stopped answers no ping: noticed after 15 s. etcd refuses pings more often than every 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  // Pages and fragments keep messages small, but one value alone may exceed gRPC's 4 MiB.
  'grpc.max_receive_message_length': -1,
  // As etcd's own client: a proxy for the web is not the way to the datastore.
  'grpc.enable_http_proxy': 0,
};

export class EtcdDatastore implements Datastore {
  readonly name: string;
  readonly status = new StatusCell();
  readonly #settings: EtcdSettings;
  readonly #tuning: EtcdTuning;
  #client: Promise<Result<Etcd3>> | undefined;
  #closed = false;

  constructor(settings: EtcdSettings, tuning: Partial<EtcdTuning> = {}) {
    this.#settings = settings;
    this.#tuning = { ...DEFAULT_TUNING, ...tuning };
    this.name = `etcd ${settings.endpoints.join(',')}`;
  }

  list(ranges: readonly KeyRange[]): Promise<Result<Listing>> {
    return this.#call(async (client) => {
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
          position ??= { store: page.header.cluster_id, revision: page.header.revision };
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
    const watch = new EtcdWatch(starts, handler, this.#tuning.deadlineMs);
    void this.#open(watch, starts);
    return watch;
  }

  async put(key: string, value: string): Promise<Result<string>> {
    return this.#call(async (client) => {
      const answer = await client.kv.put({ key: Buffer.from(key), value: Buffer.from(value) });
      return answer.header.revision;
    });
  }

  transaction(
    conditions: readonly Condition[],
    writes: readonly Write[],
  ): Promise<Result<TransactionResult>> {
    return this.#call(async (client) => {
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
    void this.#client?.then((client) => client.ok && client.value.close());
    this.#client = undefined;
  }

  async #open(watch: EtcdWatch, starts: readonly WatchStart[]): Promise<void> {
    const first = starts[0]!;
    const result = await this.#call(async (client) => {
      const { header } = await client.kv.range({ key: Buffer.from(first.range.start), count_only: true });
      if (watch.closed) return;
      const newest = starts.reduce(
        (max, { after }) => (compareRevisions(after.revision, max) > 0 ? after.revision : max),
        '0',
      );
      if (header.cluster_id !== first.after.store || compareRevisions(header.revision, newest) < 0) {
        watch.end({
          reason: 'diverged',
          message: `${this.name} is another cluster or was restored from a backup: revision ${header.revision} after ${newest}`,
        });
        return;
      }
      const stream: WatchStream = await client.watchClient.watch();
      watch.run(stream);
    });
    if (!result.ok) watch.end({ reason: 'lost', message: result.error.message });
  }

  async #call<T>(body: (client: Etcd3) => Promise<T>): Promise<Result<T>> {
    if (this.#closed) return failure('unavailable', `${this.name}: closed`);
    this.#client ??= connect(this.#settings, this.#tuning);
    const client = await this.#client;
    if (!client.ok) {
      this.#client = undefined; // the files are read again next time: somebody may have repaired them
      return client;
    }
    try {
      return { ok: true, value: await body(client.value) };
    } catch (error) {
      const told = describe(error, this.name);
      if (told.reason === 'refused' || told.reason === 'unavailable') {
        // A new client reads certificates that were renewed, and takes no connection for alive that is not.
        client.value.close();
        this.#client = undefined;
      }
      return { ok: false, error: told };
    }
  }
}

interface WatchResponse {
  readonly header: { readonly revision: string };
  readonly watch_id: string;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compact_revision: string;
  readonly cancel_reason: string;
  readonly fragment: boolean;
  readonly events: readonly {
    readonly type: string;
    readonly kv: { readonly key: Buffer; readonly value: Buffer; readonly mod_revision: string };
  }[];
}

/** The part of gRPC's duplex stream that is used. `cancel` is missing from etcd3's types. */
interface WatchStream {
  write(request: object): unknown;
  on(event: 'data', listener: (response: WatchResponse) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  cancel?: () => void;
}

/** One raw stream with a watcher for each range; its watch ids are the indexes plus one. */
class EtcdWatch implements Watch {
  closed = false;
  readonly #starts: readonly WatchStart[];
  readonly #handler: WatchHandler;
  readonly #timer: NodeJS.Timeout;
  readonly #waitingFor: Set<number>;
  /** Fragments of one revision, kept until the last one is there. */
  readonly #fragments: Change[][];
  #stream: WatchStream | undefined;

  constructor(starts: readonly WatchStart[], handler: WatchHandler, deadlineMs: number) {
    this.#starts = starts;
    this.#handler = handler;
    this.#waitingFor = new Set(starts.keys());
    this.#fragments = starts.map(() => []);
    this.#timer = setTimeout(
      () =>
        this.end({ reason: 'lost', message: `etcd did not confirm the watch within ${3 * deadlineMs} ms` }),
      3 * deadlineMs, // covers the unary call and a login before it
    );
  }

  run(stream: WatchStream): void {
    stream.on('error', (error) => this.end({ reason: 'lost', message: `watch: ${text(error)}` }));
    stream.on('end', () => this.end({ reason: 'lost', message: 'watch: etcd closed the stream' }));
    if (this.closed) {
      stream.cancel?.();
      return;
    }
    this.#stream = stream;
    stream.on('data', (response) => this.#take(response));
    for (const [index, { range, after }] of this.#starts.entries()) {
      stream.write({
        create_request: {
          key: Buffer.from(range.start),
          range_end: Buffer.from(range.end),
          start_revision: String(BigInt(after.revision) + 1n),
          watch_id: index + 1,
          fragment: true,
          progress_notify: true,
        },
      });
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel?.();
  }

  end(end: WatchEnd): void {
    if (this.closed) return;
    this.close();
    this.#handler.ended(end);
  }

  #take(response: WatchResponse): void {
    if (this.closed) return;
    if (response.canceled) {
      this.end(
        response.compact_revision !== '0'
          ? { reason: 'compacted', message: `etcd compacted its history up to ${response.compact_revision}` }
          : {
              reason: 'lost',
              message: `etcd cancelled the watch: ${response.cancel_reason || 'no reason given'}`,
            },
      );
      return;
    }
    const index = Number(response.watch_id) - 1;
    if (this.#starts[index] === undefined) return;
    if (response.created) {
      this.#waitingFor.delete(index);
      if (this.#waitingFor.size > 0) return;
      clearTimeout(this.#timer);
      this.#handler.started();
      return;
    }
    const collected = this.#fragments[index]!;
    for (const { type, kv } of response.events) {
      const key = kv.key.toString();
      const revision = kv.mod_revision;
      collected.push(
        type === 'Delete'
          ? { type: 'delete', key, revision }
          : { type: 'put', key, value: kv.value.toString(), revision },
      );
    }
    if (response.fragment) return;
    this.#fragments[index] = [];
    this.#handler.changed(index, collected, collected.at(-1)?.revision ?? response.header.revision);
  }
}

async function connect(settings: EtcdSettings, tuning: EtcdTuning): Promise<Result<Etcd3>> {
  const hosts = settings.endpoints.map((endpoint) => endpoint.trim().replace(/\/+$/, ''));
  const wrong = hosts.find((host) => !/^https?:\/\/[^/]+:[0-9]+$/.test(host));
  if (hosts.length === 0 || wrong !== undefined) {
    return failure(
      'invalid',
      `etcd endpoint "${wrong ?? ''}" is not a URL like http://127.0.0.1:2379: correct ETCD_ENDPOINTS`,
    );
  }
  const secure = hosts.filter((host) => host.startsWith('https:')).length;
  if (secure !== 0 && secure !== hosts.length) {
    return failure('invalid', 'etcd endpoints mix http and https: use one of them for all in ETCD_ENDPOINTS');
  }
  try {
    const { username, password } = settings;
    const options: IOptions = {
      hosts,
      grpcOptions: CHANNEL_OPTIONS,
      defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + tuning.deadlineMs }),
      faultHandling: faultHandling(hosts.length),
      ...(username ? { auth: { username, password: password ?? '' } } : {}),
      ...(secure > 0 ? await tlsOptions(settings) : {}),
    };
    const { Etcd3 } = await import('etcd3'); // 22 MB and 120 ms: not paid for by those who use a file
    return { ok: true, value: new Etcd3(options) };
  } catch (error) {
    return failure('invalid', `etcd client: ${text(error)}`);
  }
}

async function tlsOptions(settings: EtcdSettings): Promise<Pick<IOptions, 'credentials'>> {
  const { caCertFile, certFile, keyFile } = settings;
  if (caCertFile === undefined) return {}; // the authorities that Node trusts
  return {
    credentials: {
      rootCertificate: await readFile(caCertFile),
      ...(certFile !== undefined && keyFile !== undefined
        ? { certChain: await readFile(certFile), privateKey: await readFile(keyFile) }
        : {}),
    },
  };
}

/**
 * Instead of the package's own policies: no breaker that stays open for 5 s, just one try on each endpoint. Policies are
 * objects with `execute`; their events are not used.
 */
function faultHandling(endpoints: number): NonNullable<IOptions['faultHandling']> {
  const once = { execute: async (body: () => unknown) => body() }; // async: a throw must become a rejection
  const eachEndpoint = {
    execute: async (body: () => unknown) => {
      for (let left = endpoints - 1; ; left--) {
        try {
          return await body();
        } catch (error) {
          if (left <= 0 || describe(error, '').reason !== 'unavailable') throw error;
        }
      }
    },
  };
  return { host: () => once, global: eachEndpoint } as unknown as NonNullable<IOptions['faultHandling']>;
}

/** gRPC's wording, without what only says that it is gRPC. */
const text = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/\s+/g, ' ')
    .replace(/^[0-9]+ [A-Z_]+: /, '')
    .replace(/^No connection established\. (Last error: )?(Error: )?/, '')
    .replace(/\.? ?Resolution note:.*$/, '');

const REFUSED =
  /authentication failed|invalid auth token|permission denied|user name|unauthenticated|certificate/i;

function describe(error: unknown, name: string): DatastoreError {
  const message = text(error);
  if (/compacted/.test(message)) return { reason: 'compacted', message: `${name}: ${message}` };
  if (REFUSED.test(message)) {
    return {
      reason: 'refused',
      message: `${name}: ${message}. Check user, password, role (it must read /calico/) and certificates`,
    };
  }
  return {
    reason: 'unavailable',
    message: `${name}: ${message}. Is etcd running, and is the address right?`,
  };
}
