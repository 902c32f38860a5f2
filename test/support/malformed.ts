// A corpus of UPDATEs with one thing wrong each, and what RFC 7606 makes of them. The table below is written from the
// RFCs and shares nothing with our codec: octets are put together by hand, outcomes are looked up here.

export type Outcome = 'none' | 'attribute-discard' | 'treat-as-withdraw' | 'session-reset';

/** What the session agreed on, as far as octets depend on it. */
export interface Setting {
  readonly asOctets: 2 | 4;
  readonly addPath: boolean;
  readonly peerType: 'internal' | 'external';
  /** Where the route stands: in the NLRI field, or in MP_REACH_NLRI. */
  readonly family: 'ipv4' | 'ipv6';
}

export interface Case {
  /** "COMMUNITIES, one octet less, last, …": for the message of a test that fails. */
  readonly name: string;
  readonly setting: Setting;
  /** Of the UPDATE, after the header. */
  readonly body: Uint8Array;
  readonly expected: Outcome;
  /** Subcode of the UPDATE Message Error, where the session ends. */
  readonly subcode: number | undefined;
  /** Of the attribute that is wrong. */
  readonly code: number;
}

interface Octets {
  readonly flags: number;
  readonly code: number;
  readonly value: readonly number[];
}

interface Row {
  readonly code: number;
  readonly name: string;
  readonly flags: number;
  /** A value that is fine. */
  readonly value: (setting: Setting) => readonly number[];
  /** Of a wrong length or value. */
  readonly malformed: Outcome;
  /** An empty value is none (RFC 7606 §4). */
  readonly mayBeEmpty?: true;
  /** Has no length to be wrong (an attribute that nobody here knows). */
  readonly anyLength?: true;
  readonly internalOnly?: true;
  /** Values of a right length that are wrong all the same. */
  readonly bad?: (setting: Setting) => readonly (readonly [what: string, value: readonly number[]])[];
  /** UPDATE Message Error subcode when that ends the session. */
  readonly subcode?: number;
}

const as = (setting: Setting, ...numbers: number[]): number[] =>
  numbers.flatMap((each) =>
    setting.asOctets === 4 ? [0, 0, each >> 8, each & 255] : [each >> 8, each & 255],
  );
const as4 = (...numbers: number[]): number[] => numbers.flatMap((each) => [0, 0, each >> 8, each & 255]);
const pathId = (setting: Setting): number[] => (setting.addPath ? [0, 0, 0, 7] : []);

/** The route that every message of the corpus is about. */
export const PREFIX = { ipv4: '10.65.3.0/24', ipv6: 'fd00:65:3::/48' } as const;
const prefixOctets = (setting: Setting): number[] => [
  ...pathId(setting),
  ...(setting.family === 'ipv4' ? [24, 10, 65, 3] : [48, 0xfd, 0, 0, 0x65, 0, 3]),
];
/** Another one, which MP_UNREACH_NLRI withdraws. */
const otherIpv6 = (setting: Setting): number[] => [...pathId(setting), 48, 0xfd, 0, 0, 0x66, 0, 4];

const NEXT_HOP_IPV4 = [10, 0, 0, 2];
const NEXT_HOP_IPV6 = [0xfd, 0, ...Array(13).fill(0), 2];
const reach = (setting: Setting, nextHop: readonly number[] = NEXT_HOP_IPV6): number[] => [
  ...[0, 2, 1, nextHop.length, ...nextHop, 0],
  ...(setting.family === 'ipv6' ? prefixOctets(setting) : otherIpv6(setting)),
];

