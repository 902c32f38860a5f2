// BGP's TCP connections: listeners, connecting, octets in and out, and how much room a connection has. Numbers of
// connections are the speaker's. What the octets mean is not known here.

import { createServer, type Server, Socket } from 'node:net';
import { type Address, type ConnectionId, type Family, familyOfAddress, parseAddress } from 'bgp-utils';
import { closeSocket, openConnection, openListener, setMd5Key, setTtl } from '../sys/sockets.ts';

/** Octets that may wait in user space for one connection: enough to fill the pipe, little enough to stay fresh. */
const HIGH_WATER_OCTETS = 256 * 1024;

/** How long the last octets of a connection (a NOTIFICATION, say) may take to leave. */
const LINGER_MS = 1000;

/** A listener that could not be opened is tried again: the port may be freed, the address may come. */
const LISTEN_RETRY_MS = 5000;

const MAX_TTL = 255;

export interface ListenSpec {
  readonly family: Family;
  /** Undefined: every address of the family. */
  readonly address: Address | undefined;
  readonly port: number;
}

/** What a connection with a peer needs beyond addresses. */
export interface PeerSocketOptions {
  /** TCP MD5 key (RFC 2385); undefined is none. */
  readonly password: string | undefined;
  readonly ttl: number | undefined;
  /** Segments with less are dropped (RFC 5082). */
  readonly minTtl: number | undefined;
}

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
  readonly received: (connection: ConnectionId, octets: Uint8Array) => void;
  readonly disconnected: (connection: ConnectionId, reason: string) => void;
  /** The connection has room again. */
  readonly drained: (connection: ConnectionId) => void;
  /** Octets wait for the peer's TCP to take them: told when that begins, on every progress, and when it ends (RFC 9687). */
  readonly sending: (connection: ConnectionId, waiting: boolean) => void;
  /** A listener opened, or could not be opened and why. */
  readonly listening: (spec: ListenSpec, error: string | undefined) => void;
}

interface Listener {
  readonly spec: ListenSpec;
  server: Server | undefined;
  fd: number | undefined;
  error: string | undefined;
  retry: NodeJS.Timeout | undefined;
  /** Addresses that have a key on this socket. */
  readonly keys: Map<Address, string>;
}

export class Tcp {
  private readonly sockets = new Map<ConnectionId, Socket>();
  /** Connections with octets that the kernel did not take at once. */
  private readonly waiting = new Set<ConnectionId>();
  private readonly listeners = new Map<string, Listener>();
  private peers: ReadonlyMap<Address, PeerSocketOptions> = new Map();

  constructor(private readonly events: TcpEvents) {}

  /** Opens what is missing and closes what is not wanted any more; connections stay. */
  listen(specs: readonly ListenSpec[]): void {
    const wanted = new Map(specs.map((spec) => [keyOf(spec), spec]));
    for (const [key, listener] of this.listeners) {
      if (wanted.has(key)) continue;
      closeListener(listener);
      this.listeners.delete(key);
    }
    for (const [key, spec] of wanted) {
      if (this.listeners.has(key)) continue;
      const listener: Listener = {
        spec,
        server: undefined,
        fd: undefined,
        error: undefined,
        retry: undefined,
        keys: new Map(),
      };
      this.listeners.set(key, listener);
      this.open(listener);
    }
  }

  /** Passwords and TTLs by peer address: for connections that begin from now on. */
  setPeers(peers: ReadonlyMap<Address, PeerSocketOptions>): void {
    this.peers = peers;
    for (const listener of this.listeners.values()) this.syncKeys(listener);
  }

  /** Where BGP is listened for, and why not where it should be. */
  listening(): readonly { readonly spec: ListenSpec; readonly error: string | undefined }[] {
    return [...this.listeners.values()].map(({ spec, error }) => ({ spec, error }));
  }

