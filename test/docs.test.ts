// Documents are part of the program: what they name exists, and the commands that they show are real ones.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import { watchedPrefixes } from '../src/calico/keys.ts';
import { METRICS } from '../src/observe/metrics.ts';

const ROOT = join(__dirname, '..');
const FOLDERS = ['.', 'docs', 'docs/decisions', 'bgp', ...folders('topologies')];

function folders(parent: string): string[] {
  return readdirSync(join(ROOT, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(parent, entry.name));
}

const documents = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const all = documents.map((file) => ({ file, text: read(file) }));

describe('documents', () => {
  it('are found', () => {
    expect(documents).toEqual(
      expect.arrayContaining([
        'README.md',
        'CHANGELOG.md',
        'docs/architecture.md',
        'docs/dependencies.md',
        'docs/standards.md',
      ]),
    );
  });

  it('link to files that exist', () => {
    const broken = all.flatMap(({ file, text }) =>
      [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
        .map((match) => resolve(ROOT, dirname(file), match[1]!))
        .filter((target) => !existsSync(target))
        .map((target) => `${file} → ${relative(ROOT, target)}`),
    );
    expect(broken).toEqual([]);
  });

  it('name source files and tests that exist', () => {
    const missing = all.flatMap(({ file, text }) =>
      [...text.matchAll(/`((?:bgp|src|test|topologies)\/[\w./-]+?)`/g)]
        .map((match) => match[1]!)
        .filter((name) => !name.includes('<') && !existsSync(join(ROOT, name)))
        .map((name) => `${file}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('use npm scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const used = new Set(
      all.flatMap(({ text }) => [...text.matchAll(/\bnpm run ([a-z:-]+)/g)].map((match) => match[1]!)),
    );
    expect([...used].filter((name) => scripts[name] === undefined)).toEqual([]);
    expect(used.size).toBeGreaterThan(2);
  });

  it('use commands and flags of mesos-bgp that its help lists', () => {
    const program = join(ROOT, 'dist/mesos-bgp.js');
    const help = (...args: string[]) =>
      spawnSync(process.execPath, [program, ...args, '--help'], { encoding: 'utf8' }).stdout;
    const general = help();
    const commands = new Set(
      [...read('README.md').matchAll(/`(?:dist\/)?mesos-bgp(?:\.js)? ([a-z]+)/g)].map((match) => match[1]!),
    );
    expect(commands).toContain('resolve');
    expect([...commands].filter((name) => !new RegExp(`^\\s+${name}\\b`, 'm').test(general))).toEqual([]);
    const flags = new Set(
      [
        ...read('README.md').matchAll(
          /`?(--(?:node|datastore|etcd|received|advertised|kernel|longest|soft|leave)[a-z-]*)/g,
        ),
      ].map((match) => match[1]!),
    );
    const known = general + help('run') + help('routes') + help('clear');
    expect([...flags].filter((flag) => !known.includes(flag))).toEqual([]);
  });

  it('grant etcd users what the daemon reads, and nothing else', () => {
    const granted = [...read('docs/operations.md').matchAll(/^etcdctl .* read --prefix=true (\S+)$/gm)];
    expect(granted.map((match) => match[1])).toEqual(watchedPrefixes());
  });

  it('name metrics that there are', () => {
    const names = new Set(METRICS.map(({ name }) => name.replace(/^mesosbgp_/, '')));
    const text = read('docs/operations.md');
    const used = [
      ...text.matchAll(/\bmesosbgp_([a-z_]+)\b/g),
      ...text.matchAll(/`((?:datastore|session|peer|fib|isolation|update|problem)[a-z_]*)(?:\{[^}]*\})?`/g),
    ].map((match) => match[1]!);
    expect(used.length).toBeGreaterThan(20);
    expect([...new Set(used)].filter((name) => !names.has(name))).toEqual([]);
  });

  it('have every dependency with its exact version', () => {
    const { dependencies } = JSON.parse(read('package.json'));
    const text = read('docs/dependencies.md');
    expect(
      Object.entries(dependencies).filter(([name, version]) => !text.includes(`| \`${name}\` ${version} |`)),
    ).toEqual([]);
  });
});

describe('docker-compose.yml', () => {
  const compose = parse(read('docker-compose.yml'), { merge: true });

  it('mounts what exists and gives every service on the segment an address of its own', () => {
    const mounts = Object.values<{ volumes?: string[] }>(compose.services).flatMap(
      ({ volumes = [] }) => volumes,
    );
    expect(
      mounts.map((mount) => mount.split(':')[0]!).filter((path) => !existsSync(join(ROOT, path))),
    ).toEqual([]);
    const addresses = Object.values<{ networks: { segment?: { ipv4_address?: string } } }>(
      compose.services,
    ).flatMap(({ networks }) => networks.segment?.ipv4_address ?? []);
    expect(new Set(addresses).size).toBe(4);
    const loader = read('topologies/compose/load.sh') + read('topologies/compose/bird.conf');
    for (const address of addresses.filter((one) => one !== '10.99.0.10')) expect(loader).toContain(address);
  });
});

describe('the repository', () => {
  it('names no registry host in its lock file', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved": "https?:/);
  });
});