/** RFC 7606 §7, RFC 8092 §6, RFC 6793 §6, RFC 7607 §2; flags: the RFC of each attribute. */
const ROWS: readonly Row[] = [
  {
    code: 1,
    name: 'ORIGIN',
    flags: 0x40,
    value: () => [0],
    malformed: 'treat-as-withdraw',
    bad: () => [3, 4, 127, 255].map((each) => [`value ${each}`, [each]] as const),
  },
  {
    code: 2,
    name: 'AS_PATH',
    flags: 0x40,
    value: (s) => [2, 2, ...as(s, 64513, 64520)],
    malformed: 'treat-as-withdraw',
    mayBeEmpty: true,
    bad: (s) => [
      ['an unknown segment type', [9, 1, ...as(s, 64513)]],
      ['segment type 0', [0, 1, ...as(s, 64513)]],
      ['an empty segment', [2, 1, ...as(s, 64513), 2, 0]],
      ['a segment beyond the end', [2, 3, ...as(s, 64513, 64520)]],
      ['one octet after the segments', [2, 1, ...as(s, 64513), 2]],
      ['AS number 0', [2, 2, ...as(s, 64513, 0)]],
    ],
  },
  {
    code: 3,
    name: 'NEXT_HOP',
    flags: 0x40,
    value: () => NEXT_HOP_IPV4,
    malformed: 'treat-as-withdraw',
  },
  {
    code: 4,
    name: 'MULTI_EXIT_DISC',
    flags: 0x80,
    value: () => [0, 0, 0, 9],
    malformed: 'treat-as-withdraw',
  },
  {
    code: 5,
    name: 'LOCAL_PREF',
    flags: 0x40,
    value: () => [0, 0, 0, 100],
    malformed: 'treat-as-withdraw',
    internalOnly: true,
  },
  {
    code: 6,
    name: 'ATOMIC_AGGREGATE',
    flags: 0x40,
    value: () => [],
    malformed: 'attribute-discard',
    mayBeEmpty: true,
  },
  {
    code: 7,
    name: 'AGGREGATOR',
    flags: 0xc0,
    value: (s) => [...as(s, 64520), 10, 1, 1, 1],
    malformed: 'attribute-discard',
    bad: (s) => [['AS number 0', [...as(s, 0), 10, 1, 1, 1]]],
  },
  {
    code: 8,
    name: 'COMMUNITIES',
    flags: 0xc0,
    value: () => [0xfc, 0, 0, 1, 0xfc, 0, 0, 2],
    malformed: 'treat-as-withdraw',
  },
  {
    code: 9,
    name: 'ORIGINATOR_ID',
    flags: 0x80,
    value: () => [10, 9, 9, 9],
    malformed: 'treat-as-withdraw',
    internalOnly: true,
  },
  {
    code: 10,
    name: 'CLUSTER_LIST',
    flags: 0x80,
    value: () => [10, 9, 9, 8, 10, 9, 9, 7],
    malformed: 'treat-as-withdraw',
    internalOnly: true,
  },
  {
    code: 14,
    name: 'MP_REACH_NLRI',
    flags: 0x80,
    value: reach,
    malformed: 'session-reset',
    subcode: 9,
    bad: (s) => [
      ['a next hop of 5 octets', reach(s, [0xfd, 0, 0, 0, 0])],
      ['no next hop', reach(s, [])],
      ['a next hop beyond the end', [0, 2, 1, 200, ...NEXT_HOP_IPV6, 0, ...otherIpv6(s)]],
      ['a prefix of 129 bits', [...reach(s), ...pathId(s), 129, ...Array(17).fill(0)]],
      ['the family alone', [0, 2, 1]],
    ],
  },
  {
    code: 15,
    name: 'MP_UNREACH_NLRI',
    flags: 0x80,
    value: (s) => [0, 2, 1, ...otherIpv6(s)],
    malformed: 'session-reset',
    subcode: 9,
    bad: (s) => [
      ['a prefix of 129 bits', [0, 2, 1, ...pathId(s), 129, ...Array(17).fill(0)]],
      ['half a family', [0, 2]],
    ],
  },
  {
    code: 16,
    name: 'EXTENDED COMMUNITIES',
    flags: 0xc0,
    value: () => [0, 2, 0xfc, 0, 0, 0, 0, 1],
    malformed: 'treat-as-withdraw',
  },
  {
    code: 17,
    name: 'AS4_PATH',
    flags: 0xc0,
    value: () => [2, 1, ...as4(64520)],
    malformed: 'attribute-discard',
    bad: () => [
      ['an unknown segment type', [9, 1, ...as4(64520)]],
      ['a segment beyond the end', [2, 2, ...as4(64520)]],
      ['an empty segment', [2, 0, 2, 1, ...as4(64520)]],
    ],
  },
  {
    code: 18,
    name: 'AS4_AGGREGATOR',
    flags: 0xc0,
    value: () => [...as4(64520), 10, 1, 1, 1],
    malformed: 'attribute-discard',
    bad: () => [['AS number 0', [...as4(0), 10, 1, 1, 1]]],
  },
  {
    code: 32,
    name: 'LARGE_COMMUNITY',
    flags: 0xc0,
    value: () => [0, 0, 0xfc, 0, 0, 0, 0, 1, 0, 0, 0, 2],
    malformed: 'treat-as-withdraw',
  },
  {
    code: 35, // RFC 9234 §5
    name: 'ONLY_TO_CUSTOMER',
    flags: 0xc0,
    value: () => [0, 0, 0xfc, 1],
    malformed: 'treat-as-withdraw',
  },
  {
    code: 221,
    name: 'an unknown transitive attribute',
    flags: 0xc0,
    value: () => [1, 2, 3, 4],
    malformed: 'none',
    anyLength: true,
  },
  {
    code: 222,
    name: 'an unknown non-transitive attribute',
    flags: 0x80,
    value: () => [1, 2, 3, 4],
    malformed: 'none',
    anyLength: true,
  },
];

