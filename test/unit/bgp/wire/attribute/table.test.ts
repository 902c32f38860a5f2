import { address, type PathAttributes, Reader, type WireContext, Writer } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';
import {
  decodeAttributes,
  encodeAttributes,
  MAX_FINDINGS,
} from '../../../../../bgp/src/wire/attribute/table.ts';

const CONTEXT: WireContext = {
  asOctets: 4,
  maxMessageOctets: 4096,
  families: ['ipv4', 'ipv6'],
  addPathReceive: [],
  addPathSend: [],
  peerType: 'internal',
};
const TWO: WireContext = { ...CONTEXT, asOctets: 2 };
const EXTERNAL: WireContext = { ...CONTEXT, peerType: 'external' };

const decode = (hex: string, context = CONTEXT) => decodeAttributes(new Reader(parseHex(hex)), context);
const outcomes = (hex: string, context = CONTEXT) =>
  decode(hex, context).findings.map(({ attribute, outcome }) => `${attribute}: ${outcome}`);

/** flags, code, length and value, as in a message. */
const attribute = (flags: number, code: number, value: string): string => {
  const octets = parseHex(value);
  const length = octets.length > 255 ? [octets.length >> 8, octets.length & 255] : [octets.length];
  return formatHex(Uint8Array.from([octets.length > 255 ? flags | 0x10 : flags, code, ...length, ...octets]));
};

interface Row {
  readonly name: string;
  readonly code: number;
  readonly flags: number;
  readonly value: string;
  readonly decoded: object;
  /** Of a wrong length, value or flags; RFC 7606 §7. */
  readonly outcome: 'attribute-discard' | 'treat-as-withdraw' | 'session-reset';
  readonly context?: WireContext;
  /** Values of a right length that are malformed all the same. */
  readonly bad?: readonly string[];
  readonly mayBeEmpty?: true;
  /** Lengths beside that of `value` by one octet that are right as well. */
  readonly anyLength?: true;
}

