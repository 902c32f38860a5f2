// What the peers told us, one table for a family: a peer's Adj-RIB-In (RFC 4271 §3.2) is all paths with its index, and
// the candidates for a prefix are the chain on that prefix. A path that policy rejects stays, so that a change of
// policy needs nothing from the peer.                                                                        [hot]
//
//   heads      Int32[prefix]    first path + 1 of the prefix
//   prefixes   Int32[path]      ┐
//   peers      Uint16[path]     │ by path: for which prefix (NONE: the path is free), whose, which of the peer's paths
//   pathIds    Uint32[path]     │ (RFC 7911; the column is there from the first path identifier on), attributes as received
//   received   Int32[path]      │ and after policy (NONE: rejected), and flags
//   accepted   Int32[path]      │
//   flags      Uint8[path]      ┘
//   next       Int32[path]      path + 1 of the next one of the prefix; 0 ends the chain
//
// All paths of one peer are found by a walk over the column `peers`: that is asked for when a session comes or goes, never for
// a route. A path holds one use of its prefix and one of each of its attribute sets.

import { type AttributesId, NONE, type PathId, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { AttributePool } from './attribute-pool.ts';
import { grown } from './columns.ts';
import type { PrefixTable } from './prefix-table.ts';

const STALE = 1;
const LONG_LIVED = 2;
/** Two bits for what the origin check said: 0 is that it did not judge. */
const ORIGIN_SHIFT = 2;
const ORIGIN_MASK = 3 << ORIGIN_SHIFT;
const HELD = 16;
const INITIAL = 64;

/** As many as a column of 16 bits can tell apart. */
export const MAX_PEERS = 0xffff;

export class AdjRibIn {
  private heads = new Int32Array(INITIAL);
  private prefixes = new Int32Array(INITIAL);
  private peers = new Uint16Array(INITIAL);
  private pathIds: Uint32Array | undefined;
  private received = new Int32Array(INITIAL);
  private accepted = new Int32Array(INITIAL);
  private flags = new Uint8Array(INITIAL);
  private next = new Int32Array(INITIAL);
  private readonly free: PathId[] = [];
  /** All paths are below this. */
  private end = 0;
  private count = 0;

  constructor(
    private readonly prefixTable: PrefixTable,
    private readonly pool: AttributePool,
  ) {}

  /** Paths of all peers. */
  get size(): number {
    return this.count;
  }

  /** The peer's path for the prefix, or NONE. `pathId` is 0 without ADD-PATH. */
  find(prefix: PrefixId, peer: PeerIndex, pathId: number): PathId {
    for (let path = this.first(prefix); path !== NONE; path = this.nextFor(path)) {
      if (this.peers[path] === peer && this.pathIdOf(path) === pathId) return path;
    }
    return NONE as PathId;
  }

  /**
   * Adds or replaces (an implicit withdraw, RFC 4271 §3.1). The table takes over one use of `received` and of
   * `accepted` each. A path that was stale is fresh again.
   * @param accepted  NONE when policy or a rule rejects the route.
   * @returns whether the candidates of the prefix changed.
   */
  set(
    prefix: PrefixId,
    peer: PeerIndex,
    pathId: number,
    received: AttributesId,
    accepted: AttributesId | typeof NONE,
  ): boolean {
    const found = this.find(prefix, peer, pathId);
    if (found !== NONE) return this.replace(found, received, accepted);
    this.insert(prefix, peer, pathId, received, accepted);
    return accepted !== NONE;
  }

  /** The same for a path that `find` has found. */
  replace(found: PathId, received: AttributesId, accepted: AttributesId | typeof NONE): boolean {
    const before = this.accepted[found]!;
    const wasStale = this.isStale(found);
    this.pool.release(this.received[found] as AttributesId);
    if (before !== NONE) this.pool.release(before as AttributesId);
    this.received[found] = received;
    this.accepted[found] = accepted;
    this.flags[found] = this.flags[found]! & ~(STALE | LONG_LIVED | HELD);
    return before !== accepted || (wasStale && accepted !== NONE);
  }

  /** @returns whether the candidates of the prefix changed. The path and its use of the prefix are gone. */
  remove(path: PathId): boolean {
    const prefix = this.prefixes[path]! as PrefixId;
    const accepted = this.accepted[path]!;
    this.unlink(path, prefix);
    this.pool.release(this.received[path] as AttributesId);
    if (accepted !== NONE) this.pool.release(accepted as AttributesId);
    this.prefixes[path] = NONE;
    this.free.push(path);
    this.count--;
    this.prefixTable.release(prefix);
    return accepted !== NONE;
  }

  /** Another verdict of policy on the same route; takes over one use of `accepted`. @returns whether it differs. */
  setAccepted(path: PathId, accepted: AttributesId | typeof NONE): boolean {
    const before = this.accepted[path]!;
    if (before !== NONE) this.pool.release(before as AttributesId);
    this.accepted[path] = accepted;
    return before !== accepted;
  }

  first(prefix: PrefixId): PathId {
    return (prefix < this.heads.length ? this.heads[prefix]! - 1 : NONE) as PathId;
  }

  nextFor(path: PathId): PathId {
    return (this.next[path]! - 1) as PathId;
  }

  prefixOf(path: PathId): PrefixId {
    return this.prefixes[path] as PrefixId;
  }

  peerOf(path: PathId): PeerIndex {
    return this.peers[path] as PeerIndex;
  }

  pathIdOf(path: PathId): number {
    return this.pathIds === undefined ? 0 : this.pathIds[path]!;
  }

  receivedOf(path: PathId): AttributesId {
    return this.received[path] as AttributesId;
  }

  /** NONE when the route is not a candidate. */
  acceptedOf(path: PathId): AttributesId | typeof NONE {
    return this.accepted[path] as AttributesId;
  }

  isStale(path: PathId): boolean {
    return (this.flags[path]! & STALE) !== 0;
  }

  /** Stale beyond the restart time (RFC 9494). */
  markLongLived(path: PathId): void {
    this.flags[path] = this.flags[path]! | LONG_LIVED;
  }

  isLongLived(path: PathId): boolean {
    return (this.flags[path]! & LONG_LIVED) !== 0;
  }

  /** Stale, and nobody is left who could send it again (fail static). */
  markHeld(path: PathId): void {
    this.flags[path] = this.flags[path]! | STALE | HELD;
  }

  isHeld(path: PathId): boolean {
    return (this.flags[path]! & HELD) !== 0;
  }

  markStale(path: PathId): void {
    this.flags[path] = this.flags[path]! | STALE;
  }

  /** A small number that the caller gave, 0 for a path that is new. */
  originOf(path: PathId): number {
    return (this.flags[path]! & ORIGIN_MASK) >> ORIGIN_SHIFT;
  }

  setOrigin(path: PathId, origin: number): void {
    this.flags[path] = (this.flags[path]! & ~ORIGIN_MASK) | (origin << ORIGIN_SHIFT);
  }

  /** Every path of a peer; the visitor may remove the path that it is given. */
  forEachOfPeer(peer: PeerIndex, visit: (path: PathId) => void): void {
    for (let path = 0; path < this.end; path++) {
      if (this.peers[path] === peer && this.prefixes[path] !== NONE) visit(path as PathId);
    }
  }

  /** Every path, up to one that is told: for work in slices. @returns where to go on, or NONE at the end. */
  forEachFrom(from: number, count: number, visit: (path: PathId) => void): number {
    const to = Math.min(this.end, from + count);
    for (let path = from; path < to; path++) if (this.prefixes[path] !== NONE) visit(path as PathId);
    return to < this.end ? to : NONE;
  }

  /** The same for one that `find` has not found. */
  insert(
    prefix: PrefixId,
    peer: PeerIndex,
    pathId: number,
    received: AttributesId,
    accepted: AttributesId | typeof NONE,
  ): void {
    const path = this.free.pop() ?? (this.end++ as PathId);
    if (path >= this.prefixes.length) this.grow(path);
    if (prefix >= this.heads.length) this.heads = grown(this.heads, prefix);
    this.prefixTable.retain(prefix);
    this.prefixes[path] = prefix;
    this.peers[path] = peer;
    if (pathId !== 0) this.pathIds ??= new Uint32Array(this.prefixes.length);
    if (this.pathIds !== undefined) this.pathIds[path] = pathId;
    this.received[path] = received;
    this.accepted[path] = accepted;
    this.flags[path] = 0;
    this.next[path] = this.heads[prefix]!;
    this.heads[prefix] = path + 1;
    this.count++;
  }

  private unlink(path: PathId, prefix: PrefixId): void {
    if (this.heads[prefix] === path + 1) {
      this.heads[prefix] = this.next[path]!;
      return;
    }
    let before = this.heads[prefix]! - 1;
    while (this.next[before] !== path + 1) before = this.next[before]! - 1;
    this.next[before] = this.next[path]!;
  }

  private grow(path: number): void {
    this.prefixes = grown(this.prefixes, path);
    this.peers = grown(this.peers, path);
    if (this.pathIds !== undefined) this.pathIds = grown(this.pathIds, path);
    this.received = grown(this.received, path);
    this.accepted = grown(this.accepted, path);
    this.flags = grown(this.flags, path);
    this.next = grown(this.next, path);
  }
}
