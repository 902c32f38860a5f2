// Which peers there are and how they are configured: a peer is added, changed or removed, and what follows from that for its session
// and its routes, no more than it has to (changes.ts).

import { ipv4ToNumber } from '../net/address.ts';
import { FAMILIES, type Family } from '../net/family.ts';
import { containsAddress, familyOfPrefix } from '../net/prefix.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { CompiledPolicies } from '../policy/compiled.ts';
import { OriginCheck, type OriginCheckConfig } from '../policy/origin-check.ts';
import { ACCEPT_ALL, REJECT_ALL } from '../policy/policy.ts';
import { MAX_PEERS } from '../rib/adj-rib-in.ts';
import { LOCAL_ADDRESS } from '../rib/loc-rib.ts';
import type { PeerIndex } from '../route/route.ts';
import { AS_TRANS, CEASE } from '../wire/constants.ts';
import { cease, type Notification } from '../wire/notification.ts';
import { importDiffers, needsReset, routesStay } from './changes.ts';
import { DynamicPeers, isTemplate, madeFrom } from './dynamic-peers.ts';
import { Deferral } from './graceful-restart.ts';
import type { PeerConfig, PeerId, RestoredRoute, SpeakerConfig } from './input.ts';
import { Jitter } from './jitter.ts';
import { Peer } from './peer.ts';
import { Refreshes } from './refresh.ts';
import { Sessions } from './sessions.ts';
import type { Member } from './tables.ts';

export class Membership extends Sessions {
  private readonly policies = new CompiledPolicies();
  private freedIndexes: PeerIndex[] = [];
  private reusableIndexes: PeerIndex[] = [];
  /** Configured no more; routes of theirs may be held. */
  private readonly departed = new Set<PeerIndex>();
  protected readonly dynamic = new DynamicPeers();

  protected configure(next: SpeakerConfig, now: Millis): void {
    const before = this.config;
    this.config = next;
    for (const member of this.members.values()) member.importSide = undefined;
    if (before?.originCheck !== next.originCheck) this.checkOrigins(next.originCheck);
    if (before === undefined) {
      this.jitter = new Jitter((ipv4ToNumber(next.bgpIdentifier) ^ next.asNumber) | 1);
      this.deferral = new Deferral(now, next.deferralSeconds * 1000);
      return;
    }
    if (before.bgpIdentifier !== next.bgpIdentifier) {
      for (const member of this.members.values()) {
        this.reconnect(member, CEASE.OTHER_CONFIGURATION_CHANGE, 'the BGP Identifier changed', now);
      }
    }
    if (before.clusterId !== next.clusterId) {
      for (const member of this.members.values()) this.reapply(member, true);
    }
    if (before.maxPaths !== next.maxPaths) for (const family of FAMILIES) this.routing[family].decideAll();
  }

  /** Who holds what changed: each path that is judged in another way is let in or kept out accordingly. */
  private checkOrigins(config: OriginCheckConfig | undefined): void {
    this.holders = config && new OriginCheck(config);
    this.originCheck = config?.silent === true ? undefined : this.holders;
    this.failStatic.rejudge(this.holders);
  }

  protected addPeer(config: PeerConfig, now: Millis): void {
    if (this.config === undefined) throw new Error('invariant: AddPeer before Configure');
    if (isTemplate(config)) return this.dynamic.configure(config);
    if (this.members.has(config.peer)) throw new Error(`invariant: peer ${config.peer} is added twice`);
    const member = this.newMember(config, now);
    this.members.set(config.peer, member);
    this.deadlines.touch(member);
    // A first start has nothing to keep, and waits for nobody.
    if (this.config.restarting && config.heldBack === undefined)
      this.deferral?.expect(config.peer, config.families);
  }

  private newMember(config: PeerConfig, now: Millis): Member {
    const index = this.reusableIndexes.pop() ?? (this.byIndex.length as PeerIndex);
    if (index >= MAX_PEERS) throw new Error(`invariant: more than ${MAX_PEERS} peers`);
    const member: Member = {
      index,
      peer: new Peer(config, this.host, now),
      importSide: undefined,
      ...this.policiesOf(config),
      retention: undefined,
      refreshes: new Refreshes(),
      endOfRib: new Set(),
      nearLimit: new Set(),
    };
    this.byIndex[index] = member;
    this.refreshFacts(member, undefined);
    return member;
  }

