// What GoBGP sends.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contains, saver } from './annotate.mjs';
import { as4, DAEMON, daemon, MP4, MP6, PEER, REFRESH, session, sh, stop, until, work } from './peer.mjs';

export async function gobgp() {
  const save = saver('GoBGP 3.10.0');
  const file = join(work, 'gobgp.toml');
  writeFileSync(
    file,
    `[global.config]
  as = 65100
  router-id = "10.0.0.1"
  local-address-list = ["${DAEMON}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${PEER}"
    peer-as = 65002
  [neighbors.transport.config]
    passive-mode = true
    local-address = "${DAEMON}"
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 120
    notification-enabled = true
    long-lived-enabled = true
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    [neighbors.afi-safis.long-lived-graceful-restart.config]
      enabled = true
      restart-time = 3600
    [neighbors.afi-safis.add-paths.config]
      receive = true
      send-max = 4
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
`,
  );
  const child = daemon('gobgpd', ['-f', file, '--api-hosts', '127.0.0.1:50051', '-l', 'error']);
  const cli = (...words) => sh('gobgp', '-p', '50051', '-u', '127.0.0.1', ...words);
  await until('gobgp', () => {
    try {
      cli('neighbor');
      return true;
    } catch {
      return false;
    }
  });
  const s = await session({ as: 65002, capabilities: [MP4, MP6, REFRESH, as4(65002)] });
  save(
    'gobgp-open',
    await s.next(1),
    'OPEN with graceful restart (also after NOTIFICATION, long-lived) and ADD-PATH',
    'asOctets=2',
  );
  await s.next(4);
  const external = 'asOctets=4 families=ipv4,ipv6 peerType=external';
  cli(
    'global',
    'rib',
    'add',
    '10.80.0.0/20',
    'origin',
    'egp',
    'aspath',
    '65010 {65011,65012}',
    'med',
    '7',
    'community',
    '64512:80,no-export',
    'large-community',
    '64512:8:9',
    'rt',
    '64512:80',
    'nexthop',
    '10.0.0.1',
  );
  save(
    'gobgp-update-ipv4',
    await s.next(2, contains(20, 10, 80, 0)),
    'UPDATE: AS_SET, communities of three kinds',
    external,
  );
  cli('global', 'rib', '-a', 'ipv6', 'add', 'fd00:80::/48', 'nexthop', '2001:db8::1');
  save('gobgp-update-ipv6', await s.next(2, contains(48, 0xfd, 0, 0, 0x80)), 'UPDATE: IPv6', external);
  const seen = s.messages.length;
  cli('global', 'rib', '-a', 'ipv6', 'del', 'fd00:80::/48');
  save(
    'gobgp-withdraw-ipv6',
    await s.next(2, contains(48, 0xfd, 0, 0, 0x80), seen),
    'UPDATE: an IPv6 prefix withdrawn',
    external,
  );
  cli('neighbor', PEER, 'shutdown');
  save(
    'gobgp-notification-shutdown',
    await s.next(3),
    'NOTIFICATION: Cease, Administrative Shutdown',
    external,
  );
  s.close();
  await stop(child);
}
