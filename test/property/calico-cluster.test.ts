// Generated clusters: both ends of every session agree on it, the fold does not depend on the way to the end, and telling the
// speaker differences ends where telling it all would.

import fc from 'fast-check';
import { decode } from '../../src/calico/decode.ts';
import type { ResolvedPeer } from '../../src/calico/peers.ts';
import { resolvePeers } from '../../src/calico/peers.ts';
import { applyEvent, clusterOf, EMPTY_SNAPSHOT, type Snapshot } from '../../src/calico/snapshot.ts';
import { desiredState } from '../../src/desired/desired-state.ts';
import { NOTHING_APPLIED, reconcile } from '../../src/desired/reconcile.ts';
import { entriesOf, snapshotOf, type TestCluster, type TestNode } from '../support/calico.ts';

const RACKS = ['r1', 'r2', 'r3'];
const selector = fc.constantFrom(
  'all()',
  "rack == 'r1'",
  "rack != 'r1'",
  "rack in {'r1', 'r2'}",
  "role == 'rr'",
  'has(role)',
  '!has(role)',
  'rack = broken',
);

const node = (index: number): fc.Arbitrary<TestNode> =>
  fc
    .record({
      families: fc.constantFrom('4', '6', '46', '46', '46', ''),
      as: fc.option(fc.constantFrom(64512, 64513, 64514), { nil: undefined }),
      rack: fc.constantFrom(...RACKS),
      reflector: fc.option(fc.constantFrom('1.1.1.1', '2.2.2.2'), { nil: undefined, freq: 3 }),
    })
    .map(({ families, as, rack, reflector }) => ({
      ...(families.includes('4') && { v4: `10.0.0.${index + 1}/24` }),
      ...(families.includes('6') && { v6: `fd00::${(index + 1).toString(16)}/64` }),
      ...(as !== undefined && { as }),
      ...(reflector !== undefined && { rr: reflector }),
      labels: { rack, ...(reflector !== undefined && { role: 'rr' }) },
    }));

/** Without what breaks symmetry by design: Manual reverse peerings, other local ASes, AS numbers that are wrong. */
const clusterOfSize = (min: number, max: number): fc.Arbitrary<TestCluster> =>
  fc
    .integer({ min, max })
    .chain((count) =>
      fc.record({
        nodes: fc.tuple(...Array.from({ length: count }, (_, i) => node(i))),
        mesh: fc.boolean(),
        port: fc.option(fc.constantFrom(1790, 1791), { nil: undefined }),
        ports: fc.array(fc.tuple(fc.nat(count - 1), fc.constantFrom(1790, 1792)), { maxLength: 3 }),
        peers: fc.array(
          fc.record({
            local: fc.oneof(
              fc.constant({}),
              fc.nat(count - 1).map((i) => ({ node: `n${i}` })),
              selector.map((nodeSelector) => ({ nodeSelector })),
            ),
            remote: fc.oneof(
              selector.map((peerSelector) => ({ peerSelector })),
              fc.record({ target: fc.nat(count - 1), v6: fc.boolean(), withAs: fc.boolean() }),
            ),
            filters: fc.subarray(['f1', 'f2', 'none']),
            settings: fc.constantFrom<object>(
              {},
              { ttlSecurity: 2 },
              { nextHopMode: 'Self' },
              { sourceAddress: 'UseNodeIP' },
            ),
          }),
          { maxLength: 4 },
        ),
      }),
    )
    .map(({ nodes, mesh, port, ports, peers }) => {
      const global = 64512;
      const spec = (remote: (typeof peers)[number]['remote']): object | undefined => {
        if ('peerSelector' in remote) return remote;
        const target = nodes[remote.target]!;
        const peerIP = (remote.v6 ? target.v6 : target.v4)?.split('/')[0];
        return peerIP === undefined
          ? undefined
          : { peerIP, ...(remote.withAs && { asNumber: target.as ?? global }) };
      };
      return {
        nodes: Object.fromEntries(nodes.map((value, i) => [`n${i}`, value])),
        config: { nodeToNodeMeshEnabled: mesh, ...(port !== undefined && { listenPort: port }) },
        configs: Object.fromEntries(ports.map(([i, listenPort]) => [`node.n${i}`, { listenPort }])),
        peers: Object.fromEntries(
          peers.flatMap(({ local, remote, filters, settings }, i) => {
            const rest = spec(remote);
            return rest === undefined ? [] : [[`p${i}`, { ...local, ...rest, ...settings, filters }]];
          }),
        ),
      };
    });

