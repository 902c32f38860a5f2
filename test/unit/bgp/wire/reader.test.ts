import { Reader } from 'bgp-utils';
import { parseHex } from 'bgp-utils/testing';

describe('Reader', () => {
  it('reads big-endian unsigned numbers', () => {
    const r = new Reader(parseHex('ff fffe fffffffd'));
    expect([r.u8(), r.u16(), r.u32(), r.remaining, r.overrun]).toEqual([0xff, 0xfffe, 0xfffffffd, 0, false]);
  });

  it.each([
    ['u8', '', (r: Reader) => r.u8()],
    ['u16', 'ff', (r: Reader) => r.u16()],
    ['u32', 'ffffff', (r: Reader) => r.u32()],
  ])('%s past the end yields 0, sets overrun and goes to the end', (_name, hex, read) => {
    const r = new Reader(parseHex(hex));
    expect(read(r)).toBe(0);
    expect(r.overrun).toBe(true);
    expect(r.remaining).toBe(0);
  });

  it('gives no part of what is too short', () => {
    const r = new Reader(parseHex('0102'));
    expect(r.view(3)).toHaveLength(0);
    expect(r.overrun).toBe(true);
  });

  it('reads a limited part, then what follows it', () => {
    const r = new Reader(parseHex('0102 0304 05'));
    const outer = r.limit(2);
    expect(r.u8()).toBe(1);
    expect(r.remaining).toBe(1);
    r.unlimit(outer);
    expect(r.u16()).toBe(0x0304);
    expect(r.u8()).toBe(5);
    expect(r.overrun).toBe(false);
  });

  it('does not read beyond a limit', () => {
    const r = new Reader(parseHex('01020304'));
    r.limit(1);
    expect(r.u16()).toBe(0);
    expect(r.overrun).toBe(true);
  });

  it('finds a limit beyond the end', () => {
    const r = new Reader(parseHex('0102'));
    const outer = r.limit(3);
    expect(r.overrun).toBe(true);
    r.unlimit(outer);
    expect(r.remaining).toBe(0);
  });

  it.each([
    ['Uint8Array', Uint8Array.of(1, 2, 3)],
    ['Buffer', Buffer.from([1, 2, 3])],
  ])('copies keep their octets when a received %s changes, views do not', (_name, received) => {
    const r = new Reader(received);
    const copy = r.copy(1);
    const view = r.view(1);
    received.fill(9);
    expect([...copy]).toEqual([1]);
    expect([...view]).toEqual([9]);
  });
});
