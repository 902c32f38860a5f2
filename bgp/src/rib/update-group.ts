// Peers whose routes leave alike share one Adj-RIB-Out: its changes are encoded once and the same octets go to every
// member with room. A member that joins, or that lags too far, is fed alone from a pending set of its own, one entry
// a prefix, and joins the others again when that is empty. So what a slow peer costs is bounded.
//
//   member in step     queue of shared chunks, each message once in memory however many members wait for it
//   member behind      Set<prefix> to be compared with the group's Adj-RIB-Out when there is room
//
// A chunk and a member's pending set hold uses of their prefixes, so that no id is given to another prefix meanwhile.
// Where ADD-PATH was agreed on, a row is not a prefix but one path of it (RFC 7911): `Rows` is the table of either.

import { FAMILY, type Family } from '../net/family.ts';
import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import { ROUTE_REFRESH_SUBTYPE } from '../wire/constants.ts';
import type { WireContext } from '../wire/context.ts';
import { encodeMessage } from '../wire/message.ts';
import { encodeEndOfRib } from '../wire/update.ts';
import { AdjRibOut, type Change } from './adj-rib-out.ts';
import type { AttributePool } from './attribute-pool.ts';
import type { Rows } from './sent-paths.ts';
import { Buckets, type Packed, UpdatePacker } from './update-packer.ts';

/** Octets that may wait for a member before it is fed alone. */
const QUEUE_LIMIT_OCTETS = 1 << 20;

/** Prefixes of a member behind that are encoded at once: bounds one turn. */
const BATCH = 4096;

interface Chunk extends Packed {
  /** Member queues that hold it. */
  waiting: number;
}

/** Due when all that was there at the join has been sent (RFC 4724 §4); held back after a restart of ours (§4.1). */
type EndOfRib = 'due' | 'held' | 'sent';

/** An answer between BoRR and EoRR (RFC 7313 §4): due, or begun. */
type Refresh = 'none' | 'due' | 'begun';

/** What a member may have been told, each prefix with a use that the holder releases. */
export interface Told {
  readonly prefixes: readonly RowId[];
  readonly endOfRib: EndOfRib;
  readonly refresh: Refresh;
}

class Member {
  queue: Chunk[] = [];
  queuedOctets = 0;
  /** Undefined is in step. */
  behind: Set<RowId> | undefined = new Set();
  endOfRib: EndOfRib = 'due';
  refresh: Refresh = 'none';

  constructor(readonly peer: PeerIndex) {}
}

/** What a prefix should look like to the members. Takes over one use of the attribute set. */
export type Target = (prefix: RowId) => {
  readonly attributes: AttributesId | typeof NONE;
  readonly source: PeerIndex;
};

/** Did the peer have the route before, or shall it have it now? Of its own routes it is told nothing. */
const concerns = ({ from, fromSource, to, toSource }: Change, peer: PeerIndex): boolean =>
  (from !== NONE && fromSource !== peer) || (to !== NONE && toSource !== peer);

export class UpdateGroup {
  readonly adjRibOut: AdjRibOut;
  private readonly members = new Map<PeerIndex, Member>();
  private readonly packer: UpdatePacker;

  /** @param tooLong  told of routes that fit no message (RFC 8654 §4): they are not advertised. */
  constructor(
    readonly family: Family,
    readonly context: WireContext,
    private readonly prefixes: Rows,
    private readonly pool: AttributePool,
    private readonly tooLong: (prefixes: readonly RowId[]) => void,
    private readonly queueLimitOctets = QUEUE_LIMIT_OCTETS,
  ) {
    this.adjRibOut = new AdjRibOut(prefixes, pool);
    this.packer = new UpdatePacker(prefixes);
  }

  get size(): number {
    return this.members.size;
  }

  has(peer: PeerIndex): boolean {
    return this.members.has(peer);
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
    for (const prefix of told?.prefixes ?? []) this.owe(member, prefix);
    this.resendTo(member);
  }

  /** @returns what the member may have been told, for the caller to release. */
  leave(peer: PeerIndex): Told {
    const member = this.member(peer);
    const told = new Set<RowId>(member.behind);
    this.adjRibOut.forEach((prefix) => {
      if (this.adjRibOut.sourceOf(prefix) !== peer) told.add(prefix);
    });
    for (const chunk of member.queue) for (const prefix of chunk.prefixes) told.add(prefix);
    for (const prefix of told) this.prefixes.retain(prefix);
    this.dropQueue(member);
    for (const prefix of member.behind ?? []) this.prefixes.release(prefix);
    this.members.delete(peer);
    if (this.members.size === 0) this.adjRibOut.clear();
    return { prefixes: [...told], endOfRib: member.endOfRib, refresh: member.refresh };
  }

