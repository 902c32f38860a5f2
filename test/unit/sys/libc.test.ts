import { readlinkSync } from 'node:fs';
import {
  AF,
  attachFilter,
  bind,
  close,
  getsockname,
  getsockopt,
  inNetworkNamespace,
  isSystemError,
  MSG,
  recv,
  SO,
  SOCK,
  SOL_SOCKET,
  send,
  setsockopt,
  socket,
  systemError,
  unavailable,
} from '../../../src/sys/libc.ts';
import { makeNamespace, removeNamespaces } from '../../support/netns.ts';

const opened: number[] = [];
const open = (domain: number, type: number): number => {
  const fd = socket(domain, type, 0);
  if (isSystemError(fd)) throw new Error(fd.message);
  opened.push(fd);
  return fd;
};
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
  removeNamespaces();
});

const SOCK_DGRAM = 2;

describe('libc', () => {
  it('is there on this machine', () => {
    expect(unavailable()).toBeUndefined();
  });

  it.each([
    [98, 'EADDRINUSE', /address already in use/],
    [101, 'ENETUNREACH', /network is unreachable/],
    [99_999, 'errno 99999', /error 99999/],
  ])('names errno %d %s', (errno, name, message) => {
    expect(systemError(errno)).toEqual({ errno, name, message: expect.stringMatching(message) });
  });

  it('returns the error of a call that fails, with its name', () => {
    expect(socket(999, SOCK.STREAM, 0)).toMatchObject({ name: 'EAFNOSUPPORT' });
    expect(setsockopt(-1, SOL_SOCKET, SO.REUSEADDR, 1)).toMatchObject({ name: 'EBADF' });
    expect(recv(open(AF.INET, SOCK_DGRAM), Buffer.alloc(8), MSG.DONTWAIT)).toMatchObject({ name: 'EAGAIN' });
  });

  it('sets and gets options, and makes descriptors that children do not inherit', () => {
    const fd = open(AF.INET, SOCK.STREAM);
    expect(getsockopt(fd, SOL_SOCKET, SO.REUSEADDR)).toBe(0);
    expect(setsockopt(fd, SOL_SOCKET, SO.REUSEADDR, 1)).toBeUndefined();
    expect(getsockopt(fd, SOL_SOCKET, SO.REUSEADDR)).toBe(1);
    expect(isSystemError(getsockopt(fd, SOL_SOCKET, 9999))).toBe(true);
  });

  it('drops in the kernel what a filter refuses', () => {
    const receiver = open(AF.NETLINK, SOCK.RAW);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF.NETLINK, 0);
    expect(bind(receiver, address)).toBeUndefined();
    expect(getsockname(receiver, address)).toBeUndefined();
    expect(address.readUInt32LE(4)).toBeGreaterThan(0);
    // A request for a list of interfaces is answered; with "ret #0" the answer never arrives.
    const request = Buffer.alloc(32);
    request.writeUInt32LE(32, 0);
    request.writeUInt16LE(18, 4);
    request.writeUInt16LE(0x301, 6);
    const received = Buffer.alloc(1 << 16);
    expect(send(receiver, request)).toBe(32);
    expect(recv(receiver, received, MSG.DONTWAIT)).toBeGreaterThan(16);
    const other = open(AF.NETLINK, SOCK.RAW);
    expect(attachFilter(other, Buffer.from([6, 0, 0, 0, 0, 0, 0, 0]))).toBeUndefined();
    send(other, request);
    expect(recv(other, received, MSG.DONTWAIT)).toMatchObject({ name: 'EAGAIN' });
    expect(attachFilter(other, Buffer.from([0xff, 0xff, 0, 0, 0, 0, 0, 0]))).toMatchObject({
      name: 'EINVAL',
    });
  });

  describe('network namespaces', () => {
    const here = () => readlinkSync('/proc/thread-self/ns/net');

    it('are entered for one call', () => {
      const namespace = makeNamespace('l');
      const home = here();
      const there = inNetworkNamespace(namespace.path, here);
      expect(there).not.toBe(home);
      expect(here()).toBe(home);
    });

    it('are left when the call throws', () => {
      const namespace = makeNamespace('l');
      const home = here();
      expect(() =>
        inNetworkNamespace(namespace.path, () => {
          throw new Error('a bug');
        }),
      ).toThrow('a bug');
      expect(here()).toBe(home);
    });

    it.each([
      ['/run/netns/there-is-no-such', 'ENOENT'],
      ['/dev/null', 'EINVAL'],
    ])('that are none (%s) give %s', (path, name) => {
      expect(inNetworkNamespace(path, () => 1)).toMatchObject({ name });
    });
  });
});
