// What a transition wants done. The peer carries it out on the connection that the session runs on.

import { CEASE, ERROR_CODE, OPEN_ERROR } from '../wire/constants.ts';
import { describeNotification, type Notification } from '../wire/notification.ts';
import type { Negotiated } from './negotiate.ts';

/** Why a session ended: shown to people, and the reason graceful restart is or is not applied (RFC 4724 §4.2). */
export type End =
  | { readonly cause: 'notification-sent'; readonly notification: Notification }
  | { readonly cause: 'notification-received'; readonly notification: Notification }
  | { readonly cause: 'connection-lost'; readonly reason: string }
  | { readonly cause: 'stopped' };

export type Action =
  /** Open a TCP connection to the peer. */
  | { readonly type: 'Connect' }
  /** Give up the connection, after the NOTIFICATION if there is one. */
  | { readonly type: 'Drop'; readonly notification: Notification | undefined }
  | { readonly type: 'SendOpen' }
  | { readonly type: 'SendKeepAlive' }
  | { readonly type: 'SessionUp'; readonly agreed: Negotiated }
  /** Any end, also of a session that was not established yet. */
  | { readonly type: 'SessionDown'; readonly end: End };

/** A lost collision is how two connections become one: nothing failed. */
export const isFailure = (end: End): boolean =>
  end.cause !== 'stopped' &&
  !(
    'notification' in end &&
    end.notification.code === ERROR_CODE.CEASE &&
    end.notification.subcode === CEASE.CONNECTION_COLLISION_RESOLUTION
  );

/** The peer is from before RFC 5492: Unsupported Optional Parameter. */
export const refusesCapabilities = (end: End): boolean =>
  end.cause === 'notification-received' &&
  end.notification.code === ERROR_CODE.OPEN_MESSAGE_ERROR &&
  end.notification.subcode === OPEN_ERROR.UNSUPPORTED_OPTIONAL_PARAMETER;

export function describeEnd(end: End): string {
  switch (end.cause) {
    case 'notification-sent':
    case 'notification-received': {
      const { name, text } = describeNotification(end.notification);
      const who = end.cause === 'notification-sent' ? 'sent' : 'received';
      return `${who} NOTIFICATION ${name}${text === '' ? '' : `: ${text}`}`;
    }
    case 'connection-lost':
      return end.reason;
    case 'stopped':
      return 'stopped';
  }
}
