// Octets as the daemon gives them to the speaker: in an array that the next read is written over.

import type { Millis } from '../net/time.ts';
import type { Input } from '../speaker/input.ts';
import type { Speaker } from '../speaker/speaker.ts';

/** As `speaker.handle`; what it was given to read is nonsense afterwards. */
export function handleAsDaemon(speaker: Pick<Speaker, 'handle'>, input: Input, now: Millis): void {
  if (input.type !== 'Received') return speaker.handle(input, now);
  const octets = new Uint8Array(input.octets);
  speaker.handle({ ...input, octets }, now);
  octets.fill(0xff);
}
