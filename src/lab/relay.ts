// A way from outside to a TCP port inside a node: a small process in the node listens on a Unix socket, which the
// file system shows outside, and passes octets on. (A lab has no route to the host, on purpose.)

import { existsSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import type { LabProcess } from './background.ts';
import type { LabNode } from './lab.ts';
import { until } from './process.ts';

export interface Relay {
  /** Path outside of a Unix socket that leads to the port. */
  readonly socketPath: string;
  /** Why it does not work, if so. */
  readonly failure: string | undefined;
  stop(): Promise<void>;
}

// Plain text, so that it runs from sources and from a bundle alike. An error on one side ends the other.
const RELAY = `
const net = require('node:net');
const [, path, host, port] = process.argv;
net.createServer((near) => {
  const far = net.connect(Number(port), host);
  near.pipe(far).pipe(near);
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
}).listen(path);
`;

/** Opens a way to `host:port` as the node sees it. It lasts until stopped, or until the lab is destroyed. */
export async function openRelay(node: LabNode, port: number, host = '127.0.0.1'): Promise<Relay> {
  const inside = `/run/relay-${port}.sock`;
  const socketPath = node.path(inside)!;
  rmSync(socketPath, { force: true });
  const child: LabProcess = node.spawn([process.execPath, '-e', RELAY, inside, host, String(port)], {
    name: `relay-${port}`,
  });
  const there = await until(() => existsSync(socketPath) || !child.running, 10_000);
  const failure = there && child.running ? undefined : `relay to ${node.name}:${port}: ${child.tail(5)}`;
  return { socketPath, failure, stop: async () => void (await child.stop(0)) };
}

/** The same as a TCP port on 127.0.0.1 outside, for clients that speak to host and port only. */
export function listenLocally(relay: Relay): Promise<{ readonly port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server: Server = createServer((near) => {
      const far = connect(relay.socketPath);
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
      open.add(near);
      near.on('close', () => open.delete(near));
    });
    const open = new Set<{ destroy(): unknown }>();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      const close = () =>
        new Promise<void>((done) => {
          for (const socket of open) socket.destroy();
          server.close(() => done());
        });
      resolve({ port, close });
    });
  });
}
