import {
  address,
  decodeMessage,
  encodeMessage,
  Framer,
  INITIAL_CONTEXT,
  KEEPALIVE,
  type Message,
  notification,
  openMessage,
} from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

const MARKER = 'ff'.repeat(16);

it.each<[string, Exclude<Message, { type: 'Update' }>, string]>([
  [
    'OPEN',
    openMessage({
      asNumber: 64512,
      holdTimeSeconds: 90,
      bgpIdentifier: address('10.0.0.1'),
      capabilities: [{ name: 'RouteRefresh' }],
    }),
    '0021 01 04 fc00 005a 0a000001 04 02020200',
  ],
  ['NOTIFICATION', notification(6, 4, parseHex('00')), '0016 03 06 04 00'],
  ['KEEPALIVE', KEEPALIVE, '0013 04'],
  ['ROUTE-REFRESH', { type: 'RouteRefresh', afi: 2, safi: 1, subtype: 1 }, '0017 05 0002 01 01'],
])('%s is written with its header and read again', (_name, message, hex) => {
  const octets = encodeMessage(message, INITIAL_CONTEXT);
  expect(formatHex(octets)).toBe(MARKER + formatHex(parseHex(hex)));
  const framer = new Framer();
  framer.push(octets);
  const framed = framer.next(4096);
  expect(framed?.kind === 'frame' && decodeMessage(framed, INITIAL_CONTEXT)).toEqual({ ok: true, message });
});

it.each<[string, number, string, number, number]>([
  ['OPEN', 1, '03 fc00 005a 0a000001 00', 2, 1],
  ['UPDATE', 2, '0000 0001', 3, 1],
  ['ROUTE-REFRESH', 5, '0001', 7, 1],
  ['message of an unknown type', 9, '', 1, 3],
])('a malformed %s is answered with the NOTIFICATION to send', (_name, type, hex, code, subcode) => {
  const decoded = decodeMessage({ type, body: parseHex(hex) }, INITIAL_CONTEXT);
  expect(decoded).toMatchObject({ ok: false, error: { type: 'Notification', code, subcode } });
});

it('a NOTIFICATION with too much data is cut to the largest message (RFC 4271 §4.1)', () => {
  const octets = encodeMessage(notification(3, 1, new Uint8Array(5000)), INITIAL_CONTEXT);
  expect(octets).toHaveLength(4096);
  const framer = new Framer();
  framer.push(octets);
  expect(framer.next(4096)).toMatchObject({ kind: 'frame', type: 3 });
});

it('a reset by an UPDATE says which attribute led to it', () => {
  const decoded = decodeMessage({ type: 2, body: parseHex('0000 0003 406300') }, INITIAL_CONTEXT);
  expect(decoded).toMatchObject({ ok: false, findings: [{ code: 0x63, outcome: 'session-reset' }] });
});
