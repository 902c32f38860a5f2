// `resolve` from a real etcd with keys and values as calicoctl and Calico's IPAM write them (data model 1.2 to 1.10, the examples
// to the letter), and from a file with the same resources: the same answer.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { readConfig } from '../../src/config/config.ts';
import { EtcdDatastore } from '../../src/datastore/etcd.ts';
import type { Resolution } from '../../src/desired/resolution.ts';
import { resolveOnce } from '../../src/resolve.ts';
import { TestEtcd } from '../support/etcd.ts';

jest.setTimeout(60_000);

const V3 = '/calico/resources/v3/projectcalico.org';
const IPAM = '/calico/ipam/v2';

const KEYS: Readonly<Record<string, string>> = {
  [`${V3}/nodes/agent1`]:
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"agent1","uid":"5c0a3c0e-6a0e-4f0e-9a35-0d2b0f7f9b11","creationTimestamp":"2026-03-01T09:00:00Z","labels":{"rack":"r1","route-reflector":"true"}},"spec":{"bgp":{"asNumber":64513,"ipv4Address":"10.0.1.11/24","ipv6Address":"fd00:1::11/64","ipv4IPIPTunnelAddr":"10.65.0.64","routeReflectorClusterID":"224.0.0.1"},"ipv4VXLANTunnelAddr":"10.65.0.65","vxlanTunnelMACAddr":"66:4b:1f:aa:01:02","ipv6VXLANTunnelAddr":"fd00:65::40","vxlanTunnelMACAddrV6":"66:4b:1f:aa:01:03","orchRefs":[{"nodeName":"agent1","orchestrator":"mesos"}],"wireguard":{"interfaceIPv4Address":"10.65.0.66","interfaceIPv6Address":"fd00:65::41"},"addresses":[{"address":"10.0.1.11/24","type":"CalicoNodeIP"},{"address":"10.0.1.11","type":"InternalIP"}],"interfaces":[{"name":"eth0","addresses":["10.0.1.11"]}]},"status":{"wireguardPublicKey":"jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=","podCIDRs":[]}}',
  [`${V3}/nodes/agent2`]:
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"agent2","uid":"0e5b","creationTimestamp":"2026-03-01T09:01:00Z"},"spec":{"bgp":{"ipv4Address":"10.0.1.12/24"},"interfaces":[{"name":"eth0","addresses":["10.0.1.12"]}]},"status":{}}',
  [`${V3}/bgpconfigurations/default`]:
    '{"kind":"BGPConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"b4f0d2f6-2d60-4f7e-8c3b-0a3c2f6c6b01","creationTimestamp":"2026-03-01T08:59:00Z"},"spec":{"logSeverityScreen":"Info","nodeToNodeMeshEnabled":true,"asNumber":64512,"communities":[{"name":"blue","value":"64512:300"},{"name":"big","value":"64512:300:7"}],"prefixAdvertisements":[{"cidr":"10.65.0.0/20","communities":["blue","64512:120"]}],"listenPort":179,"nodeMeshPassword":{"secretKeyRef":{"name":"bgp-secrets","key":"mesh"}},"nodeMeshMaxRestartTime":"2m0s","bindMode":"NodeIP","ignoredInterfaces":["docker*"],"programClusterRoutes":"Enabled","ipv4NormalRoutePriority":1024,"ipv6NormalRoutePriority":1024}}',
  [`${V3}/bgpconfigurations/node.agent1`]:
    '{"kind":"BGPConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"node.agent1","uid":"7d","creationTimestamp":"2026-03-01T09:05:00Z"},"spec":{"listenPort":1790,"logSeverityScreen":"Debug"}}',
  [`${V3}/bgppeers/tor-r1`]:
    '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"tor-r1","uid":"0f5f0a55-0b8e-4d5a-9d5e-5f6ef5b0a1c1","creationTimestamp":"2026-03-01T09:10:00Z"},"spec":{"nodeSelector":"rack == \'r1\'","peerIP":"10.0.1.1","asNumber":65001,"localASNumber":64900,"nextHopMode":"Self","password":{"secretKeyRef":{"name":"bgp-secrets","key":"tor"}},"sourceAddress":"UseNodeIP","maxRestartTime":"1m0s","keepaliveTime":"20s","numAllowedLocalASNumbers":1,"ttlSecurity":1,"reachableBy":"10.0.1.254","filters":["no-default","tag-customer"]}}',
  [`${V3}/bgppeers/clients-to-rrs`]:
    '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"clients-to-rrs","uid":"x","creationTimestamp":"2026-03-01T09:11:00Z"},"spec":{"nodeSelector":"!has(route-reflector)","peerSelector":"route-reflector == \'true\'"}}',
  [`${V3}/bgppeers/child-peers`]:
    '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"child-peers","uid":"x","creationTimestamp":"2026-03-01T09:11:00Z"},"spec":{"node":"agent1","localWorkloadSelector":"app == \'router\'","asNumber":65100}}',
  [`${V3}/bgpfilters/tag-customer`]:
    '{"kind":"BGPFilter","apiVersion":"projectcalico.org/v3","metadata":{"name":"tag-customer","uid":"x","creationTimestamp":"2026-03-01T09:12:00Z"},"spec":{"exportV4":[{"cidr":"10.65.0.0/20","matchOperator":"In","prefixLength":{"min":26,"max":32},"peerType":"eBGP","action":"Accept","operations":[{"addCommunity":{"value":"64512:500"}},{"prependASPath":{"prefix":[64512,64512]}}]},{"cidr":"10.66.0.0/16","matchOperator":"In","action":"Reject"}],"importV4":[{"cidr":"0.0.0.0/0","matchOperator":"Equal","action":"Reject"},{"source":"RemotePeers","interface":"eth*","communities":{"values":["65001:666"]},"asPathPrefix":[65001,65002],"priority":1024,"action":"Reject"}],"exportV6":[{"action":"Reject"}]}}',
  [`${V3}/ippools/mesos-v4`]:
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"mesos-v4","uid":"f3cbd0b0-52a3-4b0b-8be2-7a42b2b0c001","creationTimestamp":"2026-03-01T08:58:00Z"},"spec":{"cidr":"10.65.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  [`${V3}/ippools/mesos-v6`]:
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"mesos-v6","uid":"x","creationTimestamp":"2026-03-01T08:58:10Z"},"spec":{"cidr":"fd00:65::/112","vxlanMode":"Never","ipipMode":"Never","blockSize":122,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  [`${IPAM}/host/agent1/ipv4/block/10.65.0.64-26`]: '{"state":"confirmed","deleted":false}',
  [`${IPAM}/host/agent1/ipv6/block/fd00:65::40-122`]: '{"state":"pending","deleted":false}',
};

