// What changes in etcd while a soak runs: a table of changes, each drawn from the seed and made on what etcd holds at that moment, so
// that a lost write is never a wrong idea of the present. No change takes a host's last way to a reflector.

import { type Prefix, parseAddress, prefixOf } from 'bgp-utils';
import type { Prng } from 'bgp-utils/testing';
import { AFFINITIES, V3 } from './expectation.ts';
import { type Parts, readAll, workloadsOf } from './tables.ts';
import {
  configuration,
  entry,
  type Host,
  PASSWORDS,
  PEERS,
  type PeerName,
  POOLS,
  peer,
  pool,
  poolCidr,
  type Resource,
  WORKLOADS,
} from './topology.ts';

type Family = 4 | 6;

/** Blocks a pool and family: few enough that they move and come again. */
const BLOCKS = 24;
/** And as many a host and family at most. */
const BLOCKS_OF_HOST = 6;
const ADDRESSES_OF_BLOCK = 64;
/** At most so many a host, so that tables do not grow with the length of a run. */
const BORROWED_OF_HOST = 8;
const FILTER = 'churn';

interface Block {
  readonly key: string;
  readonly host: string;
  readonly cidr: Prefix;
  readonly state: string;
}

interface Change {
  readonly name: string;
  /** How often, against the others. */
  readonly weight: number;
  /** @returns false when there was nothing to change, or etcd did not take it. */
  readonly make: (churn: Churn) => Promise<boolean>;
}

const CHANGES: readonly Change[] = [
  { name: 'block claimed', weight: 12, make: (churn) => churn.claim() },
  { name: 'block released', weight: 8, make: (churn) => churn.release() },
  { name: 'block moved', weight: 8, make: (churn) => churn.move() },
  { name: 'block on its way', weight: 4, make: (churn) => churn.turn() },
  { name: 'address borrowed', weight: 8, make: (churn) => churn.borrow() },
  { name: 'address given back', weight: 7, make: (churn) => churn.giveBack() },
  { name: 'pool', weight: 4, make: (churn) => churn.changePool() },
  { name: 'filter', weight: 5, make: (churn) => churn.changeFilter() },
  { name: 'peer', weight: 5, make: (churn) => churn.changePeer() },
  { name: 'configuration', weight: 2, make: (churn) => churn.changeConfiguration() },
  { name: 'mistake of an operator', weight: 2, make: (churn) => churn.err() },
];
const TOTAL = CHANGES.reduce((sum, { weight }) => sum + weight, 0);

export class Churn {
  /** How often each was made. */
  readonly made = new Map<string, number>();
  private entries: ReadonlyMap<string, string> = new Map();
  private readonly hosts: readonly Host[];

  constructor(
    private readonly cluster: Parts,
    private readonly random: Prng,
  ) {
    this.hosts = cluster.hosts.filter(({ reflector }) => !reflector);
  }

  get count(): number {
    return [...this.made.values()].reduce((sum, each) => sum + each, 0);
  }

  /** One change. */
  async one(): Promise<void> {
    this.entries = await readAll(this.cluster);
    if (this.entries.size === 0) return; // etcd is away
    let at = this.random.between(0, TOTAL - 1);
    const change = CHANGES.find(({ weight }) => (at -= weight) < 0)!;
    if (await change.make(this)) this.made.set(change.name, (this.made.get(change.name) ?? 0) + 1);
  }

  async claim(): Promise<boolean> {
    const family = this.family();
    const host = this.random.pick(this.hosts);
    const blocks = this.blocks();
    const own = blocks.filter(({ host: owner, cidr }) => owner === host.name && familyOf(cidr) === family);
    const cidr = this.someCidr(family);
    if (own.length >= BLOCKS_OF_HOST || blocks.some((block) => block.cidr === cidr)) return false;
    return this.affinity(host.name, cidr, this.random.chance(0.1) ? 'pending' : 'confirmed');
  }

  async release(): Promise<boolean> {
    const block = this.someBlock();
    return block !== undefined && this.remove(block.key);
  }

  async move(): Promise<boolean> {
    const block = this.someBlock();
    const to = this.random.pick(this.hosts);
    if (block === undefined || to.name === block.host) return false;
    return (await this.remove(block.key)) && this.affinity(to.name, block.cidr, 'confirmed');
  }

  async turn(): Promise<boolean> {
    const block = this.someBlock();
    const states = ['pending', 'confirmed', 'pendingDeletion'].filter((state) => state !== block?.state);
    return block !== undefined && this.affinity(block.host, block.cidr, this.random.pick(states));
  }

  /** An address of any block, mostly another host's; each is in one place at most. */
  async borrow(): Promise<boolean> {
    const block = this.someBlock();
    const host = this.random.pick(this.hosts);
    if (block === undefined || (await workloadsOf(this.cluster, host)).length >= BORROWED_OF_HOST)
      return false;
    const address = addressOf(block.cidr, this.random.between(1, ADDRESSES_OF_BLOCK - 2));
    const taken = await Promise.all(this.hosts.map((each) => workloadsOf(this.cluster, each)));
    if (taken.flat().includes(address)) return false;
    return this.route(host, ['add', address]);
  }

  async giveBack(): Promise<boolean> {
    const host = this.random.pick(this.hosts);
    const borrowed = await workloadsOf(this.cluster, host);
    return borrowed.length > 0 && this.route(host, ['delete', this.random.pick(borrowed)]);
  }

