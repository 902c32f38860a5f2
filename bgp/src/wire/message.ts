// The messages of BGP-4, and octets ⇄ message for all of them. Framing comes before (framer.ts); what a message means
// comes after (session/fsm.ts).

import { ERROR_CODE, HEADER_ERROR, MESSAGE_TYPE } from './constants.ts';
import type { WireContext } from './context.ts';
import { beginMessage, endMessage, type Frame } from './framer.ts';
import { KEEPALIVE, type KeepAlive } from './keepalive.ts';
import { decodeNotification, encodeNotification, type Notification, notification } from './notification.ts';
import { decodeOpen, encodeOpen, type Open } from './open.ts';
import { decodeRouteRefresh, encodeRouteRefresh, type RouteRefresh } from './route-refresh.ts';
import { type AttributeFinding, decodeUpdate, type Update } from './update.ts';
import { Writer } from './writer.ts';

export type Message = Open | Update | Notification | KeepAlive | RouteRefresh;

export type Decoded =
  | { readonly ok: true; readonly message: Message }
  /** The NOTIFICATION to send (RFC 4271 §6); for an UPDATE also what was found until then. */
  | {
      readonly ok: false;
      readonly error: Notification;
      readonly findings?: readonly AttributeFinding[];
    };

/** @param frame  from the framer, which has checked length and type. */
export function decodeMessage(frame: Frame, context: WireContext): Decoded {
  switch (frame.type) {
    case MESSAGE_TYPE.OPEN:
      return openOrRefresh(decodeOpen(frame.body));
    case MESSAGE_TYPE.UPDATE: {
      const decoded = decodeUpdate(frame.body, context);
      return decoded.ok ? { ok: true, message: decoded.update } : decoded;
    }
    case MESSAGE_TYPE.NOTIFICATION:
      return { ok: true, message: decodeNotification(frame.body) };
    case MESSAGE_TYPE.KEEPALIVE:
      return { ok: true, message: KEEPALIVE };
    case MESSAGE_TYPE.ROUTE_REFRESH:
      return openOrRefresh(decodeRouteRefresh(frame.body));
    default:
      return {
        ok: false,
        error: notification(
          ERROR_CODE.MESSAGE_HEADER_ERROR,
          HEADER_ERROR.BAD_MESSAGE_TYPE,
          Uint8Array.of(frame.type),
        ),
      };
  }
}

/** These two are never a NOTIFICATION themselves: one is what to send. */
const openOrRefresh = (decoded: Open | RouteRefresh | Notification): Decoded =>
  decoded.type === 'Notification' ? { ok: false, error: decoded } : { ok: true, message: decoded };

/**
 * A whole message with its header. UPDATEs are made by update.ts, which splits them. The data of a NOTIFICATION that
 * would be too long is cut (RFC 4271 §4.1).
 */
export function encodeMessage(
  message: Open | Notification | KeepAlive | RouteRefresh,
  context: WireContext,
): Uint8Array {
  const w = new Writer();
  switch (message.type) {
    case 'Open': {
      const start = beginMessage(w, MESSAGE_TYPE.OPEN);
      encodeOpen(w, message);
      endMessage(w, start);
      break;
    }
    case 'Notification': {
      const start = beginMessage(w, MESSAGE_TYPE.NOTIFICATION);
      encodeNotification(w, message);
      w.length = Math.min(w.length, context.maxMessageOctets);
      endMessage(w, start);
      break;
    }
    case 'KeepAlive':
      endMessage(w, beginMessage(w, MESSAGE_TYPE.KEEPALIVE));
      break;
    case 'RouteRefresh': {
      const start = beginMessage(w, MESSAGE_TYPE.ROUTE_REFRESH);
      encodeRouteRefresh(w, message);
      endMessage(w, start);
      break;
    }
  }
  return w.take();
}