  private policiesOf(config: PeerConfig): Pick<Member, 'importPolicy' | 'exportPolicy'> {
    const required = config.requirePolicy === true;
    return {
      importPolicy: this.policies.of('import', config.importPolicy, required),
      exportPolicy: this.policies.of('export', config.exportPolicy, required),
    };
  }

  protected changePeer(config: PeerConfig, now: Millis): void {
    if (isTemplate(config) || this.dynamic.has(config.peer)) return this.changeTemplate(config, now);
    const member = this.members.get(config.peer);
    if (member === undefined) throw new Error(`invariant: ChangePeer for unknown peer ${config.peer}`);
    this.deadlines.touch(member);
    const before = member.peer.config;
    member.peer.config = config;
    member.importSide = undefined;
    const { importPolicy, exportPolicy } = this.policiesOf(config);
    member.importPolicy = importPolicy;
    member.exportPolicy = exportPolicy;
    if (config.heldBack !== undefined && before.heldBack === undefined) {
      this.deferral?.forget(config.peer);
      member.peer.lastError = config.heldBack;
      this.reset(member, CEASE.OTHER_CONFIGURATION_CHANGE, config.heldBack, now);
      return this.stale.drop(member, config.heldBack, now);
    }
    const reason = needsReset(before, config);
    if (reason !== undefined) {
      if (routesStay(before, config)) this.reconnect(member, CEASE.OTHER_CONFIGURATION_CHANGE, reason, now);
      else {
        this.reset(member, CEASE.OTHER_CONFIGURATION_CHANGE, reason, now);
        // What was kept of an earlier session goes as well: it is judged by facts that hold no more.
        this.stale.drop(member, reason, now);
      }
      this.refreshFacts(member, undefined);
      return;
    }
    // A session that waits for the peer would wait for ever, where the peer now waits for us.
    if (before.passive && !config.passive && member.peer.state === 'Active') this.restart(member, now);
    this.refreshFacts(member, member.peer.agreed);
    this.reapply(member, importDiffers(before, config));
    if (before.routeReflectorClient !== config.routeReflectorClient) {
      for (const family of FAMILIES) this.routing[family].sourceChanged(member.index);
    }
  }

  protected removePeer(id: PeerId, now: Millis): void {
    for (const made of this.dynamic.peersOf(id)) this.removePeer(made, now);
    this.dynamic.remove(id);
    const member = this.members.get(id);
    if (member === undefined) return;
    this.dynamic.forget(id);
    member.peer.stop(cease(CEASE.PEER_DECONFIGURED, ''), NEVER, now);
    // Where no other peer speaks, what it told is needed until one does: who replaces a dead reflector removes it first.
    this.stale.drop(member, 'the peer is removed', now);
    for (const family of FAMILIES) this.routing[family].inbound.removeStale(member.index);
    this.deferral?.forget(id);
    this.members.delete(id);
    this.deadlines.forget(member);
    this.changed = true;
    this.upBefore.delete(id);
    this.departed.add(member.index);
  }

  /** Gone are the peers that nothing is held of; the tables may name them until the next flush. */
  protected forgetDeparted(): void {
    for (const index of this.departed) {
      const isThere = (family: Family) => {
        const { held, sweeps } = this.routing[family].inbound;
        return held.of(index) > 0 || sweeps.isBusyWith(index);
      };
      if (FAMILIES.some(isThere)) continue;
      for (const family of FAMILIES) this.routing[family].inbound.held.release(index);
      this.departed.delete(index);
      this.byIndex[index] = undefined;
      this.freedIndexes.push(index);
    }
  }

