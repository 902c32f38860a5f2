// What the peers told us, one table for a family: a peer's Adj-RIB-In (RFC 4271 §3.2) is the chain of its paths, and
// the candidates for a prefix are the chain on that prefix. A path that policy rejects stays, so that a change of
// policy needs nothing from the peer.                                                                        [hot]
//
//   heads      Int32[prefix]    first path + 1 of the prefix
//   prefixes   Int32[path]      ┐
//   peers      Int32[path]      │ by path: whose, for which prefix, which of the peer's paths (RFC 7911),
//   pathIds    Uint32[path]     │ attributes as received and after policy (NONE: rejected),
//   received   Int32[path]      │ and flags
//   accepted   Int32[path]      │
//   flags      Uint8[path]      ┘
//   nextOfPrefix, nextOfPeer, previousOfPeer   Int32[path]   path + 1, 0 ends the chain
//   peerHeads  Int32[peer]      first path + 1 of the peer
//
// A path holds one use of its prefix and one of each of its attribute sets.

import { type AttributesId, NONE, type PathId, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { AttributePool } from './attribute-pool.ts';
import type { PrefixTable } from './prefix-table.ts';

const STALE = 1;
const LONG_LIVED = 2;
const INITIAL = 64;

export class AdjRibIn {
  private heads = new Int32Array(INITIAL);
  private prefixes = new Int32Array(INITIAL);
  private peers = new Int32Array(INITIAL);
  private pathIds = new Uint32Array(INITIAL);
  private received = new Int32Array(INITIAL);
  private accepted = new Int32Array(INITIAL);
  private flags = new Uint8Array(INITIAL);
  private nextOfPrefix = new Int32Array(INITIAL);
  private nextOfPeer = new Int32Array(INITIAL);
  private previousOfPeer = new Int32Array(INITIAL);
  private peerHeads = new Int32Array(16);
  private readonly free: PathId[] = [];
  private next = 0;
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
      if (this.peers[path] === peer && this.pathIds[path] === pathId) return path;
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
    if (found === NONE) {
      this.insert(prefix, peer, pathId, received, accepted);
      return accepted !== NONE;
    }
    const before = this.accepted[found]!;
    const wasStale = this.isStale(found);
    this.pool.release(this.received[found] as AttributesId);
    if (before !== NONE) this.pool.release(before as AttributesId);
    this.received[found] = received;
    this.accepted[found] = accepted;
    this.flags[found] = this.flags[found]! & ~(STALE | LONG_LIVED);
    return before !== accepted || (wasStale && accepted !== NONE);
  }

  /** @returns whether the candidates of the prefix changed. The path and its use of the prefix are gone. */
  remove(path: PathId): boolean {
    const prefix = this.prefixes[path]! as PrefixId;
    const accepted = this.accepted[path]!;
    this.unlink(path, prefix);
    this.pool.release(this.received[path] as AttributesId);
    if (accepted !== NONE) this.pool.release(accepted as AttributesId);
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
    return (this.nextOfPrefix[path]! - 1) as PathId;
  }

  prefixOf(path: PathId): PrefixId {
    return this.prefixes[path] as PrefixId;
  }

  peerOf(path: PathId): PeerIndex {
    return this.peers[path] as PeerIndex;
  }

  pathIdOf(path: PathId): number {
    return this.pathIds[path]!;
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

  markStale(path: PathId): void {
    this.flags[path] = this.flags[path]! | STALE;
  }

  /** Every path of a peer; the visitor may remove the path that it is given. */
  forEachOfPeer(peer: PeerIndex, visit: (path: PathId) => void): void {
    let path = (peer < this.peerHeads.length ? this.peerHeads[peer]! - 1 : NONE) as PathId;
    while (path !== NONE) {
      const next = (this.nextOfPeer[path]! - 1) as PathId;
      visit(path);
      path = next;
    }
  }

  private insert(
    prefix: PrefixId,
    peer: PeerIndex,
    pathId: number,
    received: AttributesId,
    accepted: AttributesId | typeof NONE,
  ): void {
    const path = this.free.pop() ?? (this.next++ as PathId);
    if (path >= this.prefixes.length) this.growPaths();
    if (prefix >= this.heads.length) this.heads = grown(this.heads, prefix);
    if (peer >= this.peerHeads.length) this.peerHeads = grown(this.peerHeads, peer);
    this.prefixTable.retain(prefix);
    this.prefixes[path] = prefix;
    this.peers[path] = peer;
    this.pathIds[path] = pathId;
    this.received[path] = received;
    this.accepted[path] = accepted;
    this.flags[path] = 0;
    this.nextOfPrefix[path] = this.heads[prefix]!;
    this.heads[prefix] = path + 1;
    const head = this.peerHeads[peer]!;
    this.nextOfPeer[path] = head;
    this.previousOfPeer[path] = 0;
    if (head !== 0) this.previousOfPeer[head - 1] = path + 1;
    this.peerHeads[peer] = path + 1;
    this.count++;
  }

  private unlink(path: PathId, prefix: PrefixId): void {
    if (this.heads[prefix] === path + 1) this.heads[prefix] = this.nextOfPrefix[path]!;
    else {
      let before = this.heads[prefix]! - 1;
      while (this.nextOfPrefix[before] !== path + 1) before = this.nextOfPrefix[before]! - 1;
      this.nextOfPrefix[before] = this.nextOfPrefix[path]!;
    }
    const next = this.nextOfPeer[path]!;
    const previous = this.previousOfPeer[path]!;
    if (next !== 0) this.previousOfPeer[next - 1] = previous;
    if (previous !== 0) this.nextOfPeer[previous - 1] = next;
    else this.peerHeads[this.peers[path]!] = next;
  }

  private growPaths(): void {
    const last = this.prefixes.length;
    this.prefixes = grown(this.prefixes, last);
    this.peers = grown(this.peers, last);
    this.pathIds = grown(this.pathIds, last);
    this.received = grown(this.received, last);
    this.accepted = grown(this.accepted, last);
    this.flags = grown(this.flags, last);
    this.nextOfPrefix = grown(this.nextOfPrefix, last);
    this.nextOfPeer = grown(this.nextOfPeer, last);
    this.previousOfPeer = grown(this.previousOfPeer, last);
  }
}

type Column = Int32Array | Uint32Array | Uint8Array;

/** A copy of at least twice the size that has room for `index`. */
export function grown<T extends Column>(from: T, index: number): T {
  let size = from.length * 2;
  while (size <= index) size *= 2;
  const to = new (from.constructor as new (length: number) => T)(size);
  to.set(from);
  return to;
}
