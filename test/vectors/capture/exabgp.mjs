// What ExaBGP sends.

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, hasAttribute, isEor, saver } from './annotate.mjs';
import {
  ADD_PATH_RECEIVE,
  as4,
  DAEMON,
  daemon,
  EXTENDED_MESSAGE,
  GRACEFUL_RESTART,
  MP4,
  MP6,
  PEER,
  REFRESH,
  session,
  stop,
  work,
} from './peer.mjs';

export async function exabgp() {
  const save = saver('ExaBGP 4.2.21');
  const commands = join(work, 'exabgp.commands');
  const start = async (neighbor) => {
    writeFileSync(commands, '');
    const file = join(work, 'exabgp.conf');
    writeFileSync(
      file,
      `process tell { run /usr/bin/tail -n +1 -f ${commands}; encoder json; }\n${neighbor}`,
    );
    const child = daemon('exabgp', [file], {
      'exabgp.daemon.user': 'root',
      'exabgp.api.cli': 'false',
      'exabgp.api.ack': 'false',
      'exabgp.reactor.speed': '0.1',
      'exabgp.tcp.bind': DAEMON,
      'exabgp.log.level': 'ERR',
    });
    return () => stop(child);
  };
  const tell = (command) => appendFileSync(commands, `neighbor ${PEER} ${command}\n`);
  const neighbor = (as, capabilities, routes) => `neighbor ${PEER} {
  router-id 10.0.0.1; local-address ${DAEMON}; local-as 64512; peer-as ${as}; passive true; hold-time 180; host-name exa; domain-name lab;
  capability { ${capabilities} }
  family { ipv4 unicast; ipv6 unicast; }
  static { ${routes.replaceAll(/\s*\n\s*/g, ' ')} }
  api { processes [ tell ]; }
}
`;

  let end = await start(
    neighbor(
      64512,
      'route-refresh enable; graceful-restart 60; asn4 enable; add-path send/receive; extended-message enable; operational enable;',
      `route 10.96.0.0/24 next-hop 10.0.0.1 origin egp as-path [ 65010 ( 65011 65012 ) ] med 5 local-preference 150 atomic-aggregate
         aggregator ( 65010:10.1.1.1 ) community [ 64512:96 no-export 65535:0 ] originator-id 10.0.0.7 cluster-list [ 10.9.9.8 10.9.9.9 ]
         large-community [ 64512:9:6 4200000001:1:2 ] extended-community [ target:64512:96 origin:10.1.1.1:9 redirect:64512:1 ]
         path-information 0.0.0.9;
       route 10.96.1.0/24 next-hop 10.0.0.1 attribute [ 0x63 0xc0 0x010203 ] aigp 77;
       route fd00:96::/48 next-hop 2001:db8::1 as-path [ 4200000001 65010 ];`,
    ),
  );
  let s = await session({
    as: 64512,
    capabilities: [MP4, MP6, REFRESH, GRACEFUL_RESTART, as4(64512), EXTENDED_MESSAGE, ADD_PATH_RECEIVE],
  });
  const internal = 'asOctets=4 families=ipv4,ipv6 peerType=internal';
  const added = `${internal} addPath=ipv4,ipv6`;
  save('exabgp-open', await s.next(1), 'OPEN with everything that ExaBGP offers', 'asOctets=2');
  save('exabgp-keepalive', await s.next(4), 'KEEPALIVE', 'asOctets=2');
  save(
    'exabgp-update-attributes',
    await s.next(2, contains(24, 10, 96, 0)),
    'UPDATE: nearly every attribute, and a path identifier',
    added,
  );
  save(
    'exabgp-update-unknown',
    await s.next(2, contains(24, 10, 96, 1)),
    'UPDATE: unrecognized attribute 99, and AIGP',
    added,
  );
  save(
    'exabgp-update-ipv6',
    await s.next(2, contains(48, 0xfd, 0, 0, 0x96)),
    'UPDATE: IPv6 with a path identifier',
    added,
  );
  save('exabgp-end-of-rib-ipv4', await s.next(2, (m) => m.length === 23), 'End-of-RIB, IPv4', added);
  save(
    'exabgp-end-of-rib-ipv6',
    await s.next(2, (m) => isEor(m) && m.length > 23),
    'End-of-RIB, IPv6',
    added,
  );
  tell('announce route-refresh ipv6 unicast');
  save('exabgp-refresh-request', await s.next(5), 'ROUTE-REFRESH: request', added);
  tell('withdraw route 10.96.1.0/24 next-hop 10.0.0.1');
  save(
    'exabgp-withdraw-ipv4',
    await s.next(2, (m) => m.readUInt16BE(19) > 0),
    'UPDATE: an IPv4 path withdrawn',
    added,
  );
  tell('withdraw route fd00:96::/48 next-hop 2001:db8::1');
  save(
    'exabgp-withdraw-ipv6',
    await s.next(2, (m) => hasAttribute(15)(m) && !isEor(m)),
    'UPDATE: an IPv6 path withdrawn',
    added,
  );
  s.close();
  await end();

  end = await start(
    neighbor(
      65002,
      'asn4 disable;',
      'route 10.96.2.0/24 next-hop 10.0.0.1 as-path [ 64512 4200000001 65010 ] aggregator ( 4200000001:10.1.1.1 );',
    ),
  );
  s = await session({ as: 65002, capabilities: [MP4] });
  save('exabgp-open-as2', await s.next(1), 'OPEN without 4-octet AS numbers', 'asOctets=2');
  save(
    'exabgp-update-as4',
    await s.next(2, contains(24, 10, 96, 2)),
    'UPDATE with two-octet AS numbers: AS4_PATH and AS4_AGGREGATOR',
    'asOctets=2 families=ipv4 peerType=external',
  );
  s.close();
  s = await session({ as: 65009, capabilities: [MP4] });
  save('exabgp-notification-peer-as', await s.next(3), 'NOTIFICATION: Bad Peer AS', 'asOctets=2');
  s.close();
  await end();
}
