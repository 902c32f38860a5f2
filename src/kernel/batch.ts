// Routes of ours as columns of numbers: changes on their way to the kernel, and lists of what it holds. A batch is filled,
// handed over and used again, so that a route costs no object.                                                     [hot]
//
//   how     Uint8[n]      what is to be done (`HOW`); of a list: nothing
//   family  Uint8[n]      0: IPv4, 1: IPv6
//   length  Uint8[n]      of the prefix
//   w0…w3   Uint32[n]     its words; IPv4 has w0 alone
//   metric  Uint32[n]     as the kernel shows it
//   id      Int32[n]      whatever the one who fills it wants to know again
//   via     Via[n]        shared by routes that do the same

import { FAMILIES, type Family, type Prefix, type PrefixTable, prefixFromWords } from 'bgp-utils';
import { type KernelRoute, PROTOCOL_BGP, type Via } from './kernel.ts';

/**
 * `CREATE` and `REPLACE` both put the route there; REPLACE says that ours is believed to be there with that metric, which
 * only saves time.
 */
export const HOW = { REMOVE: 0, CREATE: 1, REPLACE: 2 } as const;

const INITIAL = 256;

/** Of one prefix a batch of changes holds one CREATE or REPLACE, or else only REMOVEs: so their order does not matter. */
export class RouteBatch {
  size = 0;
  how = new Uint8Array(INITIAL);
  family = new Uint8Array(INITIAL);
  length = new Uint8Array(INITIAL);
  w0 = new Uint32Array(INITIAL);
  w1 = new Uint32Array(INITIAL);
  w2 = new Uint32Array(INITIAL);
  w3 = new Uint32Array(INITIAL);
  metric = new Uint32Array(INITIAL);
  id = new Int32Array(INITIAL);
  readonly via: Via[] = [];

  clear(): void {
    this.size = 0;
  }

  add(
    how: number,
    family: number,
    length: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    metric: number,
    via: Via,
    id: number,
  ): void {
    const at = this.size++;
    if (at === this.how.length) this.#grow();
    this.how[at] = how;
    this.family[at] = family;
    this.length[at] = length;
    this.w0[at] = w0;
    this.w1[at] = w1;
    this.w2[at] = w2;
    this.w3[at] = w3;
    this.metric[at] = metric;
    this.id[at] = id;
    this.via[at] = via;
  }

  familyOf(at: number): Family {
    return FAMILIES[this.family[at]!]!;
  }

  prefix(at: number): Prefix {
    const { length, w0, w1, w2, w3 } = this;
    return prefixFromWords(this.familyOf(at), length[at]!, w0[at]!, w1[at]!, w2[at]!, w3[at]!);
  }

  /** The id that a table has for the prefix, or NONE. */
  findIn(table: PrefixTable, at: number): number {
    return table.find(this.length[at]!, this.w0[at]!, this.w1[at]!, this.w2[at]!, this.w3[at]!);
  }

  /** For people, and where there are few. */
  route(at: number): KernelRoute {
    const { type, nextHops, object } = this.via[at]!;
    return {
      prefix: this.prefix(at),
      type,
      metric: this.metric[at]!,
      nextHops,
      ...(object !== undefined && { object }),
      protocol: PROTOCOL_BGP,
    };
  }

  #grow(): void {
    const larger = <T extends Uint8Array | Uint32Array | Int32Array>(from: T): T => {
      const to = new (from.constructor as new (length: number) => T)(from.length * 2);
      to.set(from);
      return to;
    };
    this.how = larger(this.how);
    this.family = larger(this.family);
    this.length = larger(this.length);
    this.w0 = larger(this.w0);
    this.w1 = larger(this.w1);
    this.w2 = larger(this.w2);
    this.w3 = larger(this.w3);
    this.metric = larger(this.metric);
    this.id = larger(this.id);
  }
}
