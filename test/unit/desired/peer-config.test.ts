import { address } from 'bgp-utils';
import { peerId } from '../../../src/desired/peer-config.ts';
import { stateOf, type TestCluster } from '../../support/calico.ts';

const A = { v4: '10.0.0.1/24', v6: 'fd00::1/64' };
const B = { v4: '10.0.0.2/24', v6: 'fd00::2/64' };

describe('filters', () => {
  const cluster: TestCluster = {
    nodes: { 'host-1': A, 'host-2': B },
    pools: { p: { cidr: '10.65.0.0/16' }, p6: { cidr: 'fd00:65::/112' } },
    blocks: { 'host-1': { '10.65.0.0/26': 'confirmed', 'fd00:65::/122': 'confirmed' } },
  };

  it('import filters come before "accept", export filters before the built-in rules', () => {
    const { peers } = stateOf(
      {
        ...cluster,
        peers: { t: { peerIP: '10.0.0.254', asNumber: 65001, filters: ['f2', 'f1', 'v6only'] } },
        filters: {
          f1: { importV4: [{ action: 'Reject' }], exportV4: [{ action: 'Accept' }] },
          f2: { exportV4: [{ action: 'Reject', peerType: 'iBGP' }] },
          v6only: { exportV6: [{ action: 'Accept' }] },
        },
      },
      'host-1',
    );
    const tor = peers.find(({ peer }) => peer === '10.0.0.254')!;
    expect(tor.importPolicy.terms.map(({ name }) => name)).toEqual(['filter f1 importV4[0]']);
    expect(tor.exportPolicy.terms.map(({ name }) => name)).toEqual([
      'filter f2 exportV4[0]',
      'filter f1 exportV4[0]',
      'over a device of Felix, to an internal peer',
      'over a device of BPF',
      'own block 10.65.0.0/26',
      'elevated inside own block 10.65.0.0/26',
      'inside own block 10.65.0.0/26',
      'pool 10.65.0.0/16',
      'outside every pool',
    ]);
  });

  it('a filter that does not exist is skipped and told; the session starts with the others', () => {
    const { peers, resolution } = stateOf(
      {
        nodes: { a: { v4: '10.0.0.1' } },
        peers: {
          p: { peerIP: '10.0.0.254', asNumber: 65001, filters: ['none'] },
          q: { peerIP: '10.0.0.253', asNumber: 65001, filters: ['hard'] },
        },
        filters: { hard: { importV4: [{ action: 'Reject', communities: { values: ['1:2'] } }] } },
      },
      'a',
    );
    expect(peers.map(({ heldBack }) => heldBack)).toEqual([undefined, undefined]);
    expect(peers.map(({ importPolicy }) => importPolicy.terms.map(({ match }) => match))).toEqual([
      [{ communities: [0x10002] }],
      [],
    ]);
    expect(resolution.problems).toMatchObject([{ resource: 'BGPPeer/p', field: 'spec.filters[0]' }]);
  });
});

describe('where a policy is required (RFC 8212)', () => {
  const built = (required: string, filters: readonly string[], asNumber: number) => {
    const cluster: TestCluster = {
      nodes: { a: { v4: '10.0.0.1' } },
      peers: { tor: { peerIP: '10.0.0.254', asNumber, filters } },
      annotations: {
        'BGPPeer/tor': { 'mesos-bgp/require-policy': required, 'mesos-bgp/enforce-first-as': required },
      },
      filters: { f: { exportV4: [{ action: 'Accept' }], importV4: [{ action: 'Accept' }] } },
    };
    return stateOf(cluster, 'a').peers[0]!;
  };
  it.each([
    ['true', [], 65001, 0],
    ['true', ['f'], 65001, 1],
    ['true', [], 64512, 0],
    ['false', [], 65001, 0],
  ] as const)('%s with filters %j and AS %i', (required, filters, asNumber, imports) => {
    const peer = built(required, filters, asNumber);
    expect(peer).toMatchObject({ requirePolicy: required === 'true', enforceFirstAs: required === 'true' });
    expect(peer.importPolicy.terms.length).toBe(imports);
    // the built-in terms are no policy that anyone wrote for an external peer
    const none = required === 'true' && filters.length === 0 && asNumber === 65001;
    expect(peer.exportPolicy.terms.length === 0).toBe(none);
  });
});

