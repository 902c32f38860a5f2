// Does a route come from whom its block belongs to? Who holds which block is told by the configuration (SpeakerConfig.originCheck);
// a learned route inside a pool is judged by its next hop, its ORIGINATOR_ID and its AS_PATH. A shape of its own beside policy terms:
// thousands of blocks are looked up, not gone through.

import { type Address, addressWords } from '../net/address.ts';
import { FAMILY, type Family } from '../net/family.ts';
import { familyOfPrefix, maskWord, type Prefix, prefixAddress, prefixLength } from '../net/prefix.ts';
import type { PrefixWords } from '../route/route.ts';
import type { PathAttributes } from '../wire/attribute/path-attributes.ts';

/** One who may hold blocks. */
export interface OriginNode {
  readonly name: string;
  /** By which its routes name it as next hop. */
  readonly addresses: readonly Address[];
  /** BGP Identifier, by which reflectors name it (RFC 4456 §8). */
  readonly identifier: Address;
  readonly asNumber: number;
}

export interface OriginBlock {
  readonly prefix: Prefix;
  /** Names of nodes; several while a block changes hands. */
  readonly holders: readonly string[];
}

export interface OriginCheckConfig {
  /** Invalid routes are not used; otherwise they are only shown and counted. */
  readonly enforce: boolean;
  /** No route is judged: who holds what is only told for those that are kept (SpeakerConfig.failStatic); absent is no. */
  readonly silent?: boolean;
  /** Routes outside are not judged. They may overlap. */
  readonly pools: readonly Prefix[];
  readonly blocks: readonly OriginBlock[];
  readonly nodes: readonly OriginNode[];
}

export const ORIGIN_STATES = ['valid', 'unknown', 'invalid'] as const;
export type OriginState = (typeof ORIGIN_STATES)[number];

export interface OriginVerdict {
  readonly state: OriginState;
  /** For people. */
  readonly reason: string;
}

/** What a set of attributes says of where its routes come from. */
interface Teller {
  readonly nextHop: OriginNode | undefined;
  readonly originator: OriginNode | undefined;
  readonly attributes: PathAttributes;
}

/** Prefixes of one family by length and by words: whether one of them is around another. */
class PrefixIndex<T> {
  private readonly byLength = new Map<number, Map<number | string, T>>();
  /** Longest first. */
  private readonly lengths: readonly number[];

  constructor(
    private readonly family: Family,
    entries: readonly (readonly [Prefix, T])[],
  ) {
    for (const [prefix, value] of entries) {
      if (familyOfPrefix(prefix) !== family) continue;
      const length = prefixLength(prefix);
      const [w0, w1, w2, w3] = addressWords(prefixAddress(prefix));
      let table = this.byLength.get(length);
      if (table === undefined) {
        table = new Map();
        this.byLength.set(length, table);
      }
      table.set(this.key({ family, length, w0, w1, w2, w3 }, length), value);
    }
    this.lengths = [...this.byLength.keys()].sort((a, b) => b - a);
  }

