// The decision process (RFC 4271 §9.1.2, RFC 4456 §9) as steps that remove candidates: MED makes comparing pairs
// intransitive, so the order of the steps is kept as the RFC gives it. The step that removed a route is its reason.

import type { Address } from '../net/address.ts';
import { compareAddresses, ipv4ToNumber } from '../net/address.ts';
import { isLongLivedStale } from '../route/long-lived.ts';
import type { PathId } from '../route/route.ts';
import type { AttributeSet } from './attribute-pool.ts';

/** A route that may be used: accepted by policy, with a next hop that resolves. */
export interface Candidate {
  readonly path: PathId;
  readonly set: AttributeSet;
  readonly kind: 'local' | 'internal' | 'external';
  /** Cost of the way to the next hop. */
  readonly interiorCost: number;
  /** ORIGINATOR_ID if there is one, else the peer's BGP Identifier (RFC 4456 §9). */
  readonly bgpIdentifier: Address;
  readonly peerAddress: Address;
  readonly pathId: number;
  /** Of the peer whose route is in use; said only where that shall count (RFC 5004). */
  readonly inUse?: boolean;
  /** Of a route made here: the LOCAL_PREF above which a peer's route is used in its place; undefined: none is. */
  readonly yieldsAbove?: number | undefined;
}

export interface Decision {
  readonly best: Candidate;
  /** The best and all that equal it up to the interior cost, at most as many as asked for; the best, then by peer address. */
  readonly multipath: readonly Candidate[];
  /** For each candidate that is not best, the step that removed it. */
  readonly removedBy: ReadonlyMap<Candidate, string>;
}

export interface Step {
  readonly name: string;
  readonly keep: (candidates: readonly Candidate[]) => readonly Candidate[];
}

const lowest =
  (key: (candidate: Candidate) => number) =>
  (candidates: readonly Candidate[]): readonly Candidate[] => {
    let least = Number.POSITIVE_INFINITY;
    for (const candidate of candidates) least = Math.min(least, key(candidate));
    return candidates.filter((candidate) => key(candidate) === least);
  };

/** §9.1.2.2 c: only between routes from the same neighbouring AS. */
function lowestMedPerNeighborAs(candidates: readonly Candidate[]): readonly Candidate[] {
  const least = new Map<number, number>();
  for (const { set } of candidates) {
    least.set(
      set.neighborAs,
      Math.min(least.get(set.neighborAs) ?? Number.POSITIVE_INFINITY, set.multiExitDisc),
    );
  }
  return candidates.filter(({ set }) => set.multiExitDisc === least.get(set.neighborAs));
}

/** Not in the RFC either: a route made here may say that it is not the last word, and which LOCAL_PREF is stronger. */
function yielding(candidates: readonly Candidate[]): readonly Candidate[] {
  const limit = candidates.find(({ kind }) => kind === 'local')?.yieldsAbove;
  if (limit === undefined) return candidates;
  const isStronger = ({ kind, set }: Candidate): boolean =>
    kind !== 'local' && set.localPref > limit && !isLongLivedStale(set.attributes);
  return candidates.some(isStronger) ? candidates.filter(({ kind }) => kind !== 'local') : candidates;
}

/** What makes routes equal enough to be used together. */
export const STEPS: readonly Step[] = [
  { name: 'locally originated, and yields to a higher LOCAL_PREF', keep: yielding },
  // Not in the RFC: a route made here is a fact, and no peer's opinion replaces it.
  { name: 'locally originated', keep: lowest(({ kind }) => (kind === 'local' ? 0 : 1)) },
  { name: 'long-lived stale', keep: lowest(({ set }) => (isLongLivedStale(set.attributes) ? 1 : 0)) }, // RFC 9494 §4.3
  { name: 'degree of preference (LOCAL_PREF)', keep: lowest(({ set }) => -set.localPref) }, // §9.1.2
  { name: 'AS_PATH length', keep: lowest(({ set }) => set.asPathLength) }, // §9.1.2.2 a
  { name: 'ORIGIN', keep: lowest(({ set }) => set.attributes.origin) }, // b
  { name: 'MULTI_EXIT_DISC', keep: lowestMedPerNeighborAs }, // c
  { name: 'external over internal', keep: lowest(({ kind }) => (kind === 'external' ? 0 : 1)) }, // d
  { name: 'interior cost', keep: lowest(({ interiorCost }) => interiorCost) }, // e
];

/** What picks one of equals. */
export const TIE_BREAKERS: readonly Step[] = [
  { name: 'already in use (RFC 5004)', keep: inUse },
  { name: 'BGP Identifier', keep: lowest(({ bgpIdentifier }) => ipv4ToNumber(bgpIdentifier)) }, // f
  { name: 'CLUSTER_LIST length', keep: lowest(({ set }) => set.attributes.clusterList?.length ?? 0) }, // RFC 4456 §9
  { name: 'peer address', keep: lowestPeerAddress }, // g
  { name: 'path identifier', keep: lowest(({ pathId }) => pathId) }, // RFC 7911 leaves it open; makes the order total
];

/** RFC 5004 §3: between external paths; those of one speaker over several sessions go on to the next steps. */
function inUse(candidates: readonly Candidate[]): readonly Candidate[] {
  const current = candidates.find((candidate) => candidate.inUse === true && candidate.kind === 'external');
  if (current === undefined) return candidates;
  return candidates.filter(({ bgpIdentifier }) => bgpIdentifier === current.bgpIdentifier);
}

function lowestPeerAddress(candidates: readonly Candidate[]): readonly Candidate[] {
  const least = candidates.reduce((a, b) => (compareAddresses(a.peerAddress, b.peerAddress) <= 0 ? a : b));
  return candidates.filter(({ peerAddress }) => peerAddress === least.peerAddress);
}

/**
 * @param candidates  at least one.
 * @param maxPaths  size of the multipath set, at least 1.
 */
export function decide(candidates: readonly Candidate[], maxPaths: number): Decision {
  const removedBy = new Map<Candidate, string>();
  const equal = run(STEPS, candidates, removedBy);
  const best = run(TIE_BREAKERS, equal, removedBy)[0]!;
  const others = equal
    .filter((candidate) => candidate !== best)
    .sort((a, b) => compareAddresses(a.peerAddress, b.peerAddress) || a.pathId - b.pathId);
  return { best, multipath: [best, ...others.slice(0, maxPaths - 1)], removedBy };
}

function run(
  steps: readonly Step[],
  candidates: readonly Candidate[],
  removedBy: Map<Candidate, string>,
): readonly Candidate[] {
  let left = candidates;
  for (const step of steps) {
    if (left.length === 1) break;
    const kept = step.keep(left);
    if (kept.length === left.length) continue;
    for (const candidate of left) if (!kept.includes(candidate)) removedBy.set(candidate, step.name);
    left = kept;
  }
  return left;
}
