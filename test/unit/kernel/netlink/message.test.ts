import { readAttributes, readText, readU32 } from '../../../../src/kernel/netlink/attribute.ts';
import { MessageWriter, messages, NLM_F, readError } from '../../../../src/kernel/netlink/message.ts';

const octets = (hex: string) => Buffer.from(hex.replace(/\s/g, ''), 'hex');
const only = (buffer: Buffer) => [...messages(buffer)];

describe('messages', () => {
  it('writes header, fixed part and padded attributes, one message behind the other', () => {
    const writer = new MessageWriter();
    writer.begin(24, NLM_F.REQUEST, 7);
    writer.u8(2);
    writer.u8(0);
    writer.u16(0x1234);
    writer.attributeRaw(1, [10, 0, 0]);
    writer.attributeU32(6, 1024);
    writer.end();
    writer.begin(25, NLM_F.REQUEST, 8);
    writer.end();
    writer.acknowledgeLast();
    expect(writer.octets.toString('hex')).toBe(
      octets(`
        24000000 1800 0100 07000000 00000000  02 00 3412  0700 0100 0a0000 00  0800 0600 00040000
        10000000 1900 0500 08000000 00000000`).toString('hex'),
    );
  });

  it('leaves nothing of an earlier batch in the gaps of the next', () => {
    const writer = new MessageWriter();
    writer.begin(1, 0, 0);
    writer.raw(new Uint8Array(64).fill(255));
    writer.end();
    writer.reset();
    writer.begin(1, 0, 0);
    writer.attributeRaw(1, [1]);
    writer.end();
    expect(writer.octets.toString('hex')).toBe(
      octets('18000000 0100 0000 00000000 00000000 0500 0100 01 000000').toString('hex'),
    );
  });

  it('grows as far as needed, keeping what is there', () => {
    const writer = new MessageWriter();
    for (let i = 0; i < 10_000; i++) {
      writer.begin(24, 0, i);
      writer.attributeU32(1, i);
      writer.end();
    }
    const read = only(writer.octets);
    expect(read).toHaveLength(10_000);
    expect(read.every((message, i) => message.sequence === i)).toBe(true);
    const last = read.at(-1)!;
    expect(readU32(readAttributes(last.octets, last.start, last.end), 1)).toBe(9999);
  });

  it.each([
    ['nothing', '', 0],
    ['half a header', '10000000', 0],
    ['a length below the header', '0f000000 1800 0000 00000000 00000000', 0],
    [
      'a message that is cut off',
      '10000000 1800 0000 00000000 00000000  18000000 1800 0000 00000000 00000000',
      1,
    ],
  ])('ends at %s', (_what, hex, count) => {
    expect(only(octets(hex))).toHaveLength(count);
  });

  it('nests structures that carry their length', () => {
    const writer = new MessageWriter();
    writer.begin(1, 0, 0);
    writer.attribute(9, () =>
      writer.lengthPrefixed(() => {
        writer.u16(0xffff);
        writer.attributeRaw(5, [1, 2, 3]);
      }),
    );
    writer.end();
    expect(writer.octets.subarray(16).toString('hex')).toBe(
      '10000900 0c00ffff 07000500 01020300'.replace(/ /g, ''),
    );
  });
});

describe('errors', () => {
  const text = '1c00 0100 4e657874686f702068617320696e76616c696420676100'; // "Nexthop has invalid ga"
  it.each([
    [
      'an acknowledgement',
      '24000000 0200 0001 01000000 00000000 00000000 3400000018000506 0100000000000000',
      0,
      undefined,
    ],
    [
      'an error without text',
      '24000000 0200 0001 01000000 00000000 9bffffff 3400000018000506 0100000000000000',
      101,
      undefined,
    ],
    [
      'an error with text, the request capped',
      `40000000 0200 0003 01000000 00000000 9bffffff 3400000018000506 0100000000000000 ${text}0000`,
      101,
      'Nexthop has invalid ga',
    ],
    [
      'an error with text behind the whole request',
      `44000000 0200 0002 01000000 00000000 eaffffff 1400000018000506 0100000000000000 deadbeef ${text}0000`,
      22,
      'Nexthop has invalid ga',
    ],
  ])('reads %s', (_what, hex, errno, expected) => {
    const [message] = only(octets(hex));
    expect(readError(message!)).toEqual({ errno, text: expected });
  });
});

describe('attributes', () => {
  it.each([
    ['a length below the header', '0300 0100 00000000'],
    ['a length past the end', '0c00 0100 00000000'],
    ['less than a header', '0400'],
  ])('stops at %s', (_what, hex) => {
    const buffer = octets(hex);
    expect(readAttributes(buffer, 0, buffer.length).size).toBe(0);
  });

  it('reads types without their flags, text without its end, numbers only when they are whole', () => {
    const buffer = octets('0900 0300 6574683000 000000 0800 0980 01000000 0600 0400 0100');
    const attributes = readAttributes(buffer, 0, buffer.length);
    expect(readText(attributes, 3)).toBe('eth0');
    expect(readU32(attributes, 9)).toBe(1);
    expect(readU32(attributes, 4)).toBeUndefined();
    expect(readText(attributes, 77)).toBeUndefined();
  });
});
