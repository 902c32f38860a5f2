// How a peer looks from outside: the settings, the session and the counters put together.

import type { Family } from '../net/family.ts';
import { type LocalOffer, localCapabilities } from '../session/negotiate.ts';
import { describeCapability } from '../wire/capability.ts';
import type { PeerView } from './inspect.ts';
import type { Peer } from './peer.ts';

export function peerView(
  peer: Peer,
  offer: LocalOffer,
  routes: Readonly<Record<Family, PeerView['routes'][Family]>>,
): PeerView {
  const { config, agreed, line } = peer;
  const { session } = line;
  return {
    config,
    state: peer.state,
    since: peer.since,
    remoteIdentifier: agreed?.remoteIdentifier ?? line.remoteOpen?.bgpIdentifier,
    localAddress: line.connected ? line.localAddress : undefined,
    localPort: line.connected ? line.localPort : undefined,
    remotePort: line.connected ? line.remotePort : undefined,
    holdTimeSeconds: agreed?.holdTimeSeconds,
    keepaliveSeconds: agreed?.keepaliveSeconds,
    holdExpiresAt: session.state === 'Established' ? session.holdAt : undefined,
    families: agreed?.context.families ?? [],
    capabilitiesSent: localCapabilities(offer).map(describeCapability),
    capabilitiesReceived: (line.remoteOpen?.capabilities ?? []).map(describeCapability),
    counters: { ...peer.counters },
    routes,
    lastError: config.heldBack ?? peer.lastError,
    lastErrorAt: peer.lastErrorAt,
  };
}
