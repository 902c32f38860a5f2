// Snapshot → who holds which block, for the origin check of learned routes. Kept as long as what it is made from stays, since a
// cluster has thousands of blocks and nodes, and most changes touch neither.

import {
  type Address,
  FAMILIES,
  type OriginBlock,
  type OriginCheckConfig,
  type OriginNode,
  type Prefix,
} from 'bgp-utils';
import { addressOfNode, allAffinities, type Cluster, resources, type Snapshot } from './snapshot.ts';

export type OriginMode = 'off' | 'report' | 'enforce';

/** What a cluster says, whatever the mode. */
type Holders = Omit<OriginCheckConfig, 'enforce'>;

interface Kept {
  readonly tables: Snapshot['tables'];
  readonly globalAs: number;
  readonly holders: Holders;
}

/** By the table of affinities: the last one that it was used with. */
const kept = new WeakMap<Snapshot['tables']['BlockAffinity'], Kept>();

/**
 * Affinities in every state count: one that is pending or given up may have its route already, or still.
 * @param mode  of the check. With `off` the table may still be needed.
 * @param failStatic  routes that nobody vouches for any more are compared with it.
 * @param identifierOf  of a node without an IPv4 address.
 */
export function originCheck(
  { snapshot, nodes, globalAs }: Cluster,
  mode: OriginMode,
  failStatic: boolean,
  identifierOf: (node: string) => Address,
): OriginCheckConfig | undefined {
  if (mode === 'off' && !failStatic) return undefined;
  const { tables } = snapshot;
  let found = kept.get(tables.BlockAffinity);
  if (
    found === undefined ||
    found.tables.Node !== tables.Node ||
    found.tables.IPPool !== tables.IPPool ||
    found.globalAs !== globalAs
  ) {
    const holders: Holders = {
      pools: [...new Set(resources(snapshot, 'IPPool').map(({ cidr }) => cidr))],
      blocks: blocksOf(snapshot),
      nodes: nodes.map(
        (node): OriginNode => ({
          name: node.name,
          addresses: FAMILIES.flatMap((family) => addressOfNode(node, family) ?? []),
          identifier: addressOfNode(node, 'ipv4') ?? identifierOf(node.name),
          asNumber: node.bgp?.asNumber ?? globalAs,
        }),
      ),
    };
    found = { tables, globalAs, holders };
    kept.set(tables.BlockAffinity, found);
  }
  return { enforce: mode === 'enforce', ...(mode === 'off' && { silent: true }), ...found.holders };
}

function blocksOf(snapshot: Snapshot): OriginBlock[] {
  const holders = new Map<Prefix, string[]>();
  for (const { cidr, node } of allAffinities(snapshot)) {
    const names = holders.get(cidr);
    if (names === undefined) holders.set(cidr, [node]);
    else names.push(node);
  }
  return [...holders].map(([prefix, names]) => ({ prefix, holders: names.sort() }));
}
