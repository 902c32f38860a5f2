// The text under a key → a resource, or what is wrong with it. One rule for everything that is wrong: it is reported, and
// the field counts as absent; where absence would be less safe than doing without the whole (a peer without its password or
// its filter, a pool without its CIDR), the resource is refused. Unknown fields, null and any order of keys are fine.

import { familyOfAddress, familyOfPrefix, type Prefix, parseAddress, parseNetwork } from 'bgp-utils';
import { bgpFilter } from './decode-filter.ts';
import { Fields, isObject, type Report, shown } from './fields.ts';
import type { ParsedKey } from './keys.ts';
import type {
  BgpConfiguration,
  BgpPeer,
  BlockAffinity,
  Community,
  IpPool,
  Kind,
  Node,
  PeerAddress,
  PrefixAdvertisement,
  Problem,
  ResourceTypes,
  SecretKeyRef,
} from './resources.ts';
import { MAX_PRIORITY, parseCommunity } from './values.ts';

/** The annotation that is a field of the resource: it stands in place of one. */
const PEER_RANGE = 'mesos-bgp/peer-range';

export interface Decoded<K extends Kind = Kind> {
  /** Undefined: refused, and `problems` says why. */
  readonly resource: ResourceTypes[K] | undefined;
  readonly problems: readonly Problem[];
}

/** "Node/host-1", "BlockAffinity/10.65.0.0/26": how `problems` names a resource. */
export const resourceName = (key: ParsedKey): string =>
  `${key.kind}/${key.kind === 'BlockAffinity' ? key.cidr : key.name}`;

/** @param text  the value as stored: a JSON object; empty is allowed for a block affinity alone. */
export function decode(key: ParsedKey, text: string): Decoded {
  const problems: Problem[] = [];
  const report = (field: string, message: string): void => {
    problems.push({ resource: resourceName(key), field, message });
  };
  if (key.kind === 'BlockAffinity') return { resource: decodeAffinity(key, text, report), problems };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    report('', `not JSON, so it is ignored: ${(error as Error).message}. Write it anew with calicoctl`);
    return { resource: undefined, problems };
  }
  if (!isObject(value)) {
    report('', 'not a JSON object, so it is ignored. Write it anew with calicoctl');
    return { resource: undefined, problems };
  }
  const root = new Fields(value, '', report);
  const decoders = {
    Node: node,
    BGPConfiguration: bgpConfiguration,
    BGPPeer: bgpPeer,
    BGPFilter: (name: string, fields: Fields) => bgpFilter(named(name, fields), fields, problems),
    IPPool: ipPool,
  };
  const resource = decoders[key.kind](key.name, root, problems);
  return { resource, problems };
}
const named = (name: string, root: Fields) => ({
  name,
  annotations: root.inside('metadata').textMap('annotations'),
});

function node(name: string, root: Fields): Node {
  const spec = root.inside('spec');
  const bgp = spec.object('bgp');
  const wireguard = spec.inside('wireguard');
  return {
    ...named(name, root),
    labels: root.inside('metadata').textMap('labels'),
    bgp: bgp && {
      asNumber: bgp.asNumber('asNumber'),
      addresses: {
        ipv4: bgp.interfaceAddress('ipv4Address', 'ipv4'),
        ipv6: bgp.interfaceAddress('ipv6Address', 'ipv6'),
      },
      routeReflectorClusterId: bgp.address('routeReflectorClusterID', 'ipv4'),
    },
    wireguard: {
      ipv4: wireguard.address('interfaceIPv4Address', 'ipv4'),
      ipv6: wireguard.address('interfaceIPv6Address', 'ipv6'),
    },
  };
}

const PROGRAM = ['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'] as const;

