// Lists of our routes into the columns of a batch: the numbers of each route are read in place, and where it leads to is
// decoded once for all that say it with the same octets.                                                              [hot]

import type { Family } from 'bgp-utils';
import type { RouteBatch } from '../batch.ts';
import { PROTOCOL_BGP, type Via } from '../kernel.ts';
import { align } from './attribute.ts';
import type { Message } from './message.ts';
import { AF, type Interfaces, RT_TABLE_MAIN, RTA, RTM_F_CLONED, RTMSG_OCTETS, readRoute } from './route.ts';

const TYPE_MASK = 0x3fff;

export class RouteReader {
  /** By the octets that say where a route leads to. */
  readonly #vias = new Map<string, Via>();

  constructor(private readonly interfaces: Interfaces) {}

  /** Adds the route to the list, unless it is not one of ours in the main table. */
  read(message: Message, family: Family, list: RouteBatch): void {
    const { octets, start, end } = message;
    if (end - start < RTMSG_OCTETS || octets[start] !== AF[family] || octets[start + 5] !== PROTOCOL_BGP)
      return;
    if ((octets.readUInt32LE(start + 8) & RTM_F_CLONED) !== 0 || octets[start + 3] !== 0) return;
    let table = octets[start + 4]!;
    let metric = 0;
    let destination = -1;
    let key = `${octets[start + 7]} ${octets[start + 8]! & 4} `;
    for (let at = start + RTMSG_OCTETS; at + 4 <= end; ) {
      const length = octets.readUInt16LE(at);
      if (length < 4 || at + length > end) break;
      switch (octets.readUInt16LE(at + 2) & TYPE_MASK) {
        case RTA.DST:
          destination = at + 4;
          break;
        case RTA.PRIORITY:
          metric = octets.readUInt32LE(at + 4);
          break;
        case RTA.TABLE:
          table = octets.readUInt32LE(at + 4);
          break;
        case RTA.GATEWAY:
        case RTA.OIF:
        case RTA.VIA:
        case RTA.MULTIPATH:
        case RTA.NH_ID:
          key += octets.toString('latin1', at, at + length);
          break;
      }
      at += align(length);
    }
    if (table !== RT_TABLE_MAIN) return;
    const via = this.#vias.get(key) ?? this.#decode(message, key);
    const word = (i: number) => (destination < 0 ? 0 : octets.readUInt32BE(destination + i * 4));
    const wide = family === 'ipv6';
    const [w1, w2, w3] = wide ? [word(1), word(2), word(3)] : [0, 0, 0];
    list.add(0, wide ? 1 : 0, octets[start + 1]!, word(0), w1, w2, w3, metric, via, 0);
  }

  #decode(message: Message, key: string): Via {
    const { type, nextHops, object } = readRoute(message, this.interfaces)!;
    const via = { type, nextHops, ...(object !== undefined && { object }) };
    this.#vias.set(key, via);
    return via;
  }
}
