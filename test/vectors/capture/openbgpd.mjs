// What OpenBGPD (the portable one) sends.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, isEor, saver } from './annotate.mjs';
import {
  ADD_PATH_RECEIVE,
  as4,
  capability,
  DAEMON,
  daemon,
  ENHANCED_REFRESH,
  GRACEFUL_RESTART,
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

/** The home folder of its user, to which its unprivileged processes chroot. */
const FOLDER = '/run/openbgpd';

export async function openbgpd() {
  const save = saver('OpenBGPD 7.7');
  mkdirSync(FOLDER, { recursive: true });
  chmodSync(FOLDER, 0o755);
  const socket = join(FOLDER, 'capture.sock');
  const control = (...words) => sh('bgpctl', '-s', socket, ...words);
  /** @param settings  one after the other, as a line each. */
  const start = async (as, ...settings) => {
    const file = join(work, 'bgpd.conf');
    writeFileSync(
      file,
      `AS 64512
router-id 10.0.0.1
fib-update no
listen on ${DAEMON}
socket "${socket}"
network 10.94.0.0/24 set { community 64512:94 community NO_EXPORT large-community 64512:9:4 ext-community rt 64512:94
  ext-community soo 10.1.1.1:9 metric 40 origin incomplete }
network 10.94.1.0/24 set { community GRACEFUL_SHUTDOWN community BLACKHOLE }
network fd00:94::/48 set { large-community 64512:9:6 }
neighbor ${PEER} {
  remote-as ${as}
  local-address ${DAEMON}
  passive
  ${settings.join('\n  ')}
}
allow from any
allow to any
`,
      { mode: 0o600 },
    );
    const child = daemon('/usr/sbin/bgpd', ['-d', '-f', file]);
    await until('bgpctl', () => {
      try {
        return control('show', 'summary') !== '';
      } catch {
        return false;
      }
    });
    return () => stop(child);
  };

  let end = await start(
    64512,
    'announce IPv4 unicast',
    'announce IPv6 unicast',
    'announce restart yes',
    'announce enhanced refresh yes',
  );
  let s = await session({
    as: 64512,
    capabilities: [MP4, MP6, REFRESH, ENHANCED_REFRESH, GRACEFUL_RESTART, as4(64512)],
  });
  const internal = 'asOctets=4 families=ipv4,ipv6 peerType=internal';
  save('openbgpd-open', await s.next(1), 'OPEN of an internal session', 'asOctets=2');
  save('openbgpd-keepalive', await s.next(4), 'KEEPALIVE', 'asOctets=2');
  save(
    'openbgpd-update-ipv4',
    await s.next(2, contains(24, 10, 94, 0)),
    'UPDATE: communities of three kinds',
    internal,
  );
  save(
    'openbgpd-update-well-known',
    await s.next(2, contains(24, 10, 94, 1)),
    'UPDATE: well-known communities',
    internal,
  );
  save('openbgpd-update-ipv6', await s.next(2, contains(48, 0xfd, 0, 0, 0x94)), 'UPDATE: IPv6', internal);
  save('openbgpd-end-of-rib-ipv4', await s.next(2, (m) => m.length === 23), 'End-of-RIB, IPv4', internal);
  save(
    'openbgpd-end-of-rib-ipv6',
    await s.next(2, (m) => isEor(m) && m.length > 23),
    'End-of-RIB, IPv6',
    internal,
  );
  // It hears a request of ours and does not answer: "AID IPv4 unicast not negotiated".
  control('neighbor', PEER, 'refresh');
  save('openbgpd-refresh-request', await s.next(5, (m) => m[21] === 0), 'ROUTE-REFRESH: request', internal);
  const seen = s.messages.length;
  control('network', 'delete', '10.94.1.0/24');
  save(
    'openbgpd-withdraw-ipv4',
    await s.next(2, contains(24, 10, 94, 1), seen),
    'UPDATE: an IPv4 prefix withdrawn',
    internal,
  );
  control('network', 'delete', 'fd00:94::/48');
  save(
    'openbgpd-withdraw-ipv6',
    await s.next(2, contains(48, 0xfd, 0, 0, 0x94), seen),
    'UPDATE: an IPv6 prefix withdrawn',
    internal,
  );
  control('neighbor', PEER, 'down', 'bis 17 Uhr');
  save(
    'openbgpd-notification-shutdown',
    await s.next(3),
    'NOTIFICATION: Cease, Administrative Shutdown, with a text',
    internal,
  );
  s.close();
  await end();

  end = await start(
    65002,
    'announce policy provider',
    'announce add-path send all',
    'announce add-path recv yes',
    'announce IPv4 unicast',
    'announce IPv6 unicast',
  );
  const adds = [MP4, MP6, REFRESH, as4(65002), ADD_PATH_RECEIVE, capability(9, 3)];
  s = await session({ as: 65002, capabilities: adds });
  save('openbgpd-open-role', await s.next(1), 'OPEN of a provider, with ADD-PATH', 'asOctets=2');
  save(
    'openbgpd-update-add-path',
    await s.next(2, contains(24, 10, 94, 1)),
    'UPDATE towards a customer: path identifiers and ONLY_TO_CUSTOMER',
    'asOctets=4 families=ipv4,ipv6 peerType=external addPath=ipv4,ipv6',
  );
  s.close();
  await end();

  end = await start(65002, 'max-prefix 1', 'announce as-4byte no');
  s = await session({ as: 65002, capabilities: [MP4] });
  await s.next(4);
  save(
    'openbgpd-update-as2',
    await s.next(2, contains(24, 10, 94, 1)),
    'UPDATE with two-octet AS numbers',
    'asOctets=2 families=ipv4 peerType=external',
  );
  s.send(
    2,
    [
      0, 0, 0, 18, 0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 253, 234, 0x40, 3, 4, 10, 0, 0, 2, 24, 10, 95, 0, 24, 10,
      95, 1,
    ],
  );
  save(
    'openbgpd-notification-max-prefixes',
    await s.next(3),
    'NOTIFICATION: Maximum Number of Prefixes Reached',
    'asOctets=2',
  );
  s.close();
  await end();
}
