// The process that sends and receives: every flow of a fleet at 1 kHz. One process for all containers, since two cores would spend
// their time on switching between many. It is told what to do by its parent (traffic.ts), in messages.

import { readFileSync } from 'node:fs';
import {
  DatagramSocket,
  insideNetwork,
  type SocketAddress,
  scheduleFirst,
  socketAddress,
} from './datagrams.ts';
import { type Measured, measure, PERIOD_MS } from './measure.ts';

export interface End {
  /** Path of the container's network namespace. */
  readonly network: string;
  readonly address: string;
}

export interface FlowSpec {
  readonly from: End;
  readonly to: End;
}

export type Order =
  | { readonly type: 'flows'; readonly flows: readonly FlowSpec[] }
  | { readonly type: 'begin' }
  | { readonly type: 'end' };

export interface Window {
  /** As `FlowSpec`s were given. */
  readonly flows: readonly (Measured & { readonly duplicates: number; readonly droppedHere: number })[];
  /** The longest time between two rounds of the prober: how busy the machine was. */
  readonly stalledMs: number;
  /** Packets that the kernel dropped for want of time (column 2 of /proc/net/softnet_stat), anywhere on this machine. */
  readonly machineDropped: number;
}

const PORT = 9000;
/** The sender catches up after a stall in steps, because the kernel's queue between two interfaces holds 1,000 packets. */
const BURST = 8;
/** What is under way when a window ends may still arrive. */
const SETTLE_MS = 300;

class Flow {
  readonly #from: DatagramSocket;
  readonly #to: SocketAddress;
  readonly #octets = Buffer.alloc(64);
  readonly receiver: DatagramSocket;
  #next = 0;
  #startedAt = 0;
  #first = 0;
  #end: number | undefined;
  #sentAt = new Float64Array(1 << 14);
  #receivedAt = new Float64Array(1 << 14);
  #duplicates = 0;
  #droppedBefore = 0;

  constructor(id: number, from: DatagramSocket, receiver: DatagramSocket, to: SocketAddress) {
    this.#from = from;
    this.receiver = receiver;
    this.#to = to;
    this.#octets.writeUInt32LE(id, 0);
  }

  send(now: number): void {
    if (this.#startedAt === 0) this.#startedAt = now;
    const due = Math.floor((now - this.#startedAt) / PERIOD_MS);
    for (let burst = 0; this.#next <= due && burst < BURST; burst++) {
      this.#octets.writeUInt32LE(this.#next, 4);
      const at = performance.now(); // not the round's begin: between two packets this process may stand still
      if (!this.#from.send(this.#octets, this.#to)) return;
      const index = this.#next - this.#first;
      if (index >= this.#sentAt.length) {
        this.#sentAt = doubled(this.#sentAt);
        this.#receivedAt = doubled(this.#receivedAt);
      }
      this.#sentAt[index] = at;
      this.#next++;
    }
  }

  received(number: number, at: number): void {
    const index = number - this.#first;
    if (index < 0 || index >= this.#receivedAt.length) return;
    if (this.#receivedAt[index] !== 0) this.#duplicates++;
    else this.#receivedAt[index] = at;
  }

  begin(): void {
    this.#first = this.#next;
    this.#receivedAt.fill(0);
    this.#duplicates = 0;
    this.#droppedBefore = this.receiver.dropped();
    this.#end = undefined;
  }

  end(): void {
    this.#end = this.#next;
  }

  result(beginsAt: number): Window['flows'][number] {
    const count = (this.#end ?? this.#next) - this.#first;
    const measured = measure({ count, sentAt: this.#sentAt, receivedAt: this.#receivedAt }, beginsAt);
    const droppedHere = this.receiver.dropped() - this.#droppedBefore;
    return { ...measured, duplicates: this.#duplicates, droppedHere };
  }
}

function doubled(array: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}

const machineDropped = (): number =>
  readFileSync('/proc/net/softnet_stat', 'latin1')
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number.parseInt(line.split(/\s+/)[1] ?? '0', 16), 0);

class Prober {
  readonly #flows: Flow[] = [];
  readonly #receivers = new Set<DatagramSocket>();
  readonly #octets = Buffer.alloc(64);
  #lastRound = 0;
  #stalledMs = 0;
  #beganAt = 0;
  #machineDropped = 0;

  add(specs: readonly FlowSpec[]): void {
    const sockets = new Map<string, DatagramSocket>();
    const socketOf = ({ network, address }: End): DatagramSocket => {
      const made = sockets.get(address) ?? insideNetwork(network, () => new DatagramSocket(address, PORT));
      sockets.set(address, made);
      return made;
    };
    for (const [id, { from, to }] of specs.entries()) {
      const receiver = socketOf(to);
      this.#flows.push(new Flow(id, socketOf(from), receiver, socketAddress(to.address, PORT)));
      this.#receivers.add(receiver);
    }
  }

  round(): void {
    const now = performance.now();
    if (this.#lastRound > 0) this.#stalledMs = Math.max(this.#stalledMs, now - this.#lastRound);
    this.#lastRound = now;
    for (const flow of this.#flows) flow.send(now);
    for (const receiver of this.#receivers) {
      while (receiver.receive(this.#octets) !== undefined) {
        const flow = this.#flows[this.#octets.readUInt32LE(0)];
        flow?.received(this.#octets.readUInt32LE(4), receiver.receivedAt());
      }
    }
  }

  begin(): void {
    for (const flow of this.#flows) flow.begin();
    this.#stalledMs = 0;
    this.#beganAt = performance.now();
    this.#machineDropped = machineDropped();
  }

  end(): void {
    for (const flow of this.#flows) flow.end();
  }

  window(): Window {
    return {
      flows: this.#flows.map((flow) => flow.result(this.#beganAt)),
      stalledMs: Math.round(this.#stalledMs),
      machineDropped: machineDropped() - this.#machineDropped,
    };
  }
}

scheduleFirst();
const prober = new Prober();
const answer = (window: Window | undefined): void => void process.send?.({ window });
process.on('message', (order: Order) => {
  switch (order.type) {
    case 'flows':
      prober.add(order.flows);
      setInterval(() => prober.round(), PERIOD_MS);
      return answer(undefined);
    case 'begin':
      prober.begin();
      return answer(undefined);
    case 'end':
      prober.end();
      setTimeout(() => answer(prober.window()), SETTLE_MS);
  }
});
process.on('disconnect', () => process.exit(0));
