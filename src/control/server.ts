// HTTP for the control API: on the control socket for the machine's operators, and read-only on TCP for monitoring. BGP
// goes on whatever happens here: a TCP port that another program has is reported and tried again. The control socket is
// different, since a daemon that answers there is a second one on this node, and two would fight over the kernel.

import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { dirname } from 'node:path';
import { EventStreams } from './event-stream.ts';
import { type ControlReply, type ControlRequest, controlHandler } from './handlers.ts';
import { hostPort } from './host-port.ts';
import type { StatusAnswer } from './schema.ts';
import type { ControlSource } from './source.ts';

export interface ControlServerOptions {
  readonly source: ControlSource;
  /** Path of the control socket. */
  readonly control: string;
  /** undefined: no HTTP. */
  readonly http: { readonly address: string; readonly port: number } | undefined;
  /** Told of what an operator should know: a port that is taken, and later that it was free again. */
  readonly report: (level: 'info' | 'warn', message: string) => void;
  /** A bug in a handler: the reply was 500. */
  readonly onBug: (error: unknown) => void;
  /** How long after a taken TCP port to try again. */
  readonly retryMs?: number;
  /** Whose members may use the socket without being root, when the group exists. */
  readonly group?: string;
}

export interface ControlServer {
  /** Where HTTP is served now, `address:port`, and why not when it should be. */
  readonly serving: () => StatusAnswer['control'];
  /** Stops at once; the socket file goes. */
  readonly close: () => Promise<void>;
}

export type ControlServerResult =
  | { readonly ok: true; readonly server: ControlServer }
  /** The control socket cannot be had: the daemon should not start. */
  | { readonly ok: false; readonly message: string };

const RETRY_MS = 5000;
const MAX_BODY_OCTETS = 64 * 1024;
const SOCKET_MODE = 0o660;
const GROUP = 'mesos-bgp';

/** Opens both. @returns once the control socket listens and HTTP was tried; an HTTP failure is in `serving()`. */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServerResult> {
  let http: Server | undefined;
  let httpAt: string | null = null;
  let httpError: string | null = null;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const serving = () => ({ path: options.control, http: httpAt, httpError });
  const handle = controlHandler({ source: options.source, wallClock: Date.now, server: serving });
  const listener = (trusted: boolean) => {
    const streams = new EventStreams(options.source.journal);
    return (request: IncomingMessage, response: ServerResponse) =>
      void serve(request, response, trusted, handle, streams, options.onBug);
  };

  const control = makeServer(listener(true));
  const message = await listenOnSocket(control, options.control, options.group ?? GROUP);
  if (message !== undefined) return { ok: false, message };

  const openHttp = async (): Promise<void> => {
    if (options.http === undefined || closed) return;
    const { address, port } = options.http;
    const server = makeServer(listener(false));
    const error = await listen(server, { host: address, port, exclusive: true });
    if (closed) {
      server.close();
      return;
    }
    if (error === undefined) {
      http = server;
      httpAt = hostPort(address, (server.address() as AddressInfo).port);
      if (httpError !== null) options.report('info', `HTTP serves on ${httpAt} now`);
      httpError = null;
      return;
    }
    const before = httpError;
    httpError = httpMessage(address, port, error);
    if (before === null) options.report('warn', httpError);
    retry = setTimeout(() => void openHttp(), options.retryMs ?? RETRY_MS);
    retry.unref();
  };
  await openHttp();

  const close = async (): Promise<void> => {
    closed = true;
    clearTimeout(retry);
    await Promise.all([control, http].map((server) => server && stop(server)));
  };
  return { ok: true, server: { serving, close } };
}

function makeServer(listener: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 5000 },
    listener,
  );
  server.maxConnections = 64;
  // What a client sends that is no HTTP costs that client its connection, nothing else.
  server.on('clientError', (_, socket) => socket.destroy());
  return server;
}

/** @returns the error, or undefined when it listens. */
function listen(server: Server, at: object): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error);
    server.once('error', failed);
    server.listen(at, () => {
      server.off('error', failed);
      // Accepting may fail later (too many open files); the next accept may work, and BGP shall not die of it.
      server.on('error', () => {});
      resolve(undefined);
    });
  });
}

