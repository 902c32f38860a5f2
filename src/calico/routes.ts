// Snapshot → what this node originates, what may leave it, and what it programs into the kernel (data model 3). Pure data:
// the speaker evaluates the policies, desired/ applies the kernel's part.

import {
  type Action,
  type Address,
  comparePrefixes,
  FAMILIES,
  FAMILY,
  type Family,
  familyOfPrefix,
  type LargeCommunity,
  type OriginatedRoute,
  type Prefix,
  prefixLength,
  type Term,
} from 'bgp-utils';
import { PRIORITY_SUM } from './filters.ts';
import type { BlockAffinity, IpPool, PrefixAdvertisement, ProgramClusterRoutes } from './resources.ts';
import { addressOfNode, affinitiesOf, type Cluster, resources } from './snapshot.ts';

export const DEFAULT_PRIORITY = 1024;

/** A block of this node, and what follows from its state (3.2). */
export interface OwnBlock {
  readonly cidr: Prefix;
  readonly state: BlockAffinity['state'];
  /** Longer prefixes inside stay here: peers see the block alone. */
  readonly aggregated: boolean;
  /** Has a route that discards what no container has; not for a block of one address, which is that container's route. */
  readonly blackhole: boolean;
}

/** By prefix. A pending block may still go to another node; one that is being given up discards, and is no aggregate any more. */
export function ownBlocks({ snapshot, nodeName }: Cluster): OwnBlock[] {
  return affinitiesOf(snapshot, nodeName)
    .map(({ cidr, state }) => ({
      cidr,
      state,
      aggregated: state === 'confirmed',
      blackhole: state !== 'pending' && prefixLength(cidr) < FAMILY[familyOfPrefix(cidr)].addressBits,
    }))
    .sort((a, b) => comparePrefixes(a.cidr, b.cidr));
}

export type Priorities = Readonly<Record<Family, number>>;

export const normalPriorities = ({ defaults }: Cluster): Priorities => ({
  ipv4: defaults?.normalRoutePriority.ipv4 ?? DEFAULT_PRIORITY,
  ipv6: defaults?.normalRoutePriority.ipv6 ?? DEFAULT_PRIORITY,
});

/** The routes made here: LOCAL_PREF carries the kernel metric (3.5), so that other nodes install the same one. */
export function originatedRoutes(blocks: readonly OwnBlock[], priorities: Priorities): OriginatedRoute[] {
  return blocks
    .filter(({ state, blackhole }) => blackhole || state === 'confirmed')
    .map(({ cidr, blackhole }) => ({
      prefix: cidr,
      attributes: { origin: 0, asPath: [], localPref: PRIORITY_SUM - priorities[familyOfPrefix(cidr)] },
      kernel: blackhole ? 'blackhole' : 'none',
    }));
}

/** Pools by CIDR; of several with one CIDR the first name counts. BGP looks at disabled ones too. */
export function pools({ snapshot }: Cluster): IpPool[] {
  const byCidr = new Map<Prefix, IpPool>();
  for (const pool of resources(snapshot, 'IPPool')) if (!byCidr.has(pool.cidr)) byCidr.set(pool.cidr, pool);
  return [...byCidr.values()].sort((a, b) => comparePrefixes(a.cidr, b.cidr));
}

/** Of `node.<me>` when it has the field at all, else of `default` (3.6). Entries of one CIDR keep their order. */
export const advertisements = ({ own, defaults }: Cluster): readonly PrefixAdvertisement[] =>
  [...(own?.prefixAdvertisements ?? defaults?.prefixAdvertisements ?? [])].sort((a, b) =>
    comparePrefixes(a.cidr, b.cidr),
  );

/** What decides about export. */
export interface ExportFacts {
  readonly blocks: readonly OwnBlock[];
  readonly pools: readonly IpPool[];
  readonly advertised: readonly PrefixAdvertisement[];
  readonly priorities: Priorities;
  /** Routes over tunl0 are BGP's own. */
  readonly programsIpip: boolean;
}

/** Devices of Felix: a route over one leads to another node, which announces it itself (3.3 steps 4 and 5). */
const FELIX_DEVICES = ['*.cali', '*.calico'];
const BPF_DEVICES = ['bpf*.cali'];

