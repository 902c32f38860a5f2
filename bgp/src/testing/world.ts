// The network of one simulation: its hosts with their addresses and settings, drawn from the seed, and what is planned for
// later. What is done to it is disturbances.ts, what has to hold is rules.ts.

import { type Address, addressFromWords } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import { type Prefix, prefixOf } from '../net/prefix.ts';
import type { Millis } from '../net/time.ts';
import type { PeerConfig, PeerId } from '../speaker/input.ts';
import type { LogEvent } from '../speaker/output.ts';
import type { Host } from './host.ts';
import { Network } from './network.ts';
import { Prng } from './prng.ts';
import { basePolicies, roleOf } from './relations.ts';
import { type Plan, planOf, type Shape } from './shape.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly shape: Shape;
  /** 0: nothing is disturbed, and then no session may be lost either. */
  readonly chaosMs: Millis;
}

/** What all hosts of a network have in common. */
export interface Settings {
  readonly family: Family;
  readonly holdSeconds: number;
  readonly restartSeconds: number;
  /** RFC 9494; 0 is off. */
  readonly longLivedSeconds: number;
  /** Some peers tell each other several paths (RFC 7911). */
  readonly addPaths: boolean;
}

export interface Node {
  readonly host: Host;
  readonly number: number;
  readonly originated: Set<Prefix>;
  /** Peers by the other node's number: what is configured now. */
  readonly peers: Map<number, PeerConfig>;
  /** When it comes back; undefined while it runs. */
  backAt: Millis | undefined;
  restarting: boolean;
}

export const MAX_PATHS = 16;
export const BLOCKS = 8;
const RETRY_MAX_SECONDS = 10;
const MANY_HOSTS = 40;

export class World {
  readonly random: Prng;
  readonly network: Network;
  readonly plan: Plan;
  readonly settings: Settings;
  readonly nodes: Node[] = [];
  readonly trace: string[] = [];
  readonly violations: string[] = [];
  /** What happens at a time. */
  private readonly pending: { at: Millis; run: () => void }[] = [];
  private readonly logged = new Map<Host, number>();

  constructor(readonly options: SimulationOptions) {
    this.random = new Prng(options.seed);
    this.plan = planOf(options.shape, options.hosts);
    this.settings = this.drawSettings();
    const slowest = this.random.pick([1, 20, 200]);
    // With delays that differ, octets of one connection overtake those of another, and then two sides may settle a
    // collision differently (RFC 4271 §6.8 cannot help it): sessions are lost that nothing disturbed.
    this.network = new Network(options.chaosMs === 0 ? slowest : () => 1 + this.random.between(0, slowest));
    for (let i = 1; i <= options.hosts; i++) this.nodes.push(this.newNode(i));
    for (const node of this.nodes) {
      for (const other of this.nodes)
        if (this.plan.arePeers(node.number, other.number))
          node.peers.set(other.number, this.peerConfig(node, other));
      node.originated.add(this.block(node.number, 0));
    }
  }

  get now(): Millis {
    return this.network.now;
  }

  /** Many hosts have long hold times, or all that they do is to keep their sessions alive. */
  private get many(): boolean {
    return this.options.hosts > MANY_HOSTS;
  }

  // ── hosts ───────────────────────────────────────────────────────────────────────────────────────────────────────

  start(node: Node): void {
    const { host } = node;
    this.note(`${host.address} starts${node.restarting ? ' again' : ''}`);
    host.up = true;
    host.powered = true;
    node.backAt = undefined;
    const bgpIdentifier = this.identifierOf(node.number);
    host.tell(
      {
        type: 'Configure',
        speaker: {
          asNumber: this.plan.asOf(node.number),
          bgpIdentifier,
          clusterId: this.plan.reflects(node.number) ? bgpIdentifier : undefined,
          restarting: node.restarting,
          maxPaths: MAX_PATHS,
          deferralSeconds: 5,
        },
      },
      ...[...node.originated].map((prefix) => originate(prefix)),
      ...[...node.peers.values()].map((config) => ({ type: 'AddPeer' as const, config })),
    );
  }

  /** The peer has these settings from now on. */
  change(node: Node, config: PeerConfig): void {
    for (const [number, { peer }] of node.peers) if (peer === config.peer) node.peers.set(number, config);
    if (node.backAt === undefined) node.host.tell({ type: 'ChangePeer', config });
  }

