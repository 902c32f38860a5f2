// Fail static (docs/decisions/0030-fail-static.md): when nobody is left who could speak of a family's routes, those that the datastore
// confirms stay in use. Here is when that is so, and when it is over; the marks on the routes are held-routes.ts.
//
// Internal and external peers speak for themselves: a router in the rack knows nothing of what the reflectors told.
//
//   nobody of the kind speaks               routes of a lost peer are held, without a limit
//   somebody speaks again (End-of-RIB)      what is not told again within RETURN_MS goes
//   he falls silent before                  without a limit again

import { FAMILIES, type Family } from '../net/family.ts';
import { type Millis, NEVER } from '../net/time.ts';
import type { OriginCheck } from '../policy/origin-check.ts';
import type { PeerIndex } from '../route/route.ts';
import type { Negotiated } from '../session/negotiate.ts';
import type { PeerConfig, PeerId } from './input.ts';
import type { Output } from './output.ts';
import type { Routing } from './routing.ts';
import type { Member } from './tables.ts';

/** How long hosts have to come back, too, once the first peer that speaks for them is back: the usual restart time. */
const RETURN_MS = 120_000;

/** When a peer that is up counts as having said all, although no End-of-RIB came: one that sends them, and one that does not. */
const SAID_ALL_MS = { sendsEndOfRib: 120_000, mute: 10_000 } as const;

/** Somebody is up, but may be as dead as the others: asked again so much later. */
const ASK_AGAIN_MS = 10_000;

type Kind = 'internal' | 'external';
const KINDS: readonly Kind[] = ['internal', 'external'];

/** `doubtful`: silent for longer than anybody who lives. */
type Voice = 'none' | 'doubtful' | 'clear';

export interface FailStaticOptions {
  readonly routing: Readonly<Record<Family, Routing>>;
  readonly members: () => Iterable<Member>;
  /** Whose routes they are, also of peers that are configured no more. */
  readonly byIndex: (index: PeerIndex) => Member | undefined;
  /** Who holds what; undefined while fail static is off. */
  readonly check: () => OriginCheck | undefined;
  readonly emit: (output: Output) => void;
}

export class FailStatic {
  /** When what is held goes; NEVER while nobody speaks. */
  private readonly ends = new Map<string, Millis>();
  private readonly holding = new Set<Family>();
  /** When somebody who is up will count as having said all. */
  private saidAllAt: Millis = NEVER;

  constructor(private readonly options: FailStaticOptions) {}

  /**
   * The stale routes of a peer that cannot vouch for them any more go, but for what the datastore confirms where nobody else can speak.
   * @returns how many go, or may be held.
   */
  removeStale(member: Member, family: Family, now: Millis): number {
    const { inbound } = this.options.routing[family];
    const holders = this.options.check();
    const { peer } = member.peer.config;
    if (holders === undefined || this.voice(family, kindOf(member.peer.config), now, member) === 'clear')
      return inbound.removeStale(member.index);
    return inbound.removeStale(member.index, holders, (kept) => {
      if (kept > 0) this.log('kept', peer, family, inbound.held.of(member.index), '');
    });
  }

  /** Nobody of that kind can say what is true now. */
  isSilent(family: Family, kind: Kind, now: Millis): boolean {
    return this.voice(family, kind, now, undefined) !== 'clear';
  }

  /** Routes are held, or were until now: what anybody says may end that. */
  get holds(): boolean {
    return (
      this.holding.size > 0 || FAMILIES.some((family) => this.options.routing[family].inbound.held.size > 0)
    );
  }

  /** Once a turn, and when time has passed: is it over? */
  review(now: Millis): void {
    this.saidAllAt = NEVER;
    for (const family of FAMILIES) {
      const { held, sweeps } = this.options.routing[family].inbound;
      if (held.size > 0) this.holding.add(family);
      if (held.size > 0 || sweeps.holding.length > 0) {
        for (const kind of KINDS) this.reviewKind(family, kind, now);
        continue;
      }
      for (const kind of KINDS) this.ends.delete(`${family} ${kind}`);
      if (this.holding.delete(family)) this.log('over', undefined, family, 0, 'none is kept any more');
    }
  }

  /** When `review` is due without any other fact. */
  deadline(): Millis {
    let next = NEVER;
    for (const at of this.ends.values()) next = Math.min(next, at);
    return this.ends.size === 0 ? NEVER : Math.min(next, this.saidAllAt);
  }

  /** The datastore says another thing of who holds what: all routes are judged anew. */
  rejudge(check: OriginCheck | undefined): void {
    for (const family of FAMILIES) {
      this.options.routing[family].inbound.sweeps.rejudge(check, (routes) => {
        if (routes > 0) this.log('removed', undefined, family, routes, 'no node holds their block any more');
      });
    }
  }

