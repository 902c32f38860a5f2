import { encodeMessage, type Framed, Framer, INITIAL_CONTEXT, KEEPALIVE, notification } from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

const MARKER = 'ff'.repeat(16);
const keepalive = encodeMessage(KEEPALIVE, INITIAL_CONTEXT);
const cease = encodeMessage(notification(6, 2, parseHex('0568656c6c6f')), INITIAL_CONTEXT);

function all(framer: Framer, maxMessageOctets = 4096): Framed[] {
  const frames: Framed[] = [];
  for (
    let framed = framer.next(maxMessageOctets);
    framed !== undefined;
    framed = framer.next(maxMessageOctets)
  ) {
    frames.push(framed);
    if (framed.kind === 'error') break;
  }
  return frames;
}

const shown = (framed: Framed): string =>
  framed.kind === 'frame'
    ? `${framed.type}:${formatHex(framed.body)}`
    : `error ${framed.error.code}/${framed.error.subcode} ${formatHex(framed.error.data)}`;

describe('Framer cuts octets into messages', () => {
  const stream = Uint8Array.from([...keepalive, ...cease, ...keepalive]);
  const expected = ['4:', '3:06020568656c6c6f', '4:'];

  it.each([1, 2, 15, 16, 17, 18, 19, 20, 37, 45, 46, 47, stream.length])(
    'whatever the pieces are that they come in: %d octets',
    (size) => {
      const framer = new Framer();
      const frames: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        framer.push(stream.subarray(at, at + size));
        frames.push(...all(framer).map(shown));
      }
      expect(frames).toEqual(expected);
    },
  );

  it('also when several pieces are pushed before the messages are taken', () => {
    const framer = new Framer();
    framer.push(stream.subarray(0, 10));
    framer.push(stream.subarray(10, 30));
    framer.push(stream.subarray(30));
    expect(all(framer).map(shown)).toEqual(expected);
  });

  it('and takes an empty piece for nothing', () => {
    const framer = new Framer();
    framer.push(new Uint8Array(0));
    expect(framer.next(4096)).toBeUndefined();
    framer.push(keepalive);
    expect(all(framer).map(shown)).toEqual(['4:']);
  });

  it('without copying messages that came whole', () => {
    const framer = new Framer();
    framer.push(cease);
    const framed = framer.next(4096);
    expect(framed?.kind === 'frame' && framed.body.buffer).toBe(cease.buffer);
  });

  it('and keeps its own copy of one that did not', () => {
    const framer = new Framer();
    const head = Uint8Array.from(cease.subarray(0, 23));
    framer.push(head);
    expect(framer.next(4096)).toBeUndefined();
    head.fill(0);
    framer.push(cease.subarray(23));
    expect(all(framer).map(shown)).toEqual(['3:06020568656c6c6f']);
  });
});

describe('Framer checks the header (RFC 4271 §6.1)', () => {
  const header = (length: number, type: number) =>
    `${MARKER} ${length.toString(16).padStart(4, '0')} ${type.toString(16).padStart(2, '0')}`;
  const cases: readonly (readonly [string, string, number, string])[] = [
    ['a marker that is not all ones', `${'ff'.repeat(15)}fe 0013 04`, 4096, 'error 1/1 '],
    ['a length below the header', header(18, 4), 4096, 'error 1/2 0012'],
    ['a length of 0', header(0, 2), 4096, 'error 1/2 0000'],
    ['a length above the limit', header(4097, 2), 4096, 'error 1/2 1001'],
    ['an OPEN below 29', header(28, 1), 4096, 'error 1/2 001c'],
    ['an UPDATE below 23', header(22, 2), 4096, 'error 1/2 0016'],
    ['a NOTIFICATION below 21', header(20, 3), 4096, 'error 1/2 0014'],
    ['a KEEPALIVE with a body', header(20, 4), 4096, 'error 1/2 0014'],
    [
      'an OPEN above 4,096 also with extended messages (RFC 8654 §4)',
      header(4097, 1),
      65535,
      'error 1/2 1001',
    ],
    ['an unknown type', header(19, 6), 4096, 'error 1/3 06'],
    ['type 0', header(19, 0), 4096, 'error 1/3 00'],
    ['a wrong length before an unknown type', header(18, 9), 4096, 'error 1/2 0012'],
  ];

  it.each(cases)('%s', (_what, hex, max, expected) => {
    const framer = new Framer();
    framer.push(parseHex(hex));
    expect(all(framer, max).map(shown)).toEqual([expected]);
  });

  it.each(cases)('octet by octet: %s', (_what, hex, max, expected) => {
    const framer = new Framer();
    const frames: string[] = [];
    for (const octet of parseHex(hex)) {
      framer.push(Uint8Array.of(octet));
      frames.push(...all(framer, max).map(shown));
      if (frames.length > 0) break;
    }
    expect(frames).toEqual([expected]);
  });

  it.each([
    [4096, 4096],
    [65535, 65535],
  ])('accepts an UPDATE of %d octets where that is the limit', (length, max) => {
    const framer = new Framer();
    framer.push(parseHex(header(length, 2)));
    expect(framer.next(max)).toBeUndefined();
    framer.push(new Uint8Array(length - 19));
    const framed = framer.next(max);
    expect(framed?.kind === 'frame' && framed.body.length).toBe(length - 19);
  });

  it.each([
    ['OPEN', 1, 29],
    ['UPDATE', 2, 23],
    ['NOTIFICATION', 3, 21],
    ['KEEPALIVE', 4, 19],
    ['ROUTE-REFRESH, whose length has an error of its own (RFC 7313 §5)', 5, 19],
  ])('accepts the shortest %s', (_name, type, length) => {
    const framer = new Framer();
    framer.push(parseHex(header(length, type) + '00'.repeat(length - 19)));
    expect(framer.next(4096)).toMatchObject({ kind: 'frame', type });
  });

  it('accepts an OPEN of 4,096 octets', () => {
    const framer = new Framer();
    framer.push(parseHex(header(4096, 1) + '00'.repeat(4096 - 19)));
    expect(framer.next(65535)).toMatchObject({ kind: 'frame', type: 1 });
  });

  it('says the same for ever after an error', () => {
    const framer = new Framer();
    framer.push(parseHex(header(18, 4)));
    const first = framer.next(4096);
    framer.push(keepalive);
    expect(framer.next(4096)).toEqual(first);
    expect(first?.kind).toBe('error');
  });

  it('delivers the messages before the error first', () => {
    const framer = new Framer();
    framer.push(Uint8Array.from([...keepalive, ...parseHex(header(19, 99))]));
    expect(all(framer).map(shown)).toEqual(['4:', 'error 1/3 63']);
  });
});
