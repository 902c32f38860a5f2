import { createServer, type Server, type Socket } from 'node:net';
import { address, type ConnectionId } from 'bgp-utils';
import { Tcp, type TcpEvents } from '../../../src/speaker/tcp.ts';

const CONNECTION = 1 as ConnectionId;
const LOOPBACK = address('127.0.0.1');

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('how sending goes (RFC 9687)', () => {
  let server: Server;
  let remote: Socket | undefined;
  let tcp: Tcp;
  let connected = false;
  const told: boolean[] = [];

  beforeAll(async () => {
    server = createServer({ pauseOnConnect: true }, (socket) => {
      remote = socket;
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
    const nothing = () => {};
    const events: TcpEvents = {
      connected: () => {
        connected = true;
      },
      connectFailed: nothing,
      accepted: () => CONNECTION,
      received: nothing,
      disconnected: nothing,
      drained: nothing,
      listening: nothing,
      strangers: nothing,
      sending: (_connection, waiting) => told.push(waiting),
    };
    tcp = new Tcp(events, () => performance.now());
    const { port } = server.address() as { port: number };
    tcp.connect(CONNECTION, { address: LOOPBACK, port, localAddress: undefined });
    await until('connected', () => connected && remote !== undefined);
  });

  afterAll(() => {
    tcp.closeAll();
    remote?.destroy();
    server.close();
  });

  it('octets that the kernel takes are not told of; those that wait are, until they have gone', async () => {
    tcp.write(CONNECTION, [new Uint8Array(19), new Uint8Array(19)]);
    await until('both are gone', () => tcp.room(CONNECTION) === 256 * 1024);
    expect(told).toEqual([]);
    // More than both sockets hold while nobody reads.
    for (let i = 0; i < 256; i++) tcp.write(CONNECTION, [new Uint8Array(65_536)]);
    await until('octets wait', () => told.length > 0);
    expect(told.every((waiting) => waiting)).toBe(true);
    remote?.resume();
    await until('all has gone', () => told.at(-1) === false);
    expect(tcp.room(CONNECTION)).toBe(256 * 1024);
  });
});
