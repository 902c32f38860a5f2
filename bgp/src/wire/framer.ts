// TCP octets → whole messages, and the message header (RFC 4271 §4.1, §6.1; RFC 8654).                   [hot]
//
//   pushed   | tail of a message | message | message | head of a … |
//              └ joins `partial`   └ views of what was pushed   └ copied to `partial`: a message spans two pushes
//
//   partial  | have → … | need |        first the 19 octets of a header, then, its length known, the whole message
//
// At most one incomplete message is kept, in a buffer of just its length. What is in a message is for message.ts.

import { ERROR_CODE, HEADER_ERROR, HEADER_OCTETS, MESSAGE_TYPE } from './constants.ts';
import { STANDARD_MESSAGE_OCTETS } from './context.ts';
import { type Notification, notification } from './notification.ts';
import type { Writer } from './writer.ts';

/** One message without its header. */
export interface Frame {
  readonly type: number;
  /** After the 19-octet header; a view: valid until the framer is pushed again. */
  readonly body: Uint8Array;
}

export type Framed =
  | { readonly kind: 'frame'; readonly type: number; readonly body: Uint8Array }
  /** The NOTIFICATION to send. The octets that follow have no meaning: every further call says the same. */
  | { readonly kind: 'error'; readonly error: Notification };

const NONE = new Uint8Array(0);

export class Framer {
  /** The message that `advance` has found, without its header: a part of an array that is valid until the framer is pushed again. */
  type = 0;
  octets: Uint8Array = NONE;
  start = 0;
  end = 0;
  private chunk: Uint8Array = NONE;
  private at = 0;
  private partial: Uint8Array = NONE;
  private have = 0;
  private failure: Framed | undefined;

  /** @param octets  as they came; they must not change until `next` has returned undefined, or `own` was called. */
  push(octets: Uint8Array): void {
    const left = this.chunk.length - this.at;
    if (left === 0) {
      this.chunk = octets;
    } else {
      // the caller did not take all messages before it pushed again: nothing is lost, at the price of a copy
      const joined = new Uint8Array(left + octets.length);
      joined.set(this.chunk.subarray(this.at));
      joined.set(octets, left);
      this.chunk = joined;
    }
    this.at = 0;
  }

  /** Whole messages that were not taken yet are, later: they are copied out of what was pushed. */
  own(): void {
    this.chunk = this.chunk.slice(this.at);
    this.at = 0;
  }

  /**
   * The next whole message.
   * @param maxMessageOctets  as agreed (RFC 8654); may change from one call to the next.
   * @returns undefined when it is not complete.
   */
  next(maxMessageOctets: number): Framed | undefined {
    if (this.advance(maxMessageOctets))
      return { kind: 'frame', type: this.type, body: this.octets.subarray(this.start, this.end) };
    return this.failure;
  }

  /** What was pushed, and where in it the message after the last one starts: to be looked at, not to be relied on. */
  get pushed(): Uint8Array {
    return this.chunk;
  }
  get position(): number {
    return this.at;
  }

  /** What `next` says after `advance` found no message: an error, or nothing yet. */
  get failed(): Framed | undefined {
    return this.failure;
  }

  /** The same as `next` without making an object. @returns whether the fields have a message now. */
  advance(maxMessageOctets: number): boolean {
    if (this.failure !== undefined) return false;
    return this.have > 0 ? this.fromPartial(maxMessageOctets) : this.fromChunk(maxMessageOctets);
  }

  private fromChunk(maxMessageOctets: number): boolean {
    const { chunk, at } = this;
    const available = chunk.length - at;
    if (available < HEADER_OCTETS) {
      if (available > 0) this.keep(HEADER_OCTETS);
      return false;
    }
    const error = headerError(chunk, at, maxMessageOctets);
    if (error !== undefined) return this.fail(error);
    const length = lengthField(chunk, at);
    if (available < length) {
      this.keep(length);
      return false;
    }
    this.at = at + length;
    return this.found(chunk, at, this.at);
  }

