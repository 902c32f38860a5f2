// What a peer asks of the speaker around it.

import type { Millis } from '../net/time.ts';
import type { End } from '../session/action.ts';
import type { LocalOffer, Negotiated } from '../session/negotiate.ts';
import type { WireContext } from '../wire/context.ts';
import type { Message } from '../wire/message.ts';
import type { PlainUpdate } from '../wire/plain-update.ts';
import type { ConnectionId, PeerConfig } from './input.ts';
import type { Output } from './output.ts';
import type { Peer } from './peer.ts';

export interface PeerHost {
  readonly emit: (output: Output) => void;
  readonly newConnection: (peer: Peer) => ConnectionId;
  readonly forgetConnection: (connection: ConnectionId) => void;
  readonly offer: (config: PeerConfig) => LocalOffer;
  /** 0 to 1, from the speaker's own sequence: same inputs, same jitter. */
  readonly random: () => number;
  readonly sessionUp: (peer: Peer, agreed: Negotiated, now: Millis) => void;
  readonly sessionDown: (peer: Peer, agreed: Negotiated, end: End, now: Millis) => void;
  /** Octets of an established session that come next, from a message on. */
  readonly lookAhead: (octets: Uint8Array, start: number, context: WireContext) => void;
  /** Reads UPDATEs, one after the other. */
  readonly plain: PlainUpdate;
  /** `plain` has read an UPDATE of an established session. */
  readonly plainUpdate: (peer: Peer, context: WireContext, now: Millis) => void;
  /** UPDATE and ROUTE-REFRESH of an established session. */
  readonly message: (peer: Peer, message: Message, now: Millis) => void;
}
