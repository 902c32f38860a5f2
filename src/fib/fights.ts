// Somebody who takes a route of ours away again and again: another routing daemon, a network manager, a script. It is put back
// at once, but not for ever: who fights loses packets and time on both sides. From the third repair within a minute on, each
// waits longer than the last, until it has been quiet for some time.

import type { Millis, Prefix } from 'bgp-utils';
import type { KernelRoute } from '../kernel/kernel.ts';

const WINDOW_MS = 60_000;
const REPAIRS = 3;
const FIRST_WAIT_MS = 5000;
const LAST_WAIT_MS = 60_000;
/** As long as this without a repair, and the next one counts as the first. */
const QUIET_MS = 300_000;

/** Somebody takes a route of ours away again and again. */
export interface FightReport {
  readonly prefix: Prefix;
  readonly message: string;
}

/** What is known of the one who took a route of ours away. */
export interface Adversary {
  /** Netlink port, as a rule the id of a process. */
  readonly port: number;
  /** What stands there now. */
  readonly route: KernelRoute | undefined;
}

interface Bout {
  /** Of the last repairs. */
  at: Millis[];
  /** Repairs that had to wait. */
  damped: number;
}

export class Fights {
  readonly #bouts = new Map<string, Bout>();

  /**
   * A route has to be put back.
   * @returns how long to wait with it, and whether that is the first time.
   */
  repair(key: string, now: Millis): { readonly waitMs: number; readonly begins: boolean } {
    const before = this.#bouts.get(key);
    const bout = before === undefined || now - before.at.at(-1)! > QUIET_MS ? { at: [], damped: 0 } : before;
    if (before === undefined) this.#tidy(now);
    bout.at = [...bout.at.filter((at) => now - at < WINDOW_MS), now];
    this.#bouts.set(key, bout);
    if (bout.damped === 0 && bout.at.length < REPAIRS) return { waitMs: 0, begins: false };
    const waitMs = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** bout.damped);
    bout.damped++;
    return { waitMs, begins: bout.damped === 1 };
  }

  /** Fights that go on. */
  count(now: Millis): number {
    let count = 0;
    for (const { at, damped } of this.#bouts.values())
      if (damped > 0 && now - at.at(-1)! <= QUIET_MS) count++;
    return count;
  }

  #tidy(now: Millis): void {
    for (const [key, { at }] of this.#bouts) if (now - at.at(-1)! > QUIET_MS) this.#bouts.delete(key);
  }
}

/** For the log, and as the reason why the route is not there. */
export function fightMessage({ port, route }: Adversary): string {
  const who = `a program with netlink port ${port} (as a rule its process id: ps -p ${port})`;
  const what = route === undefined ? 'removes the route' : `puts ${describeRoute(route)} in its place`;
  return `${who} ${what} again and again: it is put back later and later; stop that program from managing routes of protocol bgp`;
}

function describeRoute({ protocol, metric, nextHops, type }: KernelRoute): string {
  const hops = nextHops.map((hop) => `via ${hop.gateway ?? 'the link'} dev ${hop.interface ?? '?'}`);
  return `a route of protocol ${protocol} with metric ${metric}, ${hops.join(', ') || type},`;
}
