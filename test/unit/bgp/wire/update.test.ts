import {
  address,
  decodeUpdate,
  encodeAnnounce,
  encodeEndOfRib,
  encodeWithdraw,
  type Family,
  type PathAttributes,
  type PrefixSource,
  type WireContext,
  writePrefix,
} from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';
import { plain, prefixesOf } from '../../../vectors/load.ts';

const INTERNAL: WireContext = {
  asOctets: 4,
  maxMessageOctets: 4096,
  families: ['ipv4', 'ipv6'],
  addPathReceive: [],
  addPathSend: [],
  peerType: 'internal',
};
const EXTERNAL: WireContext = { ...INTERNAL, peerType: 'external' };
const ONLY_IPV4: WireContext = { ...INTERNAL, families: ['ipv4'] };
const ONLY_IPV6: WireContext = { ...INTERNAL, families: ['ipv6'] };

const ORIGIN = '40010100';
const AS_PATH = '4002060201 0000fde9';
const NEXT_HOP = '400304 0a000001';
const LOCAL_PREF = '400504 00000064';
const GOOD = ORIGIN + AS_PATH + NEXT_HOP + LOCAL_PREF;
const GOOD_MP = ORIGIN + AS_PATH + LOCAL_PREF;
const REACH6 = '800e1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8'; // 2001:db8::/32
const UNREACH6 = '800f08 0002 01 20 20010db9';
const TEN = '08 0a'; // 10.0.0.0/8

const u16 = (value: number) => value.toString(16).padStart(4, '0');
const body = (withdrawn: string, attributes: string, nlri: string): Uint8Array =>
  parseHex(
    `${u16(parseHex(withdrawn).length)}${withdrawn} ${u16(parseHex(attributes).length)}${attributes} ${nlri}`,
  );

/** What an UPDATE leads to, in a line. */
function effect(octets: Uint8Array, context: WireContext): string {
  const decoded = decodeUpdate(octets, context);
  if (!decoded.ok) return `NOTIFICATION ${decoded.error.code}/${decoded.error.subcode}`;
  const { withdrawn, announced, attributes, treatAsWithdraw, endOfRib } = decoded.update;
  expect(attributes === undefined).toBe(announced.length === 0);
  return [
    ...withdrawn.flatMap(prefixesOf).map((prefix) => `-${prefix}`),
    ...announced.flatMap(({ nlri, nextHop }) =>
      prefixesOf(nlri).map(
        (prefix) => `+${prefix} via ${nextHop.address}${nextHop.linkLocal ? ` ${nextHop.linkLocal}` : ''}`,
      ),
    ),
    ...(treatAsWithdraw ? ['treat-as-withdraw'] : []),
    ...(endOfRib === undefined ? [] : [`end of ${endOfRib}`]),
  ].join(', ');
}