const ROWS: readonly Row[] = [
  {
    name: 'ORIGIN',
    code: 1,
    flags: 0x40,
    value: '02',
    decoded: { origin: 2 },
    outcome: 'treat-as-withdraw',
    bad: ['03', 'ff'],
  },
  {
    name: 'AS_PATH',
    code: 2,
    flags: 0x40,
    value: '02 01 0000fde9',
    outcome: 'treat-as-withdraw',
    mayBeEmpty: true,
    decoded: { asPath: [{ type: 'AS_SEQUENCE', asNumbers: [65001] }] },
    bad: ['00 01 0000fde9', '05 01 0000fde9', '02 00', '02 02 0000fde9', '02 01 00000000'],
  },
  {
    name: 'NEXT_HOP',
    code: 3,
    flags: 0x40,
    value: '0a000001',
    decoded: { nextHop: '10.0.0.1' },
    outcome: 'treat-as-withdraw',
    bad: ['00000000', 'e0000001', 'ffffffff'],
  },
  {
    name: 'MULTI_EXIT_DISC',
    code: 4,
    flags: 0x80,
    value: 'ffffffff',
    decoded: { multiExitDisc: 4294967295 },
    outcome: 'treat-as-withdraw',
  },
  {
    name: 'LOCAL_PREF',
    code: 5,
    flags: 0x40,
    value: '80000000',
    decoded: { localPref: 2147483648 },
    outcome: 'treat-as-withdraw',
  },
  {
    name: 'ATOMIC_AGGREGATE',
    code: 6,
    flags: 0x40,
    value: '',
    decoded: { atomicAggregate: true },
    outcome: 'attribute-discard',
    mayBeEmpty: true,
  },
  {
    name: 'AGGREGATOR',
    code: 7,
    flags: 0xc0,
    value: '0000fde9 0a000001',
    outcome: 'attribute-discard',
    decoded: { aggregator: { asNumber: 65001, address: '10.0.0.1' } },
    bad: ['00000000 0a000001'],
  },
  {
    name: 'COMMUNITIES',
    code: 8,
    flags: 0xc0,
    value: 'fc000064 ffffff01',
    decoded: { communities: [0xfc000064, 0xffffff01] },
    outcome: 'treat-as-withdraw',
  },
  {
    name: 'ORIGINATOR_ID',
    code: 9,
    flags: 0x80,
    value: '0a000009',
    decoded: { originatorId: '10.0.0.9' },
    outcome: 'treat-as-withdraw',
  },
  {
    name: 'CLUSTER_LIST',
    code: 10,
    flags: 0x80,
    value: '0a000009 00000001',
    decoded: { clusterList: ['10.0.0.9', '0.0.0.1'] },
    outcome: 'treat-as-withdraw',
  },
  {
    name: 'EXTENDED COMMUNITIES',
    code: 16,
    flags: 0xc0,
    value: '0002fc0000000007 4004000000000001',
    outcome: 'treat-as-withdraw',
    decoded: { extendedCommunities: ['0002fc0000000007', '4004000000000001'] },
  },
  {
    name: 'AS4_PATH',
    code: 17,
    flags: 0xc0,
    value: '02 01 fa56ea00',
    outcome: 'attribute-discard',
    context: TWO,
    decoded: { as4Path: [{ type: 'AS_SEQUENCE', asNumbers: [4200000000] }] },
    bad: ['09 01 fa56ea00', '02 00', '02 01 00000000'],
  },
  {
    name: 'AS4_AGGREGATOR',
    code: 18,
    flags: 0xc0,
    value: 'fa56ea00 0a000001',
    outcome: 'attribute-discard',
    context: TWO,
    decoded: { as4Aggregator: { asNumber: 4200000000, address: '10.0.0.1' } },
    bad: ['00000000 0a000001'],
  },
  {
    name: 'LARGE_COMMUNITY',
    code: 32,
    flags: 0xc0,
    value: '0000fc00 00000001 ffffffff',
    outcome: 'treat-as-withdraw',
    decoded: { largeCommunities: [[64512, 1, 4294967295]] },
  },
  {
    name: 'MP_UNREACH_NLRI',
    code: 15,
    flags: 0x80,
    value: '0002 01',
    outcome: 'session-reset',
    decoded: {
      mpUnreachNlri: { type: 'routes', nlri: { family: 'ipv6', addPath: false, octets: new Uint8Array(0) } },
    },
    anyLength: true,
    bad: ['0002 01 81', '0002 01 40 20'],
  },
  {
    name: 'MP_REACH_NLRI',
    code: 14,
    flags: 0x80,
    value: '0002 01 10 20010db8000000000000000000000001 00',
    outcome: 'session-reset',
    decoded: {
      mpReachNlri: {
        type: 'routes',
        nextHop: { address: '2001:db8::1' },
        nlri: { family: 'ipv6', addPath: false, octets: new Uint8Array(0) },
      },
    },
    anyLength: true,
    bad: ['0002 01 04 0a000001 00', '0002 01 10 20', '0002 01 10 20010db8000000000000000000000001 00 81'],
  },
];

describe.each(ROWS)(
  '$name',
  ({ name, code, flags, value, decoded, outcome, context = CONTEXT, bad = [], mayBeEmpty, anyLength }) => {
    const octets = formatHex(parseHex(value));

    it('is read', () => {
      const result = decode(attribute(flags, code, octets), context);
      expect(result.values).toEqual(decoded);
      expect(result.findings).toEqual([]);
    });

    it('is read with Extended Length as well', () => {
      const { length } = parseHex(value);
      const hex = formatHex(Uint8Array.of(flags | 0x10, code, length >> 8, length)) + octets;
      expect(decode(hex, context).values).toEqual(decoded);
    });

    it(`leads to ${outcome} when malformed`, () => {
      for (const wrong of bad) {
        expect([wrong, outcomes(attribute(flags, code, wrong), context)]).toEqual([
          wrong,
          [`${name}: ${outcome}`],
        ]);
      }
    });

    if (!anyLength) {
      it(`leads to ${outcome} with an octet too many or too few`, () => {
        expect(outcomes(attribute(flags, code, `${octets}00`), context)).toEqual([`${name}: ${outcome}`]);
        if (octets !== '') {
          expect(outcomes(attribute(flags, code, octets.slice(2)), context)).toEqual([`${name}: ${outcome}`]);
        }
      });
    }

    if (mayBeEmpty) {
      it('may be empty', () => expect(outcomes(attribute(flags, code, ''), context)).toEqual([]));
    } else {
      it(`leads to ${outcome} when empty (RFC 7606 §4)`, () => {
        expect(outcomes(attribute(flags, code, ''), context)).toEqual([`${name}: ${outcome}`]);
      });
    }

    // RFC 7606 §3c: never a reset, as the routes can be read; AS4_PATH and AS4_AGGREGATOR are read from peers with two octets
    it.each([0x80, 0x40])('leads to treat-as-withdraw with flag %p turned over', (flag) => {
      const wrong = attribute(flags ^ flag, code, octets);
      expect(outcomes(wrong, context)).toEqual([`${name}: treat-as-withdraw`]);
    });

    it('may have any of the low flags, which are to be ignored', () => {
      expect(decode(attribute(flags | 0x0f, code, octets), context).values).toEqual(decoded);
    });

    const twice = name.startsWith('MP_') ? 'session-reset' : 'attribute-discard';
    it(`leads to ${twice} when it is there twice (RFC 7606 §3g)`, () => {
      const one = attribute(flags, code, octets);
      const result = decode(one + one, context);
      expect(result.findings.map((finding) => finding.outcome)).toEqual([twice]);
      expect(result.values).toEqual(decoded);
    });
  },
);

