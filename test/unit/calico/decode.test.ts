import { prefix } from 'bgp-utils';
import { decode } from '../../../src/calico/decode.ts';
import type { ParsedKey } from '../../../src/calico/keys.ts';
import type { Kind } from '../../../src/calico/resources.ts';

const decoded = (kind: Exclude<Kind, 'BlockAffinity'>, spec: unknown, metadata: object = {}) =>
  decode({ kind, name: 'x' }, JSON.stringify({ kind, metadata: { name: 'x', ...metadata }, spec }));

const block = (text: string) =>
  decode({ kind: 'BlockAffinity', node: 'a', cidr: prefix('10.65.0.0/26') }, text);

describe('a resource that is right', () => {
  it('Node: the example of the data model 1.2', () => {
    const { resource, problems } = decoded(
      'Node',
      {
        bgp: {
          asNumber: 64513,
          ipv4Address: '10.0.1.11/24',
          ipv6Address: 'FD00:1::11/64',
          ipv4IPIPTunnelAddr: '10.65.0.64',
          routeReflectorClusterID: '224.0.0.1',
        },
        wireguard: { interfaceIPv4Address: '10.65.0.66' },
        orchRefs: [{ nodeName: 'agent1', orchestrator: 'mesos' }],
      },
      { labels: { rack: 'r1' }, creationTimestamp: null },
    );
    expect(problems).toEqual([]);
    expect(resource).toEqual({
      name: 'x',
      annotations: new Map(),
      labels: new Map([['rack', 'r1']]),
      bgp: {
        asNumber: 64513,
        addresses: {
          ipv4: { address: '10.0.1.11', network: '10.0.1.0/24' },
          ipv6: { address: 'fd00:1::11', network: 'fd00:1::/64' },
        },
        routeReflectorClusterId: '224.0.0.1',
      },
      wireguard: { ipv4: '10.65.0.66', ipv6: undefined },
    });
  });

  it('Node: a bare address is one of full length; null and "" are absent', () => {
    const { resource, problems } = decoded('Node', {
      bgp: { ipv4Address: '10.0.0.1', ipv6Address: '', asNumber: null, routeReflectorClusterID: '' },
    });
    expect(problems).toEqual([]);
    expect(resource).toMatchObject({
      bgp: {
        asNumber: undefined,
        addresses: { ipv4: { address: '10.0.0.1', network: '10.0.0.1/32' }, ipv6: undefined },
        routeReflectorClusterId: undefined,
      },
    });
  });

  it.each([[{}], [undefined], [null], [{ bgp: null }]])('Node with spec %j takes no part in BGP', (spec) => {
    expect(decoded('Node', spec)).toMatchObject({ resource: { bgp: undefined }, problems: [] });
  });

  it('BGPConfiguration: names of communities resolve, sorted and without doubles', () => {
    const { resource, problems } = decode(
      { kind: 'BGPConfiguration', name: 'default' },
      JSON.stringify({
        spec: {
          communities: [
            { name: 'blue', value: '64512:300' },
            { name: 'big', value: '64512:300:7' },
          ],
          prefixAdvertisements: [
            { cidr: '10.65.0.0/20', communities: ['blue', '64512:120', 'big', '64512:300'] },
          ],
          nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
          nodeMeshMaxRestartTime: '1m30.4s',
          logSeverityScreen: 'Info',
        },
      }),
    );
    expect(problems).toEqual([]);
    expect(resource).toMatchObject({
      nodeMeshPassword: { name: 's', key: 'k' },
      nodeMeshMaxRestartSeconds: 90,
      prefixAdvertisements: [
        {
          cidr: '10.65.0.0/20',
          communities: [{ text: '64512:120' }, { text: '64512:300' }, { text: '64512:300:7' }],
        },
      ],
    });
  });

  it.each([
    ['10.0.1.1', { address: '10.0.1.1', port: undefined, text: '10.0.1.1' }],
    ['10.0.1.1:180', { address: '10.0.1.1', port: 180, text: '10.0.1.1' }],
    ['FD00::1', { address: 'fd00::1', port: undefined, text: 'FD00::1' }],
    ['[fd00::1]:180', { address: 'fd00::1', port: 180, text: 'fd00::1' }],
    ['fd00::1:180', { address: 'fd00::1:180', port: undefined, text: 'fd00::1:180' }],
  ])('BGPPeer: peerIP %s', (peerIP, expected) => {
    expect(decoded('BGPPeer', { peerIP, asNumber: 1 })).toMatchObject({
      resource: { peerIP: expected },
      problems: [],
    });
  });

  it.each([
    ['{"state":"confirmed","deleted":false}', 'confirmed'],
    ['{"state":"pending"}', 'pending'],
    ['{"state":"pendingDeletion"}', 'pendingDeletion'],
    ['{"state":""}', 'confirmed'],
    ['{}', 'confirmed'],
    ['', 'confirmed'],
  ])('a block affinity %j is %s (1.10)', (text, state) => {
    expect(block(text)).toEqual({ resource: { node: 'a', cidr: '10.65.0.0/26', state }, problems: [] });
  });
});

