// Answers of the real kernel that do not fit into a receive buffer, which an unprivileged namespace cannot raise.

import { prefix } from 'bgp-utils';
import { type KernelRoute, PROTOCOL_BGP, type RouteError } from '../../src/kernel/kernel.ts';
import { News } from '../../src/kernel/netlink/news.ts';
import { RouteChanges } from '../../src/kernel/netlink/route-changes.ts';
import { Changes, openSocket, portOf } from '../../src/kernel/netlink/socket.ts';
import { isSystemError, SO, SOL_SOCKET, setsockopt } from '../../src/sys/libc.ts';
import { addInterface, makeNamespace, type Namespace, removeNamespaces } from '../support/netns.ts';
import { batchOf, type RouteChange } from '../support/routes.ts';

const SMALL_OCTETS = 16 << 10;

const blackhole = (index: number): KernelRoute => ({
  prefix: prefix(`10.65.${index >> 8}.${index & 255}/32`),
  type: 'blackhole',
  metric: 0,
  nextHops: [],
  protocol: PROTOCOL_BGP,
});
const all: readonly RouteChange[] = Array.from({ length: 300 }, (_, i) => ({
  type: 'replace',
  route: blackhole(i),
}));

describe('a batch whose answers do not fit into the receive buffer', () => {
  let namespace: Namespace;
  let news: News;
  let changes: Changes;
  beforeEach(() => {
    namespace = makeNamespace('a');
    addInterface(namespace, 'eth0', '10.0.0.1/24');
    const fd = openSocket(namespace.path, 0);
    if (isSystemError(fd)) throw new Error(fd.message);
    setsockopt(fd, SOL_SOCKET, SO.RCVBUF, SMALL_OCTETS);
    changes = new Changes(fd);
    news = new News({ netns: namespace.path, port: portOf(fd) });
    news.open();
  });
  afterEach(() => {
    news.close();
    changes.close();
    removeNamespaces();
  });

  it('is made all the same, and nothing of it is told as refused', async () => {
    const routes = new RouteChanges(changes, news);
    const apply = (list: readonly RouteChange[]): Promise<readonly RouteError[]> =>
      new Promise((resolve) => routes.apply(batchOf(list), resolve));
    expect(await apply(all)).toEqual([]);
    // Of each of them the kernel says that it is there already.
    expect(await apply(all)).toEqual([]);
    const lines = namespace.ip('route', 'show', 'type', 'blackhole').trim().split('\n');
    expect(lines).toHaveLength(all.length);
  });
});