describe('UPDATE is read', () => {
  it.each<[string, string, string, string, WireContext, string]>([
    ['routes with NEXT_HOP', '', GOOD, TEN, INTERNAL, '+10.0.0.0/8 via 10.0.0.1'],
    ['withdrawn routes alone', TEN, '', '', INTERNAL, '-10.0.0.0/8'],
    ['both at once', '08 0b', GOOD, TEN, INTERNAL, '-11.0.0.0/8, +10.0.0.0/8 via 10.0.0.1'],
    ['MP_REACH_NLRI', '', REACH6 + GOOD_MP, '', INTERNAL, '+2001:db8::/32 via 2001:db8::1'],
    ['MP_REACH_NLRI in the last place', '', GOOD_MP + REACH6, '', INTERNAL, '+2001:db8::/32 via 2001:db8::1'],
    ['MP_UNREACH_NLRI', '', UNREACH6, '', INTERNAL, '-2001:db9::/32'],
    [
      'all four',
      '08 0b',
      UNREACH6 + REACH6 + GOOD,
      TEN,
      INTERNAL,
      '-11.0.0.0/8, -2001:db9::/32, +10.0.0.0/8 via 10.0.0.1, +2001:db8::/32 via 2001:db8::1',
    ],
    [
      'an external session without LOCAL_PREF',
      '',
      ORIGIN + AS_PATH + NEXT_HOP,
      TEN,
      EXTERNAL,
      '+10.0.0.0/8 via 10.0.0.1',
    ],
    [
      'MP_REACH_NLRI with a NEXT_HOP that does not matter',
      '',
      REACH6 + GOOD,
      '',
      INTERNAL,
      '+2001:db8::/32 via 2001:db8::1',
    ],
    ['attributes without routes', '', GOOD, '', INTERNAL, ''],
    [
      'a global and a link-local next hop',
      '',
      `800e2a 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000002 00 20 20010db8${GOOD_MP}`,
      '',
      INTERNAL,
      '+2001:db8::/32 via 2001:db8::1 fe80::2',
    ],
    [
      'a second next hop that is none',
      '',
      `800e2a 0002 01 20 20010db8000000000000000000000001 00000000000000000000000000000000 00 20 20010db8${GOOD_MP}`,
      '',
      INTERNAL,
      '+2001:db8::/32 via 2001:db8::1',
    ],
    [
      'a link-local next hop alone',
      '',
      `800e2a 0002 01 20 00000000000000000000000000000000 fe800000000000000000000000000002 00 20 20010db8${GOOD_MP}`,
      '',
      INTERNAL,
      '+2001:db8::/32 via fe80::2',
    ],
    [
      'IPv4 in MP_REACH_NLRI',
      '',
      `800e0b 0001 01 04 0a000001 00 08 0a${GOOD_MP}`,
      '',
      INTERNAL,
      '+10.0.0.0/8 via 10.0.0.1',
    ],
    [
      'IPv4 with an IPv6 next hop (RFC 8950)',
      '',
      `800e17 0001 01 10 20010db8000000000000000000000001 00 08 0a${GOOD_MP}`,
      '',
      INTERNAL,
      '+10.0.0.0/8 via 2001:db8::1',
    ],
    ['IPv4 in MP_UNREACH_NLRI', '', '800f05 0001 01 08 0a', '', INTERNAL, '-10.0.0.0/8'],
    [
      'the reserved octet of MP_REACH_NLRI, which is ignored',
      '',
      `800e1a 0002 01 10 20010db8000000000000000000000001 ff 20 20010db8${GOOD_MP}`,
      '',
      INTERNAL,
      '+2001:db8::/32 via 2001:db8::1',
    ],
  ])('%s', (_what, withdrawn, attributes, nlri, context, expected) => {
    expect(effect(body(withdrawn, attributes, nlri), context)).toBe(expected);
  });

  it('with path identifiers where they were agreed on, by family', () => {
    const context: WireContext = { ...INTERNAL, addPathReceive: ['ipv4'] };
    expect(effect(body('00000009 08 0b', REACH6 + GOOD, '00000007 08 0a'), context)).toBe(
      '-#9 11.0.0.0/8, +#7 10.0.0.0/8 via 10.0.0.1, +2001:db8::/32 via 2001:db8::1',
    );
  });
});

describe('the End-of-RIB marker (RFC 4724 §2)', () => {
  it.each<[string, string, string, string, WireContext, string]>([
    ['an empty UPDATE', '', '', '', INTERNAL, 'end of ipv4'],
    ['an empty MP_UNREACH_NLRI', '', '800f03 0002 01', '', INTERNAL, 'end of ipv6'],
    ['an empty MP_UNREACH_NLRI with Extended Length', '', '900f0003 0002 01', '', INTERNAL, 'end of ipv6'],
    ['an empty MP_UNREACH_NLRI of IPv4', '', '800f03 0001 01', '', INTERNAL, 'end of ipv4'],
    ['not with other attributes', '', `800f03 0002 01${ORIGIN}`, '', INTERNAL, ''],
    ['not with withdrawn routes', TEN, '800f03 0002 01', '', INTERNAL, '-10.0.0.0/8'],
    ['not with withdrawn routes in it', '', UNREACH6, '', INTERNAL, '-2001:db9::/32'],
    [
      'not with withdrawn routes that look like a length',
      '00 0a 4080',
      '800f03 0002 01',
      '',
      INTERNAL,
      '-0.0.0.0/0, -64.128.0.0/10',
    ],
    ['an empty UPDATE, but not where IPv4 was not agreed on', '', '', '', ONLY_IPV6, ''],
    ['not of a family that was not agreed on', '', '800f03 0002 01', '', ONLY_IPV4, ''],
  ])('%s', (_what, withdrawn, attributes, nlri, context, expected) => {
    expect(effect(body(withdrawn, attributes, nlri), context)).toBe(expected);
  });

  it.each<[Family, string]>([
    ['ipv4', '001702 0000 0000'],
    ['ipv6', '001d02 0000 0006 800f03 0002 01'],
  ])('is written for %s', (family, hex) => {
    expect(formatHex(encodeEndOfRib(family))).toBe('ff'.repeat(16) + formatHex(parseHex(hex)));
  });
});