describe('attributes of internal sessions are discarded unread on external ones (RFC 7606 §7.5, §7.9, §7.10)', () => {
  it.each([
    ['LOCAL_PREF', 5, 0x40, '00000064'],
    ['LOCAL_PREF', 5, 0x40, '64'],
    ['LOCAL_PREF', 5, 0xc0, '00000064'],
    ['ORIGINATOR_ID', 9, 0x80, '0a000001'],
    ['CLUSTER_LIST', 10, 0x80, '0a0000'],
  ])('%s', (name, code, flags, value) => {
    const result = decode(attribute(flags, code, value), EXTERNAL);
    expect(result.values).toEqual({});
    expect(result.findings).toMatchObject([{ attribute: name, outcome: 'attribute-discard' }]);
  });
});

describe('attributes of two-octet sessions are discarded on others (RFC 6793 §6)', () => {
  it.each([
    ['AS4_PATH', 17, '02 01 fa56ea00'],
    ['AS4_AGGREGATOR', 18, 'fa56ea00 0a000001'],
  ])('%s', (name, code, value) => {
    expect(outcomes(attribute(0xc0, code, value))).toEqual([`${name}: attribute-discard`]);
  });
});

describe('attributes that no row knows (RFC 4271 §5, §6.3)', () => {
  it('are kept when they are transitive, with the Partial bit as it came', () => {
    expect(decode(`${attribute(0xc0, 99, '0102')}${attribute(0xef, 98, '')}`).unrecognized).toEqual([
      { code: 99, flags: 0xc0, value: Uint8Array.of(1, 2) },
      { code: 98, flags: 0xe0, value: new Uint8Array(0) },
    ]);
  });

  it('are ignored quietly when they are not', () => {
    const result = decode(attribute(0x80, 99, '0102'));
    expect(result.unrecognized).toEqual([]);
    expect(result.findings).toEqual([]);
  });

  it.each([0x40, 0x00, 0x20])('reset the session when they are well-known: flags %p', (flags) => {
    const hex = attribute(flags, 99, '0102');
    const result = decode(hex);
    expect(result.outcome).toBe('session-reset');
    expect(result.error).toMatchObject({ code: 3, subcode: 2 });
    expect(formatHex(result.error!.data)).toBe(hex);
  });

  it('are kept once when they come twice', () => {
    const result = decode(attribute(0xc0, 99, '01') + attribute(0xc0, 99, '02'));
    expect(result.unrecognized).toEqual([{ code: 99, flags: 0xc0, value: Uint8Array.of(1) }]);
    expect(result.findings).toMatchObject([{ code: 99, outcome: 'attribute-discard' }]);
  });
});

