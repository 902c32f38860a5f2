// Settings that Calico has no field for: annotations `mesos-bgp/…` on BGPPeer, Node or BGPConfiguration `default`; the nearest
// wins. One row a setting: how its text is read, and what holds when nobody says anything.

import { type Address, type MaxPrefixes, parseAddress, ROLE, type Role, type RoleSetting } from 'bgp-utils';
import type { Problem } from '../calico/resources.ts';
import { parseDuration } from '../calico/values.ts';

/** A resource that may carry annotations, nearest first in every list. */
export interface Annotated {
  /** "BGPPeer/tor-a". */
  readonly resource: string;
  readonly annotations: ReadonlyMap<string, string>;
}

interface Row<T> {
  readonly name: string;
  readonly accepts: string;
  readonly parse: (text: string) => T | undefined;
}

const duration = (minMs: number, maxMs: number, orZero: boolean) => (text: string) => {
  const ms = parseDuration(text.trim());
  if (ms === undefined) return undefined;
  return (orZero && ms === 0) || (ms >= minMs && ms <= maxMs) ? ms / 1000 : undefined;
};

/** As Linux allows it (bgp-utils checks it in `withZone`). */
const interfaceName = (text: string): string | undefined =>
  /^(?!\.{1,2}$)[!-~]{1,15}$/.test(text) && !/[/:%]/.test(text) ? text : undefined;

export const HOLD_TIME: Row<number> = {
  name: 'mesos-bgp/hold-time',
  accepts: '0s, or a duration from 3s to 65535s',
  parse: (text) => {
    const seconds = duration(3_000, 65_535_000, true)(text);
    return seconds === undefined ? undefined : Math.round(seconds);
  },
};

export const CONNECT_RETRY: Row<number> = {
  name: 'mesos-bgp/connect-retry',
  accepts: 'a duration from 100ms to 1h',
  parse: duration(100, 3_600_000, false),
};

/** RFC 4271 §8.1.1, DelayOpenTime. */
export const DELAY_OPEN: Row<number> = {
  name: 'mesos-bgp/delay-open',
  accepts: '0s, or a duration from 100ms to 240s',
  parse: duration(100, 240_000, true),
};

const flag = (name: string): Row<boolean> => ({
  name,
  accepts: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
});

export const PASSIVE = flag('mesos-bgp/passive');

export const EXTENDED_MESSAGES = flag('mesos-bgp/extended-messages');

/** RFC 4271 §6.3. */
export const ENFORCE_FIRST_AS = flag('mesos-bgp/enforce-first-as');

/** RFC 8212. */
export const REQUIRE_POLICY = flag('mesos-bgp/require-policy');

/** RFC 9494: a field of 24 bits, in seconds. */
export const LONG_LIVED_STALE_TIME: Row<number> = {
  name: 'mesos-bgp/long-lived-stale-time',
  accepts: '0s, or a duration from 1s to 16777215s',
  parse: (text) => {
    const seconds = duration(1_000, 16_777_215_000, true)(text);
    return seconds === undefined ? undefined : Math.round(seconds);
  },
};

/** What this node is to the peer (RFC 9234). */
export const ROLE_SETTING: Row<RoleSetting | undefined> = {
  name: 'mesos-bgp/role',
  accepts: 'provider, rs, rs-client, customer or peer, with ",strict" if wanted',
  parse: (text) => {
    const [role = '', strict, ...more] = text.split(',').map((part) => part.trim());
    if (!Object.hasOwn(ROLE, role) || more.length > 0 || (strict !== undefined && strict !== 'strict'))
      return undefined;
    return { role: role as Role, strict: strict === 'strict' };
  },
};

