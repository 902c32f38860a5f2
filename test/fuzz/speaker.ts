// A whole speaker with several peers, to which things happen: octets in any state, collisions, time, restarts, changes of
// settings. Whatever it sends is read by far.ts. A rule that is broken is thrown as an error with words; so is any mistake of ours.

import {
  address,
  type ConnectionId,
  encodeMessage,
  FAMILIES,
  familyOfAddress,
  INITIAL_CONTEXT,
  type Input,
  type Output,
  openMessage,
  type PeerConfig,
  prefix,
  Speaker,
} from 'bgp-utils';
import { handleAsDaemon } from 'bgp-utils/testing';
import { fail } from './codec.ts';
import { Far } from './far.ts';
import { OWN, type Plan } from './plan.ts';
import type { Dialect } from './sound.ts';
import type { Turn } from './turn.ts';

const BLOCKS = ['10.65.0.0/26', '10.65.0.64/26', 'fd00:65::/64', 'fd00:66::/64', '10.66.0.0/16', '0.0.0.0/0'];
/** Ticks at one moment; more is a loop that makes no progress. */
const MAX_TICKS = 50;

export class SpeakerTarget {
  private readonly speaker = new Speaker();
  private readonly fars = new Map<ConnectionId, Far>();
  private readonly stalled = new Set<number>();
  private readonly configs: PeerConfig[];
  private unresolved = -1;
  private readonly asked = new Set<string>();
  /** Prefixes that were too long for somebody. */
  private readonly notTold = new Set<string>();
  private now = 0;
  private received = 0;

  constructor(readonly plan: Plan) {
    this.configs = plan.peers.map(({ config }) => config);
    this.tell(
      { type: 'Configure', speaker: plan.speaker },
      ...this.configs.map((config) => ({ type: 'AddPeer' as const, config })),
    );
    this.originate(0, false);
    this.originate(2, false);
    for (const peer of this.configs.keys()) this.call(peer);
  }

  isUp = (peer: number): boolean => this.stateOf(peer) === 'Established';

  /** How messages to the speaker are written on the session with that peer. */
  dialectOf(peer: number): Dialect {
    const context = this.newest(peer)?.context;
    const { asNumber } = this.plan.peers[peer]!;
    return {
      asNumber,
      asOctets: context?.asOctets ?? 4,
      families: context?.families ?? [],
      addPath: context?.addPathSend ?? [],
      extendedNextHop: context?.extendedNextHop ?? false,
      internal: this.configs[peer]!.localAs === asNumber,
      maxOctets: context?.maxMessageOctets ?? 4096,
    };
  }

  /** This is what is measured: all that follows until there is nothing left to do. */
  play(turn: Turn): void {
    this.now += 10;
    switch (turn.does) {
      case 'send': {
        const far = this.newest(turn.peer);
        if (far === undefined) return;
        const octets = Uint8Array.from(Buffer.from(turn.hex, 'hex'));
        this.received += octets.length;
        return this.tell({ type: 'Received', connection: far.connection, octets });
      }
      case 'call':
        return this.call(turn.peer);
      case 'break':
        for (const far of this.alive(turn.peer)) this.lose(far);
        return;
      case 'pass':
        return this.pass(turn.ms, turn.alive);
      case 'stall':
        return this.stall(turn.peer, turn.stalled);
      case 'clear':
        return this.tell({ type: 'Clear', peer: this.configs[turn.peer]!.peer, how: turn.how, text: 'fuzz' });
      case 'unresolve':
        this.unresolved = turn.remainder;
        return this.tell(...[...this.asked].map((hop) => this.answer(hop)));
      case 'originate':
        return this.originate(turn.block, turn.withdraw);
      case 'change':
        return this.change(turn.peer, turn.setting);
    }
  }

  /** After every turn: nothing grows beyond what was sent. */
  checkSizes(): void {
    const { prefixes, connections, attributeSetsHeard, nextHops } = this.speaker.sizes();
    if (connections > 2 * this.configs.length) fail(`${connections} connections`);
    if (prefixes.ipv4 + prefixes.ipv6 > this.received + BLOCKS.length)
      fail(`${prefixes.ipv4 + prefixes.ipv6} prefixes of ${this.received} octets`);
    // import policy and RFC 9494 make up to two sets more of each
    const most = 4 * (this.received + BLOCKS.length);
    if (attributeSetsHeard > most || nextHops > most) fail(`more attributes than octets: ${this.received}`);
  }

