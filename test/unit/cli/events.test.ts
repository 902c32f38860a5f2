// `events` against a made-up daemon behind a real control socket.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { World } from '../../../src/cli/commands.ts';
import { main } from '../../../src/cli/main.ts';
import { type ControlServer, startControlServer } from '../../../src/control/server.ts';
import { LogJournal } from '../../../src/observe/journal.ts';
import { fakeSource } from '../../support/control-source.ts';
import { until } from '../../support/etcd.ts';

let folder: string;
let server: ControlServer;
const journal = new LogJournal(0);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cli-events-'));
  const result = await startControlServer({
    source: { ...fakeSource({}), journal },
    control: join(folder, 'c.sock'),
    http: undefined,
    report: () => {},
    onBug: () => {},
  });
  if (!result.ok) throw new Error(result.message);
  server = result.server;
  for (let i = 1; i <= 30; i++) say(`message ${i}`);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const say = (message: string, fields = {}) =>
  journal.add(
    JSON.stringify({ level: 'warn', time: '2026-01-02T03:04:05.678Z', node: 'a', ...fields, message }),
  );

function start(line: string) {
  const shown = { out: '', err: '' };
  const world: World = {
    env: { MESOS_BGP_CONTROL: join(folder, 'c.sock') },
    host: 'a',
    terminal: { width: undefined, colour: false },
    print: (text) => {
      shown.out += text;
    },
    say: (text) => {
      shown.err += `${text}\n`;
    },
    run: async () => 0,
    resolve: async () => ({ ok: false, reason: 'unavailable', message: 'not here' }),
    version: '1.2.3',
  };
  return { shown, code: main(line.split(' '), world) };
}

describe('mesos-bgp events', () => {
  it('shows the last twenty, and ends with --once', async () => {
    const { shown, code } = start('events --once');
    expect(await code).toBe(0);
    const lines = shown.out.trimEnd().split('\n');
    expect(lines).toHaveLength(20);
    expect(lines.at(-1)).toBe('2026-01-02T03:04:05.678Z warn  message 30');
  });

  it('shows as many as it is told, none for 0, and each field with -o wide', async () => {
    expect((await shownBy('events --once --last 2')).split('\n')).toHaveLength(3);
    expect(await shownBy('events --once --last 0')).toBe('');
    say('with more', { peer: '10.0.0.2' });
    expect(await shownBy('events --once --last 1 -o wide')).toContain('{"peer":"10.0.0.2"}');
  });

  it('has a JSON object a line with -o json, and documents with -o yaml', async () => {
    expect(JSON.parse(await shownBy('events --once --last 1 -o json'))).toMatchObject({ level: 'warn' });
    expect(await shownBy('events --once --last 2 -o yaml')).toMatch(/^---\nlevel: warn\n/);
  });

  it('lets no control character reach the terminal', async () => {
    say('\u001b[2J gone');
    expect(await shownBy('events --once --last 1')).not.toContain('\u001b');
  });

  it.each(['events --last x', 'events --last -1'])('refuses %s', async (line) => {
    const { shown, code } = start(line);
    expect(await code).toBe(64);
    expect(shown.err).toContain('--last');
  });

  it('follows, and says when the daemon has ended', async () => {
    const { shown, code } = start('events --last 0');
    await until(() => {
      say('now');
      return shown.out.includes('now');
    }, 'what comes');
    await server.close();
    expect(await code).toBe(69);
    expect(shown.err).toMatch(/the daemon (has ended|on .* cannot be reached)/);
  });

  it('says that no daemon runs', async () => {
    const { shown, code } = start('events --once');
    expect(await code).toBe(69);
    expect(shown.err).toContain('no daemon runs here');
  });

  async function shownBy(line: string): Promise<string> {
    const { shown, code } = start(line);
    expect(await code).toBe(0);
    return shown.out;
  }
});
