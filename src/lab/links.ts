// Links → operations: veth pairs, bridges and the management interface.

import { createHash } from 'node:crypto';
import type { NodeManagement } from './management.ts';
import { ip, type Operation } from './operation.ts';
import type { Endpoint, LinkSpec, NodeSpec, Topology } from './spec.ts';

export const MANAGEMENT_BRIDGE = 'mgmt-net';

export interface Place {
  readonly lab: string;
  readonly bridgesNamespace: string;
  readonly bridges: ReadonlySet<string>;
  readonly namespaces: ReadonlyMap<string, string>;
}

export const isSpecial = (end: Endpoint, special: string): boolean =>
  typeof end.node !== 'string' && end.node.special === special;
export const ends = (link: LinkSpec, special: string): boolean =>
  link.endpoints.some((end) => isSpecial(end, special));

/** Without multicast snooping: in a namespace there is no querier, and neighbour discovery must not depend on one. */
export function addBridge(name: string, node: string | undefined, namespace: string): Operation[] {
  return [
    ip(node, namespace, `link add name ${name} type bridge mcast_snooping 0`),
    ip(node, namespace, `link set dev ${name} addrgenmode none`),
    ip(node, namespace, `link set dev ${name} up`),
  ];
}

interface Placed {
  readonly node: string | undefined;
  readonly namespace: string | undefined;
  readonly interface: string;
  readonly mac: string;
  readonly bridge: string | undefined;
}

function locate(end: Endpoint, other: Endpoint, place: Place): Placed {
  const node = typeof end.node === 'string' ? end.node : undefined;
  const mac = end.mac ?? macFor(place.lab, node ?? 'host', end.interface);
  if (node !== undefined && place.bridges.has(node))
    return { node, namespace: place.bridgesNamespace, interface: end.interface, mac, bridge: node };
  if (node !== undefined)
    return { node, namespace: place.namespaces.get(node), interface: end.interface, mac, bridge: undefined };
  if (isSpecial(end, 'mgmt-net'))
    return {
      ...{ node, namespace: place.bridgesNamespace, interface: end.interface, mac },
      bridge: MANAGEMENT_BRIDGE,
    };
  if (isSpecial(end, 'nowhere')) {
    // A dummy interface: small kernels have none, and a veth whose other end is up and unused behaves alike.
    const unused = `nw${digest(place.lab, String(other.node), other.interface).toString('hex').slice(0, 10)}`;
    return { node, namespace: place.bridgesNamespace, interface: unused, mac, bridge: undefined };
  }
  return { node, namespace: undefined, interface: end.interface, mac, bridge: undefined };
}

/** Both ends are made where they belong, with their final names: names of other labs are never in the way. */
export function addLink(link: LinkSpec, place: Place): Operation[] {
  const [one, two] = link.endpoints;
  let near = locate(one, two, place);
  let far = locate(two, one, place);
  // Only the far end can be put into a namespace by name, and the runner's own may have none.
  if (far.namespace === undefined) [near, far] = [far, near];
  const inNamespace = far.namespace === undefined ? '' : ` netns ${far.namespace}`;
  const operations = [
    ip(
      near.node ?? far.node,
      near.namespace,
      `link add name ${near.interface} mtu ${link.mtu} address ${near.mac} type veth` +
        ` peer name ${far.interface} mtu ${link.mtu} address ${far.mac}${inNamespace}`,
    ),
  ];
  for (const end of [near, far]) {
    const set = `link set dev ${end.interface}`;
    if (end.bridge !== undefined)
      operations.push(
        ip(end.node, end.namespace, `${set} addrgenmode none`),
        ip(end.node, end.namespace, `${set} master ${end.bridge}`),
      );
    operations.push(ip(end.node, end.namespace, `${set} up`));
  }
  return operations;
}

export function addManagement(
  node: NodeSpec,
  own: NodeManagement,
  topology: Topology,
  place: Place,
): Operation[] {
  const port = `mg${digest(topology.name, node.name, 'eth0').toString('hex').slice(0, 10)}`;
  const link: LinkSpec = {
    endpoints: [
      { node: node.name, interface: 'eth0', mac: undefined },
      { node: { special: 'mgmt-net' }, interface: port, mac: undefined },
    ],
    mtu: topology.management.mtu,
  };
  return [
    ...addLink(link, place),
    ip(node.name, node.longName, `address add ${own.ipv4} dev eth0`),
    ip(node.name, node.longName, `address add ${own.ipv6} dev eth0 nodad`),
    ...own.gateways.map((via) => ip(node.name, node.longName, `route add default via ${via} dev eth0`)),
  ];
}

function digest(...parts: readonly string[]): Buffer {
  return createHash('sha256').update(parts.join('/')).digest();
}

/** Always the same for the same place, so that two runs of a lab look alike; aa:c1:ab is containerlab's prefix. */
function macFor(lab: string, node: string, ifname: string): string {
  const octets = [...digest(lab, node, ifname).subarray(0, 3)];
  return ['aa', 'c1', 'ab', ...octets.map((octet) => octet.toString(16).padStart(2, '0'))].join(':');
}
