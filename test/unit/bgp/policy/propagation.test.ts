import { type Address, address, type PathAttributes, type PeerIndex, type RouteSource } from 'bgp-utils';
import {
  type Destination,
  forbidden,
  outgoing,
  type ReceiveRules,
  sendable,
  unusable,
} from '../../../../bgp/src/policy/propagation.ts';
import { sequence } from '../../../support/rib.ts';

const SELF = address('10.0.0.1');
const OTHER = address('10.0.0.7');
const CLUSTER = address('1.1.1.1');
const REMOTE = address('10.9.9.9');

const SOURCES = {
  local: { peer: 0 as PeerIndex, kind: 'local', client: false },
  internal: { peer: 1 as PeerIndex, kind: 'internal', client: false },
  client: { peer: 2 as PeerIndex, kind: 'internal', client: true },
  external: { peer: 3 as PeerIndex, kind: 'external', client: false },
} as const satisfies Record<string, RouteSource>;
type From = keyof typeof SOURCES;

const destination = (changes: Partial<Destination> = {}): Destination => ({
  peerType: 'internal',
  localAs: 64512,
  client: false,
  clusterId: undefined,
  nextHop: 'auto',
  selfAddress: SELF,
  ...changes,
});

const DESTINATIONS = {
  internal: destination(),
  'internal of a reflector': destination({ clusterId: CLUSTER }),
  client: destination({ clusterId: CLUSTER, client: true }),
  external: destination({ peerType: 'external' }),
};
type To = keyof typeof DESTINATIONS;

/** As it comes from a peer. */
const HEARD: PathAttributes = {
  origin: 0,
  asPath: sequence(65001),
  nextHop: { address: OTHER },
  localPref: 150,
  multiExitDisc: 7,
};
const { localPref: _, ...HEARD_EXTERNALLY } = HEARD;
const MADE: PathAttributes = { origin: 0, asPath: [], multiExitDisc: 3 };
const attributesFrom = (from: From): PathAttributes =>
  from === 'local' ? MADE : from === 'external' ? HEARD_EXTERNALLY : HEARD;

describe('who may hear what (RFC 4271 §9.2, RFC 4456 §6)', () => {
  it.each<[From, To, boolean]>([
    ['local', 'internal', true],
    ['local', 'internal of a reflector', true],
    ['local', 'client', true],
    ['local', 'external', true],
    ['internal', 'internal', false],
    ['internal', 'internal of a reflector', false],
    ['internal', 'client', true],
    ['internal', 'external', true],
    ['client', 'internal', false], // no cluster id: nothing is reflected
    ['client', 'internal of a reflector', true],
    ['client', 'client', true],
    ['client', 'external', true],
    ['external', 'internal', true],
    ['external', 'internal of a reflector', true],
    ['external', 'client', true],
    ['external', 'external', true],
  ])('from %s to %s: %s', (from, to, allowed) => {
    const rule = forbidden(attributesFrom(from), SOURCES[from], DESTINATIONS[to]);
    expect(rule === undefined).toBe(allowed);
  });

  it.each<[string, number, boolean, boolean]>([
    ['NO_EXPORT', 0xffffff01, true, false],
    ['NO_ADVERTISE', 0xffffff02, false, false],
    ['NO_EXPORT_SUBCONFED', 0xffffff03, true, false],
    ['any other community', 0xfc000064, true, true],
  ])('%s (RFC 1997)', (name, community, internal, external) => {
    for (const from of ['local', 'external'] as const) {
      const attributes = { ...attributesFrom(from), communities: [community] };
      const toInternal = forbidden(attributes, SOURCES[from], DESTINATIONS.internal);
      const toExternal = forbidden(attributes, SOURCES[from], DESTINATIONS.external);
      expect([toInternal === undefined, toExternal === undefined]).toEqual([internal, external]);
      for (const rule of [toInternal, toExternal]) if (rule !== undefined) expect(rule).toContain(name);
    }
  });
});

