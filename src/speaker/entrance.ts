// Where others come in: the listening sockets, and of each connection whether its address is a peer's, when it is let in
// (accept-gate.ts), and what protects it from then on.

import type { Socket } from 'node:net';
import { type Address, familyOfAddress, type Millis, parseScopedAddress } from 'bgp-utils';
import { setMd5Key } from '../sys/md5.ts';
import { bindToDevice, setTtl, setUserTimeout } from '../sys/socket-options.ts';
import { type AcceptCounts, AcceptGate } from './accept-gate.ts';
import { keyOf, Listener, type ListenSpec } from './listener.ts';
import { type PeerSocketOptions, PeerSockets } from './peer-sockets.ts';
import { descriptorOf } from './shared-reads.ts';

/** How often connections that wait to be let in are looked at. */
const LET_IN_MS = 10;

/** Connections from strangers are told in the log once in this time. */
const STRANGERS_TOLD_MS = 60_000;

/** One that wants in. */
export interface Arrival {
  readonly socket: Socket;
  readonly remoteAddress: Address;
  readonly localAddress: Address;
}

export interface EntranceOptions {
  /** It is let in, and protected as its peer wants it. Nothing is read from it yet. */
  readonly accepted: (arrival: Arrival) => void;
  readonly listening: (spec: ListenSpec, error: string | undefined) => void;
  readonly strangers: (count: number, last: Address) => void;
  readonly now: () => Millis;
}

export class Entrance {
  private readonly listeners = new Map<string, Listener>();
  private peers = new PeerSockets(new Map());
  private readonly gate = new AcceptGate<Arrival>();
  private letIn: NodeJS.Timeout | undefined;
  private strangers = { toldAt: Number.NEGATIVE_INFINITY, told: 0 };

  constructor(private readonly options: EntranceOptions) {}

  get counts(): AcceptCounts {
    return this.gate.counts;
  }

  listen(specs: readonly ListenSpec[]): void {
    const wanted = new Map(specs.map((spec) => [keyOf(spec), spec]));
    for (const [key, listener] of this.listeners) {
      if (wanted.has(key)) continue;
      listener.close();
      this.listeners.delete(key);
    }
    for (const [key, spec] of wanted) {
      if (this.listeners.has(key)) continue;
      const listener = new Listener({
        spec,
        keys: () => this.peers.keys(spec.family),
        accept: (socket) => this.arrived(socket),
        told: this.options.listening,
      });
      this.listeners.set(key, listener);
    }
  }

  /** From now on; keys change on open listeners. */
  setPeers(peers: PeerSockets): void {
    this.peers = peers;
    for (const listener of this.listeners.values()) listener.syncKeys();
  }

  listening(): readonly { readonly spec: ListenSpec; readonly error: string | undefined }[] {
    return [...this.listeners.values()].map(({ spec, error }) => ({ spec, error }));
  }

  close(): void {
    this.listen([]);
    clearTimeout(this.letIn);
    for (const { socket } of this.gate.clear()) socket.destroy();
  }

  private arrived(socket: Socket): void {
    const remoteAddress = parseScopedAddress(socket.remoteAddress ?? '');
    const localAddress = parseScopedAddress(socket.localAddress ?? '');
    if (remoteAddress === undefined || localAddress === undefined) {
      socket.destroy(); // gone already
      return;
    }
    const arrival = { socket, remoteAddress, localAddress };
    const isPeer = this.peers.of(remoteAddress) !== undefined;
    const ofRange = !this.peers.isConfigured(remoteAddress);
    const verdict = this.gate.arrive(arrival, remoteAddress, isPeer, this.options.now(), ofRange);
    if (verdict === 'now') return this.accept(arrival);
    socket.on('error', () => {});
    if (verdict === 'waits') {
      this.letIn ??= setTimeout(() => this.letMoreIn(), LET_IN_MS);
      return;
    }
    socket.resetAndDestroy();
    if (verdict === 'stranger') this.tellStrangers(remoteAddress);
  }

  private letMoreIn(): void {
    this.letIn = undefined;
    for (
      let next = this.gate.next(this.options.now());
      next !== undefined;
      next = this.gate.next(this.options.now())
    )
      if (!next.socket.destroyed) this.accept(next);
    if (this.gate.waiting > 0) this.letIn = setTimeout(() => this.letMoreIn(), LET_IN_MS);
  }

  private tellStrangers(last: Address): void {
    const now = this.options.now();
    if (now - this.strangers.toldAt < STRANGERS_TOLD_MS) return;
    const { strangers } = this.gate.counts;
    this.options.strangers(strangers - this.strangers.told, last);
    this.strangers = { toldAt: now, told: strangers };
  }

  private accept(arrival: Arrival): void {
    const { socket, remoteAddress } = arrival;
    const options = this.peers.of(remoteAddress);
    const fd = descriptorOf(socket);
    // Unprotected where protection is asked for would be worse than no session.
    if (options !== undefined && (fd === undefined || !protect(fd, remoteAddress, options))) {
      socket.destroy();
      return;
    }
    this.options.accepted(arrival);
  }
}

/**
 * What the peer's connections need, on one that it opened. The key goes on the connection itself too: one that came in just before
 * the listener had it would do without.
 * @returns whether all of it is there that protects.
 */
function protect(fd: number, address: Address, options: PeerSocketOptions): boolean {
  const { password, ttl, minTtl, device, userTimeoutMs } = options;
  if (userTimeoutMs > 0) setUserTimeout(fd, userTimeoutMs);
  const ttlFailed = setTtl(fd, familyOfAddress(address), ttl, minTtl);
  return (
    (ttlFailed === undefined || minTtl === undefined) &&
    (device === undefined || bindToDevice(fd, device) === undefined) &&
    (password === undefined || setMd5Key(fd, address, undefined, password) === undefined)
  );
}
