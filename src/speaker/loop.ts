// The one caller of the speaker: feeds it facts, and once a turn of the event loop carries out what it wants. Facts that
// arrive in one turn (octets of many peers, say) are decided and sent together.

import type { ForwardingRoute, LogEvent } from 'bgp-utils';
import {
  type Address,
  assertNever,
  type ConnectionId,
  type Input,
  type Millis,
  type Output,
  type PrefixId,
  type PrefixTable,
  type Speaker,
} from 'bgp-utils';
import type { Clock } from './clock.ts';
import type { Tcp } from './tcp.ts';

/** Where routes go: the kernel, or nowhere. */
export interface ForwardingPlane {
  want(prefixes: PrefixTable, prefix: PrefixId, route: ForwardingRoute | undefined): void;
  trackNextHop(address: Address): void;
  releaseNextHop(address: Address): void;
  /** Work off what was wanted. */
  flush(): void;
  /** Routes that an earlier run left and nobody wants can go. @param isSettled  nothing is wanted that was not handed over. */
  sweep(isSettled: () => boolean): void;
}

export interface LoopOptions {
  readonly speaker: Pick<
    Speaker,
    'handle' | 'take' | 'forward' | 'transmit' | 'nextDeadline' | 'hasBacklog' | 'rests' | 'isSettled'
  >;
  readonly clock: Clock;
  readonly tcp: Pick<Tcp, 'connect' | 'room' | 'write' | 'close' | 'pause' | 'resume'>;
  readonly forwarding: ForwardingPlane;
  readonly onLog: (event: LogEvent) => void;
  readonly onConverged: (output: Output & { type: 'Converged' }) => void;
}

/**
 * Octets that are read in one turn, at most and to begin with, and how long reading may take. What else has come waits, and its
 * connections are not read further: so timers, KEEPALIVEs and every other peer are served while one of them sends its table.
 * Routes take twenty times as long in a process that has just started, and what follows from them may take longer than reading
 * them: so the next turn reads half as much where both together took longer than LONG_MS, and twice as much below SHORT_MS. Sending has
 * its own bound, and does not count: little would be read then, and each little told to everybody.
 */
const READ_OCTETS = 256 * 1024;
const FIRST_OCTETS = 4 * 1024;
const READ_MS = 10;
const LONG_MS = 20;
const SHORT_MS = 10;

/** How long a turn sends; connections that did not have theirs come first in the next one. */
const SEND_MS = 10;

/** How long a turn hands over prefixes for forwarding: the kernel takes fewer in the time. */
const FORWARD_MS = 6;

/** Prefixes between two looks at the clock. */
const FORWARDS = 512;

/** Between two looks at the clock. */
const PIECE_OCTETS = 16 * 1024;

/** The longest that setTimeout can wait. */
const MAX_TIMEOUT_MS = 0x7fffffff;

/** `longestTurnMs` is of the last one to two of these. */
const WATCH_MS = 60_000;

export class SpeakerLoop {
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  /** When the first fact of this turn came, or its work began. */
  private turnBegan = 0;
  private longest = { sinceMs: 0, now: 0, before: 0 };
  private stopped = false;
  /** Turns that have ended: what was fed before one has been decided, or is a backlog of the speaker's. */
  turns = 0;
  private readOctets = 0;
  /** That the speaker took for them. */
  private readMs = 0;
  /** Octets that this turn may read. */
  private mayReadOctets = FIRST_OCTETS;
  /** Read, and not yet told to the speaker: of each connection one piece, because it is paused meanwhile. */
  private readonly unread = new Map<ConnectionId, Uint8Array>();
  /** Connections with something to send and room for it. */
  private readonly ready = new Set<ConnectionId>();

  constructor(private readonly options: LoopOptions) {}

  /** Tells the speaker facts, in order. What follows from them happens later in this turn of the event loop. */
  feed(...inputs: readonly Input[]): void {
    if (this.stopped) return;
    const now = this.options.clock.now();
    for (const input of inputs) this.options.speaker.handle(input, now);
    if (this.schedule()) this.turnBegan = now;
  }

