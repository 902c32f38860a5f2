// The Calico data model's section 2, rule by rule, in what `resolve -o json` prints. A row: the section, the rule, a cluster,
// and what a node's answer must contain.

import type { Resolution, ResolutionPeer } from '../../../src/desired/resolution.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const A = { v4: '10.0.0.1/24', v6: 'fd00::1/64', labels: { rack: 'r1' } };
const B = { v4: '10.0.0.2/24', v6: 'fd00::2/64', labels: { rack: 'r2' } };
const C = { v4: '10.0.0.3/24', labels: { rack: 'r2' } };
const NO_MESH = { nodeToNodeMeshEnabled: false };

const resolve = (cluster: TestCluster, node = 'a'): Resolution => stateOf(cluster, node).resolution;
const peer = (cluster: TestCluster, address: string, node = 'a'): ResolutionPeer | undefined =>
  resolve(cluster, node).peers.find((one) => one.address === address);
const addresses = (cluster: TestCluster, node = 'a'): string[] =>
  resolve(cluster, node).peers.map(({ address, port }) => (port === 179 ? address : `${address} ${port}`));

describe('§2.1 inputs and derived values', () => {
  it.each<[string, TestCluster, object]>([
    ['no asNumber anywhere is 64512', { nodes: { a: A } }, { asNumber: 64512 }],
    ['the global AS number', { nodes: { a: A }, config: { asNumber: 64600 } }, { asNumber: 64600 }],
    [
      "the node's own AS number wins",
      { nodes: { a: { ...A, as: 64700 } }, config: { asNumber: 64600 } },
      { asNumber: 64700 },
    ],
    ['an AS number as text', { nodes: { a: { ...A, as: '64700' } } }, { asNumber: 64700 }],
    ['an AS number with a dot', { nodes: { a: { ...A, as: '1.10' } } }, { asNumber: 65546 }],
    [
      'asNumber of node.<name> is not looked at',
      { nodes: { a: A }, configs: { 'node.a': { asNumber: 64999 } } },
      { asNumber: 64512 },
    ],
    ['the router id is the IPv4 address', { nodes: { a: A } }, { routerId: '10.0.0.1' }],
    ['rr(N) is the cluster id', { nodes: { a: { ...A, rr: '224.0.0.1' } } }, { clusterId: '224.0.0.1' }],
    [
      'no listener for a family without address',
      { nodes: { a: C } },
      { listen: { v4: { address: null, port: 179 }, v6: null } },
    ],
    [
      'the global listen port',
      { nodes: { a: C }, config: { listenPort: 1790 } },
      { listen: { v4: { address: null, port: 1790 }, v6: null } },
    ],
    [
      'the listen port of node.<name> wins',
      { nodes: { a: C }, config: { listenPort: 1790 }, configs: { 'node.a': { listenPort: 1791 } } },
      { listen: { v4: { port: 1791 } } },
    ],
    [
      'bindMode NodeIP',
      { nodes: { a: A }, config: { bindMode: 'NodeIP' } },
      { listen: { v4: { address: '10.0.0.1', port: 179 }, v6: { address: 'fd00::1', port: 179 } } },
    ],
    [
      'bindMode of node.<name> is not looked at',
      { nodes: { a: C }, configs: { 'node.a': { bindMode: 'NodeIP' } } },
      { listen: { v4: { address: null } } },
    ],
    [
      'addresses are canonical text',
      { nodes: { a: { v6: 'FD00:0:0::0001/64' } }, config: { bindMode: 'NodeIP' } },
      { listen: { v6: { address: 'fd00::1' } } },
    ],
  ])('%s', (_, cluster, expected) => expect(resolve(cluster)).toMatchObject(expected));

  it.each([
    ['agent1', '205.80.120.190'],
    ['mesos-agent-1.example.com', '101.38.210.35'],
  ])('the hash of %s is %s', (node, routerId) => {
    const state = stateOf({ nodes: { [node]: { v6: 'fd00::1/64' } } }, node, { routerId: 'hash' });
    expect(state.resolution).toMatchObject({ routerId, problems: [] });
  });

  it('a router id that is given serves as it is', () => {
    expect(stateOf({ nodes: { a: A } }, 'a', { routerId: '192.0.2.1' }).resolution.routerId).toBe(
      '192.0.2.1',
    );
  });

  it('annotations that stand in for the spec on Kubernetes are not looked at (§1.2)', () => {
    const annotations = {
      'Node/a': {
        'projectcalico.org/ASNumber': '64999',
        'projectcalico.org/RouteReflectorClusterID': '1.1.1.1',
      },
    };
    expect(resolve({ nodes: { a: A }, annotations })).toMatchObject({
      asNumber: 64512,
      clusterId: null,
      problems: [],
    });
  });
});

