import { sameData } from '../../../src/desired/same.ts';

const shared = { terms: [1, 2, 3] };

describe('plain data is the same', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['numbers', 1, 1, true],
    ['a number and its text', 1, '1', false],
    ['null and an object', null, {}, false],
    ['undefined and null', undefined, null, false],
    ['objects in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
    ['an undefined property and none', { a: 1, b: undefined }, { a: 1 }, true],
    ['one property more', { a: 1 }, { a: 1, b: 2 }, false],
    ['one property less', { a: 1, b: 2 }, { a: 1 }, false],
    ['lists', [1, [2]], [1, [2]], true],
    ['lists in another order', [1, 2], [2, 1], false],
    ['a list and a longer one', [1], [1, 2], false],
    ['a list and an object', [], {}, false],
    [
      'maps in another order',
      new Map([
        ['a', { x: 1 }],
        ['b', { x: 2 }],
      ]),
      new Map([
        ['b', { x: 2 }],
        ['a', { x: 1 }],
      ]),
      true,
    ],
    ['maps with another value', new Map([['a', 1]]), new Map([['a', 2]]), false],
    ['maps with another key', new Map([['a', 1]]), new Map([['b', 1]]), false],
    ['a map and an object', new Map(), {}, false],
    ['deep down', { a: [{ b: [1] }] }, { a: [{ b: [2] }] }, false],
  ])('%s', (_, a, b, expected) => {
    expect(sameData(a, b)).toBe(expected);
    expect(sameData(b, a)).toBe(expected);
  });

  it('shared parts do not make different ones equal', () => {
    const proved = new Map<object, object>();
    const other = { terms: [1, 2, 3] };
    expect(sameData({ p: shared, x: 1 }, { p: other, x: 1 }, proved)).toBe(true);
    expect(sameData({ p: shared, x: 1 }, { p: other, x: 2 }, proved)).toBe(false);
    expect(sameData({ p: shared }, { p: { terms: [1, 2, 4] } }, proved)).toBe(false);
  });
});
