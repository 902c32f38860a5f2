// The harness's own idea of a network: a small one, change by change, against what is known to follow; and that a difference is found.

import type { Prefix } from 'bgp-utils';
import { differences } from '../../soak/drift.ts';
import { type Expectation, expectation } from '../../soak/expectation.ts';
import { parseMetrics } from '../../soak/measure.ts';
import { addLog } from '../../soak/report.ts';
import {
  configuration,
  entry,
  firstResources,
  hostsOf,
  peer,
  pool,
  type Resource,
} from '../../soak/topology.ts';

const BLOCK = '10.64.0.64/26';
const HOSTS = ['host1', 'host2', 'reflector1'];

const block = (node: string, cidr: string, state = 'confirmed'): Resource => ({
  kind: 'BlockAffinity',
  name: '',
  spec: { node, cidr, state },
});

/** Two hosts and a reflector, and these on top of what an operator has set up. */
function expected(
  resources: readonly Resource[],
  workloads: Readonly<Record<string, readonly Prefix[]>> = {},
): Expectation {
  const entries = new Map<string, string>();
  for (const each of [...firstResources(hostsOf(2, 1)), ...resources]) {
    const { key, value } = entry(each);
    entries.set(key, value);
  }
  return expectation({
    entries,
    workloads: new Map(Object.entries(workloads)),
  });
}

const kernels = (of: Expectation) =>
  Object.fromEntries(HOSTS.map((host) => [host, Object.fromEntries(of.kernel.get(host)!)]));
const filter = (spec: object): Resource => ({ kind: 'BGPFilter', name: 'churn', spec });
const reject = (cidr: string) => [{ action: 'Reject', matchOperator: 'In', cidr }];

