import { linkBandwidth, weightsOf } from '../../../../bgp/src/route/link-bandwidth.ts';

describe('the link bandwidth community', () => {
  it.each<[string, readonly string[] | undefined, number | undefined]>([
    ['125,000,000 octets a second', ['4004fc004cee6b28'], 125_000_000],
    ['of the transitive type', ['0004fc004cee6b28'], 125_000_000],
    ['among others', ['0002fc0000000007', '4004fc003f800000'], 1],
    ['is not there', ['0002fc0000000007'], undefined],
    ['is not there at all', undefined, undefined],
    ['zero is no rate', ['4004fc0000000000'], undefined],
    ['nor is a negative number', ['4004fc00bf800000'], undefined],
    ['nor infinity', ['4004fc007f800000'], undefined],
    ['nor what is no number', ['4004fc007fc00000'], undefined],
  ])('%s', (_name, communities, rate) => {
    expect(linkBandwidth(communities)).toBe(rate);
  });
});

describe('weights', () => {
  it.each<[string, readonly (number | undefined)[], readonly number[] | undefined]>([
    ['in proportion', [1000, 500, 250], [256, 128, 64]],
    ['never none', [1e9, 1], [256, 1]],
    ['the same for all when one path does not say', [1000, undefined], undefined],
    ['the same for all when all say the same', [1000, 1000], undefined],
    ['of one path', [1000], undefined],
  ])('%s', (_name, rates, expected) => {
    expect(weightsOf(rates)).toEqual(expected);
  });
});
