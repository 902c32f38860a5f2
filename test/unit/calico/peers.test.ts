// The rules of the data model, section 2, on small clusters; and the cluster that it works through in Appendix B.

import { address } from 'bgp-utils';
import { resolvePeers } from '../../../src/calico/peers.ts';
import { clusterOf } from '../../../src/calico/snapshot.ts';
import { snapshotOf, type TestCluster } from '../../support/calico.ts';

const resolve = (cluster: TestCluster, node: string) => resolvePeers(clusterOf(snapshotOf(cluster), node));
const peersOf = (cluster: TestCluster, node: string) => resolve(cluster, node).peers;
/** "mesh 10.0.0.2:179 64512→64512", with "passive" where it waits. */
const shown = (cluster: TestCluster, node: string): string[] =>
  peersOf(cluster, node)
    .map(
      (p) =>
        `${p.type} ${p.address} ${p.port} ${p.localAsNumber}→${p.asNumber}${p.passive ? ' passive' : ''}`,
    )
    .sort();

const A = { v4: '10.0.0.1/24', v6: 'fd00::1/64' };
const B = { v4: '10.0.0.2/24', v6: 'fd00::2/64' };
const C = { v4: '10.0.0.3/24' };

describe('the mesh (§2.2)', () => {
  it('is with every node that has an address of the family, and each family is apart', () => {
    expect(shown({ nodes: { a: A, b: B, c: C, d: {} } }, 'a')).toEqual([
      'mesh 10.0.0.2 179 64512→64512 passive',
      'mesh 10.0.0.3 179 64512→64512 passive',
      'mesh fd00::2 179 64512→64512 passive',
    ]);
    expect(shown({ nodes: { a: A, b: B, c: C, d: {} } }, 'c')).toEqual([
      'mesh 10.0.0.1 179 64512→64512',
      'mesh 10.0.0.2 179 64512→64512',
    ]);
  });

  it.each([
    ['10.0.0.10', '10.0.0.9'],
    ['10.0.1.10', '10.0.1.9'],
    ['fd00::10', 'fd00::9'],
    ['10.0.0.1', '10.0.0.2'],
  ])('the lower text waits: %s for %s', (lower, higher) => {
    const key = lower.includes(':') ? 'v6' : 'v4';
    const cluster = { nodes: { a: { [key]: lower }, b: { [key]: higher } } };
    expect(peersOf(cluster, 'a')).toMatchObject([{ address: higher, passive: true }]);
    expect(peersOf(cluster, 'b')).toMatchObject([{ address: lower, passive: false }]);
  });

  it('is off with nodeToNodeMeshEnabled false', () => {
    expect(shown({ nodes: { a: A, b: B }, config: { nodeToNodeMeshEnabled: false } }, 'a')).toEqual([]);
  });

  it('leaves route reflectors out from both sides', () => {
    const cluster = { nodes: { a: C, b: B, rr: { v4: '10.0.0.9', rr: '1.1.1.1' } } };
    expect(shown(cluster, 'a')).toEqual(['mesh 10.0.0.2 179 64512→64512']);
    expect(shown(cluster, 'rr')).toEqual([]);
  });

  it('a node without an AS number has the global one, also where this node has its own (ours)', () => {
    const cluster = {
      nodes: { a: { v4: '10.0.0.1', as: 64513 }, b: { v4: '10.0.0.2' } },
      config: { asNumber: 64600 },
    };
    expect(shown(cluster, 'a')).toEqual(['mesh 10.0.0.2 179 64513→64600 passive']);
    expect(shown(cluster, 'b')).toEqual(['mesh 10.0.0.1 179 64600→64513']);
  });

  it("connects to the other node's listen port, its own before the global one", () => {
    const nodes = { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' }, c: { v4: '10.0.0.3' } };
    const cluster = { nodes, config: { listenPort: 1791 }, configs: { 'node.b': { listenPort: 1790 } } };
    expect(peersOf(cluster, 'a').map(({ address, port }) => [address, port])).toEqual([
      ['10.0.0.2', 1790],
      ['10.0.0.3', 1791],
    ]);
  });

  it('takes password and restart time from BGPConfiguration default', () => {
    const config = {
      nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
      nodeMeshMaxRestartTime: '1m',
    };
    expect(peersOf({ nodes: { a: C, b: { v4: '10.0.0.9' } }, config }, 'a')).toMatchObject([
      {
        password: { name: 's', key: 'k' },
        maxRestartSeconds: 60,
        sourceAddress: '10.0.0.3',
        nextHop: 'auto',
      },
    ]);
  });

  it('two nodes with one address: the first by name is peered with, and both are named', () => {
    const { peers, problems } = resolve(
      { nodes: { a: C, b: { v4: '10.0.0.2' }, c: { v4: '10.0.0.2' } } },
      'a',
    );
    expect(peers.map(({ resource }) => resource)).toEqual(['Node/b']);
    expect(problems).toEqual([
      { resource: 'Node/c', field: 'spec.bgp.ipv4Address', message: expect.stringContaining('Node/b') },
    ]);
  });

  it('a node that has our own address is no peer', () => {
    const { peers, problems } = resolve({ nodes: { a: C, b: C, d: { v4: '10.0.0.4' } } }, 'b');
    expect(peers.map(({ resource }) => resource)).toEqual(['Node/d']);
    expect(problems).toMatchObject([{ resource: 'Node/b' }]);
  });

  it('a node in BGP without any address drops out, and is told where it runs (§2.2)', () => {
    const nodes = { a: C, b: { as: 5 } };
    expect(resolve({ nodes }, 'a')).toEqual({ peers: [], problems: [] });
    expect(resolve({ nodes }, 'b').problems).toMatchObject([{ resource: 'Node/b', field: 'spec.bgp' }]);
  });
});

describe('BGPPeers (§2.4, §2.5)', () => {
  const off = { nodeToNodeMeshEnabled: false };
  const tor = { peerIP: '10.0.0.254', asNumber: 65001 };

  it('without node and selector is for all nodes, with one for those that it names', () => {
    const nodes = { a: { v4: '10.0.0.1', labels: { rack: 'r1' } }, b: { v4: '10.0.0.2' } };
    const peers = {
      all: { peerIP: '10.0.0.250', asNumber: 1 },
      byNode: { node: 'a', peerIP: '10.0.0.251', asNumber: 2 },
      bySelector: { nodeSelector: "rack == 'r1'", peerIP: '10.0.0.252', asNumber: 3 },
    };
    expect(shown({ nodes, peers, config: off }, 'a')).toEqual([
      'global 10.0.0.250 179 64512→1',
      'node 10.0.0.251 179 64512→2',
      'node 10.0.0.252 179 64512→3',
    ]);
    expect(shown({ nodes, peers, config: off }, 'b')).toEqual(['global 10.0.0.250 179 64512→1']);
  });

  it('has sessions of a family only where this node has an address of it', () => {
    const peers = { p4: tor, p6: { peerIP: 'fd00::254', asNumber: 65001 } };
    expect(shown({ nodes: { c: C }, peers, config: off }, 'c')).toEqual([
      'global 10.0.0.254 179 64512→65001',
    ]);
  });

  it('of one address and port the first by name stays, global before node; port 179 and none are the same', () => {
    const peers = {
      z: { peerIP: '10.0.0.254', asNumber: 1 },
      y: { peerIP: '10.0.0.254:179', asNumber: 2 },
      x: { node: 'a', peerIP: '10.0.0.254', asNumber: 3 },
      w: { node: 'a', peerIP: '10.0.0.254:180', asNumber: 4 },
    };
    expect(shown({ nodes: { a: C }, peers, config: off }, 'a')).toEqual([
      'global 10.0.0.254 179 64512→2',
      'node 10.0.0.254 180 64512→4',
    ]);
  });

  it('wins over the mesh at the same address (ours)', () => {
    const peers = { b: { node: 'a', peerIP: '10.0.0.2', asNumber: 64512, keepaliveTime: '5s' } };
    expect(peersOf({ nodes: { a: C, b: { v4: '10.0.0.2' } }, peers }, 'a')).toMatchObject([
      { type: 'node', address: '10.0.0.2', keepaliveSeconds: 5 },
    ]);
  });

  it.each([
    ['a global one by the address of a node: by text', { peerIP: '10.0.0.2', asNumber: 64512 }, true],
    ['of a node scope: never', { node: 'a', peerIP: '10.0.0.2', asNumber: 64512 }, false],
    ['a selector: never', { peerSelector: "x == 'y'" }, false],
  ])('passive, %s', (_, peer, passive) => {
    const nodes = { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2', labels: { x: 'y' } } };
    expect(peersOf({ nodes, peers: { peer }, config: off }, 'a')).toMatchObject([
      { address: '10.0.0.2', passive },
    ]);
  });

  it('a global one by an address that is no node connects', () => {
    expect(peersOf({ nodes: { a: C }, peers: { tor }, config: off }, 'a')).toMatchObject([
      { passive: false },
    ]);
  });

  it('without asNumber takes that of the node with the address, and is refused where there is none', () => {
    const nodes = { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2', as: 64513 } };
    const peers = { good: { peerIP: '10.0.0.2' }, bad: { peerIP: '10.0.0.254' } };
    const { peers: found, problems } = resolve({ nodes, peers, config: off }, 'a');
    expect(found).toMatchObject([{ address: '10.0.0.2', asNumber: 64513 }]);
    expect(problems).toMatchObject([{ resource: 'BGPPeer/bad', field: 'spec.asNumber' }]);
    expect(shown({ nodes, peers, config: off }, 'b')).toEqual(['reverse 10.0.0.1 179 64513→64512']);
  });

  it.each([
    ['no explicit port: that of the node with address and AS', '10.0.0.2', 64513, 1790],
    ['another AS: 179', '10.0.0.2', 64514, 179],
    ['an explicit port', '10.0.0.2:1800', 64513, 1800],
    ['no node: 179, whatever the global port', '10.0.0.254', 64513, 179],
  ])('port, %s', (_, peerIP, asNumber, port) => {
    const nodes = { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2', as: 64513 } };
    const cluster = {
      nodes,
      peers: { p: { node: 'a', peerIP, asNumber } },
      config: { ...off, listenPort: 1791 },
      configs: { 'node.b': { listenPort: 1790 } },
    };
    expect(peersOf(cluster, 'a')).toMatchObject([{ port }]);
  });

  it('peerSelector: an entry for each node and family; own AS and its allowed count are not taken over (quirk)', () => {
    const nodes = { a: A, b: { ...B, as: 64513, labels: { role: 'x' } }, c: { ...C, labels: { role: 'x' } } };
    const peers = {
      p: { node: 'a', peerSelector: "role == 'x'", localASNumber: 65000, numAllowedLocalASNumbers: 3 },
    };
    expect(shown({ nodes, peers, config: off }, 'a')).toEqual([
      'node 10.0.0.2 179 64512→64513',
      'node 10.0.0.3 179 64512→64512',
      'node fd00::2 179 64512→64513',
    ]);
    expect(peersOf({ nodes, peers, config: off }, 'a').every((p) => p.allowLocalAs === 0)).toBe(true);
  });

  it('takes all settings of its fields over', () => {
    const p = {
      peerIP: '10.0.0.254:1790',
      asNumber: 65001,
      localASNumber: 64900,
      nextHopMode: 'Self',
      sourceAddress: 'None',
      password: { secretKeyRef: { name: 's', key: 'k' } },
      maxRestartTime: '1m0s',
      keepaliveTime: '20s',
      numAllowedLocalASNumbers: 1,
      ttlSecurity: 2,
      reachableBy: '10.0.0.253',
      filters: ['f2', 'f1'],
    };
    expect(peersOf({ nodes: { a: C }, peers: { p }, config: off }, 'a')).toMatchObject([
      {
        type: 'global',
        resource: 'BGPPeer/p',
        address: '10.0.0.254',
        port: 1790,
        localAsNumber: 64900,
        asNumber: 65001,
        sourceAddress: undefined,
        nextHop: 'self',
        password: { name: 's', key: 'k' },
        maxRestartSeconds: 60,
        keepaliveSeconds: 20,
        allowLocalAs: 1,
        ttlSecurityHops: 2,
        reachableBy: '10.0.0.253',
        filters: ['f2', 'f1'],
      },
    ]);
  });
});

describe('reverse peerings (§2.6)', () => {
  const off = { nodeToNodeMeshEnabled: false };
  const nodes = {
    a: { v4: '10.0.0.1', labels: { role: 'leaf' } },
    b: { v4: '10.0.0.2', labels: { role: 'leaf' } },
    rr: { v4: '10.0.0.9', labels: { role: 'rr' }, rr: '1.1.1.1' },
  };
  const toRr = { nodeSelector: "role == 'leaf'", peerSelector: "role == 'rr'" };

  it('a reflector has the opposite of what its clients have, as clients', () => {
    expect(shown({ nodes, peers: { toRr }, config: off }, 'a')).toEqual(['node 10.0.0.9 179 64512→64512']);
    expect(shown({ nodes, peers: { toRr }, config: off }, 'rr')).toEqual([
      'reverse 10.0.0.1 179 64512→64512',
      'reverse 10.0.0.2 179 64512→64512',
    ]);
    expect(peersOf({ nodes, peers: { toRr }, config: off }, 'rr').every((p) => p.routeReflectorClient)).toBe(
      true,
    );
  });

  it('are not made with reversePeering Manual', () => {
    const peers = { toRr: { ...toRr, reversePeering: 'Manual' } };
    expect(shown({ nodes, peers, config: off }, 'rr')).toEqual([]);
  });

  it('an explicit peer at the same place stays', () => {
    const peers = { toRr, mine: { node: 'rr', peerIP: '10.0.0.1', asNumber: 64512, keepaliveTime: '7s' } };
    expect(
      peersOf({ nodes, peers, config: off }, 'rr').map((p) => [p.address, p.type, p.keepaliveSeconds]),
    ).toEqual([
      ['10.0.0.1', 'node', 7],
      ['10.0.0.2', 'reverse', undefined],
    ]);
  });

  it.each([
    ['nothing', {}, {}, undefined, true],
    ['the AS number of this node', {}, { asNumber: 64512 }, undefined, true],
    ['another AS number', {}, { asNumber: 64513 }, undefined, false],
    ['a port that is the own one', { 'node.rr': { listenPort: 1790 } }, {}, 1790, true],
    ['a port that is not the own one', { 'node.rr': { listenPort: 1791 } }, {}, 1790, false],
    ['a port that is the global one', { default: { ...off, listenPort: 1790 } }, {}, 1790, true],
    [
      'a port that is the own one but not the global one (quirk)',
      { default: { ...off, listenPort: 1791 }, 'node.rr': { listenPort: 1790 } },
      {},
      1790,
      false,
    ],
  ])('by peerIP with %s', (_, configs, fields, port, expected) => {
    const peerIP = port === undefined ? '10.0.0.9' : `10.0.0.9:${port}`;
    const peers = { p: { node: 'a', peerIP, asNumber: 64512, ...fields } };
    const cluster = { nodes, peers, configs: { default: off, ...configs } };
    expect(peersOf(cluster, 'rr').map(({ address }) => address)).toEqual(expected ? ['10.0.0.1'] : []);
  });

  it('of a global peer by IP go to all nodes, the own one aside', () => {
    const peers = { p: { peerIP: '10.0.0.9', asNumber: 64512 } };
    expect(shown({ nodes, peers, config: off }, 'rr')).toEqual([
      'reverse 10.0.0.1 179 64512→64512',
      'reverse 10.0.0.2 179 64512→64512',
    ]);
  });
});

describe('next hop and route reflection (§2.8)', () => {
  const off = { nodeToNodeMeshEnabled: false };
  it.each([
    [{ nextHopMode: 'Self' }, 64512, 'self'],
    [{ nextHopMode: 'Keep' }, 64512, 'keep'],
    [{ nextHopMode: 'Auto' }, 65001, 'auto'],
    [{ keepOriginalNextHop: true }, 65001, 'keep'],
    [{ keepOriginalNextHop: true }, 64512, 'auto'],
    [{}, 65001, 'auto'],
  ])('%j towards AS %d is %s', (fields, asNumber, nextHop) => {
    const peers = { p: { peerIP: '10.0.0.254', asNumber, ...fields } };
    expect(peersOf({ nodes: { a: C }, peers, config: off }, 'a')).toMatchObject([{ nextHop }]);
  });

  const rr = (id: string, v4: string) => ({ v4, rr: id, labels: { rr: 'yes' } });
  it.each([
    ['the same cluster id: an ordinary peer', '1.1.1.1', { peerSelector: "rr == 'yes'" }, false],
    ['another cluster id: a client', '2.2.2.2', { peerSelector: "rr == 'yes'" }, true],
    [
      'by IP address: a client even with our id (quirk)',
      '1.1.1.1',
      { peerIP: '10.0.0.2', asNumber: 64512 },
      true,
    ],
    ['eBGP: never', '2.2.2.2', { peerIP: '10.0.0.2', asNumber: 65001 }, false],
  ])('a reflector towards a reflector with %s', (_, id, peer, client) => {
    const nodes = { a: rr('1.1.1.1', '10.0.0.1'), b: rr(id, '10.0.0.2') };
    expect(peersOf({ nodes, peers: { p: { node: 'a', ...peer } }, config: off }, 'a')).toMatchObject([
      { routeReflectorClient: client, clusterId: client ? '1.1.1.1' : undefined },
    ]);
  });

  it('iBGP is what has the local AS of the session, not that of the node', () => {
    const peers = { p: { peerIP: '10.0.0.254', asNumber: 65001, localASNumber: 65001 } };
    const nodes = { a: { v4: '10.0.0.1', rr: '1.1.1.1' } };
    expect(peersOf({ nodes, peers, config: off }, 'a')).toMatchObject([{ routeReflectorClient: true }]);
  });
});

describe('local workloads (§2.7)', () => {
  it('are passive peers with nothing but the filters of their BGPPeer', () => {
    const peers = {
      w: {
        localWorkloadSelector: 'all()',
        asNumber: 65100,
        localASNumber: 64999,
        filters: ['f'],
        ttlSecurity: 1,
        keepaliveTime: '5s',
        nextHopMode: 'Self',
      },
    };
    const cluster = clusterOf(
      snapshotOf({ nodes: { a: C }, peers, config: { nodeToNodeMeshEnabled: false } }),
      'a',
    );
    const addresses = { ipv4: address('10.65.0.65'), ipv6: address('fd00:65::1') };
    const workloads = [
      { bgpPeerName: 'w', addresses },
      { bgpPeerName: 'other', addresses },
    ];
    expect(resolvePeers(cluster, workloads).peers).toMatchObject([
      {
        type: 'workload',
        address: '10.65.0.65',
        port: 179,
        asNumber: 65100,
        localAsNumber: 64999,
        passive: true,
        sourceAddress: undefined,
        ttlSecurityHops: undefined,
        keepaliveSeconds: undefined,
        nextHop: 'auto',
        filters: ['f'],
      },
    ]);
  });
});

describe('the worked cluster (Appendix B)', () => {
  const cluster: TestCluster = {
    nodes: {
      agent1: { v4: '10.0.1.9/24', as: 64512, labels: { rack: 'r1' } },
      agent2: { v4: '10.0.1.10/24', as: 64512, labels: { rack: 'r1' } },
      agent3: { v4: '10.0.2.11/24', as: 64513, labels: { rack: 'r2' } },
      rr1: { v4: '10.0.1.5/24', rr: '224.0.0.1', labels: { role: 'rr' } },
      master1: {},
    },
    config: { asNumber: 64512 },
    configs: { 'node.agent2': { listenPort: 1790 } },
    peers: {
      'a-to-rr': { nodeSelector: "rack == 'r1'", peerSelector: "role == 'rr'" },
      'b-tor': { nodeSelector: "rack == 'r1'", peerIP: '10.0.1.1', asNumber: 65001, filters: ['no-default'] },
    },
  };

  it('agent1', () => {
    expect(shown(cluster, 'agent1')).toEqual(
      [
        'mesh 10.0.1.10 1790 64512→64512',
        'mesh 10.0.2.11 179 64512→64513 passive',
        'node 10.0.1.1 179 64512→65001',
        'node 10.0.1.5 179 64512→64512',
      ].sort(),
    );
  });

  it('rr1', () => {
    expect(shown(cluster, 'rr1')).toEqual([
      'reverse 10.0.1.10 1790 64512→64512',
      'reverse 10.0.1.9 179 64512→64512',
    ]);
    expect(peersOf(cluster, 'rr1')).toMatchObject([
      { routeReflectorClient: true, clusterId: '224.0.0.1' },
      { routeReflectorClient: true, clusterId: '224.0.0.1' },
    ]);
  });

  it('master1 has none', () => {
    expect(shown(cluster, 'master1')).toEqual([]);
  });
});
