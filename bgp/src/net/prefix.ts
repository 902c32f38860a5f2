// An address and a length with the host bits zero, as canonical text for everything that is not the hot path.
// The tables keep prefixes as words (rib/prefix-table.ts).

import {
  type Address,
  addressFromWords,
  addressWords,
  compareAddresses,
  familyOfAddress,
  parseAddress,
} from './address.ts';
import { FAMILY, type Family } from './family.ts';

/** `address/length`, canonical, host bits zero. Made only by this file. */
export type Prefix = string & { readonly __brand: 'Prefix' };

const LENGTH = /^(0|[1-9][0-9]{0,2})$/;

/** Text → prefix. @returns undefined when it is none, or when host bits are set (use `parseNetwork` to mask them). */
export function parsePrefix(text: string): Prefix | undefined {
  const parts = split(text);
  if (parts === undefined) return undefined;
  const masked = prefixOf(parts.address, parts.length);
  return prefixAddress(masked) === parts.address ? masked : undefined;
}

/** `address/length` with host bits allowed, or a bare address (full length) → both parts. */
export function parseNetwork(
  text: string,
): { readonly address: Address; readonly length: number; readonly prefix: Prefix } | undefined {
  const parts = text.includes('/') ? split(text) : split(`${text}/${text.includes(':') ? 128 : 32}`);
  return parts && { ...parts, prefix: prefixOf(parts.address, parts.length) };
}

/** For constants in code and tests. @throws when the text is no prefix. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`invariant: "${text}" is not a prefix`);
  return parsed;
}

/** The prefix of that length around an address. */
export function prefixOf(value: Address, length: number): Prefix {
  const family = familyOfAddress(value);
  const [w0, w1, w2, w3] = addressWords(value);
  return prefixFromWords(
    family,
    length,
    maskWord(w0, length),
    maskWord(w1, length - 32),
    maskWord(w2, length - 64),
    maskWord(w3, length - 96),
  );
}

/** Words must be masked to `length` already. */
export const prefixFromWords = (
  family: Family,
  length: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): Prefix => `${addressFromWords(family, w0, w1, w2, w3)}/${length}` as Prefix;

/** The first `bits` bits of a word; 0 or less keeps none, 32 or more all. */
export const maskWord = (word: number, bits: number): number =>
  bits <= 0 ? 0 : bits >= 32 ? word >>> 0 : (word & (-1 << (32 - bits))) >>> 0;

export const familyOfPrefix = (value: Prefix): Family => (value.includes(':') ? 'ipv6' : 'ipv4');

export const prefixLength = (value: Prefix): number => Number(value.slice(value.indexOf('/') + 1));

export const prefixAddress = (value: Prefix): Address => value.slice(0, value.indexOf('/')) as Address;

/** Is `inner` equal to or more specific than `outer`? Prefixes of different families never are. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  const length = prefixLength(outer);
  if (familyOfPrefix(outer) !== familyOfPrefix(inner) || length > prefixLength(inner)) return false;
  return prefixOf(prefixAddress(inner), length) === outer;
}

export const containsAddress = (outer: Prefix, value: Address): boolean =>
  containsPrefix(outer, prefixOf(value, FAMILY[familyOfAddress(value)].addressBits));

/**
 * Wholly in a range that no unicast route leads to: 0/8, 127/8 and 224/4; ::/128, ::1/128, fe80::/10 and ff00::/8. RFC 4271 §6.3
 * calls such a prefix semantically incorrect. A default route, and a shorter prefix around such a range, are fine.
 */
export function isNoDestination({
  family,
  length,
  w0,
  w1,
  w2,
  w3,
}: {
  readonly family: Family;
  readonly length: number;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}): boolean {
  const first = w0 >>> 24;
  if (family === 'ipv4')
    return (length >= 4 && w0 >>> 28 === 0xe) || (length >= 8 && (first === 0 || first === 127));
  if (length === 128 && w0 === 0 && w1 === 0 && w2 === 0) return w3 <= 1;
  return (length >= 8 && first === 0xff) || (length >= 10 && w0 >>> 22 === 0xfe80 >>> 6);
}

/** By family, address, then length: the order in which every list of prefixes is shown. */
export const comparePrefixes = (a: Prefix, b: Prefix): number =>
  compareAddresses(prefixAddress(a), prefixAddress(b)) || prefixLength(a) - prefixLength(b);

function split(text: string): { readonly address: Address; readonly length: number } | undefined {
  const slash = text.indexOf('/');
  const lengthText = text.slice(slash + 1);
  const parsed = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  if (parsed === undefined || !LENGTH.test(lengthText)) return undefined;
  const length = Number(lengthText);
  return length <= FAMILY[familyOfAddress(parsed)].addressBits ? { address: parsed, length } : undefined;
}
