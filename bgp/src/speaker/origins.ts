// What the origin check says of the paths of one family: asked once a path, kept with it as a small number, and counted.

import { ORIGIN_STATES, type OriginCheck, type OriginState } from '../policy/origin-check.ts';
import type { AdjRibIn } from '../rib/adj-rib-in.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import type { Mutable, PrefixTable } from '../rib/prefix-table.ts';
import type { AttributesId, PathId, PrefixId, PrefixWords } from '../route/route.ts';

/** What a path has where nobody judges it, and where it comes from another node; the others are places in ORIGIN_STATES, from 1 on. */
export const NOT_JUDGED = 0;
export const INVALID = 1 + ORIGIN_STATES.indexOf('invalid');

export class Origins {
  /** Paths by what is said of them. */
  readonly counts: Record<OriginState, number> = { valid: 0, unknown: 0, invalid: 0 };
  /** Who tells of the set that was judged last. */
  private teller:
    | { readonly set: AttributesId; readonly by: OriginCheck; readonly of: ReturnType<OriginCheck['teller']> }
    | undefined;
  private readonly words: Mutable<PrefixWords>;

  constructor(
    private readonly options: {
      readonly prefixes: PrefixTable;
      readonly heard: HeardSets;
      /** The one in force; undefined judges no path. */
      readonly originCheck: () => OriginCheck | undefined;
    },
    private readonly adjRibIn: AdjRibIn,
  ) {
    this.words = { family: options.prefixes.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  judge(check: OriginCheck | undefined, prefix: PrefixId, set: AttributesId): number {
    if (check === undefined) return NOT_JUDGED;
    const { heard, prefixes } = this.options;
    const words = prefixes.words(prefix, this.words);
    if (!check.covers(words)) return NOT_JUDGED;
    if (this.teller?.set !== set || this.teller.by !== check)
      this.teller = { set, by: check, of: check.teller(heard.attributes(set)) };
    return 1 + ORIGIN_STATES.indexOf(check.judge(words, this.teller.of).state);
  }

  /** The datastore says of a path that nobody vouches for any more that it leads where its block is. */
  confirms(check: OriginCheck, path: PathId, throughRouters: boolean | undefined): boolean {
    const { heard, prefixes } = this.options;
    const words = prefixes.words(this.adjRibIn.prefixOf(path), this.words);
    if (!check.covers(words)) return false; // before attributes are made of a whole table's sets
    const set = this.adjRibIn.receivedOf(path);
    if (this.teller?.set !== set || this.teller.by !== check)
      this.teller = { set, by: check, of: check.teller(heard.attributes(set)) };
    return check.confirms(words, this.teller.of, throughRouters);
  }

  keepsOut(origin: number): boolean {
    return origin === INVALID && this.options.originCheck()?.enforce === true;
  }

  set(path: PathId, origin: number): void {
    const { adjRibIn, counts } = this;
    const last = adjRibIn.originOf(path);
    if (last === origin) return;
    const before = ORIGIN_STATES[last - 1];
    const now = ORIGIN_STATES[origin - 1];
    if (before !== undefined) counts[before]--;
    if (now !== undefined) counts[now]++;
    adjRibIn.setOrigin(path, origin);
  }

  /** The number of a set may be another set's from now on, or the check another one. */
  forget(): void {
    this.teller = undefined;
  }
}
