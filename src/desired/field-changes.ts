// What a change of each field of Calico's resources does to sessions and routes while the daemon runs. A field becomes settings
// of sessions, routes and the kernel (FIELD_SETTINGS), and how a setting changes stands in one table, SETTING_CHANGES; a field
// has the strongest of its settings' classes. Column "A change" of docs/configuration.md is made from here, and
// test/unit/desired/live-changes.test.ts changes every field on a running network and counts resets and withdrawals.

import { PEER_CHANGES } from 'bgp-utils';
import type { FieldName } from '../calico/field-table.ts';

/** From the gentlest to the strongest. */
export const CHANGE_CLASSES = [
  /** Nothing here is made from it. */
  'none',
  /** Holds at once, and no session and no route notices. */
  'in place',
  /** Open sessions go on as agreed; the next one has it. */
  'next session',
  /** Routes are judged anew, and peers told the difference; sessions stay. */
  'refresh',
  /** Sessions come or go; those that stay notice nothing. */
  'sessions',
  /** Resets the sessions that it is about, and no other. */
  'reset',
  /** Resets all sessions of the node. */
  'reset all',
] as const;
export type ChangeClass = (typeof CHANGE_CLASSES)[number];

const ofPeer = Object.fromEntries(
  Object.entries(PEER_CHANGES).map(([setting, { how }]) => [setting, how]),
) as { readonly [S in keyof typeof PEER_CHANGES]: (typeof PEER_CHANGES)[S]['how'] };

export const SETTING_CHANGES = {
  /** Of a session: bgp/src/speaker/changes.ts. */
  ...ofPeer,
  /** With whom, and over which address and port: these name a session, and another name is another session. */
  sessions: 'sessions',
  /** An established connection keeps the key and the TTL check that it was made with. */
  password: 'reset',
  ttlSecurity: 'reset',
  /** It is in every OPEN, and decides collisions. */
  bgpIdentifier: 'reset all',
  clusterId: 'refresh',
  maxPaths: 'in place',
  originated: 'refresh',
  kernelRule: 'in place',
  listener: 'in place',
  logLevel: 'in place',
  nothing: 'none',
} as const satisfies Readonly<Record<string, ChangeClass>>;

export type SettingName = keyof typeof SETTING_CHANGES;

