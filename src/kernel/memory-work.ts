// What the kernel in memory works at, beside the event loop like the real one: changes are made one after the other at some time
// after they were asked for, and that they were made is known some time after that.

export type Later = (run: () => void) => void;

export class MemoryWork {
  #steps: (() => void)[] = [];
  #done: (() => void) | undefined;
  /** Nothing is done of itself, but by `some` and `finish`. */
  waits = false;

  /** @param later  calls in a later turn: when work is done that does not wait. */
  constructor(public later: Later) {}

  /** @throws when there is work already: the kernel is given one batch at a time. */
  begin(steps: (() => void)[], done: () => void): void {
    if (this.#done !== undefined) throw new Error('invariant: one batch of changes at a time');
    this.#steps = steps;
    this.#done = done;
    if (!this.waits) this.later(() => this.#done === done && this.finish());
  }

  get isBusy(): boolean {
    return this.#done !== undefined;
  }

  /** Makes the next few changes. Nobody is told. */
  some(count: number): void {
    for (const step of this.#steps.splice(0, count)) step();
  }

  /** Makes the rest, and tells. */
  finish(): void {
    this.some(this.#steps.length);
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  /** Nobody is told any more. */
  close(): void {
    this.some(this.#steps.length);
    this.#done = undefined;
  }
}
