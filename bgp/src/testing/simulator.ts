// One network from one seed: it is built, disturbed for a while in ways that the seed draws, healed, and then compared
// with what every host should have. A few rules are checked all the time. What is wrong comes back as text.

import { type Address, addressFromWords } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import { type Prefix, prefixOf } from '../net/prefix.ts';
import type { Millis } from '../net/time.ts';
import { ACCEPT_ALL, type Policy } from '../policy/policy.ts';
import type { PeerConfig, PeerId } from '../speaker/input.ts';
import type { LogEvent } from '../speaker/output.ts';
import { type Host, Network } from './network.ts';
import { oracle } from './oracle.ts';
import { Prng } from './prng.ts';
import { type Plan, planOf, type Shape } from './shape.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly shape: Shape;
  /** 0: nothing is disturbed, and then no session may be lost either. */
  readonly chaosMs: Millis;
}

export interface SimulationResult {
  /** Empty when all rules held. */
  readonly violations: readonly string[];
  /** What was done and what happened, a line each with its time: equal for equal options. */
  readonly trace: readonly string[];
}

/** Large networks are looked at less often, or most of the time would go there. */
const checkEveryMs = (hosts: number): Millis => (hosts > 20 ? 5_000 : 1_000);

const HOLD_SECONDS = 9;
const RESTART_SECONDS = 20;
const RETRY_MAX_SECONDS = 10;

/** After all is well again: waits to connect, hold times and deferrals are over by then. */
const SETTLE_MS = 120_000;

/**
 * A route may be used this long after its origin is gone: a hold time, a restart time, and once more while the peer
 * that comes back is lost again; on every hop.
 */
const GONE_MS = 2 * (HOLD_SECONDS + RESTART_SECONDS) * 1000 + 10_000;

const MAX_PATHS = 16;
const AS_NUMBER = 64512;
const BLOCKS = 8;

interface Node {
  readonly host: Host;
  readonly number: number;
  readonly reflects: boolean;
  readonly originated: Set<Prefix>;
  /** Peers by the other node's number: what is configured now. */
  readonly peers: Map<number, PeerConfig>;
  /** When it comes back; undefined while it runs. */
  backAt: Millis | undefined;
  restarting: boolean;
}

export const simulate = (options: SimulationOptions): SimulationResult => new Simulation(options).run();

class Simulation {
  private readonly random: Prng;
  private readonly network: Network;
  private readonly family: Family;
  private readonly nodes: Node[] = [];
  private readonly trace: string[] = [];
  private readonly violations: string[] = [];
  /** Last time at which the node originated the prefix and ran. */
  private readonly seen = new Map<string, Millis>();
  /** What ends at a time. */
  private readonly pending: { at: Millis; run: () => void }[] = [];
  private readonly logged = new Map<Host, number>();
  /** Since when packets for a prefix go round in a circle. */
  private circling = new Map<string, Millis>();
  private readonly plan: Plan;
  private checkedAt: Millis = 0;

  constructor(private readonly options: SimulationOptions) {
    this.random = new Prng(options.seed);
    this.plan = planOf(options.shape, options.hosts);
    this.family = this.random.pick(['ipv4', 'ipv4', 'ipv6'] as const);
    const slowest = this.random.pick([1, 20, 200]);
    // With delays that differ, octets of one connection overtake those of another, and then two sides may settle a
    // collision differently (RFC 4271 §6.8 cannot help it): sessions are lost that nothing disturbed.
    this.network = new Network(options.chaosMs === 0 ? slowest : () => 1 + this.random.between(0, slowest));
    for (let i = 0; i < options.hosts; i++) this.nodes.push(this.newNode(i + 1));
    for (const node of this.nodes) {
      for (const other of this.nodes)
        if (this.arePeers(node, other)) node.peers.set(other.number, this.peerConfig(node, other));
      node.originated.add(this.block(node.number, 0));
    }
  }

