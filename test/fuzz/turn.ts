// What happens to a fuzzed speaker, one thing at a time; plain data, so that a history can be written down and played again.

import type { Prng } from 'bgp-utils/testing';
import { formatHex } from 'bgp-utils/testing';
import type { Generator } from './generate.ts';
import { soundMessage } from './sound.ts';
import type { SpeakerTarget } from './speaker.ts';

export type Turn =
  /** The far end sends octets on its newest connection, in whatever state that is. */
  | { readonly does: 'send'; readonly peer: number; readonly hex: string }
  /** The far end opens a connection and sends its OPEN. */
  | { readonly does: 'call'; readonly peer: number }
  | { readonly does: 'break'; readonly peer: number }
  /** Time passes; the far ends keep their sessions alive, or do not. */
  | { readonly does: 'pass'; readonly ms: number; readonly alive: boolean }
  /** TCP takes nothing more to the peer, or does again. */
  | { readonly does: 'stall'; readonly peer: number; readonly stalled: boolean }
  | { readonly does: 'clear'; readonly peer: number; readonly how: 'reset' | 'soft-in' | 'soft-out' }
  /** Next hops whose last octet leaves this remainder do not resolve any more; -1 is none. */
  | { readonly does: 'unresolve'; readonly remainder: number }
  | { readonly does: 'originate'; readonly block: number; readonly withdraw: boolean }
  /** A setting changes to what it was not. */
  | { readonly does: 'change'; readonly peer: number; readonly setting: number };

/** The next thing; sessions that are down come up again sooner or later. */
export function drawTurn(random: Prng, generator: Generator, target: SpeakerTarget): Turn {
  const peer = random.between(0, target.plan.peers.length - 1);
  const kind = random.next();
  if (!target.isUp(peer)) {
    if (kind < 0.6) return { does: 'call', peer };
    if (kind < 0.8) return { does: 'pass', ms: random.pick([0, 500, 5_000, 61_000]), alive: true };
  }
  if (kind < 0.75) {
    const dialect = target.dialectOf(peer);
    const octets =
      kind < 0.58
        ? soundMessage(random, dialect)
        : generator.update(random.chance(0.05) ? dialect.maxOctets : 4096, dialect);
    return { does: 'send', peer, hex: formatHex(octets) };
  }
  if (kind < 0.77) return { does: 'send', peer, hex: formatHex(generator.message(4096)) };
  if (kind < 0.8) return { does: 'call', peer };
  if (kind < 0.84) return { does: 'break', peer };
  if (kind < 0.89) {
    const ms = random.pick([0, 100, 2_000, 5_000, 61_000, 130_000, 400_000]);
    return { does: 'pass', ms, alive: random.chance(0.8) };
  }
  if (kind < 0.92) return { does: 'stall', peer, stalled: random.chance(0.6) };
  if (kind < 0.94) return { does: 'clear', peer, how: random.pick(['reset', 'soft-in', 'soft-out']) };
  if (kind < 0.96) return { does: 'unresolve', remainder: random.between(-1, 3) };
  if (kind < 0.98) return { does: 'originate', block: random.between(0, 5), withdraw: random.chance(0.5) };
  return { does: 'change', peer, setting: random.between(0, 9) };
}