describe('what should be', () => {
  it('a block is a blackhole at home, and leads there from everywhere by reflection', () => {
    expect(kernels(expected([block('host1', BLOCK), block('host2', 'fd00:64::40/122')]))).toEqual({
      host1: { [BLOCK]: 'blackhole', 'fd00:64::40/122': 'via fd00::2' },
      host2: { [BLOCK]: 'via 10.0.0.1', 'fd00:64::40/122': 'blackhole' },
      reflector1: { [BLOCK]: 'via 10.0.0.1', 'fd00:64::40/122': 'via fd00::2' },
    });
  });

  it.each<[string, readonly Resource[], object]>([
    ['pending', [block('host1', BLOCK, 'pending')], { host1: {}, host2: {}, reflector1: {} }],
    [
      'pendingDeletion',
      [block('host1', BLOCK, 'pendingDeletion')],
      { host1: { [BLOCK]: 'blackhole' }, host2: { [BLOCK]: 'via 10.0.0.1' } },
    ],
    [
      'in a pool that is told to nobody',
      [block('host1', BLOCK), pool(0, 4, { disableBGPExport: true })],
      { host1: { [BLOCK]: 'blackhole' }, host2: {}, reflector1: {} },
    ],
    [
      'in a pool that is left to Felix',
      [block('host1', BLOCK), pool(0, 4, { vxlanMode: 'Always' })],
      { host1: {}, host2: {}, reflector1: {} },
    ],
    [
      'in no pool: told by its host all the same (data model 3.3, step 7), and by nobody else',
      [block('host1', '10.99.0.0/26')],
      { host1: { '10.99.0.0/26': 'blackhole' }, host2: {}, reflector1: { '10.99.0.0/26': 'via 10.0.0.1' } },
    ],
    [
      'filtered on the way to the reflector',
      [
        block('host1', BLOCK),
        peer('clients', { filters: ['churn'] }),
        filter({ exportV4: reject('10.64.0.0/16') }),
      ],
      { host2: {}, reflector1: {} },
    ],
    [
      'filtered, but told in the mesh',
      [
        block('host1', BLOCK),
        configuration({ nodeToNodeMeshEnabled: true }),
        peer('clients', { filters: ['churn'] }),
        filter({ importV4: reject(BLOCK) }),
      ],
      { host2: { [BLOCK]: 'via 10.0.0.1' }, reflector1: {} },
    ],
  ])('a block that is %s', (_, resources, wanted) => {
    expect(kernels(expected(resources))).toMatchObject(wanted);
    for (const [host, routes] of Object.entries(wanted))
      expect(kernels(expected(resources))[host]).toEqual(routes);
  });

  it('an address of an own block is told as the block, a borrowed one by itself', () => {
    const workloads = { host1: ['10.64.0.66/32' as Prefix], host2: ['10.64.0.67/32' as Prefix] };
    expect(kernels(expected([block('host1', BLOCK)], workloads))).toEqual({
      host1: { [BLOCK]: 'blackhole', '10.64.0.67/32': 'via 10.0.0.2' },
      host2: { [BLOCK]: 'via 10.0.0.1' },
      reflector1: { [BLOCK]: 'via 10.0.0.1', '10.64.0.67/32': 'via 10.0.0.2' },
    });
  });

  it('an address outside of all pools and own blocks is told to nobody, though a filter accepts it', () => {
    const accept = { exportV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.99.0.0/16' }] };
    const resources = [peer('clients', { filters: ['churn'] }), filter(accept)];
    const workloads = { host1: ['10.99.0.1/32' as Prefix] };
    expect(kernels(expected(resources, workloads)).reflector1).toEqual({});
    const claimed = kernels(expected([...resources, block('host1', '10.99.0.0/26', 'pending')], workloads));
    expect(claimed.reflector1).toEqual({ '10.99.0.1/32': 'via 10.0.0.1' });
  });

  it('sessions go to the reflectors, and to all hosts in a mesh', () => {
    const peers = (mesh: boolean) =>
      Object.fromEntries(expected([configuration({ nodeToNodeMeshEnabled: mesh })]).peers);
    expect(peers(false)).toEqual({
      host1: ['10.0.0.3', 'fd00::3'],
      host2: ['10.0.0.3', 'fd00::3'],
      reflector1: ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'],
    });
    expect(peers(true).host1).toEqual(['10.0.0.2', '10.0.0.3', 'fd00::2', 'fd00::3']);
  });
});

describe('what is not so', () => {
  it('is said: a route that is missing, one that leads elsewhere, and one too many', () => {
    const wanted = new Map([
      ['10.64.0.0/26', 'blackhole'],
      ['10.64.0.64/26', 'via 10.0.0.2'],
      ['10.64.0.128/26', 'via 10.0.0.3'],
    ]);
    const there = new Map([
      ['10.64.0.0/26', 'blackhole'],
      ['10.64.0.64/26', 'via 10.0.0.3'],
      ['10.64.1.0/26', 'via 10.0.0.3'],
    ]);
    expect(differences('host1', wanted, wanted)).toEqual([]);
    expect(differences('host1', wanted, there)).toEqual([
      'host1 has 10.64.0.64/26 via 10.0.0.3, not via 10.0.0.2',
      'host1 has 10.64.0.128/26 not at all, not via 10.0.0.3',
      'host1 still has 10.64.1.0/26 via 10.0.0.3',
    ]);
  });
});

describe('what is read of a daemon', () => {
  it('metrics by name and labels', () => {
    const text = '# HELP mesosbgp_x y\nmesosbgp_x 3\nmesosbgp_loop_seconds_total{state="active"} 1.5\n';
    expect([...parseMetrics(text)]).toEqual([
      ['x', 3],
      ['loop_seconds_total{state="active"}', 1.5],
    ]);
  });

  it('warnings and worse of its log, counted without their numbers and addresses', () => {
    const line = (level: string, message: string) => JSON.stringify({ level, time: 'x', message });
    const text = [
      line('info', 'fine'),
      line('warn', 'peer 10.0.0.2: lost after 3 s'),
      line('warn', 'peer fd00::3: lost after 12 s'),
      line('error', 'no'),
      '',
    ].join('\n');
    expect(addLog([], text)).toEqual([
      { level: 'warn', message: 'peer # lost after # s', count: 2 },
      { level: 'error', message: 'no', count: 1 },
    ]);
  });
});
