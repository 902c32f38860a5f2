// Every field of Calico's resources is changed on a running network, and what happens is counted: sessions that were reset, and
// routes that were gone for a moment. The class of each stands in src/desired/field-changes.ts.

import { FIELD_NAMES, type FieldName } from '../../../src/calico/field-table.ts';
import { changeOf } from '../../../src/desired/field-changes.ts';
import { NOTHING_APPLIED, reconcile } from '../../../src/desired/reconcile.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';
import { CLUSTER, type Effect, LiveNetwork, parsed, type Secrets } from '../../support/live-network.ts';

interface Case {
  /** The field before; absent where it is left out. */
  readonly from?: unknown;
  readonly to: unknown;
  /** Of the resource; unless told, Node b, BGPConfiguration default, BGPPeer tor, BGPFilter f, IPPool p. */
  readonly name?: string;
  /** Another cluster to change it in. */
  readonly cluster?: Partial<TestCluster>;
  /** Paths of the same resource that are there before and after. */
  readonly beside?: Readonly<Record<string, unknown>>;
  /** Sessions that the change may cost; none unless told. */
  readonly resets?: readonly string[];
  /** Sessions in IPv6, which the network of this test has not: only what is told is counted. */
  readonly unseen?: true;
}

const V3 = '/calico/resources/v3/projectcalico.org';
const WHERE: Readonly<Record<string, readonly [string, string]>> = {
  Node: ['nodes', 'b'],
  BGPConfiguration: ['bgpconfigurations', 'default'],
  BGPPeer: ['bgppeers', 'tor'],
  BGPFilter: ['bgpfilters', 'f'],
  IPPool: ['ippools', 'p'],
};
const BLOCK_OF_B = '/calico/ipam/v2/host/b/ipv4/block/10.65.2.0-26';

const WITH_T = ['a-t', 'b-t', 'c-t'];
const OF_B = ['a-b', 'b-c', 'b-t'];
const MESH = ['a-b', 'a-c', 'b-c'];
const ALL = [...MESH, ...WITH_T].sort();
const secret = (key: string) => ({ secretKeyRef: { name: 'bgp', key } });
const secrets: Secrets = (_, key) => (key === 'lost' ? undefined : `value of ${key}`);
const rules = (...more: object[]) => [
  ...more,
  { action: 'Accept', cidr: '172.31.0.0/16', matchOperator: 'In' },
];

/** Sessions by selectors in place of the mesh. */
const bySelector = (more: object): Partial<TestCluster> => ({
  config: { listenPort: 179, nodeToNodeMeshEnabled: false },
  peers: { ...CLUSTER.peers, more: { nodeSelector: "rack == '1'", peerSelector: "rack == '1'", ...more } },
});

