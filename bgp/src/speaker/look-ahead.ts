// Asks memory for what the UPDATEs that have just come will look for: where their prefixes are in the tables.            [hot]
//
//   octets that came   | message | UPDATE: withdrawn, attributes, NLRI | UPDATE … |
//   hashes             Int32[n]    of the prefixes in them, and then what may be their ids
//
// A table of a million routes is in no cache, and one prefix after the other would wait for its line of memory, longer than all else
// takes that is done for it. A loop that only reads lets the processor wait for ten at once. Nothing is decided here, nothing is
// trusted: what is no list of prefixes is passed over, and found again by those who check messages.

import { FAMILY, type Family } from '../net/family.ts';
import type { AdjRibIn } from '../rib/adj-rib-in.ts';
import { type PrefixTable, prefixHash } from '../rib/prefix-table.ts';
import { ATTRIBUTE, ATTRIBUTE_FLAG, HEADER_OCTETS, MESSAGE_TYPE } from '../wire/constants.ts';
import type { WireContext } from '../wire/context.ts';
import { checkNlriRange, NlriCursor } from '../wire/nlri.ts';

/** Less than that is soon done without. */
const WORTH_OCTETS = 512;

/** Asked for at once: what they answer has to stay in the cache until it is used. */
const MOST = 4096;

/** A table of fewer prefixes is in the cache anyway: with 100k asking cost a tenth of S4, and saved nothing. */
const LARGE_TABLE = 256 * 1024;

/** Of one family. */
export interface AskedTables {
  readonly prefixes: PrefixTable;
  readonly adjRibIn: AdjRibIn;
}

export class LookAhead {
  private readonly hashes = new Int32Array(MOST);
  private count = 0;
  private readonly cursor = new NlriCursor();
  /** So that nobody finds that nothing follows from the reading, and leaves it out. */
  private answers = 0;

  constructor(
    private readonly tables: (family: Family) => AskedTables,
    private readonly largeTable = LARGE_TABLE,
  ) {}

  /** @param octets  that came, from `start` on whole messages but for the last. */
  read(octets: Uint8Array, start: number, context: WireContext): void {
    if (octets.length - start < WORTH_OCTETS) return;
    for (const family of context.families) {
      const { prefixes, adjRibIn } = this.tables(family);
      if (prefixes.capacity < this.largeTable) continue;
      this.count = 0;
      const addPath = context.addPathReceive.includes(family);
      for (let at = start; at + HEADER_OCTETS < octets.length && this.count < MOST; ) {
        const end = at + ((octets[at + 16]! << 8) | octets[at + 17]!);
        if (end > octets.length || end < at + HEADER_OCTETS) break;
        if (octets[at + 18] === MESSAGE_TYPE.UPDATE)
          this.readUpdate(family, addPath, octets, at + HEADER_OCTETS, end);
        at = end;
      }
      this.answers ^= prefixes.ask(this.hashes, this.count);
      this.answers ^= adjRibIn.ask(this.hashes, this.count);
    }
  }

  private readUpdate(family: Family, addPath: boolean, octets: Uint8Array, start: number, end: number): void {
    if (start + 4 > end) return;
    const withdrawnEnd = start + 2 + ((octets[start]! << 8) | octets[start + 1]!);
    if (withdrawnEnd + 2 > end) return;
    const listEnd = withdrawnEnd + 2 + ((octets[withdrawnEnd]! << 8) | octets[withdrawnEnd + 1]!);
    if (listEnd > end) return;
    if (family === 'ipv6') return this.readAttributes(addPath, octets, withdrawnEnd + 2, listEnd);
    this.readNlri(family, addPath, octets, start + 2, withdrawnEnd);
    this.readNlri(family, addPath, octets, listEnd, end);
  }

  /** MP_REACH_NLRI and MP_UNREACH_NLRI among the attributes. */
  private readAttributes(addPath: boolean, octets: Uint8Array, from: number, to: number): void {
    for (let at = from; at + 4 <= to; ) {
      const extended = (octets[at]! & ATTRIBUTE_FLAG.EXTENDED_LENGTH) !== 0;
      const value = at + (extended ? 4 : 3);
      const end = value + (extended ? (octets[at + 2]! << 8) | octets[at + 3]! : octets[at + 2]!);
      if (end > to) return;
      const code = octets[at + 1];
      if (code === ATTRIBUTE.MP_REACH_NLRI && value + 5 <= end)
        this.readNlri('ipv6', addPath, octets, value + 5 + octets[value + 3]!, end);
      if (code === ATTRIBUTE.MP_UNREACH_NLRI) this.readNlri('ipv6', addPath, octets, value + 3, end);
      at = end;
    }
  }

  private readNlri(family: Family, addPath: boolean, octets: Uint8Array, start: number, end: number): void {
    if (start >= end) return;
    if (checkNlriRange(octets, start, end, FAMILY[family].addressBits, addPath) === undefined) return;
    const { cursor, hashes } = this;
    cursor.resetRange(octets, start, end, addPath);
    while (this.count < MOST && cursor.next())
      hashes[this.count++] = prefixHash(cursor.length, cursor.w0, cursor.w1, cursor.w2, cursor.w3);
  }
}
