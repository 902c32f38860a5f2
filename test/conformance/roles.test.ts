// Route leaks: roles and ONLY_TO_CUSTOMER (RFC 9234).

import { can, its, nlri, update } from './octets.ts';
import { withRole } from './openings.ts';
import { readU32 } from './reading.ts';
import { attributesOf, route, settled } from './routes.ts';
import { conformance, external, type Hello, OUR_AS } from './suite.ts';

const says = (role: number): Hello => ({ also: [can.role(role)] });

conformance('route leaks', {}, (check) => {
  check(
    'RFC 9234 §5: a route of a provider is marked with its AS number, and goes to customers alone',
    {
      provider: withRole('customer'),
      customer: withRole('provider'),
      peer: withRole('peer'),
      other: withRole('customer'),
    },
    async ({ provider, customer, peer, other }, { net }) => {
      const from = await provider.established(says(0));
      const [down, across, up] = [
        await customer.established(says(3)),
        await peer.established(says(4)),
        await other.established(says(0)),
      ];
      from.send(route(provider, net()));
      expect(readU32(await down.told(net()), 35)).toBe(provider.asNumber);
      await settled({ peer: provider, connection: from }, down, net);
      expect([across.table.has(net()), up.table.has(net())]).toEqual([false, false]);
    },
  );

  check(
    'RFC 9234 §5: a route of a customer goes to all, marked with ours towards customers and peers',
    { customer: withRole('provider'), provider: withRole('customer'), peer: withRole('peer') },
    async ({ customer, provider, peer }, { net }) => {
      const from = await customer.established(says(3));
      const [up, across] = [await provider.established(says(0)), await peer.established(says(4))];
      from.send(route(customer, net()));
      expect((await up.told(net())).has(35)).toBe(false);
      expect(readU32(await across.told(net()), 35)).toBe(OUR_AS);
    },
  );

  check(
    'RFC 9234 §5: a marked route of a customer is a leak',
    { customer: withRole('provider'), b: external },
    async ({ customer, b }, { net }) => {
      const [from, to] = [await customer.established(says(3)), await b.established()];
      from.send(route(customer, net(), { also: [its.onlyToCustomer(65001)] }));
      await settled({ peer: customer, connection: from }, to, net);
      expect([to.table.has(net()), from.isOpen]).toEqual([false, true]);
    },
  );

  check(
    'RFC 9234 §5: so is one of a peer with a mark that is not its own',
    { peer: withRole('peer'), b: external },
    async ({ peer, b }, { net }) => {
      const [from, to] = [await peer.established(says(4)), await b.established()];
      from.send(route(peer, net(0), { also: [its.onlyToCustomer(peer.asNumber)] }));
      from.send(route(peer, net(1), { also: [its.onlyToCustomer(65001)] }));
      await settled({ peer, connection: from }, to, net);
      expect([to.table.has(net(0)), to.table.has(net(1))]).toEqual([true, false]);
    },
  );

  check(
    'RFC 9234 §5: a mark goes on unchanged where no role is set',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(
        update({ attributes: attributesOf(a, { also: [its.onlyToCustomer(65001)] }), nlri: [nlri(net())] }),
      );
      expect(readU32(await to.told(net()), 35)).toBe(65001);
    },
  );
});
