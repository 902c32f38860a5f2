// Whom a fuzzed speaker talks to: settings of both sides of each session, drawn from the seed. Plain data, so that a file can hold it.

import {
  address,
  type Capability,
  FAMILIES,
  FAMILY,
  type PeerConfig,
  type Policy,
  ROLE,
  type Role,
  type SpeakerConfig,
} from 'bgp-utils';
import type { Prng } from 'bgp-utils/testing';
import { peerConfig, speakerConfig } from '../support/peers.ts';

export const OUR_AS = 64512;
export const OWN = { ipv4: address('10.0.0.1'), ipv6: address('fd00::1') } as const;

export interface PeerPlan {
  readonly config: PeerConfig;
  /** What the far end says in its OPEN. */
  readonly asNumber: number;
  readonly identifier: string;
  readonly holdTimeSeconds: number;
  readonly capabilities: readonly Capability[];
  /** Takes connections that the speaker opens. */
  readonly listens: boolean;
}

export interface Plan {
  readonly speaker: SpeakerConfig;
  readonly peers: readonly PeerPlan[];
}

export function drawPlan(random: Prng): Plan {
  const count = random.between(2, 4);
  return {
    speaker: speakerConfig(OWN.ipv4, {
      clusterId: random.chance(0.7) ? OWN.ipv4 : undefined,
      restarting: random.chance(0.15),
      maxPaths: random.pick([1, 2, 16]),
      preferOldest: random.chance(0.3),
    }),
    peers: Array.from({ length: count }, (_, index) => drawPeer(random, index + 2)),
  };
}

const COUNTERPART: Readonly<Record<Role, Role>> = {
  provider: 'customer',
  customer: 'provider',
  rs: 'rs-client',
  'rs-client': 'rs',
  peer: 'peer',
};

function drawPeer(random: Prng, host: number): PeerPlan {
  const internal = random.chance(0.5);
  const asNumber = internal ? OUR_AS : random.pick([64512 + host, 64512 + host, 4_200_000_000 + host]);
  const family = random.chance(0.3) ? 'ipv6' : 'ipv4';
  const own = OWN[family];
  const other = address(family === 'ipv4' ? `10.0.0.${host}` : `fd00::${host}`);
  const role = random.chance(0.3) ? random.pick(Object.keys(ROLE) as Role[]) : undefined;
  const holdTimeSeconds = random.pick([0, 90, 3]);
  const config = peerConfig(own, other, {
    localAs: internal || random.chance(0.9) ? OUR_AS : 64600,
    remoteAs: asNumber,
    families: random.pick([['ipv4', 'ipv6'], ['ipv4', 'ipv6'], ['ipv4'], ['ipv6']] as const),
    addPaths: random.pick(['off', 'send', 'receive', 'both', 'both']),
    passive: random.chance(0.5),
    holdTimeSeconds,
    delayOpenSeconds: random.pick([0, 0, 0, 2]),
    gracefulRestartSeconds: random.pick([0, 120, 120]),
    routeReflectorClient: internal && random.chance(0.6),
    nextHop: random.pick(['auto', 'auto', 'self', 'keep']),
    allowLocalAs: random.pick([0, 0, 1]),
    requirePolicy: random.chance(0.1),
    enforceFirstAs: random.chance(0.1),
    importPolicy: random.chance(0.5) ? EVERYTHING : drawPolicy(random),
    exportPolicy: random.chance(0.5) ? EVERYTHING : drawPolicy(random),
    extendedMessages: random.chance(0.7),
    notificationRestart: random.chance(0.7),
    longLivedStaleSeconds: random.pick([0, 300]),
    role: role && { role, strict: random.chance(0.2) },
    maxPrefixes: random.chance(0.1)
      ? {
          limit: random.between(1, 50),
          warningOnly: random.chance(0.5),
          restartSeconds: random.pick([undefined, 10]),
        }
      : undefined,
  });
  return {
    config,
    asNumber,
    identifier: random.chance(0.1) ? `10.0.0.${random.between(2, 5)}` : `10.0.0.${host}`,
    holdTimeSeconds,
    capabilities: drawCapabilities(random, asNumber, role),
    listens: random.chance(0.7),
  };
}

