// What a change of each setting of a peer needs: one table, from which the speaker decides, and documents are made.

import type { PeerConfig } from './input.ts';

export type SettingChange =
  /** An open session cannot take it on, and is reset; no other is. The reason is told to the peer's operator. */
  | { readonly how: 'reset'; readonly reason: string; readonly routes: RoutesAcross }
  /** Policies and rules: what was sent is corrected by its difference, and with `import` what came is judged anew. */
  | { readonly how: 'refresh'; readonly import: boolean }
  /** It was said in the OPEN, or is only used then: an open session goes on, and the next one has it. */
  | { readonly how: 'next session' }
  | { readonly how: 'in place' };

/**
 * What becomes of the peer's routes across a reset. They stay where RFC 8538 was agreed and what they were judged by still holds: then it is
 * the same peer, who comes back at once. `stay inside`: if the peer is internal, before and afterwards.
 */
export type RoutesAcross = 'go' | 'stay' | 'stay inside';

const reset = (reason: string, routes: RoutesAcross = 'go'): SettingChange => ({
  how: 'reset',
  reason,
  routes,
});
const NEXT: SettingChange = { how: 'next session' };
const IN_PLACE: SettingChange = { how: 'in place' };
const OUT: SettingChange = { how: 'refresh', import: false };
const IN_AND_OUT: SettingChange = { how: 'refresh', import: true };

/** All but the name of the peer, which is its identity. Of several reasons for a reset the first is told. */
export const PEER_CHANGES = {
  heldBack: reset('the peer is not held back any more'),
  address: reset('the peer address changed'),
  localAddress: reset('the source address changed', 'stay'),
  localAs: reset('the local AS number changed', 'stay inside'),
  remoteAs: reset('the remote AS number changed', 'stay inside'),
  families: reset('the address families changed'),
  addPaths: reset('the directions of ADD-PATH changed', 'stay'),
  role: reset('the role changed'),
  importPolicy: IN_AND_OUT,
  exportPolicy: OUT,
  allowLocalAs: IN_AND_OUT,
  requirePolicy: IN_AND_OUT,
  enforceFirstAs: IN_AND_OUT,
  routeReflectorClient: IN_AND_OUT,
  nextHop: OUT,
  globalAddress: IN_AND_OUT,
  port: NEXT,
  holdTimeSeconds: NEXT,
  keepaliveSeconds: NEXT,
  delayOpenSeconds: NEXT,
  gracefulRestartSeconds: NEXT,
  notificationRestart: NEXT,
  longLivedStaleSeconds: NEXT,
  extendedMessages: NEXT,
  passive: IN_PLACE,
  connectRetrySeconds: IN_PLACE,
  connectRetryMaxSeconds: IN_PLACE,
  maxPrefixes: IN_PLACE,
  leaf: IN_PLACE,
  range: IN_PLACE, // what it made follows it: dynamic-peers.ts
} as const satisfies { readonly [S in Exclude<keyof PeerConfig, 'peer'>]-?: SettingChange };

const ROWS = Object.entries(PEER_CHANGES) as readonly (readonly [keyof typeof PEER_CHANGES, SettingChange])[];

/** @returns why an open session has to be reset, or undefined when it can take the change on. */
export function needsReset(before: PeerConfig, after: PeerConfig): string | undefined {
  for (const [setting, change] of ROWS) {
    if (change.how === 'reset' && differs(before[setting], after[setting])) return change.reason;
  }
  return undefined;
}

/** @returns whether the peer's routes stay across the reset that the change needs. */
export const routesStay = (before: PeerConfig, after: PeerConfig): boolean =>
  ROWS.every(
    ([setting, change]) =>
      change.how !== 'reset' ||
      !differs(before[setting], after[setting]) ||
      change.routes === 'stay' ||
      (change.routes === 'stay inside' && isInternal(before) && isInternal(after)),
  );

const isInternal = ({ localAs, remoteAs }: PeerConfig): boolean => localAs === remoteAs;

/** Does what came from the peer have to be judged anew? */
export const importDiffers = (before: PeerConfig, after: PeerConfig): boolean =>
  ROWS.some(
    ([setting, change]) =>
      change.how === 'refresh' && change.import && differs(before[setting], after[setting]),
  );

/** Plain data, in the order that its maker gave it. */
const differs = (a: unknown, b: unknown): boolean =>
  a !== b && (typeof a !== 'object' || typeof b !== 'object' || JSON.stringify(a) !== JSON.stringify(b));
