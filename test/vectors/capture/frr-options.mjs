// What FRR sends with options that few networks use.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, saver } from './annotate.mjs';
import {
  ADD_PATH_RECEIVE,
  as4,
  capability,
  DAEMON,
  daemon,
  ENHANCED_REFRESH,
  EXTENDED_MESSAGE,
  GRACEFUL_RESTART,
  MP4,
  PEER,
  REFRESH,
  session,
  stop,
  work,
} from './peer.mjs';

export async function frrOptions() {
  const save = saver('FRR 8.4.4');
  const start = async (neighbor, more = '') => {
    const file = join(work, 'bgpd.conf');
    writeFileSync(
      file,
      `hostname frr1
domainname lab
router bgp 64512
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
${neighbor}
 neighbor ${PEER} passive
 neighbor ${PEER} update-source ${DAEMON}
 neighbor ${PEER} ebgp-multihop
 address-family ipv4 unicast
  network 10.97.0.0/24
${Array.from({ length: 4 }, (_, i) => Array.from({ length: 256 }, (_, j) => `  network 10.98.${i}.${j}/32`).join('\n')).join('\n')}
  neighbor ${PEER} activate
  neighbor ${PEER} route-map OUT out
${more}
 exit-address-family
!
ip prefix-list ONE permit 10.97.0.0/24
route-map OUT permit 10
 match ip address prefix-list ONE
 set origin incomplete
 set community 65535:0 65535:666 local-AS
 set extcommunity rt 64512:97 10.1.1.1:97
 set extcommunity soo 4200000001:9
 set aggregator as 4200000001 10.1.1.1
 set atomic-aggregate
 set as-path prepend 65010 65010
route-map OUT permit 20
`,
    );
    const child = daemon('/usr/lib/frr/bgpd', [
      ...[
        '-n',
        '-Z',
        '-S',
        '-u',
        'root',
        '-g',
        'root',
        '-f',
        file,
        '-i',
        join(work, 'bgpd.pid'),
        '-P',
        '0',
        '-l',
        DAEMON,
      ],
      ...['--vty_socket', work, '-N', 'capture'],
    ]);
    return () => stop(child);
  };
  const mine = contains(24, 10, 97, 0);

  let end = await start(
    ` bgp graceful-restart
 bgp long-lived-graceful-restart stale-time 3600
 neighbor ${PEER} remote-as 65002
 neighbor ${PEER} local-role provider
 neighbor ${PEER} capability extended-nexthop`,
    `  neighbor ${PEER} addpath-tx-all-paths`,
  );
  let s = await session({
    as: 65002,
    capabilities: [
      MP4,
      REFRESH,
      ENHANCED_REFRESH,
      as4(65002),
      ADD_PATH_RECEIVE,
      GRACEFUL_RESTART,
      capability(9, 3),
      EXTENDED_MESSAGE,
    ],
  });
  const external = 'asOctets=4 families=ipv4 peerType=external addPath=ipv4 maxMessageOctets=65535';
  save(
    'frr-open-role',
    await s.next(1),
    'OPEN of a provider, with ADD-PATH, extended next hop and long-lived graceful restart',
    'asOctets=2',
  );
  save(
    'frr-update-otc',
    await s.next(2, mine),
    'UPDATE towards a customer: ONLY_TO_CUSTOMER, a path identifier, well-known communities',
    external,
  );
  save(
    'frr-update-extended-message',
    await s.next(2, (m) => m.length > 4096),
    'UPDATE of more than 4,096 octets',
    external,
  );
  s.send(5, [0, 1, 0, 1]);
  save('frr-refresh-begin', await s.next(5, (m) => m[21] === 1), 'ROUTE-REFRESH: BoRR', external);
  save('frr-refresh-end', await s.next(5, (m) => m[21] === 2), 'ROUTE-REFRESH: EoRR', external);
  s.write(Buffer.from([...Array(16).fill(255), 0, 19, 9]));
  save('frr-notification-type', await s.next(3), 'NOTIFICATION: Bad Message Type, with the type', external);
  s.close();
  await end();

  end = await start(` neighbor ${PEER} remote-as 65002
 neighbor ${PEER} dont-capability-negotiate`);
  s = await session({ as: 65002, capabilities: [] });
  save('frr-open-plain', await s.next(1), 'OPEN without capabilities', 'asOctets=2');
  save(
    'frr-update-as2',
    await s.next(2, mine),
    'UPDATE with two-octet AS numbers: AGGREGATOR has AS_TRANS',
    'asOctets=2 families=ipv4 peerType=external',
  );
  s.close();
  await end();
}
