import { readAddressLink, readLink, writeLinkDump } from '../../../../src/kernel/netlink/link.ts';
import { MessageWriter, messages } from '../../../../src/kernel/netlink/message.ts';

const message = (hex: string) => [...messages(Buffer.from(hex.replace(/\s/g, ''), 'hex'))][0]!;

describe('links', () => {
  it.each([
    // As Linux 6.18 told of "ip link set eth0 down" and "… up", shortened after the name.
    [
      'down',
      '2c000000 10000000 00000000 00000000 00000100 03000000 02100000 01000000 09000300 65746830 00000000',
      { index: 3, name: 'eth0', up: false, carrier: false },
    ],
    [
      'up without carrier',
      '2c000000 10000000 00000000 00000000 00000100 02000000 03100000 00000000 07000300 70300000 00000000',
      { index: 2, name: 'p0', up: true, carrier: false },
    ],
  ])('read: %s', (_what, hex, link) => {
    expect(readLink(message(hex))).toEqual(link);
  });

  it.each([
    [
      'news of a bridge port (AF_BRIDGE)',
      '2c000000 10000000 00000000 00000000 07000100 03000000 03100000 00000000 09000300 65746830 00000000',
    ],
    ['news without a name', '20000000 10000000 00000000 00000000 00000100 03000000 03100000 00000000'],
    ['a message that is too short', '14000000 10000000 00000000 00000000 00000100'],
  ])('passes over %s', (_what, hex) => {
    expect(readLink(message(hex))).toBeUndefined();
  });

  it('reads the interface of an address', () => {
    expect(readAddressLink(message('18000000 14000000 00000000 00000000 02188000 03000000'))).toBe(3);
  });

  it('asks for all', () => {
    const writer = new MessageWriter();
    writeLinkDump(writer, 9);
    expect(writer.octets.toString('hex')).toBe(`200000001200010309000000${'0'.repeat(40)}`);
  });
});