describe('errors have the outcome of RFC 7606', () => {
  const BAD_ORIGIN = '40010109';
  it.each<[string, string, string, string, WireContext, string]>([
    [
      'missing ORIGIN: treat as withdraw (§3d)',
      '',
      AS_PATH + NEXT_HOP + LOCAL_PREF,
      TEN,
      INTERNAL,
      '-10.0.0.0/8, treat-as-withdraw',
    ],
    ['missing AS_PATH', '', ORIGIN + NEXT_HOP + LOCAL_PREF, TEN, INTERNAL, '-10.0.0.0/8, treat-as-withdraw'],
    ['missing NEXT_HOP', '', ORIGIN + AS_PATH + LOCAL_PREF, TEN, INTERNAL, '-10.0.0.0/8, treat-as-withdraw'],
    [
      'missing LOCAL_PREF on an internal session',
      '',
      ORIGIN + AS_PATH + NEXT_HOP,
      TEN,
      INTERNAL,
      '-10.0.0.0/8, treat-as-withdraw',
    ],
    ['missing everything', '', '', TEN, INTERNAL, '-10.0.0.0/8, treat-as-withdraw'],
    [
      'a malformed attribute: NLRI and MP_REACH_NLRI are withdrawn',
      '',
      BAD_ORIGIN + AS_PATH + NEXT_HOP + LOCAL_PREF + REACH6,
      TEN,
      INTERNAL,
      '-10.0.0.0/8, -2001:db8::/32, treat-as-withdraw',
    ],
    [
      'a malformed attribute: withdrawn routes stay withdrawn',
      '08 0b',
      BAD_ORIGIN + UNREACH6,
      TEN,
      INTERNAL,
      '-11.0.0.0/8, -2001:db9::/32, -10.0.0.0/8, treat-as-withdraw',
    ],
    [
      'a malformed attribute without routes: reset (§5.2)',
      '',
      BAD_ORIGIN + AS_PATH,
      '',
      INTERNAL,
      'NOTIFICATION 3/6',
    ],
    [
      'a malformed attribute with withdrawn routes alone: reset (§5.2)',
      TEN,
      BAD_ORIGIN,
      '',
      INTERNAL,
      'NOTIFICATION 3/6',
    ],
    [
      'a malformed attribute with an empty MP_REACH_NLRI: reset (§5.2)',
      '',
      `${BAD_ORIGIN}800e15 0002 01 10 20010db8000000000000000000000001 00`,
      '',
      INTERNAL,
      'NOTIFICATION 3/6',
    ],
    ['a discarded attribute without routes: no reset (§5.2)', '', '40060101', '', INTERNAL, ''],
    [
      'wrong flags of MP_UNREACH_NLRI alone: its routes are withdrawn',
      '',
      `c${UNREACH6.slice(1)}`,
      '',
      INTERNAL,
      '-2001:db9::/32, treat-as-withdraw',
    ],
    [
      'wrong flags of MP_REACH_NLRI: its routes are withdrawn (§3c)',
      '',
      `c${REACH6.slice(1)}${GOOD_MP}`,
      '',
      INTERNAL,
      '-2001:db8::/32, treat-as-withdraw',
    ],
    [
      'a next hop in MP_REACH_NLRI that is no host',
      '',
      `800e1a 0002 01 10 ff020000000000000000000000000001 00 20 20010db8${GOOD_MP}`,
      '',
      INTERNAL,
      '-2001:db8::/32, treat-as-withdraw',
    ],
    [
      'an attribute that runs into the NLRI: the NLRI is withdrawn (§4)',
      '',
      `${GOOD}80040900000007`,
      TEN,
      INTERNAL,
      '-10.0.0.0/8, treat-as-withdraw',
    ],
    ['an attribute that runs out without NLRI: reset (§5.2)', '', '400109', '', INTERNAL, 'NOTIFICATION 3/1'],
    ['malformed NLRI: reset (§5.3)', '', GOOD, '21 0a00000000', INTERNAL, 'NOTIFICATION 3/10'],
    ['NLRI that is cut: reset (§5.3)', '', GOOD, '18 0a', INTERNAL, 'NOTIFICATION 3/10'],
    ['malformed withdrawn routes: reset (§3i)', '18 0a', '', '', INTERNAL, 'NOTIFICATION 3/10'],
    [
      'malformed routes in MP_REACH_NLRI: reset (§5.3)',
      '',
      `800e17 0002 01 10 20010db8000000000000000000000001 00 20 20${GOOD_MP}`,
      '',
      INTERNAL,
      'NOTIFICATION 3/9',
    ],
    [
      'malformed routes in MP_UNREACH_NLRI: reset (§5.3)',
      '',
      '800f04 0002 01 81',
      '',
      INTERNAL,
      'NOTIFICATION 3/9',
    ],
    [
      'a next hop of a wrong length: reset (§7.11)',
      '',
      `800e0e 0002 01 04 0a000001 00 20 20010db8${GOOD_MP}`,
      '',
      INTERNAL,
      'NOTIFICATION 3/9',
    ],
    ['two MP_REACH_NLRI: reset (§3g)', '', REACH6 + REACH6 + GOOD_MP, '', INTERNAL, 'NOTIFICATION 3/1'],
    ['two MP_UNREACH_NLRI: reset (§3g)', '', UNREACH6 + UNREACH6, '', INTERNAL, 'NOTIFICATION 3/1'],
    [
      'two of another attribute: the first is used (§3g)',
      '',
      `${GOOD}40030400000000`,
      TEN,
      INTERNAL,
      '+10.0.0.0/8 via 10.0.0.1',
    ],
    ['an unrecognized well-known attribute: reset', '', `${GOOD}406300`, TEN, INTERNAL, 'NOTIFICATION 3/2'],
    ['IPv6 that was not agreed on: ignored', '', REACH6 + GOOD, TEN, ONLY_IPV4, '+10.0.0.0/8 via 10.0.0.1'],
    ['IPv6 withdrawn that was not agreed on: ignored', '', UNREACH6, '', ONLY_IPV4, ''],
    ['IPv4 that was not agreed on: ignored', '08 0b', GOOD, TEN, ONLY_IPV6, ''],
    [
      'a family nobody knows: ignored, whatever its octets are',
      '',
      '800e06 0019 46 00 00 ff',
      '',
      INTERNAL,
      '',
    ],
    [
      'a malformed attribute beside routes that were not agreed on: ignored',
      '',
      REACH6 + BAD_ORIGIN,
      '',
      ONLY_IPV4,
      'treat-as-withdraw',
    ],
    ['MP_UNREACH_NLRI without a family: reset', '', '800f02 0002', '', INTERNAL, 'NOTIFICATION 3/9'],
  ])('%s', (_what, withdrawn, attributes, nlri, context, expected) => {
    expect(effect(body(withdrawn, attributes, nlri), context)).toBe(expected);
  });

  it.each([
    ['withdrawn routes', '0001 0000'],
    ['withdrawn routes that leave no room for the other length', '0002 0000'],
    ['attributes', '0000 0005 40010100'],
  ])('%s longer than the message: reset with Malformed Attribute List (§3b)', (_what, hex) => {
    expect(effect(parseHex(hex), INTERNAL)).toBe('NOTIFICATION 3/1');
  });

  it('says what was wrong', () => {
    const decoded = decodeUpdate(body('', `${AS_PATH}${NEXT_HOP}40060101`, TEN), INTERNAL);
    expect(decoded.ok && decoded.update.findings).toEqual([
      { attribute: 'ATOMIC_AGGREGATE', code: 6, outcome: 'attribute-discard', detail: 'length 1' },
      { attribute: 'ORIGIN', code: 1, outcome: 'treat-as-withdraw', detail: 'is missing' },
      { attribute: 'LOCAL_PREF', code: 5, outcome: 'treat-as-withdraw', detail: 'is missing' },
    ]);
  });

  it('says which routes were ignored', () => {
    const decoded = decodeUpdate(body('', REACH6 + GOOD, TEN), { ...INTERNAL, families: [] });
    const ignored = (attribute: string, code: number, afi: number) => ({
      attribute,
      code,
      outcome: 'attribute-discard',
      detail: `AFI ${afi} SAFI 1 was not agreed on with this peer`,
    });
    expect(decoded.ok && decoded.update.findings).toEqual([
      ignored('NLRI', 0, 1),
      ignored('MP_REACH_NLRI', 14, 2),
    ]);
  });

  it('says what led to a reset, and sends the attribute as data', () => {
    const decoded = decodeUpdate(body('', `${GOOD}40630101`, TEN), INTERNAL);
    expect(decoded.ok).toBe(false);
    expect(!decoded.ok && formatHex(decoded.error.data)).toBe('40630101');
    expect(!decoded.ok && decoded.findings).toMatchObject([{ code: 0x63, outcome: 'session-reset' }]);
  });
});

