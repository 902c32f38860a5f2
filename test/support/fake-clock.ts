// A clock that moves only when told: for what takes `now` and `schedule` as options.

/** Work of delay 0 runs at the next `run` or `advance`, in order; later work when its time comes. */
export class FakeClock {
  #now = 0;
  #order = 0;
  #tasks: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const task = { at: this.#now + delayMs, order: this.#order++, run };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((each) => each !== task);
    };
  }

  /** Runs what is due now, and what that makes due now. */
  run(): void {
    this.advance(0);
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#tasks
        .filter((task) => task.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }

  /** How much is scheduled. */
  get waiting(): number {
    return this.#tasks.length;
  }
}
