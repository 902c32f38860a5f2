// IPv4 and IPv6 addresses as canonical text, so that they compare with ===, serve as Map keys and go to JSON as
// they are. The tables keep addresses as 32-bit words instead; octets and words are converted here.

import { FAMILY, type Family } from './family.ts';

/**
 * Canonical text: dotted quad, or RFC 5952 (lower case, longest zero run compressed). A link-local address that this machine talks
 * to has its interface behind it (RFC 4007 §11: `fe80::1%eth0`), without which it says nothing. Made only by this file.
 */
export type Address = string & { readonly __brand: 'Address' };

export const familyOfAddress = (address: Address): Family => (address.includes(':') ? 'ipv6' : 'ipv4');

/** Text → address. @returns undefined unless the whole text is one address, without zone and prefix length. */
export function parseAddress(text: string): Address | undefined {
  const octets = text.includes(':') ? parseIpv6(text) : parseIpv4(text, 0, text.length);
  return octets && addressFromOctets(octets);
}

/**
 * The same, of an address that a packet can be sent to from here: a link-local one needs its interface, no other may have one.
 * @returns undefined for `fe80::1` as well as for `fd00::1%eth0`.
 */
export function parseScopedAddress(text: string): Address | undefined {
  const percent = text.indexOf('%');
  const parsed = parseAddress(percent < 0 ? text : text.slice(0, percent));
  if (parsed === undefined) return undefined;
  if (!isLinkLocal(parsed)) return percent < 0 ? parsed : undefined;
  return percent < 0 ? undefined : withZone(parsed, text.slice(percent + 1));
}

/** @param zone  name of an interface. @returns undefined where no interface can have that name. */
export const withZone = (value: Address, zone: string): Address | undefined =>
  INTERFACE_NAME.test(zone) ? (`${value}%${zone}` as Address) : undefined;

/** As Linux allows them: up to 15 octets, without slash, colon and white space; ASCII, and no percent sign. */
const INTERFACE_NAME = /^(?!\.{1,2}$)(?![^%]*[/:%])[!-~]{1,15}$/;

/** The interface of a link-local address, by name. */
export function zoneOf(value: Address): string | undefined {
  const percent = value.indexOf('%');
  return percent < 0 ? undefined : value.slice(percent + 1);
}

/** As it stands in a message: an interface means something on its own machine alone. */
export function withoutZone(value: Address): Address {
  const percent = value.indexOf('%');
  return percent < 0 ? value : (value.slice(0, percent) as Address);
}

/** For constants in code and tests. @throws when the text is no address: that is a bug of the caller. */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`invariant: "${text}" is not an IP address`);
  return parsed;
}

/** @returns 4 or 16 octets in network order, without the zone. */
export function addressOctets(value: Address): Uint8Array {
  const octets = value.includes(':') ? parseIpv6(withoutZone(value)) : parseIpv4(value, 0, value.length);
  if (octets === undefined) throw new Error(`invariant: Address holds "${value}"`);
  return octets;
}

/** @param octets  4 or 16 octets in network order. */
export function addressFromOctets(octets: Uint8Array): Address {
  if (octets.length === FAMILY.ipv4.addressOctets) {
    return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}` as Address;
  }
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((octets[i]! << 8) | octets[i + 1]!);
  return formatIpv6(groups);
}

/** The four words of an IPv6 address, or one word of an IPv4 address and three zeros → text. */
export function addressFromWords(family: Family, w0: number, w1: number, w2: number, w3: number): Address {
  if (family === 'ipv4') {
    return `${w0 >>> 24}.${(w0 >>> 16) & 255}.${(w0 >>> 8) & 255}.${w0 & 255}` as Address;
  }
  return formatIpv6([
    w0 >>> 16,
    w0 & 0xffff,
    w1 >>> 16,
    w1 & 0xffff,
    w2 >>> 16,
    w2 & 0xffff,
    w3 >>> 16,
    w3 & 0xffff,
  ]);
}

/** Big-endian 32-bit words: one for IPv4, four for IPv6. */
export function addressWords(value: Address): readonly [number, number, number, number] {
  const o = addressOctets(value);
  const word = (i: number) =>
    i < o.length ? ((o[i]! << 24) | (o[i + 1]! << 16) | (o[i + 2]! << 8) | o[i + 3]!) >>> 0 : 0;
  return [word(0), word(4), word(8), word(12)];
}

/** Numeric order, IPv4 before IPv6; of one link-local address by interface. */
export function compareAddresses(a: Address, b: Address): number {
  const x = addressOctets(a);
  const y = addressOctets(b);
  if (x.length !== y.length) return x.length - y.length;
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Dotted quad → unsigned 32-bit number, as BGP Identifiers and cluster ids travel (RFC 6286). */
export function ipv4ToNumber(value: Address): number {
  return addressWords(value)[0];
}

export const ipv4FromNumber = (value: number): Address => addressFromWords('ipv4', value >>> 0, 0, 0, 0);

/**
 * Not the address of any host: unspecified, 0/8, multicast, class E or broadcast. Loopback is a host's: speakers on one
 * machine speak over it.
 */
export function isNoHost(value: Address): boolean {
  if (familyOfAddress(value) === 'ipv4') {
    const first = ipv4ToNumber(value) >>> 24;
    return first === 0 || first >= 224;
  }
  return value === '::' || addressWords(value)[0] >>> 24 === 0xff;
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export const isLinkLocal = (value: Address): boolean =>
  familyOfAddress(value) === 'ipv6' && addressWords(value)[0] >>> 22 === 0xfe80 >>> 6;

function parseIpv4(text: string, from: number, to: number): Uint8Array | undefined {
  const octets = new Uint8Array(4);
  let index = 0;
  let value = -1;
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (value < 0 || index === 3) return undefined;
      octets[index++] = value;
      value = -1;
    } else if (c >= 48 && c <= 57) {
      if (value === 0) return undefined; // a leading zero may mean octal elsewhere: ambiguous, so refused
      value = (value < 0 ? 0 : value * 10) + c - 48;
      if (value > 255) return undefined;
    } else return undefined;
  }
  if (index !== 3 || value < 0) return undefined;
  octets[3] = value;
  return octets;
}

const GROUP = /^[0-9a-fA-F]{1,4}$/;

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  const octets = new Uint8Array(16);
  octets.set(head, 0);
  octets.set(tail, 16 - tail.length);
  return octets;
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const octets: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (mayEndInIpv4 && i === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group, 0, group.length);
      if (ipv4 === undefined) return undefined;
      octets.push(...ipv4);
    } else if (GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 255);
    } else return undefined;
  }
  return octets;
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups compressed, the first on a tie. */
function formatIpv6(groups: readonly number[]): Address {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > length) {
      start = i;
      length = j - i;
    }
    i = j + 1;
  }
  if (isMappedIpv4(groups)) {
    const w = (groups[6]! << 16) | groups[7]!;
    return `::ffff:${addressFromWords('ipv4', w, 0, 0, 0)}` as Address;
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (start < 0) return hex(groups) as Address;
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}` as Address;
}

/** ::ffff:0:0/96, which RFC 5952 §5 shows with the dotted quad. */
const isMappedIpv4 = (groups: readonly number[]): boolean =>
  groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
