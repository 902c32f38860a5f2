import {
  decodeMessage,
  encodeAnnounce,
  encodeEndOfRib,
  encodeMessage,
  encodeWithdraw,
  Framer,
  type Message,
  type WireContext,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import { entriesOf, loadVectors, plain } from '../../../vectors/load.ts';

function decode(octets: Uint8Array, context: WireContext): Message {
  const framer = new Framer();
  framer.push(octets);
  const framed = framer.next(context.maxMessageOctets);
  if (framed?.kind !== 'frame') throw new Error(`no frame: ${JSON.stringify(framed)}`);
  const decoded = decodeMessage(framed, context);
  if (!decoded.ok) throw new Error(`refused: ${JSON.stringify(decoded.error)}`);
  return decoded.message;
}

/** The message again as octets, if it is one that says one thing (withdraws, announces with one next hop, or ends). */
function encode(message: Message, context: WireContext): Uint8Array {
  if (message.type !== 'Update') return encodeMessage(message, context);
  if (message.endOfRib !== undefined) return encodeEndOfRib(message.endOfRib);
  const messages: Uint8Array[] = [];
  const out = (octets: Uint8Array) => messages.push(octets);
  const [announced] = message.announced;
  const [withdrawn] = message.withdrawn;
  if (withdrawn !== undefined) encodeWithdraw(withdrawn.family, entriesOf([withdrawn]), context, out);
  if (announced !== undefined && message.attributes !== undefined) {
    const attributes = { ...message.attributes, nextHop: announced.nextHop };
    encodeAnnounce(announced.nlri.family, attributes, entriesOf([announced.nlri]), context, out);
  }
  expect(messages).toHaveLength(1);
  return messages[0]!;
}

const vectors = loadVectors();

it('has vectors of three other speakers', () => {
  for (const speaker of ['bird', 'frr', 'gobgp']) {
    expect(vectors.filter(({ name }) => name.startsWith(`${speaker}-`)).length).toBeGreaterThan(4);
  }
});

describe.each(vectors)('$name', ({ octets, context, message, reencodes }) => {
  it('means what its .json says', () => {
    expect(plain(decode(octets, context))).toEqual(message);
  });

  if (reencodes === 'same octets') {
    it('is encoded to the same octets', () => {
      expect(formatHex(encode(decode(octets, context), context))).toBe(formatHex(octets));
    });
  } else {
    it(`is encoded to other octets with the same meaning: ${reencodes}`, () => {
      const again = encode(decode(octets, context), context);
      expect(formatHex(again)).not.toBe(formatHex(octets));
      expect(plain(decode(again, context))).toEqual(message);
    });
  }
});
