// What `resolve -o json` prints: the desired state in the terms of Calico's resources. Field names and their order are a
// public contract; all lists are sorted, so that two runs compare equal.

import { addressWords, type Family, familyOfAddress } from 'bgp-utils';
import type { ResolvedPeer } from '../calico/peers.ts';
import type { BgpFilter, FilterRule, IpPool, PrefixAdvertisement, Problem } from '../calico/resources.ts';
import type { KernelPool, OwnBlock, Priorities } from '../calico/routes.ts';

type FamilyLabel = 'v4' | 'v6';

export interface ListenAddress {
  /** null: all addresses of the family. */
  readonly address: string | null;
  readonly port: number;
  /** The interface that connections come by, where an annotation names one. */
  readonly interface?: string;
}

export interface ResolutionPeer {
  readonly address: string;
  readonly port: number;
  readonly family: FamilyLabel;
  readonly type: ResolvedPeer['type'];
  readonly resource: string;
  readonly asNumber: number;
  readonly localAsNumber: number;
  readonly passive: boolean;
  readonly sourceAddress: string | null;
  readonly routeReflectorClient: boolean;
  readonly clusterId: string | null;
  readonly nextHop: 'auto' | 'self' | 'keep';
  /** TTL sent; null where GTSM is on. */
  readonly multihop: number | null;
  readonly ttlSecurityHops: number | null;
  readonly gracefulRestartSeconds: number;
  readonly keepaliveSeconds: number | null;
  readonly password: 'none' | 'set' | 'missing';
  readonly allowLocalAs: number;
  readonly reachableBy: string | null;
  readonly importFilters: readonly string[];
  readonly exportFilters: readonly string[];
}

export type ResolutionRule = { readonly family: FamilyLabel } & FilterRule;

export interface Resolution {
  readonly node: string;
  readonly revision: string;
  readonly asNumber: number | null;
  readonly routerId: string | null;
  readonly clusterId: string | null;
  readonly listen: { readonly v4: ListenAddress | null; readonly v6: ListenAddress | null };
  readonly problems: readonly Problem[];
  readonly peers: readonly ResolutionPeer[];
  readonly blocks: readonly OwnBlock[];
  readonly export: {
    readonly acceptPools: readonly string[];
    readonly rejectPools: readonly string[];
    readonly communities: readonly { readonly cidr: string; readonly add: readonly string[] }[];
  };
  readonly kernel: {
    readonly normalPriority: { readonly v4: number; readonly v6: number };
    readonly pools: readonly {
      readonly cidr: string;
      readonly program: boolean;
      readonly tunnel: string | null;
      readonly tunnelUnlessNextHopIn: string | null;
    }[];
  };
  readonly ignoredInterfaces: readonly string[];
  readonly filters: Readonly<
    Record<string, { readonly import: readonly ResolutionRule[]; readonly export: readonly ResolutionRule[] }>
  >;
}

export const familyLabel = (family: Family): FamilyLabel => (family === 'ipv4' ? 'v4' : 'v6');

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** By family, address as a number, and port. */
export const sortedPeers = (peers: readonly ResolvedPeer[]): ResolvedPeer[] =>
  peers
    .map((peer) => ({
      peer,
      key: [familyOfAddress(peer.address) === 'ipv4' ? 0 : 1, ...addressWords(peer.address), peer.port],
    }))
    .sort((a, b) => {
      const index = a.key.findIndex((part, i) => part !== b.key[i]);
      return index < 0 ? 0 : a.key[index]! - b.key[index]!;
    })
    .map(({ peer }) => peer);

/** By resource, field, message; the same thing said twice is said once. */
export function sortedProblems(problems: readonly Problem[]): Problem[] {
  const distinct = new Map(problems.map((p) => [JSON.stringify([p.resource, p.field, p.message]), p]));
  return [...distinct.values()].sort(
    (a, b) => byText(a.resource, b.resource) || byText(a.field, b.field) || byText(a.message, b.message),
  );
}

export function poolLists(
  pools: readonly IpPool[],
  advertised: readonly PrefixAdvertisement[],
): Resolution['export'] {
  return {
    acceptPools: pools.filter((pool) => !pool.disableBgpExport).map(({ cidr }) => cidr),
    rejectPools: pools.filter((pool) => pool.disableBgpExport).map(({ cidr }) => cidr),
    communities: advertised.map(({ cidr, communities }) => ({
      cidr,
      add: communities.map(({ text }) => text),
    })),
  };
}

export const kernelLists = (priorities: Priorities, pools: readonly KernelPool[]): Resolution['kernel'] => ({
  normalPriority: { v4: priorities.ipv4, v6: priorities.ipv6 },
  pools: pools.map(({ cidr, program, tunnel, tunnelUnlessNextHopIn }) => ({
    cidr,
    program,
    tunnel: tunnel ?? null,
    tunnelUnlessNextHopIn: tunnelUnlessNextHopIn ?? null,
  })),
});

/** The filters by name, each with its rules of both families in one list a direction. */
export const filterLists = (filters: readonly BgpFilter[]): Resolution['filters'] =>
  Object.fromEntries(
    [...filters]
      .sort((a, b) => byText(a.name, b.name))
      .map((filter) => [filter.name, { import: joined(filter.import), export: joined(filter.export) }]),
  );

const joined = (rules: Readonly<Record<Family, readonly FilterRule[]>>): ResolutionRule[] => [
  ...rules.ipv4.map((rule) => shownRule('v4', rule)),
  ...rules.ipv6.map((rule) => shownRule('v6', rule)),
];

/** Calico's fields in Calico's order, the action in front: it is the one that is always there. */
const shownRule = (family: FamilyLabel, { action, ...rest }: FilterRule): ResolutionRule => ({
  family,
  action,
  ...rest,
});
