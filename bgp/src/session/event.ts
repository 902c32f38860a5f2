// What can happen to a session: RFC 4271 §8.1's names without underscores, the number in a comment.

import type { Millis } from '../net/time.ts';
import { ERROR_CODE, OPEN_ERROR } from '../wire/constants.ts';
import type { Notification } from '../wire/notification.ts';
import type { Negotiated } from './negotiate.ts';

export type Event =
  | { readonly type: 'ManualStop'; readonly notification: Notification | undefined } // Event 2
  | { readonly type: 'AutomaticStart' } // Events 3 and 5: passive or not is the peer's setting; 13 comes here too
  /** Event 8: a limit was passed (§6.7). `startAt` is the IdleHoldTimer: the next start, NEVER when an operator has to see to it. */
  | { readonly type: 'AutomaticStop'; readonly notification: Notification; readonly startAt: Millis }
  | { readonly type: 'ConnectRetryTimerExpires' } // Event 9
  | { readonly type: 'HoldTimerExpires' } // Event 10
  | { readonly type: 'KeepaliveTimerExpires' } // Event 11
  | { readonly type: 'DelayOpenTimerExpires' } // Event 12
  | { readonly type: 'SendHoldTimerExpires' } // Event 29 (RFC 9687 §3.1)
  | { readonly type: 'TcpCRAcked' } // Event 16: the connection that we opened is there
  | { readonly type: 'TcpConnectionConfirmed' } // Event 17: the peer opened one
  | { readonly type: 'TcpConnectionFails'; readonly reason: string } // Event 18
  | { readonly type: 'BGPOpen'; readonly agreed: Negotiated } // Event 19, and 20 while the DelayOpenTimer runs
  | { readonly type: 'BGPHeaderErr'; readonly notification: Notification } // Event 21
  | { readonly type: 'BGPOpenMsgErr'; readonly notification: Notification } // Event 22
  | { readonly type: 'OpenCollisionDump' } // Event 23
  | { readonly type: 'NotifMsgVerErr'; readonly notification: Notification } // Event 24
  | { readonly type: 'NotifMsg'; readonly notification: Notification } // Event 25
  | { readonly type: 'KeepAliveMsg' } // Event 26
  | { readonly type: 'UpdateMsg' } // Event 27; ROUTE-REFRESH counts as one (RFC 2918 §4)
  | { readonly type: 'UpdateMsgErr'; readonly notification: Notification }; // Event 28

/** A message that cannot be read: which event of the state machine it is, by the error that it deserves (RFC 4271 §6). */
export function errorEvent(error: Notification): Event {
  switch (error.code) {
    case ERROR_CODE.MESSAGE_HEADER_ERROR:
      return { type: 'BGPHeaderErr', notification: error };
    case ERROR_CODE.OPEN_MESSAGE_ERROR:
      return { type: 'BGPOpenMsgErr', notification: error };
    default:
      return { type: 'UpdateMsgErr', notification: error };
  }
}

/** Events 24 and 25. */
export const notificationEvent = (received: Notification): Event => ({
  type:
    received.code === ERROR_CODE.OPEN_MESSAGE_ERROR &&
    received.subcode === OPEN_ERROR.UNSUPPORTED_VERSION_NUMBER
      ? 'NotifMsgVerErr'
      : 'NotifMsg',
  notification: received,
});