/** Of no meaning for BGP on agent1. */
const OTHERS: Readonly<Record<string, string>> = {
  [`${V3}/clusterinformations/default`]: '{"kind":"ClusterInformation","spec":{"datastoreReady":false}}',
  [`${IPAM}/host/agent1`]: '{}',
  [`${IPAM}/host/agent11/ipv4/block/10.65.1.0-26`]: '{"state":"confirmed","deleted":false}',
  [`${IPAM}/virtual/load-balancer/ipv4/block/10.70.0.0-26`]: '{"state":"confirmed"}',
  [`${IPAM}/assignment/ipv4/block/10.65.0.64-29`]:
    '{"cidr":"10.65.0.64/29","sequenceNumber":1772355606123456799}',
  [`${IPAM}/config`]: '{"strict_affinity":true}',
};

let folder: string;
let etcd: TestEtcd;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'resolve-'));
  mkdirSync(join(folder, 'secrets/bgp-secrets'), { recursive: true });
  writeFileSync(join(folder, 'secrets/bgp-secrets/tor'), 'hunter2\n');
  mkdirSync(join(folder, 'calico/endpoint-status'), { recursive: true });
  writeFileSync(
    join(folder, 'calico/endpoint-status', 'cni default%2Fw eth0'),
    '{"ifaceName":"cali12345678901","mac":"ee:ee:ee:ee:ee:ee","ipv4Nets":["10.65.0.65/32"],"ipv6Nets":[],"bgpPeerName":"child-peers"}',
  );
  etcd = await TestEtcd.start();
  const writer = new EtcdDatastore({ endpoints: [etcd.endpoint] });
  for (const [key, value] of Object.entries({ ...OTHERS, ...KEYS })) {
    expect(await writer.put(key, value)).toMatchObject({ ok: true });
  }
  writer.close();
});
afterAll(async () => {
  await etcd?.cleanup();
  rmSync(folder, { recursive: true, force: true });
});

async function resolved(node: string, datastore: string): Promise<Resolution> {
  const flags = new Map([
    ['--node', node],
    ['--datastore', datastore],
    ['--etcd-endpoints', etcd.endpoint],
    ['--secrets-dir', join(folder, 'secrets')],
  ]);
  const config = readConfig(flags, { CALICO_ENDPOINT_STATUS_PATH_PREFIX: join(folder, 'calico') }, 'host');
  if (!config.ok) throw new Error(config.problems.join('; '));
  const result = await resolveOnce(config.config);
  if (!result.ok) throw new Error(result.message);
  return result.resolution;
}