const CASES: Readonly<Record<FieldName, Case>> = {
  'Node metadata.labels': {
    from: { rack: '1' },
    to: { rack: '2' },
    cluster: bySelector({}),
    resets: ['a-b', 'b-c'],
  },
  'Node spec.bgp': {
    from: { ipv4Address: '10.0.0.2/24', ipv6Address: 'fd00::2/64' },
    to: undefined,
    resets: OF_B,
  },
  'Node spec.bgp.asNumber': { to: 64999, resets: OF_B },
  'Node spec.bgp.ipv4Address': { from: '10.0.0.2/24', to: '10.0.0.9/24', resets: OF_B },
  'Node spec.bgp.ipv6Address': { from: 'fd00::2/64', to: 'fd00::9/64', unseen: true },
  'Node spec.bgp.ipv4IPIPTunnelAddr': { to: '10.65.2.1' },
  'Node spec.bgp.routeReflectorClusterID': { to: '10.0.0.2', resets: ['a-b', 'b-c'] },
  'Node spec.wireguard.interfaceIPv4Address': { to: '10.65.2.9' },
  'Node spec.wireguard.interfaceIPv6Address': { to: 'fd00:65::9' },
  'BGPConfiguration spec.nodeToNodeMeshEnabled': { from: true, to: false, resets: MESH },
  'BGPConfiguration spec.asNumber': { to: 64999, resets: ALL },
  'BGPConfiguration spec.listenPort': { from: 179, to: 1790, resets: MESH },
  'BGPConfiguration spec.bindMode': { to: 'NodeIP' },
  'BGPConfiguration spec.nodeMeshPassword': { from: secret('one'), to: secret('two'), resets: MESH },
  'BGPConfiguration spec.nodeMeshMaxRestartTime': { to: '60s' },
  'BGPConfiguration spec.communities': {
    from: [{ name: 'x', value: '64512:1' }],
    to: [{ name: 'x', value: '64512:2' }],
    beside: { 'spec.prefixAdvertisements': [{ cidr: '10.65.0.0/16', communities: ['x'] }] },
  },
  'BGPConfiguration spec.prefixAdvertisements': {
    to: [{ cidr: '10.65.0.0/16', communities: ['64512:1'] }],
  },
  'BGPConfiguration spec.ignoredInterfaces': { to: ['docker*'] },
  'BGPConfiguration spec.programClusterRoutes': { to: 'Disabled' },
  'BGPConfiguration spec.ipv4NormalRoutePriority': { to: 2000 },
  'BGPConfiguration spec.ipv6NormalRoutePriority': { to: 2000 },
  'BGPConfiguration spec.logSeverityScreen': { to: 'Debug' },
  'BGPConfiguration spec.localWorkloadPeeringIPV4': { to: '169.254.0.1' },
  'BGPConfiguration spec.localWorkloadPeeringIPV6': { to: 'fe80::1' },
  'BGPConfiguration spec.serviceClusterIPs': { to: [{ cidr: '10.96.0.0/12' }] },
  'BGPConfiguration spec.serviceExternalIPs': { to: [{ cidr: '10.97.0.0/16' }] },
  'BGPConfiguration spec.serviceLoadBalancerIPs': { to: [{ cidr: '10.98.0.0/16' }] },
  'BGPConfiguration spec.serviceLoadBalancerAggregation': { to: 'Disabled' },
  'BGPPeer spec.node': { from: 'a', to: 'b', resets: ['a-t'] },
  'BGPPeer spec.nodeSelector': { from: "rack == '1'", to: "rack == '2'", resets: WITH_T },
  'BGPPeer spec.peerIP': { from: '10.0.0.254', to: '10.0.0.253', resets: WITH_T },
  'BGPPeer spec.asNumber': { from: 65001, to: 65002, resets: WITH_T },
  'BGPPeer spec.peerSelector': {
    name: 'more',
    from: "rack == '1'",
    to: "rack == '9'",
    cluster: bySelector({}),
    resets: MESH,
  },
  'BGPPeer spec.localWorkloadSelector': {
    name: 'more',
    from: "app == 'x'",
    to: undefined,
    beside: { 'spec.asNumber': 65010 },
  },
  'BGPPeer spec.localASNumber': { to: 64700, resets: WITH_T },
  'BGPPeer spec.nextHopMode': { to: 'Keep' },
  'BGPPeer spec.keepOriginalNextHop': { to: true },
  'BGPPeer spec.password': { from: secret('one'), to: secret('lost'), resets: WITH_T },
  'BGPPeer spec.sourceAddress': { to: 'None', resets: WITH_T },
  'BGPPeer spec.maxRestartTime': { to: '60s' },
  'BGPPeer spec.keepaliveTime': { to: '10s' },
  'BGPPeer spec.numAllowedLocalASNumbers': { to: 1 },
  'BGPPeer spec.ttlSecurity': { to: 1, resets: WITH_T },
  'BGPPeer spec.reachableBy': { to: '10.0.0.250' },
  'BGPPeer spec.filters': { from: ['f'], to: [] },
  'BGPPeer spec.reversePeering': {
    name: 'more',
    to: 'Manual',
    cluster: bySelector({ nodeSelector: undefined, node: 'a' }),
    resets: ['a-b', 'a-c'],
  },
  'BGPFilter spec.importV4': {
    from: rules(),
    to: rules({ action: 'Reject', cidr: '172.31.0.64/26', matchOperator: 'In' }),
  },
  'BGPFilter spec.exportV4': { to: [{ action: 'Accept' }] },
  'BGPFilter spec.importV6': { to: [{ action: 'Reject' }] },
  'BGPFilter spec.exportV6': { to: [{ action: 'Reject' }] },
  'BGPFilter rule.action': { from: 'Accept', to: 'Reject' },
  'BGPFilter rule.cidr': { from: '172.31.0.0/16', to: '172.31.0.0/26' },
  'BGPFilter rule.matchOperator': { from: 'In', to: 'NotIn' },
  'BGPFilter rule.prefixLength': { to: { min: 20, max: 26 } },
  'BGPFilter rule.source': { to: 'RemotePeers' },
  'BGPFilter rule.interface': { to: 'eth*' },
  'BGPFilter rule.peerType': { to: 'eBGP' },
  'BGPFilter rule.communities': { to: { values: ['64512:9'] } },
  'BGPFilter rule.asPathPrefix': { to: [65001] },
  'BGPFilter rule.priority': { to: 512 },
  'BGPFilter rule.operations': { to: [{ addCommunity: { value: '64512:7' } }] },
  'IPPool spec.cidr': { from: '10.65.0.0/16', to: '10.65.0.0/17' },
  'IPPool spec.disableBGPExport': { name: 'q', to: true },
  'IPPool spec.ipipMode': { to: 'Always' },
  'IPPool spec.vxlanMode': { to: 'Always' },
  'IPPool spec.disabled': { to: true },
  'IPPool spec.natOutgoing': { to: true },
  'IPPool spec.blockSize': { to: 28 },
  'IPPool spec.nodeSelector': { to: "rack == '1'" },
  'IPPool spec.namespaceSelector': { to: "team == 'x'" },
  'IPPool spec.allowedUses': { to: ['Workload'] },
  'IPPool spec.assignmentMode': { to: 'Manual' },
  'BlockAffinity state': { from: 'confirmed', to: 'pendingDeletion' },
  'BlockAffinity deleted': { from: false, to: true },
};

