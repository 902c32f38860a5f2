// A reflector's core with its clients in one process: no sockets, no timers, only the work of the speaker itself. For more
// clients than a machine could connect, and for tests that count instead of measuring time.

import {
  ACCEPT_ALL,
  type Address,
  address,
  type ConnectionId,
  encodeMessage,
  INITIAL_CONTEXT,
  type Input,
  type PeerConfig,
  type PeerId,
  Speaker,
} from 'bgp-utils';

export const REFLECTOR_AS = 64_512;
const HOLD_SECONDS = 90;
/** What one connection is given at once, as the daemon's transport has it. */
const ROOM_OCTETS = 256 * 1024;

export const clientAddress = (at: number): Address =>
  address(`10.${1 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`);

/** Octets of that address, for a next hop. */
export const clientOctets = (at: number): Uint8Array =>
  Uint8Array.of(10, 1 + (at >> 16), (at >> 8) & 255, at & 255);

const config = (own: Address, at: number, client: boolean): PeerConfig => ({
  peer: clientAddress(at) as string as PeerId,
  address: clientAddress(at),
  port: 179,
  localAddress: own,
  localAs: REFLECTOR_AS,
  remoteAs: REFLECTOR_AS,
  families: ['ipv4'],
  passive: true,
  holdTimeSeconds: HOLD_SECONDS,
  keepaliveSeconds: undefined,
  connectRetrySeconds: 5,
  connectRetryMaxSeconds: 60,
  gracefulRestartSeconds: 120,
  routeReflectorClient: client,
  nextHop: 'auto',
  allowLocalAs: 0,
  importPolicy: ACCEPT_ALL,
  exportPolicy: ACCEPT_ALL,
  heldBack: undefined,
});

export class InProcessReflector {
  readonly speaker = new Speaker();
  private readonly connections = new Map<number, ConnectionId>();
  private readonly clientOf = new Map<ConnectionId, number>();
  private now = 0;
  /** Octets for a client, as the transport would write them: each array is one write. */
  onWrite: (client: number, octets: Uint8Array) => void = () => {};
  /** Milliseconds that single turns took: inputs, decisions and writes. */
  longestTurnMs = 0;

  constructor(
    readonly clients: number,
    private readonly own: Address = address('10.0.0.1'),
  ) {
    const inputs: Input[] = [
      {
        type: 'Configure',
        speaker: {
          asNumber: REFLECTOR_AS,
          bgpIdentifier: own,
          clusterId: own,
          restarting: false,
          maxPaths: 1,
          deferralSeconds: 10,
        },
      },
    ];
    for (let at = 0; at < clients; at++) inputs.push({ type: 'AddPeer', config: config(own, at, true) });
    this.turn(inputs);
  }

  /** One turn of the loop: facts, what follows from them, and all that can be sent. */
  turn(inputs: readonly Input[]): void {
    const began = performance.now();
    this.now++;
    for (const input of inputs) this.speaker.handle(input, this.now);
    const answers: Input[] = [];
    for (const output of this.speaker.take(this.now)) {
      if (output.type === 'TrackNextHop') answers.push({ type: 'NextHop', address: output.address, cost: 0 });
      else if (output.type === 'Forward') this.speaker.forward(() => undefined);
      else if (output.type === 'Transmit') this.transmit(output.connection);
      else if (output.type === 'Close') this.forget(output.connection);
    }
    this.longestTurnMs = Math.max(this.longestTurnMs, performance.now() - began);
    if (answers.length > 0) this.turn(answers);
  }

  /** Milliseconds since the start, of a clock that only `turn` and `pass` move. */
  get time(): number {
    return this.now;
  }

  /** @returns the turns in which the speaker asked for a Tick. */
  pass(ms: number): number {
    const until = this.now + ms;
    let ticks = 0;
    for (; this.speaker.nextDeadline() <= until; ticks++) {
      this.now = Math.max(this.now, Math.ceil(this.speaker.nextDeadline()) - 1); // `turn` adds one
      this.turn([{ type: 'Tick' }]);
    }
    this.now = Math.max(this.now, until);
    return ticks;
  }

  /** Turns until nothing is left to do. */
  settle(): void {
    this.turn([]);
    while (this.speaker.hasBacklog) this.turn([]);
  }

  /** These clients open their sessions, some in each turn. */
  connect(clients: readonly number[], eachTurn = 64): void {
    for (let from = 0; from < clients.length; from += eachTurn) {
      const inputs: Input[] = [];
      for (const at of clients.slice(from, from + eachTurn)) {
        const connection = this.speaker.newConnectionId();
        this.connections.set(at, connection);
        this.clientOf.set(connection, at);
        inputs.push(
          {
            type: 'Accepted',
            connection,
            remoteAddress: clientAddress(at),
            remotePort: 40_000,
            localAddress: this.own,
            localPort: 179,
          },
          { type: 'Received', connection, octets: open(clientAddress(at)) },
          { type: 'Received', connection, octets: KEEPALIVE },
        );
      }
      this.turn(inputs);
    }
    this.settle();
  }

  /** Octets of clients, those of some clients in each turn. */
  receive(octets: readonly (readonly [client: number, octets: Uint8Array])[], eachTurn = 64): void {
    for (let from = 0; from < octets.length; from += eachTurn) {
      this.turn(
        octets
          .slice(from, from + eachTurn)
          .map(([at, each]) => ({ type: 'Received', connection: this.connections.get(at)!, octets: each })),
      );
    }
    this.settle();
  }

  /** Connections break, all in one turn. */
  disconnect(clients: readonly number[]): void {
    this.turn(
      clients.map((at) => {
        const connection = this.connections.get(at)!;
        this.forget(connection);
        return { type: 'Disconnected', connection, reason: 'closed by the peer' };
      }),
    );
    this.settle();
  }

  /** KEEPALIVEs of clients, all in one turn. */
  keepAlive(clients: readonly number[]): void {
    this.receive(
      clients.map((at) => [at, KEEPALIVE]),
      clients.length,
    );
  }

  private transmit(connection: ConnectionId): void {
    const at = this.clientOf.get(connection);
    for (;;) {
      const writes = this.speaker.transmit(connection, ROOM_OCTETS);
      if (writes.length === 0) return;
      if (at !== undefined) for (const octets of writes) this.onWrite(at, octets);
    }
  }

  private forget(connection: ConnectionId): void {
    const at = this.clientOf.get(connection);
    if (at === undefined) return;
    this.clientOf.delete(connection);
    this.connections.delete(at);
  }
}

const KEEPALIVE = encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT);

const open = (bgpIdentifier: Address): Uint8Array =>
  encodeMessage(
    {
      type: 'Open',
      version: 4,
      asNumber: REFLECTOR_AS,
      myAs: REFLECTOR_AS,
      holdTimeSeconds: HOLD_SECONDS,
      bgpIdentifier,
      capabilities: [
        { name: 'Multiprotocol', afi: 1, safi: 1 },
        { name: 'FourOctetAs', asNumber: REFLECTOR_AS },
      ],
    },
    INITIAL_CONTEXT,
  );
