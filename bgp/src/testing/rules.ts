// What has to hold in a simulated network: some of it all the time, all of it at rest, and nothing left when nothing is told.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Millis } from '../net/time.ts';
import type { PeerId } from '../speaker/input.ts';
import type { PeerView, RouteView } from '../speaker/inspect.ts';
import { Oracle } from './oracle.ts';
import { MAX_PATHS, type Node, type World } from './world.ts';

/** Large networks are looked at less often, or most of the time would go there. */
const MANY_HOSTS = 20;
const SELDOM_MS = 5_000;
/** Tables of so many pairs of peers are compared at rest. */
const COMPARED_PAIRS = 4_000;

export class Rules {
  /** Last time at which a node originated a prefix. */
  private readonly had = new Map<string, Millis>();
  /** Last time at which anyone originated it. */
  private readonly originated = new Map<Prefix, Millis>();
  /** Since when packets for a prefix go round in a circle. */
  private circling = new Map<string, Millis>();
  private checkedAt: Millis = 0;
  /** How long a route may be used when its origin is gone: for each hop that keeps it a hold time and the times of a restart. */
  private readonly goneMs: Millis;
  private readonly severalAs: boolean;

  constructor(private readonly world: World) {
    const { holdSeconds, restartSeconds, longLivedSeconds } = world.settings;
    // Once more while the peer that comes back is lost again.
    const keptMs = (2 * (holdSeconds + restartSeconds) + longLivedSeconds) * 1000;
    this.goneMs = keptMs * Math.max(1, world.plan.hops / 3) + 10_000;
    this.severalAs = world.nodes.some(({ number }) => world.plan.asOf(number) !== world.plan.asOf(1));
  }

  // ── all the time ────────────────────────────────────────────────────────────────────────────────────────────────

  watch(): void {
    const { world } = this;
    this.remember();
    const few = world.nodes.length <= MANY_HOSTS;
    if (!few && world.now - this.checkedAt < SELDOM_MS) return;
    this.checkedAt = world.now;
    this.checkUse();
    this.checkCircles(this.goneMs);
  }

  private remember(): void {
    const { now, nodes } = this.world;
    for (const { host, backAt, originated } of nodes) {
      if (backAt !== undefined || !host.up) continue;
      for (const prefix of originated) {
        this.had.set(`${host.address} ${prefix}`, now);
        this.originated.set(prefix, now);
      }
    }
  }

  /** Nobody uses a route whose origin has been gone for long, or by way of a host that never had it. */
  private checkUse(): void {
    const { world } = this;
    for (const { host, backAt } of world.nodes) {
      if (backAt !== undefined || host.converged.length === 0) continue;
      for (const [prefix, route] of host.forwarding) {
        if (route.type !== 'unicast') continue;
        const origin = this.originated.get(prefix);
        if (origin === undefined || world.now - origin > this.goneMs)
          world.fail(`${host.address} uses ${prefix}, which nobody has since ${origin} ms`);
        for (const nextHop of route.nextHops) {
          const seen = this.lastHad(nextHop, prefix);
          if (seen === undefined)
            world.fail(`${host.address} uses ${prefix} via ${nextHop}, which never had it`);
          else if (world.now - seen > this.goneMs)
            world.fail(`${host.address} uses ${prefix} via ${nextHop}, which lost it at ${seen} ms`);
        }
      }
    }
  }

  private lastHad(at: Address, prefix: Prefix): Millis | undefined {
    const originated = this.had.get(`${at} ${prefix}`);
    const host = this.world.network.hosts.get(at);
    // By way of a host that only forwards it goes nobody but another AS.
    if (!this.severalAs || host === undefined) return originated;
    if (host.forwarding.has(prefix)) return this.world.now;
    const forwarded = host.hadAt.get(prefix);
    return originated === undefined || forwarded === undefined
      ? (originated ?? forwarded)
      : Math.max(originated, forwarded);
  }

  /** Packets do not go round in circles for longer than a change takes to be known everywhere. */
  private checkCircles(allowedMs: Millis): void {
    const { world } = this;
    const before = this.circling;
    this.circling = new Map();
    const prefixes = new Set(world.nodes.flatMap(({ host }) => [...host.forwarding.keys()]));
    for (const prefix of prefixes) {
      const done = new Set<Address>();
      for (const { host } of world.nodes) this.follow(prefix, host.address, [], done);
    }
    for (const circle of this.circling.keys()) {
      const since = before.get(circle) ?? world.now;
      this.circling.set(circle, since);
      if (world.now - since >= allowedMs) world.fail(`packets go round since ${since} ms: ${circle}`);
    }
  }

  private follow(prefix: Prefix, at: Address, path: readonly Address[], done: Set<Address>): void {
    if (path.includes(at)) {
      const circle = path.slice(path.indexOf(at));
      this.circling.set(`${prefix}: ${[...circle].sort().join(' ')}`, 0);
      return;
    }
    if (done.has(at)) return;
    const route = this.world.network.hosts.get(at)?.forwarding.get(prefix);
    if (route?.type === 'unicast')
      for (const nextHop of route.nextHops) this.follow(prefix, nextHop, [...path, at], done);
    done.add(at);
  }

  // ── at rest ─────────────────────────────────────────────────────────────────────────────────────────────────────

  atRest(): void {
    const { world } = this;
    this.circling.clear();
    this.checkCircles(0);
    this.checkForwarding();
    const views = new Map(world.nodes.map((node) => [node, this.checkSessions(node)]));
    this.checkTables(views);
    for (const { host } of world.nodes) {
      const bad = host.log.find(({ event }) => event === 'update-error' || event === 'not-advertised');
      if (bad !== undefined) world.fail(`${host.address} logged ${JSON.stringify(bad)}`);
    }
  }

