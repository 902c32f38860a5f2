// The C library calls that Node has no API for, through koffi: sockets by family and protocol, socket options, name
// spaces. Nothing here knows an address format or a protocol; sockets.ts and kernel/netlink do. This is the only file
// that touches koffi, and it loads it on the first call, so that commands which need no socket do not pay for it.
//
// koffi is used with plain int, void* and uint64 signatures only (no structs, no callbacks): its releases kept fixing memory
// bugs in the rest. One call may run on a thread of libuv's pool (`sendLater`): koffi hands over the address of the octets,
// which are outside of V8's heap and stay where they are for as long as somebody here refers to them.

import { constants } from 'node:os';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';

/** A failed call: errno, its name (`EADDRINUSE`) and the system's own text. */
export interface SystemError {
  readonly errno: number;
  readonly name: string;
  readonly message: string;
}

export const ERRNO = constants.errno;

/** Linux numbers, as in <sys/socket.h> and <asm-generic/socket.h>; the same on x86-64 and arm64. */
export const AF = { INET: 2, INET6: 10, NETLINK: 16 } as const;
export const SOCK = { STREAM: 1, RAW: 3, CLOEXEC: 0x80000, NONBLOCK: 0x800 } as const;
export const MSG = { DONTWAIT: 0x40 } as const;
export const SOL_SOCKET = 1;
export const SO = {
  REUSEADDR: 2,
  SNDBUF: 7,
  RCVBUF: 8,
  RCVTIMEO: 20,
  BINDTODEVICE: 25,
  ATTACH_FILTER: 26,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
} as const;

interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  close(fd: number): number;
  send: {
    (fd: number, octets: Uint8Array, length: number, flags: number): number;
    async(
      fd: number,
      octets: Uint8Array,
      length: number,
      flags: number,
      done: (failed: Error | null, sent: number) => void,
    ): void;
  };
  recv(fd: number, octets: Uint8Array, length: number, flags: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  fcntl(fd: number, command: number, argument: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  if_nametoindex(name: Uint8Array): number;
  open(path: Uint8Array, flags: number): number;
  setns(fd: number, type: number): number;
  malloc(size: number): number;
  copyTo(target: number, octets: Uint8Array, length: number): number;
  free(target: number): void;
}

let loaded: { readonly calls: Calls; readonly errno: () => number } | undefined;

function load(): { readonly calls: Calls; readonly errno: () => number } {
  if (loaded !== undefined) return loaded;
  // `require` and not `import`: only when needed, and without making every caller asynchronous. The bundle defines it.
  const koffi = require('koffi') as typeof import('koffi');
  const libc = koffi.load(null); // symbols of the process itself: glibc and musl alike
  loaded = {
    errno: () => koffi.errno(),
    calls: {
      socket: libc.func('int socket(int, int, int)'),
      bind: libc.func('int bind(int, void *, uint32_t)'),
      listen: libc.func('int listen(int, int)'),
      close: libc.func('int close(int)'),
      send: libc.func('int64_t send(int, void *, uint64_t, int)') as Calls['send'],
      recv: libc.func('int64_t recv(int, void *, uint64_t, int)'),
      setsockopt: libc.func('int setsockopt(int, int, int, void *, uint32_t)'),
      getsockopt: libc.func('int getsockopt(int, int, int, void *, void *)'),
      fcntl: libc.func('int fcntl(int, int, int)'),
      getsockname: libc.func('int getsockname(int, void *, void *)'),
      if_nametoindex: libc.func('uint32_t if_nametoindex(void *)'),
      open: libc.func('int open(void *, int)'),
      setns: libc.func('int setns(int, int)'),
      malloc: libc.func('uint64_t malloc(uint64_t)'),
      copyTo: libc.func('uint64_t memcpy(uint64_t, void *, uint64_t)'),
      free: libc.func('void free(uint64_t)'),
    },
  };
  return loaded;
}

/** Can the C library be called here at all? @returns why not, or undefined. */
export function unavailable(): string | undefined {
  if (process.platform !== 'linux') return `needs Linux, this is ${process.platform}`;
  try {
    load();
    return undefined;
  } catch (error) {
    return `the npm package koffi cannot be loaded (${error instanceof Error ? error.message.split('\n')[0] : String(error)}); run "npm ci" on this machine`;
  }
}

/** The error of the call just made. @param errno  where it is known already. */
export function systemError(errno: number = load().errno()): SystemError {
  let error = systemErrors.get(errno);
  if (error === undefined) {
    const text = getSystemErrorMap().get(-errno)?.[1];
    const name = errno > 0 && text !== undefined ? getSystemErrorName(-errno) : `errno ${errno}`;
    error = { errno, name, message: text ?? `error ${errno}` };
    systemErrors.set(errno, error);
  }
  return error;
}

/** Those that were met: EAGAIN comes often, and Node makes its whole map anew each time that it is asked. */
const systemErrors = new Map<number, SystemError>();

/** @returns a descriptor with close-on-exec set. */
export function socket(domain: number, type: number, protocol: number): number | SystemError {
  const { calls } = load();
  const fd = calls.socket(domain, type | SOCK.CLOEXEC, protocol);
  return fd < 0 ? systemError() : fd;
}

/** @returns another descriptor of the same open file, with close-on-exec set. */
export function duplicateDescriptor(fd: number): number | SystemError {
  const F_DUPFD_CLOEXEC = 1030;
  const own = load().calls.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return own < 0 ? systemError() : own;
}

/** @param address  a complete sockaddr. @returns undefined when it worked. */
export const bind = (fd: number, address: Uint8Array): SystemError | undefined =>
  load().calls.bind(fd, address, address.length) < 0 ? systemError() : undefined;

export const listen = (fd: number, backlog: number): SystemError | undefined =>
  load().calls.listen(fd, backlog) < 0 ? systemError() : undefined;

export function close(fd: number): void {
  load().calls.close(fd);
}

/** @returns octets sent. */
export function send(
  fd: number,
  octets: Uint8Array,
  length = octets.length,
  flags = 0,
): number | SystemError {
  const sent = load().calls.send(fd, octets, length, flags);
  return sent < 0 ? systemError() : sent;
}

/**
 * The same on a thread of libuv's pool, where it may take its time. Until `done` is called, in a later turn, the descriptor must
 * stay open and the octets as they are: an array with a buffer of its own, which is not in V8's heap.
 */
export function sendLater(
  fd: number,
  octets: Uint8Array,
  length: number,
  done: (sent: number | SystemError) => void,
): void {
  beingSent.add(octets);
  load().calls.send.async(fd, octets, length, 0, (failed, sent) => {
    beingSent.delete(octets);
    if (failed !== null) throw failed; // our arguments are wrong
    done(sent < 0 ? systemError() : sent);
  });
}

/** Nobody else may refer to them any more. */
const beingSent = new Set<Uint8Array>();

/** Reads into `octets` from its start. @returns octets received; a longer datagram is cut off. */
export function recv(fd: number, octets: Uint8Array, flags = 0): number | SystemError {
  const received = load().calls.recv(fd, octets, octets.length, flags);
  return received < 0 ? systemError() : received;
}

/** @param value  a C int, or the option's structure as octets. */
export function setsockopt(
  fd: number,
  level: number,
  option: number,
  value: number | Uint8Array,
): SystemError | undefined {
  const octets = typeof value === 'number' ? int32(value) : value;
  return load().calls.setsockopt(fd, level, option, octets, octets.length) < 0 ? systemError() : undefined;
}

/** @returns the option's value as a C int. */
export function getsockopt(fd: number, level: number, option: number): number | SystemError {
  const value = int32(0);
  return load().calls.getsockopt(fd, level, option, value, int32(4)) < 0
    ? systemError()
    : value.readInt32LE(0);
}

/** Fills `address` with the socket's own sockaddr. */
export const getsockname = (fd: number, address: Uint8Array): SystemError | undefined =>
  load().calls.getsockname(fd, address, int32(address.length)) < 0 ? systemError() : undefined;

/** @returns the index of an interface by its name; 0 when there is none. */
export const interfaceIndex = (name: string): number => load().calls.if_nametoindex(Buffer.from(`${name}\0`));

/**
 * Attaches a classic BPF program (SO_ATTACH_FILTER): the kernel then drops what it refuses before it is queued.
 * @param instructions  `struct sock_filter`s, eight octets each.
 */
export function attachFilter(fd: number, instructions: Uint8Array): SystemError | undefined {
  const { calls } = load();
  const program = calls.malloc(instructions.length);
  calls.copyTo(program, instructions, instructions.length);
  const header = Buffer.alloc(16); // struct sock_fprog: u16 count, padding, pointer
  header.writeUInt16LE(instructions.length / 8, 0);
  header.writeBigUInt64LE(BigInt(program), 8);
  const failed = setsockopt(fd, SOL_SOCKET, SO.ATTACH_FILTER, header);
  calls.free(program);
  return failed;
}

/**
 * Runs `make` with this thread inside another network namespace: a socket belongs to the namespace it was made in, for
 * good. @param path  of the namespace, such as /run/netns/NAME. @throws when the thread cannot go back: all that follows
 * would happen in the wrong place.
 */
export function inNetworkNamespace<T>(path: string, make: () => T): T | SystemError {
  const { calls } = load();
  const CLONE_NEWNET = 0x40000000;
  const home = calls.open(Buffer.from('/proc/thread-self/ns/net\0'), 0x80000);
  if (home < 0) return systemError();
  const other = calls.open(Buffer.from(`${path}\0`), 0x80000);
  if (other < 0 || calls.setns(other, CLONE_NEWNET) < 0) {
    const error = systemError();
    if (other >= 0) calls.close(other);
    calls.close(home);
    return error;
  }
  const goBack = () => {
    const failed = calls.setns(home, CLONE_NEWNET) < 0;
    calls.close(other);
    calls.close(home);
    if (failed) throw new Error('invariant: cannot return to the own network namespace');
  };
  let made: T;
  try {
    made = make();
  } catch (error) {
    goBack();
    throw error;
  }
  goBack();
  return made;
}

export const isSystemError = (value: unknown): value is SystemError =>
  typeof value === 'object' && value !== null && 'errno' in value;

function int32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  return octets;
}
