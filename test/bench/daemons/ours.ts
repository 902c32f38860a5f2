// mesos-bgp as it is built, with Calico's resources in a file.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchProcess } from '../process.ts';
import { type DaemonKind, type DaemonSpec, ROUTER_ID } from './daemon.ts';

const PROGRAM = join(process.cwd(), 'dist', 'mesos-bgp.js');

export const controlSocket = (folder: string): string => join(folder, 'control.sock');

/** One JSON document a resource, which is YAML too. */
function resources(spec: DaemonSpec): string {
  const resource = (kind: string, name: string, content: object, annotations?: object) =>
    JSON.stringify({
      apiVersion: 'projectcalico.org/v3',
      kind,
      metadata: { name, ...(annotations && { annotations }) },
      spec: content,
    });
  const v4 = spec.family === 'ipv4';
  return [
    resource('Node', 'bench', {
      bgp: {
        asNumber: spec.asNumber,
        ...(v4 ? { ipv4Address: `${spec.address}/32` } : { ipv6Address: `${spec.address}/128` }),
        ...(spec.reflector && { routeReflectorClusterID: ROUTER_ID }),
      },
    }),
    resource(
      'BGPConfiguration',
      'default',
      { nodeToNodeMeshEnabled: false, asNumber: spec.asNumber, listenPort: spec.port, bindMode: 'NodeIP' },
      { 'mesos-bgp/passive': 'true' },
    ),
    resource('BGPFilter', 'all', {
      importV4: [{ action: 'Accept' }],
      importV6: [{ action: 'Accept' }],
      exportV4: [{ action: 'Accept' }],
      exportV6: [{ action: 'Accept' }],
    }),
    ...(spec.kernel
      ? [
          resource('IPPool', 'all', {
            cidr: v4 ? '0.0.0.0/0' : '::/0',
            ipipMode: 'Never',
            vxlanMode: 'Never',
          }),
        ]
      : []),
    ...spec.sessions.map(({ address, asNumber }, at) =>
      resource('BGPPeer', `p${at}`, { node: 'bench', peerIP: address, asNumber, filters: ['all'] }),
    ),
  ].join('\n---\n');
}

export const ours: DaemonKind = {
  name: 'mesos-bgp',
  settings: 'log level warn, a BGPFilter that accepts all on every session, file datastore',
  version: () => {
    if (!existsSync(PROGRAM)) return undefined;
    return spawnSync(process.execPath, [PROGRAM, 'version'], { encoding: 'utf8' }).stdout.trim();
  },
  cannot: () => undefined,
  start: (spec) => {
    const file = join(spec.folder, 'calico.yaml');
    writeFileSync(file, resources(spec));
    const argv = [
      ...[
        process.execPath,
        ...(spec.preload === undefined ? [] : ['--require', spec.preload]),
        ...(spec.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${spec.profile}`]),
        PROGRAM,
        'run',
      ],
      ...['--node', 'bench', '--datastore', `file:${file}`, '--kernel', spec.kernel ? 'netlink' : 'none'],
      ...[
        '--router-id',
        ROUTER_ID,
        '--control',
        controlSocket(spec.folder),
        '--http',
        'off',
        '--log-level',
        'warn',
      ],
    ];
    return new BenchProcess(argv, join(spec.folder, 'log'), spec.cpu);
  },
};
