// The network that faults happen to, as a topology file and datastore entries: hosts on one segment, a container on each, the first
// two hosts reflect for all, etcd has a place of its own. Addresses follow from a host's number, from 1.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const REFLECTORS = 2;

const hex = (number: number): string => number.toString(16);

export interface Place {
  readonly number: number;
  readonly name: string;
  readonly container: string;
  readonly reflector: boolean;
  /** Of the host, of its block and of its container; IPv4, then IPv6. */
  readonly addresses: readonly [string, string];
  readonly blocks: readonly [string, string];
  readonly containerAddresses: readonly [string, string];
}

export function placeOf(number: number): Place {
  const reflector = number <= REFLECTORS;
  const name = reflector ? `master${number}` : `agent${number - REFLECTORS}`;
  return {
    number,
    name,
    container: `c-${name}`,
    reflector,
    addresses: [`10.0.0.${number}`, `fd00::${hex(number)}`],
    blocks: [`10.65.${number}.0/26`, `fd00:65::${hex(number)}:0/122`],
    containerAddresses: [`10.65.${number}.2`, `fd00:65::${hex(number)}:2`],
  };
}

export const STORE = { name: 'store', address: '10.0.0.250' } as const;

function host({ name, addresses: [v4, v6], containerAddresses: [c4, c6] }: Place): string {
  return `
    ${name}:
      kind: linux
      group: host
      exec:
        - ip addr add ${v4}/24 dev eth1
        - ip -6 addr add ${v6}/64 dev eth1 nodad
        - ip link set dev cali1 address ee:ee:ee:ee:ee:ee
        - ip -6 addr replace fe80::ecee:eeff:feee:eeee/64 dev cali1 nodad
        - ip route add ${c4}/32 dev cali1
        - ip -6 route add ${c6}/128 dev cali1`;
}

function container({ container: name, containerAddresses: [v4, v6] }: Place): string {
  return `
    ${name}:
      kind: linux
      group: container
      exec:
        - ip addr add ${v4}/32 dev eth1
        - ip -6 addr add ${v6}/128 dev eth1 nodad`;
}

/** @returns the file's path, in a folder of its own below the system's for temporary files. */
export function topologyFileOf(places: readonly Place[]): string {
  const links = places.map(
    ({ name, number, container: inside }) => `
    - endpoints: ["${name}:eth1", "segment:s${number}"]
    - endpoints: ["${name}:cali1", "${inside}:eth1"]`,
  );
  const text = `name: reliability
topology:
  kinds:
    linux: {image: "debian:12", network-mode: none}
  groups:
    host:
      sysctls:
        net.ipv4.ip_forward: 1
        net.ipv6.conf.all.forwarding: 1
        net.ipv6.conf.default.forwarding: 1
        net.ipv6.conf.default.accept_dad: 0
    container:
      sysctls:
        net.ipv6.conf.default.accept_dad: 0
      exec:
        - ip route add 169.254.1.1 dev eth1
        - ip route add default via 169.254.1.1 dev eth1
        - ip neigh replace 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth1 nud permanent
        - ip -6 route add default via fe80::ecee:eeff:feee:eeee dev eth1
  nodes:
    segment: {kind: bridge}
    ${STORE.name}: {kind: linux, exec: [ip addr add ${STORE.address}/24 dev eth1]}${places.map(host).join('')}${places.map(container).join('')}
  links:
    - endpoints: ["${STORE.name}:eth1", "segment:store"]${links.join('')}
`;
  const file = join(mkdtempSync(join(tmpdir(), 'mesos-bgp-lab-')), 'reliability.clab.yml');
  writeFileSync(file, text);
  return file;
}

const V3 = '/calico/resources/v3/projectcalico.org';

/** A resource as the datastore has it. */
export const entry = (
  kind: string,
  plural: string,
  name: string,
  spec: object,
  metadata: object = {},
): readonly [key: string, value: string] => [
  `${V3}/${plural}/${name}`,
  JSON.stringify({
    apiVersion: 'projectcalico.org/v3',
    kind,
    metadata: { name, ...metadata },
    spec,
  }),
];

export const CONFIGURATION = { asNumber: 64512, nodeToNodeMeshEnabled: false } as const;

/** Longer than a daemon is away in any fault but those that are about it, on however busy a machine. */
export const RESTART_SECONDS = 60;

/** Longer than the 5 s for which a fault freezes a daemon, and short enough to wait for. */
export const HOLD_SECONDS = 9;

export const configurationEntry = (spec: object = {}) =>
  entry(
    'BGPConfiguration',
    'bgpconfigurations',
    'default',
    { ...CONFIGURATION, ...spec },
    { annotations: { 'mesos-bgp/hold-time': `${HOLD_SECONDS}s` } },
  );

export const peeringEntry = (spec: object = {}) =>
  entry('BGPPeer', 'bgppeers', 'reflectors', {
    nodeSelector: 'all()',
    peerSelector: 'has(route-reflector)',
    maxRestartTime: `${RESTART_SECONDS}s`,
    ...spec,
  });

export const nodeEntry = ({ name, reflector, addresses: [v4, v6] }: Place, bgp: object = {}) =>
  entry(
    'Node',
    'nodes',
    name,
    {
      bgp: {
        ipv4Address: `${v4}/24`,
        ipv6Address: `${v6}/64`,
        ...(reflector && { routeReflectorClusterID: '244.0.0.1' }),
        ...bgp,
      },
    },
    { labels: reflector ? { 'route-reflector': 'true' } : {} },
  );

export const affinityEntry = (node: string, cidr: string): readonly [string, string] => [
  `/calico/ipam/v2/host/${node}/${cidr.includes(':') ? 'ipv6' : 'ipv4'}/block/${cidr.replace('/', '-')}`,
  JSON.stringify({ state: 'confirmed', deleted: false }),
];

export function entriesOf(places: readonly Place[]): (readonly [string, string])[] {
  return [
    configurationEntry(),
    peeringEntry(),
    entry('IPPool', 'ippools', 'v4', { cidr: '10.65.0.0/16', ipipMode: 'Never', vxlanMode: 'Never' }),
    entry('IPPool', 'ippools', 'v6', { cidr: 'fd00:65::/96', ipipMode: 'Never', vxlanMode: 'Never' }),
    ...places.flatMap((place) => [
      nodeEntry(place),
      ...place.blocks.map((block) => affinityEntry(place.name, block)),
    ]),
  ];
}
