// Are two pieces of plain data equal? node:util's isDeepStrictEqual takes seconds for thousands of peers that share their
// policies; this one compares what is shared only once.

/**
 * Plain objects, arrays, Maps with text keys, and primitive values; a property that is undefined equals a missing one.
 * @param proved  pairs that are known to be equal; hand in one for many comparisons of data with shared parts.
 */
export function sameData(a: unknown, b: unknown, proved: Map<object, object> = new Map()): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (proved.get(a) === b) return true;
  const same =
    a instanceof Map
      ? b instanceof Map && sameMaps(a, b, proved)
      : Array.isArray(a)
        ? Array.isArray(b) && sameLists(a, b, proved)
        : !(b instanceof Map) && !Array.isArray(b) && sameObjects(a as Plain, b as Plain, proved);
  if (same) proved.set(a, b);
  return same;
}

type Plain = Readonly<Record<string, unknown>>;

const sameLists = (a: readonly unknown[], b: readonly unknown[], proved: Map<object, object>): boolean =>
  a.length === b.length && a.every((item, index) => sameData(item, b[index], proved));

function sameMaps(
  a: ReadonlyMap<unknown, unknown>,
  b: ReadonlyMap<unknown, unknown>,
  proved: Map<object, object>,
): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (!b.has(key) || !sameData(value, b.get(key), proved)) return false;
  return true;
}

function sameObjects(a: Plain, b: Plain, proved: Map<object, object>): boolean {
  for (const key in a) if (!sameData(a[key], b[key], proved)) return false;
  for (const key in b) if (a[key] === undefined && b[key] !== undefined) return false;
  return true;
}
