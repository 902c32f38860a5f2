// Who peers with whom in a simulated network, who reflects for whom, and which AS a host is in. Hosts are numbered from 1.

/**
 * In one AS: `mesh`, everybody with everybody. `reflectors`: one or two reflect, all others are their clients. `two-levels`:
 * clients of reflectors that are clients themselves. `mixed`: a mesh, of which two reflect for hosts outside of it.
 *
 * In several: `fabric`, spines of one AS and leaves of one each. `ases`: four ASes in a ring, each a mesh of its own.
 * `providers`: an AS each, with customers, providers and peers, and the policies that go with them (RFC 9234 has the words).
 */
export type Shape = (typeof SHAPES)[number];
export const SHAPES = ['mesh', 'reflectors', 'two-levels', 'mixed', 'fabric', 'ases', 'providers'] as const;

/** What one host is to another of another AS. */
export type Relation = 'provider' | 'customer' | 'peer';

export interface Plan {
  readonly asOf: (host: number) => number;
  readonly arePeers: (a: number, b: number) => boolean;
  readonly reflects: (host: number) => boolean;
  /** Whether `reflector` has the other as its client. */
  readonly isClient: (reflector: number, other: number) => boolean;
  /** What `b` is to `a`; undefined where that makes no difference. */
  readonly relation: (a: number, b: number) => Relation | undefined;
  /** Sessions that a route passes at most, on its way from one end to the other. */
  readonly hops: number;
}

const AS_NUMBER = 64512;
/** Some are larger than two octets, so that both kinds are seen. */
const asOfHost = (host: number): number => (host % 3 === 0 ? 4_200_000_000 : 64_600) + host;

const ONE_AS = {
  asOf: () => AS_NUMBER,
  reflects: (_host: number) => false,
  isClient: (_reflector: number, _other: number) => false,
  relation: () => undefined,
  hops: 3,
};

const either = (holds: (a: number, b: number) => boolean) => (a: number, b: number) =>
  a !== b && (holds(a, b) || holds(b, a));

export function planOf(shape: Shape, hosts: number): Plan {
  switch (shape) {
    case 'mesh':
      return { ...ONE_AS, hops: 1, arePeers: (a, b) => a !== b };
    case 'reflectors': {
      const reflects = (host: number) => host <= (hosts > 4 ? 2 : 1);
      const arePeers = either((a) => reflects(a));
      const isClient = (reflector: number, other: number) => reflects(reflector) && !reflects(other);
      return { ...ONE_AS, reflects, arePeers, isClient };
    }
    case 'two-levels':
      return twoLevels(hosts);
    case 'mixed': {
      const core = Math.max(2, Math.floor(hosts / 3));
      const reflects = (host: number) => host <= 2;
      const isClient = (reflector: number, other: number) => reflects(reflector) && other > core;
      const arePeers = either((a, b) => (a <= core && b <= core) || isClient(a, b));
      return { ...ONE_AS, reflects, arePeers, isClient };
    }
    case 'fabric': {
      const spines = Math.max(2, Math.round(Math.sqrt(hosts)));
      const asOf = (host: number) => (host <= spines ? AS_NUMBER : asOfHost(host));
      return { ...ONE_AS, asOf, arePeers: either((a, b) => a <= spines && b > spines), hops: 4 };
    }
    case 'ases':
      return ring(hosts);
    case 'providers':
      return providers(hosts);
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
    ...ONE_AS,
    reflects: (host) => level(host) < 2,
    arePeers: either((a, b) => (level(a) === 0 && level(b) === 0) || above(a, b)),
    isClient: above,
    hops: 5,
  };
}

/** Host h is in AS h mod 4. The first of each AS peers with the first of the next, and so do the second ones. */
function ring(hosts: number): Plan {
  const count = Math.min(4, hosts);
  const place = (host: number) => (host - 1) % count;
  const rank = (host: number) => Math.floor((host - 1) / count);
  const nextTo = (a: number, b: number) =>
    rank(a) === rank(b) && rank(a) < 2 && (place(a) + 1) % count === place(b);
  return {
    ...ONE_AS,
    asOf: (host) => asOfHost(place(host) + 1),
    arePeers: either((a, b) => place(a) === place(b) || nextTo(a, b)),
    hops: 2 * count,
  };
}

/** A host has one or two providers with lower numbers; the first ones, and some neighbours, are peers. */
function providers(hosts: number): Plan {
  const top = Math.min(3, hosts - 1);
  const isProvider = (upper: number, lower: number): boolean => {
    if (lower <= top || upper >= lower) return false;
    const first = Math.max(1, Math.floor(lower / 2));
    return upper === first || (lower % 2 === 0 && upper === Math.max(1, first - 1));
  };
  const arePeered = (a: number, b: number): boolean =>
    (a <= top && b <= top) || (b === a + 1 && a % 3 === 0 && !isProvider(a, b));
  const relation = (a: number, b: number): Relation | undefined =>
    isProvider(a, b)
      ? 'customer'
      : isProvider(b, a)
        ? 'provider'
        : either(arePeered)(a, b)
          ? 'peer'
          : undefined;
  return {
    ...ONE_AS,
    asOf: asOfHost,
    arePeers: (a, b) => a !== b && relation(a, b) !== undefined,
    relation,
    hops: 2 * Math.ceil(Math.log2(hosts)) + 1,
  };
}
