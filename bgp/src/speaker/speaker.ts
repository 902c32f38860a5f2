// The whole speaker as one deterministic machine: `handle` takes a fact, `take` gives the intentions that followed,
// `transmit` the octets for a connection. It opens no socket and reads no clock: the same inputs at the same times
// give the same outputs.

import type { Address } from '../net/address.ts';
import { assertNever } from '../net/assert.ts';
import { FAMILIES, type Family } from '../net/family.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { CEASE } from '../wire/constants.ts';
import { INITIAL_CONTEXT } from '../wire/context.ts';
import { encodeMessage } from '../wire/message.ts';
import { cease } from '../wire/notification.ts';
import type { ConnectionId, Input } from './input.ts';
import { Membership } from './membership.ts';
import type { Output } from './output.ts';
import type { ForwardingVisitor } from './routing.ts';

/** A link that comes and goes does not take the damping of attempts away. */
const HASTEN_EVERY_MS = 5000;

/** So that what leaves at one moment has a bound (RFC 4271 §10 wants no peaks): 20 KB, headers of TCP with it. */
const KEEPALIVES_TOGETHER = 256;

export class Speaker extends Membership {
  private hastenedAt: Millis = Number.NEGATIVE_INFINITY;

  // ── the machine ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param now  must not go back. */
  handle(input: Input, now: Millis): void {
    if (!OF_CONNECTIONS.has(input.type)) this.changed = true;
    switch (input.type) {
      case 'Configure':
        return this.configure(input.speaker, now);
      case 'AddPeer':
        return this.addPeer(input.config, now);
      case 'ChangePeer':
        return this.changePeer(input.config, now);
      case 'RemovePeer':
        return this.removePeer(input.peer, now);
      case 'Originate':
        return this.routing[familyOfRoute(input.route.prefix)].originate(input.route);
      case 'WithdrawOriginated':
        return this.routing[familyOfRoute(input.prefix)].inbound.withdrawOriginated(input.prefix);
      case 'Restore':
        return this.restore(input.routes, now);
      case 'Connected':
        return this.peerOf(input.connection)?.connected(
          input.connection,
          input.localAddress,
          input.localPort,
          input.remotePort,
          now,
        );
      case 'ConnectFailed':
        return this.peerOf(input.connection)?.connectFailed(input.connection, input.reason, now);
      case 'Accepted':
        return this.accepted(input, now);
      case 'Received':
        return this.peerOf(input.connection)?.received(input.connection, input.octets, now);
      case 'Disconnected':
        return this.peerOf(input.connection)?.disconnected(input.connection, input.reason, now);
      case 'Sending':
        return this.peerOf(input.connection)?.sending(input.connection, input.waiting, now);
      case 'Tick':
        return this.tick(now);
      case 'NextHop':
        return this.nextHopTold(input.address, input.cost, input.interface);
      case 'LinkUp':
        return this.linkUp(now);
      case 'Clear':
        return this.clear(input, now);
      case 'Stop':
        return this.stop(input.how, now);
      default:
        return assertNever(input);
    }
  }

  /** Intentions since the last call. Decides and packs what the inputs of this turn changed. */
  take(now: Millis): Output[] {
    this.removeEndedDynamic(now);
    for (const family of FAMILIES) this.routing[family].sweep();
    this.failStatic.review(now);
    for (const family of FAMILIES)
      if (this.routing[family].inbound.sweeps.hasBegun) this.routing[family].sweep();
    this.forgetDeparted();
    const changed = this.changed || this.hasBacklog;
    this.changed = false;
    if (changed) this.flush();
    // New next hops are asked for, and gone ones given up, after every prefix has been decided.
    const { started, stopped } = this.nextHops.takeChanges();
    for (const address of started) this.outputs.push({ type: 'TrackNextHop', address });
    for (const address of stopped) this.outputs.push({ type: 'ReleaseNextHop', address });
    if (FAMILIES.some((family) => this.routing[family].hasForwarding)) this.outputs.push({ type: 'Forward' });
    if (this.checkDeferral(now) || changed) this.announceTransmits();
    const { outputs } = this;
    this.outputs = [];
    return outputs;
  }

