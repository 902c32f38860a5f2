// Calico's resources as types, with the fields that BGP depends on (calicoctl's names). An absent field is `undefined`
// and means the default; where the value is a number or a duration, the unit is in the name. decode.ts makes them.

import type { Address, Family, LargeCommunity, Prefix } from 'bgp-utils';

/** Something in the datastore that cannot be used, told so that an operator can repair it. */
export interface Problem {
  /** "BGPPeer/tor-a". */
  readonly resource: string;
  /** "spec.asNumber"; "" when it is the resource as a whole. */
  readonly field: string;
  readonly message: string;
}

/** An address with the length of its network, host bits kept: "10.0.1.11/24". */
export interface InterfaceAddress {
  readonly address: Address;
  readonly network: Prefix;
}

export type Labels = ReadonlyMap<string, string>;

interface Named {
  readonly name: string;
  readonly annotations: ReadonlyMap<string, string>;
}

export interface Node extends Named {
  readonly labels: Labels;
  /** Undefined: this host takes no part in BGP. */
  readonly bgp: NodeBgp | undefined;
  readonly wireguard: Readonly<Record<Family, Address | undefined>>;
}

export interface NodeBgp {
  readonly asNumber: number | undefined;
  readonly addresses: Readonly<Record<Family, InterfaceAddress | undefined>>;
  readonly routeReflectorClusterId: Address | undefined;
}

export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}

/** A community as text, canonical: "64512:100" or "64512:300:7", and as the number or numbers of the wire. */
export interface Community {
  readonly text: string;
  readonly standard: number | undefined;
  readonly large: LargeCommunity | undefined;
}

export interface PrefixAdvertisement {
  readonly cidr: Prefix;
  /** Names are resolved; sorted, without doubles. */
  readonly communities: readonly Community[];
}

export type ProgramClusterRoutes = 'Enabled' | 'Disabled' | 'EnabledIPIPOnly' | 'EnabledNoEncapOnly';

export type LogSeverity = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** `default`, or `node.<name>` of which only `listenPort`, `prefixAdvertisements` and the log level count. */
export interface BgpConfiguration extends Named {
  readonly nodeToNodeMeshEnabled: boolean | undefined;
  readonly asNumber: number | undefined;
  readonly listenPort: number | undefined;
  readonly bindMode: 'None' | 'NodeIP' | undefined;
  /** 'unusable': asked for, and not to be made out. */
  readonly nodeMeshPassword: SecretKeyRef | 'unusable' | undefined;
  readonly nodeMeshMaxRestartSeconds: number | undefined;
  readonly logSeverity: LogSeverity | undefined;
  readonly ignoredInterfaces: readonly string[];
  readonly programClusterRoutes: ProgramClusterRoutes | undefined;
  readonly normalRoutePriority: Readonly<Record<Family, number | undefined>>;
  /** Undefined when the field is absent; an empty list is not. */
  readonly prefixAdvertisements: readonly PrefixAdvertisement[] | undefined;
}

export interface PeerAddress {
  readonly address: Address;
  readonly port: number | undefined;
  /** The host part as written: some comparisons of Calico are on that text. */
  readonly text: string;
}

export interface BgpPeer extends Named {
  readonly node: string | undefined;
  readonly nodeSelector: string | undefined;
  readonly peerIP: PeerAddress | undefined;
  /** Annotation `mesos-bgp/peer-range`: any peer from there, in place of `peerIP`. */
  readonly peerRange?: Prefix | undefined;
  readonly asNumber: number | undefined;
  readonly peerSelector: string | undefined;
  readonly localWorkloadSelector: string | undefined;
  readonly localAsNumber: number | undefined;
  readonly nextHopMode: 'Auto' | 'Self' | 'Keep' | undefined;
  readonly keepOriginalNextHop: boolean;
  readonly password: SecretKeyRef | 'unusable' | undefined;
  readonly sourceAddress: 'UseNodeIP' | 'None';
  readonly maxRestartSeconds: number | undefined;
  readonly keepaliveSeconds: number | undefined;
  readonly numAllowedLocalAsNumbers: number;
  /** Hops to the peer; undefined and 0 are off. */
  readonly ttlSecurity: number | undefined;
  readonly reachableBy: Address | undefined;
  /** In the order in which they are asked. */
  readonly filters: readonly string[];
  readonly reversePeering: 'Auto' | 'Manual';
}

/** A rule with Calico's field names; the JSON of `resolve` has it as it is, plus the family. */
export interface FilterRule {
  readonly cidr?: Prefix;
  readonly matchOperator?: 'Equal' | 'NotEqual' | 'In' | 'NotIn';
  readonly prefixLength?: { readonly min?: number; readonly max?: number };
  readonly source?: 'RemotePeers';
  readonly interface?: string;
  readonly peerType?: 'eBGP' | 'iBGP';
  readonly communities?: { readonly values: readonly string[] };
  readonly asPathPrefix?: readonly number[];
  readonly priority?: number;
  readonly action: 'Accept' | 'Reject';
  readonly operations?: readonly FilterOperation[];
}

export type FilterOperation =
  | { readonly addCommunity: { readonly value: string } }
  | { readonly prependASPath: { readonly prefix: readonly number[] } }
  | { readonly setPriority: { readonly value: number } };

export interface BgpFilter extends Named {
  readonly import: Readonly<Record<Family, readonly FilterRule[]>>;
  readonly export: Readonly<Record<Family, readonly FilterRule[]>>;
}

export interface IpPool extends Named {
  readonly cidr: Prefix;
  readonly ipipMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly vxlanMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly disableBgpExport: boolean;
}

/** `calico/ipam/v2/host/<node>/…`: that of another node or a virtual one is nothing to us. */
export interface BlockAffinity {
  readonly node: string;
  readonly cidr: Prefix;
  readonly state: 'pending' | 'confirmed' | 'pendingDeletion';
}

/** Kinds of the datastore's `resources/v3` tree that BGP reads, with the types their values become. */
export interface ResourceTypes {
  readonly Node: Node;
  readonly BGPConfiguration: BgpConfiguration;
  readonly BGPPeer: BgpPeer;
  readonly BGPFilter: BgpFilter;
  readonly IPPool: IpPool;
  readonly BlockAffinity: BlockAffinity;
}

export type Kind = keyof ResourceTypes;
