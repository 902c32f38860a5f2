// Hold time, KEEPALIVEs and waits (RFC 4271 §4.2, §4.4, §6.5, §8).

import { KEEPALIVE, keepalive, nlri, notification, update } from './octets.ts';
import { attributesOf, route } from './routes.ts';
import { active, conformance, external, type PeerSpec } from './suite.ts';

const holds = (time: string): PeerSpec => ({ annotations: { 'mesos-bgp/hold-time': time } });

conformance('timers', {}, (check) => {
  check.slow(
    'RFC 4271 §6.5: silence in Established: 4/0 after the hold time',
    { a: holds('3s') },
    async ({ a }) => {
      const c = await a.established();
      const began = Date.now();
      await c.expectEnd(4, 0, '');
      expect(Date.now() - began).toBeGreaterThan(2_500);
    },
  );

  check.slow(
    'RFC 4271 §6.5: silence in OpenConfirm: 4/0 after the hold time',
    { a: holds('3s') },
    async ({ a }) => {
      const { connection } = await a.opened();
      await connection.expectEnd(4, 0, '');
    },
  );

  check.slow('RFC 4271 §4.2: the smaller hold time counts: theirs', { a: external }, async ({ a }) => {
    const c = await a.established({ hold: 3 });
    await c.expectEnd(4, 0, '');
  });

  check.slow(
    'RFC 4271 §4.4: KEEPALIVEs come at a third of the smaller hold time',
    { a: external },
    async ({ a }) => {
      const c = await a.established({ hold: 6 });
      c.keepAlive(keepalive, 1_000);
      await c.of(KEEPALIVE, 4);
      const times = c.messages.flatMap(({ type }, i) => (type === KEEPALIVE ? [c.times[i]!] : []));
      // The first answers the OPEN; from then on 1.5 to 2 s, with jitter (§10), and alone not before 1.75 s. None is late.
      expect(times.at(-1)! - times[0]!).toBeGreaterThan(4_000);
      for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBeLessThan(6_000);
    },
  );

  check.slow('RFC 4271 §8.2.2: KEEPALIVEs keep the session', { a: holds('3s') }, async ({ a }) => {
    const c = await a.established();
    c.keepAlive(keepalive, 500);
    await c.of(KEEPALIVE, 5);
    expect(c.isOpen).toBe(true);
  });

  check.slow('RFC 4271 §8.2.2: so do UPDATEs', { a: holds('3s') }, async ({ a }, { net }) => {
    const c = await a.established();
    c.keepAlive(route(a, net()), 500);
    await c.of(KEEPALIVE, 5);
    expect(c.isOpen).toBe(true);
  });

  check.slow('RFC 4271 §6.5: half a message does not keep it', { a: holds('3s') }, async ({ a }) => {
    const c = await a.established();
    const half = keepalive.subarray(0, 18);
    c.send(half);
    await c.expectEnd(4, 0, '');
  });

  check.slow(
    'RFC 4271 §4.4: no KEEPALIVEs with hold time 0, and no end',
    { a: external, clock: holds('3s') },
    async ({ a, clock }) => {
      const c = await a.established({ hold: 0 });
      await (await clock.established()).expectEnd(4, 0);
      expect(c.all(KEEPALIVE)).toHaveLength(1);
      expect(c.isOpen).toBe(true);
    },
  );

  check.slow(
    'RFC 4271 §4.2: hold time 0 on our side as well',
    { a: holds('0s'), clock: holds('3s') },
    async ({ a, clock }) => {
      const c = await a.established({ hold: 9 });
      await (await clock.established()).expectEnd(4, 0);
      expect(c.all(KEEPALIVE)).toHaveLength(1);
      expect(c.isOpen).toBe(true);
    },
  );

  check.slow('RFC 4271 §8.2.2: a refused connection is tried again', { a: active }, async ({ a }) => {
    (await a.accept()).reset();
    (await a.accept()).reset();
    await a.established({}, await a.accept());
  });
});

conformance('timers under load', {}, (check) => {
  check(
    'RFC 4271 §4.4: a peer hears something within every hold time while 100,000 routes come in and go out',
    { a: external, b: external },
    async ({ a, b }) => {
      const to = await b.established({ hold: 9 });
      to.keepAlive(keepalive, 500);
      const from = await a.established({ hold: 9 });
      from.keepAlive(keepalive, 500);
      const count = 100_000;
      const address = (i: number) => `10.${128 + (i >> 16)}.${(i >> 8) & 0xff}.${i & 0xff}/32`;
      for (let first = 0; first < count; first += 700) {
        const prefixes = Array.from({ length: Math.min(700, count - first) }, (_, i) =>
          nlri(address(first + i)),
        );
        from.send(update({ attributes: attributesOf(a), nlri: prefixes }));
      }
      await to.until('all routes', () => to.table.size > count, 60_000);
      const gaps = to.times.slice(1).map((time, i) => time - to.times[i]!);
      expect(Math.max(...gaps)).toBeLessThan(9_000);
      expect([from.isOpen, to.isOpen]).toEqual([true, true]);
      from.send(notification(6, 4));
      await to.until('no routes', () => to.table.size === 1, 60_000);
    },
  );
});
