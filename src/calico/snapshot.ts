// The whole picture at one revision: the fold of the datastore's events. Each text is decoded once; what did not change
// keeps its objects, and kinds that did not change their tables.

import type { Address, Family } from 'bgp-utils';
import { type Decoded, decode } from './decode.ts';
import { concerns, type ParsedKey, parseKey } from './keys.ts';
import type { BgpConfiguration, BlockAffinity, Kind, Node, Problem, ResourceTypes } from './resources.ts';

/** What the datastore's stream tells, as far as the fold needs it. */
export type SnapshotEvent =
  | {
      readonly type: 'listed';
      readonly revision: string;
      readonly entries: readonly { readonly key: string; readonly value: string }[];
    }
  | {
      readonly type: 'changed';
      readonly revision: string;
      readonly changes: readonly (
        | { readonly type: 'put'; readonly key: string; readonly value: string }
        | { readonly type: 'delete'; readonly key: string }
      )[];
    };

interface Held<K extends Kind> extends Decoded<K> {
  readonly text: string;
}

/** By datastore key. */
type Table<K extends Kind> = ReadonlyMap<string, Held<K>>;

export interface Snapshot {
  /** False until every kind has been listed completely: nothing may act on it before. */
  readonly inSync: boolean;
  readonly revision: string;
  readonly tables: { readonly [K in Kind]: Table<K> };
}

const NO_TABLES: Snapshot['tables'] = {
  Node: new Map(),
  BGPConfiguration: new Map(),
  BGPPeer: new Map(),
  BGPFilter: new Map(),
  IPPool: new Map(),
  BlockAffinity: new Map(),
};

export const EMPTY_SNAPSHOT: Snapshot = { inSync: false, revision: '0', tables: NO_TABLES };

export function applyEvent(snapshot: Snapshot, event: SnapshotEvent): Snapshot {
  const { revision } = event;
  const tables = { ...(event.type === 'listed' ? NO_TABLES : snapshot.tables) } as Record<
    Kind,
    Map<string, Held<Kind>>
  >;
  const copied = new Set<Kind>();
  const own = (kind: Kind): Map<string, Held<Kind>> => {
    if (!copied.has(kind)) tables[kind] = new Map(tables[kind]);
    copied.add(kind);
    return tables[kind];
  };
  const put = (key: string, text: string): void => {
    const parsed = parseKey(key);
    if (parsed === undefined) return;
    const last = snapshot.tables[parsed.kind].get(key);
    own(parsed.kind).set(key, last?.text === text ? last : held(parsed, text));
  };
  if (event.type === 'listed') {
    for (const { key, value } of event.entries) put(key, value);
    return { inSync: true, revision, tables: tables as Snapshot['tables'] };
  }
  for (const change of event.changes) {
    if (change.type === 'put') put(change.key, change.value);
    else {
      const parsed = parseKey(change.key);
      if (parsed !== undefined) own(parsed.kind).delete(change.key);
    }
  }
  return { ...snapshot, revision, tables: tables as Snapshot['tables'] };
}

const held = (key: ParsedKey, text: string): Held<Kind> => ({ ...decode(key, text), text });

/** The usable resources of a kind, by key, which is by name. */
export function resources<K extends Kind>(snapshot: Snapshot, kind: K): ResourceTypes[K][] {
  const table: Table<K> = snapshot.tables[kind];
  const keys = [...table.keys()].sort();
  return keys.flatMap((key) => table.get(key)?.resource ?? []);
}

/** Of one node, in no order. */
export const affinitiesOf = (snapshot: Snapshot, node: string): BlockAffinity[] =>
  allAffinities(snapshot).filter((affinity) => affinity.node === node);

/** Of all nodes, as they come: there are tens of thousands, and one of them changes often. */
export function allAffinities(snapshot: Snapshot): BlockAffinity[] {
  const affinities: BlockAffinity[] = [];
  for (const { resource } of snapshot.tables.BlockAffinity.values())
    if (resource !== undefined) affinities.push(resource);
  return affinities;
}

/** What decoding had to say, about all resources that can be seen; of other nodes' affinities these nodes say it. */
export const decodingProblems = (snapshot: Snapshot, node: string): Problem[] =>
  Object.values(snapshot.tables).flatMap((table: Table<Kind>) =>
    [...table].flatMap(([key, { problems }]) => (problems.length > 0 && concerns(key, node) ? problems : [])),
  );

/** A snapshot as one node sees it, with the values that everything else derives from (data model 2.1). */
export interface Cluster {
  readonly snapshot: Snapshot;
  readonly nodeName: string;
  readonly me: Node | undefined;
  /** By name. */
  readonly nodes: readonly Node[];
  /** BGPConfiguration `default` and `node.<me>`. */
  readonly defaults: BgpConfiguration | undefined;
  readonly own: BgpConfiguration | undefined;
  readonly globalAs: number;
  readonly myAs: number;
  readonly meshEnabled: boolean;
  readonly globalPort: number | undefined;
  /** `listenPort` of BGPConfiguration `node.<name>`. */
  readonly nodePort: (name: string) => number | undefined;
}

export const DEFAULT_AS = 64512;
export const BGP_PORT = 179;

export function clusterOf(snapshot: Snapshot, nodeName: string): Cluster {
  const configurations = new Map(resources(snapshot, 'BGPConfiguration').map((c) => [c.name, c]));
  const nodes = resources(snapshot, 'Node');
  const me = nodes.find(({ name }) => name === nodeName);
  const defaults = configurations.get('default');
  const globalAs = defaults?.asNumber ?? DEFAULT_AS;
  return {
    snapshot,
    nodeName,
    me,
    nodes,
    defaults,
    own: configurations.get(`node.${nodeName}`),
    globalAs,
    myAs: me?.bgp?.asNumber ?? globalAs,
    meshEnabled: defaults?.nodeToNodeMeshEnabled ?? true,
    globalPort: defaults?.listenPort,
    nodePort: (name) => configurations.get(`node.${name}`)?.listenPort,
  };
}

export const addressOfNode = (node: Node | undefined, family: Family): Address | undefined =>
  node?.bgp?.addresses[family]?.address;