/** UPDATE Message Error subcodes (RFC 4271 §6.3). */
const MALFORMED_ATTRIBUTE_LIST = 1;
const UNRECOGNIZED_WELL_KNOWN = 2;

/** One way to spoil an attribute. `last`: only where it stands last does it spoil nothing else. */
interface Fault {
  readonly what: string;
  readonly octets: readonly number[];
  readonly outcome: Outcome;
  readonly subcode?: number | undefined;
  readonly last?: true;
  /** More octets in another place of the list. */
  readonly again?: readonly number[];
}

const plain = ({ flags, code, value }: Octets): number[] =>
  value.length > 255
    ? [flags | 0x10, code, value.length >> 8, value.length & 255, ...value]
    : [flags, code, value.length, ...value];
const extended = ({ flags, code, value }: Octets): number[] => [
  ...[flags | 0x10, code, value.length >> 8, value.length & 255],
  ...value,
];

/** A malformed value that is not read at all has its own outcome: discarded (RFC 7606 §7.5, §7.9, §7.10; RFC 6793 §6). */
function unread(row: Row, setting: Setting): boolean {
  if (row.internalOnly === true && setting.peerType === 'external') return true;
  return (row.code === 17 || row.code === 18) && setting.asOctets === 4;
}

function faultsOf(row: Row, setting: Setting): Fault[] {
  const { flags, code } = row;
  const value = row.value(setting);
  const ignored = unread(row, setting);
  const whole = row.anyLength === true ? 'none' : ignored ? 'attribute-discard' : row.malformed;
  const fine: Outcome = ignored ? 'attribute-discard' : 'none';
  const { subcode } = row;
  const withValue = (what: string, changed: readonly number[], outcome: Outcome): Fault[] => [
    { what, octets: plain({ flags, code, value: changed }), outcome, subcode },
    { what: `${what}, extended length`, octets: extended({ flags, code, value: changed }), outcome, subcode },
  ];
  const faults: Fault[] = [
    ...withValue('as it should be', value, fine),
    ...withValue('empty', [], row.mayBeEmpty === true ? fine : whole),
    // 255 is no prefix length, no segment, and no whole number of anything.
    ...withValue('one octet more', [...value, 255], whole),
    ...[0x20, 0x01, 0x0f].map((bits) => ({
      // RFC 7606 §3c is about two bits; the Partial bit and the unused ones are nobody's error (RFC 4271 §4.3)
      what: `flags with 0x${bits.toString(16)}`,
      octets: plain({ flags: flags | bits, code, value }),
      outcome: fine,
    })),
    {
      what: 'twice',
      octets: plain({ flags, code, value }),
      again: plain({ flags, code, value }),
      // RFC 7606 §3g
      outcome: code === 14 || code === 15 ? 'session-reset' : 'attribute-discard',
      subcode: MALFORMED_ATTRIBUTE_LIST,
    },
    ...(row.bad?.(setting) ?? []).flatMap(([what, bad]) => withValue(what, bad, whole)),
    ...wrongFlags(row, value, setting),
  ];
  if (value.length > 0) faults.push(...withValue('one octet less', value.slice(0, -1), whole));
  // RFC 7606 §4: the list ends inside the attribute. Without its routes, MP_REACH_NLRI is beyond help (§5.2).
  const beyond: Outcome = code === 14 && setting.family === 'ipv6' ? 'session-reset' : 'treat-as-withdraw';
  for (const extra of [1, 40, 200]) {
    const octets = plain({ flags, code, value });
    octets[2] = Math.min(255, value.length + extra);
    faults.push({ what: `${extra} octets short`, octets, outcome: beyond, subcode: 1, last: true });
  }
  for (const cut of [1, 2]) {
    const octets = [flags | 0x10, code, 0].slice(0, cut + 1);
    if (code !== 14 || setting.family === 'ipv4')
      faults.push({ what: `${cut + 1} octets of a head`, octets, outcome: beyond, subcode: 1, last: true });
  }
  return faults;
}