  async changePool(): Promise<boolean> {
    const [index, family] = [this.random.between(0, POOLS - 1), this.family()];
    const kind = this.random.between(0, 5);
    if (kind === 0) return this.remove(entry(pool(index, family)).key);
    if (kind === 1) return this.put(pool(index, family, { disableBGPExport: true }));
    if (kind === 2) return this.put(pool(index, family, { vxlanMode: 'Always' }));
    return this.put(pool(index, family)); // mostly all are there
  }

  async changeFilter(): Promise<boolean> {
    if (this.random.chance(0.2)) return this.remove(`${V3}/bgpfilters/${FILTER}`);
    const rules = (family: Family): readonly object[] =>
      Array.from({ length: this.random.between(0, 3) }, () => ({
        action: this.random.chance(0.8) ? 'Reject' : 'Accept',
        matchOperator: 'In',
        cidr: this.random.chance(0.3)
          ? poolCidr(this.random.between(0, POOLS - 1), family)
          : this.someCidr(family),
      }));
    return this.put({
      kind: 'BGPFilter',
      name: FILTER,
      spec: { importV4: rules(4), exportV4: rules(4), importV6: rules(6), exportV6: rules(6) },
    });
  }

  async changePeer(): Promise<boolean> {
    const name: PeerName = this.random.pick(PEERS);
    const { random } = this;
    return this.put(
      peer(name, {
        ...(random.chance(0.4) && { filters: [FILTER] }),
        ...(random.chance(0.3) && { maxRestartTime: `${random.between(20, 120)}s` }),
        ...(random.chance(0.3) && { keepaliveTime: `${random.between(1, 3)}s` }),
        ...(random.chance(0.25) && {
          password: { secretKeyRef: { name: 'bgp', key: random.pick(PASSWORDS) } },
        }),
      }),
    );
  }

  async changeConfiguration(): Promise<boolean> {
    const communities = this.random.chance(0.5);
    return this.put(
      configuration({
        nodeToNodeMeshEnabled: this.random.chance(0.4),
        ...(communities && {
          prefixAdvertisements: [
            {
              cidr: poolCidr(this.random.between(0, POOLS - 1), 4),
              communities: [`64512:${this.random.between(1, 500)}`],
            },
          ],
        }),
      }),
    );
  }

  /** What does not parse is as absent, and says so (data model 1.1). */
  async err(): Promise<boolean> {
    const key = `${V3}/bgppeers/broken`;
    if (this.entries.has(key)) return this.remove(key);
    return (await this.cluster.etcd.put(key, '{"kind":"BGPPeer","spec":')).ok;
  }

  private family = (): Family => (this.random.chance(0.5) ? 4 : 6);
  private someCidr = (family: Family): Prefix =>
    blockCidr(this.random.between(0, POOLS - 1), this.random.between(0, BLOCKS - 1), family);

  private blocks(): readonly Block[] {
    return [...this.entries].flatMap(([key, value]) => {
      if (!key.startsWith(AFFINITIES)) return [];
      const [host, , , cidr] = key.slice(AFFINITIES.length).split('/');
      const { state } = JSON.parse(value) as { state: string };
      return { key, host: host!, cidr: cidr!.replace('-', '/') as Prefix, state };
    });
  }

  private someBlock(): Block | undefined {
    const blocks = this.blocks();
    return blocks.length === 0 ? undefined : this.random.pick(blocks);
  }

  private affinity(host: string, cidr: Prefix, state: string): Promise<boolean> {
    const resource: Resource = { kind: 'BlockAffinity', name: '', spec: { node: host, cidr, state } };
    return this.put(resource);
  }

  private async put(resource: Resource): Promise<boolean> {
    const { key, value } = entry(resource);
    return (await this.cluster.etcd.put(key, value)).ok;
  }

  private async remove(key: string): Promise<boolean> {
    return (await this.cluster.etcd.delete(key)).ok;
  }

  private async route(host: Host, [verb, address]: readonly [string, string]): Promise<boolean> {
    const argv = ['ip', 'route', verb, address, 'dev', WORKLOADS];
    return (await this.cluster.exec(host, argv)).code === 0;
  }
}

const familyOf = (cidr: string): Family => (cidr.includes(':') ? 6 : 4);

function blockCidr(poolIndex: number, block: number, family: Family): Prefix {
  const offset = block * ADDRESSES_OF_BLOCK;
  const text =
    family === 4
      ? `10.${64 + poolIndex}.${offset >> 8}.${offset & 255}`
      : `fd00:${64 + poolIndex}::${offset.toString(16)}`;
  return prefixOf(parseAddress(text)!, family === 4 ? 26 : 122);
}

/** The address with that number in the block, as a host route. */
function addressOf(cidr: Prefix, number: number): Prefix {
  const [network] = cidr.split('/') as [string];
  if (familyOf(cidr) === 4) {
    const [a, b, c, d] = network.split('.').map(Number) as [number, number, number, number];
    return prefixOf(parseAddress(`${a}.${b}.${c}.${d + number}`)!, 32);
  }
  const at = network.lastIndexOf('::') + 2;
  const last = Number.parseInt(network.slice(at) || '0', 16) + number;
  return prefixOf(parseAddress(`${network.slice(0, at)}${last.toString(16)}`)!, 128);
}
