// What checks about routes have in common: UPDATEs as they should be, and waiting until all that was sent has been worked off.

import type { Connection } from './connection.ts';
import { attribute, its, nlri, segment, update, WELL_KNOWN } from './octets.ts';
import { OUR_AS, type ProbedPeer } from './suite.ts';

export interface RouteFields {
  /** In place of the peer's own AS number, or none on internal sessions. */
  readonly asPath?: readonly number[];
  readonly origin?: number;
  readonly nextHop?: string;
  readonly localPref?: number;
  /** Besides the mandatory ones. */
  readonly also?: readonly Buffer[];
}

/** The mandatory attributes of a route of this peer. */
export function attributesOf(
  peer: ProbedPeer,
  { asPath, origin = 0, nextHop, localPref, also = [] }: RouteFields = {},
): Buffer[] {
  const internal = peer.asNumber === OUR_AS;
  return [
    its.origin(origin),
    its.asPath(...(asPath ?? (internal ? [] : [peer.asNumber]))),
    its.nextHop(nextHop ?? peer.address),
    ...(internal || localPref !== undefined ? [its.localPref(localPref)] : []),
    ...also,
  ];
}

export const route = (peer: ProbedPeer, prefix: string, fields: RouteFields = {}): Buffer =>
  update({ attributes: attributesOf(peer, fields), nlri: [nlri(prefix)] });

export const withdrawal = (...prefixes: readonly string[]): Buffer =>
  update({ withdrawn: prefixes.map((prefix) => nlri(prefix)) });

/** An AS_PATH of these segments: type and AS numbers. */
export const pathOf = (...segments: readonly (readonly [number, readonly number[]])[]): Buffer =>
  attribute(WELL_KNOWN, 2, Buffer.concat(segments.map(([type, asNumbers]) => segment(type, asNumbers))));

/**
 * Until all that the peer has sent is decided, and told to the other: two routes one after the other, as changes of one moment may
 * go out in any order.
 */
export async function settled(
  from: { readonly peer: ProbedPeer; readonly connection: Connection },
  to: Connection,
  net: (index: number) => string,
): Promise<void> {
  for (const index of [254, 255]) {
    from.connection.send(route(from.peer, net(index)));
    await to.until('a later route', () => to.table.has(net(index)) || to.table.has(`${net(index)} #1`));
  }
  from.connection.send(withdrawal(net(254), net(255)));
  await to.until('its withdrawal', () => !to.table.has(net(254)) && !to.table.has(net(255)));
}