  /** Who is up has been told just what the speaker says that it has told; when all peers are gone, nothing is left. */
  checkEnd(): void {
    for (const peer of this.configs.keys()) if (this.stalled.has(peer)) this.stall(peer, false);
    if (this.speaker.hasUnsent()) fail('there is something to send, and nobody is asked to');
    for (const [peer, { peer: id }] of this.configs.entries()) if (this.isUp(peer)) this.checkTold(peer, id);
    this.tell(...this.configs.map(({ peer }) => ({ type: 'RemovePeer' as const, peer })));
    for (const block of BLOCKS.keys()) this.originate(block, true);
    for (let i = 0; i < 3; i++) this.settle();
    const left = JSON.stringify(this.speaker.sizes());
    if (/[1-9]/.test(left.replace(/ipv[46]/g, ''))) fail(`left behind when all peers are gone: ${left}`);
    if (this.speaker.nextDeadline() < Number.POSITIVE_INFINITY && this.plan.speaker.restarting === false)
      fail('a deadline is left when all peers are gone');
  }

  private checkTold(peer: number, id: PeerConfig['peer']): void {
    const far = this.alive(peer).find(({ context }) => context !== undefined && context.families.length > 0);
    if (far === undefined) return fail(`peer ${id} is up without a connection`);
    for (const family of FAMILIES) {
      const says = [...this.speaker.advertisedTo(id, family)]
        .flatMap(({ prefix: at, attributes }) => (attributes === undefined ? [] : at))
        .filter((at) => !this.notTold.has(at))
        .sort();
      const told = far.told(family).filter((at) => !this.notTold.has(at));
      if (JSON.stringify(says) !== JSON.stringify(told))
        fail(
          `peer ${id} has ${JSON.stringify(told)}, and was told ${JSON.stringify(says)}, as the speaker says`,
        );
    }
  }

  // ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

  private call(peer: number): void {
    if (this.alive(peer).length > 2) return;
    const connection = this.speaker.newConnectionId();
    const far = this.connect(connection, peer);
    const { address: remoteAddress } = this.configs[peer]!;
    const localAddress = OWN[familyOfAddress(remoteAddress)];
    this.tell({
      type: 'Accepted',
      connection,
      remoteAddress,
      remotePort: 40000,
      localAddress,
      localPort: 179,
    });
    this.sendOpen(far);
  }

  private connect(connection: ConnectionId, peer: number): Far {
    const far = new Far(connection, peer, this.plan.peers[peer]!);
    this.fars.set(connection, far);
    return far;
  }

  private sendOpen(far: Far): void {
    if (far.said || far.ended) return;
    far.said = true;
    const { asNumber, identifier, holdTimeSeconds, capabilities } = this.plan.peers[far.peer]!;
    const open = openMessage({ asNumber, holdTimeSeconds, bgpIdentifier: address(identifier), capabilities });
    this.tell({ type: 'Received', connection: far.connection, octets: encodeMessage(open, INITIAL_CONTEXT) });
  }

