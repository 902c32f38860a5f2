// Snapshot and node name → everything this node's speaker shall be: identity, listeners, peers with their policies, own
// routes, what the kernel gets, and the same once more as `resolve` shows it. Pure; secrets come by a function handed in.

import { createHash } from 'node:crypto';
import {
  type Address,
  FAMILIES,
  type Family,
  familyOfAddress,
  type OriginatedRoute,
  type PeerConfig,
  type PeerId,
  parseAddress,
  type SpeakerConfig,
} from 'bgp-utils';
import { originCheck } from '../calico/origins.ts';
import { resolvePeers } from '../calico/peers.ts';
import type { LogSeverity, Problem } from '../calico/resources.ts';
import {
  advertisements,
  exportTerms,
  kernelPools,
  normalPriorities,
  originatedRoutes,
  ownBlocks,
  pools,
  programsIpip,
  wireguardNextHops,
} from '../calico/routes.ts';
import {
  addressOfNode,
  BGP_PORT,
  type Cluster,
  clusterOf,
  decodingProblems,
  resources,
  type Snapshot,
} from '../calico/snapshot.ts';
import { localWorkloads, NO_WORKLOADS } from '../calico/workloads.ts';
import {
  type Annotated,
  annotation,
  checkAnnotations,
  FAIL_STATIC,
  LISTEN,
  MAX_PATHS,
  ORIGIN_CHECK,
} from './annotations.ts';
import { hostRoutes, type KernelPolicy } from './kernel.ts';
import { PeerBuilder, type PeerTransport } from './peer-config.ts';
import {
  filterLists,
  kernelLists,
  type ListenAddress,
  poolLists,
  type Resolution,
  sortedPeers,
  sortedProblems,
} from './resolution.ts';

export interface DesiredStateOptions {
  readonly node: string;
  /** An IPv4 address, or `hash` of the node name; undefined is the node's IPv4 address. */
  readonly routerId?: string | undefined;
  /** The value of `secretKeyRef {name, key}`, or undefined when there is none. */
  readonly secrets: (name: string, key: string) => string | undefined;
  /** Felix's endpoint status files, name → text; asked for where a BGPPeer is for local workloads. */
  readonly endpointFiles?: () => ReadonlyMap<string, string>;
}

export interface DesiredState {
  readonly node: string;
  readonly revision: string;
  /** As `resolve -o json` prints it. */
  readonly resolution: Resolution;
  /** Undefined: this node cannot take part, and `resolution.problems` says why. There are no peers and listeners then. */
  readonly speaker: SpeakerConfig | undefined;
  /** What Calico's data says; a setting of the daemon itself comes before it. */
  readonly logLevel: LogSeverity;
  readonly listen: { readonly v4: ListenAddress | null; readonly v6: ListenAddress | null };
  readonly peers: readonly PeerConfig[];
  readonly originated: readonly OriginatedRoute[];
  readonly kernel: KernelPolicy;
  readonly transport: ReadonlyMap<PeerId, PeerTransport>;
}

const DEFAULT_MAX_PATHS = 16;
const DEFERRAL_SECONDS = 10;

type Report = (problem: Problem) => void;

export function desiredState(snapshot: Snapshot, options: DesiredStateOptions): DesiredState {
  const cluster = clusterOf(snapshot, options.node);
  const problems: Problem[] = decodingProblems(snapshot, options.node);
  const report: Report = (problem) => void problems.push(problem);
  for (const place of [...places(cluster), ...peerPlaces(snapshot)]) checkAnnotations(place, report);
  const takesPart = checkOwnNode(cluster, report);
  const bgpIdentifier = takesPart ? identifier(cluster, options, report) : undefined;
  const speaker = bgpIdentifier && speakerConfig(cluster, bgpIdentifier, report);
  const listen = speaker === undefined ? { v4: null, v6: null } : listenAddresses(cluster, report);

  const blocks = ownBlocks(cluster);
  const allPools = pools(cluster);
  const advertised = advertisements(cluster);
  const priorities = normalPriorities(cluster);
  const programmed = kernelPools(cluster, allPools);

  const local =
    options.endpointFiles && peersWithWorkloads(snapshot)
      ? localWorkloads(options.endpointFiles())
      : NO_WORKLOADS;
  const resolved = resolvePeers(cluster, local.workloads);
  problems.push(...local.problems, ...resolved.problems);
  const sorted = speaker === undefined ? [] : sortedPeers(resolved.peers);
  const builtIn = perFamily((family) =>
    exportTerms(family, {
      blocks,
      pools: allPools,
      advertised,
      priorities,
      programsIpip: programsIpip(cluster),
    }),
  );
  const filters = resources(snapshot, 'BGPFilter');
  const builder = new PeerBuilder({
    secrets: options.secrets,
    filters,
    exportTerms: builtIn,
    places: places(cluster),
    report,
  });
  const built = sorted.map((peer) => builder.build(peer));

  const { revision } = snapshot;
  const ignoredInterfaces = [...(cluster.defaults?.ignoredInterfaces ?? [])].sort();
  return {
    node: options.node,
    revision,
    resolution: {
      node: options.node,
      revision,
      asNumber: takesPart ? cluster.myAs : null,
      routerId: bgpIdentifier ?? null,
      clusterId: cluster.me?.bgp?.routeReflectorClusterId ?? null,
      listen,
      problems: sortedProblems(problems),
      peers: built.map(({ shown }) => shown),
      blocks,
      export: poolLists(allPools, advertised),
      kernel: kernelLists(priorities, programmed),
      ignoredInterfaces,
      filters: filterLists(filters),
    },
    speaker,
    logLevel: cluster.own?.logSeverity ?? cluster.defaults?.logSeverity ?? 'info',
    listen,
    peers: built.map(({ config }) => config),
    originated: speaker === undefined ? [] : originatedRoutes(blocks, priorities),
    kernel: {
      normalPriority: priorities,
      pools: programmed,
      workloadRanges: [...allPools, ...blocks].map(({ cidr }) => cidr),
      wireguardNextHops: wireguardNextHops(cluster),
      hostRoutes: hostRoutes(sorted),
      ignoredInterfaces,
    },
    transport: new Map(built.map(({ config, transport }) => [config.peer, transport])),
  };
}