  /**
   * All routes once more (RFC 2918).
   * @param bracketed  between BoRR and EoRR. Not before the End-of-RIB was sent (RFC 7313 §4): until then the first table is
   *   on its way, and the End-of-RIB says where it ends.
   */
  resend(peer: PeerIndex, bracketed = false): void {
    const member = this.member(peer);
    if (bracketed && member.endOfRib === 'sent' && member.refresh === 'none') member.refresh = 'due';
    this.fallBehind(member);
    this.resendTo(member);
  }

  releaseEndOfRib(): void {
    for (const member of this.members.values()) if (member.endOfRib === 'held') member.endOfRib = 'due';
  }

  mark(prefix: RowId): void {
    this.adjRibOut.mark(prefix);
  }

  /** Brings the Adj-RIB-Out up to date and gives every member what changed. */
  flush(target: Target): void {
    for (const member of this.members.values()) if (member.behind?.size === 0) this.catchUp(member);
    if (this.adjRibOut.pendingSize === 0) return;
    const forAll = new Buckets();
    const forOne = new Map<PeerIndex, RowId[]>();
    const inStep = [...this.members.values()].some((member) => member.behind === undefined);
    this.adjRibOut.update(target, (change) => {
      for (const member of this.members.values())
        if (member.behind !== undefined && concerns(change, member.peer)) this.owe(member, change.prefix);
      if (!inStep) return;
      this.prefixes.retain(change.prefix); // until it is encoded
      this.sort(change, forAll, forOne);
    });
    forAll.forEach((attributes, source, prefixes) => this.pack(attributes, source, prefixes));
    for (const [peer, prefixes] of forOne) this.packFor(peer, prefixes);
    forAll.forEach((_attributes, _source, prefixes) => {
      for (const prefix of prefixes) this.prefixes.release(prefix);
    });
  }

  /** Is there something that `take` would give? */
  hasWork(peer: PeerIndex): boolean {
    const member = this.members.get(peer);
    if (member === undefined) return false;
    if (member.queue.length > 0 || (member.behind?.size ?? 0) > 0) return true;
    if (member.refresh !== 'none') return true;
    return member.endOfRib === 'due' && this.adjRibOut.pendingSize === 0;
  }

  /** Messages for a member, at most about `roomOctets`; the last may exceed it. */
  take(peer: PeerIndex, roomOctets: number): Uint8Array[] {
    const member = this.member(peer);
    const out: Uint8Array[] = [];
    let room = roomOctets;
    const add = (octets: Uint8Array) => {
      out.push(octets);
      room -= octets.length;
    };
    if (member.refresh === 'due' && room > 0) {
      member.refresh = 'begun';
      add(this.refreshMark(ROUTE_REFRESH_SUBTYPE.BORR));
    }
    if (member.behind !== undefined) {
      while (room > 0 && member.behind.size > 0) this.feed(member, room, add);
      if (member.behind.size > 0) return out;
      this.catchUp(member);
    } else {
      let taken = 0;
      while (room > 0 && taken < member.queue.length) add(this.dequeued(member, member.queue[taken++]!));
      member.queue.splice(0, taken);
    }
    // What is still to be packed belongs before the marker.
    const complete = member.queue.length === 0 && this.adjRibOut.pendingSize === 0;
    if (member.refresh === 'begun' && complete && room > 0) {
      member.refresh = 'none';
      add(this.refreshMark(ROUTE_REFRESH_SUBTYPE.EORR));
    }
    if (member.endOfRib === 'due' && complete && room > 0) {
      member.endOfRib = 'sent';
      add(encodeEndOfRib(this.family));
    }
    return out;
  }

