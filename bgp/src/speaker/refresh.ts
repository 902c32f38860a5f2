// What a peer sends again between BoRR and EoRR (RFC 7313 §4): what it told before is stale meanwhile, and stays in use; what
// is still stale at the end is gone. The marks themselves are in the Adj-RIB-In.

import type { Family } from '../net/family.ts';
import { type Millis, NEVER } from '../net/time.ts';

/** An EoRR that does not come is not waited for any longer (§4: "an implementation MAY impose a locally configurable upper bound"). */
export const REFRESH_MS = 360_000;

export class Refreshes {
  private readonly until = new Map<Family, Millis>();

  begin(family: Family, now: Millis): void {
    this.until.set(family, now + REFRESH_MS);
  }

  /** @returns whether there was a beginning: an EoRR without one means nothing. */
  end(family: Family): boolean {
    return this.until.delete(family);
  }

  clear(): void {
    this.until.clear();
  }

  get deadline(): Millis {
    return Math.min(NEVER, ...this.until.values());
  }

  /** Families whose time is over, taken. */
  takeOverdue(now: Millis): Family[] {
    const overdue = [...this.until].flatMap(([family, at]) => (at <= now ? family : []));
    for (const family of overdue) this.until.delete(family);
    return overdue;
  }
}