describe('§2.2 the mesh', () => {
  it('is with every node that has an address of the family; each family apart', () => {
    expect(addresses({ nodes: { a: A, b: B, c: C, d: {} } })).toEqual(['10.0.0.2', '10.0.0.3', 'fd00::2']);
  });

  it.each<[string, TestCluster, string[]]>([
    ['is off when told so', { nodes: { a: A, b: C }, config: NO_MESH }, []],
    ['has no reflector in it', { nodes: { a: A, b: { ...C, rr: '1.1.1.1' } } }, []],
    ['is not for a reflector', { nodes: { a: { ...A, rr: '1.1.1.1' }, b: C } }, []],
    ['does not ask labels', { nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' } } }, ['10.0.0.2']],
    [
      'connects to the listen port of the node',
      { nodes: { a: A, b: C }, config: { listenPort: 1790 }, configs: { 'node.b': { listenPort: 1791 } } },
      ['10.0.0.3 1791'],
    ],
    [
      'connects to the global port otherwise',
      { nodes: { a: A, b: C }, config: { listenPort: 1790 } },
      ['10.0.0.3 1790'],
    ],
    [
      'nodeToNodeMeshEnabled of node.<name> is not looked at',
      { nodes: { a: A, b: C }, configs: { 'node.a': NO_MESH } },
      ['10.0.0.3'],
    ],
  ])('%s', (_, cluster, expected) => expect(addresses(cluster)).toEqual(expected));

  it('a session has these parameters and no others', () => {
    const config = {
      nodeMeshMaxRestartTime: '1m30.6s',
      nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } },
    };
    expect(peer({ nodes: { a: A, b: { ...C, as: 64999 } }, config }, '10.0.0.3')).toEqual({
      ...{ address: '10.0.0.3', port: 179, family: 'v4', type: 'mesh', resource: 'Node/b' },
      ...{ asNumber: 64999, localAsNumber: 64512, passive: true, sourceAddress: '10.0.0.1' },
      ...{
        routeReflectorClient: false,
        clusterId: null,
        nextHop: 'auto',
        multihop: 64,
        ttlSecurityHops: null,
      },
      ...{ gracefulRestartSeconds: 91, keepaliveSeconds: null, password: 'missing', allowLocalAs: 0 },
      ...{ reachableBy: null, importFilters: [], exportFilters: [] },
    });
  });

  it('(ours) a node without AS number has the global one on both sides', () => {
    const cluster = { nodes: { a: { ...A, as: 64999 }, b: C } };
    expect(peer(cluster, '10.0.0.3')).toMatchObject({ localAsNumber: 64999, asNumber: 64512 });
    expect(peer(cluster, '10.0.0.1', 'b')).toMatchObject({ localAsNumber: 64512, asNumber: 64999 });
  });

  it.each([
    ['10.0.0.10', '10.0.0.9', false],
    ['10.0.0.9', '10.0.0.10', true],
    ['10.0.1.10', '10.0.1.9', false],
    ['10.0.0.2', '10.0.0.10', true],
    ['fd00::a', 'fd00::9', true],
    ['fd00::10', 'fd00::9', false],
  ])('the other at %s, this node at %s: passive %s, by the texts', (other, own, passive) => {
    const node = (text: string) => (text.includes(':') ? { v6: text } : { v4: text });
    const found = stateOf({ nodes: { a: node(own), b: node(other) } }, 'a', { routerId: 'hash' }).resolution
      .peers;
    expect(found).toMatchObject([{ address: other, passive }]);
  });

  it('a password that cannot be made out holds the mesh back (§1.16)', () => {
    const state = stateOf(
      { nodes: { a: A, b: C }, config: { nodeMeshPassword: { secretKeyRef: { name: 'x' } } } },
      'a',
    );
    expect(state.resolution.peers).toMatchObject([{ password: 'missing' }]);
    expect(state.peers[0]!.heldBack).toMatch(/password/);
    expect(state.resolution.problems).toMatchObject([
      { resource: 'BGPConfiguration/default', field: 'spec.nodeMeshPassword.secretKeyRef.key' },
    ]);
  });
});