  /** Prefixes that the member has been told, or will be with what is queued. */
  advertisedTo(peer: PeerIndex): number {
    let count = 0;
    this.adjRibOut.forEach((prefix) => {
      if (this.adjRibOut.sourceOf(prefix) !== peer) count++;
    });
    return count;
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
  private sort(change: Change, forAll: Buckets, forOne: Map<PeerIndex, RowId[]>): void {
    const source = change.to === NONE ? change.fromSource : change.toSource;
    forAll.add(change.to, this.members.has(source) ? source : NONE, change.prefix);
    const had = change.from !== NONE && change.fromSource !== change.toSource;
    if (change.to !== NONE && had && this.members.has(change.toSource)) {
      const list = forOne.get(change.toSource);
      if (list === undefined) forOne.set(change.toSource, [change.prefix]);
      else list.push(change.prefix);
    }
  }

  private pack(attributes: number, except: PeerIndex, prefixes: readonly RowId[]): void {
    const deliver = (packed: Packed) => {
      const chunk: Chunk = { ...packed, waiting: 0 };
      for (const member of this.members.values()) if (member.peer !== except) this.enqueue(member, chunk);
    };
    if (attributes === NONE) return this.packer.withdraw(prefixes, this.context, deliver);
    const set = this.pool.get(attributes as AttributesId);
    if (!this.packer.announce(set.attributes, prefixes, this.context, deliver)) {
      this.tooLong(prefixes);
      this.packer.withdraw(prefixes, this.context, deliver);
    }
  }

  /** A member that is the source of a new best route had another's route for it before. */
  private packFor(peer: PeerIndex, prefixes: readonly RowId[]): void {
    const member = this.member(peer);
    this.packer.withdraw(prefixes, this.context, (packed) => this.enqueue(member, { ...packed, waiting: 0 }));
  }

  private enqueue(member: Member, chunk: Chunk): void {
    if (member.behind !== undefined) {
      for (const prefix of chunk.prefixes) this.owe(member, prefix);
      return;
    }
    if (chunk.waiting++ === 0) for (const prefix of chunk.prefixes) this.prefixes.retain(prefix);
    member.queue.push(chunk);
    member.queuedOctets += chunk.octets.length;
    if (member.queuedOctets > this.queueLimitOctets) this.fallBehind(member);
  }

  private dequeued(member: Member, chunk: Chunk): Uint8Array {
    member.queuedOctets -= chunk.octets.length;
    if (--chunk.waiting === 0) for (const prefix of chunk.prefixes) this.prefixes.release(prefix);
    return chunk.octets;
  }

  /** From its queue to a pending set: one entry a prefix, whatever happens to it from now on. */
  private fallBehind(member: Member): void {
    if (member.behind !== undefined) return;
    member.behind = new Set();
    for (const chunk of member.queue) for (const prefix of chunk.prefixes) this.owe(member, prefix);
    this.dropQueue(member);
  }

  private dropQueue(member: Member): void {
    for (const chunk of member.queue) this.dequeued(member, chunk);
    member.queue = [];
  }

  private catchUp(member: Member): void {
    member.behind = undefined;
  }

  private owe(member: Member, prefix: RowId): void {
    if (member.behind === undefined || member.behind.has(prefix)) return;
    this.prefixes.retain(prefix);
    member.behind.add(prefix);
  }

  private resendTo(member: Member): void {
    this.adjRibOut.forEach((prefix) => {
      if (this.adjRibOut.sourceOf(prefix) !== member.peer) this.owe(member, prefix);
    });
  }

  /** A batch of what a member is behind, encoded for it alone from the state that the group has now. */
  private feed(member: Member, roomOctets: number, add: (octets: Uint8Array) => void): void {
    const behind = member.behind!;
    const buckets = new Buckets();
    const limit = Math.min(BATCH, Math.max(64, Math.ceil(roomOctets / 8)));
    const batch: RowId[] = [];
    for (const prefix of behind) {
      if (batch.length === limit) break;
      batch.push(prefix);
      const own = this.adjRibOut.sourceOf(prefix) === member.peer;
      buckets.add(own ? NONE : this.adjRibOut.attributesOf(prefix), NONE, prefix);
    }
    const deliver = ({ octets }: Packed) => add(octets);
    buckets.forEach((attributes, _source, prefixes) => {
      if (attributes === NONE) return this.packer.withdraw(prefixes, this.context, deliver);
      const set = this.pool.get(attributes as AttributesId);
      if (this.packer.announce(set.attributes, prefixes, this.context, deliver)) return;
      this.tooLong(prefixes);
      this.packer.withdraw(prefixes, this.context, deliver);
    });
    for (const prefix of batch) {
      behind.delete(prefix);
      this.prefixes.release(prefix);
    }
  }
}
