// What stands between the parts where app.ts joins them: settings and desired state in the words of sockets and files.

import { join } from 'node:path';
import type { Address, PeerId } from 'bgp-utils';
import type { RunConfig } from './config/config.ts';
import type { Datastore } from './datastore/datastore.ts';
import { picturePath } from './datastore/picture-file.ts';
import { PictureKeeper } from './datastore/picture-keeper.ts';
import type { DesiredState } from './desired/desired-state.ts';
import { watchedRanges } from './desired/pipeline.ts';
import type { ListenSpec, PeerSocketOptions } from './speaker/tcp.ts';

/** Only of etcd: a file is as near as what is kept of it. */
export function pictureKeeper(
  { datastore, node, stateDir }: RunConfig,
  { status }: Datastore,
  onFailure: (message: string | undefined) => void,
): PictureKeeper | undefined {
  if (datastore.type !== 'etcd') return undefined;
  const { discoverySrv, endpoints } = datastore;
  return new PictureKeeper({
    path: join(stateDir, picturePath(node)),
    owner: {
      node,
      datastore: discoverySrv === undefined ? endpoints : [discoverySrv],
      ranges: watchedRanges(),
    },
    current: () => status.current.state === 'in-sync',
    onFailure,
  });
}

/** @returns cancels it. */
export function schedule(delayMs: number, run: () => void): () => void {
  if (delayMs <= 0) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  }
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}

export function socketOptions({ peers, transport }: DesiredState): ReadonlyMap<Address, PeerSocketOptions> {
  const none: PeerSocketOptions = { password: undefined, ttl: undefined, minTtl: undefined };
  return new Map(peers.map(({ peer, address }) => [address, transport.get(peer as PeerId) ?? none]));
}

export function listeners({ listen }: DesiredState): ListenSpec[] {
  const specs: ListenSpec[] = [];
  for (const [family, spec] of [
    ['ipv4', listen.v4],
    ['ipv6', listen.v6],
  ] as const) {
    if (spec !== null)
      specs.push({ family, address: (spec.address ?? undefined) as Address | undefined, port: spec.port });
  }
  return specs;
}
