// Peers whose routes leave alike share one Adj-RIB-Out: its changes are encoded once and the same octets go to every
// member with room. What a slow peer costs is bounded.                                                        [hot]
//
//   member in step     queue of shared batches, each once in memory however many members wait for it
//   member that joins  the same, and behind it a walk over the table, block by block; a block is encoded once for all who walk
//   member behind      no queue, but the blocks in which something was announced meanwhile, and the rows that were withdrawn:
//                      blocks are sent as to who walks, so many that stall together cost no more than one
//
// A member's bits hold uses of their rows, and a queue those that it will withdraw: so no id is given to another prefix as long as
// somebody has been told of it. A row that is announced needs no more than that: it is in the Adj-RIB-Out, or its withdrawal is
// behind it in the same queue.
// Where ADD-PATH was agreed on, a row is not a prefix but one path of it (RFC 7911): `Rows` is the table of either.

import { FAMILY, type Family } from '../net/family.ts';
import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import { ROUTE_REFRESH_SUBTYPE } from '../wire/constants.ts';
import type { WireContext } from '../wire/context.ts';
import { encodeMessage } from '../wire/message.ts';
import { encodeEndOfRib } from '../wire/update.ts';
import { AdjRibOut, type Target } from './adj-rib-out.ts';
import type { AttributePool } from './attribute-pool.ts';
import { ChangeList } from './change-list.ts';
import { IdBitmap, IdStack } from './columns.ts';
import { Behind, Member, Outgoing, type Taken, type Told } from './group-member.ts';
import type { Rows } from './sent-paths.ts';
import { type Batch, type PackerOut, UpdatePacker } from './update-packer.ts';

/** Octets that may wait for a member before it is fed alone. */
const QUEUE_LIMIT_OCTETS = 1 << 20;

/** Rows of a member behind that are encoded at once: bounds one turn. */
const FEED_ROWS = 4096;

/** Rows of a block, as a power of two. */
const BLOCK_BITS = 12;

/** Blocks that are encoded for a member at once: of most of them it may get nothing, where the routes are its own. */
const BLOCKS_AT_ONCE = 8;

export class UpdateGroup {
  readonly adjRibOut: AdjRibOut;
  /** Rows are still to be marked, of a table that the group has to hear of from its beginning. */
  incomplete = false;
  private readonly members = new Map<PeerIndex, Member>();
  private readonly packer: UpdatePacker;
  private readonly changes = new ChangeList();
  /** Withdraws for one member alone: it is the source of a new best route, and had another's before. */
  private readonly alone = new Map<PeerIndex, RowId[]>();
  /** Blocks of the table as they were encoded for a walk; one that changes is dropped, and all when nobody walks. */
  private readonly encodedBlocks = new Map<number, readonly Batch[]>();
  /** Rows of the flush that runs whose withdrawal is not encoded yet: held, because no table holds them any more. */
  private readonly withdrawing = new IdStack<RowId>();
  private deliver: (batch: Batch) => void = () => {};
  private paused = false;

  /** @param tooLong  told of routes that fit no message (RFC 8654 §4): they are not advertised. */
  constructor(
    readonly family: Family,
    readonly context: WireContext,
    private readonly prefixes: Rows,
    pool: AttributePool,
    tooLong: (prefixes: readonly RowId[]) => void,
    private readonly queueLimitOctets = QUEUE_LIMIT_OCTETS,
    private readonly blockBits = BLOCK_BITS,
  ) {
    this.adjRibOut = new AdjRibOut(prefixes, pool);
    const out: PackerOut = { batch: (batch) => this.deliver(batch), tooLong };
    this.packer = new UpdatePacker(prefixes, pool, context, out);
  }

  get size(): number {
    return this.members.size;
  }

  /** What was encoded so far, however many members it went to. */
  get counters(): UpdatePacker['counters'] {
    return this.packer.counters;
  }

  /**
   * A member that has been told nothing, or `told` by another group before.
   * @param holdEndOfRib  wait with the End-of-RIB marker until `releaseEndOfRib`; for one that was told, its state goes on.
   */
  join(peer: PeerIndex, holdEndOfRib: boolean, told?: Told): void {
    const member = new Member(peer);
    member.endOfRib = told?.endOfRib ?? (holdEndOfRib ? 'held' : 'due');
    member.refresh = told?.refresh ?? 'none'; // all is sent once more by the join, so a begun one may end after it
    this.members.set(peer, member);
    // Encoded while its routes were nobody's here: from now on there is one that must not be told.
    if (this.adjRibOut.countOfSource(peer) > 0) this.encodedBlocks.clear();
    if (told === undefined) return this.walkAll(member);
    member.behind = new Behind(told.rows, true);
    for (let block = 0; block < this.blockCount; block++) member.behind.blocks.add(block);
  }

