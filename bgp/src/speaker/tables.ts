// What the speaker knows: its peers by the small numbers that the tables use, the tables of both families, and what of it people and
// the daemon ask to see. What changes it is speaker.ts.

import type { Address } from '../net/address.ts';
import { address, ipv4ToNumber, isLinkLocal, withoutZone, zoneOf } from '../net/address.ts';
import { FAMILIES, type Family } from '../net/family.ts';
import type { Prefix } from '../net/prefix.ts';
import type { CompiledPolicy } from '../policy/evaluate.ts';
import type { OriginCheck } from '../policy/origin-check.ts';
import type { Destination } from '../policy/propagation.ts';
import { AttributePool } from '../rib/attribute-pool.ts';
import { HeardSets } from '../rib/heard-sets.ts';
import { LOCAL_ADDRESS, type PeerFacts } from '../rib/loc-rib.ts';
import { NextHops } from '../rib/next-hop.ts';
import { LOCAL, LOCAL_SOURCE, NONE, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { Negotiated } from '../session/negotiate.ts';
import type { ImportSide } from './arrival.ts';
import type { ExportSide } from './exports.ts';
import type { Retention } from './graceful-restart.ts';
import { type InOrder, prefixesInOrder } from './in-order.ts';
import type { ConnectionId, PeerId, SpeakerConfig } from './input.ts';
import type { PeerState, PeerView, RouteView, SpeakerCounts, SpeakerSizes } from './inspect.ts';
import type { Output } from './output.ts';
import type { Peer } from './peer.ts';
import { peerView } from './peer-view.ts';
import type { Refreshes } from './refresh.ts';
import { Routing } from './routing.ts';

/** A peer with what the tables know it by. */
export interface Member {
  readonly index: PeerIndex;
  readonly peer: Peer;
  importPolicy: CompiledPolicy;
  exportPolicy: CompiledPolicy;
  /** How its routes come in, as long as nothing that it depends on changes. */
  importSide: ImportSide | undefined;
  retention: Retention | undefined;
  readonly refreshes: Refreshes;
  /** Families whose End-of-RIB has come in this session. */
  readonly endOfRib: Set<Family>;
  /** Families that the operator has been told of as near their limit. */
  readonly nearLimit: Set<Family>;
}

export class Tables {
  protected config: SpeakerConfig | undefined;
  /** Judges routes. */
  protected originCheck: OriginCheck | undefined;
  /** Who holds what, whether routes are judged or not. */
  protected holders: OriginCheck | undefined;
  protected readonly members = new Map<PeerId, Member>();
  protected readonly byIndex: (Member | undefined)[] = [];
  protected readonly facts: PeerFacts[] = [];
  protected readonly connections = new Map<ConnectionId, Peer>();
  protected readonly nextHops = new NextHops();
  protected readonly heard = new HeardSets(this.nextHops);
  protected readonly told = new AttributePool();
  protected readonly routing: Readonly<Record<Family, Routing>>;
  protected outputs: Output[] = [];

  constructor(private readonly limits: { readonly sliceCost?: number } = {}) {
    this.facts[LOCAL] = {
      source: LOCAL_SOURCE,
      bgpIdentifier: LOCAL_ADDRESS,
      identifier: 0,
      address: LOCAL_ADDRESS,
    };
    this.byIndex[LOCAL] = undefined;
    this.routing = { ipv4: this.newRouting('ipv4'), ipv6: this.newRouting('ipv6') };
  }

  // ── views ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Of all peers, for those who count them: a view of each costs some twenty times as much. */
  peerStates(): PeerState[] {
    return [...this.members.values()].map(({ peer: { config, state } }) => ({ config, state }));
  }

  /** @param only  of these alone. */
  peerViews(only?: ReadonlySet<PeerId>): PeerView[] {
    const members = [...this.members.values()].filter(({ peer }) => only?.has(peer.config.peer) ?? true);
    return members.map(({ peer, index }) =>
      peerView(peer, peer.offer, {
        ipv4: this.routing.ipv4.peerCounts(index),
        ipv6: this.routing.ipv6.peerCounts(index),
      }),
    );
  }

  counts(): SpeakerCounts {
    const of = (family: Family) => ({
      prefixes: this.routing[family].locRib.size,
      paths: this.routing[family].pathCount,
      local: this.routing[family].inbound.originatedCount,
    });
    const established = [...this.members.values()].filter(({ peer }) => peer.state === 'Established').length;
    const [v4, v6] = [this.routing.ipv4.inbound.origins.counts, this.routing.ipv6.inbound.origins.counts];
    const origins = {
      valid: v4.valid + v6.valid,
      unknown: v4.unknown + v6.unknown,
      invalid: v4.invalid + v6.invalid,
    };
    const held = { ipv4: this.routing.ipv4.inbound.held.size, ipv6: this.routing.ipv6.inbound.held.size };
    return {
      peers: this.members.size,
      established,
      origins,
      held,
      routes: { ipv4: of('ipv4'), ipv6: of('ipv6') },
    };
  }

  /**
   * All paths, prefix by prefix; of one prefix when it is given.
   * @param which  that prefix, or prefixes in their order; undefined: all, in any order.
   * @param shown  attributes as they came, or as import policy made them.
   * @param from  prefixes alone that this peer told.
   */
  *routes(
    family: Family,
    which?: Prefix | InOrder,
    shown: 'received' | 'used' = 'used',
    from?: PeerId,
  ): Generator<RouteView> {
    const routing = this.routing[family];
    const peer = from === undefined ? undefined : this.members.get(from)?.index;
    for (const id of this.selected(routing, which, (each) => routing.hasPath(each, peer))) {
      yield* routing.views.pathsOf(
        id,
        (index) => this.byIndex[index]?.peer.config.peer ?? 'local',
        (index) => this.byIndex[index] && this.importSide(this.byIndex[index]),
        shown,
      );
    }
  }

  /** What a peer is told: the route as sent, or the reason why it is not. */
  *advertisedTo(
    peer: PeerId,
    family: Family,
    which?: Prefix | InOrder,
  ): Generator<{
    readonly prefix: Prefix;
    readonly attributes: RouteView['attributes'] | undefined;
    readonly reason: string | undefined;
  }> {
    const member = this.members.get(peer);
    if (member === undefined) return;
    const routing = this.routing[family];
    for (const id of this.selected(routing, which, (each) => routing.hasPath(each, undefined))) {
      for (const each of routing.views.advertisedPaths(member.index, id))
        yield { prefix: routing.prefixes.prefix(id), ...each };
    }
  }

  /** The prefix in use that contains an address, the longest one. */
  longestMatch(family: Family, to: Address): Prefix | undefined {
    const { prefixes, locRib } = this.routing[family];
    const id = prefixes.longestMatch(to, (candidate) => locRib.bestAttributes(candidate) !== NONE);
    return id === NONE ? undefined : prefixes.prefix(id);
  }

  /** What the tables hold: all zero, connections aside, when nothing is known and nothing is told. */
  sizes(): SpeakerSizes {
    return {
      prefixes: { ipv4: this.routing.ipv4.prefixes.size, ipv6: this.routing.ipv6.prefixes.size },
      attributeSetsHeard: this.heard.size,
      attributeSetsTold: this.told.size,
      nextHops: this.nextHops.size,
      connections: this.connections.size,
    };
  }

  /** Routes that are waiting to be sent to anyone. */
  hasUnsent(): boolean {
    return [...this.members.values()].some((member) => this.hasWork(member));
  }

  /** Peers with a session for whom routes wait, or octets do where `waits` says so of the connection. */
  peersWithUnsent(waits: (connection: ConnectionId) => boolean): PeerId[] {
    return [...this.members.values()]
      .filter(({ peer }) => peer.connection !== undefined)
      .filter((member) => this.hasWork(member) || waits(member.peer.connection!))
      .map(({ peer }) => peer.config.peer);
  }

  // ── between peers and tables ────────────────────────────────────────────────────────────────────────────────────

  protected exportSide(member: Member, agreed: Negotiated): ExportSide {
    const { config, line } = member.peer;
    const destination = {
      peerType: agreed.context.peerType,
      localAs: config.localAs,
      client: config.routeReflectorClient,
      clusterId: this.settings().clusterId,
      nextHop: config.nextHop,
      ...ownNextHop(line.localAddress ?? address('0.0.0.0'), config.globalAddress),
      role: config.localAs === config.remoteAs ? undefined : config.role?.role,
      longLived: agreed.gracefulRestart?.longLived !== undefined,
    };
    const key = JSON.stringify([destination, agreed.context]) + member.exportPolicy.text;
    return { peer: member.index, key, destination, policy: member.exportPolicy, context: agreed.context };
  }

  protected importSide(member: Member): ImportSide {
    member.importSide ??= this.newImportSide(member);
    return member.importSide;
  }

  protected newImportSide(member: Member): ImportSide {
    const { config, line } = member.peer;
    const { bgpIdentifier, clusterId } = this.settings();
    const { localAddress } = line;
    const ownAddresses = new Set<Address>(localAddress && [localAddress, withoutZone(localAddress)]);
    if (config.globalAddress !== undefined) ownAddresses.add(config.globalAddress);
    return {
      peer: member.index,
      source: this.facts[member.index]!.source,
      address: config.address,
      zone: zoneOf(config.address),
      rules: {
        localAs: config.localAs,
        speakerAs: this.settings().asNumber,
        allowLocalAs: config.allowLocalAs,
        bgpIdentifier,
        clusterId,
        ownAddresses,
        role: config.localAs === config.remoteAs ? undefined : config.role?.role,
        remoteAs: config.remoteAs,
        enforceFirstAs: config.enforceFirstAs === true && config.localAs !== config.remoteAs,
      },
      policy: member.importPolicy,
    };
  }

  protected refreshFacts(member: Member, agreed: Negotiated | undefined): void {
    const { config } = member.peer;
    const bgpIdentifier =
      agreed?.remoteIdentifier ?? this.facts[member.index]?.bgpIdentifier ?? LOCAL_ADDRESS;
    member.importSide = undefined;
    this.facts[member.index] = {
      source: {
        peer: member.index,
        kind: config.localAs === config.remoteAs ? 'internal' : 'external',
        client: config.routeReflectorClient,
      },
      bgpIdentifier,
      identifier: ipv4ToNumber(bgpIdentifier),
      address: config.address,
    };
  }

  protected hasWork(member: Member): boolean {
    return FAMILIES.some((family) => this.routing[family].exports.hasWork(member.index));
  }

  protected newRouting(family: Family): Routing {
    return new Routing(family, {
      heard: this.heard,
      told: this.told,
      nextHops: this.nextHops,
      peerFacts: (peer) => this.facts[peer]!,
      maxPaths: () => this.config?.maxPaths ?? 1,
      originCheck: () => this.originCheck,
      importSide: (peer) => this.byIndex[peer] && this.importSide(this.byIndex[peer]),
      sliceCost: this.limits.sliceCost,
      isLeaf: (peer) => this.byIndex[peer]?.peer.config.leaf === true,
      preferOldest: () => this.config?.preferOldest ?? false,
      forwards: () => this.config?.forwards ?? true,
      tooLong: (_peers, prefixes) => {
        for (const prefix of prefixes) {
          const event = {
            event: 'not-advertised' as const,
            prefix,
            reason: 'the attributes fill a whole message (RFC 8654 §4)',
          };
          this.outputs.push({ type: 'Log', event });
        }
      },
    });
  }

  protected settings(): SpeakerConfig {
    if (this.config === undefined) throw new Error('invariant: used before Configure');
    return this.config;
  }

  protected memberOf(peer: Peer): Member {
    const member = this.members.get(peer.config.peer);
    if (member === undefined) throw new Error(`invariant: peer ${peer.config.peer} is not a member`);
    return member;
  }

  private *selected(
    routing: Routing,
    which: Prefix | InOrder | undefined,
    has: (id: PrefixId) => boolean,
  ): Generator<PrefixId> {
    if (typeof which === 'string') {
      const id = routing.prefixes.findPrefix(which);
      if (id !== NONE) yield id;
      return;
    }
    if (which !== undefined) return yield* prefixesInOrder(routing.prefixes, which, has);
    const all: PrefixId[] = [];
    routing.forEachPrefix((id) => all.push(id));
    yield* all;
  }
}

/** A link-local address is of no use beyond the link, so that the node's global one stands before it (RFC 2545 §3). */
function ownNextHop(
  local: Address,
  globalAddress: Address | undefined,
): Pick<Destination, 'selfAddress' | 'selfLinkLocal'> {
  if (!isLinkLocal(local)) return { selfAddress: local };
  const selfLinkLocal = withoutZone(local);
  return globalAddress === undefined
    ? { selfAddress: selfLinkLocal }
    : { selfAddress: globalAddress, selfLinkLocal };
}
