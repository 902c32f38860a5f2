// Intentions of the speaker, taken after each `handle`. Plain data. The loop in the daemon carries them out.

import type { Address } from '../net/address.ts';
import type { Family } from '../net/family.ts';
import type { Prefix } from '../net/prefix.ts';
import type { ConnectionId, PeerId } from './input.ts';

export type Output =
  /** Open a TCP connection; answered by Connected or ConnectFailed with the same number. */
  | {
      readonly type: 'Connect';
      readonly connection: ConnectionId;
      readonly peer: PeerId;
      readonly address: Address;
      readonly port: number;
      readonly localAddress: Address | undefined;
    }
  /** There is something to send: call `transmit(connection, room)`. */
  | { readonly type: 'Transmit'; readonly connection: ConnectionId }
  /** Send the last octets, then close; the number is not answered any more. */
  | {
      readonly type: 'Close';
      readonly connection: ConnectionId;
      readonly lastOctets: Uint8Array | undefined;
      readonly reason: string;
    }
  /** Prefixes are forwarded otherwise than before: call `forward`. */
  | { readonly type: 'Forward' }
  /** A next hop came into or went out of use: tell its cost, again whenever it changes, until it is released. */
  | { readonly type: 'TrackNextHop'; readonly address: Address }
  | { readonly type: 'ReleaseNextHop'; readonly address: Address }
  /** The first tables are complete, or waiting for them is over: routes of an earlier run that are not wanted can go. */
  | {
      readonly type: 'Converged';
      readonly waitedFor: readonly PeerId[];
      readonly gaveUpOn: readonly PeerId[];
    }
  | { readonly type: 'Log'; readonly event: LogEvent };

/** What an operator may want to read, once per change of state. */
export type LogEvent =
  | {
      readonly event: 'session';
      readonly peer: PeerId;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  | {
      readonly event: 'notification-sent' | 'notification-received';
      readonly peer: PeerId;
      readonly code: number;
      readonly subcode: number;
      readonly name: string;
      readonly text: string;
    }
  | {
      readonly event: 'update-error';
      readonly peer: PeerId;
      readonly attribute: string;
      readonly outcome: string;
      readonly detail: string;
    }
  | {
      readonly event: 'graceful-restart';
      readonly peer: PeerId;
      readonly step: string;
      readonly family: Family | undefined;
      readonly routes: number;
    }
  /** Routes of peers that nobody can ask any more are kept, or go, or the last of them is gone. */
  | {
      readonly event: 'fail-static';
      readonly step: 'kept' | 'removed' | 'over';
      readonly peer: PeerId | undefined;
      readonly family: Family;
      readonly routes: number;
      readonly reason: string;
    }
  | {
      readonly event: 'max-prefixes';
      readonly peer: PeerId;
      readonly family: Family;
      readonly received: number;
      readonly limit: number;
    }
  | { readonly event: 'not-advertised'; readonly prefix: Prefix; readonly reason: string }
  | { readonly event: 'connection-refused'; readonly address: Address; readonly reason: string };
