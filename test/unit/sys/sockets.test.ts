import dgram from 'node:dgram';
import net from 'node:net';
import { address, type Family } from 'bgp-utils';
import {
  AF,
  bind,
  getsockname,
  getsockopt,
  inNetworkNamespace,
  isSystemError,
  socket,
} from '../../../src/sys/libc.ts';
import {
  type ConnectionOptions,
  closeSocket,
  type ListenerOptions,
  openConnection,
  openListener,
  readDatagrams,
  type SocketResult,
  setMd5Key,
  setTtl,
  socketAddress,
} from '../../../src/sys/sockets.ts';
import { makeNamespace, removeNamespaces, until } from '../../support/netns.ts';

const LOOPBACK = { ipv4: address('127.0.0.1'), ipv6: address('::1') } as const;
/** A wrong key or TTL means silence: shown by waiting this long, where the right one takes a millisecond. */
const SILENCE_MS = 150;
const PATIENCE_MS = 5000;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  removeNamespaces();
});

const fdOf = (result: SocketResult): number => {
  if (!result.ok) throw new Error(result.message);
  return result.fd;
};

interface Server {
  readonly fd: number;
  readonly port: number;
  /** Remote addresses of the connections so far. */
  readonly from: string[];
}

/** Listens through Node on a descriptor of ours. */
async function serve(options: Partial<ListenerOptions>): Promise<Server> {
  const family = options.family ?? 'ipv4';
  const fd = fdOf(openListener({ address: LOOPBACK[family], family, port: 0, ...options }));
  const from: string[] = [];
  const server = net.createServer((connection) => {
    from.push(connection.remoteAddress!);
    connection.on('error', () => undefined);
    connection.destroy();
  });
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  cleanups.push(() => server.close());
  return { fd, port: (server.address() as net.AddressInfo).port, from };
}

