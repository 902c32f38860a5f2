// Routes that outlive what they came with: kept when the session is lost (RFC 4724, RFC 8538), kept longer as least preferred (RFC 9494),
// and those that a route refresh has yet to confirm (RFC 7313). Here is what happens to them; for how long is graceful-restart.ts, and
// what stays all the same when nobody is left is fail-static.ts.

import { FAMILIES, type Family } from '../net/family.ts';
import type { Millis } from '../net/time.ts';
import type { Negotiated } from '../session/negotiate.ts';
import type { FailStatic } from './fail-static.ts';
import {
  type Retention,
  retainAfterEndOfRib,
  retainOnReturn,
  retainOnTimeout,
  staysAcrossTwoLosses,
} from './graceful-restart.ts';
import type { Output } from './output.ts';
import type { Routing } from './routing.ts';
import type { Member } from './tables.ts';

export class StaleRoutes {
  /** @param emit  told what happened; every call means that tables have changed. */
  constructor(
    private readonly routing: Readonly<Record<Family, Routing>>,
    private readonly failStatic: FailStatic,
    private readonly emit: (output: Output) => void,
  ) {}

  /** The session is lost. @param retention  what is kept of its routes; undefined is nothing. */
  lost(member: Member, retention: Retention | undefined, now: Millis): void {
    const before = member.retention;
    let again = false;
    for (const family of FAMILIES) {
      const { inbound } = this.routing[family];
      const kept = retention?.families.includes(family) === true;
      const lostBefore = before?.families.includes(family) === true;
      const stays = kept && (!lostBefore || staysAcrossTwoLosses(before, family, now));
      again ||= lostBefore && stays;
      if (kept) {
        // Stale from an earlier loss and not refreshed since (RFC 4724 §4.2). What a route refresh has only begun to tell again is not.
        const gone = stays ? 0 : this.failStatic.removeStale(member, family, now);
        this.log(member, 'routes kept', family, inbound.nextGeneration(member.index) - gone);
        inbound.sweeps.touch(member.index);
        continue;
      }
      inbound.nextGeneration(member.index);
      this.failStatic.removeStale(member, family, now);
    }
    const restartEnds = again ? before?.restartEnds : retention?.until;
    member.retention = retention && {
      ...retention,
      ...(restartEnds !== undefined && { restartEnds }),
    };
    member.refreshes.clear();
    member.endOfRib.clear();
  }

  /** The peer is back. */
  returned(member: Member, agreed: Negotiated, now: Millis): void {
    if (member.retention === undefined) return;
    const { keep, drop } = retainOnReturn(member.retention, agreed, now);
    for (const family of drop) this.giveUp(member, family, 'the peer lost its forwarding state', now);
    member.retention = keep;
  }

  /** Time has passed: what is overdue goes, and what RFC 9494 keeps longer is least preferred from now on. */
  tick(member: Member, now: Millis): void {
    if (member.retention !== undefined && member.retention.until <= now) this.timeOver(member, now);
    for (const family of member.refreshes.takeOverdue(now))
      this.remove(member, family, 'the route refresh did not end (RFC 7313)');
  }

  /** The peer sends all its routes again, and says when it is done (RFC 7313 §4). */
  refreshBegins(member: Member, family: Family, now: Millis): void {
    const { inbound } = this.routing[family];
    inbound.nextGeneration(member.index);
    inbound.sweeps.touch(member.index);
    member.refreshes.begin(family, now);
  }

  refreshEnds(member: Member, family: Family): void {
    if (member.refreshes.end(family))
      this.remove(member, family, 'not sent again in a route refresh (RFC 7313)');
  }

  /** The peer has said all that it has (RFC 4724 §4.2). */
  endOfRib(member: Member, family: Family): void {
    member.endOfRib.add(family);
    if (!member.retention?.families.includes(family)) return;
    this.remove(member, family, 'End-of-RIB');
    member.retention = retainAfterEndOfRib(member.retention, family);
  }

  /** Nothing is kept any more. */
  drop(member: Member, why: string, now: Millis): void {
    for (const family of member.retention?.families ?? []) this.giveUp(member, family, why, now);
    member.retention = undefined;
  }

  private timeOver(member: Member, now: Millis): void {
    const { keep, drop } = retainOnTimeout(member.retention!, now);
    for (const family of drop) this.giveUp(member, family, 'restart time over', now);
    const begins = member.retention?.longLivedSince === undefined;
    member.retention = keep;
    if (!begins) return;
    for (const family of keep?.families ?? []) {
      this.routing[family].inbound.sweeps.longLive(member.index, (routes) =>
        this.log(member, 'routes are long-lived stale (RFC 9494)', family, routes),
      );
    }
  }

  /** The peer cannot vouch for them any more. */
  private giveUp(member: Member, family: Family, why: string, now: Millis): void {
    this.log(
      member,
      `stale routes removed: ${why}`,
      family,
      this.failStatic.removeStale(member, family, now),
    );
  }

  private remove(member: Member, family: Family, why: string): void {
    const routes = this.routing[family].inbound.removeStale(member.index);
    this.log(member, `stale routes removed: ${why}`, family, routes);
  }

  private log(member: Member, step: string, family: Family, routes: number): void {
    const { peer } = member.peer.config;
    this.emit({ type: 'Log', event: { event: 'graceful-restart', peer, step, family, routes } });
  }
}