  /**
   * Whole messages to send on a connection: control messages first, then UPDATEs up to about `roomOctets`.
   * An empty list says that nothing waits.
   */
  transmit(connection: ConnectionId, roomOctets: number): readonly Uint8Array[] {
    const peer = this.connections.get(connection);
    if (peer === undefined) return [];
    const messages = peer.takeControl(connection);
    if (peer.connection !== connection) return messages;
    const member = this.memberOf(peer);
    let room = roomOctets - messages.reduce((sum, octets) => sum + octets.length, 0);
    for (const family of FAMILIES) {
      if (room <= 0) break;
      const taken = this.routing[family].exports.take(member.index, room);
      if (taken === undefined) continue;
      for (const octets of taken.octets) {
        messages.push(octets);
        room -= octets.length;
      }
      peer.counters.updatesSent += taken.messages;
      peer.counters.messagesSent += taken.messages;
    }
    return messages;
  }

  /**
   * How prefixes are forwarded that are forwarded otherwise than before; each once, as it is now.
   * @param limit  of prefixes. @returns whether there are more, for which `take` asks again.
   */
  forward(visit: ForwardingVisitor, limit = Number.POSITIVE_INFINITY): boolean {
    let left = limit;
    for (const family of FAMILIES) left -= this.routing[family].forward(visit, left);
    return FAMILIES.some((family) => this.routing[family].hasForwarding);
  }

  /** A change was too large for one turn: `take` goes on with it. */
  get hasBacklog(): boolean {
    return this.routing.ipv4.hasBacklog || this.routing.ipv6.hasBacklog;
  }

  /** All routes that came are decided on, and what is forwarded otherwise has been told. */
  get isSettled(): boolean {
    if (this.nextHops.unanswered > 0 || this.hasBacklog) return false;
    return !FAMILIES.some((family) => this.routing[family].hasForwarding);
  }

  /** Nothing follows from what was handled since the last `take`: so after a KEEPALIVE. */
  get rests(): boolean {
    return !this.changed && this.outputs.length === 0 && !this.hasBacklog && !this.failStatic.holds;
  }

  /** When a Tick is due; NEVER when nothing waits for time to pass. */
  nextDeadline(): Millis {
    if (this.hasBacklog) return 0;
    return Math.min(this.deferral?.deadline() ?? NEVER, this.deadlines.next(), this.failStatic.deadline());
  }

  // ── connections and sessions ───────────────────────────────────────────────────────────────────────────────────────

  private accepted(input: Input & { type: 'Accepted' }, now: Millis): void {
    const { connection, remoteAddress } = input;
    const of = () => [...this.members.values()].find(({ peer }) => peer.config.address === remoteAddress);
    const made = of() === undefined && !this.stopping ? this.dynamic.make(remoteAddress) : undefined;
    if (typeof made === 'object') this.addPeer(made, now);
    const member = of();
    this.nextConnection = Math.max(this.nextConnection, connection + 1);
    if (member !== undefined) this.deadlines.touch(member);
    if (member !== undefined && !this.stopping) this.connections.set(connection, member.peer);
    const refused = this.stopping
      ? 'the speaker is stopping'
      : member === undefined
        ? ((made as string | undefined) ?? 'no peer is configured with this address')
        : member.peer.accept(connection, input, now);
    if (refused === undefined) return;
    this.connections.delete(connection);
    this.outputs.push({
      type: 'Log',
      event: { event: 'connection-refused', address: remoteAddress, reason: refused },
    });
    // RFC 4486 §4: who is no peer hears so. A peer that is merely between two sessions, or two runs of ours, is refused without a
    // word (RFC 4271 §8.2.2), so that it tries again soon: BIRD waits a minute after a NOTIFICATION.
    const stranger = !this.stopping && (member === undefined || member.peer.config.heldBack !== undefined);
    const lastOctets = stranger ? encodeMessage(CONNECTION_REJECTED, INITIAL_CONTEXT) : undefined;
    this.outputs.push({ type: 'Close', connection, lastOctets, reason: refused });
  }

  private nextHopTold(address: Address, cost: number | undefined, by: string | undefined): void {
    if (this.nextHops.tellInterface(address, cost === undefined ? undefined : by)) {
      const sides = [...this.members.values()].map((member) => this.importSide(member));
      for (const family of FAMILIES) this.routing[family].interfaceChanged(address, sides);
    }
    if (!this.nextHops.tell(address, cost)) return;
    for (const family of FAMILIES) this.routing[family].nextHopChanged(address);
  }

  private linkUp(now: Millis): void {
    if (now - this.hastenedAt < HASTEN_EVERY_MS) return;
    this.hastenedAt = now;
    for (const member of this.members.values()) {
      member.peer.hasten(now);
      this.deadlines.touch(member);
    }
  }