function keyAndPath(field: FieldName, name?: string): { key: string; path: readonly string[] } {
  const [kind, path] = field.split(' ') as [string, string];
  if (kind === 'BlockAffinity') return { key: BLOCK_OF_B, path: [path] };
  const [plural, usual] = WHERE[kind]!;
  const steps = path.replace(/^rule\./, 'spec.importV4.0.').split('.');
  return { key: `${V3}/${plural}/${name ?? usual}`, path: steps };
}

type Plain = Record<string, unknown>;

/** The entries with one value put or (undefined) taken away. */
function withValue(entries: Plain, key: string, path: readonly string[], value: unknown): Plain {
  const copy = structuredClone(entries);
  copy[key] ??= {};
  let at = copy[key] as Plain;
  for (const step of path.slice(0, -1)) {
    at[step] ??= {};
    at = at[step] as Plain;
  }
  if (value === undefined) delete at[path.at(-1)!];
  else at[path.at(-1)!] = value;
  return copy;
}

function play(field: FieldName): { effect: Effect; again: Effect } {
  const { from, to, name, beside = {}, cluster } = CASES[field];
  const { key, path } = keyAndPath(field, name);
  let entries = parsed({ ...CLUSTER, ...cluster });
  for (const [other, value] of Object.entries(beside)) {
    entries = withValue(entries, key, other.split('.'), value);
  }
  const before = withValue(entries, key, path, from);
  const after = withValue(entries, key, path, to);
  const live = new LiveNetwork(before, secrets);
  const effect = live.change(after, secrets);
  return { effect, again: live.change(after, secrets) };
}

describe('the network of these tests', () => {
  it('is a mesh of three with a top-of-rack each, and its routes', () => {
    const live = new LiveNetwork(parsed(CLUSTER), secrets);
    expect(live.established()).toEqual(ALL);
    expect(live.forwarded('a')).toEqual(
      expect.arrayContaining(['10.65.2.0/26', '10.66.3.0/26', '172.31.0.0/26', '172.31.0.64/26']),
    );
  });
});

