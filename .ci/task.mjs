// Sets up what a task needs, then runs it: `node .ci/task.mjs bench|demo|fuzz|lab|reliability|simulate|soak|test [arguments]`. Uses nothing
// but Node itself, because on a fresh clone there is nothing else. Each step is skipped when there is nothing to do.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const isRoot = process.getuid?.() === 0;

/** Debian package by the program that shows that it is there. */
const PROGRAMS = {
  ip: 'iproute2',
  ping: 'iputils-ping',
  etcd: 'etcd-server',
  bird: 'bird2',
  openssl: 'openssl',
  // Not its bgpd: openbgpd has one of that name in the path.
  vtysh: 'frr',
  gobgpd: 'gobgpd',
  bgpctl: 'openbgpd',
  exabgp: 'exabgp',
};

const SPEAKERS = ['bird', 'vtysh', 'gobgpd', 'bgpctl', 'exabgp'];

const TASKS = {
  lab: { programs: ['ip'], run: (args) => handOver('node', ['dist/lab.js', ...args]) },
  demo: { programs: ['ip', 'ping', 'etcd'], run: (args) => handOver('node', ['dist/demo.js', ...args]) },
  bench: { programs: ['ip'], run: (args) => fromSource('test/bench/main.ts', args) },
  fuzz: { programs: [], needsBuild: false, run: (args) => fromSource('test/fuzz/main.ts', args) },
  reliability: {
    programs: ['ip', 'etcd'],
    run: (args) => fromSource('test/reliability/main.ts', args),
  },
  simulate: { programs: [], needsBuild: false, run: (args) => fromSource('test/simulation/main.ts', args) },
  soak: { programs: ['ip', 'etcd'], run: (args) => fromSource('test/soak/main.ts', args) },
  test: { programs: ['ip', 'ping', 'etcd', 'openssl', ...SPEAKERS], run: test },
};

/** The rest is the program's, Ctrl-C too: it cleans up, and we wait for it. @returns its exit code. */
function handOver(command, args) {
  const child = spawn(command, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal sends its signals to the child as well; others are passed on.
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  }
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** A tool of the tests, which is no part of the program and therefore not in dist. */
function fromSource(file, args) {
  const out = join('node_modules', '.cache', 'mesos-bgp', `${file.split('/').at(-2)}.mjs`);
  const options = [
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--sourcemap=inline',
    '--log-level=warning',
    // As build.mjs has it: the one that Node would take asks for `require`.
    '--alias:yaml=./node_modules/yaml/browser/index.js',
  ];
  runOrExit('bundling', bin('esbuild'), [file, ...options, `--outfile=${out}`]);
  return handOver('node', ['--enable-source-maps', out, ...args]);
}

/** @returns the exit code; the program has our terminal. */
function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? (signal === 'SIGINT' ? 130 : 1);
}

function runOrExit(what, command, args, options) {
  const code = run(command, args, options);
  if (code === 0) return;
  console.error(`${what} failed (${command} ${args.join(' ')}: exit code ${code})`);
  process.exit(code);
}

function installNpmPackages() {
  const stamp = join('node_modules', '.installed-from');
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('installing npm packages …');
  runOrExit(
    'installing npm packages',
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  writeFileSync(stamp, wanted);
}

function installDebianPackages(programs) {
  const missing = programs.filter((program) => !onPath(program)).map((program) => PROGRAMS[program]);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (!isRoot || !onPath('apt-get')) {
    const how = onPath('apt-get')
      ? `sudo apt-get install ${list}`
      : `install the equivalents of Debian's ${list}`;
    console.error(`missing on this machine: ${list}\nInstall them first:  ${how}`);
    process.exit(69);
  }
  console.error(`installing Debian packages: ${list} …`);
  withoutStartingServices(() => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
    runOrExit('apt-get update', 'apt-get', ['update', '-qq'], quiet);
    runOrExit(
      `installing ${list}`,
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', ...missing],
      quiet,
    );
  });
}

/** Debian starts an installed daemon at once; what is started here shall be started by the task alone. */
function withoutStartingServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

