// The routes of the control API: which path answers what, and what is wrong with a request that cannot be answered.
// Knows no sockets: server.ts turns octets into requests and replies into octets.

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
  prefixLength,
} from 'bgp-utils';
import type { ClearAnswer, ClearRequest, DrainRequest, ErrorAnswer, StatusAnswer } from './schema.ts';
import type { ControlSource, KernelRouteFacts, RouteQuery } from './source.ts';
import {
  type Clocks,
  drainView,
  isFamily,
  kernelView,
  type PageRequest,
  peersView,
  readyView,
  routesView,
  statusView,
} from './views.ts';

export interface ControlRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body as text; '' is none. */
  readonly body: string;
  /** Came by the control socket, whose file mode says who may change something. */
  readonly trusted: boolean;
}

export interface ControlReply {
  readonly status: number;
  /** Goes out as JSON; a text as what Prometheus reads. */
  readonly body: object | string;
  readonly allow?: string;
}

/** What handlers need beside the source. */
export interface HandlerContext {
  readonly source: ControlSource;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly server: () => StatusAnswer['control'];
}

/** Routes in one answer unless `limit` says otherwise; the rest comes with `after`. */
export const DEFAULT_LIMIT = 10_000;
export const MAX_LIMIT = 50_000;

/** RFC 9003 §2: the Shutdown Communication has a one-octet length. */
const MAX_REASON_OCTETS = 255;

type Handler = (request: ControlRequest, tail: string) => ControlReply;

interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** Ends in `/` when something follows. */
  readonly path: string;
  /** Query parameters that mean something. */
  readonly parameters: readonly string[];
  readonly handle: Handler;
}

const ok = (body: object): ControlReply => ({ status: 200, body });
const fail = (status: number, error: string): ControlReply => ({
  status,
  body: { error } satisfies ErrorAnswer,
});

