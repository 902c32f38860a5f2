// What the kernel tells of its own accord, and what follows from it: interfaces by name and number, other programs' routes, and
// news for whoever listens. A filter in the kernel leaves out what our own requests cause. News is read by the event loop,
// and drained before every batch and lookup, so that what other programs did is known up to that moment.

import { type Address, FAMILIES, type Family } from 'bgp-utils';
import { readDatagrams } from '../../sys/datagrams.ts';
import { ERRNO, isSystemError, MSG, recv } from '../../sys/libc.ts';
import { type KernelEvent, type KernelRoute, PROTOCOL_BGP } from '../kernel.ts';
import { RouteTable } from '../route-table.ts';
import { RTM_ADDRESS, RTM_LINK, readAddressLink, readLink, writeLinkDump } from './link.ts';
import { type Message, messages, NLM_F } from './message.ts';
import { RTM_NEXTHOP, readObjectId } from './nexthop.ts';
import { type Interfaces, RTM_ROUTE, readRoute, routeProtocol, writeRouteDump } from './route.ts';
import { openSocket, RECEIVE_OCTETS, readList } from './socket.ts';

/** RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE, NEXTHOP as the bits of sockaddr_nl. */
const NEWS_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400 | 0x80000000;

/** Lists in a row that others may disturb. */
const LIST_TRIES = 3;

export interface NewsOptions {
  readonly netns: string | undefined;
  /** Of the socket whose doings are not news. */
  readonly port: number;
}

export class News {
  readonly #options: NewsOptions;
  /** Called when interfaces have other numbers than before. */
  onInterfaces: () => void = () => undefined;
  #socket = -1;
  #stop: () => void = () => undefined;
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_OCTETS);
  readonly #names = new Map<number, string>();
  readonly #indexes = new Map<string, number>();
  readonly interfaces: Interfaces = {
    index: (name) => this.#indexes.get(name),
    name: (index) => this.#names.get(index),
  };
  /** What others have in the main table. */
  #others = new RouteTable();
  /** News was lost or is ambiguous: list them again before they are needed. */
  #othersStale = true;
  /** They were listed whole at some time. */
  #listed = false;
  #listener: ((event: KernelEvent) => void) | undefined;
  #events: KernelEvent[] = [];
  #delivery: NodeJS.Immediate | undefined;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** @returns why it cannot be had. */
  open(): string | undefined {
    const { netns, port } = this.#options;
    const news = openSocket(netns, NEWS_GROUPS, port);
    if (isSystemError(news)) return `kernel routes: no socket for changes: ${news.message}`;
    this.#socket = news;
    this.#stop = readDatagrams(
      news,
      (octets) => this.#digest(octets),
      () => {
        // Node closed it (ENOBUFS most likely).
        this.#socket = -1;
        this.#stop = () => undefined;
        this.#lost();
        const problem = this.open();
        if (problem !== undefined) throw new Error(`invariant: ${problem}, though it could be opened before`);
      },
    );
    this.#listLinks();
    return undefined;
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = undefined;
    clearImmediate(this.#delivery);
    this.#stop();
  }

  /** Reads what is there already, without waiting for the event loop. */
  drain(): void {
    while (this.#socket >= 0) {
      const length = recv(this.#socket, this.#received, MSG.DONTWAIT);
      if (!isSystemError(length)) this.#digest(this.#received.subarray(0, length));
      else if (length.errno === ERRNO.ENOBUFS) this.#lost();
      else if (length.name !== 'EINTR') return;
    }
  }

  /** Other programs' routes, the kernel's own included. */
  others(): RouteTable {
    if (this.#othersStale) this.#listOthers();
    return this.#others;
  }

  othersMatch(address: Address): KernelRoute | undefined {
    return this.others().longestMatch(address);
  }

  #listLinks(): void {
    for (const some of readList(this.#options.netns, writeLinkDump))
      for (const message of some) if (message.type === RTM_LINK.NEW) this.#linkChanged(message);
  }

  /** Of a list that is not whole nothing is believed, as long as an earlier one is there: what it leaves out may well be there. */
  #listOthers(): void {
    for (let tries = 0; tries < LIST_TRIES; tries++) {
      const table = new RouteTable();
      const whole = FAMILIES.map((family) => this.#readOthers(family, table)).every(Boolean);
      if (whole || !this.#listed) this.#others = table;
      this.#listed ||= whole;
      this.#othersStale = !whole;
      if (whole) return;
    }
  }

  /** @returns whether the list is whole, or cannot be had. */
  #readOthers(family: Family, table: RouteTable): boolean {
    const list = readList(this.#options.netns, (writer, sequence) =>
      writeRouteDump(writer, family, 0, sequence),
    );
    let step = list.next();
    for (; !step.done; step = list.next()) {
      for (const message of step.value) {
        if (message.type !== RTM_ROUTE.NEW || routeProtocol(message) === PROTOCOL_BGP) continue;
        const route = readRoute(message, this.interfaces);
        if (route !== undefined && !route.local && route.tos === 0) table.add(plain(route));
      }
    }
    return step.value !== false;
  }

  #lost(): void {
    this.#othersStale = true;
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
        case RTM_NEXTHOP.NEW:
        case RTM_NEXTHOP.DELETE:
          this.#emit({ type: 'objects', id: readObjectId(message), by: message.port });
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
      this.#othersStale ||= !gone; // renamed: its routes show the new name
      this.onInterfaces();
    }
    if (!gone && this.#indexes.get(link.name) !== link.index) {
      this.#names.set(link.index, link.name);
      this.#indexes.set(link.name, link.index);
      this.onInterfaces();
    }
    const up = link.up && !gone;
    // The kernel removes the IPv4 routes of an interface that goes down without a word.
    if (!up) this.#others.dropInterface(link.name);
    this.#emit({ type: 'links', interface: link.name, up: up && link.carrier });
  }

  #routeChanged(message: Message): void {
    const found = readRoute(message, this.interfaces);
    if (found === undefined || found.local || found.tos !== 0) return;
    const route = plain(found);
    const added = message.type === RTM_ROUTE.NEW;
    const replaces = added && (message.flags & NLM_F.REPLACE) !== 0;
    if (route.protocol !== PROTOCOL_BGP) {
      const known = this.#others.at(route.prefix);
      if (replaces && known.length === 1 && known[0]!.metric === route.metric) this.#others.remove(known[0]!);
      else if (replaces) this.#othersStale = true;
      if (added) this.#others.add(route);
      else if (!this.#others.remove(route)) this.#othersStale ||= known.length > 0;
    }
    this.#emit({ type: 'routes', route, change: added ? 'added' : 'removed', replaces, by: message.port });
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
}

/** Only what `KernelRoute` has: the decoder's further fields must not reach a comparison. */
export const plain = ({ prefix, type, metric, nextHops, object, protocol }: KernelRoute): KernelRoute => ({
  prefix,
  type,
  metric,
  nextHops,
  ...(object !== undefined && { object }),
  protocol,
});
