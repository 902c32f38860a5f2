// What a change of a peer's settings needs: nothing, its routes judged anew, or a new session.

import type { PeerConfig } from './input.ts';

/**
 * What an open session cannot take on. All else is applied in place, or by the next session where it is only said in
 * the OPEN (hold time, restart time).
 */
export function needsReset(before: PeerConfig, after: PeerConfig): string | undefined {
  if (before.heldBack !== after.heldBack) return 'the peer is not held back any more';
  if (before.address !== after.address) return 'the peer address changed';
  if (before.localAddress !== after.localAddress) return 'the source address changed';
  if (before.localAs !== after.localAs) return 'the local AS number changed';
  if (before.remoteAs !== after.remoteAs) return 'the remote AS number changed';
  if (before.families.join() !== after.families.join()) return 'the address families changed';
  if (before.addPaths !== after.addPaths) return 'the directions of ADD-PATH changed';
  if (JSON.stringify(before.role) !== JSON.stringify(after.role)) return 'the role changed';
  return undefined;
}

/** Does what came from the peer have to be judged anew? */
export const importDiffers = (before: PeerConfig, after: PeerConfig): boolean =>
  before.allowLocalAs !== after.allowLocalAs ||
  before.routeReflectorClient !== after.routeReflectorClient ||
  before.requirePolicy !== after.requirePolicy ||
  before.enforceFirstAs !== after.enforceFirstAs ||
  JSON.stringify(before.importPolicy) !== JSON.stringify(after.importPolicy);
