// Customers, providers and peers: the policies that keep routes of the one from the others, and the roles of RFC 9234, which say
// the same once more where both sides have them.

import type { Prefix } from '../net/prefix.ts';
import { ACCEPT_ALL, type Policy, type Term } from '../policy/policy.ts';
import type { RoleSetting } from '../session/role.ts';
import { mayTell, RELATION_PREF } from './oracle.ts';
import { Prng } from './prng.ts';
import type { Plan, Relation } from './shape.ts';

/** Communities that say what told a route to this AS. */
const TAG: Readonly<Record<Relation, number>> = { customer: 1, peer: 2, provider: 3 };
const RELATIONS = ['customer', 'peer', 'provider'] as const;
const COMMUNITY = 64_999 << 16;

const tagged = (relation: Relation): number => (COMMUNITY + TAG[relation]) >>> 0;

/** What one host does with the routes of another. */
export function basePolicies(plan: Plan, own: number, other: number): Policies {
  const relation = plan.relation(own, other);
  if (relation === undefined) return { importPolicy: ACCEPT_ALL, exportPolicy: ACCEPT_ALL };
  const actions = [
    { type: 'SetLocalPref', value: RELATION_PREF[relation] },
    { type: 'SetCommunities', values: [tagged(relation)] },
  ] as const;
  const kept = RELATIONS.filter((learned) => !mayTell(learned, relation));
  return {
    importPolicy: {
      terms: [{ name: `from a ${relation}`, match: {}, actions, verdict: 'accept' }],
      otherwise: 'reject',
    },
    exportPolicy: {
      terms: kept.map((learned) => ({
        name: `of a ${learned}`,
        match: { communities: [tagged(learned)] },
        actions: [],
        verdict: 'reject',
      })),
      otherwise: 'accept',
    },
  };
}

interface Policies {
  readonly importPolicy: Policy;
  readonly exportPolicy: Policy;
}

/** The policy, with one prefix refused before all else. */
export const refusing = (policy: Policy, prefix: Prefix): Policy => {
  const term: Term = {
    name: 'not this one',
    match: { prefixes: [{ prefix }] },
    actions: [],
    verdict: 'reject',
  };
  return { ...policy, terms: [term, ...policy.terms] };
};

const ROLE = { customer: 'provider', provider: 'customer', peer: 'peer' } as const;

/** Half of the sessions between ASes with a relation have roles, on both sides, and some insist on it. */
export function roleOf(seed: number, plan: Plan, own: number, other: number): RoleSetting | undefined {
  const relation = plan.relation(own, other);
  const random = new Prng(seed ^ (Math.min(own, other) * 1009 + Math.max(own, other)));
  if (relation === undefined || !random.chance(0.5)) return undefined;
  return { role: ROLE[relation], strict: random.chance(0.5) };
}
