import { FAMILIES, FAMILY, familyOf } from 'bgp-utils';

it.each([
  [1, 1, 'ipv4'],
  [2, 1, 'ipv6'],
  [1, 2, undefined],
  [2, 4, undefined],
  [25, 1, undefined],
  [0, 1, undefined],
])('AFI %d SAFI %d is %s', (afi, safi, family) => {
  expect(familyOf(afi, safi)).toBe(family);
});

it('every family is found by its own numbers', () => {
  for (const family of FAMILIES) {
    const { afi, safi, addressBits, addressOctets } = FAMILY[family];
    expect(familyOf(afi, safi)).toBe(family);
    expect(addressBits).toBe(addressOctets * 8);
  }
});
