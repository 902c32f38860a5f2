// What a scenario is: a name, its variants, and how one is run against one daemon.

import type { BenchClient } from '../client.ts';
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

/** How often it is done again: the first time is mostly the compiler's, in a daemon that has one. */
const WARM_ROUNDS = 3;

/** All is announced, and then withdrawn and announced again in the same daemon. */
export async function firstAndWarm(
  trial: Trial,
  tags: Int32Array,
  receivers: readonly BenchClient[],
  send: { readonly announce: () => void; readonly withdraw: () => void },
): Promise<Result[]> {
  const all = tags.slice();
  const results: Result[] = [];
  for (let round = 0; round <= WARM_ROUNDS; round++) {
    if (round > 0) {
      tags.fill(0);
      for (const { table } of receivers) table!.recount();
      await trial.measure('withdraw', receivers, send.withdraw);
    }
    tags.set(all);
    for (const { table } of receivers) table!.recount();
    const measured = await trial.measure('announce', receivers, send.announce);
    results.push(result(trial, round === 0 ? 'first' : 'warm', measured));
  }
  return results;
}
