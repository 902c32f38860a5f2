// Capabilities (RFC 5492): a row each. What both sides' lists add up to is for session/negotiate.ts.

import { familyOf } from '../net/family.ts';
import { CAPABILITY } from './constants.ts';
import type { Reader } from './reader.ts';
import { decodeText, encodeText, printable } from './text.ts';
import type { Writer } from './writer.ts';

export interface AfiSafi {
  readonly afi: number;
  readonly safi: number;
}

export type Capability =
  | { readonly name: 'Multiprotocol'; readonly afi: number; readonly safi: number }
  | { readonly name: 'RouteRefresh' }
  | {
      readonly name: 'ExtendedNextHop';
      readonly entries: readonly (AfiSafi & { readonly nextHopAfi: number })[];
    }
  | { readonly name: 'ExtendedMessage' }
  | { readonly name: 'Role'; readonly role: number }
  | {
      readonly name: 'GracefulRestart';
      /** R bit: the speaker restarted. */
      readonly restarting: boolean;
      /** N bit: restart also after a NOTIFICATION (RFC 8538 §2). */
      readonly notification: boolean;
      /** 0 to 4,095. */
      readonly restartTimeSeconds: number;
      readonly families: readonly (AfiSafi & { readonly forwardingPreserved: boolean })[];
    }
  | { readonly name: 'FourOctetAs'; readonly asNumber: number }
  | {
      readonly name: 'AddPath';
      readonly families: readonly (AfiSafi & { readonly send: boolean; readonly receive: boolean })[];
    }
  | { readonly name: 'EnhancedRouteRefresh' }
  | {
      readonly name: 'LongLivedGracefulRestart';
      readonly families: readonly (AfiSafi & {
        readonly forwardingPreserved: boolean;
        /** 0 to 16,777,215. */
        readonly staleTimeSeconds: number;
      })[];
    }
  | { readonly name: 'Hostname'; readonly hostname: string; readonly domain: string }
  | { readonly name: 'Unknown'; readonly code: number; readonly value: Uint8Array };

type Named<N extends Capability['name']> = Extract<Capability, { name: N }>;

/** One capability: its octets without code and length, and its words. */
interface CapabilityCodec<N extends Capability['name']> {
  readonly code: number;
  /** @returns undefined when malformed, as are octets left over and a read past the end. */
  readonly decode: (r: Reader) => Named<N> | undefined;
  readonly encode: (w: Writer, capability: Named<N>) => void;
  readonly describe: (capability: Named<N>) => string;
}

type KnownName = Exclude<Capability['name'], 'Unknown'>;

const FORWARDING_PRESERVED = 0x80;
const RESTARTING = 0x8000;
const RESTART_AFTER_NOTIFICATION = 0x4000;
const MAX_RESTART_TIME = 0xfff;
const MAX_STALE_TIME = 0xffffff;

/** Without value: present or not. */
const flag = <N extends 'RouteRefresh' | 'ExtendedMessage' | 'EnhancedRouteRefresh'>(
  code: number,
  name: N,
  words: string,
): CapabilityCodec<N> => ({
  code,
  decode: () => ({ name }) as Named<N>,
  encode: () => {},
  describe: () => words,
});

