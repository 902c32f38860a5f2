// Peer and speaker settings for tests of the core: a mesh or pair with defaults that a test changes where it matters.

import {
  ACCEPT_ALL,
  type Address,
  address,
  familyOfAddress,
  type OriginatedRoute,
  type PathAttributes,
  type PeerConfig,
  type PeerId,
  prefix,
  type SpeakerConfig,
} from 'bgp-utils';

export const speakerConfig = (identifier: string, changes: Partial<SpeakerConfig> = {}): SpeakerConfig => ({
  asNumber: 64512,
  bgpIdentifier: address(identifier),
  clusterId: undefined,
  restarting: false,
  maxPaths: 16,
  deferralSeconds: 10,
  ...changes,
});

export const peerConfig = (own: Address, other: Address, changes: Partial<PeerConfig> = {}): PeerConfig => ({
  peer: other as string as PeerId,
  address: other,
  port: 179,
  localAddress: own,
  localAs: 64512,
  remoteAs: 64512,
  families: [familyOfAddress(other)],
  passive: false,
  holdTimeSeconds: 90,
  keepaliveSeconds: undefined,
  connectRetrySeconds: 5,
  connectRetryMaxSeconds: 60,
  gracefulRestartSeconds: 120,
  routeReflectorClient: false,
  nextHop: 'auto',
  allowLocalAs: 0,
  importPolicy: ACCEPT_ALL,
  exportPolicy: ACCEPT_ALL,
  heldBack: undefined,
  ...changes,
});

export const localRoute = (text: string, attributes: Partial<PathAttributes> = {}): OriginatedRoute => ({
  prefix: prefix(text),
  attributes: { origin: 0, asPath: [], ...attributes },
  kernel: 'blackhole',
});
