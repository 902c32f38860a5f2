import { checkNlri, type Family, type NlriBlock, NlriCursor, Writer, writePrefix } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';
import { prefixesOf } from '../../../vectors/load.ts';

const block = (family: Family, addPath: boolean, hex: string): NlriBlock => ({
  family,
  addPath,
  octets: parseHex(hex),
});

describe('a list of prefixes', () => {
  it.each<[string, Family, boolean, string, string[]]>([
    ['nothing', 'ipv4', false, '', []],
    ['the default route', 'ipv4', false, '00', ['0.0.0.0/0']],
    [
      'every octet count of IPv4',
      'ipv4',
      false,
      '01 80 08 0a 09 0a80 10 0a01 18 0a0102 20 0a010203',
      ['128.0.0.0/1', '10.0.0.0/8', '10.128.0.0/9', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.3/32'],
    ],
    [
      'host bits, which count for nothing (RFC 4271 §4.3)',
      'ipv4',
      false,
      '09 0aff 1f ffffffff',
      ['10.128.0.0/9', '255.255.255.254/31'],
    ],
    ['the high bit of a word', 'ipv4', false, '20 ffffffff', ['255.255.255.255/32']],
    [
      'lengths around the words of IPv6',
      'ipv6',
      false,
      '00 20 20010db8 21 20010db880 40 20010db800000001 41 20010db80000000180 60 20010db80000000000000002 61 20010db8000000000000000280 80 20010db8000000000000000000000001',
      [
        '::/0',
        '2001:db8::/32',
        '2001:db8:8000::/33',
        '2001:db8:0:1::/64',
        '2001:db8:0:1:8000::/65',
        '2001:db8::2:0:0/96',
        '2001:db8::2:8000:0/97',
        '2001:db8::1/128',
      ],
    ],
    [
      'host bits of IPv6',
      'ipv6',
      false,
      '23 20010db8ff 7f ffffffffffffffffffffffffffffffff',
      ['2001:db8:e000::/35', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127'],
    ],
    [
      'path identifiers (RFC 7911 §3)',
      'ipv4',
      true,
      '00000000 08 0a fffffffe 00',
      ['#0 10.0.0.0/8', '#4294967294 0.0.0.0/0'],
    ],
    ['path identifiers of IPv6', 'ipv6', true, '00000007 20 20010db8', ['#7 2001:db8::/32']],
  ])('has %s', (_what, family, addPath, hex, prefixes) => {
    expect(checkNlri(parseHex(hex), family, addPath)).toBe(prefixes.length);
    expect(prefixesOf(block(family, addPath, hex))).toEqual(prefixes);
  });

  it.each<[string, Family, boolean, string]>([
    ['an IPv4 length of 33', 'ipv4', false, '21 0a00000000'],
    ['an IPv4 length of 255', 'ipv4', false, 'ff'],
    ['an IPv6 length of 129', 'ipv6', false, '81 0000000000000000000000000000000000'],
    ['an end inside a prefix', 'ipv4', false, '18 0a01'],
    ['an end before the first octet', 'ipv4', false, '08 0a 08'],
    ['an end inside a path identifier', 'ipv4', true, '000000'],
    ['an end after a path identifier', 'ipv4', true, '00000001'],
    ['path identifiers where none were agreed on', 'ipv4', false, '00000001 18 0a0102 00000001 18 0a01'],
  ])('is malformed with %s (RFC 7606 §5.3)', (_what, family, addPath, hex) => {
    expect(checkNlri(parseHex(hex), family, addPath)).toBeUndefined();
  });
});

describe('NlriCursor', () => {
  it('clears what the entry before left', () => {
    const cursor = new NlriCursor();
    cursor.reset(block('ipv6', true, '00000009 80 20010db8ffffffffffffffffffffffff'));
    cursor.next();
    cursor.reset(block('ipv4', false, '08 0a'));
    expect(cursor.next()).toBe(true);
    const { pathId, length, w0, w1, w2, w3 } = cursor;
    expect({ pathId, length, w0, w1, w2, w3 }).toEqual({
      pathId: 0,
      length: 8,
      w0: 0x0a000000,
      w1: 0,
      w2: 0,
      w3: 0,
    });
    expect(cursor.next()).toBe(false);
  });
});

describe('writePrefix', () => {
  it.each<[Family, number, number[], number | undefined, string]>([
    ['ipv4', 0, [0, 0, 0, 0], undefined, '00'],
    ['ipv4', 26, [0x0a410000, 0, 0, 0], undefined, '1a 0a410000'],
    ['ipv4', 9, [0x0a800000, 0, 0, 0], undefined, '09 0a80'],
    ['ipv4', 8, [0x0a000000, 0, 0, 0], 0, '00000000 08 0a'],
    ['ipv6', 0, [0, 0, 0, 0], undefined, '00'],
    ['ipv6', 33, [0x20010db8, 0x80000000, 0, 0], undefined, '21 20010db880'],
    ['ipv6', 128, [0xfd000065, 0, 0, 0xffffffff], 4294967295, 'ffffffff 80 fd0000650000000000000000ffffffff'],
  ])('%s /%d', (family, length, [w0, w1, w2, w3], pathId, hex) => {
    const w = new Writer(0);
    writePrefix(w, family, length, w0!, w1!, w2!, w3!, pathId);
    expect(formatHex(w.take())).toBe(formatHex(parseHex(hex)));
  });
});
