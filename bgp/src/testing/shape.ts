// Who peers with whom in a simulated network of one AS, and who reflects for whom. Hosts are numbered from 1.

/**
 * mesh: everybody with everybody. reflectors: one or two reflect, all others are their clients. two-levels: clients of
 * reflectors that are clients themselves. mixed: a mesh, of which two reflect for hosts outside of it.
 */
export type Shape = 'mesh' | 'reflectors' | 'two-levels' | 'mixed';

export interface Plan {
  readonly reflects: (host: number) => boolean;
  readonly arePeers: (a: number, b: number) => boolean;
  /** Whether `reflector` has the other as its client. */
  readonly isClient: (reflector: number, other: number) => boolean;
}

export function planOf(shape: Shape, hosts: number): Plan {
  switch (shape) {
    case 'mesh':
      return { reflects: () => false, arePeers: (a, b) => a !== b, isClient: () => false };
    case 'reflectors': {
      const reflects = (host: number) => host <= (hosts > 4 ? 2 : 1);
      return {
        reflects,
        arePeers: (a, b) => a !== b && (reflects(a) || reflects(b)),
        isClient: (reflector, other) => reflects(reflector) && !reflects(other),
      };
    }
    case 'two-levels':
      return twoLevels(hosts);
    case 'mixed': {
      const core = Math.max(2, Math.floor(hosts / 3));
      const reflects = (host: number) => host <= 2;
      const isClient = (reflector: number, other: number) => reflects(reflector) && other > core;
      return {
        reflects,
        arePeers: (a, b) => a !== b && ((a <= core && b <= core) || isClient(a, b) || isClient(b, a)),
        isClient,
      };
    }
  }
}

/** Each leaf has two reflectors in the middle, and each of these all at the top. */
function twoLevels(hosts: number): Plan {
  const top = hosts < 8 ? 1 : 2;
  const middle = Math.max(2, Math.round(Math.sqrt(hosts - top)));
  const level = (host: number) => (host <= top ? 0 : host <= top + middle ? 1 : 2);
  const above = (upper: number, lower: number): boolean => {
    if (level(upper) === 0) return level(lower) === 1;
    if (level(upper) !== 1 || level(lower) !== 2) return false;
    const place = (upper - top - 1 - lower) % middle;
    return [0, 1].includes((place + middle) % middle);
  };
  return {
    reflects: (host) => level(host) < 2,
    arePeers: (a, b) => a !== b && ((level(a) === 0 && level(b) === 0) || above(a, b) || above(b, a)),
    isClient: above,
  };
}
