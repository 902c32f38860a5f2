import dgram from 'node:dgram';
import net from 'node:net';
import { address, type Family, parseScopedAddress } from 'bgp-utils';
import { descriptorOf } from '../../../src/speaker/shared-reads.ts';
import { readDatagrams } from '../../../src/sys/datagrams.ts';
import {
  AF,
  bind,
  getsockname,
  getsockopt,
  inNetworkNamespace,
  isSystemError,
  type SystemError,
  socket,
} from '../../../src/sys/libc.ts';
import { type Md5Key, noRoomForKeys, setMd5Key } from '../../../src/sys/md5.ts';
import { socketAddress } from '../../../src/sys/socket-address.ts';
import { setTtl } from '../../../src/sys/socket-options.ts';
import {
  type ConnectionOptions,
  closeSocket,
  type ListenerOptions,
  openConnection,
  openListener,
  type SocketResult,
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

/** For listeners that have keys before they listen. */
const withKeys = (...keys: readonly Md5Key[]): Pick<ListenerOptions, 'prepare'> => ({
  prepare: (fd) => {
    for (const { address: of, prefixLength, key: text } of keys)
      expect(setMd5Key(fd, of, prefixLength, text)).toBeUndefined();
  },
});

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

describe('interfaces and timeouts', () => {
  it('connects and listens by one interface alone', async () => {
    const server = await serve({ device: 'lo' });
    expect(await connect(server.port, { device: 'lo' })).toBe('connected');
    const SO_BINDTOIFINDEX = 62;
    const fd = fdOf(openConnection({ localAddress: undefined, remoteAddress: LOOPBACK.ipv4, device: 'lo' }));
    expect(getsockopt(fd, 1, SO_BINDTOIFINDEX)).toBe(1);
    closeSocket(fd);
  });

  it('says that an interface is not there', () => {
    const options = { localAddress: undefined, remoteAddress: LOOPBACK.ipv4 };
    expect(openConnection({ ...options, device: 'nowhere9' })).toMatchObject({
      name: 'ENODEV',
      message: 'a connection to 127.0.0.1: this machine has no interface nowhere9 (ip link show)',
    });
    const scoped = parseScopedAddress('fe80::1%nowhere9')!;
    expect(openConnection({ localAddress: undefined, remoteAddress: scoped })).toMatchObject({
      message: 'a connection to fe80::1%nowhere9: this machine has no interface nowhere9 (ip link show)',
    });
    expect(openListener({ address: undefined, family: 'ipv4', port: 0, device: 'nowhere9' })).toMatchObject({
      name: 'ENODEV',
      message: expect.stringMatching(/no interface nowhere9/),
    });
  });

  it('limits what the kernel takes beyond what is on its way, also of connections that come in', async () => {
    const TCP_NOTSENT_LOWAT = 25;
    const unsentOf = (fd: number | undefined) => getsockopt(fd!, 6, TCP_NOTSENT_LOWAT);
    const fd = fdOf(openConnection({ localAddress: undefined, remoteAddress: LOOPBACK.ipv4 }));
    expect(unsentOf(fd)).toBe(256 * 1024);
    closeSocket(fd);
    const listener = fdOf(openListener({ address: LOOPBACK.ipv4, family: 'ipv4', port: 0 }));
    const accepted: (number | SystemError)[] = [];
    const server = net.createServer((connection) => {
      accepted.push(unsentOf(descriptorOf(connection)));
      connection.destroy();
    });
    await new Promise<void>((resolve) => server.listen({ fd: listener }, resolve));
    cleanups.push(() => server.close());
    await connect((server.address() as net.AddressInfo).port);
    await until('the connection has come in', () => accepted.length > 0);
    expect(accepted).toEqual([256 * 1024]);
  });

  it('limits how long octets may stay unacknowledged, the first SYN too (RFC 5482)', async () => {
    const TCP_USER_TIMEOUT = 18;
    const options = { localAddress: undefined, remoteAddress: LOOPBACK.ipv4, userTimeoutMs: 2500 };
    const fd = fdOf(openConnection(options));
    expect(getsockopt(fd, 6, TCP_USER_TIMEOUT)).toBe(2500);
    closeSocket(fd);
    // A key that nobody has there: the SYN is dropped in silence.
    const server = await serve(withKeys(key('secret')));
    expect(await connect(server.port, { userTimeoutMs: 100, md5Key: 'other' })).toBe('ETIMEDOUT');
  });
});

describe('TCP MD5 (RFC 2385)', () => {
  it.each<Family>(['ipv4', 'ipv6'])(
    'connects with the same key, and stays silent with none or another (%s)',
    async (family) => {
      const remoteAddress = LOOPBACK[family];
      const server = await serve({ family, ...withKeys(key('secret', undefined, remoteAddress)) });
      expect(await connect(server.port, { remoteAddress, md5Key: 'secret' })).toBe('connected');
      expect(await connect(server.port, { remoteAddress, md5Key: 'other' }, SILENCE_MS)).toBe('silence');
      expect(await connect(server.port, { remoteAddress }, SILENCE_MS)).toBe('silence');
    },
  );

  it('takes keys for ranges, of which the longest match counts', async () => {
    const server = await serve(withKeys(key('range', 8, address('127.0.0.0')), key('exact')));
    expect(await connect(server.port, { md5Key: 'exact' })).toBe('connected');
    expect(await connect(server.port, { md5Key: 'range', localAddress: address('127.0.0.9') })).toBe(
      'connected',
    );
    expect(await connect(server.port, { md5Key: 'range' }, SILENCE_MS)).toBe('silence');
  });

  it('changes and removes keys of a listener while it listens; an absent one may be removed', async () => {
    const server = await serve(withKeys(key('old')));
    expect(setMd5Key(server.fd, LOOPBACK.ipv4, undefined, 'new')).toBeUndefined();
    expect(await connect(server.port, { md5Key: 'new' })).toBe('connected');
    expect(setMd5Key(server.fd, LOOPBACK.ipv4, undefined, '')).toBeUndefined();
    expect(await connect(server.port)).toBe('connected');
    expect(setMd5Key(server.fd, LOOPBACK.ipv4, undefined, '')).toBeUndefined();
    expect(setMd5Key(server.fd, address('10.0.0.0'), 8, '')).toBeUndefined();
  });

  it('refuses a key that is too long, counted in octets, by name of the peer', () => {
    expect(setMd5Key(-1, LOOPBACK.ipv4, undefined, 'k'.repeat(80))).toMatchObject({ name: 'EBADF' });
    for (const tooLong of ['k'.repeat(81), 'ü'.repeat(41)])
      expect(setMd5Key(-1, LOOPBACK.ipv4, undefined, tooLong)).toMatchObject({
        name: 'EINVAL',
        message: expect.stringMatching(/password for 127\.0\.0\.1 has 8[12] octets.*80 at most/),
      });
  });

  it('says which limit to raise, and to what, when there is no room for more keys', () => {
    const namespace = makeNamespace('m');
    namespace.exec('sysctl', '-qw', 'net.core.optmem_max=2048');
    const refused = inNetworkNamespace(namespace.path, () => {
      const fd = fdOf(openListener({ address: undefined, family: 'ipv4', port: 0 }));
      cleanups.push(() => closeSocket(fd));
      const failures = Array.from({ length: 100 }, (_, i) =>
        setMd5Key(fd, address(`10.0.0.${i}`), undefined, 'secret'),
      );
      return { failures, advice: noRoomForKeys(failures.indexOf(failures.at(-1)), 8000) };
    });
    if (isSystemError(refused)) throw new Error(refused.message);
    expect(refused.failures[0]).toBeUndefined();
    expect(refused.failures.at(-1)).toMatchObject({
      name: 'ENOMEM',
      message: expect.stringMatching(/optmem_max/),
    });
    expect(refused.advice).toMatch(
      /of 8000 TCP MD5 keys alone: net\.core\.optmem_max is 2048,.*sysctl -w net\.core\.optmem_max=4194304.*sysctl\.d/,
    );
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
