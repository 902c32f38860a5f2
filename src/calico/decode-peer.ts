// The text of a BGPPeer → its fields (data model 1.4). A peer with anything wrong is refused: without its password, its filter
// or its AS number a session does harm, without itself it is just missing. A selector that does not parse is no reason:
// it matches no node.

import {
  type Address,
  familyOfAddress,
  isLinkLocal,
  isNoHost,
  type Prefix,
  parseAddress,
  parseNetwork,
  parseScopedAddress,
  withZone,
  zoneOf,
} from 'bgp-utils';
import { type Fields, named, secret, shown } from './fields.ts';
import type { BgpPeer, PeerAddress, Problem } from './resources.ts';

/** The annotation that is a field of the resource: it stands in place of one. */
const PEER_RANGE = 'mesos-bgp/peer-range';
/** Where a link-local address stands without its interface, it is this one: calicoctl takes no `%` in `peerIP`. */
const INTERFACE = 'mesos-bgp/interface';

/** Calico has no limit of its own; this is its type's. */
const MAX_ALLOWED_LOCAL_AS = 0x7fff_ffff;

export function bgpPeer(name: string, root: Fields, problems: readonly Problem[]): BgpPeer | undefined {
  const spec = root.inside('spec');
  const peerIP = spec.text('peerIP');
  const names = named(name, root);
  const peer: BgpPeer = {
    ...names,
    node: spec.text('node'),
    nodeSelector: spec.text('nodeSelector'),
    peerIP: peerIP === undefined ? undefined : peerAddress(spec, peerIP, names.annotations.get(INTERFACE)),
    peerRange: rangeOf(names.annotations.get(PEER_RANGE)),
    // 0 is what Go has in a field that was not set.
    asNumber: spec.raw('asNumber') === 0 ? undefined : spec.asNumber('asNumber'),
    peerSelector: spec.text('peerSelector'),
    localWorkloadSelector: spec.text('localWorkloadSelector'),
    localAsNumber: spec.asNumber('localASNumber'),
    nextHopMode: spec.oneOf('nextHopMode', ['Auto', 'Self', 'Keep']),
    keepOriginalNextHop: spec.flag('keepOriginalNextHop') ?? false,
    password: secret(spec, 'password'),
    sourceAddress: spec.oneOf('sourceAddress', ['UseNodeIP', 'None']) ?? 'UseNodeIP',
    maxRestartSeconds: spec.seconds('maxRestartTime'),
    keepaliveSeconds: spec.seconds('keepaliveTime') || undefined,
    numAllowedLocalAsNumbers: spec.integer('numAllowedLocalASNumbers', 0, MAX_ALLOWED_LOCAL_AS) ?? 0,
    ttlSecurity: spec.integer('ttlSecurity', 0, 255) || undefined,
    reachableBy: spec.hostAddress('reachableBy'),
    filters: spec.strings('filters') ?? [],
    reversePeering: spec.oneOf('reversePeering', ['Auto', 'Manual']) ?? 'Auto',
  };
  contradictions(peer, spec);
  range(peer, root, spec);
  if (problems.length > 0) return undefined;
  spec.selector('nodeSelector');
  spec.selector('peerSelector');
  spec.selector('localWorkloadSelector');
  // Which of the two holds is clear (2.8), so a session is not worth less for it.
  if (peer.nextHopMode !== undefined && peer.keepOriginalNextHop)
    spec.wrong(
      'keepOriginalNextHop',
      `is of no effect together with nextHopMode ${peer.nextHopMode}: remove it`,
    );
  return peer;
}

