// The bundle: what `npm run build` leaves, run as a user would. Built in a folder of its own.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { version } from '../../../package.json';

const root = join(__dirname, '../../..');
let folder: string;
beforeAll(() => {
  // Below node_modules, where the packages that stay outside of the bundle are found.
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'bundle-'));
  // Whatever lies there from an earlier build has to go.
  writeFileSync(join(folder, 'stale.js'), '');
  const build = spawnSync(process.execPath, ['build.mjs', folder], { cwd: root, encoding: 'utf8' });
  if (build.status !== 0) throw new Error(build.stderr);
}, 30_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const env = { PATH: process.env.PATH, MESOS_BGP_CONTROL: join(folder, 'none.sock') };
  const { status, stdout, stderr } = spawnSync(join(folder, 'mesos-bgp.js'), args, { encoding: 'utf8', env });
  return { code: status, out: stdout, err: stderr };
}

const NODE = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: host-1}
spec: {bgp: {ipv4Address: 10.0.0.1/24}}
`;

describe('the bundle', () => {
  it('is one runnable file, and nothing of an earlier build stays', () => {
    expect(statSync(join(folder, 'mesos-bgp.js')).mode & 0o777).toBe(0o755);
    expect(() => statSync(join(folder, 'stale.js'))).toThrow('ENOENT');
    expect(run('--version')).toEqual({ code: 0, out: `mesos-bgp ${version}\n`, err: '' });
  });

  it('answers a command without loading the daemon, rxjs and etcd', () => {
    const seen = new Set<string>();
    const load = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(file, 'utf8');
      for (const [, from] of text.matchAll(/(?:from|import)\s*"(\.[^"]+)"/g))
        load(join(dirname(file), from!));
    };
    load(join(folder, 'mesos-bgp.js'));
    const texts = [...seen].map((file) => readFileSync(file, 'utf8')).join('');
    expect(texts.length).toBeLessThan(100_000);
    expect(texts).not.toMatch(/distinctUntilChanged|"koffi"|"etcd3"|sonic-boom/);
  });

  it('resolves a file datastore, in every form', () => {
    const file = join(folder, 'cluster.yaml');
    writeFileSync(file, NODE);
    const args = ['resolve', '--datastore', `file:${file}`, '--node', 'host-1'];
    expect(run(...args)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('Identifier  10.0.0.1'),
    });
    const json = JSON.parse(run(...args, '-o', 'json').out) as object;
    expect(json).toMatchObject({ node: 'host-1', asNumber: 64512, routerId: '10.0.0.1' });
    expect(parse(run(...args, '-o', 'yaml').out)).toEqual(json);
  });

  it('ends with the codes of the interface', () => {
    expect(run('status').code).toBe(69);
    expect(run('status', '--nonsense').code).toBe(64);
    expect(run('run', '--kernel', 'ebpf').code).toBe(78);
    expect(run('resolve', '--etcd-endpoints', 'http://127.0.0.1:1').code).toBe(69);
    expect(run('resolve', '--datastore', 'file:/nowhere').code).toBe(69);
    const broken = join(folder, 'broken.yaml');
    writeFileSync(broken, 'kind: [');
    expect(run('resolve', '--datastore', `file:${broken}`)).toMatchObject({
      code: 78,
      out: '',
      err: expect.stringContaining('broken.yaml'),
    });
  });

  it('does not mind a reader that goes away', () => {
    const { stderr, status } = spawnSync(
      'sh',
      ['-c', `"$0" --help | head -1`, join(folder, 'mesos-bgp.js')],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([0, '']);
  });
});