export const MAX_PREFIXES: Row<MaxPrefixes | undefined> = {
  name: 'mesos-bgp/max-prefixes',
  accepts: 'a number from 1 to 4294967295, alone or with ",warning" or ",restart=5m"',
  parse: (text) => {
    const [, number = '', action = ''] = /^([1-9][0-9]{0,9})\s*(?:,\s*(\S+))?$/.exec(text.trim()) ?? [];
    const limit = Number(number);
    if (number === '' || limit > 0xffffffff) return undefined;
    if (action === '' || action === 'warning')
      return { limit, warningOnly: action === 'warning', restartSeconds: undefined };
    const restartSeconds = action.startsWith('restart=')
      ? duration(1_000, 7 * 24 * 3_600_000, false)(action.slice('restart='.length))
      : undefined;
    return restartSeconds === undefined ? undefined : { limit, warningOnly: false, restartSeconds };
  },
};

export const MAX_PATHS: Row<number> = {
  name: 'mesos-bgp/max-paths',
  accepts: 'a whole number from 1 to 256',
  parse: (text) => (/^[1-9][0-9]{0,2}$/.test(text) && Number(text) <= 256 ? Number(text) : undefined),
};

const ADD_PATHS_VALUES = ['off', 'send', 'receive', 'both'] as const;

/** Several paths of a prefix (RFC 7911). */
export const ADD_PATHS: Row<(typeof ADD_PATHS_VALUES)[number]> = {
  name: 'mesos-bgp/add-paths',
  accepts: 'off, send, receive or both',
  parse: (text) => ADD_PATHS_VALUES.find((value) => value === text),
};

/** TTL of what goes to a peer without `ttlSecurity`: how many hops it may be away. */
export const MULTIHOP_TTL: Row<number> = {
  name: 'mesos-bgp/multihop-ttl',
  accepts: 'a whole number from 1 to 255',
  parse: (text) => (/^[1-9][0-9]{0,2}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined),
};

/** For how long what we sent may stay unacknowledged, or wait for the peer to read (RFC 5482 §3). */
export const TCP_USER_TIMEOUT: Row<number> = {
  name: 'mesos-bgp/tcp-user-timeout',
  accepts: '0s, or a duration from 1s to 24h',
  parse: duration(1_000, 86_400_000, true),
};

/** Our address on the session, in place of the node's. */
export const SOURCE_ADDRESS: Row<Address | undefined> = {
  name: 'mesos-bgp/source-address',
  accepts: 'an IP address',
  parse: (text) => parseAddress(text.trim()),
};

/** What the session's packets come and go by. */
export const INTERFACE: Row<string | undefined> = {
  name: 'mesos-bgp/interface',
  accepts: 'the name of an interface, up to 15 characters',
  parse: interfaceName,
};

export interface ListenPlace {
  readonly address: Address | undefined;
  readonly device: string | undefined;
  readonly port: number | undefined;
}

/** `ADDRESS`, `ADDRESS:PORT`, `*%eth0`, `*:1790`, `[fd00::1%eth0]:1790`: what is left out is as without the annotation. */
function listenPlace(text: string, v6: boolean): ListenPlace | undefined {
  const [, bracketed, plain, portText] =
    /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([1-9][0-9]{0,4}))?$/.exec(text.trim()) ?? [];
  const [host = '', device, ...more] = (bracketed ?? plain ?? (v6 ? text.trim() : '')).split('%');
  const port = portText === undefined ? undefined : Number(portText);
  const address = host === '*' ? undefined : parseAddress(host);
  if (more.length > 0 || (port !== undefined && port > 0xffff)) return undefined;
  if (host !== '*' && (address === undefined || address.includes(':') !== v6)) return undefined;
  if (device !== undefined && interfaceName(device) === undefined) return undefined;
  return { address, device, port };
}

const listenRow = (family: 'ipv4' | 'ipv6'): Row<ListenPlace | undefined> => ({
  name: `mesos-bgp/listen-${family}`,
  accepts: `an ${family === 'ipv6' ? 'IPv6' : 'IPv4'} address or "*", with "%INTERFACE" and ":PORT" behind it if wanted`,
  parse: (text) => listenPlace(text, family === 'ipv6'),
});

export const LISTEN = { ipv4: listenRow('ipv4'), ipv6: listenRow('ipv6') } as const;

