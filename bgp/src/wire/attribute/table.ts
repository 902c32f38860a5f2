// The attributes by type code, the loop over them with RFC 7606's outcomes, and their way back to octets. What is missing
// and what an outcome means for the routes is for update.ts.

import type { Address } from '../../net/address.ts';
import { AS_TRANS, ATTRIBUTE_FLAG, ERROR_CODE, UPDATE_ERROR } from '../constants.ts';
import type { WireContext } from '../context.ts';
import { type Notification, notification } from '../notification.ts';
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';
import { aggregator } from './aggregator.ts';
import { asPath } from './as-path.ts';
import { as4Aggregator } from './as4-aggregator.ts';
import { as4Path, as4PathOf, mergeAs4Path } from './as4-path.ts';
import { atomicAggregate } from './atomic-aggregate.ts';
import { clusterList } from './cluster-list.ts';
import {
  type AttributeCodec,
  type AttributeFinding,
  type AttributeOutcome,
  CATEGORY_FLAGS,
  writeAttribute,
} from './codec.ts';
import { communities } from './communities.ts';
import { extendedCommunities } from './extended-communities.ts';
import { largeCommunities } from './large-communities.ts';
import { localPref } from './local-pref.ts';
import { type MpReachNlri, mpReachNlri } from './mp-reach-nlri.ts';
import { type MpUnreachNlri, mpUnreachNlri } from './mp-unreach-nlri.ts';
import { multiExitDisc } from './multi-exit-disc.ts';
import { nextHop } from './next-hop.ts';
import { origin } from './origin.ts';
import { originatorId } from './originator-id.ts';
import { onlyToCustomer } from './otc.ts';
import type { Aggregator, AsPath, PathAttributes, UnrecognizedAttribute } from './path-attributes.ts';
import { decodeUnrecognized, encodeUnrecognized, unrecognizedKind } from './unrecognized.ts';

/** Attribute values as they stand in a message: those of a route, and those that exist on the wire alone. */
type Values = {
  -readonly [K in keyof Omit<PathAttributes, 'nextHop' | 'unrecognized' | 'partial'>]?: NonNullable<
    PathAttributes[K]
  >;
} & {
  nextHop?: Address;
  as4Path?: AsPath;
  as4Aggregator?: Aggregator;
  mpReachNlri?: MpReachNlri;
  mpUnreachNlri?: MpUnreachNlri;
};

type Key = keyof Values;
interface Entry {
  readonly key: Key;
  readonly row: AttributeCodec<unknown>;
}

const ROWS: { readonly [K in Key]-?: AttributeCodec<NonNullable<Values[K]>> } = {
  origin,
  asPath,
  nextHop,
  multiExitDisc,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  mpReachNlri,
  mpUnreachNlri,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  largeCommunities,
  onlyToCustomer,
};

const ENTRIES: readonly Entry[] = (Object.keys(ROWS) as Key[])
  .map((key) => ({ key, row: ROWS[key] as AttributeCodec<unknown> }))
  .sort((a, b) => a.row.code - b.row.code);

const BY_CODE: readonly (Entry | undefined)[] = Array.from({ length: 256 }, (_, code) =>
  ENTRIES.find(({ row }) => row.code === code),
);

/** Findings kept of one message: more would only repeat them, and a peer chooses how many there are. */
export const MAX_FINDINGS = 16;

const STRENGTH: readonly (AttributeOutcome | undefined)[] = [
  undefined,
  'attribute-discard',
  'treat-as-withdraw',
  'session-reset',
];

/** What RFC 4271 §6.3 answers to a malformed value of these; Optional Attribute Error for the others. */
const INVALID_VALUE: Readonly<Partial<Record<Key, number>>> = {
  origin: UPDATE_ERROR.INVALID_ORIGIN_ATTRIBUTE,
  asPath: UPDATE_ERROR.MALFORMED_AS_PATH,
  nextHop: UPDATE_ERROR.INVALID_NEXT_HOP_ATTRIBUTE,
};

/** The attributes of one UPDATE, after the loop. */
export class DecodedAttributes {
  readonly values: Values = {};
  readonly unrecognized: UnrecognizedAttribute[] = [];
  readonly partial: number[] = [];
  readonly findings: AttributeFinding[] = [];
  /** Attributes in the list, readable or not. */
  count = 0;
  /** The strongest outcome found (RFC 7606 §3h). */
  outcome: AttributeOutcome | undefined;
  /** The NOTIFICATION for the first finding with that outcome, when it comes to that. */
  error: Notification | undefined;

