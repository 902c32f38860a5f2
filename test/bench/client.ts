// One BGP connection of the load generator: opens it, answers what a session needs, sends buffers that were built before,
// and walks through the UPDATEs that come. [hot] All connections read into one buffer.

import { createConnection, type Socket } from 'node:net';
import type { Family } from 'bgp-utils';
import type { ReceivedTable } from './table.ts';

const TYPE = { OPEN: 1, UPDATE: 2, NOTIFICATION: 3, KEEPALIVE: 4 } as const;
const HEADER_OCTETS = 19;
const MAX_MESSAGE_OCTETS = 4096;
const HOLD_SECONDS = 90;

/** What the kernel hands over at once. One for all: a callback is done with it before the next read. */
const shared = Buffer.alloc(256 * 1024);

export interface ClientOptions {
  readonly family: Family;
  readonly localAddress: string;
  readonly asNumber: number;
  /** A dotted quad. */
  readonly identifier: string;
  readonly daemon: { readonly address: string; readonly port: number };
  readonly holdSeconds?: number;
}

export class BenchClient {
  private socket: Socket | undefined;
  /** The beginning of a message whose end has not come. */
  private readonly carry = Buffer.alloc(MAX_MESSAGE_OCTETS);
  private carried = 0;
  private keepalives: NodeJS.Timeout | undefined;
  private settle: ((problem: Error | undefined) => void) | undefined;
  private closing = false;
  table: ReceivedTable | undefined;
  established = false;
  /** Octets of UPDATEs, ever. */
  octets = 0;
  updates = 0;
  /** Why the session ended, when it was not the bench that ended it. */
  lost: string | undefined;
  /** Called after each read. */
  onRead: (() => void) | undefined;

  constructor(readonly options: ClientOptions) {}

  /** Connects once. @returns when the session is Established. @throws when it does not come up. */
  connect(): Promise<void> {
    const { localAddress, daemon } = this.options;
    return new Promise((resolve, reject) => {
      this.settle = (problem) => {
        this.settle = undefined;
        if (problem === undefined) resolve();
        else reject(problem);
      };
      this.carried = 0;
      this.closing = false;
      this.lost = undefined;
      const socket = createConnection({
        host: daemon.address,
        port: daemon.port,
        localAddress,
        noDelay: true,
        onread: {
          buffer: shared,
          callback: (count, buffer) => {
            this.read(buffer as Buffer, count);
            return true;
          },
        },
      });
      this.socket = socket;
      socket.on('connect', () => socket.write(this.open()));
      socket.on('error', (error) => this.ended(error.message));
      socket.on('close', () => this.ended('closed by the daemon'));
    });
  }

  /** Gives the whole buffer to the kernel as it takes it. */
  send(octets: Uint8Array): void {
    this.socket?.write(octets);
  }

  /** Octets that the daemon has not taken yet. */
  get waiting(): number {
    return this.socket?.writableLength ?? 0;
  }

  /** Stops reading: what the daemon sends fills the kernel's buffers, and then its own. */
  stall(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }

  private get holdSeconds(): number {
    return this.options.holdSeconds ?? HOLD_SECONDS;
  }

  /** Ends the connection without a word. */
  close(): void {
    this.closing = true;
    this.established = false;
    clearInterval(this.keepalives);
    this.socket?.destroy();
  }

  private ended(why: string): void {
    clearInterval(this.keepalives);
    this.established = false;
    if (!this.closing) this.lost ??= why;
    this.settle?.(new Error(`${this.options.localAddress}: ${this.lost ?? why}`));
  }

  private read(b: Buffer, count: number): void {
    let at = 0;
    if (this.carried > 0) {
      while (this.carried < HEADER_OCTETS && at < count) this.carry[this.carried++] = b[at++]!;
      if (this.carried < HEADER_OCTETS) return;
      const length = this.carry.readUInt16BE(16);
      const missing = Math.min(length - this.carried, count - at);
      b.copy(this.carry, this.carried, at, at + missing);
      this.carried += missing;
      at += missing;
      if (this.carried < length) return;
      this.carried = 0;
      this.message(this.carry, 0, length);
    }
    while (count - at >= HEADER_OCTETS) {
      const length = (b[at + 16]! << 8) | b[at + 17]!;
      if (count - at < length) break;
      this.message(b, at, at + length);
      at += length;
    }
    if (at < count) {
      b.copy(this.carry, 0, at, count);
      this.carried = count - at;
    }
    this.onRead?.();
  }

  private message(b: Buffer, start: number, end: number): void {
    switch (b[start + 18]) {
      case TYPE.UPDATE:
        this.octets += end - start;
        this.updates++;
        this.table?.update(b, start + HEADER_OCTETS, end);
        return;
      case TYPE.KEEPALIVE:
        if (this.established) return;
        this.established = true;
        this.settle?.(undefined);
        return;
      case TYPE.OPEN:
        this.socket?.write(KEEPALIVE);
        this.keepalives = setInterval(() => this.socket?.write(KEEPALIVE), (this.holdSeconds * 1000) / 3);
        return;
      case TYPE.NOTIFICATION:
        this.lost ??= `NOTIFICATION ${b[start + 19]}/${b[start + 20]} ${b.toString('latin1', start + 21, end)}`;
        return;
    }
  }

  /** Capabilities: one family, ROUTE-REFRESH, AS numbers of four octets. */
  private open(): Buffer {
    const { family, asNumber, identifier } = this.options;
    const capabilities = [1, 4, 0, family === 'ipv4' ? 1 : 2, 0, 1, 2, 0, 65, 4, 0, 0, 0, 0];
    const b = Buffer.alloc(HEADER_OCTETS + 10 + 2 + capabilities.length, 0xff);
    b.writeUInt16BE(b.length, 16);
    b.set([TYPE.OPEN, 4], 18);
    b.writeUInt16BE(asNumber > 0xffff ? 23456 : asNumber, 20);
    b.writeUInt16BE(this.holdSeconds, 22);
    b.set(identifier.split('.').map(Number), 24);
    b.set([2 + capabilities.length, 2, capabilities.length, ...capabilities], 28);
    b.writeUInt32BE(asNumber, b.length - 4);
    return b;
  }
}

const KEEPALIVE = Buffer.alloc(HEADER_OCTETS, 0xff);
KEEPALIVE.writeUInt16BE(HEADER_OCTETS, 16);
KEEPALIVE[18] = TYPE.KEEPALIVE;
