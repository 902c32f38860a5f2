// Every field of the field table with values that cannot be used: what `problems` names, and what becomes of the resource.
// Then what contradicts itself. (Data model 1.2 to 1.10 and 4; the field table is src/calico/field-table.ts.)

import { decode } from '../../../src/calico/decode.ts';
import { FIELD_NAMES, type FieldName } from '../../../src/calico/field-table.ts';
import type { ParsedKey } from '../../../src/calico/keys.ts';
import { parseKey } from '../../../src/calico/keys.ts';

/** What happens: the field counts as absent, or the resource is refused. */
type Outcome = 'absent' | 'refused';

interface Case {
  readonly outcome: Outcome;
  readonly wrong: readonly unknown[];
  /** Where `problems` points to, when it is inside of the field. */
  readonly at?: string;
}

const absent = (...wrong: readonly unknown[]): Case => ({ outcome: 'absent', wrong });
const refused = (...wrong: readonly unknown[]): Case => ({ outcome: 'refused', wrong });
/** Nothing is looked at. */
const ANYTHING: Case = { outcome: 'absent', wrong: [] };

const AS = [-1, 1.5, 4294967296, '', 'x', '65536.1', true, {}].filter((value) => value !== '');
const FLAG = ['true', 1, 'x', {}, []];
const TEXT = [1, true, {}, []];
const DURATION = [5, '5', '1 m', '-5s', 'soon', {}];
const LIST = ['x', 1, {}, true];
const ADDRESS = ['10.0.0', '10.0.0.256', '10.0.0.01', 'fd00::g', 'host-1', 1, {}];
const SELECTOR = ["a = 'x'", 'a ==', "has (a)\n|| b == 'x'", '(all()', "a == 'x' b == 'y'", '&& all()'];

