// Sockets of NETLINK_ROUTE: opened in a network namespace, with room for many answers; requests with their answers; lists.

import {
  AF,
  attachFilter,
  bind,
  close,
  ERRNO,
  getsockname,
  inNetworkNamespace,
  isSystemError,
  MSG,
  recv,
  SO,
  SOCK,
  SOL_SOCKET,
  type SystemError,
  send,
  sendLater,
  setsockopt,
  socket,
} from '../../sys/libc.ts';
import { type Message, MessageWriter, messages, NLM_F, NLMSG, readError } from './message.ts';

const SOL_NETLINK = 270;
const NETLINK = { CAP_ACK: 10, EXT_ACK: 11, GET_STRICT_CHK: 12 } as const;
const BUFFER_OCTETS = 8 << 20;
export const RECEIVE_OCTETS = 1 << 16;
/** The kernel answers at once; longer means that something is badly wrong, and must not hang the daemon. */
const ANSWER_SECONDS = 5;

/** @param groups  to hear, 0 for none. @param leaveOut  port id of the socket whose doings are not news. */
export function openSocket(
  netns: string | undefined,
  groups: number,
  leaveOut: number | undefined = undefined,
): number | SystemError {
  const make = (): number | SystemError => socket(AF.NETLINK, SOCK.RAW, 0);
  const fd = netns === undefined ? make() : inNetworkNamespace(netns, make);
  if (isSystemError(fd)) return fd;
  for (const [forced, ordinary] of [
    [SO.RCVBUFFORCE, SO.RCVBUF],
    [SO.SNDBUFFORCE, SO.SNDBUF],
  ] as const) {
    if (setsockopt(fd, SOL_SOCKET, forced, BUFFER_OCTETS) !== undefined) {
      setsockopt(fd, SOL_SOCKET, ordinary, BUFFER_OCTETS); // capped at net.core.rmem_max
    }
  }
  for (const option of Object.values(NETLINK)) setsockopt(fd, SOL_NETLINK, option, 1);
  const timeout = Buffer.alloc(16); // struct timeval
  timeout.writeUInt32LE(ANSWER_SECONDS, 0);
  const failed =
    setsockopt(fd, SOL_SOCKET, SO.RCVTIMEO, timeout) ??
    (leaveOut === undefined ? undefined : attachFilter(fd, filterOut(leaveOut))) ??
    bind(fd, netlinkAddress(groups));
  if (failed === undefined) return fd;
  close(fd);
  return failed;
}

function netlinkAddress(groups: number): Buffer {
  const address = Buffer.alloc(12); // struct sockaddr_nl
  address.writeUInt16LE(AF.NETLINK, 0);
  address.writeUInt32LE(groups >>> 0, 8);
  return address;
}

export function portOf(fd: number): number {
  const address = netlinkAddress(0);
  getsockname(fd, address);
  return address.readUInt32LE(4);
}

/** Classic BPF: refuse a datagram whose nlmsg_pid is `port`. BPF loads in network order, the field is in host order. */
function filterOut(port: number): Buffer {
  const swapped = Buffer.alloc(4);
  swapped.writeUInt32LE(port, 0);
  const program = Buffer.alloc(32);
  const instruction = (index: number, code: number, ifTrue: number, ifFalse: number, operand: number) => {
    program.writeUInt16LE(code, index * 8);
    program[index * 8 + 2] = ifTrue;
    program[index * 8 + 3] = ifFalse;
    program.writeUInt32LE(operand, index * 8 + 4);
  };
  instruction(0, 0x20, 0, 0, 12); // ld [12]
  instruction(1, 0x15, 0, 1, swapped.readUInt32BE(0)); // jeq #port, next, one further
  instruction(2, 0x06, 0, 0, 0); // ret #0: drop
  instruction(3, 0x06, 0, 0, 0xffffffff); // ret #-1: keep all
  return program;
}

