import {
  applyEvent,
  clusterOf,
  decodingProblems,
  EMPTY_SNAPSHOT,
  resources,
} from '../../../src/calico/snapshot.ts';
import { entriesOf, snapshotOf, type TestCluster } from '../../support/calico.ts';

const listed = (cluster: TestCluster, revision = '1') =>
  ({
    type: 'listed',
    revision,
    entries: Object.entries(entriesOf(cluster)).map(([key, value]) => ({ key, value })),
  }) as const;

describe('the fold of datastore events', () => {
  const two = { nodes: { a: { v4: '10.0.0.1' }, b: { v4: '10.0.0.2' } } };
  const keyOf = (name: string) => `/calico/resources/v3/projectcalico.org/nodes/${name}`;

  it('is in sync only after a complete list', () => {
    expect(EMPTY_SNAPSHOT.inSync).toBe(false);
    const half = applyEvent(EMPTY_SNAPSHOT, { type: 'changed', revision: '1', changes: [] });
    expect(half.inSync).toBe(false);
    expect(applyEvent(half, listed({})).inSync).toBe(true);
  });

  it('a list replaces everything at once', () => {
    const first = applyEvent(EMPTY_SNAPSHOT, listed(two));
    const second = applyEvent(
      first,
      listed({ nodes: { b: { v4: '10.0.0.2' }, c: { v4: '10.0.0.3' } } }, '9'),
    );
    expect(resources(second, 'Node').map(({ name }) => name)).toEqual(['b', 'c']);
    expect(second.revision).toBe('9');
    expect(resources(first, 'Node').map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('what did not change keeps its object, in a list and in a change', () => {
    const first = applyEvent(EMPTY_SNAPSHOT, listed(two));
    const second = applyEvent(first, listed(two, '2'));
    const third = applyEvent(second, {
      type: 'changed',
      revision: '3',
      changes: [{ type: 'delete', key: keyOf('a') }],
    });
    expect(resources(third, 'Node')[0]).toBe(resources(first, 'Node')[1]);
    expect(third.tables.IPPool).toBe(second.tables.IPPool);
  });

  it('puts and deletes by key; keys that nobody reads and keys that are gone already do nothing', () => {
    const value = entriesOf({ nodes: { c: { v4: '10.0.0.3' } } })[keyOf('c')]!;
    const next = applyEvent(snapshotOf(two), {
      type: 'changed',
      revision: '8',
      changes: [
        { type: 'put', key: keyOf('c'), value },
        { type: 'delete', key: keyOf('a') },
        { type: 'delete', key: keyOf('zzz') },
        { type: 'put', key: '/other', value: 'x' },
        { type: 'delete', key: '/calico/ipam/v2/host/a' },
      ],
    });
    expect(resources(next, 'Node').map(({ name }) => name)).toEqual(['b', 'c']);
    expect(next.revision).toBe('8');
  });

  it('an entry that cannot be read is a problem and hides no other; repaired it is there', () => {
    const broken = snapshotOf({ ...two, raw: { [keyOf('c')]: '{oops' } });
    expect(resources(broken, 'Node').map(({ name }) => name)).toEqual(['a', 'b']);
    expect(decodingProblems(broken, 'a')).toMatchObject([{ resource: 'Node/c' }]);
    const value = entriesOf({ nodes: { c: { v4: '10.0.0.3' } } })[keyOf('c')]!;
    const repaired = applyEvent(broken, {
      type: 'changed',
      revision: '8',
      changes: [{ type: 'put', key: keyOf('c'), value }],
    });
    expect(decodingProblems(repaired, 'a')).toEqual([]);
    expect(resources(repaired, 'Node')).toHaveLength(3);
  });

  it('an affinity that cannot be read is a problem of its own node alone', () => {
    const broken = snapshotOf({ raw: { '/calico/ipam/v2/host/b/ipv4/block/10.65.0.0-26': '{oops' } });
    expect(decodingProblems(broken, 'a')).toEqual([]);
    expect(decodingProblems(broken, 'b')).toHaveLength(1);
  });
});

describe('derived values (§2.1)', () => {
  it('without a BGPConfiguration: mesh on, AS 64512, no ports', () => {
    expect(clusterOf(snapshotOf({ nodes: { a: { v4: '10.0.0.1' } } }), 'a')).toMatchObject({
      globalAs: 64512,
      myAs: 64512,
      meshEnabled: true,
      globalPort: undefined,
    });
  });

  it('own AS number is that of the node, else the global one; of node.<name> only that of this node is own', () => {
    const cluster = {
      nodes: { a: { v4: '10.0.0.1', as: 64513 }, b: { v4: '10.0.0.2' } },
      config: { asNumber: 64600, listenPort: 1790, nodeToNodeMeshEnabled: false },
      configs: { 'node.b': { listenPort: 1791 } },
    };
    expect(clusterOf(snapshotOf(cluster), 'a')).toMatchObject({
      myAs: 64513,
      globalAs: 64600,
      meshEnabled: false,
      own: undefined,
    });
    const b = clusterOf(snapshotOf(cluster), 'b');
    expect(b).toMatchObject({ myAs: 64600, own: { listenPort: 1791 } });
    expect([b.nodePort('a'), b.nodePort('b')]).toEqual([undefined, 1791]);
  });
});
