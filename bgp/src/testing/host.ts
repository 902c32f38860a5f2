// One speaker with the world that it sees: its connections, its kernel, its clock. How octets travel is network.ts.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Millis, NEVER } from '../net/time.ts';
import type { ForwardingRoute } from '../route/route.ts';
import type { ConnectionId, Input } from '../speaker/input.ts';
import type { LogEvent, Output } from '../speaker/output.ts';
import { Speaker } from '../speaker/speaker.ts';
import type { Network } from './network.ts';
import { handleAsDaemon } from './octets.ts';

export interface End {
  readonly host: Host;
  readonly connection: ConnectionId;
  /** Of the connection, the same at both ends: a new process gives out the numbers of an earlier one again. */
  readonly serial: number;
  /** When the last octets that were sent to this end arrive: none that are sent later come before. */
  arrived: Millis;
}

/** One speaker with the world that it sees. */
export class Host {
  speaker = new Speaker();
  /** What the kernel does. It outlives the process, until a new one has converged. */
  readonly forwarding = new Map<Prefix, ForwardingRoute>();
  /** When it last began or ceased to forward a prefix. */
  readonly hadAt = new Map<Prefix, Millis>();
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
  private clockAheadMs = 0;
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

  /** When the speaker wants a Tick, on the network's clock. */
  get deadline(): Millis {
    return this.up ? this.speaker.nextDeadline() - this.clockAheadMs : NEVER;
  }

  /** A machine that slept: its clock is ahead at once. */
  jump(ms: Millis): void {
    this.clockAheadMs += ms;
    this.network.touched(this);
  }

  /** Feeds one fact and carries out what follows. */
  tell(...inputs: Input[]): void {
    for (const input of inputs) this.speaker.handle(input, this.now);
    this.network.perform(this);
  }

  /** Feeds a fact; what follows from all of this moment is carried out together, as in one turn of the daemon's loop. */
  hear(input: Input): void {
    handleAsDaemon(this.speaker, input, this.now);
    this.network.heard(this);
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
    this.connecting.clear();
    this.wanted = new Set();
    this.tracked = new Set();
    this.network.touched(this);
  }

  /** The kernel does as it is told. */
  forward(prefix: Prefix, route: ForwardingRoute | undefined): void {
    this.hadAt.set(prefix, this.network.now);
    if (route === undefined) {
      this.forwarding.delete(prefix);
      this.wanted.delete(prefix);
    } else {
      this.forwarding.set(prefix, route);
      this.wanted.add(prefix);
    }
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
        this.speaker.forward((prefixes, id, route) => this.forward(prefixes.prefix(id), route));
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