const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  trusted: boolean,
  handle: (request: ControlRequest) => ControlReply,
  streams: EventStreams,
  onBug: (error: unknown) => void,
): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) {
    send(request, response, {
      status: 413,
      body: { error: `the body has more than ${MAX_BODY_OCTETS} octets` },
    });
    return;
  }
  const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?');
  let reply: ControlReply;
  try {
    reply = handle({
      method: request.method ?? 'GET',
      path,
      query: new URLSearchParams(query),
      body,
      trusted,
    });
  } catch (error) {
    // Reading for a person must not stop the speaker: the views change nothing, so nothing is half done.
    onBug(error);
    reply = { status: 500, body: { error: 'a bug in mesos-bgp: its log says more' } };
  }
  if (reply.events !== undefined) {
    if (!streams.full) return streams.open(request, response, reply.events);
    reply = { status: 503, body: { error: 'as many follow the events as may: try again when one has left' } };
  }
  send(request, response, reply);
}

/** @returns undefined when there is more than MAX_BODY_OCTETS. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    for await (const chunk of request) {
      octets += (chunk as Buffer).length;
      if (octets > MAX_BODY_OCTETS) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return ''; // the client went away: the reply goes nowhere
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(request: IncomingMessage, response: ServerResponse, reply: ControlReply): void {
  const { body } = reply;
  const plain = typeof body === 'string';
  const text = plain ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(reply.status, {
    'Content-Type': plain ? 'text/plain; version=0.0.4; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...(reply.allow === undefined ? {} : { Allow: reply.allow }),
    // The rest of a body that was refused is not read as the next request.
    ...(reply.status === 413 ? { Connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function httpMessage(address: string, port: number, error: NodeJS.ErrnoException): string {
  const at = hostPort(address, port);
  const change = `set --http (MESOS_BGP_HTTP) to another ADDRESS:PORT or to off`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `HTTP is not served: ${at} is taken by another program; "ss -ltnp 'sport = :${port}'" shows it: stop it, or ${change}. It is tried again every few seconds`;
    case 'EADDRNOTAVAIL':
      return `HTTP is not served: no interface has the address ${address} (yet): ${change}. It is tried again every few seconds`;
    case 'EACCES':
      return `HTTP is not served: ports below 1024 need CAP_NET_BIND_SERVICE: ${change}`;
    default:
      return `HTTP is not served: listening on ${at} failed with ${error.message}: ${change}`;
  }
}

/** @returns what is wrong, with the next step; undefined when the socket listens with its mode and group set. */
async function listenOnSocket(server: Server, path: string, group: string): Promise<string | undefined> {
  const change = 'set --control (MESOS_BGP_CONTROL) to another path';
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (error) {
    return `the folder of the control socket ${path} cannot be made: ${reason(error)}: make it, or ${change}`;
  }
  const occupied = await clearStale(path);
  if (occupied !== undefined) return `${occupied}, or ${change}`;
  // The file must never be open to all, not even between bind and chmod: bind happens inside listen().
  const umask = process.umask(0o777 & ~SOCKET_MODE);
  let listening: Promise<NodeJS.ErrnoException | undefined>;
  try {
    listening = listen(server, { path });
  } finally {
    process.umask(umask);
  }
  const error = await listening;
  if (error !== undefined) return `the control socket ${path} cannot be opened: ${error.message}: ${change}`;
  const gid = groupId(group);
  if (gid !== undefined) {
    try {
      chownSync(path, -1, gid);
      chmodSync(path, SOCKET_MODE);
    } catch {
      // Not root and not a member: the socket works for our own user, as it would without the group.
    }
  }
  return undefined;
}

/** Removes the file that a dead daemon left. @returns why the path cannot be used, or undefined. */
async function clearStale(path: string): Promise<string | undefined> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isSocket()) return `the control socket ${path} exists and is no socket: remove it`;
  const answer = await probe(path);
  if (answer === 'connected') {
    return `another mesos-bgp runs on this machine and answers on ${path}: "mesos-bgp status" shows it; stop it`;
  }
  if (answer !== 'ECONNREFUSED')
    return `the control socket ${path} cannot be examined (${answer}): remove it`;
  try {
    unlinkSync(path);
  } catch (error) {
    return `the control socket ${path} of an earlier run cannot be removed: ${reason(error)}: remove it`;
  }
  return undefined;
}

function probe(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const done = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    // A daemon with a full backlog does not answer at once, and is alive.
    socket.setTimeout(2000, () => done('connected'));
    socket.once('connect', () => done('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}

/** Node has no getgrnam: groups of the name service beyond the file are not seen. */
function groupId(name: string): number | undefined {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((one) => one.startsWith(`${name}:`));
    const id = Number(line?.split(':')[2]);
    return line !== undefined && Number.isInteger(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
