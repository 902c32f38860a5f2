// What a request asks for: a peer, and which routes. Pure; what cannot be read is an error with what is accepted.

import {
  type Address,
  containsAddress,
  FAMILIES,
  type Family,
  type PeerView,
  type Prefix,
  parseAddress,
  parseNetwork,
  parsePrefix,
  parseScopedAddress,
  prefixLength,
} from 'bgp-utils';
import type { PageRequest } from './page.ts';
import type { EventsRequest } from './reply.ts';
import type { KernelRouteFacts, RouteQuery } from './source.ts';

/** Routes in one answer unless `limit` says otherwise; the rest comes with `after`. */
export const DEFAULT_LIMIT = 2000;
export const MAX_LIMIT = 50_000;

/** By name (as `peers` shows it) or by address, in any spelling. */
export function findPeer(
  peers: readonly PeerView[],
  text: string,
): { readonly peer: PeerView } | { readonly error: string } {
  const named = peers.find((peer) => peer.config.peer === text);
  if (named !== undefined) return { peer: named };
  const address = parseScopedAddress(text);
  const matching = peers.filter((peer) => peer.config.address === address);
  if (matching.length === 1) return { peer: matching[0]! };
  const names = (list: readonly PeerView[]) => {
    const shown = list.slice(0, 10).map((peer) => peer.config.peer);
    return list.length > shown.length
      ? `${shown.join(', ')} and ${list.length - shown.length} more`
      : shown.join(', ');
  };
  if (matching.length > 1)
    return { error: `several peers have the address ${text}: name one of ${names(matching)}` };
  if (peers.length === 0) return { error: `no peer ${text}: no peers are configured` };
  return { error: `no peer ${text}: the configured peers are ${names(peers)}` };
}

/** `after`: the number of an event; `follow`: `true`, `false`. */
export function parseEventsQuery(query: URLSearchParams): EventsRequest | { readonly error: string } {
  const after = query.get('after') ?? '0';
  if (!/^\d{1,16}$/.test(after))
    return { error: `after ${JSON.stringify(after)} is no number of an event: each has one, as its id` };
  const follow = query.get('follow') ?? 'true';
  if (follow !== 'true' && follow !== 'false')
    return { error: `follow ${JSON.stringify(follow)} is unknown: accepted are true, false` };
  return { after: Number(after), follow: follow === 'true' };
}

type ParsedQuery =
  | { readonly routes: RouteQuery; readonly page: PageRequest }
  | { readonly status: 400 | 404; readonly error: string };

export function parseRouteQuery(query: URLSearchParams, peers: readonly PeerView[]): ParsedQuery {
  const bad = (error: string) => ({ status: 400 as const, error });
  let routes: RouteQuery = {};

  const family = query.get('family');
  if (family !== null) {
    if (!isFamily(family))
      return bad(`family ${JSON.stringify(family)} is unknown: accepted is ${FAMILIES.join(', ')}`);
    routes = { ...routes, family };
  }
  const prefix = query.get('prefix');
  if (prefix !== null) {
    const parsed = checkPrefix('prefix', prefix);
    if ('error' in parsed) return bad(parsed.error);
    routes = { ...routes, prefix: parsed.prefix };
  }
  const longest = query.get('longest');
  if (longest !== null) {
    const address = parseAddress(longest);
    if (address === undefined)
      return bad(
        `longest ${JSON.stringify(longest)} is no address: accepted is one like 10.65.0.5 or fd00:65::5`,
      );
    if (prefix !== null) return bad('prefix and longest exclude each other: give one');
    routes = { ...routes, longest: address };
  }
  for (const direction of ['received', 'advertised'] as const) {
    const name = query.get(direction);
    if (name === null) continue;
    if (direction === 'advertised' && query.has('received'))
      return bad('received and advertised exclude each other: give one');
    const found = findPeer(peers, name);
    if ('error' in found) return { status: 404, error: found.error };
    routes = { ...routes, [direction]: found.peer.config.peer };
  }

  const limitText = query.get('limit');
  const limit = limitText === null ? DEFAULT_LIMIT : Number(limitText);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    return bad(
      `limit ${JSON.stringify(limitText)} is not usable: accepted is a number from 1 to ${MAX_LIMIT}`,
    );
  }
  const afterText = query.get('after');
  let after: Prefix | undefined;
  if (afterText !== null) {
    const parsed = checkPrefix('after', afterText);
    if ('error' in parsed) return bad(parsed.error);
    after = parsed.prefix;
  }
  return { routes, page: { limit, after } };
}

function checkPrefix(name: string, text: string): { readonly prefix: Prefix } | { readonly error: string } {
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return { prefix };
  const said = `${name} ${JSON.stringify(text)}`;
  const network = parseNetwork(text);
  if (network === undefined)
    return { error: `${said} is no prefix: accepted is one like 10.65.0.0/26 or fd00:65::/122` };
  if (!text.includes('/')) return { error: `${said} is an address: give its length, or use longest=${text}` };
  return { error: `${said} has bits set beyond its length: is ${network.prefix} meant?` };
}

/** The kernel's routes that a query asks for; received and advertised have no meaning there. */
export function* kernelMatching(
  routes: Iterable<KernelRouteFacts>,
  query: RouteQuery,
): Iterable<KernelRouteFacts> {
  const longest = query.longest === undefined ? undefined : longestOf(routes, query.longest, query.family);
  if (query.longest !== undefined) {
    if (longest !== undefined) yield longest;
    return;
  }
  for (const route of routes) {
    if (query.family !== undefined && route.family !== query.family) continue;
    if (query.prefix !== undefined && route.prefix !== query.prefix) continue;
    yield route;
  }
}

function longestOf(
  routes: Iterable<KernelRouteFacts>,
  address: Address,
  family: Family | undefined,
): KernelRouteFacts | undefined {
  let best: KernelRouteFacts | undefined;
  for (const route of routes) {
    if (family !== undefined && route.family !== family) continue;
    if (!containsAddress(route.prefix, address)) continue;
    if (best === undefined || prefixLength(route.prefix) > prefixLength(best.prefix)) best = route;
  }
  return best;
}

const isFamily = (value: string): value is Family => (FAMILIES as readonly string[]).includes(value);