const BASE = {
  ...{ family: 'v4', routeReflectorClient: false, clusterId: null, nextHop: 'auto', multihop: 64 },
  ...{ ttlSecurityHops: null, gracefulRestartSeconds: 120, keepaliveSeconds: null, password: 'none' },
  ...{ allowLocalAs: 0, reachableBy: null, importFilters: [], exportFilters: [] },
};
const FILTER = {
  import: [
    { family: 'v4', action: 'Reject', cidr: '0.0.0.0/0', matchOperator: 'Equal' },
    {
      ...{ family: 'v4', action: 'Reject', source: 'RemotePeers', interface: 'eth*' },
      ...{ communities: { values: ['65001:666'] }, asPathPrefix: [65001, 65002], priority: 1024 },
    },
  ],
  export: [
    {
      ...{ family: 'v4', action: 'Accept', cidr: '10.65.0.0/20', matchOperator: 'In' },
      ...{ prefixLength: { min: 26, max: 32 }, peerType: 'eBGP' },
      operations: [{ addCommunity: { value: '64512:500' } }, { prependASPath: { prefix: [64512, 64512] } }],
    },
    { family: 'v4', action: 'Reject', cidr: '10.66.0.0/16', matchOperator: 'In' },
    { family: 'v6', action: 'Reject' },
  ],
};

const AGENT1: Omit<Resolution, 'revision'> = {
  ...{ node: 'agent1', asNumber: 64513, routerId: '10.0.1.11', clusterId: '224.0.0.1' },
  listen: { v4: { address: '10.0.1.11', port: 1790 }, v6: { address: 'fd00:1::11', port: 1790 } },
  problems: [
    {
      ...{ resource: 'BGPPeer/tor-r1', field: 'spec.filters[0]' },
      message:
        'BGPFilter/no-default does not exist or is refused, so it is skipped: create or correct it, or take it off the list',
    },
  ],
  peers: [
    {
      ...BASE,
      ...{ address: '10.0.1.1', port: 179, type: 'node', resource: 'BGPPeer/tor-r1', asNumber: 65001 },
      ...{ localAsNumber: 64900, passive: false, sourceAddress: '10.0.1.11', nextHop: 'self' },
      ...{ multihop: null, ttlSecurityHops: 1, gracefulRestartSeconds: 60, keepaliveSeconds: 20 },
      ...{ password: 'set', allowLocalAs: 1, reachableBy: '10.0.1.254' },
      ...{ importFilters: ['tag-customer'], exportFilters: ['tag-customer'] },
    },
    {
      ...BASE,
      ...{ address: '10.0.1.12', port: 179, type: 'reverse', resource: 'BGPPeer/clients-to-rrs' },
      ...{ asNumber: 64512, localAsNumber: 64513, passive: false, sourceAddress: '10.0.1.11' },
    },
    {
      ...BASE,
      ...{ address: '10.65.0.65', port: 179, type: 'workload', resource: 'BGPPeer/child-peers' },
      ...{ asNumber: 65100, localAsNumber: 64513, passive: true, sourceAddress: null },
    },
  ] as Resolution['peers'],
  blocks: [
    { cidr: '10.65.0.64/26', state: 'confirmed', aggregated: true, blackhole: true },
    { cidr: 'fd00:65::40/122', state: 'pending', aggregated: false, blackhole: false },
  ] as unknown as Resolution['blocks'],
  export: {
    acceptPools: ['10.65.0.0/16', 'fd00:65::/112'],
    rejectPools: [],
    communities: [{ cidr: '10.65.0.0/20', add: ['64512:120', '64512:300'] }],
  },
  kernel: {
    normalPriority: { v4: 1024, v6: 1024 },
    pools: ['10.65.0.0/16', 'fd00:65::/112'].map((cidr) => ({
      ...{ cidr, program: true, tunnel: null, tunnelUnlessNextHopIn: null },
    })),
  },
  ignoredInterfaces: ['docker*'],
  filters: { 'tag-customer': FILTER } as unknown as Resolution['filters'],
};

describe('resolve', () => {
  it('from etcd, with the examples of the data model', async () => {
    const { revision, ...rest } = await resolved('agent1', 'etcd');
    expect(revision).toMatch(/^[0-9]+$/);
    expect(rest).toEqual(AGENT1);
  });

  it.each(['yaml', 'json'])('from a %s file with the same resources', async (kind) => {
    const resources = Object.entries(KEYS).map(([key, value]) => {
      const affinity = /host\/([^/]+)\/.*block\/(.*)-([0-9]+)$/.exec(key);
      if (affinity === null) return JSON.parse(value);
      const [, node, network, length] = affinity;
      return { kind: 'BlockAffinity', spec: { cidr: `${network}/${length}`, node, ...JSON.parse(value) } };
    });
    const file = join(folder, `cluster.${kind}`);
    const text =
      kind === 'yaml'
        ? resources.map((resource) => stringify(resource)).join('---\n')
        : JSON.stringify({ kind: 'List', items: resources });
    writeFileSync(file, text);
    const { revision: _, ...rest } = await resolved('agent1', `file:${file}`);
    expect(rest).toEqual(AGENT1);
  });

  it('for the other end', async () => {
    const { peers, problems } = await resolved('agent2', 'etcd');
    expect(problems).toEqual([]);
    expect(peers).toMatchObject([
      {
        ...{ address: '10.0.1.11', port: 1790, type: 'node', resource: 'BGPPeer/clients-to-rrs' },
        ...{ asNumber: 64513, localAsNumber: 64512, sourceAddress: '10.0.1.12', password: 'none' },
      },
    ]);
  });
});
