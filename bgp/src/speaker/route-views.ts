// What people ask of one family's tables: every path of a prefix with the reason why it is not used, and what a peer is told of it
// with the reason why nothing. Made when asked for.

import type { Family } from '../net/family.ts';
import { isNoDestination } from '../net/prefix.ts';
import type { OriginCheck, OriginVerdict } from '../policy/origin-check.ts';
import type { AttributePool } from '../rib/attribute-pool.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import type { LocRib, PeerFactsOf } from '../rib/loc-rib.ts';
import type { NextHops } from '../rib/next-hop.ts';
import type { Mutable, PrefixTable } from '../rib/prefix-table.ts';
import {
  type AttributesId,
  type NextHopId,
  NONE,
  type PathId,
  type PeerIndex,
  type PrefixId,
  type PrefixWords,
} from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { Arrival, type ImportSide, whyUnusable } from './arrival.ts';
import type { Exports } from './exports.ts';
import type { Inbound } from './inbound.ts';
import type { RouteView } from './inspect.ts';
import { Outbound } from './outbound.ts';

export interface RouteViewsOptions {
  readonly family: Family;
  readonly prefixes: PrefixTable;
  readonly inbound: Inbound;
  readonly locRib: LocRib;
  readonly exports: Exports;
  readonly heard: HeardSets;
  readonly told: AttributePool;
  readonly nextHops: NextHops;
  readonly peerFacts: PeerFactsOf;
  readonly originCheck: () => OriginCheck | undefined;
}

/** Attributes as a peer is told them, or why it is not. */
export interface AdvertisedPath {
  readonly attributes: PathAttributes | undefined;
  readonly reason: string | undefined;
}

const notTold = (reason: string): AdvertisedPath => ({ attributes: undefined, reason });

export class RouteViews {
  private readonly words: Mutable<PrefixWords>;

  constructor(private readonly options: RouteViewsOptions) {
    this.words = { family: options.family, length: 0, w0: 0, w1: 0, w2: 0, w3: 0 };
  }

  /** Every path of a prefix, the best first. */
  *pathsOf(
    prefix: PrefixId,
    name: (peer: PeerIndex) => RouteView['source'],
    side: (peer: PeerIndex) => ImportSide | undefined,
    shown: 'received' | 'used',
  ): Generator<RouteView> {
    const { family, heard, inbound, locRib, prefixes } = this.options;
    const { adjRibIn } = inbound;
    const decision = locRib.explain(prefix);
    const views: RouteView[] = [];
    for (let path = adjRibIn.first(prefix); path !== NONE; path = adjRibIn.nextFor(path)) {
      const accepted = adjRibIn.acceptedOf(path);
      const asReceived = accepted === NONE || shown === 'received';
      const set = asReceived ? adjRibIn.receivedOf(path) : (accepted as AttributesId);
      const best = decision?.best.path === path;
      const multipath = decision?.multipath.some((candidate) => candidate.path === path) ?? false;
      const removed = [...(decision?.removedBy ?? [])].find(([candidate]) => candidate.path === path);
      views.push({
        family,
        prefix: prefixes.prefix(prefix),
        source: name(adjRibIn.peerOf(path)),
        attributes: heard.attributes(set),
        best,
        multipath: multipath && (decision?.multipath.length ?? 0) > 1,
        stale: adjRibIn.isStale(path),
        staleReason: adjRibIn.isStale(path) ? this.whyStale(path) : undefined,
        origin: adjRibIn.originOf(path) === 0 ? undefined : this.origin(prefix, adjRibIn.receivedOf(path)),
        valid: best || removed !== undefined,
        reason: best
          ? undefined
          : (removed?.[1] ??
            this.whyNot(prefix, set, accepted === NONE ? side(adjRibIn.peerOf(path)) : undefined)),
      });
    }
    yield* views.sort((a, b) => Number(b.best) - Number(a.best) || Number(b.valid) - Number(a.valid));
  }

