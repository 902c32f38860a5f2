// Routes that the kernel has to containers of this host (data model 3.1) → what this node originates beside its blocks: an
// address that was borrowed from another host's block is told as /32 or /128, a migrating one by its low metric (3.2, 3.5). What
// lies quietly inside an own block is held back by the export policy, like everything else that it decides.
//
// BIRD learns every route of the main table and lets the export rules choose. Here only what leads straight to a workload counts:
// inside a pool or an own block, on a link, by no tunnel device. A route through a gateway is another host's, which tells it itself; the
// networks of interfaces and the default route are no container's.

import { containsPrefix, familyOfPrefix, type OriginatedRoute, type Prefix } from 'bgp-utils';
import { PRIORITY_SUM } from '../calico/filters.ts';
import type { KernelPolicy } from './kernel.ts';

/** A route of another program, as far as this needs it. */
export interface LocalRoute {
  readonly prefix: Prefix;
  readonly type: 'unicast' | 'blackhole' | 'other';
  /** 0: none was given. */
  readonly metric: number;
  readonly protocol: number;
  readonly nextHops: readonly {
    readonly gateway: string | undefined;
    readonly interface: string | undefined;
  }[];
}

/** RTPROT_KERNEL: an address of an interface, and its network. */
const PROTOCOL_KERNEL = 2;
/** Felix's: what they lead to is on other hosts. */
const TUNNELS = /^(.*\.cali|.*\.calico|tunl0|lo)$/;

/**
 * What this node originates, with the kernel's routes at hand.
 * @param own     from its blocks. A block of one address is the route to its container: while there is none, nobody shall send
 *                packets here, which has no blackhole for them.
 * @param routes  of other programs; undefined where no kernel is looked at, and the blocks are told whatever is there.
 */
export function withWorkloads(
  own: readonly OriginatedRoute[],
  policy: KernelPolicy,
  routes: Iterable<LocalRoute> | undefined,
): readonly OriginatedRoute[] {
  if (routes === undefined) return own;
  const blocks = own.filter(({ kernel }) => kernel === 'blackhole');
  const taken = new Set(blocks.map(({ prefix }) => prefix));
  return [...blocks, ...workloadRoutes(policy, routes).filter(({ prefix }) => !taken.has(prefix))];
}

/** @returns by prefix; of several routes to one, that with the lowest metric, which is the one the kernel uses. */
function workloadRoutes(policy: KernelPolicy, routes: Iterable<LocalRoute>): OriginatedRoute[] {
  const used = new Map<Prefix, { readonly metric: number; readonly interface: string | undefined }>();
  for (const route of routes) {
    const { prefix } = route;
    if (!leadsToWorkload(policy, route)) continue;
    const metric = route.metric === 0 ? policy.normalPriority[familyOfPrefix(prefix)] : route.metric;
    const other = used.get(prefix);
    if (other !== undefined && other.metric <= metric) continue;
    used.set(prefix, { metric, interface: route.nextHops[0]?.interface });
  }
  return [...used].sort(byPrefix).map(([prefix, { metric, interface: by }]) => {
    const localPref = Math.max(0, PRIORITY_SUM - metric);
    const normal = PRIORITY_SUM - policy.normalPriority[familyOfPrefix(prefix)];
    return {
      prefix,
      attributes: { origin: 0, asPath: [], localPref },
      kernel: 'none', // it is there
      interface: by,
      // The workload is moving to another host, which has more to say (3.8) unless it is moving to this one, too.
      yieldsAbove: Math.max(localPref, normal),
    };
  });
}

function leadsToWorkload(
  { workloadRanges }: KernelPolicy,
  { prefix, type, protocol, nextHops }: LocalRoute,
): boolean {
  if (type !== 'unicast' || protocol === PROTOCOL_KERNEL || nextHops.length === 0) return false;
  if (!nextHops.every((hop) => hop.gateway === undefined && isWorkloadDevice(hop.interface))) return false;
  return workloadRanges.some((range) => containsPrefix(range, prefix));
}

const isWorkloadDevice = (name: string | undefined): boolean => name !== undefined && !TUNNELS.test(name);

const byPrefix = ([a]: readonly [Prefix, unknown], [b]: readonly [Prefix, unknown]): number =>
  a < b ? -1 : 1;
