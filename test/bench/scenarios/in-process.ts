// sim: one reflector core with thousands of clients in this process, without sockets: time, memory and turns as the cluster
// grows, and two reflectors when all clients start anew at once. What is measured is the speaker alone, of ours alone.

import { announcements } from '../feed.ts';
import { clientOctets, InProcessReflector } from '../in-process.ts';
import { ReceivedTable } from '../table.ts';
import { firstTags, short } from './scenario.ts';

const ROUTES_EACH = 10;
const CLIENTS = [500, 1000, 2000, 5000];
/** Clients whose tables are checked route by route; of the others octets are counted. */
const CHECKED = 5;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

interface Stretch {
  readonly what: string;
  readonly seconds: number;
  readonly longestTurnMs: number;
  readonly writes: number;
  readonly writtenMb: number;
  readonly residentMb: number;
}

/** @returns a row a stretch; the last ones are of two reflectors. */
export function simulate(print: (line: string) => void, sizes: readonly number[] = CLIENTS): Stretch[] {
  const rows: Stretch[] = [];
  const add = (row: Stretch) => {
    rows.push(row);
    print(
      `| ${row.what} | ${row.seconds.toFixed(2)} | ${row.longestTurnMs.toFixed(0)} | ${short(row.writes)} | ${row.writtenMb.toFixed(0)} | ${row.residentMb.toFixed(0)} |`,
    );
  };
  print('| | s | longest turn ms | writes | MB written | RSS MB |');
  print('|---|--:|--:|--:|--:|--:|');
  for (const clients of sizes) {
    const one = new Reflector(clients);
    add(one.stretch(`${clients} clients connect`, () => one.core.connect(upTo(clients))));
    add(one.stretch(`each announces ${ROUTES_EACH} routes`, () => one.announce()));
    one.check();
    add(one.stretch('one client withdraws and announces', () => one.announce([0], 1)));
  }
  const clients = sizes[Math.min(1, sizes.length - 1)]!;
  const two = [new Reflector(clients), new Reflector(clients)];
  for (const each of two) {
    each.core.connect(upTo(clients));
    each.announce();
  }
  for (const [at, each] of two.entries()) {
    const name = `reflector ${at + 1} of 2`;
    add(
      each.stretch(`${name}: all ${clients} clients are gone at once`, () =>
        each.core.disconnect(upTo(clients)),
      ),
    );
    add(
      each.stretch(`${name}: all come back with their routes`, () => {
        each.forget();
        each.core.connect(upTo(clients));
        each.announce();
      }),
    );
    each.check();
  }
  return rows;
}

class Reflector {
  readonly core: InProcessReflector;
  private tables: ReceivedTable[] = [];
  private writes = 0;
  private written = 0;

  constructor(readonly clients: number) {
    this.core = new InProcessReflector(clients);
    this.forget();
    this.core.onWrite = (client, octets) => {
      this.writes++;
      this.written += octets.length;
      if (client < CHECKED) readUpdates(octets, this.tables[client]!);
    };
  }

  /** Clients that start anew know nothing. */
  forget(): void {
    const shape = { family: 'ipv4', prefixes: this.clients * ROUTES_EACH, perSet: ROUTES_EACH } as const;
    const tags = firstTags(this.clients);
    this.tables = upTo(CHECKED).map((at) => new ReceivedTable({ ...shape, tags }, at, at + 1));
  }

  announce(clients: readonly number[] = upTo(this.clients), version = 0): void {
    const shape = { family: 'ipv4', prefixes: this.clients * ROUTES_EACH, perSet: ROUTES_EACH } as const;
    this.core.receive(
      clients.map((at) => [
        at,
        announcements({
          ...shape,
          nextHop: clientOctets(at),
          asPath: [],
          localPref: 100,
          version,
          fromSet: at,
          toSet: at + 1,
        }),
      ]),
    );
  }

  stretch(what: string, run: () => void): Stretch {
    this.core.longestTurnMs = 0;
    this.writes = 0;
    this.written = 0;
    const began = performance.now();
    run();
    return {
      what,
      seconds: (performance.now() - began) / 1000,
      longestTurnMs: this.core.longestTurnMs,
      writes: this.writes,
      writtenMb: this.written / 1e6,
      residentMb: process.memoryUsage().rss / 1e6,
    };
  }

  /** @throws when a client lacks a route. */
  check(): void {
    for (const [at, table] of this.tables.entries()) {
      if (table.right === table.wanted && table.present === table.wanted && table.foreign === 0) continue;
      throw new Error(`sim: client ${at} of ${this.clients} has ${table.right} of ${table.wanted} routes`);
    }
  }
}

/** UPDATEs as they are written, whole messages. */
function readUpdates(octets: Uint8Array, table: ReceivedTable): void {
  const b = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  for (let at = 0; at < b.length; ) {
    const end = at + b.readUInt16BE(at + 16);
    if (b[at + 18] === 2) table.update(b, at + 19, end);
    at = end;
  }
}
