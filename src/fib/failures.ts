// Rows that the kernel refused, or that somebody fights over, and when they are tried again. Those that are being tried keep their
// number of attempts.

import { type Millis, NEVER, type PrefixId } from 'bgp-utils';
import type { KernelError } from '../kernel/kernel.ts';

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
/** News of a link comes in pieces: up, its addresses, the networks on it. A way that is missing may be there in this time. */
const PASSING_MS = 100;
const PASSING: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'ENODEV']);

export interface Failure {
  readonly message: string;
  /** Refusals in a row, but for a first one that may pass. */
  readonly attempts: number;
  readonly retryAt: Millis;
  /** Somebody takes the route away: nothing but time, or an end of the wish, makes it due. */
  readonly fight: boolean;
}

/** How long a refusal keeps one waiting, and whether it is worth telling. */
export function refusal(
  { name }: KernelError,
  before: { readonly attempts: number } | undefined,
): { readonly attempts: number; readonly waitMs: number; readonly passes: boolean } {
  if (before === undefined && PASSING.has(name)) return { attempts: 0, waitMs: PASSING_MS, passes: true };
  const attempts = (before?.attempts ?? 0) + 1;
  const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
  return { attempts, waitMs, passes: false };
}

export class Failures {
  readonly #byRow = new Map<PrefixId, Failure>();
  readonly #waiting = new Set<PrefixId>();

  get isEmpty(): boolean {
    return this.#byRow.size === 0;
  }

  /** Rows that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Why, of any that waits. */
  get example(): string | undefined {
    for (const row of this.#waiting) return this.#byRow.get(row)?.message;
    return undefined;
  }

  isWaiting(row: PrefixId): boolean {
    return this.#waiting.has(row);
  }

  of(row: PrefixId): Failure | undefined {
    return this.#byRow.get(row);
  }

  /** @returns false when it may pass, and nobody has to be told. */
  refused(row: PrefixId, error: KernelError, now: Millis): boolean {
    const { attempts, waitMs, passes } = refusal(error, this.#byRow.get(row));
    const message = `${error.name}: ${error.message}`;
    this.hold(row, { message, attempts, retryAt: now + waitMs, fight: false });
    return !passes;
  }

  hold(row: PrefixId, failure: Failure): void {
    this.#byRow.set(row, failure);
    this.#waiting.add(row);
  }

  /** It is tried again. */
  release(row: PrefixId): void {
    this.#waiting.delete(row);
  }

  forget(row: PrefixId): void {
    this.#byRow.delete(row);
    this.#waiting.delete(row);
  }

  /** @param now  those whose time has come; NEVER: all but fights, since something has changed. */
  *due(now: Millis): Generator<PrefixId, void, void> {
    for (const row of this.#waiting) {
      const { fight, retryAt } = this.#byRow.get(row)!;
      if (now === NEVER ? !fight : retryAt <= now) yield row;
    }
  }

  /** When the first one's time comes. */
  next(): Millis {
    let next = NEVER;
    for (const row of this.#waiting) next = Math.min(next, this.#byRow.get(row)!.retryAt);
    return next;
  }
}
