// What the kernel shall have for a prefix, in terms of BGP: next hops that are still to be resolved.

import type { Address } from 'bgp-utils';

export interface Unicast {
  readonly type: 'unicast';
  readonly nextHops: readonly Address[];
  /** One a next hop, 1 to 256; missing where all get the same. */
  readonly weights?: readonly number[];
  /** One a next hop: the device to send through, the next hop being on its link; missing where none has one. */
  readonly tunnels?: readonly (string | undefined)[];
  readonly metric: number;
}

/** Routes that are alike may be one object: then they are told apart no further. */
export type FibRoute = Unicast | { readonly type: 'blackhole'; readonly metric: number };

const NO_ADDRESSES: readonly Address[] = [];

export const nextHopsOf = (route: FibRoute | undefined): readonly Address[] =>
  route?.type === 'unicast' ? route.nextHops : NO_ADDRESSES;