  private tick(now: Millis): void {
    let keptAlive = 0;
    for (const member of this.deadlines.takeDue(now)) {
      if (member.peer.deadline() <= now && member.peer.tick(now)) keptAlive++;
      this.stale.tick(member, now);
    }
    if (keptAlive > 0) this.keepAliveTogether(KEEPALIVES_TOGETHER - keptAlive, now);
  }

  /**
   * The process is awake to send a KEEPALIVE: those of others go with it, as far as jitter allows. Peers whose timers once ran out
   * together go on doing so, since each of them waits for the first: a daemon with hundreds of peers is woken a few times an interval.
   */
  private keepAliveTogether(atMost: number, now: Millis): void {
    let left = atMost;
    for (const { peer } of this.members.values()) {
      if (left <= 0) return;
      if (peer.keepAlive(now)) left--;
    }
  }

  // ── what an operator asks for ──────────────────────────────────────────────────────────────────────────────────────

  private clear(input: Input & { type: 'Clear' }, now: Millis): void {
    for (const peer of this.dynamic.peersOf(input.peer)) this.clear({ ...input, peer }, now);
    const member = this.members.get(input.peer);
    if (member === undefined) return;
    this.deadlines.touch(member);
    if (input.how === 'reset') return this.reset(member, CEASE.ADMINISTRATIVE_RESET, input.text, now);
    if (input.how === 'reconnect') {
      const starts = member.peer.config.heldBack === undefined && !this.stopping;
      if (starts) member.peer.reconnect(cease(CEASE.ADMINISTRATIVE_RESET, input.text), now);
      return;
    }
    const { agreed, connection } = member.peer;
    if (agreed === undefined || connection === undefined) return;
    for (const family of agreed.context.families) {
      if (input.how === 'soft-out') this.resend(member, family, agreed);
      else if (!agreed.routeRefresh) this.routing[family].inbound.sweeps.reimport(member.index);
      else member.peer.requestRefresh(family);
    }
  }

  private stop(how: 'restart' | 'leave', now: Millis): void {
    this.stopping = true;
    for (const member of this.members.values()) {
      const { peer } = member;
      this.deadlines.touch(member);
      const silent = how === 'restart' && peer.agreed?.gracefulRestart !== undefined;
      peer.stop(silent ? undefined : cease(CEASE.ADMINISTRATIVE_SHUTDOWN, 'mesos-bgp stops'), NEVER, now);
    }
  }

  // ── what a turn ends with ──────────────────────────────────────────────────────────────────────────────────────────

  /** Are the first tables complete now? @returns whether End-of-RIBs go out. */
  private checkDeferral(now: Millis): boolean {
    // Until every next hop is answered, routes that are good may seem unusable: nothing may be cleaned up yet.
    const settled = this.nextHops.unanswered === 0 && !this.hasBacklog;
    const result = this.deferral?.check(now, settled);
    const releases = this.deferral?.releases(settled) === true;
    if (releases) for (const family of FAMILIES) this.routing[family].exports.releaseEndOfRib();
    if (result !== undefined) this.outputs.push({ type: 'Converged', ...result });
    return releases;
  }

  private flush(): void {
    for (const family of FAMILIES) this.routing[family].flush();
    // Prefixes that wait for a decision may still name a peer that is gone.
    if (this.hasBacklog || FAMILIES.some((family) => this.routing[family].locRib.waitingSize > 0)) return;
    this.reuseIndexes();
  }

  private announceTransmits(): void {
    const announced = new Set<ConnectionId>();
    for (const output of this.outputs) if (output.type === 'Transmit') announced.add(output.connection);
    for (const member of this.members.values()) {
      const { connection } = member.peer;
      if (connection === undefined || announced.has(connection) || !this.hasWork(member)) continue;
      this.outputs.push({ type: 'Transmit', connection });
    }
  }
}

const CONNECTION_REJECTED = cease(CEASE.CONNECTION_REJECTED);

/** Facts that change no route and no peer's table by themselves: what follows from them says so. */
const OF_CONNECTIONS: ReadonlySet<Input['type']> = new Set([
  'Connected',
  'ConnectFailed',
  'Accepted',
  'Received',
  'Disconnected',
  'Sending',
  'Tick',
  'LinkUp',
]);

const familyOfRoute = (prefix: Prefix): Family => (prefix.includes(':') ? 'ipv6' : 'ipv4');
