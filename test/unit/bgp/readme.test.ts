// The code of bgp/README.md runs, word for word: each block is a program.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { address, encodeMessage, INITIAL_CONTEXT, openMessage } from 'bgp-utils';
import { buildSync } from 'esbuild';
import { announcement } from '../../support/bench.ts';

const [messages, session] = [
  ...readFileSync('bgp/README.md', 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm),
].map((match) => match[1]!);

const CACHE = join('node_modules', '.cache');
let folder: string;
let child: ChildProcess | undefined;
let server: net.Server | undefined;

beforeAll(() => {
  mkdirSync(CACHE, { recursive: true });
  folder = mkdtempSync(join(CACHE, 'readme-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  server?.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @returns all that the program prints until `wanted` is in it, or it ends. */
function printed(code: string, args: readonly string[], wanted: string): Promise<string> {
  const source = join(folder, 'program.ts');
  const program = join(folder, 'program.mjs');
  writeFileSync(source, code);
  buildSync({ entryPoints: [source], outfile: program, bundle: true, platform: 'node', format: 'esm' });
  const started = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  return new Promise((resolve) => {
    let text = '';
    const more = (chunk: Buffer): void => {
      text += chunk;
      if (text.includes(wanted)) resolve(text);
    };
    started.stdout.on('data', more);
    started.stderr.on('data', more);
    started.on('exit', () => resolve(text));
  });
}

it('decodes what it encodes', async () => {
  expect(await printed(messages!, [], 'AS')).toContain('AS 4200000001');
});

it('peers with a router over TCP in about thirty lines, and reads the table', async () => {
  const asNumber = 64513;
  server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      const capabilities = [
        { name: 'Multiprotocol' as const, afi: 1, safi: 1 },
        { name: 'FourOctetAs' as const, asNumber },
      ];
      const bgpIdentifier = address('10.0.0.2');
      const open = openMessage({ asNumber, holdTimeSeconds: 90, bgpIdentifier, capabilities });
      socket.write(encodeMessage(open, INITIAL_CONTEXT));
      socket.write(encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT));
      const asPath = [{ type: 'AS_SEQUENCE' as const, asNumbers: [asNumber, 65000] }];
      const nextHop = { address: address('10.0.0.2') };
      socket.write(announcement(['192.0.2.0/24'], { origin: 0, asPath, nextHop }, 'external'));
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const text = await printed(session!, ['127.0.0.1', String(port)], '* 192.0.2.0/24');
  expect(text).toContain('* 192.0.2.0/24 from router path 64513 65000');
  const lines = session!.slice(session!.indexOf('function tell'), session!.indexOf('/** The table'));
  expect(lines.trim().split('\n').length).toBeLessThan(36);
});