/** @returns the one function that answers every request; it throws only for bugs. */
export function controlHandler(context: HandlerContext): (request: ControlRequest) => ControlReply {
  const { source } = context;
  const clocks = clockReader(context);
  const PAGED = ['family', 'prefix', 'longest', 'limit', 'after'];
  const endpoints: readonly Endpoint[] = [
    { method: 'GET', path: '/healthz', parameters: [], handle: () => ok({ status: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      parameters: [],
      handle: () => {
        const body = readyView(source.status());
        return { status: body.ready ? 200 : 503, body };
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      parameters: [],
      handle: () => ({ status: 200, body: source.metrics() }),
    },
    {
      method: 'GET',
      path: '/v1/status',
      parameters: [],
      handle: () => ok(statusView(source.status(), source.peers(), context.server(), clocks())),
    },
    {
      method: 'GET',
      path: '/v1/peers',
      parameters: [],
      handle: () => ok(peersView(source.peers(), source.resolution(), clocks())),
    },
    {
      method: 'GET',
      path: '/v1/peers/',
      parameters: [],
      handle: (_, name) => {
        const found = findPeer(source.peers(), name);
        if ('error' in found) return fail(404, found.error);
        return ok(peersView([found.peer], source.resolution(), clocks()).peers[0]!);
      },
    },
    {
      method: 'GET',
      path: '/v1/routes',
      parameters: [...PAGED, 'received', 'advertised'],
      handle: ({ query }) => {
        const parsed = parseRouteQuery(query, source.peers());
        if ('error' in parsed) return fail(parsed.status, parsed.error);
        return ok(routesView(source.routes(parsed.routes), parsed.page));
      },
    },
    {
      method: 'GET',
      path: '/v1/kernel',
      parameters: PAGED,
      handle: ({ query }) => {
        const parsed = parseRouteQuery(query, []);
        if ('error' in parsed) return fail(parsed.status, parsed.error);
        return ok(
          kernelView(source.status().kernel, kernelMatching(source.kernel(), parsed.routes), parsed.page),
        );
      },
    },
    {
      method: 'GET',
      path: '/v1/resolve',
      parameters: [],
      handle: () => {
        const resolution = source.resolution();
        if (resolution !== undefined) return ok(resolution);
        const why = source.status().datastore.lastError;
        return fail(503, `the datastore has not been read yet${why === undefined ? '' : `: ${why}`}`);
      },
    },
    { method: 'POST', path: '/v1/clear', parameters: [], handle: (request) => clear(request, source) },
    {
      method: 'GET',
      path: '/v1/drain',
      parameters: [],
      handle: () => ok(drainView(source.status().drain, clocks())),
    },
    {
      method: 'POST',
      path: '/v1/drain',
      parameters: [],
      handle: (request) => drain(request, source) ?? ok(drainView(source.status().drain, clocks())),
    },
  ];

  return (request) => {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const there = endpoints.filter(({ path }) =>
      path.endsWith('/')
        ? request.path.startsWith(path) && request.path.length > path.length
        : request.path === path,
    );
    if (there.length === 0) {
      const paths = endpoints.map(
        ({ method, path }) => `${method} ${path}${path.endsWith('/') ? 'ADDRESS' : ''}`,
      );
      return fail(404, `no such path: ${request.path}; there is ${paths.join(', ')}`);
    }
    const endpoint = there.find((one) => one.method === method);
    if (endpoint === undefined) {
      const allow = there.map((one) => (one.method === 'GET' ? 'GET, HEAD' : one.method)).join(', ');
      return { ...fail(405, `${request.path} takes ${allow}, not ${request.method}`), allow };
    }
    if (method === 'POST' && !request.trusted) {
      return fail(
        403,
        'HTTP shows and changes nothing: use the control socket, as the command mesos-bgp does',
      );
    }
    for (const name of request.query.keys()) {
      if (!endpoint.parameters.includes(name)) {
        const known = endpoint.parameters.length > 0 ? endpoint.parameters.join(', ') : 'none';
        return fail(400, `unknown parameter ${JSON.stringify(name)}: ${request.path} takes ${known}`);
      }
    }
    const tail = endpoint.path.endsWith('/') ? decode(request.path.slice(endpoint.path.length)) : '';
    return tail === undefined
      ? fail(400, `${request.path} has a broken %-escape`)
      : endpoint.handle(request, tail);
  };
}

/**
 * Dates come from monotonic times and one offset between the clocks, kept while it holds, so that a session's `since`
 * is the same in every answer; a wall clock that was set moves it.
 */
function clockReader({ source, wallClock }: HandlerContext): () => Clocks {
  let kept: number | undefined;
  return () => {
    const now = source.now();
    const offset = wallClock() - now;
    if (kept === undefined || Math.abs(offset - kept) > 1000) kept = offset;
    return { now, epochOffset: kept };
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** By name (as `peers` shows it) or by address, in any spelling. */
export function findPeer(
  peers: readonly PeerView[],
  text: string,
): { readonly peer: PeerView } | { readonly error: string } {
  const named = peers.find((peer) => peer.config.peer === text);
  if (named !== undefined) return { peer: named };
  const address = parseAddress(text);
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

type ParsedQuery =
  | { readonly routes: RouteQuery; readonly page: PageRequest }
  | { readonly status: 400 | 404; readonly error: string };

function parseRouteQuery(query: URLSearchParams, peers: readonly PeerView[]): ParsedQuery {
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
function* kernelMatching(routes: Iterable<KernelRouteFacts>, query: RouteQuery): Iterable<KernelRouteFacts> {
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns what is wrong with the request. */
function drain({ body: text }: ControlRequest, source: ControlSource): ControlReply | undefined {
  const body = parseJson(text);
  const wanted =
    typeof body === 'object' && body !== null
      ? (body as Partial<Record<keyof DrainRequest, unknown>>).drain
      : undefined;
  if (typeof wanted !== 'boolean') return fail(400, 'accepted is JSON like {"drain": true}');
  source.drain(wanted);
  return undefined;
}

function clear(request: ControlRequest, source: ControlSource): ControlReply {
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
