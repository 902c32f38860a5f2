// Paths as they are announced where ADD-PATH was agreed on (RFC 7911), for one family: each path of a prefix gets a dense
// id, and the Path Identifier that peers see is that id + 1. It is the same for all peers, and stays for as long as
// anybody has been told of the path or has yet to hear that it is gone.                                       [hot]
//
//   ids       Map<"prefix peer path id", id>
//   prefixes  Int32[id]    ┐ by id: what the path is called where it came from
//   peers     Int32[id]    │
//   pathIds   Uint32[id]   ┘
//   uses      Uint32[id]   how many tables hold it; at 0 the id is free
//   next      Int32[id]    id + 1 of the next path of the prefix, 0 ends the chain
//   heads     Int32[prefix]   first id + 1
//
// Update groups work on rows and do not ask what a row is. Without ADD-PATH a row is a prefix, and none of this is used.

import type { Family } from '../net/family.ts';
import {
  NONE,
  type PeerIndex,
  type PrefixId,
  type PrefixWords,
  type RowId,
  type SentPathId,
} from '../route/route.ts';
import { grown } from './columns.ts';
import type { Mutable, PrefixTable } from './prefix-table.ts';

/** The table whose ids an update group works with: prefixes, or paths. Ids are counted, and free again after the last use. */
export interface Rows {
  readonly family: Family;
  retain(row: RowId): void;
  release(row: RowId): void;
  /** The prefix of the row; fills `into` instead of making an object. */
  words(row: RowId, into: Mutable<PrefixWords>): PrefixWords;
  /**
   * A row that waits to be compared has to be held. Not so a prefix: to compare an id that is free, or another prefix's by now,
   * is no harm, while the id of a path is also its name on the wire.
   */
  readonly holdsMarks: boolean;
  /** What stands before the prefix on the wire (RFC 7911 §3); a table of prefixes has none. */
  pathIdOf?(row: RowId): number;
}

export class SentPaths implements Rows {
  readonly family: Family;
  readonly holdsMarks = true;
  private readonly ids = new Map<string, SentPathId>();
  private prefixes = new Int32Array(64);
  private peers = new Int32Array(64);
  private pathIds = new Uint32Array(64);
  private uses = new Uint32Array(64);
  private next = new Int32Array(64);
  private heads = new Int32Array(64);
  private readonly free: SentPathId[] = [];
  private end = 0;

  constructor(private readonly prefixTable: PrefixTable) {
    this.family = prefixTable.family;
  }

  /** Paths held. */
  get size(): number {
    return this.ids.size;
  }

  /** Finds or adds. A new id has no use yet: `retain` it, or it stays until somebody does. */
  add(prefix: PrefixId, peer: PeerIndex, pathId: number): SentPathId {
    const key = keyOf(prefix, peer, pathId);
    const found = this.ids.get(key);
    if (found !== undefined) return found;
    const id = this.free.pop() ?? (this.end++ as SentPathId);
    if (id >= this.prefixes.length) this.grow(id);
    if (prefix >= this.heads.length) this.heads = grown(this.heads, prefix);
    this.prefixTable.retain(prefix);
    this.ids.set(key, id);
    this.prefixes[id] = prefix;
    this.peers[id] = peer;
    this.pathIds[id] = pathId;
    this.uses[id] = 0;
    this.next[id] = this.heads[prefix]!;
    this.heads[prefix] = id + 1;
    return id;
  }

  retain(id: RowId): void {
    this.uses[id]!++;
  }

  release(id: RowId): void {
    if (this.uses[id] === 0) throw new Error(`invariant: path ${id} released more often than retained`);
    if (--this.uses[id]! === 0) this.remove(id as SentPathId);
  }

  words(id: RowId, into: Mutable<PrefixWords>): PrefixWords {
    return this.prefixTable.words(this.prefixOf(id), into);
  }

  /** As peers see it. */
  pathIdOf(id: RowId): number {
    return id + 1;
  }

  prefixOf(id: RowId): PrefixId {
    return this.prefixes[id] as PrefixId;
  }

  peerOf(id: RowId): PeerIndex {
    return this.peers[id] as PeerIndex;
  }

  /** As the peer that it came from calls it. */
  receivedIdOf(id: RowId): number {
    return this.pathIds[id]!;
  }

  /** Every path of the prefix that somebody holds. */
  forEachOf(prefix: PrefixId, visit: (id: SentPathId) => void): void {
    let id = (prefix < this.heads.length ? this.heads[prefix]! - 1 : NONE) as SentPathId;
    while (id !== NONE) {
      const following = (this.next[id]! - 1) as SentPathId;
      visit(id);
      id = following;
    }
  }

  private remove(id: SentPathId): void {
    const prefix = this.prefixOf(id);
    if (this.heads[prefix] === id + 1) this.heads[prefix] = this.next[id]!;
    else {
      let before = this.heads[prefix]! - 1;
      while (this.next[before] !== id + 1) before = this.next[before]! - 1;
      this.next[before] = this.next[id]!;
    }
    this.ids.delete(keyOf(prefix, this.peerOf(id), this.receivedIdOf(id)));
    this.free.push(id);
    this.prefixTable.release(prefix);
  }

  private grow(id: number): void {
    this.prefixes = grown(this.prefixes, id);
    this.peers = grown(this.peers, id);
    this.pathIds = grown(this.pathIds, id);
    this.uses = grown(this.uses, id);
    this.next = grown(this.next, id);
  }
}

const keyOf = (prefix: PrefixId, peer: PeerIndex, pathId: number): string => `${prefix} ${peer} ${pathId}`;
