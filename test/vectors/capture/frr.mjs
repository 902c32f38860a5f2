// What FRR sends.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, hasAttribute, isEor, saver } from './annotate.mjs';
import {
  as4,
  DAEMON,
  daemon,
  ENHANCED_REFRESH,
  GRACEFUL_RESTART,
  MP4,
  MP6,
  PEER,
  REFRESH,
  session,
  stop,
  work,
} from './peer.mjs';

export async function frr() {
  const save = saver('FRR 8.4.4');
  const file = join(work, 'bgpd.conf');
  writeFileSync(
    file,
    `hostname frr1
router bgp 64512
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 bgp cluster-id 10.9.9.9
 neighbor ${PEER} remote-as 64512
 neighbor ${PEER} passive
 neighbor ${PEER} update-source ${DAEMON}
 neighbor 10.0.0.3 remote-as 64512
 neighbor 10.0.0.3 passive
 neighbor 10.0.0.3 update-source ${DAEMON}
 bgp graceful-restart
 address-family ipv4 unicast
  network 10.70.0.0/24
  network 10.70.1.0/24
  aggregate-address 10.70.0.0/16
  neighbor ${PEER} activate
  neighbor ${PEER} route-reflector-client
  neighbor ${PEER} route-map OUT out
  neighbor 10.0.0.3 activate
  neighbor 10.0.0.3 route-reflector-client
 exit-address-family
 address-family ipv6 unicast
  network fd00:70::/64
  neighbor ${PEER} activate
  neighbor ${PEER} route-map OUT6 out
 exit-address-family
!
ip prefix-list MORE permit 10.70.0.0/23 le 24
route-map OUT permit 10
 match ip address prefix-list MORE
 set community 64512:70 no-export
 set large-community 64512:7:0
 set metric 30
 set extcommunity bandwidth 100
 set as-path prepend 65001 4200000002
route-map OUT permit 20
route-map OUT6 permit 10
 set ipv6 next-hop global 2001:db8::1
`,
  );
  const child = daemon('/usr/lib/frr/bgpd', [
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
    '--vty_socket',
    work,
    '-N',
    'capture',
  ]);
  const s = await session({
    as: 64512,
    capabilities: [MP4, MP6, REFRESH, ENHANCED_REFRESH, as4(64512), GRACEFUL_RESTART],
  });
  const internal = 'asOctets=4 families=ipv4,ipv6 peerType=internal';
  save('frr-open', await s.next(1), 'OPEN of an internal session', 'asOctets=2');
  save(
    'frr-update-ipv4',
    await s.next(2, contains(24, 10, 70, 0)),
    'UPDATE: attributes set by a route map',
    internal,
  );
  save(
    'frr-update-aggregate',
    await s.next(2, hasAttribute(7)),
    'UPDATE: an aggregate, with ATOMIC_AGGREGATE and AGGREGATOR',
    internal,
  );
  save('frr-update-ipv6', await s.next(2, contains(64, 0xfd, 0, 0, 0x70)), 'UPDATE: IPv6', internal);
  save(
    'frr-end-of-rib-ipv6',
    await s.next(2, (m) => isEor(m) && m.length > 23),
    'End-of-RIB, IPv6',
    internal,
  );
  // another client announces: what we get is reflected, with ORIGINATOR_ID and CLUSTER_LIST, and an attribute nobody knows
  const other = await session({ as: 64512, capabilities: [MP4, as4(64512)], from: '10.0.0.3' });
  await other.next(4);
  other.send(
    2,
    [
      0, 0, 0, 29, 0x40, 1, 1, 2, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 3, 0x40, 5, 4, 0, 0, 0, 120, 0xc0, 99, 5,
      1, 2, 3, 4, 5, 24, 10, 71, 0,
    ],
  );
  save(
    'frr-update-reflected',
    await s.next(2, contains(24, 10, 71, 0)),
    'UPDATE: a reflected route: ORIGINATOR_ID, CLUSTER_LIST, unrecognized attribute 99',
    internal,
  );
  const seen = s.messages.length;
  other.send(2, [0, 4, 24, 10, 71, 0, 0, 0]);
  save(
    'frr-withdraw-ipv4',
    await s.next(2, contains(24, 10, 71, 0), seen),
    'UPDATE: an IPv4 prefix withdrawn',
    internal,
  );
  s.send(2, [0, 0, 0, 7, 0x40, 1, 1, 2, 0x40, 77, 0, 24, 10, 72, 0]);
  save(
    'frr-notification-attribute',
    await s.next(3),
    'NOTIFICATION: Unrecognized Well-known Attribute, with it as data',
    internal,
  );
  other.close();
  s.close();
  await stop(child);
}
