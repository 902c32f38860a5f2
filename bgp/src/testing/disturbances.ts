// What is done to a network while it runs, one thing at a time, as the seed draws it.

import type { Millis } from '../net/time.ts';
import type { PeerConfig } from '../speaker/input.ts';
import { basePolicies, refusing } from './relations.ts';
import { BLOCKS, type Node, originate, type World } from './world.ts';

interface Disturbance {
  /** Out of the sum of all. */
  readonly weight: number;
  /** Needs a process. */
  readonly running: boolean;
  readonly run: (world: World, node: Node) => void;
}

const always = (weight: number, run: Disturbance['run']): Disturbance => ({ weight, running: false, run });
const running = (weight: number, run: Disturbance['run']): Disturbance => ({ weight, running: true, run });

const DISTURBANCES: readonly Disturbance[] = [
  always(25, announce),
  always(20, withdraw),
  always(8, linkDown),
  always(7, cut),
  running(6, crash),
  running(4, powerOff),
  running(4, restart),
  running(6, clear),
  running(6, garble),
  running(6, removePeer),
  running(6, changePolicy),
  running(6, reconfigure),
  running(2, jump),
  running(6, stall),
];

const TOTAL = DISTURBANCES.reduce((sum, { weight }) => sum + weight, 0);

/** Does one of them to one host. */
export function disturb(world: World): void {
  const node = world.random.pick(world.nodes);
  let drawn = world.random.between(0, TOTAL - 1);
  for (const each of DISTURBANCES) {
    drawn -= each.weight;
    if (drawn >= 0) continue;
    if (!each.running || node.backAt === undefined) each.run(world, node);
    return;
  }
}

/** Ends all of them. */
export function heal(world: World): void {
  world.note('all is well from here on');
  world.hurry();
  for (const node of world.nodes) {
    linkUp(world, node);
    if (node.backAt !== undefined) world.start(node);
    for (const [number, config] of [...node.peers])
      world.change(node, { ...config, ...basePolicies(world.plan, node.number, number) });
  }
}

// ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────

function announce(world: World, node: Node): void {
  const own = world.random.chance(0.7);
  const prefix = world.block(own ? node.number : 0, world.random.between(0, BLOCKS - 1));
  if (node.originated.has(prefix)) return;
  world.note(`${node.host.address} announces ${prefix}`);
  node.originated.add(prefix);
  if (node.backAt === undefined) node.host.tell(originate(prefix));
}

function withdraw(world: World, node: Node): void {
  if (node.originated.size === 0) return;
  const prefix = world.random.pick([...node.originated]);
  world.note(`${node.host.address} withdraws ${prefix}`);
  node.originated.delete(prefix);
  if (node.backAt === undefined) node.host.tell({ type: 'WithdrawOriginated', prefix });
}

// ── connections ───────────────────────────────────────────────────────────────────────────────────────────────────

function linkDown(world: World, node: Node): void {
  if (!node.host.linkUp) return;
  world.note(`${node.host.address} loses its link`);
  world.network.setLink(node.host, false);
  world.after(world.random.between(1, world.random.pick([500, 5_000, 40_000])), () => linkUp(world, node));
}

function linkUp(world: World, node: Node): void {
  if (node.host.linkUp) return;
  world.note(`${node.host.address} has its link again`);
  world.network.setLink(node.host, true);
}

function cut(world: World, node: Node): void {
  const other = world.random.pick(world.nodes);
  if (other === node) return;
  world.note(`connections of ${node.host.address} and ${other.host.address} are reset`);
  world.network.cut(node.host, other.host);
}

/** Headers that no speaker sends: a type, a length and a marker that are wrong (RFC 4271 §6.1). */
const NONSENSE: readonly Uint8Array[] = [
  [0xff, 19, 9],
  [0xff, 18, 4],
  [0x00, 19, 4],
].map(([marker = 0, length = 0, type = 0]) =>
  Uint8Array.from([...new Array<number>(16).fill(marker), 0, length, type]),
);

/** A peer hears nonsense, and ends the session with a NOTIFICATION. */
function garble(world: World, node: Node): void {
  const connections = [...node.host.remoteEnd.keys()];
  if (connections.length === 0) return;
  const connection = world.random.pick(connections);
  world.note(`${node.host.address} sends nonsense to ${node.host.remoteEnd.get(connection)!.host.address}`);
  world.network.send(node.host, connection, world.random.pick(NONSENSE));
}

