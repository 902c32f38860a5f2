// FRR's bgpd alone, without zebra: it installs nothing.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchProcess } from '../process.ts';
import { type DaemonKind, type DaemonSpec, program, ROUTER_ID } from './daemon.ts';

/** Debian keeps it out of the path: OpenBGPD has a bgpd as well. */
const path = () => program('/usr/lib/frr/bgpd', '/usr/libexec/frr/bgpd');

const configuration = (spec: DaemonSpec): string => {
  const v = spec.family;
  const neighbors = spec.sessions.flatMap(({ address, asNumber }) => [
    ` neighbor ${address} remote-as ${asNumber}`,
    ` neighbor ${address} passive`,
    ` neighbor ${address} advertisement-interval 0`,
    ` neighbor ${address} disable-connected-check`,
    ...(asNumber === spec.asNumber ? [] : [` neighbor ${address} ebgp-multihop`]),
  ]);
  const inFamily = spec.sessions.flatMap(({ address, asNumber }) => [
    `  neighbor ${address} activate`,
    ...(spec.reflector && asNumber === spec.asNumber ? [`  neighbor ${address} route-reflector-client`] : []),
  ]);
  return [
    'frr defaults traditional',
    `router bgp ${spec.asNumber}`,
    ` bgp router-id ${ROUTER_ID}`,
    ' no bgp ebgp-requires-policy',
    ' no bgp default ipv4-unicast',
    ' no bgp network import-check',
    ' coalesce-time 0',
    ...neighbors,
    ` address-family ${v} unicast`,
    ...inFamily,
    ' exit-address-family',
    'exit',
    '',
  ].join('\n');
};

export const frr: DaemonKind = {
  name: 'frr',
  settings: 'bgpd -Z (no zebra, no kernel), no log, advertisement-interval 0, coalesce-time 0, no policy',
  version: () => {
    const found = path();
    if (found === undefined) return undefined;
    const { stdout, stderr } = spawnSync(found, ['--version'], { encoding: 'utf8' });
    return /version ([\w.]+)/.exec(stdout + stderr)?.[1] ?? 'unknown';
  },
  cannot: ({ kernel }) => (kernel ? 'bgpd alone writes no kernel routes' : undefined),
  start: (spec) => {
    const file = join(spec.folder, 'bgpd.conf');
    writeFileSync(file, configuration(spec), { mode: 0o644 });
    const argv = [
      ...[path()!, '-Z', '-n', '-f', file, '-i', join(spec.folder, 'bgpd.pid'), '-S'],
      ...['-p', `${spec.port}`, '-l', spec.address, '-P', '0', '--vty_socket', spec.folder],
    ];
    return new BenchProcess(argv, join(spec.folder, 'log'), spec.cpu);
  },
};