  /** The member's session is over. */
  leave(peer: PeerIndex): void {
    const member = this.member(peer);
    this.dropQueue(member);
    member.behind?.rows.forEach((row) => this.prefixes.release(row));
    this.members.delete(peer);
    if (this.members.size > 0) return this.forgetBlocks();
    this.encodedBlocks.clear();
    this.adjRibOut.clear();
  }

  /** The member goes to another group of the same rows. @returns what it may have been told. */
  move(peer: PeerIndex): Told {
    const member = this.member(peer);
    const rows = member.behind?.rows ?? new IdBitmap<RowId>();
    member.behind = undefined;
    const add = (row: RowId) => {
      if (rows.add(row)) this.prefixes.retain(row);
    };
    this.adjRibOut.forEach((row) => {
      if (this.adjRibOut.sourceOf(row) !== peer) add(row);
    });
    for (let i = member.taken; i < member.queue.length; i++)
      for (const row of member.queue[i]!.withdrawn) add(row as RowId);
    const { endOfRib, refresh } = member;
    this.leave(peer);
    return { rows, endOfRib, refresh };
  }

  /**
   * All routes once more (RFC 2918).
   * @param bracketed  between BoRR and EoRR. Not before the End-of-RIB was sent (RFC 7313 §4): until then the first table is
   *   on its way, and the End-of-RIB says where it ends.
   */
  resend(peer: PeerIndex, bracketed = false): void {
    const member = this.member(peer);
    if (bracketed && member.endOfRib === 'sent' && member.refresh === 'none') member.refresh = 'due';
    this.walkAll(member);
  }

  releaseEndOfRib(): void {
    for (const member of this.members.values()) if (member.endOfRib === 'held') member.endOfRib = 'due';
  }

  mark(row: RowId): void {
    this.adjRibOut.mark(row);
  }

  /** There was nothing for a member in the blocks that were looked at; more of them wait. Until the next flush. */
  get hasPaused(): boolean {
    return this.paused;
  }

  /** Brings the Adj-RIB-Out up to date, by at most `limit` rows, and gives every member what changed. */
  flush(target: Target, limit: number): void {
    this.paused = false;
    for (const member of this.members.values()) if (member.behind?.size === 0) member.behind = undefined;
    if (this.adjRibOut.pendingSize === 0) return;
    const behind: Member[] = [];
    for (const member of this.members.values()) if (member.behind !== undefined) behind.push(member);
    const inStep = behind.length < this.members.size;
    const announcedIn = new Set<number>();
    let lastBlock = -1;
    this.adjRibOut.update(
      target,
      (row, from, fromSource, to, toSource) => {
        const block = row >>> this.blockBits;
        if (this.encodedBlocks.size > 0) this.encodedBlocks.delete(block);
        if (behind.length > 0) {
          if (to !== NONE && block !== lastBlock) announcedIn.add(block);
          if (to !== NONE) lastBlock = block;
          this.oweWithdrawal(behind, row, from, fromSource, to, toSource);
        }
        if (!inStep) return;
        if (to === NONE) {
          this.prefixes.retain(row);
          this.withdrawing.push(row);
        }
        this.sort(row, from, fromSource, to, toSource);
      },
      limit,
    );
    for (const { behind: owed } of behind) for (const block of announcedIn) owed!.blocks.add(block);
    this.deliver = (batch) => this.deliverToAll(batch);
    this.pack(this.changes);
    for (const [peer, withdrawn] of this.alone) this.withdrawFrom(this.member(peer), withdrawn);
    this.alone.clear();
    for (let row = this.withdrawing.pop(); row !== NONE; row = this.withdrawing.pop())
      this.prefixes.release(row as RowId);
    if (this.isUpToDate) for (const { behind: owed } of behind) if (owed !== undefined) owed.waits = false;
  }

  /** Is there something that `take` would give? */
  hasWork(peer: PeerIndex): boolean {
    const member = this.members.get(peer);
    if (member === undefined) return false;
    if (member.queued > 0 || (member.behind?.size ?? 0) > 0 || member.walks) return true;
    if (member.refresh !== 'none') return true;
    return member.endOfRib === 'due' && this.isUpToDate;
  }

