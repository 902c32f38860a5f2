// Interfaces whose networks resolve no next hop (Calico's ignoredInterfaces): bridges of other container engines, say.

import { FAMILY, familyOfPrefix, type Prefix } from 'bgp-utils';
import type { NextHopResolution } from '../kernel/kernel.ts';

/** What the kernel found → what counts. */
export type Heed = (found: NextHopResolution) => NextHopResolution;

/** @param patterns  of interface names: `*` is any text, `?` one character. */
export function heedAllBut(patterns: readonly string[]): Heed {
  const ignored = patterns.map(
    (pattern) =>
      new RegExp(`^${pattern.replace(/[.-]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`),
  );
  return (found) => {
    // A network on the link; a host route through the interface is there because somebody put it there.
    if (!found.reachable || found.gateway !== undefined || isHostRoute(found.prefix)) return found;
    if (!ignored.some((pattern) => pattern.test(found.interface))) return found;
    return { reachable: false, reason: `${found.interface} is an ignored interface` };
  };
}

const isHostRoute = (prefix: Prefix): boolean =>
  Number(prefix.slice(prefix.indexOf('/') + 1)) === FAMILY[familyOfPrefix(prefix)].addressBits;
