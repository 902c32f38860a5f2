// What BIRD sends.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, hasAttribute, isEor, saver } from './annotate.mjs';
import {
  ADD_PATH_RECEIVE,
  as4,
  DAEMON,
  daemon,
  ENHANCED_REFRESH,
  EXTENDED_MESSAGE,
  EXTENDED_NEXT_HOP,
  MP4,
  MP6,
  PEER,
  REFRESH,
  session,
  sh,
  stop,
  until,
  work,
} from './peer.mjs';

export async function bird() {
  const save = saver('BIRD 2.0.12');
  const socketPath = join(work, 'bird.ctl');
  const birdc = (...words) => sh('birdc', '-s', socketPath, ...words);
  const start = async (protocol) => {
    const file = join(work, 'bird.conf');
    writeFileSync(
      file,
      `router id 10.0.0.1;
protocol device {}
protocol static s4 { ipv4;
  route 10.65.0.0/26 unreachable { bgp_path.prepend(65010); bgp_path.prepend(4200000001); bgp_med = 50;
    bgp_community.add((64512, 100)); bgp_community.add((65535, 65281)); bgp_large_community.add((64512, 1, 2));
    bgp_ext_community.add((rt, 64512, 7)); };
  route 10.65.1.0/26 unreachable { bgp_path.prepend(65010); bgp_path.prepend(4200000001); bgp_med = 50;
    bgp_community.add((64512, 100)); bgp_community.add((65535, 65281)); bgp_large_community.add((64512, 1, 2));
    bgp_ext_community.add((rt, 64512, 7)); };
  route 0.0.0.0/0 unreachable; route 10.66.7.129/32 unreachable; route 10.64.0.0/11 unreachable;
}
protocol static s6 { ipv6;
  route fd00:65::/122 unreachable { bgp_community.add((64512, 100)); };
  route ::/0 unreachable; route 2001:db8:7::1/128 unreachable; route 2001:db8:4000::/35 unreachable;
}
template bgp common { local ${DAEMON} as 64512; multihop; strict bind; passive; connect delay time 1;
  ipv4 { import all; export all; next hop self; }; ipv6 { import all; export all; next hop self; };
}
${protocol}
`,
    );
    const child = daemon('bird', ['-f', '-c', file, '-s', socketPath]);
    await until('birdc', () => {
      try {
        return birdc('show', 'status').includes('up and running');
      } catch {
        return false;
      }
    });
    return () => stop(child);
  };
  const both = 'families=ipv4,ipv6';

  let end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 64512; graceful restart on; long lived graceful restart on;
       enable extended messages; ipv6 { next hop address 2001:db8::1; }; }`,
  );
  let s = await session({
    as: 64512,
    capabilities: [MP4, MP6, REFRESH, ENHANCED_REFRESH, as4(64512), EXTENDED_MESSAGE],
  });
  save(
    'bird-open',
    await s.next(1),
    'OPEN of an internal session with everything that BIRD offers',
    'asOctets=2',
  );
  save('bird-keepalive', await s.next(4), 'KEEPALIVE', 'asOctets=2');
  const internal = `asOctets=4 ${both} peerType=internal`;
  await s.next(2, (m) => isEor(m) && m.length === 23);
  await s.next(2, (m) => isEor(m) && m.length > 23);
  save(
    'bird-update-ipv4',
    await s.next(2, contains(26, 10, 65, 0, 0)),
    'UPDATE: two prefixes with many attributes, internal',
    internal,
  );
  save(
    'bird-update-ipv4-lengths',
    await s.next(2, contains(11, 10, 64)),
    'UPDATE: prefixes of lengths 0, 11 and 32',
    internal,
  );
  save(
    'bird-update-ipv6',
    await s.next(2, contains(122, 0xfd, 0, 0, 0x65)),
    'UPDATE: IPv6 with a community',
    internal,
  );
  save(
    'bird-update-ipv6-lengths',
    await s.next(2, contains(35, 0x20, 1, 0x0d, 0xb8)),
    'UPDATE: IPv6 prefixes of lengths 0, 35 and 128',
    internal,
  );
  save('bird-end-of-rib-ipv4', await s.next(2, (m) => m.length === 23), 'End-of-RIB, IPv4', internal);
  save(
    'bird-end-of-rib-ipv6',
    await s.next(2, (m) => isEor(m) && m.length > 23),
    'End-of-RIB, IPv6',
    internal,
  );
  let seen = s.messages.length;
  s.send(5, [0, 1, 0, 1]);
  save(
    'bird-refresh-begin',
    await s.next(5, (m) => m[21] === 1, seen),
    'ROUTE-REFRESH: beginning of the routes asked for (BoRR)',
    internal,
  );
  save(
    'bird-refresh-end',
    await s.next(5, (m) => m[21] === 2, seen),
    'ROUTE-REFRESH: end of the routes asked for (EoRR)',
    internal,
  );
  birdc('reload', 'in', 'p');
  save('bird-refresh-request', await s.next(5, (m) => m[21] === 0, seen), 'ROUTE-REFRESH: request', internal);
  seen = s.messages.length;
  birdc('disable', 's4');
  birdc('disable', 's6');
  await s.next(2, hasAttribute(15), seen);
  await s.next(2, (m) => m.readUInt16BE(19) > 0, seen);
  save(
    'bird-withdraw-ipv4',
    await s.next(2, (m) => m.readUInt16BE(19) > 0, seen),
    'UPDATE: IPv4 prefixes withdrawn',
    internal,
  );
  save(
    'bird-withdraw-ipv6',
    await s.next(2, hasAttribute(15), seen),
    'UPDATE: IPv6 prefixes withdrawn',
    internal,
  );
  birdc('disable', 'p', '"Wartung bis 17 Uhr: größer"');
  save(
    'bird-notification-shutdown',
    await s.next(3),
    'NOTIFICATION: Cease, Administrative Shutdown, with a text',
    internal,
  );
  s.close();
  await end();

  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; ipv6 { next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 65002, capabilities: [MP4] });
  save(
    'bird-update-as4-path',
    await s.next(2, contains(26, 10, 65, 0, 0)),
    'UPDATE: external session with two-octet AS numbers: AS_TRANS and AS4_PATH',
    'asOctets=2 families=ipv4 peerType=external',
  );
  s.close();
  await end();

  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; ipv4 { add paths tx; extended next hop on; next hop address 2001:db8::1; };
       ipv6 { add paths tx; next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 65002, capabilities: [MP4, MP6, as4(65002), ADD_PATH_RECEIVE, EXTENDED_NEXT_HOP] });
  save('bird-open-add-path', await s.next(1), 'OPEN with ADD-PATH and Extended Next Hop', 'asOctets=2');
  const addPath = `asOctets=4 ${both} peerType=external addPath=ipv4,ipv6`;
  save(
    'bird-update-extended-next-hop',
    await s.next(2, contains(26, 10, 65, 0, 0)),
    'UPDATE: IPv4 with an IPv6 next hop and path identifiers',
    addPath,
  );
  save(
    'bird-update-add-path',
    await s.next(2, contains(35, 0x20, 1, 0x0d, 0xb8)),
    'UPDATE: IPv6 with path identifiers',
    addPath,
  );
  s.close();
  await end();

  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; ipv6 { next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 65009, capabilities: [MP4, as4(65009)] });
  save('bird-notification-bad-peer-as', await s.next(3), 'NOTIFICATION: Bad Peer AS', 'asOctets=2');
  s.close();
  await end();
}
