import { address, type Capability, type PathAttributes, type PeerConfig, parseNetwork } from 'bgp-utils';
import { type LocalOffer, localCapabilities, negotiate } from '../../../../bgp/src/session/negotiate.ts';
import { announcement, Bench, passivePeer } from '../../../support/bench.ts';
import { sequence } from '../../../support/rib.ts';

const [A, B] = ['10.0.0.2', '10.0.0.3'] as const;

const offer: LocalOffer = {
  localAs: 64512,
  remoteAs: 64512,
  bgpIdentifier: address('10.0.0.1'),
  holdTimeSeconds: 90,
  keepaliveSeconds: undefined,
  families: ['ipv4', 'ipv6'],
  gracefulRestartSeconds: 0,
  restarting: false,
  forwardingPreserved: true,
};

const agree = (changes: Partial<LocalOffer>, ...capabilities: readonly Capability[]) => {
  const result = negotiate(
    { ...offer, ...changes },
    {
      type: 'Open',
      version: 4,
      asNumber: 64512,
      myAs: 64512,
      holdTimeSeconds: 90,
      bgpIdentifier: address('10.0.0.2'),
      capabilities: [
        { name: 'Multiprotocol', afi: 1, safi: 1 },
        { name: 'Multiprotocol', afi: 2, safi: 1 },
        ...capabilities,
      ],
    },
  );
  if ('type' in result) throw new Error('refused');
  return result.context;
};

const ipv4 = (send: boolean, receive: boolean): Capability => ({
  name: 'AddPath',
  families: [{ afi: 1, safi: 1, send, receive }],
});

describe('ADD-PATH is agreed on (RFC 7911 §4)', () => {
  it.each<[string, NonNullable<LocalOffer['addPaths']>, Capability, readonly string[], readonly string[]]>([
    ['where the peer sends and we receive', 'receive', ipv4(true, true), ['ipv4'], []],
    ['where we send and the peer receives', 'send', ipv4(true, true), [], ['ipv4']],
    ['in both directions', 'both', ipv4(true, true), ['ipv4'], ['ipv4']],
    ['not where both receive', 'receive', ipv4(false, true), [], []],
    ['not where both send', 'send', ipv4(true, false), [], []],
    ['not where we say nothing', 'off', ipv4(true, true), [], []],
    ['not where the peer says nothing', 'both', { name: 'RouteRefresh' }, [], []],
  ])('%s', (_name, addPaths, theirs, receive, send) => {
    expect(agree({ addPaths }, theirs)).toMatchObject({ addPathReceive: receive, addPathSend: send });
  });

  it('for families that the session carries alone', () => {
    expect(agree({ addPaths: 'both', families: ['ipv6'] }, ipv4(true, true)).addPathReceive).toEqual([]);
  });

  it('and said for each of our families', () => {
    const of = (addPaths: NonNullable<LocalOffer['addPaths']>) =>
      localCapabilities({ ...offer, addPaths }).find(({ name }) => name === 'AddPath');
    expect(of('off')).toBeUndefined();
    expect(of('receive')).toMatchObject({
      families: [
        { afi: 1, safi: 1, send: false, receive: true },
        { afi: 2, safi: 1, send: false, receive: true },
      ],
    });
  });

  it('anew where the setting changes: the session is reset', () => {
    const bench = new Bench({}, passivePeer(A, { addPaths: 'receive' }));
    const connection = bench.establish(A);
    bench.tell({ type: 'ChangePeer', config: passivePeer(A, { addPaths: 'both' }) });
    expect(bench.closed(connection)).toBeDefined();
  });
});

describe('IPv4 routes with an IPv6 next hop (RFC 8950 §4)', () => {
  const theirs = (nextHopAfi: number): Capability => ({
    name: 'ExtendedNextHop',
    entries: [{ afi: 1, safi: 1, nextHopAfi }],
  });
  it.each<[string, boolean, readonly Capability[], boolean]>([
    ['agreed on', true, [theirs(2)], true],
    ['not without the peer', true, [], false],
    ['not for another family of next hops', true, [theirs(1)], false],
    ['not without us', false, [theirs(2)], false],
  ])('%s', (_name, extendedNextHop, capabilities, expected) => {
    expect(agree({ extendedNextHop }, ...capabilities).extendedNextHop).toBe(expected);
  });

  const sessionOver = (other: string, families: PeerConfig['families']) => {
    const bench = new Bench({}, passivePeer(other, { families }));
    return bench.view(other).capabilitiesSent.filter((text) => text.startsWith('Extended Next Hop'));
  };
  it('are offered on a session over IPv6 that carries IPv4, and on no other', () => {
    expect(sessionOver('fd00::2', ['ipv4', 'ipv6'])).toEqual([expect.stringContaining('ipv4 via ipv6')]);
    expect(sessionOver('fd00::2', ['ipv6'])).toEqual([]);
    expect(sessionOver(A, ['ipv4', 'ipv6'])).toEqual([]);
  });
});

