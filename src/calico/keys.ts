// Datastore keys ⇄ kinds and names, and manifests (what calicoctl prints) → keys and values. Names go into keys
// unchanged; a CIDR in a key has `-` in place of `/`.

import { type Family, familyOfPrefix, type Prefix, parseNetwork, parsePrefix } from 'bgp-utils';
import type { Kind } from './resources.ts';

const RESOURCES = '/calico/resources/v3/projectcalico.org/';
const AFFINITIES = '/calico/ipam/v2/host/';

const PLURALS: Readonly<Record<Exclude<Kind, 'BlockAffinity'>, string>> = {
  Node: 'nodes',
  BGPConfiguration: 'bgpconfigurations',
  BGPPeer: 'bgppeers',
  BGPFilter: 'bgpfilters',
  IPPool: 'ippools',
};

const KINDS = new Map(
  Object.entries(PLURALS).map(([kind, plural]) => [plural, kind as keyof typeof PLURALS]),
);

export type ParsedKey =
  | { readonly kind: Exclude<Kind, 'BlockAffinity'>; readonly name: string }
  | {
      readonly kind: 'BlockAffinity';
      readonly node: string;
      /** As in the key, with its `/`. */
      readonly block: string;
      /** Undefined: it is no CIDR of that family, or one with host bits. */
      readonly cidr: Prefix | undefined;
    };

/** What BGP reads, and nothing else: all of five kinds, and the block affinities of all nodes, by which the origin of routes is checked. */
export const watchedPrefixes = (): readonly string[] => [
  ...Object.values(PLURALS).map((plural) => `${RESOURCES}${plural}/`),
  AFFINITIES,
];

/** Whether a key tells something of this node alone, or of the whole cluster, and not of another node. */
export const concerns = (key: string, node: string): boolean =>
  !key.startsWith(AFFINITIES) || key.startsWith(`${AFFINITIES}${node}/`);

export const resourceKey = (kind: Exclude<Kind, 'BlockAffinity'>, name: string): string =>
  `${RESOURCES}${PLURALS[kind]}/${name}`;

const FAMILY_SEGMENT: Readonly<Record<Family, string>> = { ipv4: 'ipv4', ipv6: 'ipv6' };

export const affinityKey = (node: string, cidr: Prefix): string =>
  `${AFFINITIES}${node}/${FAMILY_SEGMENT[familyOfPrefix(cidr)]}/block/${cidr.replace('/', '-')}`;

/** @returns undefined for a key that BGP does not read, left-overs like `/calico/ipam/v2/host/<node>` included. */
export function parseKey(key: string): ParsedKey | undefined {
  if (key.startsWith(RESOURCES)) {
    const [plural, name, more] = key.slice(RESOURCES.length).split('/');
    const kind = KINDS.get(plural ?? '');
    return kind && name && more === undefined ? { kind, name } : undefined;
  }
  if (!key.startsWith(AFFINITIES)) return undefined;
  const [node, family, segment, network, more] = key.slice(AFFINITIES.length).split('/');
  if (!node || !network || segment !== 'block' || more !== undefined) return undefined;
  const block = network.replace('-', '/');
  const cidr = parsePrefix(block);
  const fits = cidr !== undefined && FAMILY_SEGMENT[familyOfPrefix(cidr)] === family;
  return { kind: 'BlockAffinity', node, block, cidr: fits ? cidr : undefined };
}

export type ManifestEntry =
  | { readonly type: 'entry'; readonly key: string; readonly value: string }
  /** A kind that BGP does not read. */
  | { readonly type: 'ignored' }
  | { readonly type: 'wrong'; readonly message: string };

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** One resource as calicoctl prints it → where and how it stands in etcd. What its fields hold is not looked at here. */
export function entryOfManifest(manifest: unknown): ManifestEntry {
  const { kind, metadata, spec } = record(manifest);
  if (typeof kind !== 'string' || kind === '') return { type: 'wrong', message: 'a resource needs "kind"' };
  if (kind === 'BlockAffinity') return affinityOfManifest(record(spec));
  if (!Object.hasOwn(PLURALS, kind)) return { type: 'ignored' };
  const name = textOf(record(metadata).name);
  if (typeof name !== 'string' || !/^[^/\s]+$/.test(name)) {
    return { type: 'wrong', message: `a ${kind} needs "metadata.name", a text without "/" and blanks` };
  }
  return {
    type: 'entry',
    key: resourceKey(kind as keyof typeof PLURALS, name),
    value: JSON.stringify({ ...record(manifest), metadata: { ...withTexts(record(metadata)), name } }),
  };
}

/** What YAML reads as a number or boolean, where a text belongs. */
const textOf = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;

/** YAML reads `rack: 1` and `reflector: true` as number and boolean; calicoctl stores labels and annotations as texts. */
function withTexts(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const texts = (value: unknown): unknown =>
    value === undefined || value === null
      ? value
      : Object.fromEntries(Object.entries(record(value)).map(([key, item]) => [key, textOf(item)]));
  const { labels, annotations } = metadata;
  return {
    ...metadata,
    ...(labels !== undefined && { labels: texts(labels) }),
    ...(annotations !== undefined && { annotations: texts(annotations) }),
  };
}

function affinityOfManifest(spec: Readonly<Record<string, unknown>>): ManifestEntry {
  const { cidr, state, deleted, type } = spec;
  const node = textOf(spec.node);
  if (type === 'virtual') return { type: 'ignored' }; // of a load balancer, no host's (data model 1.10)
  if (typeof node !== 'string' || !/^[^/\s]+$/.test(node)) {
    return { type: 'wrong', message: 'a BlockAffinity needs "spec.node", the name of a node' };
  }
  if (typeof cidr !== 'string' || cidr === '') {
    return { type: 'wrong', message: 'a BlockAffinity needs "spec.cidr", as in 10.65.0.64/26' };
  }
  const network = parseNetwork(cidr);
  return {
    type: 'entry',
    // What is no CIDR stands there as it is: decode.ts tells it, and the other resources stay.
    key: network
      ? affinityKey(node, network.prefix)
      : `${AFFINITIES}${node}/${FAMILY_SEGMENT.ipv4}/block/${cidr.replaceAll('/', '-')}`,
    value: JSON.stringify({ state: state ?? 'confirmed', deleted: deleted === true || deleted === 'true' }),
  };
}
