// The network of a soak run: hosts and route reflectors on one segment, and etcd, as a lab file; and what an operator has put into
// etcd before it begins. Pure.

import { encodeResource } from '../../src/lab/calico/resources.ts';
import { SELECTORS } from './expectation.ts';

export interface Host {
  readonly name: string;
  readonly ip4: string;
  readonly ip6: string;
  readonly reflector: boolean;
  /** Its daemon is never restarted by us: what leaks shows in long lives. */
  readonly stays: boolean;
}

export const ETCD_NODE = 'etcd';
export const UPLINK = 'eth1';
/** Where routes to workloads lead, with nobody at the other end. */
export const WORKLOADS = 'cali0';
export const SECRETS_FOLDER = '/run/secrets';
/** Names of the passwords that BGPPeers may ask for; each is its own value. */
export const PASSWORDS: readonly string[] = ['first', 'second'];
const ETCD_ADDRESS = '10.0.0.250';

/** @param count  hosts without the reflectors, 2 to 200. */
export function hostsOf(count: number, reflectors: number): readonly Host[] {
  return Array.from({ length: count + reflectors }, (_, index) => {
    const reflector = index >= count;
    const number = index + 1;
    return {
      name: reflector ? `reflector${number - count}` : `host${number}`,
      ip4: `10.0.0.${number}`,
      ip6: `fd00::${number.toString(16)}`,
      reflector,
      stays: reflector ? index === count : index % 3 === 0,
    };
  });
}

export function topology(hosts: readonly Host[]): string {
  const nodes = hosts.map(
    ({ name, ip4, ip6 }) => `    ${name}:
      kind: linux
      group: host
      env: {NODENAME: ${name}, ETCD_ENDPOINTS: "http://${ETCD_ADDRESS}:2379"}
      exec:
        - ip addr add ${ip4}/24 dev ${UPLINK}
        - ip -6 addr add ${ip6}/64 dev ${UPLINK} nodad
        - ip link add ${WORKLOADS} type veth peer name far0
        - ip link set ${WORKLOADS} up
        - ip link set far0 up
`,
  );
  const links = [ETCD_NODE, ...hosts.map(({ name }) => name)].map(
    (name) => `    - endpoints: ["${name}:${UPLINK}", "segment:s-${name}"]\n`,
  );
  return `name: soak
topology:
  kinds:
    linux: {image: "debian:12", network-mode: none}
  groups:
    host:
      sysctls:
        net.ipv4.ip_forward: 1
        net.ipv6.conf.all.forwarding: 1
        net.ipv6.conf.default.accept_dad: 0
        # Else a link that goes down takes the host's own IPv6 addresses with it, which is no fault of a daemon.
        net.ipv6.conf.all.keep_addr_on_down: 1
  nodes:
    segment: {kind: bridge}
    ${ETCD_NODE}: {kind: linux, exec: [ip addr add ${ETCD_ADDRESS}/24 dev ${UPLINK}]}
${nodes.join('')}  links:
${links.join('')}`;
}

/** Little is kept of the past, so that a daemon that was away finds its revision compacted. */
export const ETCD_COMMAND: readonly string[] = [
  ...['etcd', '--name', 'soak', '--data-dir', '/var/lib/etcd'],
  ...[
    '--listen-client-urls',
    'http://0.0.0.0:2379',
    '--advertise-client-urls',
    `http://${ETCD_ADDRESS}:2379`,
  ],
  ...[
    '--listen-peer-urls',
    'http://127.0.0.1:2380',
    '--initial-advertise-peer-urls',
    'http://127.0.0.1:2380',
  ],
  ...['--initial-cluster', 'soak=http://127.0.0.1:2380'],
  ...['--auto-compaction-mode', 'revision', '--auto-compaction-retention', '200'],
];

export const POOLS = 4;
export const poolCidr = (pool: number, family: 4 | 6): string =>
  family === 4 ? `10.${64 + pool}.0.0/16` : `fd00:${64 + pool}::/48`;

export interface Resource {
  readonly kind: string;
  readonly name: string;
  readonly spec: object;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** As Calico's writers would: key and value. */
export function entry({ kind, name, spec, ...metadata }: Resource): { key: string; value: string } {
  const stamp = () => ({
    uid: '00000000-0000-4000-8000-000000000000',
    creationTimestamp: '2026-01-01T00:00:00Z',
  });
  const encoded = encodeResource({ kind, metadata: { name, ...metadata }, spec }, stamp);
  if (typeof encoded === 'string') throw new Error(`${kind} ${name}: ${encoded}`);
  return encoded;
}

export const pool = (index: number, family: 4 | 6, more: object = {}): Resource => ({
  kind: 'IPPool',
  name: `pool${index}-v${family}`,
  spec: { cidr: poolCidr(index, family), ipipMode: 'Never', vxlanMode: 'Never', ...more },
});

export const configuration = (spec: object = {}): Resource => ({
  kind: 'BGPConfiguration',
  name: 'default',
  spec: { asNumber: 64512, nodeToNodeMeshEnabled: false, ...spec },
  // Short, so that a link that is down is noticed while the run looks.
  annotations: { 'mesos-bgp/hold-time': '9s' },
});

export type PeerName = 'clients' | 'reflectors';
export const PEERS: readonly PeerName[] = ['clients', 'reflectors'];
export const peer = (name: PeerName, more: object = {}): Resource => ({
  kind: 'BGPPeer',
  name,
  spec: {
    nodeSelector: name === 'clients' ? SELECTORS.others : SELECTORS.reflectors,
    peerSelector: SELECTORS.reflectors,
    ...more,
  },
});

export function firstResources(hosts: readonly Host[]): readonly Resource[] {
  return [
    configuration(),
    ...PEERS.map((name) => peer(name)),
    ...Array.from({ length: POOLS }, (_, index) => [pool(index, 4), pool(index, 6)]).flat(),
    ...hosts.map(({ name, ip4, ip6, reflector }) => ({
      kind: 'Node',
      name,
      ...(reflector ? { labels: { 'route-reflector': 'true' } } : {}),
      spec: {
        bgp: {
          ipv4Address: `${ip4}/24`,
          ipv6Address: `${ip6}/64`,
          ...(reflector ? { routeReflectorClusterID: '224.0.0.1' } : {}),
        },
      },
    })),
  ];
}
