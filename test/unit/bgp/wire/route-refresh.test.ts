import { decodeRouteRefresh } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

it.each([
  ['a request', '0001 00 01', { afi: 1, safi: 1, subtype: 0 }],
  ['a beginning (BoRR)', '0002 01 01', { afi: 2, safi: 1, subtype: 1 }],
  ['an end (EoRR)', '0002 02 01', { afi: 2, safi: 1, subtype: 2 }],
  [
    'an unknown subtype, which the session ignores (RFC 7313 §5)',
    '0002 09 01',
    { afi: 2, safi: 1, subtype: 9 },
  ],
  [
    'a request with ORF entries, which are not read',
    '0001 00 01 01 80 0000',
    { afi: 1, safi: 1, subtype: 0 },
  ],
])('reads %s', (_what, hex, expected) => {
  expect(decodeRouteRefresh(parseHex(hex))).toEqual({ type: 'RouteRefresh', ...expected });
});

it.each([
  ['a BoRR that is too long', '0001 01 01 00'],
  ['an EoRR that is too long', '0001 02 01 00'],
  ['one that is too short', '0001 00'],
  ['an empty one', ''],
])('answers %s with Invalid Message Length and the whole message (RFC 7313 §5)', (_what, hex) => {
  const body = parseHex(hex);
  const length = (19 + body.length).toString(16).padStart(4, '0');
  const result = decodeRouteRefresh(body);
  expect(result).toMatchObject({ type: 'Notification', code: 7, subcode: 1 });
  expect(result.type === 'Notification' && formatHex(result.data)).toBe(
    `${'ff'.repeat(16)}${length}05${formatHex(body)}`,
  );
});
