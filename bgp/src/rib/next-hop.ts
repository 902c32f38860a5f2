// Which next hops resolve, and at what interior cost, as last told (RFC 4271 §9.1.2.1). The daemon asks the kernel;
// here is who needs to know. A next hop that nothing was said of yet does not resolve. Each has a dense id, so that the tables
// need not compare text.

import {
  type Address,
  addressFromWords,
  addressWords,
  familyOfAddress,
  ipv4ToNumber,
} from '../net/address.ts';
import type { NextHopId } from '../route/route.ts';

interface Entry {
  readonly id: NextHopId;
  readonly address: Address;
  readonly words: readonly [number, number, number, number];
  uses: number;
  cost: number | undefined;
  /** That it goes out by. */
  interface: string | undefined;
  /** Something was said of it, be it that it does not resolve. */
  answered: boolean;
  /** The daemon has been asked to follow it. */
  tracked: boolean;
}

/** IPv6 addresses that are found without their text. */
const REMEMBERED = 256;

export class NextHops {
  private readonly entries: (Entry | undefined)[] = [];
  private readonly byAddress = new Map<Address, Entry>();
  /** The same by the one word of an IPv4 address, for the hot path. */
  private readonly byWord = new Map<number, Entry>();
  /** Those of IPv6 that were asked for last, by a sum of their words; some are gone by now. */
  private readonly byWords: (Entry | undefined)[] = new Array<Entry | undefined>(REMEMBERED).fill(undefined);
  private readonly free: NextHopId[] = [];
  /** Came into use or went out of it since the last `takeChanges`; only what is different then is told. */
  private readonly changed = new Set<Entry>();
  private waiting = 0;

  /** In use, or given up since the last `takeChanges`. */
  get size(): number {
    return this.byAddress.size;
  }

  /** In use, and nothing was said of them yet. */
  get unanswered(): number {
    return this.waiting;
  }

  retain(address: Address): NextHopId {
    return this.use(this.byAddress.get(address) ?? this.add(address));
  }

  /** The same for an IPv4 address as a word. */
  retainWord(word: number): NextHopId {
    return this.use(this.byWord.get(word) ?? this.add(addressFromWords('ipv4', word, 0, 0, 0)));
  }

  /** The same for an IPv6 address as words. */
  retainWords(w0: number, w1: number, w2: number, w3: number): NextHopId {
    const sum = (w0 ^ w1 ^ w2 ^ w3) >>> 0;
    const at = (sum ^ (sum >>> 8) ^ (sum >>> 16)) & (REMEMBERED - 1);
    const last = this.byWords[at];
    if (last !== undefined && this.entries[last.id] === last) {
      const { words } = last;
      if (words[0] === w0 && words[1] === w1 && words[2] === w2 && words[3] === w3) return this.use(last);
    }
    const id = this.retain(addressFromWords('ipv6', w0, w1, w2, w3));
    this.byWords[at] = this.entries[id];
    return id;
  }

  release(address: Address): void {
    const entry = this.byAddress.get(address);
    if (entry === undefined)
      throw new Error(`invariant: next hop ${address} released more often than retained`);
    this.releaseId(entry.id);
  }

  releaseId(id: NextHopId): void {
    const entry = this.entries[id];
    if (entry === undefined || entry.uses === 0)
      throw new Error(`invariant: next hop ${entry?.address ?? id} released more often than retained`);
    if (--entry.uses === 0) this.changed.add(entry);
  }

  /** @returns whether it is the first answer, or another one; false also for a next hop that nobody uses (any more). */
  tell(address: Address, cost: number | undefined): boolean {
    const entry = this.byAddress.get(address);
    if (entry === undefined) return false;
    const first = !entry.answered;
    if (first) this.waiting--;
    if (!first && entry.cost === cost) return false;
    entry.answered = true;
    entry.cost = cost;
    return true;
  }

  /** @returns whether the interface changed. */
  tellInterface(address: Address, name: string | undefined): boolean {
    const entry = this.byAddress.get(address);
    if (entry === undefined || entry.interface === name) return false;
    entry.interface = name;
    return true;
  }

  /** Name of the interface that it goes out by; undefined when it does not resolve, or nothing was said of it. */
  interface(address: Address): string | undefined {
    return this.byAddress.get(address)?.interface;
  }

  /** Interior cost; undefined when it does not resolve. */
  cost(address: Address): number | undefined {
    return this.byAddress.get(address)?.cost;
  }

  costOf(id: NextHopId): number | undefined {
    return this.entries[id]!.cost;
  }

  /** Something was said of it, be it that it does not resolve. */
  isAnswered(id: NextHopId): boolean {
    return this.entries[id]!.answered;
  }

  addressOf(id: NextHopId): Address {
    return this.entries[id]!.address;
  }

  interfaceOf(id: NextHopId): string | undefined {
    return this.entries[id]!.interface;
  }

  idOf(address: Address): NextHopId | undefined {
    return this.byAddress.get(address)?.id;
  }

  /**
   * What came into use and what went out of it since the last call. One that went and came back in between is in
   * neither list, and keeps its answer.
   */
  takeChanges(): { readonly started: readonly Address[]; readonly stopped: readonly Address[] } {
    const started: Address[] = [];
    const stopped: Address[] = [];
    for (const entry of this.changed) {
      const { address, id } = entry;
      if (entry.uses > 0) {
        if (!entry.tracked) started.push(address);
        entry.tracked = true;
      } else {
        if (entry.tracked) stopped.push(address);
        if (!entry.answered) this.waiting--;
        this.byAddress.delete(address);
        if (familyOfAddress(address) === 'ipv4') this.byWord.delete(ipv4ToNumber(address));
        this.entries[id] = undefined;
        this.free.push(id);
      }
    }
    this.changed.clear();
    return { started, stopped };
  }

  private use(entry: Entry): NextHopId {
    entry.uses++;
    return entry.id;
  }

  private add(address: Address): Entry {
    const id = this.free.pop() ?? (this.entries.length as NextHopId);
    const entry: Entry = {
      id,
      address,
      words: addressWords(address),
      uses: 0,
      cost: undefined,
      interface: undefined,
      answered: false,
      tracked: false,
    };
    this.entries[id] = entry;
    this.byAddress.set(address, entry);
    if (familyOfAddress(address) === 'ipv4') this.byWord.set(ipv4ToNumber(address), entry);
    this.changed.add(entry);
    this.waiting++;
    return entry;
  }
}
