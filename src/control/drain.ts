// Whether the node is drained, and how far that is known. A level: asking for what holds already changes nothing. What is known is
// that the change has left this process for every peer; what peers make of it, nobody tells.

import type { Millis, PeerId } from 'bgp-utils';
import type { DrainFacts } from './source.ts';

/** What the state is read from. */
export interface DrainOptions {
  readonly now: () => Millis;
  /** When an earlier run was asked for it, and it was not taken back; undefined: it was not. */
  readonly drainedSince?: Millis | undefined;
  /** Brings the speaker to what is wanted now. */
  readonly apply: () => void;
  /** Peers with a session that have not been sent all; undefined while the speaker has not looked at the change yet. */
  readonly unsent: () => readonly PeerId[] | undefined;
}

export class Drain {
  #wanted = false;
  #since: Millis | undefined;
  /** Stays true: what changes later is sent as it is then. */
  #told = true;

  constructor(private readonly options: DrainOptions) {
    this.#since = options.drainedSince;
    this.#wanted = options.drainedSince !== undefined;
    this.#told = !this.#wanted;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  set(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#since = this.options.now();
    this.#told = false;
    this.options.apply();
  }

  facts(): DrainFacts {
    const unsent = this.#told ? [] : this.options.unsent();
    this.#told = unsent?.length === 0;
    const state = this.#wanted ? (this.#told ? 'drained' : 'draining') : this.#told ? 'off' : 'undraining';
    return { state, since: this.#since, waitingFor: unsent ?? [] };
  }
}