  private reviewKind(family: Family, kind: Kind, now: Millis): void {
    const { held, sweeps } = this.options.routing[family].inbound;
    const keeps = [...held.peers.filter((index) => !sweeps.isDropping(index)), ...sweeps.holding];
    const peers = [...new Set(keeps)].filter((index) => this.kindOfIndex(index) === kind);
    const key = `${family} ${kind}`;
    if (peers.length === 0) return void this.ends.delete(key);
    if (this.options.check() === undefined) return this.drop(peers, family, 'mesos-bgp/fail-static is off');
    const { done } = this.options.members()[Symbol.iterator]().next();
    if (done) return this.drop(peers, family, 'no peer is configured');
    const voice = this.voice(family, kind, now, undefined);
    const before = this.ends.get(key) ?? NEVER;
    if (voice === 'none') this.ends.set(key, NEVER);
    else if (before === NEVER) this.ends.set(key, now + RETURN_MS);
    else if (before <= now && voice === 'doubtful') this.ends.set(key, now + ASK_AGAIN_MS);
    else if (before <= now) this.drop(peers, family, 'nobody has told them again');
  }

  /** Who could say what is true of the routes of a kind? A session that is up, has said all, and was heard of lately. */
  private voice(family: Family, kind: Kind, now: Millis, without: Member | undefined): Voice {
    let configured = false;
    let ofKind: Voice = 'none';
    let ofAny: Voice = 'none';
    for (const member of this.options.members()) {
      const { config } = member.peer;
      if (config.leaf === true || !config.families.includes(family)) continue;
      const same = kindOf(config) === kind;
      configured ||= same;
      const at = saidAllAt(member, family);
      if (at > now) this.saidAllAt = Math.min(this.saidAllAt, at);
      if (member === without || at > now) continue;
      const voice: Voice = isHeard(member, now) ? 'clear' : 'doubtful';
      if (same && voice === 'clear' && without !== undefined) return voice; // thousands may be lost at once
      if (same) ofKind = louder(ofKind, voice);
      ofAny = louder(ofAny, voice);
    }
    return configured ? ofKind : ofAny;
  }

  private drop(peers: readonly PeerIndex[], family: Family, reason: string): void {
    for (const index of peers) {
      const routes = this.options.routing[family].inbound.dropHeld(index);
      this.log('removed', this.options.byIndex(index)?.peer.config.peer, family, routes, reason);
    }
  }

  private kindOfIndex(index: PeerIndex): Kind {
    const member = this.options.byIndex(index);
    if (member === undefined)
      throw new Error(`invariant: routes of peer ${index}, whom nobody knows, are held`);
    return kindOf(member.peer.config);
  }

  private log(
    step: 'kept' | 'removed' | 'over',
    peer: PeerId | undefined,
    family: Family,
    routes: number,
    reason: string,
  ): void {
    this.options.emit({ type: 'Log', event: { event: 'fail-static', step, peer, family, routes, reason } });
  }
}

const kindOf = ({ localAs, remoteAs }: PeerConfig): Kind => (localAs === remoteAs ? 'internal' : 'external');

const louder = (a: Voice, b: Voice): Voice =>
  a === 'clear' || b === 'clear' ? 'clear' : a === 'doubtful' ? a : b;

/** NEVER while no session carries the family. */
function saidAllAt({ endOfRib, peer }: Member, family: Family): Millis {
  const { agreed, since } = peer;
  if (agreed === undefined || !agreed.context.families.includes(family)) return NEVER;
  if (endOfRib.has(family)) return since;
  return since + (sendsEndOfRib(agreed) ? SAID_ALL_MS.sendsEndOfRib : SAID_ALL_MS.mute);
}

/**
 * Of those who all fell silent at once, each one's hold timer ends at another time, up to a keepalive interval apart: the last heard of is
 * not alive for that. Who lives is heard every third of the hold time; who was not for half of it may be lost like the others.
 */
function isHeard({ peer }: Member, now: Millis): boolean {
  const { session } = peer.line;
  if (session.state !== 'Established') return false;
  const holdMs = session.agreed.holdTimeSeconds * 1000;
  return holdMs === 0 || session.holdAt - now > holdMs / 2;
}

/** It has the capability, whether or not it restarts itself (RFC 4724 §3). */
export const sendsEndOfRib = ({ remoteCapabilities }: Negotiated): boolean =>
  remoteCapabilities.some(({ name }) => name === 'GracefulRestart');
