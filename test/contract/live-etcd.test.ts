// Bursts on a real etcd: writes that come faster than states are made are applied together, and such that change nothing make
// no state at all.

import type { Subscription } from 'rxjs';
import { EtcdDatastore } from '../../src/datastore/etcd.ts';
import type { DesiredState } from '../../src/desired/desired-state.ts';
import { desiredStates } from '../../src/desired/pipeline.ts';
import { TestEtcd, until } from '../support/etcd.ts';
import { unwrap } from './datastore-suite.ts';

jest.setTimeout(60_000);

const V3 = '/calico/resources/v3/projectcalico.org';
const NODES = 1_000;
/** Operations in one transaction that etcd takes. */
const AT_ONCE = 100;

let etcd: TestEtcd;
let store: EtcdDatastore;
let writer: EtcdDatastore;
let subscription: Subscription | undefined;
let states: DesiredState[];
beforeAll(async () => {
  etcd = await TestEtcd.start();
  store = new EtcdDatastore({ endpoints: [etcd.endpoint] });
  writer = new EtcdDatastore({ endpoints: [etcd.endpoint] });
});
afterAll(async () => {
  subscription?.unsubscribe();
  store?.close();
  writer?.close();
  await etcd?.cleanup();
});

const write = async (entries: readonly (readonly [string, object])[]) => {
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE);
    const writes = some.map(([key, value]) => ({ type: 'put' as const, key, value: JSON.stringify(value) }));
    unwrap(await writer.transaction([], writes));
  }
};
const nodes = (labels: object) =>
  Array.from(
    { length: NODES },
    (_, i) =>
      [
        `${V3}/nodes/n${i}`,
        { metadata: { labels }, spec: { bgp: { ipv4Address: `10.1.${i >> 8}.${i & 255}/16` } } },
      ] as const,
  );

it('a thousand nodes that are labelled in a burst are few states, or none where nothing comes of it', async () => {
  await write([
    ...nodes({ rack: '1' }),
    [`${V3}/bgpconfigurations/default`, { spec: { nodeToNodeMeshEnabled: false } }],
    [`${V3}/bgppeers/zone`, { spec: { node: 'n0', peerSelector: "zone == 'x'" } }],
  ]);
  states = [];
  subscription = desiredStates(store, { node: 'n0', secrets: () => undefined }).subscribe((state) =>
    states.push(state),
  );
  await until(() => states.length === 1, 'the first state');
  expect(states[0]!.peers).toEqual([]);

  await write(nodes({ rack: '2' })); // nobody selects by rack
  await write(nodes({ rack: '2', zone: 'x' }));
  await until(() => states.at(-1)!.peers.length === NODES - 1, 'all are peers', 30_000);
  // One transaction is one revision: more states than that would be states between the writes of one.
  expect(states.length).toBeLessThanOrEqual(1 + NODES / AT_ONCE);

  const before = states.length;
  await write(nodes({ rack: '2', zone: 'x' })); // once more
  await write([[`${V3}/bgppeers/zone`, { spec: { node: 'n0', peerSelector: "zone == 'y'" } }]]);
  await until(() => states.at(-1)!.peers.length === 0, 'none is a peer');
  expect(states.length).toBe(before + 1);
});