describe('passwords (§1.16)', () => {
  const cluster: TestCluster = {
    nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' } },
    config: { nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } } },
    peers: {
      tor: { peerIP: '10.0.0.254', asNumber: 65001, password: { secretKeyRef: { name: 'bgp', key: 'tor' } } },
    },
  };

  it('come from the secrets, go to the transport, and are nowhere else', () => {
    const state = stateOf(cluster, 'a', { secrets: (name, key) => `${name}/${key} is hunter2` });
    expect([...state.transport].map(([peer, { password }]) => [peer, password])).toEqual([
      ['10.0.0.2', 'bgp/mesh is hunter2'],
      ['10.0.0.254', 'bgp/tor is hunter2'],
    ]);
    expect(state.resolution.peers.map(({ password }) => password)).toEqual(['set', 'set']);
    expect(JSON.stringify([state.resolution, state.peers, state.speaker])).not.toContain('hunter2');
  });

  it.each([
    ['missing', undefined, 'is missing', 'put it into the file bgp/mesh'],
    ['empty', '', 'is missing', 'put it into the file bgp/mesh'],
    ['too long', 'ü'.repeat(41), 'is longer than 80 octets', 'a shorter one for the file bgp/mesh'],
  ])(
    '%s: the session is held back with the reason, and the problem names the file',
    (_, secret, why, next) => {
      const state = stateOf(cluster, 'a', { secrets: () => secret });
      expect(state.peers.map(({ heldBack }) => heldBack)).toEqual([
        `password bgp/mesh ${why}`,
        `password bgp/tor ${why}`,
      ]);
      expect(state.resolution.peers.map(({ password }) => password)).toEqual(['missing', 'missing']);
      expect(state.resolution.problems).toMatchObject([
        {
          resource: 'BGPConfiguration/default',
          field: 'spec.nodeMeshPassword',
          message: expect.stringContaining(next),
        },
        {
          resource: 'BGPPeer/tor',
          field: 'spec.password',
          message: expect.stringContaining('--secrets-dir'),
        },
      ]);
      expect([...state.transport.values()].every(({ password }) => password === undefined)).toBe(true);
    },
  );
});