function bgpConfiguration(name: string, root: Fields): BgpConfiguration | undefined {
  if (name !== 'default' && !name.startsWith('node.')) {
    root.report(
      'metadata.name',
      'only "default" and "node.<name of a node>" have a meaning, so this one is ignored',
    );
    return undefined;
  }
  const spec = root.inside('spec');
  const names = new Map<string, Community>();
  spec.objects('communities', (item) => {
    const [key, value] = [item.text('name'), item.text('value')];
    const community = parseCommunity(value ?? '');
    if (community === undefined)
      return item.wrong('value', `${shown(value)} is not a community like 64512:100 or 64512:300:7`);
    if (key === undefined) return item.wrong('name', 'a community needs a name');
    return names.set(key, community);
  });
  return {
    ...named(name, root),
    nodeToNodeMeshEnabled: spec.flag('nodeToNodeMeshEnabled'),
    asNumber: spec.asNumber('asNumber'),
    listenPort: spec.integer('listenPort', 1, 65535),
    bindMode: spec.oneOf('bindMode', ['None', 'NodeIP']),
    nodeMeshPassword: secret(spec, 'nodeMeshPassword'),
    nodeMeshMaxRestartSeconds: spec.seconds('nodeMeshMaxRestartTime'),
    ignoredInterfaces:
      spec.strings('ignoredInterfaces')?.filter((pattern, index) => {
        const fine = /^[a-zA-Z0-9_.*-]{1,15}$/.test(pattern) && pattern !== '*';
        if (!fine)
          spec.wrong(
            `ignoredInterfaces[${index}]`,
            `${shown(pattern)} is not an interface pattern like docker*`,
          );
        return fine;
      }) ?? [],
    programClusterRoutes: spec.oneOf('programClusterRoutes', PROGRAM),
    normalRoutePriority: {
      ipv4: spec.integer('ipv4NormalRoutePriority', 1, MAX_PRIORITY),
      ipv6: spec.integer('ipv6NormalRoutePriority', 1, MAX_PRIORITY),
    },
    prefixAdvertisements: spec.objects('prefixAdvertisements', (item) => prefixAdvertisement(item, names)),
  };
}

function prefixAdvertisement(
  item: Fields,
  names: ReadonlyMap<string, Community>,
): PrefixAdvertisement | undefined {
  const cidr = item.prefix('cidr');
  if (cidr === undefined) return item.has('cidr') ? undefined : item.wrong('cidr', 'is missing');
  const found = new Map<string, Community>();
  for (const [index, text] of (item.strings('communities') ?? []).entries()) {
    const community = names.get(text) ?? parseCommunity(text);
    if (community) found.set(community.text, community);
    else
      item.wrong(
        `communities[${index}]`,
        `${shown(text)} is neither a community nor a name in spec.communities`,
      );
  }
  return { cidr, communities: [...found.values()].sort((a, b) => (a.text < b.text ? -1 : 1)) };
}

function secret(fields: Fields, name: string): SecretKeyRef | undefined {
  const ref = fields.object(name)?.object('secretKeyRef');
  if (ref === undefined) return undefined;
  const [secretName, key] = [ref.text('name'), ref.text('key')];
  if (secretName === undefined || key === undefined) {
    return fields.wrong(`${name}.secretKeyRef`, 'needs "name" and "key"');
  }
  return { name: secretName, key };
}

function bgpPeer(name: string, root: Fields, problems: readonly Problem[]): BgpPeer | undefined {
  const spec = root.inside('spec');
  const peerIP = spec.text('peerIP');
  const peer: BgpPeer = {
    ...named(name, root),
    node: spec.text('node'),
    nodeSelector: spec.text('nodeSelector'),
    peerIP: peerIP === undefined ? undefined : peerAddress(spec, peerIP),
    peerRange: rangeOf(named(name, root).annotations.get(PEER_RANGE)),
    asNumber: spec.asNumber('asNumber'),
    peerSelector: spec.text('peerSelector'),
    localWorkloadSelector: spec.text('localWorkloadSelector'),
    localAsNumber: spec.asNumber('localASNumber'),
    nextHopMode: spec.oneOf('nextHopMode', ['Auto', 'Self', 'Keep']),
    keepOriginalNextHop: spec.flag('keepOriginalNextHop') ?? false,
    password: secret(spec, 'password'),
    sourceAddress: spec.oneOf('sourceAddress', ['UseNodeIP', 'None']) ?? 'UseNodeIP',
    maxRestartSeconds: spec.seconds('maxRestartTime'),
    keepaliveSeconds: spec.seconds('keepaliveTime'),
    numAllowedLocalAsNumbers: spec.integer('numAllowedLocalASNumbers', 0, 255) ?? 0,
    ttlSecurity: spec.integer('ttlSecurity', 0, 255) || undefined,
    reachableBy: spec.address('reachableBy'),
    filters: spec.strings('filters') ?? [],
    reversePeering: spec.oneOf('reversePeering', ['Auto', 'Manual']) ?? 'Auto',
  };
  contradictions(peer, spec);
  range(peer, root, spec);
  if (problems.length > 0) return undefined;
  // A selector that does not parse matches no node: reported, and no reason to refuse the object.
  spec.selector('nodeSelector');
  spec.selector('peerSelector');
  return peer;
}

