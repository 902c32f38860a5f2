// What a row of numbered packets tells: how many are missing, and for how long nothing came. Pure; times in milliseconds.

/** Packets of one flow in one window, by their number less that of the window's first. */
export interface Record {
  readonly count: number;
  /** When each was sent. */
  readonly sentAt: Float64Array;
  /** When the kernel of the receiving end had it; 0: never. The clock may differ from that of `sentAt` by a constant. */
  readonly receivedAt: Float64Array;
}

export interface Outage {
  /** From the window's begin. */
  readonly atMs: number;
  readonly lost: number;
  readonly gapMs: number;
}

export interface Measured {
  readonly sent: number;
  readonly lost: number;
  /** The longest time without a packet, less what the sender itself stood still. 1 where all is well. */
  readonly gapMs: number;
  /** Stretches of lost packets, the first few. */
  readonly outages: readonly Outage[];
}

const OUTAGES_KEPT = 5;

/** Packets are sent so far apart. */
export const PERIOD_MS = 1;

/**
 * A sender that is late makes a silence that is nobody's fault: of the time between two arrivals, what the sender took beyond the
 * period is not counted. Where packets are lost at the window's edge, the time to the edge counts.
 */
export function measure({ count, sentAt, receivedAt }: Record, beginsAt: number): Measured {
  const outages: Outage[] = [];
  let received = 0;
  let gapMs = 0;
  let before = -1; // the last one that arrived
  const look = (next: number): void => {
    const missing = next - before - 1;
    const from = before < 0 ? sentAt[0]! : sentAt[before]!;
    const to = next < count ? sentAt[next]! : sentAt[count - 1]!;
    const stoodStill = Math.max(0, to - from - (next - Math.max(before, 0)) * PERIOD_MS);
    const silence = before < 0 || next === count ? to - from : receivedAt[next]! - receivedAt[before]!;
    const gap = Math.max(0, silence - stoodStill);
    if (before >= 0 || missing > 0) gapMs = Math.max(gapMs, gap);
    if (missing > 0 && outages.length < OUTAGES_KEPT)
      outages.push({ atMs: Math.round(from - beginsAt), lost: missing, gapMs: Math.round(gap) });
  };
  for (let number = 0; number < count; number++) {
    if (receivedAt[number] === 0) continue;
    look(number);
    before = number;
    received++;
  }
  if (before < count - 1) look(count);
  return { sent: count, lost: count - received, gapMs: Math.round(gapMs), outages };
}
