// A change of peerings that would leave this node with no peer at all, while routes that peers told are in use, is more often
// a mistake (a selector that matches nothing, a BGPPeer or Node deleted by accident) than a wish. It is held back: the peers
// that were applied last stay, and all else of the new state holds. Pure.

import type { DesiredState } from './desired-state.ts';
import type { AppliedState } from './reconcile.ts';

export interface IsolationFacts {
  /** Routes that peers told are in use now. */
  readonly routesInUse: boolean;
  /** `--allow-isolated`: it is meant. */
  readonly allowed: boolean;
}

export interface Guarded {
  readonly state: DesiredState;
  /** What is held back and how to let it pass, as a sentence; undefined when nothing is. */
  readonly heldBack: string | undefined;
}

/**
 * Judge each state anew, and the same one again while it is held back: it passes once no routes are in use any more.
 * @param last     the last state that passed.
 * @param applied  what the speaker was told.
 */
export function guardIsolation(
  desired: DesiredState,
  last: DesiredState | undefined,
  applied: AppliedState,
  facts: IsolationFacts,
): Guarded {
  const isolates = applied.peers.size > 0 && desired.peers.length === 0;
  if (!isolates || !facts.routesInUse || facts.allowed || last === undefined)
    return { state: desired, heldBack: undefined };
  const { size } = applied.peers;
  const stays = size === 1 ? 'the peer stays' : `the ${size} peers stay`;
  const advice = 'correct the peerings, or start with --allow-isolated if that is meant';
  const { revision, resolution } = desired;
  if (desired.speaker === undefined) {
    return {
      state: { ...last, revision, resolution }, // own blocks and pools mean nothing without the own Node
      heldBack: `${desired.node} would take no part in BGP any more while routes are in use: that is held back, and ${stays}: ${advice}`,
    };
  }
  const { listen, peers, transport } = last;
  return {
    state: { ...desired, speaker: applied.speaker, listen, transport, peers },
    heldBack: `a change of peerings would leave ${desired.node} with no peer at all while routes are in use: it is held back, and ${stays}: ${advice}`,
  };
}
