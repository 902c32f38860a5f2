// One run of the state machine with the connection that it has, if any. A peer has up to two until one wins (RFC 4271 §6.8).

import type { Address } from '../net/address.ts';
import { type Millis, NEVER } from '../net/time.ts';
import { isDelayingOpen } from '../session/fsm.ts';
import type { Negotiated } from '../session/negotiate.ts';
import type { Session } from '../session/state.ts';
import { INITIAL_CONTEXT, type WireContext } from '../wire/context.ts';
import { Framer } from '../wire/framer.ts';
import type { Open } from '../wire/open.ts';
import type { ConnectionId } from './input.ts';

export interface Line {
  session: Session;
  connection: ConnectionId | undefined;
  /** False while the attempt to connect is under way. */
  connected: boolean;
  /** When the connection was there. */
  connectedAt: Millis;
  openedBy: 'us' | 'them';
  framer: Framer;
  /** Whole messages to be sent before any UPDATE. */
  control: Uint8Array[];
  /** When the hold timer was restarted by an UPDATE that was read in place. */
  heardAt: Millis;
  /** SendHoldTimer: since when octets have been waiting for the peer's TCP (RFC 9687). */
  sendHoldAt: Millis;
  remoteOpen: Open | undefined;
  /** Its OPEN has come, and waits for that of the other connection: what would be in force. Nothing is read until then. */
  undecided: Negotiated | undefined;
  localAddress: Address | undefined;
  localPort: number | undefined;
  remotePort: number | undefined;
}

/** An OPEN comes within a round trip. A connection that waits longer for one may be a dead one. */
export const OPEN_EXPECTED_MS = 5_000;

export const newLine = (session: Session): Line => ({
  session,
  connection: undefined,
  connected: false,
  connectedAt: NEVER,
  openedBy: 'us',
  framer: new Framer(),
  control: [],
  heardAt: NEVER,
  sendHoldAt: NEVER,
  remoteOpen: undefined,
  undecided: undefined,
  localAddress: undefined,
  localPort: undefined,
  remotePort: undefined,
});

/**
 * Whether a connection is from before another's session, and was ended when that became Established: ours; one that the peer
 * opened earlier; or, where the session's is ours, one that may have been on its way then. A peer does not open two at once.
 */
export const wereRivals = (line: Line, other: Line, since: Millis): boolean =>
  line.openedBy === 'us' ||
  line.connectedAt < other.connectedAt ||
  (other.openedBy === 'us' && line.connectedAt - since < OPEN_EXPECTED_MS);

export const isYoung = (line: Line, now: Millis, forMs = OPEN_EXPECTED_MS): boolean =>
  now - line.connectedAt < forMs;

/** For how long an OPEN may wait for that of another connection: the peer's hold timer runs, and ends where it hears no KEEPALIVE. */
export const undecidedMs = ({ holdTimeSeconds }: Negotiated): Millis =>
  holdTimeSeconds === 0 ? OPEN_EXPECTED_MS : Math.min(OPEN_EXPECTED_MS, (holdTimeSeconds * 1000) / 3);

/** Our OPEN has been sent, or waits for the peer's (DelayOpen). */
export const awaitsOpen = ({ session }: Line): boolean =>
  session.state === 'OpenSent' || isDelayingOpen(session);

/** What its messages are read and written with. */
export const contextOf = (line: Line): WireContext =>
  'agreed' in line.session ? line.session.agreed.context : INITIAL_CONTEXT;

export function concatenate(parts: readonly Uint8Array[]): Uint8Array | undefined {
  if (parts.length === 0) return undefined;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
