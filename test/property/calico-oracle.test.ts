// Generated clusters of 3 to 200 nodes, with every field that makes a session: what each node resolves is what the plain
// reading of the data model's section 2 gives (test/support/calico-oracle.ts), for all nodes of the cluster.

import fc from 'fast-check';
import { resolvePeers } from '../../src/calico/peers.ts';
import { clusterOf } from '../../src/calico/snapshot.ts';
import { snapshotOf } from '../support/calico.ts';
import type { OracleCluster, OraclePeer, OracleSession, Predicate } from '../support/calico-oracle.ts';
import { oracleSessions } from '../support/calico-oracle.ts';

/** Selector text, and what it means. */
const SELECTORS: readonly (readonly [string, Predicate])[] = [
  ['all()', () => true],
  ["rack == 'r1'", ({ rack }) => rack === 'r1'],
  ["rack != 'r1'", ({ rack }) => rack !== 'r1'],
  ["rack in {'r1', 'r3'}", ({ rack }) => rack === 'r1' || rack === 'r3'],
  ["role not in {'rr'}", ({ role }) => role !== 'rr'],
  ["role == 'rr'", ({ role }) => role === 'rr'],
  ['has(role)', ({ role }) => role !== undefined],
  ['!has(role) && rack starts with "r"', ({ role, rack }) => role === undefined && rack!.startsWith('r')],
  ["rack ends with '2' || role == 'rr'", ({ role, rack }) => rack === 'r2' || role === 'rr'],
  ['rack = broken', () => false],
];
const selector = fc.constantFrom(...SELECTORS);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
/** What may be undefined may be missing, and then is. */
type Some<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
const some = <T extends object>(value: T): Some<T> =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Some<T>;

const node = (index: number) =>
  fc
    .record({
      families: fc.constantFrom('4', '6', '46', '46', ''),
      as: maybe(fc.constantFrom(64512, 64513, 4200000001)),
      port: fc.option(fc.constantFrom(179, 1790, 1791), { nil: undefined, freq: 3 }),
      rack: fc.constantFrom('r1', 'r2', 'r3'),
      rr: fc.option(fc.constantFrom('1.1.1.1', '2.2.2.2'), { nil: undefined, freq: 4 }),
    })
    .map(({ families, as, port, rack, rr }) =>
      some({
        name: `n${index}`,
        // Texts whose order is not that of the numbers.
        ip4: families.includes('4') ? `10.0.${index % 3}.${index + 1}` : undefined,
        ip6: families.includes('6') ? `fd00::${(index + 1).toString(16)}` : undefined,
        ...{ as, port, rr },
        labels: some({ rack, role: rr === undefined ? undefined : 'rr' }) as Record<string, string>,
      }),
    );

const peer = (index: number, count: number) =>
  fc
    .record({
      local: fc.oneof(
        fc.constant(undefined),
        fc.integer({ min: 0, max: count }).map((i) => ({ node: `n${i}` })), // one of them does not exist
        selector.map((nodeSelector) => ({ nodeSelector })),
      ),
      remote: fc.oneof(
        selector.map((peerSelector) => ({ peerSelector })),
        fc.record({
          target: fc.integer({ min: 0, max: count }),
          v6: fc.boolean(),
          odd: fc.boolean(),
          port: fc.option(fc.constantFrom(179, 1790), { nil: undefined, freq: 2 }),
          asNumber: maybe(fc.constantFrom(64512, 64513, 65001)),
          localASNumber: fc.option(fc.constantFrom(64512, 64900), { nil: undefined, freq: 3 }),
          numAllowedLocalASNumbers: maybe(fc.constantFrom(0, 2)),
          reachable: fc.boolean(),
        }),
      ),
      nextHopMode: maybe(fc.constantFrom('Auto', 'Self', 'Keep')),
      keepOriginalNextHop: maybe(fc.boolean()),
      sourceAddress: maybe(fc.constantFrom('UseNodeIP', 'None')),
      maxRestartSeconds: maybe(fc.constantFrom(0, 60)),
      keepaliveSeconds: maybe(fc.constantFrom(1, 20)),
      ttlSecurity: maybe(fc.constantFrom(0, 1, 255)),
      filters: maybe(fc.constantFrom([], ['f1'], ['f2', 'f1'])),
      reversePeering: maybe(fc.constantFrom('Auto', 'Manual')),
    })
    .map(({ local, remote, ...settings }) => ({
      name: `p${index}`,
      local,
      remote,
      settings: some(settings),
    }));

type GeneratedPeer = ReturnType<typeof peer> extends fc.Arbitrary<infer T> ? T : never;

const generated = (min: number, max: number) =>
  fc.integer({ min, max }).chain((count) =>
    fc.record({
      nodes: fc.tuple(...Array.from({ length: count }, (_, i) => node(i))),
      peers: fc
        .integer({ min: 0, max: 6 })
        .chain((peers) => fc.tuple(...Array.from({ length: peers }, (_, i) => peer(i, count)))),
      mesh: fc.boolean(),
      as: fc.option(fc.constantFrom(64513, 65550), { nil: undefined, freq: 2 }),
      port: fc.option(fc.constantFrom(179, 1790), { nil: undefined, freq: 2 }),
      meshRestartSeconds: maybe(fc.constant(77)),
    }),
  );

