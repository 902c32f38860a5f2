// The nodes of a cluster, found by selector and by address. Thousands of BGPPeers ask, mostly with the same few selectors, so
// that each text is parsed once, and a selector that needs a label looks at the nodes with that label alone.

import { type Address, FAMILIES } from 'bgp-utils';
import type { Node } from './resources.ts';
import { type Needed, type ParsedSelector, parseSelector } from './selector.ts';
import { addressOfNode } from './snapshot.ts';

export class NodeIndex {
  readonly #nodes: readonly Node[];
  readonly #parsed = new Map<string, ParsedSelector>();
  readonly #matching = new Map<string, readonly Node[]>();
  /** By label and value, made when a selector asks for the label. */
  readonly #byLabel = new Map<string, Map<string | undefined, Node[]>>();
  #byAddress: Map<Address, Node[]> | undefined;
  #byName: Map<string, readonly Node[]> | undefined;

  /** @param nodes  by name, and so is what is found. */
  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  /** One that does not parse matches no node. */
  matches(selector: string, node: Node): boolean {
    const parsed = this.#parse(selector);
    return parsed.ok && parsed.matches(node.labels);
  }

  /** @param among  some of the nodes, by name: others are of no interest, and may be left out or not. */
  select(selector: string, among: readonly Node[] = this.#nodes): readonly Node[] {
    const known = this.#matching.get(selector);
    if (known !== undefined) return known;
    const parsed = this.#parse(selector);
    if (!parsed.ok) return [];
    const candidates = parsed.needed === undefined ? among : this.#having(parsed.needed);
    const nodes = candidates.filter(({ labels }) => parsed.matches(labels));
    if (candidates !== among || among === this.#nodes) this.#matching.set(selector, nodes);
    return nodes;
  }

  /** None or one. */
  named(name: string): readonly Node[] {
    this.#byName ??= new Map(this.#nodes.map((node) => [node.name, [node]]));
    return this.#byName.get(name) ?? [];
  }

  /** The nodes that have an address; more than one is a mistake of somebody. */
  ownersOf(address: Address): readonly Node[] {
    if (this.#byAddress === undefined) {
      this.#byAddress = new Map();
      for (const node of this.#nodes) {
        for (const family of FAMILIES) {
          const own = addressOfNode(node, family);
          if (own !== undefined) put(this.#byAddress, own, node);
        }
      }
    }
    return this.#byAddress.get(address) ?? [];
  }

  #parse(selector: string): ParsedSelector {
    let parsed = this.#parsed.get(selector);
    if (parsed === undefined) {
      parsed = parseSelector(selector);
      this.#parsed.set(selector, parsed);
    }
    return parsed;
  }

  #having(needed: Needed): readonly Node[] {
    let byValue = this.#byLabel.get(needed.label);
    if (byValue === undefined) {
      byValue = new Map();
      for (const node of this.#nodes) put(byValue, node.labels.get(needed.label), node);
      this.#byLabel.set(needed.label, byValue);
    }
    const found = [...needed.values].flatMap((value) => byValue.get(value) ?? []);
    return needed.values.size === 1 ? found : found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function put<K>(lists: Map<K, Node[]>, key: K, node: Node): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [node]);
  else list.push(node);
}
