// What a transition wants done. The peer carries it out on the connection that the session runs on.

import type { Notification } from '../wire/notification.ts';
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
