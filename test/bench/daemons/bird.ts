// BIRD 2.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchProcess } from '../process.ts';
import { type DaemonKind, type DaemonSpec, program, ROUTER_ID } from './daemon.ts';

const path = () => program('/usr/sbin/bird', '/usr/local/sbin/bird', 'bird');

const session = (spec: DaemonSpec, at: number): string => {
  const { address, asNumber } = spec.sessions[at]!;
  const internal = asNumber === spec.asNumber;
  return `
protocol bgp p${at} {
  local ${spec.address} port ${spec.port} as ${spec.asNumber};
  neighbor ${address} as ${asNumber};
  multihop; passive on; strict bind on;
  ${spec.reflector && internal ? `rr client; rr cluster id ${ROUTER_ID};` : ''}
  ${spec.family} { import all; export where source = RTS_BGP; gateway recursive; igp table igp${spec.family}; };
}`;
};

/** Next hops resolve over a table with one route, so that none is looked up in the kernel. */
const configuration = (spec: DaemonSpec): string => `
router id ${ROUTER_ID};
debug protocols off;
${spec.family} table igp${spec.family};
protocol device { scan time 3600; }
${
  spec.kernel
    ? `protocol direct { ${spec.family} { table igp${spec.family}; }; }
protocol kernel { ${spec.family} { import none; export where source = RTS_BGP; }; scan time 3600; }`
    : `protocol static { ${spec.family} { table igp${spec.family}; }; route ${spec.family === 'ipv4' ? '0.0.0.0/0' : '::/0'} via "lo"; }`
}
${spec.sessions.map((_, at) => session(spec, at)).join('')}
`;

export const bird: DaemonKind = {
  name: 'bird',
  settings:
    'no log, debug off, import and export all, multihop with one static route that resolves all next hops',
  version: () => {
    const found = path();
    if (found === undefined) return undefined;
    const { stdout, stderr } = spawnSync(found, ['--version'], { encoding: 'utf8' });
    return /[\d.]+/.exec(stdout + stderr)?.[0] ?? 'unknown';
  },
  cannot: () => undefined,
  start: (spec) => {
    const file = join(spec.folder, 'bird.conf');
    writeFileSync(file, configuration(spec));
    const argv = [path()!, '-f', '-c', file, '-s', join(spec.folder, 'bird.ctl')];
    return new BenchProcess(argv, join(spec.folder, 'log'), spec.cpu);
  },
};
