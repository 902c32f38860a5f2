// The text under a key → a resource, or what is wrong with it. One rule for everything that is wrong: it is reported, and
// the field counts as absent; where absence would be less safe than doing without the whole (a peer without its password or
// its filter, a pool without its CIDR), the resource is refused. Unknown fields, null and any order of keys are fine.

import { bgpConfiguration } from './decode-configuration.ts';
import { bgpFilter } from './decode-filter.ts';
import { bgpPeer } from './decode-peer.ts';
import { ipPool } from './decode-pool.ts';
import { Fields, isObject, named, type Report } from './fields.ts';
import type { ParsedKey } from './keys.ts';
import type { BlockAffinity, Kind, Node, NodeBgp, Problem, ResourceTypes } from './resources.ts';

export interface Decoded<K extends Kind = Kind> {
  /** Undefined: refused, and `problems` says why. */
  readonly resource: ResourceTypes[K] | undefined;
  readonly problems: readonly Problem[];
}

/** "Node/host-1", "BlockAffinity/10.65.0.0/26": how `problems` names a resource. */
export const resourceName = (key: ParsedKey): string =>
  `${key.kind}/${key.kind === 'BlockAffinity' ? key.block : key.name}`;

/** @param text  the value as stored: a JSON object; empty is allowed for a block affinity alone. */
export function decode(key: ParsedKey, text: string): Decoded {
  const problems: Problem[] = [];
  const report = (field: string, message: string): void => {
    problems.push({ resource: resourceName(key), field, message });
  };
  if (key.kind === 'BlockAffinity') return { resource: blockAffinity(key, text, report), problems };
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
  const resource = DECODERS[key.kind](key.name, root, problems);
  return { resource, problems };
}

type Decoder = (
  name: string,
  root: Fields,
  /** Of this resource, and grows: a decoder that refuses looks whether there are any. */
  problems: readonly Problem[],
) => ResourceTypes[Exclude<Kind, 'BlockAffinity'>] | undefined;

const DECODERS: Readonly<Record<Exclude<Kind, 'BlockAffinity'>, Decoder>> = {
  Node: node,
  BGPConfiguration: bgpConfiguration,
  BGPPeer: bgpPeer,
  BGPFilter: bgpFilter,
  IPPool: ipPool,
};

/** A node with anything wrong stays: others must not lose their sessions with it over a bad AS number. */
function node(name: string, root: Fields): Node {
  const spec = root.inside('spec');
  const bgp = spec.object('bgp');
  const wireguard = spec.inside('wireguard');
  return {
    ...named(name, root),
    labels: root.inside('metadata').textMap('labels'),
    bgp: bgp && nodeBgp(bgp),
    wireguard: {
      ipv4: wireguard.address('interfaceIPv4Address', 'ipv4'),
      ipv6: wireguard.address('interfaceIPv6Address', 'ipv6'),
    },
  };
}

function nodeBgp(bgp: Fields): NodeBgp {
  if (bgp.isEmpty()) bgp.wrong('', 'is empty: add ipv4Address or ipv6Address, or remove it');
  bgp.address('ipv4IPIPTunnelAddr', 'ipv4'); // Felix's business
  return {
    asNumber: bgp.asNumber('asNumber'),
    addresses: {
      ipv4: bgp.interfaceAddress('ipv4Address', 'ipv4'),
      ipv6: bgp.interfaceAddress('ipv6Address', 'ipv6'),
    },
    routeReflectorClusterId: bgp.address('routeReflectorClusterID', 'ipv4'),
  };
}

const AFFINITY_STATES = ['pending', 'confirmed', 'pendingDeletion'] as const;

/** An empty value, `{}` and an empty state were written by very old versions, and count as confirmed. */
function blockAffinity(
  { node: owner, cidr }: ParsedKey & { kind: 'BlockAffinity' },
  text: string,
  report: Report,
): BlockAffinity | undefined {
  if (cidr === undefined) {
    report('cidr', 'not a CIDR without host bits, as in 10.65.0.64/26, so this block is not announced');
    return undefined;
  }
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
  const { deleted } = value; // a text in the form that Kubernetes keeps
  if (deleted === 'true' || (deleted !== 'false' && fields.flag('deleted') === true)) return undefined;
  const given = fields.text('state');
  const state = given === undefined ? 'confirmed' : fields.oneOf('state', AFFINITY_STATES);
  if (state === undefined || (fields.has('state') && typeof fields.raw('state') !== 'string'))
    return undefined;
  return { node: owner, cidr, state };
}
