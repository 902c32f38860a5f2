// Prefixes of a table in their order, a page of them at a time, for those who show tables: a pass over the records, and no more ids kept
// than the page has.

import { addressWords } from '../net/address.ts';
import { type Prefix, prefixAddress, prefixLength } from '../net/prefix.ts';
import type { Mutable, PrefixTable } from '../rib/prefix-table.ts';
import type { PrefixId, PrefixWords } from '../route/route.ts';

/** Which prefixes, and how many are looked for at once: the one who asks takes as many as there are. */
export interface InOrder {
  /** Those that follow it; undefined: all. */
  readonly after: Prefix | undefined;
  readonly pageSize: number;
}

/** By address, then by length: as `comparePrefixes`. */
const compare = (a: PrefixWords, b: PrefixWords): number =>
  a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3 || a.length - b.length;

const newWords = ({ family }: PrefixTable): Mutable<PrefixWords> => ({
  family,
  length: 0,
  w0: 0,
  w1: 0,
  w2: 0,
  w3: 0,
});

/** @param has  which of the ids below the table's capacity, some of which are nobody's. */
export function* prefixesInOrder(
  table: PrefixTable,
  { after, pageSize }: InOrder,
  has: (id: PrefixId) => boolean,
): Generator<PrefixId> {
  let begin: PrefixWords | undefined;
  if (after !== undefined) {
    const [w0, w1, w2, w3] = addressWords(prefixAddress(after));
    begin = { family: table.family, length: prefixLength(after), w0, w1, w2, w3 };
  }
  for (;;) {
    const ids = next(table, begin, pageSize, has);
    // Before anybody who is given one may change the table.
    const last = ids.at(-1);
    begin = last === undefined ? begin : { ...table.words(last, newWords(table)) };
    yield* ids;
    if (ids.length < pageSize) return;
  }
}

function next(
  table: PrefixTable,
  after: PrefixWords | undefined,
  count: number,
  has: (id: PrefixId) => boolean,
): PrefixId[] {
  const [words, other] = [newWords(table), newWords(table)];
  const found: PrefixId[] = [];
  /** None after this one is among the first. */
  const end = newWords(table);
  let full = false;
  const trim = () => {
    found.sort((a, b) => compare(table.words(a, words), table.words(b, other)));
    found.length = Math.min(found.length, count);
    full = found.length === count;
    if (full) table.words(found[count - 1]!, end);
  };
  for (let id = 0 as PrefixId; id < table.capacity; id++) {
    table.words(id, words);
    if (full && compare(words, end) > 0) continue;
    if (after !== undefined && compare(words, after) <= 0) continue;
    if (!has(id)) continue;
    found.push(id);
    if (found.length > 2 * count + 1024) trim();
  }
  trim();
  return found;
}
