// Graceful restart (RFC 4724, RFC 8538, RFC 9494) as two small machines.
//
// Receiving speaker (§4.2): when a peer that agreed to it loses its connection, its routes stay, marked stale, until
// it has sent them again (End-of-RIB), or it did not come back in time, or it came back without its forwarding state.
//
// Restarting speaker (§4.1): after our own restart, the routes that an earlier run left in the kernel stay, and no
// End-of-RIB is sent, until the peers have sent theirs; a peer that does not come up is not waited for long.

import { FAMILIES, type Family } from '../net/family.ts';
import { type Millis, NEVER } from '../net/time.ts';
import type { End } from '../session/action.ts';
import type { LongLivedFamily, Negotiated, PeerRestart } from '../session/negotiate.ts';
import { CEASE, ERROR_CODE } from '../wire/constants.ts';
import type { PeerId } from './input.ts';

/** Upper bound for stale routes after the session is back, where the End-of-RIB does not come (§4.2, last paragraph). */
const STALE_PATH_MS = 360_000;

/** How long a peer that is up may take for its End-of-RIB, so that a mute one does not hold us for ever (§4.1). */
const SELECTION_DEFERRAL_MS = 120_000;

/** Families of one peer whose routes are kept without a live session behind them. */
export interface Retention {
  readonly families: readonly Family[];
  readonly until: Millis;
  /** When the restart time is over that began with the first loss; a peer may come and go before it has told all. */
  readonly restartEnds?: Millis;
  /** What follows the restart time (RFC 9494). */
  readonly longLived?: readonly LongLivedFamily[];
  /** When it began: the routes are least preferred since then, and each family has its own time. */
  readonly longLivedSince?: Millis;
}

/**
 * The peer's session ended: which of its routes stay?
 * A NOTIFICATION ends them all (§4: its use is unchanged), unless both sides have the N bit (RFC 8538 §4).
 */
export function retainOnLoss(agreed: Negotiated, end: End, now: Millis): Retention | undefined {
  const restart = agreed.gracefulRestart;
  if (restart === undefined || !isSurvived(end, restart)) return undefined;
  const families = restart.families
    .map(({ family }) => family)
    .filter((family) => agreed.context.families.includes(family));
  const longLived = (restart.longLived ?? []).filter(
    ({ family, staleTimeSeconds }) => families.includes(family) && staleTimeSeconds > 0,
  );
  const kept = restart.restartTimeSeconds > 0 ? families : longLived.map(({ family }) => family);
  if (kept.length === 0) return undefined;
  const until = now + restart.restartTimeSeconds * 1000;
  return { families: kept, until, ...(longLived.length > 0 && { longLived }) };
}

/**
 * The peer is lost again before it has told all: does what is stale since the first loss stay? §4.2 has it removed, so that it cannot stay for
 * ever. Here it stays if that happens within the first restart time, so that a peer which is killed twice loses nothing; what is stale is
 * then twice the restart time old at most.
 */
export const staysAcrossTwoLosses = (before: Retention | undefined, family: Family, now: Millis): boolean =>
  before?.restartEnds !== undefined && now < before.restartEnds && before.families.includes(family);

/** Our hold timer, and the one for sending, ends the routes also where RFC 8538 §4 would keep them: see decision 10. */
function isSurvived(end: End, { notification: alsoNotifications }: PeerRestart): boolean {
  if (end.cause === 'connection-lost') return true;
  if (end.cause === 'stopped' || alsoNotifications !== true) return false;
  const { code, subcode } = end.notification;
  if (code === ERROR_CODE.CEASE && subcode === CEASE.HARD_RESET) return false;
  const silent = code === ERROR_CODE.HOLD_TIMER_EXPIRED || code === ERROR_CODE.SEND_HOLD_TIMER_EXPIRED;
  return !(silent && end.cause === 'notification-sent');
}

/**
 * The time of a retention is over.
 * @returns what stays, from now on as long-lived stale routes (RFC 9494 §4.2), and what goes.
 */
export function retainOnTimeout(
  { families, longLived = [], longLivedSince }: Retention,
  now: Millis,
): { readonly keep: Retention | undefined; readonly drop: readonly Family[] } {
  const since = longLivedSince ?? now;
  const ends = longLived
    .filter(({ family }) => families.includes(family))
    .map((each) => ({ ...each, at: since + each.staleTimeSeconds * 1000 }))
    .filter(({ at }) => at > now);
  const kept = ends.map(({ family }) => family);
  const drop = families.filter((family) => !kept.includes(family));
  if (kept.length === 0) return { keep: undefined, drop };
  const until = Math.min(...ends.map(({ at }) => at));
  return { keep: { families: kept, until, longLived, longLivedSince: since }, drop };
}

