// GoBGP.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchProcess } from '../process.ts';
import { type DaemonKind, type DaemonSpec, program, ROUTER_ID } from './daemon.ts';

const path = () => program('/usr/bin/gobgpd', 'gobgpd');

const neighbor = (spec: DaemonSpec, address: string, asNumber: number): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${asNumber}
  [neighbors.transport.config]
    local-address = "${spec.address}"
    passive-mode = true
${
  spec.reflector && asNumber === spec.asNumber
    ? `  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "${ROUTER_ID}"`
    : ''
}
${asNumber === spec.asNumber ? '' : '  [neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = 64'}
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${spec.family}-unicast"
`;

const configuration = (spec: DaemonSpec): string => `
[global.config]
  as = ${spec.asNumber}
  router-id = "${ROUTER_ID}"
  port = ${spec.port}
  local-address-list = ["${spec.address}"]
${spec.sessions.map(({ address, asNumber }) => neighbor(spec, address, asNumber)).join('')}`;

export const gobgp: DaemonKind = {
  name: 'gobgp',
  settings: 'log level panic, no policy',
  version: () => {
    const found = path();
    if (found === undefined) return undefined;
    const { stdout } = spawnSync(found, ['--version'], { encoding: 'utf8' });
    return /[\d.]+/.exec(stdout)?.[0] ?? 'unknown';
  },
  cannot: ({ kernel }) => (kernel ? 'it leaves the kernel to zebra' : undefined),
  start: (spec) => {
    const file = join(spec.folder, 'gobgp.toml');
    writeFileSync(file, configuration(spec));
    const argv = [
      path()!,
      '-f',
      file,
      '-l',
      'panic',
      '--api-hosts',
      `unix://${join(spec.folder, 'api.sock')}`,
    ];
    return new BenchProcess(argv, join(spec.folder, 'log'), spec.cpu);
  },
};
