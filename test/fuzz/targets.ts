// What generated octets are tried on: the codec alone, and a whole speaker in Established. A rule that is broken is thrown
// as an error with words; so is, of course, any mistake of ours.

import {
  ACCEPT_ALL,
  address,
  type ConnectionId,
  decodeMessage,
  describeCapability,
  describeNotification,
  encodeAnnounce,
  encodeEndOfRib,
  encodeMessage,
  encodeWithdraw,
  type Framed,
  Framer,
  INITIAL_CONTEXT,
  type Message,
  type NlriBlock,
  openMessage,
  type PeerConfig,
  type PeerId,
  prefix,
  Speaker,
  type Update,
  type WireContext,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import { peerConfig, speakerConfig } from '../support/peers.ts';
import { entriesOf, plain } from '../vectors/load.ts';

const fail = (what: string): never => {
  throw new Error(`rule broken: ${what}`);
};

/** All messages of a stream that is cut at these places, until one is no message. */
export function frames(stream: Uint8Array, max: number, cuts: readonly number[] = []): Framed[] {
  const framer = new Framer();
  const found: Framed[] = [];
  let from = 0;
  for (const to of [...cuts, stream.length]) {
    framer.push(stream.subarray(from, to));
    from = to;
    for (let next = framer.next(max); next !== undefined; next = framer.next(max)) {
      if (next.kind === 'frame') found.push({ ...next, body: next.body.slice() });
      else return [...found, next];
    }
  }
  return found;
}

// ── codec ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Frames and decodes, as a session does: this is what is measured. */
export function decodeStream(stream: Uint8Array, context: WireContext): (Message | undefined)[] {
  return frames(stream, context.maxMessageOctets).map((framed) => {
    if (framed.kind === 'error') return framed.error;
    const decoded = decodeMessage(framed, context);
    return decoded.ok ? decoded.message : decoded.error;
  });
}

/** What was understood is written, read and written again: the same octets both times. */
export function checkStable(messages: readonly (Message | undefined)[], context: WireContext): void {
  for (const message of messages) {
    if (message === undefined) continue;
    if (message.type === 'Open') message.capabilities.forEach(describeCapability);
    if (message.type === 'Notification') describeNotification(message);
    const once = encoded(message, context);
    if (once === undefined) continue;
    const again = once.flatMap((octets) => {
      const [back, ...more] = decodeStream(octets, context);
      if (back === undefined || more.length > 0)
        return fail(`we write what is not one message: ${formatHex(octets)}`);
      if (message.type !== 'Notification' && back.type !== message.type)
        fail(
          `a ${message.type} that we write is read as ${JSON.stringify(plain(back))}: ${formatHex(octets)}`,
        );
      return encoded(back, context) ?? [];
    });
    const [a, b] = [once, again].map((list) => list.map(formatHex).sort().join(' '));
    if (a !== b) fail(`written ${a}, then ${b}`);
  }
}

function encoded(message: Message, context: WireContext): Uint8Array[] | undefined {
  if (message.type !== 'Update') return [encodeMessage(message, context)];
  return encodedUpdate(message, context);
}

/** Nothing, when the attributes leave no room for a prefix. */
function encodedUpdate(update: Update, context: WireContext): Uint8Array[] | undefined {
  const out: Uint8Array[] = [];
  if (update.endOfRib !== undefined) return [encodeEndOfRib(update.endOfRib)];
  const grouped = new Map<string, NlriBlock[]>();
  for (const block of update.withdrawn)
    grouped.set(block.family, [...(grouped.get(block.family) ?? []), block]);
  for (const blocks of grouped.values())
    encodeWithdraw(blocks[0]!.family, entriesOf(blocks), context, (octets) => out.push(octets));
  for (const { nlri, nextHop } of update.announced) {
    const attributes = { ...update.attributes!, nextHop };
    const fits = encodeAnnounce(nlri.family, attributes, entriesOf([nlri]), context, (octets) =>
      out.push(octets),
    );
    if (!fits) return undefined;
  }
  return out;
}

// ── a speaker ───────────────────────────────────────────────────────────────────────────────────────────────────────

const OWN = address('10.0.0.1');
const PEERS = {
  internal: { address: address('10.0.0.2'), asNumber: 64512 },
  external: { address: address('10.0.0.3'), asNumber: 64513 },
};

/** One turn of a history: octets that came from the internal or the external peer. */
export interface Turn {
  readonly from: 'internal' | 'external';
  readonly octets: Uint8Array;
}

/** A speaker with two peers in Established, both of which are told what it knows. */
export class Target {
  private readonly speaker = new Speaker();
  private readonly connections: Record<Turn['from'], ConnectionId>;
  /** Sessions that ended and came up again. */
  private reconnects = 0;
  private readonly closed = new Set<ConnectionId>();
  private now = 0;

  constructor() {
    const families = ['ipv4', 'ipv6'] as const;
    const changes = { families, passive: true, importPolicy: ACCEPT_ALL, exportPolicy: ACCEPT_ALL } as const;
    const peers: PeerConfig[] = [
      peerConfig(OWN, PEERS.internal.address, { ...changes, routeReflectorClient: true }),
      peerConfig(OWN, PEERS.external.address, { ...changes, remoteAs: PEERS.external.asNumber }),
    ];
    this.speaker.handle({ type: 'Configure', speaker: speakerConfig(OWN, { clusterId: OWN }) }, 0);
    for (const config of peers) this.speaker.handle({ type: 'AddPeer', config }, 0);
    for (const text of ['10.65.0.0/26', 'fd00:65::/64'])
      this.speaker.handle(
        {
          type: 'Originate',
          route: { prefix: prefix(text), attributes: { origin: 0, asPath: [] }, kernel: 'blackhole' },
        },
        0,
      );
    this.connections = { internal: this.establish('internal'), external: this.establish('external') };
  }

  /** This is what is measured: all that follows from octets until there is nothing left to send. */
  receive({ from, octets }: Turn): void {
    const connection = this.connections[from];
    this.now += 10;
    this.speaker.handle({ type: 'Received', connection, octets }, this.now);
    this.turn();
  }

  /** Sessions that ended come up again, as with any peer. */
  reconnect(): void {
    for (const side of ['internal', 'external'] as const) {
      if (this.stateOf(side) === 'Established') continue;
      this.speaker.handle(
        { type: 'Disconnected', connection: this.connections[side], reason: 'closed' },
        this.now,
      );
      this.turn();
      this.now += 200_000; // waits that grow, and what is kept for a restart, are over
      this.speaker.handle({ type: 'Tick' }, this.now);
      this.turn();
      this.connections[side] = this.establish(side);
      this.reconnects++;
    }
  }

  private stateOf(side: Turn['from']): string | undefined {
    return this.speaker.peerViews().find(({ config }) => config.address === PEERS[side].address)?.state;
  }

  /** @param received  octets that it was given until now: a route takes at least one of them. */
  checkSizes(received: number): void {
    const { prefixes, connections, attributeSetsHeard, nextHops } = this.speaker.sizes();
    if (connections > 4) fail(`${connections} connections`);
    if (prefixes.ipv4 + prefixes.ipv6 > received + 8)
      fail(`${prefixes.ipv4 + prefixes.ipv6} prefixes of ${received} octets`);
    if (attributeSetsHeard > received + 8 || nextHops > received + 8)
      fail(`more attributes than octets: ${received}`);
  }

  /** When all peers are gone, nothing of what they said is left. */
  checkEmptied(): void {
    for (const { address: peer } of Object.values(PEERS))
      this.speaker.handle({ type: 'RemovePeer', peer: peer as string as PeerId }, this.now);
    for (const text of ['10.65.0.0/26', 'fd00:65::/64'])
      this.speaker.handle({ type: 'WithdrawOriginated', prefix: prefix(text) }, this.now);
    for (let i = 0; i < 3; i++) this.turn();
    const { connections: _, ...sizes } = this.speaker.sizes();
    const left = JSON.stringify(sizes);
    if (/[1-9]/.test(left.replace(/ipv[46]/g, ''))) fail(`left behind when all peers are gone: ${left}`);
  }

  private establish(side: Turn['from']): ConnectionId {
    const { address: from, asNumber } = PEERS[side];
    const connection = this.speaker.newConnectionId();
    this.speaker.handle(
      {
        type: 'Accepted',
        connection,
        remoteAddress: from,
        remotePort: 40000,
        localAddress: OWN,
        localPort: 179,
      },
      this.now,
    );
    const open = openMessage({
      asNumber,
      holdTimeSeconds: 0,
      bgpIdentifier: from,
      capabilities: [
        { name: 'Multiprotocol', afi: 1, safi: 1 },
        { name: 'Multiprotocol', afi: 2, safi: 1 },
        { name: 'RouteRefresh' },
        { name: 'FourOctetAs', asNumber },
      ],
    });
    for (const message of [open, { type: 'KeepAlive' } as const]) {
      const octets = encodeMessage(message, INITIAL_CONTEXT);
      this.speaker.handle({ type: 'Received', connection, octets }, this.now);
      this.turn();
    }
    if (this.stateOf(side) !== 'Established')
      fail(`after ${this.reconnects} sessions, the next one is ${this.stateOf(side)}`);
    return connection;
  }

  private turn(): void {
    for (let again = true; again; ) {
      again = false;
      for (const output of this.speaker.take(this.now)) {
        if (output.type === 'Close') this.closed.add(output.connection);
        else if (output.type === 'Transmit') this.drain(output.connection);
        else if (output.type === 'TrackNextHop') {
          this.speaker.handle({ type: 'NextHop', address: output.address, cost: 0 }, this.now);
          again = true;
        }
      }
    }
  }

  private drain(connection: ConnectionId): void {
    if (this.closed.has(connection)) return;
    for (;;) {
      const messages = this.speaker.transmit(connection, 65536);
      if (messages.length === 0) return;
      for (const octets of messages)
        if (frames(octets, 65535).some(({ kind }) => kind === 'error')) fail(`we send ${formatHex(octets)}`);
    }
  }
}