  private keepAlive(far: Far): void {
    if (far.ended) return;
    const octets = encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT);
    this.tell({ type: 'Received', connection: far.connection, octets });
  }

  private lose(far: Far): void {
    far.ended = true;
    this.fars.delete(far.connection);
    this.tell({ type: 'Disconnected', connection: far.connection, reason: 'closed' });
  }

  private pass(ms: number, alive: boolean): void {
    const until = this.now + ms;
    let ticks = 0;
    for (;;) {
      const next = this.speaker.nextDeadline();
      if (next > until) break;
      ticks = next > this.now ? 0 : ticks + 1;
      if (ticks > MAX_TICKS) fail(`${MAX_TICKS} ticks, and the deadline stays`);
      this.now = Math.max(this.now, next);
      this.tell({ type: 'Tick' });
      if (alive)
        for (const far of [...this.fars.values()]) if (far.context !== undefined) this.keepAlive(far);
    }
    this.now = until;
  }

  private stall(peer: number, stalled: boolean): void {
    if (stalled) this.stalled.add(peer);
    else this.stalled.delete(peer);
    for (const { connection } of this.alive(peer)) {
      this.tell({ type: 'Sending', connection, waiting: stalled });
      if (!stalled) this.drain(connection);
    }
    this.settle();
  }

  private originate(block: number, withdraw: boolean): void {
    const at = prefix(BLOCKS[block]!);
    this.tell(
      withdraw
        ? { type: 'WithdrawOriginated', prefix: at }
        : {
            type: 'Originate',
            route: { prefix: at, attributes: { origin: 0, asPath: [] }, kernel: 'blackhole' },
          },
    );
  }

  private change(peer: number, setting: number): void {
    const before = this.configs[peer]!;
    const { importPolicy, exportPolicy, gracefulRestartSeconds } = before;
    const changes: readonly Partial<PeerConfig>[] = [
      { importPolicy: exportPolicy, exportPolicy: importPolicy },
      { routeReflectorClient: !before.routeReflectorClient },
      { nextHop: before.nextHop === 'self' ? 'auto' : 'self' },
      { allowLocalAs: 1 - before.allowLocalAs },
      { requirePolicy: before.requirePolicy !== true },
      { enforceFirstAs: before.enforceFirstAs !== true },
      { passive: !before.passive },
      { addPaths: before.addPaths === 'off' ? 'both' : 'off' },
      { gracefulRestartSeconds: 120 - gracefulRestartSeconds },
      { heldBack: before.heldBack === undefined ? 'fuzz' : undefined },
    ];
    const config = { ...before, ...changes[setting] };
    this.configs[peer] = config;
    this.tell({ type: 'ChangePeer', config });
  }

  // ── the world around ────────────────────────────────────────────────────────────────────────────────────────────

  private tell(...inputs: readonly Input[]): void {
    for (const input of inputs) handleAsDaemon(this.speaker, input, this.now);
    this.settle();
  }

  private settle(): void {
    for (const output of this.speaker.take(this.now)) this.carryOut(output);
  }

  private carryOut(output: Output): void {
    switch (output.type) {
      case 'Close': {
        const far = this.fars.get(output.connection);
        if (far === undefined) return;
        if (output.lastOctets !== undefined) far.read(output.lastOctets);
        far.ended = true;
        this.fars.delete(output.connection);
        return;
      }
      case 'Transmit':
        return this.drain(output.connection);
      case 'Forward':
        this.speaker.forward(() => undefined);
        return;
      case 'Connect':
        return this.answerConnect(output);
      case 'TrackNextHop':
        this.asked.add(output.address);
        return this.tell(this.answer(output.address));
      case 'ReleaseNextHop':
        this.asked.delete(output.address);
        return;
      case 'Log':
        if (output.event.event === 'not-advertised') this.notTold.add(output.event.prefix);
        return;
    }
  }

  private answer(hop: string): Input {
    const resolves = (hop.charCodeAt(hop.length - 1) & 3) !== this.unresolved;
    return { type: 'NextHop', address: address(hop), cost: resolves ? 0 : undefined };
  }

  private answerConnect({ connection, peer }: Output & { type: 'Connect' }): void {
    const index = this.configs.findIndex((config) => config.peer === peer);
    if (!this.plan.peers[index]!.listens)
      return this.tell({ type: 'ConnectFailed', connection, reason: 'refused' });
    const far = this.connect(connection, index);
    const localAddress = OWN[familyOfAddress(this.configs[index]!.address)];
    this.tell({ type: 'Connected', connection, localAddress, localPort: 40000, remotePort: 179 });
    this.sendOpen(far);
  }

  private drain(connection: ConnectionId): void {
    const far = this.fars.get(connection);
    if (far === undefined || this.stalled.has(far.peer)) return;
    for (;;) {
      const messages = this.speaker.transmit(connection, 65_536);
      if (messages.length === 0) return;
      for (const octets of messages)
        for (const message of far.read(octets))
          if (message.type === 'Open') {
            this.sendOpen(far);
            this.keepAlive(far);
          }
    }
  }

  private alive = (peer: number): Far[] => [...this.fars.values()].filter((far) => far.peer === peer);

  private newest = (peer: number): Far | undefined => this.alive(peer).at(-1);

  private stateOf(peer: number): string | undefined {
    const { peer: id } = this.configs[peer]!;
    return this.speaker.peerViews().find(({ config }) => config.peer === id)?.state;
  }
}
