// BGP's TCP connections: connecting, being connected to, octets in and out, and how much room a connection has. Numbers of
// connections are the speaker's. What the octets mean is not known here. Who is let in is entrance.ts.

import type { Socket } from 'node:net';
import { type Address, type ConnectionId, type Millis, parseScopedAddress } from 'bgp-utils';
import { openConnection } from '../sys/sockets.ts';
import type { AcceptCounts } from './accept-gate.ts';
import { type Arrival, Entrance } from './entrance.ts';
import type { ListenSpec } from './listener.ts';
import { PeerSockets } from './peer-sockets.ts';
import { SharedReads } from './shared-reads.ts';

/** Octets that may wait in user space for one connection: enough to fill the pipe, little enough to stay fresh. */
const HIGH_WATER_OCTETS = 256 * 1024;

/** How long the last octets of a connection (a NOTIFICATION, say) may take to leave. */
const LINGER_MS = 1000;

export interface TcpEvents {
  readonly connected: (
    connection: ConnectionId,
    at: { localAddress: Address; localPort: number; remotePort: number },
  ) => void;
  readonly connectFailed: (connection: ConnectionId, reason: string) => void;
  /** @returns the number of the new connection. */
  readonly accepted: (at: {
    remoteAddress: Address;
    remotePort: number;
    localAddress: Address;
    localPort: number;
  }) => ConnectionId;
  /** @param octets  valid until the call returns. */
  readonly received: (connection: ConnectionId, octets: Uint8Array) => void;
  readonly disconnected: (connection: ConnectionId, reason: string) => void;
  /** The connection has room again. */
  readonly drained: (connection: ConnectionId) => void;
  /** Octets wait for the peer's TCP to take them: told when that begins, on every progress, and when it ends (RFC 9687). */
  readonly sending: (connection: ConnectionId, waiting: boolean) => void;
  /** A listener opened, or could not be opened and why. */
  readonly listening: (spec: ListenSpec, error: string | undefined) => void;
  /** Connections from addresses of no peer were closed without a word: at most once a minute. */
  readonly strangers: (count: number, last: Address) => void;
}

export class Tcp {
  private readonly reads = new SharedReads();
  private readonly sockets = new Map<ConnectionId, Socket>();
  /** Connections with octets that the kernel did not take at once. */
  private readonly waiting = new Set<ConnectionId>();
  private readonly entrance: Entrance;
  private peers = new PeerSockets(new Map());

  /** @param now  a monotonic clock. */
  constructor(
    private readonly events: TcpEvents,
    now: () => Millis,
  ) {
    this.entrance = new Entrance({
      accepted: (arrival) => this.accepted(arrival),
      listening: events.listening,
      strangers: events.strangers,
      now,
    });
  }

  /** Opens what is missing and closes what is not wanted any more; connections stay. */
  listen(specs: readonly ListenSpec[]): void {
    this.entrance.listen(specs);
  }

  /** What sockets of each peer need: for connections that begin from now on. */
  setPeers(peers: PeerSockets): void {
    this.peers = peers;
    this.entrance.setPeers(peers);
  }

  /** Of connections that came in, since the start. */
  get acceptCounts(): AcceptCounts {
    return this.entrance.counts;
  }

  /** Where BGP is listened for, and why not where it should be. */
  listening(): readonly { readonly spec: ListenSpec; readonly error: string | undefined }[] {
    return this.entrance.listening();
  }

  connect(
    connection: ConnectionId,
    to: { address: Address; port: number; localAddress: Address | undefined },
  ): void {
    const options = this.peers.of(to.address);
    const opened = openConnection({
      localAddress: to.localAddress,
      remoteAddress: to.address,
      md5Key: options?.password,
      ttl: options?.ttl,
      minTtl: options?.minTtl,
      device: options?.device,
      userTimeoutMs: options?.userTimeoutMs,
    });
    if (!opened.ok) {
      // Not from inside the call: the speaker is told in a turn of its own, as of every other failure.
      setImmediate(() => this.events.connectFailed(connection, opened.message));
      return;
    }
    const socket = this.reads.open(opened.fd, (octets) => this.received(connection, octets));
    this.sockets.set(connection, socket);
    const failed = (error: Error) => {
      if (this.forget(connection, socket)) this.events.connectFailed(connection, error.message);
    };
    socket.once('error', failed);
    socket.connect({ host: to.address, port: to.port }, () => {
      socket.off('error', failed);
      this.attach(connection, socket);
      this.events.connected(connection, {
        localAddress: parseScopedAddress(socket.localAddress ?? '') ?? to.address,
        localPort: socket.localPort ?? 0,
        remotePort: to.port,
      });
    });
  }