describe('§2.4 BGPPeers to entries', () => {
  const TOR = { peerIP: '192.0.2.1', asNumber: 65001 };

  it.each<[string, object, string[], string[]]>([
    ['neither node nor nodeSelector: all nodes', TOR, ['192.0.2.1'], ['192.0.2.1']],
    ['node: that one', { ...TOR, node: 'b' }, [], ['192.0.2.1']],
    ['nodeSelector: those that match', { ...TOR, nodeSelector: "rack == 'r1'" }, ['192.0.2.1'], []],
    ['a nodeSelector that does not parse: none', { ...TOR, nodeSelector: 'rack = r1' }, [], []],
    ['a node that does not exist: none', { ...TOR, node: 'x' }, [], []],
    ['an empty nodeSelector is none at all', { ...TOR, nodeSelector: '' }, ['192.0.2.1'], ['192.0.2.1']],
  ])('%s', (_, spec, atA, atB) => {
    const cluster = { nodes: { a: A, b: B }, config: NO_MESH, peers: { tor: spec } };
    expect(addresses(cluster, 'a')).toEqual(atA);
    expect(addresses(cluster, 'b')).toEqual(atB);
  });

  it.each<[string, Record<string, object>, object[]]>([
    [
      'one address, two objects: the first by name',
      { y: { ...TOR, asNumber: 65002 }, x: TOR },
      [{ resource: 'BGPPeer/x', asNumber: 65001 }],
    ],
    [
      'port 179 and no port are one',
      { x: TOR, y: { ...TOR, peerIP: '192.0.2.1:179' } },
      [{ resource: 'BGPPeer/x', port: 179 }],
    ],
    [
      'another port is another',
      { x: TOR, y: { ...TOR, peerIP: '192.0.2.1:1790' } },
      [{ resource: 'BGPPeer/x' }, { resource: 'BGPPeer/y', port: 1790 }],
    ],
    [
      'global comes before node, whatever the names',
      { a: { ...TOR, node: 'a', asNumber: 65002 }, z: TOR },
      [{ resource: 'BGPPeer/z', type: 'global' }],
    ],
  ])('%s', (_, peers, expected) => {
    expect(resolve({ nodes: { a: A }, peers }).peers).toMatchObject(expected);
  });

  it('peerSelector: an entry for each matching node and family, settings taken over, two of them not (quirk)', () => {
    const spec = {
      peerSelector: "rack == 'r2'",
      ...{ localASNumber: 64900, numAllowedLocalASNumbers: 2, ttlSecurity: 3, sourceAddress: 'None' },
      ...{ maxRestartTime: '30s', keepaliveTime: '20s', nextHopMode: 'Keep', filters: ['f'] },
    };
    const cluster = {
      nodes: { a: A, b: { ...B, as: 64999 }, c: C },
      config: { ...NO_MESH, listenPort: 1790 },
      configs: { 'node.b': { listenPort: 1791 } },
      peers: { x: spec },
      filters: { f: { exportV4: [{ action: 'Accept' }] } },
    };
    expect(addresses(cluster)).toEqual(['10.0.0.2 1791', '10.0.0.3 1790', 'fd00::2 1791']);
    expect(peer(cluster, '10.0.0.2')).toEqual({
      ...{ address: '10.0.0.2', port: 1791, family: 'v4', type: 'global', resource: 'BGPPeer/x' },
      ...{ asNumber: 64999, localAsNumber: 64512, passive: false, sourceAddress: null },
      ...{
        routeReflectorClient: false,
        clusterId: null,
        nextHop: 'keep',
        multihop: null,
        ttlSecurityHops: 3,
      },
      ...{ gracefulRestartSeconds: 30, keepaliveSeconds: 20, password: 'none', allowLocalAs: 0 },
      ...{ reachableBy: null, importFilters: [], exportFilters: ['f'] },
    });
    expect(peer(cluster, '10.0.0.3')).toMatchObject({ asNumber: 64512 });
  });

  it.each<[string, object, object, object]>([
    ['explicit', { peerIP: '10.0.0.3:1799' }, {}, { port: 1799 }],
    [
      "the node's own listen port",
      { peerIP: '10.0.0.3' },
      { configs: { 'node.c': { listenPort: 1792 } } },
      { port: 1792 },
    ],
    [
      'the global listen port, for a node',
      { peerIP: '10.0.0.3' },
      { config: { ...NO_MESH, listenPort: 1790 } },
      { port: 1790 },
    ],
    [
      '179 where the AS number is not that of the node',
      { peerIP: '10.0.0.3', asNumber: 65001 },
      { config: { ...NO_MESH, listenPort: 1790 } },
      { port: 179 },
    ],
    [
      '179 for an address that is no node',
      { peerIP: '10.0.0.9' },
      { config: { ...NO_MESH, listenPort: 1790 } },
      { port: 179 },
    ],
  ])('the port of a peerIP: %s', (_, spec, more, expected) => {
    const cluster = {
      nodes: { a: A, c: C },
      config: NO_MESH,
      ...more,
      peers: { x: { asNumber: 64512, ...spec } },
    };
    expect(resolve(cluster).peers).toMatchObject([expected]);
  });

  it('an address that is spelled otherwise is no Calico node, for the port and for who connects', () => {
    const cluster = (peerIP: string): TestCluster => ({
      nodes: { a: A, b: B },
      config: { ...NO_MESH, listenPort: 1790 },
      peers: { x: { peerIP, asNumber: 64512, reversePeering: 'Manual' } },
    });
    expect(resolve(cluster('fd00::2')).peers).toMatchObject([
      { address: 'fd00::2', port: 1790, passive: true },
    ]);
    expect(resolve(cluster('FD00:0::2')).peers).toMatchObject([
      { address: 'fd00::2', port: 179, passive: false },
    ]);
  });

  it.each<[string, object, object[], string[]]>([
    ['takes that of the node with the address', { peerIP: '10.0.0.3' }, [{ asNumber: 64999 }], []],
    ['however the address is spelled', { peerIP: 'fd00:0::2' }, [{ asNumber: 64512 }], []],
    ['is refused where there is none', { peerIP: '192.0.2.1' }, [], ['BGPPeer/x spec.asNumber']],
  ])('without asNumber it %s (ours)', (_, spec, peers, problems) => {
    const found = resolve({
      nodes: { a: A, b: B, c: { ...C, as: 64999 } },
      config: NO_MESH,
      peers: { x: spec },
    });
    expect(found.peers).toMatchObject(peers);
    expect(found.peers).toHaveLength(peers.length);
    expect(found.problems.map(({ resource, field }) => `${resource} ${field}`)).toEqual(problems);
  });
});