  /** Messages for a member, at most about `roomOctets`; the last may exceed it. None, and `hasPaused`: some follow after the next flush. */
  take(peer: PeerIndex, roomOctets: number): Taken {
    const member = this.member(peer);
    const out = new Outgoing(peer, roomOctets);
    if (member.refresh === 'due' && out.room > 0) {
      member.refresh = 'begun';
      out.message(this.refreshMark(ROUTE_REFRESH_SUBTYPE.BORR));
    }
    if (member.behind !== undefined) {
      if (this.isUpToDate) member.behind.waits = false;
      if (member.behind.waits) return out; // not withdrawn what is told again in a moment
      for (let left = BLOCKS_AT_ONCE; left > 0 && out.room > 0 && member.behind.size > 0; left--)
        this.feed(member, out);
      if (member.behind.size > 0) return this.unfinished(out);
      member.behind = undefined;
    }
    while (out.room > 0 && member.queued > 0) out.batch(this.dequeue(member));
    // The queue is empty: what the table has now is later than all that was sent.
    for (let left = BLOCKS_AT_ONCE; left > 0 && out.room > 0 && member.queued === 0 && member.walks; left--)
      this.walk(member, out);
    if (member.walks) return this.unfinished(out);
    // What is still to be packed belongs before the marker.
    const complete = member.queued === 0 && !member.walks && this.isUpToDate;
    if (member.refresh === 'begun' && complete && out.room > 0) {
      member.refresh = 'none';
      out.message(this.refreshMark(ROUTE_REFRESH_SUBTYPE.EORR));
    }
    if (member.endOfRib === 'due' && complete && out.room > 0) {
      member.endOfRib = 'sent';
      out.message(encodeEndOfRib(this.family));
    }
    return out;
  }

  private unfinished(out: Outgoing): Outgoing {
    if (out.octets.length === 0) this.paused = true;
    return out;
  }

  /** Prefixes that the member has been told, or will be with what is queued. */
  advertisedTo(peer: PeerIndex): number {
    return this.adjRibOut.size - this.adjRibOut.countOfSource(peer);
  }

  private get isUpToDate(): boolean {
    return this.adjRibOut.pendingSize === 0 && !this.incomplete;
  }

  private refreshMark(subtype: number): Uint8Array {
    return encodeMessage({ type: 'RouteRefresh', ...FAMILY[this.family], subtype }, this.context);
  }

  private member(peer: PeerIndex): Member {
    const member = this.members.get(peer);
    if (member === undefined) throw new Error(`invariant: peer ${peer} is no member of this update group`);
    return member;
  }

  /** Which members hear what: see AdjRibOut on sources. */
  private sort(
    row: RowId,
    from: AttributesId | typeof NONE,
    fromSource: PeerIndex,
    to: AttributesId | typeof NONE,
    toSource: PeerIndex,
  ): void {
    const source = to === NONE ? fromSource : toSource;
    this.changes.add(this.members.has(source) ? source : (NONE as PeerIndex), to, row);
    if (to === NONE || from === NONE || fromSource === toSource || !this.members.has(toSource)) return;
    const rows = this.alone.get(toSource);
    if (rows === undefined) this.alone.set(toSource, [row]);
    else rows.push(row);
  }

  private deliverToAll(batch: Batch): void {
    const { segments } = batch;
    const only = segments.length === 1 ? segments[0]!.except : NONE;
    for (const member of this.members.values()) if (member.peer !== only) this.enqueue(member, batch);
  }

  private withdrawFrom(member: Member, rows: readonly RowId[]): void {
    this.deliver = (batch) => this.enqueue(member, batch);
    this.packer.begin(NONE);
    this.packer.withdraw(Int32Array.from(rows), rows.length);
    this.packer.end();
  }

  private enqueue(member: Member, batch: Batch): void {
    if (member.behind !== undefined) return this.oweBatch(member.behind, batch); // since the flush began
    if (batch.waiting++ === 0) this.holdWithdrawn(batch);
    member.queue.push(batch);
    member.queuedOctets += batch.octets.length;
    if (member.queuedOctets > this.queueLimitOctets) this.fallBehind(member);
  }

  private dequeue(member: Member): Batch {
    const batch = member.queue[member.taken++]!;
    if (member.taken === member.queue.length) {
      member.queue = [];
      member.taken = 0;
    }
    member.queuedOctets -= batch.octets.length;
    if (--batch.waiting === 0) this.releaseWithdrawn(batch);
    return batch;
  }

  private holdWithdrawn({ withdrawn }: Batch): void {
    for (let i = 0; i < withdrawn.length; i++) this.prefixes.retain(withdrawn[i] as RowId);
  }

  private releaseWithdrawn({ withdrawn }: Batch): void {
    for (let i = 0; i < withdrawn.length; i++) this.prefixes.release(withdrawn[i] as RowId);
  }

