// Batches of routes on their way to a kernel that is played here: what is sent, and what becomes of its answers.

import { address, prefix } from 'bgp-utils';
import type { RouteError } from '../../../../src/kernel/kernel.ts';
import { type Message, messages, NLMSG } from '../../../../src/kernel/netlink/message.ts';
import { RTM_ROUTE } from '../../../../src/kernel/netlink/route.ts';
import { RouteChanges } from '../../../../src/kernel/netlink/route-changes.ts';
import { RouteTable } from '../../../../src/kernel/route-table.ts';
import { ERRNO, type SystemError } from '../../../../src/sys/libc.ts';
import { batchOf, type RouteChange } from '../../../support/routes.ts';

const NLM_F_REPLACE = 0x100;
const hop = { gateway: address('10.0.0.2'), interface: 'eth0', weight: 1, onLink: false };
const at = (i: number) => prefix(`10.70.${i >> 8}.${i & 255}/32`);
const change = (i: number, type: RouteChange['type'] = 'replace'): RouteChange => ({
  type,
  route: { prefix: at(i), type: 'unicast', metric: 7, nextHops: [hop], protocol: 186 },
});

/** What the kernel says to a message: an errno, 0 where it is asked for an acknowledgement. */
type Answer = (message: { readonly index: number; readonly replaces: boolean }) => number;

interface Sent {
  readonly count: number;
  readonly replaces: boolean;
}

/** @param fails  what becomes of a send as such. */
function play(
  changes: readonly RouteChange[],
  answer: Answer,
  fails: (sent: Sent) => number = () => 0,
  others = new RouteTable(),
): Promise<{ readonly errors: readonly RouteError[]; readonly sent: readonly Sent[] }> {
  const sent: Sent[] = [];
  let sequence = 1;
  const channel = {
    sequence: (count: number) => {
      sequence += count;
      return sequence - count;
    },
    skip: (done: () => void) => void setImmediate(done),
    send: (
      octets: Uint8Array,
      length: number,
      _first: number,
      take: (message: Message) => boolean,
      done: (failed: SystemError | undefined) => void,
    ) => {
      const all = [...messages(Buffer.from(octets.slice(0, length)))];
      const replaces = (all[0]!.flags & NLM_F_REPLACE) !== 0;
      sent.push({ count: all.length, replaces });
      const errno = fails(sent.at(-1)!);
      if (errno !== 0) return void setImmediate(() => done({ errno, name: 'E', message: 'as a whole' }));
      for (const message of all) {
        expect(message.type === RTM_ROUTE.NEW || message.type === RTM_ROUTE.DELETE).toBe(true);
        const index = message.octets.readUInt16BE(message.start + 18); // of the address 10.70.x.y
        const code = answer({ index, replaces: (message.flags & NLM_F_REPLACE) !== 0 });
        if (code === 0 && message !== all.at(-1)) continue;
        const body = Buffer.alloc(20);
        body.writeInt32LE(-code, 0);
        take({ ...message, type: NLMSG.ERROR, flags: 0x100, octets: body, start: 0, end: 20 });
      }
      setImmediate(() => done(undefined));
    },
  };
  const news = {
    drain: () => undefined,
    others: () => others,
    interfaces: { index: () => 2, name: () => 'eth0' },
  };
  return new Promise((resolve) => {
    new RouteChanges(channel, news).apply(batchOf(changes), (errors) => resolve({ errors, sent }));
  });
}

const many = (count: number) => Array.from({ length: count }, (_, i) => change(i));

describe('a batch of route changes', () => {
  it('goes out in as few sends as fit, each below what a socket takes', async () => {
    const { errors, sent } = await play(many(3000), () => 0);
    expect([errors, sent.length]).toEqual([[], 2]);
    expect(sent.reduce((sum, { count }) => sum + count, 0)).toBe(3000);
  });

  it('comes back as errors in its own order', async () => {
    const { errors } = await play(many(3000), ({ index }) => (index % 1000 === 7 ? ERRNO.ENETUNREACH : 0));
    expect(errors.map(({ index, name }) => [index, name])).toEqual([
      [7, 'ENETUNREACH'],
      [1007, 'ENETUNREACH'],
      [2007, 'ENETUNREACH'],
    ]);
  });

  it('replaces what is there already and is not another program’s, each by itself', async () => {
    const { errors, sent } = await play(many(5), ({ index, replaces }) =>
      (index === 2 || index === 4) && !replaces ? ERRNO.EEXIST : 0,
    );
    expect(errors).toEqual([]);
    expect(sent).toEqual([
      { count: 5, replaces: false },
      { count: 1, replaces: true },
      { count: 1, replaces: true },
    ]);
  });

  it('is sent again a few at a time where answers were lost, and each error is told once', async () => {
    const others = new RouteTable();
    others.add({ prefix: at(3), type: 'unicast', metric: 7, nextHops: [hop], protocol: 4 });
    const lost = ({ count }: Sent) => (count > 16 ? ERRNO.ENOBUFS : 0);
    const { errors, sent } = await play(
      many(100),
      ({ index }) => (index === 50 ? ERRNO.EINVAL : 0),
      lost,
      others,
    );
    expect(errors.map(({ index, name }) => [index, name])).toEqual([
      [3, 'EEXIST'],
      [50, 'EINVAL'],
    ]);
    expect(sent.map(({ count }) => count).sort((a, b) => b - a)).toEqual([99, 16, 16, 16, 16, 16, 15, 4]);
  });

  it('fails as a whole where there is no answer, and every change of it', async () => {
    const { errors } = await play(
      many(3),
      () => 0,
      () => ERRNO.EAGAIN,
    );
    expect(errors.map(({ index, message }) => [index, message])).toEqual([
      [0, 'as a whole'],
      [1, 'as a whole'],
      [2, 'as a whole'],
    ]);
  });

  it('takes the removal of what is not there as done', async () => {
    expect((await play([change(1, 'remove')], () => ERRNO.ESRCH)).errors).toEqual([]);
  });
});
