// A wire between a client and a server that tests can make slow, cut, or let swallow what is sent into it.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Milliseconds by which each chunk is late, both ways. */
  delayMs: number;
  /** Open, and nothing comes through: as when a firewall has forgotten the connection. */
  swallowing: boolean;
  /** How many connections were made so far. */
  readonly connections: number;
  /** Ends all connections, without a word (RST). */
  cut(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(port: number, host = '127.0.0.1'): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    const far = connect(port, host);
    const pipe = (from: Socket, to: Socket) => {
      open.add(from);
      from.on('data', (octets: Buffer) => {
        if (proxy.swallowing) return;
        if (proxy.delayMs === 0) to.write(octets);
        else setTimeout(() => to.writable && to.write(octets), proxy.delayMs);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        if (!proxy.swallowing) to.destroy();
      });
    };
    pipe(near, far);
    pipe(far, near);
  });
  const proxy: TcpProxy = {
    get port() {
      return (server.address() as AddressInfo).port;
    },
    delayMs: 0,
    swallowing: false,
    get connections() {
      return connections;
    },
    cut: () => {
      for (const socket of open) socket.resetAndDestroy();
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return proxy;
}