  /**
   * Octets of a connection: told now, or in a later turn when this one has had enough.
   * @param octets  need not stay as they are when this returns.
   */
  received(connection: ConnectionId, octets: Uint8Array): void {
    if (this.stopped) return;
    const before = this.unread.get(connection);
    const rest = before === undefined ? this.read(connection, octets) : octets;
    if (rest.length === 0) return;
    this.unread.set(connection, before === undefined ? new Uint8Array(rest) : Buffer.concat([before, rest]));
    this.options.tcp.pause(connection);
    this.schedule();
  }

  /** The connection is no more. What it had sent before counts. */
  disconnected(connection: ConnectionId, reason: string): void {
    const octets = this.unread.get(connection);
    this.unread.delete(connection);
    if (octets !== undefined) this.feed({ type: 'Received', connection, octets });
    this.feed({ type: 'Disconnected', connection, reason });
  }

  /** A connection has room again. */
  drained(connection: ConnectionId): void {
    if (this.stopped) return;
    this.ready.add(connection);
    if (this.schedule()) this.turnBegan = this.options.clock.now();
  }

  /** What the speaker wants, now: for the last inputs before the end. */
  settle(): void {
    this.turn();
    for (const connection of this.ready) this.transmit(connection);
    this.ready.clear();
  }

  /** Nothing is fed or sent any more. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /**
   * How long this loop kept everything else waiting at most, in the last minute or two: from the first fact of a turn to the
   * end of what followed from it.
   */
  longestTurnMs(): number {
    this.watch(this.options.clock.now(), 0);
    return Math.max(this.longest.now, this.longest.before);
  }

  private watch(now: Millis, turnMs: number): void {
    const { longest } = this;
    const windows = Math.floor((now - longest.sinceMs) / WATCH_MS);
    if (windows > 0) this.longest = { sinceMs: now, now: turnMs, before: windows === 1 ? longest.now : 0 };
    else if (turnMs > longest.now) longest.now = turnMs;
  }

  /** @returns whether nothing was scheduled yet. */
  private schedule(): boolean {
    if (this.scheduled) return false;
    this.scheduled = true;
    setImmediate(() => {
      if (!this.stopped) this.turn();
    });
    return true;
  }

  private turn(): void {
    const { speaker, clock, forwarding } = this.options;
    this.scheduled = false;
    const began = clock.now();
    for (const output of speaker.take(began)) this.perform(output);
    this.adapt(this.readMs + clock.now() - began);
    this.send();
    forwarding.flush();
    const now = clock.now();
    const turnMs = now - this.turnBegan;
    this.watch(now, turnMs);
    this.turnBegan = now;
    this.turns++;
    this.readOn();
    if (speaker.hasBacklog || this.ready.size > 0) this.schedule();
    this.setTimer(now);
  }

  /** How much the next turn may read, by what reading, and deciding what was read, took in this one. */
  private adapt(workMs: number): void {
    const { readOctets, mayReadOctets } = this;
    this.readOctets = 0;
    this.readMs = 0;
    if (workMs > LONG_MS)
      this.mayReadOctets = Math.max(FIRST_OCTETS, Math.min(readOctets, mayReadOctets) / 2);
    else if (workMs < SHORT_MS && readOctets >= mayReadOctets)
      this.mayReadOctets = Math.min(READ_OCTETS, 2 * mayReadOctets);
  }

  /** @returns what this turn has no room for. */
  private read(connection: ConnectionId, octets: Uint8Array): Uint8Array {
    const { speaker, clock } = this.options;
    const began = clock.now();
    if (!this.scheduled) this.turnBegan = began;
    let at = 0;
    let now = began;
    while (at < octets.length && this.mayRead(now)) {
      const left = Math.max(1, this.mayReadOctets - this.readOctets);
      const most = Math.min(PIECE_OCTETS, left);
      const piece = at === 0 && octets.length <= most ? octets : octets.subarray(at, at + most);
      at += piece.length;
      this.readOctets += piece.length;
      speaker.handle({ type: 'Received', connection, octets: piece }, now);
      now = clock.now();
    }
    this.readMs += now - began;
    if (!this.scheduled && at === octets.length && this.nothingFollows()) {
      this.readOctets = 0;
      this.readMs = 0;
    } else this.schedule();
    return octets.subarray(at);
  }

