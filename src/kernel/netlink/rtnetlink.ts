// The Linux kernel behind `Kernel`, over NETLINK_ROUTE. rtnetlink does its work inside send(), so a batch and the reading
// of its answers are one synchronous step of about a millisecond for 512 routes. Only the last message of a batch asks for
// an acknowledgement: errors are always answered.
//
// Three sockets: one for requests; one for news, with a filter in the kernel that leaves out what our own requests cause;
// one a list. News is read by the event loop, and drained before every batch and lookup, so that what other programs did
// is known up to that moment. What remains is another program's route that appears between the drain and the send in place
// of one of ours that was just removed by hand; for new routes NLM_F_EXCL closes even that gap.

import { type Address, FAMILIES, familyOfPrefix, zoneOf } from 'bgp-utils';
import { readDatagrams } from '../../sys/datagrams.ts';
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
  setsockopt,
  socket,
  systemError,
  unavailable,
} from '../../sys/libc.ts';
import {
  type Kernel,
  type KernelEvent,
  type KernelRoute,
  KernelUnavailable,
  PROTOCOL_BGP,
  type Resolution,
  type RouteChange,
  type RouteError,
} from '../kernel.ts';
import { conflictMessage, RouteTable, resolutionBy } from '../route-table.ts';
import { RTM_ADDRESS, RTM_LINK, readAddressLink, readLink, writeLinkDump } from './link.ts';
import { type Message, MessageWriter, messages, NLM_F, NLMSG, readError } from './message.ts';
import {
  type Interfaces,
  RTM_ROUTE,
  readRoute,
  routeProtocol,
  writePrivilegeProbe,
  writeRoute,
  writeRouteDump,
  writeRouteLookup,
} from './route.ts';

const SOL_NETLINK = 270;
const NETLINK = { CAP_ACK: 10, EXT_ACK: 11, GET_STRICT_CHK: 12 } as const;
/** RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE as the bits of sockaddr_nl. */
const NEWS_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const BUFFER_OCTETS = 8 << 20;
const RECEIVE_OCTETS = 1 << 16;
const BATCH = 512;
/** Well below what a socket may send at once where its buffer cannot be raised (net.core.wmem_max). */
const BATCH_OCTETS = 128 << 10;
/** The kernel answers at once; longer means that something is badly wrong, and must not hang the daemon. */
const ANSWER_SECONDS = 5;

export interface RtnetlinkOptions {
  /** Path of another network namespace to work in, such as /run/netns/NAME. */
  readonly netns?: string;
}

/** Opens the kernel's routes. Never throws for a missing privilege or system: that is the value returned. */
export function openRtnetlink(options: RtnetlinkOptions = {}): Kernel | KernelUnavailable {
  const missing = unavailable();
  if (missing !== undefined) return new KernelUnavailable(`kernel routes: ${missing}`);
  const made = Rtnetlink.open(options.netns);
  return made instanceof Rtnetlink ? made : new KernelUnavailable(made);
}

