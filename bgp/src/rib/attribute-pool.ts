// Each distinct set of path attributes once, counted, found by its octets.                                  [hot]
//
//   ids   Map<octets as text, id>      the canonical encoding: 4-octet AS numbers, ascending type codes
//   sets  AttributeSet[]               by id; a set carries what the decision process compares, computed once
//
// Two routes have equal attributes exactly when they have the same id.

import type { Address } from '../net/address.ts';
import { type AttributesId, DEFAULT_LOCAL_PREF } from '../route/route.ts';
import type { AsPath, PathAttributes } from '../wire/attribute/path-attributes.ts';
import { encodeAttributes } from '../wire/attribute/table.ts';
import { EXTENDED_MESSAGE_OCTETS, type WireContext } from '../wire/context.ts';
import { Writer } from '../wire/writer.ts';

export interface AttributeSet {
  readonly id: AttributesId;
  readonly attributes: PathAttributes;
  readonly key: string;
  /** In force: 100 when the attribute is missing. */
  readonly localPref: number;
  /** Hops as RFC 4271 §9.1.2.2 a counts them: an AS_SET is one, confederation segments are none (RFC 5065 §5.3). */
  readonly asPathLength: number;
  /** The AS that the route came from, for MED (§9.1.2.2 c); 0, our own, for a path that starts with no AS_SEQUENCE. */
  readonly neighborAs: number;
  /** 0 when missing (§9.1.2.2 c). */
  readonly multiExitDisc: number;
  readonly nextHop: Address | undefined;
  uses: number;
}

const POOL_CONTEXT: WireContext = {
  asOctets: 4,
  maxMessageOctets: EXTENDED_MESSAGE_OCTETS,
  families: ['ipv4', 'ipv6'],
  addPathReceive: [],
  addPathSend: [],
  peerType: 'internal',
};

export class AttributePool {
  private readonly ids = new Map<string, AttributesId>();
  private readonly sets: (AttributeSet | undefined)[] = [];
  private readonly free: AttributesId[] = [];
  private readonly writer = new Writer();

  /** @param added, removed  told of each set that comes into use and goes out of it. */
  constructor(
    private readonly added: (set: AttributeSet) => void = () => {},
    private readonly removed: (set: AttributeSet) => void = () => {},
  ) {}

  get size(): number {
    return this.ids.size;
  }

  /** Finds or adds the set, and counts one use for the caller, who gives it back with `release`. */
  intern(attributes: PathAttributes): AttributeSet {
    const key = this.keyOf(attributes);
    const found = this.ids.get(key);
    if (found !== undefined) {
      const set = this.sets[found]!;
      set.uses++;
      return set;
    }
    const id = this.free.pop() ?? (this.sets.length as AttributesId);
    const set = makeSet(id, key, attributes);
    this.sets[id] = set;
    this.ids.set(key, id);
    this.added(set);
    return set;
  }

  get(id: AttributesId): AttributeSet {
    const set = this.sets[id];
    if (set === undefined) throw new Error(`invariant: attribute set ${id} is used after its release`);
    return set;
  }

  retain(id: AttributesId): void {
    this.get(id).uses++;
  }

  release(id: AttributesId): void {
    const set = this.get(id);
    if (--set.uses > 0) return;
    this.ids.delete(set.key);
    this.sets[id] = undefined;
    this.free.push(id);
    this.removed(set);
  }

  private keyOf(attributes: PathAttributes): string {
    this.writer.length = 0;
    encodeAttributes(this.writer, attributes, POOL_CONTEXT);
    const octets = this.writer.take();
    let key = attributes.nextHop
      ? `${attributes.nextHop.address} ${attributes.nextHop.linkLocal ?? ''} `
      : ' ';
    for (let i = 0; i < octets.length; i++) key += String.fromCharCode(octets[i]!);
    return key;
  }
}

function makeSet(id: AttributesId, key: string, attributes: PathAttributes): AttributeSet {
  return {
    id,
    attributes,
    key,
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF,
    asPathLength: attributes.asPath.reduce(
      (sum, { type, asNumbers }) =>
        sum + (type === 'AS_SEQUENCE' ? asNumbers.length : type === 'AS_SET' ? 1 : 0),
      0,
    ),
    neighborAs: neighborAs(attributes.asPath),
    multiExitDisc: attributes.multiExitDisc ?? 0,
    nextHop: attributes.nextHop?.address,
    uses: 1,
  };
}

/** Confederation segments do not count (RFC 5065 §5.3); an aggregate that starts with an AS_SET was made in our own AS. */
function neighborAs(path: AsPath): number {
  const first = path.find(({ type }) => type === 'AS_SEQUENCE' || type === 'AS_SET');
  return first?.type === 'AS_SEQUENCE' ? (first.asNumbers[0] ?? 0) : 0;
}
