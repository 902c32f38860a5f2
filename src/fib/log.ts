// What is told of the FIB's work: events for the log, and counts.

import type { Address, Prefix } from 'bgp-utils';
import type { NextHopResolution } from '../kernel/kernel.ts';

/** What an operator may want to read. */
export type FibLog =
  | { readonly event: 'routes-adopted'; readonly routes: number }
  | { readonly event: 'routes-swept'; readonly routes: number }
  | {
      readonly event: 'routes-failed';
      readonly count: number;
      /** Some of them. */
      readonly examples: readonly { readonly prefix: Prefix; readonly message: string }[];
    }
  | {
      readonly event: 'next-hop';
      readonly address: Address;
      readonly resolution: NextHopResolution;
    }
  /** The kernel does not take a next hop. */
  | { readonly event: 'next-hop-refused'; readonly message: string }
  /** Routes name next hops of their own, one by one. */
  | { readonly event: 'no-next-hop-objects'; readonly reason: string }
  | { readonly event: 'fight'; readonly prefix: Prefix; readonly message: string }
  /** Somebody takes next-hop objects away again and again. They are put back at once all the same: every route hangs on them. */
  | { readonly event: 'objects-fight'; readonly message: string }
  /** Someone changed routes of ours, or an interface took them; they are put right. */
  | { readonly event: 'routes-corrected'; readonly routes: number }
  | { readonly event: 'news-lost' }
  /** It works at a batch for so long already. */
  | { readonly event: 'kernel-slow'; readonly seconds: number };

export interface FibCounters {
  readonly replaced: number;
  readonly removed: number;
  readonly failures: number;
  readonly batches: number;
  readonly rescans: number;
  readonly corrected: number;
  readonly newsLost: number;
  /** Next-hop objects made, changed and removed. */
  readonly objectChanges: number;
}
