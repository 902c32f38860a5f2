import { address, type NextHop } from 'bgp-utils';
import {
  decodeCanonical,
  encodeCanonical,
  SCOPED_NEXT_HOP_OCTETS,
  scopedNextHop,
} from '../../../../../bgp/src/wire/attribute/canonical.ts';
import { forwardingAddress, offLink, onLink } from '../../../../../bgp/src/wire/attribute/link-scope.ts';
import { Writer } from '../../../../../bgp/src/wire/writer.ts';

const GLOBAL = address('fd00::2');
const LINK_LOCAL = address('fe80::2');

describe('link-local next hops (RFC 2545 §3)', () => {
  it.each<[string, NextHop, string, string]>([
    ['both addresses', { address: GLOBAL, linkLocal: LINK_LOCAL }, 'fe80::2%eth0', 'eth0'],
    ['a link-local one alone', { address: LINK_LOCAL }, 'fe80::2%eth0', 'eth0'],
    [
      'an interface with the longest name',
      { address: LINK_LOCAL },
      'fe80::2%fifteen-octets0',
      'fifteen-octets0',
    ],
  ])('%s: forwarded by the link that it came by', (_what, nextHop, forwarded, zone) => {
    const scoped = onLink(nextHop, zone);
    expect(forwardingAddress(scoped)).toBe(forwarded);
    expect(offLink(scoped)).toEqual(nextHop);
    const w = new Writer(64);
    expect(encodeCanonical(w, { origin: 0, asPath: [], nextHop: scoped })).toBe(SCOPED_NEXT_HOP_OCTETS);
    const octets = w.take();
    expect(decodeCanonical(octets, SCOPED_NEXT_HOP_OCTETS)).toEqual({
      origin: 0,
      asPath: [],
      nextHop: scoped,
    });
    expect(scopedNextHop(octets, octets.length - SCOPED_NEXT_HOP_OCTETS)).toEqual(scoped);
  });

  it('from a session of global addresses: the kernel finds the way to the global one', () => {
    const nextHop = { address: GLOBAL, linkLocal: LINK_LOCAL };
    expect(onLink(nextHop, undefined)).toBe(nextHop);
    expect(forwardingAddress(nextHop)).toBe(GLOBAL);
  });

  it('a global next hop has no link, whatever the session', () => {
    expect(onLink({ address: GLOBAL }, 'eth0')).toEqual({ address: GLOBAL });
  });
});
