// What the peers told us, one table for a family: a peer's Adj-RIB-In (RFC 4271 §3.2) is all paths with its index, and
// the candidates for a prefix are the paths that stand with it. A path that policy rejects stays, so that a change of
// policy needs nothing from the peer.                                                                        [hot]
//
//   a path, four words   | peer, … | received + 1 | accepted + 1 | … |         attributes as received and after policy (0: rejected);
//                          where `received` is 0 there is no path; with the peer stand flags, and its generation
//   the first one        in the record of the prefix (PrefixTable); its fourth word is the run of the others, 0 for none
//   the others           in a run (PathRuns); their fourth word is the path identifier (RFC 7911)
//   pathIds              Uint32[prefix]: the same of first paths, from the first path identifier on
//
// So most prefixes cost no line of memory beyond their record, and all paths of another stand side by side. A PathId says where a
// path is: the number of its prefix, or FURTHER and its cell. It holds until a path of the same prefix comes or goes. All paths of
// one peer are found by a walk over the prefixes: that is asked for when a session comes or goes, never for a route. That all of them are
// stale now needs no walk: they are of an earlier generation then. A path holds one use of its prefix and one of each of its attribute sets.

import { type AttributesId, NONE, type PathId, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { AttributePool } from './attribute-pool.ts';
import { grown } from './columns.ts';
import { CELL, PathRuns, RECEIVED } from './path-runs.ts';
import { PATH, type PrefixTable } from './prefix-table.ts';

/** Words of a path. */
const PEER = 0;
const ACCEPTED = 2;
/** Of a first path: its run. Of another: its path identifier. */
const RUN = 3;
const PATH_ID = 3;

/** From here on a path is a cell of a run; below it is the first one of the prefix. */
const FURTHER = 2 ** 30;

const PEER_MASK = 0xffff;
const LONG_LIVED = 1 << 16;
const HELD = 1 << 17;
/** Two bits for what the origin check said: 0 is that it did not judge. */
const ORIGIN_SHIFT = 18;
const ORIGIN_MASK = 3 << ORIGIN_SHIFT;
/** The upper twelve bits: the generation of its peer's in which it was told, modulo 4096. */
const GENERATION_SHIFT = 20;
const GENERATIONS = 4096;
const GENERATION_MASK = GENERATIONS - 1;
const WITHOUT_GENERATION = (1 << GENERATION_SHIFT) - 1;
/** So often, older generations are made one, so that the counter never comes round to one that is still there. */
const RENUMBER_EVERY = GENERATIONS / 4;

/** As many as the bits for it can tell apart. */
export const MAX_PEERS = PEER_MASK;

export class AdjRibIn {
  private readonly runs = new PathRuns();
  private pathIds: Uint32Array | undefined;
  private count = 0;
  /** Of each peer, the one in which it tells its routes now. What was told in an earlier one is stale. */
  private generations = new Int32Array(64);

  constructor(
    private readonly table: PrefixTable,
    private readonly pool: AttributePool,
  ) {}

  /** Paths of all peers. */
  get size(): number {
    return this.count;
  }

  /** The peer's path for the prefix, or NONE. `pathId` is 0 without ADD-PATH. */
  find(prefix: PrefixId, peer: PeerIndex, pathId: number): PathId {
    const { records, recordWords } = this.table;
    const first = prefix * recordWords + PATH;
    if (records[first + RECEIVED] === 0) return NONE as PathId;
    if ((records[first + PEER]! & PEER_MASK) === peer && this.firstPathId(prefix) === pathId)
      return prefix as number as PathId;
    const run = records[first + RUN]!;
    if (run === 0) return NONE as PathId;
    const { cells } = this.runs;
    for (let at = (run + 1) * CELL; cells[at + RECEIVED] !== 0; at += CELL) {
      if ((cells[at + PEER]! & PEER_MASK) === peer && cells[at + PATH_ID]! >>> 0 === pathId)
        return (FURTHER + at / CELL) as PathId;
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
    const before = this.acceptedOf(found);
    const wasStale = this.isStale(found);
    this.pool.release(this.receivedOf(found));
    if (before !== NONE) this.pool.release(before as AttributesId);
    this.write(found, RECEIVED, received + 1);
    this.write(found, ACCEPTED, accepted + 1);
    const word = this.read(found, PEER);
    this.write(found, PEER, this.fresh((word & PEER_MASK) as PeerIndex) | (word & ORIGIN_MASK));
    return before !== accepted || (wasStale && accepted !== NONE);
  }

  /** The same for one that `find` has not found. @returns where it is. */
  insert(
    prefix: PrefixId,
    peer: PeerIndex,
    pathId: number,
    received: AttributesId,
    accepted: AttributesId | typeof NONE,
  ): PathId {
    const path = this.first(prefix) === NONE ? (prefix as number as PathId) : this.roomFor(prefix);
    this.table.retain(prefix);
    this.write(path, PEER, this.fresh(peer));
    this.write(path, RECEIVED, received + 1);
    this.write(path, ACCEPTED, accepted + 1);
    this.writePathId(path, pathId);
    this.count++;
    return path;
  }

  /** @returns whether the candidates of the prefix changed. The path and its use of the prefix are gone. */
  remove(path: PathId): boolean {
    const prefix = this.prefixOf(path);
    const accepted = this.acceptedOf(path);
    this.pool.release(this.receivedOf(path));
    if (accepted !== NONE) this.pool.release(accepted as AttributesId);
    this.takeOut(path, prefix);
    this.count--;
    this.table.release(prefix);
    return accepted !== NONE;
  }

  /** Another verdict of policy on the same route; takes over one use of `accepted`. @returns whether it differs. */
  setAccepted(path: PathId, accepted: AttributesId | typeof NONE): boolean {
    const before = this.acceptedOf(path);
    if (before !== NONE) this.pool.release(before as AttributesId);
    this.write(path, ACCEPTED, accepted + 1);
    return before !== accepted;
  }

  first(prefix: PrefixId): PathId {
    return (this.read(prefix, RECEIVED) === 0 ? NONE : prefix) as PathId;
  }

  nextFor(path: PathId): PathId {
    if (path >= FURTHER) return (this.read(path + 1, RECEIVED) === 0 ? NONE : path + 1) as PathId;
    const run = this.read(path, RUN);
    return (run === 0 ? NONE : FURTHER + run + 1) as PathId;
  }

  prefixOf(path: PathId): PrefixId {
    return (path < FURTHER ? path : this.runs.prefixOf(path - FURTHER)) as PrefixId;
  }

  peerOf(path: PathId): PeerIndex {
    return (this.read(path, PEER) & PEER_MASK) as PeerIndex;
  }

  pathIdOf(path: PathId): number {
    return path < FURTHER ? this.firstPathId(path) : this.read(path, PATH_ID) >>> 0;
  }

  receivedOf(path: PathId): AttributesId {
    return (this.read(path, RECEIVED) - 1) as AttributesId;
  }

  /** NONE when the route is not a candidate. */
  acceptedOf(path: PathId): AttributesId | typeof NONE {
    return (this.read(path, ACCEPTED) - 1) as AttributesId;
  }

  isStale(path: PathId): boolean {
    const word = this.read(path, PEER);
    return (((word >>> GENERATION_SHIFT) ^ this.generations[word & PEER_MASK]!) & GENERATION_MASK) !== 0;
  }

  /** The peer's generation in which the path was told: see `nextGeneration`. */
  generationOf(path: PathId): number {
    const word = this.read(path, PEER);
    const now = this.generations[word & PEER_MASK]!;
    return now - ((now - (word >>> GENERATION_SHIFT)) & GENERATION_MASK);
  }

  generation(peer: PeerIndex): number {
    return peer < this.generations.length ? this.generations[peer]! : 0;
  }

  /** All that the peer told is stale from now on, until it tells it again. @returns the generation that begins. */
  nextGeneration(peer: PeerIndex): number {
    if (peer >= this.generations.length) this.generations = grown(this.generations, peer);
    const next = this.generations[peer]! + 1;
    if (next % RENUMBER_EVERY === 0) this.forEachOfPeer(peer, (path) => this.renumber(path, next));
    this.generations[peer] = next;
    return next;
  }

  /** Stale beyond the restart time (RFC 9494). */
  markLongLived(path: PathId): void {
    this.write(path, PEER, this.read(path, PEER) | LONG_LIVED);
  }

  isLongLived(path: PathId): boolean {
    return (this.read(path, PEER) & LONG_LIVED) !== 0;
  }

  /** Of a stale path: nobody is left who could send it again (fail static). */
  markHeld(path: PathId): void {
    this.write(path, PEER, this.read(path, PEER) | HELD);
  }

  isHeld(path: PathId): boolean {
    return (this.read(path, PEER) & HELD) !== 0;
  }

  /** A small number that the caller gave, 0 for a path that is new. */
  originOf(path: PathId): number {
    return (this.read(path, PEER) & ORIGIN_MASK) >> ORIGIN_SHIFT;
  }

  setOrigin(path: PathId, origin: number): void {
    this.write(path, PEER, (this.read(path, PEER) & ~ORIGIN_MASK) | (origin << ORIGIN_SHIFT));
  }

  /** Every path of a peer; the visitor may remove the path that it is given. */
  forEachOfPeer(peer: PeerIndex, visit: (path: PathId) => void): void {
    this.forEachFrom(0, Number.POSITIVE_INFINITY, (path) => {
      if (this.peerOf(path) === peer) visit(path);
    });
  }

  /** Every path of a prefix; the visitor may remove the path that it is given. @returns how many. */
  forEachOf(prefix: PrefixId, visit: (path: PathId) => void): number {
    let visited = 0;
    for (let path = this.first(prefix); path !== NONE; ) {
      const before = this.count;
      visit(path);
      visited++;
      // Where one was removed stands the last one now.
      if (this.count === before) path = this.nextFor(path);
      else if (this.read(path, RECEIVED) === 0) break;
    }
    return visited;
  }

  /**
   * Every path of the prefixes from one on, until about `count` have been visited: for work in slices. The visitor may remove the path
   * that it is given.
   * @returns where to go on, or NONE at the end.
   */
  forEachFrom(from: number, count: number, visit: (path: PathId) => void): number {
    const end = this.table.capacity;
    let visited = 0;
    for (let prefix = from as PrefixId; prefix < end; prefix++) {
      if (visited >= count) return prefix;
      visited += this.forEachOf(prefix, visit);
    }
    return NONE;
  }

  /** Asks memory for the further paths of prefixes, as PrefixTable does for their records. @param ids  or NONE. */
  ask(ids: Int32Array, count: number): number {
    const { runs, table } = this;
    const { records, recordWords } = table;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const run = ids[i]! < 0 ? 0 : records[ids[i]! * recordWords + PATH + RUN]!;
      if (run !== 0) sum ^= runs.ask(run);
    }
    return sum;
  }

  /** The first word of a path of the peer that is told now. */
  private fresh(peer: PeerIndex): number {
    if (peer >= this.generations.length) this.generations = grown(this.generations, peer);
    return peer | ((this.generations[peer]! & GENERATION_MASK) << GENERATION_SHIFT);
  }

  private renumber(path: PathId, next: number): void {
    const oldest = Math.max(0, next - 2 * RENUMBER_EVERY);
    if (this.generationOf(path) >= oldest) return;
    const word = this.read(path, PEER) & WITHOUT_GENERATION;
    this.write(path, PEER, word | ((oldest & GENERATION_MASK) << GENERATION_SHIFT));
  }

  private read(path: number, word: number): number {
    return path < FURTHER
      ? this.table.records[path * this.table.recordWords + PATH + word]!
      : this.runs.cells[(path - FURTHER) * CELL + word]!;
  }

  private write(path: number, word: number, value: number): void {
    if (path < FURTHER) this.table.records[path * this.table.recordWords + PATH + word] = value;
    else this.runs.cells[(path - FURTHER) * CELL + word] = value;
  }

  private firstPathId(prefix: number): number {
    return this.pathIds === undefined || prefix >= this.pathIds.length ? 0 : this.pathIds[prefix]!;
  }

  private writePathId(path: PathId, pathId: number): void {
    if (path >= FURTHER) return this.write(path, PATH_ID, pathId);
    if (pathId !== 0) this.pathIds ??= new Uint32Array(64);
    if (this.pathIds === undefined) return;
    if (path >= this.pathIds.length) this.pathIds = grown(this.pathIds, path);
    this.pathIds[path] = pathId;
  }

  private lastOf(prefix: PrefixId): PathId {
    const run = this.read(prefix, RUN);
    if (run === 0) return prefix as number as PathId;
    const { cells } = this.runs;
    let cell = run + 1; // a run has one path at least
    while (cells[(cell + 1) * CELL + RECEIVED] !== 0) cell++;
    return (FURTHER + cell) as PathId;
  }

  /** A place behind the paths that the prefix has. */
  private roomFor(prefix: PrefixId): PathId {
    const { runs } = this;
    const before = this.read(prefix, RUN);
    let run = before === 0 ? runs.create(prefix) : before;
    let cell = runs.freeCell(run);
    if (cell === 0) {
      run = runs.enlarge(run);
      cell = runs.freeCell(run);
    }
    if (run !== before) this.write(prefix, RUN, run);
    return (FURTHER + cell) as PathId;
  }

  /** The last path of the prefix takes its place. */
  private takeOut(path: PathId, prefix: PrefixId): void {
    const last = this.lastOf(prefix);
    if (last !== path) {
      this.write(path, PEER, this.read(last, PEER));
      this.write(path, RECEIVED, this.read(last, RECEIVED));
      this.write(path, ACCEPTED, this.read(last, ACCEPTED));
      this.writePathId(path, this.pathIdOf(last));
    }
    this.write(last, RECEIVED, 0);
    const run = this.read(prefix, RUN);
    if (run === 0 || last !== FURTHER + run + 1) return;
    this.runs.release(run);
    this.write(prefix, RUN, 0);
  }
}
