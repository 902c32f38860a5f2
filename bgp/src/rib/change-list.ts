// The changes of one flush, gathered by who must not be told and by attribute set, each group in the order of arrival.   [hot]
//
//   rows     Int32[change]       ┐ a chain for each group
//   next     Int32[change]       ┘ change + 1; 0 ends it
//   excepts, sets, heads, tails, counts   by group: peer not to tell and set (NONE: none), first and last change + 1, how many
//   groups   Map<except and set, group>

import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import { grown } from './columns.ts';

export type VisitChanges = (
  except: PeerIndex | typeof NONE,
  set: AttributesId | typeof NONE,
  rows: Int32Array,
  count: number,
) => void;

/** More than there are attribute sets. */
const SETS = 2 ** 32;

export class ChangeList {
  private rows = new Int32Array(64);
  private next = new Int32Array(64);
  private count = 0;
  private readonly excepts: number[] = [];
  private readonly sets: number[] = [];
  private readonly heads: number[] = [];
  private readonly tails: number[] = [];
  private readonly counts: number[] = [];
  private readonly groups = new Map<number, number>();
  /** The group of the last change: the next one is often of the same. */
  private lastKey = -1;
  private lastGroup = 0;
  private scratch = new Int32Array(64);

  /** @param except  the member not to tell, or NONE. @param set  NONE is a withdraw. */
  add(except: PeerIndex | typeof NONE, set: AttributesId | typeof NONE, row: RowId): void {
    const change = this.count++;
    if (change >= this.rows.length) {
      this.rows = grown(this.rows, change);
      this.next = grown(this.next, change);
    }
    this.rows[change] = row;
    this.next[change] = 0;
    const group = this.groupOf(except, set);
    const tail = this.tails[group]!;
    if (tail === 0) this.heads[group] = change + 1;
    else this.next[tail - 1] = change + 1;
    this.tails[group] = change + 1;
    this.counts[group]!++;
  }

  /**
   * Peer by peer, and of each its withdraws first: a peer at its limit of prefixes has room again before it gets new ones. The list
   * is empty afterwards. `rows` is valid during the call.
   */
  drain(visit: VisitChanges): void {
    const { excepts, sets } = this;
    const order = Array.from(excepts.keys());
    const several = excepts.some((except) => except !== excepts[0]);
    const withdraws = sets.includes(NONE);
    if (several || withdraws) {
      const rank = (group: number) => (sets[group] === NONE ? 0 : 1);
      order.sort((a, b) => excepts[a]! - excepts[b]! || rank(a) - rank(b) || a - b);
    }
    for (const group of order) {
      const rows = this.rowsOf(group);
      visit(excepts[group] as PeerIndex, sets[group] as AttributesId, rows, this.counts[group]!);
    }
    this.clear();
  }

  private rowsOf(group: number): Int32Array {
    const count = this.counts[group]!;
    if (count > this.scratch.length) this.scratch = new Int32Array(count * 2);
    let change = this.heads[group]!;
    for (let i = 0; i < count; i++) {
      this.scratch[i] = this.rows[change - 1]!;
      change = this.next[change - 1]!;
    }
    return this.scratch;
  }

  private groupOf(except: number, set: number): number {
    const key = (except + 1) * SETS + set + 1;
    if (key === this.lastKey) return this.lastGroup;
    let group = this.groups.get(key);
    if (group === undefined) {
      group = this.excepts.length;
      this.groups.set(key, group);
      this.excepts.push(except);
      this.sets.push(set);
      this.heads.push(0);
      this.tails.push(0);
      this.counts.push(0);
    }
    this.lastKey = key;
    this.lastGroup = group;
    return group;
  }

  private clear(): void {
    this.count = 0;
    this.groups.clear();
    for (const column of [this.excepts, this.sets, this.heads, this.tails, this.counts]) column.length = 0;
    this.lastKey = -1;
  }
}
