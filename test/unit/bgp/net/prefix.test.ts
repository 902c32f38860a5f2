import {
  address,
  comparePrefixes,
  containsAddress,
  containsPrefix,
  familyOfPrefix,
  isNoDestination,
  maskWord,
  PrefixTable,
  parseNetwork,
  parsePrefix,
  prefix,
  prefixAddress,
  prefixFromWords,
  prefixLength,
  prefixOf,
} from 'bgp-utils';

it.each([
  ['10.65.0.0/26', '10.65.0.0/26'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['10.0.0.1/32', '10.0.0.1/32'],
  ['2001:DB8:0::/32', '2001:db8::/32'],
  ['::/0', '::/0'],
  ['::1/128', '::1/128'],
])('%s is the prefix %s', (text, canonical) => {
  expect(parsePrefix(text)).toBe(canonical);
});

it.each([
  '',
  '/',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/8 ',
  '10.0.0.0/8/8',
  '10.0.0.0/1e1',
  '::/129',
  '::/0128',
  '10.0.0.1/31',
  '10.65.0.0/11',
  '2001:db8::1/64',
  '::/+1',
  '10.0.0.0/255.0.0.0',
])('%j is no prefix', (text) => {
  expect(parsePrefix(text)).toBeUndefined();
  expect(() => prefix(text)).toThrow(/^invariant/);
});

it.each([
  ['10.65.0.77/26', '10.65.0.77', 26, '10.65.0.64/26'],
  ['10.65.0.77', '10.65.0.77', 32, '10.65.0.77/32'],
  ['2001:db8::77/122', '2001:db8::77', 122, '2001:db8::40/122'],
  ['2001:db8::77', '2001:db8::77', 128, '2001:db8::77/128'],
])('the network of %s', (text, of, length, network) => {
  expect(parseNetwork(text)).toEqual({ address: of, length, prefix: network });
});

it.each(['', '10.0.0.1/', '10.0.0/24', 'x', '::/129'])('%j is no network', (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});

it('parts', () => {
  expect(prefixLength(prefix('2001:db8::/35'))).toBe(35);
  expect(prefixAddress(prefix('2001:db8::/35'))).toBe('2001:db8::');
  expect(familyOfPrefix(prefix('10.0.0.0/8'))).toBe('ipv4');
  expect(familyOfPrefix(prefix('::/0'))).toBe('ipv6');
});

it.each([
  ['10.255.255.255', 0, '0.0.0.0/0'],
  ['10.255.255.255', 9, '10.128.0.0/9'],
  ['10.255.255.255', 31, '10.255.255.254/31'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 33, 'ffff:ffff:8000::/33'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65, 'ffff:ffff:ffff:ffff:8000::/65'],
  ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 97, 'ffff:ffff:ffff:ffff:ffff:ffff:8000:0/97'],
])('the prefix around %s of length %d is %s', (text, length, expected) => {
  expect(prefixOf(address(text), length)).toBe(expected);
});

it('words are written as they are', () => {
  expect(prefixFromWords('ipv4', 26, 0x0a410040, 0, 0, 0)).toBe('10.65.0.64/26');
  expect(prefixFromWords('ipv6', 33, 0x20010db8, 0x80000000, 0, 0)).toBe('2001:db8:8000::/33');
});

it.each([
  [0xffffffff, -1, 0],
  [0xffffffff, 0, 0],
  [0xffffffff, 1, 0x80000000],
  [0xffffffff, 31, 0xfffffffe],
  [0xffffffff, 32, 0xffffffff],
  [0xffffffff, 33, 0xffffffff],
  [0x0a0b0c0d, 16, 0x0a0b0000],
])('maskWord(%p, %d) is %p', (word, bits, expected) => {
  expect(maskWord(word, bits)).toBe(expected);
});

it.each([
  ['10.0.0.0/8', '10.0.0.0/8', true],
  ['10.0.0.0/8', '10.65.0.0/26', true],
  ['10.65.0.0/26', '10.0.0.0/8', false],
  ['10.0.0.0/8', '11.0.0.0/8', false],
  ['0.0.0.0/0', '11.0.0.0/8', true],
  ['0.0.0.0/0', '::/0', false],
  ['::/0', '10.0.0.0/8', false],
  ['2001:db8::/32', '2001:db8:ffff::/48', true],
  ['2001:db8::/32', '2001:db9::/48', false],
])('%s contains %s: %p', (outer, inner, expected) => {
  expect(containsPrefix(prefix(outer), prefix(inner))).toBe(expected);
});

it.each([
  ['10.65.0.0/26', '10.65.0.63', true],
  ['10.65.0.0/26', '10.65.0.64', false],
  ['::/0', '10.65.0.64', false],
  ['2001:db8::/32', '2001:db8:ffff::1', true],
])('%s contains the address %s: %p', (outer, inner, expected) => {
  expect(containsAddress(prefix(outer), address(inner))).toBe(expected);
});

it('order is family, address, length', () => {
  const sorted = [
    '9.0.0.0/8',
    '10.0.0.0/7',
    '10.0.0.0/8',
    '10.0.0.0/16',
    '10.1.0.0/16',
    '::/0',
    '2001:db8::/32',
  ].map((text) => prefix(text));
  expect([...sorted].reverse().sort(comparePrefixes)).toEqual(sorted);
});

it.each([
  ['0.0.0.0/0', false],
  ['0.0.0.0/1', false],
  ['0.0.0.0/8', true],
  ['0.0.0.1/32', true],
  ['126.0.0.0/8', false],
  ['127.0.0.0/8', true],
  ['127.0.0.1/32', true],
  ['128.0.0.0/1', false],
  ['169.254.1.0/24', false],
  ['192.0.0.0/2', false],
  ['224.0.0.0/3', false],
  ['224.0.0.0/4', true],
  ['232.0.0.0/5', true],
  ['239.1.2.3/32', true],
  ['240.0.0.0/4', false],
  ['::/0', false],
  ['::/128', true],
  ['::1/128', true],
  ['::2/128', false],
  ['::/127', false],
  ['64:ff9b::/96', false],
  ['fe80::/10', true],
  ['fe80::/9', false],
  ['febf::1/128', true],
  ['fec0::/10', false],
  ['ff00::/8', true],
  ['ff02::1/128', true],
  ['fc00::/7', false],
])('%s leads nowhere: %p (RFC 4271 §6.3)', (text, expected) => {
  const table = new PrefixTable(familyOfPrefix(prefix(text)));
  const words = { family: table.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  expect(isNoDestination(table.words(table.addPrefix(prefix(text)), words))).toBe(expected);
});