const hosts = (family: Family, count: number, addPath = false): PrefixSource => ({
  length: count,
  writeTo: (w, i) =>
    writePrefix(
      w,
      family,
      family === 'ipv4' ? 32 : 128,
      (0x0a000000 + i) >>> 0,
      0,
      0,
      i,
      addPath ? i : undefined,
    ),
});

const ATTRIBUTES: PathAttributes = {
  origin: 0,
  asPath: [],
  localPref: 100,
  nextHop: { address: address('10.0.0.1') },
};
const ATTRIBUTES6: PathAttributes = { ...ATTRIBUTES, nextHop: { address: address('2001:db8::1') } };

function announce(
  family: Family,
  attributes: PathAttributes,
  prefixes: PrefixSource,
  context = INTERNAL,
): Uint8Array[] {
  const messages: Uint8Array[] = [];
  expect(encodeAnnounce(family, attributes, prefixes, context, (message) => messages.push(message))).toBe(
    true,
  );
  return messages;
}

function withdraw(family: Family, prefixes: PrefixSource, context = INTERNAL): Uint8Array[] {
  const messages: Uint8Array[] = [];
  encodeWithdraw(family, prefixes, context, (message) => messages.push(message));
  return messages;
}

describe('UPDATEs are written', () => {
  it.each<[string, Family, PathAttributes, string]>([
    [
      'IPv4: NLRI field and NEXT_HOP',
      'ipv4',
      ATTRIBUTES,
      '0000 0015 40010100 400200 4003040a000001 40050400000064 20 0a000000',
    ],
    [
      'IPv6: MP_REACH_NLRI in the first place (RFC 7606 §5.1)',
      'ipv6',
      ATTRIBUTES6,
      '0000 0038 900e0026 0002 01 10 20010db8000000000000000000000001 00 80 0a000000000000000000000000000000 40010100 400200 40050400000064',
    ],
    [
      'IPv4 with an IPv6 next hop (RFC 8950)',
      'ipv4',
      ATTRIBUTES6,
      '0000 002c 900e001a 0001 01 10 20010db8000000000000000000000001 00 20 0a000000 40010100 400200 40050400000064',
    ],
    [
      'IPv6 with an IPv4 next hop: mapped',
      'ipv6',
      ATTRIBUTES,
      '0000 0038 900e0026 0002 01 10 00000000000000000000ffff0a000001 00 80 0a000000000000000000000000000000 40010100 400200 40050400000064',
    ],
    [
      'IPv6 with a link-local next hop too (RFC 2545 §3)',
      'ipv6',
      { ...ATTRIBUTES6, nextHop: { address: address('2001:db8::1'), linkLocal: address('fe80::2') } },
      '0000 0048 900e0036 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000002 00 80 0a000000000000000000000000000000 40010100 400200 40050400000064',
    ],
  ])('%s', (_what, family, attributes, hex) => {
    const [message, ...more] = announce(family, attributes, hosts(family, 1));
    expect(more).toEqual([]);
    expect(formatHex(message!.subarray(19))).toBe(formatHex(parseHex(hex)));
  });

  it.each<[string, Family, string]>([
    ['IPv4: Withdrawn Routes field', 'ipv4', '000a 20 0a000000 20 0a000001 0000'],
    [
      'IPv6: MP_UNREACH_NLRI',
      'ipv6',
      '0000 0029 900f0025 0002 01 80 0a000000000000000000000000000000 80 0a000001000000000000000000000001',
    ],
  ])('withdrawals, %s', (_what, family, hex) => {
    expect(withdraw(family, hosts(family, 2)).map((message) => formatHex(message.subarray(19)))).toEqual([
      formatHex(parseHex(hex)),
    ]);
  });

  it('nothing for no prefixes', () => {
    expect(announce('ipv4', ATTRIBUTES, hosts('ipv4', 0))).toEqual([]);
    expect(withdraw('ipv6', hosts('ipv6', 0))).toEqual([]);
  });

  describe.each<[Family, PathAttributes, number, boolean]>([
    ['ipv4', ATTRIBUTES, 4096, false],
    ['ipv4', ATTRIBUTES, 4096, true],
    ['ipv4', ATTRIBUTES6, 4096, false],
    ['ipv6', ATTRIBUTES6, 4096, false],
    ['ipv6', ATTRIBUTES6, 65535, true],
  ])('%s via %j, at most %d octets, path identifiers %p', (family, attributes, maxMessageOctets, addPath) => {
    const families: Family[] = addPath ? [family] : [];
    const context: WireContext = {
      ...INTERNAL,
      maxMessageOctets,
      addPathSend: families,
      addPathReceive: families,
    };
    const entryOctets = (addPath ? 4 : 0) + (family === 'ipv4' ? 5 : 17);
    const count = 2 * Math.ceil(maxMessageOctets / entryOctets) + 1;
    const source = hosts(family, count, addPath);

    it.each([
      ['announced', () => announce(family, attributes, source, context)],
      ['withdrawn', () => withdraw(family, source, context)],
    ])('%s: all prefixes in order, and no message could take one more', (_what, encode) => {
      const messages = encode();
      expect(messages.length).toBeGreaterThan(2);
      for (const [i, message] of messages.entries()) {
        expect(message.length).toBeLessThanOrEqual(maxMessageOctets);
        expect(message.length).toBe((message[16]! << 8) | message[17]!);
        if (i < messages.length - 1) expect(message.length).toBeGreaterThan(maxMessageOctets - entryOctets);
      }
      const prefixes = messages.flatMap((message) => {
        const decoded = decodeUpdate(message.subarray(19), context);
        if (!decoded.ok) throw new Error(JSON.stringify(decoded.error));
        expect(decoded.update.findings).toEqual([]);
        const { announced, withdrawn } = decoded.update;
        return [...announced.map(({ nlri }) => nlri), ...withdrawn].flatMap(prefixesOf);
      });
      expect(prefixes).toHaveLength(count);
      expect(new Set(prefixes).size).toBe(count);
      const full = family === 'ipv4' ? '10.0.0.1/32' : 'a00:1::1/128';
      expect(prefixes[1]).toBe(addPath ? `#1 ${full}` : full);
    });
  });

  it('not when the attributes leave no room for any prefix (RFC 8654 §4)', () => {
    const withCommunities = (count: number) => ({
      ...ATTRIBUTES,
      communities: Array.from({ length: count }, (_, i) => i),
    });
    const out = jest.fn();
    // 4096 - 23 - 21 of the others - 4 of the header = 4048 for communities and a prefix of up to 5 octets
    expect(encodeAnnounce('ipv4', withCommunities(1011), hosts('ipv4', 1), INTERNAL, out)).toBe(false);
    expect(out).not.toHaveBeenCalled();
    expect(encodeAnnounce('ipv4', withCommunities(1010), hosts('ipv4', 2), INTERNAL, out)).toBe(true);
    expect(out).toHaveBeenCalledTimes(2);
  });

  it('each with the indexes of its prefixes, which follow on each other', () => {
    const ranges: number[][] = [];
    const count = 2000;
    encodeWithdraw('ipv6', hosts('ipv6', count), INTERNAL, (message, first, end) => {
      const decoded = decodeUpdate(message.subarray(19), INTERNAL);
      expect(decoded.ok && decoded.update.withdrawn.flatMap(prefixesOf)).toHaveLength(end - first);
      ranges.push([first, end]);
    });
    expect(ranges.length).toBeGreaterThan(2);
    expect(ranges.map(([first]) => first)).toEqual([0, ...ranges.slice(0, -1).map(([, end]) => end)]);
    expect(ranges.at(-1)?.[1]).toBe(count);
  });

  it.each<[string, (max: number) => number[], number]>([
    [
      'withdrawn',
      (max) =>
        withdraw('ipv4', hosts('ipv4', 10), { ...INTERNAL, maxMessageOctets: max }).map((m) => m.length),
      23 + 50,
    ],
    [
      'announced',
      (max) =>
        announce('ipv4', ATTRIBUTES, hosts('ipv4', 10), { ...INTERNAL, maxMessageOctets: max }).map(
          (m) => m.length,
        ),
      23 + 21 + 50,
    ],
    [
      'in MP_UNREACH_NLRI',
      (max) =>
        withdraw('ipv6', hosts('ipv6', 10), { ...INTERNAL, maxMessageOctets: max }).map((m) => m.length),
      23 + 7 + 170,
    ],
    [
      'in MP_REACH_NLRI',
      (max) =>
        announce('ipv6', ATTRIBUTES6, hosts('ipv6', 10), { ...INTERNAL, maxMessageOctets: max }).map(
          (m) => m.length,
        ),
      23 + 25 + 170 + 14,
    ],
  ])('to the last octet: ten prefixes %s', (_what, lengths, exact) => {
    expect(lengths(exact)).toEqual([exact]);
    expect(lengths(exact - 1)).toHaveLength(2);
  });

  it('never without a next hop: that is a bug of the caller', () => {
    expect(() => announce('ipv4', { origin: 0, asPath: [] }, hosts('ipv4', 1))).toThrow(/^invariant/);
  });

  it('each into octets of its own', () => {
    const messages = announce('ipv4', ATTRIBUTES, hosts('ipv4', 2000));
    const before = messages.map(formatHex);
    announce('ipv4', ATTRIBUTES, hosts('ipv4', 5));
    expect(messages.map(formatHex)).toEqual(before);
  });
});

it('an UPDATE as plain data says all of it', () => {
  const decoded = decodeUpdate(body(TEN, '', ''), INTERNAL);
  expect(decoded.ok && plain(decoded.update)).toEqual({
    type: 'Update',
    withdrawn: [['10.0.0.0/8']],
    announced: [],
    findings: [],
    treatAsWithdraw: false,
  });
});

it('unrecognized attributes are kept by ascending code, whatever order they came in', () => {
  const decoded = decodeUpdate(body('', `${GOOD}c0630102c0620101e0c80103`, TEN), INTERNAL);
  expect(decoded.ok && decoded.update.attributes?.unrecognized).toEqual([
    { code: 98, flags: 0xc0, value: Uint8Array.of(1) },
    { code: 99, flags: 0xc0, value: Uint8Array.of(2) },
    { code: 200, flags: 0xe0, value: Uint8Array.of(3) },
  ]);
});
