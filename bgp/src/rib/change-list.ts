// The changes of one flush, gathered by who must not be told and by attribute set, each group in the order of arrival.   [hot]
//
//   rows     Int32[change]       ┐ a chain for each group
//   next     Int32[change]       ┘ change + 1; 0 ends it
//   groups   Int32[6 · group]    | peer not to tell | set | first change + 1 | last change + 1 | how many | next group + 1 |
//   ofSets   Int32[set + 1]      first group + 1 of the set, the next ones by `next group`; 0 is none. Set NONE is a withdraw.

import { type AttributesId, NONE, type PeerIndex, type RowId } from '../route/route.ts';
import { grown } from './columns.ts';

export type VisitChanges = (
  except: PeerIndex | typeof NONE,
  set: AttributesId | typeof NONE,
  rows: Int32Array,
  count: number,
) => void;

/** Words of a group. */
const EXCEPT = 0;
const SET = 1;
const HEAD = 2;
const TAIL = 3;
const COUNT = 4;
const NEXT = 5;
const WORDS = 6;

export class ChangeList {
  private rows = new Int32Array(64);
  private next = new Int32Array(64);
  private count = 0;
  private groups = new Int32Array(16 * WORDS);
  private groupCount = 0;
  private ofSets = new Int32Array(64);
  /** The group of the last change: the next one is often of the same. */
  private last = 0;
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
    const { groups } = this;
    const tail = groups[group + TAIL]!;
    if (tail === 0) groups[group + HEAD] = change + 1;
    else this.next[tail - 1] = change + 1;
    groups[group + TAIL] = change + 1;
    groups[group + COUNT]!++;
  }

  /**
   * Peer by peer, and of each its withdraws first: a peer at its limit of prefixes has room again before it gets new ones. The list
   * is empty afterwards. `rows` is valid during the call.
   */
  drain(visit: VisitChanges): void {
    for (const group of this.order()) {
      const rows = this.rowsOf(group);
      const { groups } = this;
      visit(
        groups[group + EXCEPT] as PeerIndex,
        groups[group + SET] as AttributesId,
        rows,
        groups[group + COUNT]!,
      );
    }
    this.clear();
  }

  private order(): number[] {
    const { groups } = this;
    const order: number[] = [];
    let several = false;
    for (let group = 0; group < this.groupCount * WORDS; group += WORDS) {
      order.push(group);
      several ||= groups[group + EXCEPT] !== groups[EXCEPT] || groups[group + SET] === NONE;
    }
    if (!several) return order;
    const rank = (group: number) => (groups[group + SET] === NONE ? 0 : 1);
    return order.sort((a, b) => groups[a + EXCEPT]! - groups[b + EXCEPT]! || rank(a) - rank(b) || a - b);
  }

  private rowsOf(group: number): Int32Array {
    const count = this.groups[group + COUNT]!;
    if (count > this.scratch.length) this.scratch = new Int32Array(count * 2);
    let change = this.groups[group + HEAD]!;
    for (let i = 0; i < count; i++) {
      this.scratch[i] = this.rows[change - 1]!;
      change = this.next[change - 1]!;
    }
    return this.scratch;
  }

  /** Where the words of the group are. */
  private groupOf(except: number, set: number): number {
    const { groups, last } = this;
    if (this.groupCount > 0 && groups[last + SET] === set && groups[last + EXCEPT] === except) return last;
    if (set + 1 >= this.ofSets.length) this.ofSets = grown(this.ofSets, set + 1);
    const first = this.ofSets[set + 1]!;
    let found = first;
    while (found !== 0 && groups[(found - 1) * WORDS + EXCEPT] !== except)
      found = groups[(found - 1) * WORDS + NEXT]!;
    this.last = found === 0 ? this.newGroup(except, set, first) : (found - 1) * WORDS;
    return this.last;
  }

  private newGroup(except: number, set: number, next: number): number {
    const group = this.groupCount * WORDS;
    if (group + WORDS > this.groups.length) this.groups = grown(this.groups, group + WORDS);
    const { groups } = this;
    groups[group + EXCEPT] = except;
    groups[group + SET] = set;
    groups[group + HEAD] = 0;
    groups[group + TAIL] = 0;
    groups[group + COUNT] = 0;
    groups[group + NEXT] = next;
    this.ofSets[set + 1] = ++this.groupCount;
    return group;
  }

  private clear(): void {
    for (let i = 0; i < this.groupCount; i++) this.ofSets[this.groups[i * WORDS + SET]! + 1] = 0;
    this.groupCount = 0;
    this.count = 0;
    this.last = 0;
  }
}
