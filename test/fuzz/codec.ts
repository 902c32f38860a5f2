// The codec alone: what was understood can be written, and reads as the same. A rule that is broken is thrown as an error with
// words; so is, of course, any mistake of ours.

import {
  decodeMessage,
  describeCapability,
  describeNotification,
  encodeAnnounce,
  encodeEndOfRib,
  encodeMessage,
  encodeWithdraw,
  type Framed,
  Framer,
  type Message,
  type NlriBlock,
  type Update,
  type WireContext,
} from 'bgp-utils';
import { formatHex } from 'bgp-utils/testing';
import { entriesOf, plain } from '../vectors/load.ts';

export const fail = (what: string): never => {
  throw new Error(`rule broken: ${what}`);
};

/** All messages of a stream that is cut at these places, until one is no message. */
export function frames(stream: Uint8Array, max: number, cuts: readonly number[] = []): Framed[] {
  const framer = new Framer();
  const found: Framed[] = [];
  let from = 0;
  for (const to of [...cuts, stream.length]) {
    framer.push(stream.subarray(from, to));
    from = to;
    for (let next = framer.next(max); next !== undefined; next = framer.next(max)) {
      if (next.kind === 'frame') found.push({ ...next, body: next.body.slice() });
      else return [...found, next];
    }
  }
  return found;
}

/** Frames and decodes, as a session does: this is what is measured. */
export function decodeStream(stream: Uint8Array, context: WireContext): (Message | undefined)[] {
  return frames(stream, context.maxMessageOctets).map((framed) => {
    if (framed.kind === 'error') return framed.error;
    const decoded = decodeMessage(framed, context);
    return decoded.ok ? decoded.message : decoded.error;
  });
}

/** What was understood is written, read and written again: the same octets both times. */
export function checkStable(messages: readonly (Message | undefined)[], context: WireContext): void {
  for (const message of messages) {
    if (message === undefined) continue;
    if (message.type === 'Open') message.capabilities.forEach(describeCapability);
    if (message.type === 'Notification') describeNotification(message);
    const once = encoded(message, context);
    if (once === undefined) continue;
    const again = once.flatMap((octets) => {
      const [back, ...more] = decodeStream(octets, context);
      if (back === undefined || more.length > 0)
        return fail(`we write what is not one message: ${formatHex(octets)}`);
      if (message.type !== 'Notification' && back.type !== message.type)
        fail(
          `a ${message.type} that we write is read as ${JSON.stringify(plain(back))}: ${formatHex(octets)}`,
        );
      return encoded(back, context) ?? [];
    });
    const [a, b] = [once, again].map((list) => list.map(formatHex).sort().join(' '));
    if (a !== b) fail(`written ${a}, then ${b}`);
  }
}

function encoded(message: Message, context: WireContext): Uint8Array[] | undefined {
  if (message.type !== 'Update') return [encodeMessage(message, context)];
  return encodedUpdate(message, context);
}

/** Nothing, when the attributes leave no room for a prefix. */
function encodedUpdate(update: Update, context: WireContext): Uint8Array[] | undefined {
  const out: Uint8Array[] = [];
  if (update.endOfRib !== undefined) return [encodeEndOfRib(update.endOfRib)];
  const grouped = new Map<string, NlriBlock[]>();
  for (const block of update.withdrawn)
    grouped.set(block.family, [...(grouped.get(block.family) ?? []), block]);
  for (const blocks of grouped.values())
    encodeWithdraw(blocks[0]!.family, entriesOf(blocks), context, (octets) => out.push(octets));
  for (const { nlri, nextHop } of update.announced) {
    const attributes = { ...update.attributes!, nextHop };
    const fits = encodeAnnounce(nlri.family, attributes, entriesOf([nlri]), context, (octets) =>
      out.push(octets),
    );
    if (!fits) return undefined;
  }
  return out;
}
