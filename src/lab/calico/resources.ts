// Calico v3 resources, as calicoctl prints them → etcd keys and values, as Calico writes them. Pure.
//
// Written apart from the daemon's own reader of these keys (src/calico), so that a demo or test in which both agree
// says something.

import { LineCounter, parseAllDocuments } from 'yaml';

export interface Entry {
  readonly key: string;
  readonly value: string;
}

export interface Stamp {
  /** UUID version 4. */
  readonly uid: string;
  /** RFC 3339 in whole seconds. */
  readonly creationTimestamp: string;
}

export interface Encoded {
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
}

const ROOT = '/calico/resources/v3/projectcalico.org';
const PLURALS: Readonly<Record<string, string>> = {
  Node: 'nodes',
  BGPConfiguration: 'bgpconfigurations',
  BGPPeer: 'bgppeers',
  BGPFilter: 'bgpfilters',
  IPPool: 'ippools',
  IPReservation: 'ipreservations',
  ClusterInformation: 'clusterinformations',
  FelixConfiguration: 'felixconfigurations',
};

type Values = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * @param text  YAML or JSON, several documents to a file; `kind: …List` with `items` is taken too.
 * @param file  for messages.
 * @param stamp  makes what Calico's writers add to a new resource.
 */
export function encodeResources(text: string, file: string, stamp: () => Stamp): Encoded {
  const entries: Entry[] = [];
  const problems: string[] = [];
  const lineCounter = new LineCounter();
  for (const document of parseAllDocuments(text, { lineCounter })) {
    const line = lineCounter.linePos(document.range?.[0] ?? 0).line;
    for (const error of document.errors)
      problems.push(`${file}:${lineCounter.linePos(error.pos[0]).line}: ${error.message}`);
    if (document.errors.length > 0) continue;
    const value: unknown = document.toJS();
    if (value === null || value === undefined) continue;
    const items = isRecord(value) && Array.isArray(value.items) ? (value.items as unknown[]) : [value];
    for (const item of items) {
      const entry = encodeResource(item, stamp);
      if (typeof entry === 'string') problems.push(`${file}:${line}: ${entry}`);
      else entries.push(entry);
    }
  }
  return { entries, problems };
}

/** One resource, or what is wrong with it. */
export function encodeResource(resource: unknown, stamp: () => Stamp): Entry | string {
  if (!isRecord(resource)) return 'is no resource: a map with kind, metadata and spec';
  const { kind } = resource;
  if (kind === 'BlockAffinity') return encodeAffinity(resource.spec);
  const plural = PLURALS[String(kind)];
  if (plural === undefined)
    return `kind ${String(kind)} is not one of ${Object.keys(PLURALS).join(', ')}, BlockAffinity`;
  const metadata = isRecord(resource.metadata) ? resource.metadata : {};
  if (typeof metadata.name !== 'string' || metadata.name === '')
    return `${String(kind)}: metadata.name is missing`;
  // What the datastore itself keeps, or nobody does (calico 3.x drops them before writing).
  const { resourceVersion: _r, selfLink: _s, managedFields: _m, ...kept } = metadata;
  return {
    key: `${ROOT}/${plural}/${metadata.name}`,
    value: JSON.stringify({
      kind,
      apiVersion: 'projectcalico.org/v3',
      metadata: { ...stamp(), ...kept },
      spec: resource.spec ?? {},
      ...(kind === 'Node' ? { status: resource.status ?? {} } : {}),
    }),
  };
}

/** IPAM keys are of another model: `/calico/ipam/v2/host/<node>/ipv4/block/<network>-<length>`. */
function encodeAffinity(spec: unknown): Entry | string {
  if (
    !isRecord(spec) ||
    typeof spec.node !== 'string' ||
    typeof spec.cidr !== 'string' ||
    !spec.cidr.includes('/')
  )
    return 'BlockAffinity: spec needs node and cidr (address/length)';
  const family = spec.cidr.includes(':') ? 'ipv6' : 'ipv4';
  const state = typeof spec.state === 'string' ? spec.state : 'confirmed';
  return {
    key: `/calico/ipam/v2/host/${spec.node}/${family}/block/${spec.cidr.replace('/', '-')}`,
    value: JSON.stringify({ state, deleted: spec.deleted === true || spec.deleted === 'true' }),
  };
}
