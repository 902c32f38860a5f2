// Changes of an Adj-RIB-Out → batches of UPDATEs that share attributes: one set, one run of messages.             [hot]
//
// A change is gathered by the peer that the route came from, because that member of the group must not be told (AdjRibOut), and
// by attribute set. What comes out is encoded once for all members:
//
//   batch     | segment of peer 3: withdraws, announcements | segment of peer 8 … |       about 48 KiB of whole messages
//   rows      | what the messages speak of, in their order                        |
//
// A member gets the octets of a batch as they are, or without the segment of its own routes.

import type { PrefixWords } from '../route/route.ts';
import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import { ATTRIBUTE } from '../wire/constants.ts';
import type { WireContext } from '../wire/context.ts';
import { writePrefix } from '../wire/nlri.ts';
import { encodeRoute } from '../wire/update.ts';
import {
  type EncodedRoute,
  type OctetRange,
  type PrefixSource,
  writeAnnounce,
  writeWithdraw,
} from '../wire/update-writer.ts';
import { Writer } from '../wire/writer.ts';
import type { AttributePool } from './attribute-pool.ts';
import { grown } from './columns.ts';
import type { Mutable } from './prefix-table.ts';
import type { Rows } from './sent-paths.ts';

const NO_OCTETS = new Uint8Array(0);

/** A batch that has this much is full. */
const BATCH_OCTETS = 48 * 1024;

/** A part of a batch that one member does not get. */
export interface Segment {
  /** The member not to tell, or NONE. */
  readonly except: PeerIndex | typeof NONE;
  /** Octets of the batch. */
  readonly start: number;
  readonly end: number;
  readonly messages: number;
}

export interface Batch {
  readonly octets: Uint8Array;
  readonly segments: readonly Segment[];
  readonly rows: Int32Array;
  /** Those of them that are withdrawn: a queue that has the batch holds them. */
  readonly withdrawn: Int32Array;
  readonly messages: number;
  /** Member queues that hold it. */
  waiting: number;
  /** Blocks of its rows, each once: found out when the first member falls behind with it. */
  blocks: readonly number[] | undefined;
}

/** Told of each batch, and of routes that fit no message (RFC 8654 §4). */
export interface PackerOut {
  batch(batch: Batch): void;
  tooLong(rows: readonly RowId[]): void;
}

/** Rows of one table as the encoder wants them; reused from call to call. */
class RowSource implements PrefixSource {
  private readonly words: Mutable<PrefixWords>;
  rows: Int32Array = new Int32Array(64);
  length = 0;

