// What the kernel shall have for a prefix, in terms of BGP: next hops that are still to be resolved.

import type { Address } from 'bgp-utils';

export type FibRoute =
  | {
      readonly type: 'unicast';
      readonly nextHops: readonly Address[];
      /** One a next hop, 1 to 256; missing where all get the same. */
      readonly weights?: readonly number[];
      /** One a next hop: the device to send through, the next hop being on its link; missing where none has one. */
      readonly tunnels?: readonly (string | undefined)[];
      readonly metric: number;
    }
  | { readonly type: 'blackhole'; readonly metric: number };

const NO_ADDRESSES: readonly Address[] = [];

export const nextHopsOf = (route: FibRoute | undefined): readonly Address[] =>
  route?.type === 'unicast' ? route.nextHops : NO_ADDRESSES;

/** What a route has for one of its next hops, beside the address. */
const weightOf = (route: FibRoute, i: number) => (route.type === 'unicast' ? route.weights?.[i] : undefined);
const tunnelOf = (route: FibRoute, i: number) => (route.type === 'unicast' ? route.tunnels?.[i] : undefined);

export function sameFibRoute(a: FibRoute | undefined, b: FibRoute | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.type !== b.type || a.metric !== b.metric) return a === b;
  const [x, y] = [nextHopsOf(a), nextHopsOf(b)];
  const same = (address: Address, i: number) =>
    address === y[i] && weightOf(a, i) === weightOf(b, i) && tunnelOf(a, i) === tunnelOf(b, i);
  return x.length === y.length && x.every(same);
}
