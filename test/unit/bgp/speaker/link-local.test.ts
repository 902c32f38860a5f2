import {
  address,
  type ConnectionId,
  type PathAttributes,
  type PeerId,
  parseScopedAddress,
  prefix,
} from 'bgp-utils';
import { announcement, Bench } from '../../../support/bench.ts';
import { peerConfig } from '../../../support/peers.ts';

const GLOBAL = address('fd00::1');
const LINK_LOCAL = address('fe80::2');
const BLOCK = 'fd00:65::/122';

/** Two neighbors with one address, each on its own link; one is of another AS. */
const [A, B] = ['fe80::2%eth0', 'fe80::2%eth1'] as const;
const own = (zone: string) => parseScopedAddress(`fe80::1%${zone}`)!;

const config = (text: string, remoteAs = 64512) =>
  peerConfig(GLOBAL, parseScopedAddress(text)!, {
    passive: true,
    localAddress: undefined,
    globalAddress: GLOBAL,
    remoteAs,
  });

const OPEN = {
  capabilities: [
    { name: 'Multiprotocol' as const, afi: 2, safi: 1 },
    { name: 'FourOctetAs' as const, asNumber: 64512 },
  ],
};

function establish(bench: Bench, peer: string, identifier: string, asNumber = 64512): ConnectionId {
  const connection = bench.accept(peer, own(peer.split('%')[1]!));
  const capabilities = OPEN.capabilities.map((each) =>
    each.name === 'FourOctetAs' ? { ...each, asNumber } : each,
  );
  bench.open(connection, identifier, { asNumber, myAs: asNumber, capabilities });
  bench.keepAlive(connection);
  expect(bench.state(peer)).toBe('Established');
  return connection;
}

const attributes = (
  nextHop: PathAttributes['nextHop'],
  asPath: PathAttributes['asPath'] = [],
): PathAttributes => ({
  origin: 0,
  asPath,
  localPref: 100,
  nextHop: nextHop!,
});

describe('sessions between link-local addresses', () => {
  it('are with the neighbor on that link: another one of the same address is another peer', () => {
    const bench = new Bench({}, config(A));
    expect(bench.notifications(bench.accept(B, own('eth1')))).toEqual(['6/5']); // Cease, Connection Rejected
    establish(bench, A, '10.0.0.2');
  });

  it.each([
    ['a link-local next hop alone', { address: LINK_LOCAL }],
    ['both addresses', { address: address('fd00::2'), linkLocal: LINK_LOCAL }],
  ])('%s: forwarded by the link that it came by, and both links together', (_what, nextHop) => {
    const bench = new Bench({}, config(A), config(B));
    const a = establish(bench, A, '10.0.0.2');
    const b = establish(bench, B, '10.0.0.3');
    bench.received(a, announcement([BLOCK], attributes(nextHop)));
    expect(bench.forwarding.get(prefix(BLOCK))).toMatchObject({ nextHops: [A] });
    bench.received(b, announcement([BLOCK], attributes(nextHop)));
    expect(bench.forwarding.get(prefix(BLOCK))).toMatchObject({ nextHops: [A, B] });
    bench.disconnect(a);
    bench.pass(1000);
    expect(bench.forwarding.get(prefix(BLOCK))).toMatchObject({ nextHops: [B] });
    expect(bench.speaker.sizes().nextHops).toBe(1);
  });

  it('a range of them makes a peer of each address and link', () => {
    const range = {
      ...config(A),
      peer: 'fe80::/64' as PeerId,
      address: address('fe80::'),
      range: prefix('fe80::/64'),
    };
    const bench = new Bench({}, range);
    const a = establish(bench, A, '10.0.0.2');
    establish(bench, B, '10.0.0.3');
    bench.received(a, announcement([BLOCK], attributes({ address: LINK_LOCAL })));
    expect(bench.forwarding.get(prefix(BLOCK))).toMatchObject({ nextHops: [A] });
  });

  it('our own address on the link is no next hop', () => {
    const bench = new Bench({}, config(A));
    const a = establish(bench, A, '10.0.0.2');
    for (const nextHop of [
      { address: address('fe80::1') },
      { address: GLOBAL, linkLocal: address('fe80::1') },
    ]) {
      bench.received(a, announcement([BLOCK], attributes(nextHop)));
      expect(bench.forwarding.get(prefix(BLOCK))).toBeUndefined();
    }
  });

  it('hear our global address with the link-local one behind it (RFC 2545 §3), and no link of ours', () => {
    const bench = new Bench({}, config(A, 65001), config(B, 65002));
    const a = establish(bench, A, '10.0.0.2', 65001);
    const b = establish(bench, B, '10.0.0.3', 65002);
    const asPath = [{ type: 'AS_SEQUENCE' as const, asNumbers: [65001] }];
    bench.received(a, announcement([BLOCK], attributes({ address: LINK_LOCAL }, asPath), 'external'));
    const told = (bench.sent.get(b) ?? []).flatMap((each) => (each.type === 'Update' ? each.announced : []));
    expect(told.map(({ nextHop }) => nextHop)).toEqual([{ address: GLOBAL, linkLocal: 'fe80::1' }]);
  });

  it('a next hop that is kept goes on without the link', () => {
    const bench = new Bench({}, config(A, 65001), { ...config(B, 65002), nextHop: 'keep' });
    const a = establish(bench, A, '10.0.0.2', 65001);
    const b = establish(bench, B, '10.0.0.3', 65002);
    const asPath = [{ type: 'AS_SEQUENCE' as const, asNumbers: [65001] }];
    const nextHop = { address: address('fd00::2'), linkLocal: LINK_LOCAL };
    bench.received(a, announcement([BLOCK], attributes(nextHop, asPath), 'external'));
    const told = (bench.sent.get(b) ?? []).flatMap((each) => (each.type === 'Update' ? each.announced : []));
    expect(told.map((each) => each.nextHop)).toEqual([nextHop]);
  });

  it('this node’s other address is told without a reset', () => {
    const bench = new Bench({}, config(A, 65001));
    const a = establish(bench, A, '10.0.0.2', 65001);
    bench.tell({
      type: 'Originate',
      route: { prefix: prefix(BLOCK), attributes: { origin: 0, asPath: [] }, kernel: 'none' },
    });
    bench.clear();
    bench.tell({ type: 'ChangePeer', config: { ...config(A, 65001), globalAddress: address('fd00::9') } });
    expect(bench.state(A)).toBe('Established');
    const told = (bench.sent.get(a) ?? []).flatMap((each) => (each.type === 'Update' ? each.announced : []));
    expect(told.map(({ nextHop }) => nextHop)).toEqual([{ address: 'fd00::9', linkLocal: 'fe80::1' }]);
  });
});
