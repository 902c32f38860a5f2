// A list of changes → UPDATEs that share attributes: one set, one run of messages.                          [hot]
//
// Changes are gathered by attribute set and by the peer that the routes came from, because that member of the group
// must not be told (AdjRibOut). What comes out are chunks: one message each, encoded once, for every member but one,
// or for one alone.

import type { PrefixWords } from '../route/route.ts';
import { NONE, type PeerIndex, type RowId } from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import type { WireContext } from '../wire/context.ts';
import { writePrefix } from '../wire/nlri.ts';
import { encodeAnnounce, encodeWithdraw, type PackedOut, type PrefixSource } from '../wire/update.ts';
import type { Writer } from '../wire/writer.ts';
import type { Mutable } from './prefix-table.ts';
import type { Rows } from './sent-paths.ts';

/** One encoded UPDATE and the prefixes that it speaks of. */
export interface Packed {
  readonly octets: Uint8Array;
  readonly prefixes: readonly RowId[];
}

/** Prefixes of one table as the encoder wants them; reused from call to call. */
class TableSource implements PrefixSource {
  private readonly words: Mutable<PrefixWords>;
  list: readonly RowId[] = [];

  constructor(private readonly table: Rows) {
    this.words = { family: table.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  get length(): number {
    return this.list.length;
  }

  writeTo(w: Writer, index: number): void {
    const row = this.list[index]!;
    const { length, w0, w1, w2, w3 } = this.table.words(row, this.words);
    writePrefix(w, this.table.family, length, w0, w1, w2, w3, this.table.pathIdOf?.(row));
  }
}

export class UpdatePacker {
  private readonly source: TableSource;

  constructor(private readonly table: Rows) {
    this.source = new TableSource(table);
  }

  /** @returns false when the attributes are too long for any message: nothing was packed (RFC 8654 §4). */
  announce(
    attributes: PathAttributes,
    prefixes: readonly RowId[],
    context: WireContext,
    out: (packed: Packed) => void,
  ): boolean {
    this.source.list = prefixes;
    return encodeAnnounce(this.table.family, attributes, this.source, context, chunks(prefixes, out));
  }

  withdraw(prefixes: readonly RowId[], context: WireContext, out: (packed: Packed) => void): void {
    this.source.list = prefixes;
    encodeWithdraw(this.table.family, this.source, context, chunks(prefixes, out));
  }
}

/** With each message the prefixes that are in it. */
const chunks =
  (prefixes: readonly RowId[], out: (packed: Packed) => void): PackedOut =>
  (octets, first, end) => {
    const whole = first === 0 && end === prefixes.length;
    out({ octets, prefixes: whole ? prefixes : prefixes.slice(first, end) });
  };

/** Lists of prefixes by attribute set and source peer, in the order of their first member. */
export class Buckets {
  private readonly lists = new Map<number, { attributes: number; source: number; prefixes: RowId[] }>();

  /** @param attributes  NONE is a withdraw. @param source  the member not to tell, NONE is to tell all. */
  add(attributes: number, source: number, prefix: RowId): void {
    const key = (attributes + 1) * 0x100000 + source + 1;
    const list = this.lists.get(key);
    if (list === undefined) this.lists.set(key, { attributes, source, prefixes: [prefix] });
    else list.prefixes.push(prefix);
  }

  /** Withdraws first: a peer at its limit of prefixes has room again before it gets new ones. */
  forEach(visit: (attributes: number, source: PeerIndex, prefixes: readonly RowId[]) => void): void {
    for (const { attributes, source, prefixes } of this.lists.values()) {
      if (attributes === NONE) visit(attributes, source as PeerIndex, prefixes);
    }
    for (const { attributes, source, prefixes } of this.lists.values()) {
      if (attributes !== NONE) visit(attributes, source as PeerIndex, prefixes);
    }
  }
}
