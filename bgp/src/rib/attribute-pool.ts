// Each distinct set of path attributes once, by its canonical octets (wire/attribute/canonical.ts). Two routes have equal
// attributes exactly when they have the same id. Attributes as values are made when somebody asks for them.       [hot]

import type { Address } from '../net/address.ts';
import { type AttributesId, DEFAULT_LOCAL_PREF } from '../route/route.ts';
import { AttributeWalk, decodeCanonical, encodeCanonical } from '../wire/attribute/canonical.ts';
import { forwardingAddress } from '../wire/attribute/link-scope.ts';
import type { AsPath, PathAttributes } from '../wire/attribute/path-attributes.ts';
import { EXTENDED_MESSAGE_OCTETS } from '../wire/context.ts';
import { Writer } from '../wire/writer.ts';
import { OctetPool } from './octet-pool.ts';

/** Sets as values that are kept for who asks next. */
const CACHED = 1024;

export class AttributePool extends OctetPool<AttributesId> {
  private readonly writer = new Writer(256);
  private readonly values = new Map<AttributesId, PathAttributes>();
  /** Sets that are too long for any message, and cannot be decoded again. */
  private readonly overlong = new Map<AttributesId, PathAttributes>();
  private readonly walk = new AttributeWalk();

  /** Finds or adds the set, and counts one use for the caller, who gives it back with `release`. */
  intern(attributes: PathAttributes): AttributesId {
    const { writer } = this;
    writer.length = 0;
    const nextHopOctets = encodeCanonical(writer, attributes);
    const id = this.internOctets(writer.octets, 0, writer.length, nextHopOctets);
    if (writer.length > EXTENDED_MESSAGE_OCTETS) this.overlong.set(id, attributes);
    return id;
  }

  attributes(id: AttributesId): PathAttributes {
    let found = this.values.get(id) ?? this.overlong.get(id);
    if (found === undefined) {
      const start = this.startOf(id);
      const octets = this.segmentOf(id).subarray(start, start + this.lengthOf(id));
      found = decodeCanonical(octets, this.nextHopOctetsOf(id));
      if (this.values.size >= CACHED) this.values.clear();
      this.values.set(id, found);
    }
    return found;
  }

  /** Octets of the next hop behind the list: 0 unless it is IPv6. */
  nextHopOctetsOf(id: AttributesId): number {
    return this.tagOf(id);
  }

  /** Where the list of attributes ends in the set's segment; the next hop follows. */
  listEndOf(id: AttributesId): number {
    return this.startOf(id) + this.lengthOf(id) - this.tagOf(id);
  }

  /** The attribute of that code, or undefined. Valid until the next call. */
  find(id: AttributesId, code: number): AttributeWalk | undefined {
    const { walk } = this;
    return walk.find(this.segmentOf(id), this.startOf(id), this.listEndOf(id), code) ? walk : undefined;
  }

  /** What the decision process compares, for people and for the plain twin of best-path.ts. */
  view(id: AttributesId): AttributeSet {
    return attributeSet(id, this.attributes(id));
  }

  protected override removed(id: AttributesId): void {
    if (this.values.size > 0) this.values.delete(id);
    if (this.overlong.size > 0) this.overlong.delete(id);
  }
}

export interface AttributeSet {
  readonly id: AttributesId;
  readonly attributes: PathAttributes;
  /** In force: 100 when the attribute is missing. */
  readonly localPref: number;
  /** Hops as RFC 4271 §9.1.2.2 a counts them: an AS_SET is one, confederation segments are none (RFC 5065 §5.3). */
  readonly asPathLength: number;
  /** The AS that the route came from, for MED (§9.1.2.2 c); 0, our own, for a path that starts with no AS_SEQUENCE. */
  readonly neighborAs: number;
  /** 0 when missing (§9.1.2.2 c). */
  readonly multiExitDisc: number;
  readonly nextHop: Address | undefined;
}

export function attributeSet(id: AttributesId, attributes: PathAttributes): AttributeSet {
  return {
    id,
    attributes,
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF,
    asPathLength: attributes.asPath.reduce(
      (sum, { type, asNumbers }) =>
        sum + (type === 'AS_SEQUENCE' ? asNumbers.length : type === 'AS_SET' ? 1 : 0),
      0,
    ),
    neighborAs: neighborAs(attributes.asPath),
    multiExitDisc: attributes.multiExitDisc ?? 0,
    nextHop: attributes.nextHop && forwardingAddress(attributes.nextHop),
  };
}

/** Confederation segments do not count (RFC 5065 §5.3); an aggregate that starts with an AS_SET was made in our own AS. */
function neighborAs(path: AsPath): number {
  const first = path.find(({ type }) => type === 'AS_SEQUENCE' || type === 'AS_SET');
  return first?.type === 'AS_SEQUENCE' ? (first.asNumbers[0] ?? 0) : 0;
}