const CODECS: { readonly [N in KnownName]: CapabilityCodec<N> } = {
  // RFC 4760 §8: AFI, a reserved octet, SAFI
  Multiprotocol: {
    code: CAPABILITY.MULTIPROTOCOL,
    decode: (r) => {
      const afi = r.u16();
      r.u8();
      return { name: 'Multiprotocol', afi, safi: r.u8() };
    },
    encode: (w, c) => {
      w.u16(c.afi);
      w.u8(0);
      w.u8(c.safi);
    },
    describe: (c) => `Multiprotocol (${familyText(c)})`,
  },
  RouteRefresh: flag(CAPABILITY.ROUTE_REFRESH, 'RouteRefresh', 'Route Refresh'),
  // RFC 8950 §4: AFI, SAFI in two octets, AFI of the next hop
  ExtendedNextHop: {
    code: CAPABILITY.EXTENDED_NEXT_HOP,
    decode: (r) => ({
      name: 'ExtendedNextHop',
      entries: list(r, () => ({ afi: r.u16(), safi: r.u16(), nextHopAfi: r.u16() })),
    }),
    encode: (w, c) => {
      for (const entry of c.entries) {
        w.u16(entry.afi);
        w.u16(entry.safi);
        w.u16(entry.nextHopAfi);
      }
    },
    describe: (c) =>
      `Extended Next Hop (${c.entries
        .map(
          (entry) => `${familyText(entry)} via ${familyOf(entry.nextHopAfi, 1) ?? `AFI ${entry.nextHopAfi}`}`,
        )
        .join(', ')})`,
  },
  ExtendedMessage: flag(CAPABILITY.EXTENDED_MESSAGE, 'ExtendedMessage', 'Extended Message'),
  // RFC 9234 §4.1
  Role: {
    code: CAPABILITY.ROLE,
    decode: (r) => ({ name: 'Role', role: r.u8() }),
    encode: (w, c) => w.u8(c.role),
    describe: (c) => `Role (${ROLES[c.role] ?? c.role})`,
  },
  // RFC 4724 §3: flags and time in two octets, then AFI, SAFI, flags
  GracefulRestart: {
    code: CAPABILITY.GRACEFUL_RESTART,
    decode: (r) => {
      const head = r.u16();
      return {
        name: 'GracefulRestart',
        restarting: (head & RESTARTING) !== 0,
        notification: (head & RESTART_AFTER_NOTIFICATION) !== 0,
        restartTimeSeconds: head & MAX_RESTART_TIME,
        families: list(r, () => ({
          afi: r.u16(),
          safi: r.u8(),
          forwardingPreserved: (r.u8() & FORWARDING_PRESERVED) !== 0,
        })),
      };
    },
    encode: (w, c) => {
      const flags = (c.restarting ? RESTARTING : 0) | (c.notification ? RESTART_AFTER_NOTIFICATION : 0);
      w.u16(flags | Math.min(c.restartTimeSeconds, MAX_RESTART_TIME));
      for (const family of c.families) {
        w.u16(family.afi);
        w.u8(family.safi);
        w.u8(family.forwardingPreserved ? FORWARDING_PRESERVED : 0);
      }
    },
    describe: (c) =>
      words('Graceful Restart', [
        `${c.restartTimeSeconds} s`,
        c.restarting ? 'restarting' : '',
        c.notification ? 'also after NOTIFICATION' : '',
        ...c.families.map((family) =>
          family.forwardingPreserved ? `${familyText(family)} forwarding preserved` : familyText(family),
        ),
      ]),
  },
  // RFC 6793 §3
  FourOctetAs: {
    code: CAPABILITY.FOUR_OCTET_AS,
    decode: (r) => ({ name: 'FourOctetAs', asNumber: r.u32() }),
    encode: (w, c) => w.u32(c.asNumber),
    describe: (c) => `Four-octet AS (${c.asNumber})`,
  },
  // RFC 7911 §4: AFI, SAFI, Send/Receive; an entry with another value than 1 to 3 is ignored
  AddPath: {
    code: CAPABILITY.ADD_PATH,
    decode: (r) => {
      const entries = list(r, () => ({ afi: r.u16(), safi: r.u8(), mode: r.u8() }));
      return {
        name: 'AddPath',
        families: entries
          .filter(({ mode }) => mode >= 1 && mode <= 3)
          .map(({ afi, safi, mode }) => ({ afi, safi, send: (mode & 2) !== 0, receive: (mode & 1) !== 0 })),
      };
    },
    encode: (w, c) => {
      for (const family of c.families) {
        w.u16(family.afi);
        w.u8(family.safi);
        w.u8((family.send ? 2 : 0) | (family.receive ? 1 : 0));
      }
    },
    describe: (c) =>
      words(
        'ADD-PATH',
        c.families.map((family) =>
          [familyText(family), family.send ? 'send' : '', family.receive ? 'receive' : '']
            .filter((part) => part !== '')
            .join(' '),
        ),
      ),
  },
  EnhancedRouteRefresh: flag(
    CAPABILITY.ENHANCED_ROUTE_REFRESH,
    'EnhancedRouteRefresh',
    'Enhanced Route Refresh',
  ),
  // RFC 9494 §3: AFI, SAFI, flags, three octets of time
  LongLivedGracefulRestart: {
    code: CAPABILITY.LONG_LIVED_GRACEFUL_RESTART,
    decode: (r) => ({
      name: 'LongLivedGracefulRestart',
      families: list(r, () => ({
        afi: r.u16(),
        safi: r.u8(),
        forwardingPreserved: (r.u8() & FORWARDING_PRESERVED) !== 0,
        staleTimeSeconds: (r.u8() << 16) | r.u16(),
      })),
    }),
    encode: (w, c) => {
      for (const family of c.families) {
        const staleTime = Math.min(family.staleTimeSeconds, MAX_STALE_TIME);
        w.u16(family.afi);
        w.u8(family.safi);
        w.u8(family.forwardingPreserved ? FORWARDING_PRESERVED : 0);
        w.u8(staleTime >>> 16);
        w.u16(staleTime);
      }
    },
    describe: (c) =>
      words(
        'Long-Lived Graceful Restart',
        c.families.map((family) => `${familyText(family)} ${family.staleTimeSeconds} s`),
      ),
  },
  // draft-walton-bgp-hostname-capability: two texts, each with its length
  Hostname: {
    code: CAPABILITY.HOSTNAME,
    decode: (r) => {
      const hostname = decodeText(r.view(r.u8()));
      const domain = decodeText(r.view(r.u8()));
      return hostname === undefined || domain === undefined
        ? undefined
        : { name: 'Hostname', hostname, domain };
    },
    encode: (w, c) => {
      for (const text of [c.hostname, c.domain]) {
        const octets = encodeText(text, MAX_NAME_OCTETS);
        w.u8(octets.length);
        w.bytes(octets);
      }
    },
    describe: (c) =>
      words('Hostname', [printable(c.domain === '' ? c.hostname : `${c.hostname}.${c.domain}`)]),
  },
};

