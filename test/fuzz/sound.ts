// Messages without a fault, so that a fuzzed speaker has routes: few prefixes and values, so that they meet.

import type { Family } from 'bgp-utils';
import type { Prng } from 'bgp-utils/testing';

/** How messages to the speaker are written on a session. */
export interface Dialect {
  readonly asOctets: 2 | 4;
  readonly families: readonly Family[];
  /** Families with path identifiers. */
  readonly addPath: readonly Family[];
  readonly extendedNextHop: boolean;
  readonly internal: boolean;
  /** Of the far end. */
  readonly asNumber: number;
  readonly maxOctets: number;
}

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
const AS_TRANS = 23456;

const attribute = (flags: number, code: number, value: readonly number[]): number[] =>
  value.length > 255
    ? [flags | 0x10, code, ...u16(value.length), ...value]
    : [flags, code, value.length, ...value];

const WELL_KNOWN = [0xffff0000, 0xffff0006, 0xffff0007, 0xffff029a, 0xffffff01, 0xffffff02, 0xffffff03];
const AS_NUMBERS = [64512, 64520, 64521, 64522, 4_200_000_050];

export function soundMessage(random: Prng, dialect: Dialect): Uint8Array {
  const family = random.pick(dialect.families.length > 0 ? dialect.families : (['ipv4'] as const));
  const kind = random.next();
  if (kind < 0.08) return message(5, [0, family === 'ipv4' ? 1 : 2, random.pick([0, 0, 1, 2, 2]), 1]);
  if (kind < 0.16) return endOfRib(family);
  // One list may fill the message: prefixes, the path, or communities.
  const long = random.chance(0.05) ? random.pick(['prefixes', 'path', 'communities'] as const) : undefined;
  const count = long === 'prefixes' ? 15_000 : random.pick([1, 1, 2, 3, 5]);
  const room = dialect.maxOctets - 600;
  const entries: number[] = [];
  for (let i = 0; i < count && entries.length < room; i++) entries.push(...entry(random, dialect, family));
  if (kind < 0.3) return withdrawal(family, entries);
  return announcement(random, { ...dialect, long }, family, entries);
}

type Long = Dialect & { readonly long: 'prefixes' | 'path' | 'communities' | undefined };

function endOfRib(family: Family): Uint8Array {
  return family === 'ipv4' ? message(2, [0, 0, 0, 0]) : message(2, [0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]);
}

function withdrawal(family: Family, entries: readonly number[]): Uint8Array {
  if (family === 'ipv4') return message(2, [...u16(entries.length), ...entries, 0, 0]);
  const unreach = attribute(0x80, 15, [0, 2, 1, ...entries]);
  return message(2, [0, 0, ...u16(unreach.length), ...unreach]);
}

function announcement(random: Prng, dialect: Long, family: Family, entries: readonly number[]): Uint8Array {
  const viaIpv6 = family === 'ipv6' || (dialect.extendedNextHop && random.chance(0.5));
  const attributes: number[] = [];
  if (viaIpv6) {
    const global = [0xfd, 0, ...Array(13).fill(0), random.between(2, 9)];
    const hop = random.chance(0.3) ? [...global, 0xfe, 0x80, ...Array(13).fill(0), 2] : global;
    attributes.push(
      ...attribute(0x80, 14, [0, family === 'ipv4' ? 1 : 2, 1, hop.length, ...hop, 0, ...entries]),
    );
  }
  attributes.push(...attribute(0x40, 1, [random.between(0, 2)]), ...path(random, dialect));
  if (!viaIpv6) attributes.push(...attribute(0x40, 3, [10, 0, 0, random.between(2, 9)]));
  attributes.push(...options(random, dialect));
  return message(2, [0, 0, ...u16(attributes.length), ...attributes, ...(viaIpv6 ? [] : entries)]);
}