/** RFC 7606 §3c: treat-as-withdraw, whatever a wrong length would have led to. */
function wrongFlags(row: Row, value: readonly number[], setting: Setting): Fault[] {
  return [0x80, 0x40, 0xc0].map((bits) => {
    const flags = row.flags ^ bits;
    const octets = plain({ flags, code: row.code, value });
    const what = `flags 0x${flags.toString(16)}`;
    if (row.anyLength === true) {
      // with other flags it is another unknown attribute; a well-known one must be known (RFC 4271 §6.3)
      return (flags & 0x80) === 0
        ? { what, octets, outcome: 'session-reset', subcode: UNRECOGNIZED_WELL_KNOWN }
        : { what, octets, outcome: 'none' };
    }
    return { what, octets, outcome: unread(row, setting) ? 'attribute-discard' : 'treat-as-withdraw' };
  });
}

/** What every UPDATE needs, in the order of codes. */
function required(setting: Setting): Octets[] {
  const codes = [
    1,
    2,
    ...(setting.family === 'ipv4' ? [3] : []),
    ...(setting.peerType === 'internal' ? [5] : []),
  ];
  if (setting.family === 'ipv6') codes.unshift(14);
  return codes.map((code) => {
    const row = ROWS.find((each) => each.code === code)!;
    return { flags: row.flags, code, value: row.value(setting) };
  });
}

const SETTINGS: readonly Setting[] = ([2, 4] as const).flatMap((asOctets) =>
  [false, true].flatMap((addPath) =>
    (['internal', 'external'] as const).flatMap((peerType) =>
      (['ipv4', 'ipv6'] as const).map((family) => ({ asOctets, addPath, peerType, family })),
    ),
  ),
);

function bodyOf(setting: Setting, attributes: readonly number[]): Uint8Array {
  const nlri = setting.family === 'ipv4' ? prefixOctets(setting) : [];
  return Uint8Array.from([0, 0, attributes.length >> 8, attributes.length & 255, ...attributes, ...nlri]);
}

/** A message with nothing wrong: the route that the cases are about. */
export const soundBody = (setting: Setting): Uint8Array => bodyOf(setting, required(setting).flatMap(plain));

/** Every attribute × what can be wrong with it × where it stands × what was agreed on. */
export function malformedCases(): Case[] {
  const cases: Case[] = [];
  for (const setting of SETTINGS) {
    const words = `${setting.family}, ${setting.asOctets}-octet AS, ADD-PATH ${setting.addPath ? 'on' : 'off'}, ${setting.peerType}`;
    for (const row of ROWS) {
      const others = required(setting).filter(({ code }) => code !== row.code);
      // NEXT_HOP without an NLRI field is for nobody (RFC 4760 §3), but it is read
      for (const fault of faultsOf(row, setting)) {
        const positions = fault.last === true ? [others.length] : [0, 1, others.length];
        for (const position of positions) {
          const list = others.map(plain);
          list.splice(position, 0, [...fault.octets]);
          if (fault.again !== undefined) list.push([...fault.again]);
          cases.push({
            name: `${row.name}, ${fault.what}, at ${position} of ${others.length}: ${words}`,
            setting,
            body: bodyOf(setting, list.flat()),
            expected: fault.outcome,
            subcode: fault.outcome === 'session-reset' ? fault.subcode : undefined,
            code: row.code,
          });
        }
      }
    }
    for (const { code } of required(setting)) {
      if (code === 14) continue;
      const name = ROWS.find((each) => each.code === code)!.name;
      cases.push({
        name: `${name} is missing: ${words}`,
        setting,
        body: bodyOf(
          setting,
          required(setting)
            .filter((each) => each.code !== code)
            .flatMap(plain),
        ),
        expected: 'treat-as-withdraw', // RFC 7606 §3d
        subcode: undefined,
        code,
      });
    }
  }
  return cases;
}