/** The draft's limit for each of the two texts. */
const MAX_NAME_OCTETS = 64;

const NAME_OF_CODE: ReadonlyMap<number, KnownName> = new Map(
  (Object.keys(CODECS) as KnownName[]).map((name) => [CODECS[name].code, name]),
);

const codecOf = (name: KnownName): CapabilityCodec<Capability['name']> =>
  CODECS[name] as unknown as CapabilityCodec<Capability['name']>;

/**
 * One capability's value.
 * @param r  limited to the value.
 * @returns undefined when it is one that we know and its octets are malformed. An unreadable Hostname, which serves
 *   people alone, is kept as Unknown.
 */
export function decodeCapability(code: number, r: Reader): Capability | undefined {
  const name = NAME_OF_CODE.get(code);
  if (name === undefined) return { name: 'Unknown', code, value: r.copy(r.remaining) };
  const start = r.at;
  const decoded = codecOf(name).decode(r);
  if (decoded !== undefined && !r.overrun && r.remaining === 0) return decoded;
  if (name !== 'Hostname') return undefined;
  r.at = start;
  r.overrun = false;
  return { name: 'Unknown', code, value: r.copy(r.remaining) };
}

/** Writes code, length and value. */
export function encodeCapability(w: Writer, capability: Capability): void {
  w.u8(capability.name === 'Unknown' ? capability.code : CODECS[capability.name].code);
  const lengthAt = w.length;
  w.u8(0);
  if (capability.name === 'Unknown') w.bytes(capability.value);
  else codecOf(capability.name).encode(w, capability);
  const length = w.length - lengthAt - 1;
  if (length > 0xff) throw new Error(`invariant: capability ${capability.name} has ${length} octets`);
  w.setU8(lengthAt, length);
}

/** For people: "Graceful Restart (120 s, ipv4, ipv6)". Never has control characters. */
export function describeCapability(capability: Capability): string {
  if (capability.name !== 'Unknown') return codecOf(capability.name).describe(capability);
  return words(UNUSED[capability.code] ?? `capability ${capability.code}`, [
    capability.value.length === 0 ? '' : `${capability.value.length} octets`,
  ]);
}

/** IANA names of capabilities that peers send and we have no use for. */
const UNUSED: Readonly<Record<number, string>> = {
  3: 'Outbound Route Filtering',
  4: 'Multiple Routes to a Destination (deprecated)',
  7: 'BGPsec',
  8: 'Multiple Labels',
  66: 'Dynamic Capability (deprecated)',
  67: 'Dynamic Capability',
  68: 'Multisession BGP',
  72: 'CP-ORF',
  75: 'Software Version',
  128: 'Route Refresh (Cisco)',
};

const ROLES: Readonly<Record<number, string>> = {
  0: 'provider',
  1: 'rs',
  2: 'rs-client',
  3: 'customer',
  4: 'peer',
};

function list<T>(r: Reader, entry: () => T): T[] {
  const entries: T[] = [];
  while (r.remaining > 0) entries.push(entry());
  return entries;
}

const familyText = ({ afi, safi }: AfiSafi): string => familyOf(afi, safi) ?? `AFI ${afi} SAFI ${safi}`;

function words(name: string, details: readonly string[]): string {
  const present = details.filter((detail) => detail !== '');
  return present.length === 0 ? name : `${name} (${present.join(', ')})`;
}