const via = (nextHop: string, changes: Partial<PathAttributes> = {}): PathAttributes => ({
  origin: 0,
  asPath: [],
  localPref: 100,
  nextHop: { address: address(nextHop) },
  ...changes,
});

describe('the external route in use (RFC 5004)', () => {
  const heard = (preferOldest: boolean, first: string, second: string) => {
    const peers = [passivePeer(A, { remoteAs: 65001 }), passivePeer(B, { remoteAs: 65001 })];
    const bench = new Bench({ preferOldest, maxPaths: 1 }, ...peers);
    const say = (from: string) =>
      bench.received(
        bench.establish(from, { asNumber: 65001 }),
        announcement(['10.65.2.0/24'], via(from, { asPath: sequence(65001) }), 'external'),
      );
    say(first);
    say(second);
    const { network } = { network: parseNetwork('10.65.2.0/24')!.prefix };
    const other = [...bench.speaker.routes('ipv4', network)].find(({ best }) => !best);
    return [bench.routes()['10.65.2.0/24'], other?.reason];
  };
  it('stays where that is wanted, whatever identifier another one has', () => {
    expect(heard(true, B, A)).toEqual([B, 'already in use (RFC 5004)']);
    expect(heard(true, A, B)).toEqual([A, 'already in use (RFC 5004)']);
  });

  it('gives way by default, so that the order of arrival has no say', () => {
    expect(heard(false, B, A)).toEqual([A, 'BGP Identifier']);
    expect(heard(false, A, B)).toEqual([A, 'BGP Identifier']);
  });
});

describe('an equal-cost set', () => {
  const set = (...communities: readonly (readonly string[])[]) => {
    const bench = new Bench({}, passivePeer(A), passivePeer(B));
    for (const [i, from] of [A, B].entries()) {
      const extendedCommunities = communities[i]!;
      const changes = extendedCommunities.length === 0 ? {} : { extendedCommunities };
      bench.received(bench.establish(from), announcement(['10.65.2.0/24'], via(from, changes)));
    }
    return bench.forwarding.get(parseNetwork('10.65.2.0/24')!.prefix);
  };
  it('shares in proportion to link bandwidth, when every path says its own', () => {
    expect(set(['4004fc0040000000'], ['4004fc003f800000'])).toMatchObject({
      nextHops: [A, B],
      weights: [256, 128],
    });
  });

  it('shares alike otherwise', () => {
    expect(set(['4004fc0040000000'], [])).not.toHaveProperty('weights');
  });
});

describe('a session with an AS number of its own (local-AS override)', () => {
  const up = (asPath: PathAttributes['asPath'], changes: Partial<PeerConfig> = {}) => {
    const bench = new Bench({}, passivePeer(A, { localAs: 65100, remoteAs: 65001, ...changes }));
    const connection = bench.establish(A, { asNumber: 65001 });
    bench.received(connection, announcement(['10.65.2.0/24'], via(A, { asPath }), 'external'));
    return bench;
  };
  it.each([65100, 64512])('has a loop with %i in the path: both numbers are ours', (own) => {
    const bench = up(sequence(65001, own));
    expect(bench.routes()).toEqual({});
    expect([...bench.speaker.routes('ipv4')][0]!.reason).toContain('AS_PATH loop');
    expect(up(sequence(65001, own), { allowLocalAs: 1 }).routes()).toEqual({ '10.65.2.0/24': A });
  });

  it('says that number, in the OPEN and in the path', () => {
    const bench = up(sequence(65001));
    const connection = [...bench.sent.keys()][0]!;
    const prefix = parseNetwork('10.65.9.0/24')!.prefix;
    bench.tell({
      type: 'Originate',
      route: { prefix, attributes: { origin: 0, asPath: [] }, kernel: 'none' },
    });
    const messages = bench.sent.get(connection)!;
    expect(messages.find(({ type }) => type === 'Open')).toMatchObject({ asNumber: 65100 });
    const updates = messages.flatMap((message) =>
      message.type === 'Update' ? [message.attributes?.asPath] : [],
    );
    expect(updates).toContainEqual(sequence(65100));
  });

  it('is internal where the peer has the same number', () => {
    const bench = new Bench({}, passivePeer(A, { localAs: 65100, remoteAs: 65100 }));
    const connection = bench.establish(A, { asNumber: 65100 });
    bench.received(connection, announcement(['10.65.2.0/24'], via(A, { localPref: 300 })));
    expect([...bench.speaker.routes('ipv4')][0]!.attributes.localPref).toBe(300);
    expect(bench.routes()).toEqual({ '10.65.2.0/24': A });
  });
});
