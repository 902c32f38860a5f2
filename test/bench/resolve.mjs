// How long `mesos-bgp resolve` takes, whole process, on a cluster of 5,000 nodes and 2,000 BGPPeers with selectors:
//   node build.mjs && node test/bench/resolve.mjs [--nodes 5000] [--peers 2000] [--runs 5]
// Three clusters: racks of ten, selectors that match most nodes, and four reflectors that every BGPPeer names. JSON to stdout.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '5000' },
    peers: { type: 'string', default: '2000' },
    runs: { type: 'string', default: '5' },
  },
});
const [nodes, peers, runs] = [Number(values.nodes), Number(values.peers), Number(values.runs)];

const resource = (kind, name, spec, labels) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, ...(labels && { labels }) },
  spec,
});

const SPECS = {
  racks: (i) => ({
    nodeSelector: `rack == 'r${i % 500}' && zone in {'z${i % 5}'}`,
    peerSelector: `rack == 'r${(i * 7) % 500}'`,
  }),
  wide: (i) => ({
    nodeSelector: `has(zone) && zone != 'z${i % 5}' || rack == 'r${i}'`,
    peerSelector: `rack starts with 'r${i % 500}' && !has(rr)`,
  }),
  reflectors: () => ({ nodeSelector: 'all()', peerSelector: "rr == 'true'" }),
};

const cluster = (spec) => [
  ...Array.from({ length: nodes }, (_, i) =>
    resource(
      'Node',
      `host-${i}`,
      {
        bgp: {
          ipv4Address: `10.${i >> 8}.${i & 255}.1/16`,
          ipv6Address: `fd00::${i.toString(16)}/64`,
          ...(i < 4 && { routeReflectorClusterID: '1.1.1.1' }),
        },
      },
      { rack: `r${i % 500}`, zone: `z${i % 5}`, ...(i < 4 && { rr: 'true' }) },
    ),
  ),
  resource('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false }),
  ...Array.from({ length: peers }, (_, i) => resource('BGPPeer', `peer-${i}`, spec(i))),
];

function measured(file, node) {
  const times = Array.from({ length: runs }, () => {
    const begin = performance.now();
    const args = [
      'dist/mesos-bgp.js',
      'resolve',
      '--node',
      node,
      '--datastore',
      `file:${file}`,
      '-o',
      'json',
    ];
    execFileSync(process.execPath, args, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] });
    return Math.round(performance.now() - begin);
  }).sort((a, b) => a - b);
  return { medianMs: times[times.length >> 1], bestMs: times[0], worstMs: times.at(-1) };
}

const folder = mkdtempSync(join(tmpdir(), 'bench-resolve-'));
const results = [];
try {
  for (const [name, spec] of Object.entries(SPECS)) {
    const resources = cluster(spec);
    const texts = {
      json: JSON.stringify({ kind: 'List', items: resources }),
      yaml: resources.map((one) => stringify(one)).join('---\n'),
    };
    for (const [format, text] of Object.entries(texts)) {
      const file = join(folder, `${name}.${format}`);
      writeFileSync(file, text);
      for (const node of ['host-0', 'host-7'])
        results.push({ cluster: name, format, node, ...measured(file, node) });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const hardware = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
console.log(JSON.stringify({ nodes, peers, runs, hardware, results }, null, 1));
