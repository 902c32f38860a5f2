// OpenBGPD, the portable one: three processes that are counted together.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchProcess } from '../process.ts';
import { type DaemonKind, type DaemonSpec, program, ROUTER_ID } from './daemon.ts';

const path = () => (program('bgpctl', '/usr/sbin/bgpctl') ? program('/usr/sbin/bgpd') : undefined);

const neighbor = (spec: DaemonSpec, address: string, asNumber: number): string => `
neighbor ${address} {
  remote-as ${asNumber}
  passive
  ${asNumber === spec.asNumber ? '' : 'multihop 64'}
  ${spec.family === 'ipv4' ? 'announce IPv4 unicast' : 'announce IPv4 none\n  announce IPv6 unicast'}
  ${spec.reflector && asNumber === spec.asNumber ? `route-reflector ${ROUTER_ID}` : ''}
}
`;

const configuration = (spec: DaemonSpec): string => `
AS ${spec.asNumber}
router-id ${ROUTER_ID}
listen on ${spec.address} port ${spec.port}
fib-update no
socket "${join(spec.folder, 'control.sock')}"
${spec.sessions.map(({ address, asNumber }) => neighbor(spec, address, asNumber)).join('')}
allow from any
allow to any
`;

export const openbgpd: DaemonKind = {
  name: 'openbgpd',
  settings:
    'no log beyond its start, allow from any, allow to any, fib-update no; its three processes on one core',
  version: () => {
    const found = path();
    if (found === undefined) return undefined;
    const { stdout, stderr } = spawnSync(found, ['-V'], { encoding: 'utf8' });
    return /[\d.]+/.exec(stdout + stderr)?.[0] ?? 'unknown';
  },
  cannot: ({ kernel }) => (kernel ? 'on Linux it writes no kernel routes' : undefined),
  start: (spec) => {
    // Its unprivileged processes chroot to the home of their user, which has to be there.
    mkdirSync('/run/openbgpd', { recursive: true });
    chmodSync('/run/openbgpd', 0o755);
    const file = join(spec.folder, 'bgpd.conf');
    writeFileSync(file, configuration(spec), { mode: 0o600 });
    return new BenchProcess([path()!, '-d', '-f', file], join(spec.folder, 'log'), spec.cpu);
  },
};