  run(): SimulationResult {
    try {
      for (const node of this.nodes) this.after(this.random.between(0, 2000), () => this.start(node));
      this.passTime(5_000);
      const end = this.network.now + this.options.chaosMs;
      while (this.network.now < end) {
        this.passTime(this.random.between(0, this.random.pick([10, 300, 3000])));
        this.disturb();
      }
      this.heal();
      this.passTime(SETTLE_MS);
      this.checkEnd();
      this.withdrawAll();
    } catch (bug) {
      this.violations.push(`at ${this.network.now} ms: ${bug instanceof Error ? bug.stack : bug}`);
    }
    return { violations: this.violations, trace: this.trace };
  }

  // ── the network ─────────────────────────────────────────────────────────────────────────────────────────────────

  private newNode(number: number): Node {
    const address = this.addressOf(number);
    const host = this.network.add(address);
    host.up = false;
    host.powered = false;
    return {
      host,
      number,
      reflects: this.plan.reflects(number),
      originated: new Set(),
      peers: new Map(),
      backAt: undefined,
      restarting: false,
    };
  }

  private arePeers(a: Node, b: Node): boolean {
    return this.plan.arePeers(a.number, b.number);
  }

  private peerConfig(node: Node, other: Node): PeerConfig {
    const address = other.host.address;
    // As in Calico: of two clients of a reflector, or of two in a mesh, either may open.
    return {
      peer: address as string as PeerId,
      address,
      port: 179,
      localAddress: node.host.address,
      localAs: AS_NUMBER,
      remoteAs: AS_NUMBER,
      families: [this.family],
      passive: node.number < other.number && this.random.chance(0.3),
      holdTimeSeconds: HOLD_SECONDS,
      keepaliveSeconds: undefined,
      connectRetrySeconds: 2,
      connectRetryMaxSeconds: RETRY_MAX_SECONDS,
      gracefulRestartSeconds: this.random.chance(0.8) ? RESTART_SECONDS : 0,
      routeReflectorClient: this.plan.isClient(node.number, other.number),
      nextHop: 'auto',
      allowLocalAs: 0,
      importPolicy: ACCEPT_ALL,
      exportPolicy: ACCEPT_ALL,
      heldBack: undefined,
    };
  }

  private start(node: Node): void {
    const { host } = node;
    this.note(`${host.address} starts${node.restarting ? ' again' : ''}`);
    host.up = true;
    host.powered = true;
    node.backAt = undefined;
    const identifier = this.identifierOf(node.number);
    host.tell(
      {
        type: 'Configure',
        speaker: {
          asNumber: AS_NUMBER,
          bgpIdentifier: identifier,
          clusterId: node.reflects ? identifier : undefined,
          restarting: node.restarting,
          maxPaths: MAX_PATHS,
          deferralSeconds: 5,
        },
      },
      ...[...node.originated].map((prefix) => this.originate(prefix)),
      ...[...node.peers.values()].map((config) => ({ type: 'AddPeer' as const, config })),
    );
  }

  private originate(prefix: Prefix) {
    const attributes = { origin: 0 as const, asPath: [] };
    return { type: 'Originate' as const, route: { prefix, attributes, kernel: 'blackhole' as const } };
  }

  // ── disturbances ────────────────────────────────────────────────────────────────────────────────────────────────

  private disturb(): void {
    const node = this.random.pick(this.nodes);
    const running = node.backAt === undefined;
    const what = this.random.between(0, 99);
    if (what < 25) return this.announce(node);
    if (what < 45) return this.withdraw(node);
    if (what < 53) return this.linkDown(node);
    if (what < 60) return this.cut(node);
    if (!running) return;
    if (what < 66) return this.crash(node);
    if (what < 70) return this.powerOff(node);
    if (what < 74) return this.restart(node);
    if (what < 80) return this.clear(node);
    if (what < 86) return this.removePeer(node);
    if (what < 92) return this.changePolicy(node);
    if (what < 94) return this.jump(node);
    return this.stall(node);
  }

