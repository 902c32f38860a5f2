// What is known of a lab before its first namespace is made, so that whatever stands can be found and ended.

import { bridgesNamespaceOf, type Plan } from './plan.ts';
import type { Endpoint, Topology } from './spec.ts';
import type { EndpointState, LabState } from './state.ts';

export function initialState(topology: Topology, plan: Plan): LabState {
  const bridgesNamespace = bridgesNamespaceOf(topology);
  const namespaceOf = (name: string): string | undefined => {
    const node = topology.nodes.find((candidate) => candidate.name === name);
    if (!node || node.kind === 'host') return undefined;
    return node.kind === 'bridge' ? bridgesNamespace : node.longName;
  };
  const endpoint = (end: Endpoint): EndpointState => {
    const node = typeof end.node === 'string' ? end.node : end.node.special;
    const namespace = typeof end.node === 'string' ? namespaceOf(end.node) : undefined;
    return { node, interface: end.interface, namespace: node === 'mgmt-net' ? bridgesNamespace : namespace };
  };
  return {
    version: 1,
    name: topology.name,
    prefix: topology.prefix,
    topologyFile: topology.file,
    createdAt: new Date().toISOString(),
    bridgesNamespace,
    ground: undefined,
    nodes: topology.nodes.map((node) => {
      const planned = plan.nodes.find((candidate) => candidate.name === node.name);
      return {
        name: node.name,
        longName: node.longName,
        kind: node.kind,
        group: node.group,
        image: node.image,
        namespace: namespaceOf(node.name),
        env: planned?.env ?? node.env,
        importEnv: node.importEnv,
        labels: node.labels,
        mgmtIpv4: planned?.mgmtIpv4,
        mgmtIpv6: planned?.mgmtIpv6,
        holder: undefined,
      };
    }),
    links: topology.links.map(({ endpoints: [one, two] }) => ({ endpoints: [endpoint(one), endpoint(two)] })),
    hostInterfaces: plan.hostInterfaces,
  };
}
