import { decodeNotification, describeNotification, notification, shutdownCommunication } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

describe('NOTIFICATION', () => {
  it('is read as code, subcode and a copy of the data', () => {
    const body = parseHex('0302 404d00');
    const message = decodeNotification(body);
    body.fill(0);
    expect(message).toEqual(notification(3, 2, parseHex('404d00')));
  });

  it.each([
    [1, 1, '', 'Message Header Error/Connection Not Synchronized', ''],
    [2, 2, '0000fdf1', 'OPEN Message Error/Bad Peer AS', 'data 0000fdf1'],
    [2, 0, '', 'OPEN Message Error', ''],
    [3, 11, '', 'UPDATE Message Error/Malformed AS_PATH', ''],
    [4, 0, '', 'Hold Timer Expired', ''],
    [5, 3, '', 'Finite State Machine Error/Receive Unexpected Message in Established State', ''],
    [6, 7, '', 'Cease/Connection Collision Resolution', ''],
    [6, 99, '', 'Cease/subcode 99', ''],
    [7, 1, '', 'ROUTE-REFRESH Message Error/Invalid Message Length', ''],
    [8, 0, '', 'Send Hold Timer Expired', ''],
    [77, 5, '01', 'code 77/subcode 5', 'data 01'],
    [6, 1, '0001 01 000003e8', 'Cease/Maximum Number of Prefixes Reached', 'AFI 1 SAFI 1 limit 1000'],
    [6, 1, '0001 01 0003e8', 'Cease/Maximum Number of Prefixes Reached', 'data 0001010003e8'], // not seven octets
    [6, 6, '0001 01 000003e8', 'Cease/Other Configuration Change', 'data 000101000003e8'],
    [6, 2, '02 6f6b', 'Cease/Administrative Shutdown', 'ok'],
    [6, 4, '02 6f6b', 'Cease/Administrative Reset', 'ok'],
    [6, 2, '00', 'Cease/Administrative Shutdown', ''],
    [6, 3, '02 6f6b', 'Cease/Peer De-configured', 'data 026f6b'],
    [6, 2, '05 6f6b', 'Cease/Administrative Shutdown', 'data 056f6b'], // length beyond the data
    [6, 2, '02 ff6b', 'Cease/Administrative Shutdown', 'data 02ff6b'], // not UTF-8
    [6, 9, '0602 02 6f6b', 'Cease/Hard Reset', 'Cease/Administrative Shutdown: ok'],
    [6, 9, '0400', 'Cease/Hard Reset', 'Hold Timer Expired'],
    [6, 9, '', 'Cease/Hard Reset', ''],
  ])('%d/%d with data %p is named "%4$s" and says "%5$s"', (code, subcode, data, name, text) => {
    expect(describeNotification(notification(code, subcode, parseHex(data)))).toEqual({ name, text });
  });

  it('shows only the start of long data', () => {
    const { text } = describeNotification(notification(3, 1, new Uint8Array(1000)));
    expect(text).toBe(`data ${'00'.repeat(32)}… (1000 octets)`);
  });

  it('is described within bounds when resets are nested', () => {
    const data = Uint8Array.from({ length: 60_000 }, (_, i) => (i % 2 === 0 ? 6 : 9));
    expect(() => describeNotification(notification(6, 9, data))).not.toThrow();
  });
});

describe('a Shutdown Communication (RFC 9003)', () => {
  it('is its length and UTF-8', () => {
    expect(formatHex(shutdownCommunication('Grüße'))).toBe('074772c3bcc39f65');
  });

  it.each([
    ['fits in 255 octets', 'a'.repeat(255), 255],
    ['is cut at 255 octets', 'a'.repeat(300), 255],
    ['is cut before a character that does not fit', `${'a'.repeat(254)}ß`, 254],
    ['is cut before a character of four octets', `${'a'.repeat(253)}😀`, 253],
  ])('%s', (_what, text, length) => {
    const data = shutdownCommunication(text);
    expect(data[0]).toBe(length);
    expect(data).toHaveLength(length + 1);
    const shown = describeNotification(notification(6, 2, data)).text;
    expect(text.startsWith(shown)).toBe(true);
  });

  it('cannot forge what a terminal or a log shows', () => {
    const forged = shutdownCommunication('ok\r\n\u001b[2J\u202eevil\u2028\u0000');
    expect(describeNotification(notification(6, 2, forged)).text).toBe('ok���[2J�evil��');
  });
});
