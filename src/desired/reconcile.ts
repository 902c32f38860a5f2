// (desired, applied) → what to tell the speaker, in an order in which nothing is lost on the way: identity first; new
// routes before the peers that shall hear of them, gone routes last; gone peers before new ones, who may have their address.

import type { Input, OriginatedRoute, PeerConfig, PeerId, Prefix, SpeakerConfig } from 'bgp-utils';
import type { DesiredState } from './desired-state.ts';
import type { PeerTransport } from './peer-config.ts';
import { sameData } from './same.ts';

/** What the speaker was last told. */
export interface AppliedState {
  readonly speaker: SpeakerConfig | undefined;
  readonly peers: ReadonlyMap<PeerId, PeerConfig>;
  readonly originated: ReadonlyMap<Prefix, OriginatedRoute>;
  readonly transport: ReadonlyMap<PeerId, PeerTransport>;
}

export const NOTHING_APPLIED: AppliedState = {
  speaker: undefined,
  peers: new Map(),
  originated: new Map(),
  transport: new Map(),
};

export interface Reconciliation {
  readonly inputs: readonly Input[];
  /** What is applied once the inputs were handled, in that order. */
  readonly next: AppliedState;
}

/** Sockets must know `desired.transport` before the inputs are handled: a session that is reset connects with it. */
export function reconcile(desired: DesiredState, current: AppliedState): Reconciliation {
  const peers = new Map(desired.peers.map((peer) => [peer.peer, peer]));
  const originated = new Map(desired.originated.map((route) => [route.prefix, route]));
  const speaker = desired.speaker ?? current.speaker; // an identity cannot be taken away, only peers and routes
  const inputs: Input[] = [];
  const proved = new Map<object, object>();
  const same = (a: unknown, b: unknown): boolean => sameData(a, b, proved);
  if (speaker !== undefined && !same(speaker, current.speaker)) inputs.push({ type: 'Configure', speaker });
  for (const [prefix, route] of originated) {
    if (!same(route, current.originated.get(prefix))) inputs.push({ type: 'Originate', route });
  }
  for (const peer of current.peers.keys()) if (!peers.has(peer)) inputs.push({ type: 'RemovePeer', peer });
  for (const [peer, config] of peers) {
    const last = current.peers.get(peer);
    if (last === undefined) continue;
    if (!same(config, last)) inputs.push({ type: 'ChangePeer', config });
    // A password that comes or goes with the reason to wait for it resets the session by that reason alone.
    if (config.heldBack !== last.heldBack) continue;
    // An established connection keeps the key it was accepted with, so that only a new one has the new key.
    const text = transportChange(desired.transport.get(peer), current.transport.get(peer));
    if (text !== undefined) inputs.push({ type: 'Clear', peer, how: 'reconnect', text });
  }
  for (const [peer, config] of peers) if (!current.peers.has(peer)) inputs.push({ type: 'AddPeer', config });
  for (const prefix of current.originated.keys()) {
    if (!originated.has(prefix)) inputs.push({ type: 'WithdrawOriginated', prefix });
  }
  return { inputs, next: { speaker, peers, originated, transport: desired.transport } };
}

/** @returns what the peer's operator is told (RFC 9003), or undefined when nothing changed. */
function transportChange(
  now: PeerTransport | undefined,
  last: PeerTransport | undefined,
): string | undefined {
  if (now?.password !== last?.password) return 'the password changed';
  if (now?.device !== last?.device) return 'the interface changed';
  if (now?.ttl !== last?.ttl || now?.minTtl !== last?.minTtl) return 'TTL security changed';
  return undefined; // the timeout holds from the next connection on
}
