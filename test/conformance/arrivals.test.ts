// Who may come, and how soon again: strangers, peers of a range of addresses, and peers that err (RFC 4271 §8.1.1; RFC 4486).

import { resource } from './daemon.ts';
import { KEEPALIVE, keepalive, notification, OPEN } from './octets.ts';
import { readAsPath } from './reading.ts';
import { route } from './routes.ts';
import { conformance, external, type PeerSpec, type ProbedPeer } from './suite.ts';

/** Connects until the daemon says OPEN. */
async function admitted(peer: ProbedPeer, withinMs: number) {
  const expires = Date.now() + withinMs;
  for (;;) {
    const connection = await peer.connect();
    const heard = await connection.of(OPEN).catch(() => undefined);
    if (heard !== undefined) return connection;
    if (Date.now() > expires) throw new Error(`${peer.address} is refused for more than ${withinMs} ms`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

const RANGE_AS = 65_099;
const stranger: PeerSpec = { unknown: true, asNumber: RANGE_AS };

conformance('arrivals', {}, (check) => {
  check(
    'RFC 4271 §8.1.1: a peer that errs on and on is let in again before long, and its session is as any other',
    { a: external },
    async ({ a }) => {
      for (let i = 0; i < 8; i++) {
        const c = await admitted(a, 5_000);
        c.send(a.hello({ version: 3 }));
        await c.expectEnd(2, 1);
      }
      const c = await admitted(a, 5_000);
      await a.established({}, c);
    },
  );

  check(
    'RFC 4271 §8.1.1: so is one whose sessions end with NOTIFICATIONs right after they began',
    { a: external },
    async ({ a }) => {
      for (let i = 0; i < 6; i++) {
        const c = await a.established({}, await admitted(a, 5_000));
        c.send(notification(6, 4));
        await c.expectSilentEnd();
      }
      await a.established({}, await admitted(a, 5_000));
    },
  );

  check(
    'RFC 4486 §4: a stranger is refused with 6/5 as often as it comes',
    { a: stranger },
    async ({ a }) => {
      for (let i = 0; i < 20; i++) await (await a.connect()).expectEnd(6, 5);
    },
  );
});

const range = resource(
  'BGPPeer',
  'range',
  { asNumber: RANGE_AS, node: 'ours' },
  { 'mesos-bgp/peer-range': '127.0.0.0/8' },
);

conformance('peers of a range', { resources: [range] }, (check) => {
  check(
    'any address of the range is a peer, and its routes go to others',
    { a: stranger, b: stranger, c: external },
    async ({ a, b, c }, { net }) => {
      const other = await c.established();
      for (const [index, peer] of [a, b].entries()) {
        const connection = await peer.established();
        connection.send(route(peer, net(index)));
        expect(readAsPath(await other.told(net(index)))).toBe(`64512 ${RANGE_AS}`);
        expect(connection.isOpen).toBe(true);
      }
    },
  );

  check(
    'RFC 4271 §6.2: another AS number is refused there as well: 2/2',
    { a: { unknown: true } },
    async ({ a }) => {
      const c = await a.connect();
      c.send(a.hello(), keepalive);
      await c.expectEnd(2, 2);
      expect(c.all(KEEPALIVE)).toEqual([]);
    },
  );

  check('a peer whose session has ended may come again', { a: stranger }, async ({ a }) => {
    (await a.established()).reset();
    await a.established({}, await admitted(a, 5_000));
  });
});
