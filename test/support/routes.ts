// Route changes as objects, for tests: the FIB and the kernel exchange batches of numbers.

import { addressWords, FAMILIES, familyOfPrefix, prefixAddress, prefixLength } from 'bgp-utils';
import type { Fib } from '../../src/fib/fib.ts';
import { HOW, RouteBatch } from '../../src/kernel/batch.ts';
import { type Kernel, type KernelRoute, type RouteError, shownMetric } from '../../src/kernel/kernel.ts';

export interface RouteChange {
  readonly type: 'replace' | 'remove';
  readonly route: KernelRoute;
  /** Ours is believed to be there. */
  readonly known?: boolean;
}

export function batchOf(changes: readonly RouteChange[]): RouteBatch {
  const batch = new RouteBatch();
  for (const { type, route, known } of changes) {
    const how = type === 'remove' ? HOW.REMOVE : known ? HOW.REPLACE : HOW.CREATE;
    const family = FAMILIES.indexOf(familyOfPrefix(route.prefix));
    const [w0, w1, w2, w3] = addressWords(prefixAddress(route.prefix));
    const metric = shownMetric(route.prefix, route.metric);
    batch.add(how, family, prefixLength(route.prefix), w0, w1, w2, w3, metric, route, 0);
  }
  return batch;
}

export const listOf = (routes: readonly KernelRoute[]): RouteBatch =>
  batchOf(routes.map((route) => ({ type: 'replace', route })));

export const changesOf = (batch: RouteBatch): RouteChange[] =>
  Array.from({ length: batch.size }, (_, at) => ({
    type: batch.how[at] === HOW.REMOVE ? 'remove' : 'replace',
    route: batch.route(at),
    known: batch.how[at] === HOW.REPLACE,
  }));

/** Has the kernel make the changes. @returns the errors with their changes. */
export const applyTo = (
  kernel: Kernel,
  changes: readonly RouteChange[],
): Promise<(RouteError & { readonly change: RouteChange })[]> =>
  new Promise((resolve) => {
    kernel.apply(batchOf(changes), (errors) =>
      resolve(errors.map((error) => ({ ...error, change: changes[error.index]! }))),
    );
  });

/** Takes changes out of a Fib. They are told as applied with `batch`. */
export function takeFrom(fib: Fib, limit: number): { readonly changes: RouteChange[]; batch: RouteBatch } {
  const batch = new RouteBatch();
  fib.take(batch, limit);
  return { changes: changesOf(batch), batch };
}