  private announce(node: Node): void {
    const own = this.random.chance(0.7);
    const prefix = this.block(own ? node.number : 0, this.random.between(0, BLOCKS - 1));
    if (node.originated.has(prefix)) return;
    this.note(`${node.host.address} announces ${prefix}`);
    node.originated.add(prefix);
    if (node.backAt === undefined) node.host.tell(this.originate(prefix));
  }

  private withdraw(node: Node): void {
    if (node.originated.size === 0) return;
    const prefix = this.random.pick([...node.originated]);
    this.note(`${node.host.address} withdraws ${prefix}`);
    node.originated.delete(prefix);
    if (node.backAt === undefined) node.host.tell({ type: 'WithdrawOriginated', prefix });
  }

  private linkDown(node: Node): void {
    if (!node.host.linkUp) return;
    this.note(`${node.host.address} loses its link`);
    this.network.setLink(node.host, false);
    this.after(this.random.between(1, this.random.pick([500, 5_000, 40_000])), () => this.linkUp(node));
  }

  private linkUp(node: Node): void {
    if (node.host.linkUp) return;
    this.note(`${node.host.address} has its link again`);
    this.network.setLink(node.host, true);
  }

  private cut(node: Node): void {
    const other = this.random.pick(this.nodes);
    if (other === node) return;
    this.note(`connections of ${node.host.address} and ${other.host.address} are reset`);
    this.network.cut(node.host, other.host);
  }

  private crash(node: Node): void {
    this.note(`${node.host.address} crashes`);
    this.network.crash(node.host);
    this.comeBack(node, true);
  }

  private powerOff(node: Node): void {
    this.note(`${node.host.address} has no power`);
    this.network.powerOff(node.host);
    this.comeBack(node, false);
  }

  private restart(node: Node): void {
    const how = this.random.chance(0.7) ? 'restart' : 'leave';
    this.note(`${node.host.address} stops: ${how}`);
    node.host.tell({ type: 'Stop', how });
    this.network.crash(node.host);
    if (how === 'leave') node.host.forwarding.clear();
    this.comeBack(node, how === 'restart');
  }

  private comeBack(node: Node, restarting: boolean): void {
    const delay = this.random.between(1, this.random.pick([100, 3_000, 40_000]));
    node.backAt = this.network.now + delay;
    node.restarting = restarting;
    const { backAt } = node;
    this.after(delay, () => {
      if (node.backAt === backAt) this.start(node);
    });
  }

  private clear(node: Node): void {
    const config = this.anyPeer(node);
    if (config === undefined) return;
    const how = this.random.pick(['reset', 'soft-in', 'soft-out'] as const);
    this.note(`${node.host.address} clears ${config.peer}: ${how}`);
    node.host.tell({ type: 'Clear', peer: config.peer, how, text: 'simulation' });
  }

  private removePeer(node: Node): void {
    const [number, config] = this.random.pick([...node.peers, [0, undefined] as const]);
    if (config === undefined) return;
    this.note(`${node.host.address} removes ${config.peer}`);
    node.peers.delete(number);
    node.host.tell({ type: 'RemovePeer', peer: config.peer });
    this.after(this.random.pick([0, 10, 5_000]), () => this.addPeer(node, number, config));
  }

  private addPeer(node: Node, number: number, config: PeerConfig): void {
    if (node.peers.has(number)) return;
    this.note(`${node.host.address} adds ${config.peer}`);
    node.peers.set(number, config);
    if (node.backAt === undefined) node.host.tell({ type: 'AddPeer', config });
  }

  private changePolicy(node: Node): void {
    const config = this.anyPeer(node);
    if (config === undefined) return;
    const refused = this.block(this.random.between(0, this.nodes.length), this.random.between(0, BLOCKS - 1));
    const policy: Policy = {
      terms: [
        { name: 'not this one', match: { prefixes: [{ prefix: refused }] }, actions: [], verdict: 'reject' },
      ],
      otherwise: 'accept',
    };
    const side = this.random.pick(['importPolicy', 'exportPolicy'] as const);
    const changed = {
      ...config,
      [side]: config[side] === ACCEPT_ALL ? policy : ACCEPT_ALL,
      // Graceful restart is agreed on anew with the next session.
      gracefulRestartSeconds: this.random.chance(0.2) ? 0 : RESTART_SECONDS,
    };
    this.note(`${node.host.address} changes the ${side} of ${config.peer}`);
    this.change(node, changed);
  }