  private fromPartial(maxMessageOctets: number): boolean {
    if (this.have < HEADER_OCTETS) {
      this.fill(HEADER_OCTETS);
      if (this.have < HEADER_OCTETS) return false;
    }
    const { partial } = this;
    const error = headerError(partial, 0, maxMessageOctets);
    if (error !== undefined) return this.fail(error);
    const length = lengthField(partial, 0);
    if (partial.length < length) {
      this.partial = new Uint8Array(length);
      this.partial.set(partial.subarray(0, this.have));
    }
    this.fill(length);
    if (this.have < length) return false;
    const whole = this.partial;
    this.partial = NONE; // given away: a later message gets a buffer of its own
    this.have = 0;
    return this.found(whole, 0, whole.length);
  }

  private found(octets: Uint8Array, start: number, end: number): true {
    this.type = octets[start + 18]!;
    this.octets = octets;
    this.start = start + HEADER_OCTETS;
    this.end = end;
    return true;
  }

  /** Copies the rest of the chunk to a new partial message of that length. */
  private keep(lengthOctets: number): void {
    this.partial = new Uint8Array(lengthOctets);
    this.have = 0;
    this.fill(lengthOctets);
  }

  /** Moves octets from the chunk to the partial message until that has as many as told, or the chunk is empty. */
  private fill(untilOctets: number): void {
    const to = Math.min(this.chunk.length, this.at + untilOctets - this.have);
    this.partial.set(this.chunk.subarray(this.at, to), this.have);
    this.have += to - this.at;
    this.at = to;
    if (to === this.chunk.length) {
      this.chunk = NONE; // what was received is not held on to
      this.at = 0;
    }
  }

  private fail(error: Notification): false {
    this.chunk = NONE;
    this.partial = NONE;
    this.at = 0;
    this.have = 0;
    this.failure = { kind: 'error', error };
    return false;
  }
}

/** Shortest message of each type, with header (RFC 4271 §6.1). ROUTE-REFRESH has its own error (RFC 7313 §5). */
const MIN_OCTETS: Readonly<Record<number, number>> = {
  [MESSAGE_TYPE.OPEN]: 29,
  [MESSAGE_TYPE.UPDATE]: 23,
  [MESSAGE_TYPE.NOTIFICATION]: 21,
  [MESSAGE_TYPE.KEEPALIVE]: HEADER_OCTETS,
  [MESSAGE_TYPE.ROUTE_REFRESH]: HEADER_OCTETS,
};

function lengthField(octets: Uint8Array, at: number): number {
  return (octets[at + 16]! << 8) | octets[at + 17]!;
}

/** What is wrong with the 19 octets at `at` (RFC 4271 §6.1). */
function headerError(octets: Uint8Array, at: number, maxMessageOctets: number): Notification | undefined {
  for (let i = 0; i < 16; i++) {
    if (octets[at + i] !== 0xff) {
      return notification(ERROR_CODE.MESSAGE_HEADER_ERROR, HEADER_ERROR.CONNECTION_NOT_SYNCHRONIZED);
    }
  }
  const length = lengthField(octets, at);
  const type = octets[at + 18]!;
  const min = MIN_OCTETS[type];
  if (length < (min ?? HEADER_OCTETS) || length > maxOctets(type, maxMessageOctets)) {
    const field = Uint8Array.of(length >>> 8, length & 0xff);
    return notification(ERROR_CODE.MESSAGE_HEADER_ERROR, HEADER_ERROR.BAD_MESSAGE_LENGTH, field);
  }
  if (min === undefined) {
    return notification(ERROR_CODE.MESSAGE_HEADER_ERROR, HEADER_ERROR.BAD_MESSAGE_TYPE, Uint8Array.of(type));
  }
  return undefined;
}

function maxOctets(type: number, agreed: number): number {
  if (type === MESSAGE_TYPE.KEEPALIVE) return HEADER_OCTETS;
  return type === MESSAGE_TYPE.OPEN ? STANDARD_MESSAGE_OCTETS : agreed; // RFC 8654 §4: an OPEN is never longer
}

/** Starts a message. @returns where it starts, for `endMessage`. */
export function beginMessage(w: Writer, type: number): number {
  const start = w.length;
  w.u32(0xffffffff);
  w.u32(0xffffffff);
  w.u32(0xffffffff);
  w.u32(0xffffffff);
  w.u16(0);
  w.u8(type);
  return start;
}

/** Ends a message: fills in its length. */
export function endMessage(w: Writer, start: number): void {
  w.setU16(start + 16, w.length - start);
}
