// Options of TCP sockets that `node:net` cannot set: the TTL that we send and the least that we accept (GTSM, RFC 5082), the
// interface, and for how long unacknowledged octets keep a connection up (RFC 5482 §3). Numbers are Linux's.

import type { Family } from 'bgp-utils';
import { SO, SOL_SOCKET, type SystemError, setsockopt } from './libc.ts';

export const IPPROTO = { IP: 0, TCP: 6, IPV6: 41 } as const;
export const IP = { TTL: 2, FREEBIND: 15, MINTTL: 21, BIND_ADDRESS_NO_PORT: 24 } as const;
export const IPV6 = { UNICAST_HOPS: 16, V6ONLY: 26, MINHOPCOUNT: 73, FREEBIND: 78 } as const;
export const TCP = { MD5SIG: 14, USER_TIMEOUT: 18, NOTSENT_LOWAT: 25, MD5SIG_EXT: 32 } as const;

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

/**
 * Packets of the socket leave and come by this interface alone.
 * @returns undefined, or what went wrong and what to do.
 */
export function bindToDevice(fd: number, device: string): SystemError | undefined {
  const error = setsockopt(fd, SOL_SOCKET, SO.BINDTODEVICE, Buffer.from(`${device}\0`));
  if (error === undefined) return undefined;
  const advice =
    error.name === 'ENODEV'
      ? `this machine has no interface ${device} (ip link show)`
      : error.name === 'EPERM'
        ? `binding to the interface ${device} needs CAP_NET_RAW (permission denied): run as root, or grant it with AmbientCapabilities= or setcap`
        : error.message;
  return { ...error, message: advice };
}

/**
 * Octets that the kernel takes beyond those that are on their way. A peer that does not read is so given its window and this, in place of a
 * socket buffer of megabytes; how much may be in flight is not limited.
 */
const UNSENT_OCTETS = 256 * 1024;

/** Of a listener: what it accepts inherits it. */
export const limitUnsent = (fd: number): SystemError | undefined =>
  setsockopt(fd, IPPROTO.TCP, TCP.NOTSENT_LOWAT, UNSENT_OCTETS);

/** @param timeoutMs  0 leaves it to the kernel: some 15 minutes, of an open connection; about two, of one being opened. */
export const setUserTimeout = (fd: number, timeoutMs: number): SystemError | undefined =>
  setsockopt(fd, IPPROTO.TCP, TCP.USER_TIMEOUT, timeoutMs);
