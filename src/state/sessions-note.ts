// Notes in the state folder that sessions are up, now and then: with --kernel none nothing else tells the next start that it is a restart.

import type { RunState } from './run-state.ts';

/** How often while sessions are up, and how seldom at most: a thousand may come up at once. */
const EVERY_MS = 5000;
const AGAIN_MS = 1000;

export class SessionsNote {
  #timer: NodeJS.Timeout | undefined;
  #notedAt = Number.NEGATIVE_INFINITY;

  /** @param established  how many sessions are up now. @param now  milliseconds on a clock that does not jump. */
  constructor(
    private readonly state: RunState,
    private readonly established: () => number,
    private readonly now: () => number,
  ) {}

  start(): void {
    this.#timer = setInterval(() => this.note(), EVERY_MS);
  }

  /** A session came up, or some time has passed. */
  note(): void {
    if (this.now() - this.#notedAt < AGAIN_MS || this.established() === 0) return;
    this.#notedAt = this.now();
    this.state.sessionsUp();
  }

  /** @param left  the daemon leaves the network: the next start is no restart. */
  stop(left: boolean): void {
    clearInterval(this.#timer);
    if (left) this.state.left();
    else this.note();
  }

  /**
   * Peers keep our routes for the restart time that we have told them, and as long this is a restart (RFC 4724 §4.1).
   * @param restartSeconds  of each peer.
   */
  isRestart(restartSeconds: readonly number[]): boolean {
    const { sessionsAgo } = this.state;
    return sessionsAgo !== undefined && sessionsAgo < Math.max(0, ...restartSeconds);
  }
}
