// Octets to try a BGP speaker with: messages of other speakers, the malformed corpus and messages made here, changed,
// spliced and stretched. Everything is drawn from one seed.

import type { Family, WireContext } from 'bgp-utils';
import type { Prng } from 'bgp-utils/testing';
import { malformedCases } from '../support/malformed.ts';
import { loadVectors } from '../vectors/load.ts';
import { type Dialect, soundMessage } from './sound.ts';

const HEADER_OCTETS = 19;
/** Values at the ends of ranges, where mistakes are. */
const EDGES = [0, 1, 2, 4, 8, 15, 16, 24, 31, 32, 33, 64, 127, 128, 129, 192, 224, 254, 255];

/** One that is too long now and then. */
const LENGTHS = {
  ipv4: [0, 8, 16, 24, 24, 24, 24, 26, 26, 26, 32, 32, 32, 32, 33],
  ipv6: [0, 16, 32, 48, 48, 48, 64, 64, 64, 122, 128, 128, 128, 128, 129],
} as const;

export const withHeader = (type: number, body: readonly number[] | Uint8Array): Uint8Array => {
  const octets = new Uint8Array(HEADER_OCTETS + body.length);
  octets.fill(255, 0, 16);
  octets[16] = octets.length >> 8;
  octets[17] = octets.length & 255;
  octets[18] = type;
  octets.set(body, HEADER_OCTETS);
  return octets;
};

