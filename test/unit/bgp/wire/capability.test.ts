import {
  type Capability,
  decodeCapability,
  describeCapability,
  encodeCapability,
  Reader,
  Writer,
} from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

function decode(hex: string): Capability | undefined {
  const octets = parseHex(hex);
  return decodeCapability(octets[0]!, new Reader(octets.subarray(2)));
}

const v4 = { afi: 1, safi: 1 };
const v6 = { afi: 2, safi: 1 };

const CASES: readonly (readonly [string, Capability, string])[] = [
  ['01 04 0001 00 01', { name: 'Multiprotocol', ...v4 }, 'Multiprotocol (ipv4)'],
  ['01 04 0019 00 46', { name: 'Multiprotocol', afi: 25, safi: 70 }, 'Multiprotocol (AFI 25 SAFI 70)'],
  ['02 00', { name: 'RouteRefresh' }, 'Route Refresh'],
  [
    '05 06 0001 0001 0002',
    { name: 'ExtendedNextHop', entries: [{ ...v4, nextHopAfi: 2 }] },
    'Extended Next Hop (ipv4 via ipv6)',
  ],
  ['06 00', { name: 'ExtendedMessage' }, 'Extended Message'],
  ['09 01 03', { name: 'Role', role: 3 }, 'Role (customer)'],
  ['09 01 09', { name: 'Role', role: 9 }, 'Role (9)'],
  [
    '40 02 0078',
    {
      name: 'GracefulRestart',
      restarting: false,
      notification: false,
      restartTimeSeconds: 120,
      families: [],
    },
    'Graceful Restart (120 s)',
  ],
  [
    '40 0a cfff 0001 01 80 0002 01 00',
    {
      name: 'GracefulRestart',
      restarting: true,
      notification: true,
      restartTimeSeconds: 4095,
      families: [
        { ...v4, forwardingPreserved: true },
        { ...v6, forwardingPreserved: false },
      ],
    },
    'Graceful Restart (4095 s, restarting, also after NOTIFICATION, ipv4 forwarding preserved, ipv6)',
  ],
  ['41 04 fffffffe', { name: 'FourOctetAs', asNumber: 4294967294 }, 'Four-octet AS (4294967294)'],
  [
    '45 0c 0001 01 01 0002 01 02 0002 02 03',
    {
      name: 'AddPath',
      families: [
        { ...v4, send: false, receive: true },
        { ...v6, send: true, receive: false },
        { afi: 2, safi: 2, send: true, receive: true },
      ],
    },
    'ADD-PATH (ipv4 receive, ipv6 send, AFI 2 SAFI 2 send receive)',
  ],
  ['46 00', { name: 'EnhancedRouteRefresh' }, 'Enhanced Route Refresh'],
  [
    '47 0e 0001 01 80 ffffff 0002 01 00 000e10',
    {
      name: 'LongLivedGracefulRestart',
      families: [
        { ...v4, forwardingPreserved: true, staleTimeSeconds: 0xffffff },
        { ...v6, forwardingPreserved: false, staleTimeSeconds: 3600 },
      ],
    },
    'Long-Lived Graceful Restart (ipv4 16777215 s, ipv6 3600 s)',
  ],
  ['49 06 02 6831 02 6578', { name: 'Hostname', hostname: 'h1', domain: 'ex' }, 'Hostname (h1.ex)'],
  ['49 04 02 6831 00', { name: 'Hostname', hostname: 'h1', domain: '' }, 'Hostname (h1)'],
  ['80 00', { name: 'Unknown', code: 128, value: new Uint8Array(0) }, 'Route Refresh (Cisco)'],
  [
    'c8 02 abcd',
    { name: 'Unknown', code: 200, value: Uint8Array.of(0xab, 0xcd) },
    'capability 200 (2 octets)',
  ],
];

describe.each(CASES)('capability %s', (hex, capability, text) => {
  it('is read', () => expect(decode(hex)).toEqual(capability));
  it('is written', () => {
    const w = new Writer(1);
    encodeCapability(w, capability);
    expect(formatHex(w.take())).toBe(formatHex(parseHex(hex)));
  });
  it('is described', () => expect(describeCapability(capability)).toBe(text));
});

it.each([
  ['Multiprotocol, too short', '01 03 0001 00'],
  ['Multiprotocol, too long', '01 05 0001 00 01 00'],
  ['Route Refresh with a value', '02 01 00'],
  ['Extended Next Hop with half an entry', '05 03 0001 00'],
  ['Extended Message with a value', '06 01 00'],
  ['Role without a value', '09 00'],
  ['Graceful Restart without time', '40 01 00'],
  ['Graceful Restart with half a family', '40 04 0078 0001'],
  ['Four-octet AS with two octets', '41 02 fe0a'],
  ['ADD-PATH with half a family', '45 03 0001 01'],
  ['Long-Lived Graceful Restart with half a family', '47 06 0001 01 80 0000'],
])('%s is malformed', (_what, hex) => {
  expect(decode(hex)).toBeUndefined();
});

it.each(['00', '04', 'ff'])('ADD-PATH: a family with Send/Receive %s is ignored (RFC 7911 §4)', (mode) => {
  expect(decode(`45 08 0001 01 ${mode} 0002 01 03`)).toEqual({
    name: 'AddPath',
    families: [{ ...v6, send: true, receive: true }],
  });
});

it.each([
  ['not UTF-8', '49 04 02 ffff 00'],
  ['too short', '49 02 05 68'],
  ['too long', '49 04 01 68 00 00'],
])('a Hostname that is %s is kept as octets', (_what, hex) => {
  const value = parseHex(hex).slice(2);
  expect(decode(hex)).toEqual({ name: 'Unknown', code: 73, value });
});

it('times that are too large are sent as the largest', () => {
  const w = new Writer();
  const restart = { name: 'GracefulRestart', restarting: false, notification: false, families: [] } as const;
  encodeCapability(w, { ...restart, restartTimeSeconds: 5000 });
  const stale = { ...v4, forwardingPreserved: false, staleTimeSeconds: 2 ** 25 };
  encodeCapability(w, { name: 'LongLivedGracefulRestart', families: [stale] });
  expect(formatHex(w.take())).toBe('40020fff' + '47070001010' + '0ffffff');
});

it('a host name cannot forge what is shown', () => {
  expect(describeCapability({ name: 'Hostname', hostname: 'a\n\u001b[1m', domain: '' })).toBe(
    'Hostname (a��[1m)',
  );
});

it('what does not fit into one octet of length is a bug of the caller', () => {
  const value = new Uint8Array(256);
  expect(() => encodeCapability(new Writer(), { name: 'Unknown', code: 200, value })).toThrow(/^invariant/);
});