/** The session is back: families whose stale routes go at once, because the peer lost its forwarding state, and the rest. */
export function retainOnReturn(
  retention: Retention,
  agreed: Negotiated,
  now: Millis,
): { readonly keep: Retention | undefined; readonly drop: readonly Family[] } {
  const restart = agreed.gracefulRestart;
  // RFC 9494 §4.2: once they are long-lived, the other capability says what has been preserved
  const said = retention.longLivedSince === undefined ? restart?.families : restart?.longLived;
  const preserved = new Set(
    said?.filter(({ forwardingPreserved }) => forwardingPreserved).map(({ family }) => family),
  );
  // a family that this session does not carry will not be sent again
  const kept = (family: Family) => preserved.has(family) && agreed.context.families.includes(family);
  const keep = retention.families.filter(kept);
  return {
    keep:
      keep.length === 0
        ? undefined
        : {
            families: keep,
            until: now + STALE_PATH_MS,
            ...(retention.restartEnds !== undefined && { restartEnds: retention.restartEnds }),
          },
    drop: retention.families.filter((family) => !kept(family)),
  };
}

export function retainAfterEndOfRib(retention: Retention, family: Family): Retention | undefined {
  const families = retention.families.filter((other) => other !== family);
  return families.length === 0 ? undefined : { ...retention, families };
}

interface Awaited {
  readonly peer: PeerId;
  readonly missing: Set<Family>;
  /** When the session came up. */
  up: Millis | undefined;
  /** It restarts as well, and may wait for our End-of-RIB. */
  restarting: boolean;
}

/**
 * Which peers' first tables are still on their way. Two that restart at once must not wait for each other with their End-of-RIB (§4.1); what
 * an earlier run has left is another thing, and waits for both.
 */
export class Deferral {
  private readonly awaited = new Map<PeerId, Awaited>();
  private readonly heard: PeerId[] = [];
  private readonly gaveUpOn: PeerId[] = [];
  private state: 'waiting' | 'over' = 'waiting';
  private hasReleased = false;

  /** @param startedAt, deferralMs  a peer that is not up by then is not waited for. */
  constructor(
    private readonly startedAt: Millis,
    private readonly deferralMs: number,
  ) {}

  get over(): boolean {
    return this.state === 'over';
  }

  /** Our End-of-RIB is not held back any more. */
  get released(): boolean {
    return this.hasReleased;
  }

  expect(peer: PeerId, families: readonly Family[]): void {
    if (!this.over)
      this.awaited.set(peer, { peer, missing: new Set(families), up: undefined, restarting: false });
  }

  forget(peer: PeerId): void {
    this.awaited.delete(peer);
  }

  sessionUp(peer: PeerId, agreed: Negotiated, now: Millis): void {
    const awaited = this.awaited.get(peer);
    if (awaited === undefined) return;
    awaited.up = now;
    // A peer without the capability sends no End-of-RIB (§2): its routes have come when it has been up for a while.
    for (const family of FAMILIES)
      if (!agreed.context.families.includes(family)) awaited.missing.delete(family);
    if (agreed.gracefulRestart === undefined) awaited.missing.clear();
    awaited.restarting = agreed.gracefulRestart?.restarting === true;
  }

  /** It has as long to come back as it had to come up: the time for its first tables ran on a live session. */
  sessionDown(peer: PeerId): void {
    const awaited = this.awaited.get(peer);
    if (awaited === undefined) return;
    awaited.up = undefined;
    awaited.restarting = false;
  }

  endOfRib(peer: PeerId, family: Family): void {
    const awaited = this.awaited.get(peer);
    if (awaited === undefined) return;
    awaited.missing.delete(family);
    if (awaited.missing.size === 0) this.done(peer);
  }

  /** When somebody is not waited for any longer; whatever else ends the wait is an input, and not time. */
  deadline(): Millis {
    if (this.over) return NEVER;
    let next = NEVER;
    for (const awaited of this.awaited.values()) next = Math.min(next, this.limit(awaited));
    return next;
  }

  /**
   * @param settled  the routes that came have been decided, and each next hop of theirs is known to resolve or not.
   * @returns the result once, when nobody is waited for any more.
   */
  check(
    now: Millis,
    settled: boolean,
  ): { readonly waitedFor: readonly PeerId[]; readonly gaveUpOn: readonly PeerId[] } | undefined {
    if (this.over) return undefined;
    for (const awaited of [...this.awaited.values()]) {
      if (this.limit(awaited) > now) continue;
      this.awaited.delete(awaited.peer);
      (awaited.up !== undefined && awaited.missing.size === 0 ? this.heard : this.gaveUpOn).push(
        awaited.peer,
      );
    }
    if (this.awaited.size > 0 || !settled) return undefined;
    this.state = 'over';
    return { waitedFor: this.heard, gaveUpOn: this.gaveUpOn };
  }

  /**
   * After `check`. @returns whether our End-of-RIB can go now, once: nobody is waited for but those who restart as well.
   * @param settled  as for `check`.
   */
  releases(settled: boolean): boolean {
    if (this.hasReleased || !settled) return false;
    for (const { restarting } of this.awaited.values()) if (!restarting) return false;
    this.hasReleased = true;
    return true;
  }

  private done(peer: PeerId): void {
    this.awaited.delete(peer);
    this.heard.push(peer);
  }

  private limit(awaited: Awaited): Millis {
    if (awaited.up === undefined) return this.startedAt + this.deferralMs;
    return awaited.up + (awaited.missing.size === 0 ? this.deferralMs : SELECTION_DEFERRAL_MS);
  }
}
