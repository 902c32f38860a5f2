// Texts of Calico as values: AS numbers, durations, communities.

import type { Community } from './resources.ts';

/** Route priorities go up to 2147483646, so that LOCAL_PREF stays above 0 (data model 3.5). */
export const MAX_PRIORITY = 2147483646;

/** A number, or a text: plain "64512" or dotted "1.10" (RFC 5396). AS 0 may not be used (RFC 7607). */
export function parseAsNumber(value: unknown): number | undefined {
  const max = 0xffff_ffff;
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= 1 && value <= max ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^([0-9]{1,10})(?:\.([0-9]{1,5}))?$/.exec(value.trim());
  if (match === null) return undefined;
  const [high, low] = [Number(match[1]), match[2] === undefined ? undefined : Number(match[2])];
  if (low === undefined) return high >= 1 && high <= max ? high : undefined;
  return high <= 0xffff && low <= 0xffff && high + low > 0 ? high * 0x1_0000 + low : undefined;
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
};

/** Go's duration text: "1h30m0s", "500ms", "0". @returns milliseconds, or undefined. */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  const match = /^([+-]?)((?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return undefined;
  let ms = 0;
  for (const part of match[2]!.matchAll(/([0-9.]+)([a-zµμ]+)/g)) ms += Number(part[1]) * UNITS[part[2]!]!;
  return match[1] === '-' ? -ms : ms;
}

/** "aa:nn" of 16 bits each (RFC 1997), "aa:nn:mm" of 32 bits each (RFC 8092). */
export function parseCommunity(text: string): Community | undefined {
  if (!/^[0-9]{1,10}(:[0-9]{1,10}){1,2}$/.test(text)) return undefined;
  const parts = text.split(':').map(Number);
  const [a, b, c] = parts as [number, number, number?];
  const limit = c === undefined ? 0xffff : 0xffff_ffff;
  if (parts.some((part) => part > limit)) return undefined;
  return c === undefined
    ? { text: `${a}:${b}`, standard: a * 0x1_0000 + b, large: undefined }
    : { text: `${a}:${b}:${c}`, standard: undefined, large: [a, b, c] };
}
