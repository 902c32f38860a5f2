// One listening socket for BGP: opened, tried again where it cannot be, and given the keys of the peers (RFC 2385). What comes in
// goes to tcp.ts.

import { createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Address, Family } from 'bgp-utils';
import { isLinkLocal, parseAddress, withZone } from 'bgp-utils';
import { noRoomForKeys, setMd5Key } from '../sys/md5.ts';
import { setTtl } from '../sys/socket-options.ts';
import { closeSocket, openListener } from '../sys/sockets.ts';
import type { NamedKey } from './peer-sockets.ts';

/** A listener that could not be opened is tried again: the port may be freed, the address may come. So are keys. */
const RETRY_MS = 5000;

const MAX_TTL = 255;

export interface ListenSpec {
  readonly family: Family;
  /** Undefined: every address of the family. */
  readonly address: Address | undefined;
  readonly port: number;
  /** The interface that connections come by; undefined is any. */
  readonly device?: string | undefined;
  /** In place of an address: the link-local one of that interface. */
  readonly linkLocalOf?: string | undefined;
}

export interface ListenerOptions {
  readonly spec: ListenSpec;
  readonly keys: () => ReadonlyMap<string, NamedKey>;
  readonly accept: (socket: Socket) => void;
  /** It opened or is whole again, or what is wrong with it. */
  readonly told: (spec: ListenSpec, error: string | undefined) => void;
}

export class Listener {
  readonly spec: ListenSpec;
  error: string | undefined;
  readonly #options: ListenerOptions;
  #server: Server | undefined;
  #fd: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Keys on this socket. */
  readonly #keys = new Map<string, string>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.#open();
  }

  close(): void {
    clearTimeout(this.#retry);
    if (this.#server !== undefined) this.#server.close();
    else if (this.#fd !== undefined) closeSocket(this.#fd);
  }

  /** The keys follow the peers; what does not fit is said, and tried again. */
  syncKeys(): void {
    if (this.#fd === undefined) return;
    clearTimeout(this.#retry);
    const error = this.#setKeys(this.#fd);
    if (error !== undefined) this.#later(() => this.syncKeys());
    this.#tell(error);
  }

  #open(): void {
    const { spec } = this;
    const address = spec.linkLocalOf === undefined ? spec.address : linkLocalOf(spec.linkLocalOf);
    if (spec.linkLocalOf !== undefined && address === undefined) {
      this.#later(() => this.#open());
      return this.#tell(
        `listening on port ${spec.port}: ${spec.linkLocalOf} has no link-local address (yet); see ip -6 address show dev ${spec.linkLocalOf}`,
      );
    }
    let missing: string | undefined;
    const opened = openListener({
      address,
      family: spec.family,
      port: spec.port,
      device: spec.device,
      // A peer that should sign must not find a moment in which it need not.
      prepare: (fd) => {
        missing = this.#setKeys(fd);
      },
    });
    if (!opened.ok) {
      this.#keys.clear();
      this.#later(() => this.#open());
      return this.#tell(opened.message);
    }
    // The handshake must reach a peer with GTSM, which drops all below 255 (RFC 5082 §3); `accept` sets the peer's own.
    setTtl(opened.fd, spec.family, MAX_TTL, undefined);
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#options.accept(socket));
    server.on('error', () => {}); // accept can fail for want of descriptors; the next one may work
    server.listen({ fd: opened.fd });
    this.#server = server;
    this.#fd = opened.fd;
    if (missing !== undefined) this.#later(() => this.syncKeys());
    this.error = missing;
    this.#options.told(spec, missing);
  }

  #later(again: () => void): void {
    this.#retry = setTimeout(again, RETRY_MS);
  }

  /** Once a change. */
  #tell(error: string | undefined): void {
    if (error === this.error) return;
    this.error = error;
    this.#options.told(this.spec, error);
  }

  /** @returns why some keys are missing. */
  #setKeys(fd: number): string | undefined {
    const wanted = this.#options.keys();
    for (const name of [...this.#keys.keys()]) if (!wanted.has(name)) this.#removeKey(fd, name);
    let error: string | undefined;
    for (const { name, address, prefixLength, key } of wanted.values()) {
      if (this.#keys.get(name) === key) continue;
      const failed = setMd5Key(fd, address, prefixLength, key);
      if (failed === undefined) this.#keys.set(name, key);
      else if (failed.name === 'ENOMEM') return noRoomForKeys(this.#keys.size, wanted.size);
      else error ??= failed.message;
    }
    return error;
  }

  #removeKey(fd: number, name: string): void {
    const [host = '', length] = name.split('/');
    setMd5Key(fd, host as Address, length === undefined ? undefined : Number(length), '');
    this.#keys.delete(name);
  }
}

/** Of an interface of this machine, with its zone. */
function linkLocalOf(name: string): Address | undefined {
  for (const { address: text } of networkInterfaces()[name] ?? []) {
    const address = parseAddress(text);
    if (address !== undefined && isLinkLocal(address)) return withZone(address, name);
  }
  return undefined;
}

export const keyOf = ({ family, address, port, device, linkLocalOf: zone }: ListenSpec): string =>
  [family, address ?? '*', port, device ?? '*', zone ?? ''].join(' ');
