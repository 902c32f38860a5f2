// What waits for the walk of sweeps.ts, and what it has done to paths.

import type { OriginCheck } from '../policy/origin-check.ts';
import type { NextHopId, NONE, PathId, PrefixId } from '../route/route.ts';

/** How routes of a lost peer are held: decided when it was lost, carried out path by path. */
export interface Hold {
  /** Confirms a path: the one in force when the peer was lost. */
  readonly check: OriginCheck;
  /** When, among all that is asked for. */
  readonly order: number;
}

/** What happens to a path. */
export interface SweepActions {
  readonly remove: (path: PathId) => void;
  /** @returns false when it is not held. */
  readonly hold: (path: PathId, hold: Hold) => boolean;
  /** @returns false when it is gone. */
  readonly markLongLived: (path: PathId) => boolean;
  readonly reimport: (path: PathId) => void;
  readonly touch: (prefix: PrefixId) => void;
  readonly sourceChanged: (path: PathId) => void;
  /** @returns false when it was held, and is gone. */
  readonly rejudge: (path: PathId, holders: OriginCheck | undefined) => boolean;
  /** NONE of a path that is not used. */
  readonly nextHopOf: (path: PathId) => NextHopId | typeof NONE;
  /** These next hops go out by other interfaces. */
  readonly interfaceChanged: (path: PathId, nextHops: ReadonlyMap<NextHopId, unknown>) => void;
  /** What was found out of attribute sets does not hold beyond a slice. */
  readonly forget: () => void;
}

/** One whole walk from where the walk stood. */
export interface Duty {
  readonly pass: number;
  readonly from: number;
  /** When it was asked for. */
  readonly order: number;
}

export interface Leaving extends Duty {
  /** Generations before this one. */
  readonly before: number;
  hold: Hold | undefined;
  kept: number;
  readonly done: ((kept: number) => void) | undefined;
}

export interface Bounded extends Duty {
  readonly before: number;
  count: number;
  readonly done: ((count: number) => void) | undefined;
}

/** What waits for one peer's paths. */
export interface Task {
  /** By generation, the oldest first. */
  leaving: Leaving[];
  dropping?: Bounded;
  longLived?: Bounded;
  reimport?: Duty;
  touch?: Duty;
  source?: Duty;
}

export interface Rejudge extends Duty {
  readonly holders: OriginCheck | undefined;
  dropped: number;
  readonly done: (dropped: number) => void;
}