/** The built-in part of what leaves to any peer of a family, in Calico's order (3.3); BGPFilter rules go in front. */
export function exportTerms(
  family: Family,
  { blocks, pools: allPools, advertised, priorities, programsIpip }: ExportFacts,
): Term[] {
  const ofFamily = <T extends { readonly cidr: Prefix }>(items: readonly T[]) =>
    items.filter(({ cidr }) => familyOfPrefix(cidr) === family);
  const inside = (cidr: Prefix) => ({ prefixes: [{ prefix: cidr }] });
  const familyPools = ofFamily(allPools);
  return [
    ...familyPools
      .filter(({ disableBgpExport }) => disableBgpExport)
      .map(({ cidr }) => term(`pool ${cidr} with disableBGPExport`, inside(cidr), 'reject')),
    term(
      'over a device of Felix, to an internal peer',
      { peerType: 'internal', interfaces: [...FELIX_DEVICES, ...(programsIpip ? [] : ['tunl0'])] },
      'reject',
    ),
    term('over a device of BPF', { interfaces: BPF_DEVICES }, 'reject'),
    ...ofFamily(advertised).map((entry) => ({
      ...term(`communities of ${entry.cidr}`, inside(entry.cidr), 'next' as const),
      actions: communityActions(entry),
    })),
    ...ofFamily(blocks)
      .filter(({ aggregated }) => aggregated)
      .flatMap(({ cidr }) => [
        term(`own block ${cidr}`, { prefixes: [{ prefix: cidr, maxLength: prefixLength(cidr) }] }, 'accept'),
        term(
          `elevated inside own block ${cidr}`,
          { ...inside(cidr), localPref: { min: PRIORITY_SUM - priorities[family] + 1 } },
          'accept',
        ),
        term(`inside own block ${cidr}`, inside(cidr), 'reject'),
      ]),
    ...familyPools
      .filter(({ disableBgpExport }) => !disableBgpExport)
      .map(({ cidr }) => term(`pool ${cidr}`, inside(cidr), 'accept')),
    term('outside every pool', {}, 'reject'),
  ];
}

const term = (name: string, match: Term['match'], verdict: Term['verdict']): Term => ({
  name,
  match,
  actions: [],
  verdict,
});

function communityActions({ communities }: PrefixAdvertisement): Action[] {
  const standard = communities.flatMap(({ standard }): number[] =>
    standard === undefined ? [] : [standard],
  );
  const large = communities.flatMap(({ large }): LargeCommunity[] => (large === undefined ? [] : [large]));
  return [
    ...(standard.length > 0 ? [{ type: 'AddCommunities' as const, values: standard }] : []),
    ...(large.length > 0 ? [{ type: 'AddLargeCommunities' as const, values: large }] : []),
  ];
}

/** How routes inside a pool reach the kernel (3.7). */
export interface KernelPool {
  readonly cidr: Prefix;
  /** False: left to Felix, which programs the pool's tunnels. */
  readonly program: boolean;
  /** Device that routes go out through; undefined is their own interface. */
  readonly tunnel: 'tunl0' | undefined;
  /** CrossSubnet: a next hop in here is reached without the tunnel. */
  readonly tunnelUnlessNextHopIn: Prefix | undefined;
}

const PROGRAMS: Readonly<Record<ProgramClusterRoutes, { readonly ipip: boolean; readonly plain: boolean }>> =
  {
    Enabled: { ipip: true, plain: true },
    EnabledIPIPOnly: { ipip: true, plain: false },
    EnabledNoEncapOnly: { ipip: false, plain: true },
    Disabled: { ipip: false, plain: false },
  };

export const programsIpip = ({ defaults }: Cluster): boolean =>
  PROGRAMS[defaults?.programClusterRoutes ?? 'EnabledNoEncapOnly'].ipip;

/** Of IPv4 none while this node has no IPv4 network, as in Calico. */
export function kernelPools(cluster: Cluster, allPools: readonly IpPool[]): KernelPool[] {
  const { ipip, plain } = PROGRAMS[cluster.defaults?.programClusterRoutes ?? 'EnabledNoEncapOnly'];
  const network = cluster.me?.bgp?.addresses.ipv4?.network;
  const known = allPools.filter(({ cidr }) => familyOfPrefix(cidr) === 'ipv6' || network !== undefined);
  return known.map(({ cidr, ipipMode, vxlanMode }) => {
    const program = vxlanMode === 'Never' && (ipipMode === 'Never' ? plain : ipip);
    const tunnel = program && ipipMode !== 'Never' ? 'tunl0' : undefined;
    const native = tunnel !== undefined && ipipMode === 'CrossSubnet' ? network : undefined;
    return { cidr, program, tunnel, tunnelUnlessNextHopIn: native };
  });
}

/** Other nodes that are reached through WireGuard, when this node is too: routes to them are Felix's (3.7 step 3). */
export function wireguardNextHops({ me, nodes }: Cluster): Address[] {
  return FAMILIES.flatMap((family) =>
    me?.wireguard[family] === undefined
      ? []
      : nodes
          .filter((node) => node.name !== me.name && node.wireguard[family] !== undefined)
          .flatMap((node) => addressOfNode(node, family) ?? []),
  );
}