  peerConfig(node: Node, other: Node): PeerConfig {
    const { random, settings } = this;
    const address = other.host.address;
    const { holdSeconds } = settings;
    return {
      peer: address as string as PeerId,
      address,
      port: 179,
      localAddress: node.host.address,
      localAs: this.plan.asOf(node.number),
      remoteAs: this.plan.asOf(other.number),
      families: [settings.family],
      // As in Calico: of two clients of a reflector, or of two in a mesh, either may open.
      passive: node.number < other.number && random.chance(0.3),
      holdTimeSeconds: this.many
        ? holdSeconds
        : random.pick([holdSeconds, holdSeconds, Math.max(3, Math.floor(holdSeconds / 3))]),
      keepaliveSeconds: undefined,
      connectRetrySeconds: 2,
      connectRetryMaxSeconds: RETRY_MAX_SECONDS,
      delayOpenSeconds: random.pick([0, 0, 0, 1]),
      gracefulRestartSeconds: random.chance(0.8) ? settings.restartSeconds : 0,
      longLivedStaleSeconds: random.chance(0.7) ? settings.longLivedSeconds : 0,
      notificationRestart: random.chance(0.7),
      extendedMessages: random.chance(0.7),
      ...(settings.addPaths && { addPaths: random.pick(['off', 'send', 'receive', 'both'] as const) }),
      routeReflectorClient: this.plan.isClient(node.number, other.number),
      role: roleOf(this.options.seed, this.plan, node.number, other.number),
      nextHop: 'auto',
      allowLocalAs: 0,
      ...basePolicies(this.plan, node.number, other.number),
      heldBack: undefined,
    };
  }

  addressOf(number: number): Address {
    return this.settings.family === 'ipv4'
      ? addressFromWords('ipv4', 0x0a000000 + number, 0, 0, 0)
      : addressFromWords('ipv6', 0xfd000000, 0, 0, number);
  }

  /** How BGP Identifiers compare; different for up to 250 hosts. */
  identifierRank(number: number): number {
    return ((number * 7) % 251) + 1;
  }

  /** Block `index` of a node; those of node 0 belong to nobody and may be announced by all. */
  block(node: number, index: number): Prefix {
    return this.settings.family === 'ipv4'
      ? prefixOf(addressFromWords('ipv4', 0x0a410000 + (node << 11) + (index << 6), 0, 0, 0), 26)
      : prefixOf(addressFromWords('ipv6', 0xfd000065, (node << 16) + index, 0, 0), 64);
  }

  // ── time and words ──────────────────────────────────────────────────────────────────────────────────────────────

  after(delay: Millis, run: () => void): void {
    this.pending.push({ at: this.now + delay, run });
  }

  /** All that is planned happens now. */
  hurry(): void {
    for (const { run } of this.pending.splice(0)) run();
  }

  /** @param each  called whenever something may have changed, at least once a second. */
  passTime(duration: Millis, each: () => void): void {
    const until = this.now + duration;
    for (;;) {
      this.pending.sort((a, b) => a.at - b.at);
      const next = Math.min(until, this.pending[0]?.at ?? until, this.now + 1_000);
      this.network.run(Math.max(next, this.now));
      this.collectLogs();
      while (this.pending[0] !== undefined && this.pending[0].at <= this.now) this.pending.shift()!.run();
      each();
      if (this.now >= until) return;
    }
  }

  note(line: string): void {
    this.trace.push(`${this.now} ${line}`);
  }

  fail(what: string): void {
    if (this.violations.length < 20) this.violations.push(`at ${this.now} ms: ${what}`);
  }

  private collectLogs(): void {
    for (const { host } of this.nodes) {
      const from = this.logged.get(host) ?? 0;
      if (from === host.log.length) continue;
      for (const event of host.log.slice(from)) this.note(`${host.address} ${describe(event)}`);
      this.logged.set(host, host.log.length);
    }
  }

  private drawSettings(): Settings {
    const { random } = this;
    const { many } = this;
    return {
      family: random.pick(['ipv4', 'ipv4', 'ipv6'] as const),
      holdSeconds: many ? 90 : random.pick([9, 9, 9, 30]),
      restartSeconds: 20,
      longLivedSeconds: random.chance(0.4) ? 30 : 0,
      // Where paths of one neighbour differ in their AS numbers alone, the sender's identifiers would decide.
      addPaths:
        this.plan.asOf(1) === this.plan.asOf(2) &&
        this.plan.asOf(1) === this.plan.asOf(this.options.hosts) &&
        !many &&
        random.chance(0.5),
    };
  }

  private newNode(number: number): Node {
    const host = this.network.add(this.addressOf(number));
    host.up = false;
    host.powered = false;
    return { host, number, originated: new Set(), peers: new Map(), backAt: undefined, restarting: false };
  }

  /** Not in the order of the addresses, so that each rule that compares them is seen to compare the right ones. */
  private identifierOf(number: number): Address {
    return addressFromWords('ipv4', 0x01010100 + this.identifierRank(number), 0, 0, 0);
  }
}

export const originate = (prefix: Prefix) => ({
  type: 'Originate' as const,
  route: { prefix, attributes: { origin: 0 as const, asPath: [] }, kernel: 'blackhole' as const },
});

const describe = (event: LogEvent): string =>
  Object.values(event)
    .filter((value) => value !== undefined && value !== '')
    .join(' ');