describe('the loop', () => {
  it.each([
    ['the header is cut', '40'],
    ['the header is cut before the length', '4001'],
    ['an extended length is cut', '500100'],
    ['the value is cut', '40010200'],
    ['the length is far too large', '5001ffff00'],
  ])('ends with treat-as-withdraw when %s, and keeps what came before (RFC 7606 §4)', (_what, hex) => {
    const result = decode(attribute(0x80, 4, '00000007') + hex);
    expect(result.outcome).toBe('treat-as-withdraw');
    expect(result.error).toMatchObject({ code: 3, subcode: 1 });
    expect(result.values).toEqual({ multiExitDisc: 7 });
    expect(result.count).toBe(2);
  });

  it('keeps the strongest outcome and its NOTIFICATION (RFC 7606 §3h)', () => {
    const result = decode(
      attribute(0x40, 6, '01') + attribute(0x40, 1, '09') + attribute(0x80, 4, '01') + attribute(0x40, 6, ''),
    );
    expect(result.outcome).toBe('treat-as-withdraw');
    expect(result.error).toMatchObject({ code: 3, subcode: 6, data: Uint8Array.of(0x40, 1, 1, 9) });
    expect(result.findings.map(({ outcome }) => outcome)).toEqual([
      'attribute-discard',
      'treat-as-withdraw',
      'treat-as-withdraw',
      'attribute-discard',
    ]);
  });

  it('reads on after a malformed attribute', () => {
    expect(decode(attribute(0x40, 1, '0909') + attribute(0x80, 4, '00000007')).values).toEqual({
      multiExitDisc: 7,
    });
  });

  it('names the subcode of RFC 4271 §6.3 for each kind of error', () => {
    const subcode = (hex: string) => decode(hex).error?.subcode;
    expect(subcode(attribute(0xc0, 1, '00'))).toBe(4);
    expect(subcode(attribute(0x40, 1, '0000'))).toBe(5);
    expect(subcode(attribute(0x40, 1, '03'))).toBe(6);
    expect(subcode(attribute(0x40, 3, '00000000'))).toBe(8);
    expect(subcode(attribute(0x40, 2, '0900'))).toBe(11);
    expect(subcode(attribute(0x80, 14, '0002011000'))).toBe(9);
  });

  it('bounds the findings, not what they lead to', () => {
    const many = Array.from({ length: 300 }, () => attribute(0xc0, 99, '')).join('');
    const result = decode(many + attribute(0x40, 1, '03'));
    expect(result.findings).toHaveLength(MAX_FINDINGS);
    expect(result.outcome).toBe('treat-as-withdraw');
  });
});

describe('two-octet AS numbers (RFC 6793 §4.2.3)', () => {
  const asPath = (...asNumbers: number[]) =>
    attribute(
      0x40,
      2,
      `02${formatHex(Uint8Array.of(asNumbers.length))}${asNumbers.map((as) => as.toString(16).padStart(4, '0')).join('')}`,
    );
  const as4Path = attribute(0xc0, 17, '02 01 fa56ea00');

  it('AS4_PATH fills in what AS_TRANS stands for', () => {
    expect(decode(asPath(1, 23456) + as4Path, TWO).values.asPath).toEqual([
      { type: 'AS_SEQUENCE', asNumbers: [1, 4200000000] },
    ]);
  });

  it('AS4_AGGREGATOR replaces an AGGREGATOR of AS_TRANS', () => {
    const { aggregator, asPath: path } = decode(
      asPath(23456) + attribute(0xc0, 7, '5ba00a000001') + as4Path + attribute(0xc0, 18, 'fa56ea000a000002'),
      TWO,
    ).values;
    expect(aggregator).toEqual({ asNumber: 4200000000, address: '10.0.0.2' });
    expect(path).toEqual([{ type: 'AS_SEQUENCE', asNumbers: [4200000000] }]);
  });

  it('both AS4 attributes are outdated beside an AGGREGATOR of another AS', () => {
    const { aggregator, asPath: path } = decode(
      asPath(23456) + attribute(0xc0, 7, 'fde90a000001') + as4Path + attribute(0xc0, 18, 'fa56ea000a000002'),
      TWO,
    ).values;
    expect(aggregator).toEqual({ asNumber: 65001, address: '10.0.0.1' });
    expect(path).toEqual([{ type: 'AS_SEQUENCE', asNumbers: [23456] }]);
  });

  it('a malformed AS4_PATH is discarded alone', () => {
    const result = decode(asPath(23456) + attribute(0xc0, 17, '0900'), TWO);
    expect(result.outcome).toBe('attribute-discard');
    expect(result.values.asPath).toEqual([{ type: 'AS_SEQUENCE', asNumbers: [23456] }]);
  });
});

