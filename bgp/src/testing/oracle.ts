// What every host of a network at rest should use for a prefix, worked out in the plainest way: rounds in which all hosts
// tell each other their best path (RFC 4456 §6), until nothing changes. It shares no code with what it judges.

import type { Plan } from './shape.ts';

export interface OracleHost {
  readonly number: number;
  /** The last octets of BGP Identifier and address, as numbers: how they compare is all that counts. */
  readonly identifier: number;
  readonly address: number;
  readonly originates: boolean;
}

interface Path {
  readonly origin: OracleHost;
  /** The host that told it; the origin itself at home. */
  readonly from: number;
  /** Identifiers of the reflectors on the way. */
  readonly clusters: readonly number[];
  readonly fromAddress: number;
}

const MAX_ROUNDS = 64;

/**
 * @returns by host, the numbers of the origins that it should use together, ascending; itself alone where it originates.
 * Undefined when the rounds come to no end: then there is no answer.
 */
export function oracle(
  hosts: readonly OracleHost[],
  plan: Plan,
): ReadonlyMap<number, readonly number[]> | undefined {
  const peers = new Map(
    hosts.map((host) => [host.number, hosts.filter((other) => plan.arePeers(host.number, other.number))]),
  );
  let best = new Map<number, Path>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = new Map<number, Path>();
    const used = new Map<number, readonly number[]>();
    for (const host of hosts) {
      if (host.originates) {
        next.set(host.number, { origin: host, from: host.number, clusters: [], fromAddress: host.address });
        used.set(host.number, [host.number]);
        continue;
      }
      const heard = peers.get(host.number)!.flatMap((peer) => told(peer, host, best.get(peer.number), plan));
      const [first] = heard.sort(
        (a, b) =>
          a.origin.identifier - b.origin.identifier ||
          a.clusters.length - b.clusters.length ||
          a.fromAddress - b.fromAddress,
      );
      if (first === undefined) continue;
      next.set(host.number, first);
      used.set(
        host.number,
        [...new Set(heard.map(({ origin }) => origin.number))].sort((a, b) => a - b),
      );
    }
    if (same(best, next)) return used;
    best = next;
  }
  return undefined;
}

/** What a peer tells a host of its best path: nothing, or one path. */
function told(peer: OracleHost, host: OracleHost, path: Path | undefined, plan: Plan): Path[] {
  if (path === undefined || path.from === host.number || path.origin.number === host.number) return [];
  const at = { origin: path.origin, from: peer.number, fromAddress: peer.address };
  if (path.from === peer.number) return [{ ...at, clusters: [] }];
  const reflected = plan.isClient(peer.number, path.from) || plan.isClient(peer.number, host.number);
  if (!reflected) return [];
  const clusters = [peer.identifier, ...path.clusters];
  return plan.reflects(host.number) && clusters.includes(host.identifier) ? [] : [{ ...at, clusters }];
}

function same(a: ReadonlyMap<number, Path>, b: ReadonlyMap<number, Path>): boolean {
  const text = (paths: ReadonlyMap<number, Path>) =>
    [...paths].map(([at, path]) => `${at} ${path.origin.number} ${path.from} ${path.clusters}`).join();
  return a.size === b.size && text(a) === text(b);
}
