// A name server for tests: answers SRV questions (RFC 2782) from a table, NXDOMAIN for what is not in it, on a free port.

import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import type { ResolveSrv, SrvRecord } from '../../src/datastore/etcd-client.ts';

const SRV = 33;
const NXDOMAIN = 3;

export interface TestDns {
  /** Asks this server. */
  readonly resolve: ResolveSrv;
  readonly asked: string[];
  close(): void;
}

export async function startDns(records: Readonly<Record<string, readonly SrvRecord[]>>): Promise<TestDns> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, end } = readName(query, 12);
    asked.push(name);
    const found = query.readUInt16BE(end) === SRV ? (records[name] ?? []) : [];
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2); // the same id
    header.writeUInt16BE(0x8180 | (found.length === 0 ? NXDOMAIN : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    const answers = found.map((record) => answer(record));
    socket.send(Buffer.concat([header, query.subarray(12, end + 4), ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${(socket.address() as AddressInfo).port}`]);
  return {
    resolve: (name) => resolver.resolveSrv(name),
    asked,
    close: () => {
      resolver.cancel();
      socket.close();
    },
  };
}

function readName(message: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  let end = at;
  for (let length = message[end]!; length > 0; length = message[end]!) {
    labels.push(message.toString('ascii', end + 1, end + 1 + length));
    end += 1 + length;
  }
  return { name: labels.join('.'), end: end + 1 };
}

function answer({ name, port, priority }: SrvRecord): Buffer {
  const target = Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.of(0),
  ]);
  const fixed = Buffer.alloc(18);
  fixed.writeUInt16BE(0xc00c, 0); // the question's name
  fixed.writeUInt16BE(SRV, 2);
  fixed.writeUInt16BE(1, 4); // IN
  fixed.writeUInt32BE(60, 6); // TTL, seconds
  fixed.writeUInt16BE(6 + target.length, 10);
  fixed.writeUInt16BE(priority, 12);
  fixed.writeUInt16BE(0, 14);
  fixed.writeUInt16BE(port, 16);
  return Buffer.concat([fixed, target]);
}
