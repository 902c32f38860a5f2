// Route messages straight from the numbers of a batch, into one buffer that is used again and again.                  [hot]
//
//   0  nlmsghdr  length, type | flags, sequence, port 0
//  16  rtmsg     family | length, table | protocol | scope | type, flags
//  28  RTA_DST   8 octets (IPv4) or 20
//      RTA_PRIORITY, but for metric 0
//      what leads on: copied from octets that routes with the same `Via` share
//
// All is a multiple of four octets, so it is written as words. test/property/netlink-hot.test.ts has the plain twin.

import type { Family } from 'bgp-utils';
import { HOW, type RouteBatch } from '../batch.ts';
import { type KernelNextHop, PROTOCOL_BGP, type Via } from '../kernel.ts';
import { missingInterface } from './errors.ts';
import { MessageWriter, NLM_F } from './message.ts';
import {
  AF,
  type Interfaces,
  RT_SCOPE,
  RT_TABLE_MAIN,
  RTA,
  RTM_ROUTE,
  RTN,
  RTNH_F_ONLINK,
  writeVia,
} from './route.ts';

const CREATE = NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL;
const REPLACE = NLM_F.REQUEST | NLM_F.CREATE | NLM_F.REPLACE;
const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
/** Without what leads on. */
const LARGEST = 16 + 12 + 20 + 8;
const INITIAL_OCTETS = 128 << 10;

/** What a message says about where the route leads to. */
interface Encoded {
  readonly words: Uint32Array;
  readonly scope: number;
  readonly type: number;
  readonly flags: number;
}

export class RouteWriter {
  #buffer = new ArrayBuffer(INITIAL_OCTETS);
  #words = new Uint32Array(this.#buffer);
  octets = new Uint8Array(this.#buffer);
  /** Words written. */
  #at = 0;
  #messageAt = 0;
  readonly #interfaces: Interfaces;
  readonly #plain = new MessageWriter(1024);
  /** Of IPv4 routes, and of IPv6 ones; a text says why it cannot be. */
  #encoded: readonly WeakMap<Via, Encoded | string>[] = [new WeakMap(), new WeakMap()];
  /** Routes come in runs that lead to the same. */
  #lastVia: Via | undefined;
  #lastFamily = 0;
  #last: Encoded | string = '';

  constructor(interfaces: Interfaces) {
    this.#interfaces = interfaces;
  }

  /** Interfaces have other numbers now. */
  forget(): void {
    this.#encoded = [new WeakMap(), new WeakMap()];
    this.#lastVia = undefined;
  }

  reset(): void {
    this.#at = 0;
  }

  /** Octets written. */
  get length(): number {
    return this.#at * 4;
  }

  /**
   * Adds the message for a change.
   * @param replaces  whatever the batch says. @returns what is wrong with the route, and then nothing was written.
   */
  write(batch: RouteBatch, index: number, replaces: boolean, sequence: number): string | undefined {
    const how = batch.how[index]!;
    const family = batch.family[index]!;
    const via = batch.via[index]!;
    const removes = how === HOW.REMOVE;
    const encoded = removes ? REMOVAL : this.#encode(via, family);
    if (typeof encoded === 'string') return encoded;
    const { words } = encoded;
    if (this.#at * 4 + LARGEST + words.byteLength > this.octets.length) this.#grow(words.byteLength);
    const to = this.#words;
    const begin = this.#at;
    const flags = removes ? NLM_F.REQUEST : replaces || how === HOW.REPLACE ? REPLACE : CREATE;
    // A removal names the type too: IPv4 takes metric 0 as any metric, and this keeps a blackhole's removal from a
    // unicast route.
    const type = removes ? TYPE[via.type] : encoded.type;
    to[begin + 1] = (removes ? RTM_ROUTE.DELETE : RTM_ROUTE.NEW) | (flags << 16);
    to[begin + 2] = sequence;
    to[begin + 3] = 0;
    to[begin + 4] = (family === 0 ? AF.ipv4 : AF.ipv6) | (batch.length[index]! << 8);
    to[begin + 5] = RT_TABLE_MAIN | (PROTOCOL_BGP << 8) | (encoded.scope << 16) | (type << 24);
    to[begin + 6] = encoded.flags;
    let at = begin + 7;
    if (family === 0) {
      to[at++] = 8 | (RTA.DST << 16);
      to[at++] = swapped(batch.w0[index]!);
    } else {
      to[at++] = 20 | (RTA.DST << 16);
      to[at++] = swapped(batch.w0[index]!);
      to[at++] = swapped(batch.w1[index]!);
      to[at++] = swapped(batch.w2[index]!);
      to[at++] = swapped(batch.w3[index]!);
    }
    const metric = batch.metric[index]!;
    if (metric !== 0) {
      to[at++] = 8 | (RTA.PRIORITY << 16);
      to[at++] = metric;
    }
    for (let i = 0; i < words.length; i++) to[at++] = words[i]!;
    to[begin] = (at - begin) * 4;
    this.#messageAt = begin;
    this.#at = at;
    return undefined;
  }

  /** Asks for an acknowledgement of the message that was written last. Errors come without. */
  acknowledgeLast(): void {
    this.#words[this.#messageAt + 1]! |= NLM_F.ACK << 16;
  }

  #encode(via: Via, family: number): Encoded | string {
    if (via === this.#lastVia && family === this.#lastFamily) return this.#last;
    let encoded = this.#encoded[family]!.get(via);
    if (encoded === undefined) {
      encoded = this.#encodeAnew(via, FAMILIES[family]!);
      this.#encoded[family]!.set(via, encoded);
    }
    this.#lastVia = via;
    this.#lastFamily = family;
    this.#last = encoded;
    return encoded;
  }

  #encodeAnew({ type, nextHops, object }: Via, family: Family): Encoded | string {
    if (type !== 'unicast') return { ...BLACKHOLE, type: TYPE[type] };
    if (object === undefined && nextHops.length === 0) return 'a unicast route needs a next hop';
    const hops: { readonly hop: KernelNextHop; readonly index: number }[] = [];
    for (const hop of object === undefined ? nextHops : []) {
      const index = hop.interface === undefined ? 0 : this.#interfaces.index(hop.interface);
      if (index === undefined) return missingInterface(hop.interface!);
      hops.push({ hop, index });
    }
    this.#plain.reset();
    writeVia(this.#plain, family, hops, object);
    const octets = Uint8Array.from(this.#plain.octets);
    const onLink = object === undefined && nextHops.every((hop) => hop.gateway === undefined);
    return {
      words: new Uint32Array(octets.buffer),
      scope: onLink ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE,
      type: RTN.UNICAST,
      flags: hops.length === 1 && hops[0]!.hop.onLink ? RTNH_F_ONLINK : 0,
    };
  }

  #grow(more: number): void {
    const larger = new ArrayBuffer(Math.max(this.octets.length * 2, this.octets.length + LARGEST + more));
    new Uint8Array(larger).set(this.octets);
    this.#buffer = larger;
    this.#words = new Uint32Array(larger);
    this.octets = new Uint8Array(larger);
  }
}

const TYPE: Readonly<Record<Via['type'], number>> = {
  unicast: RTN.UNICAST,
  blackhole: RTN.BLACKHOLE,
  other: 0,
};
const BLACKHOLE = { words: new Uint32Array(0), scope: RT_SCOPE.UNIVERSE, flags: 0 };
/** Matches any scope. */
const REMOVAL: Encoded = { words: new Uint32Array(0), scope: RT_SCOPE.NOWHERE, type: 0, flags: 0 };

/** Network order on a little-endian machine. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
