// A network of speakers in one process on a clock of its own: for tests and simulations. Connections carry octets in
// order and lose none, as TCP does: what meets a link that is down waits until it is up. Hosts can lose their link,
// their process or their power, and come back. Everything that happens is a function of the calls made here.

import type { Address } from '../net/address.ts';
import { compareAddresses } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Millis } from '../net/time.ts';
import type { ForwardingRoute } from '../route/route.ts';
import type { ConnectionId, Input, PeerId } from '../speaker/input.ts';
import type { LogEvent, Output } from '../speaker/output.ts';
import { Speaker } from '../speaker/speaker.ts';

interface End {
  readonly host: Host;
  readonly connection: ConnectionId;
  /** Of the connection, the same at both ends: a new process gives out the numbers of an earlier one again. */
  readonly serial: number;
  /** When the last octets that were sent to this end arrive: none that are sent later come before. */
  arrived: Millis;
}

interface Delivery {
  at: Millis;
  readonly from: Host;
  readonly to: Host;
  /** The process that it is for: another one knows nothing of it. */
  readonly speaker: Speaker;
  readonly run: () => void;
}

/** A kernel sends the first octets of a connection again after this time, if somebody still waits for the answer. */
const SYN_RETRY_MS = 1000;

/** Ticks of one host without time passing, after which it would run for ever. */
const BUSY_TICKS = 1000;

/** One speaker with the world that it sees. */
export class Host {
  speaker = new Speaker();
  /** What the kernel does. It outlives the process, until a new one has converged. */
  readonly forwarding = new Map<Prefix, ForwardingRoute>();
  readonly log: LogEvent[] = [];
  readonly converged: (Output & { type: 'Converged' })[] = [];
  /** The far end of each connection that is open here. */
  readonly remoteEnd = new Map<ConnectionId, End>();
  /** Attempts to connect that have no answer yet. */
  readonly connecting = new Set<ConnectionId>();
  /** A process runs. */
  up = true;
  /** The kernel runs: it refuses connections that no process takes. */
  powered = true;
  linkUp = true;
  /** Octets that a connection takes at once. */
  roomOctets = 65536;
  /** Nobody reads at the far ends: nothing but control messages goes out. */
  stalled = false;
  /** How far this host's clock is ahead of the network's; it only ever grows. */
  clockAheadMs = 0;
  /** The speaker's next deadline, until something is done with it: it is asked for far more often than it changes. */
  deadline: Millis | undefined;
  /** Answer to `TrackNextHop`. */
  costOf: (address: Address) => number | undefined = () => 0;
  private wanted = new Set<Prefix>();
  private tracked = new Set<Address>();

  constructor(
    readonly network: Network,
    readonly address: Address,
  ) {}

  get now(): Millis {
    return this.network.now + this.clockAheadMs;
  }

  /** Feeds one fact and carries out what follows. */
  tell(...inputs: Input[]): void {
    for (const input of inputs) this.speaker.handle(input, this.now);
    this.network.perform(this);
  }

  /** What is known of a next hop changed. */
  tellNextHops(): void {
    for (const address of this.tracked) this.tell({ type: 'NextHop', address, cost: this.costOf(address) });
  }

  state(peer: string): string | undefined {
    return this.speaker.peerViews().find(({ config }) => config.peer === peer)?.state;
  }

  /** A new process; the kernel goes on as it was. */
  replaceProcess(): void {
    this.speaker = new Speaker();
    this.deadline = undefined;
    this.connecting.clear();
    this.wanted = new Set();
    this.tracked = new Set();
  }

  carryOut(output: Output): void {
    switch (output.type) {
      case 'Connect':
        return this.network.connect(this, output);
      case 'Transmit':
        return this.network.transmit(this, output.connection);
      case 'Close':
        return this.network.close(this, output);
      case 'Forward':
        if (output.route === undefined) {
          this.forwarding.delete(output.prefix);
          this.wanted.delete(output.prefix);
        } else {
          this.forwarding.set(output.prefix, output.route);
          this.wanted.add(output.prefix);
        }
        return;
      case 'TrackNextHop': {
        const { address } = output;
        this.tracked.add(address);
        // As the daemon does: the answer comes in a later turn.
        return this.network.soon(this, () => {
          if (this.tracked.has(address)) this.tell({ type: 'NextHop', address, cost: this.costOf(address) });
        });
      }
      case 'ReleaseNextHop':
        this.tracked.delete(output.address);
        return;
      case 'Converged':
        this.converged.push(output);
        for (const prefix of this.forwarding.keys())
          if (!this.wanted.has(prefix)) this.forwarding.delete(prefix);
        return;
      case 'Log':
        this.log.push(output.event);
        return;
    }
  }
}