describe('§2.5 entries to sessions', () => {
  const session = (spec: object, nodes: TestCluster['nodes'] = { a: A }) =>
    resolve({ nodes, config: NO_MESH, peers: { x: { peerIP: '192.0.2.1', asNumber: 65001, ...spec } } })
      .peers[0];

  it.each<[string, object, object]>([
    [
      'nothing set',
      {},
      {
        localAsNumber: 64512,
        passive: false,
        sourceAddress: '10.0.0.1',
        multihop: 64,
        ttlSecurityHops: null,
        gracefulRestartSeconds: 120,
        keepaliveSeconds: null,
        allowLocalAs: 0,
        nextHop: 'auto',
        reachableBy: null,
      },
    ],
    ['localASNumber', { localASNumber: 64900 }, { localAsNumber: 64900 }],
    ['sourceAddress None', { sourceAddress: 'None' }, { sourceAddress: null }],
    ['sourceAddress UseNodeIP', { sourceAddress: 'UseNodeIP' }, { sourceAddress: '10.0.0.1' }],
    ['ttlSecurity 1', { ttlSecurity: 1 }, { multihop: null, ttlSecurityHops: 1 }],
    ['ttlSecurity 0 is multihop', { ttlSecurity: 0 }, { multihop: 64, ttlSecurityHops: null }],
    ['maxRestartTime, rounded', { maxRestartTime: '1m0.5s' }, { gracefulRestartSeconds: 61 }],
    ['maxRestartTime 0s is off', { maxRestartTime: '0s' }, { gracefulRestartSeconds: 0 }],
    ['keepaliveTime, rounded', { keepaliveTime: '2500ms' }, { keepaliveSeconds: 3 }],
    ['keepaliveTime 0s is the default', { keepaliveTime: '0s' }, { keepaliveSeconds: null }],
    ['numAllowedLocalASNumbers', { numAllowedLocalASNumbers: 1000 }, { allowLocalAs: 1000 }],
    ['reachableBy', { reachableBy: '10.0.0.254' }, { reachableBy: '10.0.0.254' }],
    [
      'an IPv6 session has the IPv6 address',
      { peerIP: 'fd00::99' },
      { family: 'v6', sourceAddress: 'fd00::1' },
    ],
  ])('%s', (_, spec, expected) => expect(session(spec)).toMatchObject(expected));

  it('of a family that this node has no address of there is none', () => {
    expect(session({ peerIP: 'fd00::99' }, { a: C })).toBeUndefined();
  });

  it('the own address is skipped', () => {
    expect(session({ peerIP: '10.0.0.1', asNumber: 64512 })).toBeUndefined();
  });

  it.each<[string, object, boolean]>([
    ['global, a node, higher text', { peerIP: '10.0.0.3', asNumber: 64512 }, true],
    ['global, a node of whatever AS number', { peerIP: '10.0.0.3', asNumber: 65001 }, true],
    ['global, no node', { peerIP: '10.0.0.9' }, false],
    ['of node scope', { peerIP: '10.0.0.3', asNumber: 64512, node: 'a' }, false],
    ['from a selector', { peerIP: undefined, asNumber: undefined, peerSelector: "rack == 'r2'" }, false],
  ])('passive: %s: %s', (_, spec, passive) => {
    expect(session({ ...spec, reversePeering: 'Manual' }, { a: A, c: C })).toMatchObject({ passive });
  });

  it('global, a node with the lower text: this end connects', () => {
    const peers = { x: { peerIP: '10.0.0.1', asNumber: 64512 } };
    expect(peer({ nodes: { a: A, c: C }, config: NO_MESH, peers }, '10.0.0.1', 'c')).toMatchObject({
      passive: false,
    });
  });

  it('(ours) the explicit peer wins over the mesh, at whatever port', () => {
    const cluster = (peerIP: string) => ({
      nodes: { a: A, c: C },
      peers: { x: { peerIP, asNumber: 64512 } },
    });
    expect(resolve(cluster('10.0.0.3')).peers).toMatchObject([{ resource: 'BGPPeer/x' }]);
    expect(resolve(cluster('10.0.0.3:1790')).peers).toMatchObject([{ resource: 'BGPPeer/x', port: 1790 }]);
  });
});