describe('a resource that is wrong', () => {
  const key: ParsedKey = { kind: 'Node', name: 'x' };

  it.each(['', '{', '[]', 'null', '1', '"x"'])('under a key with the text %j is refused', (text) => {
    const { resource, problems } = decode(key, text);
    expect(resource).toBeUndefined();
    expect(problems).toEqual([
      { resource: 'Node/x', field: '', message: expect.stringContaining('ignored') },
    ]);
  });

  it.each([
    [{ bgp: 5 }, 'spec.bgp'],
    [{ bgp: { asNumber: 'x', ipv4Address: '10.0.0.1/24' } }, 'spec.bgp.asNumber'],
    [{ bgp: { ipv4Address: '10.0.0.300/24' } }, 'spec.bgp.ipv4Address'],
    [{ bgp: { ipv4Address: 'fd00::1/64' } }, 'spec.bgp.ipv4Address'],
    [{ bgp: { ipv6Address: '10.0.0.1/24' } }, 'spec.bgp.ipv6Address'],
    [{ bgp: { ipv4Address: 5 } }, 'spec.bgp.ipv4Address'],
    [{ bgp: { routeReflectorClusterID: 'x' } }, 'spec.bgp.routeReflectorClusterID'],
  ])('Node %j: the field %s is reported and absent, the Node stays', (spec, field) => {
    const { resource, problems } = decoded('Node', spec);
    expect(problems).toEqual([{ resource: 'Node/x', field, message: expect.any(String) }]);
    expect(resource).toMatchObject({ name: 'x' });
  });

  it('Node: a label that is no text is left out, the others stay', () => {
    const { resource, problems } = decoded('Node', {}, { labels: { a: 1, b: 'x' } });
    expect(resource).toMatchObject({ labels: new Map([['b', 'x']]) });
    expect(problems).toMatchObject([{ field: 'metadata.labels.a' }]);
  });

  it.each([
    [{ peerIP: 'x', asNumber: 1 }, 'spec.peerIP'],
    [{ peerIP: '10.0.0.1:0', asNumber: 1 }, 'spec.peerIP'],
    [{ peerIP: '10.0.0.1:65536', asNumber: 1 }, 'spec.peerIP'],
    [{ peerIP: 7, asNumber: 1 }, 'spec.peerIP'],
    [{ asNumber: 1 }, 'spec.peerIP'],
    [{ peerIP: '10.0.0.1', asNumber: 'x' }, 'spec.asNumber'],
    [{ peerIP: '10.0.0.1', asNumber: 1, peerSelector: 'all()' }, 'spec.peerSelector'],
    [{ peerSelector: 'all()', asNumber: 1 }, 'spec.asNumber'],
    [{ localWorkloadSelector: 'all()' }, 'spec.asNumber'],
    [{ peerIP: '10.0.0.1', asNumber: 1, node: 'a', nodeSelector: 'all()' }, 'spec.nodeSelector'],
    [
      { peerIP: '10.0.0.1', asNumber: 1, password: { secretKeyRef: { name: 'x' } } },
      'spec.password.secretKeyRef',
    ],
    [{ peerIP: '10.0.0.1', asNumber: 1, password: 'secret' }, 'spec.password'],
    [{ peerIP: '10.0.0.1', asNumber: 1, filters: 'f' }, 'spec.filters'],
    [{ peerIP: '10.0.0.1', asNumber: 1, filters: [1] }, 'spec.filters[0]'],
    [{ peerIP: '10.0.0.1', asNumber: 1, ttlSecurity: 256 }, 'spec.ttlSecurity'],
    [{ peerIP: '10.0.0.1', asNumber: 1, nextHopMode: 'self' }, 'spec.nextHopMode'],
    [
      { peerIP: '10.0.0.1', asNumber: 1, nextHopMode: 'Self', keepOriginalNextHop: true },
      'spec.keepOriginalNextHop',
    ],
    [{ peerIP: '10.0.0.1', asNumber: 1, maxRestartTime: 5 }, 'spec.maxRestartTime'],
    [{ peerIP: '10.0.0.1', asNumber: 1, reachableBy: 'fd00::1' }, 'spec.reachableBy'],
    [{ peerSelector: 'all()', reachableBy: '10.0.0.1' }, 'spec.reachableBy'],
    [{ peerIP: '10.0.0.1', asNumber: 1, numAllowedLocalASNumbers: -1 }, 'spec.numAllowedLocalASNumbers'],
  ])('BGPPeer %j is refused because of %s', (spec, field) => {
    const { resource, problems } = decoded('BGPPeer', spec);
    expect(resource).toBeUndefined();
    expect(problems.map((problem) => problem.field)).toContain(field);
    expect(problems.every((problem) => problem.resource === 'BGPPeer/x')).toBe(true);
  });

  it('BGPPeer: a password is not shown when something about it is wrong', () => {
    const { problems } = decoded('BGPPeer', { peerIP: '10.0.0.1', asNumber: 1, password: 'hunter2' });
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('BGPPeer: a selector that does not parse is reported, and the peer stays with it', () => {
    const { resource, problems } = decoded('BGPPeer', {
      nodeSelector: "a = 'x'",
      peerIP: '10.0.0.1',
      asNumber: 1,
    });
    expect(resource).toMatchObject({ nodeSelector: "a = 'x'" });
    expect(problems).toMatchObject([
      { field: 'spec.nodeSelector', message: expect.stringContaining('matches no node') },
    ]);
  });

  it('BGPConfiguration with another name is ignored', () => {
    expect(decoded('BGPConfiguration', {})).toMatchObject({
      resource: undefined,
      problems: [{ field: 'metadata.name' }],
    });
  });

  it.each([
    [{ nodeToNodeMeshEnabled: 'false' }, 'spec.nodeToNodeMeshEnabled'],
    [{ asNumber: 4294967296 }, 'spec.asNumber'],
    [{ listenPort: 65536 }, 'spec.listenPort'],
    [{ bindMode: 'All' }, 'spec.bindMode'],
    [{ programClusterRoutes: 'Yes' }, 'spec.programClusterRoutes'],
    [{ ipv4NormalRoutePriority: 2147483647 }, 'spec.ipv4NormalRoutePriority'],
    [{ ignoredInterfaces: ['*'] }, 'spec.ignoredInterfaces[0]'],
    [{ communities: [{ name: 'a', value: 'x' }] }, 'spec.communities[0].value'],
    [{ prefixAdvertisements: [{ cidr: '10.0.0.1/24' }] }, 'spec.prefixAdvertisements[0].cidr'],
    [
      { prefixAdvertisements: [{ cidr: '10.0.0.0/24', communities: ['blue'] }] },
      'spec.prefixAdvertisements[0].communities[0]',
    ],
  ])('BGPConfiguration %j: only %s is without effect', (spec, field) => {
    const { resource, problems } = decode(
      { kind: 'BGPConfiguration', name: 'default' },
      JSON.stringify({ spec: { ...spec, nodeMeshMaxRestartTime: '5s' } }),
    );
    expect(problems.map((problem) => problem.field)).toEqual([field]);
    expect(resource).toMatchObject({ nodeMeshMaxRestartSeconds: 5 });
  });

  it.each([
    [{}, 'spec.cidr'],
    [{ cidr: '10.65.0.1/16' }, 'spec.cidr'],
    [{ cidr: '10.65.0.0/16', ipipMode: 'Sometimes' }, 'spec.ipipMode'],
    [{ cidr: '10.65.0.0/16', ipipMode: 'Always', vxlanMode: 'Always' }, 'spec.vxlanMode'],
    [{ cidr: 'fd00::/64', ipipMode: 'Always' }, 'spec.ipipMode'],
    [{ cidr: '10.65.0.0/16', disableBGPExport: 'true' }, 'spec.disableBGPExport'],
  ])('IPPool %j is refused because of %s', (spec, field) => {
    expect(decoded('IPPool', spec)).toMatchObject({
      resource: undefined,
      problems: [{ resource: 'IPPool/x', field }],
    });
  });

  it.each([
    [{ importV4: [{}] }, 'spec.importV4[0].action'],
    [{ importV4: [{ action: 'accept' }] }, 'spec.importV4[0].action'],
    [{ importV4: ['x'] }, 'spec.importV4[0]'],
    [{ exportV4: [{ action: 'Accept', cidr: 'fd00::/64', matchOperator: 'In' }] }, 'spec.exportV4[0].cidr'],
    [{ exportV4: [{ action: 'Accept', cidr: '10.0.0.0/8' }] }, 'spec.exportV4[0].matchOperator'],
    [{ exportV6: [{ action: 'Accept', matchOperator: 'In' }] }, 'spec.exportV6[0].cidr'],
    [{ exportV6: [{ action: 'Accept', prefixLength: { min: 1 } }] }, 'spec.exportV6[0].prefixLength'],
    [
      {
        importV4: [{ action: 'Accept', prefixLength: { min: 33 }, cidr: '10.0.0.0/8', matchOperator: 'In' }],
      },
      'spec.importV4[0].prefixLength.min',
    ],
    [
      { importV4: [{ action: 'Reject', operations: [{ setPriority: { value: 5 } }] }] },
      'spec.importV4[0].operations',
    ],
    [{ importV4: [{ action: 'Accept', operations: [{}] }] }, 'spec.importV4[0].operations[0]'],
    [
      { importV4: [{ action: 'Accept', operations: [{ addCommunity: { value: 'x' } }] }] },
      'spec.importV4[0].operations[0].addCommunity.value',
    ],
    [
      { importV4: [{ action: 'Accept', operations: [{ prependASPath: { prefix: [] } }] }] },
      'spec.importV4[0].operations[0].prependASPath.prefix',
    ],
    [
      { importV4: [{ action: 'Accept', operations: [{ setPriority: {} }] }] },
      'spec.importV4[0].operations[0].setPriority.value',
    ],
    [
      { importV4: [{ action: 'Accept', communities: { values: ['x'] } }] },
      'spec.importV4[0].communities.values',
    ],
  ])('BGPFilter %j is refused because of %s', (spec, field) => {
    expect(decoded('BGPFilter', spec)).toMatchObject({
      resource: undefined,
      problems: [{ resource: 'BGPFilter/x', field }],
    });
  });

  it.each(['{', '[]', '5', '{"state":"unknown"}', '{"state":5}'])(
    'a block affinity with the text %j is not announced',
    (text) => {
      expect(block(text)).toMatchObject({
        resource: undefined,
        problems: [{ resource: 'BlockAffinity/10.65.0.0/26' }],
      });
    },
  );

  it('a deleted block affinity is absent without a word', () => {
    expect(block('{"state":"confirmed","deleted":true}')).toEqual({ resource: undefined, problems: [] });
  });
});
