// AS4_PATH (RFC 6793 §3, §4.2): the AS path in four octets, carried through speakers that know two.

import { ATTRIBUTE } from '../constants.ts';
import { decodeSegments, encodeSegments, isConfederation } from './as-path.ts';
import type { AttributeCodec } from './codec.ts';
import type { AsPath, AsPathSegment } from './path-attributes.ts';

export const as4Path: AttributeCodec<AsPath> = {
  code: ATTRIBUTE.AS4_PATH,
  name: 'AS4_PATH',
  category: 'optional transitive',
  malformed: 'attribute-discard', // RFC 6793 §6
  twoOctetsOnly: true,
  // confederation segments must not be in it: they are dropped, and the rest is used (§6)
  decode: (r) => decodeSegments(r, 4)?.filter((segment) => !isConfederation(segment)),
  encode: (w, path) => encodeSegments(w, path, 4),
};

/** The AS4_PATH to send beside an AS_PATH of two octets (§4.2.2); undefined when every AS number fits there. */
export function as4PathOf(path: AsPath): AsPath | undefined {
  const carried = path.filter((segment) => !isConfederation(segment));
  const needed = carried.some((segment) => segment.asNumbers.some((asNumber) => asNumber > 0xffff));
  return needed ? carried : undefined;
}

/**
 * The real path of a route from a speaker with two octets (§4.2.3): AS4_PATH with the leading part of AS_PATH that
 * speakers unaware of it put in front since.
 */
export function mergeAs4Path(path: AsPath, as4: AsPath): AsPath {
  let missing = pathLength(path) - pathLength(as4);
  if (missing < 0) return path; // §4.2.3: somebody shortened the path: AS4_PATH is of no use any more
  const leading: AsPathSegment[] = [];
  for (const segment of path) {
    if (isConfederation(segment)) {
      leading.push(segment); // leading, or next to what is put in front (§4.2.3)
    } else if (missing === 0) {
      break;
    } else if (segment.type === 'AS_SET') {
      leading.push(segment);
      missing -= 1;
    } else {
      leading.push({ ...segment, asNumbers: segment.asNumbers.slice(0, missing) });
      if (missing < segment.asNumbers.length) break;
      missing -= segment.asNumbers.length;
    }
  }
  const last = leading.at(-1);
  const first = as4[0];
  // a sequence that was cut in two is made one again, so that a path reads as it would have come in four octets
  if (last?.type === 'AS_SEQUENCE' && first?.type === 'AS_SEQUENCE') {
    const joined = { ...first, asNumbers: [...last.asNumbers, ...first.asNumbers] };
    return [...leading.slice(0, -1), joined, ...as4.slice(1)];
  }
  return [...leading, ...as4];
}

/** AS numbers, a set being one, confederation segments none (RFC 4271 §9.1.2.2, RFC 5065 §5.3). */
const pathLength = (path: AsPath): number =>
  path.reduce(
    (sum, segment) =>
      sum + (isConfederation(segment) ? 0 : segment.type === 'AS_SET' ? 1 : segment.asNumbers.length),
    0,
  );
