// A request and a reply, without sockets: server.ts turns octets into requests and replies into octets.

import type { ErrorAnswer } from './schema.ts';

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
  /** In place of the body: a stream of events. */
  readonly events?: EventsRequest;
}

export interface EventsRequest {
  /** Number of the last event that the client has; 0: none. */
  readonly after: number;
  /** Goes on with what comes. */
  readonly follow: boolean;
}

export const ok = (body: object): ControlReply => ({ status: 200, body });
export const fail = (status: number, error: string): ControlReply => ({
  status,
  body: { error } satisfies ErrorAnswer,
});
