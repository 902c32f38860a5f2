import { decodeText, encodeText, printable } from '../../../../bgp/src/wire/text.ts';

it.each([
  ['', ''],
  ['6f6b', 'ok'],
  ['c39f', 'ß'],
  ['efbbbf61', '\u{feff}a'], // a byte order mark is a character here
])('octets %s are the text %j', (hex, text) => {
  expect(decodeText(Buffer.from(hex, 'hex'))).toBe(text);
});

it.each(['ff', 'c3', 'c328', 'eda080', 'f8a1a1a1a1'])('octets %s are no text', (hex) => {
  expect(decodeText(Buffer.from(hex, 'hex'))).toBeUndefined();
});

it('cuts only between characters', () => {
  expect(Buffer.from(encodeText('aß', 2)).toString()).toBe('a');
  expect(Buffer.from(encodeText('aß', 3)).toString()).toBe('aß');
  expect(encodeText('😀', 3)).toHaveLength(0);
});

it('replaces what is not to be seen', () => {
  expect(printable('a\tb\u007f\u200e\u2029ß 漢')).toBe('a�b���ß 漢');
});