describe('transport', () => {
  it.each([
    [{}, { ttl: 64, minTtl: undefined }, 64, null],
    [{ ttlSecurity: 0 }, { ttl: 64, minTtl: undefined }, 64, null],
    [{ ttlSecurity: 1 }, { ttl: 255, minTtl: 255 }, null, 1],
    [{ ttlSecurity: 3 }, { ttl: 255, minTtl: 253 }, null, 3],
  ])('%j', (fields, transport, multihop, ttlSecurityHops) => {
    const state = stateOf(
      { nodes: { a: { v4: '10.0.0.1' } }, peers: { p: { peerIP: '10.0.0.254', asNumber: 1, ...fields } } },
      'a',
    );
    expect([...state.transport.values()]).toEqual([
      { password: undefined, device: undefined, userTimeoutMs: 600_000, ...transport },
    ]);
    expect(state.resolution.peers).toMatchObject([{ multihop, ttlSecurityHops }]);
  });

  const annotated = (annotations: Readonly<Record<string, string>>, fields: object = {}) =>
    stateOf(
      {
        nodes: { a: { v4: '10.0.0.1' } },
        peers: { p: { peerIP: '10.0.0.254', asNumber: 1, ...fields } },
        annotations: { 'BGPPeer/p': annotations },
      },
      'a',
    );

  it.each([
    [{ 'mesos-bgp/multihop-ttl': '3' }, { ttl: 3, minTtl: undefined }],
    [{ 'mesos-bgp/interface': 'eth0.7' }, { device: 'eth0.7' }],
    [{ 'mesos-bgp/hold-time': '9s' }, { userTimeoutMs: 600_000 }],
    [{ 'mesos-bgp/hold-time': '5m' }, { userTimeoutMs: 900_000 }],
    [{ 'mesos-bgp/hold-time': '0s' }, { userTimeoutMs: 600_000 }],
    [{ 'mesos-bgp/hold-time': '9s', 'mesos-bgp/tcp-user-timeout': '1m' }, { userTimeoutMs: 60_000 }],
    [{ 'mesos-bgp/tcp-user-timeout': '0s' }, { userTimeoutMs: 0 }],
  ])('%j', (annotations, transport) => {
    const state = annotated(annotations);
    expect(state.resolution.problems).toEqual([]);
    expect([...state.transport.values()]).toMatchObject([transport]);
  });

  it('a TTL for multihop is of no effect beside ttlSecurity', () => {
    const state = annotated({ 'mesos-bgp/multihop-ttl': '3' }, { ttlSecurity: 2 });
    expect([...state.transport.values()]).toMatchObject([{ ttl: 255, minTtl: 254 }]);
  });

  it.each([
    ['mesos-bgp/multihop-ttl', '0'],
    ['mesos-bgp/multihop-ttl', '256'],
    ['mesos-bgp/interface', 'an interface'],
    ['mesos-bgp/interface', 'sixteen-octets-x'],
    ['mesos-bgp/source-address', 'eth0'],
    ['mesos-bgp/tcp-user-timeout', '10ms'],
  ])('%s: %s is told, and the default stays', (name, text) => {
    const state = annotated({ [name]: text });
    expect(state.resolution.problems).toMatchObject([
      { resource: 'BGPPeer/p', field: `metadata.annotations[${name}]` },
    ]);
    expect([...state.transport.values()]).toMatchObject([
      { ttl: 64, device: undefined, userTimeoutMs: 600_000 },
    ]);
    expect(state.peers[0]!.localAddress).toBe('10.0.0.1');
  });

  it('a source address of its own comes before that of the node, in the family of the peer', () => {
    const own = annotated({ 'mesos-bgp/source-address': '10.0.0.77' });
    expect(own.peers[0]!.localAddress).toBe('10.0.0.77');
    expect(own.resolution.peers[0]!.sourceAddress).toBe('10.0.0.77');
    const other = annotated({ 'mesos-bgp/source-address': 'fd00::77' });
    expect(other.peers[0]!.localAddress).toBe('10.0.0.1');
    expect(other.resolution.problems).toMatchObject([
      { message: 'fd00::77 is not of the family of the peer 10.0.0.254; it is ignored there' },
    ]);
  });

  describe('a link-local peer', () => {
    const peerIn = (
      peerIP: string,
      annotations: Readonly<Record<string, string>> = {},
      fields: object = {},
    ) =>
      stateOf(
        {
          nodes: { a: { v6: 'fd00::1/64', v4: '10.0.0.1' } },
          peers: { p: { peerIP, asNumber: 1, ...fields } },
          annotations: { 'BGPPeer/p': annotations },
        },
        'a',
      );

    it.each([
      ['fe80::2%eth0', {}, 'fe80::2%eth0', 179],
      ['[FE80::2%eth0]:1790', {}, '[fe80::2%eth0]:1790', 1790],
      ['fe80::2', { 'mesos-bgp/interface': 'eth0' }, 'fe80::2%eth0', 179],
    ])('%s %j', (peerIP, annotations, peer, port) => {
      const state = peerIn(peerIP, annotations);
      expect(state.resolution.problems).toEqual([]);
      expect(state.peers).toMatchObject([
        { peer, address: 'fe80::2%eth0', port, localAddress: undefined, globalAddress: 'fd00::1' },
      ]);
      expect(state.resolution.peers).toMatchObject([{ address: 'fe80::2%eth0', sourceAddress: null }]);
    });

    it('without its interface is refused, and told how to write it', () => {
      const state = peerIn('fe80::2');
      expect(state.peers).toEqual([]);
      expect(state.resolution.problems).toMatchObject([
        { field: 'spec.peerIP', message: expect.stringMatching(/write it as fe80::2%eth0/) },
      ]);
    });

    it('is spoken to from our link-local address, whatever an annotation says', () => {
      const state = peerIn('fe80::2%eth0', { 'mesos-bgp/source-address': 'fd00::9' });
      expect(state.peers).toMatchObject([{ localAddress: undefined }]);
      expect(state.resolution.problems).toMatchObject([
        { message: 'the session with fe80::2%eth0 is between link-local addresses; it is ignored there' },
      ]);
    });

    it('needs no gateway', () => {
      const state = peerIn('fe80::2%eth0', {}, { reachableBy: 'fd00::254' });
      expect(state.resolution.problems).toMatchObject([{ field: 'spec.reachableBy' }]);
    });
  });

  it('a restart time that does not fit into its twelve bits is cut, and told', () => {
    const state = stateOf(
      {
        nodes: { a: { v4: '10.0.0.1' } },
        peers: { p: { peerIP: '10.0.0.254', asNumber: 1, maxRestartTime: '2h' } },
      },
      'a',
    );
    expect(state.peers[0]!.gracefulRestartSeconds).toBe(4095);
    expect(state.resolution.problems).toMatchObject([
      { resource: 'BGPPeer/p', field: 'spec.maxRestartTime' },
    ]);
  });
});

describe('peer ids', () => {
  it.each([
    ['10.0.0.1', 179, '10.0.0.1'],
    ['10.0.0.1', 180, '10.0.0.1:180'],
    ['fd00::1', 179, 'fd00::1'],
    ['fd00::1', 180, '[fd00::1]:180'],
  ])('%s port %d is %s', (text, port, id) => {
    expect(peerId(address(text), port)).toBe(id);
  });
});
