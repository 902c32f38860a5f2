// UDP sockets in any network namespace, all in one process: a socket stays in the namespace where it was made. Node's own can
// neither do that nor tell when the kernel had a datagram, nor how many it dropped because we were slow.

import koffi from 'koffi';

const libc = koffi.load(null);
const calls = {
  open: libc.func('int open(const char *, int)'),
  close: libc.func('int close(int)'),
  setns: libc.func('int setns(int, int)'),
  socket: libc.func('int socket(int, int, int)'),
  bind: libc.func('int bind(int, void *, uint32_t)'),
  setsockopt: libc.func('int setsockopt(int, int, int, void *, uint32_t)'),
  getsockopt: libc.func('int getsockopt(int, int, int, void *, void *)'),
  sendto: libc.func('int64_t sendto(int, void *, uint64_t, int, void *, uint32_t)'),
  recv: libc.func('int64_t recv(int, void *, uint64_t, int)'),
  sched_setscheduler: libc.func('int sched_setscheduler(int, int, void *)'),
  ioctl: libc.func('int ioctl(int, uint64_t, void *)'),
};

/** Linux numbers. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
const CLONE_NEWNET = 0x40000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
const MEMINFO_DROPS = 8;
const SIOCGSTAMPNS = 0x8907;

/** 4 MB: seconds of one container's packets, so that a busy machine costs none. */
const BUFFER_OCTETS = 4 << 20;

const failed = (what: string): never => {
  throw new Error(`${what}: errno ${koffi.errno()}`);
};

/**
 * Before all ordinary processes, since a prober that stands still sees nothing: while a fault keeps the machine busy, it would miss
 * just what it is there for. Without the privilege its stalls are longer, and reported.
 */
export function scheduleFirst(): void {
  const SCHED_RR = 2;
  const priority = Buffer.alloc(4);
  priority.writeInt32LE(1);
  calls.sched_setscheduler(0, SCHED_RR, priority);
}

export type SocketAddress = Buffer;

/** A complete sockaddr. @param address  IPv4 or IPv6 as text. */
export function socketAddress(address: string, port: number): SocketAddress {
  if (!address.includes(':')) {
    const octets = Buffer.alloc(16);
    octets.writeUInt16LE(AF_INET, 0);
    octets.writeUInt16BE(port, 2);
    octets.set(address.split('.').map(Number), 4);
    return octets;
  }
  const octets = Buffer.alloc(28);
  octets.writeUInt16LE(AF_INET6, 0);
  octets.writeUInt16BE(port, 2);
  const [head = '', tail = ''] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  for (const [index, group] of groups.entries())
    octets.writeUInt16BE(Number.parseInt(group, 16), 8 + 2 * index);
  return octets;
}

/** Makes sockets inside; this thread is back in its own namespace afterwards. @param path  as /run/netns/NAME. */
export function insideNetwork<T>(path: string, make: () => T): T {
  const own = openOrThrow('/proc/self/ns/net');
  const other = openOrThrow(path);
  try {
    if (calls.setns(other, CLONE_NEWNET) < 0) failed(`setns to ${path}`);
    return make();
  } finally {
    if (calls.setns(own, CLONE_NEWNET) < 0) failed('setns back');
    calls.close(own);
    calls.close(other);
  }
}

export class DatagramSocket {
  readonly #fd: number;
  readonly #stamp = Buffer.alloc(16);

  constructor(address: string, port: number) {
    const family = address.includes(':') ? AF_INET6 : AF_INET;
    this.#fd = calls.socket(family, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    if (this.#fd < 0) failed('socket');
    const size = Buffer.alloc(4);
    size.writeInt32LE(BUFFER_OCTETS);
    // Beyond net.core.rmem_max with the privilege, up to it without.
    for (const option of [SO_RCVBUF, SO_RCVBUFFORCE]) calls.setsockopt(this.#fd, SOL_SOCKET, option, size, 4);
    const local = socketAddress(address, port);
    if (calls.bind(this.#fd, local, local.length) < 0) failed(`bind to ${address}`);
    calls.ioctl(this.#fd, SIOCGSTAMPNS, this.#stamp); // the first call switches time stamps on
  }

  /** @returns whether it left; not while the socket's buffer is full, or the network is unreachable from here. */
  send(octets: Buffer, to: SocketAddress): boolean {
    return calls.sendto(this.#fd, octets, octets.length, 0, to, to.length) === octets.length;
  }

  /** @returns octets; undefined when none waits. */
  receive(into: Buffer): number | undefined {
    const octets = Number(calls.recv(this.#fd, into, into.length, 0));
    return octets < 0 ? undefined : octets;
  }

  /** When the kernel had the datagram that was received last, in milliseconds since 1970. */
  receivedAt(): number {
    if (calls.ioctl(this.#fd, SIOCGSTAMPNS, this.#stamp) < 0) failed('SIOCGSTAMPNS');
    return Number(this.#stamp.readBigInt64LE(0)) * 1e3 + Number(this.#stamp.readBigInt64LE(8)) / 1e6;
  }

  /** Datagrams that reached this socket and found no room. */
  dropped(): number {
    const info = Buffer.alloc(4 * (MEMINFO_DROPS + 1));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(info.length);
    if (calls.getsockopt(this.#fd, SOL_SOCKET, SO_MEMINFO, info, length) < 0) failed('SO_MEMINFO');
    return info.readUInt32LE(4 * MEMINFO_DROPS);
  }
}

function openOrThrow(path: string): number {
  const fd = calls.open(path, 0x80000);
  return fd < 0 ? failed(`open ${path}`) : fd;
}
