// Commands from their arguments to output and exit code, against a made-up daemon behind a real control socket.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerId } from 'bgp-utils';
import { parse as parseYaml } from 'yaml';
import { ask } from '../../../src/cli/client.ts';
import { COMMANDS, type Resolved, type World } from '../../../src/cli/commands.ts';
import { main } from '../../../src/cli/main.ts';
import { type RunConfig, SETTINGS } from '../../../src/config/config.ts';
import { startControlServer } from '../../../src/control/server.ts';
import type { StatusFacts } from '../../../src/control/source.ts';
import {
  type FakeSource,
  fakeSource,
  kernelRoute,
  NOW,
  peerView,
  resolveAnswer,
  routeView,
  statusFacts,
} from '../../support/control-source.ts';

let folder: string;
let open: { close: () => unknown }[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  open = [];
});
afterEach(async () => {
  for (const one of open) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

const control = () => join(folder, 'c.sock');

async function daemon(source: FakeSource): Promise<void> {
  const result = await startControlServer({
    source,
    control: control(),
    http: undefined,
    report: () => {},
    onBug: () => {},
  });
  if (!result.ok) throw new Error(result.message);
  open.push(result.server);
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly configs: readonly RunConfig[];
}

/** Runs one command line, given as words. */
async function call(args: readonly string[], changes: Partial<World> = {}): Promise<Outcome> {
  let out = '';
  let err = '';
  const configs: RunConfig[] = [];
  const code = await main(args, {
    env: { MESOS_BGP_CONTROL: control() },
    host: 'host-1',
    terminal: { width: undefined, colour: false },
    print: (text) => {
      out += text;
    },
    say: (line) => {
      err += `${line}\n`;
    },
    run: async (config) => {
      configs.push(config);
      return 0;
    },
    resolve: async (config) => {
      configs.push(config);
      return { ok: true, resolution: resolveAnswer() };
    },
    version: '1.2.3',
    ...changes,
  });
  return { code, out, err, configs };
}
const words = (line: string) => line.split(' ').filter((word) => word !== '');

describe('help', () => {
  it('lists every command, and every setting with its flag and variables', async () => {
    const { code, out } = await call(['--help']);
    expect(code).toBe(0);
    for (const { name, summary } of COMMANDS)
      expect(out).toMatch(new RegExp(`^  ${name}.*${summary.slice(0, 12)}`, 'm'));
    for (const row of Object.values(SETTINGS)) {
      if (row.flag !== undefined) expect(out).toContain(row.flag);
      // Lines break between words: a name stands whole.
      for (const { name } of row.variables) expect(out).toContain(name);
    }
  });

  it.each(COMMANDS.map((command) => [command.name, command] as const))(
    'of %s lists every flag, the same however it is asked for',
    async (name, command) => {
      const help = await call([name, '--help']);
      expect(help.code).toBe(0);
      for (const { flag } of command.flags) expect(help.out).toContain(flag);
      expect((await call(['help', name])).out).toBe(help.out);
      expect((await call([name, '-h'])).out).toBe(help.out);
      expect((await call([name, '--nonsense', '--help'])).out).toBe(help.out);
    },
  );

  it('of run names the password variable, which has no flag', async () => {
    const { out } = await call(['run', '--help']);
    expect(out).toContain('ETCD_PASSWORD');
    expect(out).not.toContain('--etcd-password');
  });

  it('fits on 100 columns', async () => {
    for (const args of [['--help'], ...COMMANDS.map(({ name }) => [name, '--help'])]) {
      const { out } = await call(args);
      expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
    }
  });

  it('comes on stderr with 64 when nothing was asked', async () => {
    expect(await call([])).toMatchObject({ code: 64, out: '', err: expect.stringContaining('Usage:') });
  });

  it('is not asked for by what follows --', async () => {
    await daemon(fakeSource());
    expect((await call(['routes', '--', '--help'])).code).toBe(64);
  });

  it('has the version beside it', async () => {
    expect(await call(['--version'])).toMatchObject({ code: 0, out: 'mesos-bgp 1.2.3\n' });
  });
});

describe('wrong usage', () => {
  it.each([
    ['statsu', 'unknown command statsu: is status meant?'],
    ['dump', 'unknown command dump; commands are run, resolve, status'],
    ['drain now', 'drain takes no arguments, and got now as well'],
    ['drain --timeout soon', '--timeout "soon" is not usable: accepted are seconds, as in 60 or 0.5'],
    ['--node a run', 'the command comes first'],
    ['run --nod a', 'unknown flag --nod: is --node meant?; see mesos-bgp run --help'],
    ['run extra', 'run takes no arguments, and got extra as well'],
    ['peers a b', 'peers takes only [ADDRESS], and got b as well'],
    ['status -o xml', '-o "xml" is not usable: accepted is table, wide, json, yaml'],
    ['run --node', '--node needs a value: --node NAME'],
    ['routes --received a --kernel', '--received and --kernel exclude each other'],
    ['routes 10.0.0.0/8 --longest 10.0.0.1', 'exclude each other'],
    ['clear', 'clear needs a peer'],
    ['clear a --soft in --reason b', 'exclude each other'],
    ['clear a --soft sideways', 'accepted is in, out'],
  ])('%s: 64 and "%s"', async (line, message) => {
    const { code, out, err } = await call(words(line));
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain(message);
    expect(err.split('\n').every((one) => one === '' || one.startsWith('mesos-bgp: '))).toBe(true);
  });
});

describe('run', () => {
  it('gives the settings to the daemon and its exit code back', async () => {
    const { code, configs } = await call(words('run --kernel none --leave'), {
      run: async (config) => (config.leave ? 7 : 0),
    });
    expect([code, configs]).toEqual([7, []]);
    const { configs: given } = await call(words('run --kernel none'));
    expect(given[0]).toMatchObject({ node: 'host-1', kernel: 'none', leave: false });
  });

  it('with a wrong setting says which, ends with 78 and starts nothing', async () => {
    const { code, err, configs } = await call(words('run --kernel ebpf'));
    expect([code, configs]).toEqual([78, []]);
    expect(err).toBe('mesos-bgp: --kernel "ebpf" is not usable: accepted is "netlink" or "none"\n');
  });

  it('warns of a variable that is spelled almost right', async () => {
    const { configs } = await call(['run'], { env: { MESOS_BGP_HTPP: 'off' } });
    expect(configs[0]?.warnings).toEqual([expect.stringContaining('is MESOS_BGP_HTTP meant?')]);
  });
});

describe('resolve', () => {
  it('prints the JSON as it is', async () => {
    const { code, out, configs } = await call(words('resolve --node other -o json'));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(resolveAnswer());
    expect(configs[0]?.node).toBe('other');
  });

  it('with problems prints all else, and ends with 1', async () => {
    const problems = [{ resource: 'BGPPeer/a', field: 'spec.asNumber', message: 'is missing' }];
    const resolve = async (): Promise<Resolved> => ({ ok: true, resolution: resolveAnswer({ problems }) });
    const { code, out } = await call(['resolve'], { resolve });
    expect(code).toBe(1);
    expect(out).toContain('BGPPeer/a');
    expect(out).toContain('Node/host-2');
  });

  it.each([
    ['that cannot be reached', 'unavailable', 69],
    ['that cannot be used', 'invalid', 78],
  ] as const)('of a datastore %s ends with its message and code', async (_, reason, code) => {
    const resolve = async (): Promise<Resolved> => ({ ok: false, reason, message: 'etcd: this and that' });
    expect(await call(['resolve'], { resolve })).toMatchObject({
      code,
      out: '',
      err: 'mesos-bgp: etcd: this and that\n',
    });
  });
});

describe('status', () => {
  it.each([
    ['fine', statusFacts(), 0],
    ['degraded', statusFacts({ problems: 1 }), 1],
    ['down', statusFacts({ asNumber: undefined }), 2],
  ])('of a daemon that is %s', async (_, status, code) => {
    await daemon(fakeSource({ status, peers: [peerView('10.0.0.2')] }));
    expect(await call(['status'])).toMatchObject({
      code,
      err: '',
      out: expect.stringContaining('Node       host-1'),
    });
  });

  it('is the same data as JSON and as YAML', async () => {
    await daemon(fakeSource({ peers: [peerView('10.0.0.2')] }));
    const json = JSON.parse((await call(words('status -o json'))).out) as object;
    const yaml = parseYaml((await call(words('status -o yaml'))).out) as object;
    expect(json).toMatchObject({ node: 'host-1', health: 'ok' });
    expect(yaml).toMatchObject({ ...json, uptimeSeconds: expect.any(Number), datastore: expect.any(Object) });
  });
});

describe('peers', () => {
  it('shows all, or one', async () => {
    await daemon(fakeSource({ peers: [peerView('10.0.0.2'), peerView('fd00::2')] }));
    expect((await call(['peers'])).out.split('\n')).toHaveLength(4);
    expect((await call(['peers', 'fd00::2'])).out).toContain('Peer        fd00::2, AS 64512');
    expect(JSON.parse((await call(words('peers fd00:0::2 -o json'))).out)).toMatchObject({
      address: 'fd00::2',
    });
  });

  it('of an unknown address ends with 1 and names the known ones', async () => {
    await daemon(fakeSource({ peers: [peerView('10.0.0.2')] }));
    expect(await call(['peers', '10.0.0.9'])).toMatchObject({
      code: 1,
      out: '',
      err: 'mesos-bgp: no peer 10.0.0.9: the configured peers are 10.0.0.2\n',
    });
  });

  it('says on stderr that there are none', async () => {
    await daemon(fakeSource());
    expect(await call(['peers'])).toMatchObject({ code: 0, out: '', err: 'no peers are configured\n' });
    expect((await call(words('peers -o json'))).out).toBe('{\n  "peers": []\n}\n');
  });
});

describe('routes', () => {
  it.each([
    ['routes', {}],
    ['routes 10.65.0.0/26', { prefix: '10.65.0.0/26' }],
    ['routes 10.65.0.5', { longest: '10.65.0.5' }],
    ['routes --longest 10.65.0.5', { longest: '10.65.0.5' }],
    ['routes --received 10.0.0.2 --family ipv4', { received: '10.0.0.2', family: 'ipv4' }],
    ['routes 10.65.0.0/26 --advertised 10.0.0.2', { prefix: '10.65.0.0/26', advertised: '10.0.0.2' }],
  ])('%s asks for %j', async (line, query) => {
    const source = fakeSource({ peers: [peerView('10.0.0.2')], routes: [routeView('10.65.0.0/26')] });
    await daemon(source);
    expect((await call(words(line))).code).toBe(0);
    expect(source.asked).toEqual([query]);
  });

  it('puts pages together: more routes than one answer holds', async () => {
    const routes = Array.from({ length: 10_500 }, (_, i) => routeView(`10.${i >> 8}.${i & 255}.0/24`));
    await daemon(fakeSource({ routes }));
    const answer = JSON.parse((await call(words('routes -o json'))).out) as {
      routes: { prefix: string }[];
      next: null;
    };
    expect(answer.next).toBeNull();
    expect(answer.routes.map((route) => route.prefix)).toEqual(routes.map((route) => route.prefix));
  });

  it('--kernel shows the kernel', async () => {
    await daemon(fakeSource({ kernel: [kernelRoute('10.65.0.0/26')] }));
    expect((await call(words('routes --kernel'))).out).toContain('10.0.0.2 dev eth1');
    expect((await call(words('routes --kernel 10.66.0.0/16'))).err).toBe(
      'no kernel route for 10.66.0.0/16\n',
    );
  });

  it('that are not there: says so on stderr, with 0', async () => {
    await daemon(fakeSource());
    expect(await call(['routes'])).toMatchObject({ code: 0, out: '', err: 'no routes\n' });
    expect(await call(['routes', '10.65.0.0/26'])).toMatchObject({
      code: 0,
      err: 'no routes for 10.65.0.0/26\n',
    });
  });

  it.each([
    ['routes 10.65.0.5/26', 64, 'is 10.65.0.0/26 meant?'],
    ['routes nonsense', 64, 'is no address'],
    ['routes --received 10.0.0.9', 1, 'no peer 10.0.0.9'],
  ])('%s: %i and "%s"', async (line, code, message) => {
    await daemon(fakeSource({ peers: [peerView('10.0.0.2')] }));
    expect(await call(words(line))).toMatchObject({ code, out: '', err: expect.stringContaining(message) });
  });
});

describe('clear', () => {
  it.each([
    [['clear', '10.0.0.2'], { how: 'reset', text: '' }],
    [['clear', '10.0.0.2', '--reason', 'new cable'], { how: 'reset', text: 'new cable' }],
    [['clear', '10.0.0.2', '--soft', 'in'], { how: 'soft-in', text: '' }],
    [['clear', '10.0.0.2', '--soft', 'out'], { how: 'soft-out', text: '' }],
  ])('%j', async (args, expected) => {
    const source = fakeSource({ peers: [peerView('10.0.0.2')] });
    await daemon(source);
    expect(await call(args)).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringMatching(/^10\.0\.0\.2 is /),
    });
    expect(source.cleared).toEqual([{ peer: '10.0.0.2', ...expected }]);
  });

  it('of an unknown peer clears nothing and ends with 1', async () => {
    const source = fakeSource({ peers: [peerView('10.0.0.2')] });
    await daemon(source);
    expect(await call(['clear', '10.0.0.9'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('10.0.0.2'),
    });
    expect(source.cleared).toEqual([]);
  });
});

describe('without a daemon', () => {
  it.each(['status', 'peers', 'routes', 'routes --kernel', 'clear 10.0.0.2'])(
    '%s ends with 69 and says what to do',
    async (line) => {
      const { code, out, err } = await call(words(line));
      expect([code, out]).toEqual([69, '']);
      expect(err).toContain(control());
      expect(err).toContain('mesos-bgp run');
    },
  );

  it('the flag wins over the variable', async () => {
    const { err } = await call(words(`status --control ${folder}/other.sock`));
    expect(err).toContain(`${folder}/other.sock`);
  });

  it('a socket path that cannot be is a wrong setting', async () => {
    expect((await call(['status', '--control', `/${'x'.repeat(200)}`])).code).toBe(78);
  });

  it('a file in the place of the socket is told apart', async () => {
    writeFileSync(control(), '');
    expect(await call(['status'])).toMatchObject({
      code: 69,
      err: expect.stringContaining('left from one that ended'),
    });
  });
});

describe('what answers and is no daemon', () => {
  const listen = (listener: Parameters<typeof createServer>[1]) =>
    new Promise<void>((resolve) => {
      const server = createServer(listener as never);
      server.listen(control(), () => resolve());
      open.push({
        close: () => {
          server.closeAllConnections();
          return new Promise((closed) => server.close(closed));
        },
      });
    });

  it('is told by its answer', async () => {
    await listen((_, response) => void response.end('<html>'));
    expect(await call(['status'])).toMatchObject({
      code: 69,
      err: expect.stringContaining('is no mesos-bgp'),
    });
  });

  it('is given up on when it does not answer', async () => {
    await listen(() => {});
    expect(await ask(control(), '/v1/status', undefined, 50)).toMatchObject({
      ok: false,
      message: expect.stringContaining('does not answer within 0.05 s'),
    });
  });

  it('may close before it has answered', async () => {
    await listen((request) => request.socket.destroy());
    expect(await call(['status'])).toMatchObject({
      code: 69,
      err: expect.stringContaining('cannot be reached'),
    });
  });
});

describe('drain', () => {
  /** States that the daemon goes through: each answer has the next one, and the last stays. */
  const going = (...states: readonly StatusFacts['drain']['state'][]) => {
    let at = 0;
    return fakeSource({
      status: () => {
        const state = states[Math.min(at++, states.length - 1)]!;
        return statusFacts({ drain: { state, since: NOW, waitingFor: state === 'draining' ? [PEER] : [] } });
      },
    });
  };
  const PEER = '10.0.0.2' as PeerId;

  it.each([
    ['drain', true, ['draining', 'draining', 'drained']],
    ['undrain', false, ['undraining', 'off']],
    ['undrain', false, ['off']],
  ] as const)('%s waits until every peer has been sent the change', async (command, wanted, states) => {
    const source = going(...states);
    await daemon(source);
    const { code, out, err } = await call([command]);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^Drain +${states.at(-1)}, asked for at [-0-9]+T[:.0-9]+Z\\n$`));
    expect(source.drains).toEqual([wanted]);
  });

  it('ends with 1 when the time is up, and says who waits', async () => {
    await daemon(going('draining'));
    const { code, out, err } = await call(words('drain --timeout 0.2'));
    expect(code).toBe(1);
    expect(out).toContain('Waits for  10.0.0.2');
    expect(err).toContain('not every peer has been sent the change within 0.2 s; it stays in force');
  });

  it('only asks with --timeout 0', async () => {
    await daemon(going('draining'));
    const { code, out } = await call(words('drain --timeout 0 -o json'));
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ state: 'draining' })]);
  });

  it('ends with 1 when somebody takes it back meanwhile, and with 69 without a daemon', async () => {
    await daemon(going('draining', 'off'));
    expect(await call(['drain'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('the state is off'),
    });
    const elsewhere = { env: { MESOS_BGP_CONTROL: join(folder, 'none.sock') } };
    expect((await call(['drain'], elsewhere)).code).toBe(69);
  });

  it('is shown by status, which is degraded as long as it is on', async () => {
    await daemon(going('drained'));
    const { code, out } = await call(['status']);
    expect(code).toBe(1);
    expect(out).toContain('this node is drained: "mesos-bgp undrain" takes it back');
    expect(out).toMatch(/^Drain +drained/m);
  });
});