  /** A KEEPALIVE was read, say: there is nothing to decide, to send or to wait for that the next turn is needed for. */
  private nothingFollows(): boolean {
    const { speaker } = this.options;
    return speaker.rests && this.timer !== undefined && speaker.nextDeadline() >= this.timerAt;
  }

  private mayRead(now: Millis): boolean {
    return this.readOctets === 0 || (this.readOctets < this.mayReadOctets && now - this.turnBegan < READ_MS);
  }

  /** What had to wait, as far as the next turn has room for it. */
  private readOn(): void {
    for (const [connection, octets] of this.unread) {
      this.unread.delete(connection);
      const rest = this.read(connection, octets);
      if (rest.length > 0) {
        this.unread.set(connection, rest); // behind all others: nobody's table keeps a KEEPALIVE waiting
        this.schedule();
        return;
      }
      this.options.tcp.resume(connection);
    }
  }

  private perform(output: Output): void {
    const { tcp, forwarding } = this.options;
    switch (output.type) {
      case 'Connect':
        return tcp.connect(output.connection, output);
      case 'Transmit':
        this.ready.add(output.connection);
        return;
      case 'Close':
        // What it was to hear before the end: an OPEN, say, before the NOTIFICATION.
        if (this.ready.delete(output.connection)) this.transmit(output.connection);
        return tcp.close(output.connection, output.lastOctets);
      case 'Forward':
        return this.forward(this.options.clock.now() + FORWARD_MS);
      case 'TrackNextHop':
        return forwarding.trackNextHop(output.address);
      case 'ReleaseNextHop':
        return forwarding.releaseNextHop(output.address);
      case 'Converged':
        this.forward(Number.POSITIVE_INFINITY); // what the speaker wants is not left over
        forwarding.sweep(() => this.options.speaker.isSettled);
        return this.options.onConverged(output);
      case 'Log':
        return this.options.onLog(output.event);
      default:
        return assertNever(output);
    }
  }

  /** Hands over prefixes until then; the rest in the next turns, for which the speaker asks again. */
  private forward(until: Millis): void {
    const { speaker, forwarding, clock } = this.options;
    const visit: Parameters<Speaker['forward']>[0] = (prefixes, id, route) =>
      forwarding.want(prefixes, id, route);
    while (speaker.forward(visit, FORWARDS)) if (clock.now() >= until) return void this.schedule();
  }

  /** One connection after the other, for so long as a turn may send. */
  private send(): void {
    const { clock } = this.options;
    const until = clock.now() + SEND_MS;
    for (const connection of this.ready) {
      this.ready.delete(connection);
      this.transmit(connection, until);
      if (clock.now() >= until) return;
    }
  }

  /** As long as there is room, and time; the rest is asked for when the connection has drained, or in the next turn. */
  private transmit(connection: ConnectionId, until = Number.POSITIVE_INFINITY): void {
    const { speaker, tcp, clock } = this.options;
    for (let first = true; ; first = false) {
      const room = tcp.room(connection);
      // Control messages go out without regard to room: a KEEPALIVE must not wait for a full table.
      if (room === 0 && !first) return;
      const messages = speaker.transmit(connection, room);
      if (messages.length === 0) return;
      tcp.write(connection, messages);
      if (clock.now() < until) continue;
      this.ready.add(connection);
      return;
    }
  }

  /** A deadline that has moved on, as a hold timer does with each message, is asked for when the timer comes; nothing is set anew. */
  private setTimer(now: Millis): void {
    const at = this.options.speaker.nextDeadline();
    if (this.timer === undefined || at < this.timerAt) this.wakeAt(at, now);
  }

  private wakeAt(at: Millis, now: Millis): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.timerAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(MAX_TIMEOUT_MS, Math.max(0, Math.ceil(at - now)));
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // Sockets are read between a timer and an immediate: after a long stop (SIGSTOP, a suspended machine) KEEPALIVEs
      // that have arrived count before the hold timer does.
      setImmediate(() => this.wake());
    }, delay);
  }

  private wake(): void {
    if (this.stopped) return;
    const now = this.options.clock.now();
    const at = this.options.speaker.nextDeadline();
    if (at <= now) this.feed({ type: 'Tick' });
    else this.wakeAt(at, now);
  }
}