function replaced(octets: Uint8Array, at: number, remove: number, insert: ArrayLike<number>): Uint8Array {
  const tail = octets.subarray(Math.min(octets.length, at + remove));
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(octets.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result;
}

/** Inputs that reached something new are kept, up to so many. */
const MAX_KEPT = 3_000;

export class Generator {
  private dialect: Dialect | undefined;
  private readonly seeds: Uint8Array[] = [
    ...loadVectors().map(({ octets }) => octets),
    // One in some: they differ in the setting more than in their octets.
    ...malformedCases()
      .filter((_, index) => index % 7 === 0)
      .map(({ body }) => withHeader(2, body)),
  ];

  constructor(private readonly random: Prng) {}

  /** Worth changing again. */
  keep(octets: Uint8Array): void {
    if (this.seeds.length < MAX_KEPT) this.seeds.push(octets);
  }

  /** An UPDATE, which a session survives more often than not. */
  update(maxOctets: number, dialect: Dialect): Uint8Array {
    this.dialect = dialect;
    const octets = this.anyUpdate(maxOctets);
    this.dialect = undefined;
    return octets;
  }

  private anyUpdate(maxOctets: number): Uint8Array {
    const { random } = this;
    if (random.chance(0.3)) return this.message(maxOctets);
    const kind = random.next();
    let octets =
      kind < 0.4 && this.dialect !== undefined
        ? soundMessage(random, this.dialect)
        : kind < 0.7
          ? random.pick(this.seeds)
          : withHeader(2, this.updateBody(this.size(maxOctets)));
    if (octets[18] !== 2) octets = withHeader(2, this.updateBody(300));
    for (let i = random.pick([0, 0, 0, 1, 2]); i > 0; i--) octets = this.change(octets);
    return octets.length < HEADER_OCTETS ? octets : withHeader(2, octets.subarray(HEADER_OCTETS, maxOctets));
  }

  /** One message, right or wrong; its header is right most of the time. */
  message(maxOctets: number): Uint8Array {
    const { random } = this;
    let octets = random.chance(0.6) ? random.pick(this.seeds) : this.made(maxOctets);
    if (random.chance(0.1)) octets = this.splice(octets, random.pick(this.seeds));
    const changes = random.pick([0, 1, 1, 2, 5, 20]);
    for (let i = 0; i < changes; i++) octets = this.change(octets);
    octets = octets.subarray(0, maxOctets);
    return random.chance(0.97) && octets.length >= HEADER_OCTETS
      ? withHeader(octets[18]!, octets.subarray(HEADER_OCTETS))
      : octets;
  }

  context(): WireContext {
    const { random } = this;
    const addPath = random.pick<readonly Family[]>([[], [], ['ipv4', 'ipv6'], ['ipv6']]);
    return {
      asOctets: random.pick([2, 4, 4]),
      maxMessageOctets: random.pick([4096, 4096, 65535]),
      families: random.pick<readonly Family[]>([['ipv4', 'ipv6'], ['ipv4', 'ipv6'], ['ipv4'], ['ipv6']]),
      addPathReceive: addPath,
      addPathSend: addPath,
      peerType: random.pick(['internal', 'external']),
    };
  }

  private change(octets: Uint8Array): Uint8Array {
    const { random } = this;
    // Headers are made right again anyway: what is in the messages is worth more tries.
    const at = random.between(Math.min(18, octets.length), octets.length);
    const old = octets[at] ?? 0;
    switch (random.between(0, 7)) {
      case 0:
        return replaced(octets, at, 1, [old ^ (1 << random.between(0, 7))]);
      case 1:
        return replaced(octets, at, 1, [random.pick(EDGES)]);
      case 2:
        return replaced(octets, at, 1, [(old + random.pick([-1, 1])) & 255]);
      case 3:
        return replaced(octets, at, random.between(1, 8), []);
      case 4:
        return replaced(octets, at, 0, this.octets(random.between(1, 8)));
      case 5:
        return replaced(octets, at, 0, octets.subarray(at, at + random.between(1, 40)));
      case 6:
        return octets.subarray(0, at);
      default: // another kind of message
        return octets.length > 18
          ? replaced(octets, 18, 1, [random.pick([1, 2, 2, 2, 3, 4, 5, 0, 6, 255])])
          : octets;
    }
  }

  private splice(a: Uint8Array, b: Uint8Array): Uint8Array {
    const { random } = this;
    const from = random.between(Math.min(HEADER_OCTETS, b.length), b.length);
    return Uint8Array.from([
      ...a.subarray(0, random.between(Math.min(HEADER_OCTETS, a.length), a.length)),
      ...b.subarray(from),
    ]);
  }

  private made(maxOctets: number): Uint8Array {
    const { random } = this;
    const kind = random.between(0, 9);
    if (kind === 0) return withHeader(random.between(0, 6), this.octets(random.between(0, 60)));
    if (kind === 1) return withHeader(1, this.openBody());
    if (kind === 2)
      return withHeader(5, [0, random.pick([1, 2, 3]), random.between(0, 3), random.pick([1, 1, 2])]);
    if (kind === 3)
      return withHeader(3, [
        random.between(1, 7),
        random.between(0, 11),
        ...this.octets(random.between(0, 140)),
      ]);
    return withHeader(2, this.updateBody(this.size(maxOctets)));
  }

  private size = (maxOctets: number): number => (this.random.chance(0.03) ? maxOctets - HEADER_OCTETS : 300);

  private openBody(): number[] {
    const { random } = this;
    const capabilities: number[] = [];
    for (let i = random.between(0, 8); i > 0; i--) {
      const value = this.octets(random.pick([0, 1, 2, 4, 4, 6, 8, 12]));
      capabilities.push(random.pick([1, 2, 5, 6, 9, 64, 65, 69, 70, 71, 73, 128]), value.length, ...value);
    }
    const parameters = capabilities.length > 0 ? [2, capabilities.length, ...capabilities] : [];
    return [
      4,
      ...this.octets(2),
      0,
      random.pick([0, 1, 3, 90]),
      ...this.octets(4),
      parameters.length,
      ...parameters,
    ];
  }

  /** Small ones are varied; large ones are many of the same, which is what takes time. */
  private updateBody(maxOctets: number): number[] {
    const { random } = this;
    const attributes: number[] = [];
    const room = maxOctets - 4;
    if (random.chance(0.9)) attributes.push(0x40, 1, 1, random.between(0, 3));
    if (random.chance(0.9)) attributes.push(...this.attribute(0x40, 2, this.path()));
    if (random.chance(0.8)) attributes.push(0x40, 3, 4, 10, 0, 0, random.between(1, 9));
    if (random.chance(0.7)) attributes.push(0x40, 5, 4, 0, 0, 0, random.between(0, 255));
    const extras = random.pick([0, 1, 3, room > 300 ? Math.floor(room / 3) : 10]);
    for (let i = 0; i < extras && attributes.length < room - 64; i++)
      attributes.push(...this.anyAttribute(room));
    attributes.length = Math.min(attributes.length, room);
    const nlri: number[] = [];
    const unit = this.prefix();
    while (nlri.length < room - attributes.length - unit.length && random.chance(room > 300 ? 0.9999 : 0.7))
      nlri.push(...(random.chance(0.5) ? unit : this.prefix()));
    nlri.length = Math.min(nlri.length, room - attributes.length);
    if (random.chance(0.15)) return [nlri.length >> 8, nlri.length & 255, ...nlri, 0, 0];
    return [0, 0, attributes.length >> 8, attributes.length & 255, ...attributes, ...nlri];
  }

  private anyAttribute(room: number): number[] {
    const { random } = this;
    const code = random.pick([
      3,
      4,
      6,
      7,
      8,
      9,
      10,
      14,
      15,
      16,
      17,
      18,
      32,
      35,
      26,
      128,
      random.between(0, 255),
    ]);
    const flags = random.pick([0x40, 0x80, 0xc0, 0xe0]);
    if (code === 14 || code === 15) return this.attribute(0x80, code, this.multiprotocol(code));
    if (code === 17) return this.attribute(0xc0, code, this.path());
    const unit = random.pick([0, 1, 4, 4, 8, 8, 12]);
    const count = random.pick([1, 1, 2, room > 300 ? Math.floor(room / 64) : 5]);
    return this.attribute(flags, code, this.octets(unit * count));
  }

  private multiprotocol(code: number): number[] {
    const { random } = this;
    const head = [0, random.pick([1, 2, 2, 25]), random.pick([1, 1, 1, 2])];
    const hop = this.octets(random.pick([4, 16, 16, 32, 5]));
    const family = head[1] === 1 ? 'ipv4' : 'ipv6';
    const prefixes = Array.from({ length: random.between(0, 6) }, () => this.prefix(family)).flat();
    return code === 14 ? [...head, hop.length, ...hop, 0, ...prefixes] : [...head, ...prefixes];
  }

  private attribute(flags: number, code: number, value: readonly number[]): number[] {
    return value.length > 255 || this.random.chance(0.2)
      ? [flags | 0x10, code, value.length >> 8, value.length & 255, ...value]
      : [flags, code, value.length, ...value];
  }

  private path(): number[] {
    const { random } = this;
    const segments: number[] = [];
    for (let i = random.pick([0, 1, 1, 1, 2, 4]); i > 0; i--) {
      const count = random.pick([1, 1, 2, 3, 30]);
      segments.push(random.pick([2, 2, 2, 1, 3, 4, 5]), count);
      const four = this.dialect?.asOctets !== 2;
      for (let n = 0; n < count; n++)
        segments.push(...(four ? [0, random.between(0, 1)] : []), 0xfc, random.between(0, 255));
    }
    return segments;
  }

  private prefix(family: Family = 'ipv4'): number[] {
    const { random } = this;
    const length = family === 'ipv4' ? random.pick(LENGTHS.ipv4) : random.pick(LENGTHS.ipv6);
    const identified =
      this.dialect === undefined ? random.chance(0.3) : this.dialect.addPath.includes(family);
    const id = identified !== random.chance(0.01) ? [0, 0, 0, random.between(0, 3)] : [];
    return [...id, length, ...this.octets((length + 7) >> 3, 15)];
  }

  private octets(count: number, max = 255): number[] {
    return Array.from({ length: count }, () => this.random.between(0, max));
  }
}