  constructor(private readonly table: Rows) {
    this.words = { family: table.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  writeTo(w: Writer, index: number): void {
    const row = this.rows[index]! as RowId;
    const { length, w0, w1, w2, w3 } = this.table.words(row, this.words);
    writePrefix(w, this.table.family, length, w0, w1, w2, w3, this.table.pathIdOf?.(row));
  }
}

export class UpdatePacker {
  /** Runs of messages that were encoded, for tests and counters: one for each set and source of a flush, however many members. */
  readonly counters = { encodings: 0, messages: 0, batches: 0 };
  private readonly writer = new Writer(BATCH_OCTETS + 4096);
  private readonly source: RowSource;
  /** Reused from set to set. */
  private readonly attributes: Mutable<OctetRange> = { octets: NO_OCTETS, start: 0, end: 0 };
  private readonly nextHop: Mutable<OctetRange> = { octets: NO_OCTETS, start: 0, end: 0 };
  private readonly route: Mutable<EncodedRoute> = { attributes: this.attributes, nextHop: undefined };
  private segments: Segment[] = [];
  private withdrawn: Int32Array = new Int32Array(256);
  private withdrawnCount = 0;
  private rows: Int32Array = new Int32Array(256);
  private rowCount = 0;
  private messages = 0;
  private segmentStart = 0;
  private segmentMessages = 0;
  private except: PeerIndex | typeof NONE = NONE;

  constructor(
    private readonly table: Rows,
    private readonly pool: AttributePool,
    private readonly context: WireContext,
    private readonly out: PackerOut,
  ) {
    this.source = new RowSource(table);
  }

  /** What follows is not for that member. */
  begin(except: PeerIndex | typeof NONE): void {
    if (except === this.except) return;
    this.endSegment();
    this.except = except;
  }

  /** @param rows  the first `count` of them. */
  announce(set: AttributesId, rows: Int32Array, count: number): void {
    this.counters.encodings++;
    this.source.rows = rows;
    this.source.length = count;
    const route = this.encoded(set);
    for (let at = 0; at < count; ) {
      const from = at;
      at = writeAnnounce(this.writer, this.table.family, route, this.source, from, this.context);
      if (at === from) {
        // Whoever was told of an earlier route must not keep it.
        this.out.tooLong(Array.from(rows.subarray(from, count)) as RowId[]);
        this.withdraw(rows, count);
        return;
      }
      this.wrote(rows, from, at);
    }
  }

  withdraw(rows: Int32Array, count: number): void {
    this.counters.encodings++;
    this.source.rows = rows;
    this.source.length = count;
    for (let at = 0; at < count; ) {
      const from = at;
      at = writeWithdraw(this.writer, this.table.family, this.source, from, this.context);
      if (at === from)
        throw new Error(`invariant: no withdrawal fits ${this.context.maxMessageOctets} octets`);
      this.withdrawn = appended(this.withdrawn, this.withdrawnCount, rows, from, at);
      this.withdrawnCount += at - from;
      this.wrote(rows, from, at);
    }
  }

  /** Gives out what is written. */
  end(): void {
    this.endSegment();
    if (this.writer.length > 0) {
      this.counters.batches++;
      this.out.batch({
        octets: this.writer.octets.slice(0, this.writer.length),
        segments: this.segments,
        rows: this.rows.slice(0, this.rowCount),
        withdrawn: this.withdrawn.slice(0, this.withdrawnCount),
        messages: this.messages,
        waiting: 0,
        blocks: undefined,
      });
    }
    this.segments = [];
    this.withdrawnCount = 0;
    this.rowCount = 0;
    this.messages = 0;
    this.segmentStart = 0;
    this.writer.length = 0;
  }

  private wrote(rows: Int32Array, from: number, to: number): void {
    this.rows = appended(this.rows, this.rowCount, rows, from, to);
    this.rowCount += to - from;
    this.messages++;
    this.segmentMessages++;
    this.counters.messages++;
    if (this.writer.length >= BATCH_OCTETS) this.end();
  }

  private endSegment(): void {
    if (this.segmentMessages > 0) {
      const { length } = this.writer;
      this.segments.push({
        except: this.except,
        start: this.segmentStart,
        end: length,
        messages: this.segmentMessages,
      });
    }
    this.segmentStart = this.writer.length;
    this.segmentMessages = 0;
  }

  /** A set as this session carries it: mostly just as it is in the pool. */
  private encoded(set: AttributesId): EncodedRoute {
    const { pool, context, table, route } = this;
    const nextHopOctets = pool.nextHopOctetsOf(set);
    const mapped = table.family === 'ipv6' && nextHopOctets === 0; // an IPv4 next hop of an IPv6 route
    if (context.asOctets === 2 || mapped) return encodeRoute(table.family, pool.attributes(set), context);
    const { attributes, nextHop } = this;
    attributes.octets = pool.segmentOf(set);
    attributes.start = pool.startOf(set);
    attributes.end = pool.listEndOf(set);
    route.nextHop = undefined;
    if (nextHopOctets === 0) {
      if (pool.find(set, ATTRIBUTE.NEXT_HOP) === undefined)
        throw new Error('invariant: a route is sent without a next hop');
      return route;
    }
    nextHop.octets = attributes.octets;
    nextHop.start = attributes.end;
    nextHop.end = attributes.end + nextHopOctets;
    route.nextHop = nextHop;
    return route;
  }
}

/** Writes a part of `from` behind the first `count` of `list`. @returns the list, or a larger copy of it. */
function appended(list: Int32Array, count: number, from: Int32Array, start: number, end: number): Int32Array {
  const into = count + end - start > list.length ? grown(list, count + end - start) : list;
  for (let i = start, at = count; i < end; i++, at++) into[at] = from[i]!;
  return into;
}
