// The Linux kernel behind `Kernel`, over NETLINK_ROUTE. rtnetlink does its work inside send(), so a batch and the reading
// of its answers are one synchronous step of about a millisecond for 512 routes. Only the last message of a batch asks for
// an acknowledgement: errors are always answered.
//
// Three sockets: one for requests; one for news (news.ts); one a list. What remains is another program's route that appears
// between the drain of the news and the send in place of one of ours that was just removed by hand; for new routes
// NLM_F_EXCL closes even that gap.

import { type Address, FAMILIES, zoneOf } from 'bgp-utils';
import { close, ERRNO, isSystemError, unavailable } from '../../sys/libc.ts';
import { HOW, RouteBatch } from '../batch.ts';
import {
  type Kernel,
  type KernelEvent,
  type KernelRoute,
  KernelUnavailable,
  type ObjectKernel,
  PROTOCOL_BGP,
  type Resolution,
  type RouteError,
} from '../kernel.ts';
import { conflictMessage, resolutionBy } from '../route-table.ts';
import { kernelError, noRouteReason } from './errors.ts';
import { MessageWriter, NLMSG, readError } from './message.ts';
import { News } from './news.ts';
import { NetlinkObjects } from './objects.ts';
import { RTM_ROUTE, readRoute, writePrivilegeProbe, writeRouteDump, writeRouteLookup } from './route.ts';
import { RouteReader } from './route-reader.ts';
import { RouteWriter } from './route-writer.ts';
import { openSocket, portOf, Requests, readList } from './socket.ts';

/** Well below what a socket may send at once where its buffer cannot be raised (net.core.wmem_max). */
const SEND_OCTETS = 120 << 10;
const SEND_ROUTES = 512;
/** Where answers were lost for want of room. */
const FEW = 16;

export interface RtnetlinkOptions {
  /** Path of another network namespace to work in, such as /run/netns/NAME. */
  readonly netns?: string;
  /** False: as if the kernel had no next-hop objects. */
  readonly objects?: boolean;
}

/** Opens the kernel's routes. Never throws for a missing privilege or system: that is the value returned. */
export function openRtnetlink(options: RtnetlinkOptions = {}): Kernel | KernelUnavailable {
  const missing = unavailable();
  if (missing !== undefined) return new KernelUnavailable(`kernel routes: ${missing}`);
  const made = Rtnetlink.open(options);
  return made instanceof Rtnetlink ? made : new KernelUnavailable(made);
}

class Rtnetlink implements Kernel {
  readonly objects: ObjectKernel | string;
  readonly #netns: string | undefined;
  readonly #requests: Requests;
  readonly #news: News;
  readonly #writer: RouteWriter;
  readonly #plainWriter = new MessageWriter(1024);

  private constructor(requests: Requests, news: News, { netns, objects }: RtnetlinkOptions) {
    this.#netns = netns;
    this.#requests = requests;
    this.#news = news;
    this.#writer = new RouteWriter(news.interfaces);
    news.onInterfaces = () => this.#writer.forget();
    const made = new NetlinkObjects(requests, netns, news.interfaces, () => news.drain());
    this.objects = objects === false ? 'they are not wanted' : (made.unavailable() ?? made);
  }

  /** @returns the kernel, or why not. */
  static open(options: RtnetlinkOptions): Rtnetlink | string {
    const { netns } = options;
    const fd = openSocket(netns, 0);
    if (isSystemError(fd))
      return `kernel routes: no netlink socket${netns ? ` in ${netns}` : ''}: ${fd.message}`;
    const requests = new Requests(fd);
    const news = new News({ netns, port: portOf(fd) });
    const problem = checkPrivilege(requests) ?? news.open();
    if (problem !== undefined) {
      news.close();
      close(fd);
      return problem;
    }
    return new Rtnetlink(requests, news, options);
  }

