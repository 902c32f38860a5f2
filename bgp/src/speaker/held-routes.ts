// Routes of one family that stay although nobody vouches for them any more (fail static, docs/decisions/0030): each is marked, is told to
// nobody, and goes as soon as anyone says something of its prefix. When routes are held, and for how long, is fail-static.ts; the walk over
// those of a lost peer is sweeps.ts.

import type { OriginCheck } from '../policy/origin-check.ts';
import type { AdjRibIn } from '../rib/adj-rib-in.ts';
import type { HeardSets } from '../rib/heard-sets.ts';
import { type AttributesId, NONE, type PathId, type PeerIndex, type PrefixId } from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';
import type { Origins } from './origins.ts';
import type { Hold } from './sweep-duties.ts';

export interface HeldRoutesOptions {
  readonly adjRibIn: AdjRibIn;
  readonly origins: Origins;
  readonly heard: HeardSets;
  readonly touch: (prefix: PrefixId) => void;
  readonly remove: (path: PathId) => void;
  /** The path is on its way out, and may yet be held. */
  readonly isLeaving: (path: PathId) => boolean;
  /** Whether any path is. */
  readonly leaves: () => boolean;
  /** The path was fresh when the loss was decided. */
  readonly wasFresh: (path: PathId, hold: Hold) => boolean;
}

export class HeldRoutes {
  private readonly counts = new Map<PeerIndex, number>();
  private total = 0;
  /** Who stands for an earlier run of ours: of its routes nobody knows the AS_PATH. */
  private readonly earlierRuns = new Set<PeerIndex>();
  /** What was made last of a set; both have a use of their own meanwhile. */
  private last: { readonly set: AttributesId; readonly form: AttributesId } | undefined;

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

  /** Marks the path where the datastore confirms it and nobody else tells its prefix, or is held of it. @returns whether it is held. */
  hold(path: PathId, hold: Hold): boolean {
    const { adjRibIn } = this.options;
    if (adjRibIn.acceptedOf(path) === NONE || !this.isConfirmed(path, hold.check)) return false;
    if (this.isToldByAnother(path, hold)) return false;
    this.mark(path);
    return true;
  }

  /** What an earlier run left: nobody else tells it, or is held of it. @returns whether it is held. */
  holdRestored(path: PathId, check: OriginCheck): boolean {
    if (!this.isConfirmed(path, check)) return false;
    this.mark(path);
    return true;
  }

  /** Somebody who lives has spoken of the prefix: what is held of it is out of date. */
  supersede(prefix: PrefixId): void {
    const { adjRibIn, isLeaving, leaves, remove } = this.options;
    if (this.total === 0 && !leaves()) return;
    adjRibIn.forEachOf(prefix, (path) => {
      if (adjRibIn.isHeld(path) || isLeaving(path)) remove(path);
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

  /** What was found out of attribute sets does not hold any more. */
  forgetSets(): void {
    this.forgetForm();
    this.options.origins.forget(); // sets of those that are not held go, and their numbers are given out again
  }

  private forgetForm(): void {
    const { heard } = this.options;
    if (this.last === undefined) return;
    heard.release(this.last.set);
    heard.release(this.last.form);
    this.last = undefined;
  }

  private mark(path: PathId): void {
    const { adjRibIn, touch } = this.options;
    const peer = adjRibIn.peerOf(path);
    adjRibIn.markHeld(path);
    this.counts.set(peer, this.of(peer) + 1);
    this.total++;
    adjRibIn.setAccepted(path, this.formOf(adjRibIn.acceptedOf(path) as AttributesId));
    touch(adjRibIn.prefixOf(path));
  }

  /** A set as a held route has it, with one use for the caller: the routes of an UPDATE share theirs. */
  private formOf(set: AttributesId): AttributesId {
    const { heard } = this.options;
    if (this.last?.set !== set) {
      this.forgetForm();
      heard.retain(set);
      this.last = { set, form: heard.intern(notAdvertised(heard.attributes(set))) };
    }
    heard.retain(this.last.form);
    return this.last.form;
  }

  isConfirmed(path: PathId, check: OriginCheck): boolean {
    const { adjRibIn, origins } = this.options;
    const restored = this.earlierRuns.has(adjRibIn.peerOf(path));
    return origins.confirms(check, path, restored ? true : undefined);
  }

  /** One path of a prefix is enough: reflectors tell the same. */
  private isToldByAnother(held: PathId, hold: Hold): boolean {
    const { adjRibIn, wasFresh } = this.options;
    for (let path = adjRibIn.first(adjRibIn.prefixOf(held)); path !== NONE; path = adjRibIn.nextFor(path)) {
      const peer = adjRibIn.peerOf(path);
      if (peer === adjRibIn.peerOf(held)) continue;
      if (adjRibIn.isHeld(path) || (adjRibIn.acceptedOf(path) !== NONE && wasFresh(path, hold))) return true;
    }
    return false;
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
