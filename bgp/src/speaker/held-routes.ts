// Routes of one family that stay although nobody vouches for them any more (fail static, docs/decisions/0030): each is marked, is told to
// nobody, and goes as soon as anyone says something of its prefix. When routes are held, and for how long, is fail-static.ts.

import type { OriginCheck } from '../policy/origin-check.ts';
import type { AdjRibIn } from '../rib/adj-rib-in.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import { type AttributesId, NONE, type PathId, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';
import type { Origins } from './origins.ts';

export interface HeldRoutesOptions {
  readonly adjRibIn: AdjRibIn;
  readonly origins: Origins;
  readonly heard: HeardSets;
  readonly touch: (prefix: PrefixId) => void;
  readonly remove: (path: PathId) => void;
  /** All routes of the peer are on their way out. */
  readonly leaves: (peer: PeerIndex) => boolean;
  /** One more route of the peer is stale. */
  readonly stale: (peer: PeerIndex) => void;
}

export class HeldRoutes {
  private readonly counts = new Map<PeerIndex, number>();
  private total = 0;
  /** Who stands for an earlier run of ours: of its routes nobody knows the AS_PATH. */
  private readonly earlierRuns = new Set<PeerIndex>();

  constructor(private readonly options: HeldRoutesOptions) {}

  get size(): number {
    return this.total;
  }

  /** How many of the peer's routes are held. */
  of(peer: PeerIndex): number {
    return this.counts.get(peer) ?? 0;
  }

  get peers(): readonly PeerIndex[] {
    return [...this.counts.keys()];
  }

  ofEarlierRun(peer: PeerIndex): void {
    this.earlierRuns.add(peer);
  }

  /** The number is another peer's from now on. */
  release(peer: PeerIndex): void {
    this.earlierRuns.delete(peer);
  }

  /**
   * Marks those routes of the peer that the check confirms and that nobody else tells, or is held of. What becomes of the others is not said here.
   * @returns how many are held now.
   */
  hold(peer: PeerIndex, which: 'all' | 'stale', check: OriginCheck): number {
    const { adjRibIn } = this.options;
    adjRibIn.forEachOfPeer(peer, (path) => {
      if (adjRibIn.isHeld(path) || adjRibIn.acceptedOf(path) === NONE) return;
      if (which === 'stale' && !adjRibIn.isStale(path)) return;
      if (this.isConfirmed(path, check) && !this.isToldByAnother(path)) this.mark(path);
    });
    this.options.origins.forget(); // sets of those that are not held go, and their numbers are given out again
    return this.of(peer);
  }

  /** Who holds what is another: what is not confirmed any more goes. @returns how many. */
  review(check: OriginCheck): number {
    if (this.total === 0) return 0;
    const dropped = this.dropWhere((path) => !this.isConfirmed(path, check));
    this.options.origins.forget();
    return dropped;
  }

  /** @returns how many. */
  drop(peer: PeerIndex): number {
    if (this.of(peer) === 0) return 0;
    return this.dropWhere((path) => this.options.adjRibIn.peerOf(path) === peer);
  }

  /** Somebody who lives has spoken of the prefix: what is held of it is out of date. */
  supersede(prefix: PrefixId): void {
    if (this.total === 0) return;
    const { adjRibIn, remove } = this.options;
    adjRibIn.forEachOf(prefix, (path) => {
      if (adjRibIn.isHeld(path)) remove(path);
    });
  }

  /** The path goes, or is fresh again. */
  forget(path: PathId): void {
    const { adjRibIn } = this.options;
    if (!adjRibIn.isHeld(path)) return;
    const peer = adjRibIn.peerOf(path);
    const count = this.of(peer) - 1;
    this.total--;
    if (count > 0) this.counts.set(peer, count);
    else this.counts.delete(peer);
  }

  mark(path: PathId): void {
    const { adjRibIn, heard, stale, touch } = this.options;
    const peer = adjRibIn.peerOf(path);
    if (!adjRibIn.isStale(path)) stale(peer);
    adjRibIn.markHeld(path);
    this.counts.set(peer, this.of(peer) + 1);
    this.total++;
    const attributes = heard.attributes(adjRibIn.acceptedOf(path) as AttributesId);
    adjRibIn.setAccepted(path, heard.intern(notAdvertised(attributes)));
    touch(adjRibIn.prefixOf(path));
  }

  private isConfirmed(path: PathId, check: OriginCheck): boolean {
    const { adjRibIn, origins } = this.options;
    const restored = this.earlierRuns.has(adjRibIn.peerOf(path));
    return origins.confirms(check, path, restored ? true : undefined);
  }

  /** One path of a prefix is enough: reflectors tell the same. */
  private isToldByAnother(held: PathId): boolean {
    const { adjRibIn, leaves } = this.options;
    for (let path = adjRibIn.first(adjRibIn.prefixOf(held)); path !== NONE; path = adjRibIn.nextFor(path)) {
      const peer = adjRibIn.peerOf(path);
      const fresh = adjRibIn.acceptedOf(path) !== NONE && !adjRibIn.isStale(path) && !leaves(peer);
      if ((fresh || adjRibIn.isHeld(path)) && peer !== adjRibIn.peerOf(held)) return true;
    }
    return false;
  }

  private dropWhere(goes: (path: PathId) => boolean): number {
    const { adjRibIn, remove } = this.options;
    let dropped = 0;
    adjRibIn.forEachFrom(0, Number.MAX_SAFE_INTEGER, (path) => {
      if (!adjRibIn.isHeld(path) || !goes(path)) return;
      remove(path);
      dropped++;
    });
    return dropped;
  }
}

/** A route that nobody vouches for is used, and vouched for to nobody (RFC 1997). */
export const notAdvertised = (attributes: PathAttributes): PathAttributes => {
  const { communities = [] } = attributes;
  const { NO_ADVERTISE } = WELL_KNOWN_COMMUNITY;
  return communities.includes(NO_ADVERTISE)
    ? attributes
    : { ...attributes, communities: [...communities, NO_ADVERTISE] };
};
