// Random enough for timers, and the same on every run with the same identity.

/** Mulberry32. */
export class Jitter {
  private state: number;

  /** @param seed  any 32 bits. */
  constructor(seed: number) {
    this.state = seed;
  }

  /** @returns at least 0, below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}
