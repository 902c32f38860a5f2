import {
  decodeMessage,
  encodeAnnounce,
  encodeEndOfRib,
  encodeMessage,
  encodeWithdraw,
  Framer,
  type Message,
  type Notification,
  type WireContext,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import { entriesOf, loadVectors, plain, type Vector } from '../../../vectors/load.ts';

/** The message, or the NOTIFICATION that the octets deserve. */
function read(octets: Uint8Array, context: WireContext): Message | { readonly refused: Notification } {
  const framer = new Framer();
  framer.push(octets);
  const framed = framer.next(context.maxMessageOctets);
  if (framed === undefined) throw new Error('the octets end inside a message');
  if (framed.kind === 'error') return { refused: framed.error };
  const decoded = decodeMessage(framed, context);
  return decoded.ok ? decoded.message : { refused: decoded.error };
}

function decode(octets: Uint8Array, context: WireContext): Message {
  const message = read(octets, context);
  if ('refused' in message) throw new Error(`refused: ${JSON.stringify(message.refused)}`);
  return message;
}

/** The message again as octets: one message for each next hop and for what is withdrawn. */
function encode(message: Message, context: WireContext): Uint8Array[] {
  if (message.type !== 'Update') return [encodeMessage(message, context)];
  if (message.endOfRib !== undefined) return [encodeEndOfRib(message.endOfRib)];
  const messages: Uint8Array[] = [];
  const out = (octets: Uint8Array) => messages.push(octets);
  for (const block of message.withdrawn) encodeWithdraw(block.family, entriesOf([block]), context, out);
  for (const { nlri, nextHop } of message.announced)
    encodeAnnounce(nlri.family, { ...message.attributes!, nextHop }, entriesOf([nlri]), context, out);
  return messages;
}

/** What a vector says without what was wrong with it: that does not go on. */
const meaning = (message: Vector['message']): unknown => ({
  ...message,
  ...(message?.type === 'Update' && { findings: [], treatAsWithdraw: false }),
});

/** Several messages as one. */
function joined(messages: readonly unknown[]): unknown {
  const list = messages as { readonly withdrawn?: unknown[]; readonly announced?: unknown[] }[];
  const of = (key: 'withdrawn' | 'announced') => list.flatMap((each) => each[key] ?? []);
  const rest = Object.assign({}, ...[...list].reverse());
  return list.length === 1 ? list[0] : { ...rest, withdrawn: of('withdrawn'), announced: of('announced') };
}

const vectors = loadVectors();

it('has vectors of five other speakers and of our own hands, good and bad', () => {
  const count = (start: string) => vectors.filter(({ name }) => name.startsWith(start)).length;
  for (const speaker of ['bird', 'frr', 'gobgp', 'openbgpd', 'exabgp']) {
    expect(count(`${speaker}-`)).toBeGreaterThan(4);
  }
  expect(count('hand-bad-')).toBeGreaterThan(60);
  expect(count('hand-') - count('hand-bad-')).toBeGreaterThan(70);
});

const refusals = vectors.filter(({ refused }) => refused !== undefined);
it.each(refusals.map((vector) => [vector.name, vector] as const))('%s is refused', (_name, vector) => {
  const found = read(vector.octets, vector.context);
  if (!('refused' in found)) throw new Error(`accepted: ${JSON.stringify(plain(found))}`);
  const { code, subcode, data } = found.refused;
  expect({ code, subcode, data: formatHex(data) }).toEqual(vector.refused);
});

const messages = vectors.filter(({ refused }) => refused === undefined);
describe.each(messages)('$name', ({ octets, context, message, again, reencodes }) => {
  it('means what its .json says', () => {
    expect(plain(decode(octets, context))).toEqual(message);
  });

  if (reencodes === 'same octets') {
    it('is encoded to the same octets', () => {
      expect(encode(decode(octets, context), context).map(formatHex)).toEqual([formatHex(octets)]);
    });
  } else if (reencodes === 'nothing is left') {
    it('is encoded to nothing', () => {
      expect(encode(decode(octets, context), context)).toEqual([]);
    });
  } else {
    it(`is encoded to other octets with the same meaning: ${reencodes}`, () => {
      const written = encode(decode(octets, context), context);
      expect(written.map(formatHex)).not.toEqual([formatHex(octets)]);
      expect(joined(written.map((each) => plain(decode(each, context))))).toEqual(again ?? meaning(message));
    });
  }
});
