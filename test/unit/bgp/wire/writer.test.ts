import { Writer } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

describe('Writer', () => {
  it('writes big-endian numbers and octets', () => {
    const w = new Writer();
    w.u8(0xff);
    w.u16(0xfffe);
    w.u32(0xfffffffd);
    w.bytes(parseHex('0102'));
    expect(formatHex(w.take())).toBe('fffffefffffffd0102');
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'grows from a capacity of %d octets and keeps what was written',
    (capacity) => {
      const w = new Writer(capacity);
      w.u8(1);
      w.u16(0x0203);
      w.u32(0x04050607);
      w.bytes(new Uint8Array(100).fill(8));
      expect(formatHex(w.take())).toBe(`01020304050607${'08'.repeat(100)}`);
    },
  );

  it('writes over lengths that are known later', () => {
    const w = new Writer(1);
    w.u16(0);
    w.u8(0);
    w.u8(7);
    w.setU16(0, 0x1234);
    w.setU8(2, 0x56);
    expect(formatHex(w.take())).toBe('12345607');
  });

  it('makes room inside what was written', () => {
    const w = new Writer(4);
    w.u32(0x01020304);
    w.insert(1, 2);
    w.setU16(1, 0xaabb);
    expect(formatHex(w.take())).toBe('01aabb020304');
  });

  it('drops what was written last when the length is set back', () => {
    const w = new Writer();
    w.u32(0x01020304);
    w.length = 1;
    w.u8(9);
    expect(formatHex(w.take())).toBe('0109');
  });
});
