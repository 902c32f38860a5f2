// What the connections with each peer need beyond addresses, and which peer an address is: one that is configured by itself, or
// any of a range.

import {
  type Address,
  containsAddress,
  type Family,
  familyOfAddress,
  familyOfPrefix,
  type Prefix,
  prefixAddress,
  prefixLength,
  withoutZone,
} from 'bgp-utils';
import type { Md5Key } from '../sys/md5.ts';

/** What a connection with a peer needs beyond addresses. */
export interface PeerSocketOptions {
  /** TCP MD5 key (RFC 2385); undefined is none. */
  readonly password: string | undefined;
  readonly ttl: number | undefined;
  /** Segments with less are dropped (RFC 5082). */
  readonly minTtl: number | undefined;
  /** The interface that its packets come and go by; undefined is any. */
  readonly device: string | undefined;
  /** For how long what we sent may stay unacknowledged; 0 leaves it to the kernel. */
  readonly userTimeoutMs: number;
}

/** A key with the name that it has in messages and maps. */
export interface NamedKey extends Md5Key {
  readonly name: string;
}

export class PeerSockets {
  readonly #peers: ReadonlyMap<Address, PeerSocketOptions>;
  /** The longest first. */
  readonly #ranges: readonly (readonly [Prefix, PeerSocketOptions])[];

  constructor(
    peers: ReadonlyMap<Address, PeerSocketOptions>,
    ranges: ReadonlyMap<Prefix, PeerSocketOptions> = new Map(),
  ) {
    this.#peers = peers;
    this.#ranges = [...ranges].sort(([a], [b]) => prefixLength(b) - prefixLength(a));
  }

  /** @returns undefined for an address that no peer has. */
  of(address: Address): PeerSocketOptions | undefined {
    return this.#peers.get(address) ?? this.#ranges.find(([range]) => containsAddress(range, address))?.[1];
  }

  /** A peer by itself, not one of a range. */
  isConfigured(address: Address): boolean {
    return this.#peers.has(address);
  }

  /** Those of one family, a key an address: the kernel does not look at the zone of a link-local one. */
  keys(family: Family): ReadonlyMap<string, NamedKey> {
    const keys = new Map<string, NamedKey>();
    const add = (name: string, address: Address, length: number | undefined, key: string) =>
      keys.set(name, { name, address, prefixLength: length, key });
    for (const [range, { password }] of this.#ranges)
      if (password !== undefined && familyOfPrefix(range) === family)
        add(range, prefixAddress(range), prefixLength(range), password);
    for (const [scoped, { password }] of this.#peers) {
      if (password === undefined || familyOfAddress(scoped) !== family) continue;
      const address = withoutZone(scoped);
      add(address, address, undefined, password);
    }
    return keys;
  }
}
