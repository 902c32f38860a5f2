// A network of speakers in one process on a clock of its own: for tests and simulations. Connections carry octets in
// order and lose none, as TCP does: what meets a link that is down waits until it is up. Hosts can lose their link,
// their process or their power, and come back. Everything that happens is a function of the calls made here.

import type { Address } from '../net/address.ts';
import { compareAddresses } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { Deadlines } from '../speaker/deadlines.ts';
import type { ConnectionId, PeerId } from '../speaker/input.ts';
import type { Output } from '../speaker/output.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { TimedQueue } from '../speaker/timed-queue.ts';
import { type End, Host } from './host.ts';

interface Delivery {
  at: Millis;
  readonly from: Host;
  readonly to: Host;
  /** The process that it is for: another one knows nothing of it. */
  readonly speaker: Speaker;
  readonly run: () => void;
}

/** A kernel sends octets again after this time, if somebody still waits for the answer. */
const RETRY_MS = 1000;

/** Ticks without time passing, after which a host would run for ever. */
const BUSY_TICKS = 1000;

export class Network {
  now: Millis = 0;
  readonly hosts = new Map<Address, Host>();
  private serial = 0;
  private readonly queue = new TimedQueue<Delivery>();
  /** When hosts want their Ticks. */
  private readonly ticks = new Deadlines<Host>((host) => host.deadline);
  /** Have heard something at this moment. */
  private readonly hearing = new Set<Host>();
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
    let busy = 0;
    for (;;) {
      let next = Math.min(this.queue.nextAt ?? NEVER, this.ticks.next());
      if (next > this.now && this.hearing.size > 0) {
        for (const host of this.hearing) this.perform(host);
        next = Math.min(this.queue.nextAt ?? NEVER, this.ticks.next());
      }
      if (next > until) break;
      if (next > this.now) busy = 0;
      this.now = Math.max(this.now, next);
      if ((this.queue.nextAt ?? NEVER) <= this.now) {
        this.deliver(this.queue.take()!);
        continue;
      }
      for (const host of this.ticks.takeDue(this.now)) {
        if (!host.up) continue;
        if (++busy > BUSY_TICKS + 10 * this.hosts.size)
          throw new Error(`${host.address} is busy: its deadline stays in the past`);
        host.tell({ type: 'Tick' });
      }
    }
    this.now = until;
  }

  /** Something was done with the host. */
  touched(host: Host): void {
    this.ticks.touch(host);
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
    this.hearing.delete(host);
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

  /** Something was told to the host, and it has not said yet what follows. */
  heard(host: Host): void {
    this.hearing.add(host);
    this.ticks.touch(host);
  }

  perform(host: Host): void {
    this.hearing.delete(host);
    this.ticks.touch(host);
    const rests = host.speaker.rests && host.speaker.nextDeadline() > host.now;
    const outputs = host.speaker.take(host.now);
    if (rests && outputs.length > 0)
      throw new Error(`invariant: a speaker at rest wants ${outputs[0]!.type}`);
    for (const output of outputs) host.carryOut(output);
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
      if (!wanted() && this.now - sentAt > RETRY_MS) return; // given up: it was not sent again
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
    this.ticks.touch(host);
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

  send(from: Host, connection: ConnectionId, octets: Uint8Array): void {
    const end = from.remoteEnd.get(connection);
    if (end === undefined) return;
    const arrive = () => {
      if (end.host.remoteEnd.get(end.connection)?.serial === end.serial) {
        end.host.hear({ type: 'Received', connection: end.connection, octets });
      } else if (end.host.powered) {
        // The kernel there knows no such connection: it answers with a reset.
        this.disconnect(
          end.host,
          { host: from, connection, serial: end.serial, arrived: 0 },
          'reset by the peer',
        );
      } else if (from.remoteEnd.get(connection) === end) {
        // Nobody has acknowledged it: the kernel sends it again, until somebody says that the connection is gone.
        this.enqueue({ at: this.now + RETRY_MS, from, to: end.host, speaker: end.host.speaker, run: arrive });
      }
    };
    this.later(from, end.host, end, undefined, arrive);
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
    this.queue.add(delivery.at, delivery);
  }

  private deliver(delivery: Delivery): void {
    const { from, to } = delivery;
    if (from !== to && !(from.linkUp && to.linkUp)) this.parked.push(delivery);
    else if (from !== to || to.speaker === delivery.speaker) delivery.run();
  }
}

export const peerId = (text: string): PeerId => text as PeerId;

/** Prefixes that a host would forward, in order. */
export const forwardedPrefixes = (host: Host): readonly Prefix[] =>
  [...host.forwarding.keys()].sort((a, b) =>
    compareAddresses(a.split('/')[0] as Address, b.split('/')[0] as Address),
  );