describe('the next hop (RFC 4271 §5.1.3)', () => {
  const froms = Object.keys(SOURCES) as From[];
  const tos = Object.keys(DESTINATIONS) as To[];
  const cells = froms.flatMap((from) =>
    tos.flatMap((to) => (['auto', 'self', 'keep'] as const).map((nextHop) => [from, to, nextHop] as const)),
  );
  it.each(cells)('from %s to %s with %s', (from, to, nextHop) => {
    const sent = outgoing(attributesFrom(from), SOURCES[from], REMOTE, { ...DESTINATIONS[to], nextHop });
    const kept = from !== 'local' && (nextHop === 'keep' || (nextHop === 'auto' && to !== 'external'));
    expect(sent.nextHop).toEqual({ address: kept ? OTHER : SELF });
  });

  it('a link-local address means nothing on another link: it goes on only with "keep" (RFC 2545 §3)', () => {
    const linkLocal = address('fe80::1');
    const heard = { ...HEARD, nextHop: { address: address('fd00::7'), linkLocal } };
    const to = { ...DESTINATIONS.internal, selfAddress: address('fd00::1') };
    const sent = (from: PathAttributes, nextHop: 'auto' | 'self' | 'keep') =>
      outgoing(from, SOURCES.external, undefined, { ...to, nextHop }).nextHop;
    expect(sent(heard, 'auto')).toEqual({ address: 'fd00::7' });
    expect(sent(heard, 'keep')).toEqual(heard.nextHop);
    expect(sent(heard, 'self')).toEqual({ address: 'fd00::1' });
    // one that has nothing else leads to us
    const alone = { ...HEARD, nextHop: { address: linkLocal } };
    expect(sent(alone, 'auto')).toEqual({ address: 'fd00::1' });
    expect(sent(alone, 'keep')).toEqual({ address: linkLocal });
  });
});

describe('towards internal peers', () => {
  it.each<[From, number]>([
    ['local', 100],
    ['external', 100],
    ['internal', 150],
  ])('LOCAL_PREF is always there: from %s %i (§5.1.5)', (from, localPref) => {
    const sent = outgoing(attributesFrom(from), SOURCES[from], REMOTE, DESTINATIONS.client);
    expect(sent).toMatchObject({ localPref, multiExitDisc: attributesFrom(from).multiExitDisc });
    expect(sent.asPath).toEqual(attributesFrom(from).asPath);
  });

  it.each<[From, boolean]>([
    ['local', false],
    ['external', false],
    ['internal', true],
    ['client', true],
  ])('a route from %s is reflected: %s (RFC 4456 §8)', (from, reflected) => {
    const sent = outgoing(attributesFrom(from), SOURCES[from], REMOTE, DESTINATIONS.client);
    expect(sent.originatorId).toBe(reflected ? REMOTE : undefined);
    expect(sent.clusterList).toEqual(reflected ? [CLUSTER] : undefined);
  });

  it('reflected once more keeps the originator, and has our cluster in front', () => {
    const clusters: Address[] = [address('2.2.2.2')];
    const heard = { ...HEARD, originatorId: OTHER, clusterList: clusters };
    const sent = outgoing(heard, SOURCES.client, REMOTE, DESTINATIONS.client);
    expect(sent).toMatchObject({ originatorId: OTHER, clusterList: [CLUSTER, '2.2.2.2'] });
    expect(clusters).toEqual(['2.2.2.2']);
  });
});

describe('towards external peers', () => {
  const reflected = { ...HEARD, originatorId: OTHER, clusterList: [CLUSTER] };
  it.each<[From, PathAttributes, PathAttributes]>([
    ['local', MADE, { origin: 0, asPath: sequence(64512), multiExitDisc: 3, nextHop: { address: SELF } }],
    ['client', reflected, { origin: 0, asPath: sequence(64512, 65001), nextHop: { address: SELF } }],
    ['external', HEARD_EXTERNALLY, { origin: 0, asPath: sequence(64512, 65001), nextHop: { address: SELF } }],
  ])(
    'from %s: our AS is in front, and LOCAL_PREF, foreign MED and reflection stay here (§5.1, RFC 4456 §8)',
    (from, attributes, expected) => {
      const to = DESTINATIONS.external;
      expect(sendable(outgoing(attributes, SOURCES[from], REMOTE, to), to)).toEqual(expected);
    },
  );

  it.each<[From, PathAttributes, number]>([
    ['local', { ...MADE, localPref: 7 }, 7],
    ['client', reflected, 150],
    ['external', HEARD_EXTERNALLY, 100],
  ])('from %s: policy still sees the LOCAL_PREF that it has here', (from, attributes, localPref) => {
    const seen = outgoing(attributes, SOURCES[from], REMOTE, DESTINATIONS.external);
    expect(seen.localPref).toBe(localPref);
  });

  it('confederation segments stay in the confederation (RFC 5065 §5.3)', () => {
    const heard: PathAttributes = {
      ...HEARD,
      asPath: [{ type: 'AS_CONFED_SEQUENCE', asNumbers: [65100] }, ...sequence(65001)],
    };
    expect(outgoing(heard, SOURCES.internal, REMOTE, DESTINATIONS.external).asPath).toEqual(
      sequence(64512, 65001),
    );
  });

  it('what policy set and must not leave is taken off again', () => {
    expect(sendable(reflected, DESTINATIONS.internal)).toBe(reflected);
    expect(Object.keys(sendable(reflected, DESTINATIONS.external)).sort()).toEqual([
      'asPath',
      'multiExitDisc',
      'nextHop',
      'origin',
    ]);
  });
});

