import { prefix } from 'bgp-utils';
import { decode } from '../../../src/calico/decode.ts';
import type { ParsedKey } from '../../../src/calico/keys.ts';
import type { Kind } from '../../../src/calico/resources.ts';

const decoded = (kind: Exclude<Kind, 'BlockAffinity'>, spec: unknown, metadata: object = {}) =>
  decode({ kind, name: 'x' }, JSON.stringify({ kind, metadata: { name: 'x', ...metadata }, spec }));

const block = (text: string) =>
  decode({ kind: 'BlockAffinity', node: 'a', block: '10.65.0.0/26', cidr: prefix('10.65.0.0/26') }, text);

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
    ['{"state":"confirmed","deleted":"false"}', 'confirmed'],
  ])('a block affinity %j is %s (§1.10)', (text, state) => {
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

  it('Node: a label that is no text is left out, the others stay', () => {
    const { resource, problems } = decoded('Node', {}, { labels: { a: 1, b: 'x' } });
    expect(resource).toMatchObject({ labels: new Map([['b', 'x']]) });
    expect(problems).toMatchObject([{ field: 'metadata.labels.a' }]);
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

  it.each(['{', '[]', '5', '{"state":"unknown"}', '{"state":5}'])(
    'a block affinity with the text %j is not announced',
    (text) => {
      expect(block(text)).toMatchObject({
        resource: undefined,
        problems: [{ resource: 'BlockAffinity/10.65.0.0/26' }],
      });
    },
  );

  it.each(['true', '"true"'])('a block affinity with deleted %s is absent without a word', (deleted) => {
    expect(block(`{"state":"confirmed","deleted":${deleted}}`)).toEqual({
      resource: undefined,
      problems: [],
    });
  });
});
