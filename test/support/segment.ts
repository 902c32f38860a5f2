// Labs of one kind: some hosts on one segment, in both families, and the resources of a cluster for ours among them.

import { topologyFile } from './lab.ts';

/** The lab's nodes by address: the first is 10.0.0.1 and fd00::1. The file of resources lies beside the topology. */
export function segment(names: readonly string[], cluster: readonly object[]): string {
  const nodes = names.map((name, index) => {
    const number = index + 1;
    const addresses = `ip addr add 10.0.0.${number}/24 dev eth1, ip addr add fd00::${number}/64 dev eth1 nodad`;
    return `    ${name}: {kind: linux, exec: [${addresses}]}\n`;
  });
  const links = names.map((name, index) => `    - endpoints: ["${name}:eth1", "segment:s${index + 1}"]\n`);
  const topology = `
name: segment
topology:
  kinds:
    linux: {image: "debian:12", network-mode: none}
  nodes:
    segment: {kind: bridge}
${nodes.join('')}  links:
${links.join('')}`;
  return topologyFile(topology, {
    'cluster.yaml': cluster.map((each) => JSON.stringify(each)).join('\n---\n'),
  });
}

/** Flags of `run` with these resources, once the lab is there. */
export const datastoreFlags = (file: string): string[] => [
  ...['--datastore', `file:${file.replace('test.clab.yml', 'cluster.yaml')}`],
  ...['--http', 'off'],
];

export const resource = (
  kind: string,
  name: string,
  spec: object,
  annotations: Readonly<Record<string, string>> = {},
): object => ({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, annotations }, spec });

/** A host in a cluster without mesh, with a block of each family and pools around. */
export const ours = (asNumber: number, bgp: object = {}): readonly object[] => [
  resource('Node', 'ours', { bgp: { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64', ...bgp } }),
  resource('BGPConfiguration', 'default', { asNumber, nodeToNodeMeshEnabled: false }),
  resource('IPPool', 'v4', { cidr: '10.64.0.0/14' }),
  resource('IPPool', 'v6', { cidr: 'fd00:65::/108' }),
  resource('BlockAffinity', 'v4', { cidr: '10.65.0.0/26', node: 'ours' }),
  resource('BlockAffinity', 'v6', { cidr: 'fd00:65::/122', node: 'ours' }),
];
