// Every field of Calico's resources that has to do with BGP: what it takes, what holds without it, what it does. The tables of
// docs/configuration.md are made from this one (test/docs.test.ts), and test/unit/calico/wrong-fields.test.ts has for each
// row what is said when its value cannot be used.

export interface FieldRow {
  readonly accepts: string;
  /** What holds when the field is absent, null or "". */
  readonly without: string;
  readonly effect: string;
}

const row = (accepts: string, without: string, effect: string): FieldRow => ({ accepts, without, effect });

const NOTHING = 'nothing';
const NOT_BGP = 'none on BGP; checked, since a wrong value means that somebody erred';

/** By kind, then by path in the resource; a list's elements have no index. */
export const FIELD_TABLE = {
  Node: {
    'metadata.labels': row(
      'texts',
      'no labels',
      '`nodeSelector` and `peerSelector` of BGPPeers choose nodes by them',
    ),
    'spec.bgp': row(
      'object, not empty',
      'the node takes no part in BGP',
      'has the fields below; without any address nobody peers with the node',
    ),
    'spec.bgp.asNumber': row('AS number', '`asNumber` of BGPConfiguration', 'AS number of the node'),
    'spec.bgp.ipv4Address': row(
      'address with prefix length; bare: /32',
      'no IPv4 sessions',
      'address of the IPv4 sessions and the router id; its network is where CrossSubnet needs no tunnel',
    ),
    'spec.bgp.ipv6Address': row(
      'address with prefix length; bare: /128',
      'no IPv6 sessions',
      'address of the IPv6 sessions',
    ),
    'spec.bgp.ipv4IPIPTunnelAddr': row('IPv4 address', NOTHING, NOT_BGP),
    'spec.bgp.routeReflectorClusterID': row(
      'dotted quad',
      'no route reflector',
      'makes the node a route reflector: it leaves the mesh, and reflects for peers that have another cluster id or none',
    ),
    'spec.wireguard.interfaceIPv4Address': row(
      'IPv4 address',
      'no WireGuard',
      'routes between two nodes that both have it are left to WireGuard',
    ),
    'spec.wireguard.interfaceIPv6Address': row('IPv6 address', 'no WireGuard', 'the same for IPv6'),
  },
  BGPConfiguration: {
    'spec.nodeToNodeMeshEnabled': row(
      '`true`, `false`',
      '`true`',
      'sessions between all nodes that are no route reflectors',
    ),
    'spec.asNumber': row('AS number', '64512', 'AS number of nodes that have none of their own'),
    'spec.listenPort': row(
      '1 to 65535',
      '179',
      'TCP port to listen on, and to which other nodes connect. Also in `node.<name>`',
    ),
    'spec.bindMode': row(
      '`None`, `NodeIP`',
      '`None`',
      "`NodeIP` listens on the node's own address of the family alone",
    ),
    'spec.nodeMeshPassword': row(
      '`secretKeyRef {name, key}`',
      'no password',
      'TCP MD5 password of the mesh; what cannot be found holds the mesh sessions back',
    ),
    'spec.nodeMeshMaxRestartTime': row(
      'duration',
      '`120s`',
      'graceful restart time of the mesh; `0s` switches it off',
    ),
    'spec.communities': row(
      'list of `{name, value}`, at most 500',
      'no names',
      'names for communities, `aa:nn` or `aa:nn:mm`, for `prefixAdvertisements` of the same object',
    ),
    'spec.prefixAdvertisements': row(
      'list of `{cidr, communities}`, at most 500',
      'no communities',
      'communities for what is advertised inside a CIDR. In `node.<name>` it replaces the list of `default`, even when empty',
    ),
    'spec.ignoredInterfaces': row(
      'list of patterns like `docker*`',
      'none',
      'interfaces whose networks resolve no next hop; host routes through them do',
    ),
    'spec.programClusterRoutes': row(
      '`Enabled`, `Disabled`, `EnabledIPIPOnly`, `EnabledNoEncapOnly`',
      '`EnabledNoEncapOnly`',
      'which pools are programmed into the kernel here; the others are left to Felix',
    ),
    'spec.ipv4NormalRoutePriority': row(
      '1 to 2147483646',
      '1024',
      'kernel metric of ordinary IPv4 routes; LOCAL_PREF is 2147483647 less it',
    ),
    'spec.ipv6NormalRoutePriority': row('1 to 2147483646', '1024', 'the same for IPv6'),
    'spec.logSeverityScreen': row(
      '`Trace`, `Debug`, `Info`, `Warning`, `Error`, `Fatal`, in any case',
      '`Info`',
      'what is logged, where `--log-level` does not say it. Also in `node.<name>`',
    ),
    'spec.localWorkloadPeeringIPV4': row(
      'IPv4 address',
      NOTHING,
      'none: Felix puts it on interfaces of workloads',
    ),
    'spec.localWorkloadPeeringIPV6': row('IPv6 address', NOTHING, 'the same for IPv6'),
    'spec.serviceClusterIPs': row('anything', NOTHING, 'none: there are no Kubernetes services'),
    'spec.serviceExternalIPs': row('anything', NOTHING, 'the same'),
    'spec.serviceLoadBalancerIPs': row('anything', NOTHING, 'the same'),
    'spec.serviceLoadBalancerAggregation': row('anything', NOTHING, 'the same'),
  },
  BGPPeer: {
    'spec.node': row('name of a Node', 'see `nodeSelector`', 'the peering is of this node alone'),
    'spec.nodeSelector': row(
      'selector',
      'all nodes, if `node` is absent too',
      'the peering is of the nodes whose labels match. Not together with `node`',
    ),
    'spec.peerIP': row(
      '`IP`, `IPv4:port`, `[IPv6]:port`; a link-local one with its interface, `fe80::1%eth0`',
      'see `peerSelector`',
      'address of the peer. Without a port: the listen port of the Node with that address and AS number, else 179',
    ),
    'spec.asNumber': row(
      'AS number',
      'that of the Node with the address',
      'AS number of the peer. Needed with `localWorkloadSelector`, not together with `peerSelector`',
    ),
    'spec.peerSelector': row(
      'selector',
      'see `localWorkloadSelector`',
      'the peers are the nodes whose labels match, in each family that both ends have',
    ),
    'spec.localWorkloadSelector': row(
      'selector',
      'one of the three must be there',
      'the peers are the workloads of this host that Felix names for it in `--endpoint-status-dir`: always passive, only `filters` and the AS numbers count',
    ),
    'spec.localASNumber': row(
      'AS number',
      'that of the node',
      'AS number of this node towards the peer. With `peerIP` or `localWorkloadSelector`',
    ),
    'spec.nextHopMode': row(
      '`Auto`, `Self`, `Keep`',
      '`Auto`',
      'next hop of what is sent: as BGP does, always this node, or as received',
    ),
    'spec.keepOriginalNextHop': row(
      '`true`, `false`',
      '`false`',
      'deprecated: `Keep`, but on eBGP sessions alone; of no effect beside `nextHopMode`',
    ),
    'spec.password': row(
      '`secretKeyRef {name, key}`',
      'no password',
      'TCP MD5 password; what cannot be found holds the session back',
    ),
    'spec.sourceAddress': row(
      '`UseNodeIP`, `None`',
      '`UseNodeIP`',
      'local address of the session; with `None` the kernel chooses',
    ),
    'spec.maxRestartTime': row(
      'duration',
      '`120s`',
      'graceful restart time, whole seconds; `0s` switches it off',
    ),
    'spec.keepaliveTime': row(
      'duration',
      'a third of the hold time',
      'interval of KEEPALIVEs, whole seconds',
    ),
    'spec.numAllowedLocalASNumbers': row(
      'number, 0 or more',
      '0',
      'how often the own AS number may be in a received AS path. With `peerIP`',
    ),
    'spec.ttlSecurity': row(
      '0 to 255',
      'multihop, TTL 64',
      'number of hops to the peer: packets from farther away are dropped (GTSM, RFC 5082)',
    ),
    'spec.reachableBy': row(
      'address of the family of `peerIP`',
      'none',
      'gateway of a host route to the peer. With `peerIP`',
    ),
    'spec.filters': row(
      'list of names',
      'no filters',
      'BGPFilters, asked in this order; one that is not there is skipped',
    ),
    'spec.reversePeering': row(
      '`Auto`, `Manual`',
      '`Auto`',
      'with `Auto` the nodes at the far end peer back without a BGPPeer of their own',
    ),
  },
  BGPFilter: {
    'spec.importV4': row('list of rules', 'no rules', 'asked for each IPv4 route that is received'),
    'spec.exportV4': row('list of rules', 'no rules', 'asked for each IPv4 route before it is sent'),
    'spec.importV6': row('list of rules', 'no rules', 'the same for IPv6'),
    'spec.exportV6': row('list of rules', 'no rules', 'the same for IPv6'),
    'rule.action': row(
      '`Accept`, `Reject`',
      'the filter is refused',
      'ends the evaluation; `Accept` on export also skips the built-in rules',
    ),
    'rule.cidr': row('CIDR of the family', 'any', 'condition, with `matchOperator`'),
    'rule.matchOperator': row(
      '`Equal`, `NotEqual`, `In`, `NotIn`',
      'none; needed with `cidr`',
      'how the route and `cidr` compare; `In` is equal or inside',
    ),
    'rule.prefixLength': row(
      '`{min, max}`: 0 to 32, or to 128',
      'any',
      'condition on the length, part of the comparison with `cidr`',
    ),
    'rule.source': row('`RemotePeers`', 'any', 'condition: learned over BGP; always true on import'),
    'rule.interface': row(
      'pattern like `eth*`',
      'any',
      'condition: the interface through which the route leads; a route without one does not match',
    ),
    'rule.peerType': row('`eBGP`, `iBGP`', 'any', 'condition: the kind of session'),
    'rule.communities': row(
      '`{values: [one]}`',
      'any',
      'condition: the route carries it, `aa:nn` or `aa:nn:mm`',
    ),
    'rule.asPathPrefix': row('list of AS numbers', 'any', 'condition: the AS path begins with them'),
    'rule.priority': row('1 to 2147483646', 'any', 'condition: LOCAL_PREF is 2147483647 less it'),
    'rule.operations': row(
      'list of 1 to 10 objects of one key',
      'no changes',
      'changes before `Accept`: `addCommunity {value}`, `prependASPath {prefix}` with 1 to 10 AS numbers, `setPriority {value}`',
    ),
  },
  IPPool: {
    'spec.cidr': row(
      'CIDR without host bits',
      'the pool is refused',
      'what is inside may be advertised. Of two pools with one CIDR the first by name counts',
    ),
    'spec.disableBGPExport': row(
      '`true`, `false`',
      '`false`',
      'what is inside is told to nobody, the mesh included',
    ),
    'spec.ipipMode': row(
      '`Never`, `Always`, `CrossSubnet`',
      '`Never`',
      'routes go out through `tunl0`, where `programClusterRoutes` has them programmed here; `CrossSubnet`: unless the next hop is in our network. IPv4 only',
    ),
    'spec.vxlanMode': row(
      '`Never`, `Always`, `CrossSubnet`',
      '`Never`',
      'routes inside are left to Felix. Not together with `ipipMode`',
    ),
    'spec.disabled': row('`true`, `false`', '`false`', NOT_BGP),
    'spec.natOutgoing': row('`true`, `false`', '`false`', NOT_BGP),
    'spec.blockSize': row('20 to 32; IPv6: 116 to 128', '26; IPv6: 122', NOT_BGP),
    'spec.nodeSelector': row('selector', '`all()`', NOT_BGP),
    'spec.namespaceSelector': row('selector', 'all', NOT_BGP),
    'spec.allowedUses': row('list of `Workload`, `Tunnel`, `LoadBalancer`', '`Workload`, `Tunnel`', NOT_BGP),
    'spec.assignmentMode': row('`Automatic`, `Manual`', '`Automatic`', NOT_BGP),
  },
  BlockAffinity: {
    state: row(
      '`confirmed`, `pending`, `pendingDeletion`',
      '`confirmed`',
      '`confirmed`: the block is advertised as one route, and discards what no container has. `pendingDeletion`: it discards, and is no aggregate any more. `pending`: nothing',
    ),
    deleted: row('`true`, `false`', '`false`', '`true`: as if it were not there'),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, FieldRow>>>>;

type Table = typeof FIELD_TABLE;

/** "BGPPeer spec.peerIP": a row by one name. */
export type FieldName = { [K in keyof Table]: `${K} ${Extract<keyof Table[K], string>}` }[keyof Table];

export const FIELD_NAMES: readonly FieldName[] = Object.entries(FIELD_TABLE).flatMap(([kind, rows]) =>
  Object.keys(rows).map((path) => `${kind} ${path}` as FieldName),
);
