// Link bandwidth (draft-ietf-idr-link-bandwidth): an extended community that says how much a path can carry, so that
// an equal-cost set shares traffic in proportion.

/** Two-octet-AS specific, sub-type 4; the type is non-transitive (0x40), and of some speakers transitive (0x00). */
const LINK_BANDWIDTH = /^[04]004/;

/** Largest weight that a kernel takes. */
const MAX_WEIGHT = 256;

/** Octets per second; undefined when the path does not say, or says what is no rate. */
export function linkBandwidth(extendedCommunities: readonly string[] | undefined): number | undefined {
  const found = extendedCommunities?.find((community) => LINK_BANDWIDTH.test(community));
  if (found === undefined) return undefined;
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number.parseInt(found.slice(8), 16));
  const rate = view.getFloat32(0); // AS number, then IEEE 754
  return Number.isFinite(rate) && rate > 0 ? rate : undefined;
}

/**
 * Weights from 1 to 256 in proportion to the rates.
 * @returns undefined when one path does not say its rate, or all are equal: then each gets the same.
 */
export function weightsOf(rates: readonly (number | undefined)[]): readonly number[] | undefined {
  const known = rates.filter((rate) => rate !== undefined);
  if (known.length !== rates.length || known.every((rate) => rate === known[0])) return undefined;
  const most = Math.max(...known);
  return known.map((rate) => Math.max(1, Math.round((MAX_WEIGHT * rate) / most)));
}
