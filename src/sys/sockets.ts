// TCP sockets with what `node:net` cannot set: FREEBIND, V6ONLY, the interface, TCP MD5 keys (md5.ts), TTLs and timeouts
// (socket-options.ts). They are made here and handed to Node as descriptors (`server.listen({fd})`, `new net.Socket({fd})`);
// connecting, reading and writing are Node's.

import { type Address, type Family, familyOfAddress, zoneOf } from 'bgp-utils';
import {
  AF,
  bind,
  close,
  duplicateDescriptor,
  ERRNO,
  interfaceIndex,
  isSystemError,
  listen,
  SO,
  SOCK,
  SOL_SOCKET,
  type SystemError,
  setsockopt,
  socket,
  unavailable,
} from './libc.ts';
import { setMd5Key } from './md5.ts';
import { socketAddress } from './socket-address.ts';
import { bindToDevice, IP, IPPROTO, IPV6, limitUnsent, setTtl, setUserTimeout } from './socket-options.ts';

/** Connections that wait to be accepted: some thousand peers may come at once when a reflector restarts. */
const BACKLOG = 1024;

export type SocketResult =
  | { readonly ok: true; readonly fd: number }
  | ({ readonly ok: false } & SystemError);

export interface ListenerOptions {
  /** Undefined: any address of the family. */
  readonly address: Address | undefined;
  readonly family: Family;
  /** 0 takes a free one. */
  readonly port: number;
  /** Binds to an address that is not there (yet). */
  readonly freebind?: boolean;
  /** IPv6 only: does not take IPv4 as ::ffff:a.b.c.d as well. Default true. */
  readonly v6only?: boolean;
  /** The only interface that connections come by; undefined is any. */
  readonly device?: string | undefined;
  /** Given the bound socket before it listens: what connections shall inherit, keys above all, goes on here. */
  readonly prepare?: (fd: number) => void;
}

/** A listening socket, for `server.listen({fd})`. Options set on it are inherited by what it accepts. */
export function openListener(options: ListenerOptions): SocketResult {
  const { family, port } = options;
  const where = options.address === undefined ? `port ${port}` : `${formatEndpoint(options.address, port)}`;
  return build(family, `listening on ${where}`, listenHint(options), (fd) => {
    const v6 = family === 'ipv6';
    const failed =
      setsockopt(fd, SOL_SOCKET, SO.REUSEADDR, 1) ??
      (v6 ? setsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, (options.v6only ?? true) ? 1 : 0) : undefined) ??
      (options.freebind
        ? setsockopt(fd, v6 ? IPPROTO.IPV6 : IPPROTO.IP, v6 ? IPV6.FREEBIND : IP.FREEBIND, 1)
        : undefined);
    const unbound =
      failed ??
      (options.device === undefined ? undefined : bindToDevice(fd, options.device)) ??
      bind(fd, socketAddress(options.address, family, port));
    if (unbound !== undefined) return unbound;
    limitUnsent(fd);
    options.prepare?.(fd);
    return listen(fd, BACKLOG);
  });
}

export interface ConnectionOptions {
  /** Undefined: the kernel's choice. */
  readonly localAddress: Address | undefined;
  readonly remoteAddress: Address;
  readonly md5Key?: string | undefined;
  /** TTL or hop limit of what we send, 1..255. Undefined: the system's. */
  readonly ttl?: number | undefined;
  /** Segments that arrive with less are dropped (GTSM). */
  readonly minTtl?: number | undefined;
  /** The interface to connect by; undefined is the routing table's choice. */
  readonly device?: string | undefined;
  /** For how long octets may stay unacknowledged, the first SYN among them; undefined and 0 leave it to the kernel. */
  readonly userTimeoutMs?: number | undefined;
}

/**
 * A bound, unconnected socket. Node must `connect()` it in the same turn as `new net.Socket({fd})`, or make it with
 * `manualStart: true`: it starts to read at once and would die of ENOTCONN.
 */
