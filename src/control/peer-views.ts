// Peers as the control API shows them, sorted by address. Pure.

import type { PeerView } from 'bgp-utils';
import { type Clocks, iso, secondsSince } from './clocks.ts';
import { hostPort } from './host-port.ts';
import { addressKey, compareText } from './page.ts';
import type { PeerAnswer, PeersAnswer, ResolveAnswer } from './schema.ts';

/** @param resolution  tells which resource asks for a peer. */
export function peersView(
  peers: readonly PeerView[],
  resolution: ResolveAnswer | undefined,
  clocks: Clocks,
): PeersAnswer {
  const resolved = new Map(resolution?.peers.map((peer) => [hostPort(peer.address, peer.port), peer]));
  const answers = peers.map((peer) =>
    peerView(peer, resolved.get(hostPort(peer.config.address, peer.config.port)), clocks),
  );
  const keys = new Map(peers.map((peer) => [peer.config.peer as string, addressKey(peer.config.address)]));
  return {
    peers: answers.sort((a, b) => compareText(keys.get(a.peer)!, keys.get(b.peer)!) || a.port - b.port),
  };
}

function peerView(
  view: PeerView,
  resolved: ResolveAnswer['peers'][number] | undefined,
  clocks: Clocks,
): PeerAnswer {
  const { config } = view;
  const stateSeconds = secondsSince(view.since, clocks);
  const holdExpires = view.holdExpiresAt;
  return {
    peer: config.peer,
    address: config.address,
    port: config.port,
    asNumber: config.remoteAs,
    localAs: config.localAs,
    peerType: config.remoteAs === config.localAs ? 'internal' : 'external',
    type: resolved?.type ?? null,
    resource: resolved?.resource ?? null,
    state: view.state,
    since: iso(view.since, clocks),
    stateSeconds,
    uptimeSeconds: view.state === 'Established' ? stateSeconds : null,
    passive: config.passive,
    routeReflectorClient: config.routeReflectorClient,
    heldBack: config.heldBack ?? null,
    remoteIdentifier: view.remoteIdentifier ?? null,
    localAddress: view.localAddress ?? config.localAddress ?? null,
    localPort: view.localPort ?? null,
    remotePort: view.remotePort ?? null,
    holdTimeSeconds: view.holdTimeSeconds ?? null,
    keepaliveSeconds: view.keepaliveSeconds ?? null,
    holdExpiresInSeconds:
      holdExpires === undefined || !Number.isFinite(holdExpires)
        ? null
        : Math.max(0, Math.round(holdExpires - clocks.now) / 1000),
    configured: {
      holdTimeSeconds: config.holdTimeSeconds,
      keepaliveSeconds: config.keepaliveSeconds ?? null,
      connectRetrySeconds: config.connectRetrySeconds,
      gracefulRestartSeconds: config.gracefulRestartSeconds,
      families: config.families,
      nextHop: config.nextHop,
      allowLocalAs: config.allowLocalAs,
    },
    families: view.families,
    capabilities: { sent: view.capabilitiesSent, received: view.capabilitiesReceived },
    counters: view.counters,
    routes: view.routes,
    lastError: view.lastError ?? null,
    lastErrorAt: view.lastErrorAt === undefined ? null : iso(view.lastErrorAt, clocks),
  };
}