class Rtnetlink implements Kernel {
  readonly #netns: string | undefined;
  readonly #requests: number;
  #news = -1;
  #stopNews: () => void = () => undefined;
  readonly #port: number;
  readonly #writer = new MessageWriter();
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_OCTETS);
  #sequence = 1;
  readonly #names = new Map<number, string>();
  readonly #indexes = new Map<string, number>();
  readonly #interfaces: Interfaces = {
    index: (name) => this.#indexes.get(name),
    name: (index) => this.#names.get(index),
  };
  /** What others have in the main table. */
  readonly #foreign = new RouteTable();
  /** News was lost or is ambiguous: list them again before they are needed. */
  #foreignStale = true;
  #listener: ((event: KernelEvent) => void) | undefined;
  #events: KernelEvent[] = [];
  #delivery: NodeJS.Immediate | undefined;

  private constructor(netns: string | undefined, requests: number, port: number) {
    this.#netns = netns;
    this.#requests = requests;
    this.#port = port;
  }

  /** @returns the kernel, or why not. */
  static open(netns: string | undefined): Rtnetlink | string {
    const requests = openSocket(netns, 0);
    if (isSystemError(requests)) {
      return `kernel routes: no netlink socket${netns ? ` in ${netns}` : ''}: ${requests.message}`;
    }
    const kernel = new Rtnetlink(netns, requests, portOf(requests));
    const problem = kernel.#checkPrivilege() ?? kernel.#openNews();
    if (problem !== undefined) {
      kernel.close();
      return problem;
    }
    kernel.#listLinks();
    kernel.#listForeign();
    return kernel;
  }

  routes(): readonly KernelRoute[] {
    const routes: KernelRoute[] = [];
    for (const some of this.scan()) routes.push(...some);
    return routes;
  }

  *scan(): Generator<readonly KernelRoute[], boolean, void> {
    let complete = true;
    for (const family of FAMILIES) {
      const list = this.#list((sequence) => writeRouteDump(this.#writer, family, PROTOCOL_BGP, sequence));
      let step = list.next();
      for (; !step.done; step = list.next()) {
        const routes: KernelRoute[] = [];
        for (const message of step.value) {
          if (message.type !== RTM_ROUTE.NEW || routeProtocol(message) !== PROTOCOL_BGP) continue;
          const route = readRoute(message, this.#interfaces);
          if (route !== undefined && familyOfPrefix(route.prefix) === family) routes.push(plain(route));
        }
        yield routes;
      }
      complete &&= step.value;
    }
    return complete;
  }

  apply(changes: readonly RouteChange[]): readonly RouteError[] {
    const errors: RouteError[] = [];
    for (let at = 0; at < changes.length; ) {
      // One change a prefix and batch: a change that has to be tried again must not overtake a later one.
      const prefixes = new Set<string>();
      const batch: RouteChange[] = [];
      for (; at < changes.length && batch.length < BATCH; at++) {
        const change = changes[at]!;
        if (prefixes.has(change.route.prefix)) break;
        prefixes.add(change.route.prefix);
        batch.push(change);
      }
      this.#applyBatch(batch, errors, false);
    }
    return errors;
  }

  resolve(address: Address): Resolution {
    this.#drain();
    if (zoneOf(address) !== undefined)
      return { foreign: resolutionBy(this.#foreignMatch(address)), own: undefined };
    this.#writer.reset();
    const sequence = this.#sequence++;
    writeRouteLookup(this.#writer, address, sequence);
    let answer: Resolution = {
      foreign: { reachable: false, reason: 'the kernel did not answer' },
      own: undefined,
    };
    const error = this.#exchange(sequence, (message) => {
      if (message.type === NLMSG.ERROR) {
        const { errno, text } = readError(message);
        answer = {
          foreign: { reachable: false, reason: noRouteReason(systemError(errno), text) },
          own: undefined,
        };
        return true;
      }
      if (message.type !== RTM_ROUTE.NEW) return false;
      const route = readRoute(message, this.#interfaces);
      if (route?.local) {
        answer = {
          foreign: { reachable: false, reason: 'it is an address of this machine' },
          own: undefined,
        };
      } else if (route?.protocol === PROTOCOL_BGP) {
        answer = { foreign: resolutionBy(this.#foreignMatch(address)), own: plain(route) };
      } else {
        answer = { foreign: resolutionBy(route), own: undefined };
      }
      return true;
    });
    return error === undefined
      ? answer
      : { foreign: { reachable: false, reason: error.message }, own: undefined };
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = undefined;
    clearImmediate(this.#delivery);
    this.#stopNews();
    close(this.#requests);
  }

  // Changes

  #applyBatch(batch: readonly RouteChange[], errors: RouteError[], again: boolean): void {
    this.#drain();
    if (this.#foreignStale) this.#listForeign();
    this.#writer.reset();
    const first = this.#sequence;
    const sent: RouteChange[] = [];
    let rest: readonly RouteChange[] = [];
    for (const [index, change] of batch.entries()) {
      if (this.#writer.length > BATCH_OCTETS) {
        rest = batch.slice(index);
        break;
      }
      const { route } = change;
      const conflict = change.type === 'replace' ? this.#foreign.find(route.prefix, route.metric) : undefined;
      if (conflict !== undefined) {
        errors.push({ change, errno: ERRNO.EEXIST, name: 'EEXIST', message: conflictMessage(conflict) });
        continue;
      }
      const how = change.type === 'remove' ? 'remove' : change.known || again ? 'replace' : 'create';
      const wrong = writeRoute(this.#writer, how, route, this.#interfaces, this.#sequence);
      if (wrong !== undefined) {
        errors.push({ change, errno: ERRNO.ENODEV, name: 'ENODEV', message: wrong });
        continue;
      }
      this.#sequence++;
      sent.push(change);
    }
    if (sent.length > 0) this.#sendBatch(sent, first, errors, again);
    if (rest.length > 0) this.#applyBatch(rest, errors, again);
  }

  /** Sends the messages in the writer. @param first  sequence number of the first; `sent` has the changes in order. */
  #sendBatch(sent: readonly RouteChange[], first: number, errors: RouteError[], again: boolean): void {
    this.#writer.acknowledgeLast();
    const last = this.#sequence - 1;
    const taken: RouteChange[] = [];
    const refused: RouteError[] = [];
    const failure = this.#exchange(first, (message) => {
      if (message.type !== NLMSG.ERROR) return false;
      const { errno, text } = readError(message);
      const change = sent[message.sequence - first];
      if (errno !== 0 && change !== undefined) {
        if (errno === ERRNO.EEXIST && change.type === 'replace' && !change.known && !again) {
          taken.push(change);
        } else if (!(errno === ERRNO.ESRCH && change.type === 'remove')) {
          refused.push({ change, errno, name: systemError(errno).name, message: explain(errno, text) });
        }
      }
      return message.sequence === last;
    });
    if (failure?.errno === ERRNO.ENOBUFS && sent.length > 16) {
      // Answers were lost for want of room (an unprivileged namespace cannot raise it). All changes can be made twice.
      for (let at = 0; at < sent.length; at += 16) this.#applyBatch(sent.slice(at, at + 16), errors, again);
      return;
    }
    if (failure !== undefined) {
      for (const change of sent) errors.push({ change, ...failure });
      return;
    }
    errors.push(...refused);
    // Someone has the place. If it is not another program (the drain tells), it is we ourselves: replace.
    if (taken.length > 0) this.#applyBatch(taken, errors, true);
  }

  /**
   * Sends what the writer holds and hands the answers to `take` until it says that it has all.
   * @param first  sequence number of the first request: answers to older ones are skipped.
   */
  #exchange(first: number, take: (message: Message) => boolean): SystemError | undefined {
    const sent = send(this.#requests, this.#writer.octets);
    if (isSystemError(sent)) return sent;
    for (;;) {
      const length = recv(this.#requests, this.#received);
      if (isSystemError(length)) {
        if (length.name === 'EINTR') continue;
        return length.name === 'EAGAIN'
          ? {
              ...length,
              name: 'ETIMEDOUT',
              message: `the kernel did not answer within ${ANSWER_SECONDS} s`,
            }
          : length;
      }
      for (const message of messages(this.#received.subarray(0, length))) {
        if (message.sequence >= first && take(message)) return undefined;
      }
    }
  }

  // Lists

  /** One list on a socket of its own. Messages of a step are valid until the next. @returns true when it is complete. */
  *#list(write: (sequence: number) => void): Generator<Iterable<Message>, boolean, void> {
    const fd = openSocket(this.#netns, 0);
    if (isSystemError(fd)) return false;
    try {
      this.#writer.reset();
      write(1);
      if (isSystemError(send(fd, this.#writer.octets))) return false;
      const buffer = Buffer.allocUnsafeSlow(RECEIVE_OCTETS);
      let complete = true;
      for (;;) {
        const length = recv(fd, buffer);
        if (isSystemError(length)) {
          if (length.name === 'EINTR') continue;
          return false;
        }
        const some = [...messages(buffer.subarray(0, length))];
        yield some;
        for (const message of some) {
          if (message.flags & NLM_F.DUMP_INTR) complete = false;
          if (message.type === NLMSG.DONE) return complete && message.octets.readInt32LE(message.start) === 0;
          // A table that nothing was ever put into does not exist: that is an empty list.
          if (message.type === NLMSG.ERROR) return readError(message).errno === ERRNO.ENOENT;
        }
      }
    } finally {
      close(fd);
    }
  }

  #listLinks(): void {
    for (const some of this.#list((sequence) => writeLinkDump(this.#writer, sequence))) {
      for (const message of some) if (message.type === RTM_LINK.NEW) this.#linkChanged(message);
    }
  }

  othersRoutes(): readonly KernelRoute[] {
    if (this.#foreignStale) this.#listForeign();
    return [...this.#foreign.values()];
  }

  #listForeign(): void {
    this.#foreign.clear();
    this.#foreignStale = false;
    for (const family of FAMILIES) {
      for (const some of this.#list((sequence) => writeRouteDump(this.#writer, family, 0, sequence))) {
        for (const message of some) {
          if (message.type !== RTM_ROUTE.NEW || routeProtocol(message) === PROTOCOL_BGP) continue;
          const route = readRoute(message, this.#interfaces);
          if (route !== undefined && !route.local && route.tos === 0) this.#foreign.add(plain(route));
        }
      }
    }
  }

  #foreignMatch(address: Address): KernelRoute | undefined {
    if (this.#foreignStale) this.#listForeign();
    return this.#foreign.longestMatch(address);
  }

  // News

  #openNews(): string | undefined {
    const news = openSocket(this.#netns, NEWS_GROUPS, this.#port);
    if (isSystemError(news)) return `kernel routes: no socket for changes: ${news.message}`;
    this.#news = news;
    this.#stopNews = readDatagrams(
      news,
      (octets) => this.#digest(octets),
      () => {
        // Node closed it (ENOBUFS most likely).
        this.#news = -1;
        this.#stopNews = () => undefined;
        this.#lostNews();
        const problem = this.#openNews();
        if (problem !== undefined) throw new Error(`invariant: ${problem}, though it could be opened before`);
        this.#listLinks();
      },
    );
    return undefined;
  }

  /** Reads what is there already, without waiting for the event loop. */
  #drain(): void {
    while (this.#news >= 0) {
      const length = recv(this.#news, this.#received, MSG.DONTWAIT);
      if (!isSystemError(length)) this.#digest(this.#received.subarray(0, length));
      else if (length.errno === ERRNO.ENOBUFS) this.#lostNews();
      else if (length.name !== 'EINTR') return;
    }
  }

  #lostNews(): void {
    this.#foreignStale = true;
    this.#emit({ type: 'overrun' });
  }

  #digest(octets: Buffer): void {
    for (const message of messages(octets)) {
      switch (message.type) {
        case RTM_LINK.NEW:
        case RTM_LINK.DELETE:
          this.#linkChanged(message);
          break;
        case RTM_ADDRESS.NEW:
        case RTM_ADDRESS.DELETE:
          this.#emit({ type: 'addresses', interface: this.#names.get(readAddressLink(message)) ?? '' });
          break;
        case RTM_ROUTE.NEW:
        case RTM_ROUTE.DELETE:
          this.#routeChanged(message);
          break;
      }
    }
  }

  #linkChanged(message: Message): void {
    const link = readLink(message);
    if (link === undefined) return;
    const gone = message.type === RTM_LINK.DELETE;
    const before = this.#names.get(link.index);
    if (before !== undefined && (gone || before !== link.name)) {
      this.#names.delete(link.index);
      this.#indexes.delete(before);
      this.#foreignStale ||= !gone; // renamed: its routes show the new name
    }
    if (!gone) {
      this.#names.set(link.index, link.name);
      this.#indexes.set(link.name, link.index);
    }
    const up = link.up && !gone;
    // The kernel removes the IPv4 routes of an interface that goes down without a word.
    if (!up) this.#foreign.dropInterface(link.name);
    this.#emit({ type: 'links', interface: link.name, up });
  }

  #routeChanged(message: Message): void {
    const route = readRoute(message, this.#interfaces);
    if (route === undefined || route.local || route.tos !== 0) return;
    const added = message.type === RTM_ROUTE.NEW;
    if (route.protocol !== PROTOCOL_BGP) {
      const replaces = added && (message.flags & NLM_F.REPLACE) !== 0;
      const known = this.#foreign.at(route.prefix);
      if (replaces && known.length === 1 && known[0]!.metric === route.metric)
        this.#foreign.remove(known[0]!);
      else if (replaces) this.#foreignStale = true;
      if (added) this.#foreign.add(plain(route));
      else if (!this.#foreign.remove(plain(route))) this.#foreignStale ||= known.length > 0;
    }
    this.#emit({
      type: 'routes',
      prefix: route.prefix,
      metric: route.metric,
      protocol: route.protocol,
      change: added ? 'added' : 'removed',
    });
  }

  #emit(event: KernelEvent): void {
    if (this.#listener === undefined) return;
    this.#events.push(event);
    this.#delivery ??= setImmediate(() => {
      this.#delivery = undefined;
      const events = this.#events;
      this.#events = [];
      for (const each of events) this.#listener?.(each);
    });
  }

  #checkPrivilege(): string | undefined {
    this.#writer.reset();
    writePrivilegeProbe(this.#writer, this.#sequence++);
    let refused = false;
    const failed = this.#exchange(1, (message) => {
      refused = message.type === NLMSG.ERROR && readError(message).errno === ERRNO.EPERM;
      return true;
    });
    if (failed !== undefined) return `kernel routes: netlink does not work: ${failed.message}`;
    return refused
      ? 'kernel routes: the privilege CAP_NET_ADMIN is missing: run as root, or grant it (systemd: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_BIND_SERVICE)'
      : undefined;
  }
}

/** @param groups  to hear, 0 for none. @param leaveOut  port id of the socket whose doings are not news. */
function openSocket(
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
  address.writeUInt32LE(groups, 8);
  return address;
}

function portOf(fd: number): number {
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

/** Only what `KernelRoute` has: the decoder's further fields must not reach a comparison. */
const plain = (route: KernelRoute): KernelRoute => ({
  prefix: route.prefix,
  type: route.type,
  metric: route.metric,
  nextHops: route.nextHops,
  protocol: route.protocol,
});

const ADVICE: Readonly<Record<string, string>> = {
  ENETUNREACH: 'the gateway is on no connected network (ip route get GATEWAY)',
  EHOSTUNREACH: 'the gateway is on no connected network (ip route get GATEWAY)',
  ENETDOWN: 'the interface is down: ip link set INTERFACE up',
  ENODEV: 'the interface is gone (ip link)',
  EPERM: 'the privilege CAP_NET_ADMIN is missing',
  ENOMEM: 'the kernel is out of memory',
  EOPNOTSUPP: 'the kernel lacks this: for IPv6, is net.ipv6.conf.all.disable_ipv6 set?',
};

function explain(errno: number, text: string | undefined): string {
  const error = systemError(errno);
  const advice = ADVICE[error.name];
  return `${text ?? error.message}${advice === undefined ? '' : `: ${advice}`}`;
}

function noRouteReason(error: SystemError, text: string | undefined): string {
  switch (error.name) {
    case 'ENETUNREACH':
      return 'no route';
    case 'EINVAL':
    case 'EHOSTUNREACH':
    case 'EACCES':
      return `a route discards or refuses packets to it (${text ?? error.message})`;
    default:
      return text ?? error.message;
  }
}