const CASES: Readonly<Record<FieldName, Case>> = {
  'Node metadata.labels': absent('x', 1, []),
  'Node spec.bgp': absent({}, 'x', 1, []),
  'Node spec.bgp.asNumber': absent(...AS, 0),
  'Node spec.bgp.ipv4Address': absent(
    ...[...ADDRESS, '10.0.0.1/33', 'fd00::1/64', '10.0.0.1/'],
    ...['0.0.0.0/0', '0.0.0.0', '224.0.0.5/24', '255.255.255.255'],
  ),
  'Node spec.bgp.ipv6Address': absent(...ADDRESS, 'fd00::1/129', '10.0.0.1/24', '::/0', 'ff02::1'),
  'Node spec.bgp.ipv4IPIPTunnelAddr': absent(...ADDRESS, 'fd00::1'),
  'Node spec.bgp.routeReflectorClusterID': absent(...ADDRESS, 'fd00::1', '1'),
  'Node spec.wireguard.interfaceIPv4Address': absent(...ADDRESS, 'fd00::1'),
  'Node spec.wireguard.interfaceIPv6Address': absent(...ADDRESS, '10.0.0.1'),

  'BGPConfiguration spec.nodeToNodeMeshEnabled': absent(...FLAG),
  'BGPConfiguration spec.asNumber': absent(...AS, 0),
  'BGPConfiguration spec.listenPort': absent(0, 65536, -1, 179.5, '179', true),
  'BGPConfiguration spec.bindMode': absent('All', 'nodeip', 1, true),
  'BGPConfiguration spec.nodeMeshPassword': absent('x', {}, { secretKeyRef: 'x' }, { secretKeyRef: {} }),
  'BGPConfiguration spec.nodeMeshMaxRestartTime': absent(...DURATION),
  'BGPConfiguration spec.communities': absent(...LIST),
  'BGPConfiguration spec.prefixAdvertisements': absent(...LIST),
  'BGPConfiguration spec.ignoredInterfaces': absent(...LIST),
  'BGPConfiguration spec.programClusterRoutes': absent('Yes', 'enabled', true),
  'BGPConfiguration spec.ipv4NormalRoutePriority': absent(0, 2147483647, -1, 1.5, '1024'),
  'BGPConfiguration spec.ipv6NormalRoutePriority': absent(0, 2147483647, -1, 1.5, '1024'),
  'BGPConfiguration spec.logSeverityScreen': absent('Loud', 1, {}),
  'BGPConfiguration spec.localWorkloadPeeringIPV4': absent(...ADDRESS, 'fd00::1'),
  'BGPConfiguration spec.localWorkloadPeeringIPV6': absent(...ADDRESS, '10.0.0.1'),
  'BGPConfiguration spec.serviceClusterIPs': ANYTHING,
  'BGPConfiguration spec.serviceExternalIPs': ANYTHING,
  'BGPConfiguration spec.serviceLoadBalancerIPs': ANYTHING,
  'BGPConfiguration spec.serviceLoadBalancerAggregation': ANYTHING,

  'BGPPeer spec.node': refused(...TEXT),
  'BGPPeer spec.nodeSelector': refused(...TEXT),
  'BGPPeer spec.peerIP': refused(
    ...['0.0.0.0', '0.0.0.0:179', '239.1.1.1', '[::]:179', 'ff02::1'],
    ...[
      'x',
      '10.0.0.1:0',
      '10.0.0.1:65536',
      '10.0.0.1:',
      '[fd00::1]:x',
      'fd00::1]:179',
      '10.0.0.1/24',
      7,
      {},
    ],
    ...[undefined, null, ''],
  ),
  'BGPPeer spec.asNumber': refused(...AS),
  'BGPPeer spec.peerSelector': refused(...TEXT),
  'BGPPeer spec.localWorkloadSelector': refused(...TEXT),
  'BGPPeer spec.localASNumber': refused(...AS, 0),
  'BGPPeer spec.nextHopMode': refused('self', 'None', 1),
  'BGPPeer spec.keepOriginalNextHop': refused(...FLAG),
  'BGPPeer spec.password': refused(
    ...['hunter2', 5, {}, { secretKeyRef: 'x' }, { secretKeyRef: { name: 'x' } }],
    ...[{ secretKeyRef: { key: 'x' } }, { secretKeyRef: { name: 1, key: 'x' } }],
  ),
  'BGPPeer spec.sourceAddress': refused('10.0.0.1', 'none', true),
  'BGPPeer spec.maxRestartTime': refused(...DURATION),
  'BGPPeer spec.keepaliveTime': refused(...DURATION),
  'BGPPeer spec.numAllowedLocalASNumbers': refused(-1, 1.5, '1', true),
  'BGPPeer spec.ttlSecurity': refused(-1, 256, 1.5, '1', true),
  'BGPPeer spec.reachableBy': refused(...ADDRESS, 'fd00::1', '10.0.0.1/24', '0.0.0.0'),
  'BGPPeer spec.filters': refused(...LIST, [1]),
  'BGPPeer spec.reversePeering': refused('auto', 'Never', true),

  'BGPFilter spec.importV4': refused(...LIST, ['x'], [1]),
  'BGPFilter spec.exportV4': refused(...LIST, ['x']),
  'BGPFilter spec.importV6': refused(...LIST, ['x']),
  'BGPFilter spec.exportV6': refused(...LIST, ['x']),
  'BGPFilter rule.action': refused(undefined, null, '', 'accept', 'Deny', 1),
  'BGPFilter rule.cidr': refused('fd00::/64', '10.65.0.1/16', '10.0.0.0/33', 'x', 1, undefined),
  'BGPFilter rule.matchOperator': refused('in', 'Inside', 1, undefined, ''),
  'BGPFilter rule.prefixLength': refused(
    ...[{ min: 33 }, { max: 33 }, { min: -1 }, { min: '8' }, { min: 30, max: 20 }, 'x', 24],
  ),
  'BGPFilter rule.source': refused('Local', 'remotePeers', 1),
  'BGPFilter rule.interface': refused('e h0', 'abcdefghijklmnop', 'eth?', 1),
  'BGPFilter rule.peerType': refused('ebgp', 'external', 1),
  'BGPFilter rule.communities': refused(
    ...['64512:1', [], {}, { values: [] }, { values: ['1:2', '1:3'] }, { values: ['x'] }],
    ...[{ values: ['65536:1'] }, { values: ['1:2:4294967296'] }, { values: [1] }],
  ),
  'BGPFilter rule.asPathPrefix': refused('65001', 65001, [0], [4294967296], ['x']),
  'BGPFilter rule.priority': refused(0, 2147483647, -1, 1.5, '512'),
  'BGPFilter rule.operations': refused(
    ...['x', [{}], ['x'], [{ addCommunity: { value: '1:2' }, setPriority: { value: 1 } }], [{ other: {} }]],
    ...[[{ addCommunity: {} }], [{ addCommunity: { value: 'x' } }], [{ addCommunity: '1:2' }]],
    ...[[{ setPriority: {} }], [{ setPriority: { value: 0 } }], [{ setPriority: { value: 2147483647 } }]],
    ...[[{ prependASPath: { prefix: [] } }], [{ prependASPath: { prefix: Array(11).fill(65001) } }]],
    ...[[{ prependASPath: {} }], [{ prependASPath: { prefix: [0] } }]],
    Array(11).fill({ setPriority: { value: 1 } }),
  ),

  'IPPool spec.cidr': refused('10.65.0.1/16', '10.65.0.0', '10.65.0.0/33', 'x', 1, undefined, null, ''),
  'IPPool spec.disableBGPExport': refused(...FLAG),
  'IPPool spec.ipipMode': refused('Sometimes', 'always', true),
  'IPPool spec.vxlanMode': refused('Sometimes', 'always', true),
  'IPPool spec.disabled': absent(...FLAG),
  'IPPool spec.natOutgoing': absent(...FLAG),
  'IPPool spec.blockSize': absent(19, 33, '26', 1.5),
  'IPPool spec.nodeSelector': absent(...SELECTOR, 1),
  'IPPool spec.namespaceSelector': absent(...SELECTOR, 1),
  'IPPool spec.allowedUses': absent(...LIST, ['Other'], [1]),
  'IPPool spec.assignmentMode': absent('manual', 1),

  'BlockAffinity state': refused('unknown', 'Confirmed', 5, {}),
  'BlockAffinity deleted': absent('yes', 1),
};