const cluster = clusterOfSize(2, 9);

describe('a generated cluster', () => {
  it.each([
    ['2 to 9', cluster, 400],
    ['up to 200', clusterOfSize(50, 200), 6],
  ])(
    'of %s nodes: both ends of a session know each other, with AS numbers, ports and addresses',
    (_, size, numRuns) => {
      fc.assert(
        fc.property(size, (generated) => {
          const snapshot = snapshotOf(generated);
          const names = Object.keys(generated.nodes!);
          const owner = new Map<string, string>();
          for (const name of names) {
            const { v4, v6 } = generated.nodes![name]!;
            for (const address of [v4, v6]) if (address) owner.set(address.split('/')[0]!, name);
          }
          const sessions = new Map(
            names.map((name) => [name, resolvePeers(clusterOf(snapshot, name)).peers]),
          );
          for (const [name, peers] of sessions) {
            for (const peer of peers) {
              const other = owner.get(peer.address)!;
              const back: ResolvedPeer | undefined = sessions
                .get(other)!
                .find((candidate) => candidate.address === peer.sourceAddress);
              const told = `${name} → ${other} (${peer.type} by ${peer.resource})`;
              expect([told, back?.sourceAddress]).toEqual([told, peer.address]);
              expect([told, back!.localAsNumber]).toEqual([told, peer.asNumber]);
              expect([told, back!.asNumber]).toEqual([told, peer.localAsNumber]);
              expect([told, peer.passive && back!.passive]).toEqual([told, false]);
              // What one end of the path must do as well as the other.
              if (peer.resource === back!.resource)
                expect([told, back!.ttlSecurityHops]).toEqual([told, peer.ttlSecurityHops]);
              const listens = generated.configs![`node.${other}`] as { listenPort: number } | undefined;
              const port =
                listens?.listenPort ?? (generated.config as { listenPort?: number }).listenPort ?? 179;
              expect([told, peer.port]).toEqual([told, port]);
            }
            // One session an address: what two of them would do is undefined.
            expect(new Set(peers.map(({ address }) => address)).size).toBe(peers.length);
          }
        }),
        { numRuns },
      );
    },
  );

  it('in the mesh exactly one end connects', () => {
    fc.assert(
      fc.property(cluster, (generated) => {
        const snapshot = snapshotOf({ ...generated, peers: {} });
        const ends = new Map<string, boolean>();
        for (const name of Object.keys(generated.nodes!)) {
          for (const peer of resolvePeers(clusterOf(snapshot, name)).peers) {
            ends.set(`${peer.sourceAddress} ${peer.address}`, peer.passive);
          }
        }
        for (const [pair, passive] of ends) {
          expect([pair, ends.get(pair.split(' ').reverse().join(' '))]).toEqual([pair, !passive]);
        }
      }),
    );
  });
});

const options = { node: 'n0', secrets: () => undefined };
const stateAt = (snapshot: Snapshot) => desiredState({ ...snapshot, revision: '1' }, options);
const plain = (value: unknown) =>
  JSON.stringify(value, (_, item: unknown) => (item instanceof Map ? [...item.entries()] : item));

