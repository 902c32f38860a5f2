// Maintenance: what every peer is told while the node is drained (RFC 8326). It is policy like all other, so that a drain and its
// end are differences that reconciliation works off, and no session is reset. Pure.

import {
  type Action,
  type Match,
  type PeerConfig,
  type Policy,
  type Term,
  WELL_KNOWN_COMMUNITY,
} from 'bgp-utils';

/** RFC 8326 §4.2 for external peers; inside, where the community is not looked at, the lowest LOCAL_PREF says it. */
const DRAIN: readonly Action[] = [
  { type: 'SetLocalPref', value: 0 },
  { type: 'AddCommunities', values: [WELL_KNOWN_COMMUNITY.GRACEFUL_SHUTDOWN] },
];

/** The peers as they are to be told while the node is drained; those that share a policy still do. */
export function drainedPeers(peers: readonly PeerConfig[]): PeerConfig[] {
  const known = new Map<Policy, Record<'all' | 'own', Policy | undefined>>();
  return peers.map((peer) => {
    const which = leadsHere(peer) ? 'all' : 'own';
    let forms = known.get(peer.exportPolicy);
    if (forms === undefined) {
      forms = { all: undefined, own: undefined };
      known.set(peer.exportPolicy, forms);
    }
    forms[which] ??= drainedPolicy(peer.exportPolicy, which);
    return { ...peer, exportPolicy: forms[which] };
  });
}

/** Traffic for every route that this peer is told comes to this node; otherwise a route that is passed on may lead elsewhere. */
const leadsHere = ({ nextHop, localAs, remoteAs }: PeerConfig): boolean =>
  nextHop === 'self' || (nextHop === 'auto' && localAs !== remoteAs);

/**
 * The policy lets out and keeps back the same routes; those that it lets out leave with the marks of a drain, set after all that it
 * sets itself.
 * @param which  `own`: only routes made here; those that are passed on, as a reflector does, stay as they are.
 */
export function drainedPolicy(policy: Policy, which: 'all' | 'own'): Policy {
  const terms = policy.terms.flatMap((term) =>
    term.verdict === 'accept' ? drainedTerms(term, which) : term,
  );
  if (policy.otherwise === 'reject') return { ...policy, terms };
  const rest: Term = { name: 'drain (RFC 8326)', match: {}, actions: [], verdict: 'accept' };
  return { ...policy, terms: [...terms, ...drainedTerms(rest, which)] };
}

function drainedTerms(term: Term, which: 'all' | 'own'): Term[] {
  const marked = (match: Match): Term => ({ ...term, match, actions: [...term.actions, ...DRAIN] });
  if (which === 'all' || term.match.source === 'local') return [marked(term.match)];
  return term.match.source === 'bgp' ? [term] : [marked({ ...term.match, source: 'local' }), term];
}
