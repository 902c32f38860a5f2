import type { AsPath, AsPathSegment } from 'bgp-utils';
import { as4PathOf, mergeAs4Path } from '../../../../../bgp/src/wire/attribute/as4-path.ts';

const seq = (...asNumbers: number[]): AsPathSegment => ({ type: 'AS_SEQUENCE', asNumbers });
const set = (...asNumbers: number[]): AsPathSegment => ({ type: 'AS_SET', asNumbers });
const confed = (...asNumbers: number[]): AsPathSegment => ({ type: 'AS_CONFED_SEQUENCE', asNumbers });
const BIG = 4200000000;
const T = 23456;

describe('AS4_PATH and AS_PATH become one path (RFC 6793 §4.2.3)', () => {
  it.each<[string, AsPath, AsPath, AsPath]>([
    ['as long as each other: AS4_PATH', [seq(T, 2)], [seq(BIG, 2)], [seq(BIG, 2)]],
    ['AS_PATH longer: its start goes in front', [seq(1, 2, T)], [seq(BIG)], [seq(1, 2, BIG)]],
    ['AS_PATH shorter: AS4_PATH is of no use', [seq(1)], [seq(BIG, 2)], [seq(1)]],
    ['a set counts as one', [seq(1), set(T, T)], [set(BIG, BIG + 1)], [seq(1), set(BIG, BIG + 1)]],
    ['a set goes in front whole', [set(1, 2), seq(T)], [seq(BIG)], [set(1, 2), seq(BIG)]],
    ['several segments go in front', [seq(1), seq(2, T)], [seq(BIG)], [seq(1), seq(2, BIG)]],
    ['leading confederation segments stay', [confed(9), seq(T)], [seq(BIG)], [confed(9), seq(BIG)]],
    ['likewise before what goes in front', [confed(9), seq(1, T)], [seq(BIG)], [confed(9), seq(1, BIG)]],
    [
      'likewise next to what goes in front',
      [seq(1), confed(9), seq(T)],
      [seq(BIG)],
      [seq(1), confed(9), seq(BIG)],
    ],
    ['but not behind a part that is replaced', [seq(1, T), confed(9)], [seq(BIG)], [seq(1, BIG)]],
    ['an empty AS_PATH stays empty', [], [seq(BIG)], []],
  ])('%s', (_what, path, as4, merged) => {
    expect(mergeAs4Path(path, as4)).toEqual(merged);
  });
});

describe('AS4_PATH is sent (RFC 6793 §4.2.2)', () => {
  it.each<[string, AsPath, AsPath | undefined]>([
    ['when an AS number does not fit', [seq(1, BIG)], [seq(1, BIG)]],
    ['when one in a set does not fit', [seq(1), set(BIG)], [seq(1), set(BIG)]],
    ['without confederation segments', [confed(7), seq(BIG)], [seq(BIG)]],
    ['not when all fit', [seq(65535)], undefined],
    ['not for confederation segments alone', [confed(BIG), seq(1)], undefined],
    ['not for the empty path', [], undefined],
  ])('%s', (_what, path, expected) => {
    expect(as4PathOf(path)).toEqual(expected);
  });
});
