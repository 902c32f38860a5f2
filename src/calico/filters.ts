// BGPFilter rules → policy terms (data model 4). A rule's conditions become a match, its operations actions; the first term
// that matches decides.

import {
  type Action,
  FAMILY,
  type Family,
  type Match,
  type Prefix,
  type PrefixMatch,
  prefixLength,
  type Term,
} from 'bgp-utils';
import type { BgpFilter, FilterOperation, FilterRule } from './resources.ts';
import { parseCommunity } from './values.ts';

/** The largest signed 32-bit number: LOCAL_PREF and kernel metric of a route always sum up to it (data model 3.5). */
export const PRIORITY_SUM = 2147483647;

/** The rules of one direction and family, as terms of a policy. */
export function compileFilter(filter: BgpFilter, direction: 'import' | 'export', family: Family): Term[] {
  const label = `${direction}${family === 'ipv4' ? 'V4' : 'V6'}`;
  return filter[direction][family].map((rule, index) => ({
    name: `filter ${filter.name} ${label}[${index}]`,
    match: matchOf(rule, family),
    actions: (rule.operations ?? []).map(actionOf),
    verdict: rule.action === 'Accept' ? 'accept' : 'reject',
  }));
}

function matchOf(rule: FilterRule, family: Family): Match {
  const { cidr, matchOperator } = rule;
  const negated = matchOperator === 'NotIn' || matchOperator === 'NotEqual';
  const prefixes = cidr === undefined ? undefined : [prefixMatch(rule, cidr, family)];
  return {
    ...(prefixes !== undefined && (negated ? { notPrefixes: prefixes } : { prefixes })),
    ...(rule.source === 'RemotePeers' && { source: 'bgp' as const }),
    ...(rule.peerType !== undefined && {
      peerType: rule.peerType === 'iBGP' ? ('internal' as const) : ('external' as const),
    }),
    ...(rule.interface !== undefined && { interfaces: [rule.interface] }),
    ...communityMatch(rule.communities?.values ?? []),
    ...(rule.asPathPrefix !== undefined && { asPath: { startsWith: rule.asPathPrefix } }),
    ...(rule.priority !== undefined && {
      localPref: { min: PRIORITY_SUM - rule.priority, max: PRIORITY_SUM - rule.priority },
    }),
  };
}

function communityMatch(texts: readonly string[]): Pick<Match, 'communities' | 'largeCommunities'> {
  const values = texts.flatMap((text) => parseCommunity(text) ?? []);
  const standard = values.flatMap((value) => value.standard ?? []);
  const large = values.flatMap((value) => (value.large === undefined ? [] : [value.large]));
  return {
    ...(standard.length > 0 && { communities: standard }),
    ...(large.length > 0 && { largeCommunities: large }),
  };
}

/**
 * In: equal to or inside the CIDR, its length in the range. Equal with a range, which Calico hands to BIRD as something BIRD
 * refuses, means: equal, and the range holds too.
 */
function prefixMatch(
  { matchOperator, prefixLength: range }: FilterRule,
  cidr: Prefix,
  family: Family,
): PrefixMatch {
  const length = prefixLength(cidr);
  const minLength = Math.max(range?.min ?? 0, length);
  const equal = matchOperator === 'Equal' || matchOperator === 'NotEqual';
  const maxLength = Math.min(range?.max ?? 128, equal ? length : FAMILY[family].addressBits);
  return { prefix: cidr, minLength, maxLength };
}

function actionOf(operation: FilterOperation): Action {
  if ('addCommunity' in operation) {
    const community = parseCommunity(operation.addCommunity.value);
    if (community?.large) return { type: 'AddLargeCommunities', values: [community.large] };
    return { type: 'AddCommunities', values: community?.standard === undefined ? [] : [community.standard] };
  }
  if ('prependASPath' in operation)
    return { type: 'PrependAsPath', asNumbers: operation.prependASPath.prefix };
  return { type: 'SetLocalPref', value: PRIORITY_SUM - operation.setPriority.value };
}
