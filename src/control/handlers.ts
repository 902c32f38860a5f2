// The routes of the control API: which path answers what, and what is wrong with a request that cannot be answered.
// Knows no sockets: server.ts turns octets into requests and replies into octets.

import { clear, drain } from './changes.ts';
import type { Clocks } from './clocks.ts';
import { findPeer, kernelMatching, parseEventsQuery, parseRouteQuery } from './query.ts';
import { type ControlReply, type ControlRequest, fail, ok } from './reply.ts';
import type { StatusAnswer } from './schema.ts';
import type { ControlSource } from './source.ts';
import { drainView, kernelView, peersView, readyView, routesView, statusView } from './views.ts';

export { MAX_LIMIT } from './query.ts';
export type { ControlReply, ControlRequest } from './reply.ts';

/** What handlers need beside the source. */
export interface HandlerContext {
  readonly source: ControlSource;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly server: () => StatusAnswer['control'];
}

type Handler = (request: ControlRequest, tail: string) => ControlReply;

interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** Ends in `/` when something follows. */
  readonly path: string;
  /** Query parameters that mean something. */
  readonly parameters: readonly string[];
  readonly handle: Handler;
}

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
        return ok(routesView(source.routes(parsed.routes, parsed.page), parsed.page));
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
    {
      method: 'GET',
      path: '/v1/events',
      parameters: ['after', 'follow'],
      handle: ({ query }) => {
        const parsed = parseEventsQuery(query);
        return 'error' in parsed ? fail(400, parsed.error) : { status: 200, body: '', events: parsed };
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