/** What each field becomes; `of` says whose sessions, where that is not plain. */
export const FIELD_SETTINGS: Readonly<Record<FieldName, readonly SettingName[]>> = {
  'Node metadata.labels': ['sessions'],
  'Node spec.bgp': ['sessions'],
  'Node spec.bgp.asNumber': ['localAs', 'remoteAs'],
  'Node spec.bgp.ipv4Address': ['bgpIdentifier', 'localAddress', 'listener', 'sessions'],
  'Node spec.bgp.ipv6Address': ['localAddress', 'listener', 'sessions'],
  'Node spec.bgp.ipv4IPIPTunnelAddr': ['nothing'],
  'Node spec.bgp.routeReflectorClusterID': ['sessions', 'routeReflectorClient', 'clusterId'],
  'Node spec.wireguard.interfaceIPv4Address': ['kernelRule'],
  'Node spec.wireguard.interfaceIPv6Address': ['kernelRule'],
  'BGPConfiguration spec.nodeToNodeMeshEnabled': ['sessions'],
  'BGPConfiguration spec.asNumber': ['localAs', 'remoteAs'],
  'BGPConfiguration spec.listenPort': ['listener', 'sessions'],
  'BGPConfiguration spec.bindMode': ['listener'],
  'BGPConfiguration spec.nodeMeshPassword': ['password', 'heldBack'],
  'BGPConfiguration spec.nodeMeshMaxRestartTime': ['gracefulRestartSeconds'],
  'BGPConfiguration spec.communities': ['exportPolicy'],
  'BGPConfiguration spec.prefixAdvertisements': ['exportPolicy'],
  'BGPConfiguration spec.ignoredInterfaces': ['kernelRule'],
  'BGPConfiguration spec.programClusterRoutes': ['kernelRule'],
  'BGPConfiguration spec.ipv4NormalRoutePriority': ['exportPolicy', 'kernelRule'],
  'BGPConfiguration spec.ipv6NormalRoutePriority': ['exportPolicy', 'kernelRule'],
  'BGPConfiguration spec.logSeverityScreen': ['logLevel'],
  'BGPConfiguration spec.localWorkloadPeeringIPV4': ['nothing'],
  'BGPConfiguration spec.localWorkloadPeeringIPV6': ['nothing'],
  'BGPConfiguration spec.serviceClusterIPs': ['nothing'],
  'BGPConfiguration spec.serviceExternalIPs': ['nothing'],
  'BGPConfiguration spec.serviceLoadBalancerIPs': ['nothing'],
  'BGPConfiguration spec.serviceLoadBalancerAggregation': ['nothing'],
  'BGPPeer spec.node': ['sessions'],
  'BGPPeer spec.nodeSelector': ['sessions'],
  'BGPPeer spec.peerIP': ['sessions'],
  'BGPPeer spec.asNumber': ['remoteAs'],
  'BGPPeer spec.peerSelector': ['sessions'],
  'BGPPeer spec.localWorkloadSelector': ['sessions'],
  'BGPPeer spec.localASNumber': ['localAs'],
  'BGPPeer spec.nextHopMode': ['nextHop'],
  'BGPPeer spec.keepOriginalNextHop': ['nextHop'],
  'BGPPeer spec.password': ['password', 'heldBack'],
  'BGPPeer spec.sourceAddress': ['localAddress'],
  'BGPPeer spec.maxRestartTime': ['gracefulRestartSeconds'],
  'BGPPeer spec.keepaliveTime': ['keepaliveSeconds'],
  'BGPPeer spec.numAllowedLocalASNumbers': ['allowLocalAs'],
  'BGPPeer spec.ttlSecurity': ['ttlSecurity'],
  'BGPPeer spec.reachableBy': ['kernelRule'],
  'BGPPeer spec.filters': ['importPolicy', 'exportPolicy'],
  'BGPPeer spec.reversePeering': ['sessions'],
  'BGPFilter spec.importV4': ['importPolicy'],
  'BGPFilter spec.exportV4': ['exportPolicy'],
  'BGPFilter spec.importV6': ['importPolicy'],
  'BGPFilter spec.exportV6': ['exportPolicy'],
  'BGPFilter rule.action': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.cidr': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.matchOperator': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.prefixLength': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.source': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.interface': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.peerType': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.communities': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.asPathPrefix': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.priority': ['importPolicy', 'exportPolicy'],
  'BGPFilter rule.operations': ['importPolicy', 'exportPolicy'],
  'IPPool spec.cidr': ['exportPolicy', 'kernelRule'],
  'IPPool spec.disableBGPExport': ['exportPolicy'],
  'IPPool spec.ipipMode': ['kernelRule'],
  'IPPool spec.vxlanMode': ['kernelRule'],
  'IPPool spec.disabled': ['nothing'],
  'IPPool spec.natOutgoing': ['nothing'],
  'IPPool spec.blockSize': ['nothing'],
  'IPPool spec.nodeSelector': ['nothing'],
  'IPPool spec.namespaceSelector': ['nothing'],
  'IPPool spec.allowedUses': ['nothing'],
  'IPPool spec.assignmentMode': ['nothing'],
  'BlockAffinity state': ['originated', 'exportPolicy'],
  'BlockAffinity deleted': ['originated', 'exportPolicy'],
};

/** The strongest of what the field becomes. */
export function changeOf(field: FieldName): ChangeClass {
  const ranks = FIELD_SETTINGS[field].map((setting) => CHANGE_CLASSES.indexOf(SETTING_CHANGES[setting]));
  return CHANGE_CLASSES[Math.max(...ranks)]!;
}
