// The header of messages, and how they are cut out of the stream (RFC 4271 §4.1, §6.1; RFC 8654).

import {
  attribute,
  can,
  its,
  join,
  KEEPALIVE,
  keepalive,
  MARKER,
  message,
  NOTIFICATION,
  nlri,
  notification,
  OPEN,
  OPTIONAL_TRANSITIVE,
  ROUTE_REFRESH,
  routeRefresh,
  UPDATE,
  u8,
  u16,
  update,
} from './octets.ts';
import { conformance, external, type PeerSpec, type ProbedPeer } from './suite.ts';

const short: PeerSpec = { annotations: { 'mesos-bgp/extended-messages': 'false' } };
const extended = { also: [can.extendedMessages()] };

/** An UPDATE of that many octets for one prefix: an attribute that nobody knows fills it. */
function longUpdate(peer: ProbedPeer, prefix: string, octets: number): Buffer {
  const head = [its.origin(), its.asPath(peer.asNumber), its.nextHop(peer.address)];
  const empty = update({
    attributes: [...head, attribute(OPTIONAL_TRANSITIVE | 0x10, 240, Buffer.alloc(0))],
    nlri: [nlri(prefix)],
  });
  const filler = attribute(OPTIONAL_TRANSITIVE | 0x10, 240, Buffer.alloc(octets - empty.length));
  return update({ attributes: [...head, filler], nlri: [nlri(prefix)] });
}

const route = (peer: ProbedPeer, prefix: string): Buffer =>
  update({
    attributes: [its.origin(), its.asPath(peer.asNumber), its.nextHop(peer.address)],
    nlri: [nlri(prefix)],
  });

