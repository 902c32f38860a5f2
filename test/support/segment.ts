// Labs of one kind: some hosts on one segment, in both families, and the resources of a cluster for ours among them.

import { topologyFile } from './lab.ts';

/** A node with a number of its own, where its place in the list is not to be its address. */
export interface Member {
  readonly name: string;
  /** 1 to 254: 10.0.0.254 and fd00::fe. */
  readonly number: number;
}

/**
 * A lab of these nodes: the first is 10.0.0.1 and fd00::1, unless it has a number.
 * @param cluster  resources, in a file beside the topology (datastoreFile).
 */
export function segment(nodes: readonly (string | Member)[], cluster: readonly object[] = []): string {
  const members = nodes.map((node, index) =>
    typeof node === 'string' ? { name: node, number: index + 1 } : node,
  );
  const lines = members.map(({ name, number }) => {
    const ipv6 = `fd00::${number.toString(16)}`;
    const addresses = `ip addr add 10.0.0.${number}/24 dev eth1, ip addr add ${ipv6}/64 dev eth1 nodad`;
    return `    ${name}: {kind: linux, exec: [${addresses}]}\n`;
  });
  const links = members.map(
    ({ name, number }) => `    - endpoints: ["${name}:eth1", "segment:s${number}"]\n`,
  );
  const topology = `
name: segment
topology:
  kinds:
    linux: {image: "debian:12", network-mode: none}
  nodes:
    segment: {kind: bridge}
${lines.join('')}  links:
${links.join('')}`;
  return topologyFile(topology, {
    'cluster.yaml': cluster.map((each) => `${JSON.stringify(each)}\n`).join('---\n'),
  });
}

/** Where the resources of a lab are, by the path of its topology. */
export const datastoreFile = (topology: string): string => topology.replace('test.clab.yml', 'cluster.yaml');

/** Flags of `run` with these resources, once the lab is there. */
export const datastoreFlags = (topology: string): string[] => [
  ...['--datastore', `file:${datastoreFile(topology)}`],
  ...['--http', 'off'],
];

export const resource = (
  kind: string,
  name: string,
  spec: object,
  annotations: Readonly<Record<string, string>> = {},
): object => ({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, annotations }, spec });

/** A host in a cluster without mesh, with a block of each family and pools around. */
export const ours = (asNumber: number, bgp: object = {}, configuration: object = {}): readonly object[] => [
  resource('Node', 'ours', { bgp: { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64', ...bgp } }),
  resource('BGPConfiguration', 'default', { asNumber, nodeToNodeMeshEnabled: false, ...configuration }),
  resource('IPPool', 'v4', { cidr: '10.64.0.0/14' }),
  resource('IPPool', 'v6', { cidr: 'fd00:65::/108' }),
  resource('BlockAffinity', 'v4', { cidr: '10.65.0.0/26', node: 'ours' }),
  resource('BlockAffinity', 'v6', { cidr: 'fd00:65::/122', node: 'ours' }),
];