  found(finding: AttributeFinding, subcode: number, data?: Uint8Array): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push(finding);
    if (STRENGTH.indexOf(finding.outcome) <= STRENGTH.indexOf(this.outcome)) return;
    this.outcome = finding.outcome;
    this.error = notification(ERROR_CODE.UPDATE_MESSAGE_ERROR, subcode, data && new Uint8Array(data));
  }

  /** The attributes of the routes; the caller has seen to it that the mandatory ones are there. */
  pathAttributes(): PathAttributes {
    const { origin, asPath } = this.values;
    if (origin === undefined || asPath === undefined) throw new Error('invariant: no ORIGIN or no AS_PATH');
    const { nextHop, as4Path, as4Aggregator, mpReachNlri, mpUnreachNlri, ...values } = this.values;
    return {
      ...values,
      origin,
      asPath,
      ...(this.unrecognized.length > 0 && {
        unrecognized: this.unrecognized.sort((a, b) => a.code - b.code),
      }),
      ...(this.partial.length > 0 && { partial: this.partial }),
    };
  }
}

/**
 * Reads a list of path attributes.
 * @param r  limited to the list.
 * @returns all that could be read, with findings. An `outcome` of session-reset ends the loop: `error` is to be sent.
 */
export function decodeAttributes(r: Reader, context: WireContext): DecodedAttributes {
  const decoded = new DecodedAttributes();
  const seen = new SeenCodes();
  while (r.remaining > 0 && decoded.outcome !== 'session-reset') {
    const start = r.at;
    const flags = r.u8();
    const code = r.u8();
    const length = (flags & ATTRIBUTE_FLAG.EXTENDED_LENGTH) !== 0 ? r.u16() : r.u8();
    decoded.count++;
    if (r.overrun || length > r.remaining) {
      // RFC 7606 §4: where this attribute should end nobody knows, but where the prefixes start is known
      decoded.found(
        {
          attribute: nameOf(code),
          code,
          outcome: 'treat-as-withdraw',
          detail: 'the attribute list ends inside the attribute',
        },
        UPDATE_ERROR.MALFORMED_ATTRIBUTE_LIST,
      );
      r.at = r.end;
      r.overrun = false;
      break;
    }
    const outer = r.limit(length);
    if (seen.add(code)) decodeOne(decoded, r, start, flags, code, context);
    else duplicate(decoded, code);
    r.unlimit(outer);
    r.overrun = false;
  }
  if (context.asOctets === 2) mergeFourOctets(decoded.values);
  return decoded;
}

/** RFC 7606 §3g: the first one counts, but routes that are told twice cannot be trusted. */
function duplicate(decoded: DecodedAttributes, code: number): void {
  const key = BY_CODE[code]?.key;
  decoded.found(
    {
      attribute: nameOf(code),
      code,
      outcome: key === 'mpReachNlri' || key === 'mpUnreachNlri' ? 'session-reset' : 'attribute-discard',
      detail: 'appears more than once; the first is used',
    },
    UPDATE_ERROR.MALFORMED_ATTRIBUTE_LIST,
  );
}

/** @param start  where the attribute's flags are; the reader is at its value and limited to it. */
function decodeOne(
  decoded: DecodedAttributes,
  r: Reader,
  start: number,
  flags: number,
  code: number,
  context: WireContext,
): void {
  const entry = BY_CODE[code];
  if (entry === undefined) {
    decodeUnknown(decoded, r, start, flags, code);
    return;
  }
  const { key, row } = entry;
  const { end } = r; // a row that gives up may leave a limit of its own
  const complain = (outcome: AttributeOutcome, subcode: number, detail: string) =>
    decoded.found({ attribute: row.name, code, outcome, detail }, subcode, r.octets.subarray(start, end));
  if (row.internalOnly === true && context.peerType === 'external') {
    complain('attribute-discard', UPDATE_ERROR.OPTIONAL_ATTRIBUTE_ERROR, 'not for external sessions');
    return;
  }
  if (row.twoOctetsOnly === true && context.asOctets === 4) {
    complain(
      'attribute-discard',
      UPDATE_ERROR.OPTIONAL_ATTRIBUTE_ERROR,
      'not from speakers with four octets',
    );
    return;
  }
  const lengthOctets = r.remaining;
  const expected = CATEGORY_FLAGS[row.category];
  if ((flags & (ATTRIBUTE_FLAG.OPTIONAL | ATTRIBUTE_FLAG.TRANSITIVE)) !== expected) {
    // RFC 7606 §3c, also where a wrong length would only be discarded: no attribute that is known here has a specification
    // with another answer. The routes in MP_*_NLRI can still be read, so that they can be withdrawn.
    complain(
      'treat-as-withdraw',
      UPDATE_ERROR.ATTRIBUTE_FLAGS_ERROR,
      `flags ${hex(flags)}, not ${hex(expected)}, as ${row.category}`,
    );
    if (row.malformed !== 'session-reset') return;
  }
  if (lengthOctets === 0 && row.mayBeEmpty !== true) {
    complain(row.malformed, lengthSubcode(row), 'is empty');
    return;
  }
  const value = row.decode(r, context);
  if (value === undefined) {
    complain(row.malformed, INVALID_VALUE[key] ?? UPDATE_ERROR.OPTIONAL_ATTRIBUTE_ERROR, 'malformed value');
  } else if (r.overrun || r.remaining > 0) {
    complain(row.malformed, lengthSubcode(row), `length ${lengthOctets}`);
  } else {
    (decoded.values as Record<Key, unknown>)[key] = value;
    if ((flags & ATTRIBUTE_FLAG.PARTIAL) !== 0 && KEEPS_PARTIAL.has(key)) decoded.partial.push(code);
  }
}

