// Graceful restart of a peer, also with NOTIFICATIONs (RFC 4724 §4.2, RFC 8538).

import { can, endOfRib, join, keepalive, notification, u8 } from './octets.ts';
import { readOpen } from './reading.ts';
import { stay, told } from './restarting.ts';
import { route } from './routes.ts';
import { conformance, external, type Hello } from './suite.ts';

/** N bit of the head (RFC 8538 §2), R bit (RFC 4724 §3). */
const N = 0x4000;
const R = 0x8000;

const restarts = (seconds = 60, bits = 0, preserved = true): Hello => ({
  also: [can.gracefulRestart(bits | seconds, preserved)],
});

conformance('graceful restart', {}, (check) => {
  check(
    'RFC 4724 §4.2: routes stay when the connection breaks, and what is told again is kept; the rest goes at End-of-RIB',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(), other, net)).reset();
      await stay(x, other, net);
      const again = await a.established(restarts(60, R));
      again.send(route(a, net(0)));
      await stay(x, other, net);
      again.send(endOfRib);
      await other.takenBack(net(1));
      expect(other.table.has(net(0))).toBe(true);
      expect(other.updates.filter(({ announced }) => announced.includes(net(0)))).toHaveLength(1);
    },
  );

  check(
    'RFC 4724 §4.2: so with a connection that is closed in order',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(), other, net)).close();
      await stay(x, other, net);
    },
  );

  check(
    'RFC 4724 §4.2: routes go at once when the peer comes back without having preserved its forwarding',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(), other, net)).reset();
      await stay(x, other, net);
      await a.established(restarts(60, R, false));
      for (const i of [0, 1]) await other.takenBack(net(i));
    },
  );

  check(
    'RFC 4724 §4.2: or without the capability',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(), other, net)).reset();
      await stay(x, other, net);
      await a.established();
      for (const i of [0, 1]) await other.takenBack(net(i));
    },
  );

  check.slow(
    'RFC 4724 §4.2: routes go when the restart time is over',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(4), other, net)).reset();
      await stay(x, other, net);
      for (const i of [0, 1]) await other.takenBack(net(i));
    },
  );

  check(
    'RFC 4724 §4.2: without the capability routes go with the connection',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      (await told(a, {}, other, net)).reset();
      for (const i of [0, 1]) await other.takenBack(net(i));
    },
  );

  check(
    'RFC 4724 §4.2: so where it is turned off on our side',
    { a: { spec: { maxRestartTime: '0s' } }, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(), other, net)).reset();
      for (const i of [0, 1]) await other.takenBack(net(i));
    },
  );

  check(
    'RFC 4724 §4: a NOTIFICATION ends all, where the N bit was not agreed',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      (await told(a, restarts(), other, net)).send(notification(6, 4));
      for (const i of [0, 1]) await other.takenBack(net(i));
    },
  );

  check(
    'RFC 8538 §4: a NOTIFICATION is survived, where it was',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      const connection = await told(a, restarts(60, N), other, net);
      connection.send(notification(6, 4));
      await connection.untilEnded();
      await stay(x, other, net);
    },
  );

  check('RFC 8538 §3: a Hard Reset is not', { a: external, b: external }, async ({ a, b }, { net }) => {
    const other = await b.established();
    (await told(a, restarts(60, N), other, net)).send(notification(6, 9, join(u8(6), u8(2))));
    for (const i of [0, 1]) await other.takenBack(net(i));
  });

  check(
    'RFC 8538 §4: an error of the peer that we answer is survived with the N bit',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      const connection = await told(a, restarts(60, N), other, net);
      connection.send(a.hello());
      await connection.expectEnd(5, 3);
      await stay(x, other, net);
    },
  );

  check(
    'RFC 4724 §4.2: a new OPEN while the session is up means that the peer has restarted',
    { a: external, b: external, x: external },
    async ({ a, b, x }, { net }) => {
      const other = await b.established();
      const first = await told(a, restarts(), other, net);
      const second = await a.connect();
      second.send(a.hello(restarts(60, R)));
      await first.untilEnded();
      second.send(keepalive);
      await second.of(4);
      await stay(x, other, net);
      second.send(route(a, net(1)), endOfRib);
      await other.takenBack(net(0));
      expect(other.table.has(net(1))).toBe(true);
    },
  );

  check(
    'RFC 4724 §3: our forwarding was preserved when a peer comes back',
    { a: external, x: external },
    async ({ a }) => {
      const first = await a.established(restarts());
      first.reset();
      const { theirs } = await a.opened(restarts(60, R));
      expect(theirs.capabilities.get(64)).toEqual(['407800010180']);
      expect(readOpen(first.messages[0]!).capabilities.get(64)).toEqual(['407800010100']);
    },
  );

  check(
    'RFC 4724 §4.2: a restarted peer is told the whole table, and End-of-RIB',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const source = await b.established();
      source.send(route(b, net()));
      const first = await a.established(restarts());
      await first.told(net());
      first.reset();
      const again = await a.established(restarts(60, R));
      await again.told(net());
      await again.until('End-of-RIB', () => again.updates.some((each) => each.endOfRib));
    },
  );
});
