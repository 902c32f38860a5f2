// What BIRD sends with options that few networks use, and when it is told something wrong.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, saver } from './annotate.mjs';
import {
  as4,
  capability,
  DAEMON,
  daemon,
  EXTENDED_MESSAGE,
  MP4,
  MP6,
  message,
  OTHER,
  PEER,
  REFRESH,
  session,
  sh,
  stop,
  u16,
  until,
  work,
} from './peer.mjs';

export async function birdOptions() {
  const save = saver('BIRD 2.0.12');
  const socketPath = join(work, 'bird.ctl');
  const birdc = (...words) => sh('birdc', '-s', socketPath, ...words);
  const start = async (protocols) => {
    const file = join(work, 'bird.conf');
    writeFileSync(
      file,
      `router id 10.0.0.1;
protocol device {}
protocol static s4 { ipv4; route 10.91.0.0/24 unreachable { bgp_origin = ORIGIN_EGP; bgp_ext_community.add((generic, 0x43000000, 0x1));
  bgp_ext_community.add((ro, 10.1.1.1, 9)); bgp_ext_community.add((rt, 4200000001, 9)); bgp_community.add((65535, 0)); }; }
protocol static s6 { ipv6; ${Array.from({ length: 245 }, (_, i) => `route fd00:91::${(i + 1).toString(16)}/128 unreachable;`).join(' ')} }
template bgp common { local ${DAEMON} as 64512; multihop; strict bind; passive; connect delay time 1; error wait time 1, 1;
  ipv4 { import all; export all; next hop self; };
}
${protocols}
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
  /** BIRD waits after each session before it takes the next. */
  const ready = () =>
    until('BIRD to listen again', () => birdc('show', 'protocols', 'p').includes('Passive'));
  const v4 = 'families=ipv4';
  const mine = contains(24, 10, 91, 0);

  // roles
  let end = await start(`protocol bgp p from common { neighbor ${PEER} as 65002; local role provider; }`);
  let s = await session({ as: 65002, capabilities: [MP4, REFRESH, as4(65002), capability(9, 3)] });
  save('bird-open-role', await s.next(1), 'OPEN of a provider', 'asOctets=2');
  save(
    'bird-update-otc',
    await s.next(2, mine),
    'UPDATE towards a customer: ONLY_TO_CUSTOMER',
    `asOctets=4 ${v4} peerType=external`,
  );
  s.close();
  await ready();
  s = await session({ as: 65002, capabilities: [MP4, REFRESH, as4(65002), capability(9, 4)] });
  save('bird-notification-role', await s.next(3), 'NOTIFICATION: Role Mismatch', 'asOctets=2');
  s.close();
  await end();

  // extended messages: 245 addresses of 17 octets each in one message
  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 64512; enable extended messages; ipv6 { import all; export all; next hop address 2001:db8::1; }; }`,
  );
  s = await session({ as: 64512, capabilities: [MP4, MP6, REFRESH, as4(64512), EXTENDED_MESSAGE] });
  save(
    'bird-update-extended-message',
    await s.next(2, (m) => m.length > 4096),
    'UPDATE of more than 4,096 octets',
    'asOctets=4 families=ipv4,ipv6 peerType=internal maxMessageOctets=65535',
  );
  s.close();
  await end();

  // a confederation
  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 65002; confederation 65500; confederation member yes; }`,
  );
  s = await session({ as: 65002, capabilities: [MP4, REFRESH, as4(65002)] });
  save(
    'bird-update-confederation',
    await s.next(2, mine),
    'UPDATE to another member of a confederation',
    `asOctets=4 ${v4} peerType=internal`,
  );
  s.close();
  await end();

  // reflection of what another client says
  end =
    await start(`protocol bgp p from common { neighbor ${PEER} as 64512; rr client; rr cluster id 10.9.9.9; }
protocol bgp o from common { neighbor ${OTHER} as 64512; rr client; rr cluster id 10.9.9.9; }`);
  s = await session({ as: 64512, capabilities: [MP4, REFRESH, as4(64512)] });
  await s.next(4);
  const other = await session({ as: 64512, capabilities: [MP4, as4(64512)], from: OTHER });
  await other.next(4);
  const told = [
    ...[
      0x40, 1, 1, 0, 0x40, 2, 12, 2, 1, 0, 0, 253, 232, 1, 1, 0, 0, 253, 233, 0x40, 3, 4, 10, 0, 0, 3, 0x40,
      5, 4, 0, 0, 0, 120,
    ],
    ...[0x40, 6, 0, 0xc0, 7, 8, 250, 86, 234, 1, 10, 1, 1, 1, 0xe0, 99, 3, 1, 2, 3],
  ];
  other.send(2, [0, 0, ...u16(told.length), ...told, 24, 10, 92, 0]);
  save(
    'bird-update-reflected',
    await s.next(2, contains(24, 10, 92, 0)),
    'UPDATE: a reflected route with AGGREGATOR, ATOMIC_AGGREGATE, an AS_SET and unrecognized attribute 99',
    `asOctets=4 ${v4} peerType=internal`,
  );
  other.close();
  s.close();
  await end();

  // errors
  end = await start(
    `protocol bgp p from common { neighbor ${PEER} as 64512; ipv4 { import limit 1 action disable; }; }`,
  );
  const fresh = async (first) => session({ as: 64512, capabilities: [MP4, REFRESH, as4(64512)], first });
  const error = async (name, what, first) => {
    const one = await fresh(first);
    save(`bird-notification-${name}`, await one.next(3), `NOTIFICATION: ${what}`, 'asOctets=2');
    one.close();
    await ready();
  };
  await error('marker', 'Connection Not Synchronized', Buffer.alloc(19));
  await error('version', 'Unsupported Version Number', message(1, [3, 252, 0, 0, 90, 10, 0, 0, 2, 0]));
  await error('hold-time', 'Unacceptable Hold Time', message(1, [4, 252, 0, 0, 1, 10, 0, 0, 2, 0]));
  await error('identifier', 'Bad BGP Identifier', message(1, [4, 252, 0, 0, 90, 0, 0, 0, 0, 0]));
  await error(
    'parameter',
    'Unsupported Optional Parameter',
    message(1, [4, 252, 0, 0, 90, 10, 0, 0, 2, 3, 1, 1, 0]),
  );
  await error('fsm', 'a KEEPALIVE in OpenSent', message(4, []));
  s = await fresh();
  await s.next(4);
  s.write(Buffer.from([...Array(16).fill(255), 0, 18, 4]));
  save(
    'bird-notification-length',
    await s.next(3),
    'NOTIFICATION: Bad Message Length, with the length',
    'asOctets=4',
  );
  s.close();
  await ready();
  s = await session({ as: 64512, capabilities: [MP4, REFRESH, as4(64512)], hold: 3 });
  save('bird-notification-hold-timer', await s.next(3), 'NOTIFICATION: Hold Timer Expired', 'asOctets=4');
  s.close();
  await ready();
  s = await fresh();
  await s.next(2, (m) => m.length === 23 || mine(m));
  s.send(
    2,
    [
      0, 0, 0, 21, 0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 0, 0, 2, 0x40, 5, 4, 0, 0, 0, 100, 24, 10, 93,
      0, 24, 10, 93, 1,
    ],
  );
  save(
    'bird-notification-max-prefixes',
    await s.next(3),
    'NOTIFICATION: Maximum Number of Prefixes Reached',
    'asOctets=4',
  );
  s.close();
  await end();
}
