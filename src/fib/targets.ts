// What routes lead to in the kernel, each once and by a small number, for as long as a route or a next-hop set uses it.

import { type Via, viaKey } from '../kernel/kernel.ts';

export const NO_TARGET = -1;

export class Targets {
  readonly #byKey = new Map<string, number>();
  readonly #vias: (Via | undefined)[] = [];
  readonly #keys: string[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];
  /** Routes of a list that lead to the same come one after the other. */
  #last: { readonly via: Via; readonly target: number } | undefined;

  /** Finds or adds. A new one is gone with the next `release`, unless it is retained. */
  intern(via: Via): number {
    if (this.#last?.via === via && this.#vias[this.#last.target] === via) return this.#last.target;
    const key = viaKey(via);
    let target = this.#byKey.get(key);
    if (target === undefined) {
      target = this.#free.pop() ?? this.#vias.length;
      this.#byKey.set(key, target);
      this.#vias[target] = via;
      this.#keys[target] = key;
      this.#uses[target] = 0;
    }
    this.#last = { via, target };
    return target;
  }

  find(via: Via): number {
    return this.#byKey.get(viaKey(via)) ?? NO_TARGET;
  }

  via(target: number): Via {
    return this.#vias[target]!;
  }

  /** @param target  NO_TARGET is fine, here and below. */
  retain(target: number): void {
    if (target !== NO_TARGET) this.#uses[target]!++;
  }

  release(target: number): void {
    if (target === NO_TARGET || --this.#uses[target]! > 0) return;
    this.#byKey.delete(this.#keys[target]!);
    this.#vias[target] = undefined;
    this.#free.push(target);
  }

  /** Does anybody use it? */
  uses(target: number): number {
    return target === NO_TARGET ? 0 : this.#uses[target]!;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** All are below this. */
  get capacity(): number {
    return this.#vias.length;
  }
}
