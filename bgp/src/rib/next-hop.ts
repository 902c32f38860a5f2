// Which next hops resolve, and at what interior cost, as last told (RFC 4271 §9.1.2.1). The daemon asks the kernel;
// here is who needs to know. A next hop that nothing was said of yet does not resolve.

import type { Address } from '../net/address.ts';

interface Entry {
  uses: number;
  cost: number | undefined;
  /** That it goes out by. */
  interface: string | undefined;
  /** Something was said of it, be it that it does not resolve. */
  answered: boolean;
  /** The daemon has been asked to follow it. */
  tracked: boolean;
}

export class NextHops {
  private readonly entries = new Map<Address, Entry>();
  /** Came into use or went out of it since the last `takeChanges`; only what is different then is told. */
  private readonly changed = new Set<Address>();
  private waiting = 0;

  /** In use, or given up since the last `takeChanges`. */
  get size(): number {
    return this.entries.size;
  }

  /** In use, and nothing was said of them yet. */
  get unanswered(): number {
    return this.waiting;
  }

  retain(address: Address): void {
    const entry = this.entries.get(address);
    if (entry !== undefined) {
      entry.uses++;
      return;
    }
    this.entries.set(address, {
      uses: 1,
      cost: undefined,
      interface: undefined,
      answered: false,
      tracked: false,
    });
    this.changed.add(address);
    this.waiting++;
  }

  release(address: Address): void {
    const entry = this.entries.get(address);
    if (entry === undefined || entry.uses === 0)
      throw new Error(`invariant: next hop ${address} released more often than retained`);
    if (--entry.uses === 0) this.changed.add(address);
  }

  /** @returns whether the answer changed; false also for a next hop that nobody uses (any more). */
  tell(address: Address, cost: number | undefined): boolean {
    const entry = this.entries.get(address);
    if (entry === undefined) return false;
    if (!entry.answered) this.waiting--;
    entry.answered = true;
    if (entry.cost === cost) return false;
    entry.cost = cost;
    return true;
  }

  /** @returns whether the interface changed. */
  tellInterface(address: Address, name: string | undefined): boolean {
    const entry = this.entries.get(address);
    if (entry === undefined || entry.interface === name) return false;
    entry.interface = name;
    return true;
  }

  /** Name of the interface that it goes out by; undefined when it does not resolve, or nothing was said of it. */
  interface(address: Address): string | undefined {
    return this.entries.get(address)?.interface;
  }

  /** Interior cost; undefined when it does not resolve. */
  cost(address: Address): number | undefined {
    return this.entries.get(address)?.cost;
  }

  /**
   * What came into use and what went out of it since the last call. One that went and came back in between is in
   * neither list, and keeps its answer.
   */
  takeChanges(): { readonly started: readonly Address[]; readonly stopped: readonly Address[] } {
    const started: Address[] = [];
    const stopped: Address[] = [];
    for (const address of this.changed) {
      const entry = this.entries.get(address)!;
      if (entry.uses > 0) {
        if (!entry.tracked) started.push(address);
        entry.tracked = true;
      } else {
        if (entry.tracked) stopped.push(address);
        if (!entry.answered) this.waiting--;
        this.entries.delete(address);
      }
    }
    this.changed.clear();
    return { started, stopped };
  }
}
