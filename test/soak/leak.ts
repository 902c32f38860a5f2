// Is it a leak? A process takes more while it warms up and while much happens, and less again. A leak is what does not come back: the
// minima of equal stretches of a life rise, nearly all of them, as much as counts, and no slower in the second half than in the
// first. Pure.

export interface Point {
  readonly atSeconds: number;
  readonly value: number;
}

/** How much is too much over the part of a life that is looked at; both have to be exceeded. */
export interface Limit {
  /** In the unit of the values. */
  readonly growth: number;
  /** Of the median. */
  readonly share: number;
  /** The first part of a life is not looked at: tables fill, code is compiled, and a heap finds its size. */
  readonly warmUpSeconds: number;
}

export interface Trend {
  readonly verdict: 'steady' | 'grows' | 'too short';
  /** Theil and Sen's slope of the minima. */
  readonly perHour: number;
  /** What that makes over the part that is looked at. */
  readonly growth: number;
  /** Kendall's tau of the minima: 1 when each is above all before it, about 0 without a trend. */
  readonly tau: number;
}

const STRETCHES = 10;
/** That much of a life at least is warming up. */
const WARM_UP_SHARE = 0.25;
/** What is left must be as long as that. */
export const SHORTEST_SECONDS = 240;
const RISING = 0.6;

/** @param points  of one life, in order of time. */
export function trend(points: readonly Point[], limit: Limit): Trend {
  const none: Trend = { verdict: 'too short', perHour: 0, growth: 0, tau: 0 };
  const first = points[0]?.atSeconds ?? 0;
  const last = points.at(-1)?.atSeconds ?? 0;
  const from = first + Math.max(limit.warmUpSeconds, (last - first) * WARM_UP_SHARE);
  const span = last - from;
  if (span < SHORTEST_SECONDS) return none;
  const minima = lowest(points, from, span);
  if (minima.length < STRETCHES / 2) return none;
  const slope = slopeOf(minima);
  const growth = slope * span;
  const tau = tauOf(minima);
  const median = middle(minima.map(({ value }) => value));
  const goesOn = slopeOf(minima.slice(minima.length >> 1)) >= slope / 2;
  const grows = growth >= limit.growth && growth >= limit.share * median && tau >= RISING && goesOn;
  return { verdict: grows ? 'grows' : 'steady', perHour: slope * 3600, growth, tau };
}

/** The lowest point of each stretch that has one. */
function lowest(points: readonly Point[], from: number, span: number): readonly Point[] {
  const found: (Point | undefined)[] = Array.from({ length: STRETCHES });
  for (const point of points) {
    if (point.atSeconds < from) continue;
    const stretch = Math.min(STRETCHES - 1, Math.floor(((point.atSeconds - from) / span) * STRETCHES));
    const so = found[stretch];
    if (so === undefined || point.value < so.value) found[stretch] = point;
  }
  return found.filter((point) => point !== undefined);
}

/** The median of the slopes of all pairs, a second: single points off the line do not move it. */
export function slopeOf(points: readonly Point[]): number {
  return middle(pairs(points).map(([a, b]) => (b.value - a.value) / (b.atSeconds - a.atSeconds)));
}

function tauOf(points: readonly Point[]): number {
  const all = pairs(points);
  return all.reduce((sum, [a, b]) => sum + Math.sign(b.value - a.value), 0) / Math.max(1, all.length);
}

const pairs = (points: readonly Point[]): readonly (readonly [Point, Point])[] =>
  points.flatMap((a, index) => points.slice(index + 1).map((b) => [a, b] as const));

export function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