function clear(world: World, node: Node): void {
  const config = anyPeer(world, node);
  if (config === undefined) return;
  const how = world.random.pick(['reset', 'soft-in', 'soft-out'] as const);
  world.note(`${node.host.address} clears ${config.peer}: ${how}`);
  node.host.tell({ type: 'Clear', peer: config.peer, how, text: 'simulation' });
}

/** Far ends do not read for a while. */
function stall(world: World, node: Node): void {
  node.host.roomOctets = world.random.pick([1, 100, 65536]);
  node.host.stalled = true;
  world.after(world.random.between(1, 4_000), () => world.network.resume(node.host));
}

// ── hosts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function crash(world: World, node: Node): void {
  world.note(`${node.host.address} crashes`);
  world.network.crash(node.host);
  comeBack(world, node, true);
}

function powerOff(world: World, node: Node): void {
  world.note(`${node.host.address} has no power`);
  world.network.powerOff(node.host);
  comeBack(world, node, false);
}

function restart(world: World, node: Node): void {
  const how = world.random.chance(0.7) ? 'restart' : 'leave';
  world.note(`${node.host.address} stops: ${how}`);
  node.host.tell({ type: 'Stop', how });
  world.network.crash(node.host);
  if (how === 'leave') node.host.forwarding.clear();
  comeBack(world, node, how === 'restart');
}

function comeBack(world: World, node: Node, restarting: boolean): void {
  const delay = world.random.between(1, world.random.pick([100, 3_000, 40_000]));
  const backAt: Millis = world.now + delay;
  node.backAt = backAt;
  node.restarting = restarting;
  world.after(delay, () => {
    if (node.backAt === backAt) world.start(node);
  });
}

/** A machine that slept, or a virtual one that was moved: its clock is ahead at once, and nobody else's. */
function jump(world: World, node: Node): void {
  const ms = world.random.pick([500, 5_000, 60_000, 3_600_000]);
  world.note(`the clock of ${node.host.address} jumps by ${ms} ms`);
  node.host.jump(ms);
}

// ── configuration ─────────────────────────────────────────────────────────────────────────────────────────────────

function removePeer(world: World, node: Node): void {
  const [number, config] = world.random.pick([...node.peers, [0, undefined] as const]);
  if (config === undefined) return;
  world.note(`${node.host.address} removes ${config.peer}`);
  node.peers.delete(number);
  node.host.tell({ type: 'RemovePeer', peer: config.peer });
  world.after(world.random.pick([0, 10, 5_000]), () => {
    if (node.peers.has(number)) return;
    world.note(`${node.host.address} adds ${config.peer}`);
    node.peers.set(number, config);
    if (node.backAt === undefined) node.host.tell({ type: 'AddPeer', config });
  });
}

function changePolicy(world: World, node: Node): void {
  const [number, config] = world.random.pick([...node.peers, [0, undefined] as const]);
  if (config === undefined) return;
  const prefix = world.block(
    world.random.between(0, world.nodes.length),
    world.random.between(0, BLOCKS - 1),
  );
  const side = world.random.pick(['importPolicy', 'exportPolicy'] as const);
  const base = basePolicies(world.plan, node.number, number)[side];
  const policy = config[side].terms.length === base.terms.length ? refusing(base, prefix) : base;
  world.note(`${node.host.address} changes the ${side} of ${config.peer}`);
  world.change(node, { ...config, [side]: policy });
}

/** Settings that are applied in place, by the next session, or with a reset of this one. */
function reconfigure(world: World, node: Node): void {
  const [number, config] = world.random.pick([...node.peers, [0, undefined] as const]);
  if (config === undefined) return;
  const fresh = world.peerConfig(node, world.nodes[number - 1]!);
  const setting = world.random.pick([
    'holdTimeSeconds',
    'gracefulRestartSeconds',
    'longLivedStaleSeconds',
    'notificationRestart',
    'extendedMessages',
    'delayOpenSeconds',
    'passive',
    'addPaths',
  ] as const);
  if (fresh[setting] === config[setting]) return;
  world.note(`${node.host.address} sets ${setting} of ${config.peer} to ${fresh[setting]}`);
  world.change(node, { ...config, [setting]: fresh[setting] });
}

const anyPeer = (world: World, { peers }: Node): PeerConfig | undefined =>
  peers.size === 0 ? undefined : world.random.pick([...peers.values()]);
