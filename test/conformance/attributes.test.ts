// Path attributes that are not as they should be, and such that nobody knows (RFC 7606, RFC 4271 §9). Each case tells a sound
// route first, and then the same prefix with the attributes in question.

import { CASES, having, SECOND } from './attribute-cases.ts';
import { attribute, ip4, its, nlri, OPTIONAL, OPTIONAL_TRANSITIVE, PARTIAL, u32, update } from './octets.ts';
import { readAsPath } from './reading.ts';
import { route, settled } from './routes.ts';
import { conformance, external, internal } from './suite.ts';

conformance('attributes', {}, (check) => {
  for (const { rule, from, outcome, attributes } of CASES) {
    check(rule, { a: from ?? external, b: external }, async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(route(a, net()));
      const first = await other.told(net());
      connection.send(update({ attributes: [...attributes(a)], nlri: [nlri(net())] }));
      await settled({ peer: a, connection }, other, net);
      expect(connection.isOpen).toBe(true);
      if (outcome === 'withdrawn') return expect(other.table.has(net())).toBe(false);
      const second = other.table.get(net());
      expect(readAsPath(first)).not.toContain(String(SECOND));
      expect(readAsPath(second!)).toContain(String(SECOND));
      if (outcome !== 'used') expect(second!.has(outcome.discarded)).toBe(false);
    });
  }

  check(
    'RFC 7606 §7.5: LOCAL_PREF of an external peer is discarded: internal peers hear 100',
    { a: external, b: internal },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(update({ attributes: [...having(its.localPref(700))(a)], nlri: [nlri(net())] }));
      expect((await other.told(net())).get(5)?.hex).toBe('00000064');
    },
  );

  check(
    'RFC 8092 §5: a large community that comes twice goes on once',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      const twice = its.largeCommunities([1, 2, 3], [4, 5, 6], [1, 2, 3]);
      connection.send(route(a, net(), { also: [twice] }));
      expect((await other.told(net())).get(32)?.hex.match(/.{24}/g)?.sort()).toEqual([
        '000000010000000200000003',
        '000000040000000500000006',
      ]);
    },
  );

  check(
    'RFC 4271 §9: an optional transitive attribute that nobody knows goes on with the Partial bit',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(route(a, net(), { also: [attribute(OPTIONAL_TRANSITIVE, 240, ip4('9.8.7.6'))] }));
      expect((await other.told(net())).get(240)).toEqual({
        flags: OPTIONAL_TRANSITIVE | PARTIAL,
        hex: '09080706',
      });
    },
  );

  check(
    'RFC 4271 §9: an optional non-transitive one that nobody knows stops here',
    { a: external, b: external, c: internal },
    async ({ a, b, c }, { net }) => {
      const [connection, other, inside] = [
        await a.established(),
        await b.established(),
        await c.established(),
      ];
      connection.send(route(a, net(), { also: [attribute(OPTIONAL, 241, ip4('9.8.7.6'))] }));
      expect((await other.told(net())).has(241)).toBe(false);
      expect((await inside.told(net())).has(241)).toBe(false);
    },
  );

  check(
    'RFC 4271 §5: the Partial bit of a community stays',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(
        route(a, net(), { also: [attribute(OPTIONAL_TRANSITIVE | PARTIAL, 8, u32(0x00010002))] }),
      );
      expect((await other.told(net())).get(8)).toEqual({
        flags: OPTIONAL_TRANSITIVE | PARTIAL,
        hex: '00010002',
      });
    },
  );
});