const onOff = (name: string): Row<boolean> => ({
  name,
  accepts: 'on or off',
  parse: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
});

/** Routes that the datastore confirms stay when nobody is left who could tell them (docs/decisions/0030-fail-static.md). */
export const FAIL_STATIC = onOff('mesos-bgp/fail-static');

const ORIGIN_CHECKS = ['off', 'report', 'enforce'] as const;

export const ORIGIN_CHECK: Row<(typeof ORIGIN_CHECKS)[number]> = {
  name: 'mesos-bgp/origin-check',
  accepts: ORIGIN_CHECKS.join(', '),
  parse: (text) => ORIGIN_CHECKS.find((value) => value === text),
};

/** Where a setting may stand; calico/decode-peer.ts reads the range, which is a field of the peer rather than a setting. */
const EVERYWHERE = ['BGPPeer', 'Node', 'BGPConfiguration'] as const;
const OF_THE_NODE = ['Node', 'BGPConfiguration'] as const;
const SETTINGS: readonly (readonly [Row<unknown>, readonly string[]])[] = [
  ...[HOLD_TIME, CONNECT_RETRY, PASSIVE, EXTENDED_MESSAGES, ENFORCE_FIRST_AS, REQUIRE_POLICY].map(
    (row) => [row, EVERYWHERE] as const,
  ),
  ...[DELAY_OPEN, LONG_LIVED_STALE_TIME, ROLE_SETTING, MAX_PREFIXES, ADD_PATHS].map(
    (row) => [row, EVERYWHERE] as const,
  ),
  ...[MULTIHOP_TTL, TCP_USER_TIMEOUT].map((row) => [row, EVERYWHERE] as const),
  ...[SOURCE_ADDRESS, INTERFACE].map((row) => [row, ['BGPPeer']] as const),
  [LISTEN.ipv4, OF_THE_NODE],
  [LISTEN.ipv6, OF_THE_NODE],
  [MAX_PATHS, OF_THE_NODE],
  [FAIL_STATIC, OF_THE_NODE],
  [ORIGIN_CHECK, OF_THE_NODE],
  [{ name: 'mesos-bgp/peer-range', accepts: 'a CIDR', parse: (text) => text }, ['BGPPeer']],
];
const BY_NAME = new Map(SETTINGS.map(([row, kinds]) => [row.name, { row, kinds }]));

/** Names of ours that do not exist, stand where they mean nothing, or have a value that does not parse. */
export function checkAnnotations(
  { resource, annotations }: Annotated,
  report: (problem: Problem) => void,
): void {
  for (const [name, text] of annotations) {
    if (!name.startsWith('mesos-bgp/')) continue;
    const field = `metadata.annotations[${name}]`;
    const known = BY_NAME.get(name);
    if (known === undefined) {
      report({
        resource,
        field,
        message: `there is no such setting; there are ${[...BY_NAME.keys()].join(', ')}`,
      });
    } else if (!known.kinds.includes(resource.split('/')[0]!)) {
      report({
        resource,
        field,
        message: `has a meaning on ${known.kinds.join(' and ')} alone, and is ignored here`,
      });
    } else if (known.row.parse(text) === undefined) report(unusable(known.row, resource, text));
  }
}

const unusable = (row: Row<unknown>, resource: string, text: string): Problem => ({
  resource,
  field: `metadata.annotations[${row.name}]`,
  message: `${JSON.stringify(text)} is not ${row.accepts}; it is ignored`,
});

/** @returns the nearest value that parses. One that does not is reported once, and the next one or the default holds. */
export function annotation<T>(
  row: Row<T>,
  places: readonly Annotated[],
  fallback: T,
  report: (problem: Problem) => void,
): T {
  for (const { resource, annotations } of places) {
    const text = annotations.get(row.name);
    if (text === undefined) continue;
    const value = row.parse(text);
    if (value !== undefined) return value;
    report(unusable(row, resource, text));
  }
  return fallback;
}