  /** Octets that may be written before `drained` has to be waited for. */
  room(connection: ConnectionId): number {
    const socket = this.sockets.get(connection);
    return socket === undefined ? 0 : Math.max(0, HIGH_WATER_OCTETS - socket.writableLength);
  }

  /** Octets wait for the kernel to take them. */
  waits(connection: ConnectionId): boolean {
    return (this.sockets.get(connection)?.writableLength ?? 0) > 0;
  }

  write(connection: ConnectionId, messages: readonly Uint8Array[]): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    if (messages.length > 1) socket.cork();
    const last = messages.length - 1;
    for (let i = 0; i < last; i++) socket.write(messages[i]!);
    if (last >= 0) socket.write(messages[last]!, () => this.written(connection, socket));
    if (messages.length > 1) socket.uncork();
    // What the kernel takes at once is told as written before this runs.
    if (!this.waiting.has(connection) && socket.writableLength > 0)
      setImmediate(() => {
        if (this.sockets.get(connection) !== socket || socket.writableLength === 0) return;
        this.waiting.add(connection);
        this.events.sending(connection, true);
      });
  }

  private written(connection: ConnectionId, socket: Socket): void {
    if (this.sockets.get(connection) !== socket || !this.waiting.has(connection)) return;
    const waiting = socket.writableLength > 0;
    if (!waiting) this.waiting.delete(connection);
    this.events.sending(connection, waiting);
  }

  /** Nothing is read from the connection until `resume`; what was read already is still told. */
  pause(connection: ConnectionId): void {
    this.sockets.get(connection)?.pause();
  }

  resume(connection: ConnectionId): void {
    this.sockets.get(connection)?.resume();
  }

  /** Nothing more is heard of this connection. */
  close(connection: ConnectionId, lastOctets: Uint8Array | undefined): void {
    const socket = this.sockets.get(connection);
    if (socket === undefined) return;
    this.forget(connection, socket);
    if (lastOctets === undefined && socket.writableLength === 0) {
      socket.destroy();
      return;
    }
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(linger));
    socket.resume(); // what still arrives is not read by anyone; unread octets would turn the FIN into a RST
    if (lastOctets === undefined) socket.end();
    else socket.end(lastOctets);
  }

  /** Everything, at once; octets that were written are still sent by the kernel. */
  closeAll(): void {
    this.entrance.close();
    for (const connection of [...this.sockets.keys()]) this.close(connection, undefined);
  }

  private accepted({ socket, remoteAddress, localAddress }: Arrival): void {
    const connection = this.events.accepted({
      remoteAddress,
      remotePort: socket.remotePort ?? 0,
      localAddress,
      localPort: socket.localPort ?? 0,
    });
    const ours = this.reads.takeOver(socket, (octets) => this.received(connection, octets));
    if (ours === undefined) {
      setImmediate(() => this.events.disconnected(connection, 'the connection was gone at once'));
      return;
    }
    this.sockets.set(connection, ours);
    this.attach(connection, ours);
  }

  private received(connection: ConnectionId, octets: Uint8Array): void {
    if (this.sockets.has(connection)) this.events.received(connection, octets);
  }

  private attach(connection: ConnectionId, socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('drain', () => {
      if (this.sockets.get(connection) === socket) this.events.drained(connection);
    });
    const ended = (reason: string) => {
      if (!this.forget(connection, socket)) return;
      socket.destroy();
      this.events.disconnected(connection, reason);
    };
    socket.on('error', (error) => ended(`connection lost: ${error.message}`));
    socket.on('end', () => ended('connection closed by the peer'));
    socket.on('close', () => ended('connection closed'));
  }

  /** @returns whether the connection was still ours to speak of. */
  private forget(connection: ConnectionId, socket: Socket): boolean {
    if (this.sockets.get(connection) !== socket) return false;
    this.sockets.delete(connection);
    this.waiting.delete(connection);
    socket.on('error', () => {});
    return true;
  }
}
