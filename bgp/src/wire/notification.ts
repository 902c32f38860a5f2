// NOTIFICATION (RFC 4271 §4.5, §6): made, read, written and put into words. Who sends one and when is not known here.

import { CEASE, ERROR_CODE } from './constants.ts';
import { Reader } from './reader.ts';
import { decodeText, encodeText, printable } from './text.ts';
import type { Writer } from './writer.ts';

export interface Notification {
  readonly type: 'Notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

const NO_DATA = new Uint8Array(0);

/** @param code, subcode  see ERROR_CODE and the objects with its subcodes. */
export const notification = (code: number, subcode: number, data: Uint8Array = NO_DATA): Notification => ({
  type: 'Notification',
  code,
  subcode,
  data,
});

/** Longest Shutdown Communication, in octets of UTF-8 (RFC 9003 §2). */
const MAX_COMMUNICATION_OCTETS = 255;

/**
 * The data of a Cease with subcode Administrative Shutdown or Reset (RFC 9003 §2): length, then UTF-8.
 * Text that is too long ends after the last whole character that fits.
 */
export function shutdownCommunication(text: string): Uint8Array {
  const octets = encodeText(text, MAX_COMMUNICATION_OCTETS);
  const data = new Uint8Array(1 + octets.length);
  data[0] = octets.length;
  data.set(octets, 1);
  return data;
}

/** Cease; `text` for those two subcodes that carry one (RFC 9003 §2). */
export const cease = (subcode: number, text = ''): Notification =>
  notification(
    ERROR_CODE.CEASE,
    subcode,
    subcode === CEASE.ADMINISTRATIVE_SHUTDOWN || subcode === CEASE.ADMINISTRATIVE_RESET
      ? shutdownCommunication(text)
      : undefined,
  );

/** The same end, for good: the peer keeps none of our routes (RFC 8538 §3). */
export function hardReset({ code, subcode, data }: Notification): Notification {
  return notification(ERROR_CODE.CEASE, CEASE.HARD_RESET, Uint8Array.of(code, subcode, ...data));
}

/** @param body  after the header, at least two octets (the framer saw to it). */
export function decodeNotification(body: Uint8Array): Notification {
  const r = new Reader(body);
  return notification(r.u8(), r.u8(), r.copy(r.remaining));
}

export function encodeNotification(w: Writer, message: Notification): void {
  w.u8(message.code);
  w.u8(message.subcode);
  w.bytes(message.data);
}

interface CodeName {
  readonly name: string;
  readonly subcodes: Readonly<Record<number, string>>;
}

/** IANA "BGP Error (Notification) Codes" and the registries of their subcodes. */
const NAMES: Readonly<Record<number, CodeName>> = {
  [ERROR_CODE.MESSAGE_HEADER_ERROR]: {
    name: 'Message Header Error',
    subcodes: { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
  },
  [ERROR_CODE.OPEN_MESSAGE_ERROR]: {
    name: 'OPEN Message Error',
    subcodes: {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      5: 'Authentication Failure (deprecated)',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  },
  [ERROR_CODE.UPDATE_MESSAGE_ERROR]: {
    name: 'UPDATE Message Error',
    subcodes: {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      7: 'AS Routing Loop (deprecated)',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  },
  [ERROR_CODE.HOLD_TIMER_EXPIRED]: { name: 'Hold Timer Expired', subcodes: {} },
  [ERROR_CODE.FINITE_STATE_MACHINE_ERROR]: {
    name: 'Finite State Machine Error',
    subcodes: {
      1: 'Receive Unexpected Message in OpenSent State',
      2: 'Receive Unexpected Message in OpenConfirm State',
      3: 'Receive Unexpected Message in Established State',
    },
  },
  [ERROR_CODE.CEASE]: {
    name: 'Cease',
    subcodes: {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  },
  [ERROR_CODE.ROUTE_REFRESH_MESSAGE_ERROR]: {
    name: 'ROUTE-REFRESH Message Error',
    subcodes: { 1: 'Invalid Message Length' },
  },
  [ERROR_CODE.SEND_HOLD_TIMER_EXPIRED]: { name: 'Send Hold Timer Expired', subcodes: {} },
};

/**
 * A NOTIFICATION for people.
 * @returns `name`: code and subcode as registered ("Cease/Administrative Reset"); `text`: what the data says, made safe
 *   for a terminal, "" when there is none.
 */
export function describeNotification(message: Notification): Description {
  const { code, subcode, data } = message;
  if (code !== ERROR_CODE.CEASE || subcode !== CEASE.HARD_RESET || data.length < 2)
    return describeOne(message);
  // RFC 8538 §3: the reason is a NOTIFICATION of its own, without header. One in that one is not followed.
  const inner = describeOne(notification(data[0]!, data[1]!, data.subarray(2)));
  const text = inner.text === '' ? inner.name : `${inner.name}: ${inner.text}`;
  return { ...describeOne(message), text };
}

interface Description {
  readonly name: string;
  readonly text: string;
}

function describeOne(message: Notification): Description {
  const { code, subcode } = message;
  const known = NAMES[code];
  const name = known?.name ?? `code ${code}`;
  const subname = known?.subcodes[subcode] ?? (subcode === 0 ? undefined : `subcode ${subcode}`);
  return { name: subname === undefined ? name : `${name}/${subname}`, text: textOf(message) };
}

function textOf({ code, subcode, data }: Notification): string {
  if (data.length === 0) return '';
  if (code === ERROR_CODE.CEASE) {
    if (subcode === CEASE.ADMINISTRATIVE_SHUTDOWN || subcode === CEASE.ADMINISTRATIVE_RESET) {
      const communication = communicationOf(data);
      if (communication !== undefined) return communication;
    }
    if (subcode === CEASE.MAXIMUM_NUMBER_OF_PREFIXES_REACHED && data.length === 7) {
      const r = new Reader(data); // RFC 4486 §4
      return `AFI ${r.u16()} SAFI ${r.u8()} limit ${r.u32()}`;
    }
  }
  return `data ${hexOf(data)}`;
}

/** The text of a Shutdown Communication, or undefined when the data is none. */
function communicationOf(data: Uint8Array): string | undefined {
  const length = data[0]!;
  const text = length + 1 > data.length ? undefined : decodeText(data.subarray(1, 1 + length));
  return text && printable(text);
}

const SHOWN_OCTETS = 32;

function hexOf(data: Uint8Array): string {
  const hex = Array.from(data.subarray(0, SHOWN_OCTETS), (octet) => octet.toString(16).padStart(2, '0')).join(
    '',
  );
  return data.length > SHOWN_OCTETS ? `${hex}… (${data.length} octets)` : hex;
}
