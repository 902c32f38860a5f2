// Conditions of a term, compiled: those on the prefix, which are asked once a route, and those on all else, which are
// asked once an attribute set.

import type { Address } from '../net/address.ts';
import { addressWords } from '../net/address.ts';
import { FAMILY } from '../net/family.ts';
import { containsAddress, familyOfPrefix, maskWord, prefixAddress, prefixLength } from '../net/prefix.ts';
import { DEFAULT_LOCAL_PREF, type PrefixWords, type RouteSource } from '../route/route.ts';
import type { AsPath, LargeCommunity, PathAttributes } from '../wire/attribute/path-attributes.ts';
import type { AsPathMatch, Match, PrefixMatch, Range } from './policy.ts';

/** What a policy may ask of a route beside its prefix; equal for all prefixes that share an attribute set and a source. */
export interface RouteFacts {
  /** As received, on import; as they are to be sent, on export. */
  readonly attributes: PathAttributes;
  readonly source: RouteSource['kind'];
  /** The peer that the route came from; undefined for one made here. */
  readonly fromPeer: Address | undefined;
  /** Kind of the session that the policy is applied on. */
  readonly peerType: 'internal' | 'external';
  /** False where it is known that no community of the well-known range is there; undefined says nothing. */
  readonly wellKnownCommunities?: boolean;
  /** That the route goes out by: its next hop, or the kernel's own route. Undefined for a blackhole, and what does not resolve. */
  readonly interface: string | undefined;
}

export type PrefixCondition = (prefix: PrefixWords) => boolean;

/** @returns undefined where every prefix fits. */
export function prefixCondition({ prefixes, notPrefixes }: Match): PrefixCondition | undefined {
  const inside = prefixes?.map(compilePrefix);
  const outside = notPrefixes?.map(compilePrefix);
  if (inside === undefined && outside === undefined) return undefined;
  return (prefix) =>
    (inside === undefined || inside.some((matches) => matches(prefix))) &&
    (outside === undefined || !outside.some((matches) => matches(prefix)));
}

function compilePrefix({ prefix, minLength, maxLength }: PrefixMatch): PrefixCondition {
  const family = familyOfPrefix(prefix);
  const length = prefixLength(prefix);
  const [w0, w1, w2, w3] = addressWords(prefixAddress(prefix));
  const from = Math.max(length, minLength ?? 0);
  const to = Math.min(FAMILY[family].addressBits, maxLength ?? 128);
  return (candidate) =>
    candidate.family === family &&
    candidate.length >= from &&
    candidate.length <= to &&
    maskWord(candidate.w0, length) === w0 &&
    (length <= 32 || maskWord(candidate.w1, length - 32) === w1) &&
    (length <= 64 || maskWord(candidate.w2, length - 64) === w2) &&
    (length <= 96 || maskWord(candidate.w3, length - 96) === w3);
}

export type FactCondition = (facts: RouteFacts) => boolean;

type FactKey = Exclude<keyof Match, 'prefixes' | 'notPrefixes'>;

/** By condition: (what is asked for) → (does a route have it). */
const CONDITIONS: { readonly [K in FactKey]-?: (wanted: NonNullable<Match[K]>) => FactCondition } = {
  source: (wanted) => (facts) => (wanted === 'local') === (facts.source === 'local'),
  fromPeers: (wanted) => (facts) => facts.fromPeer !== undefined && wanted.includes(facts.fromPeer),
  peerType: (wanted) => (facts) => facts.peerType === wanted,
  communities: (wanted) => {
    const wellKnown = wanted.some((value) => value >= 0xffff0000);
    return (facts) =>
      !(wellKnown && facts.wellKnownCommunities === false) && hasAll(facts.attributes.communities, wanted);
  },
  largeCommunities: (wanted) => (facts) =>
    wanted.every((value) => facts.attributes.largeCommunities?.some((other) => sameLarge(value, other))),
  extendedCommunities: (wanted) => (facts) => hasAll(facts.attributes.extendedCommunities, wanted),
  asPath: (wanted) => (facts) => matchesPath(wanted, facts.attributes.asPath),
  nextHop:
    (wanted) =>
    ({ attributes: { nextHop } }) =>
      nextHop !== undefined && wanted.some((prefix) => containsAddress(prefix, nextHop.address)),
  localPref: (wanted) => (facts) => within(facts.attributes.localPref ?? DEFAULT_LOCAL_PREF, wanted),
  multiExitDisc: (wanted) => (facts) => within(facts.attributes.multiExitDisc ?? 0, wanted),
  origin: (wanted) => (facts) => wanted.includes(facts.attributes.origin),
  interfaces: (wanted) => {
    const patterns = wanted.map(namePattern);
    return ({ interface: name }) => name !== undefined && patterns.some((pattern) => pattern.test(name));
  },
};

const FACT_KEYS = Object.keys(CONDITIONS) as FactKey[];

/** @returns undefined where every route fits. */
export function factCondition(match: Match): FactCondition | undefined {
  const conditions = FACT_KEYS.filter((key) => match[key] !== undefined).map((key) =>
    (CONDITIONS[key] as (wanted: unknown) => FactCondition)(match[key]),
  );
  return conditions.length === 0 ? undefined : (facts) => conditions.every((holds) => holds(facts));
}

const within = (value: number, { min = 0, max = Number.POSITIVE_INFINITY }: Range): boolean =>
  value >= min && value <= max;

const hasAll = <T>(values: readonly T[] | undefined, wanted: readonly T[]): boolean =>
  wanted.every((value) => values?.includes(value) === true);

const sameLarge = (a: LargeCommunity, b: LargeCommunity): boolean =>
  a[0] === b[0] && a[1] === b[1] && a[2] === b[2];

function matchesPath({ startsWith, contains, originAs, length }: AsPathMatch, path: AsPath): boolean {
  const hops = hopsOf(path);
  const isIn = (hop: readonly number[] | undefined, asNumber: number) => hop?.includes(asNumber) === true;
  return (
    (startsWith === undefined || startsWith.every((asNumber, i) => isIn(hops[i], asNumber))) &&
    (contains === undefined || contains.every((asNumber) => hops.some((hop) => isIn(hop, asNumber)))) &&
    (originAs === undefined || originAs.some((asNumber) => isIn(hops.at(-1), asNumber))) &&
    (length === undefined || within(hops.length, length))
  );
}

/** A hop is one AS number, or the members of an AS_SET. */
const hopsOf = (path: AsPath): (readonly number[])[] =>
  path.flatMap(({ type, asNumbers }) =>
    type === 'AS_SEQUENCE' ? asNumbers.map((asNumber) => [asNumber]) : type === 'AS_SET' ? [asNumbers] : [],
  );

/** Names of interfaces have letters of any kind; `*` alone means something. */
const namePattern = (pattern: string): RegExp =>
  new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`);

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
