// What the daemon says, read octet by octet: as strict as the RFCs are with a sender, and again without bgp-utils.

export interface Message {
  readonly type: number;
  /** After the header. */
  readonly body: Buffer;
  /** With it. */
  readonly octets: Buffer;
}

/** Takes whole messages off the front. @returns them, and what is left. @throws where the header is wrong. */
export function split(octets: Buffer): { messages: Message[]; rest: Buffer } {
  const messages: Message[] = [];
  let rest = octets;
  while (rest.length >= 19) {
    if (rest.subarray(0, 16).some((octet) => octet !== 0xff))
      throw new Error('a marker that is not all ones');
    const length = rest.readUInt16BE(16);
    if (length < 19) throw new Error(`a message of ${length} octets`);
    if (rest.length < length) break;
    const whole = rest.subarray(0, length);
    messages.push({ type: whole[18]!, body: whole.subarray(19), octets: whole });
    rest = rest.subarray(length);
  }
  return { messages, rest };
}

export interface ReadOpen {
  readonly version: number;
  readonly myAs: number;
  readonly hold: number;
  readonly id: string;
  /** Values by code, in hex, in the order of the message. */
  readonly capabilities: ReadonlyMap<number, readonly string[]>;
}

export function readOpen({ body }: Message): ReadOpen {
  const capabilities = new Map<number, string[]>();
  const length = body[9]!;
  if (length !== body.length - 10) throw new Error(`parameters of ${length} octets in ${body.length - 10}`);
  for (let at = 10; at < body.length; at += 2 + body[at + 1]!) {
    if (body[at] !== 2) throw new Error(`optional parameter ${body[at]}`);
    const end = at + 2 + body[at + 1]!;
    for (let in_ = at + 2; in_ < end; in_ += 2 + body[in_ + 1]!) {
      const code = body[in_]!;
      const value = body.subarray(in_ + 2, in_ + 2 + body[in_ + 1]!).toString('hex');
      capabilities.set(code, [...(capabilities.get(code) ?? []), value]);
    }
  }
  return {
    version: body[0]!,
    myAs: body.readUInt16BE(1),
    hold: body.readUInt16BE(3),
    id: [...body.subarray(5, 9)].join('.'),
    capabilities,
  };
}

export interface ReadAttribute {
  /** Without Extended Length. */
  readonly flags: number;
  readonly hex: string;
}

/** What the probe remembers of a prefix, or of one path of it: the attributes that came with it. */
export type Attributes = ReadonlyMap<number, ReadAttribute>;

export interface ReadUpdate {
  /** "10.0.0.0/8", or "10.0.0.0/8 #7" with a path identifier. */
  readonly withdrawn: readonly string[];
  readonly announced: readonly string[];
  readonly attributes: Attributes;
  /** Codes as they came. */
  readonly order: readonly number[];
  /** Of MP_REACH_NLRI, in hex. */
  readonly nextHop: string | undefined;
  readonly endOfRib: boolean;
}

/** @param addPath  whether the daemon sends path identifiers. @throws where a sender may not write what is there. */
export function readUpdate({ body }: Message, addPath = false): ReadUpdate {
  const withdrawnEnd = 2 + body.readUInt16BE(0);
  const attributesEnd = withdrawnEnd + 2 + body.readUInt16BE(withdrawnEnd);
  if (attributesEnd > body.length) throw new Error('lengths beyond the end of an UPDATE');
  const withdrawn = readPrefixes(body.subarray(2, withdrawnEnd), 4, addPath);
  const announced = readPrefixes(body.subarray(attributesEnd), 4, addPath);
  const attributes = new Map<number, ReadAttribute>();
  const order: number[] = [];
  let nextHop: string | undefined;
  for (let at = withdrawnEnd + 2; at < attributesEnd; ) {
    const flags = body[at]!;
    const code = body[at + 1]!;
    const long = (flags & 0x10) !== 0;
    const length = long ? body.readUInt16BE(at + 2) : body[at + 2]!;
    const start = at + (long ? 4 : 3);
    const value = body.subarray(start, start + length);
    if (start + length > attributesEnd) throw new Error(`attribute ${code} beyond the end`);
    if (attributes.has(code)) throw new Error(`attribute ${code} twice`);
    attributes.set(code, { flags: flags & ~0x10, hex: value.toString('hex') });
    order.push(code);
    if (code === 14) {
      const sizeOctets = value.readUInt16BE(0) === 2 ? 16 : 4;
      const nextHopEnd = 4 + value[3]!;
      nextHop = value.subarray(4, nextHopEnd).toString('hex');
      announced.push(...readPrefixes(value.subarray(nextHopEnd + 1), sizeOctets, addPath));
    } else if (code === 15) {
      withdrawn.push(...readPrefixes(value.subarray(3), value.readUInt16BE(0) === 2 ? 16 : 4, addPath));
    }
    at = start + length;
  }
  const nothing = withdrawn.length + announced.length === 0;
  return {
    withdrawn,
    announced,
    attributes,
    order,
    nextHop,
    endOfRib: nothing && order.every((code) => code === 15),
  };
}

function readPrefixes(octets: Buffer, sizeOctets: 4 | 16, addPath: boolean): string[] {
  const prefixes: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const id = addPath ? ` #${octets.readUInt32BE(at)}` : '';
    if (addPath) at += 4;
    const length = octets[at]!;
    const used = Math.ceil(length / 8);
    if (length > sizeOctets * 8 || at + 1 + used > octets.length) throw new Error(`NLRI length ${length}`);
    const address = Buffer.alloc(sizeOctets);
    octets.copy(address, 0, at + 1, at + 1 + used);
    prefixes.push(`${addressText(address)}/${length}${id}`);
    at += 1 + used;
  }
  return prefixes;
}

function addressText(octets: Buffer): string {
  if (octets.length === 4) return [...octets].join('.');
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16));
  return groups.join(':').replace(/(:0)+$/, '::');
}

/** AS_PATH with 4-octet numbers as text: "65001 65002 {65003}". */
export function readAsPath(attributes: Attributes, octets: 2 | 4 = 4, code = 2): string {
  const value = Buffer.from(attributes.get(code)?.hex ?? '', 'hex');
  const texts: string[] = [];
  for (let at = 0; at < value.length; ) {
    const type = value[at]!;
    const count = value[at + 1]!;
    const numbers = Array.from({ length: count }, (_, i) => value.readUIntBE(at + 2 + i * octets, octets));
    texts.push(type === 2 ? numbers.join(' ') : `${type}{${numbers.join(' ')}}`);
    at += 2 + count * octets;
  }
  return texts.join(' ');
}

/** Four octets as a number; undefined when the attribute is not there. */
export const readU32 = (attributes: Attributes, code: number): number | undefined => {
  const found = attributes.get(code);
  return found === undefined ? undefined : Number.parseInt(found.hex, 16);
};

/** "64500:1 64500:2" */
export const readCommunities = (attributes: Attributes): string =>
  (attributes.get(8)?.hex.match(/.{8}/g) ?? [])
    .map((hex) => `${Number.parseInt(hex.slice(0, 4), 16)}:${Number.parseInt(hex.slice(4), 16)}`)
    .join(' ');