export function openConnection(options: ConnectionOptions): SocketResult {
  const family = familyOfAddress(options.remoteAddress);
  const { localAddress } = options;
  return build(family, `a connection to ${options.remoteAddress}`, connectionHint(options), (fd) => {
    const failed =
      missingZone(options.remoteAddress) ??
      setTtl(fd, family, options.ttl, options.minTtl) ??
      (options.device === undefined ? undefined : bindToDevice(fd, options.device)) ??
      (options.userTimeoutMs ? setUserTimeout(fd, options.userTimeoutMs) : undefined);
    if (failed !== undefined) return failed;
    limitUnsent(fd);
    if (options.md5Key !== undefined) {
      const refused = setMd5Key(fd, options.remoteAddress, undefined, options.md5Key);
      if (refused !== undefined) return refused;
    }
    if (localAddress === undefined) return undefined;
    // The port is chosen at connect, by the pair: many connections from one address do not use up the ports.
    setsockopt(fd, IPPROTO.IP, IP.BIND_ADDRESS_NO_PORT, 1);
    return bind(fd, socketAddress(localAddress, family, 0));
  });
}

export const closeSocket = close;

/** Node would say EINVAL of a link-local address whose interface is not there. */
function missingZone(address: Address): SystemError | undefined {
  const zone = zoneOf(address);
  if (zone === undefined || interfaceIndex(zone) !== 0) return undefined;
  return {
    errno: ERRNO.ENODEV,
    name: 'ENODEV',
    message: `this machine has no interface ${zone} (ip link show)`,
  };
}

type Advice = (error: SystemError) => string | undefined;

function build(
  family: Family,
  what: string,
  advice: Advice,
  set: (fd: number) => SystemError | undefined,
): SocketResult {
  const missing = unavailable();
  if (missing !== undefined) {
    return { ok: false, errno: ERRNO.ENOSYS, name: 'ENOSYS', message: `${what}: ${missing}` };
  }
  const fd = socket(family === 'ipv6' ? AF.INET6 : AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0);
  const error = isSystemError(fd) ? fd : set(fd);
  if (error === undefined) return { ok: true, fd: fd as number };
  if (!isSystemError(fd)) close(fd);
  return {
    ok: false,
    errno: error.errno,
    name: error.name,
    message: `${what}: ${advice(error) ?? error.message}`,
  };
}

const listenHint =
  (options: ListenerOptions): Advice =>
  (error) => {
    const { port, address } = options;
    switch (error.name) {
      case 'EADDRINUSE':
        return `port ${port} taken by another program: ss -ltnp 'sport = :${port}' shows it; stop it (calico/node's bird?) or set listenPort in BGPConfiguration node.<name>`;
      case 'EACCES':
      case 'EPERM':
        return port < 1024
          ? `ports below 1024 need CAP_NET_BIND_SERVICE (permission denied): run as root, or grant it with AmbientCapabilities= or setcap, or set listenPort in BGPConfiguration node.<name>`
          : undefined;
      case 'EADDRNOTAVAIL':
        return `this machine does not have the address ${address} (ip address show): correct the Node's address, or set bindMode: None in BGPConfiguration`;
      case 'EAFNOSUPPORT':
        return `the kernel has no ${options.family === 'ipv6' ? 'IPv6' : 'IPv4'}: enable it (ipv6.disable=0) or remove the Node's address of that family`;
      default:
        return undefined;
    }
  };

const connectionHint =
  (options: ConnectionOptions): Advice =>
  (error) => {
    if (error.name === 'EADDRNOTAVAIL') {
      return `this machine does not have the source address ${options.localAddress} (ip address show): correct the Node's address, or set sourceAddress: None in the BGPPeer`;
    }
    if (error.name === 'EMFILE' || error.name === 'ENFILE') {
      return `${error.message}: raise LimitNOFILE= (ulimit -n)`;
    }
    return undefined;
  };

const formatEndpoint = (address: Address, port: number): string =>
  familyOfAddress(address) === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;

/** @returns another descriptor of the same socket; undefined when descriptors have run out, or it is closed. */
export function duplicate(fd: number): number | undefined {
  const own = duplicateDescriptor(fd);
  return isSystemError(own) ? undefined : own;
}