/** @returns "connected", an error's name, or "silence". */
function connect(
  port: number,
  options: Partial<ConnectionOptions> = {},
  deadlineMs = PATIENCE_MS,
): Promise<string> {
  const remoteAddress = options.remoteAddress ?? LOOPBACK.ipv4;
  const fd = fdOf(openConnection({ localAddress: undefined, ...options, remoteAddress }));
  const connection = new net.Socket({ fd });
  connection.connect(port, remoteAddress);
  return new Promise((resolve) => {
    const timer = setTimeout(() => end('silence'), deadlineMs);
    const end = (how: string) => {
      clearTimeout(timer);
      connection.destroy();
      resolve(how);
    };
    connection.on('connect', () => end('connected'));
    connection.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

const key = (text: string, prefixLength?: number, of = LOOPBACK.ipv4) => ({
  address: of,
  prefixLength,
  key: text,
});

describe('openListener', () => {
  it.each<Family>(['ipv4', 'ipv6'])('gives Node a descriptor that takes connections (%s)', async (family) => {
    const server = await serve({ family });
    expect(await connect(server.port, { remoteAddress: LOOPBACK[family] })).toBe('connected');
  });

  it('takes IPv6 alone on any address, unless told otherwise', async () => {
    const alone = await serve({ family: 'ipv6', address: undefined });
    expect(await connect(alone.port)).toBe('ECONNREFUSED');
    const both = await serve({ family: 'ipv6', address: undefined, v6only: false });
    expect(await connect(both.port)).toBe('connected');
  });

  it('lets both families listen on one port', async () => {
    const six = await serve({ family: 'ipv6', address: undefined });
    await serve({ family: 'ipv4', address: undefined, port: six.port });
    expect(await connect(six.port)).toBe('connected');
  });

  it('says who has the port and what to do when it is taken', async () => {
    const { port } = await serve({});
    expect(openListener({ address: LOOPBACK.ipv4, family: 'ipv4', port })).toMatchObject({
      ok: false,
      name: 'EADDRINUSE',
      message: expect.stringMatching(
        new RegExp(`127.0.0.1:${port}: port ${port} taken.*ss -ltnp 'sport = :${port}'.*listenPort`),
      ),
    });
  });

  it('names the missing privilege for a low port', () => {
    const namespace = makeNamespace('s');
    const result = inNetworkNamespace(namespace.path, () => {
      process.seteuid!(65534);
      try {
        return openListener({ address: undefined, family: 'ipv4', port: 179 });
      } finally {
        process.seteuid!(0);
      }
    });
    expect(result).toMatchObject({
      ok: false,
      name: 'EACCES',
      message: expect.stringMatching(/port 179.*CAP_NET_BIND_SERVICE/),
    });
  });

  it('refuses an address that is not there, unless it may bind ahead of it', () => {
    const absent = { address: address('192.0.2.1'), family: 'ipv4', port: 0 } as const;
    expect(openListener(absent)).toMatchObject({
      name: 'EADDRNOTAVAIL',
      message: expect.stringMatching(/does not have the address 192\.0\.2\.1/),
    });
    closeSocket(fdOf(openListener({ ...absent, freebind: true })));
    const absent6 = { address: address('2001:db8::1'), family: 'ipv6', port: 0 } as const;
    expect(openListener(absent6)).toMatchObject({ name: 'EADDRNOTAVAIL' });
    closeSocket(fdOf(openListener({ ...absent6, freebind: true })));
  });
});

describe('openConnection', () => {
  it('comes from the address asked for', async () => {
    const server = await serve({});
    expect(await connect(server.port, { localAddress: address('127.0.0.9') })).toBe('connected');
    await until('the server saw it', () => server.from.length === 1);
    expect(server.from).toEqual(['127.0.0.9']);
  });

  it('refuses a source address that is not there, with what to do', () => {
    expect(
      openConnection({ localAddress: address('192.0.2.1'), remoteAddress: LOOPBACK.ipv4 }),
    ).toMatchObject({
      name: 'EADDRNOTAVAIL',
      message: expect.stringMatching(/source address 192\.0\.2\.1.*sourceAddress: None/),
    });
  });

  it.each([
    ['ipv4', 0, 2, 21],
    ['ipv6', 41, 16, 73],
  ] as const)('sets TTL and least TTL (%s)', (family, level, ttl, least) => {
    const fd = fdOf(
      openConnection({ localAddress: undefined, remoteAddress: LOOPBACK[family], ttl: 7, minTtl: 254 }),
    );
    expect([getsockopt(fd, level, ttl), getsockopt(fd, level, least)]).toEqual([7, 254]);
    closeSocket(fd);
  });

  it.each<Family>(['ipv4', 'ipv6'])('gets through GTSM (RFC 5082) with TTL 255 only (%s)', async (family) => {
    const server = await serve({ family });
    expect(setTtl(server.fd, family, 255, 255)).toBeUndefined();
    const remoteAddress = LOOPBACK[family];
    expect(await connect(server.port, { remoteAddress, ttl: 64 }, SILENCE_MS)).toBe('silence');
    expect(await connect(server.port, { remoteAddress, ttl: 255, minTtl: 255 })).toBe('connected');
  });
});

describe('TCP MD5 (RFC 2385)', () => {
  it.each<Family>(['ipv4', 'ipv6'])(
    'connects with the same key, and stays silent with none or another (%s)',
    async (family) => {
      const remoteAddress = LOOPBACK[family];
      const server = await serve({ family, md5Keys: [key('secret', undefined, remoteAddress)] });
      expect(await connect(server.port, { remoteAddress, md5Key: 'secret' })).toBe('connected');
      expect(await connect(server.port, { remoteAddress, md5Key: 'other' }, SILENCE_MS)).toBe('silence');
      expect(await connect(server.port, { remoteAddress }, SILENCE_MS)).toBe('silence');
    },
  );

  it('takes keys for ranges, of which the longest match counts', async () => {
    const server = await serve({ md5Keys: [key('range', 8, address('127.0.0.0')), key('exact')] });
    expect(await connect(server.port, { md5Key: 'exact' })).toBe('connected');
    expect(await connect(server.port, { md5Key: 'range', localAddress: address('127.0.0.9') })).toBe(
      'connected',
    );
    expect(await connect(server.port, { md5Key: 'range' }, SILENCE_MS)).toBe('silence');
  });

  it('changes and removes keys of a listener while it listens; an absent one may be removed', async () => {
    const server = await serve({ md5Keys: [key('old')] });
    expect(setMd5Key(server.fd, LOOPBACK.ipv4, undefined, 'new')).toBeUndefined();
    expect(await connect(server.port, { md5Key: 'new' })).toBe('connected');
    expect(setMd5Key(server.fd, LOOPBACK.ipv4, undefined, '')).toBeUndefined();
    expect(await connect(server.port)).toBe('connected');
    expect(setMd5Key(server.fd, LOOPBACK.ipv4, undefined, '')).toBeUndefined();
    expect(setMd5Key(server.fd, address('10.0.0.0'), 8, '')).toBeUndefined();
  });

  it('refuses a key that is too long, counted in octets, by name of the peer', () => {
    for (const [length, ok] of [
      [80, true],
      [81, false],
    ] as const) {
      const result = openListener({
        address: LOOPBACK.ipv4,
        family: 'ipv4',
        port: 0,
        md5Keys: [key('k'.repeat(length))],
      });
      expect(result.ok).toBe(ok);
      if (result.ok) closeSocket(result.fd);
      else expect(result.message).toMatch(/password for 127\.0\.0\.1 has 81 octets.*80 at most/);
    }
    expect(setMd5Key(-1, LOOPBACK.ipv4, undefined, 'ü'.repeat(41))).toMatchObject({ name: 'EINVAL' });
  });

  it('says which limit to raise when there is no room for more keys', () => {
    const namespace = makeNamespace('m');
    namespace.exec('sysctl', '-qw', 'net.core.optmem_max=2048');
    const result = inNetworkNamespace(namespace.path, () =>
      openListener({
        address: undefined,
        family: 'ipv4',
        port: 0,
        md5Keys: Array.from({ length: 100 }, (_, i) => key('secret', undefined, address(`10.0.0.${i}`))),
      }),
    );
    expect(result).toMatchObject({ name: 'ENOMEM', message: expect.stringMatching(/net\.core\.optmem_max/) });
  });
});

describe('readDatagrams', () => {
  it('gives one datagram a call, until it is closed, and then closes the descriptor', async () => {
    const SOCK_DGRAM = 2;
    const fd = socket(AF.INET, SOCK_DGRAM, 0);
    if (isSystemError(fd)) throw new Error(fd.message);
    const sender = dgram.createSocket('udp4');
    cleanups.push(() => sender.close());
    const bound = Buffer.from(socketAddress(LOOPBACK.ipv4, 'ipv4', 0));
    expect(bind(fd, bound)).toBeUndefined();
    expect(getsockname(fd, bound)).toBeUndefined();
    const port = bound.readUInt16BE(2);
    const seen: string[] = [];
    const stop = readDatagrams(
      fd,
      (octets) => seen.push(octets.toString()),
      (error) => seen.push(error.message),
    );
    for (const text of ['one', 'two']) sender.send(text, port, LOOPBACK.ipv4);
    await until('both arrived', () => seen.length === 2);
    expect(seen).toEqual(['one', 'two']);
    stop();
    await until('the descriptor is closed', () => isSystemError(getsockopt(fd, 1, 2)));
    expect(seen).toHaveLength(2);
  });
});