describe('extended communities (RFC 4360 §6)', () => {
  const transitive = '0002fc0000000001';
  const confined = '4004fc004cbebc20'; // link bandwidth

  it.each([
    ['internal', [transitive, confined], [transitive, confined]],
    ['external', [transitive, confined], [transitive]],
    ['external', [confined], undefined],
  ] as const)('towards %s peers: %p become %p', (to, had, sent) => {
    const attributes = { ...HEARD, extendedCommunities: had };
    expect(sendable(attributes, DESTINATIONS[to]).extendedCommunities).toEqual(sent);
  });
});

describe('a route that came in is not used', () => {
  const rules: ReceiveRules = {
    localAs: 64512,
    allowLocalAs: 0,
    bgpIdentifier: address('10.0.0.1'),
    clusterId: CLUSTER,
    ownAddresses: new Set([SELF]),
  };
  it.each<[string, Partial<PathAttributes>, Partial<ReceiveRules>, boolean]>([
    ['with our own address as next hop (RFC 4271 §5.1.3)', { nextHop: { address: SELF } }, {}, true],
    ['with our AS in its path (§9.1.2)', { asPath: sequence(65001, 64512) }, {}, true],
    ['with our AS in a set of its path', { asPath: [{ type: 'AS_SET', asNumbers: [64512] }] }, {}, true],
    ['more often than allowed', { asPath: sequence(64512, 64512) }, { allowLocalAs: 1 }, true],
    ['not: as often as allowed', { asPath: sequence(64512, 65001) }, { allowLocalAs: 1 }, false],
    ['not: twice, where that is allowed', { asPath: sequence(64512, 64512) }, { allowLocalAs: 2 }, false],
    [
      'that begins with another AS',
      { asPath: sequence(65002, 65001) },
      { enforceFirstAs: true, remoteAs: 65001 },
      true,
    ],
    [
      'that begins with a set',
      { asPath: [{ type: 'AS_SET', asNumbers: [65001] }] },
      { enforceFirstAs: true, remoteAs: 65001 },
      true,
    ],
    ['with an empty path', { asPath: [] }, { enforceFirstAs: true, remoteAs: 65001 }, true],
    ['not: that begins with the AS of the peer', {}, { enforceFirstAs: true, remoteAs: 65001 }, false],
    ['not: another AS, where nobody asks', { asPath: sequence(65002) }, { remoteAs: 65001 }, false],
    [
      'not: a set in its path (RFC 6472 is advice to those who make one)',
      { asPath: [{ type: 'AS_SET', asNumbers: [7, 8] }] },
      {},
      false,
    ],
    ['when we are its originator (RFC 4456 §8)', { originatorId: address('10.0.0.1') }, {}, true],
    ['when it came through our cluster (RFC 4456 §8)', { clusterList: [OTHER, CLUSTER] }, {}, true],
    ['not: another cluster', { clusterList: [OTHER] }, {}, false],
    [
      'not: any cluster, where we reflect nothing',
      { clusterList: [CLUSTER] },
      { clusterId: undefined },
      false,
    ],
    ['not: otherwise', {}, {}, false],
  ])('%s', (_name, changes, rule, expected) => {
    expect(unusable({ ...HEARD, ...changes }, { ...rules, ...rule }) !== undefined).toBe(expected);
  });
});