/** MP_*_NLRI say Optional Attribute Error whatever is wrong (RFC 4760 §7). */
const lengthSubcode = (row: AttributeCodec<unknown>): number =>
  row.malformed === 'session-reset'
    ? UPDATE_ERROR.OPTIONAL_ATTRIBUTE_ERROR
    : UPDATE_ERROR.ATTRIBUTE_LENGTH_ERROR;

/** Optional transitive attributes that go on as they came. */
const KEEPS_PARTIAL: ReadonlySet<Key> = new Set([
  'aggregator',
  'communities',
  'extendedCommunities',
  'largeCommunities',
  'onlyToCustomer',
]);

function decodeUnknown(
  decoded: DecodedAttributes,
  r: Reader,
  start: number,
  flags: number,
  code: number,
): void {
  switch (unrecognizedKind(flags)) {
    case 'well-known': // RFC 4271 §6.3
      decoded.found(
        { attribute: nameOf(code), code, outcome: 'session-reset', detail: 'well-known, but not known here' },
        UPDATE_ERROR.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
        r.octets.subarray(start, r.end),
      );
      return;
    case 'pass on':
      decoded.unrecognized.push(decodeUnrecognized(code, flags, r));
      return;
    case 'ignore':
      return;
  }
}

/** RFC 6793 §4.2.3: what speakers with four octets said, where those with two could not. */
function mergeFourOctets(values: Values): void {
  const { aggregator, as4Aggregator, asPath, as4Path } = values;
  if (aggregator !== undefined && as4Aggregator !== undefined) {
    // an AGGREGATOR that is not AS_TRANS was set later, by a speaker with two octets: both AS4_ attributes are outdated
    if (aggregator.asNumber !== AS_TRANS) return;
    values.aggregator = as4Aggregator;
  }
  if (asPath !== undefined && as4Path !== undefined) values.asPath = mergeAs4Path(asPath, as4Path);
}

/**
 * All path attributes but MP_REACH_NLRI and MP_UNREACH_NLRI, in ascending order of their codes. Attributes without a
 * value (an empty list) are left out.
 * @param nextHop  IPv4 address to send as NEXT_HOP; left out where MP_REACH_NLRI has the next hop.
 */
export function encodeAttributes(
  w: Writer,
  attributes: PathAttributes,
  context: WireContext,
  nextHop?: Address,
): void {
  const unrecognized = attributes.unrecognized ?? [];
  let next = 0;
  for (const { key, row } of ENTRIES) {
    const value = valueToSend(key, attributes, context, nextHop);
    if (value === undefined) continue;
    while (next < unrecognized.length && unrecognized[next]!.code < row.code) {
      encodeUnrecognized(w, unrecognized[next++]!);
    }
    const partial = attributes.partial?.includes(row.code) === true ? ATTRIBUTE_FLAG.PARTIAL : 0;
    writeAttribute(w, row, CATEGORY_FLAGS[row.category] | partial, value, context);
  }
  while (next < unrecognized.length) encodeUnrecognized(w, unrecognized[next++]!);
}

function valueToSend(
  key: Key,
  attributes: PathAttributes,
  context: WireContext,
  nextHop: Address | undefined,
): unknown {
  switch (key) {
    case 'nextHop':
      return nextHop;
    case 'mpReachNlri':
    case 'mpUnreachNlri':
      return undefined;
    case 'asPath':
      return attributes.asPath;
    case 'as4Path': // RFC 6793 §4.2.2
      return context.asOctets === 2 ? as4PathOf(attributes.asPath) : undefined;
    case 'as4Aggregator':
      return context.asOctets === 2 && (attributes.aggregator?.asNumber ?? 0) > 0xffff
        ? attributes.aggregator
        : undefined;
    default: {
      const value = attributes[key];
      return Array.isArray(value) && value.length === 0 ? undefined : value;
    }
  }
}

/** Which codes were there before. Most are below 32, and a message has few others. */
class SeenCodes {
  private low = 0;
  private high: Set<number> | undefined;

  /** @returns false when the code was there before. */
  add(code: number): boolean {
    if (code < 32) {
      const before = this.low;
      this.low |= 1 << code;
      return this.low !== before;
    }
    this.high ??= new Set();
    const before = this.high.size;
    return this.high.add(code).size > before;
  }
}

const nameOf = (code: number): string => BY_CODE[code]?.row.name ?? `attribute ${code}`;

const hex = (octet: number): string => `0x${octet.toString(16).padStart(2, '0')}`;