/** What calicoctl refuses to write; another writer may have written it. */
function contradictions(peer: BgpPeer, spec: Fields): void {
  const remotes = (['peerIP', 'peerSelector', 'localWorkloadSelector'] as const).filter((field) =>
    spec.has(field),
  );
  if (remotes.length === 0 && !peer.annotations.has(PEER_RANGE))
    spec.wrong('peerIP', 'is missing: a peer needs peerIP, peerSelector or localWorkloadSelector');
  if (remotes.length > 1) spec.wrong(remotes[1]!, `cannot be together with ${remotes[0]}: keep one of them`);
  if (peer.node !== undefined && peer.nodeSelector !== undefined)
    spec.wrong('nodeSelector', 'cannot be together with node: keep one of them');
  if (peer.peerSelector !== undefined && peer.asNumber !== undefined)
    spec.wrong('asNumber', 'cannot be together with peerSelector: the AS number is that of the nodes');
  if (
    peer.localWorkloadSelector !== undefined &&
    peer.asNumber === undefined &&
    (!spec.has('asNumber') || spec.raw('asNumber') === 0)
  )
    spec.wrong('asNumber', 'is missing: localWorkloadSelector needs it');
  if (peer.reachableBy !== undefined && !spec.has('peerIP')) spec.wrong('reachableBy', 'needs peerIP');
  if (peer.reachableBy !== undefined && peer.peerIP !== undefined) {
    if (zoneOf(peer.peerIP.address) !== undefined)
      spec.wrong('reachableBy', `${peer.peerIP.address} is on the link: remove it`);
    if (familyOfAddress(peer.reachableBy) !== familyOfAddress(peer.peerIP.address))
      spec.wrong('reachableBy', `${peer.reachableBy} is not of the family of peerIP ${peer.peerIP.address}`);
  }
}

/** A bare address is no range: it is a typing error, or a peerIP. */
const rangeOf = (text: string | undefined): Prefix | undefined =>
  text?.includes('/') ? parseNetwork(text.trim())?.prefix : undefined;

/** Our annotation for peers that no list names; it is refused whole where it cannot mean anything. */
function range(peer: BgpPeer, root: Fields, spec: Fields): void {
  const text = peer.annotations.get(PEER_RANGE);
  if (text === undefined) return;
  if (peer.peerRange === undefined)
    root
      .inside('metadata')
      .wrong(`annotations[${PEER_RANGE}]`, `${shown(text)} is not a CIDR, as in 10.0.0.0/24`);
  for (const field of ['peerIP', 'peerSelector', 'localWorkloadSelector'] as const)
    if (peer[field] !== undefined) spec.wrong(field, `cannot be together with the annotation ${PEER_RANGE}`);
  if (peer.asNumber === undefined && (!spec.has('asNumber') || spec.raw('asNumber') === 0))
    spec.wrong('asNumber', `is missing: the annotation ${PEER_RANGE} needs it`);
}

/** "10.0.0.1", "10.0.0.1:1790", "fd00::1", "[fd00::1]:1790", "fe80::1%eth0". @param zone  of a link-local one without. */
function peerAddress(spec: Fields, text: string, zone: string | undefined): PeerAddress | undefined {
  const match = /^\[([^\]]*)\](?::([0-9]{1,5}))?$/.exec(text) ?? /^([0-9.]+)(?::([0-9]{1,5}))?$/.exec(text);
  const host = match?.[1] ?? text;
  const address = hostAddress(host, zone?.trim());
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (address === undefined && parseAddress(host) !== undefined)
    return spec.wrong(
      'peerIP',
      `${shown(text)} says nothing without its interface: write it as ${host}%eth0, or put the annotation ${INTERFACE} beside it`,
    );
  if (address === undefined || (port !== undefined && (port < 1 || port > 65535))) {
    return spec.wrong('peerIP', `${shown(text)} is not an IP address, IPv4:port or [IPv6]:port`);
  }
  if (isNoHost(address)) return spec.wrong('peerIP', `${address} is not the address of a host`);
  return { address, port, text: host };
}

function hostAddress(host: string, zone: string | undefined): Address | undefined {
  const alone = parseAddress(host);
  if (alone === undefined || !isLinkLocal(alone)) return parseScopedAddress(host);
  return zone === undefined ? undefined : withZone(alone, zone);
}