const RULE = { cidr: '10.65.0.0/16', matchOperator: 'In', action: 'Accept' };

/** A resource with nothing wrong in it, for the fields of a kind. */
const RIGHT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Node: { metadata: {}, spec: { bgp: { ipv4Address: '10.0.0.1/24' }, wireguard: {} } },
  BGPConfiguration: { spec: {} },
  BGPPeer: { spec: { peerIP: '10.0.0.2', asNumber: 65001 } },
  BGPFilter: { spec: { importV4: [RULE] } },
  IPPool: { spec: { cidr: '10.65.0.0/16' } },
  BlockAffinity: { state: 'confirmed', deleted: false },
};

const keyOf = (kind: string): ParsedKey =>
  kind === 'BlockAffinity'
    ? parseKey('/calico/ipam/v2/host/a/ipv4/block/10.65.0.0-26')!
    : ({ kind, name: kind === 'BGPConfiguration' ? 'default' : 'x' } as ParsedKey);

/** The resource with one more, or one other, field. Of a rule, the field is that of the first one of importV4. */
function resourceWith(kind: string, path: string, value: unknown): object {
  const root = structuredClone(RIGHT[kind]!) as Record<string, unknown>;
  const at = path.startsWith('rule.') ? `spec.importV4.0.${path.slice('rule.'.length)}` : path;
  const names = at.split('.');
  const last = names.pop()!;
  let inner = root;
  for (const name of names) inner = inner[name] as Record<string, unknown>;
  inner[last] = value;
  return root;
}