type Generated = ReturnType<typeof generated> extends fc.Arbitrary<infer T> ? T : never;

const addressOf = (nodes: Generated['nodes'], target: number, v6: boolean): string =>
  (v6 ? nodes[target]?.ip6 : nodes[target]?.ip4) ?? (v6 ? 'fd00::ffff' : '192.0.2.1');

/** The same peer for the oracle, and as Calico's spec. */
function peerOf({ name, local, remote, settings }: GeneratedPeer, nodes: Generated['nodes']) {
  const { maxRestartSeconds, keepaliveSeconds, ...same } = settings;
  const oracle: Record<string, unknown> = { name, ...settings };
  const spec: Record<string, unknown> = {
    ...same,
    ...(maxRestartSeconds !== undefined && { maxRestartTime: `${maxRestartSeconds}s` }),
    ...(keepaliveSeconds !== undefined && { keepaliveTime: `${keepaliveSeconds}s` }),
  };
  if (local !== undefined && 'node' in local) oracle.node = spec.node = local.node;
  if (local !== undefined && 'nodeSelector' in local) {
    [spec.nodeSelector, oracle.nodeSelector] = local.nodeSelector;
  }
  if ('peerSelector' in remote) [spec.peerSelector, oracle.peerSelector] = remote.peerSelector;
  else {
    const { target, v6, odd, port, reachable, ...rest } = remote;
    const canonical = addressOf(nodes, target, v6);
    const host = odd && v6 ? canonical.toUpperCase() : canonical;
    spec.peerIP = port === undefined ? host : v6 ? `[${host}]:${port}` : `${host}:${port}`;
    oracle.peerIP = some({ host, port });
    if (reachable) oracle.reachableBy = spec.reachableBy = v6 ? 'fd00::fe' : '10.0.0.254';
    Object.assign(spec, some(rest));
    Object.assign(oracle, some(rest));
  }
  return { spec, oracle: oracle as unknown as OraclePeer };
}

function both({ nodes, peers, mesh, as, port, meshRestartSeconds }: Generated) {
  const made = peers.map((one) => peerOf(one, nodes));
  const oracle: OracleCluster = some({
    ...{ nodes, mesh, as, port, meshRestartSeconds },
    peers: made.map((one) => one.oracle),
  });
  const snapshot = snapshotOf({
    nodes: Object.fromEntries(
      nodes.map((one) => [
        one.name,
        some({
          v4: one.ip4 && `${one.ip4}/24`,
          v6: one.ip6 && `${one.ip6}/64`,
          ...{ as: one.as, rr: one.rr, labels: one.labels },
        }),
      ]),
    ),
    config: some({
      nodeToNodeMeshEnabled: mesh,
      asNumber: as,
      listenPort: port,
      nodeMeshMaxRestartTime: meshRestartSeconds && `${meshRestartSeconds}s`,
    }),
    configs: Object.fromEntries(
      nodes.flatMap((one) =>
        one.port === undefined ? [] : [[`node.${one.name}`, { listenPort: one.port }]],
      ),
    ),
    peers: Object.fromEntries(made.map((one) => [one.oracle.name, one.spec])),
  });
  return { oracle, snapshot };
}

const text = (session: OracleSession): string => JSON.stringify(session);

function resolved(snapshot: ReturnType<typeof snapshotOf>, name: string): string[] {
  return resolvePeers(clusterOf(snapshot, name))
    .peers.map((p) =>
      text({
        type: p.type as OracleSession['type'],
        resource: p.resource,
        address: p.address,
        port: p.port,
        asNumber: p.asNumber,
        localAsNumber: p.localAsNumber,
        passive: p.passive,
        sourceAddress: p.sourceAddress ?? null,
        routeReflectorClient: p.routeReflectorClient,
        clusterId: p.clusterId ?? null,
        nextHop: p.nextHop,
        multihop: p.ttlSecurityHops === undefined ? 64 : null,
        ttlSecurityHops: p.ttlSecurityHops ?? null,
        gracefulRestartSeconds: p.maxRestartSeconds ?? 120,
        keepaliveSeconds: p.keepaliveSeconds ?? null,
        allowLocalAs: p.allowLocalAs,
        reachableBy: p.reachableBy ?? null,
        filters: p.filters,
      }),
    )
    .sort();
}

const agrees = (cluster: Generated): void => {
  const { oracle, snapshot } = both(cluster);
  for (const [name, sessions] of oracleSessions(oracle)) {
    expect([name, resolved(snapshot, name)]).toEqual([name, sessions.map(text).sort()]);
  }
};

describe('every node resolves what section 2 of the data model says', () => {
  it('in clusters of 3 to 12 nodes', () => {
    fc.assert(fc.property(generated(3, 12), agrees), { numRuns: 600 });
  });

  it('in clusters of up to 200 nodes', () => {
    fc.assert(fc.property(generated(60, 200), agrees), { numRuns: 4 });
  });
});
