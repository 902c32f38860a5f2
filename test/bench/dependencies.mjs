// What each runtime dependency costs the daemon: resident memory and time of its import, over a Node process that imports
// nothing. `node test/bench/dependencies.mjs [runs]` prints medians; docs/dependencies.md quotes them.

import { spawnSync } from 'node:child_process';

const RUNS = Number(process.argv[2] ?? 9);
const PACKAGES = ['rxjs', 'pino', 'ip-address', 'etcd3', 'koffi', 'yaml'];

const program = (name) => `
const before = performance.now();
${name ? `await import('${name}');` : ''}
const ms = performance.now() - before;
const { readFileSync } = await import('node:fs');
const status = readFileSync('/proc/self/status', 'utf8');
const kb = (field) => Number(new RegExp(field + ':\\\\s+(\\\\d+)').exec(status)[1]);
console.log(JSON.stringify({ ms, rss: kb('VmRSS') / 1024, anon: kb('RssAnon') / 1024 }));
`;

function measure(name) {
  const results = Array.from({ length: RUNS }, () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program(name)],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  });
  const median = (key) => results.map((result) => result[key]).sort((a, b) => a - b)[RUNS >> 1];
  return { ms: median('ms'), rss: median('rss'), anon: median('anon') };
}

const base = measure(undefined);
console.log(
  `node ${process.version}, ${RUNS} runs, medians; nothing imported: ${base.rss.toFixed(1)} MiB resident`,
);
for (const name of PACKAGES) {
  const { ms, rss, anon } = measure(name);
  console.log(
    `${name.padEnd(12)} +${(rss - base.rss).toFixed(1)} MiB resident (+${(anon - base.anon).toFixed(1)} private)  ${ms.toFixed(0)} ms`,
  );
}