describe('a history of changes', () => {
  const history = fc.array(cluster, { minLength: 1, maxLength: 4 });

  it('ends where the last picture alone does: by changes in any order, doubled, or by a list', () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (clusters, numbers) => {
        let snapshot = applyEvent(EMPTY_SNAPSHOT, { type: 'listed', revision: '1', entries: [] });
        let last: Record<string, string> = {};
        for (const next of clusters.map(entriesOf)) {
          const changes = [
            ...Object.keys(last)
              .filter((key) => next[key] === undefined)
              .map((key) => ({ type: 'delete' as const, key })),
            ...Object.entries(next).map(([key, value]) => ({ type: 'put' as const, key, value })),
          ].sort(() => (Number(numbers.next().value) % 2 === 0 ? 1 : -1));
          snapshot = applyEvent(snapshot, {
            type: 'changed',
            revision: '1',
            changes: [...changes, ...changes],
          });
          last = next;
        }
        const listed = snapshotOf(clusters.at(-1)!);
        expect(plain(stateAt(snapshot))).toBe(plain(stateAt(listed)));
        expect(
          plain(
            stateAt(
              applyEvent(snapshot, {
                type: 'listed',
                revision: '1',
                entries: Object.entries(last).map(([key, value]) => ({ key, value })),
              }),
            ),
          ),
        ).toBe(plain(stateAt(listed)));
      }),
      { numRuns: 100 },
    );
  });

  it('told to the speaker as differences leaves it with the last state', () => {
    fc.assert(
      fc.property(history, (clusters) => {
        const peers = new Map<string, unknown>();
        const routes = new Map<string, unknown>();
        let applied = NOTHING_APPLIED;
        for (const state of clusters.map((next) => stateAt(snapshotOf(next)))) {
          const { inputs, next } = reconcile(state, applied);
          for (const input of inputs) {
            if (input.type === 'AddPeer') {
              expect(peers.has(input.config.peer)).toBe(false);
              peers.set(input.config.peer, input.config);
            } else if (input.type === 'ChangePeer') {
              expect(peers.has(input.config.peer)).toBe(true);
              peers.set(input.config.peer, input.config);
            } else if (input.type === 'RemovePeer') expect(peers.delete(input.peer)).toBe(true);
            else if (input.type === 'Originate') routes.set(input.route.prefix, input.route);
            else if (input.type === 'WithdrawOriginated') expect(routes.delete(input.prefix)).toBe(true);
          }
          applied = next;
          const byKey = (a: unknown, b: unknown) => (plain(a) < plain(b) ? -1 : 1);
          expect([...peers.values()].sort(byKey)).toEqual([...state.peers].sort(byKey));
          expect([...routes.values()].sort(byKey)).toEqual([...state.originated].sort(byKey));
          expect(reconcile(state, applied).inputs).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('decoding', () => {
  const kinds = ['Node', 'BGPConfiguration', 'BGPPeer', 'BGPFilter', 'IPPool'] as const;
  const FIELDS = [
    'bgp',
    'asNumber',
    'ipv4Address',
    'peerIP',
    'peerSelector',
    'nodeSelector',
    'filters',
    'password',
    'secretKeyRef',
    'cidr',
    'importV4',
    'exportV6',
    'action',
    'matchOperator',
    'prefixLength',
    'operations',
    'communities',
    'prefixAdvertisements',
    'ipipMode',
    'labels',
    'annotations',
    'name',
    'value',
    'reachableBy',
    '__proto__',
    'constructor',
  ];
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      -1,
      1.5,
      64512,
      '',
      '10.0.0.1/24',
      '10.65.0.0/16',
      'fd00::/64',
      'Accept',
      'In',
      '1:2',
      'all()',
      'x =',
    ),
    fc.string(),
  );
  const { any } = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...FIELDS), tie('any'), { maxKeys: 5 }),
    ),
  }));

  it('of anything under any key ends with a resource or a problem, and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), any, any, (kind, spec, metadata) => {
        const { resource, problems } = decode({ kind, name: 'default' }, JSON.stringify({ spec, metadata }));
        if (resource === undefined) expect(problems.length).toBeGreaterThan(0);
        for (const problem of problems) {
          expect(problem.resource).toBe(`${kind}/default`);
          expect(problem.message).not.toBe('');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('a cluster of anything hides no good node', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom('bgppeers', 'bgpfilters', 'ippools', 'nodes'),
            fc.oneof(fc.string(), fc.json()),
          ),
          { maxLength: 10 },
        ),
        (bad) => {
          const raw = Object.fromEntries(
            bad.map(([plural, text], i) => [
              `/calico/resources/v3/projectcalico.org/${plural}/bad${i}`,
              text,
            ]),
          );
          const snapshot = snapshotOf({ nodes: { n0: { v4: '10.0.0.1' }, n1: { v4: '10.0.0.2' } }, raw });
          const state = desiredState(snapshot, options);
          expect(state.peers.map(({ peer }) => peer)).toContain('10.0.0.2');
        },
      ),
      { numRuns: 300 },
    );
  });
});