  connect(
    connection: ConnectionId,
    to: { address: Address; port: number; localAddress: Address | undefined },
  ): void {
    const options = this.peers.get(to.address);
    const opened = openConnection({
      localAddress: to.localAddress,
      remoteAddress: to.address,
      md5Key: options?.password,
      ttl: options?.ttl,
      minTtl: options?.minTtl,
    });
    if (!opened.ok) {
      // Not from inside the call: the speaker is told in a turn of its own, as of every other failure.
      setImmediate(() => this.events.connectFailed(connection, opened.message));
      return;
    }
    const socket = new Socket({ fd: opened.fd });
    this.sockets.set(connection, socket);
    const failed = (error: Error) => {
      if (this.forget(connection, socket)) this.events.connectFailed(connection, error.message);
    };
    socket.once('error', failed);
    socket.connect({ host: to.address, port: to.port }, () => {
      socket.off('error', failed);
      this.attach(connection, socket);
      this.events.connected(connection, {
        localAddress: parseAddress(socket.localAddress ?? '') ?? to.address,
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
    for (const [i, octets] of messages.entries()) {
      if (i < last) socket.write(octets);
      else socket.write(octets, () => this.written(connection, socket));
    }
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
    this.listen([]);
    for (const connection of [...this.sockets.keys()]) this.close(connection, undefined);
  }

  private open(listener: Listener): void {
    const { spec } = listener;
    const opened = openListener({
      address: spec.address,
      family: spec.family,
      port: spec.port,
      md5Keys: this.keysFor(spec.family),
    });
    if (!opened.ok) {
      listener.retry = setTimeout(() => this.open(listener), LISTEN_RETRY_MS);
      if (listener.error === opened.message) return;
      listener.error = opened.message;
      this.events.listening(spec, opened.message);
      return;
    }
    for (const { address, key } of this.keysFor(spec.family)) listener.keys.set(address, key);
    // The handshake must reach a peer with GTSM, which drops all below 255 (RFC 5082 §3); `accept` sets the peer's own.
    setTtl(opened.fd, spec.family, MAX_TTL, undefined);
    const server = createServer({ pauseOnConnect: true }, (socket) => this.accept(socket));
    server.on('error', () => {}); // accept can fail for want of descriptors; the next one may work
    server.listen({ fd: opened.fd });
    listener.server = server;
    listener.fd = opened.fd;
    listener.error = undefined;
    this.events.listening(spec, undefined);
  }

  private accept(socket: Socket): void {
    const remoteAddress = parseAddress(socket.remoteAddress ?? '');
    const localAddress = parseAddress(socket.localAddress ?? '');
    if (remoteAddress === undefined || localAddress === undefined) {
      socket.destroy(); // gone already, or a scoped address, which no peer is configured with
      return;
    }
    const options = this.peers.get(remoteAddress);
    const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd;
    if (options !== undefined && fd !== undefined) {
      const failed = setTtl(fd, familyOfAddress(remoteAddress), options.ttl, options.minTtl);
      // Unprotected where protection is asked for would be worse than no session.
      if (failed !== undefined && options.minTtl !== undefined) {
        socket.destroy();
        return;
      }
    }
    const connection = this.events.accepted({
      remoteAddress,
      remotePort: socket.remotePort ?? 0,
      localAddress,
      localPort: socket.localPort ?? 0,
    });
    this.sockets.set(connection, socket);
    this.attach(connection, socket);
    socket.resume();
  }

  private attach(connection: ConnectionId, socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (octets: Buffer) => {
      if (this.sockets.get(connection) === socket) this.events.received(connection, octets);
    });
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

  private keysFor(family: Family): { address: Address; prefixLength: undefined; key: string }[] {
    return [...this.peers].flatMap(([address, { password }]) =>
      password === undefined || familyOfAddress(address) !== family
        ? []
        : [{ address, prefixLength: undefined, key: password }],
    );
  }

  /** The keys on a listening socket follow the peers; a failure is that listener's error. */
  private syncKeys(listener: Listener): void {
    if (listener.fd === undefined) return;
    const wanted = new Map(this.keysFor(listener.spec.family).map(({ address, key }) => [address, key]));
    for (const address of new Set([...listener.keys.keys(), ...wanted.keys()])) {
      const key = wanted.get(address);
      if (listener.keys.get(address) === key) continue;
      const error = setMd5Key(listener.fd, address, undefined, key ?? '');
      if (error !== undefined) {
        listener.error = error.message;
        this.events.listening(listener.spec, error.message);
      } else if (key === undefined) listener.keys.delete(address);
      else listener.keys.set(address, key);
    }
  }
}

function closeListener(listener: Listener): void {
  clearTimeout(listener.retry);
  if (listener.server !== undefined) listener.server.close();
  else if (listener.fd !== undefined) closeSocket(listener.fd);
}

const keyOf = ({ family, address, port }: ListenSpec): string => `${family} ${address ?? '*'} ${port}`;
