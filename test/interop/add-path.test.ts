// Several paths of a prefix in one session (RFC 7911), in messages that may be long (RFC 8654): BIRD reflects what two members
// both announce.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { useLab } from '../support/lab.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import type { Neighbor, OtherSpeaker } from '../support/speakers.ts';

const ANYCAST = '10.66.9.0/26';

const neighbor = (host: number, to: number, more: Partial<Neighbor> = {}): Neighbor => ({
  local: `10.0.0.${host}`,
  address: `10.0.0.${to}`,
  asNumber: 64512,
  ...more,
});

describe('BIRD with ADD-PATH and extended messages', () => {
  const cluster = [...ours(64512), resource('BGPPeer', 'bird', { peerIP: '10.0.0.2', asNumber: 64512 })];
  const lab = useLab(segment(['ours', 'bird', 'one', 'two'], cluster));
  let daemon: TestDaemon;
  let second: OtherSpeaker;

  beforeAll(async () => {
    const start = (name: string, host: number, neighbors: readonly Neighbor[], prefixes: readonly string[]) =>
      Bird.start(lab(), name, {
        asNumber: 64512,
        routerId: `10.0.0.${host}`,
        neighbors,
        routes: prefixes.map((prefix) => ({ prefix })),
      });
    const more = { client: true, addPaths: true, extendedMessages: true };
    await start(
      'bird',
      2,
      [neighbor(2, 1, more), neighbor(2, 3, { client: true }), neighbor(2, 4, { client: true })],
      [],
    );
    await start('one', 3, [neighbor(3, 2)], [ANYCAST]);
    second = await start('two', 4, [neighbor(4, 2)], [ANYCAST]);
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(1);
  }, 60_000);

  const nextHops = async () =>
    (await daemon.routes(`?received=10.0.0.2&prefix=${ANYCAST}`)).map(({ nextHop }) => nextHop).sort();

  it('is agreed on', async () => {
    const { capabilities } = (await daemon.peers())[0]!;
    for (const side of [capabilities.sent, capabilities.received]) {
      expect(side.join()).toMatch(/ADD-PATH/i);
      expect(side.join()).toMatch(/Extended Message/i);
    }
  });

  it('brings both paths, and takes one of them back alone', async () => {
    await until(async () => (await nextHops()).length === 2, 'both paths are there');
    expect(await nextHops()).toEqual(['10.0.0.3', '10.0.0.4']);
    await second.withdraw(ANYCAST);
    await until(async () => (await nextHops()).length === 1, 'one path is left');
    expect(await nextHops()).toEqual(['10.0.0.3']);
  }, 30_000);
});