  private whyStale(path: PathId): string {
    const { adjRibIn } = this.options.inbound;
    if (adjRibIn.isHeld(path)) return 'fail static: the datastore confirms it, and nobody is left to ask';
    return adjRibIn.isLongLived(path)
      ? 'long-lived graceful restart (RFC 9494)'
      : 'not told again yet since the session was lost or refreshed (RFC 4724, RFC 7313)';
  }

  private origin(prefix: PrefixId, received: AttributesId): OriginVerdict | undefined {
    const { heard, originCheck, prefixes } = this.options;
    const check = originCheck();
    return check?.judge(prefixes.words(prefix, this.words), check.teller(heard.attributes(received)));
  }

  /** What a peer is told of a prefix, each path of it where ADD-PATH was agreed on; or why nothing. */
  *advertisedPaths(peer: PeerIndex, prefix: PrefixId): Generator<AdvertisedPath> {
    const { exports, told } = this.options;
    const entry = exports.groupOf(peer);
    if (entry === undefined || !exports.hasPaths(entry)) return yield this.advertised(peer, prefix);
    const { adjRibOut } = entry.group;
    const sent: PathAttributes[] = [];
    exports.forEachSentPath(prefix, (row) => {
      const set = adjRibOut.attributesOf(row);
      if (set !== NONE && adjRibOut.sourceOf(row) !== peer) sent.push(told.attributes(set as AttributesId));
    });
    for (const attributes of sent) yield { attributes, reason: undefined };
    if (sent.length === 0) yield notTold('no usable path that policy and rules let out to this peer');
  }

  private advertised(peer: PeerIndex, prefix: PrefixId): AdvertisedPath {
    const { exports, locRib, peerFacts, prefixes, told } = this.options;
    const entry = exports.groupOf(peer);
    if (entry === undefined) return notTold('the session is not established');
    const best = locRib.bestAttributes(prefix);
    if (best === NONE) return notTold('no route in use');
    const source = locRib.bestSource(prefix);
    if (source === peer) return notTold('learned from this peer');
    const sent = entry.group.adjRibOut.attributesOf(prefix);
    if (sent !== NONE) return { attributes: told.attributes(sent as AttributesId), reason: undefined };
    const departure = new Outbound(this.options, entry.side).departure(
      best as AttributesId,
      peerFacts(source),
      exports.interfaceOf(prefix, source),
    );
    if (departure.forbidden !== undefined) return notTold(departure.forbidden);
    const verdict = departure.policy.evaluate(prefixes.words(prefix, this.words));
    return notTold(
      verdict.accepted
        ? 'its IPv6 next hop needs a capability that was not agreed on (RFC 8950)'
        : `export policy: ${verdict.term ?? 'no term accepts it'}`,
    );
  }

  private whyNot(prefix: PrefixId, set: AttributesId, side: ImportSide | undefined): string {
    const { heard, nextHops, prefixes } = this.options;
    if (side === undefined) {
      const nextHop = heard.nextHop(set);
      return nextHop === NONE
        ? 'not a candidate'
        : `next hop ${nextHops.addressOf(nextHop as NextHopId)} does not resolve (RFC 4271 §9.1.2)`;
    }
    const origin = this.options.originCheck()?.enforce === true ? this.origin(prefix, set) : undefined;
    if (origin?.state === 'invalid' && this.options.originCheck()!.covers(prefixes.words(prefix, this.words)))
      return `origin check: ${origin.reason}`;
    const rule = whyUnusable(set, side, heard, nextHops);
    if (rule !== undefined) return rule;
    if (isNoDestination(prefixes.words(prefix, this.words)))
      return 'no destination: multicast, loopback, link-local or unspecified (RFC 4271 §6.3)';
    const policy = new Arrival(heard, nextHops).prepare(side, set);
    const verdict = policy.evaluate(prefixes.words(prefix, this.words));
    return `import policy: ${verdict.term ?? 'no term accepts it'}`;
  }
}
