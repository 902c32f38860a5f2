// Annotated hex ⇄ octets, for vectors and tests. Where vectors lie and what they mean is known to the tests.

/**
 * Hex digits in pairs, with white space anywhere between pairs and comments from # to the end of the line.
 * @throws when there is anything else: the vector is wrong.
 */
export function parseHex(text: string): Uint8Array {
  const octets: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    for (const group of line.replace(/#.*$/, '').split(/\s+/)) {
      if (!/^([0-9a-fA-F]{2})*$/.test(group)) {
        throw new Error(`hex: line ${index + 1}: "${group}" is not pairs of hex digits`);
      }
      for (let i = 0; i < group.length; i += 2) octets.push(Number.parseInt(group.slice(i, i + 2), 16));
    }
  }
  return Uint8Array.from(octets);
}

/** Lower case, without spaces. */
export const formatHex = (octets: Uint8Array): string =>
  Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
