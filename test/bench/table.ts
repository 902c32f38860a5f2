// What one receiver has been told, checked against what it must have been told in the end. [hot]
//
//   tags      Int32Array[prefixes]   AS number that the route's path ends with; 0 is no route
//   expected  Int32Array[sets]       the one it must end with, shared by all receivers; 0 is no route
//
// `present` counts prefixes with a route and `right` those whose tag is the expected one: the end is reached when both are
// what they should be, exactly, in whatever order and however often routes came. A prefix that was never sent, or that has
// another length than it was sent with, counts as `foreign`, and the run fails.

import type { Family } from 'bgp-utils';
import { indexOfIpv4, indexOfIpv6, lengthOf } from './feed.ts';

const ATTRIBUTE = { AS_PATH: 2, MP_REACH_NLRI: 14, MP_UNREACH_NLRI: 15 } as const;

export interface Expectation {
  readonly family: Family;
  readonly prefixes: number;
  readonly perSet: number;
  readonly tags: Int32Array;
}

/** Lengths of all prefixes of a family, computed once. */
const lengths = new Map<string, Uint8Array>();
function lengthsOf(family: Family, prefixes: number): Uint8Array {
  const key = `${family} ${prefixes}`;
  let all = lengths.get(key);
  if (all === undefined)
    lengths.set(key, (all = Uint8Array.from({ length: prefixes }, (_, i) => lengthOf(family, i))));
  return all;
}

export class ReceivedTable {
  private readonly tags: Int32Array;
  private readonly lengths: Uint8Array;
  private readonly setOf: Int32Array;
  present = 0;
  right = 0;
  foreign = 0;
  /** UPDATEs and prefixes in them, ever. */
  updates = 0;
  announced = 0;
  withdrawn = 0;

  /** @param ownSets  sets that the receiver itself announces: nothing is expected of them, from and to before. */
  constructor(
    readonly expectation: Expectation,
    private readonly ownFrom = 0,
    private readonly ownTo = 0,
  ) {
    const { family, prefixes, perSet } = expectation;
    this.tags = new Int32Array(prefixes);
    this.lengths = lengthsOf(family, prefixes);
    this.setOf = setsOf(prefixes, perSet);
  }

  /** Prefixes that must have a route in the end. */
  get wanted(): number {
    const { tags, prefixes, perSet } = this.expectation;
    let wanted = 0;
    for (let set = 0; set < tags.length; set++) {
      if (tags[set] === 0 || (set >= this.ownFrom && set < this.ownTo)) continue;
      wanted += Math.min(prefixes, (set + 1) * perSet) - set * perSet;
    }
    return wanted;
  }

  /** After `expectation.tags` has been changed. */
  recount(): void {
    this.right = 0;
    for (let i = 0; i < this.tags.length; i++) if (this.isRight(i, this.tags[i]!)) this.right++;
  }

  private isRight(index: number, tag: number): boolean {
    return tag !== 0 && tag === this.expectation.tags[this.setOf[index]!]!;
  }

  /** The body of an UPDATE. */
  update(b: Buffer, from: number, end: number): void {
    let at = from;
    const withdrawnEnd = at + 2 + ((b[at]! << 8) | b[at + 1]!);
    if (withdrawnEnd > at + 2) this.take(b, at + 2, withdrawnEnd, 0, 'ipv4');
    at = withdrawnEnd;
    const attributesEnd = at + 2 + ((b[at]! << 8) | b[at + 1]!);
    at += 2;
    let tag = 0;
    let reachFrom = 0;
    let reachEnd = 0;
    while (at < attributesEnd) {
      const extended = (b[at]! & 0x10) !== 0;
      const type = b[at + 1];
      const length = extended ? (b[at + 2]! << 8) | b[at + 3]! : b[at + 2]!;
      at += extended ? 4 : 3;
      const next = at + length;
      if (type === ATTRIBUTE.AS_PATH) {
        if (length >= 6)
          tag = (b[next - 4]! << 24) | (b[next - 3]! << 16) | (b[next - 2]! << 8) | b[next - 1]!;
      } else if (type === ATTRIBUTE.MP_REACH_NLRI) {
        reachFrom = at + 4 + b[at + 3]! + 1;
        reachEnd = next;
      } else if (type === ATTRIBUTE.MP_UNREACH_NLRI) this.take(b, at + 3, next, 0, 'ipv6');
      at = next;
    }
    if (reachEnd > reachFrom) this.take(b, reachFrom, reachEnd, tag, 'ipv6');
    if (end > attributesEnd) this.take(b, attributesEnd, end, tag, 'ipv4');
  }

  /** @param tag  0 withdraws. @param from, end  NLRI in `b`. */
  private take(b: Buffer, from: number, end: number, tag: number, family: Family): void {
    const { tags, lengths, setOf } = this;
    const expected = this.expectation.tags;
    const v4 = family === 'ipv4';
    let { present, right, foreign } = this;
    let count = 0;
    for (let at = from; at < end; count++) {
      const length = b[at]!;
      let index: number;
      if (v4) {
        if (length < 17 || length > 24) {
          this.foreign++;
          return;
        }
        index = indexOfIpv4((b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!);
        at += 4;
      } else {
        if (length < 41 || length > 48) {
          this.foreign++;
          return;
        }
        index = indexOfIpv6(((b[at + 3]! << 24) | (b[at + 4]! << 16) | (b[at + 5]! << 8) | b[at + 6]!) >>> 0);
        at += 7;
      }
      if (index >= tags.length || lengths[index] !== length) {
        foreign++;
        continue;
      }
      const set = setOf[index]!;
      if (set >= this.ownFrom && set < this.ownTo) continue;
      const was = tags[index]!;
      if (was === tag) continue;
      const want = expected[set]!;
      if (was === 0) present++;
      else if (was === want) right--;
      if (tag === 0) present--;
      else if (tag === want) right++;
      tags[index] = tag;
    }
    this.present = present;
    this.right = right;
    this.foreign = foreign;
    if (tag === 0) this.withdrawn += count;
    else this.announced += count;
  }
}

const sets = new Map<string, Int32Array>();
/** Set of each prefix, computed once: a division a prefix is more than all the rest. */
function setsOf(prefixes: number, perSet: number): Int32Array {
  const key = `${prefixes}/${perSet}`;
  let all = sets.get(key);
  if (all === undefined)
    sets.set(key, (all = Int32Array.from({ length: prefixes }, (_, i) => Math.floor(i / perSet))));
  return all;
}
