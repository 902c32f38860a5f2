// The vectors of this folder: NAME.hex has one message as annotated hex, NAME.json what it means.
//
// NAME begins with who wrote the octets: a speaker, whose message was captured, or "hand" for what was put together from an RFC
// with its meaning; "hand-bad" are those with a fault, which say what it leads to.
//
// Lines of a .hex file that matter to the loader: "# context: asOctets=4 families=ipv4,ipv6 peerType=internal
// addPath=ipv4" says how to read the octets; what is left out is as before the OPENs. In the .json, lists of prefixes are
// texts ("#7 10.0.0.0/8" with a path identifier), octets are hex, and findings are "ATTRIBUTE: outcome of RFC 7606". `refused`
// stands for the NOTIFICATION that the octets deserve. `reencodes` says whether our encoder writes the very
// same octets; where it orders or splits things differently it says how, and `again` what is read then, if not the same.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AttributeFinding,
  type Family,
  INITIAL_CONTEXT,
  type Message,
  type NlriBlock,
  NlriCursor,
  type PrefixSource,
  prefixFromWords,
  type WireContext,
  type Writer,
} from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';

export interface Vector {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly context: WireContext;
  readonly reencodes: string;
  readonly message?: Readonly<Record<string, unknown>>;
  readonly again?: unknown;
  readonly refused?: { readonly code: number; readonly subcode: number; readonly data: string };
}

const FOLDER = join('test', 'vectors');

export function loadVectors(): readonly Vector[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.hex'))
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.hex'.length);
      const text = readFileSync(join(FOLDER, file), 'utf8');
      const meaning = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));
      return { name, octets: parseHex(text), context: contextOf(text), ...meaning };
    });
}

export function contextOf(text: string): WireContext {
  const line = /^# context: (.*)$/m.exec(text)?.[1] ?? '';
  const fields = new Map(line.split(' ').map((field) => field.split('=') as [string, string]));
  const families = (name: string) => (fields.get(name)?.split(',') ?? []) as Family[];
  return {
    ...INITIAL_CONTEXT,
    asOctets: fields.get('asOctets') === '4' ? 4 : 2,
    peerType: fields.get('peerType') === 'internal' ? 'internal' : 'external',
    families: fields.has('families') ? families('families') : INITIAL_CONTEXT.families,
    addPathReceive: families('addPath'),
    addPathSend: families('addPath'),
    maxMessageOctets: Number(fields.get('maxMessageOctets') ?? INITIAL_CONTEXT.maxMessageOctets),
    ...(fields.has('extendedNextHop') && { extendedNextHop: fields.get('extendedNextHop') === 'yes' }),
  };
}

/** A message as JSON shows it. */
export function plain(message: Message): unknown {
  return JSON.parse(
    JSON.stringify(message, (_key, value) => {
      if (value instanceof Uint8Array) return formatHex(value);
      if (isFinding(value)) return `${value.attribute}: ${value.outcome}`;
      return isBlock(value) ? prefixesOf(value) : value;
    }),
  );
}

const isFinding = (value: unknown): value is AttributeFinding =>
  typeof value === 'object' && value !== null && 'attribute' in value && 'outcome' in value;

const isBlock = (value: unknown): value is NlriBlock =>
  typeof value === 'object' && value !== null && 'family' in value && 'octets' in value;

/** The prefixes of a block as text, by the cursor that the tables use. */
export function prefixesOf(block: NlriBlock): string[] {
  const cursor = new NlriCursor();
  cursor.reset(block);
  const texts: string[] = [];
  while (cursor.next()) {
    const { length, w0, w1, w2, w3 } = cursor;
    const text = prefixFromWords(block.family, length, w0, w1, w2, w3);
    texts.push(block.addPath ? `#${cursor.pathId} ${text}` : text);
  }
  return texts;
}

/** The entries of blocks, octet for octet. */
export function entriesOf(blocks: readonly NlriBlock[]): PrefixSource {
  const entries: Uint8Array[] = [];
  for (const { octets, addPath } of blocks) {
    for (let at = 0; at < octets.length; ) {
      const lengthAt = at + (addPath ? 4 : 0);
      const end = lengthAt + 1 + ((octets[lengthAt]! + 7) >>> 3);
      entries.push(octets.subarray(at, end));
      at = end;
    }
  }
  return { length: entries.length, writeTo: (w: Writer, index: number) => w.bytes(entries[index]!) };
}
