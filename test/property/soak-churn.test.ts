// The changes of a soak run, hundreds of them, on hosts in one process: after every few, what each node forwards is what the plain
// reading of etcd says (test/soak/expectation.ts). No faults, no kernel and IPv4 alone; those are the soak's own.

import type { Address, Prefix } from 'bgp-utils';
import { type Host as Machine, Network, Prng } from 'bgp-utils/testing';
import { applyEvent, EMPTY_SNAPSHOT } from '../../src/calico/snapshot.ts';
import { type DesiredState, desiredState } from '../../src/desired/desired-state.ts';
import { type AppliedState, NOTHING_APPLIED, reconcile } from '../../src/desired/reconcile.ts';
import { withWorkloads } from '../../src/desired/workload-routes.ts';
import { Churn } from '../soak/churn.ts';
import { differences } from '../soak/drift.ts';
import { expectation } from '../soak/expectation.ts';
import type { Parts } from '../soak/tables.ts';
import { entry, firstResources, type Host, hostsOf, WORKLOADS } from '../soak/topology.ts';
import { kernelRoute } from '../support/calico.ts';

jest.setTimeout(120_000);

const done = { ok: true, body: {}, error: '' };
const isIpv4 = (text: string): boolean => !text.includes(':');

/** etcd and routes to workloads in memory, changed as the real ones are. */
class Memory implements Parts {
  readonly hosts = hostsOf(4, 2);
  readonly entries = new Map<string, string>();
  readonly workloads = new Map<string, Set<Prefix>>(this.hosts.map(({ name }) => [name, new Set()]));
  readonly etcd: Parts['etcd'] = {
    put: async (key, value) => {
      this.entries.set(key, value);
      return done;
    },
    delete: async (key) => {
      this.entries.delete(key);
      return done;
    },
    list: async () => [...this.entries].map(([key, value]) => ({ key, value })),
  };

  constructor() {
    for (const resource of firstResources(this.hosts)) {
      const { key, value } = entry(resource);
      this.entries.set(key, value);
    }
  }

  async exec({ name }: Host, argv: readonly string[]) {
    const there = this.workloads.get(name)!;
    const [, , verb, address] = argv;
    if (verb === 'add') there.add(address as Prefix);
    else if (verb === 'delete') there.delete(address as Prefix);
    const shown = (routes: readonly Prefix[]): string =>
      JSON.stringify(routes.map((dst) => ({ dst, dev: WORKLOADS, protocol: 'boot' })));
    const all = [...there];
    const stdout = `${shown(all.filter(isIpv4))}---${shown(all.filter((prefix) => !isIpv4(prefix)))}`;
    return { code: 0, stdout, stderr: '' };
  }
}

/** A node: what it was told last, and what it makes of it. */
class Member {
  private applied: AppliedState = NOTHING_APPLIED;
  private desired: DesiredState | undefined;

  constructor(
    private readonly host: Host,
    private readonly machine: Machine,
  ) {}

  /** The daemon's own way from keys to inputs. */
  tell({ entries, workloads }: Memory): void {
    const listed = [...entries].map(([key, value]) => ({ key, value }));
    const snapshot = applyEvent(EMPTY_SNAPSHOT, { type: 'listed', revision: '1', entries: listed });
    const node = this.host.name;
    const desired = desiredState(snapshot, {
      node,
      secrets: (_, key) => key,
      endpointFiles: () => new Map(),
    });
    const routes = [...workloads.get(node)!].map((prefix) => ({
      prefix,
      type: 'unicast' as const,
      metric: 0,
      protocol: 3,
      nextHops: [{ gateway: undefined, interface: WORKLOADS }],
    }));
    const originated = withWorkloads(desired.originated, desired.kernel, routes);
    const { inputs, next } = reconcile({ ...desired, originated }, this.applied);
    this.applied = next;
    this.desired = desired;
    if (inputs.length > 0) this.machine.tell(...inputs);
  }

  /** What would go into the kernel. */
  kernel(): ReadonlyMap<string, string> {
    const routes = new Map<string, string>();
    for (const [prefix, route] of this.machine.forwarding) {
      const wanted = kernelRoute(this.desired!.kernel, prefix, route);
      if (wanted === undefined || !isIpv4(prefix)) continue;
      routes.set(prefix, wanted.type === 'blackhole' ? 'blackhole' : `via ${wanted.nextHops.join(' and ')}`);
    }
    return routes;
  }

  /** IPv4 addresses of peers that are up. */
  established(): readonly string[] {
    return this.machine.speaker
      .peerViews()
      .filter(({ state }) => state === 'Established')
      .map(({ config }) => config.address)
      .sort();
  }
}

const ROUNDS = 12;
const CHANGES_OF_ROUND = 12;

it.each([1, 2, 3])('seed %d: after each round all is as etcd says', async (seed) => {
  const memory = new Memory();
  const churn = new Churn(memory, new Prng(seed));
  const network = new Network(2);
  const members = new Map(
    memory.hosts.map((host) => [host.name, new Member(host, network.add(host.ip4 as Address))]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (let change = 0; change < CHANGES_OF_ROUND; change++) await churn.one();
    for (const member of members.values()) member.tell(memory);
    network.run(network.now + 90_000);
    const workloads = new Map([...memory.workloads].map(([name, routes]) => [name, [...routes]]));
    const wanted = expectation({ entries: memory.entries, workloads });
    for (const [name, member] of members) {
      const routes = new Map([...wanted.kernel.get(name)!].filter(([prefix]) => isIpv4(prefix)));
      expect({ round, wrong: differences(name, routes, member.kernel()) }).toEqual({ round, wrong: [] });
      expect(member.established()).toEqual(wanted.peers.get(name)!.filter(isIpv4));
    }
  }
  expect(churn.made.size).toBeGreaterThan(8);
});
