// Attribute sets that peers sent or that are made here, with what the decision process compares in columns.      [hot]
//
//   localPrefs, neighborAses, multiExitDiscs  Uint32[id]   ┐ in force, see AttributeSet
//   pathLengths  Uint16[id]                                ┘
//   nextHops     Int32[id]     NextHopId + 1; 0 is none. A set holds one use of its next hop.
//   marks        Uint8[id]     ORIGIN in the lowest two bits, then the flags below

import { addressFromOctets } from '../net/address.ts';
import { type AttributesId, DEFAULT_LOCAL_PREF, type NextHopId, NONE } from '../route/route.ts';
import { AttributeWalk, SCOPED_NEXT_HOP_OCTETS, scopedNextHop, wordAt } from '../wire/attribute/canonical.ts';
import { forwardingAddress } from '../wire/attribute/link-scope.ts';
import { ATTRIBUTE, WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';
import { AttributePool } from './attribute-pool.ts';
import { grown } from './columns.ts';
import type { NextHops } from './next-hop.ts';

const ORIGIN_MASK = 3;
const LONG_LIVED_STALE = 4;
const WELL_KNOWN = 8;

const AS_SET = 1;
const AS_SEQUENCE = 2;

const INITIAL = 64;

export class HeardSets extends AttributePool {
  private localPrefs = new Uint32Array(INITIAL);
  private neighborAses = new Uint32Array(INITIAL);
  private multiExitDiscs = new Uint32Array(INITIAL);
  private pathLengths = new Uint16Array(INITIAL);
  private nextHopIds = new Int32Array(INITIAL);
  private marks = new Uint8Array(INITIAL);
  private readonly attribute = new AttributeWalk();

  constructor(private readonly nextHops: NextHops) {
    super();
  }

  localPref(id: AttributesId): number {
    return this.localPrefs[id]!;
  }

  neighborAs(id: AttributesId): number {
    return this.neighborAses[id]!;
  }

  multiExitDisc(id: AttributesId): number {
    return this.multiExitDiscs[id]!;
  }

  asPathLength(id: AttributesId): number {
    return this.pathLengths[id]!;
  }

  origin(id: AttributesId): number {
    return this.marks[id]! & ORIGIN_MASK;
  }

  isLongLivedStale(id: AttributesId): boolean {
    return (this.marks[id]! & LONG_LIVED_STALE) !== 0;
  }

  /** Has a community from the range of the well-known ones, 0xFFFF0000 and up (RFC 1997). */
  hasWellKnownCommunity(id: AttributesId): boolean {
    return (this.marks[id]! & WELL_KNOWN) !== 0;
  }

  nextHop(id: AttributesId): NextHopId | typeof NONE {
    return (this.nextHopIds[id]! - 1) as NextHopId;
  }

  /** As a BGP Identifier; undefined when the attribute is missing. */
  originatorId(id: AttributesId): number | undefined {
    const found = this.find(id, ATTRIBUTE.ORIGINATOR_ID);
    return found && wordAt(this.segmentOf(id), found.value);
  }

  clusterListLength(id: AttributesId): number {
    const found = this.find(id, ATTRIBUTE.CLUSTER_LIST);
    return found === undefined ? 0 : (found.end - found.value) / 4;
  }

  protected override added(id: AttributesId): void {
    if (id >= this.localPrefs.length) this.growColumns(id);
    this.localPrefs[id] = DEFAULT_LOCAL_PREF;
    this.neighborAses[id] = 0;
    this.multiExitDiscs[id] = 0;
    this.pathLengths[id] = 0;
    this.nextHopIds[id] = 0;
    this.marks[id] = 0;
    const octets = this.segmentOf(id);
    const listEnd = this.listEndOf(id);
    const { attribute } = this;
    attribute.reset(this.startOf(id), listEnd);
    while (attribute.next(octets)) this.read(id, octets, attribute);
    const nextHopOctets = this.nextHopOctetsOf(id);
    if (nextHopOctets === 0) return;
    const address =
      nextHopOctets === SCOPED_NEXT_HOP_OCTETS
        ? forwardingAddress(scopedNextHop(octets, listEnd))
        : addressFromOctets(octets.subarray(listEnd, listEnd + 16));
    this.nextHopIds[id] = this.nextHops.retain(address) + 1;
  }

  protected override removed(id: AttributesId): void {
    super.removed(id);
    const nextHop = this.nextHop(id);
    if (nextHop !== NONE) this.nextHops.releaseId(nextHop as NextHopId);
  }

  private read(id: AttributesId, octets: Uint8Array, { code, value, end }: AttributeWalk): void {
    switch (code) {
      case ATTRIBUTE.ORIGIN:
        this.marks[id] = this.marks[id]! | octets[value]!;
        return;
      case ATTRIBUTE.AS_PATH:
        return this.readAsPath(id, octets, value, end);
      case ATTRIBUTE.NEXT_HOP:
        this.nextHopIds[id] = this.nextHops.retainWord(wordAt(octets, value)) + 1;
        return;
      case ATTRIBUTE.MULTI_EXIT_DISC:
        this.multiExitDiscs[id] = wordAt(octets, value);
        return;
      case ATTRIBUTE.LOCAL_PREF:
        this.localPrefs[id] = wordAt(octets, value);
        return;
      case ATTRIBUTE.COMMUNITIES:
        for (let at = value; at < end; at += 4) {
          if (octets[at] !== 0xff || octets[at + 1] !== 0xff) continue;
          const stale = wordAt(octets, at) === WELL_KNOWN_COMMUNITY.LLGR_STALE;
          this.marks[id] = this.marks[id]! | WELL_KNOWN | (stale ? LONG_LIVED_STALE : 0);
        }
        return;
    }
  }

  /** As AttributeSet says. */
  private readAsPath(id: AttributesId, octets: Uint8Array, from: number, end: number): void {
    let length = 0;
    let counted = false;
    for (let at = from; at < end; ) {
      const type = octets[at]!;
      const count = octets[at + 1]!;
      if (type === AS_SEQUENCE || type === AS_SET) {
        if (!counted && type === AS_SEQUENCE) this.neighborAses[id] = wordAt(octets, at + 2);
        counted = true;
        length += type === AS_SEQUENCE ? count : 1;
      }
      at += 2 + 4 * count;
    }
    this.pathLengths[id] = length;
  }

  private growColumns(id: number): void {
    this.localPrefs = grown(this.localPrefs, id);
    this.neighborAses = grown(this.neighborAses, id);
    this.multiExitDiscs = grown(this.multiExitDiscs, id);
    this.pathLengths = grown(this.pathLengths, id);
    this.nextHopIds = grown(this.nextHopIds, id);
    this.marks = grown(this.marks, id);
  }
}