const peersWithWorkloads = (snapshot: Snapshot): boolean =>
  resources(snapshot, 'BGPPeer').some((peer) => peer.localWorkloadSelector !== undefined);

const perFamily = <T>(make: (family: Family) => T): Readonly<Record<Family, T>> => ({
  ipv4: make('ipv4'),
  ipv6: make('ipv6'),
});

/** @returns whether this node can have sessions at all. */
function checkOwnNode({ me, nodes, nodeName, snapshot }: Cluster, report: Report): boolean {
  const resource = `Node/${nodeName}`;
  if (me === undefined) {
    const broken = [...snapshot.tables.Node.keys()].some((key) => key.endsWith(`/${nodeName}`));
    const names = nodes.map(({ name }) => name);
    const exist = names.length === 0 ? 'there are no nodes at all' : `there are ${listed(names)}`;
    const next = 'create it with calicoctl, or give this daemon the right name (--node, NODENAME)';
    report({
      resource,
      field: '',
      message: broken
        ? 'cannot be read, so this node takes no part in BGP: correct it'
        : `does not exist; ${exist}: ${next}`,
    });
    return false;
  }
  if (me.bgp === undefined) {
    const message = 'is missing, so this node takes no part in BGP: set spec.bgp.ipv4Address or ipv6Address';
    report({ resource, field: 'spec.bgp', message });
    return false;
  }
  return FAMILIES.some((family) => addressOfNode(me, family) !== undefined); // peers.ts has reported it
}

const listed = (names: readonly string[]): string =>
  names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`;

function identifier({ me, nodeName }: Cluster, { routerId }: DesiredStateOptions, report: Report): Address {
  const resource = `Node/${nodeName}`;
  const ipv4 = addressOfNode(me, 'ipv4');
  if (routerId === 'hash') return hashedIdentifier(nodeName);
  if (routerId === undefined || routerId === '') {
    if (ipv4 !== undefined) return ipv4;
    const message =
      'is missing, and with it the router id: a hash of the name serves; set --router-id (CALICO_ROUTER_ID) to "hash" or an address';
    report({ resource, field: 'spec.bgp.ipv4Address', message });
    return hashedIdentifier(nodeName);
  }
  const address = parseAddress(routerId);
  if (address !== undefined && familyOfAddress(address) === 'ipv4' && address !== '0.0.0.0') return address;
  const used = ipv4 ?? hashedIdentifier(nodeName);
  const message = `router id "${routerId}" (--router-id, CALICO_ROUTER_ID) is neither an IPv4 address nor "hash"; ${used} serves`;
  report({ resource, field: '', message });
  return used;
}

/** First four octets of SHA-256 of the node name; 32 less where the first is above 223 (data model 2.1). */
export function hashedIdentifier(nodeName: string): Address {
  const [first, ...rest] = createHash('sha256').update(nodeName).digest().subarray(0, 4);
  return [first! > 223 ? first! - 32 : first!, ...rest].join('.') as Address;
}

const places = (cluster: Cluster): Annotated[] => [
  ...(cluster.me ? [{ resource: `Node/${cluster.me.name}`, annotations: cluster.me.annotations }] : []),
  ...(cluster.defaults
    ? [{ resource: 'BGPConfiguration/default', annotations: cluster.defaults.annotations }]
    : []),
];

const peerPlaces = (snapshot: Snapshot): Annotated[] =>
  resources(snapshot, 'BGPPeer').map(({ name, annotations }) => ({
    resource: `BGPPeer/${name}`,
    annotations,
  }));

function speakerConfig(cluster: Cluster, bgpIdentifier: Address, report: Report): SpeakerConfig {
  const near = places(cluster);
  const failStatic = annotation(FAIL_STATIC, near, true, report);
  const mode = annotation(ORIGIN_CHECK, near, 'report', report);
  return {
    asNumber: cluster.myAs,
    bgpIdentifier,
    clusterId: cluster.me?.bgp?.routeReflectorClusterId,
    restarting: false, // only the daemon knows
    maxPaths: annotation(MAX_PATHS, near, DEFAULT_MAX_PATHS, report),
    originCheck: originCheck(cluster, mode, failStatic, hashedIdentifier),
    failStatic,
    deferralSeconds: DEFERRAL_SECONDS,
  };
}

/** A family without an address has no sessions, and no listener (data model 2.1). */
function listenAddresses(cluster: Cluster, report: Report): DesiredState['listen'] {
  const port = cluster.own?.listenPort ?? cluster.globalPort ?? BGP_PORT;
  const of = (family: Family): ListenAddress | null => {
    const address = addressOfNode(cluster.me, family);
    if (address === undefined) return null;
    const place = annotation(LISTEN[family], places(cluster), undefined, report);
    const standard = cluster.defaults?.bindMode === 'NodeIP' ? address : null;
    return {
      address: place === undefined ? standard : (place.address ?? null),
      port: place?.port ?? port,
      ...(place?.device === undefined ? {} : { interface: place.device }),
    };
  };
  return { v4: of('ipv4'), v6: of('ipv6') };
}