conformance('message header', {}, (check) => {
  /** What is sent in Established, and the NOTIFICATION that it deserves. */
  const wrong: readonly (readonly [string, Buffer, number, number, string])[] = [
    ['a marker of zeros: 1/1, no data', join(Buffer.alloc(16), u16(19), u8(KEEPALIVE)), 1, 1, ''],
    [
      'one wrong octet in the marker: 1/1',
      join(MARKER.subarray(1), u8(0xfe), u16(19), u8(KEEPALIVE)),
      1,
      1,
      '',
    ],
    ['a length of 0: 1/2, the length field as data', message(KEEPALIVE, Buffer.alloc(0), 0), 1, 2, '0000'],
    ['a length of 18: 1/2', message(KEEPALIVE, Buffer.alloc(0), 18), 1, 2, '0012'],
    ['a KEEPALIVE of 20 octets: 1/2', message(KEEPALIVE, u8(0)), 1, 2, '0014'],
    ['an UPDATE of 22 octets: 1/2', message(UPDATE, Buffer.alloc(3)), 1, 2, '0016'],
    ['a NOTIFICATION of 20 octets: 1/2', message(NOTIFICATION, u8(6)), 1, 2, '0014'],
    ['an OPEN of 28 octets: 1/2', message(OPEN, Buffer.alloc(9)), 1, 2, '001c'],
    ['type 0: 1/3, the type as data', message(0), 1, 3, '00'],
    ['type 6: 1/3, the type as data', message(6), 1, 3, '06'],
    ['type 255: 1/3, the type as data', message(255), 1, 3, 'ff'],
    ['marker before length before type: 1/1', join(Buffer.alloc(16), u16(0), u8(9)), 1, 1, ''],
  ];
  for (const [what, octets, code, subcode, data] of wrong) {
    check(`RFC 4271 §6.1: ${what}`, { a: external }, async ({ a }) => {
      const c = await a.established();
      c.send(octets);
      await c.expectEnd(code, subcode, data);
    });
  }

  for (const octets of [4097, 65535]) {
    check(
      `RFC 4271 §6.1, RFC 8654 §4: ${octets} octets where we offered no extended messages: 1/2`,
      { a: short },
      async ({ a }) => {
        const c = await a.established(extended);
        c.send(message(UPDATE, Buffer.alloc(0), octets));
        await c.expectEnd(1, 2, octets.toString(16).padStart(4, '0'));
      },
    );
  }

  check(
    'RFC 4271 §6.1, RFC 8654 §4: 4097 octets of a peer that offered no extended messages: 1/2',
    { a: external },
    async ({ a }, { net }) => {
      const c = await a.established();
      c.send(longUpdate(a, net(), 4097));
      await c.expectEnd(1, 2, '1001');
    },
  );

  check('RFC 4271 §6.1: the header is checked in OpenSent as well', { a: external }, async ({ a }) => {
    const c = await a.connect();
    c.send(message(9));
    await c.expectEnd(1, 3, '09');
  });

  check('RFC 4271 §6.1: the header is checked in OpenConfirm as well', { a: external }, async ({ a }) => {
    const { connection } = await a.opened();
    connection.send(join(Buffer.alloc(16, 0xee), u16(19), u8(KEEPALIVE)));
    await connection.expectEnd(1, 1, '');
  });

  check('RFC 4271 §4.1: an OPEN of more than 4096 octets is refused', { a: external }, async ({ a }) => {
    const c = await a.connect();
    c.send(message(OPEN, Buffer.alloc(4078)));
    await c.expectEnd(1, 2, '1001');
  });

  check(
    'RFC 4271 §4.1: a message of 4096 octets is read',
    { a: external },
    async ({ a }, { daemon, net }) => {
      const c = await a.established();
      c.send(longUpdate(a, net(), 4096));
      await daemon.knows(net());
      expect(c.isOpen).toBe(true);
    },
  );

  check(
    'RFC 8654 §4: 4097 octets are read where both have the capability',
    { a: external },
    async ({ a }, { daemon, net }) => {
      const c = await a.established(extended);
      c.send(longUpdate(a, net(), 4097));
      await daemon.knows(net());
      expect(c.isOpen).toBe(true);
    },
  );

  check(
    'RFC 8654 §4: 65535 octets are read where both have the capability',
    { a: external },
    async ({ a }, { daemon, net }) => {
      const c = await a.established(extended);
      c.send(longUpdate(a, net(), 65535));
      await daemon.knows(net());
      expect(c.isOpen).toBe(true);
    },
  );

  check('RFC 8654 §4: a KEEPALIVE stays at 19 octets', { a: external }, async ({ a }) => {
    const c = await a.established(extended);
    c.send(message(KEEPALIVE, Buffer.alloc(5000)));
    await c.expectEnd(1, 2, '139b');
  });

  check(
    'RFC 8654 §4: a route too long for a peer with 4096 octets is not told there, and is told to one with more',
    { a: external, b: external, c: external },
    async ({ a, b, c }, { net }) => {
      const [from, short, long] = [
        await a.established(extended),
        await b.established(),
        await c.established(extended),
      ];
      from.send(longUpdate(a, net(0), 6000), route(a, net(1)));
      await long.told(net(0));
      await short.told(net(1));
      expect(short.table.has(net(0))).toBe(false);
      expect(short.messages.every(({ octets }) => octets.length <= 4096)).toBe(true);
      expect(long.messages.some(({ octets }) => octets.length > 4096)).toBe(true);
    },
  );

  check(
    'RFC 4271 §4.1: messages that come an octet at a time are read',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      const c = await a.connect();
      await c.dribble(join(a.hello(), keepalive, route(a, net()), keepalive));
      await other.told(net());
    },
  );

  check(
    'RFC 4271 §4.1: OPEN, KEEPALIVE and 500 UPDATEs in one segment are read',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      const c = await a.connect();
      const routes = Array.from({ length: 250 }, (_, i) => [route(a, net(i)), keepalive]).flat();
      c.send(a.hello(), keepalive, ...routes);
      for (const i of [0, 100, 249]) await other.told(net(i));
    },
  );

  check(
    'RFC 4271 §6.1: what follows a bad header in the same segment is not read',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      const c = await a.established();
      c.send(route(a, net(0)), message(9), route(a, net(1)));
      await c.expectEnd(1, 3);
      await new Promise((next) => setImmediate(next));
      expect(other.table.has(net(1))).toBe(false);
    },
  );

  check('RFC 4271 §6: no NOTIFICATION follows one that the peer sends', { a: external }, async ({ a }) => {
    const c = await a.established();
    c.send(notification(6, 4));
    await c.expectSilentEnd();
  });

  check(
    'RFC 4271 §6.4: a NOTIFICATION with unknown codes ends the session and nothing else',
    { a: external },
    async ({ a }, { daemon }) => {
      const c = await a.established();
      c.send(notification(200, 200, Buffer.alloc(300)));
      await c.expectSilentEnd();
      expect((await daemon.ask<{ pid: number }>('/v1/status')).pid).toBeGreaterThan(0);
    },
  );

  check('RFC 2918 §3: ROUTE-REFRESH is a type that is known', { a: external }, async ({ a }) => {
    const c = await a.established();
    c.send(routeRefresh());
    expect(ROUTE_REFRESH).toBe(5);
    await c.until('an answer', () => c.updates.length > 0);
    expect(c.isOpen).toBe(true);
  });
});
