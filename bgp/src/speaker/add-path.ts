// Which paths of a prefix a peer hears where ADD-PATH was agreed on (RFC 7911). How they are called on the wire is
// rib/sent-paths.ts; propagation and policy are asked for each path as they are for a best route.

import { type Candidate, decide } from '../rib/decision.ts';
import type { PathId } from '../route/route.ts';

/**
 * All usable paths, and where there are more than `maxPaths` the best of them: the best, then what would be the best
 * without it, and so on. So the best route is always among them (RFC 7911 §5), and the order of arrival has no say.
 * @param candidates  usable paths of one prefix.
 * @param maxPaths  at least 1.
 */
export function announcedPaths(candidates: readonly Candidate[], maxPaths: number): ReadonlySet<PathId> {
  if (candidates.length <= maxPaths) return new Set(candidates.map(({ path }) => path));
  const chosen = new Set<PathId>();
  let left = candidates;
  while (chosen.size < maxPaths) {
    const { best } = decide(left, 1);
    chosen.add(best.path);
    left = left.filter((candidate) => candidate !== best);
  }
  return chosen;
}