/** What calicoctl refuses to write; another writer may have written it. */
function contradictions(peer: BgpPeer, spec: Fields): void {
  const remotes = (['peerIP', 'peerSelector', 'localWorkloadSelector'] as const).filter(
    (field) => spec.has(field) && spec.raw(field) !== '',
  );
  if (remotes.length === 0 && !peer.annotations.has(PEER_RANGE))
    spec.wrong('peerIP', 'is missing: a peer needs peerIP, peerSelector or localWorkloadSelector');
  if (remotes.length > 1) spec.wrong(remotes[1]!, `cannot be together with ${remotes[0]}: keep one of them`);
  if (peer.node !== undefined && peer.nodeSelector !== undefined)
    spec.wrong('nodeSelector', 'cannot be together with node: keep one of them');
  if (peer.peerSelector !== undefined && peer.asNumber !== undefined)
    spec.wrong('asNumber', 'cannot be together with peerSelector: the AS number is that of the nodes');
  if (peer.localWorkloadSelector !== undefined && peer.asNumber === undefined)
    spec.wrong('asNumber', 'is missing: localWorkloadSelector needs it');
  if (peer.nextHopMode !== undefined && peer.keepOriginalNextHop)
    spec.wrong('keepOriginalNextHop', 'cannot be together with nextHopMode: keep that one');
  if (peer.reachableBy !== undefined) {
    if (peer.peerIP === undefined) spec.wrong('reachableBy', 'needs peerIP');
    else if (familyOfAddress(peer.reachableBy) !== familyOfAddress(peer.peerIP.address)) {
      spec.wrong('reachableBy', `${peer.reachableBy} is not of the family of peerIP ${peer.peerIP.address}`);
    }
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
  for (const field of ['peerIP', 'peerSelector', 'localWorkloadSelector', 'password', 'ttlSecurity'] as const)
    if (peer[field] !== undefined) spec.wrong(field, `cannot be together with the annotation ${PEER_RANGE}`);
  if (peer.asNumber === undefined)
    spec.wrong('asNumber', `is missing: the annotation ${PEER_RANGE} needs it`);
}

/** "10.0.0.1", "10.0.0.1:1790", "fd00::1", "[fd00::1]:1790". */
function peerAddress(spec: Fields, text: string): PeerAddress | undefined {
  const match = /^\[([^\]]*)\](?::([0-9]{1,5}))?$/.exec(text) ?? /^([0-9.]+)(?::([0-9]{1,5}))?$/.exec(text);
  const host = match?.[1] ?? text;
  const address = parseAddress(host);
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (address === undefined || (port !== undefined && (port < 1 || port > 65535))) {
    return spec.wrong('peerIP', `${shown(text)} is not an IP address, IPv4:port or [IPv6]:port`);
  }
  return { address, port, text: host };
}

const MODES = ['Never', 'Always', 'CrossSubnet'] as const;

function ipPool(name: string, root: Fields, problems: readonly Problem[]): IpPool | undefined {
  const spec = root.inside('spec');
  const cidr = spec.prefix('cidr');
  if (cidr === undefined && !spec.has('cidr')) spec.wrong('cidr', 'is missing, as in 10.65.0.0/16');
  const pool = {
    ...named(name, root),
    ipipMode: spec.oneOf('ipipMode', MODES) ?? 'Never',
    vxlanMode: spec.oneOf('vxlanMode', MODES) ?? 'Never',
    disableBgpExport: spec.flag('disableBGPExport') ?? false,
  };
  if (pool.ipipMode !== 'Never' && pool.vxlanMode !== 'Never')
    spec.wrong('vxlanMode', 'cannot be together with ipipMode');
  if (cidr !== undefined && pool.ipipMode !== 'Never' && familyOfPrefix(cidr) === 'ipv6')
    spec.wrong('ipipMode', 'is for IPv4 pools only');
  return cidr === undefined || problems.length > 0 ? undefined : { ...pool, cidr };
}

const AFFINITY_STATES = ['pending', 'confirmed', 'pendingDeletion'] as const;

/** An empty value, `{}` and an empty state were written by very old versions, and count as confirmed. */
function decodeAffinity(
  key: ParsedKey & { kind: 'BlockAffinity' },
  text: string,
  report: Report,
): BlockAffinity | undefined {
  const { node: owner, cidr } = key;
  if (text.trim() === '') return { node: owner, cidr, state: 'confirmed' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    report('', `not JSON, so this block is not announced: ${(error as Error).message}`);
    return undefined;
  }
  if (!isObject(value)) {
    report('', 'not a JSON object, so this block is not announced');
    return undefined;
  }
  const fields = new Fields(value, '', report);
  if (fields.raw('deleted') === true) return undefined;
  const given = fields.text('state');
  const state = given === undefined ? 'confirmed' : fields.oneOf('state', AFFINITY_STATES);
  if (state === undefined || (fields.has('state') && typeof fields.raw('state') !== 'string'))
    return undefined;
  return { node: owner, cidr, state };
}
