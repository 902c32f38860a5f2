// What stands between the parts where app.ts joins them: settings and desired state in the words of sockets and files.

import { join } from 'node:path';
import { type Address, isLinkLocal, type PeerConfig, type Prefix, type Speaker, zoneOf } from 'bgp-utils';
import type { RunConfig } from './config/config.ts';
import type { Datastore } from './datastore/datastore.ts';
import { picturePath } from './datastore/picture-file.ts';
import { PictureKeeper } from './datastore/picture-keeper.ts';
import type { DesiredState } from './desired/desired-state.ts';
import { watchedRanges } from './desired/pipeline.ts';
import type { Log } from './observe/log.ts';
import type { ListenSpec } from './speaker/listener.ts';
import type { SpeakerLoop } from './speaker/loop.ts';
import { type PeerSocketOptions, PeerSockets } from './speaker/peer-sockets.ts';
import type { TcpEvents } from './speaker/tcp.ts';
import { RunState, runStatePath } from './state/run-state.ts';

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

/** @param onFailure  told when writing begins to fail, and with undefined when it works again. */
export const runState = (
  { node, stateDir }: RunConfig,
  onFailure: (message: string | undefined) => void,
): RunState => new RunState({ path: join(stateDir, runStatePath(node)), node, onFailure });

/** @returns cancels it. */
export function schedule(delayMs: number, run: () => void): () => void {
  if (delayMs <= 0) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  }
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}

/** What happens to connections, as facts for the speaker. @param loop  is there when the first one happens. */
export const connectionFacts = (
  loop: () => SpeakerLoop,
  speaker: Pick<Speaker, 'newConnectionId'>,
): Omit<TcpEvents, 'listening' | 'strangers'> => ({
  connected: (connection, at) => loop().feed({ type: 'Connected', connection, ...at }),
  connectFailed: (connection, reason) => loop().feed({ type: 'ConnectFailed', connection, reason }),
  accepted: (at) => {
    const connection = speaker.newConnectionId();
    loop().feed({ type: 'Accepted', connection, ...at });
    return connection;
  },
  received: (connection, octets) => loop().received(connection, octets),
  disconnected: (connection, reason) => loop().disconnected(connection, reason),
  drained: (connection) => loop().drained(connection),
  sending: (connection, waiting) => loop().feed({ type: 'Sending', connection, waiting }),
});

/** A second signal within this time turns a restart into leaving. */
const SECOND_SIGNAL_MS = 2000;

export type Ending = 'restart' | 'leave';

/** When SIGTERM or SIGINT has come, and how the daemon is to end. @param leave  the first one says so already. */
export const untilSignal = (leave: boolean, log: Pick<Log, 'info'>): Promise<Ending> =>
  new Promise((resolve) => {
    let first = true;
    const onSignal = (signal: NodeJS.Signals) => {
      if (leave || !first) return resolve('leave');
      first = false;
      log.info(`${signal}: stops as a restart in 2 s; a second signal until then makes it leave the network`);
      setTimeout(() => resolve('restart'), SECOND_SIGNAL_MS);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });

/** What held back peers lack is not known: the speaker turns them away. */
const NO_OPTIONS: PeerSocketOptions = {
  password: undefined,
  ttl: undefined,
  minTtl: undefined,
  device: undefined,
  userTimeoutMs: 0,
};

export function socketOptions({ peers, transport }: DesiredState): PeerSockets {
  const addresses = new Map<Address, PeerSocketOptions>();
  const ranges = new Map<Prefix, PeerSocketOptions>();
  for (const { peer, address, range } of peers) {
    const options = transport.get(peer) ?? NO_OPTIONS;
    if (range === undefined) addresses.set(address, options);
    else ranges.set(range, options);
  }
  return new PeerSockets(addresses, ranges);
}

/** Where the own address alone is bound to, link-local peers connect to that of their link. */
export function listeners({ listen, peers, transport }: DesiredState): ListenSpec[] {
  const specs: ListenSpec[] = [];
  for (const [family, spec] of [
    ['ipv4', listen.v4],
    ['ipv6', listen.v6],
  ] as const) {
    if (spec === null) continue;
    const { port, interface: device } = spec;
    const address = (spec.address ?? undefined) as Address | undefined;
    specs.push({ family, address, port, device });
    if (family === 'ipv4' || (address === undefined && device === undefined)) continue;
    const zones = new Set(peers.flatMap((peer) => linkOf(peer, transport) ?? []));
    if (address === undefined && device !== undefined) zones.delete(device);
    for (const zone of zones) specs.push({ family, address: undefined, port, linkLocalOf: zone });
  }
  return specs;
}

/** The interface by which a link-local peer, or a range of them, comes. */
const linkOf = (
  { peer, address, range }: PeerConfig,
  transport: DesiredState['transport'],
): string | undefined =>
  zoneOf(address) ?? (range !== undefined && isLinkLocal(address) ? transport.get(peer)?.device : undefined);
