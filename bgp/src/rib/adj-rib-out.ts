// What the members of an update group have been told and what they should be told, for one family (RFC 4271 §3.2).
// The difference is the pending set: a prefix stands in it once, however often its route changed meanwhile.   [hot]
//
//   attributes  Int32[row]      attribute set as sent + 1; 0 is not advertised
//   sources     Uint16[row]     peer that the route came from: that member is not told (it knows)
//   ofSource    Uint32[peer]    rows that came from the peer
//   pending     IdQueue         to be compared with the Loc-RIB at the next flush
//
// Each advertised row holds a use of its id and of its set; a pending one where `Rows` says so. A row is a prefix; with ADD-PATH it is
// one path of a prefix (SentPaths).

import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import type { AttributePool } from './attribute-pool.ts';
import { grown, IdQueue } from './columns.ts';
import type { Rows } from './sent-paths.ts';

/** What a row should look like to the members. */
export interface Target {
  /** The set to send, of which the caller gets one use, or NONE. Sets `source`. */
  attributesFor(row: RowId): AttributesId | typeof NONE;
  /** Peer that the route came from which was asked for last. */
  readonly source: PeerIndex;
}

/** Told while the row and both sets are held. `from` and `to` are NONE for no route. */
export type Changed = (
  row: RowId,
  from: AttributesId | typeof NONE,
  fromSource: PeerIndex,
  to: AttributesId | typeof NONE,
  toSource: PeerIndex,
) => void;

export class AdjRibOut {
  private attributes = new Int32Array(64);
  private sources = new Uint16Array(64);
  private ofSource = new Uint32Array(64);
  private readonly pending = new IdQueue<RowId>();
  private count = 0;
  /** All advertised rows are below this. */
  private bound = 0;

  constructor(
    private readonly rows: Rows,
    private readonly pool: AttributePool,
  ) {}

  /** Rows advertised. */
  get size(): number {
    return this.count;
  }

  get end(): number {
    return this.bound;
  }

  get pendingSize(): number {
    return this.pending.size;
  }

  mark(row: RowId): void {
    if (this.pending.add(row) && this.rows.holdsMarks) this.rows.retain(row);
  }

  attributesOf(row: RowId): AttributesId | typeof NONE {
    return (row < this.attributes.length ? this.attributes[row]! - 1 : NONE) as AttributesId;
  }

  sourceOf(row: RowId): PeerIndex {
    return this.sources[row] as PeerIndex;
  }

  /** Rows that came from the peer. */
  countOfSource(peer: PeerIndex): number {
    return peer < this.ofSource.length ? this.ofSource[peer]! : 0;
  }

  forEach(visit: (row: RowId) => void): void {
    for (let row = 0; row < this.bound; row++) if (this.attributes[row] !== 0) visit(row as RowId);
  }

  /** Works off the pending set, at most `limit` of it. */
  update(target: Target, changed: Changed, limit: number): void {
    const { holdsMarks } = this.rows;
    for (let i = 0; i < limit; i++) {
      const row = this.pending.take() as RowId;
      if (row === NONE) return;
      const to = target.attributesFor(row);
      this.replace(row, to, (to === NONE ? 0 : target.source) as PeerIndex, changed);
      if (holdsMarks) this.rows.release(row);
    }
  }

  /** Forgets all: the last member left. */
  clear(): void {
    this.forEach((row) => this.replace(row, NONE, 0 as PeerIndex, () => {}));
    for (let row = this.pending.take(); row !== NONE; row = this.pending.take())
      if (this.rows.holdsMarks) this.rows.release(row);
    this.bound = 0;
  }

  private replace(row: RowId, to: AttributesId | typeof NONE, toSource: PeerIndex, changed: Changed): void {
    const from = this.attributesOf(row);
    const fromSource = (from === NONE ? 0 : this.sources[row]!) as PeerIndex;
    if (from === to && (to === NONE || fromSource === toSource)) {
      if (to !== NONE) this.pool.release(to as AttributesId);
      return;
    }
    if (row >= this.attributes.length) {
      this.attributes = grown(this.attributes, row);
      this.sources = grown(this.sources, row);
    }
    if (row >= this.bound) this.bound = row + 1;
    this.attributes[row] = to + 1;
    this.sources[row] = toSource;
    if (from === NONE) {
      this.rows.retain(row);
      this.count++;
    } else this.ofSource[fromSource]!--;
    if (to !== NONE) {
      if (toSource >= this.ofSource.length) this.ofSource = grown(this.ofSource, toSource);
      this.ofSource[toSource]!++;
    }
    changed(row, from, fromSource, to, toSource);
    if (from !== NONE) this.pool.release(from as AttributesId);
    if (to === NONE) {
      this.count--;
      this.rows.release(row);
    }
  }
}
