// What routes share: a next hop, or a group of several, as it should be and as the kernel's object of it is known to be. What
// happens to them is in objects.ts.

import type { Address, Millis } from 'bgp-utils';
import {
  type GroupMember,
  type KernelNextHop,
  type NextHopObject,
  type ObjectChange,
  PROTOCOL_BGP,
  sameMembers,
  sameNextHop,
} from '../kernel/kernel.ts';

export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly retryAt: Millis;
  /** It may be over at once. */
  readonly passes: boolean;
}

interface Common {
  readonly key: string;
  /** 0: none yet. */
  id: number;
  failure: Failure | undefined;
  /** Refusals in a row, but for a first one that may pass; undefined: none. */
  attempts: number | undefined;
  /** Of an earlier run, which a route that wants this one names. */
  hint: number;
  users: number;
}

/** A next hop, maybe in a tunnel. */
export interface Single extends Common {
  readonly kind: 'single';
  readonly address: Address;
  /** That it is in. */
  readonly groups: Set<Group>;
  wanted: KernelNextHop | undefined;
  present: KernelNextHop | undefined;
}

export interface Group extends Common {
  readonly kind: 'group';
  readonly parts: readonly { readonly single: Single; readonly weight: number }[];
  /** Members in the kernel. */
  present: readonly GroupMember[] | undefined;
}

export type Shared = Single | Group;

const fresh = (key: string, hint: number) => ({
  ...{ key, hint, id: 0, users: 0 },
  ...{ failure: undefined, attempts: undefined, present: undefined },
});

export const newSingle = (key: string, address: Address, hint: number): Single => ({
  ...{ kind: 'single', address, groups: new Set(), wanted: undefined },
  ...fresh(key, hint),
});

export const newGroup = (key: string, parts: Group['parts'], hint: number): Group => ({
  ...{ kind: 'group', parts },
  ...fresh(key, hint),
});

/** Members that the group should have: those that can be used. */
export const membersOf = ({ parts }: Group): readonly GroupMember[] =>
  parts
    .filter(({ single }) => single.wanted !== undefined && single.failure === undefined)
    .map(({ single, weight }) => ({ id: single.id, weight }));

/** Does an object lead where it should? */
export function fits(shared: Shared, { hop, members }: Pick<NextHopObject, 'hop' | 'members'>): boolean {
  if (shared.kind === 'group') return members !== undefined && sameMembers(members, membersOf(shared));
  return hop !== undefined && shared.wanted !== undefined && sameNextHop(hop, shared.wanted);
}

/** Is it still what should be done? It may have become another while the kernel was at it. */
export const isMeant = (shared: Shared, change: ObjectChange): boolean =>
  change.type === 'put'
    ? fits(shared, change.object)
    : shared.kind === 'single' && shared.wanted === undefined;

export const objectOf = (id: number, hop: KernelNextHop): NextHopObject => ({
  id,
  protocol: PROTOCOL_BGP,
  hop,
});

/** As the kernel is known to have it. */
export function presentOf(shared: Shared): NextHopObject | undefined {
  const { id } = shared;
  if (shared.kind === 'single') return shared.present && { id, protocol: PROTOCOL_BGP, hop: shared.present };
  return shared.present && { id, protocol: PROTOCOL_BGP, members: shared.present };
}
