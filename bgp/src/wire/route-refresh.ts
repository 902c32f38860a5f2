// ROUTE-REFRESH (RFC 2918 §3) and its subtypes (RFC 7313 §4).

import {
  ERROR_CODE,
  HEADER_OCTETS,
  MESSAGE_TYPE,
  ROUTE_REFRESH_ERROR,
  ROUTE_REFRESH_SUBTYPE,
} from './constants.ts';
import { beginMessage, endMessage } from './framer.ts';
import { type Notification, notification } from './notification.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export interface RouteRefresh {
  readonly type: 'RouteRefresh';
  readonly afi: number;
  readonly safi: number;
  /** 0 asks for the routes; 1 BoRR and 2 EoRR bracket the answer; others are to be ignored (RFC 7313 §5). */
  readonly subtype: number;
}

const BODY_OCTETS = 4;

/**
 * @returns the message, or the NOTIFICATION to send: Invalid Message Length, with the whole message as data (RFC 7313
 *   §5). A longer request of subtype 0 carries ORF entries (RFC 5291), which we never agreed to: they are not read.
 */
export function decodeRouteRefresh(body: Uint8Array): RouteRefresh | Notification {
  const r = new Reader(body);
  const afi = r.u16();
  const subtype = r.u8();
  const safi = r.u8();
  const bracket = subtype === ROUTE_REFRESH_SUBTYPE.BORR || subtype === ROUTE_REFRESH_SUBTYPE.EORR;
  if (r.overrun || (bracket && body.length !== BODY_OCTETS)) {
    return notification(
      ERROR_CODE.ROUTE_REFRESH_MESSAGE_ERROR,
      ROUTE_REFRESH_ERROR.INVALID_MESSAGE_LENGTH,
      wholeMessage(body),
    );
  }
  return { type: 'RouteRefresh', afi, safi, subtype };
}

export function encodeRouteRefresh(w: Writer, message: RouteRefresh): void {
  w.u16(message.afi);
  w.u8(message.subtype);
  w.u8(message.safi);
}

function wholeMessage(body: Uint8Array): Uint8Array {
  const w = new Writer(HEADER_OCTETS + body.length);
  const start = beginMessage(w, MESSAGE_TYPE.ROUTE_REFRESH);
  w.bytes(body);
  endMessage(w, start);
  return w.take();
}