  /** From its queue to blocks and rows. */
  private fallBehind(member: Member): void {
    member.behind = new Behind(new IdBitmap());
    for (let i = member.taken; i < member.queue.length; i++) this.oweBatch(member.behind, member.queue[i]!);
    this.dropQueue(member);
  }

  private oweBatch(behind: Behind, batch: Batch): void {
    batch.blocks ??= [...new Set(batch.rows.map((row) => row >>> this.blockBits))];
    for (const block of batch.blocks) behind.blocks.add(block);
    for (const row of batch.withdrawn) this.oweWithdraw(behind, row as RowId);
  }

  /** A change after which some of those behind may have a route that they shall not have any more. */
  private oweWithdrawal(
    behind: readonly Member[],
    row: RowId,
    from: AttributesId | typeof NONE,
    fromSource: PeerIndex,
    to: AttributesId | typeof NONE,
    toSource: PeerIndex,
  ): void {
    if (from === NONE) return;
    if (to === NONE) {
      for (const member of behind) if (member.peer !== fromSource) this.oweWithdraw(member.behind!, row);
      return;
    }
    // Its own route is the best now: what it was told of another's goes.
    const source = fromSource === toSource ? undefined : this.members.get(toSource);
    if (source?.behind !== undefined) this.oweWithdraw(source.behind, row);
  }

  private dropQueue(member: Member): void {
    while (member.queued > 0) this.dequeue(member);
  }

  private oweWithdraw(behind: Behind, row: RowId): void {
    if (behind.rows.add(row)) this.prefixes.retain(row);
  }

  private get blockCount(): number {
    return this.adjRibOut.size === 0 ? 0 : ((this.adjRibOut.end - 1) >>> this.blockBits) + 1;
  }

  private walkAll(member: Member): void {
    member.block = 0;
    member.blocks = this.blockCount;
  }

  /** The next block of the table. */
  private walk(member: Member, out: Outgoing): void {
    this.sendBlock(member.block++, out);
    if (!member.walks) this.forgetBlocks();
  }

  /** As it is now, encoded when nobody was sent it since it changed. */
  private sendBlock(block: number, out: Outgoing): void {
    let batches = this.encodedBlocks.get(block);
    if (batches === undefined) {
      batches = this.encodeBlock(block);
      this.encodedBlocks.set(block, batches);
    }
    for (const batch of batches) out.batch(batch);
  }

  private forgetBlocks(): void {
    if (this.encodedBlocks.size === 0) return;
    for (const { behind, walks } of this.members.values())
      if (walks || (behind !== undefined && behind.blocks.size > 0)) return;
    this.encodedBlocks.clear();
  }

  private encodeBlock(block: number): readonly Batch[] {
    const { adjRibOut } = this;
    const end = Math.min(adjRibOut.end, (block + 1) << this.blockBits);
    const { changes } = this; // empty but in a flush
    for (let row = (block << this.blockBits) as RowId; row < end; row++) {
      const set = adjRibOut.attributesOf(row);
      if (set === NONE) continue;
      const source = adjRibOut.sourceOf(row);
      changes.add(this.members.has(source) ? source : (NONE as PeerIndex), set, row);
    }
    const batches: Batch[] = [];
    this.deliver = (batch) => batches.push(batch);
    this.pack(changes);
    return batches;
  }

  /** A part of what a member is behind, from the state that the group has now: withdrawals for it alone, then blocks. */
  private feed(member: Member, out: Outgoing): void {
    const { blocks, rows } = member.behind!;
    if (rows.size === 0) {
      this.sendBlock(blocks.take(), out);
      if (blocks.size === 0) this.forgetBlocks();
      return;
    }
    const limit = Math.min(FEED_ROWS, Math.max(64, Math.ceil(out.room / 8)));
    const { changes } = this; // empty but in a flush
    const taken: RowId[] = [];
    while (taken.length < limit) {
      const row = rows.take() as RowId;
      if (row === NONE) break;
      taken.push(row);
      const own = this.adjRibOut.sourceOf(row) === member.peer;
      if (own || this.adjRibOut.attributesOf(row) === NONE) changes.add(NONE, NONE, row);
    }
    this.deliver = (batch) => out.batch(batch);
    this.pack(changes);
    for (const row of taken) this.prefixes.release(row);
  }

  private pack(changes: ChangeList): void {
    changes.drain((except, set, rows, count) => {
      this.packer.begin(except);
      if (set === NONE) this.packer.withdraw(rows, count);
      else this.packer.announce(set as AttributesId, rows, count);
    });
    this.packer.end();
  }
}
