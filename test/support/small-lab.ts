// A small lab for tests of the runner itself, and the runner's program.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { topologyFile } from './lab.ts';

/** Two nodes behind a bridge, one more on a link of its own, without management network unless asked for. */
const SMALL = `
name: small
topology:
  kinds: {linux: {network-mode: none, env: {WHO: "the node"}}}
  nodes:
    br: {kind: bridge}
    a:
      kind: linux
      labels: {role: first}
      sysctls: {net.ipv4.ip_forward: 1, net.ipv6.conf.default.accept_dad: 0}
      binds: ["given.txt:/run/given/inside.txt:ro", "given.txt:/etc/nowhere/deep/inside.txt", "__clabDir__:/var/lib/mesos-bgp/lab"]
      cmd: sleep 1000
      exec:
        - ip addr add 192.0.2.1/24 dev eth1
        - sh -c "echo '__clabNodeName__ is up' > /run/said"
    b: {kind: linux, exec: [ip addr add 192.0.2.2/24 dev eth1]}
  links:
    - endpoints: ["a:eth1", "br:to-a"]
    - endpoints: ["b:eth1", "br:to-b"]
    - {type: veth, mtu: 1400, endpoints: [{node: a, interface: direct, mac: "02:00:00:00:00:0a"}, {node: b, interface: direct}]}
    - {type: dummy, endpoint: {node: b, interface: lo1}}
`;

/** @returns the topology's path. */
export const smallLab = (): string => topologyFile(SMALL, { 'given.txt': 'from outside\n' });

let bundle: string | undefined;
afterAll(() => {
  if (bundle !== undefined) rmSync(dirname(bundle), { recursive: true, force: true });
});

/** The command, bundled once for a test file as the build does it, where any user can read it. @returns its path. */
export function labProgram(): string {
  if (bundle === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-lab-program-'));
    chmodSync(folder, 0o755);
    bundle = join(folder, 'lab.cjs');
    buildSync({
      entryPoints: ['src/lab/main.ts'],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      logLevel: 'error',
    });
  }
  return bundle;
}
