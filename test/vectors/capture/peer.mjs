// A peer of a few lines, which shares no code with our codec, and the daemons that it talks to: each in this network namespace, on an
// address of the loopback.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const DAEMON = '10.0.0.1';
export const PEER = '10.0.0.2';
export const OTHER = '10.0.0.3';
export const work = mkdtempSync(join(tmpdir(), 'capture-'));
const children = [];

export const sh = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export async function until(what, condition) {
  for (const end = Date.now() + 20_000; Date.now() < end; await pause(50)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`gave up waiting for ${what}`);
}

export function daemon(command, args, env = {}) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  children.push(child);
  return child;
}

export const u16 = (v) => [(v >> 8) & 255, v & 255];
export const u32 = (v) => [...u16(v >>> 16), ...u16(v & 0xffff)];
export const capability = (code, ...value) => [code, value.length, ...value];
export const message = (type, body) =>
  Buffer.from([...Array(16).fill(255), ...u16(19 + body.length), type, ...body]);

export const MP4 = capability(1, 0, 1, 0, 1);
export const MP6 = capability(1, 0, 2, 0, 1);
export const REFRESH = capability(2);
export const ENHANCED_REFRESH = capability(70);
export const EXTENDED_MESSAGE = capability(6);
export const as4 = (as) => capability(65, ...u32(as));
export const ADD_PATH_RECEIVE = capability(69, 0, 1, 1, 1, 0, 2, 1, 1);
export const GRACEFUL_RESTART = capability(64, 0, 120);
export const EXTENDED_NEXT_HOP = capability(5, 0, 1, 0, 1, 0, 2);

/**
 * A session: everything that the daemon sends is in `messages`.
 * @param first  octets in the place of the OPEN.
 */
export async function session({ as, capabilities, to = DAEMON, from = PEER, hold = 90, port = 179, first }) {
  const messages = [];
  let socket;
  await until(
    `${to} to accept`,
    () =>
      new Promise((resolve) => {
        socket = net.connect({ host: to, port, localAddress: from }, () => resolve(true));
        socket.on('error', () => resolve(false));
      }),
  );
  let pending = Buffer.alloc(0);
  socket.on('data', (data) => {
    pending = Buffer.concat([pending, data]);
    while (pending.length >= 19 && pending.length >= pending.readUInt16BE(16)) {
      const one = pending.subarray(0, pending.readUInt16BE(16));
      pending = pending.subarray(one.length);
      messages.push(one);
      if (one[18] === 1) socket.write(message(4, []));
    }
  });
  const caps = capabilities.flat();
  const parameter = caps.length === 0 ? [] : [2, caps.length, ...caps];
  const identifier = from.split('.').map(Number);
  const open = [
    4,
    ...u16(as > 65535 ? 23456 : as),
    ...u16(hold),
    ...identifier,
    parameter.length,
    ...parameter,
  ];
  socket.write(first ?? message(1, open));
  return {
    messages,
    send: (type, body) => socket.write(message(type, body)),
    write: (octets) => socket.write(octets),
    close: () => socket.destroy(),
    /** Waits for a message of that type that came after `after` others. */
    next: (type, matches = () => true, after = 0) =>
      until(`a message of type ${type}`, () =>
        messages.slice(after).find((m) => m[18] === type && matches(m)),
      ),
  };
}

export async function stop(child) {
  children.splice(children.indexOf(child), 1);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await ended;
  clearTimeout(timer);
}

export async function stopAll() {
  for (const child of [...children]) await stop(child);
}
