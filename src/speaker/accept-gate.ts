// Who of those that connect to us is let in, and when. Addresses of peers come in as fast as the daemon can take them, and wait their
// turn when more come at once: one connection of each address after the other, so that no peer's storm holds up the others, and those
// of a range, where one host may have any number of addresses, behind all that are configured by themselves. Of all other addresses
// a few a minute are let through, to be told no in BGP's words; the rest is closed and counted.

import type { Address, Millis } from 'bgp-utils';

/** A second's worth of connections with peers: an OPEN both ways takes a fraction of a millisecond. */
export const PEERS_A_SECOND = 1000;
/** Connections with strangers that are answered, and logged each. */
const STRANGERS_A_SECOND = 0.2;
export const STRANGERS_AT_ONCE = 20;
/** Connections that may wait of one address, and of all that are of ranges. */
export const WAITING_OF_ONE = 8;
export const WAITING_OF_RANGES = 8192;

export type Verdict =
  /** Let in now. */
  | 'now'
  /** Let in by a later `next`. */
  | 'waits'
  /** No peer has the address: close it without a word. */
  | 'stranger'
  /** Too many wait already: close it, the peer will come again. */
  | 'overflow';

export interface AcceptCounts {
  /** Connections from addresses of no peer that were closed without a word. */
  readonly strangers: number;
  /** Connections of peers that had to wait, and those that there was no room for. */
  readonly delayed: number;
  readonly overflows: number;
}

/** @typeParam C  a connection. */
export class AcceptGate<C> {
  readonly #peers = new TokenBucket(PEERS_A_SECOND, PEERS_A_SECOND);
  readonly #strangers = new TokenBucket(STRANGERS_A_SECOND, STRANGERS_AT_ONCE);
  readonly #configured = new Waiting<C>();
  readonly #ofRanges = new Waiting<C>();
  #counts = { strangers: 0, delayed: 0, overflows: 0 };

  get counts(): AcceptCounts {
    return this.#counts;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#configured.size + this.#ofRanges.size;
  }

  /** @param isPeer  a peer has that address. @param ofRange  one that is any of a range. */
  arrive(connection: C, from: Address, isPeer: boolean, now: Millis, ofRange = false): Verdict {
    if (!isPeer) {
      if (this.#strangers.take(now)) return 'now';
      this.#counts.strangers++;
      return 'stranger';
    }
    if ((ofRange ? this.waiting : this.#configured.size) === 0 && this.#peers.take(now)) return 'now';
    const queue = ofRange ? this.#ofRanges : this.#configured;
    if ((ofRange && queue.size >= WAITING_OF_RANGES) || !queue.add(connection, from)) {
      this.#counts.overflows++;
      return 'overflow';
    }
    this.#counts.delayed++;
    return 'waits';
  }

  /** @returns one that waited and is let in now, or undefined: ask again later, if any wait. */
  next(now: Millis): C | undefined {
    if (this.waiting === 0 || !this.#peers.take(now)) return undefined;
    return this.#configured.take() ?? this.#ofRanges.take();
  }

  /** @returns those that wait: nobody is let in any more. */
  clear(): C[] {
    return [...this.#configured.clear(), ...this.#ofRanges.clear()];
  }
}

/** Connections in the order in which their addresses have their turn. */
class Waiting<C> {
  readonly #queues = new Map<Address, C[]>();
  size = 0;

  /** @returns false when too many of the address wait already. */
  add(connection: C, from: Address): boolean {
    const queue = this.#queues.get(from);
    if ((queue?.length ?? 0) >= WAITING_OF_ONE) return false;
    this.size++;
    if (queue === undefined) this.#queues.set(from, [connection]);
    else queue.push(connection);
    return true;
  }

  take(): C | undefined {
    const [first] = this.#queues;
    if (first === undefined) return undefined;
    const [from, queue] = first;
    const connection = queue.shift();
    this.size--;
    this.#queues.delete(from);
    if (queue.length > 0) this.#queues.set(from, queue); // behind all others
    return connection;
  }

  clear(): C[] {
    const left = [...this.#queues.values()].flat();
    this.#queues.clear();
    this.size = 0;
    return left;
  }
}

/** So many at once, and so many a second. */
class TokenBucket {
  #tokens: number;
  #at: Millis = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly perSecond: number,
    private readonly atOnce: number,
  ) {
    this.#tokens = atOnce;
  }

  take(now: Millis): boolean {
    if (this.#at !== Number.NEGATIVE_INFINITY)
      this.#tokens = Math.min(this.atOnce, this.#tokens + ((now - this.#at) / 1000) * this.perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