describe('§2.6 reverse peerings', () => {
  const cluster = (spec: object, more: TestCluster = {}): TestCluster => ({
    nodes: { a: A, b: B, c: C },
    config: NO_MESH,
    ...more,
    peers: { x: spec },
  });

  it('the far end of a peerSelector peers back, in node scope', () => {
    const both = cluster({
      nodeSelector: "rack == 'r1'",
      peerSelector: "rack == 'r2'",
      filters: ['f'],
      keepaliveTime: '9s',
    });
    expect(resolve(both, 'b').peers).toMatchObject([
      { address: '10.0.0.1', type: 'reverse', resource: 'BGPPeer/x', passive: false, keepaliveSeconds: 9 },
      { address: 'fd00::1', type: 'reverse' },
    ]);
  });

  it.each<[string, object, string[]]>([
    [
      'reversePeering Manual',
      { nodeSelector: "rack == 'r1'", peerSelector: "rack == 'r2'", reversePeering: 'Manual' },
      [],
    ],
    [
      'reversePeering Auto',
      { nodeSelector: "rack == 'r1'", peerSelector: "rack == 'r2'", reversePeering: 'Auto' },
      ['10.0.0.1', 'fd00::1'],
    ],
    ['peerIP: only its family', { node: 'a', peerIP: '10.0.0.2', asNumber: 64512 }, ['10.0.0.1']],
    ['peerIP with the AS number of another', { node: 'a', peerIP: '10.0.0.2', asNumber: 65001 }, []],
    ['peerIP without asNumber', { node: 'a', peerIP: '10.0.0.2' }, ['10.0.0.1']],
    [
      'global: with all nodes, itself aside',
      { peerIP: '10.0.0.2', asNumber: 64512 },
      ['10.0.0.1', '10.0.0.3'],
    ],
  ])('%s', (_, spec, expected) => expect(addresses(cluster(spec), 'b')).toEqual(expected));

  it.each<[string, number | undefined, number | undefined, string, boolean]>([
    ['no port anywhere', undefined, undefined, ':1790', true],
    ['its own port fits', 1790, undefined, ':1790', true],
    ['its own port differs', 1791, undefined, ':1790', false],
    ['the global port fits', undefined, 1790, ':1790', true],
    ['the global port differs', undefined, 1791, ':1790', false],
    ['its own fits, the global one differs (quirk)', 1790, 1791, ':1790', false],
    ['none asked for', 1790, 1791, '', true],
  ])('%s', (_, own, global, port, reverse) => {
    const spec = { node: 'a', peerIP: `10.0.0.2${port}`, asNumber: 64512 };
    const found = addresses(
      cluster(spec, {
        config: { ...NO_MESH, ...(global && { listenPort: global }) },
        configs: own ? { 'node.b': { listenPort: own } } : {},
      }),
      'b',
    );
    expect(found.length === 1).toBe(reverse);
  });

  it('carries the settings of the BGPPeer, and not those that a selector leaves out', () => {
    const spec = {
      node: 'a',
      peerIP: '10.0.0.2',
      asNumber: 64512,
      localASNumber: 64900,
      numAllowedLocalASNumbers: 2,
      ttlSecurity: 2,
      nextHopMode: 'Self',
      reachableBy: '10.0.0.254',
      sourceAddress: 'None',
    };
    expect(resolve(cluster(spec), 'b').peers).toMatchObject([
      {
        localAsNumber: 64512,
        asNumber: 64512,
        allowLocalAs: 0,
        ttlSecurityHops: 2,
        nextHop: 'self',
        reachableBy: '10.0.0.254',
        sourceAddress: null,
      },
    ]);
  });

  it('an entry that is there already stays', () => {
    const peers = {
      a: { nodeSelector: "rack == 'r1'", peerSelector: "rack == 'r2'" },
      z: { node: 'b', peerIP: '10.0.0.1', asNumber: 64512, filters: [] },
    };
    expect(peer({ nodes: { a: A, b: B }, config: NO_MESH, peers }, '10.0.0.1', 'b')).toMatchObject({
      resource: 'BGPPeer/z',
      type: 'node',
    });
  });
});