const EVERYTHING: Policy = { terms: [], otherwise: 'accept' };

/** Terms that change attributes in all ways, for one half of all routes. */
function drawPolicy(random: Prng): Policy {
  const value = random.between(0, 0xffff);
  const actions = [
    { type: 'SetLocalPref', value },
    { type: 'SetMultiExitDisc', value: random.pick([undefined, value]) },
    { type: 'SetNextHop', address: address('10.0.0.99') },
    { type: 'PrependAsPath', asNumbers: Array.from({ length: random.pick([1, 3, 300]) }, () => 64700) },
    { type: 'AddCommunities', values: [value, 0xffffff01] },
    { type: 'RemoveCommunities', values: [0xffffff01] },
    { type: 'AddLargeCommunities', values: [[64512, 1, value]] },
    { type: 'SetExtendedCommunities', values: [`0002fc000000${value.toString(16).padStart(4, '0')}`] },
  ] as const;
  return {
    terms: [
      {
        name: 'some',
        match: random.pick([
          {},
          { localPref: { min: 101 } },
          { origin: [0] as const },
          { peerType: 'internal' as const },
        ]),
        actions: actions.filter(() => random.chance(0.3)),
        verdict: random.pick(['accept', 'next', 'reject']),
      },
    ],
    otherwise: 'accept',
  };
}

function drawCapabilities(random: Prng, asNumber: number, ours: Role | undefined): Capability[] {
  const list: Capability[] = [];
  const maybe = (probability: number, make: () => Capability): void => {
    if (random.chance(probability)) list.push(make());
  };
  const pairs = FAMILIES.map((family) => FAMILY[family]);
  for (const { afi, safi } of pairs) maybe(0.8, () => ({ name: 'Multiprotocol', afi, safi }));
  maybe(0.8, () => ({ name: 'RouteRefresh' }));
  maybe(0.6, () => ({ name: 'EnhancedRouteRefresh' }));
  maybe(0.5, () => ({ name: 'ExtendedMessage' }));
  maybe(asNumber > 0xffff ? 1 : 0.75, () => ({ name: 'FourOctetAs', asNumber }));
  maybe(0.6, () => ({
    name: 'AddPath',
    families: pairs
      .map(({ afi, safi }) => ({
        ...{ afi, safi, send: random.chance(0.6), receive: random.chance(0.6) },
      }))
      .filter(({ send, receive }) => send || receive),
  }));
  maybe(0.5, () => ({ name: 'ExtendedNextHop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }));
  maybe(0.6, () => ({
    name: 'GracefulRestart',
    restarting: random.chance(0.2),
    notification: random.chance(0.6),
    restartTimeSeconds: random.pick([0, 5, 120]),
    families: pairs
      .filter(() => random.chance(0.8))
      .map(({ afi, safi }) => ({ afi, safi, forwardingPreserved: random.chance(0.7) })),
  }));
  maybe(0.4, () => ({
    name: 'LongLivedGracefulRestart',
    families: pairs.map(({ afi, safi }) => ({
      ...{ afi, safi, forwardingPreserved: random.chance(0.7), staleTimeSeconds: random.pick([0, 60, 300]) },
    })),
  }));
  if (ours !== undefined && random.chance(0.85)) list.push({ name: 'Role', role: ROLE[COUNTERPART[ours]] });
  else maybe(0.1, () => ({ name: 'Role', role: random.between(0, 6) }));
  maybe(0.2, () => ({ name: 'Hostname', hostname: 'far', domain: '' }));
  maybe(0.2, () => ({ name: 'Unknown', code: 200, value: Uint8Array.of(1, 2, 3) }));
  return list;
}
