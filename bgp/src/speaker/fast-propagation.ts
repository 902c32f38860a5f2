// What may go to whom, changed how, on canonical octets: what propagation.ts says for the ordinary case, octet for octet. What is
// not ordinary (roles, confederations, extended communities that stay in the AS, a next hop of another family) is left to
// propagation.ts, which is also the plain twin in tests.                                                       [hot]

import { familyOfAddress, ipv4ToNumber } from '../net/address.ts';
import { type Destination, selfOf } from '../policy/propagation.ts';
import type { AttributePool } from '../rib/attribute-pool.ts';
import { type AttributesId, DEFAULT_LOCAL_PREF, NONE, type RouteSource } from '../route/route.ts';
import { AttributeWalk, SCOPED_NEXT_HOP_OCTETS } from '../wire/attribute/canonical.ts';
import { reachNextHop } from '../wire/attribute/mp-reach-nlri.ts';
import { ATTRIBUTE, ATTRIBUTE_FLAG } from '../wire/constants.ts';
import { Writer } from '../wire/writer.ts';

const OPTIONAL = ATTRIBUTE_FLAG.OPTIONAL;
const TRANSITIVE = ATTRIBUTE_FLAG.TRANSITIVE;
const AS_SEQUENCE = 2;
const MAX_SEGMENT_COUNT = 255;
/** The bit of an extended community's type that keeps it in the AS (RFC 4360 §2). */
const NON_TRANSITIVE_COMMUNITY = 0x40;

/** What is added could make an attribute longer than any may be: that is looked at closely. */
const LONG_OCTETS = 0x8000;

/** A destination in numbers. */
interface Target {
  readonly to: Destination;
  readonly internal: boolean;
  readonly self: Uint8Array;
  readonly clusterId: number;
}

export class FastPropagation {
  private readonly writer = new Writer(1024);
  private readonly walk = new AttributeWalk();
  private readonly target: Target;

  /** @param heard, told  the sets to read, and the sets as they leave. */
  constructor(
    private readonly heard: AttributePool,
    private readonly told: AttributePool,
    to: Destination,
  ) {
    this.target = {
      to,
      internal: to.peerType === 'internal',
      self: reachNextHop(familyOfAddress(to.selfAddress), selfOf(to)),
      clusterId: to.clusterId === undefined ? 0 : ipv4ToNumber(to.clusterId),
    };
  }

  /**
   * The set as it leaves, before policy; the caller gets one use of it.
   * @param identifier  BGP Identifier of the peer that the route came from.
   * @returns NONE where propagation.ts has to be asked.
   */
  outgoing(set: AttributesId, source: RouteSource, identifier: number): AttributesId | typeof NONE {
    const { to, internal, self } = this.target;
    if (to.role !== undefined || this.heard.lengthOf(set) > LONG_OCTETS) return NONE;
    const octets = this.heard.segmentOf(set);
    const listEnd = this.heard.listEndOf(set);
    const trailing = this.heard.nextHopOctetsOf(set);
    if (trailing === SCOPED_NEXT_HOP_OCTETS) return NONE;
    if (internal && to.nextHop === 'auto' && trailing > 0 && this.hasLinkLocal(octets, listEnd, trailing))
      return NONE;
    const hasNextHop = trailing > 0 || this.heard.find(set, ATTRIBUTE.NEXT_HOP) !== undefined;
    const keep = hasNextHop && (internal ? to.nextHop !== 'self' : to.nextHop === 'keep');
    const w = this.writer;
    w.length = 0;
    const done = internal
      ? this.towardsInternal(w, octets, this.heard.startOf(set), listEnd, keep, source, identifier)
      : this.towardsExternal(w, octets, this.heard.startOf(set), listEnd, keep, source);
    if (!done) return NONE;
    let nextHopOctets = 0;
    if (keep && trailing > 0) {
      w.range(octets, listEnd, listEnd + trailing);
      nextHopOctets = trailing;
    } else if (!keep && self.length > 4) {
      w.range(self, 0, self.length);
      nextHopOctets = self.length;
    }
    return this.told.internOctets(w.octets, 0, w.length, nextHopOctets);
  }

  /** Such a next hop does not go on as it is (RFC 2545 §3). */
  private hasLinkLocal(octets: Uint8Array, at: number, nextHopOctets: number): boolean {
    return nextHopOctets === 32 || (octets[at] === 0xfe && (octets[at + 1]! & 0xc0) === 0x80);
  }

