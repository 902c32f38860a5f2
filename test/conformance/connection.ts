// One TCP connection with the daemon, from the peer's end: sends octets as they are, and remembers all that came back.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { KEEPALIVE, NOTIFICATION, OPEN, UPDATE } from './octets.ts';
import { type Attributes, type Message, type ReadUpdate, readUpdate, split } from './reading.ts';

/** Far longer than anything that is waited for takes; only a failing check takes as long. */
export const DEADLINE_MS = 15_000;

const NAMES: Readonly<Record<number, string>> = {
  1: 'OPEN',
  2: 'UPDATE',
  3: 'NOTIFICATION',
  4: 'KEEPALIVE',
  5: 'ROUTE-REFRESH',
};

export class Connection {
  /** All that came, in order. */
  readonly messages: Message[] = [];
  /** When each of them came. */
  readonly times: number[] = [];
  readonly updates: ReadUpdate[] = [];
  /** Prefixes ("10.0.0.0/8", or with " #7") that the daemon has told and not taken back. */
  readonly table = new Map<string, Attributes>();
  /** Prefixes that it has taken back. */
  readonly withdrawn = new Set<string>();
  /** The daemon sends path identifiers. */
  addPath = false;
  private rest = Buffer.alloc(0);
  private ended: 'no' | 'closed' | 'reset' = 'no';
  private broken: Error | undefined;
  private readonly watchers = new Set<() => void>();
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (octets: Buffer) => this.take(octets));
    socket.on('error', () => this.end('reset'));
    socket.on('end', () => this.end('closed'));
    socket.on('close', () => this.end('reset'));
  }

  get isOpen(): boolean {
    return this.ended === 'no';
  }

  send(...octets: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(octets));
  }

  /** One octet a segment, as far as TCP lets us say. */
  async dribble(octets: Buffer): Promise<void> {
    for (const octet of octets) {
      this.socket.write(Buffer.from([octet]));
      await new Promise((next) => setImmediate(next));
    }
  }

  /** Sends a KEEPALIVE now and every so often. */
  keepAlive(octets: Buffer, everyMs: number): void {
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => this.send(octets), everyMs);
    this.send(octets);
  }

  /** Takes nothing more off the socket: what the daemon sends stays in the way. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** A FIN. */
  close(): void {
    clearInterval(this.heartbeat);
    this.socket.end();
    this.socket.destroySoon();
  }

  /** A RST: the host is there, and knows nothing of the connection. */
  reset(): void {
    clearInterval(this.heartbeat);
    this.socket.resetAndDestroy();
  }

  /** Waits until something holds. @throws with what came, when it does not in time. */
  async until<T>(what: string, holds: () => T | undefined | false, deadlineMs = DEADLINE_MS): Promise<T> {
    const expires = Date.now() + deadlineMs;
    for (;;) {
      if (this.broken !== undefined) throw this.broken;
      const found = holds();
      if (found !== undefined && found !== false) return found;
      const left = expires - Date.now();
      if (left <= 0 || !this.isOpen) {
        const why = this.isOpen ? `not within ${deadlineMs} ms` : `the connection is ${this.ended}`;
        throw new Error(`waited for ${what}: ${why}\n${this.story()}`);
      }
      await this.news(left);
    }
  }

  /** The message of this type that comes after `from` others. */
  of = (type: number, from = 0): Promise<Message> =>
    this.until(NAMES[type] ?? `type ${type}`, () => this.all(type)[from]);

  all = (type: number): Message[] => this.messages.filter((each) => each.type === type);

  /** The daemon ends the session so: a NOTIFICATION with this code, subcode and data (hex), and the connection closed. */
  async expectEnd(code: number, subcode: number, data?: string): Promise<Buffer> {
    const { body } = await this.of(NOTIFICATION);
    const found = {
      code: body[0],
      subcode: body[1],
      ...(data !== undefined && { data: body.toString('hex', 2) }),
    };
    expect(found).toEqual({ code, subcode, ...(data !== undefined && { data }) });
    await this.untilEnded();
    expect(this.messages.at(-1)!.type).toBe(NOTIFICATION);
    return body.subarray(2);
  }

  /** The daemon closes without a NOTIFICATION. */
  async expectSilentEnd(deadlineMs = DEADLINE_MS): Promise<void> {
    await this.untilEnded(deadlineMs);
    expect(this.all(NOTIFICATION)).toEqual([]);
  }

  async untilEnded(deadlineMs = DEADLINE_MS): Promise<void> {
    const expires = Date.now() + deadlineMs;
    while (this.isOpen) {
      const left = expires - Date.now();
      if (left <= 0) throw new Error(`the connection is still open after ${deadlineMs} ms\n${this.story()}`);
      await this.news(left);
    }
  }

  told = (prefix: string): Promise<Attributes> =>
    this.until(`a route to ${prefix}`, () => this.table.get(prefix));

  takenBack = (prefix: string): Promise<true> =>
    this.until(`the withdrawal of ${prefix}`, () => this.withdrawn.has(prefix) && !this.table.has(prefix));

  story(): string {
    const lines = this.messages.map(({ type, body }) => {
      const hex = body.toString('hex');
      return `  ${NAMES[type] ?? type} ${hex.length > 160 ? `${hex.slice(0, 160)}…` : hex}`;
    });
    return [...lines.slice(0, 20), ...(lines.length > 20 ? [`  … ${lines.length} in all`] : [])].join('\n');
  }

  private take(octets: Buffer): void {
    try {
      const { messages, rest } = split(Buffer.concat([this.rest, octets]));
      this.rest = Buffer.from(rest);
      for (const each of messages) {
        this.messages.push(each);
        this.times.push(Date.now());
        if (each.type === UPDATE) this.remember(readUpdate(each, this.addPath));
      }
    } catch (error) {
      this.broken = error as Error;
    }
    this.wake();
  }

  private remember(update: ReadUpdate): void {
    this.updates.push(update);
    for (const prefix of update.withdrawn) {
      this.table.delete(prefix);
      this.withdrawn.add(prefix);
    }
    for (const prefix of update.announced) {
      this.table.set(prefix, update.attributes);
      this.withdrawn.delete(prefix);
    }
  }

  private end(how: 'closed' | 'reset'): void {
    if (this.ended === 'no') this.ended = how;
    clearInterval(this.heartbeat);
    this.socket.destroySoon();
    this.wake();
  }

  private wake(): void {
    for (const watcher of [...this.watchers]) watcher();
  }

  private news(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.watchers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.watchers.add(done);
    });
  }
}

export const untilConnected = (socket: Socket): Promise<unknown> => once(socket, 'connect');

export { KEEPALIVE, OPEN };
