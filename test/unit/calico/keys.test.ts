import { prefix } from 'bgp-utils';
import {
  affinityKey,
  entryOfManifest,
  parseKey,
  resourceKey,
  watchedPrefixes,
} from '../../../src/calico/keys.ts';

const V3 = '/calico/resources/v3/projectcalico.org';

describe('keys (§1.1, §1.10)', () => {
  it.each([
    [`${V3}/nodes/agent1`, { kind: 'Node', name: 'agent1' }],
    [`${V3}/bgpconfigurations/node.agent1`, { kind: 'BGPConfiguration', name: 'node.agent1' }],
    [`${V3}/bgppeers/tor-r1`, { kind: 'BGPPeer', name: 'tor-r1' }],
    [`${V3}/bgpfilters/f`, { kind: 'BGPFilter', name: 'f' }],
    [`${V3}/ippools/p`, { kind: 'IPPool', name: 'p' }],
    [
      '/calico/ipam/v2/host/agent1/ipv4/block/10.65.0.64-26',
      { kind: 'BlockAffinity', node: 'agent1', block: '10.65.0.64/26', cidr: '10.65.0.64/26' },
    ],
    [
      '/calico/ipam/v2/host/agent-1.example/ipv6/block/fd00:65::40-122',
      {
        kind: 'BlockAffinity',
        node: 'agent-1.example',
        block: 'fd00:65::40/122',
        cidr: 'fd00:65::40/122',
      },
    ],
  ])('%s is read, and written the same', (key, parsed) => {
    expect(parseKey(key)).toEqual(parsed);
    const read = parseKey(key)!;
    expect(
      read.kind === 'BlockAffinity' ? affinityKey(read.node, read.cidr!) : resourceKey(read.kind, read.name),
    ).toBe(key);
  });

  it.each([
    [`${V3}/workloadendpoints/default/x`],
    [`${V3}/felixconfigurations/default`],
    [`${V3}/nodes/`],
    [`${V3}/nodes/a/b`],
    [`${V3}/nodes`],
    ['/calico/ipam/v2/host/agent1'],
    ['/calico/ipam/v2/host/agent1/ipv4/block/10.65.0.64/26'],
    ['/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.70.0.0-26'],
    ['/calico/ipam/v2/assignment/ipv4/block/10.65.0.64-26'],
    ['/other'],
    [''],
  ])('%s is not ours to read', (key) => {
    expect(parseKey(key)).toBeUndefined();
  });

  it.each([
    ['/calico/ipam/v2/host/agent1/ipv4/block/10.65.0.65-26', '10.65.0.65/26'],
    ['/calico/ipam/v2/host/agent1/ipv6/block/10.65.0.64-26', '10.65.0.64/26'],
    ['/calico/ipam/v2/host/agent1/ipv4/block/x', 'x'],
  ])('%s is a block that cannot be read (§1.10)', (key, block) => {
    expect(parseKey(key)).toEqual({ kind: 'BlockAffinity', node: 'agent1', block, cidr: undefined });
  });

  it('of IPAM the affinities are watched, those of all hosts, by which the origin of routes is checked', () => {
    const watched = watchedPrefixes();
    expect(watched).toContain(`${V3}/nodes/`);
    const covers = (key: string) => watched.some((start) => key.startsWith(start));
    expect(covers(affinityKey('a', prefix('10.0.0.0/26')))).toBe(true);
    expect(covers(affinityKey('ab', prefix('10.0.0.0/26')))).toBe(true);
    expect(covers('/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26')).toBe(false);
    expect(covers(`${V3}/workloadendpoints/x/y`)).toBe(false);
  });
});

describe('a manifest', () => {
  const node = { kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata: { name: 'a' }, spec: {} };

  it('becomes the key and value that etcd would have', () => {
    const entry = entryOfManifest(node);
    expect(entry).toMatchObject({ type: 'entry', key: `${V3}/nodes/a` });
    expect(JSON.parse(entry.type === 'entry' ? entry.value : '')).toEqual(node);
  });

  it('of labels that YAML read as number or boolean has texts, as calicoctl stores them', () => {
    const entry = entryOfManifest({
      ...node,
      metadata: { name: 'a', labels: { rack: 1, rr: true, x: 'y' } },
    });
    expect(JSON.parse(entry.type === 'entry' ? entry.value : '').metadata.labels).toEqual({
      rack: '1',
      rr: 'true',
      x: 'y',
    });
  });

  it('of a name that YAML read as a number has a text', () => {
    const entry = entryOfManifest({ ...node, metadata: { name: 17 } });
    expect(entry).toMatchObject({ type: 'entry', key: `${V3}/nodes/17` });
    expect(JSON.parse(entry.type === 'entry' ? entry.value : '').metadata.name).toBe('17');
  });

  it.each([
    [
      { cidr: '10.65.0.64/26', node: 'a' },
      '/calico/ipam/v2/host/a/ipv4/block/10.65.0.64-26',
      { state: 'confirmed', deleted: false },
    ],
    [
      { cidr: 'FD00:65::40/122', node: 'a', state: 'pending' },
      '/calico/ipam/v2/host/a/ipv6/block/fd00:65::40-122',
      { state: 'pending', deleted: false },
    ],
    [
      { cidr: '10.65.0.64/26', node: 'a', deleted: true },
      '/calico/ipam/v2/host/a/ipv4/block/10.65.0.64-26',
      { state: 'confirmed', deleted: true },
    ],
  ])('a BlockAffinity %j stands under the key of the block', (spec, key, value) => {
    const entry = entryOfManifest({ kind: 'BlockAffinity', spec });
    expect(entry).toMatchObject({ type: 'entry', key });
    expect(JSON.parse(entry.type === 'entry' ? entry.value : '')).toEqual(value);
  });

  it('a BlockAffinity whose CIDR cannot be read stands there for `problems`, and hides no other (§1.10)', () => {
    expect(
      entryOfManifest({ kind: 'BlockAffinity', spec: { node: 'a', cidr: '10.0.0.0/33' } }),
    ).toMatchObject({ key: '/calico/ipam/v2/host/a/ipv4/block/10.0.0.0-33' });
  });

  it('a virtual BlockAffinity is nothing to a host (§1.10)', () => {
    const spec = { node: 'load-balancer', cidr: '10.70.0.0/26', type: 'virtual' };
    expect(entryOfManifest({ kind: 'BlockAffinity', spec })).toEqual({ type: 'ignored' });
  });

  it('of a kind that BGP does not read is ignored', () => {
    expect(entryOfManifest({ kind: 'FelixConfiguration', metadata: { name: 'default' } })).toEqual({
      type: 'ignored',
    });
  });

  it.each([
    [null, /kind/],
    ['text', /kind/],
    [[], /kind/],
    [{ metadata: { name: 'a' } }, /kind/],
    [{ kind: 'Node' }, /metadata\.name/],
    [{ kind: 'Node', metadata: { name: 'a/b' } }, /metadata\.name/],
    [{ kind: 'BlockAffinity', spec: { cidr: '10.0.0.0/26' } }, /spec\.node/],
    [{ kind: 'BlockAffinity', spec: { node: 'a' } }, /spec\.cidr/],
  ])('%j is wrong, and the message names the field', (manifest, message) => {
    const entry = entryOfManifest(manifest);
    expect(entry.type).toBe('wrong');
    expect(entry.type === 'wrong' && entry.message).toMatch(message);
  });
});