  /** The longest prefix around this one, itself included. */
  around(words: PrefixWords): T | undefined {
    for (const length of this.lengths) {
      if (length > words.length) continue;
      const found = this.byLength.get(length)!.get(this.key(words, length));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private key({ w0, w1, w2, w3 }: PrefixWords, length: number): number | string {
    if (this.family === 'ipv4') return maskWord(w0, length);
    const mask = (word: number, from: number) => (length > from ? maskWord(word, length - from) : 0);
    return `${mask(w0, 0)}:${mask(w1, 32)}:${mask(w2, 64)}:${mask(w3, 96)}`;
  }
}

export class OriginCheck {
  readonly enforce: boolean;
  private readonly pools: Readonly<Record<Family, PrefixIndex<true>>>;
  private readonly blocks: Readonly<Record<Family, PrefixIndex<OriginBlock>>>;
  private readonly byAddress = new Map<Address, OriginNode>();
  private readonly byIdentifier = new Map<Address, OriginNode>();
  private readonly byName = new Map<string, OriginNode>();

  constructor({ enforce, pools, blocks, nodes }: OriginCheckConfig) {
    this.enforce = enforce;
    const inPools = pools.map((prefix) => [prefix, true] as const);
    const held = blocks.map((block) => [block.prefix, block] as const);
    this.pools = { ipv4: new PrefixIndex('ipv4', inPools), ipv6: new PrefixIndex('ipv6', inPools) };
    this.blocks = { ipv4: new PrefixIndex('ipv4', held), ipv6: new PrefixIndex('ipv6', held) };
    for (const node of nodes) {
      this.byName.set(node.name, node);
      this.byIdentifier.set(node.identifier, node);
      for (const address of node.addresses) this.byAddress.set(address, node);
    }
  }

  /** Only these routes are judged. */
  covers = (words: PrefixWords): boolean => this.pools[words.family].around(words) !== undefined;

  teller(attributes: PathAttributes): Teller {
    const { nextHop, originatorId } = attributes;
    return {
      nextHop: nextHop && this.byAddress.get(nextHop.address),
      originator: originatorId === undefined ? undefined : this.byIdentifier.get(originatorId),
      attributes,
    };
  }

  /**
   * @param words  of a prefix that `covers` says yes to.
   * Who holds the block is always right to tell of it. A single address inside may be borrowed by anybody, and who passes a route on
   * from another AS puts itself in as next hop: of neither is it known that it is wrong.
   */
  judge(words: PrefixWords, { nextHop, originator, attributes }: Teller): OriginVerdict {
    const block = this.blocks[words.family].around(words);
    if (block === undefined) return { state: 'unknown', reason: 'it is inside no block that a node holds' };
    const { holders } = block;
    const held = `block ${block.prefix} belongs to ${holders.join(' and ')}`;
    const by = [nextHop, originator].find((node) => node !== undefined && holders.includes(node.name));
    if (by !== undefined) return { state: 'valid', reason: held };
    const unknown = (why: string): OriginVerdict => ({ state: 'unknown', reason: `${held}, and ${why}` });
    const bits = FAMILY[words.family].addressBits;
    if (words.length === bits && prefixLength(block.prefix) < bits)
      return unknown('a single address of it may be borrowed');
    const teller = originator ?? nextHop;
    if (teller === undefined) return unknown('the route does not come from the address of a node');
    if (attributes.asPath.length > 0 && !this.madeIn(attributes, teller, holders))
      return unknown(`${teller.name} may have passed the route on`);
    return { state: 'invalid', reason: `${held}, and the route comes from ${teller.name}` };
  }

  /**
   * A route that nobody vouches for any more: does the datastore? A node holds the block, and the route leads there: its next hop or its
   * originator is that node, or it came through routers that are no nodes and put themselves in as next hop.
   * @param throughRouters  the route may have; of a path that was received its AS_PATH tells.
   */
  confirms(
    words: PrefixWords,
    teller: Teller,
    throughRouters = teller.attributes.asPath.length > 0,
  ): boolean {
    if (!this.covers(words)) return false;
    const block = this.blocks[words.family].around(words);
    if (block === undefined || !block.holders.some((name) => this.byName.has(name))) return false;
    const { state } = this.judge(words, teller);
    if (state !== 'unknown') return state === 'valid';
    const single = words.length === FAMILY[words.family].addressBits;
    return throughRouters && !(single && prefixLength(block.prefix) < words.length);
  }

  isNode(address: Address): boolean {
    return this.byAddress.has(address);
  }

  /** The path is the node's AS and no more, and no holder is in that AS. */
  private madeIn({ asPath }: PathAttributes, { asNumber }: OriginNode, holders: readonly string[]): boolean {
    const [first, ...more] = asPath;
    const alone = more.length === 0 && first?.type === 'AS_SEQUENCE' && first.asNumbers.length === 1;
    return (
      alone &&
      first.asNumbers[0] === asNumber &&
      holders.every((name) => this.byName.get(name)?.asNumber !== asNumber)
    );
  }
}
