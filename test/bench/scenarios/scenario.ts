// What a scenario is: a name, its variants, and how one is run against one daemon.

import { tagOf } from '../feed.ts';
import type { Measured, Trial } from '../trial.ts';

/** One figure set; scenarios that repeat within one daemon give several. */
export interface Result extends Measured {
  /** What was measured, where a variant has several: "first", "warm", "withdraw". */
  readonly part: string;
  readonly peakMb: number;
  readonly residentMb: number;
  readonly privateMb: number;
  /** Further figures, by name with unit: "p50 ms". */
  readonly more?: Readonly<Record<string, number>>;
}

export interface Variant {
  readonly id: string;
  readonly title: string;
  /** A daemon that would need too long is left out, and named. */
  readonly leaveOut?: readonly string[];
  /** Routes go into the kernel: not every daemon can. */
  readonly kernel?: true;
  /** The probe of turns would be most of what an idle daemon does. */
  readonly withoutProbe?: true;
  run(trial: Trial): Promise<readonly Result[]>;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** What the best peer took when the targets were set, and where we have to be. */
  readonly target: string;
  /** @param sizes  of `--size`; the standard ones when undefined. */
  variants(sizes: readonly number[] | undefined): readonly Variant[];
}

export const result = (trial: Trial, part: string, measured: Measured, more?: Result['more']): Result => ({
  part,
  ...measured,
  ...trial.memory(),
  ...(more && { more }),
});

export const short = (count: number): string =>
  count >= 1_000_000 ? `${count / 1_000_000}M` : count >= 1000 ? `${count / 1000}k` : `${count}`;

/** One tag a set, of version 0. */
export const firstTags = (sets: number): Int32Array =>
  Int32Array.from({ length: sets }, (_, set) => tagOf(set));
