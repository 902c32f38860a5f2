// Small clusters for tests: Calico's resources as few words, the picture that they make, and one node's desired state.

import {
  addressWords,
  type ForwardingRoute,
  familyOfPrefix,
  type Prefix,
  prefixAddress,
  prefixLength,
} from 'bgp-utils';
import { applyEvent, EMPTY_SNAPSHOT, type Snapshot } from '../../src/calico/snapshot.ts';
import {
  type DesiredState,
  type DesiredStateOptions,
  desiredState,
} from '../../src/desired/desired-state.ts';
import { type KernelPolicy, kernelRule } from '../../src/desired/kernel.ts';

const V3 = '/calico/resources/v3/projectcalico.org';

/** Name → spec; for a node also its labels and annotations. */
export interface TestCluster {
  readonly nodes?: Readonly<Record<string, TestNode>>;
  readonly config?: object;
  readonly configs?: Readonly<Record<string, object>>;
  readonly peers?: Readonly<Record<string, object>>;
  readonly filters?: Readonly<Record<string, object>>;
  readonly pools?: Readonly<Record<string, object>>;
  /** Node → block → state. */
  readonly blocks?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly annotations?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Put there as they are. */
  readonly raw?: Readonly<Record<string, string>>;
}

export interface TestNode {
  readonly v4?: string;
  readonly v6?: string;
  readonly as?: number | string;
  readonly rr?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly wg?: string;
}

/** Datastore keys and values. */
export function entriesOf(cluster: TestCluster): Record<string, string> {
  const entries: Record<string, string> = {};
  const put = (kind: string, plural: string, name: string, spec: object, metadata: object = {}) => {
    const annotations = cluster.annotations?.[`${kind}/${name}`];
    entries[`${V3}/${plural}/${name}`] = JSON.stringify({
      kind,
      apiVersion: 'projectcalico.org/v3',
      metadata: { name, ...metadata, ...(annotations && { annotations }) },
      spec,
    });
  };
  for (const [name, { v4, v6, as, rr, labels, wg }] of Object.entries(cluster.nodes ?? {})) {
    const bgp = { ipv4Address: v4, ipv6Address: v6, asNumber: as, routeReflectorClusterID: rr };
    const some = Object.values(bgp).some((value) => value !== undefined);
    put(
      'Node',
      'nodes',
      name,
      { ...(some && { bgp }), ...(wg && { wireguard: { interfaceIPv4Address: wg } }) },
      { labels },
    );
  }
  if (cluster.config) put('BGPConfiguration', 'bgpconfigurations', 'default', cluster.config);
  for (const [name, spec] of Object.entries(cluster.configs ?? {})) {
    put('BGPConfiguration', 'bgpconfigurations', name, spec);
  }
  for (const [name, spec] of Object.entries(cluster.peers ?? {})) put('BGPPeer', 'bgppeers', name, spec);
  for (const [name, spec] of Object.entries(cluster.filters ?? {}))
    put('BGPFilter', 'bgpfilters', name, spec);
  for (const [name, spec] of Object.entries(cluster.pools ?? {})) put('IPPool', 'ippools', name, spec);
  for (const [node, blocks] of Object.entries(cluster.blocks ?? {})) {
    for (const [cidr, state] of Object.entries(blocks)) {
      const family = cidr.includes(':') ? 'ipv6' : 'ipv4';
      entries[`/calico/ipam/v2/host/${node}/${family}/block/${cidr.replace('/', '-')}`] = JSON.stringify({
        state,
        deleted: false,
      });
    }
  }
  return { ...entries, ...cluster.raw };
}

export const snapshotOf = (cluster: TestCluster): Snapshot =>
  applyEvent(EMPTY_SNAPSHOT, {
    type: 'listed',
    revision: '7',
    entries: Object.entries(entriesOf(cluster)).map(([key, value]) => ({ key, value })),
  });

export const stateOf = (
  cluster: TestCluster,
  node: string,
  options: Partial<DesiredStateOptions> = {},
): DesiredState => desiredState(snapshotOf(cluster), { node, secrets: () => undefined, ...options });

/** What the kernel gets for one route. */
export function kernelRoute(of: KernelPolicy, destination: Prefix, route: ForwardingRoute) {
  const family = familyOfPrefix(destination);
  const [w0, w1, w2, w3] = addressWords(prefixAddress(destination));
  const rule = kernelRule(of);
  return rule.route(
    rule.poolOf({ family, length: prefixLength(destination), w0, w1, w2, w3 }),
    family,
    route,
  );
}