export class Network {
  now: Millis = 0;
  readonly hosts = new Map<Address, Host>();
  private serial = 0;
  private readonly queue: Delivery[] = [];
  /** Wait for a link to come up. */
  private readonly parked: Delivery[] = [];

  /** @param delayMs  one way, for octets and for connection set-up; asked for each of them when it is a function. */
  constructor(readonly delayMs: Millis | (() => Millis) = 1) {}

  add(address: Address): Host {
    const host = new Host(this, address);
    this.hosts.set(address, host);
    return host;
  }

  /** Runs until nothing happens before `until`. @throws when a host asks for ticks without end. */
  run(until: Millis): void {
    let ticks = 0;
    for (;;) {
      const delivery = this.queue[0];
      let next = delivery?.at ?? Number.POSITIVE_INFINITY;
      for (const host of this.hosts.values()) next = Math.min(next, this.deadlineOf(host));
      if (next > until) break;
      if (next > this.now) ticks = 0;
      this.now = Math.max(this.now, next);
      if (delivery !== undefined && delivery.at <= this.now) {
        this.queue.shift();
        this.deliver(delivery);
        continue;
      }
      for (const host of this.hosts.values()) {
        if (this.deadlineOf(host) > this.now) continue;
        if (++ticks > BUSY_TICKS) throw new Error(`${host.address} is busy: its deadline stays in the past`);
        host.tell({ type: 'Tick' });
      }
    }
    this.now = until;
  }

  /** Runs until the condition holds. @returns whether it did within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: Millis): boolean {
    const limit = this.now + limitMs;
    while (!condition() && this.now < limit) this.run(Math.min(limit, this.now + 10));
    return condition();
  }

  /** The cable is pulled: nothing arrives any more, and nobody is told. What was sent arrives when it is back. */
  setLink(host: Host, up: boolean): void {
    host.linkUp = up;
    if (!up) return;
    const waiting = this.parked.splice(0);
    for (const delivery of waiting) {
      delivery.at = Math.max(delivery.at, this.now);
      this.enqueue(delivery);
    }
  }

  /** The process dies, its kernel lives: connections are closed. Tell a new speaker what to do, and set `up`. */
  crash(host: Host): void {
    for (const [connection, end] of host.remoteEnd) {
      this.disconnect(host, end, 'closed by the peer');
      host.remoteEnd.delete(connection);
    }
    host.up = false;
    host.replaceProcess();
  }

  /** Power is gone: nobody is told, and the kernel has forgotten everything when it is back. */
  powerOff(host: Host): void {
    host.remoteEnd.clear();
    host.up = false;
    host.powered = false;
    host.forwarding.clear();
    host.replaceProcess();
  }

  /** Something in between resets every connection of two hosts. */
  cut(a: Host, b: Host): void {
    for (const [connection, end] of a.remoteEnd) {
      if (end.host !== b) continue;
      const back = b.remoteEnd.get(end.connection);
      this.disconnect(a, end, 'reset');
      if (back !== undefined) this.disconnect(b, back, 'reset');
      else a.remoteEnd.delete(connection);
    }
  }

  /** Far ends read again. */
  resume(host: Host): void {
    host.stalled = false;
    for (const connection of [...host.remoteEnd.keys()]) this.transmit(host, connection);
  }

  perform(host: Host): void {
    host.deadline = undefined;
    for (const output of host.speaker.take(host.now)) host.carryOut(output);
  }

  /** A later turn of the same host. */
  soon(host: Host, run: () => void): void {
    const { speaker } = host;
    this.enqueue({ at: this.now, from: host, to: host, speaker, run });
  }

