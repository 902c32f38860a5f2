// What a fault is: what it does to which hosts, and what packets may notice of it by design. A row of the table of faults.

import type { Fleet } from '../fleet.ts';
import type { Host } from '../host.ts';

/** Where a packet goes, seen from the hosts that the fault happens to. */
export const PATHS = ['from', 'to', 'past'] as const;
export type Path = (typeof PATHS)[number];

/** Not one packet is lost, or the longest gap has a bound. */
export type Expectation =
  | { readonly kind: 'none lost' }
  | {
      readonly kind: 'gap';
      /** Beyond the time for which the fault itself cuts the path. */
      readonly withinMs: number;
    }
  /** The fault is there to cut this path for as long as it lasts. */
  | { readonly kind: 'cut' };

export const NONE_LOST: Expectation = { kind: 'none lost' };
export const CUT: Expectation = { kind: 'cut' };
export const within = (withinMs: number): Expectation => ({ kind: 'gap', withinMs });

export const NOTHING_NOTICED: Readonly<Record<Path, Expectation>> = {
  from: NONE_LOST,
  to: NONE_LOST,
  past: NONE_LOST,
};

export interface Fault {
  /** Unique; picks it on the command line. */
  readonly id: string;
  readonly title: string;
  /** Why packets notice no more than `expect` says: for docs/reliability.md. */
  readonly design: string;
  /** Only in the full form: it takes too long for CI, or wants the large fleet. */
  readonly full?: true;
  /** Hosts that it happens to; none: to something that is not a host. */
  at(fleet: Fleet): readonly Host[];
  readonly expect: Readonly<Record<Path, Expectation>>;
  /** Lets it happen, undoes it, and waits until the fleet is whole. @returns for how long the fault itself cut paths, if it did. */
  act(fleet: Fleet, hosts: readonly Host[]): Promise<number | undefined>;
}

export const firstAgent = (fleet: Fleet): readonly Host[] => fleet.agents.slice(0, 1);
export const nowhere = (): readonly Host[] => [];

/** @returns milliseconds that it took. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}