  /** What is left of an earlier run, and no peer has told again: it stays where nobody speaks. */
  protected restore(routes: readonly RestoredRoute[], now: Millis): void {
    const check = this.settings().failStatic === true ? this.holders : undefined;
    if (check === undefined) return;
    const silent = new Map<string, Member | undefined>();
    for (const route of routes) {
      const family = familyOfPrefix(route.prefix);
      const kind = route.nextHops.some((hop) => check.isNode(hop)) ? 'internal' : 'external';
      const key = `${family} ${kind}`;
      if (!silent.has(key)) {
        const stands = this.failStatic.isSilent(family, kind, now);
        silent.set(key, stands ? this.earlierRun(family, kind, now) : undefined);
      }
      const member = silent.get(key);
      if (member !== undefined) this.routing[family].inbound.restore(member.index, route);
    }
    for (const member of silent.values()) {
      if (member === undefined) continue;
      const [family] = member.peer.config.families;
      const { inbound } = this.routing[family!];
      const kept = inbound.holdRestored(member.index, check);
      const { peer } = member.peer.config;
      if (kept === 0) continue;
      const event = {
        event: 'fail-static' as const,
        step: 'kept' as const,
        peer,
        family: family!,
        routes: kept,
      };
      this.outputs.push({ type: 'Log', event: { ...event, reason: 'left by an earlier run' } });
    }
  }

  /** Stands for the peers of an earlier run: it has no session, and goes with its last route. */
  private earlierRun(family: Family, kind: 'internal' | 'external', now: Millis): Member {
    const { asNumber } = this.settings();
    const member = this.newMember(
      {
        peer: 'earlier-run' as PeerId,
        address: LOCAL_ADDRESS,
        port: 0,
        localAddress: undefined,
        localAs: asNumber,
        remoteAs: kind === 'internal' ? asNumber : AS_TRANS,
        families: [family],
        passive: true,
        holdTimeSeconds: 0,
        keepaliveSeconds: undefined,
        connectRetrySeconds: 1,
        connectRetryMaxSeconds: 1,
        gracefulRestartSeconds: 0,
        routeReflectorClient: false,
        nextHop: 'auto',
        allowLocalAs: 0,
        importPolicy: ACCEPT_ALL,
        exportPolicy: REJECT_ALL,
        heldBack: 'it ended before this run began',
      },
      now,
    );
    this.routing[family].inbound.held.ofEarlierRun(member.index);
    this.departed.add(member.index);
    return member;
  }

  /** A range of addresses, before or after the change: what it made follows it, where the range itself stays. */
  private changeTemplate(config: PeerConfig, now: Millis): void {
    const made = this.dynamic.peersOf(config.peer);
    if (isTemplate(config) && this.dynamic.has(config.peer)) {
      this.dynamic.configure(config);
      for (const peer of made) {
        const { address } = this.members.get(peer)!.peer.config;
        if (containsAddress(config.range, address)) this.changePeer(madeFrom(config, address), now);
        else this.removePeer(peer, now);
      }
      return;
    }
    this.removePeer(config.peer, now);
    this.addPeer(config, now);
  }

  /** One whose session has ended, and of which nothing is kept, waits for nobody. */
  protected removeEndedDynamic(now: Millis): void {
    for (const peer of this.dynamic.peers) {
      const { peer: machine, retention } = this.members.get(peer)!;
      if (machine.unused && retention === undefined) this.removePeer(peer, now);
    }
  }

  /** Policy, reflection or next hop changed: stored routes are judged anew, and the peer is told the difference. */
  private reapply(member: Member, incoming: boolean): void {
    const { agreed } = member.peer;
    for (const family of FAMILIES) {
      if (incoming) this.routing[family].inbound.sweeps.reimport(member.index);
      if (agreed?.context.families.includes(family)) this.startExport(member, family, agreed);
    }
  }

  protected reset(member: Member, subcode: number, text: string, now: Millis): void {
    this.restart(member, now, cease(subcode, text));
  }

  /** As `reset`, but it is no end of what was agreed: routes stay on both sides, if RFC 8538 was. */
  protected reconnect(member: Member, subcode: number, text: string, now: Millis): void {
    const { peer } = member;
    if (peer.config.heldBack !== undefined || this.stopping) return this.reset(member, subcode, text, now);
    peer.reconnect(cease(subcode, text), now);
    this.deadlines.touch(member);
  }

  private restart(member: Member, now: Millis, sent?: Notification): void {
    const mayStart = member.peer.config.heldBack === undefined && !this.stopping;
    member.peer.stop(sent, mayStart ? now : NEVER, now);
    this.deadlines.touch(member);
  }

  /** Nothing names the peers that are gone any more: their numbers can be given out again. */
  protected reuseIndexes(): void {
    this.reusableIndexes.push(...this.freedIndexes);
    this.freedIndexes = [];
  }
}