describe('encodeAttributes', () => {
  const encode = (attributes: PathAttributes, context = CONTEXT, nextHop?: string) => {
    const w = new Writer(1);
    encodeAttributes(w, attributes, context, nextHop === undefined ? undefined : address(nextHop));
    return formatHex(w.take());
  };
  const least: PathAttributes = { origin: 0, asPath: [] };

  it('writes the mandatory ones always', () => {
    expect(encode(least)).toBe('40010100' + '400200');
  });

  it('writes NEXT_HOP only when told, whatever the attributes have', () => {
    const attributes = { ...least, nextHop: { address: address('10.0.0.7') } };
    expect(encode(attributes)).toBe(encode(least));
    expect(encode(attributes, CONTEXT, '10.0.0.1')).toBe('40010100' + '400200' + '4003040a000001');
  });

  it('writes all in ascending order, unrecognized ones between', () => {
    const value = Uint8Array.of(1);
    const hex = encode(
      {
        ...least,
        multiExitDisc: 1,
        localPref: 2,
        atomicAggregate: true,
        aggregator: { asNumber: 3, address: address('10.0.0.1') },
        communities: [4],
        originatorId: address('10.0.0.5'),
        clusterList: [address('10.0.0.6')],
        extendedCommunities: ['0002fc0000000007'],
        largeCommunities: [[8, 9, 10]],
        unrecognized: [
          { code: 13, flags: 0xc0, value },
          { code: 20, flags: 0xe0, value },
          { code: 200, flags: 0xd0, value },
        ],
      },
      CONTEXT,
      '10.0.0.1',
    );
    expect(hex).toBe(
      [
        '40010100',
        '400200',
        '4003040a000001',
        '80040400000001',
        '40050400000002',
        '400600',
        'c00708000000030a000001',
        'c0080400000004',
        '8009040a000005',
        '800a040a000006',
        'e00d0101',
        'c010080002fc0000000007',
        'e0140101',
        'c0200c00000008000000090000000a',
        'e0c80101',
      ].join(''),
    );
  });

  it('leaves out lists without entries, which would be malformed', () => {
    const none = {
      communities: [],
      clusterList: [],
      extendedCommunities: [],
      largeCommunities: [],
      unrecognized: [],
    };
    expect(encode({ ...least, ...none })).toBe(encode(least));
  });

  it('writes 0 as a value', () => {
    expect(encode({ ...least, multiExitDisc: 0, localPref: 0 })).toContain(
      '80040400000000' + '40050400000000',
    );
  });

  it('sets Extended Length beyond 255 octets, not before', () => {
    const communities = (count: number) =>
      encode({ ...least, communities: Array.from({ length: count }, () => 7) });
    expect(communities(63)).toContain('c008fc00000007');
    expect(communities(64)).toContain('d008010000000007');
  });

  it('keeps the Partial bit of what came with it (RFC 4271 §5)', () => {
    expect(encode({ ...least, communities: [4], partial: [8] })).toContain('e0080400000004');
    const { partial } = decode(attribute(0xe0, 8, '00000004'));
    expect(partial).toEqual([8]);
  });

  it('splits a segment of more than 255 AS numbers', () => {
    const asNumbers = Array.from({ length: 300 }, () => 1);
    const hex = encode({ ...least, asPath: [{ type: 'AS_SEQUENCE', asNumbers }] });
    expect(hex).toBe(`40010100${'500204b4'}02ff${'00000001'.repeat(255)}022d${'00000001'.repeat(45)}`);
  });

  it('writes AS_TRANS and the AS4 attributes to a speaker with two octets (RFC 6793 §4.2.2)', () => {
    const attributes: PathAttributes = {
      ...least,
      asPath: [{ type: 'AS_SEQUENCE', asNumbers: [65001, 4200000000] }],
      aggregator: { asNumber: 4200000000, address: address('10.0.0.1') },
    };
    expect(encode(attributes, TWO)).toBe(
      [
        '40010100',
        '4002060202fde95ba0',
        'c007065ba00a000001',
        'c0110a02020000fde9fa56ea00',
        'c01208fa56ea000a000001',
      ].join(''),
    );
  });

  it('writes no AS4 attribute where all AS numbers fit', () => {
    const attributes: PathAttributes = {
      ...least,
      asPath: [{ type: 'AS_SEQUENCE', asNumbers: [65535] }],
      aggregator: { asNumber: 65535, address: address('10.0.0.1') },
    };
    expect(encode(attributes, TWO)).toBe(['40010100', '4002040201ffff', 'c00706ffff0a000001'].join(''));
  });
});