const decoded = (kind: string, resource: unknown) => decode(keyOf(kind), JSON.stringify(resource));

describe('a field that is wrong', () => {
  it.each(Object.entries(RIGHT))('none is in the %s that the cases start from', (kind, right) => {
    expect(decoded(kind, right)).toMatchObject({ resource: expect.anything(), problems: [] });
  });

  const rows = FIELD_NAMES.flatMap((field) =>
    CASES[field].wrong.map((value) => [field, JSON.stringify(value), CASES[field].outcome, value] as const),
  );

  it.each(rows)('%s %s: %s', (field, _, outcome, value) => {
    const [kind, path] = field.split(' ') as [string, string];
    const { resource, problems } = decoded(kind, resourceWith(kind, path, value));
    const expected = path.replace('rule.', 'spec.importV4[0].');
    expect(problems.map((problem) => problem.field)).toContainEqual(
      expect.stringMatching(new RegExp(`^${expected.replace(/[.[\]]/g, '\\$&')}([.[]|$)`)),
    );
    for (const problem of problems) {
      expect(problem.resource).toBe(
        kind === 'BlockAffinity'
          ? 'BlockAffinity/10.65.0.0/26'
          : `${kind}/${kind === 'BGPConfiguration' ? 'default' : 'x'}`,
      );
      expect(problem.message).not.toBe('');
      expect(problem.message).not.toContain('hunter2');
    }
    expect(resource === undefined ? 'refused' : 'absent').toBe(outcome);
  });

  it.each([null, ''])('%j is absence, and nothing wrong', (nothing) => {
    const optional = FIELD_NAMES.filter((field) => CASES[field].wrong.every((value) => value !== null))
      .filter((field) => CASES[field].wrong.length > 0)
      .filter((field) => nothing === null || !takesNoText(field));
    for (const field of optional) {
      const [kind, path] = field.split(' ') as [string, string];
      if (path === 'rule.cidr' || path === 'rule.matchOperator') continue; // they need each other
      const { problems } = decoded(kind, resourceWith(kind, path, nothing));
      expect([field, problems]).toEqual([field, []]);
    }
  });
});

/** Numbers, flags, lists and objects: Go leaves them out, and never writes "". */
const takesNoText = (field: FieldName): boolean =>
  /labels|bgp$|Enabled|Port$|Password|password|Time$|ities|ements|Interfaces|Priority|keepOrig|Allowed|ttl|filters|V[46]$|prefixLength|asPath|priority|operations|disable|nat|blockSize|Uses|deleted/.test(
    field,
  );

