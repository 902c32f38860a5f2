// The hot files against plain twins: the same rules written the slow way, with nothing shared.

import {
  checkNlri,
  encodeMessage,
  type Family,
  Framer,
  INITIAL_CONTEXT,
  KEEPALIVE,
  type NlriBlock,
  notification,
  Reader,
  Writer,
  writePrefix,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import fc from 'fast-check';
import { prefixesOf } from '../vectors/load.ts';

const family = fc.constantFrom<Family>('ipv4', 'ipv6');

/** RFC 4271 §4.3 and RFC 7911 §3 in bits. @returns "id/length/bits" of each entry, or undefined when malformed. */
function plainNlri(octets: Uint8Array, bits: number, addPath: boolean): string[] | undefined {
  let rest = [...octets];
  const entries: string[] = [];
  while (rest.length > 0) {
    const id = addPath ? rest.slice(0, 4) : [0, 0, 0, 0];
    if (addPath) rest = rest.slice(4);
    const length = rest[0];
    if (id.length < 4 || length === undefined || length > bits) return undefined;
    const value = rest.slice(1, 1 + Math.ceil(length / 8));
    if (value.length < Math.ceil(length / 8)) return undefined;
    rest = rest.slice(1 + value.length);
    const binary = value
      .map((octet) => octet.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, length);
    entries.push(`${id.reduce((sum, octet) => sum * 256 + octet, 0)}/${length}/${binary.padEnd(bits, '0')}`);
  }
  return entries;
}

/** What the cursor says, in the same words; the text form is checked in net.test.ts. */
function bitsOf(block: NlriBlock): string[] {
  return prefixesOf(block).map((text) => {
    const [, id = '0', address, length] = /^(?:#(\d+) )?(.*)\/(\d+)$/.exec(text)!;
    const groups =
      block.family === 'ipv4'
        ? address!.split('.').map((part) => Number(part).toString(2).padStart(8, '0'))
        : expand(address!).map((part) => Number.parseInt(part, 16).toString(2).padStart(16, '0'));
    return `${id}/${length}/${groups.join('')}`;
  });
}

function expand(text: string): string[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
  const plainText =
    dotted === null ? text : `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}`;
  const [head = '', tail] = plainText.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  if (tail === undefined) return groups(head);
  const missing = 8 - groups(head).length - groups(tail).length;
  return [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)];
}

/** Entries with lengths around the limits, then cut anywhere. */
const nlri = fc
  .tuple(
    fc.array(
      fc.tuple(
        fc.nat(0xffffffff),
        fc.oneof(fc.nat(34), fc.nat(130), fc.nat(255)),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
      ),
      { maxLength: 8 },
    ),
    fc.boolean(),
    fc.nat(20),
    fc.boolean(),
  )
  .map(([entries, addPath, cut, isCut]) => {
    const octets = entries.flatMap(([id, length, value]) => [
      ...(addPath ? [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255] : []),
      length,
      ...value.slice(0, Math.ceil(length / 8)),
    ]);
    return { addPath, octets: Uint8Array.from(isCut ? octets.slice(0, -cut) : octets) };
  });

it('checkNlri and NlriCursor read as the plain twin does', () => {
  let good = 0;
  fc.assert(
    fc.property(nlri, family, ({ octets, addPath }, f) => {
      const expected = plainNlri(octets, f === 'ipv4' ? 32 : 128, addPath);
      expect(checkNlri(octets, f, addPath)).toBe(expected?.length);
      if (expected === undefined) return;
      good += expected.length;
      expect(bitsOf({ family: f, addPath, octets })).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
  expect(good).toBeGreaterThan(200);
});

it('writePrefix writes what is read again', () => {
  const entry = fc.tuple(
    fc.option(fc.nat(0xffffffff), { nil: undefined }),
    fc.nat(128),
    fc.array(fc.nat(0xffffffff), { minLength: 4, maxLength: 4 }),
  );
  fc.assert(
    fc.property(entry, family, ([pathId, n, [w0, w1, w2, w3]], f) => {
      const w = new Writer(0);
      const length = f === 'ipv4' ? n % 33 : n;
      writePrefix(w, f, length, w0!, w1!, w2!, w3!, pathId);
      const all = [w0!, w1!, w2!, w3!].map((word) => word.toString(2).padStart(32, '0')).join('');
      const bits = f === 'ipv4' ? 32 : 128;
      expect(plainNlri(w.take(), bits, pathId !== undefined)).toEqual([
        `${pathId ?? 0}/${length}/${all.slice(0, length).padEnd(bits, '0')}`,
      ]);
    }),
  );
});

it('Framer gives the messages that the plain twin gives', () => {
  const message = fc.oneof(
    fc.constant(encodeMessage(KEEPALIVE, INITIAL_CONTEXT)),
    fc.uint8Array({ maxLength: 600 }).map((data) => encodeMessage(notification(6, 2, data), INITIAL_CONTEXT)),
  );
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }),
      (messages, sizes) => {
        const stream = Uint8Array.from(messages.flatMap((m) => [...m]));
        const framer = new Framer();
        const bodies: string[] = [];
        for (let at = 0, i = 0; at < stream.length; at += sizes[i++ % sizes.length]!) {
          framer.push(stream.slice(at, at + sizes[i % sizes.length]!));
          for (let next = framer.next(4096); next !== undefined; next = framer.next(4096)) {
            bodies.push(next.kind === 'frame' ? `${next.type} ${formatHex(next.body)}` : 'error');
          }
        }
        expect(bodies).toEqual(messages.map((m) => `${m[18]} ${formatHex(m.subarray(19))}`));
      },
    ),
  );
});

it('Reader and Writer agree with DataView', () => {
  const value = fc.oneof(
    fc.nat(0xff).map((v) => ({ octets: 1, v })),
    fc.nat(0xffff).map((v) => ({ octets: 2, v })),
    fc.nat(0xffffffff).map((v) => ({ octets: 4, v })),
  );
  fc.assert(
    fc.property(fc.array(value), fc.nat(8), (values, capacity) => {
      const total = values.reduce((sum, { octets }) => sum + octets, 0);
      const view = new DataView(new ArrayBuffer(total));
      const w = new Writer(capacity);
      let at = 0;
      for (const { octets, v } of values) {
        if (octets === 1) view.setUint8(at, v);
        else if (octets === 2) view.setUint16(at, v);
        else view.setUint32(at, v);
        at += octets;
        w[octets === 1 ? 'u8' : octets === 2 ? 'u16' : 'u32'](v);
      }
      expect(w.take()).toEqual(new Uint8Array(view.buffer));
      const r = new Reader(w.take());
      expect(values.map(({ octets }) => r[octets === 1 ? 'u8' : octets === 2 ? 'u16' : 'u32']())).toEqual(
        values.map(({ v }) => v),
      );
      expect([r.remaining, r.overrun]).toEqual([0, false]);
    }),
  );
});
