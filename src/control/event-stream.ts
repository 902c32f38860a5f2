// What happens, as it happens: GET /v1/events as server-sent events (WHATWG HTML, "Server-sent events"). Each has the number of a
// line of the log and the line itself, so that a client which lost the connection goes on where it was (Last-Event-ID).

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EventsRequest } from './reply.ts';
import type { Journal, JournalEntry } from './source.ts';

/** Of one server: others are for those who ask. */
const MAX_FOLLOWERS = 16;
/** Who reads slower than that is cut off, and may come again. */
const MAX_WAITING_OCTETS = 1024 * 1024;
/** So that a client, or what stands between, knows of a connection without events that it lives. */
const COMMENT_EVERY_MS = 15_000;

export class EventStreams {
  private followers = 0;

  constructor(private readonly journal: Journal) {}

  get full(): boolean {
    return this.followers >= MAX_FOLLOWERS;
  }

  /** Answers, with what is kept and, when asked to, with what comes until the client goes. */
  open(request: IncomingMessage, response: ServerResponse, { after, follow }: EventsRequest): void {
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const last = Number(request.headers['last-event-id'] ?? Number.NaN);
    const kept = this.journal.after(Number.isSafeInteger(last) ? last : after);
    response.write(kept.map(textOf).join('') || ': nothing yet\n\n');
    if (!follow) {
      response.end();
      return;
    }
    const write = (text: string) => {
      if (response.writableLength > MAX_WAITING_OCTETS) response.destroy();
      else response.write(text);
    };
    this.followers++;
    const leave = this.journal.follow((entry) => write(textOf(entry)));
    const alive = setInterval(() => write(': alive\n\n'), COMMENT_EVERY_MS);
    response.on('error', () => {});
    response.once('close', () => {
      this.followers--;
      clearInterval(alive);
      leave();
    });
  }
}

const textOf = ({ id, line }: JournalEntry): string => `id: ${id}\ndata: ${line}\n\n`;
