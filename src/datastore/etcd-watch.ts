// The watch on etcd's raw stream. The package's own watcher loses events when a connection breaks while it catches up; here a
// range stands after the last event's revision once a response is not a fragment, or at a progress response's header
// revision; never at what the answer to `create` says, since the backlog has not arrived then.
// A heartbeat finds what TCP and gRPC keep alive and yet tells nothing: a member whose disk hangs, or that lags behind.

import {
  type Change,
  compareRevisions,
  type Result,
  type Watch,
  type WatchEnd,
  type WatchHandler,
  type WatchStart,
} from './datastore.ts';
import { text } from './etcd-client.ts';

export interface WatchResponse {
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
export interface WatchStream {
  write(request: object): unknown;
  on(event: 'data', listener: (response: WatchResponse) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  cancel?: () => void;
}

/** How a watch finds out that it lives. */
export interface Pulse {
  readonly deadlineMs: number;
  readonly heartbeatMs: number;
  /** 0 ≤ x < 1, so that a cluster's daemons do not ask all at once. */
  readonly random: () => number;
  /** Where the cluster stands, by a read that goes through its leader. */
  readonly revision: () => Promise<Result<string>>;
}

/** One raw stream with a watcher for each range; its watch ids are the indexes plus one. */
export class EtcdWatch implements Watch {
  closed = false;
  readonly #starts: readonly WatchStart[];
  readonly #handler: WatchHandler;
  readonly #timer: NodeJS.Timeout;
  readonly #waitingFor: Set<number>;
  /** Fragments of one revision, kept until the last one is there. */
  readonly #fragments: Change[][];
  readonly #pulse: Pulse;
  #stream: WatchStream | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  /** The newest revision that any response on the stream was sent at. */
  #heard = '0';

  constructor(starts: readonly WatchStart[], handler: WatchHandler, pulse: Pulse) {
    const { deadlineMs } = pulse;
    this.#starts = starts;
    this.#handler = handler;
    this.#pulse = pulse;
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
    clearTimeout(this.#heartbeat);
    this.#stream?.cancel?.();
  }

  end(end: WatchEnd): void {
    if (this.closed) return;
    this.close();
    this.#handler.ended(end);
  }

  #schedule(): void {
    const { heartbeatMs, random } = this.#pulse;
    this.#heartbeat = setTimeout(() => void this.#beat(), heartbeatMs * (0.75 + random() / 2));
  }

  /** The cluster says where it stands; the stream has to get there too. */
  async #beat(): Promise<void> {
    const result = await this.#pulse.revision();
    if (this.closed) return;
    if (!result.ok) return this.end({ reason: 'lost', message: result.error.message });
    if (compareRevisions(this.#heard, result.value) >= 0) return this.#schedule();
    this.#stream?.write({ progress_request: {} });
    this.#heartbeat = setTimeout(() => {
      if (compareRevisions(this.#heard, result.value) >= 0) return this.#schedule();
      this.end({
        reason: 'lost',
        message: `watch: this member tells nothing after revision ${this.#heard}, and the cluster is at ${result.value}`,
      });
    }, this.#pulse.deadlineMs);
  }

  #take(response: WatchResponse): void {
    if (this.closed) return;
    if (compareRevisions(response.header.revision, this.#heard) > 0) this.#heard = response.header.revision;
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
      this.#schedule();
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