/** Daemons are in sbin, which an ordinary user may not have on the path. */
function onPath(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function build() {
  runOrExit('the build', 'node', ['build.mjs'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const bin = (name) => join(ROOT, 'node_modules', '.bin', name);

/** Types, lint, then all suites: those that share a machine with nobody come last, one at a time. */
function test(args) {
  if (args.length > 0) return run(bin('jest'), args);
  const checks = [
    ['types (tsc)', ['tsc', '-p', 'tsconfig.json']],
    ['lint and format (biome)', ['biome', 'check', '.', '--error-on-warnings']],
  ].map(([what, [command, ...rest]]) => {
    const code = run(bin(command), rest);
    console.log(`${code === 0 ? 'ok' : 'FAILED'}: ${what}`);
    return code === 0;
  });
  const suites = [jest(['--maxWorkers=2', '--testPathIgnorePatterns', '/test/(interop|topology)/'])];
  const inNamespaces = ['--runInBand', '--testPathPatterns', '/test/(interop|topology)/'];
  if (isRoot) suites.push(jest(inNamespaces));
  else if (canUnshare()) suites.push(jest(inNamespaces, USER_NAMESPACE));
  else if (process.env.CI) suites.push({ passed: 0, failed: 1, skipped: 0 });
  else
    console.log('not run: interop and topology tests, which make network namespaces: run as root for them');
  const passed = checks.filter(Boolean).length + sum(suites, 'passed');
  const failed = checks.filter((ok) => !ok).length + sum(suites, 'failed');
  const skipped = sum(suites, 'skipped');
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed === 0 && passed > checks.length ? 0 : 1;
}

/** Where an ordinary user may make network namespaces: root of a user namespace with a /run of its own. */
const USER_NAMESPACE = [
  ...['unshare', '--user', '--map-root-user', '--net', '--mount'],
  ...['sh', '-c', 'mount -t tmpfs run /run && exec "$@"', 'sh'],
];

const canUnshare = () => spawnSync(USER_NAMESPACE[0], [...USER_NAMESPACE.slice(1), 'true']).status === 0;

const sum = (results, key) => results.reduce((total, result) => total + result[key], 0);

/** More files than that do not fail by chance. */
const MAX_AGAIN = 3;

/**
 * Runs suites. Files that fail are run once more, alone: these tests share two cores with real daemons, and a machine that stood still
 * for a second is no defect. What passed only then is said, so that somebody looks.
 */
function jest(args, prefix = []) {
  const first = runJest(args, prefix);
  const failed = first.filter(({ failed }) => failed > 0).map(({ file }) => file);
  if (failed.length === 0 || failed.length > MAX_AGAIN || failed.includes(undefined)) return total(first);
  console.log(`run again, alone: ${failed.join(' ')}`);
  const second = runJest(['--runInBand', '--runTestsByPath', ...failed], prefix);
  for (const { file, failed: still } of second) {
    if (file !== undefined && still === 0)
      console.log(`UNSTEADY: ${file} failed, and passed when it was run again`);
  }
  return total([...first.filter(({ file }) => !failed.includes(file)), ...second]);
}

const total = (files) => ({
  passed: sum(files, 'passed'),
  failed: sum(files, 'failed'),
  skipped: sum(files, 'skipped'),
});

/** @returns results by file. A suite that could not even be loaded counts as one that failed; so does jest itself. */
function runJest(args, prefix) {
  const folder = mkdtempSync(join(tmpdir(), 'mesos-bgp-test-'));
  const file = join(folder, 'results.json');
  try {
    const argv = [...prefix, bin('jest'), '--json', `--outputFile=${file}`, ...args];
    const code = run(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
    if (!existsSync(file)) return [{ file: undefined, passed: 0, failed: 1, skipped: 0 }];
    const files = JSON.parse(readFileSync(file, 'utf8')).testResults.map(resultsOf);
    const silent = code !== 0 && sum(files, 'failed') === 0;
    return silent ? [...files, { file: undefined, passed: 0, failed: 1, skipped: 0 }] : files;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultsOf({ name, status, assertionResults }) {
  const count = (...wanted) => assertionResults.filter((each) => wanted.includes(each.status)).length;
  const failed = count('failed');
  return {
    file: name,
    passed: count('passed'),
    failed: status === 'failed' && failed === 0 ? 1 : failed,
    skipped: count('pending', 'todo', 'skipped', 'disabled'),
  };
}

const [name = '', ...args] = process.argv.slice(2);
const task = TASKS[name];
if (task === undefined) {
  console.error(`usage: node .ci/task.mjs ${Object.keys(TASKS).join('|')} [arguments]`);
  process.exit(64);
}
process.chdir(ROOT);
if (!/--help|-h/.test(args.join(' '))) installDebianPackages(task.programs);
installNpmPackages();
if (task.needsBuild !== false) build();
process.exitCode = await task.run(args);
