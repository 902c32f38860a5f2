// Peers that no list names: a connection from an address of a configured range makes a peer of the range's settings, which
// waits for nothing but that connection and goes when its session has ended. What sessions do is peer.ts.

import type { Address } from '../net/address.ts';
import { containsAddress, prefixLength } from '../net/prefix.ts';
import type { PeerConfig, PeerId } from './input.ts';

/** Of all ranges together: what strangers in a range can make us keep is bounded. */
export const MAX_DYNAMIC_PEERS = 4096;

type Template = PeerConfig & { readonly range: NonNullable<PeerConfig['range']> };

export const isTemplate = (config: PeerConfig): config is Template => config.range !== undefined;

export class DynamicPeers {
  private readonly templates = new Map<PeerId, Template>();
  /** The template of each peer that a connection has made. */
  private readonly made = new Map<PeerId, PeerId>();

  configure(template: Template): void {
    this.templates.set(template.peer, template);
  }

  /** The template is gone; its peers are to be removed by the caller. */
  remove(template: PeerId): void {
    this.templates.delete(template);
  }

  has(template: PeerId): boolean {
    return this.templates.has(template);
  }

  get peers(): readonly PeerId[] {
    return [...this.made.keys()];
  }

  peersOf(template: PeerId): PeerId[] {
    return [...this.made].flatMap(([peer, from]) => (from === template ? peer : []));
  }

  /** @returns the settings of a peer at that address: from the smallest range that contains it; or why there is none. */
  make(address: Address): PeerConfig | string | undefined {
    const [template] = [...this.templates.values()]
      .filter(({ range }) => containsAddress(range, address))
      .sort((a, b) => prefixLength(b.range) - prefixLength(a.range));
    if (template === undefined) return undefined;
    if (template.heldBack !== undefined) return template.heldBack;
    if (this.made.size >= MAX_DYNAMIC_PEERS)
      return `there are ${MAX_DYNAMIC_PEERS} peers from ranges already`;
    const config = madeFrom(template, address);
    this.made.set(config.peer, template.peer);
    return config;
  }

  forget(peer: PeerId): void {
    this.made.delete(peer);
  }
}

/** Passive: nobody knows whether there is anyone at that address until it calls. */
export const madeFrom = (template: PeerConfig, address: Address): PeerConfig => ({
  ...template,
  peer: address as string as PeerId,
  address,
  range: undefined,
  passive: true,
});
