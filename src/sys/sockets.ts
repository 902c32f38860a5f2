// TCP sockets with what `node:net` cannot set: FREEBIND, V6ONLY, TCP MD5 keys (RFC 2385), TTL and the least TTL accepted
// (GTSM, RFC 5082). They are made here and handed to Node as descriptors (`server.listen({fd})`, `new net.Socket({fd})`);
// connecting, reading and writing are Node's. Also reads datagrams from a descriptor of a family Node does not know.

import net from 'node:net';
import { type Address, addressOctets, type Family, familyOfAddress } from 'bgp-utils';
import {
  AF,
  bind,
  close,
  ERRNO,
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

const IPPROTO = { IP: 0, TCP: 6, IPV6: 41 } as const;
const IP = { TTL: 2, FREEBIND: 15, MINTTL: 21, BIND_ADDRESS_NO_PORT: 24 } as const;
const IPV6 = { UNICAST_HOPS: 16, V6ONLY: 26, MINHOPCOUNT: 73, FREEBIND: 78 } as const;
const TCP = { MD5SIG: 14, MD5SIG_EXT: 32 } as const;
const TCP_MD5SIG_MAXKEYLEN = 80;
const BACKLOG = 128;

export type SocketResult =
  | { readonly ok: true; readonly fd: number }
  | ({ readonly ok: false } & SystemError);

/** A key for TCP segments to and from an address, or a range of them. */
export interface Md5Key {
  readonly address: Address;
  /** Undefined: that address alone. A longer match wins over a shorter one. */
  readonly prefixLength: number | undefined;
  readonly key: string;
}

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
  readonly md5Keys?: readonly Md5Key[];
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
    if (failed !== undefined) return failed;
    for (const key of options.md5Keys ?? []) {
      const refused = setMd5Key(fd, key.address, key.prefixLength, key.key);
      if (refused !== undefined) return refused;
    }
    return bind(fd, socketAddress(options.address, family, port)) ?? listen(fd, BACKLOG);
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
}

/**
 * A bound, unconnected socket. Node must `connect()` it in the same turn as `new net.Socket({fd})`, or make it with
 * `manualStart: true`: it starts to read at once and would die of ENOTCONN.
 */
export function openConnection(options: ConnectionOptions): SocketResult {
  const family = familyOfAddress(options.remoteAddress);
  const { localAddress } = options;
  return build(family, `a connection to ${options.remoteAddress}`, connectionHint(options), (fd) => {
    const failed = setTtl(fd, family, options.ttl, options.minTtl);
    if (failed !== undefined) return failed;
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

/**
 * Sets, replaces or (with an empty key) removes a key. On a listener it holds for connections that begin later; those
 * established keep the key they began with, so a changed password must reset the session. Removing an absent one is fine.
 * @returns undefined, or what went wrong and what to do.
 */
export function setMd5Key(
  fd: number,
  address: Address,
  prefixLength: number | undefined,
  key: string,
): SystemError | undefined {
  const octets = Buffer.from(key, 'utf8');
  if (octets.length > TCP_MD5SIG_MAXKEYLEN) {
    return {
      errno: ERRNO.EINVAL,
      name: 'EINVAL',
      message: `the password for ${address} has ${octets.length} octets; TCP MD5 takes ${TCP_MD5SIG_MAXKEYLEN} at most: shorten it on both sides`,
    };
  }
  const option = Buffer.alloc(216); // struct tcp_md5sig: sockaddr_storage, flags, prefixlen, keylen, ifindex, key
  option.set(socketAddress(address, familyOfAddress(address), 0), 0);
  if (prefixLength !== undefined) {
    option[128] = 1; // TCP_MD5SIG_FLAG_PREFIX
    option[129] = prefixLength;
  }
  option.writeUInt16LE(octets.length, 130);
  option.set(octets, 136);
  const error = setsockopt(fd, IPPROTO.TCP, prefixLength === undefined ? TCP.MD5SIG : TCP.MD5SIG_EXT, option);
  if (error === undefined || (octets.length === 0 && error.errno === ERRNO.ENOENT)) return undefined;
  return { ...error, message: `TCP MD5 key for ${address}: ${md5Advice(error)}` };
}

/** TTL of what we send, and the least that we accept; undefined leaves the system's. */
export function setTtl(
  fd: number,
  family: Family,
  ttl: number | undefined,
  minTtl: number | undefined,
): SystemError | undefined {
  const [level, ttlOption, minOption] =
    family === 'ipv6' ? [IPPROTO.IPV6, IPV6.UNICAST_HOPS, IPV6.MINHOPCOUNT] : [IPPROTO.IP, IP.TTL, IP.MINTTL];
  return (
    (ttl === undefined ? undefined : setsockopt(fd, level, ttlOption, ttl)) ??
    (minTtl === undefined ? undefined : setsockopt(fd, level, minOption, minTtl))
  );
}

export const closeSocket = close;

/**
 * Delivers the datagrams of a descriptor (bound netlink socket, say) as they come, one a call, without thread or polling.
 * Takes the descriptor over: it is closed by the returned function, or before `onError` is called.
 *
 * libuv reads any descriptor as a pipe, but Node hides that class; a pending connect has one. Semi-private API, kept here
 * and tested, because the documented `new net.Socket({fd})` refuses families that it does not know.
 */
export function readDatagrams(
  fd: number,
  onDatagram: (octets: Buffer) => void,
  onError: (error: Error) => void,
): () => void {
  const donor = net.connect('/nonexistent/mesos-bgp');
  donor.on('error', () => undefined);
  const handleOf = donor as unknown as {
    _handle: { constructor: new (type: number) => { open(fd: number): void } };
  };
  const handle = new handleOf._handle.constructor(0);
  donor.destroy();
  handle.open(fd);
  const reader = new net.Socket({ handle } as unknown as net.SocketConstructorOpts);
  reader.on('data', onDatagram);
  reader.on('error', (error) => {
    reader.destroy();
    onError(error);
  });
  reader.resume();
  return () => {
    reader.removeAllListeners('error');
    reader.on('error', () => undefined);
    reader.destroy();
  };
}

/** struct sockaddr_in or sockaddr_in6. @param address  undefined for any. */
export function socketAddress(address: Address | undefined, family: Family, port: number): Uint8Array {
  const octets = Buffer.alloc(family === 'ipv6' ? 28 : 16);
  octets.writeUInt16LE(family === 'ipv6' ? AF.INET6 : AF.INET, 0);
  octets.writeUInt16BE(port, 2);
  if (address !== undefined) octets.set(addressOctets(address), family === 'ipv6' ? 8 : 4);
  return octets;
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

/** Keys of a listening socket are charged to its option memory: some 960 with today's default, 150 with older ones. */
function md5Advice(error: SystemError): string {
  if (error.name === 'ENOMEM') {
    return 'the kernel has no room for more keys: raise net.core.optmem_max (sysctl -w net.core.optmem_max=1048576)';
  }
  if (error.name === 'ENOPROTOOPT' || error.name === 'EOPNOTSUPP') {
    return 'this kernel has no TCP MD5 signatures (CONFIG_TCP_MD5SIG): use a kernel that has, or remove the password';
  }
  return error.message;
}

const formatEndpoint = (address: Address, port: number): string =>
  familyOfAddress(address) === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