  private change(node: Node, config: PeerConfig): void {
    for (const [number, { peer }] of node.peers) if (peer === config.peer) node.peers.set(number, config);
    if (node.backAt === undefined) node.host.tell({ type: 'ChangePeer', config });
  }

  /** A machine that slept, or a virtual one that was moved: its clock is ahead at once, and nobody else's. */
  private jump(node: Node): void {
    const ms = this.random.pick([500, 5_000, 60_000, 3_600_000]);
    this.note(`the clock of ${node.host.address} jumps by ${ms} ms`);
    node.host.clockAheadMs += ms;
  }

  private stall(node: Node): void {
    node.host.roomOctets = this.random.pick([1, 100, 65536]);
    node.host.stalled = true;
    this.after(this.random.between(1, 4_000), () => this.network.resume(node.host));
  }

  private heal(): void {
    this.note('all is well from here on');
    for (const { run } of this.pending.splice(0)) run();
    for (const node of this.nodes) {
      this.linkUp(node);
      if (node.backAt !== undefined) this.start(node);
      for (const config of [...node.peers.values()])
        this.change(node, { ...config, importPolicy: ACCEPT_ALL, exportPolicy: ACCEPT_ALL });
    }
  }

  // ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private rememberOrigins(): void {
    for (const { host, backAt, originated } of this.nodes) {
      if (backAt !== undefined || !host.up) continue;
      for (const prefix of originated) this.seen.set(`${host.address} ${prefix}`, this.network.now);
    }
  }

  /** What is checked all the time: nobody uses a route whose origin has been gone for long, or that it never had. */
  private checkAlways(): void {
    this.checkedAt = this.network.now;
    for (const { host, backAt } of this.nodes) {
      if (backAt !== undefined || host.converged.length === 0) continue;
      for (const [prefix, route] of host.forwarding) {
        if (route.type !== 'unicast') continue;
        for (const nextHop of route.nextHops) {
          const seen = this.seen.get(`${nextHop} ${prefix}`);
          if (seen === undefined)
            this.fail(`${host.address} uses ${prefix} via ${nextHop}, which never had it`);
          else if (this.network.now - seen > GONE_MS)
            this.fail(`${host.address} uses ${prefix} via ${nextHop}, which lost it at ${seen} ms`);
        }
      }
    }
    this.checkCircles(GONE_MS);
  }

  /** Packets do not go round in circles for longer than a change takes to be known everywhere. */
  private checkCircles(allowedMs: Millis): void {
    const before = this.circling;
    this.circling = new Map();
    const prefixes = new Set(this.nodes.flatMap(({ host }) => [...host.forwarding.keys()]));
    for (const prefix of prefixes) {
      const done = new Set<Address>();
      for (const { host } of this.nodes) this.follow(prefix, host.address, [], done);
    }
    for (const circle of this.circling.keys()) {
      const since = before.get(circle) ?? this.network.now;
      this.circling.set(circle, since);
      if (this.network.now - since >= allowedMs) this.fail(`packets go round since ${since} ms: ${circle}`);
    }
  }

  private follow(prefix: Prefix, at: Address, path: readonly Address[], done: Set<Address>): void {
    if (path.includes(at)) {
      const circle = path.slice(path.indexOf(at));
      this.circling.set(`${prefix}: ${[...circle].sort().join(' ')}`, 0);
      return;
    }
    if (done.has(at)) return;
    const route = this.network.hosts.get(at)?.forwarding.get(prefix);
    if (route?.type === 'unicast')
      for (const nextHop of route.nextHops) this.follow(prefix, nextHop, [...path, at], done);
    done.add(at);
  }

  private checkEnd(): void {
    this.circling.clear();
    this.checkCircles(0);
    const expectations = this.expectations();
    for (const node of this.nodes) {
      const { host } = node;
      for (const { config, state, counters, lastError } of host.speaker.peerViews()) {
        if (state !== 'Established')
          this.fail(`${host.address}: session with ${config.peer} is ${state}: ${lastError}`);
        else if (this.options.chaosMs === 0 && counters.lost > 0)
          this.fail(`${host.address}: session with ${config.peer} was lost: ${lastError}`);
      }
      const links = node.peers.size;
      if (host.remoteEnd.size !== links)
        this.fail(`${host.address} has ${host.remoteEnd.size} connections for ${links} peers`);
      const expected = expectations.get(node)!;
      const found = new Map(
        [...host.forwarding].map(([prefix, route]) => [
          prefix,
          route.type === 'unicast' ? `${route.nextHops.join()}${route.stale ? ' stale' : ''}` : route.type,
        ]),
      );
      for (const prefix of new Set([...expected.keys(), ...found.keys()])) {
        const should = expected.get(prefix);
        const does = found.get(prefix);
        if (should === undefined ? does !== undefined : !should.accepts(does ?? ''))
          this.fail(`${host.address} forwards ${prefix} to ${does}, not to ${should?.words}`);
      }
      for (const other of this.nodes) if (this.arePeers(node, other)) this.checkTables(node, other);
    }
    for (const { host } of this.nodes) {
      const bad = host.log.find(({ event }) => event === 'update-error' || event === 'not-advertised');
      if (bad !== undefined) this.fail(`${host.address} logged ${JSON.stringify(bad)}`);
    }
  }

  /** What every host should forward, as the oracle has it. */
  private expectations(): Map<Node, Map<Prefix, Expectation>> {
    const all = new Map<Node, Map<Prefix, Expectation>>(this.nodes.map((node) => [node, new Map()]));
    for (const prefix of new Set(this.nodes.flatMap(({ originated }) => [...originated]))) {
      const used = oracle(
        this.nodes.map(({ number, originated }) => ({
          number,
          identifier: this.identifierRank(number),
          address: number,
          originates: originated.has(prefix),
        })),
        this.plan,
      );
      if (used === undefined) throw new Error(`invariant: the oracle has no answer for ${prefix}`);
      for (const node of this.nodes) {
        const origins = used.get(node.number);
        if (origins === undefined) continue;
        const local = node.originated.has(prefix);
        const addresses = origins.map((number) => this.addressOf(number));
        all.get(node)!.set(prefix, local ? exactly('blackhole') : together(addresses));
      }
    }
    return all;
  }

  /** What one side says that it advertises is what the other says that it received. */
  private checkTables(from: Node, to: Node): void {
    const told = [...from.host.speaker.advertisedTo(to.host.address as string as PeerId, this.family)]
      .filter(({ attributes }) => attributes !== undefined)
      .map(({ prefix, attributes }) => `${prefix} ${canonical(attributes)}`);
    const heard = [...to.host.speaker.routes(this.family)]
      .filter(({ source }) => source === (from.host.address as string))
      .map(({ prefix, attributes }) => `${prefix} ${canonical(attributes)}`);
    const missing = told.filter((line) => !heard.includes(line));
    const extra = heard.filter((line) => !told.includes(line));
    for (const line of missing)
      this.fail(`${to.host.address} does not know from ${from.host.address}: ${line}`);
    for (const line of extra) this.fail(`${to.host.address} still has from ${from.host.address}: ${line}`);
    const views = from.host.speaker.peerViews();
    const view = views.find(({ config }) => config.address === to.host.address);
    const count = view?.routes[this.family].advertised;
    if (count !== told.length)
      this.fail(`${from.host.address} counts ${count} routes, and tells ${told.length}`);
  }

  /** When nobody originates anything, nobody holds anything. */
  private withdrawAll(): void {
    for (const node of this.nodes) {
      for (const prefix of node.originated) node.host.tell({ type: 'WithdrawOriginated', prefix });
      node.originated.clear();
    }
    this.passTime(5_000);
    for (const { host, peers } of this.nodes) {
      const sizes = JSON.stringify(host.speaker.sizes());
      const empty = JSON.stringify({
        prefixes: { ipv4: 0, ipv6: 0 },
        attributeSetsHeard: 0,
        attributeSetsTold: 0,
        nextHops: 0,
        connections: peers.size,
      });
      if (sizes !== empty) this.fail(`${host.address} holds ${sizes} when all is withdrawn`);
      if (host.forwarding.size > 0) this.fail(`${host.address} forwards when all is withdrawn`);
    }
  }

  // ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private addressOf(number: number): Address {
    return this.family === 'ipv4'
      ? addressFromWords('ipv4', 0x0a000000 + number, 0, 0, 0)
      : addressFromWords('ipv6', 0xfd000000, 0, 0, number);
  }

  /** Not in the order of the addresses, so that each rule that compares them is seen to compare the right ones. */
  private identifierOf(number: number): Address {
    return addressFromWords('ipv4', 0x01010100 + this.identifierRank(number), 0, 0, 0);
  }

  /** Different for up to 250 hosts. */
  private identifierRank(number: number): number {
    return ((number * 7) % 251) + 1;
  }

  /** Block `index` of a node; those of node 0 belong to nobody and may be announced by all. */
  private block(node: number, index: number): Prefix {
    return this.family === 'ipv4'
      ? prefixOf(addressFromWords('ipv4', 0x0a410000 + (node << 11) + (index << 6), 0, 0, 0), 26)
      : prefixOf(addressFromWords('ipv6', 0xfd000065, (node << 16) + index, 0, 0), 64);
  }

  private anyPeer(node: Node): PeerConfig | undefined {
    return node.peers.size === 0 ? undefined : this.random.pick([...node.peers.values()]);
  }

  private after(delay: Millis, run: () => void): void {
    this.pending.push({ at: this.network.now + delay, run });
  }

  private passTime(duration: Millis): void {
    const until = this.network.now + duration;
    for (;;) {
      this.pending.sort((a, b) => a.at - b.at);
      const next = Math.min(until, this.pending[0]?.at ?? until, this.network.now + 1_000);
      this.network.run(Math.max(next, this.network.now));
      this.collectLogs();
      while (this.pending[0] !== undefined && this.pending[0].at <= this.network.now)
        this.pending.shift()!.run();
      this.rememberOrigins();
      if (this.network.now - this.checkedAt >= checkEveryMs(this.nodes.length) || this.nodes.length <= 20)
        this.checkAlways();
      if (this.network.now >= until) return;
    }
  }

  private collectLogs(): void {
    for (const { host } of this.nodes) {
      for (const event of host.log.slice(this.logged.get(host) ?? 0))
        this.note(`${host.address} ${describe(event)}`);
      this.logged.set(host, host.log.length);
    }
  }

  private note(line: string): void {
    this.trace.push(`${this.network.now} ${line}`);
  }

  private fail(what: string): void {
    if (this.violations.length < 20) this.violations.push(`at ${this.network.now} ms: ${what}`);
  }
}

const describe = (event: LogEvent): string =>
  Object.values(event)
    .filter((value) => value !== undefined && value !== '')
    .join(' ');

interface Expectation {
  readonly words: string;
  readonly accepts: (found: string) => boolean;
}

const exactly = (words: string): Expectation => ({ words, accepts: (found) => found === words });

/** All of them, up to what a speaker uses together. */
function together(addresses: readonly Address[]): Expectation {
  if (addresses.length <= MAX_PATHS) return exactly(addresses.join());
  return {
    words: `${MAX_PATHS} of ${addresses.join()}`,
    accepts: (found) => {
      const used = found.split(',');
      return used.length === MAX_PATHS && used.every((each) => addresses.includes(each as Address));
    },
  };
}

/** Equal for equal attributes, whatever the order of their properties. */
const canonical = (attributes: object | undefined): string =>
  JSON.stringify(Object.entries(attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
