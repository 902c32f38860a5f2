// What people see of a row: what is wanted, what is there, and why not what is not.

import type { Prefix, PrefixId } from 'bgp-utils';
import { type KernelRoute, PROTOCOL_BGP } from '../kernel/kernel.ts';
import type { NextHopSet, NextHopSets } from './next-hop-sets.ts';
import type { FibRoute } from './route.ts';
import type { RouteRows } from './rows.ts';
import { NO_TARGET } from './targets.ts';

/**
 * `adopted`: found at start, not wanted yet; `unresolved`: wanted, no next hop is reachable; `failed`: the kernel refused
 * it, it is tried again; `pending`, `removing`: about to be done.
 */
export type FibState = 'installed' | 'adopted' | 'pending' | 'removing' | 'unresolved' | 'failed';

export interface FibView {
  readonly prefix: Prefix;
  readonly wanted: FibRoute | undefined;
  /** Usually one; two while a route moves to another metric. */
  readonly present: readonly KernelRoute[];
  readonly state: FibState;
  /** Why it is unresolved or failed. */
  readonly reason: string | undefined;
}

/** All routes of ours that are there. */
export function presentOf(sets: NextHopSets, rows: RouteRows, row: PrefixId): KernelRoute[] {
  const prefix = rows.prefixes.prefix(row);
  return [...rows.presentOf(row)].map(({ target, metric }) => {
    const { type, object } = sets.targets.via(target);
    const nextHops = sets.nextHops(target);
    return {
      prefix,
      type,
      metric,
      nextHops,
      ...(object !== undefined && { object }),
      protocol: PROTOCOL_BGP,
    };
  });
}

export function viewOf(sets: NextHopSets, rows: RouteRows, row: PrefixId): FibView {
  const set = rows.wantOf(row);
  const present = presentOf(sets, rows, row);
  const state = stateOf(rows, row, set);
  const failure = rows.failures.of(row)?.message;
  return {
    prefix: rows.prefixes.prefix(row),
    wanted: set && { ...set.route, metric: rows.metricOf(row) },
    present,
    state,
    reason:
      state === 'failed'
        ? (failure ?? set?.refused)
        : state === 'unresolved' || state === 'removing'
          ? set?.unresolved
          : undefined,
  };
}

function stateOf(rows: RouteRows, row: PrefixId, set: NextHopSet | undefined): FibState {
  if (rows.failures.isWaiting(row)) return 'failed';
  if (rows.isAdopted(row)) return 'adopted';
  if (set === undefined) return 'removing';
  if (rows.isRight(row) && !rows.isPending(row)) return 'installed';
  if (set.unresolved !== undefined) return rows.haveOf(row) === NO_TARGET ? 'unresolved' : 'removing';
  return set.refused === undefined ? 'pending' : 'failed';
}
