// The numbers of next-hop objects: which are taken, by whomever; which are left of an earlier run and whose they become; and
// which is next.

import { type NextHopObject, PROTOCOL_BGP } from '../kernel/kernel.ts';

/** Ours have our protocol's number in the highest octet: the kernel and FRR count from 1 (FRR for protocols from 250,000,000). */
const FIRST_ID = PROTOCOL_BGP * 2 ** 24;
const LAST_ID = FIRST_ID + 2 ** 24 - 1;

export class ObjectNumbers {
  /** In the kernel with our protocol and a number of ours, and nobody's yet. */
  readonly unclaimed = new Map<number, NextHopObject>();
  #taken = new Set<number>();
  #next = FIRST_ID;

  /** All objects that the kernel has. */
  listed(list: readonly NextHopObject[]): void {
    this.#taken = new Set(list.map(({ id }) => id));
  }

  /** @param objects  of the list, those that nobody here has. */
  leftOver(objects: Iterable<NextHopObject>): void {
    this.unclaimed.clear();
    for (const object of objects) if (isOurs(object)) this.unclaimed.set(object.id, object);
  }

  take(id: number): void {
    this.#taken.add(id);
  }

  free(id: number): void {
    this.#taken.delete(id);
    this.unclaimed.delete(id);
  }

  /**
   * An object that is left of an earlier run, for one that needs a number: one that is the same, best the one that its routes name. One that
   * is not is left as it is: other routes name it that nobody has told yet, and it is theirs to say where they lead.
   * @param hint  the number that its routes name. @param fits  whether one is the same.
   */
  claim(hint: number, fits: (object: NextHopObject) => boolean): NextHopObject | undefined {
    const claimed = this.#find(hint, fits);
    if (claimed !== undefined) this.unclaimed.delete(claimed.id);
    return claimed;
  }

  /** @param inUse  whether somebody here has it, and the kernel not yet. */
  fresh(inUse: (id: number) => boolean): number {
    do this.#next = this.#next >= LAST_ID ? FIRST_ID + 1 : this.#next + 1;
    while (this.#taken.has(this.#next) || inUse(this.#next));
    return this.#next;
  }

  #find(hint: number, fits: (object: NextHopObject) => boolean): NextHopObject | undefined {
    const hinted = this.unclaimed.get(hint);
    if (hinted !== undefined && fits(hinted)) return hinted;
    for (const object of this.unclaimed.values()) if (fits(object)) return object;
    return undefined;
  }
}

const isOurs = ({ id, protocol }: NextHopObject): boolean =>
  protocol === PROTOCOL_BGP && id >= FIRST_ID && id <= LAST_ID;
