import {
  type Address,
  address,
  addressFromOctets,
  addressFromWords,
  addressOctets,
  addressWords,
  compareAddresses,
  familyOfAddress,
  ipv4FromNumber,
  ipv4ToNumber,
  isLinkLocal,
  isNoHost,
  parseAddress,
  parseScopedAddress,
  withoutZone,
  withZone,
  zoneOf,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';

describe('text becomes the one canonical form (RFC 5952)', () => {
  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['10.65.0.1', '10.65.0.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // the first of two equal runs
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], // the longest run
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // a single group is not compressed
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['0:0:3:4:5:6:7:8', '::3:4:5:6:7:8'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['::ffff:a00:1', '::ffff:10.0.0.1'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
    ['1:2:3:4:5:6:10.0.0.1', '1:2:3:4:5:6:a00:1'],
    ['fe80::1', 'fe80::1'],
  ])('%s is %s', (text, canonical) => {
    expect(parseAddress(text)).toBe(canonical);
    expect(parseAddress(canonical)).toBe(canonical);
  });
});

it.each([
  '',
  ' ',
  '1',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.',
  '.1.2.3',
  '1..2.3',
  '256.0.0.1',
  '1.2.3.4 ',
  ' 1.2.3.4',
  '01.2.3.4',
  '1.2.3.00',
  '1.2.3.4/32',
  '1.2.3.-4',
  '1.2.3.4a',
  '0x1.2.3.4',
  '١.2.3.4',
  ':',
  ':::',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::',
  '::1:2:3:4:5:6:7:8',
  '1::2::3',
  '12345::',
  'g::',
  ':1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:',
  'fe80::1%eth0',
  '::1/128',
  '::10.0.0',
  '10.0.0.1::',
  '::10.0.0.1:1',
  '1:2:3:4:5:6:7:10.0.0.1',
  '::256.0.0.1',
  '[::1]',
  ': :1',
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined();
  expect(() => address(text)).toThrow(/^invariant/);
});

it.each<[string, string, readonly number[]]>([
  ['10.65.0.1', '0a410001', [0x0a410001, 0, 0, 0]],
  ['255.255.255.255', 'ffffffff', [0xffffffff, 0, 0, 0]],
  ['2001:db8::ffff:1', '20010db80000000000000000ffff0001', [0x20010db8, 0, 0, 0xffff0001]],
  ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001', [0, 0, 0xffff, 0x0a000001]],
])('%s has the octets %s and the words %j', (text, hex, words) => {
  const value = address(text);
  expect(formatHex(addressOctets(value))).toBe(hex);
  expect(addressWords(value)).toEqual(words);
  expect(addressFromOctets(addressOctets(value))).toBe(value);
  const [w0, w1, w2, w3] = addressWords(value);
  expect(addressFromWords(familyOfAddress(value), w0, w1, w2, w3)).toBe(value);
});

it('IPv4 addresses are unsigned numbers', () => {
  expect(ipv4ToNumber(address('255.0.0.1'))).toBe(0xff000001);
  expect(ipv4FromNumber(0xff000001)).toBe('255.0.0.1');
});

it('order is numeric, IPv4 first', () => {
  const sorted = [
    '2.0.0.0',
    '10.0.0.0',
    '10.0.0.9',
    '10.0.0.10',
    '255.0.0.0',
    '::',
    '::9',
    '::10',
    '2:0::',
    '10::',
    'fe80::',
  ].map((text) => address(text));
  const shuffled = [...sorted].reverse();
  expect(shuffled.sort(compareAddresses)).toEqual(sorted);
  expect(compareAddresses(sorted[0]!, sorted[0]!)).toBe(0);
});

it.each([
  ['0.0.0.0', true],
  ['0.1.2.3', true],
  ['127.0.0.1', false],
  ['224.0.0.1', true],
  ['240.0.0.1', true],
  ['255.255.255.255', true],
  ['1.0.0.0', false],
  ['10.0.0.1', false],
  ['126.255.255.255', false],
  ['128.0.0.1', false],
  ['223.255.255.255', false],
  ['169.254.1.1', false],
  ['::', true],
  ['::1', false],
  ['ff02::1', true],
  ['ffff::', true],
  ['::2', false],
  ['fe80::1', false],
  ['2001:db8::1', false],
  ['::ffff:10.0.0.1', false],
  ['1::', false],
  ['0:0:1::', false],
])('%s can not be a host: %p', (text, martian) => {
  expect(isNoHost(address(text))).toBe(martian);
});

it.each([
  ['fe80::1', true],
  ['febf:ffff::1', true],
  ['fec0::1', false],
  ['fe7f::1', false],
  ['169.254.0.1', false],
])('%s is link-local: %p', (text, linkLocal) => {
  expect(isLinkLocal(address(text) as Address)).toBe(linkLocal);
});

describe('addresses with their link (RFC 4007 §11)', () => {
  it.each([
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['FE80:0::1%eth0.7', 'fe80::1%eth0.7'],
    ['fd00::1', 'fd00::1'],
    ['10.0.0.1', '10.0.0.1'],
    ['fe80::1', undefined],
    ['fe80::1%', undefined],
    ['fe80::1%a b', undefined],
    ['fe80::1%a/b', undefined],
    ['fe80::1%a:b', undefined],
    ['fe80::1%a%b', undefined],
    ['fe80::1%.', undefined],
    ['fe80::1%..', undefined],
    ['fe80::1%interface-of-16c', undefined],
    ['fd00::1%eth0', undefined],
    ['10.0.0.1%eth0', undefined],
  ])('%s is %p', (text, scoped) => {
    expect(parseScopedAddress(text)).toBe(scoped);
    expect(parseAddress(text)).toBe(text.includes('%') ? undefined : scoped === undefined ? text : scoped);
  });

  it('have the octets of the address alone, and are told apart by the link', () => {
    const scoped = withZone(address('fe80::1'), 'eth0')!;
    expect(addressOctets(scoped)).toEqual(addressOctets(address('fe80::1')));
    expect([withoutZone(scoped), zoneOf(scoped)]).toEqual(['fe80::1', 'eth0']);
    expect([withoutZone(address('fd00::1')), zoneOf(address('fd00::1'))]).toEqual(['fd00::1', undefined]);
    expect(isLinkLocal(scoped)).toBe(true);
    const other = withZone(address('fe80::1'), 'eth1')!;
    expect(Math.sign(compareAddresses(scoped, other))).toBe(-1);
    expect(compareAddresses(scoped, scoped)).toBe(0);
    expect(compareAddresses(withZone(address('fe80::2'), 'a')!, other)).toBeGreaterThan(0);
  });
});
