// What the members of an update group have been told and what they should be told, for one family (RFC 4271 §3.2).
// The difference is the pending set: a prefix stands in it once, however often its route changed meanwhile.   [hot]
//
//   attributes  Int32[prefix]   attribute set as sent + 1; 0 is not advertised
//   sources     Int32[prefix]   peer that the route came from: that member is not told (it knows)
//   pending     Set<prefix>     to be compared with the Loc-RIB at the next flush
//
// Each advertised prefix and each pending one holds a use of its prefix; each advertised one a use of its set. With ADD-PATH a
// row is one path of a prefix (SentPaths), and all of this holds for paths.

import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import { grown } from './adj-rib-in.ts';
import type { AttributePool } from './attribute-pool.ts';
import type { Rows } from './sent-paths.ts';

export interface Change {
  readonly prefix: RowId;
  /** As the members have it, NONE when not at all. */
  readonly from: AttributesId | typeof NONE;
  readonly fromSource: PeerIndex;
  readonly to: AttributesId | typeof NONE;
  readonly toSource: PeerIndex;
}

export class AdjRibOut {
  private attributes = new Int32Array(64);
  private sources = new Int32Array(64);
  private pending = new Set<RowId>();
  private count = 0;

  constructor(
    private readonly prefixes: Rows,
    private readonly pool: AttributePool,
  ) {}

  /** Prefixes advertised. */
  get size(): number {
    return this.count;
  }

  get pendingSize(): number {
    return this.pending.size;
  }

  mark(prefix: RowId): void {
    if (this.pending.has(prefix)) return;
    this.prefixes.retain(prefix);
    this.pending.add(prefix);
  }

  attributesOf(prefix: RowId): AttributesId | typeof NONE {
    return (prefix < this.attributes.length ? this.attributes[prefix]! - 1 : NONE) as AttributesId;
  }

  sourceOf(prefix: RowId): PeerIndex {
    return this.sources[prefix] as PeerIndex;
  }

  forEach(visit: (prefix: RowId) => void): void {
    for (let prefix = 0; prefix < this.attributes.length; prefix++) {
      if (this.attributes[prefix] !== 0) visit(prefix as RowId);
    }
  }

  /**
   * Works off the pending set.
   * @param target  what members should have; the table takes over one use of the attribute set.
   * @param changed  called for each difference, while the prefix and both sets are held.
   */
  update(
    target: (prefix: RowId) => {
      readonly attributes: AttributesId | typeof NONE;
      readonly source: PeerIndex;
    },
    changed: (change: Change) => void,
  ): void {
    const pending = this.pending;
    this.pending = new Set();
    for (const prefix of pending) {
      const { attributes: to, source: toSource } = target(prefix);
      this.replace(prefix, to, toSource, changed);
      this.prefixes.release(prefix);
    }
  }

  /** Forgets all: the last member left. */
  clear(): void {
    this.forEach((prefix) => this.replace(prefix, NONE, 0 as PeerIndex, () => {}));
    for (const prefix of this.pending) this.prefixes.release(prefix);
    this.pending = new Set();
  }

  private replace(
    prefix: RowId,
    to: AttributesId | typeof NONE,
    toSource: PeerIndex,
    changed: (change: Change) => void,
  ): void {
    const from = this.attributesOf(prefix);
    const fromSource = (from === NONE ? 0 : this.sources[prefix]!) as PeerIndex;
    if (from === to && (to === NONE || fromSource === toSource)) {
      if (to !== NONE) this.pool.release(to as AttributesId);
      return;
    }
    if (prefix >= this.attributes.length) {
      this.attributes = grown(this.attributes, prefix);
      this.sources = grown(this.sources, prefix);
    }
    this.attributes[prefix] = to + 1;
    this.sources[prefix] = toSource;
    if (from === NONE) {
      this.prefixes.retain(prefix);
      this.count++;
    }
    changed({ prefix, from, fromSource, to, toSource });
    if (from !== NONE) this.pool.release(from as AttributesId);
    if (to === NONE) {
      this.count--;
      this.prefixes.release(prefix);
    }
  }
}