describe('§2.8 next hop and route reflection', () => {
  it.each<[string, object, number, string]>([
    ['nothing', {}, 65001, 'auto'],
    ['Auto', { nextHopMode: 'Auto' }, 65001, 'auto'],
    ['Self', { nextHopMode: 'Self' }, 64512, 'self'],
    ['Keep', { nextHopMode: 'Keep' }, 64512, 'keep'],
    ['keepOriginalNextHop on eBGP', { keepOriginalNextHop: true }, 65001, 'keep'],
    ['keepOriginalNextHop on iBGP', { keepOriginalNextHop: true }, 64512, 'auto'],
    [
      'keepOriginalNextHop and a local AS that makes it iBGP',
      { keepOriginalNextHop: true, localASNumber: 65001 },
      65001,
      'auto',
    ],
    [
      'keepOriginalNextHop beside nextHopMode',
      { keepOriginalNextHop: true, nextHopMode: 'Self' },
      65001,
      'self',
    ],
  ])('%s', (_, spec, asNumber, nextHop) => {
    const peers = { x: { peerIP: '192.0.2.1', asNumber, ...spec } };
    expect(resolve({ nodes: { a: A }, peers }).peers).toMatchObject([{ nextHop }]);
  });

  it.each<[string, object, string | undefined, object, string | null]>([
    ['a node that is no reflector: client', { peerSelector: "rack == 'r2'" }, undefined, {}, '1.1.1.1'],
    ['a reflector with the same cluster id: a peer', { peerSelector: "rack == 'r2'" }, '1.1.1.1', {}, null],
    [
      'a reflector with another cluster id: client',
      { peerSelector: "rack == 'r2'" },
      '2.2.2.2',
      {},
      '1.1.1.1',
    ],
    [
      'a reflector by its address: client, whatever its id (quirk)',
      { peerIP: '10.0.0.3', asNumber: 64512 },
      '1.1.1.1',
      {},
      '1.1.1.1',
    ],
    ['eBGP: no client', { peerIP: '10.0.0.3', asNumber: 65001 }, undefined, {}, null],
    [
      'iBGP by the local AS number: client',
      { peerIP: '192.0.2.1', asNumber: 65001, localASNumber: 65001 },
      undefined,
      {},
      '1.1.1.1',
    ],
    [
      'eBGP by the local AS number: no client',
      { peerIP: '192.0.2.1', asNumber: 64512, localASNumber: 65001 },
      undefined,
      {},
      null,
    ],
  ])('%s', (_, spec, other, more, clusterId) => {
    const nodes = { a: { ...A, rr: '1.1.1.1' }, c: { ...C, ...(other && { rr: other }) } };
    const [found] = resolve({ nodes, ...more, peers: { x: { ...spec, reversePeering: 'Manual' } } }).peers;
    expect(found).toMatchObject({ routeReflectorClient: clusterId !== null, clusterId });
  });

  it('a node that is no reflector has no clients', () => {
    const peers = { x: { peerIP: '10.0.0.3', asNumber: 64512 } };
    expect(resolve({ nodes: { a: A, c: C }, peers }).peers).toMatchObject([
      { routeReflectorClient: false, clusterId: null },
    ]);
  });
});
