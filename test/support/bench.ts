// One speaker on a bench: a test plays the kernel and the far end of each connection, message by message.

import {
  type Address,
  address,
  type Capability,
  type ConnectionId,
  decodeMessage,
  encodeAnnounce,
  encodeEndOfRib,
  encodeMessage,
  encodeWithdraw,
  type Family,
  type ForwardingRoute,
  Framer,
  familyOfPrefix,
  INITIAL_CONTEXT,
  type Input,
  type LogEvent,
  type Message,
  type Open,
  type Output,
  type PathAttributes,
  type PeerConfig,
  type PeerId,
  type Prefix,
  parseNetwork,
  parseScopedAddress,
  prefix,
  prefixLength,
  Speaker,
  type SpeakerConfig,
  type WireContext,
  writePrefix,
} from 'bgp-utils';
import { handleAsDaemon } from 'bgp-utils/testing';
import { addressWords } from '../../bgp/src/net/address.ts';
import { prefixAddress } from '../../bgp/src/net/prefix.ts';
import { peerConfig, speakerConfig } from './peers.ts';

export const OWN = address('10.0.0.1');

const context: WireContext = { ...INITIAL_CONTEXT, asOctets: 4, families: ['ipv4', 'ipv6'] };

/** Prefixes as the encoder takes them. */
const source = (list: readonly Prefix[]) => ({
  length: list.length,
  writeTo: (w: Parameters<typeof writePrefix>[0], index: number) => {
    const [w0, w1, w2, w3] = addressWords(prefixAddress(list[index]!));
    writePrefix(w, familyOfPrefix(list[index]!), prefixLength(list[index]!), w0, w1, w2, w3);
  },
});

