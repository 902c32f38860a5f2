// Real sockets in a temporary folder and on free ports of the loopback.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ControlServer,
  type ControlServerOptions,
  startControlServer,
} from '../../../src/control/server.ts';
import { type FakeSource, fakeSource, peerView, statusFacts } from '../../support/control-source.ts';

let folder: string;
let open: { close: () => unknown }[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'control-'));
  open = [];
});
afterEach(async () => {
  for (const one of open) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

const reports: string[] = [];
const bugs: unknown[] = [];
async function start(changes: Partial<ControlServerOptions> = {}): Promise<ControlServer> {
  const result = await tryStart(changes);
  if (!result.ok) throw new Error(result.message);
  return result.server;
}
async function tryStart(changes: Partial<ControlServerOptions> = {}) {
  reports.length = 0;
  bugs.length = 0;
  const result = await startControlServer({
    source: fakeSource({ peers: [peerView('10.0.0.2')] }),
    control: join(folder, 'c.sock'),
    http: undefined,
    report: (_, message) => reports.push(message),
    onBug: (error) => bugs.push(error),
    retryMs: 20,
    ...changes,
  });
  if (result.ok) open.push(result.server);
  return result;
}

interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}
function fetchFrom(
  at: { socketPath: string } | { port: number },
  path: string,
  method = 'GET',
  body?: string,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = httpRequest({ ...at, host: '127.0.0.1', path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}
const socket = () => ({ socketPath: join(folder, 'c.sock') });
const portOf = (server: ControlServer) => ({ port: Number(server.serving().http?.split(':')[1]) });
const http = { address: '127.0.0.1', port: 0 };

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('not within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function takePort(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

describe('both sockets', () => {
  it('serve the same JSON, ended by a line feed and never cached', async () => {
    const server = await start({ http });
    for (const at of [socket(), portOf(server)]) {
      const reply = await fetchFrom(at, '/v1/peers?');
      expect(reply.status).toBe(200);
      expect(reply.text.endsWith('}\n')).toBe(true);
      expect(reply.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      });
      expect(JSON.parse(reply.text)).toMatchObject({ peers: [{ address: '10.0.0.2' }] });
    }
  });

  it('tell in /v1/status where they are', async () => {
    const server = await start({ http });
    const { text } = await fetchFrom(socket(), '/v1/status');
    expect(JSON.parse(text)).toMatchObject({
      control: { path: socket().socketPath, http: `127.0.0.1:${portOf(server).port}`, httpError: null },
    });
  });

  it('give readiness as a status code', async () => {
    const unready = statusFacts({ ready: { ok: false, reasons: ['x'] } });
    const server = await start({ http, source: fakeSource({ status: unready }) });
    expect((await fetchFrom(portOf(server), '/readyz')).status).toBe(503);
    expect((await fetchFrom(portOf(server), '/healthz')).status).toBe(200);
  });

  it('send HEAD no body, and 405 what is allowed', async () => {
    await start();
    expect(await fetchFrom(socket(), '/v1/status', 'HEAD')).toMatchObject({ status: 200, text: '' });
    expect((await fetchFrom(socket(), '/v1/status', 'PUT')).headers.allow).toBe('GET, HEAD');
  });

  it('survive what is no HTTP, and a body that is too long', async () => {
    const server = await start({ http });
    await new Promise<void>((resolve) => {
      const raw = connect(portOf(server).port, '127.0.0.1', () =>
        raw.end('\u0016\u0003\u0001 no http\r\n\r\n'),
      );
      raw.on('error', () => {});
      raw.on('close', () => resolve());
      raw.resume();
    });
    expect((await fetchFrom(socket(), '/v1/clear', 'POST', 'x'.repeat(100_000))).status).toBe(413);
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
  });

  it('answer 500 to a bug, report it, and go on', async () => {
    const source: FakeSource = {
      ...fakeSource(),
      peers: () => {
        throw new Error('invariant: broken');
      },
    };
    await start({ source });
    expect((await fetchFrom(socket(), '/v1/peers')).status).toBe(500);
    expect(bugs).toEqual([new Error('invariant: broken')]);
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
  });
});

describe('changes', () => {
  const body = JSON.stringify({ peer: '10.0.0.2', how: 'reset' });

  it('come by the control socket', async () => {
    const source = fakeSource({ peers: [peerView('10.0.0.2')] });
    await start({ source });
    expect((await fetchFrom(socket(), '/v1/clear', 'POST', body)).status).toBe(200);
    expect(source.cleared).toHaveLength(1);
  });

  it('do not come by HTTP', async () => {
    const source = fakeSource({ peers: [peerView('10.0.0.2')] });
    const server = await start({ source, http });
    expect((await fetchFrom(portOf(server), '/v1/clear', 'POST', body)).status).toBe(403);
    expect(source.cleared).toEqual([]);
  });
});

describe('the control socket', () => {
  it('is for its owner and group alone, whatever the umask, in a folder made for it', async () => {
    const control = join(folder, 'made', 'here', 'c.sock');
    const umask = process.umask(0);
    try {
      await start({ control });
    } finally {
      process.umask(umask);
    }
    expect(statSync(control).mode & 0o777).toBe(0o660);
    expect(process.umask()).toBe(umask);
  });

  it('belongs to the group when that exists', async () => {
    // The primary group of this process is one that it may give a file to.
    const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
    await start({ group });
    expect(statSync(socket().socketPath).gid).toBe(process.getgid?.());
    expect(statSync(socket().socketPath).mode & 0o777).toBe(0o660);
  });

  it('goes when the server closes, and can be opened again', async () => {
    const server = await start();
    await server.close();
    expect(existsSync(socket().socketPath)).toBe(false);
    await start();
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
  });

  it('of a daemon that was killed is replaced', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(socket().socketPath)}, () => process.stdout.write('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(existsSync(socket().socketPath)).toBe(true);
    await start();
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
  });

  it('of a daemon that lives is left alone, and the message says so', async () => {
    await start();
    const second = await tryStart();
    expect(second).toEqual({
      ok: false,
      message: expect.stringContaining('another mesos-bgp runs on this machine'),
    });
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
  });

  it('does not replace a file that is no socket', async () => {
    writeFileSync(socket().socketPath, 'precious');
    expect(await tryStart()).toEqual({
      ok: false,
      message: expect.stringContaining('exists and is no socket'),
    });
    expect(statSync(socket().socketPath).isFile()).toBe(true);
  });

  it('in a folder that cannot be made is refused with the flag to set', async () => {
    writeFileSync(join(folder, 'file'), '');
    const result = await tryStart({ control: join(folder, 'file', 'c.sock') });
    expect(result).toEqual({ ok: false, message: expect.stringContaining('--control') });
  });

  it('is left to its owner when the group cannot be given', async () => {
    await start({ group: 'no-such-group-here' });
    chmodSync(socket().socketPath, 0o660);
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
  });
});

describe('a TCP port that is taken', () => {
  it('is reported once with the next step, the control socket serves, and the port is used when it is free', async () => {
    const other = await takePort();
    const { port } = other.address() as AddressInfo;
    open.push({ close: () => other.close() });
    const server = await start({ http: { address: '127.0.0.1', port } });
    expect(server.serving()).toMatchObject({
      http: null,
      httpError: expect.stringContaining(`sport = :${port}`),
    });
    expect((await fetchFrom(socket(), '/healthz')).status).toBe(200);
    // Long enough for several tries, none of which may be reported again.
    const tries = Date.now() + 100;
    await until(() => Date.now() > tries);
    expect(reports).toEqual([expect.stringContaining('taken by another program')]);
    other.close();
    await until(() => server.serving().http !== null);
    expect((await fetchFrom({ port }, '/healthz')).status).toBe(200);
    expect(server.serving().httpError).toBeNull();
    expect(reports).toHaveLength(2);
  });

  it('is not tried again after close', async () => {
    const other = await takePort();
    const { port } = other.address() as AddressInfo;
    const server = await start({ http: { address: '127.0.0.1', port } });
    await server.close();
    await new Promise((resolve) => other.close(resolve));
    const tries = Date.now() + 100;
    await until(() => Date.now() > tries);
    await expect(fetchFrom({ port }, '/healthz')).rejects.toThrow('ECONNREFUSED');
  });

  it('on an address that no interface has is reported as that', async () => {
    const server = await start({ http: { address: '192.0.2.1', port: 0 } });
    expect(server.serving().httpError).toContain('no interface has the address 192.0.2.1');
  });
});
