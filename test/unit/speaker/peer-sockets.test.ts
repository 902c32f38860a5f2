import { type Address, address, type Prefix, parseScopedAddress, prefix } from 'bgp-utils';
import { type PeerSocketOptions, PeerSockets } from '../../../src/speaker/peer-sockets.ts';

const options = (password?: string): PeerSocketOptions => ({
  password,
  ttl: 64,
  minTtl: undefined,
  device: undefined,
  userTimeoutMs: 0,
});

const sockets = (peers: readonly [Address, string?][], ranges: readonly [Prefix, string?][] = []) =>
  new PeerSockets(
    new Map(peers.map(([at, password]) => [at, options(password)])),
    new Map(ranges.map(([at, password]) => [at, options(password)])),
  );

describe('PeerSockets', () => {
  const one = address('10.0.0.1');
  const scoped = parseScopedAddress('fe80::1%eth0')!;
  const all = sockets(
    [[one, 'one'], [scoped, 'link'], [address('10.0.0.3')]],
    [
      [prefix('10.0.0.0/8'), 'wide'],
      [prefix('10.0.0.0/24'), 'near'],
      [prefix('fd00::/64'), 'six'],
    ],
  );

  it.each([
    ['10.0.0.1', 'one'],
    ['10.0.0.3', undefined],
    ['10.0.0.9', 'near'],
    ['10.9.9.9', 'wide'],
    ['fd00::7', 'six'],
  ])('%s is the peer of itself, or of the smallest range around it', (text, password) => {
    expect(all.of(address(text))).toEqual(options(password));
  });

  it('knows no others, and a link-local address on its own link alone', () => {
    expect(all.of(address('192.0.2.1'))).toBeUndefined();
    expect(all.of(scoped)).toEqual(options('link'));
    expect(all.of(parseScopedAddress('fe80::1%eth1')!)).toBeUndefined();
  });

  it('has a key for each address and range with a password, by family', () => {
    expect([...all.keys('ipv4').values()]).toEqual([
      { name: '10.0.0.0/24', address: '10.0.0.0', prefixLength: 24, key: 'near' },
      { name: '10.0.0.0/8', address: '10.0.0.0', prefixLength: 8, key: 'wide' },
      { name: '10.0.0.1', address: '10.0.0.1', prefixLength: undefined, key: 'one' },
    ]);
    // The kernel does not look at the zone.
    expect([...all.keys('ipv6').keys()]).toEqual(['fd00::/64', 'fe80::1']);
  });
});