describe('what contradicts itself', () => {
  const PEER = { peerIP: '10.0.0.2', asNumber: 65001 };
  const POOL = { cidr: '10.65.0.0/16' };

  it.each<[string, string, object, string, Outcome]>([
    [
      '§1.4 two ways to name the peer',
      'BGPPeer',
      { ...PEER, peerSelector: 'all()' },
      'spec.peerSelector',
      'refused',
    ],
    [
      '§1.4 two ways to name the peer',
      'BGPPeer',
      { ...PEER, localWorkloadSelector: 'all()' },
      'spec.localWorkloadSelector',
      'refused',
    ],
    [
      '§1.4 two ways to name the peer',
      'BGPPeer',
      { peerSelector: 'all()', localWorkloadSelector: 'all()' },
      'spec.localWorkloadSelector',
      'refused',
    ],
    ['§1.4 no way to name the peer', 'BGPPeer', { asNumber: 1 }, 'spec.peerIP', 'refused'],
    [
      '§1.4 an AS number for many nodes',
      'BGPPeer',
      { peerSelector: 'all()', asNumber: 1 },
      'spec.asNumber',
      'refused',
    ],
    [
      '§1.4 workloads without AS number',
      'BGPPeer',
      { localWorkloadSelector: 'all()' },
      'spec.asNumber',
      'refused',
    ],
    [
      '§1.4 workloads with the AS number 0',
      'BGPPeer',
      { localWorkloadSelector: 'all()', asNumber: 0 },
      'spec.asNumber',
      'refused',
    ],
    [
      '§1.4 two ways to name this side',
      'BGPPeer',
      { ...PEER, node: 'a', nodeSelector: 'all()' },
      'spec.nodeSelector',
      'refused',
    ],
    [
      '§1.4 a gateway of the other family',
      'BGPPeer',
      { ...PEER, reachableBy: 'fd00::1' },
      'spec.reachableBy',
      'refused',
    ],
    [
      '§1.4 a gateway to nowhere',
      'BGPPeer',
      { peerSelector: 'all()', reachableBy: '10.0.0.1' },
      'spec.reachableBy',
      'refused',
    ],
    [
      '§2.8 nextHopMode is the one that holds',
      'BGPPeer',
      { ...PEER, nextHopMode: 'Self', keepOriginalNextHop: true },
      'spec.keepOriginalNextHop',
      'absent',
    ],
    [
      '§2.3 a selector that does not parse',
      'BGPPeer',
      { ...PEER, nodeSelector: "a = 'x'" },
      'spec.nodeSelector',
      'absent',
    ],
    [
      '§2.3 a selector that does not parse',
      'BGPPeer',
      { peerSelector: "a = 'x'" },
      'spec.peerSelector',
      'absent',
    ],
    [
      '§2.3 a selector that does not parse',
      'BGPPeer',
      { localWorkloadSelector: "a = 'x'", asNumber: 1 },
      'spec.localWorkloadSelector',
      'absent',
    ],
    [
      '§1.6 two encapsulations',
      'IPPool',
      { ...POOL, ipipMode: 'Always', vxlanMode: 'Always' },
      'spec.vxlanMode',
      'refused',
    ],
    [
      '§1.6 IPIP of an IPv6 pool',
      'IPPool',
      { cidr: 'fd00::/64', ipipMode: 'Always' },
      'spec.ipipMode',
      'refused',
    ],
    [
      '§1.6 a block size of the other family',
      'IPPool',
      { cidr: 'fd00::/64', blockSize: 26 },
      'spec.blockSize',
      'absent',
    ],
    [
      '§1.3 a password for no mesh',
      'BGPConfiguration',
      { nodeToNodeMeshEnabled: false, nodeMeshPassword: { secretKeyRef: { name: 'a', key: 'b' } } },
      'spec.nodeMeshPassword',
      'absent',
    ],
    [
      '§1.3 a restart time for no mesh',
      'BGPConfiguration',
      { nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: '1m0s' },
      'spec.nodeMeshMaxRestartTime',
      'absent',
    ],
    [
      '§1.3 names for nothing',
      'BGPConfiguration',
      { communities: [{ name: 'a', value: '1:2' }] },
      'spec.communities',
      'absent',
    ],
    [
      '§1.3 a community without value',
      'BGPConfiguration',
      { communities: [{ name: 'a' }], prefixAdvertisements: [] },
      'spec.communities[0].value',
      'absent',
    ],
    [
      '§1.3 a community without name',
      'BGPConfiguration',
      { communities: [{ value: '1:2' }], prefixAdvertisements: [] },
      'spec.communities[0].name',
      'absent',
    ],
    [
      '§1.3 a community that is none',
      'BGPConfiguration',
      { communities: [{ name: 'a', value: '1:2:3:4' }], prefixAdvertisements: [] },
      'spec.communities[0].value',
      'absent',
    ],
    [
      '§1.3 a name that is not defined',
      'BGPConfiguration',
      { prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['blue'] }] },
      'spec.prefixAdvertisements[0].communities[0]',
      'absent',
    ],
    [
      '§1.3 an advertisement without CIDR',
      'BGPConfiguration',
      { prefixAdvertisements: [{ communities: [] }] },
      'spec.prefixAdvertisements[0].cidr',
      'absent',
    ],
    [
      '§1.3 an advertisement with host bits',
      'BGPConfiguration',
      { prefixAdvertisements: [{ cidr: '10.0.0.1/8' }] },
      'spec.prefixAdvertisements[0].cidr',
      'absent',
    ],
    [
      '§1.3 more communities than allowed',
      'BGPConfiguration',
      {
        prefixAdvertisements: [
          { cidr: '10.0.0.0/8', communities: Array.from({ length: 51 }, (_, i) => `1:${i}`) },
        ],
      },
      'spec.prefixAdvertisements[0].communities',
      'absent',
    ],
    [
      '§1.3 more advertisements than allowed',
      'BGPConfiguration',
      { prefixAdvertisements: Array(501).fill({ cidr: '10.0.0.0/8' }) },
      'spec.prefixAdvertisements',
      'absent',
    ],
    [
      '§1.3 every interface',
      'BGPConfiguration',
      { ignoredInterfaces: ['*'] },
      'spec.ignoredInterfaces[0]',
      'absent',
    ],
    [
      '§4 operations of a Reject',
      'BGPFilter',
      { importV4: [{ action: 'Reject', operations: [{ setPriority: { value: 5 } }] }] },
      'spec.importV4[0].operations',
      'refused',
    ],
    [
      '§4 an operator without CIDR',
      'BGPFilter',
      { exportV6: [{ action: 'Accept', matchOperator: 'In' }] },
      'spec.exportV6[0].cidr',
      'refused',
    ],
    [
      '§4 a length without CIDR',
      'BGPFilter',
      { exportV6: [{ action: 'Accept', prefixLength: { min: 1 } }] },
      'spec.exportV6[0].prefixLength',
      'refused',
    ],
    [
      '§4 a CIDR of the other family',
      'BGPFilter',
      { exportV6: [{ action: 'Accept', cidr: '10.0.0.0/8', matchOperator: 'In' }] },
      'spec.exportV6[0].cidr',
      'refused',
    ],
  ])('%s: %s %j', (_, kind, spec, field, outcome) => {
    const { resource, problems } = decoded(kind, { spec });
    expect(problems.map((problem) => problem.field)).toContain(field);
    expect(resource === undefined ? 'refused' : 'absent').toBe(outcome);
  });

  it.each([
    ['nodeToNodeMeshEnabled', false],
    ['asNumber', 64513],
    ['nodeMeshPassword', { secretKeyRef: { name: 'a', key: 'b' } }],
    ['nodeMeshMaxRestartTime', '1m0s'],
    ['serviceClusterIPs', []],
  ])('§1.3 %s in a BGPConfiguration node.<name> is told', (field, value) => {
    const text = JSON.stringify({ spec: { [field]: value, listenPort: 1790 } });
    expect(decode({ kind: 'BGPConfiguration', name: 'node.a' }, text)).toMatchObject({
      resource: { listenPort: 1790 },
      problems: [{ resource: 'BGPConfiguration/node.a', field: `spec.${field}` }],
    });
  });

  it('§1.3 a BGPConfiguration with another name is ignored, and told', () => {
    expect(decode({ kind: 'BGPConfiguration', name: 'x' }, '{}')).toMatchObject({
      resource: undefined,
      problems: [{ resource: 'BGPConfiguration/x', field: 'metadata.name' }],
    });
  });

  it('§1.10 a block that is no CIDR is told, and announced by nobody', () => {
    const key = parseKey('/calico/ipam/v2/host/a/ipv4/block/10.65.0.1-26')!;
    expect(decode(key, '{"state":"confirmed"}')).toMatchObject({
      resource: undefined,
      problems: [{ resource: 'BlockAffinity/10.65.0.1/26', field: 'cidr' }],
    });
  });
});
