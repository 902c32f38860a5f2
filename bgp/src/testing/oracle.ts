// What every host of a network at rest should use for a prefix, worked out in the plainest way: rounds in which all hosts
// tell each other their paths (RFC 4271 §9, RFC 4456 §6), until nothing changes. It shares no code with what it judges.

import type { Plan, Relation } from './shape.ts';

export interface OracleHost {
  readonly number: number;
  /** How BGP Identifiers compare is all that counts. */
  readonly identifier: number;
}

export interface OracleNetwork {
  readonly plan: Plan;
  readonly hosts: readonly OracleHost[];
  /** Whether the first tells the second several paths of a prefix (RFC 7911). */
  readonly tellsPaths: (from: number, to: number) => boolean;
  readonly maxPaths: number;
}

interface Path {
  readonly kind: 'local' | 'internal' | 'external';
  /** The host that told it; the own number at home. */
  readonly from: number;
  readonly nextHop: number;
  /** Of ORIGINATOR_ID, or of the host that told it. */
  readonly identifier: number;
  /** Where it came into the AS, once it has been reflected. */
  readonly originator: number | undefined;
  readonly asPath: readonly number[];
  readonly localPref: number;
  /** Identifiers of the reflectors on the way. */
  readonly clusters: readonly number[];
  /** What the neighbour that told it to this AS is; undefined for what is made here, and where there are no relations. */
  readonly learned: Relation | undefined;
}

const MAX_ROUNDS = 100;
const LOCAL_PREF = 100;

/** Routes of customers are worth more than those of peers, and these more than those of providers. */
export const RELATION_PREF: Readonly<Record<Relation, number>> = { customer: 300, peer: 200, provider: 50 };

/** Routes of customers, and one's own, go to everybody; all others to customers alone. */
export const mayTell = (learned: Relation | undefined, to: Relation | undefined): boolean =>
  to === undefined || to === 'customer' || learned === undefined || learned === 'customer';

/** By host, the numbers of the hosts that it should send to, ascending; itself alone where it originates. */
export type Used = ReadonlyMap<number, readonly number[]>;

export class Oracle {
  private readonly peers: ReadonlyMap<number, readonly OracleHost[]>;
  private readonly answers = new Map<string, Used | undefined>();

  constructor(private readonly network: OracleNetwork) {
    const { plan, hosts } = network;
    this.peers = new Map(
      hosts.map((host) => [host.number, hosts.filter((other) => plan.arePeers(host.number, other.number))]),
    );
  }

  /** @returns undefined when the rounds come to no end: then there is no answer. */
  used(originators: ReadonlySet<number>): Used | undefined {
    const key = [...originators].sort((a, b) => a - b).join();
    if (!this.answers.has(key)) this.answers.set(key, this.rounds(originators));
    return this.answers.get(key);
  }

  private rounds(originators: ReadonlySet<number>): Used | undefined {
    const { network, peers } = this;
    let before = new Map<number, readonly Path[]>();
    let text = '';
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const after = new Map<number, readonly Path[]>();
      for (const host of network.hosts) {
        const own = originators.has(host.number) ? [local(host)] : [];
        const heard = peers
          .get(host.number)!
          .flatMap((peer) => told(network, peer, host, before.get(peer.number) ?? []));
        after.set(host.number, [...own, ...heard]);
      }
      const next = textOf(after);
      if (next === text) return used(after);
      before = after;
      text = next;
    }
    return undefined;
  }
}

const local = ({ number, identifier }: OracleHost): Path => ({
  kind: 'local',
  from: number,
  nextHop: number,
  identifier,
  originator: undefined,
  asPath: [],
  localPref: LOCAL_PREF,
  clusters: [],
  learned: undefined,
});

/** What a peer with these paths tells a host. */
function told(network: OracleNetwork, peer: OracleHost, host: OracleHost, paths: readonly Path[]): Path[] {
  if (paths.length === 0) return [];
  const several = network.tellsPaths(peer.number, host.number);
  const chosen = several ? firstOf(paths, network.maxPaths) : firstOf(paths, 1);
  return chosen.flatMap((path) => {
    if (path.from === host.number) return [];
    return network.plan.asOf(peer.number) === network.plan.asOf(host.number)
      ? internally(network.plan, peer, host, path)
      : externally(network.plan, peer, host, path);
  });
}

function externally(plan: Plan, peer: OracleHost, host: OracleHost, path: Path): Path[] {
  const asPath = [plan.asOf(peer.number), ...path.asPath];
  if (asPath.includes(plan.asOf(host.number))) return [];
  if (!mayTell(path.learned, plan.relation(peer.number, host.number))) return [];
  const learned = plan.relation(host.number, peer.number);
  return [
    {
      ...path,
      kind: 'external',
      from: peer.number,
      nextHop: peer.number,
      identifier: peer.identifier,
      originator: undefined,
      asPath,
      localPref: learned === undefined ? LOCAL_PREF : RELATION_PREF[learned],
      clusters: [],
      learned,
    },
  ];
}

function internally(plan: Plan, peer: OracleHost, host: OracleHost, path: Path): Path[] {
  if (path.nextHop === host.number) return []; // our own address
  const at = { ...path, kind: 'internal', from: peer.number, identifier: peer.identifier } as const;
  if (path.kind !== 'internal') return [at];
  if (!plan.isClient(peer.number, path.from) && !plan.isClient(peer.number, host.number)) return [];
  const originator = path.originator ?? path.from;
  const clusters = [peer.identifier, ...path.clusters];
  if (originator === host.number) return [];
  if (plan.reflects(host.number) && clusters.includes(host.identifier)) return [];
  return [{ ...at, identifier: path.identifier, originator, clusters }];
}

/** The best, then what would be the best without it, and so on. */
function firstOf(paths: readonly Path[], count: number): readonly Path[] {
  return [...paths].sort(compare).slice(0, count);
}

const RANK = { local: 0, external: 1, internal: 2 } as const;

/** Which of two are equal up to the cost of the way: they are used together. */
const compareUses = (a: Path, b: Path): number =>
  Number(a.kind !== 'local') - Number(b.kind !== 'local') ||
  b.localPref - a.localPref ||
  a.asPath.length - b.asPath.length ||
  RANK[a.kind] - RANK[b.kind];

const compare = (a: Path, b: Path): number =>
  compareUses(a, b) ||
  a.identifier - b.identifier ||
  a.clusters.length - b.clusters.length ||
  a.from - b.from;

function used(paths: ReadonlyMap<number, readonly Path[]>): Map<number, readonly number[]> {
  const result = new Map<number, readonly number[]>();
  for (const [host, all] of paths) {
    const [first] = firstOf(all, 1);
    if (first === undefined) continue;
    const equal = all.filter((path) => compareUses(first, path) === 0);
    result.set(
      host,
      [...new Set(equal.map(({ nextHop }) => nextHop))].sort((a, b) => a - b),
    );
  }
  return result;
}

const textOf = (paths: ReadonlyMap<number, readonly Path[]>): string =>
  [...paths]
    .map(
      ([at, all]) =>
        `${at}: ${all.map((path) => `${path.from} ${path.nextHop} ${path.asPath} ${path.clusters}`)}`,
    )
    .join('\n');