  connect(from: Host, { connection, address, localAddress, port }: Output & { type: 'Connect' }): void {
    const to = this.hosts.get(address);
    const local = localAddress ?? from.address;
    from.connecting.add(connection);
    const { speaker } = from;
    const wanted = () => from.speaker === speaker && from.connecting.has(connection);
    const sentAt = this.now;
    const refuse = () =>
      this.later(to ?? from, from, undefined, () => {
        if (from.connecting.delete(connection))
          from.tell({ type: 'ConnectFailed', connection, reason: 'connection refused' });
      });
    if (to === undefined) return refuse();
    // Of the kernels: whether a process takes the connection is known there.
    this.later(from, to, undefined, undefined, () => {
      if (!to.powered) return; // no answer: the attempt times out
      if (!wanted() && this.now - sentAt > SYN_RETRY_MS) return; // given up: it was not sent again
      if (!to.up) return refuse();
      const theirs = to.speaker.newConnectionId();
      const serial = ++this.serial;
      const here: End = { host: from, connection, serial, arrived: this.now };
      to.remoteEnd.set(theirs, here);
      this.later(to, from, here, undefined, () => {
        const there: End = { host: to, connection: theirs, serial, arrived: this.now };
        // The attempt may have been given up meanwhile: then the kernel resets what it does not know.
        if (!wanted()) return this.disconnect(from, there, 'reset by the peer');
        from.connecting.delete(connection);
        from.remoteEnd.set(connection, there);
        from.tell({
          type: 'Connected',
          connection,
          localAddress: local,
          localPort: 40000 + connection,
          remotePort: port,
        });
      });
      to.tell({
        type: 'Accepted',
        connection: theirs,
        remoteAddress: local,
        remotePort: 40000 + connection,
        localAddress: address,
        localPort: port,
      });
    });
  }

  transmit(host: Host, connection: ConnectionId): void {
    host.deadline = undefined;
    for (;;) {
      const messages = host.speaker.transmit(connection, host.stalled ? 0 : host.roomOctets);
      if (messages.length === 0) return;
      for (const octets of messages) this.send(host, connection, octets);
    }
  }

  close(host: Host, { connection, lastOctets }: Output & { type: 'Close' }): void {
    if (lastOctets !== undefined) this.send(host, connection, lastOctets);
    const end = host.remoteEnd.get(connection);
    host.remoteEnd.delete(connection);
    host.connecting.delete(connection);
    if (end !== undefined) this.disconnect(host, end, 'closed by the peer');
  }

  private send(from: Host, connection: ConnectionId, octets: Uint8Array): void {
    const end = from.remoteEnd.get(connection);
    if (end === undefined) return;
    this.later(from, end.host, end, undefined, () => {
      if (end.host.remoteEnd.get(end.connection)?.serial === end.serial) {
        end.host.tell({ type: 'Received', connection: end.connection, octets });
      } else if (end.host.powered) {
        // The kernel there knows no such connection: it answers with a reset.
        this.disconnect(
          end.host,
          { host: from, connection, serial: end.serial, arrived: 0 },
          'reset by the peer',
        );
      }
    });
  }

  /** Tells the process at `end` that its connection is gone, if it still has it by then. */
  private disconnect(from: Host, end: End, reason: string): void {
    this.later(from, end.host, end, () => {
      if (end.host.remoteEnd.get(end.connection)?.serial !== end.serial) return;
      end.host.remoteEnd.delete(end.connection);
      end.host.tell({ type: 'Disconnected', connection: end.connection, reason });
    });
  }

  /** `forProcess` runs when the process that runs there now still does, `forHost` in any case. */
  private later(
    from: Host,
    to: Host,
    end: End | undefined,
    forProcess?: () => void,
    forHost?: () => void,
  ): void {
    const delay = typeof this.delayMs === 'number' ? this.delayMs : this.delayMs();
    const at = Math.max(this.now + delay, end?.arrived ?? 0);
    if (end !== undefined) end.arrived = at;
    const { speaker } = to;
    const run = () => {
      forHost?.();
      if (to.up && to.speaker === speaker) forProcess?.();
    };
    this.enqueue({ at, from, to, speaker, run });
  }

  /** In order of time, then of calls. */
  private enqueue(delivery: Delivery): void {
    let index = this.queue.length;
    while (index > 0 && this.queue[index - 1]!.at > delivery.at) index--;
    this.queue.splice(index, 0, delivery);
  }

  private deliver(delivery: Delivery): void {
    const { from, to } = delivery;
    if (from !== to && !(from.linkUp && to.linkUp)) this.parked.push(delivery);
    else if (from !== to || to.speaker === delivery.speaker) delivery.run();
  }

  private deadlineOf(host: Host): Millis {
    if (!host.up) return Number.POSITIVE_INFINITY;
    host.deadline ??= host.speaker.nextDeadline();
    return host.deadline - host.clockAheadMs;
  }
}

export const peerId = (text: string): PeerId => text as PeerId;

/** Prefixes that a host would forward, in order. */
export const forwardedPrefixes = (host: Host): readonly Prefix[] =>
  [...host.forwarding.keys()].sort((a, b) =>
    compareAddresses(a.split('/')[0] as Address, b.split('/')[0] as Address),
  );
