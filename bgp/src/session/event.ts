// What can happen to a session: RFC 4271 §8.1's names without underscores, the number in a comment.

import type { Notification } from '../wire/notification.ts';
import type { Negotiated } from './negotiate.ts';

export type Event =
  | { readonly type: 'ManualStop'; readonly notification: Notification | undefined } // Event 2
  | { readonly type: 'AutomaticStart' } // Events 3 and 5: passive or not is the peer's setting; 13 comes here too
  | { readonly type: 'ConnectRetryTimerExpires' } // Event 9
  | { readonly type: 'HoldTimerExpires' } // Event 10
  | { readonly type: 'KeepaliveTimerExpires' } // Event 11
  | { readonly type: 'SendHoldTimerExpires' } // Event 29 (RFC 9687 §3.1)
  | { readonly type: 'TcpCRAcked' } // Event 16: the connection that we opened is there
  | { readonly type: 'TcpConnectionConfirmed' } // Event 17: the peer opened one
  | { readonly type: 'TcpConnectionFails'; readonly reason: string } // Event 18
  | { readonly type: 'BGPOpen'; readonly agreed: Negotiated } // Event 19
  | { readonly type: 'BGPHeaderErr'; readonly notification: Notification } // Event 21
  | { readonly type: 'BGPOpenMsgErr'; readonly notification: Notification } // Event 22
  | { readonly type: 'OpenCollisionDump' } // Event 23
  | { readonly type: 'NotifMsg'; readonly notification: Notification } // Events 24 and 25
  | { readonly type: 'KeepAliveMsg' } // Event 26
  | { readonly type: 'UpdateMsg' } // Event 27; ROUTE-REFRESH counts as one (RFC 2918 §4)
  | { readonly type: 'UpdateMsgErr'; readonly notification: Notification }; // Event 28