const concatenated = (parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

export function announcement(
  texts: readonly string[],
  attributes: PathAttributes,
  peerType: 'internal' | 'external' = 'internal',
): Uint8Array {
  const list = texts.map((text) => prefix(text));
  const messages: Uint8Array[] = [];
  encodeAnnounce(familyOfPrefix(list[0]!), attributes, source(list), { ...context, peerType }, (octets) =>
    messages.push(octets),
  );
  return concatenated(messages);
}

export function withdrawal(texts: readonly string[]): Uint8Array {
  const list = texts.map((text) => prefix(text));
  const messages: Uint8Array[] = [];
  encodeWithdraw(familyOfPrefix(list[0]!), source(list), context, (octets) => messages.push(octets));
  return concatenated(messages);
}

export const endOfRib = (family: Family = 'ipv4'): Uint8Array => encodeEndOfRib(family);

export const restartCapability = (
  changes: { readonly restarting?: boolean; readonly preserved?: boolean; readonly seconds?: number } = {},
): Capability => ({
  name: 'GracefulRestart',
  restarting: changes.restarting ?? false,
  notification: false,
  restartTimeSeconds: changes.seconds ?? 60,
  families: [{ afi: 1, safi: 1, forwardingPreserved: changes.preserved ?? true }],
});

export class Bench {
  readonly speaker: Speaker;
  now = 0;
  /** Since the last `clear`. */
  outputs: Output[] = [];
  /** All messages that were sent on a connection, also the last ones before it was closed. */
  readonly sent = new Map<ConnectionId, Message[]>();
  readonly forwarding = new Map<Prefix, ForwardingRoute>();
  /** Prefixes that lost their way of forwarding, since the last `clear`. */
  unforwarded: Prefix[] = [];
  /** Whether the kernel answers for next hops at once, and all resolve. */
  answers = true;
  /** What messages on a connection mean: LOCAL_PREF is for internal sessions only. */
  private readonly contexts = new Map<ConnectionId, WireContext>();
  private readonly framers = new Map<ConnectionId, Framer>();

  /** @param changes  with `sliceCost`: see Sweeps. */
  constructor(
    { sliceCost, ...changes }: Partial<SpeakerConfig> & { readonly sliceCost?: number } = {},
    ...peers: readonly PeerConfig[]
  ) {
    this.speaker = new Speaker(sliceCost === undefined ? {} : { sliceCost });
    this.tell(
      { type: 'Configure', speaker: speakerConfig(OWN, changes) },
      ...peers.map((config) => ({ type: 'AddPeer' as const, config })),
    );
  }

  /** One turn: all inputs, then what follows from them. */
  tell(...inputs: readonly Input[]): void {
    for (const input of inputs) handleAsDaemon(this.speaker, input, this.now);
    this.turn();
  }

  turn(): void {
    const rests = this.speaker.rests && this.speaker.nextDeadline() > this.now;
    const outputs = this.speaker.take(this.now);
    if (rests && outputs.length > 0) throw new Error(`a speaker at rest wants ${outputs[0]!.type}`);
    this.outputs.push(...outputs);
    for (const output of outputs) this.carryOut(output);
    // As the kernel does: the answer comes in a later turn.
    const asked = outputs.filter((output) => output.type === 'TrackNextHop');
    if (!this.answers || asked.length === 0) return;
    this.tell(...asked.map(({ address: hop }) => ({ type: 'NextHop' as const, address: hop, cost: 0 })));
  }

  /** Time passes, with a Tick whenever one is due. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let next = this.speaker.nextDeadline(); next <= until; next = this.speaker.nextDeadline()) {
      this.now = Math.max(this.now, next);
      this.tell({ type: 'Tick' });
    }
    this.now = until;
  }

  clear(): void {
    this.outputs = [];
    this.unforwarded = [];
    for (const messages of this.sent.values()) messages.length = 0;
  }

  // ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** The peer opens one. */
  accept(from: string, localAddress = OWN): ConnectionId {
    const connection = this.speaker.newConnectionId();
    this.opened(connection, from);
    this.tell({
      type: 'Accepted',
      connection,
      remoteAddress: parseScopedAddress(from) ?? address(from),
      remotePort: 40000 + connection,
      localAddress,
      localPort: 179,
    });
    return connection;
  }

  /** The speaker's own attempt succeeds. @returns the last one to that address. */
  connected(to: string): ConnectionId {
    const attempt = this.outputs.findLast((output) => output.type === 'Connect' && output.address === to);
    if (attempt?.type !== 'Connect') throw new Error(`no attempt to connect to ${to}`);
    const { connection } = attempt;
    this.opened(connection, to);
    this.tell({ type: 'Connected', connection, localAddress: OWN, localPort: 40000, remotePort: 179 });
    return connection;
  }

  received(connection: ConnectionId, ...octets: readonly Uint8Array[]): void {
    this.tell(...octets.map((each) => ({ type: 'Received' as const, connection, octets: each })));
  }

  open(connection: ConnectionId, identifier: string, changes: Partial<Open> = {}): void {
    const open: Open = {
      type: 'Open',
      version: 4,
      asNumber: 64512,
      myAs: 64512,
      holdTimeSeconds: 90,
      bgpIdentifier: address(identifier),
      capabilities: [
        { name: 'Multiprotocol', afi: 1, safi: 1 },
        { name: 'RouteRefresh' },
        { name: 'FourOctetAs', asNumber: changes.asNumber ?? 64512 },
        restartCapability(),
      ],
      ...changes,
    };
    this.received(connection, encodeMessage(open, INITIAL_CONTEXT));
  }

  keepAlive(connection: ConnectionId): void {
    this.received(connection, encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT));
  }

  /** The peer opens a connection, and the session comes up. */
  establish(from: string, changes: Partial<Open> = {}): ConnectionId {
    const connection = this.accept(from);
    this.open(connection, from, changes);
    this.keepAlive(connection);
    if (this.state(from) !== 'Established')
      throw new Error(`the session with ${from} is ${this.state(from)}`);
    return connection;
  }

  disconnect(connection: ConnectionId): void {
    this.tell({ type: 'Disconnected', connection, reason: 'closed by the peer' });
  }

  // ── what there is ───────────────────────────────────────────────────────────────────────────────────────────────

  view(peer: string) {
    const view = this.speaker.peerViews().find(({ config }) => config.peer === peer);
    if (view === undefined) throw new Error(`no peer ${peer}`);
    return view;
  }

  state(peer: string): string {
    return this.view(peer).state;
  }

  closed(connection: ConnectionId): (Output & { type: 'Close' }) | undefined {
    const found = this.outputs.find((each) => each.type === 'Close' && each.connection === connection);
    return found as (Output & { type: 'Close' }) | undefined;
  }

  /** NOTIFICATIONs that were sent on the connection, as code/subcode. */
  notifications(connection: ConnectionId): string[] {
    return (this.sent.get(connection) ?? []).flatMap((message) =>
      message.type === 'Notification' ? [`${message.code}/${message.subcode}`] : [],
    );
  }

  /** UPDATEs that were sent, in short: "+prefix", "-prefix", "End-of-RIB". */
  updates(connection: ConnectionId): string[] {
    return (this.sent.get(connection) ?? []).flatMap((message) => {
      if (message.type !== 'Update') return [];
      if (message.endOfRib !== undefined) return ['End-of-RIB'];
      const of = (sign: string, blocks: readonly { readonly octets: Uint8Array }[]) =>
        blocks.flatMap(({ octets }) => ipv4Prefixes(octets).map((text) => sign + text));
      return [
        ...of('-', message.withdrawn),
        ...of(
          '+',
          message.announced.map(({ nlri }) => nlri),
        ),
      ];
    });
  }

  /** The routes that the far end of a connection has been told, with their attributes (IPv4). */
  told(connection: ConnectionId): Map<string, PathAttributes> {
    const routes = new Map<string, PathAttributes>();
    for (const message of this.sent.get(connection) ?? []) {
      if (message.type !== 'Update') continue;
      for (const { octets } of message.withdrawn) for (const at of ipv4Prefixes(octets)) routes.delete(at);
      for (const { nlri, nextHop } of message.announced)
        for (const at of ipv4Prefixes(nlri.octets)) routes.set(at, { ...message.attributes!, nextHop });
    }
    return routes;
  }

  outputsOf<T extends Output['type']>(type: T): (Output & { type: T })[] {
    return this.outputs.filter((output): output is Output & { type: T } => output.type === type);
  }

  events<T extends LogEvent['event']>(event: T): (LogEvent & { event: T })[] {
    return this.outputsOf('Log').flatMap(({ event: each }) =>
      each.event === event ? [each as LogEvent & { event: T }] : [],
    );
  }

  /** Prefixes that would be forwarded, with where to. */
  routes(): Record<string, string> {
    const entries = [...this.forwarding].map(([at, route]) => [
      at,
      route.type === 'unicast' ? `${route.nextHops.join()}${route.stale ? ' stale' : ''}` : route.type,
    ]);
    return Object.fromEntries(entries.sort());
  }

  private carryOut(output: Output): void {
    switch (output.type) {
      case 'Transmit':
        return this.transmit(output.connection);
      case 'Close':
        if (output.lastOctets !== undefined) this.read(output.connection, output.lastOctets);
        return;
      case 'Forward':
        this.speaker.forward((prefixes, id, route) => {
          if (route === undefined) {
            this.forwarding.delete(prefixes.prefix(id));
            this.unforwarded.push(prefixes.prefix(id));
          } else this.forwarding.set(prefixes.prefix(id), route);
        });
        return;
    }
  }

  /** There is room on a connection. */
  transmit(connection: ConnectionId, roomOctets = 65536): void {
    for (const octets of this.speaker.transmit(connection, roomOctets)) this.read(connection, octets);
  }

  private opened(connection: ConnectionId, remote: string): void {
    const config = this.speaker.peerViews().find((view) => view.config.address === remote)?.config;
    const peerType = config?.localAs === config?.remoteAs ? 'internal' : 'external';
    this.contexts.set(connection, { ...context, peerType });
  }

  private read(connection: ConnectionId, octets: Uint8Array): void {
    const framer = this.framers.get(connection) ?? new Framer();
    const messages = this.sent.get(connection) ?? [];
    this.framers.set(connection, framer);
    this.sent.set(connection, messages);
    framer.push(octets);
    for (;;) {
      const framed = framer.next(4096);
      if (framed === undefined) return;
      const decoded =
        framed.kind === 'frame' ? decodeMessage(framed, this.contexts.get(connection) ?? context) : undefined;
      if (decoded?.ok !== true) throw new Error('invariant: the speaker sent what nobody can read');
      messages.push(decoded.message);
    }
  }
}

function ipv4Prefixes(octets: Uint8Array): string[] {
  const all: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = octets[at]!;
    const count = (length + 7) >>> 3;
    const bytes = [0, 1, 2, 3].map((i) => (i < count ? octets[at + 1 + i]! : 0));
    all.push(parseNetwork(`${bytes.join('.')}/${length}`)!.prefix);
    at += 1 + count;
  }
  return all;
}

/** A passive peer, so that a bench opens nothing by itself. */
export const passivePeer = (other: string, changes: Partial<PeerConfig> = {}): PeerConfig =>
  peerConfig(OWN, address(other) as Address, { passive: true, families: ['ipv4'], ...changes });

export const id = (text: string): PeerId => text as PeerId;
