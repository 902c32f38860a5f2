// Steps of policy that every peer has, as data like all others: graceful shutdown, and what holds where nobody wrote a policy.

import { WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';
import type { Policy, Term } from './policy.ts';

/** The peer is about to go: its routes serve as long as there are no others (RFC 8326 §4; 0 is what it recommends). */
export const GRACEFUL_SHUTDOWN: Term = {
  name: 'community GRACEFUL_SHUTDOWN (RFC 8326)',
  match: { peerType: 'external', communities: [WELL_KNOWN_COMMUNITY.GRACEFUL_SHUTDOWN] },
  actions: [{ type: 'SetLocalPref', value: 0 }],
  verdict: 'next',
};

/** Towards external peers nothing is accepted and nothing announced without an explicit policy (RFC 8212 §2). */
const NO_POLICY: Term = {
  name: 'no policy is configured (RFC 8212)',
  match: { peerType: 'external' },
  actions: [],
  verdict: 'reject',
};

const required = (policy: Policy, requirePolicy: boolean): readonly Term[] =>
  requirePolicy && policy.terms.length === 0 ? [NO_POLICY] : [];

/** @param requirePolicy  one without terms is none (RFC 8212). */
export const importPolicy = (policy: Policy, requirePolicy: boolean): Policy => ({
  ...policy,
  terms: [...required(policy, requirePolicy), GRACEFUL_SHUTDOWN, ...policy.terms],
});

export const exportPolicy = (policy: Policy, requirePolicy: boolean): Policy => ({
  ...policy,
  terms: [...required(policy, requirePolicy), ...policy.terms],
});
