// The Linux kernel behind `Kernel`, over NETLINK_ROUTE. Its sockets: one for questions, which are answered inside send(), in
// microseconds; one for changes, which may take their time and are made beside the event loop (`Changes` in socket.ts,
// route-changes.ts, objects.ts); one for news of what others do (news.ts); and one a list, while it is read.

import { type Address, FAMILIES, zoneOf } from 'bgp-utils';
import { close, ERRNO, isSystemError, type SystemError, unavailable } from '../../sys/libc.ts';
import { RouteBatch } from '../batch.ts';
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
import { resolutionBy } from '../route-table.ts';
import { noRouteReason } from './errors.ts';
import { MessageWriter, NLMSG, readError } from './message.ts';
import { News } from './news.ts';
import { NetlinkObjects } from './objects.ts';
import { RTM_ROUTE, readRoute, writePrivilegeProbe, writeRouteDump, writeRouteLookup } from './route.ts';
import { RouteChanges } from './route-changes.ts';
import { RouteReader } from './route-reader.ts';
import { Changes, openSocket, portOf, Requests, readList } from './socket.ts';

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
  readonly #changes: Changes;
  readonly #routeChanges: RouteChanges;
  readonly #writer = new MessageWriter(1024);

  private constructor(requests: Requests, changes: Changes, news: News, options: RtnetlinkOptions) {
    const { netns, objects } = options;
    this.#netns = netns;
    this.#requests = requests;
    this.#changes = changes;
    this.#news = news;
    this.#routeChanges = new RouteChanges(changes, news);
    news.onInterfaces = () => this.#routeChanges.forgetInterfaces();
    const made = new NetlinkObjects(changes, netns, news.interfaces, () => news.drain());
    this.objects = objects === false ? 'they are not wanted' : (made.unavailable() ?? made);
  }

  /** @returns the kernel, or why not. */
  static open(options: RtnetlinkOptions): Rtnetlink | string {
    const { netns } = options;
    // The first one is bound to our process id, which others see as who made a change.
    const fds = [openSocket(netns, 0), openSocket(netns, 0)] as const;
    const [changes, questions] = fds;
    const closeAll = () => {
      for (const fd of fds) if (!isSystemError(fd)) close(fd);
    };
    if (isSystemError(questions) || isSystemError(changes)) {
      closeAll();
      const { message } = isSystemError(questions) ? questions : (changes as SystemError);
      return `kernel routes: no netlink socket${netns ? ` in ${netns}` : ''}: ${message}`;
    }
    const requests = new Requests(questions);
    const news = new News({ netns, port: portOf(changes) });
    const problem = checkPrivilege(requests) ?? news.open();
    if (problem === undefined) return new Rtnetlink(requests, new Changes(changes), news, options);
    news.close();
    closeAll();
    return problem;
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

  apply(changes: RouteBatch, done: (errors: readonly RouteError[]) => void): void {
    this.#routeChanges.apply(changes, done);
  }

  resolve(address: Address): Resolution {
    this.#news.drain();
    if (zoneOf(address) !== undefined)
      return { foreign: resolutionBy(this.#news.othersMatch(address)), own: undefined };
    this.#writer.reset();
    const sequence = this.#requests.sequence();
    writeRouteLookup(this.#writer, address, sequence);
    const unreachable = (reason: string): Resolution => ({
      foreign: { reachable: false, reason },
      own: undefined,
    });
    let answer = unreachable('the kernel did not answer');
    const { octets } = this.#writer;
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
    this.#changes.close();
    close(this.#requests.fd);
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