  private towardsInternal(
    w: Writer,
    octets: Uint8Array,
    from: number,
    to: number,
    keep: boolean,
    source: RouteSource,
    identifier: number,
  ): boolean {
    const reflected = source.kind === 'internal';
    const clustered = reflected && this.target.to.clusterId !== undefined;
    const { walk } = this;
    /** Type code of the last attribute that was written or decided on. */
    let last = 0;
    walk.reset(from, to);
    for (;;) {
      const more = walk.next(octets);
      const code = more ? walk.code : 256;
      if (!keep && last < ATTRIBUTE.NEXT_HOP && code >= ATTRIBUTE.NEXT_HOP) this.writeSelf(w);
      if (last < ATTRIBUTE.LOCAL_PREF && code > ATTRIBUTE.LOCAL_PREF)
        writeWord(w, TRANSITIVE, ATTRIBUTE.LOCAL_PREF, DEFAULT_LOCAL_PREF);
      if (reflected && last < ATTRIBUTE.ORIGINATOR_ID && code > ATTRIBUTE.ORIGINATOR_ID)
        writeWord(w, OPTIONAL, ATTRIBUTE.ORIGINATOR_ID, identifier);
      if (clustered && last < ATTRIBUTE.CLUSTER_LIST && code > ATTRIBUTE.CLUSTER_LIST)
        writeWord(w, OPTIONAL, ATTRIBUTE.CLUSTER_LIST, this.target.clusterId);
      if (!more) return true;
      last = code;
      if (code === ATTRIBUTE.NEXT_HOP && !keep) continue;
      if (code === ATTRIBUTE.CLUSTER_LIST && clustered) this.writeClusterList(w, octets);
      else w.range(octets, walk.start, walk.end);
    }
  }

  private towardsExternal(
    w: Writer,
    octets: Uint8Array,
    from: number,
    to: number,
    keep: boolean,
    source: RouteSource,
  ): boolean {
    const { walk } = this;
    let last = 0;
    walk.reset(from, to);
    for (;;) {
      const more = walk.next(octets);
      const code = more ? walk.code : 256;
      if (!keep && last < ATTRIBUTE.NEXT_HOP && code >= ATTRIBUTE.NEXT_HOP) this.writeSelf(w);
      if (!more) return true;
      last = code;
      switch (code) {
        case ATTRIBUTE.AS_PATH:
          if (!this.writePrepended(w, octets)) return false;
          break;
        case ATTRIBUTE.NEXT_HOP:
          if (keep) w.range(octets, walk.start, walk.end);
          break;
        case ATTRIBUTE.MULTI_EXIT_DISC:
          if (source.kind === 'local') w.range(octets, walk.start, walk.end);
          break;
        case ATTRIBUTE.LOCAL_PREF:
        case ATTRIBUTE.ORIGINATOR_ID:
        case ATTRIBUTE.CLUSTER_LIST:
          break;
        case ATTRIBUTE.EXTENDED_COMMUNITIES:
          for (let at = walk.value; at < walk.end; at += 8)
            if ((octets[at]! & NON_TRANSITIVE_COMMUNITY) !== 0) return false;
          w.range(octets, walk.start, walk.end);
          break;
        default:
          w.range(octets, walk.start, walk.end);
      }
    }
  }

  private writeSelf(w: Writer): void {
    const { self } = this.target;
    if (self.length !== 4) return; // goes behind the list
    w.u8(TRANSITIVE);
    w.u8(ATTRIBUTE.NEXT_HOP);
    w.u8(4);
    w.range(self, 0, 4);
  }

  private writeClusterList(w: Writer, octets: Uint8Array): void {
    const { value, end } = this.walk;
    writeHead(w, OPTIONAL, ATTRIBUTE.CLUSTER_LIST, end - value + 4);
    w.u32(this.target.clusterId);
    w.range(octets, value, end);
  }

  /** RFC 4271 §5.1.2 b. @returns false where segments of a confederation are to be taken off. */
  private writePrepended(w: Writer, octets: Uint8Array): boolean {
    const { value, end } = this.walk;
    for (let at = value; at < end; at += 2 + 4 * octets[at + 1]!) if (octets[at]! > AS_SEQUENCE) return false;
    const joins = end > value && octets[value] === AS_SEQUENCE && octets[value + 1]! < MAX_SEGMENT_COUNT;
    writeHead(w, TRANSITIVE, ATTRIBUTE.AS_PATH, end - value + (joins ? 4 : 6));
    w.u8(AS_SEQUENCE);
    w.u8(joins ? octets[value + 1]! + 1 : 1);
    w.u32(this.target.to.localAs);
    w.range(octets, joins ? value + 2 : value, end);
    return true;
  }
}

function writeHead(w: Writer, flags: number, code: number, length: number): void {
  if (length > 255) {
    w.u8(flags | ATTRIBUTE_FLAG.EXTENDED_LENGTH);
    w.u8(code);
    w.u16(length);
    return;
  }
  w.u8(flags);
  w.u8(code);
  w.u8(length);
}

function writeWord(w: Writer, flags: number, code: number, value: number): void {
  w.u8(flags);
  w.u8(code);
  w.u8(4);
  w.u32(value);
}
