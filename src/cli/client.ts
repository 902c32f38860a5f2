// Asks the daemon over its control socket. What goes wrong on the way becomes a message with the next step.

import { request } from 'node:http';
import type { ErrorAnswer } from '../control/schema.ts';

export type Answer<T> =
  | { readonly ok: true; readonly body: T }
  /** The daemon said no, with an HTTP status. */
  | { readonly ok: false; readonly status: number; readonly message: string }
  /** There was no answer. */
  | { readonly ok: false; readonly status: undefined; readonly message: string };

const TIMEOUT_MS = 15_000;

/**
 * @param control  path of the socket.
 * @param path     with its query.
 * @param body     sent as JSON by POST; undefined is a GET.
 * @returns the JSON of a 2xx, which is trusted to have the shape of schema.ts: the daemon is of the same release.
 */
export function ask<T>(
  control: string,
  path: string,
  body?: object,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer<T>> {
  return new Promise((resolve) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const call = request({
      socketPath: control,
      path,
      method: text === undefined ? 'GET' : 'POST',
      agent: false,
      timeout: timeoutMs,
      headers:
        text === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
    });
    const lost = (message: string) => resolve({ ok: false, status: undefined, message });
    call.on('timeout', () => {
      call.destroy();
      lost(
        `the daemon on ${control} does not answer within ${timeoutMs / 1000} s: it is stopped or busy; its log says more`,
      );
    });
    call.on('error', (error: NodeJS.ErrnoException) => lost(connectMessage(control, error)));
    call.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => lost(connectMessage(control, error)));
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        let parsed: unknown;
        try {
          parsed = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        } catch {
          lost(`what answers on ${control} is no mesos-bgp (HTTP ${status}, no JSON): is --control right?`);
          return;
        }
        if (status >= 200 && status < 300) resolve({ ok: true, body: parsed as T });
        else {
          const { error } = parsed as Partial<ErrorAnswer>;
          resolve({ ok: false, status, message: error ?? `the daemon answered HTTP ${status}` });
        }
      });
    });
    call.end(text);
  });
}

/** Why nobody could be asked, with the next step. */
export function connectMessage(control: string, error: NodeJS.ErrnoException): string {
  const elsewhere = 'or say where its socket is with --control PATH (MESOS_BGP_CONTROL)';
  switch (error.code) {
    case 'ENOENT':
      return `no daemon runs here: there is no control socket ${control}. Start "mesos-bgp run", ${elsewhere}`;
    case 'ECONNREFUSED':
      return `no daemon runs here: the control socket ${control} is left from one that ended. Start "mesos-bgp run", ${elsewhere}`;
    case 'EACCES':
    case 'EPERM':
      return `the control socket ${control} is not yours to use: become root, or join the group mesos-bgp (which has to exist when the daemon starts)`;
    default:
      return `the daemon on ${control} cannot be reached: ${error.message}; ${elsewhere}`;
  }
}