describe.each(FIELD_NAMES.map((field) => [field, changeOf(field)] as const))('%s: %s', (field, change) => {
  const { resets = [], unseen } = CASES[field];
  const { effect, again } = play(field);

  it('resets those sessions alone that it has to', () => {
    expect(effect.resets).toEqual([...resets].sort());
    if (change === 'reset' || change === 'reset all') expect(resets.length > 0 || unseen).toBe(true);
    if (['none', 'in place', 'next session', 'refresh'].includes(change)) expect(resets).toEqual([]);
  });

  it('withdraws no route that is there afterwards, but by a reset', () => {
    if (resets.length === 0) expect(effect.flaps).toEqual([]);
  });

  it('is no change when it is written once more', () => {
    expect(again).toEqual({ resets: [], flaps: [], inputs: 0, updates: 0 });
  });

  it('is told to the speaker where its class says so', () => {
    if (change === 'none') expect(effect.inputs).toBe(0);
    else if (change !== 'in place') expect(effect.inputs).toBeGreaterThan(0);
  });

  if (change === 'none' || change === 'in place') {
    it('says nothing to anybody', () => expect(effect.updates).toBe(0));
  }
});

/** On the BGPPeer of t. What docs/configuration.md says of each is in its column "A change". */
describe.each<[string, string, readonly string[]]>([
  ['hold-time', '30s', []],
  ['connect-retry', '7s', []],
  ['passive', 'true', []],
  ['extended-messages', 'false', []],
  ['enforce-first-as', 'true', []],
  ['role', 'customer', WITH_T],
  ['max-prefixes', '100,warning', []],
  ['long-lived-stale-time', '1h', []],
  ['add-paths', 'off', WITH_T],
  ['multihop-ttl', '3', WITH_T],
  ['interface', 'eth9', WITH_T],
])('the annotation mesos-bgp/%s', (annotation, value, resets) => {
  const { key } = keyAndPath('BGPPeer spec.asNumber');
  const before = parsed(CLUSTER);
  const after = withValue(before, key, ['metadata', 'annotations', `mesos-bgp/${annotation}`], value);
  const live = new LiveNetwork(before, secrets);
  const effect = live.change(after, secrets);

  it('resets those sessions alone that it has to, and withdraws nothing beside', () => {
    expect(effect.inputs).toBeGreaterThan(0);
    expect(effect.resets).toEqual(resets);
    if (resets.length === 0) expect(effect.flaps).toEqual([]);
  });
});

describe('the transport of a session', () => {
  it.each<FieldName>(['BGPConfiguration spec.nodeMeshPassword', 'BGPPeer spec.ttlSecurity'])(
    '%s resets sessions, and forwarding goes on: who agreed on RFC 8538 keeps the routes',
    (field) => {
      const { effect } = play(field);
      expect(effect.resets).toEqual(CASES[field].resets);
      expect(effect.flaps).toEqual([]);
    },
  );
});

describe('a reset after which it is the same peer', () => {
  it('of another source address: forwarding goes on', () => {
    const { effect } = play('BGPPeer spec.sourceAddress');
    expect(effect.resets).toEqual(WITH_T);
    expect(effect.flaps).toEqual([]);
  });

  it('of the AS number of all nodes: forwarding between them goes on, and without fail static too', () => {
    const { key, path } = keyAndPath('BGPConfiguration spec.asNumber');
    const annotations = ['metadata', 'annotations', 'mesos-bgp/fail-static'];
    const before = withValue(parsed(CLUSTER), key, annotations, 'off');
    const { resets, flaps } = new LiveNetwork(before, secrets).change(
      withValue(before, key, path, 64999),
      secrets,
    );
    expect(resets).toEqual(ALL);
    expect(flaps.filter((flap) => !flap.startsWith('172.31.'))).toEqual([]);
  });
});

describe('bursts', () => {
  it('a label for each of a thousand nodes, which changes no session, tells the speaker nothing', () => {
    const nodes = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [`n${i}`, { v4: `10.1.${i >> 8}.${i & 255}` }]),
    );
    const cluster = { ...CLUSTER, nodes: { ...CLUSTER.nodes, ...nodes } };
    const labelled = Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [name, { ...node, labels: { zone: 'x' } }]),
    );
    const state = stateOf(cluster, 'a');
    const { next } = reconcile(state, NOTHING_APPLIED);
    const after = stateOf({ ...cluster, nodes: { ...CLUSTER.nodes, ...labelled } }, 'a');
    expect(reconcile(after, next).inputs).toEqual([]);
  });
});