/** The socket for questions. The kernel answers inside send(), so asking and hearing the answer is one step. */
export class Requests {
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_OCTETS);
  readonly #sequences = new Sequences();

  constructor(readonly fd: number) {}

  sequence(): number {
    return this.#sequences.take(1);
  }

  /**
   * Sends messages and hands the answers to `take` until it says that it has all.
   * @param first  sequence number of the first request: answers to older ones are skipped.
   */
  exchange(octets: Uint8Array, length: number, first: number, take: TakeAnswer): SystemError | undefined {
    const sent = send(this.fd, octets, length);
    if (isSystemError(sent)) return sent;
    for (;;) {
      const received = recv(this.fd, this.#received);
      if (isSystemError(received)) {
        if (received.name === 'EINTR') continue;
        return received.name === 'EAGAIN' ? timedOut(received) : received;
      }
      for (const message of messages(this.#received.subarray(0, received))) {
        if (message.sequence >= first && take(message)) return undefined;
      }
    }
  }
}

/** @returns true when that was the last answer. */
export type TakeAnswer = (message: Message) => boolean;

/**
 * The socket for changes. The kernel makes them inside send(), and may wait there: for its lock on routes, which whoever makes or
 * removes an interface holds for long, and for readers of its tables, before it gives back memory. So send() runs on a thread of
 * libuv's pool, once at a time. When it returns, all answers are there.
 */
export class Changes {
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_OCTETS);
  readonly #sequences = new Sequences();
  #sending = false;
  #closed = false;

  constructor(readonly fd: number) {}

  /** Before anything is written: a thread may still read what was. @returns the first of `count` sequence numbers. */
  sequence(count: number): number {
    if (this.#sending) throw new Error('invariant: one batch of changes at a time');
    return this.#sequences.take(count);
  }

  /**
   * Sends messages and hands the answers to `take` until it says that it has all; then calls `done`, but never after `close`.
   * @param octets  stay as they are until then. @param first  as for `Requests`.
   */
  send(
    octets: Uint8Array,
    length: number,
    first: number,
    take: TakeAnswer,
    done: (failed: SystemError | undefined) => void,
  ): void {
    this.#sending = true;
    sendLater(this.fd, octets, length, (sent) => {
      this.#sending = false;
      if (this.#closed) close(this.fd);
      else done(isSystemError(sent) ? sent : this.#answers(first, take));
    });
  }

  /** Nothing had to be sent. */
  skip(done: () => void): void {
    setImmediate(() => {
      if (!this.#closed) done();
    });
  }

  /** What is on its way to the kernel gets there; a descriptor that others may get meanwhile must not. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#sending) close(this.fd);
  }

  #answers(first: number, take: TakeAnswer): SystemError | undefined {
    let lost: SystemError | undefined;
    for (;;) {
      const received = recv(this.fd, this.#received, MSG.DONTWAIT);
      if (isSystemError(received)) {
        if (received.name === 'EINTR') continue;
        if (received.name === 'EAGAIN') return lost ?? { ...received, message: 'the kernel did not answer' };
        if (received.errno !== ERRNO.ENOBUFS) return received;
        lost = received; // no answer gets in any more until those that did have been read
        continue;
      }
      for (const message of messages(this.#received.subarray(0, received)))
        if (message.sequence >= first && take(message) && lost === undefined) return undefined;
    }
  }
}

class Sequences {
  #next = 1;

  take(count: number): number {
    if (this.#next > 0x7fff_0000) this.#next = 1;
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

const timedOut = (error: SystemError): SystemError => ({
  ...error,
  name: 'ETIMEDOUT',
  message: `the kernel did not answer within ${ANSWER_SECONDS} s`,
});

/**
 * One list, on a socket of its own. Messages of a step are valid until the next.
 * @returns whether it is complete, or the error that the kernel gave for it.
 */
export function* readList(
  netns: string | undefined,
  write: (writer: MessageWriter, sequence: number) => void,
): Generator<Iterable<Message>, boolean | number, void> {
  const fd = openSocket(netns, 0);
  if (isSystemError(fd)) return false;
  try {
    const writer = new MessageWriter(256);
    write(writer, 1);
    if (isSystemError(send(fd, writer.octets))) return false;
    const buffer = Buffer.allocUnsafeSlow(RECEIVE_OCTETS);
    let complete = true;
    for (;;) {
      const length = recv(fd, buffer);
      if (isSystemError(length)) {
        if (length.name === 'EINTR') continue;
        return false;
      }
      const some = buffer.subarray(0, length);
      yield messages(some);
      for (const message of messages(some)) {
        if (message.flags & NLM_F.DUMP_INTR) complete = false;
        if (message.type === NLMSG.DONE) return complete && message.octets.readInt32LE(message.start) === 0;
        // A table that nothing was ever put into does not exist: that is an empty list.
        if (message.type !== NLMSG.ERROR) continue;
        const { errno } = readError(message);
        return errno === ERRNO.ENOENT ? true : errno;
      }
    }
  } finally {
    close(fd);
  }
}
