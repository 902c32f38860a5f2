// AS numbers of four octets (RFC 6793): ours is one, and some neighbors are from before they existed.

import { Bird } from '../support/bird.ts';
import { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/etcd.ts';
import { ExaBgp } from '../support/exabgp.ts';
import { Frr } from '../support/frr.ts';
import { useLab } from '../support/lab.ts';
import { OpenBgpd } from '../support/openbgpd.ts';
import { datastoreFlags, ours, resource, segment } from '../support/segment.ts';
import { heardRoute, type OtherSpeaker } from '../support/speakers.ts';

const OUR_AS = 4200000001;
const NEW_AS = 4200000009;
const AS_TRANS = 23456;
/** As we are known to some of the old ones. */
const LOCAL_AS = 64512;

/**
 * `known`: BIRD and FRR insist on the number that stands in the capability, and then cannot write it down; OpenBGPD refuses
 * AS_TRANS as a neighbor's number. To them we are another AS.
 */
const MEMBERS = [
  { name: 'bird', host: 2, start: Bird.start, asNumber: 65002, old: true, known: LOCAL_AS },
  { name: 'exabgp', host: 3, start: ExaBgp.start, asNumber: 65003, old: true, known: AS_TRANS },
  { name: 'frr', host: 4, start: Frr.start, asNumber: NEW_AS, old: false, known: OUR_AS },
  { name: 'old-frr', host: 5, start: Frr.start, asNumber: 65005, old: true, known: LOCAL_AS },
  { name: 'openbgpd', host: 6, start: OpenBgpd.start, asNumber: 65006, old: true, known: LOCAL_AS },
] as const;

const peers = MEMBERS.map(({ name, host, asNumber, known }) =>
  resource('BGPPeer', name, {
    peerIP: `10.0.0.${host}`,
    asNumber,
    ...(known === LOCAL_AS ? { localASNumber: LOCAL_AS } : {}),
  }),
);

describe('an AS number of four octets', () => {
  const lab = useLab(segment(['ours', ...MEMBERS.map(({ name }) => name)], [...ours(OUR_AS), ...peers]));
  const speakers = new Map<string, OtherSpeaker>();
  let daemon: TestDaemon;

  beforeAll(async () => {
    for (const { name, host, asNumber, old, known, start } of MEMBERS)
      speakers.set(
        name,
        await start(lab(), name, {
          asNumber,
          routerId: `10.0.0.${host}`,
          neighbors: [
            {
              local: `10.0.0.${host}`,
              address: '10.0.0.1',
              asNumber: known,
              withoutAs4: old,
            },
          ],
          routes: [
            { prefix: `10.66.${host}.0/26`, ...(name === 'bird' ? { asPath: [4200000077, 65077] } : {}) },
          ],
        }),
      );
    daemon = TestDaemon.start(lab(), 'ours', {}, datastoreFlags(lab().topologyFile));
    await daemon.untilEstablished(MEMBERS.length);
  }, 90_000);

  it.each(MEMBERS)('is agreed with $name as far as it knows of it', async ({ host, old, known }) => {
    const peer = (await daemon.peers()).find(({ address }) => address === `10.0.0.${host}`)!;
    expect(peer.capabilities.sent.join()).toMatch(known === LOCAL_AS ? /\b64512\b/ : /\b4200000001\b/);
    expect(/Four-octet/.test(peer.capabilities.received.join())).toBe(!old);
  });

  it.each(MEMBERS.filter(({ old }) => old))(
    '$name puts the path together from AS_TRANS and AS4_PATH',
    async ({ name, known }) => {
      const own = known === LOCAL_AS ? LOCAL_AS : OUR_AS;
      expect(await heardRoute(speakers.get(name)!, '10.66.4.0/26')).toMatchObject({
        // FRR has seen our capability, and so ignores AS4_PATH, although it has not offered its own
        asPath: [own, name === 'old-frr' ? AS_TRANS : NEW_AS],
      });
      expect(await heardRoute(speakers.get(name)!, '10.65.0.0/26')).toMatchObject({ asPath: [own] });
    },
  );

  it('is put together from what an old neighbor passes on, and goes on to a new one', async () => {
    const received = async () => (await daemon.routes('?received=10.0.0.2&prefix=10.66.2.0/26'))[0];
    await until(async () => (await received()) !== undefined, 'the route of BIRD is there');
    expect((await received())?.asPath).toBe('65002 4200000077 65077');
    expect(await heardRoute(speakers.get('frr')!, '10.66.2.0/26')).toMatchObject({
      asPath: [OUR_AS, 65002, 4200000077, 65077],
    });
  });
});
