// Requests that change something: `clear` and `drain`. They come by the control socket alone.

import { findPeer } from './query.ts';
import { type ControlReply, type ControlRequest, fail, ok } from './reply.ts';
import type { ClearAnswer, ClearRequest, DrainRequest } from './schema.ts';
import type { ControlSource } from './source.ts';

/** RFC 9003 §2: the Shutdown Communication has a one-octet length. */
const MAX_REASON_OCTETS = 255;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns what is wrong with the request. */
export function drain({ body: text }: ControlRequest, source: ControlSource): ControlReply | undefined {
  const body = parseJson(text);
  const wanted =
    typeof body === 'object' && body !== null
      ? (body as Partial<Record<keyof DrainRequest, unknown>>).drain
      : undefined;
  if (typeof wanted !== 'boolean') return fail(400, 'accepted is JSON like {"drain": true}');
  source.drain(wanted);
  return undefined;
}

export function clear(request: ControlRequest, source: ControlSource): ControlReply {
  const body = parseJson(request.body);
  const wanted = 'accepted is JSON like {"peer": "10.0.0.2", "how": "reset", "reason": "maintenance"}';
  if (typeof body !== 'object' || body === null) return fail(400, `the body is no JSON object: ${wanted}`);
  const { peer: name, how, reason = '' } = body as Partial<Record<keyof ClearRequest, unknown>>;
  if (typeof name !== 'string') return fail(400, `"peer" is missing or no text: ${wanted}`);
  if (how !== 'reset' && how !== 'soft-in' && how !== 'soft-out') {
    return fail(400, `"how" is ${JSON.stringify(how)}: accepted is "reset", "soft-in", "soft-out"`);
  }
  if (typeof reason !== 'string') return fail(400, `"reason" is no text: ${wanted}`);
  const octets = Buffer.byteLength(reason);
  if (octets > MAX_REASON_OCTETS) {
    return fail(400, `"reason" has ${octets} octets and RFC 9003 allows ${MAX_REASON_OCTETS}: shorten it`);
  }
  if (reason !== '' && how !== 'reset')
    return fail(400, `"reason" goes with "how": "reset" alone: ${how} sends no NOTIFICATION`);
  const found = findPeer(source.peers(), name);
  if ('error' in found) return fail(404, found.error);
  source.clear(found.peer.config.peer, how, reason);
  return ok({ peer: found.peer.config.peer, how } satisfies ClearAnswer);
}
