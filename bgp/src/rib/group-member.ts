// One member of an update group: what waits for it, what it is behind, where its first table is, and what it takes. How members
// share what is encoded is update-group.ts.

import type { PeerIndex, RowId } from '../route/route.ts';
import { IdBitmap } from './columns.ts';
import type { Batch } from './update-packer.ts';

/** Due when all that was there at the join has been sent (RFC 4724 §4); held back after a restart of ours (§4.1). */
type EndOfRib = 'due' | 'held' | 'sent';

/** An answer between BoRR and EoRR (RFC 7313 §4): due, or begun. */
type Refresh = 'none' | 'due' | 'begun';

/** What a member may have been told, each row with a use that goes on in the group which it joins. */
export interface Told {
  readonly rows: IdBitmap<RowId>;
  readonly endOfRib: EndOfRib;
  readonly refresh: Refresh;
}

/** Whole messages for a member. */
export interface Taken {
  readonly octets: Uint8Array[];
  readonly messages: number;
}

/** What a member is to be sent when it has room: whatever happens meanwhile, each block and each row stands in it once. */
export class Behind {
  /** Blocks with rows that it may not have as they are. */
  readonly blocks = new IdBitmap<number>();
  /**
   * @param rows  that it may have and that are gone, held. One that is there again is in a block.
   * @param waits  they are of another group, and until this one has compared its whole table nobody knows which of them are gone.
   */
  constructor(
    readonly rows: IdBitmap<RowId>,
    public waits = false,
  ) {}

  get size(): number {
    return this.blocks.size + this.rows.size;
  }
}

export class Member {
  queue: Batch[] = [];
  /** Batches at the front of the queue that were taken. */
  taken = 0;
  queuedOctets = 0;
  /** Undefined is in step. */
  behind: Behind | undefined;
  /** The walk over the table: next block, and where it ends. */
  block = 0;
  blocks = 0;
  endOfRib: EndOfRib = 'due';
  refresh: Refresh = 'none';

  constructor(readonly peer: PeerIndex) {}

  get queued(): number {
    return this.queue.length - this.taken;
  }

  get walks(): boolean {
    return this.block < this.blocks;
  }
}

/** What one member takes: batches without its own segments. */
export class Outgoing implements Taken {
  readonly octets: Uint8Array[] = [];
  messages = 0;

  constructor(
    private readonly peer: PeerIndex,
    public room: number,
  ) {}

  message(octets: Uint8Array): void {
    this.add(octets, 1);
  }

  batch({ octets, segments, messages }: Batch): void {
    let from = 0;
    let left = messages;
    for (const segment of segments) {
      if (segment.except !== this.peer) continue;
      if (segment.start > from) this.add(octets.subarray(from, segment.start), 0);
      from = segment.end;
      left -= segment.messages;
    }
    this.messages += left;
    if (from === 0) this.add(octets, 0);
    else if (from < octets.length) this.add(octets.subarray(from), 0);
  }

  private add(octets: Uint8Array, messages: number): void {
    this.octets.push(octets);
    this.room -= octets.length;
    this.messages += messages;
  }
}