  routes(): readonly KernelRoute[] {
    const routes: KernelRoute[] = [];
    for (const family of FAMILIES)
      for (const some of this.#dump(family))
        for (const message of some) {
          const route =
            message.type === RTM_ROUTE.NEW ? readRoute(message, this.#news.interfaces) : undefined;
          if (route?.protocol !== PROTOCOL_BGP) continue;
          const { local: _, tos: __, ...ours } = route;
          routes.push(ours);
        }
    return routes;
  }

  *scan(): Generator<RouteBatch, boolean, void> {
    const list = new RouteBatch();
    const reader = new RouteReader(this.#news.interfaces);
    let complete = true;
    for (const family of FAMILIES) {
      const dump = this.#dump(family);
      let step = dump.next();
      for (; !step.done; step = dump.next()) {
        list.clear();
        for (const message of step.value)
          if (message.type === RTM_ROUTE.NEW) reader.read(message, family, list);
        yield list;
      }
      complete &&= step.value === true;
    }
    return complete;
  }

  othersRoutes(): readonly KernelRoute[] {
    return [...this.#news.others().values()];
  }

  apply(changes: RouteBatch): readonly RouteError[] {
    const errors: RouteError[] = [];
    for (let from = 0; from < changes.size; ) from = this.#send(changes, from, changes.size, errors, false);
    return errors.length > 1 ? errors.sort((a, b) => a.index - b.index) : errors;
  }

  resolve(address: Address): Resolution {
    this.#news.drain();
    if (zoneOf(address) !== undefined)
      return { foreign: resolutionBy(this.#news.othersMatch(address)), own: undefined };
    this.#plainWriter.reset();
    const sequence = this.#requests.sequence();
    writeRouteLookup(this.#plainWriter, address, sequence);
    const unreachable = (reason: string): Resolution => ({
      foreign: { reachable: false, reason },
      own: undefined,
    });
    let answer = unreachable('the kernel did not answer');
    const { octets } = this.#plainWriter;
    const failed = this.#requests.exchange(octets, octets.length, sequence, (message) => {
      if (message.type === NLMSG.ERROR) {
        const { errno, text } = readError(message);
        answer = unreachable(noRouteReason(errno, text));
        return true;
      }
      const route = readRoute(message, this.#news.interfaces);
      if (route?.local) answer = unreachable('it is an address of this machine');
      else if (route?.protocol === PROTOCOL_BGP)
        answer = { foreign: resolutionBy(this.#news.othersMatch(address)), own: route };
      else answer = { foreign: resolutionBy(route), own: undefined };
      return true;
    });
    return failed === undefined ? answer : unreachable(failed.message);
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#news.watch(listener);
  }

  close(): void {
    this.#news.close();
    close(this.#requests.fd);
  }

  /**
   * Sends some of the changes, from one on.
   * @param replaces  whatever the batch says. @returns the first that was not sent.
   */
  #send(batch: RouteBatch, from: number, to: number, errors: RouteError[], replaces: boolean): number {
    this.#news.drain();
    const others = this.#news.others();
    this.#writer.reset();
    const end = Math.min(to, from + SEND_ROUTES);
    const first = this.#requests.sequence(end - from);
    let index = from;
    let last = -1;
    for (; index < end && this.#writer.length < SEND_OCTETS; index++) {
      const conflict = batch.how[index] === HOW.REMOVE ? undefined : others.findAt(batch, index);
      if (conflict !== undefined) {
        errors.push({ index, errno: ERRNO.EEXIST, name: 'EEXIST', message: conflictMessage(conflict) });
        continue;
      }
      const wrong = this.#writer.write(batch, index, replaces, first + index - from);
      if (wrong === undefined) last = index;
      else errors.push({ index, errno: ERRNO.ENODEV, name: 'ENODEV', message: wrong });
    }
    if (last >= 0) this.#exchange(batch, from, last, first, errors, replaces);
    return index;
  }

  /** Sends the messages in the writer. @param first  sequence number of the change `from`. */
  #exchange(
    batch: RouteBatch,
    from: number,
    last: number,
    first: number,
    errors: RouteError[],
    replaces: boolean,
  ): void {
    this.#writer.acknowledgeLast();
    const taken: number[] = [];
    const refused: RouteError[] = [];
    const answer = { sequence: first + last - from };
    const failure = this.#requests.exchange(this.#writer.octets, this.#writer.length, first, (message) => {
      if (message.type !== NLMSG.ERROR) return false;
      const { errno, text } = readError(message);
      const index = from + message.sequence - first;
      if (errno === ERRNO.EEXIST && batch.how[index] === HOW.CREATE && !replaces) taken.push(index);
      else if (errno !== 0 && !(errno === ERRNO.ESRCH && batch.how[index] === HOW.REMOVE))
        refused.push({ index, ...kernelError(errno, text) });
      return message.sequence === answer.sequence;
    });
    if (failure?.errno === ERRNO.ENOBUFS && last - from >= FEW) {
      // Answers were lost for want of room (an unprivileged namespace cannot raise it). All changes can be made twice.
      errors.splice(0, errors.length, ...errors.filter(({ index }) => index < from || index > last));
      for (let at = from; at <= last; at += FEW)
        this.#send(batch, at, Math.min(at + FEW, last + 1), errors, replaces);
      return;
    }
    if (failure !== undefined) {
      for (let index = from; index <= last; index++)
        if (!errors.some((error) => error.index === index)) errors.push({ index, ...failure });
      return;
    }
    for (const error of refused) errors.push(error);
    // Someone has the place. If it is not another program (the drain tells), it is we ourselves: replace.
    for (const index of taken) this.#send(batch, index, index + 1, errors, true);
  }

  #dump(family: 'ipv4' | 'ipv6') {
    return readList(this.#netns, (writer, sequence) =>
      writeRouteDump(writer, family, PROTOCOL_BGP, sequence),
    );
  }
}

function checkPrivilege(requests: Requests): string | undefined {
  const writer = new MessageWriter(256);
  const sequence = requests.sequence();
  writePrivilegeProbe(writer, sequence);
  let refused = false;
  const failed = requests.exchange(writer.octets, writer.octets.length, sequence, (message) => {
    refused = message.type === NLMSG.ERROR && readError(message).errno === ERRNO.EPERM;
    return true;
  });
  if (failed !== undefined) return `kernel routes: netlink does not work: ${failed.message}`;
  return refused
    ? 'kernel routes: the privilege CAP_NET_ADMIN is missing: run as root, or grant it (systemd: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_BIND_SERVICE)'
    : undefined;
}
