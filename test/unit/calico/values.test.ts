import { parseAsNumber, parseCommunity, parseDuration } from '../../../src/calico/values.ts';

describe('values (§1.1)', () => {
  it.each([
    [64512, 64512],
    ['64512', 64512],
    ['1.10', 65546],
    [4294967295, 4294967295],
    ['65535.65535', 4294967295],
    [0, undefined],
    ['0', undefined],
    ['0.0', undefined],
    [4294967296, undefined],
    ['65536.0', undefined],
    [1.5, undefined],
    [-1, undefined],
    ['AS64512', undefined],
    ['', undefined],
    [true, undefined],
    [null, undefined],
  ])('AS number %j is %s', (value, expected) => {
    expect(parseAsNumber(value)).toBe(expected);
  });

  it.each([
    ['10s', 10_000],
    ['2m0s', 120_000],
    ['1h30m0s', 5_400_000],
    ['500ms', 500],
    ['0s', 0],
    ['0', 0],
    ['1.5s', 1_500],
    ['.5s', 500],
    ['-1s', -1_000],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['10', undefined],
    ['s', undefined],
    ['.s', undefined],
    ['1d', undefined],
    ['1 s', undefined],
    ['', undefined],
  ])('duration %j is %s ms', (text, expected) => {
    expect(parseDuration(text)).toEqual(expected);
  });

  it.each([
    ['64512:100', { text: '64512:100', standard: 64512 * 65536 + 100, large: undefined }],
    ['4294967295:0:7', { text: '4294967295:0:7', standard: undefined, large: [4294967295, 0, 7] }],
    ['65536:1', undefined],
    ['1:2:4294967296', undefined],
    ['1', undefined],
    ['1:2:3:4', undefined],
    ['a:b', undefined],
    ['', undefined],
  ])('community %j', (text, expected) => {
    expect(parseCommunity(text)).toEqual(expected);
  });
});