  private checkSessions({ host, peers }: Node): readonly PeerView[] {
    const { world } = this;
    const views = host.speaker.peerViews();
    for (const { config, state, counters, lastError } of views) {
      if (state !== 'Established')
        world.fail(`${host.address}: session with ${config.peer} is ${state}: ${lastError}`);
      else if (world.options.chaosMs === 0 && counters.lost > 0)
        world.fail(`${host.address}: session with ${config.peer} was lost: ${lastError}`);
    }
    if (host.remoteEnd.size !== peers.size)
      world.fail(`${host.address} has ${host.remoteEnd.size} connections for ${peers.size} peers`);
    return views;
  }

  /** Every host forwards as the oracle has it. */
  private checkForwarding(): void {
    const { world } = this;
    const { plan, nodes } = world;
    const oracle = new Oracle({
      plan,
      hosts: nodes.map(({ number }) => ({ number, identifier: world.identifierRank(number) })),
      maxPaths: MAX_PATHS,
      tellsPaths: (from, to) =>
        ['send', 'both'].includes(nodes[from - 1]!.peers.get(to)?.addPaths ?? 'off') &&
        ['receive', 'both'].includes(nodes[to - 1]!.peers.get(from)?.addPaths ?? 'off'),
    });
    const prefixes = new Set(
      nodes.flatMap(({ host, originated }) => [...originated, ...host.forwarding.keys()]),
    );
    for (const prefix of prefixes) {
      const originators = new Set(
        nodes.filter((node) => node.originated.has(prefix)).map(({ number }) => number),
      );
      const used = oracle.used(originators);
      if (used === undefined) throw new Error(`invariant: the oracle has no answer for ${prefix}`);
      for (const node of nodes) {
        const numbers = used.get(node.number);
        const should =
          numbers === undefined
            ? undefined
            : originators.has(node.number)
              ? exactly('blackhole')
              : together(numbers.map((number) => world.addressOf(number)));
        const does = forwarded(node, prefix);
        if (should === undefined ? does !== undefined : !should.accepts(does ?? ''))
          world.fail(`${node.host.address} forwards ${prefix} to ${does}, not to ${should?.words}`);
      }
    }
  }

  /** What one side says that it advertises is what the other says that it received. */
  private checkTables(views: ReadonlyMap<Node, readonly PeerView[]>): void {
    const { nodes, random, plan } = this.world;
    const pairs = nodes.flatMap((to) =>
      nodes.filter((from) => plan.arePeers(from.number, to.number)).map((from) => ({ from, to })),
    );
    while (pairs.length > COMPARED_PAIRS) pairs.splice(random.between(0, pairs.length - 1), 1);
    let to: Node | undefined;
    let heard = new Map<string, string[]>();
    for (const pair of pairs) {
      if (pair.to !== to) heard = this.heardBy(pair.to);
      to = pair.to;
      this.comparePair(pair.from, to, heard.get(pair.from.host.address) ?? [], views.get(pair.from)!);
    }
  }

  private heardBy({ host }: Node): Map<string, string[]> {
    const heard = new Map<string, string[]>();
    for (const { prefix, source, attributes } of host.speaker.routes(
      this.world.settings.family,
      undefined,
      'received',
    )) {
      const lines = heard.get(source) ?? [];
      lines.push(`${prefix} ${canonical(attributes)}`);
      heard.set(source, lines);
    }
    return heard;
  }

  private comparePair(from: Node, to: Node, heard: readonly string[], views: readonly PeerView[]): void {
    const { world } = this;
    const { family } = world.settings;
    const told = [...from.host.speaker.advertisedTo(to.host.address as string as PeerId, family)]
      .filter(({ attributes }) => attributes !== undefined)
      .map(({ prefix, attributes }) => `${prefix} ${canonical(attributes)}`);
    for (const line of told.filter((each) => !heard.includes(each)))
      world.fail(`${to.host.address} does not know from ${from.host.address}: ${line}`);
    for (const line of heard.filter((each) => !told.includes(each)))
      world.fail(`${to.host.address} still has from ${from.host.address}: ${line}`);
    const count = views.find(({ config }) => config.address === to.host.address)?.routes[family].advertised;
    if (count !== told.length)
      world.fail(`${from.host.address} counts ${count} routes, and tells ${told.length}`);
  }

  // ── when nobody originates anything ─────────────────────────────────────────────────────────────────────────────

  whenEmpty(): void {
    const { world } = this;
    for (const { host, peers } of world.nodes) {
      const sizes = JSON.stringify(host.speaker.sizes());
      const empty = JSON.stringify({
        prefixes: { ipv4: 0, ipv6: 0 },
        attributeSetsHeard: 0,
        attributeSetsTold: 0,
        nextHops: 0,
        connections: peers.size,
      });
      if (sizes !== empty) world.fail(`${host.address} holds ${sizes} when all is withdrawn`);
      if (host.forwarding.size > 0) world.fail(`${host.address} forwards when all is withdrawn`);
    }
  }
}

const forwarded = ({ host }: Node, prefix: Prefix): string | undefined => {
  const route = host.forwarding.get(prefix);
  return route?.type === 'unicast' ? `${route.nextHops.join()}${route.stale ? ' stale' : ''}` : route?.type;
};

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

/** Equal for equal attributes, whatever the order of their properties. ONLY_TO_CUSTOMER may be added on receipt (RFC 9234 §5). */
const canonical = (attributes: RouteView['attributes'] | undefined): string =>
  JSON.stringify(
    Object.entries(attributes ?? {})
      .filter(([name]) => name !== 'onlyToCustomer')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