/** AS_PATH, and AS4_PATH where the session needs one. */
function path(random: Prng, { asOctets, internal, asNumber, long, maxOctets }: Long): number[] {
  const count = long === 'path' ? Math.floor((maxOctets - 900) / asOctets) : random.pick([0, 1, 1, 2, 3, 12]);
  const hops = Array.from({ length: count }, () => random.pick(AS_NUMBERS));
  const sequence = internal ? hops : [asNumber, ...hops];
  const set = random.chance(0.15) ? [random.pick(AS_NUMBERS), 64530] : [];
  const confederation = internal && random.chance(0.1) ? [64540] : [];
  const segments = (octets: 2 | 4, ...list: readonly (readonly [number, readonly number[]])[]): number[] =>
    list.flatMap(([type, numbers]) => {
      const value: number[] = [];
      for (let from = 0; from < numbers.length; from += 255) {
        const some = numbers.slice(from, from + 255);
        const written = some.map((each) => (octets === 4 ? u32(each) : u16(each > 0xffff ? AS_TRANS : each)));
        value.push(type, some.length, ...written.flat());
      }
      return value;
    });
  const own = attribute(0x40, 2, segments(asOctets, [3, confederation], [2, sequence], [1, set]));
  if (asOctets === 4 || long === 'path' || random.chance(0.3)) return own;
  return [...own, ...attribute(0xc0, 17, segments(4, [2, sequence.slice(random.between(0, 2))], [1, set]))];
}

/** Each of the other attributes, now and then. */
function options(random: Prng, { asOctets, internal, long, maxOctets }: Long): number[] {
  const octets: number[] = [];
  const maybe = (probability: number, make: () => readonly number[]): void => {
    if (random.chance(probability)) octets.push(...make());
  };
  const small = () => random.between(0, 3);
  const four = (numbers: number, make: () => number) => Array.from({ length: numbers }, make).flatMap(u32);
  maybe(0.4, () => attribute(0x80, 4, u32(small())));
  if (internal) octets.push(...attribute(0x40, 5, u32(random.pick([100, 100, 100, 90, 200]))));
  maybe(0.1, () => attribute(0x40, 6, []));
  maybe(0.1, () => attribute(0xc0, 7, [...(asOctets === 4 ? u32(64520) : u16(64520)), 10, 9, 9, 9]));
  maybe(long === 'communities' ? 0 : 0.4, () =>
    attribute(
      random.pick([0xc0, 0xe0]),
      8,
      four(random.between(1, 4), () => random.pick([0xfc000001, ...WELL_KNOWN])),
    ),
  );
  if (internal) {
    maybe(0.15, () => attribute(0x80, 9, [10, 0, 0, random.between(1, 9)]));
    maybe(0.15, () => attribute(0x80, 10, [10, 0, 0, random.between(1, 9)]));
  }
  maybe(0.2, () =>
    attribute(0xc0, 16, [random.pick([0, 0x40]), 4, ...u16(23456), ...u32(random.pick([0, 0x49742400]))]),
  );
  maybe(0.2, () => attribute(0xc0, 32, four(3 * random.between(1, 2), small)));
  maybe(0.15, () => attribute(0xc0, 35, u32(random.pick(AS_NUMBERS))));
  maybe(0.15, () => attribute(random.pick([0xc0, 0xe0, 0x80]), 99, [1, 2, small()]));
  if (long === 'communities')
    octets.push(
      ...attribute(0xc0, 8, Array.from({ length: (maxOctets >> 2) - 150 }, (_, index) => u32(index)).flat()),
    );
  return octets;
}

function entry(random: Prng, { addPath }: Dialect, family: Family): number[] {
  const id = addPath.includes(family) ? u32(random.between(0, 2)) : [];
  const which = random.chance(0.9) ? random.between(0, 5) : random.between(0, 255);
  const place = random.next();
  if (place < 0.04) return [...id, 0];
  if (place < 0.06) return [...id, ...(family === 'ipv4' ? [4, 0xe0] : [16, 0xff, 2])];
  if (family === 'ipv4') return [...id, 24, 10, 70, which];
  return [...id, 48, 0xfd, 0, 0, 0x70, 0, which];
}

function message(type: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([...Array<number>(16).fill(0xff), ...u16(19 + body.length), type, ...body]);
}
