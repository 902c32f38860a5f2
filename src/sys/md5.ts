// Keys for TCP MD5 signatures (RFC 2385), of an address or of a range of them. A socket's keys are charged to its option memory,
// which is small: a listener with a key for each of some hundred peers may have no room for all.

import { readFileSync } from 'node:fs';
import { type Address, familyOfAddress } from 'bgp-utils';
import { ERRNO, type SystemError, setsockopt } from './libc.ts';
import { socketAddress } from './socket-address.ts';
import { IPPROTO, TCP } from './socket-options.ts';

export const TCP_MD5SIG_MAXKEYLEN = 80;

/** What Linux charges a socket for a key: measured, 131072 octets hold 963 of them. */
const OCTETS_PER_KEY = 136;
const OPTMEM_MAX = '/proc/sys/net/core/optmem_max';
/** The least that is worth a sysctl line. */
const ADVISED_OPTMEM = 1_048_576;

/** A key for TCP segments to and from an address, or a range of them. */
export interface Md5Key {
  readonly address: Address;
  /** Undefined: that address alone. A longer match wins over a shorter one. */
  readonly prefixLength: number | undefined;
  readonly key: string;
}

/**
 * Sets, replaces or (with an empty key) removes a key. On a listener it holds for connections that begin later; those
 * established keep the key they began with, so a changed password must reset the session. Removing an absent one is fine.
 * The kernel keeps one key an address: the zone of a link-local address does not count.
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
  const what = prefixLength === undefined ? address : `${address}/${prefixLength}`;
  return { ...error, message: `TCP MD5 key for ${what}: ${md5Advice(error)}` };
}

/**
 * Why a listener has not all of its keys, and what to do.
 * @param set, wanted  how many keys it has, and should have.
 */
export function noRoomForKeys(set: number, wanted: number): string {
  const limit = optmemMax();
  const advised = Math.max(ADVISED_OPTMEM, 2 ** Math.ceil(Math.log2(wanted * OCTETS_PER_KEY * 2)));
  return [
    `room for ${set} of ${wanted} TCP MD5 keys alone: net.core.optmem_max is ${limit ?? 'too low'}, and each takes ${OCTETS_PER_KEY} octets of it.`,
    'Peers without a key here cannot connect to us; we still connect to them.',
    `Raise it: sysctl -w net.core.optmem_max=${advised}, and for the next boot:`,
    `echo net.core.optmem_max=${advised} > /etc/sysctl.d/60-mesos-bgp.conf; no restart is needed`,
  ].join(' ');
}

/** Octets of option memory that a socket may have; undefined where the kernel does not say. */
function optmemMax(): number | undefined {
  try {
    return Number(readFileSync(OPTMEM_MAX, 'utf8'));
  } catch {
    return undefined;
  }
}

function md5Advice(error: SystemError): string {
  if (error.name === 'ENOMEM') {
    return `the kernel has no room for more keys: raise net.core.optmem_max (sysctl -w net.core.optmem_max=${ADVISED_OPTMEM})`;
  }
  if (error.name === 'ENOPROTOOPT' || error.name === 'EOPNOTSUPP') {
    return 'this kernel has no TCP MD5 signatures (CONFIG_TCP_MD5SIG): use a kernel that has, or remove the password';
  }
  return error.message;
}
