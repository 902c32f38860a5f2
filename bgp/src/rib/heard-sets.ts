// Attribute sets that peers sent or that are made here, with what the decision process compares in columns.      [hot]
//
//   a record goes on  | LOCAL_PREF | neighbouring AS | MULTI_EXIT_DISC | AS_PATH length, marks | NextHopId + 1 |
//                       └ in force, see AttributeSet ─────────────────┘   └ ORIGIN, flags         └ 0 is none
//
// A set that is held holds one use of its next hop.

import { type AttributesId, DEFAULT_LOCAL_PREF, type NextHopId, NONE } from '../route/route.ts';
import { AttributeWalk, SCOPED_NEXT_HOP_OCTETS, scopedNextHop, wordAt } from '../wire/attribute/canonical.ts';
import { forwardingAddress } from '../wire/attribute/link-scope.ts';
import { ATTRIBUTE, WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';
import { AttributePool } from './attribute-pool.ts';
import type { NextHops } from './next-hop.ts';
import { MORE } from './octet-pool.ts';

/** Words of a record. */
const LOCAL_PREF = MORE;
const NEIGHBOR_AS = MORE + 1;
const MED = MORE + 2;
const PATH_LENGTH = MORE + 3;
const NEXT_HOP = MORE + 4;
const WORDS = MORE + 5;

/** Above the length of the path. */
const PATH_LENGTH_MASK = 0xffff;
const ORIGIN_SHIFT = 16;
const ORIGIN_MASK = 3 << ORIGIN_SHIFT;
const LONG_LIVED_STALE = 4 << ORIGIN_SHIFT;
const WELL_KNOWN = 8 << ORIGIN_SHIFT;
const REFLECTED = 16 << ORIGIN_SHIFT;

const AS_SET = 1;
const AS_SEQUENCE = 2;

export class HeardSets extends AttributePool {
  private readonly attribute = new AttributeWalk();

  constructor(private readonly nextHops: NextHops) {
    super(WORDS);
  }

  localPref(id: AttributesId): number {
    return this.records[id * WORDS + LOCAL_PREF]! >>> 0;
  }

  neighborAs(id: AttributesId): number {
    return this.records[id * WORDS + NEIGHBOR_AS]! >>> 0;
  }

  multiExitDisc(id: AttributesId): number {
    return this.records[id * WORDS + MED]! >>> 0;
  }

  asPathLength(id: AttributesId): number {
    return this.records[id * WORDS + PATH_LENGTH]! & PATH_LENGTH_MASK;
  }

  origin(id: AttributesId): number {
    return (this.records[id * WORDS + PATH_LENGTH]! & ORIGIN_MASK) >>> ORIGIN_SHIFT;
  }

  isLongLivedStale(id: AttributesId): boolean {
    return (this.records[id * WORDS + PATH_LENGTH]! & LONG_LIVED_STALE) !== 0;
  }

  /** Has a community from the range of the well-known ones, 0xFFFF0000 and up (RFC 1997). */
  hasWellKnownCommunity(id: AttributesId): boolean {
    return (this.records[id * WORDS + PATH_LENGTH]! & WELL_KNOWN) !== 0;
  }

  /** Has ORIGINATOR_ID or CLUSTER_LIST (RFC 4456 §8): most sets have neither, and need not be looked through. */
  isReflected(id: AttributesId): boolean {
    return (this.records[id * WORDS + PATH_LENGTH]! & REFLECTED) !== 0;
  }

  nextHop(id: AttributesId): NextHopId | typeof NONE {
    return (this.records[id * WORDS + NEXT_HOP]! - 1) as NextHopId;
  }

  /** As a BGP Identifier; undefined when the attribute is missing. */
  originatorId(id: AttributesId): number | undefined {
    const found = this.isReflected(id) ? this.find(id, ATTRIBUTE.ORIGINATOR_ID) : undefined;
    return found && wordAt(this.segmentOf(id), found.value);
  }

  clusterListLength(id: AttributesId): number {
    const found = this.isReflected(id) ? this.find(id, ATTRIBUTE.CLUSTER_LIST) : undefined;
    return found === undefined ? 0 : (found.end - found.value) / 4;
  }

  protected override added(id: AttributesId): void {
    const { attribute, records } = this;
    const record = id * WORDS;
    records[record + LOCAL_PREF] = DEFAULT_LOCAL_PREF;
    records[record + NEIGHBOR_AS] = 0;
    records[record + MED] = 0;
    records[record + PATH_LENGTH] = 0;
    const octets = this.segmentOf(id);
    attribute.reset(this.startOf(id), this.listEndOf(id));
    while (attribute.next(octets)) this.read(record, octets, attribute);
    this.revived(id);
  }

  /** The number of its next hop may be another's by now. */
  protected override revived(id: AttributesId): void {
    this.records[id * WORDS + NEXT_HOP] = this.retainNextHop(id) + 1;
  }

  protected override removed(id: AttributesId): void {
    super.removed(id);
    const nextHop = this.nextHop(id);
    if (nextHop !== NONE) this.nextHops.releaseId(nextHop as NextHopId);
  }

  private retainNextHop(id: AttributesId): NextHopId | typeof NONE {
    const octets = this.segmentOf(id);
    if (this.nextHopOctetsOf(id) > 0) {
      const at = this.listEndOf(id);
      if (this.nextHopOctetsOf(id) === SCOPED_NEXT_HOP_OCTETS)
        return this.nextHops.retain(forwardingAddress(scopedNextHop(octets, at)));
      const [w0, w1] = [wordAt(octets, at), wordAt(octets, at + 4)];
      return this.nextHops.retainWords(w0, w1, wordAt(octets, at + 8), wordAt(octets, at + 12));
    }
    const found = this.find(id, ATTRIBUTE.NEXT_HOP);
    return found === undefined ? NONE : this.nextHops.retainWord(wordAt(octets, found.value));
  }

  private read(record: number, octets: Uint8Array, { code, value, end }: AttributeWalk): void {
    const { records } = this;
    switch (code) {
      case ATTRIBUTE.ORIGIN:
        records[record + PATH_LENGTH]! |= octets[value]! << ORIGIN_SHIFT;
        return;
      case ATTRIBUTE.AS_PATH:
        return this.readAsPath(record, octets, value, end);
      case ATTRIBUTE.MULTI_EXIT_DISC:
        records[record + MED] = wordAt(octets, value);
        return;
      case ATTRIBUTE.LOCAL_PREF:
        records[record + LOCAL_PREF] = wordAt(octets, value);
        return;
      case ATTRIBUTE.ORIGINATOR_ID:
      case ATTRIBUTE.CLUSTER_LIST:
        records[record + PATH_LENGTH]! |= REFLECTED;
        return;
      case ATTRIBUTE.COMMUNITIES:
        for (let at = value; at < end; at += 4) {
          if (octets[at] !== 0xff || octets[at + 1] !== 0xff) continue;
          const stale = wordAt(octets, at) === WELL_KNOWN_COMMUNITY.LLGR_STALE;
          records[record + PATH_LENGTH]! |= WELL_KNOWN | (stale ? LONG_LIVED_STALE : 0);
        }
        return;
    }
  }

  /** As AttributeSet says. */
  private readAsPath(record: number, octets: Uint8Array, from: number, end: number): void {
    let length = 0;
    let counted = false;
    for (let at = from; at < end; ) {
      const type = octets[at]!;
      const count = octets[at + 1]!;
      if (type === AS_SEQUENCE || type === AS_SET) {
        if (!counted && type === AS_SEQUENCE) this.records[record + NEIGHBOR_AS] = wordAt(octets, at + 2);
        counted = true;
        length += type === AS_SEQUENCE ? count : 1;
      }
      at += 2 + 4 * count;
    }
    this.records[record + PATH_LENGTH]! |= length & PATH_LENGTH_MASK;
  }
}
